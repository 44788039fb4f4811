import { lengthened } from '../typed-arrays.ts';

/**
 * Distinct feature ids of one document in order of first occurrence. Repeats are found in a small table of stamped cells, so that
 * nothing is cleared between documents and the table of counts is only read.
 */

const FIRST_CELLS = 256;
const LAST_STAMP = 0x7fff_ffff;
/** Most cells of a document that shares them; one that needs more has its own. */
const SHARED_CELLS = 2 ** 16;
/** [stamp, id]…; a cell is taken if it has the stamp of the document in hand. A constant, see `gt-units.ts`. */
const SHARED = new Int32Array(2 * SHARED_CELLS);
/** Of the document in hand, whoever's it is: one is done before another begins. */
let stamp = 0;

export class DistinctIds {
  length = 0;
  ids = new Int32Array(FIRST_CELLS);
  /** What was given with the first occurrence of each id. */
  origins = new Int32Array(FIRST_CELLS);
  #cells = SHARED;
  /** Cells in use for this document less one: a short document stays in the first few cache lines. */
  #mask = FIRST_CELLS - 1;

  /** Begins a document that will have about `expected` ids. */
  reset(expected: number): void {
    this.length = 0;
    if (stamp === LAST_STAMP) {
      SHARED.fill(0);
      stamp = 0;
    }
    stamp += 1;
    let cells = FIRST_CELLS;
    while (cells < expected * 2 && cells < SHARED_CELLS) cells *= 2;
    this.#cells = SHARED;
    this.#mask = cells - 1;
  }

  /** Appends an id unless it is there. */
  add(id: number, origin: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let cell = (id & mask) << 1;
    while (cells[cell] === stamp) {
      if (cells[cell + 1] === id) return;
      cell = (cell + 2) & ((mask << 1) | 1);
    }
    cells[cell] = stamp;
    cells[cell + 1] = id;
    this.#reserve(1);
    this.ids[this.length] = id;
    this.origins[this.length] = origin;
    this.length += 1;
    if (this.length * 2 > mask) this.#grow();
  }

  /**
   * Appends the ids of `count` hashes, each with its place in `hashes` as the origin: as `add` does, in one loop over variables and
   * with room made at once, for speed.
   *
   * @param bits of a hash that are the id
   * @param picked hashes whose cell here is 0 are passed over
   */
  addAll(hashes: Int32Array, count: number, bits: number, picked?: Uint8Array): void {
    while ((this.length + count) * 2 > this.#mask) this.#grow();
    this.#reserve(count);
    if (this.#cells === SHARED) {
      this.#addShared(hashes, count, bits, picked);
      return;
    }
    for (let at = 0; at < count; at++)
      if (picked === undefined || picked[at] !== 0) this.add((hashes[at] ?? 0) & bits, at);
  }

  #addShared(hashes: Int32Array, count: number, bits: number, picked?: Uint8Array): void {
    const cells = SHARED;
    const mark = stamp | 0;
    const mask = (this.#mask << 1) | 1;
    const { ids, origins } = this;
    let length = this.length | 0;
    for (let at = 0; at < count; at++) {
      if (picked !== undefined && picked[at] === 0) continue;
      const id = (hashes[at] ?? 0) & bits;
      let cell = (id << 1) & mask;
      while (cells[cell] === mark && cells[cell + 1] !== id) cell = (cell + 2) & mask;
      if (cells[cell] === mark) continue;
      cells[cell] = mark;
      cells[cell + 1] = id;
      ids[length] = id;
      origins[length] = at;
      length += 1;
    }
    this.length = length;
  }

  /** Twice the cells; the ids are put in again. */
  #grow(): void {
    const { length } = this;
    const cells = (this.#mask + 1) * 2;
    this.reset(cells / 2);
    this.#mask = cells - 1;
    if (cells > SHARED_CELLS) this.#cells = new Int32Array(cells * 2);
    for (let at = 0; at < length; at++) this.add(this.ids[at] ?? 0, this.origins[at] ?? 0);
  }

  /** Room for `more` ids. */
  #reserve(more: number): void {
    const length = this.length + more;
    if (length <= this.ids.length) return;
    this.ids = lengthened(this.ids, length * 2);
    this.origins = lengthened(this.origins, length * 2);
  }
}
