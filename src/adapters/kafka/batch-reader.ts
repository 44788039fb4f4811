/**
 * Record batches as a Fetch answers them (magic 2), read straight into our records: keys, values and headers are views of the
 * answer. Headers keep their order and their repeats; what an aborted transaction left is passed over, and so are the markers at
 * the end of transactions.
 *
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
import * as zlib from 'node:zlib';
import { ValenceError } from '../../errors.ts';
import type { Headers, LogRecord } from '../../ports/event-log.ts';
import { crc32c } from './record-batch.ts';
import { unpackSnappy } from './snappy.ts';

/** A transaction that ended in an abort: its records begin at `firstOffset`. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface Batches {
  readonly records: LogRecord[];
  /** Offset after the last whole batch; undefined: there was none. */
  readonly next: number | undefined;
}

/** Where the batches come from, and from which offset on records are wanted. */
export interface BatchSource {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
}

const HEADER_BYTES = 61;
const COMPRESSION = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** A batch may unpack to this much, bytes: a small one must not fill the memory. */
const MOST_UNPACKED = 64 * 1024 * 1024;
/** An answer is read up to here, then its rest is asked for again: many small batches must not fill it either. */
const MOST_UNPACKED_AT_ONCE = 8 * 1024 * 1024;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const NO_HEADERS: Headers = [];
const NO_BYTES = new Uint8Array(0);

/**
 * Reads all whole batches; a cut one at the end is left for the next Fetch.
 *
 * @param aborted aborted transactions that touch these batches, in any order
 * @throws LOG_CORRUPT a batch fails its checksum or its format
 * @throws TOPIC_MISMATCH a format or a compression that is not read here
 */
export function readBatches(
  bytes: Buffer,
  source: BatchSource,
  aborted: readonly AbortedTransaction[],
): Batches {
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const hidden = new Set<number>();
  const records: LogRecord[] = [];
  let next: number | undefined;
  let begun = 0;
  let unpacked = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    checkBatch(bytes, at, end, source);
    const baseOffset = readOffset(bytes, at);
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    const attributes = bytes.readInt16BE(at + 21);
    const producerId = readOffset(bytes, at + 43);
    for (; (waiting[begun]?.firstOffset ?? Infinity) <= lastOffset; begun++) {
      const { producerId: loser } = waiting[begun] ?? { producerId: -1 };
      hidden.add(loser);
    }
    if (attributes & CONTROL) {
      if (isAbort(bytes, at, end)) hidden.delete(producerId);
    } else if (!(attributes & TRANSACTIONAL) || !hidden.has(producerId)) {
      if (lastOffset >= source.from) {
        const isPacked = (attributes & COMPRESSION) !== 0;
        if (isPacked && unpacked > MOST_UNPACKED_AT_ONCE) break;
        const size = readRecords(bytes, at, end, source, records);
        if (isPacked) unpacked += size;
      }
    }
    next = lastOffset + 1;
    at = end;
  }
  return { records, next };
}

function checkBatch(bytes: Buffer, at: number, end: number, source: BatchSource): void {
  if (bytes[at + 16] !== 2)
    throw mismatch(source, 'records in a format older than that of Kafka 0.11');
  if (crc32c(bytes, at + 21, end) !== bytes.readUInt32BE(at + 17))
    throw corrupt(source, readOffset(bytes, at));
}

/** Type 0 of a control record; its key is two int16: version, type. */
function isAbort(bytes: Buffer, at: number, end: number): boolean {
  const reader = new Reader(bytes, at + HEADER_BYTES, end);
  reader.int();
  reader.skip(1);
  reader.long();
  reader.int();
  const key = reader.bytes();
  return key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0;
}

function readRecords(
  bytes: Buffer,
  at: number,
  end: number,
  source: BatchSource,
  into: LogRecord[],
): number {
  const { topic, partition, from } = source;
  const baseOffset = readOffset(bytes, at);
  const attributes = bytes.readInt16BE(at + 21);
  const count = bytes.readInt32BE(at + 57);
  const firstTimestamp = readOffset(bytes, at + 27);
  const appendedAt = attributes & LOG_APPEND_TIME ? readOffset(bytes, at + 35) : undefined;
  const body = unpack(bytes.subarray(at + HEADER_BYTES, end), attributes & COMPRESSION, source);
  const reader = new Reader(body, 0, body.length);
  for (let index = 0; index < count; index++) {
    const size = reader.int();
    const stop = reader.at + size;
    if (size < 0 || stop > body.length) throw corrupt(source, baseOffset);
    reader.skip(1);
    const timestamp = appendedAt ?? firstTimestamp + reader.long();
    if (appendedAt !== undefined) reader.long();
    const offset = baseOffset + reader.int();
    if (offset < from) {
      reader.at = stop;
      continue;
    }
    const key = reader.bytes();
    const value = reader.bytes();
    const headers = readHeaders(reader);
    if (reader.at !== stop) throw corrupt(source, baseOffset);
    into.push({ topic, partition, offset, timestamp, key, value, headers });
  }
  return body.length;
}

function readHeaders(reader: Reader): Headers {
  const count = reader.int();
  if (count <= 0) return NO_HEADERS;
  const headers: [string, Uint8Array][] = [];
  for (let index = 0; index < count; index++) {
    const name = reader.text();
    headers.push([name, reader.bytes() ?? NO_BYTES]);
  }
  return headers;
}

function unpack(bytes: Buffer, codec: number, source: BatchSource): Buffer {
  if (codec === 0) return bytes;
  const name = CODECS[codec] ?? `number ${codec}`;
  const open = UNPACK.get(name);
  if (!open) throw mismatch(source, `records compressed with ${name}`);
  try {
    return open(bytes);
  } catch (cause) {
    throw new ValenceError(
      'LOG_CORRUPT',
      `Topic '${source.topic}', partition ${source.partition}: a batch compressed with ${name} cannot be unpacked, or holds more than ${MOST_UNPACKED / 1024 / 1024} MiB.`,
      { topic: source.topic, partition: source.partition },
      { cause },
    );
  }
}

type Unpack = (bytes: Buffer) => Buffer;

/** What this version of Node can unpack. It has zstd from 22.15 on. */
const UNPACK = new Map<string, Unpack>([
  ['gzip', (bytes) => zlib.gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED })],
  ['snappy', (bytes) => unpackSnappy(bytes, MOST_UNPACKED)],
  ...zstd(),
]);

function zstd(): [string, Unpack][] {
  if (!('zstdDecompressSync' in zlib)) return [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- newer than the types of the oldest Node that is supported
  const open = zlib.zstdDecompressSync as typeof zlib.gunzipSync;
  return [['zstd', (bytes) => open(bytes, { maxOutputLength: MOST_UNPACKED })]];
}

/** A signed 64-bit number as a double: offsets, ids and timestamps stay below 2^53. */
export function readOffset(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

class Reader {
  at: number;
  readonly #bytes: Buffer;
  readonly #end: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  skip(count: number): void {
    this.at += count;
  }

  /** Zigzag varint of 32 bits. */
  int(): number {
    let byte = this.#bytes[this.at++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f && shift < 35; shift += 7) {
      byte = this.#bytes[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** Zigzag varint of 64 bits, exact below 2^52. */
  long(): number {
    let byte = this.#bytes[this.at++] ?? 0;
    let value = byte & 0x7f;
    for (let scale = 128; byte > 0x7f && scale < 2 ** 64; scale *= 128) {
      byte = this.#bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Uint8Array | null {
    const length = this.int();
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length;
    // A length beyond the end is found out by the caller, who knows where the record stops.
    return this.#bytes.subarray(start, Math.min(this.at, this.#end));
  }

  text(): string {
    const length = Math.max(0, this.int());
    const start = this.at;
    this.at = start + length;
    return this.#bytes.toString('utf8', start, Math.min(this.at, this.#end));
  }
}

function corrupt({ topic, partition }: BatchSource, offset: number): ValenceError {
  return new ValenceError(
    'LOG_CORRUPT',
    `Topic '${topic}', partition ${partition}: the batch at offset ${offset} fails its checksum or its format. Compare it with another replica of the partition.`,
    { topic, partition, offset },
  );
}

function mismatch({ topic, partition }: BatchSource, what: string): ValenceError {
  return new ValenceError(
    'TOPIC_MISMATCH',
    `Topic '${topic}' holds ${what}, which are not read here. Set compression.type=uncompressed on the topic, or write it without compression, with gzip, with snappy, or with zstd under Node 22.15 or newer.`,
    { topic, partition },
  );
}
