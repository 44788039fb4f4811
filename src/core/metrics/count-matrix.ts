/**
 * Confusion counts by class index: cell (t, p) holds the records of true class t that were answered p. Row sums are the support
 * of a class, column sums its answers. Counts of integers are exact and add up, so matrices of partitions merge.
 */
import { lengthened } from '../typed-arrays.ts';

/** What every label metric is computed from. */
export interface Counts {
  /** Number of classes K. */
  readonly size: number;
  /** Row-major [K x K]: `cells[truth * K + prediction]`. */
  readonly cells: Float64Array;
  /** Support per class, length >= K. */
  readonly rows: Float64Array;
  /** Answers per class, length >= K. */
  readonly columns: Float64Array;
  /** Sum of the diagonal. */
  readonly hits: number;
  /** Sum of all cells. */
  readonly total: number;
}

/** {@link Counts} that can be changed. */
export class CountMatrix implements Counts {
  #size = 0;
  #cells = new Float64Array(0);
  #rows = new Float64Array(0);
  #columns = new Float64Array(0);
  #hits = 0;
  #total = 0;

  constructor(size = 0) {
    this.grow(size);
  }

  get size(): number {
    return this.#size;
  }
  get cells(): Float64Array {
    return this.#cells;
  }
  get rows(): Float64Array {
    return this.#rows;
  }
  get columns(): Float64Array {
    return this.#columns;
  }
  get hits(): number {
    return this.#hits;
  }
  get total(): number {
    return this.#total;
  }

  /** Adds empty classes until there are `size`; never fewer than now. */
  grow(size: number): void {
    const old = this.#size;
    if (size <= old) return;
    const cells = new Float64Array(size * size);
    for (let truth = 0; truth < old; truth++)
      cells.set(this.#cells.subarray(truth * old, truth * old + old), truth * size);
    this.#cells = cells;
    this.#rows = lengthened(this.#rows, size);
    this.#columns = lengthened(this.#columns, size);
    this.#size = size;
  }

  /** Adds `weight` (negative: takes it out) to a cell; both classes < `size`. */
  add(truth: number, prediction: number, weight: number): void {
    const at = truth * this.#size + prediction;
    this.#cells[at] = (this.#cells[at] ?? 0) + weight;
    this.#rows[truth] = (this.#rows[truth] ?? 0) + weight;
    this.#columns[prediction] = (this.#columns[prediction] ?? 0) + weight;
    if (truth === prediction) this.#hits += weight;
    this.#total += weight;
  }

  at(truth: number, prediction: number): number {
    return this.#cells[truth * this.#size + prediction] ?? 0;
  }

  /** Becomes an exact copy of `other`; allocates only when the number of classes differs. */
  copyFrom(other: CountMatrix): void {
    if (this.#size !== other.#size) {
      this.#size = other.#size;
      this.#cells = new Float64Array(other.#cells.length);
      this.#rows = new Float64Array(other.#rows.length);
      this.#columns = new Float64Array(other.#columns.length);
    }
    this.#cells.set(other.#cells);
    this.#rows.set(other.#rows);
    this.#columns.set(other.#columns);
    this.#hits = other.#hits;
    this.#total = other.#total;
  }

  /** A matrix from row-major cells; exact for integer cells. */
  static of(size: number, cells: ArrayLike<number>): CountMatrix {
    const matrix = new CountMatrix(size);
    for (let truth = 0; truth < size; truth++)
      for (let prediction = 0; prediction < size; prediction++)
        matrix.add(truth, prediction, cells[truth * size + prediction] ?? 0);
    return matrix;
  }
}
