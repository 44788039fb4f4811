import type { LexiconValues, TypedFeatures } from '../text/gt-features.ts';
import type { GtnbCounts } from './gtnb-counts.ts';
import { LONGEST_TABLE } from './log-table.ts';

/**
 * What the model knows of the features of one document, fetched before anything is made of it: rows lie all over a table that no
 * cache holds, and in a loop that does nothing else and has no branch many of them are under way at once.
 *
 * A few features are set apart, to be looked at one by one: words of the lexicon, and counts beyond the table of logarithms. In
 * `counts` and `frequencies` they are as if never seen, so that the loops over all features need to know nothing of them.
 *
 * Buffers are kept from document to document; cells beyond its features hold what was there before.
 */
export class FeatureRows {
  /** [feature x position]: n in units, classes in the order of the answer; below LONGEST_TABLE. */
  counts = new Int32Array(512);
  /** By feature: df, where it is kept apart from the counts. */
  frequencies = new Int32Array(256);
  /** Features set apart: their places, ascending. */
  apart = new Int32Array(256);
  apartLength = 0;
  /** No count is larger; below LONGEST_TABLE. */
  bound = 0;
  /** Features without a count. */
  unknown = 0;
  /** By feature: bits of all its counts together. */
  #bits = new Int32Array(256);

  /** @param order column of each position */
  load(
    { ids, length }: TypedFeatures,
    table: GtnbCounts,
    order: readonly number[],
    lexicon: LexiconValues | undefined,
  ): void {
    const classes = order.length;
    this.#reserve(length, classes);
    if (classes === 2) this.#loadPairs(ids, length, table, order[0] ?? 0, order[1] ?? 0);
    else this.#loadRows(ids, length, table, order);
    if (table.base === 1) this.#loadFrequencies(ids, length, table);
    this.#setApart(ids, length, classes, lexicon);
  }

  #reserve(length: number, classes: number): void {
    if (length * classes > this.counts.length) this.counts = new Int32Array(length * classes * 2);
    if (length <= this.apart.length) return;
    this.frequencies = new Int32Array(length * 2);
    this.apart = new Int32Array(length * 2);
    this.#bits = new Int32Array(length * 2);
  }

  #loadPairs(
    ids: Int32Array,
    length: number,
    { table: { cells, stride }, base }: GtnbCounts,
    first: number,
    second: number,
  ): void {
    const { counts } = this;
    const bits = this.#bits;
    for (let at = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      // An id that was never met, or lies beyond the table, reads row 0, and none of it.
      const row = id * stride + base;
      const one = cells[row + first] ?? 0;
      const other = cells[row + second] ?? 0;
      counts[2 * at] = one;
      counts[2 * at + 1] = other;
      bits[at] = one | other;
    }
  }

  #loadRows(
    ids: Int32Array,
    length: number,
    { table: { cells, stride }, base }: GtnbCounts,
    order: readonly number[],
  ): void {
    const { counts } = this;
    const bits = this.#bits;
    const classes = order.length;
    for (let at = 0, to = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      const row = id * stride + base;
      let all = 0;
      for (let position = 0; position < classes; position++) {
        const count = cells[row + (order[position] ?? 0)] ?? 0;
        counts[to++] = count;
        all |= count;
      }
      bits[at] = all;
    }
  }

  #loadFrequencies(ids: Int32Array, length: number, { table }: GtnbCounts): void {
    const { cells, stride } = table;
    const { frequencies } = this;
    const bits = this.#bits;
    for (let at = 0; at < length; at++) {
      const frequency = cells[(ids[at] ?? 0) * stride] ?? 0;
      frequencies[at] = frequency;
      bits[at] = (bits[at] ?? 0) | frequency;
    }
  }

  #setApart(
    ids: Int32Array,
    length: number,
    classes: number,
    lexicon: LexiconValues | undefined,
  ): void {
    const { apart } = this;
    const bits = this.#bits;
    let found = 0;
    let bound = 0;
    let known = 0;
    for (let at = 0; at < length; at++) {
      const all = bits[at] ?? 0;
      known += (all | -all) >>> 31;
      const isWord = lexicon !== undefined && lexicon.of(ids[at] ?? 0) !== 0;
      if (isWord || all >>> LONGEST_BITS !== 0) apart[found++] = at;
      else bound |= all;
    }
    this.unknown = length - known;
    this.apartLength = found;
    this.bound = bound;
    for (let index = 0; index < found; index++) this.#forget(apart[index] ?? 0, classes);
  }

  #forget(at: number, classes: number): void {
    this.frequencies[at] = 0;
    for (let cell = at * classes; cell < (at + 1) * classes; cell++) this.counts[cell] = 0;
  }
}

/** Its value is here, not imported: only so does the compiler know it in the loop. */
const LONGEST_BITS = Math.log2(LONGEST_TABLE);
