import { compareTerms } from './term-order.ts';

/**
 * The calibrator of GT-NB: a weight a per group, its accumulated squared gradient G, a bias b per class. It turns the group sums
 * of a document into log-odds that mean what they say, and learns online on the log loss.
 *
 * It depends on the order of records, so it is no part of the mergeable sums: each partition has its own, with a mark to roll back
 * to. Calibrators of partitions merge by weighted mean, see {@link Calibrator.merge}.
 *
 * @see Duchi, Hazan, Singer (2011), Adaptive subgradient methods: the rate of a
 */

const RATE = 0.5;
/** Most that one record moves a weight. */
const MAX_STEP = 0.5;
/** Constant, so that b follows a shift of the label shares. */
const BIAS_RATE = 0.02;

/** Own labels of a partition between two merges. */
export const LABELS_BETWEEN_MERGES = 25;

/** The classes of a model by column. Columns are private to the process. */
export interface ClassColumns {
  readonly labels: readonly string[];
  /** Column of a class, given if it has none. */
  columnFor(label: string): number;
}

/** Group sums of a document. */
export interface GroupValues {
  /** Row-major [group x position]. */
  readonly x: Float64Array;
  /** Groups that may have a sum other than 0, ascending; the first `groupCount` cells. */
  readonly groups: Int32Array;
  readonly groupCount: number;
}

/** A calibrator as data, JSON-safe and canonical: equal calibrators of one partition give equal states. */
export interface CalibratorState {
  /** a by group. */
  readonly weights: readonly number[];
  /** G by group. */
  readonly squares: readonly number[];
  /** b by class, in code-unit order of the labels; one of 0 is left out. */
  readonly bias: readonly (readonly [label: string, bias: number])[];
  /** Records that this partition learned in all; corrections do not take any back. */
  readonly labels: number;
  /** `labels` of each partition at this one's last merge, ascending; [] before the first. */
  readonly merged: readonly (readonly [partition: number, labels: number])[];
}

export class Calibrator {
  readonly weights: Float64Array;
  readonly squares: Float64Array;
  /** By column; as long as there are columns, see {@link reserve}. */
  bias = new Float64Array(4);
  /** Grows with every change. */
  version = 0;
  readonly #columns: ClassColumns;
  #labels = 0;
  #merged: ReadonlyMap<number, number> = new Map();
  readonly #markedWeights: Float64Array;
  readonly #markedSquares: Float64Array;
  #markedBias = new Float64Array(4);
  #markedLabels = 0;
  #markedVersion = 0;
  #markedMerged: ReadonlyMap<number, number> = new Map();

  /**
   * @param initial a of each group before the first record
   * @param columns of the model that it calibrates
   */
  constructor(initial: readonly number[], columns: ClassColumns) {
    this.weights = Float64Array.from(initial);
    this.squares = new Float64Array(initial.length);
    this.#markedWeights = this.weights.slice();
    this.#markedSquares = this.squares.slice();
    this.#columns = columns;
  }

  /** Records learned by this partition. */
  get labels(): number {
    return this.#labels;
  }

  /** It differs from its last mark, or might. */
  get isChanged(): boolean {
    return this.version !== this.#markedVersion;
  }

  /** Makes room for the biases of so many columns; new ones are 0. */
  reserve(columns: number): void {
    if (columns <= this.bias.length) return;
    const longer = new Float64Array(Math.max(columns, this.bias.length * 2));
    longer.set(this.bias);
    this.bias = longer;
  }

  /**
   * Learns one record; allocates nothing.
   *
   * @param sums of the document
   * @param p probability of each class, by position: the answer of the present state
   * @param order column of each position
   * @param truth position of the label
   * @param weight of the record, > 0; 1 is a whole one
   */
  learn(
    { x, groups, groupCount }: GroupValues,
    p: Float64Array,
    order: readonly number[],
    truth: number,
    weight: number,
  ): void {
    const { weights, squares, bias } = this;
    const classes = order.length;
    for (let index = 0; index < groupCount; index++) {
      const group = groups[index] ?? 0;
      let at = group * classes;
      let gradient = 0;
      for (let position = 0; position < classes; position++)
        gradient += ((p[position] ?? 0) - (position === truth ? 1 : 0)) * (x[at++] ?? 0);
      if (gradient === 0) continue;
      gradient *= weight;
      const square = (squares[group] ?? 0) + gradient * gradient;
      squares[group] = square;
      const step = (RATE * gradient) / Math.sqrt(square + 1);
      const moved = (weights[group] ?? 0) - Math.max(-MAX_STEP, Math.min(MAX_STEP, step));
      weights[group] = Math.max(0, moved);
    }
    for (let position = 0; position < classes; position++) {
      const column = order[position] ?? 0;
      const error = ((p[position] ?? 0) - (position === truth ? 1 : 0)) * weight;
      bias[column] = (bias[column] ?? 0) - BIAS_RATE * error;
    }
    this.#labels += 1;
    this.version += 1;
  }

  /**
   * Whether a partition merges at its next chunk: it has enough labels of its own since its last merge, or none at all.
   *
   * @param own this partition
   * @param labels how many are enough
   */
  isDue(own: number, labels: number = LABELS_BETWEEN_MERGES): boolean {
    return this.#labels === 0 || this.#labels - (this.#merged.get(own) ?? 0) >= labels;
  }

  /**
   * Takes the mean of all partitions: each weighs as many labels as it learned since the last merge of this one. A partition that
   * has learned no label yet takes the mean of the others by all of their labels, and goes on doing so until its first merge.
   *
   * @param own this partition
   * @param others calibrators of the other partitions, as far as this one has seen them
   * @returns false: none of them has learned anything since, the values stay
   */
  merge(own: number, others: ReadonlyMap<number, CalibratorState>): boolean {
    // A mean of one would round: a single partition's state must not depend on where its chunks end.
    if (others.size === 0) return false;
    const states = new Map([...others, [own, this.snapshot()] as const]);
    const parts = [...states]
      .toSorted(([a], [b]) => a - b)
      .map(([partition, state]) => ({
        state,
        weight: Math.max(0, state.labels - (this.#merged.get(partition) ?? 0)),
      }));
    const mean = meanOfCalibrators(parts);
    if (mean === undefined) return false;
    if (this.#labels > 0)
      this.#merged = new Map(Array.from(states, ([partition, { labels }]) => [partition, labels]));
    this.#load(mean);
    return true;
  }

  /** This state is committed. */
  mark(): void {
    this.#markedWeights.set(this.weights);
    this.#markedSquares.set(this.squares);
    if (this.#markedBias.length < this.bias.length) this.#markedBias = this.bias.slice();
    else this.#markedBias.set(this.bias);
    this.#markedLabels = this.#labels;
    this.#markedMerged = this.#merged;
    this.#markedVersion = this.version;
  }

  /** Back to the last mark, bit for bit. */
  rollback(): void {
    this.weights.set(this.#markedWeights);
    this.squares.set(this.#markedSquares);
    this.bias.fill(0);
    this.bias.set(this.#markedBias);
    this.#labels = this.#markedLabels;
    this.#merged = this.#markedMerged;
    this.version += 1;
    this.#markedVersion = this.version;
  }

  snapshot(): CalibratorState {
    const { labels } = this.#columns;
    return {
      weights: [...this.weights],
      squares: [...this.squares],
      bias: labels
        .map((label, column) => [label, this.bias[column] ?? 0] as const)
        .filter(([, bias]) => bias !== 0)
        .toSorted(([a], [b]) => compareTerms(a, b)),
      labels: this.#labels,
      merged: [...this.#merged].toSorted(([a], [b]) => a - b),
    };
  }

  /** A marked calibrator that goes on exactly as the one that gave the state. */
  static restore(state: CalibratorState, columns: ClassColumns): Calibrator {
    const calibrator = new Calibrator(state.weights, columns);
    calibrator.#load(state);
    calibrator.#labels = state.labels;
    calibrator.#merged = new Map(state.merged);
    calibrator.mark();
    return calibrator;
  }

  #load({ weights, squares, bias }: CalibratorValues): void {
    this.weights.set(weights);
    this.squares.set(squares);
    this.bias.fill(0);
    for (const [label, value] of bias) {
      const column = this.#columns.columnFor(label);
      this.reserve(column + 1);
      this.bias[column] = value;
    }
    this.version += 1;
  }
}

/** What of a calibrator merges. */
export type CalibratorValues = Pick<CalibratorState, 'weights' | 'squares' | 'bias'>;

/**
 * Mean of a, G and b; a label that a part lacks counts 0 there. Sums run in the order given, so give the parts in one order
 * everywhere: ascending partition.
 *
 * @returns undefined: all weights are 0
 */
export function meanOfCalibrators(
  parts: readonly { readonly state: CalibratorValues; readonly weight: number }[],
): CalibratorValues | undefined {
  const counted = parts.filter(({ weight }) => weight > 0);
  const total = counted.reduce((sum, { weight }) => sum + weight, 0);
  const [first] = counted;
  if (first === undefined) return undefined;
  // The mean of one is that one, to the last bit.
  if (counted.length === 1) return first.state;
  const mean = (value: (state: CalibratorValues) => number): number =>
    counted.reduce((sum, { state, weight }) => sum + weight * value(state), 0) / total;
  const bias = new Map<string, number>();
  for (const { state, weight } of counted)
    for (const [label, value] of state.bias)
      bias.set(label, (bias.get(label) ?? 0) + (weight * value) / total);
  return {
    weights: first.state.weights.map((_, group) => mean(({ weights }) => weights[group] ?? 0)),
    squares: first.state.squares.map((_, group) => mean(({ squares }) => squares[group] ?? 0)),
    bias: [...bias].toSorted(([a], [b]) => compareTerms(a, b)),
  };
}
