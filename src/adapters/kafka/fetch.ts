/**
 * Committed records of any number of partitions: one Fetch a leader.
 *
 *   targets ─► by leader ─► Fetch (read_committed) ─► readBatches ─► records, next, end
 *                                └─ offset out of range ─► ListOffsets ─► below the start: read there; beyond the end: nothing
 */
import { ValenceError } from '../../errors.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import { readBatches } from './batch-reader.ts';
import { fetchBatches, type Broker, type Cluster, type FetchedPartition } from './driver.ts';
import { isStale, toLogError, typeOf } from './errors.ts';
import { knownTopic, leaderOf, learnTopics } from './metadata.ts';

export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
}

export interface Fetched {
  /** Committed records from the target's offset on, in offset order. */
  readonly records: readonly LogRecord[];
  /** Where to read on, >= the target's offset: behind the last record, and the markers, aborted records and holes after it. */
  readonly next: number;
  /** The partition's last stable offset: `next >= end` means caught up. */
  readonly end: number;
  /** First offset still kept; undefined: the answer did not tell. */
  readonly start: number | undefined;
}

export interface FetchOptions {
  /** How long the broker may wait for a first record, ms; 0: answer at once. */
  readonly maxWaitMs: number;
  /** Of one answer. Default 4 MiB. */
  readonly maxBytes?: number;
  /** Default 1 MiB. At least one batch is given, however large. */
  readonly maxBytesPerPartition?: number;
  /** Aborting ends the wait: every target is then answered with LOG_UNAVAILABLE. */
  readonly signal?: AbortSignal;
}

const DEFAULTS = { maxBytes: 4 << 20, maxBytesPerPartition: 1 << 20 };
/** Clusters whose last answer told that a leader or a connection is not what it was. */
const stale = new WeakSet<Cluster>();

/**
 * Reads once from each target. A failure that may pass is that target's LOG_UNAVAILABLE: ask again after a pause, the leader is then
 * looked up anew.
 *
 * @param cluster used by nobody else while `maxWaitMs` is above 0, since its connection is held
 * @param targets each partition at most once
 * @returns one entry a target, in order: NOT_FOUND, LOG_CORRUPT, TOPIC_MISMATCH, CONFIG_INVALID (no permission) among them
 */
export async function fetchPartitions(
  cluster: Cluster,
  targets: readonly FetchTarget[],
  options: FetchOptions,
): Promise<readonly (Fetched | ValenceError)[]> {
  const { signal } = options;
  if (targets.length === 0) return [];
  if (signal === undefined) return fetchAll(cluster, targets, options);
  const ended = targets.map(
    () => new ValenceError('LOG_UNAVAILABLE', 'The reading has been ended by the reader.'),
  );
  if (signal.aborted) return ended;
  let stop: (() => void) | undefined;
  const aborted = new Promise<readonly ValenceError[]>((resolve) => {
    stop = () => resolve(ended);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([fetchAll(cluster, targets, options), aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

async function fetchAll(
  cluster: Cluster,
  targets: readonly FetchTarget[],
  options: FetchOptions,
): Promise<readonly (Fetched | ValenceError)[]> {
  const answers = new Map<FetchTarget, Fetched | ValenceError>();
  const fail = (target: FetchTarget, error: unknown): void => {
    if (isStale(error)) stale.add(cluster);
    answers.set(
      target,
      toLogError(error, `Reading '${target.topic}' partition ${target.partition}`),
    );
  };
  const leaders = new Map<number, FetchTarget[]>();
  try {
    await prepare(cluster, targets);
  } catch (error) {
    for (const target of targets) fail(target, error);
    return targets.map((target) => answers.get(target) ?? lost(target));
  }
  for (const target of targets) {
    try {
      const leader = leaderOf(cluster, target.topic, target.partition);
      const led = leaders.get(leader);
      if (led === undefined) leaders.set(leader, [target]);
      else led.push(target);
    } catch (error) {
      fail(target, error);
    }
  }
  await Promise.all(
    Array.from(leaders, async ([nodeId, led]) => {
      try {
        const broker = await cluster.findBroker({ nodeId });
        await fetchLed(broker, led, options, (target, answer) => answers.set(target, answer), fail);
      } catch (error) {
        for (const target of led) if (!answers.has(target)) fail(target, error);
      }
    }),
  );
  return targets.map((target) => answers.get(target) ?? lost(target));
}

/** Learns the leaders where they are not known, or may have changed. */
async function prepare(cluster: Cluster, targets: readonly FetchTarget[]): Promise<void> {
  const unknown = new Set<string>();
  for (const { topic } of targets)
    if ((knownTopic(cluster, topic)?.error ?? 1) !== 0) unknown.add(topic);
  if (unknown.size === 0 && !stale.has(cluster)) return;
  stale.delete(cluster);
  try {
    await learnTopics(cluster, [...unknown]);
  } catch (error) {
    stale.add(cluster);
    throw error;
  }
}

async function fetchLed(
  broker: Broker,
  targets: readonly FetchTarget[],
  options: FetchOptions,
  give: (target: FetchTarget, answer: Fetched) => void,
  fail: (target: FetchTarget, error: unknown) => void,
): Promise<void> {
  const { maxWaitMs, maxBytes = DEFAULTS.maxBytes } = options;
  const most = options.maxBytesPerPartition ?? DEFAULTS.maxBytesPerPartition;
  // The broker fills its answer in the order asked for: another one comes first each time.
  const first = Math.floor(Math.random() * targets.length);
  const order = [...targets.slice(first), ...targets.slice(0, first)];
  const found = await fetchBatches(broker, {
    maxWaitMs,
    minBytes: 1,
    maxBytes,
    targets: order.map(({ topic, partition, from }) => ({
      topic,
      partition,
      offset: from,
      maxBytes: most,
    })),
  });
  const byPlace = new Map(found.map((each) => [`${each.topic}/${each.partition}`, each]));
  await Promise.all(
    targets.map(async (target) => {
      const answer = byPlace.get(`${target.topic}/${target.partition}`);
      if (answer === undefined) return;
      try {
        const isOutside = typeOf(answer.error) === 'OFFSET_OUT_OF_RANGE';
        if (answer.error !== undefined && !isOutside) throw answer.error;
        const isAlone = targets.length === 1;
        const read = isOutside
          ? await fetchInside(broker, target, options)
          : readFetched(answer, target, isAlone);
        give(target, read);
      } catch (error) {
        fail(target, error);
      }
    }),
  );
}

/** @param isAlone nothing else was asked for: an answer without bytes means that there is nothing up to the end */
function readFetched(answer: FetchedPartition, target: FetchTarget, isAlone: boolean): Fetched {
  const { lastStableOffset, highWatermark, logStartOffset, batches, aborted } = answer;
  const { records, next } = readBatches(batches, target, aborted);
  const end = lastStableOffset >= 0 ? lastStableOffset : highWatermark;
  const empty = isAlone && batches.length === 0 ? end : target.from;
  return {
    records,
    next: Math.max(target.from, next ?? empty),
    end,
    start: logStartOffset >= 0 ? logStartOffset : undefined,
  };
}

/** The offset asked for is below the start, or beyond the end. */
async function fetchInside(
  broker: Broker,
  target: FetchTarget,
  options: FetchOptions,
): Promise<Fetched> {
  const { topic, partition, from } = target;
  const [start, end] = [
    await offsetOf(broker, topic, partition, 'start'),
    await offsetOf(broker, topic, partition, 'end'),
  ];
  if (from >= start) return { records: [], next: from, end, start };
  let read: Fetched = { records: [], next: start, end, start };
  await fetchLed(
    broker,
    [{ ...target, from: start }],
    { ...options, maxWaitMs: 0 },
    (_, answer) => {
      read = answer;
    },
    (_, error) => {
      throw error;
    },
  );
  return read;
}

/**
 * First offset still kept, or the last stable offset.
 *
 * @param broker leads the partition
 */
export async function offsetOf(
  broker: Broker,
  topic: string,
  partition: number,
  which: 'start' | 'end',
): Promise<number> {
  const timestamp = which === 'start' ? '-2' : '-1';
  const { responses } = await broker.listOffsets({
    isolationLevel: 1,
    topics: [{ topic, partitions: [{ partition, timestamp }] }],
  });
  return Number(responses[0]?.partitions[0]?.offset ?? 0);
}

function lost({ topic, partition }: FetchTarget): ValenceError {
  return new ValenceError(
    'LOG_UNAVAILABLE',
    `Reading '${topic}' partition ${partition}: the broker left it out of its answer.`,
    { topic, partition },
  );
}
