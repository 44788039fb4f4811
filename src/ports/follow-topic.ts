/**
 * Following a topic: all its partitions as one sequence of batches, from a place on, to the end of now or for ever. What `tail`,
 * `monitor`, the live view and the library's `subscribe` have in common.
 */
import { ValenceError } from '../errors.ts';
import type { EventLog, LogRecord } from './event-log.ts';

export interface FollowOptions {
  /** `beginning`, `latest` (only what comes), or an offset in each partition. Default `beginning`. */
  readonly from?: 'beginning' | 'latest' | number;
  /** End when every partition has reached the end that it had at the start. */
  readonly untilEnd?: boolean;
  readonly signal?: AbortSignal;
  readonly maxRecords?: number;
}

/** How long one wait for records lasts before the partitions are looked at again, ms. */
const WAIT_MS = 5000;

/**
 * Batches of committed records, each of one partition, in that partition's order. While catching up, the partition whose next
 * record is oldest comes first; after that, whichever has records. An empty batch is never given.
 *
 * @throws NOT_FOUND no such topic
 */
export async function* followTopic(
  log: EventLog,
  topic: string,
  options: FollowOptions = {},
): AsyncGenerator<readonly LogRecord[], void, undefined> {
  const description = await log.describeTopic(topic);
  if (description === undefined) {
    throw new ValenceError(
      'NOT_FOUND',
      `no topic ${topic} in ${log.url}; 'valence topics create' makes a pipeline's topics`,
      { topic },
    );
  }
  const { from = 'beginning', signal, untilEnd = false } = options;
  const maxRecords = options.maxRecords ?? 500;
  const lanes = description.partitions.map(({ start, end }, partition) => ({
    partition,
    next: from === 'beginning' ? start : from === 'latest' ? end : Math.max(start, from),
    until: untilEnd ? end : Number.POSITIVE_INFINITY,
    ready: [] as readonly LogRecord[],
  }));
  const aborted = (): boolean => signal?.aborted === true;
  while (!aborted()) {
    for (const lane of lanes) {
      if (lane.ready.length > 0 || lane.next >= lane.until) continue;
      const batch = await log.read(topic, lane.partition, { from: lane.next, maxRecords });
      lane.ready = batch.records.filter(({ offset }) => offset < lane.until);
      lane.next = batch.next;
    }
    const ready = lanes.filter((lane) => lane.ready.length > 0);
    if (ready.length > 0) {
      const oldest = ready.reduce((a, b) => (age(b.ready) < age(a.ready) ? b : a));
      const records = oldest.ready;
      oldest.ready = [];
      yield records;
    } else if (lanes.every(({ next, until }) => next >= until)) {
      return;
    } else {
      await anyRecord(log, topic, lanes, signal);
    }
  }
}

function age(records: readonly LogRecord[]): number {
  return records[0]?.timestamp ?? 0;
}

/** Resolves as soon as one of the partitions has a record, the wait is over, or the signal aborts. */
async function anyRecord(
  log: EventLog,
  topic: string,
  lanes: readonly { readonly partition: number; readonly next: number; readonly until: number }[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const others = new AbortController();
  const stop = (): void => others.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const waits = lanes
      .filter(({ next, until }) => next < until)
      .map(({ partition, next }) =>
        log.read(topic, partition, {
          from: next,
          maxRecords: 1,
          waitMs: WAIT_MS,
          signal: others.signal,
        }),
      );
    await Promise.race(waits);
    stop();
    await Promise.all(waits);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
