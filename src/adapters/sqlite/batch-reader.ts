/**
 * Batches back to records, see `batch-encoder.ts` for their form.
 *
 * Keys, values and header values are views of the bytes given: whoever keeps one keeps up to 4 MiB alive, so what is to stay is copied
 * (the fold and the followers keep strings). Headers that repeat within a batch are one object.
 */
import { crc32 } from 'node:zlib';
import { ValenceError } from '../../errors.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import { HEAD, HEAD_BYTES } from './batch-encoder.ts';

/** What a reading may still take. */
export interface Room {
  records: number;
  /** Of keys and values. */
  bytes: number;
}

/** Where bytes come from, for errors and records. */
export interface Origin {
  readonly file: string;
  readonly topic: string;
  readonly partition: number;
}

/** A header name of a batch, and where its last value lies. */
interface Name {
  readonly name: string;
  /** Where the name stands first. */
  readonly at: number;
  readonly length: number;
  start: number;
  end: number;
  /** Made when a record that is wanted has it. */
  header: readonly [name: string, value: Uint8Array] | undefined;
}

const NO_HEADERS: LogRecord['headers'] = [];

/** Reads batches that stand back to back, front to back. */
export class BatchReader {
  readonly #origin: Origin;
  readonly #bytes: Uint8Array;
  readonly #buffer: Buffer;
  #offset: number;
  #at = 0;
  /** Where the batch that is being read ends. */
  #end = 0;
  #timestamp = 0;
  /** Names of this batch, then those left from the one before, which are likely to come again. */
  readonly #names: Name[] = [];
  #known = 0;

  /** @param base offset of the first record */
  constructor(origin: Origin, bytes: Uint8Array, base: number) {
    this.#origin = origin;
    this.#bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#offset = base;
  }

  /** Of the next record. */
  get offset(): number {
    return this.#offset;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /**
   * Moves records with offsets >= `from` to `records`, until the bytes end or the room does; a record that is too large for what is
   * left ends it, unless it is the first of `records`.
   *
   * @throws LOG_CORRUPT
   */
  take(records: LogRecord[], from: number, room: Room): void {
    const { topic, partition } = this.#origin;
    while (this.#at < this.#bytes.length && room.records > 0) {
      if (this.#at === this.#end) this.#open();
      const start = this.#at;
      const stamp = this.#number();
      const key = this.#skip(this.#number() - 1);
      const keyEnd = this.#at;
      const value = this.#skip(this.#number() - 1);
      const valueEnd = this.#at;
      const isWanted = this.#offset >= from;
      if (isWanted) {
        const size = (key < 0 ? 0 : keyEnd - key) + (value < 0 ? 0 : valueEnd - value);
        if (size > room.bytes && records.length > 0) {
          this.#at = start;
          room.records = 0;
          return;
        }
        room.bytes -= size;
        room.records -= 1;
      }
      if (stamp > 0) this.#timestamp = stamp - 1;
      const headers = this.#headers(isWanted);
      if (this.#at > this.#end) throw this.#damaged();
      if (isWanted)
        records.push({
          topic,
          partition,
          offset: this.#offset,
          timestamp: this.#timestamp,
          key: key < 0 ? null : this.#view(key, keyEnd),
          value: value < 0 ? null : this.#view(value, valueEnd),
          headers,
        });
      this.#offset += 1;
    }
  }

  /** Checks the head and the sum of the next batch. */
  #open(): void {
    const at = this.#at;
    const buffer = this.#buffer;
    if (at + HEAD_BYTES > buffer.length) throw this.#damaged();
    const end = at + HEAD_BYTES + buffer.readUInt32LE(at + HEAD.size);
    if (
      end > buffer.length ||
      buffer.readUInt32LE(at + HEAD.base) !== this.#offset >>> 0 ||
      buffer.readUInt32LE(at + HEAD.base + 4) !== Math.floor(this.#offset / 2 ** 32) ||
      buffer.readUInt32LE(at + HEAD.crc) !== crc32(buffer.subarray(at + HEAD.size, end))
    )
      throw this.#damaged();
    this.#at = at + HEAD_BYTES;
    this.#end = end;
    this.#timestamp = 0;
    this.#known = 0;
  }

  #headers(isWanted: boolean): LogRecord['headers'] {
    const count = this.#number();
    if (count === 0) return NO_HEADERS;
    const headers: (readonly [string, Uint8Array])[] = [];
    for (let left = count; left > 0 && this.#at <= this.#end; left--) {
      const token = this.#number();
      const name = this.#nameOf(token >>> 1);
      if (token % 2 === 0) {
        name.start = this.#skip(this.#number());
        name.end = this.#at;
        name.header = undefined;
      }
      if (!isWanted) continue;
      name.header ??= [name.name, this.#bytes.subarray(name.start, name.end)];
      headers.push(name.header);
    }
    return headers;
  }

  #nameOf(index: number): Name {
    const there = this.#names[index];
    if (there !== undefined && index < this.#known) return there;
    const length = this.#number();
    const at = this.#skip(length);
    this.#known = index + 1;
    if (there !== undefined && this.#isSame(there, at, length)) return there;
    const name = this.#buffer.toString('utf8', at, at + length);
    const made = { name, at, length, start: 0, end: 0, header: undefined };
    this.#names[index] = made;
    return made;
  }

  #isSame(name: Name, at: number, length: number): boolean {
    if (name.length !== length) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) if (bytes[name.at + i] !== bytes[at + i]) return false;
    return true;
  }

  /** As subarray, at half its price. */
  #view(start: number, end: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + start, end - start);
  }

  /** @returns where the bytes begin; -1 for a negative length, which is none */
  #skip(length: number): number {
    if (length < 0) return -1;
    const start = this.#at;
    this.#at += length;
    return start;
  }

  #number(): number {
    const first = this.#bytes[this.#at++] ?? 0;
    if (first < 0x80) return first;
    let number = first & 0x7f;
    for (let scale = 128; ; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return number;
    }
  }

  #damaged(): ValenceError {
    return damaged(this.#origin, this.#offset);
  }
}

/** @param offset first one that cannot be read */
export function damaged({ file, topic, partition }: Origin, offset: number): ValenceError {
  return new ValenceError(
    'LOG_CORRUPT',
    `The log ${file}: the batch at offset ${offset} of topic '${topic}', partition ${partition}, is damaged. Restore a copy, or start a new log from the source.`,
    { file, topic, partition, offset },
  );
}
