/**
 * All partitions of a topic as one stream. While they catch up, records come in the order of their timestamps, then partition and
 * offset; afterwards as they arrive. Within a partition the order is always that of the log.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import { pause } from './pause.ts';

export interface FollowOptions {
  /** An offset holds for every partition; a list holds one for each, undefined: its start. Default `beginning`. */
  readonly from?: 'beginning' | 'latest' | number | readonly (number | undefined)[];
  /** End at the ends that were there at the start. Default: go on. */
  readonly untilEnd?: boolean;
  readonly signal?: AbortSignal;
}

const BATCH_RECORDS = 500;
/** Topics that an error names. */
const MOST_NAMES = 20;
/** Longest wait for new records before the partitions are asked again, ms. */
const WAIT_MS = 1000;
/** Pauses before a log that is away is asked again, doubled each time, ms. */
const AGAIN_MS = { first: 250, most: 5000 };

interface Partition {
  readonly partition: number;
  /** No record from here on is wanted. */
  readonly until: number;
  next: number;
  /** Nothing more was there when last asked. */
  caughtUp: boolean;
  buffer: readonly LogRecord[];
  used: number;
}

/**
 * Batches of records, never empty.
 *
 * @throws NOT_FOUND no such topic; the message lists those that exist
 */
export async function* followTopic(
  log: EventLog,
  topic: string,
  options: FollowOptions = {},
): AsyncGenerator<readonly LogRecord[], void, undefined> {
  const { from = 'beginning', untilEnd = false, signal = new AbortController().signal } = options;
  const description = await log.describeTopic(topic);
  if (description === undefined) throw await noSuchTopic(log, topic);
  const partitions = description.partitions.map(({ start, end }, partition): Partition => ({
    partition,
    next: placeIn(from, partition, start, end),
    until: untilEnd ? end : Number.POSITIVE_INFINITY,
    caughtUp: false,
    buffer: [],
    used: 0,
  }));
  let failures = 0;
  while (!signal.aborted) {
    const open = partitions.filter(({ next, until }) => next < until);
    try {
      for (const partition of open) if (isEmpty(partition)) await fill(log, topic, partition, 0);
      if (open.length > 0 && open.every((each) => each.caughtUp && isEmpty(each)))
        await waitForAny(log, topic, open, signal);
      failures = 0;
    } catch (error) {
      // Who follows for ever waits for a log that is away; who reads to the end is told.
      if (untilEnd || !isValenceError(error) || error.recovery !== 'retry') throw error;
      failures += 1;
      await pause(Math.min(AGAIN_MS.most, AGAIN_MS.first * 2 ** (failures - 1)), signal);
      continue;
    }
    const batch = merge(partitions);
    if (batch.length > 0) yield batch;
    else if (open.length === 0) return;
  }
}

function placeIn(
  from: NonNullable<FollowOptions['from']>,
  partition: number,
  start: number,
  end: number,
): number {
  if (from === 'beginning') return start;
  if (from === 'latest') return end;
  return typeof from === 'number' ? from : (from[partition] ?? start);
}

/** Says which topics there are. */
export async function noSuchTopic(log: EventLog, topic: string): Promise<ValenceError> {
  const names = await log.listTopics();
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} others` : '';
  const there =
    names.length === 0
      ? 'the log has no topics yet'
      : `there are: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  return new ValenceError('NOT_FOUND', `no topic named '${topic}' in ${log.url}; ${there}`, {
    topic,
  });
}

/** The partition's end, or a later one if it gives records. */
async function fill(
  log: EventLog,
  topic: string,
  partition: Partition,
  waitMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const batch = await log.read(topic, partition.partition, {
    from: partition.next,
    maxRecords: BATCH_RECORDS,
    waitMs,
    ...(signal === undefined ? {} : { signal }),
  });
  partition.buffer = batch.records.filter(({ offset }) => offset < partition.until);
  partition.used = 0;
  partition.next = batch.next;
  partition.caughtUp = batch.records.length === 0 && batch.next >= batch.end;
}

/** Returns when one of the partitions has records, or after {@link WAIT_MS}. */
async function waitForAny(
  log: EventLog,
  topic: string,
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<void> {
  const enough = new AbortController();
  const stop = (): void => {
    enough.abort();
  };
  // Not AbortSignal.any: on a signal that lives for weeks it leaves something behind at each call.
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.all(
      partitions.map(async (partition) => {
        await fill(log, topic, partition, WAIT_MS, enough.signal);
        if (partition.buffer.length > 0) stop();
      }),
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Takes out what may be given: up to the first partition whose next record is not known yet. */
function merge(partitions: readonly Partition[]): LogRecord[] {
  const merged: LogRecord[] = [];
  for (;;) {
    let first: Partition | undefined;
    for (const partition of partitions) {
      if (isEmpty(partition)) {
        if (partition.caughtUp || partition.next >= partition.until) continue;
        return merged;
      }
      if (first === undefined || isBefore(partition, first)) first = partition;
    }
    const record = first?.buffer[first.used];
    if (first === undefined || record === undefined) return merged;
    first.used += 1;
    merged.push(record);
  }
}

function isEmpty({ buffer, used }: Partition): boolean {
  return used >= buffer.length;
}

/** Partitions are compared in ascending order, so a tie stays with the lower one. */
function isBefore(a: Partition, b: Partition): boolean {
  return timestampOf(a) < timestampOf(b);
}

function timestampOf({ buffer, used }: Partition): number {
  return buffer[used]?.timestamp ?? Number.POSITIVE_INFINITY;
}
