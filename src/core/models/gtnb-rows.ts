import type { LexiconValues } from '../text/gt-features.ts';
import { lengthened } from '../typed-arrays.ts';
import { COUNT_BITS, laneOf, LARGE_COUNTS, type CountCells } from './count-cells.ts';

/**
 * What the model knows of the features of one document, fetched before anything is made of it: rows lie all over a table that no
 * cache holds, and in a loop that does nothing else and has no branch many of them are under way at once. The shorter the loop, the
 * more of them; so it takes rows as they are, two counts in a word.
 *
 * A document is looked at by blocks of features; hardly any has more than one. The buffers are constants that all models share, see
 * `gt-units.ts`.
 *
 * A few features are set apart, to be looked at one by one: words of the lexicon, and counts beyond the table of logarithms. In
 * `ROW_WORDS` they are as if never seen, so that the loops over all features need to know nothing of them.
 */

const MOST_ROWS = 2 ** 15;
const MOST_WORDS = 2 * MOST_ROWS;
const WORDS = new Int32Array(MOST_WORDS);
/** Ids of the block. */
const IDS = new Int32Array(MOST_ROWS);

/** [feature of the block x words of a row]: as in the table; columns that are no class of the answer are 0. */
export const ROW_WORDS = WORDS;

// Constants of this module rather than imported ones, which the compiler looks up at each use.
const ALL_OF_ONE = COUNT_BITS;
/** Large counts are beyond the table of logarithms. */
const LARGE_OF_BOTH = LARGE_COUNTS;

export class FeatureRows {
  /** Words of a row. */
  width = 1;
  /** Features of a block. */
  atOnce = MOST_ROWS;
  /** Features set apart: their places in the document, ascending. */
  apart = new Int32Array(256);
  apartLength = 0;
  /** No count of the block is larger. */
  bound = 0;
  /** Features without a count. */
  unknown = 0;
  /** By word of a row: bits of the columns that are looked at. */
  #masks = new Int32Array(1);
  #order: readonly number[] | undefined;

  /**
   * Begins a document.
   *
   * @param order column of each class of the answer
   * @param base cells of a row before the first column; they are looked at
   */
  begin(table: CountCells, order: readonly number[], base: number): void {
    this.apartLength = 0;
    this.unknown = 0;
    const width = table.stride >> 1;
    if (order === this.#order && width === this.width) return;
    this.#order = order;
    this.width = width;
    this.atOnce = Math.min(MOST_ROWS, Math.floor(MOST_WORDS / width));
    const masks = new Int32Array(width);
    const look = (cell: number): void => {
      masks[cell >> 1] = (masks[cell >> 1] ?? 0) | (ALL_OF_ONE << laneOf(cell));
    };
    for (let cell = 0; cell < base; cell++) look(cell);
    for (const column of order) look(base + column);
    this.#masks = masks;
  }

  /** Fetches the block that begins at a place of the document. */
  load(ids: Int32Array, from: number, length: number, table: CountCells): void {
    if (table.isPaired && this.width === 1) this.#loadWords(ids, from, length, table);
    else this.#loadRows(ids, from, length, table);
  }

  #loadWords(ids: Int32Array, from: number, length: number, { words }: CountCells): void {
    const rows = WORDS;
    const kept = IDS;
    const mask = (this.#masks[0] ?? 0) | 0;
    for (let at = 0; at < length; at++) {
      const id = ids[from + at] ?? 0;
      kept[at] = id;
      // An id that was never met may lie beyond the table.
      rows[at] = (words[id] ?? 0) & mask;
    }
  }

  #loadRows(ids: Int32Array, from: number, length: number, table: CountCells): void {
    const rows = WORDS;
    const kept = IDS;
    const masks = this.#masks;
    const { width } = this;
    const { words, isPaired } = table;
    for (let at = 0, to = 0; at < length; at++) {
      const id = ids[from + at] ?? 0;
      kept[at] = id;
      for (let word = 0; word < width; word++)
        rows[to++] =
          (isPaired ? (words[id * width + word] ?? 0) : table.wordAt(id * width + word)) &
          (masks[word] ?? 0);
    }
  }

  /**
   * Sets features of the block apart, and looks at how large the others' counts are.
   *
   * @param from place of the block in the document
   */
  setApart(from: number, length: number, lexicon: LexiconValues | undefined): void {
    const rows = WORDS;
    const ids = IDS;
    const { width } = this;
    if (this.apart.length < this.apartLength + length)
      this.apart = lengthened(this.apart, 2 * (this.apartLength + length));
    const { apart } = this;
    let found = this.apartLength;
    let known = 0;
    let bound = 0;
    for (let at = 0; at < length; at++) {
      const first = at * width;
      let all = rows[first] ?? 0;
      for (let word = 1; word < width; word++) all |= rows[first + word] ?? 0;
      known += (all | -all) >>> 31;
      const isWord = lexicon !== undefined && lexicon.of(ids[at] ?? 0) !== 0;
      if (isWord || (all & LARGE_OF_BOTH) !== 0) {
        apart[found++] = from + at;
        for (let word = 0; word < width; word++) rows[first + word] = 0;
      } else bound |= all;
    }
    this.unknown += length - known;
    this.apartLength = found;
    this.bound = (bound & ALL_OF_ONE) | (bound >>> 16);
  }
}
