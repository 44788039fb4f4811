/**
 * ADWIN: a window that grows while the mean stays and drops its old part when two parts of it differ.
 *
 *   row 0: buckets of 1 value │ row 1: of 2 │ row 2: of 4 │ …     at most `maxBuckets` a row, oldest first; one more merges two
 *
 * All buckets lie in two flat arrays, row by row: no update allocates, except once each time the window doubles.
 *
 * @see Bifet, Gavaldà (2007), Learning from time-changing data with adaptive windowing; checked against River 0.26.1
 */
import type { DriftDetector } from './drift-detector.ts';

export interface AdwinOptions {
  /** Confidence: smaller is slower to detect and less often wrong; > 0. */
  readonly delta?: number;
  /** Looks for a change every so many updates. */
  readonly clock?: number;
  /** Buckets a row, an integer >= 1. */
  readonly maxBuckets?: number;
  /** Values that each side of a cut needs. */
  readonly minWindowLength?: number;
  /** Values in the window before it looks for a change at all. */
  readonly gracePeriod?: number;
}

/** JSON-safe, canonical. */
export interface AdwinSnapshot {
  readonly width: number;
  readonly total: number;
  readonly variance: number;
  /** Updates since the last reset. */
  readonly updates: number;
  readonly drift: boolean;
  /** Sum and variance of each bucket, alternating, oldest first; row 0 first. */
  readonly rows: readonly (readonly number[])[];
}

const FIRST_ROWS = 12;

export class Adwin implements DriftDetector {
  readonly warning = false;
  readonly #options: Required<AdwinOptions>;
  /** Cells per row: one bucket more than stays. */
  readonly #stride: number;
  #sums: Float64Array;
  #variances: Float64Array;
  /** Buckets per row. */
  #sizes: Int32Array;
  #rows = 1;
  #width = 0;
  #total = 0;
  #variance = 0;
  #updates = 0;
  #drift = false;
  #marked: Adwin | undefined;

  constructor(options: AdwinOptions = {}) {
    this.#options = {
      delta: 0.002,
      clock: 32,
      maxBuckets: 5,
      minWindowLength: 5,
      gracePeriod: 10,
      ...options,
    };
    this.#stride = this.#options.maxBuckets + 1;
    this.#sums = new Float64Array(FIRST_ROWS * this.#stride);
    this.#variances = new Float64Array(FIRST_ROWS * this.#stride);
    this.#sizes = new Int32Array(FIRST_ROWS);
  }

  get drift(): boolean {
    return this.#drift;
  }
  /** Values in the window. */
  get width(): number {
    return this.#width;
  }
  /** Sum of the window. */
  get total(): number {
    return this.#total;
  }
  /** Sum of squared deviations over the window, as the buckets know it. */
  get variance(): number {
    return this.#variance;
  }
  /** Mean of the window, 0 when it is empty. */
  get estimation(): number {
    return this.#width === 0 ? 0 : this.#total / this.#width;
  }

  update(value: number): void {
    if (this.#drift) this.#reset();
    this.#updates++;
    this.#insert(value);
    this.#drift =
      this.#updates % this.#options.clock === 0 &&
      this.#width > this.#options.gracePeriod &&
      this.#shrink();
  }

  /** Forgets what it has read, as after a detection. */
  restart(): void {
    this.#reset();
  }

  mark(): void {
    this.#marked ??= new Adwin(this.#options);
    this.#marked.#copyFrom(this);
  }

  rollback(): void {
    if (this.#marked === undefined) this.#reset();
    else this.#copyFrom(this.#marked);
  }

  /** A detector of its own in the same state. */
  clone(): Adwin {
    const copy = new Adwin(this.#options);
    copy.#copyFrom(this);
    copy.mark();
    return copy;
  }

  snapshot(): AdwinSnapshot {
    return {
      width: this.#width,
      total: this.#total,
      variance: this.#variance,
      updates: this.#updates,
      drift: this.#drift,
      rows: Array.from({ length: this.#rows }, (_, row) =>
        Array.from({ length: 2 * (this.#sizes[row] ?? 0) }, (__, cell) => {
          const at = row * this.#stride + (cell >> 1);
          return (cell % 2 === 0 ? this.#sums[at] : this.#variances[at]) ?? 0;
        }),
      ),
    };
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: AdwinSnapshot, options: AdwinOptions = {}): Adwin {
    const adwin = new Adwin(options);
    adwin.#makeRoom(snapshot.rows.length);
    adwin.#rows = snapshot.rows.length;
    adwin.#width = snapshot.width;
    adwin.#total = snapshot.total;
    adwin.#variance = snapshot.variance;
    adwin.#updates = snapshot.updates;
    adwin.#drift = snapshot.drift;
    for (const [row, cells] of snapshot.rows.entries()) {
      adwin.#sizes[row] = cells.length / 2;
      for (let cell = 0; cell < cells.length; cell += 2) {
        const at = row * adwin.#stride + cell / 2;
        adwin.#sums[at] = cells[cell] ?? 0;
        adwin.#variances[at] = cells[cell + 1] ?? 0;
      }
    }
    adwin.mark();
    return adwin;
  }

  #insert(value: number): void {
    this.#append(0, value, 0);
    this.#width++;
    if (this.#width > 1) {
      const before = this.#width - 1;
      const gap = value - this.#total / before;
      this.#variance += (before * gap * gap) / this.#width;
    }
    this.#total += value;
    for (let row = 0; (this.#sizes[row] ?? 0) > this.#options.maxBuckets; row++) this.#merge(row);
  }

  /** Merges the two oldest buckets of a row into one of the next. */
  #merge(row: number): void {
    const at = row * this.#stride;
    const older = this.#sums[at] ?? 0;
    const newer = this.#sums[at + 1] ?? 0;
    const n = 2 ** row;
    const gap = older / n - newer / n;
    const inner = (this.#variances[at] ?? 0) + (this.#variances[at + 1] ?? 0);
    this.#append(row + 1, older + newer, inner + (n * n * gap * gap) / (2 * n));
    this.#discard(row, 2);
  }

  #append(row: number, sum: number, variance: number): void {
    this.#makeRoom(row + 1);
    const size = this.#sizes[row] ?? 0;
    this.#sums[row * this.#stride + size] = sum;
    this.#variances[row * this.#stride + size] = variance;
    this.#sizes[row] = size + 1;
    if (row >= this.#rows) this.#rows = row + 1;
  }

  /** Drops the oldest buckets of a row. */
  #discard(row: number, buckets: number): void {
    const at = row * this.#stride;
    const end = at + (this.#sizes[row] ?? 0);
    const sums = this.#sums;
    const variances = this.#variances;
    // A loop: for so few cells copyWithin takes longer.
    for (let cell = at + buckets; cell < end; cell++) {
      sums[cell - buckets] = sums[cell] ?? 0;
      variances[cell - buckets] = variances[cell] ?? 0;
    }
    this.#sizes[row] = end - at - buckets;
  }

  /** Drops oldest buckets as long as two parts of the window differ; whether one was dropped. */
  #shrink(): boolean {
    let dropped = false;
    while (this.#differs()) {
      this.#dropOldest();
      dropped = true;
    }
    return dropped;
  }

  /** Whether some cut leaves two parts whose means differ by more than chance allows. */
  #differs(): boolean {
    const { delta, minWindowLength } = this.#options;
    const width = this.#width;
    const confidence = Math.log((2 * Math.log(width)) / delta);
    const spread = 2 * (this.#variance / width) * confidence;
    let before = 0;
    let sumBefore = 0;
    let after = width;
    let sumAfter = this.#total;
    for (let row = this.#rows - 1; row >= 0; row--) {
      const n = 2 ** row;
      const size = this.#sizes[row] ?? 0;
      for (let bucket = 0; bucket < size; bucket++) {
        if (row === 0 && bucket === size - 1) return false;
        const sum = this.#sums[row * this.#stride + bucket] ?? 0;
        before += n;
        sumBefore += sum;
        after -= n;
        sumAfter -= sum;
        if (after < minWindowLength) return false;
        if (before < minWindowLength) continue;
        const m = 1 / (before - minWindowLength + 1) + 1 / (after - minWindowLength + 1);
        const epsilon = Math.sqrt(m * spread) + (2 / 3) * confidence * m;
        if (Math.abs(sumBefore / before - sumAfter / after) > epsilon) return true;
      }
    }
    return false;
  }

  #dropOldest(): void {
    const row = this.#rows - 1;
    const n = 2 ** row;
    const at = row * this.#stride;
    const sum = this.#sums[at] ?? 0;
    this.#width -= n;
    this.#total -= sum;
    const gap = sum / n - this.#total / this.#width;
    this.#variance -=
      (this.#variances[at] ?? 0) + (n * this.#width * gap * gap) / (n + this.#width);
    this.#discard(row, 1);
    while (this.#rows > 1 && this.#sizes[this.#rows - 1] === 0) this.#rows--;
  }

  #reset(): void {
    this.#sizes.fill(0);
    this.#rows = 1;
    this.#width = 0;
    this.#total = 0;
    this.#variance = 0;
    this.#updates = 0;
    this.#drift = false;
  }

  #copyFrom(other: Adwin): void {
    this.#makeRoom(other.#rows);
    const cells = other.#rows * this.#stride;
    this.#sums.set(other.#sums.subarray(0, cells));
    this.#variances.set(other.#variances.subarray(0, cells));
    this.#sizes.fill(0);
    this.#sizes.set(other.#sizes.subarray(0, other.#rows));
    this.#rows = other.#rows;
    this.#width = other.#width;
    this.#total = other.#total;
    this.#variance = other.#variance;
    this.#updates = other.#updates;
    this.#drift = other.#drift;
  }

  #makeRoom(rows: number): void {
    if (rows <= this.#sizes.length) return;
    const room = rows + FIRST_ROWS;
    const sums = new Float64Array(room * this.#stride);
    const variances = new Float64Array(room * this.#stride);
    const sizes = new Int32Array(room);
    sums.set(this.#sums);
    variances.set(this.#variances);
    sizes.set(this.#sizes);
    this.#sums = sums;
    this.#variances = variances;
    this.#sizes = sizes;
  }
}
