/**
 * Rows of counts in two bytes each: a table that random look-ups go to is as fast as it is small, and only the most frequent words of
 * a long stream need more.
 *
 *   highest bit clear: the count        highest bit set: which of `#large` holds it
 *
 * There is room for 32,768 large counts; with one more the cells get four bytes, of the same form: large is from 2^31 on. So counts are
 * exact up to 2^53, and nothing wraps or is cut. A cell is 0 only if its count is. No count of a pipeline falls below 0; where sums are
 * added in another order one may on the way, and it stands among the large ones meanwhile.
 */
import { lengthened } from '../typed-arrays.ts';

/** Bit of a cell of two bytes whose count is a large one. */
export const LARGE = 0x8000;
/** The same of both counts of a word. */
export const LARGE_COUNTS = LARGE | (LARGE << 16);
/** Bits of one of the two counts of a word, shifted down. */
export const COUNT_BITS = 0xffff;
/** The bit of a cell of four bytes, as bit operations see it. */
const LARGE_OF_FOUR = 1 << 31;

const IS_LOW_FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** By how many bits the count of a cell is shifted in its word: two cells make one, in the order of the machine. */
export function laneOf(cell: number): number {
  return ((cell & 1) === 0) === IS_LOW_FIRST ? 0 : 16;
}

export class CountCells {
  /** Row-major [row x stride]. Read others than small counts through `at`, and write them through `add`. */
  cells: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  /** Cells of two bytes two by two, see {@link laneOf}; none if they have four. */
  words: Int32Array<ArrayBuffer>;
  stride: number;
  rows: number;
  /** Bit of a cell that is an index. */
  mark = LARGE;
  /** Its other bits: the largest count that is not large. */
  #most = LARGE - 1;
  #large: number[] = [];
  readonly #free: number[] = [];

  /** @param rows all have their pages at once if there are more than `growing`, and not one by one under the first records */
  constructor(rows: number, stride: number, growing: number) {
    this.rows = rows;
    this.stride = stride;
    this.cells = new Uint16Array(rows * stride);
    if (rows > growing) this.cells.fill(0);
    this.words = wordsOf(this.cells);
  }

  /** There are `words`. */
  get isPaired(): boolean {
    return this.mark === LARGE;
  }

  /** Two cells as a word, whatever their bytes; a large count is LARGE. */
  wordAt(word: number): number {
    const first = Math.min(this.at(2 * word), LARGE);
    const second = Math.min(this.at(2 * word + 1), LARGE);
    return (first << laneOf(0)) | (second << laneOf(1));
  }

  at(cell: number): number {
    const count = this.cells[cell] ?? 0;
    return (count & this.mark) === 0 ? count : Math.max(0, this.#large[count & this.#most] ?? 0);
  }

  /** @param amount any integer; a count below 0 is kept, and read as 0 */
  add(cell: number, amount: number): void {
    const held = this.cells[cell] ?? 0;
    const isLarge = (held & this.mark) !== 0;
    const count = (isLarge ? (this.#large[held & this.#most] ?? 0) : held) + amount;
    if (!isLarge) this.#put(cell, count);
    else if (count >= 0 && count <= this.#most) {
      this.#free.push(held & this.#most);
      this.cells[cell] = count;
    } else this.#large[held & this.#most] = count;
  }

  /** @param cell one that is no index */
  #put(cell: number, count: number): void {
    if (count >= 0 && count <= this.#most) {
      this.cells[cell] = count;
      return;
    }
    const slot = this.#free.pop() ?? this.#large.length;
    if (slot > this.#most) {
      this.#takeFourBytes();
      this.#put(cell, count);
      return;
    }
    this.#large[slot] = count;
    this.cells[cell] = this.mark | slot;
  }

  #takeFourBytes(): void {
    const { cells } = this;
    const large = this.#large;
    this.cells = new Uint32Array(cells.length);
    this.words = wordsOf(this.cells);
    this.mark = LARGE_OF_FOUR;
    this.#most = 2 ** 31 - 1;
    this.#large = [];
    for (let cell = 0; cell < cells.length; cell++) {
      const held = cells[cell] ?? 0;
      this.#put(cell, (held & LARGE) === 0 ? held : (large[held & (LARGE - 1)] ?? 0));
    }
  }

  /** A copy of what is there: numbers of the rows that hold something, rising, and their counts [place in `rows` x stride]. */
  held(): { readonly rows: Int32Array; readonly counts: Uint32Array | Float64Array } {
    const { stride } = this;
    const rows =
      this.isPaired && stride > 1
        ? heldRows(this.words, stride >> 1)
        : heldRows(this.cells, stride);
    const isHuge = this.#large.some((count) => count >= 2 ** 32);
    const length = rows.length * stride;
    const counts = isHuge ? new Float64Array(length) : new Uint32Array(length);
    let into = 0;
    // Plain loops: an iterator allocates at each step, and a full table has millions.
    for (let at = 0; at < rows.length; at++) {
      const row = (rows[at] ?? 0) * stride;
      for (let cell = row; cell < row + stride; cell++) counts[into++] = this.at(cell);
    }
    return { rows, counts };
  }

  reserveRows(atLeast: number): void {
    if (atLeast <= this.rows) return;
    this.rows = Math.max(atLeast, this.rows * 2);
    const cells = this.#empty(this.rows * this.stride);
    cells.set(this.cells);
    this.cells = cells;
    this.words = wordsOf(cells);
  }

  /** Doubles the stride. */
  widen(): void {
    const from = this.stride;
    const to = from * 2;
    const cells = this.#empty(this.rows * to);
    for (let row = 0, at = 0; at < this.cells.length; row += to, at += from)
      for (let cell = 0; cell < from; cell++) cells[row + cell] = this.cells[at + cell] ?? 0;
    this.cells = cells;
    this.words = wordsOf(cells);
    this.stride = to;
  }

  #empty(length: number): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    return this.mark === LARGE ? new Uint16Array(length) : new Uint32Array(length);
  }
}

/** Numbers of the rows of some units each of which one is not 0. */
function heldRows(units: Int32Array | Uint16Array | Uint32Array, width: number): Int32Array {
  let rows = new Int32Array(4096);
  let length = 0;
  for (let at = 0; at < units.length; at += width) {
    let bits = units[at] ?? 0;
    for (let more = at + 1; more < at + width; more++) bits |= units[more] ?? 0;
    if (bits === 0) continue;
    if (length === rows.length) rows = lengthened(rows, 2 * rows.length);
    rows[length++] = at / width;
  }
  return rows.slice(0, length);
}

function wordsOf(cells: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>) {
  return new Int32Array(cells.buffer, 0, cells instanceof Uint16Array ? cells.length >> 1 : 0);
}
