/**
 * Compact bytes: variable-length integers (LEB128), doubles, UTF-8 strings, and a CRC. Deltas are written with it. A writer
 * is reused from chunk to chunk; a reader checks every bound, so that damaged bytes end in DELTA_CORRUPT and nothing else.
 */
import { ValenceError } from '../../errors.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** @param capacity bytes that it takes without growing */
  constructor(capacity = 16_384) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** What was written, as a copy. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written since `start`, as a view that the next write may invalidate. */
  view(start = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Unsigned integer, 0 to 2^53 - 1; seven bits a byte, low ones first. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed integer between -2^52 and 2^52: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** IEEE double, little endian. */
  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /**
   * Length in bytes, then UTF-8. A lone surrogate, which UTF-8 cannot hold, is written as U+FFFD: a term or id that holds one
   * is made well-formed where it enters the fold.
   */
  string(value: string): void {
    const { length } = value;
    this.#reserve(length * 3 + 8);
    if (length < 128) {
      const start = this.#length + 1;
      let i = 0;
      for (; i < length; i++) {
        const unit = value.charCodeAt(i);
        if (unit > 0x7f) break;
        this.#bytes[start + i] = unit;
      }
      if (i === length) {
        this.#bytes[this.#length] = length;
        this.#length = start + length;
        return;
      }
    }
    const bytes = encoder.encode(value);
    this.varint(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The same for a slice of UTF-16 code units, without making a string of it where all are ASCII. */
  units(units: Uint16Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length + 8);
    const lengthAt = this.#length;
    this.varint(length);
    const at = this.#length - start;
    for (let i = start; i < end; i++) {
      const unit = units[i] ?? 0;
      if (unit > 0x7f) {
        this.#length = lengthAt;
        this.string(unitsToString(units, start, end));
        return;
      }
      this.#bytes[at + i] = unit;
    }
    this.#length = at + end;
  }

  /** The first `size` bytes, at most what there is, as a copy; the rest moves to the front. */
  take(size: number): Uint8Array {
    const taken = this.#bytes.slice(0, Math.min(size, this.#length));
    this.#bytes.copyWithin(0, taken.length, this.#length);
    this.#length -= taken.length;
    return taken;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class ByteReader {
  /** Code units of the string that `readUnits` read last. */
  units = new Uint16Array(64);
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw damaged('ends too early');
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    if (!Number.isSafeInteger(value)) throw damaged('holds a number beyond 2^53');
    return value;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  double(): number {
    const at = this.#skip(8);
    return this.#view.getFloat64(at, true);
  }

  uint32(): number {
    const at = this.#skip(4);
    return this.#view.getUint32(at, true);
  }

  string(): string {
    const bytes = this.bytes(this.varint());
    if (bytes.length < 32) {
      let text = '';
      let i = 0;
      for (; i < bytes.length; i++) {
        const unit = bytes[i] ?? 0;
        if (unit > 0x7f) break;
        text += String.fromCharCode(unit);
      }
      if (i === bytes.length) return text;
    }
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw damaged('holds a string that is not UTF-8', cause);
    }
  }

  /** The next string as code units in `units`, no string made of it where all are ASCII. @returns how many */
  readUnits(): number {
    const start = this.#at;
    const length = this.varint();
    const at = this.#skip(length);
    if (length > this.units.length) this.units = new Uint16Array(length * 2);
    for (let i = 0; i < length; i++) {
      const unit = this.#bytes[at + i] ?? 0;
      if (unit > 0x7f) {
        this.#at = start;
        const text = this.string();
        for (let to = 0; to < text.length; to++) this.units[to] = text.charCodeAt(to);
        return text.length;
      }
      this.units[i] = unit;
    }
    return length;
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #skip(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw damaged('ends too early');
    this.#at = at + size;
    return at;
  }
}

/** Code units that one call turns into text: a call takes its arguments from the stack. */
const UNITS_AT_ONCE = 8192;

/** Text of a slice of UTF-16 code units. */
export function unitsToString(units: Uint16Array, start: number, end: number): string {
  let text = '';
  if (end - start <= 24) {
    for (let at = start; at < end; at++) text += String.fromCharCode(units[at] ?? 0);
    return text;
  }
  for (let at = start; at < end; at += UNITS_AT_ONCE) {
    text += String.fromCharCode(...units.subarray(at, Math.min(at + UNITS_AT_ONCE, end)));
  }
  return text;
}

/** A delta that cannot be read. */
export function damaged(what: string, cause?: unknown): ValenceError {
  return new ValenceError('DELTA_CORRUPT', `a delta of the model topic ${what}`, {}, { cause });
}
