/** What waits to be appended to one partition, and the batch of it that is under way. */
import { ValenceError } from '../../errors.ts';
import type { AppendOutcome, NewRecord } from '../../ports/event-log.ts';
import { timestampOf } from '../embedded/records.ts';

export interface Producer {
  readonly id: bigint;
  readonly epoch: number;
}

export interface Entry {
  readonly record: NewRecord;
  /** At least what it takes in a batch. */
  readonly bytes: number;
  settle(outcome: AppendOutcome): void;
}

export interface Batch {
  readonly entries: readonly Entry[];
  readonly bytes: Buffer;
  /** performance.now() at the first try. */
  readonly since: number;
  /** True once it may have been written. */
  uncertain: boolean;
}

export interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly queue: Entry[];
  /** Entries of the queue that are done with. */
  head: number;
  producer: Producer | undefined;
  /** Number of the next record under that producer. */
  sequence: number;
  /** Last offset under that producer; -1: none. */
  offset: number;
  batch: Batch | undefined;
  /** Records of the next batch at most; fewer while a refused one is looked for. */
  most: number;
  /** performance.now() before which it rests after a failure. */
  restsUntil: number;
  /** Failures since the last success. */
  tries: number;
  underWay: boolean;
}

/** A record beyond this is refused before it is sent: the broker would cut the connection. */
const MOST_RECORD_BYTES = 64 * 1024 * 1024;
/** All lanes of a leader go together up to here. */
const MOST_REQUEST_BYTES = 16 * 1024 * 1024;
/** Entries that are done with are let go of when there are so many, so that a long queue is not moved at each batch. */
const MOST_DONE = 10_000;

/** @param most records of a batch */
export function newLane(topic: string, partition: number, most: number): Lane {
  return {
    topic,
    partition,
    queue: [],
    head: 0,
    producer: undefined,
    sequence: 0,
    offset: -1,
    batch: undefined,
    most,
    restsUntil: 0,
    tries: 0,
    underWay: false,
  };
}

/** @throws RECORD_INVALID */
export function entryOf(record: NewRecord, now: number, settle: Entry['settle']): Entry {
  timestampOf(record, now);
  const bytes = sizeOf(record);
  if (bytes > MOST_RECORD_BYTES)
    throw new ValenceError(
      'RECORD_INVALID',
      `A record has ${bytes} bytes: expected at most ${MOST_RECORD_BYTES}.`,
    );
  return { record, bytes, settle };
}

/** The next entries of the queue: at most `lane.most`, and together at most so many bytes, but one in any case. */
export function takeEntries(lane: Lane, mostBytes: number): readonly Entry[] {
  const { queue } = lane;
  const entries: Entry[] = [];
  for (let bytes = 0; entries.length < lane.most; lane.head++) {
    const entry = queue[lane.head];
    if (entry === undefined) break;
    bytes += entry.bytes;
    if (entries.length > 0 && bytes > mostBytes) break;
    entries.push(entry);
  }
  if (lane.head === queue.length || lane.head >= MOST_DONE) {
    queue.splice(0, lane.head);
    lane.head = 0;
  }
  return entries;
}

/** The batch's entries go back to the front of the queue, as if they had never been sent. */
export function putBack(lane: Lane, { entries }: Batch): void {
  lane.queue.splice(0, lane.head, ...entries);
  lane.head = 0;
  lane.batch = undefined;
  lane.underWay = false;
}

/** Lanes whose batches fit into one request. */
export function requests(lanes: readonly Lane[]): readonly (readonly Lane[])[] {
  const parts: Lane[][] = [];
  let bytes = Infinity;
  for (const lane of lanes) {
    const size = lane.batch?.bytes.length ?? 0;
    if (bytes + size > MOST_REQUEST_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(lane);
    bytes += size;
  }
  return parts;
}

function sizeOf({ key, value, headers = [] }: NewRecord): number {
  let size = 32 + lengthOf(key) + lengthOf(value);
  for (const [name, text] of headers) size += 10 + lengthOf(name) + lengthOf(text);
  return size;
}

function lengthOf(value: string | Uint8Array | null): number {
  if (value === null) return 0;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}
