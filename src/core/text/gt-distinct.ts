/**
 * Distinct feature ids of one document in order of first occurrence. Repeats are found in a small table of stamped cells, so that
 * nothing is cleared between documents and the table of counts is only read.
 */

const FIRST_CELLS = 256;
const LAST_STAMP = 0x7fff_ffff;

export class DistinctIds {
  length = 0;
  ids = new Int32Array(FIRST_CELLS);
  /** What was given with the first occurrence of each id. */
  origins = new Int32Array(FIRST_CELLS);
  /** [stamp, id]…; a cell is taken if it has the stamp of this document. */
  #cells = new Int32Array(2 * FIRST_CELLS);
  #stamp = 0;
  /** Cells in use for this document less one: a short document stays in the first few cache lines. */
  #mask = FIRST_CELLS - 1;

  /** Begins a document that will have about `expected` ids. */
  reset(expected: number): void {
    this.length = 0;
    if (this.#stamp === LAST_STAMP) {
      this.#cells.fill(0);
      this.#stamp = 0;
    }
    this.#stamp += 1;
    let cells = FIRST_CELLS;
    while (cells < expected * 2) cells *= 2;
    this.#use(cells);
  }

  /** Appends an id unless it is there. */
  add(id: number, origin: number): void {
    const cells = this.#cells;
    const stamp = this.#stamp;
    const mask = this.#mask;
    let cell = (id & mask) << 1;
    while (cells[cell] === stamp) {
      if (cells[cell + 1] === id) return;
      cell = (cell + 2) & ((mask << 1) | 1);
    }
    cells[cell] = stamp;
    cells[cell + 1] = id;
    const at = this.length;
    this.ids[at] = id;
    this.origins[at] = origin;
    this.length = at + 1;
    if ((at + 1) * 2 > mask) this.#grow();
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
    const { ids, origins } = this;
    const cells = this.#cells;
    const stamp = this.#stamp;
    const mask = (this.#mask << 1) | 1;
    let { length } = this;
    for (let at = 0; at < count; at++) {
      if (picked !== undefined && picked[at] === 0) continue;
      const id = (hashes[at] ?? 0) & bits;
      let cell = (id << 1) & mask;
      while (cells[cell] === stamp && cells[cell + 1] !== id) cell = (cell + 2) & mask;
      if (cells[cell] === stamp) continue;
      cells[cell] = stamp;
      cells[cell + 1] = id;
      ids[length] = id;
      origins[length] = at;
      length += 1;
    }
    this.length = length;
  }

  #use(cells: number): void {
    this.#mask = cells - 1;
    if (cells * 2 > this.#cells.length) {
      this.#cells = new Int32Array(cells * 2);
      this.#stamp = 1;
    }
    if (cells > this.ids.length * 2) {
      this.ids = lengthened(this.ids, cells);
      this.origins = lengthened(this.origins, cells);
    }
  }

  /** Twice the cells; the ids are put in again. */
  #grow(): void {
    const { length } = this;
    this.reset(this.#mask + 1);
    for (let at = 0; at < length; at++) this.add(this.ids[at] ?? 0, this.origins[at] ?? 0);
  }
}

function lengthened(cells: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(cells);
  return copy;
}
