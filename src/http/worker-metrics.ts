/** Metrics that are not a subscriber's: those of every worker, of a publisher and of a monitor. */
import type { PublishProgress } from '../ingest/publish.ts';
import type { MonitorFigures } from '../worker-health.ts';
import { REASONS, type Reason } from './health-state.ts';
import type { Instruments } from './instruments.ts';
import { FIGURES } from './metric-figures.ts';

/** Version and readiness. */
export function commonMetrics(
  make: Instruments,
  version: string,
  reasons: () => readonly Reason[],
): void {
  make.gauge(
    'valence_build_info',
    'Always 1; the labels say which version runs on which Node.js',
    ['version', 'node'],
    (put) => {
      put({ version, node: process.version }, 1);
    },
  );
  make.value('valence_ready', '1 while /readyz answers 200, else 0', () =>
    Number(reasons().length === 0),
  );
  make.gauge(
    'valence_not_ready_reason',
    '1 for each reason why /readyz answers 503, else 0',
    ['reason'],
    (put) => {
      const held = new Set(reasons().map(({ code }) => code));
      for (const reason of REASONS) put({ reason }, Number(held.has(reason)));
    },
  );
}

/** @param read undefined: nothing sent yet */
export function publisherMetrics(make: Instruments, read: () => PublishProgress | undefined): void {
  const total = (name: string, help: string, of: (progress: PublishProgress) => number): void => {
    make.total(`valence_publisher_${name}_total`, help, () => {
      const progress = read();
      return progress === undefined ? 0 : of(progress);
    });
  };
  total('rows', 'Rows read: texts, labels and refused ones', ({ rows }) => rows);
  total('sent', 'Source records handed to the log', ({ sent }) => sent);
  total('acks', 'Source records that the log has confirmed', ({ acked }) => acked);
  total(
    'nacks',
    'Negative or missing answers of the log, whether sent again or given up',
    ({ retried, failed }) => retried + failed,
  );
  total('failed', 'Records given up', ({ failed }) => failed);
  total('dead_letters', 'Rows sent to the dead-letter topic', ({ deadLettered }) => deadLettered);
  make.value(
    'valence_publisher_checkpoint_bytes',
    'Place in the uncompressed input up to which it is published, bytes',
    () => read()?.bytes ?? 0,
  );
  make.value(
    'valence_publisher_input_bytes',
    'Size of the input, bytes; 0 where it is not known',
    () => read()?.totalBytes ?? 0,
  );
  make.value('valence_publisher_done', '1 when the input is published to its end, else 0', () =>
    Number(read()?.done === true),
  );
}

export function monitorMetrics(make: Instruments, read: () => MonitorFigures): void {
  for (const { name, help, read: of } of FIGURES)
    make.gauge(`valence_monitor_${name}`, `${help}; of all partitions`, ['model'], (put) => {
      for (const figures of read().models) {
        const value = of(figures);
        if (value !== undefined) put({ model: figures.model }, value);
      }
    });
  make.gauge(
    'valence_monitor_partitions',
    'Partitions whose metrics are in the figures',
    ['model'],
    (put) => {
      for (const { model, partitions } of read().models) put({ model }, partitions);
    },
  );
  make.gauge(
    'valence_threshold_firing',
    '1 while a --threshold does not hold, else 0; rule is its text',
    ['model', 'rule'],
    (put) => {
      for (const { model, rule, firing } of read().thresholds) put({ model, rule }, Number(firing));
    },
  );
}
