/**
 * Rows of counts in two bytes each: a table that random look-ups go to is as fast as it is small, and only the most frequent words of
 * a long stream need more.
 *
 *   cell < 32,768: the count        cell >= 32,768: which of `#large` holds it
 *
 * There is room for 32,768 large counts; with one more the cells get four bytes. A cell is 0 only if its count is. No count of a
 * pipeline falls below 0; where sums are added in another order one may on the way, and it stands among the large ones meanwhile.
 */

/** Bit of a cell whose count is a large one. */
export const LARGE = 0x8000;
const SLOT = LARGE - 1;

const IS_LOW_FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** By how many bits the count of a cell is shifted in its word: two cells make one, in the order of the machine. */
export function laneOf(cell: number): number {
  return ((cell & 1) === 0) === IS_LOW_FIRST ? 0 : 16;
}

export class CountCells {
  /** Row-major [row x stride]. Read others than small counts through `at`, and write them through `add`. */
  cells: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  /** The cells two by two, see {@link laneOf}; empty if they have four bytes. */
  words: Int32Array<ArrayBuffer>;
  stride: number;
  rows: number;
  /** LARGE, or 0 if no cell is an index. */
  mark = LARGE;
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

  at(cell: number): number {
    const count = this.cells[cell] ?? 0;
    return (count & this.mark) === 0 ? count : Math.max(0, this.#large[count & SLOT] ?? 0);
  }

  /** Two cells as a word; a large count is LARGE. */
  wordAt(word: number): number {
    const first = Math.min(this.at(2 * word), LARGE);
    const second = Math.min(this.at(2 * word + 1), LARGE);
    return (first << laneOf(0)) | (second << laneOf(1));
  }

  /** @param amount any integer; a count below 0 is kept, and read as 0 */
  add(cell: number, amount: number): void {
    const held = this.cells[cell] ?? 0;
    const isLarge = (held & this.mark) !== 0;
    const count = (isLarge ? (this.#large[held & SLOT] ?? 0) : held) + amount;
    const isSmall = count >= 0 && count < LARGE;
    if (this.mark === 0 || (!isLarge && isSmall)) this.cells[cell] = count;
    else if (isSmall) {
      this.#free.push(held & SLOT);
      this.cells[cell] = count;
    } else if (isLarge) this.#large[held & SLOT] = count;
    else this.#enlarge(cell, count);
  }

  #enlarge(cell: number, count: number): void {
    const slot = this.#free.pop() ?? this.#large.length;
    if (slot === LARGE) {
      this.cells = this.counts();
      this.words = wordsOf(this.cells);
      this.mark = 0;
      this.#large = [];
      this.cells[cell] = count;
      return;
    }
    this.#large[slot] = count;
    this.cells[cell] = LARGE | slot;
  }

  /** A copy in which each cell is its count. */
  counts(): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
    if (this.mark === 0 || this.#large.length === this.#free.length) return this.cells.slice();
    const counts = new Uint32Array(this.cells.length);
    for (let cell = 0; cell < counts.length; cell++) counts[cell] = this.at(cell);
    return counts;
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
    return this.mark === 0 ? new Uint32Array(length) : new Uint16Array(length);
  }
}

function wordsOf({
  buffer,
  length,
  BYTES_PER_ELEMENT,
}: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  return new Int32Array(buffer, 0, BYTES_PER_ELEMENT === 2 ? length >> 1 : 0);
}
