/** What the embedded logs share about records and topics: bytes of an entry, its checks, a topic compared with its spec. */
import assert from 'node:assert/strict';
import { ValenceError } from '../../errors.ts';
import type { NewRecord, TopicDescription, TopicReport, TopicSpec } from '../../ports/event-log.ts';

const DEFAULT_READ = { records: 500, bytes: 4 * 1024 * 1024 };

/** UTF-8 bytes of a string (lone surrogates become U+FFFD); bytes are passed on as they are. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

/** As {@link bytesOf}, null stays null. */
export function maybeBytesOf(value: string | Uint8Array | null): Uint8Array | null {
  return value === null ? null : bytesOf(value);
}

/**
 * Timestamp to store with a record, ms.
 *
 * @throws RECORD_INVALID the record's own is no whole number of ms >= 0
 */
export function timestampOf(record: NewRecord, now: number): number {
  const { timestamp = now } = record;
  if (Number.isSafeInteger(timestamp) && timestamp >= 0) return timestamp;
  throw new ValenceError(
    'RECORD_INVALID',
    'timestamp: expected whole milliseconds since the epoch, >= 0',
  );
}

/** Limits of a read, with the port's defaults. */
export function readLimits(options: { readonly maxRecords?: number; readonly maxBytes?: number }): {
  readonly maxRecords: number;
  readonly maxBytes: number;
} {
  return {
    maxRecords: Math.max(1, options.maxRecords ?? DEFAULT_READ.records),
    maxBytes: options.maxBytes ?? DEFAULT_READ.bytes,
  };
}

/**
 * Throws when a topic of that kind cannot be made on any log (the rules are Kafka's).
 *
 * @throws CONFIG_INVALID
 */
export function checkSpec(spec: TopicSpec): void {
  const problem = problemOf(spec);
  if (problem) throw new ValenceError('CONFIG_INVALID', problem, { topic: spec.name });
}

function problemOf({ name, partitions, retentionMs }: TopicSpec): string | undefined {
  if (!/^[\w.-]{1,249}$/.test(name) || name === '.' || name === '..')
    return `topic name: expected 1 to 249 letters, digits, dots, dashes or underscores, got ${JSON.stringify(name)}`;
  if (!Number.isSafeInteger(partitions) || partitions < 1 || partitions > 10_000)
    return `partitions of topic ${name}: expected a whole number from 1 to 10000`;
  if (retentionMs !== undefined && (!Number.isSafeInteger(retentionMs) || retentionMs < 0))
    return `retentionMs of topic ${name}: expected whole milliseconds >= 0, or none`;
  return undefined;
}

/** An existing topic held against its spec: one sentence a difference. */
export function compareTopic(spec: TopicSpec, found: TopicDescription): TopicReport {
  const rows: [string, unknown, unknown][] = [
    ['partitions', spec.partitions, found.partitions.length],
    ['cleanup', spec.cleanup, found.cleanup],
    ['retentionMs', spec.retentionMs ?? 'none', found.retentionMs ?? 'none'],
  ];
  const differences = rows
    .filter(([, expected, got]) => expected !== got)
    .map(
      ([setting, expected, got]) =>
        `${setting}: expected ${String(expected)}, found ${String(got)}`,
    );
  return { name: spec.name, status: differences.length > 0 ? 'differs' : 'exists', differences };
}

/** Offsets come from programs, not from people: a wrong one is a mistake in the code. */
export function checkOffset(offset: number): void {
  assert(Number.isSafeInteger(offset) && offset >= 0, 'an offset is an integer >= 0');
}

/** Lets the event loop turn: calls that never wait for anything must not starve timers, signals and other readers. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export function noSuchTopic(topic: string): ValenceError {
  return new ValenceError(
    'NOT_FOUND',
    `No topic '${topic}' in the log. Create it with 'valence topics create', or check the name.`,
    { topic },
  );
}

export function noSuchPartition(topic: string, partition: number, count: number): ValenceError {
  return new ValenceError(
    'NOT_FOUND',
    `Topic '${topic}' has no partition ${partition}; it has ${count}, counted from 0.`,
    { topic, partition },
  );
}

/** The claim is no longer valid: by another owner, or because an earlier error ended it. */
export function fenced(topic: string, partition: number, epoch: number): ValenceError {
  return new ValenceError(
    'EPOCH_FENCED',
    'The claim on the partition has ended: claim it again and read where the log stands.',
    { topic, partition, epoch },
  );
}

export function closedLog(url: string): ValenceError {
  return new ValenceError('LOG_UNAVAILABLE', `The log ${url} has been closed.`);
}
