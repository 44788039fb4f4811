/**
 * Terms of one document as slices of one buffer of UTF-16 code units, each with its hash: what a scanner writes and a
 * vocabulary reads, without a string in between. Tokens stand one space apart, so a bigram is a slice as well.
 */

import { unitsToString } from '../codec/bytes.ts';

/** Start value of a hash. */
export const HASH_SEED = 0x2f0b4a27;
/** Odd, near 2^32 / golden ratio: the high bits of the product depend on every unit before. */
export const HASH_FACTOR = 0x9e3779b1;

/** Between the tokens of an n-gram; cannot occur in a token. */
export const SPACE = 0x20;

/** Hash of a slice: h = (h xor unit) times {@link HASH_FACTOR}, modulo 2^32, for each unit. */
export function hashUnits(units: Uint16Array, start: number, end: number): number {
  let hash = HASH_SEED;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (units[at] ?? 0), HASH_FACTOR);
  return hash;
}

/** Code units of a text. */
export function toUnits(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at);
  return units;
}

export class TermSpans {
  units = new Uint16Array(512);
  starts = new Int32Array(128);
  ends = new Int32Array(128);
  hashes = new Int32Array(128);
  /** Number of terms. */
  count = 0;
  /** Units in use, the space after the last token included. */
  used = 0;

  clear(): void {
    this.count = 0;
    this.used = 0;
  }

  /** Room for `units` code units and `terms` terms in all. Contents are kept. */
  reserve(units: number, terms: number): void {
    if (units > this.units.length) this.units = grown(this.units, units);
    if (terms > this.starts.length) {
      this.starts = grown(this.starts, terms);
      this.ends = grown(this.ends, terms);
      this.hashes = grown(this.hashes, terms);
    }
  }

  /** The terms as strings, in order. */
  strings(): string[] {
    return Array.from({ length: this.count }, (_, term) =>
      unitsToString(this.units, this.starts[term] ?? 0, this.ends[term] ?? 0),
    );
  }

  /** Appends a token given as a string. */
  push(token: string): void {
    const start = this.used;
    const end = start + token.length;
    this.reserve(end + 1, this.count + 1);
    for (let at = 0; at < token.length; at++) this.units[start + at] = token.charCodeAt(at);
    this.units[end] = SPACE;
    this.used = end + 1;
    this.#append(start, end);
  }

  /**
   * Replaces the tokens by all their n-grams of `min`, then of `min` + 1, up to `max`.
   * Only the spans change: the units of an n-gram lie side by side.
   */
  toNgrams(min: number, max: number): void {
    const tokens = this.count;
    let terms = min === 1 ? tokens : 0;
    for (let n = Math.max(min, 2); n <= max; n++) terms += Math.max(0, tokens - n + 1);
    this.reserve(0, tokens + terms);
    const { starts, ends } = this;
    for (let n = Math.max(min, 2); n <= max; n++)
      for (let first = 0; first + n <= tokens; first++)
        this.#append(starts[first] ?? 0, ends[first + n - 1] ?? 0);
    if (min === 1) return;
    this.starts.copyWithin(0, tokens, this.count);
    this.ends.copyWithin(0, tokens, this.count);
    this.hashes.copyWithin(0, tokens, this.count);
    this.count -= tokens;
  }

  #append(start: number, end: number): void {
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.hashes[this.count] = hashUnits(this.units, start, end);
    this.count += 1;
  }
}

function grown<T extends Uint16Array | Int32Array>(cells: T, atLeast: number): T;
function grown(cells: Uint16Array | Int32Array, atLeast: number): Uint16Array | Int32Array {
  const length = Math.max(atLeast, cells.length * 2);
  const copy = cells instanceof Uint16Array ? new Uint16Array(length) : new Int32Array(length);
  copy.set(cells);
  return copy;
}
