/**
 * Batches: the records of one partition that came in one call, as one blob. This is its form; `batch-reader.ts` reads it.
 *
 *   CRC-32 of all that follows, 4 bytes │ size of all after the 16 bytes of this head, 4 │ offset of the first record, 8 │ records
 *
 *   record  timestamp  0: as the record before, else ms + 1
 *           key        0: null, else length + 1; bytes
 *           value      the same
 *           headers    count, then each: 2 × name + 1: the value that name had last in this batch
 *                                        2 × name:     another one: length, bytes
 *
 * Names are counted as they first come; a number not given yet is a new name: its length and bytes stand before those of the value.
 * So what is constant, as most of CloudEvents, costs a byte. The head is little endian, other numbers are unsigned LEB128, text is
 * UTF-8. Batches may stand back to back.
 */
import { crc32 } from 'node:zlib';
import type { NewRecord } from '../../ports/event-log.ts';

export const HEAD_BYTES = 16;
export const HEAD = { crc: 0, size: 4, base: 8 } as const;
/** A batch that has reached one of these is closed. Reading from the middle of a batch decodes what stands before. */
export const BATCH_MAX = { records: 1000, bytes: 256 * 1024 } as const;

const FIRST_BYTES = 16 * 1024;
/** Memory that one encoder keeps from batch to batch. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** A number takes at most eight bytes, being below 2^54. */
const NUMBER_BYTES = 8;
/** Longer text is measured before it is written, so that three bytes a character need not be set aside. */
const LONG_TEXT = 64 * 1024;

/** Text up to this length is written here: the call out of JavaScript would take longer (`bench/log.ts`). */
const SHORT_TEXT = 16;
/** Header names remembered from batch to batch, as bytes. */
const NAMES_KEPT = 64;

/** A header name, and what the batch under way knows of it. */
interface Name {
  /** Length and bytes. */
  readonly bytes: Uint8Array;
  /** Number of the last batch that had it. */
  batch: number;
  /** Its number in that batch. */
  index: number;
  /** Its last value there; undefined: bytes, which are never looked up. */
  value: string | undefined;
}

/** Writes one batch after the other into memory of its own, which grows. */
export class BatchEncoder {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = HEAD_BYTES;
  #base = 0;
  #count = 0;
  #newest = 0;
  #timestamp = -1;
  #batch = 0;
  #known = 0;
  readonly #names = new Map<string, Name>();

  /** Offset of the first record. */
  get base(): number {
    return this.#base;
  }

  get count(): number {
    return this.#count;
  }

  /** Latest timestamp of its records, ms. */
  get newest(): number {
    return this.#newest;
  }

  get isFull(): boolean {
    return this.#count >= BATCH_MAX.records || this.#at >= BATCH_MAX.bytes;
  }

  /** Forgets what was written; the next record gets offset `base`. */
  begin(base: number): void {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#at = HEAD_BYTES;
    this.#base = base;
    this.#count = 0;
    this.#newest = 0;
    this.#timestamp = -1;
    this.#batch += 1;
    this.#known = 0;
    if (this.#names.size > NAMES_KEPT) this.#names.clear();
  }

  /** @param timestamp whole ms >= 0 */
  add({ key, value, headers }: NewRecord, timestamp: number): void {
    this.#number(timestamp === this.#timestamp ? 0 : timestamp + 1);
    this.#timestamp = timestamp;
    if (timestamp > this.#newest) this.#newest = timestamp;
    this.#maybe(key);
    this.#maybe(value);
    if (headers === undefined) this.#number(0);
    else {
      this.#number(headers.length);
      for (const [name, content] of headers) this.#header(name, content);
    }
    this.#count += 1;
  }

  /** @returns a view that holds until the encoder is used again */
  finish(): Uint8Array {
    const bytes = this.#bytes;
    bytes.writeUInt32LE(this.#at - HEAD_BYTES, HEAD.size);
    bytes.writeUInt32LE(this.#base >>> 0, HEAD.base);
    bytes.writeUInt32LE(Math.floor(this.#base / 2 ** 32), HEAD.base + 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(HEAD.size, this.#at)), HEAD.crc);
    return bytes.subarray(0, this.#at);
  }

  #header(text: string, value: string | Uint8Array): void {
    const name = this.#names.get(text) ?? this.#name(text);
    const isNew = name.batch !== this.#batch;
    if (isNew) {
      name.batch = this.#batch;
      name.index = this.#known++;
    } else if (name.value === value) {
      this.#number(2 * name.index + 1);
      return;
    }
    this.#number(2 * name.index);
    if (isNew) this.#put(name.bytes);
    name.value = typeof value === 'string' ? value : undefined;
    this.#content(value, 0);
  }

  #name(text: string): Name {
    const start = this.#at;
    this.#text(text, 0);
    const bytes = new Uint8Array(this.#bytes.subarray(start, this.#at));
    this.#at = start;
    const name = { bytes, batch: -1, index: 0, value: undefined };
    this.#names.set(text, name);
    return name;
  }

  #maybe(value: string | Uint8Array | null): void {
    if (value === null) this.#number(0);
    else this.#content(value, 1);
  }

  #content(value: string | Uint8Array, plus: 0 | 1): void {
    if (typeof value === 'string') {
      this.#text(value, plus);
      return;
    }
    this.#number(value.length + plus);
    this.#put(value);
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Length and bytes. One pass: room is left for the length that ASCII would have, and the bytes are moved where that was too little. */
  #text(text: string, plus: 0 | 1): void {
    if (text.length <= SHORT_TEXT && this.#ascii(text, plus)) return;
    const most = text.length > LONG_TEXT ? Buffer.byteLength(text) : 3 * text.length;
    this.#reserve(2 * NUMBER_BYTES + most);
    const bytes = this.#bytes;
    const at = this.#at;
    const guess = at + sizeOf(text.length + plus);
    const length = bytes.write(text, guess);
    // Moved before the length is written: a longer length would overwrite the first byte.
    const place = at + sizeOf(length + plus);
    if (place !== guess) bytes.copyWithin(place, guess, guess + length);
    this.#number(length + plus);
    this.#at += length;
  }

  /** Length and bytes of a short text. @returns false, and nothing is written, when it is not ASCII */
  #ascii(text: string, plus: 0 | 1): boolean {
    const { length } = text;
    this.#reserve(1 + length);
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[this.#at] = length + plus;
    this.#at = start + length;
    return true;
  }

  #number(number: number): void {
    this.#reserve(NUMBER_BYTES);
    let rest = number;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128))
      this.#bytes[this.#at++] = (rest % 128) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

/** Bytes that a length takes. */
function sizeOf(length: number): number {
  let bytes = 1;
  for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
