import type { ModelDelta } from './model.ts';

/** What GT-NB learned: of one document, and of a chunk. */

/** Counts per document: 1, or 16 where parts of documents are counted. */
export type CountUnit = 1 | 16;

/** What one document added. */
export interface Addition {
  /** To n of each of its features, in units. */
  readonly amount: number;
  /** To D, in units. */
  readonly mass: number;
}

/** Sums up a journal by feature: an open hash table over rows in the order of their first change. */
export class SumsByFeature {
  /** Index of a row + 1; 0: free. A power of two, at least twice the rows. */
  #slots = new Int32Array(1024);
  #ids = new Int32Array(512);
  /** Row-major [row x width]: changes by class, then of df. */
  #cells = new Float64Array(512 * 3);
  #width = 3;
  #rows = 0;

  clear(width: number): void {
    this.#slots.fill(0);
    if (this.#ids.length * width > this.#cells.length)
      this.#cells = new Float64Array(this.#ids.length * width);
    else this.#cells.fill(0, 0, this.#rows * this.#width);
    this.#rows = 0;
    this.#width = width;
  }

  add(id: number, column: number, amount: number): void {
    const row = this.#rowOf(id) * this.#width;
    this.#cells[row + column] = (this.#cells[row + column] ?? 0) + amount;
    const last = row + this.#width - 1;
    this.#cells[last] = (this.#cells[last] ?? 0) + (amount < 0 ? -1 : 1);
  }

  toDelta(classes: ModelDelta['classes'], masses: Float64Array, unit: CountUnit): ModelDelta {
    const width = classes.length;
    const ids = new Int32Array(this.#rows);
    const counts = new Float64Array(this.#rows * width);
    const frequencies = new Float64Array(unit === 1 ? 0 : this.#rows);
    let kept = 0;
    for (let row = 0; row < this.#rows; row++) {
      const from = row * this.#width;
      let isChanged = unit !== 1 && this.#cells[from + width] !== 0;
      for (let column = 0; column < width; column++) {
        const change = this.#cells[from + column] ?? 0;
        counts[kept * width + column] = change;
        if (change !== 0) isChanged = true;
      }
      if (!isChanged) continue;
      if (unit !== 1) frequencies[kept] = this.#cells[from + width] ?? 0;
      ids[kept++] = this.#ids[row] ?? 0;
    }
    // Hardly ever does a row sum up to nothing: what was made is what is kept.
    const isWhole = kept === this.#rows;
    const sums = {
      classes,
      ids: isWhole ? ids : ids.slice(0, kept),
      counts: isWhole ? counts : counts.slice(0, kept * width),
    };
    return unit === 1 ? sums : { ...sums, masses, frequencies: frequencies.slice(0, kept) };
  }

  #rowOf(id: number): number {
    const mask = this.#slots.length - 1;
    let slot = Math.imul(id, 0x9e3779b1) & mask;
    for (;;) {
      const row = (this.#slots[slot] ?? 0) - 1;
      if (row === -1) break;
      if (this.#ids[row] === id) return row;
      slot = (slot + 1) & mask;
    }
    if (this.#rows === this.#ids.length) {
      this.#grow();
      return this.#rowOf(id);
    }
    this.#ids[this.#rows] = id;
    this.#slots[slot] = ++this.#rows;
    return this.#rows - 1;
  }

  #grow(): void {
    const ids = new Int32Array(this.#ids.length * 2);
    ids.set(this.#ids);
    this.#ids = ids;
    this.#cells = longer(this.#cells, ids.length * this.#width);
    this.#slots = new Int32Array(ids.length * 2);
    const mask = this.#slots.length - 1;
    for (let row = 0; row < this.#rows; row++) {
      let slot = Math.imul(ids[row] ?? 0, 0x9e3779b1) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = row + 1;
    }
  }
}

function longer(cells: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(Math.max(length, cells.length));
  copy.set(cells);
  return copy;
}
