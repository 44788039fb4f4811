/** Metrics of a subscriber: what it did, how far it is behind, and its models' figures as of their last metrics records. */
import type { SubscriberEvent } from '../pipeline/subscriber.ts';
import type { MetricsResult } from '../../topics/index.ts';
import { lagOf, type HealthState } from './health-state.ts';
import type { Instruments } from './instruments.ts';
import { FIGURES } from './metric-figures.ts';

export interface SubscriberSources {
  readonly state: () => HealthState;
  readonly models: () => readonly MetricsResult[];
  /** ms, only forward. */
  readonly now: () => number;
  /** ms since the epoch. */
  readonly time: () => number;
}

interface Snapshot {
  readonly bytes: number;
  readonly at: number;
}

const CHUNK_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const CHUNK_RECORDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000];
const LATENCY_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21_600, 86_400,
];
const RESTORE_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300];
const PARTITION = ['partition'] as const;

/** Registers the metrics. @returns what to call with each event, after the state has taken it in */
export function subscriberMetrics(
  make: Instruments,
  { state, models, now, time }: SubscriberSources,
): (event: SubscriberEvent) => void {
  const counter = (name: string, help: string) =>
    make.counter(`valence_${name}_total`, help, PARTITION);
  const records = counter('records', 'Source records folded and committed');
  const predictions = counter('predictions', 'Predictions committed, of all models');
  const outcomes = counter('outcomes', 'Outcomes of late labels committed, of all models');
  const deadLetters = counter('dead_letters', 'Source records refused into the dead-letter topic');
  const changes = {
    claimed: counter('claims', 'Partitions claimed by this process'),
    released: counter('releases', 'Partitions given back by this process'),
    fenced: counter('fences', 'Partitions that another process claimed while this one had them'),
  };
  const restores = counter('restores', 'Partitions restored from the model topic');
  const restoreSeconds = make.histogram(
    'valence_restore_duration_seconds',
    'From a claim to the first record: reading snapshot and deltas, seconds',
    RESTORE_SECONDS,
  );
  const chunkSeconds = make.histogram(
    'valence_chunk_duration_seconds',
    'From a chunk that was read to its commit, seconds',
    CHUNK_SECONDS,
  );
  const chunkRecords = make.histogram(
    'valence_chunk_records',
    'Source records of a chunk',
    CHUNK_RECORDS,
  );
  const latency = make.histogram(
    'valence_record_latency_seconds',
    "From the log's timestamp of a chunk's last record to its committed prediction, seconds",
    LATENCY_SECONDS,
  );
  const snapshotSeconds = make.histogram(
    'valence_snapshot_duration_seconds',
    'Writing a snapshot and reading it back, seconds; kind is sums or carry',
    RESTORE_SECONDS,
    ['kind'],
  );
  const snapshots = new Map<'sums' | 'carry', Snapshot>();
  make.gauge(
    'valence_snapshot_bytes',
    'Size of the last snapshot that this process took, bytes; kind is sums or carry',
    ['kind'],
    (put) => {
      for (const [kind, { bytes }] of snapshots) put({ kind }, bytes);
    },
  );
  make.gauge(
    'valence_snapshot_age_seconds',
    'Since the last snapshot that this process took, seconds; kind is sums or carry',
    ['kind'],
    (put) => {
      for (const [kind, { at }] of snapshots) put({ kind }, (now() - at) / 1000);
    },
  );
  make.value(
    'valence_assigned_partitions',
    'Partitions that this process owns',
    () => state().partitions.size,
  );
  make.value(
    'valence_heartbeat_age_seconds',
    'Since the log last confirmed that this member of the group is alive, seconds',
    () => (now() - state().heartbeatAt) / 1000,
  );
  lagMetrics(make, state, time);
  for (const { name, help, read } of FIGURES)
    make.gauge(
      `valence_model_${name}`,
      `${help}; of one partition, as of its last metrics record`,
      ['model', 'partition'],
      (put) => {
        for (const result of models()) {
          const value = read(result);
          if (value !== undefined) put({ model: result.model, partition: result.partition }, value);
        }
      },
    );

  return (event) => {
    switch (event.type) {
      case 'chunk': {
        const { partition } = event;
        records.inc({ partition }, event.records);
        predictions.inc({ partition }, event.predictions);
        outcomes.inc({ partition }, event.outcomes);
        deadLetters.inc({ partition }, event.deadLetters);
        chunkSeconds.observe(event.durationMs / 1000);
        chunkRecords.observe(event.records);
        latency.observe(Math.max(0, time() - event.timestamp) / 1000);
        break;
      }
      case 'restored':
        restores.inc({ partition: event.partition });
        restoreSeconds.observe(event.durationMs / 1000);
        break;
      case 'snapshot':
        snapshots.set(event.kind, { bytes: event.bytes, at: now() });
        snapshotSeconds.observe({ kind: event.kind }, event.durationMs / 1000);
        break;
      case 'claimed':
      case 'released':
      case 'fenced':
        changes[event.type].inc({ partition: event.partition });
        break;
      case 'idle':
      case 'heartbeat':
      case 'warning':
      case 'promoted':
      case 'promotion_ignored':
      case 'weights_ignored':
      case 'labels_differ':
        break;
    }
  };
}

function lagMetrics(make: Instruments, state: () => HealthState, time: () => number): void {
  make.gauge(
    'valence_consumer_position',
    'Next source offset to fold of an owned partition',
    PARTITION,
    (put) => {
      for (const [partition, { passed }] of state().partitions)
        if (passed !== undefined) put({ partition }, passed);
    },
  );
  make.gauge(
    'valence_consumer_lag_records',
    'Source records of an owned partition that are not folded yet',
    PARTITION,
    (put) => {
      for (const [partition, health] of state().partitions) {
        const lag = lagOf(health, time());
        if (lag !== undefined) put({ partition }, lag.records);
      }
    },
  );
  make.gauge(
    'valence_consumer_lag_seconds',
    'Age of the oldest source record of an owned partition that is not folded yet, seconds; 0 when caught up',
    PARTITION,
    (put) => {
      for (const [partition, health] of state().partitions) {
        const { seconds } = lagOf(health, time()) ?? {};
        if (seconds !== undefined) put({ partition }, seconds);
      }
    },
  );
}
