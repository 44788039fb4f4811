/**
 * The last `window` scores. Figures of the window are summed anew, oldest first, when they are asked for: so they are a function
 * of its content alone, whatever was added, rolled back or restored before, and no rounding error piles up.
 */
import { CountMatrix } from './count-matrix.ts';
import { BINS, binOf } from './losses.ts';
import { binTriples, type Sums } from './values.ts';

/** Scores in columns, oldest first; plain data. Classes by index. */
export interface Scores {
  readonly truth: readonly number[];
  readonly prediction: readonly number[];
  /** 1 where the label equals the one before. */
  readonly repeat: readonly number[];
  readonly logLoss: readonly number[];
  readonly brier: readonly number[];
  /** Top probability. */
  readonly confidence: readonly number[];
}

const FIELDS = 3;

export class ScoreRing {
  readonly window: number;
  /** Per slot: truth, prediction, repeat. */
  readonly #codes: Int32Array;
  /** Per slot: log loss, Brier, confidence. */
  readonly #values: Float64Array;
  #next = 0;
  #length = 0;
  /** What the slots written since the mark held before; each is kept once, at its own place. */
  readonly #keptCodes: Int32Array;
  readonly #keptValues: Float64Array;
  #markedNext = 0;
  #markedLength = 0;
  #pushed = 0;

  /** @param window scores kept, an integer >= 1 */
  constructor(window: number) {
    this.window = window;
    this.#codes = new Int32Array(window * FIELDS);
    this.#values = new Float64Array(window * FIELDS);
    this.#keptCodes = new Int32Array(window * FIELDS);
    this.#keptValues = new Float64Array(window * FIELDS);
  }

  get length(): number {
    return this.#length;
  }

  push(
    truth: number,
    prediction: number,
    repeat: number,
    logLoss: number,
    brier: number,
    confidence: number,
  ): void {
    const at = this.#next * FIELDS;
    if (this.#pushed < this.window) {
      copySlot(this.#codes, this.#keptCodes, at);
      copySlot(this.#values, this.#keptValues, at);
    }
    this.#codes[at] = truth;
    this.#codes[at + 1] = prediction;
    this.#codes[at + 2] = repeat;
    this.#values[at] = logLoss;
    this.#values[at + 1] = brier;
    this.#values[at + 2] = confidence;
    this.#next = this.#next + 1 === this.window ? 0 : this.#next + 1;
    if (this.#length < this.window) this.#length++;
    this.#pushed++;
  }

  mark(): void {
    this.#markedNext = this.#next;
    this.#markedLength = this.#length;
    this.#pushed = 0;
  }

  /** Back to the mark, in time proportional to the slots written since. */
  rollback(): void {
    const written = Math.min(this.#pushed, this.window);
    for (let index = 0; index < written; index++) {
      const at = ((this.#markedNext + index) % this.window) * FIELDS;
      copySlot(this.#keptCodes, this.#codes, at);
      copySlot(this.#keptValues, this.#values, at);
    }
    this.#next = this.#markedNext;
    this.#length = this.#markedLength;
    this.#pushed = 0;
  }

  /** Confusion counts and sums of the window. */
  total(classes: number): { readonly counts: CountMatrix; readonly sums: Sums } {
    const codes = this.#codes;
    const values = this.#values;
    const length = this.#length;
    const cells = new Float64Array(classes * classes);
    const bins = new Float64Array(BINS * 3);
    let logLoss = 0;
    let brier = 0;
    let noChangeHits = 0;
    let at = this.#slot(0, length);
    for (let index = 0; index < length; index++) {
      const truth = codes[at] ?? 0;
      const prediction = codes[at + 1] ?? 0;
      const confidence = values[at + 2] ?? 0;
      const cell = truth * classes + prediction;
      const bin = binOf(confidence) * 3;
      cells[cell] = (cells[cell] ?? 0) + 1;
      noChangeHits += codes[at + 2] ?? 0;
      logLoss += values[at] ?? 0;
      brier += values[at + 1] ?? 0;
      bins[bin] = (bins[bin] ?? 0) + 1;
      if (truth === prediction) bins[bin + 1] = (bins[bin + 1] ?? 0) + 1;
      bins[bin + 2] = (bins[bin + 2] ?? 0) + confidence;
      at = at + FIELDS === codes.length ? 0 : at + FIELDS;
    }
    return {
      counts: CountMatrix.of(classes, cells),
      sums: { n: length, logLoss, brier, noChangeHits, ece: binTriples(bins) },
    };
  }

  /** The newest `limit` scores, oldest first. */
  newest(limit: number): Scores {
    const size = Math.min(limit, this.#length);
    const code = (field: number): number[] =>
      Array.from({ length: size }, (_, index) => this.#codes[this.#slot(index, size) + field] ?? 0);
    const value = (field: number): number[] =>
      Array.from(
        { length: size },
        (_, index) => this.#values[this.#slot(index, size) + field] ?? 0,
      );
    return {
      truth: code(0),
      prediction: code(1),
      repeat: code(2),
      logLoss: value(0),
      brier: value(1),
      confidence: value(2),
    };
  }

  /** Adds scores, oldest first. */
  extend(scores: Scores): void {
    for (const [index, truth] of scores.truth.entries())
      this.push(
        truth,
        scores.prediction[index] ?? 0,
        scores.repeat[index] ?? 0,
        scores.logLoss[index] ?? 0,
        scores.brier[index] ?? 0,
        scores.confidence[index] ?? 0,
      );
  }

  /** Where the `index`-th of the newest `size` scores begins. */
  #slot(index: number, size: number): number {
    const slot = this.#next - size + index;
    return (slot < 0 ? slot + this.window : slot) * FIELDS;
  }
}

function copySlot(
  from: Int32Array | Float64Array,
  to: Int32Array | Float64Array,
  at: number,
): void {
  to[at] = from[at] ?? 0;
  to[at + 1] = from[at + 1] ?? 0;
  to[at + 2] = from[at + 2] ?? 0;
}
