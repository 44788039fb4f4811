import type { GtnbCounts } from './gtnb-counts.ts';
import { TYPES, type LexiconValues, type TypedFeatures } from '../text/gt-features.ts';
import { LogTable } from './log-table.ts';

/**
 * Group sums of a document: the log-ratios of its features, the lexicon and the class shares, before any weight.
 *
 *   x [group x position]   groups: type x frequency bin, subjectivity, polarity, prior; positions: classes in the order of the answer
 *
 * Each group is centred: over the classes it sums to 0, up to rounding and but for subjectivity. Nothing is allocated per document
 * as long as the number of classes stays.
 */

/** Frequencies of a feature from which the next bin begins. */
const RARE = 3;
const COMMON = 10;
const FREQUENT = 100;
const BIN_COUNT = 4;

export const SUBJECTIVITY = TYPES * BIN_COUNT;
export const POLARITY = SUBJECTIVITY + 1;
export const PRIOR = POLARITY + 1;
export const GROUPS = PRIOR + 1;

/** a of the groups of unigrams, bigrams, trigrams and character n-grams. */
const INITIAL_BY_TYPE = [1.2, 0.7, 0.6, 0.3];
const INITIAL_LEXICON = 2;
const INITIAL_PRIOR = 1;

/** Weight of each group before the first record. */
export const INITIAL_WEIGHTS: readonly number[] = [
  ...INITIAL_BY_TYPE.flatMap((weight) => new Array<number>(BIN_COUNT).fill(weight)),
  INITIAL_LEXICON,
  INITIAL_LEXICON,
  INITIAL_PRIOR,
];

/** Of the lexicon sums, per point of a word's value. */
const LEXICON_SCALE = 0.3;
/** Keeps the logarithm of an empty class finite; the same for all, so it cancels. */
const TINY = 1e-300;

export class GroupSums {
  x = new Float64Array(0);
  readonly #counts: GtnbCounts;
  readonly #lexicon: LexiconValues | undefined;
  readonly #lastPole: number;
  readonly #isTernary: boolean;
  /** In units, as the counts. */
  readonly #alpha: number;
  readonly #logs: LogTable;
  #shares = new Float64Array(0);
  #logTotals = new Float64Array(0);
  #positive = 0;
  #negative = 0;
  #firsts = new Uint32Array(256);
  #seconds = new Uint32Array(256);
  #frequencies = new Uint32Array(256);

  /**
   * @param declared number of declared classes: the lexicon speaks about the first and the last, and needs two
   * @param alpha added to each count, > 0
   */
  constructor(
    counts: GtnbCounts,
    lexicon: LexiconValues | undefined,
    declared: number,
    alpha: number,
  ) {
    this.#counts = counts;
    this.#lexicon = declared < 2 ? undefined : lexicon;
    this.#lastPole = declared - 1;
    this.#isTernary = declared === 3;
    this.#alpha = alpha * counts.unit;
    this.#logs = new LogTable(this.#alpha);
  }

  /** Group of a feature. */
  static of(type: number, frequency: number): number {
    return type * BIN_COUNT + binOf(frequency);
  }

  /** Makes `x` those of a document. */
  fill(features: TypedFeatures, order: readonly number[]): void {
    this.prepare(order);
    if (order.length === 2) this.#gatherPair(features, order[0] ?? 0, order[1] ?? 0);
    else this.#gather(features, order);
    this.#addLexicon(features.ends[0] ?? 0, order.length);
    this.#addPrior(order);
  }

  /** Empties `x`, and makes {@link share} ready for these classes. */
  prepare(order: readonly number[]): void {
    const { totals, vocabulary, unit } = this.#counts;
    const classes = order.length;
    if (this.#shares.length === classes) this.x.fill(0);
    else {
      this.x = new Float64Array(GROUPS * classes);
      this.#shares = new Float64Array(classes);
      this.#logTotals = new Float64Array(classes);
    }
    const smoothing = this.#alpha * vocabulary + TINY * unit;
    for (let position = 0; position < classes; position++)
      this.#logTotals[position] = Math.log((totals[order[position] ?? 0] ?? 0) + smoothing);
    this.#positive = 0;
    this.#negative = 0;
  }

  /** Lexicon value of a feature. */
  valueOf(id: number): number {
    return this.#lexicon === undefined ? 0 : this.#lexicon.of(id);
  }

  /**
   * Log-likelihood of a feature in each class, less their mean: what it adds to its group before the square root.
   *
   * @param value lexicon value of the feature
   * @returns by position; overwritten by the next call
   */
  share(id: number, value: number, order: readonly number[]): Float64Array {
    const shares = this.#shares;
    let mean = 0;
    for (let position = 0; position < order.length; position++) {
      const count = this.#counts.count(id, order[position] ?? 0);
      const share = this.#logOf(count, value, position) - (this.#logTotals[position] ?? 0);
      shares[position] = share;
      mean += share;
    }
    mean /= order.length;
    for (let position = 0; position < order.length; position++)
      shares[position] = (shares[position] ?? 0) - mean;
    return shares;
  }

  /** Sum of the weighted groups of a class. */
  tempered(position: number, weights: Float64Array): number {
    const { x } = this;
    const classes = this.#shares.length;
    let sum = 0;
    for (let group = 0, at = position; group < GROUPS; group++, at += classes)
      sum += (weights[group] ?? 0) * (x[at] ?? 0);
    return sum;
  }

  #gather({ ids, ends }: TypedFeatures, order: readonly number[]): void {
    const { x } = this;
    const classes = order.length;
    let at = 0;
    for (let type = 0; type < TYPES; type++) {
      const first = at;
      const end = ends[type] ?? 0;
      for (; at < end; at++) {
        const id = ids[at] ?? 0;
        const value = this.valueOf(id);
        const frequency = this.#counts.frequency(id);
        if (frequency === 0 && value === 0) continue;
        const shares = this.share(id, value, order);
        const to = GroupSums.of(type, frequency) * classes;
        for (let position = 0; position < classes; position++)
          x[to + position] = (x[to + position] ?? 0) + (shares[position] ?? 0);
        if (value !== 0) this.#count(value);
      }
      if (end === first) continue;
      const root = 1 / Math.sqrt(end - first);
      const last = (type + 1) * BIN_COUNT * classes;
      for (let cell = type * BIN_COUNT * classes; cell < last; cell++)
        x[cell] = (x[cell] ?? 0) * root;
    }
  }

  /** The same for two classes: one number a feature, for the second class; the first has its opposite. */
  #gatherPair({ ids, ends }: TypedFeatures, first: number, second: number): void {
    const { base } = this.#counts;
    const { x } = this;
    this.#load(ids, ends[TYPES - 1] ?? 0, first, second);
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    const frequencies = this.#frequencies;
    const lexicon = this.#lexicon;
    const logs = this.#logs;
    const { table } = logs;
    const unknown = logs.of(0);
    const offset = (this.#logTotals[0] ?? 0) - (this.#logTotals[1] ?? 0);
    let at = 0;
    for (let type = 0; type < TYPES; type++) {
      const from = at;
      const end = ends[type] ?? 0;
      for (; at < end; at++) {
        const id = ids[at] ?? 0;
        const value = lexicon === undefined ? 0 : lexicon.of(id);
        const countFirst = firsts[at] ?? 0;
        const countSecond = seconds[at] ?? 0;
        const frequency = base === 0 ? countFirst + countSecond : (frequencies[at] ?? 0);
        let logFirst = unknown;
        let logSecond = unknown;
        if (value === 0) {
          if (frequency === 0) continue;
          logFirst = countFirst < table.length ? (table[countFirst] ?? 0) : logs.of(countFirst);
          logSecond = countSecond < table.length ? (table[countSecond] ?? 0) : logs.of(countSecond);
        } else {
          logFirst = this.#logOf(countFirst, value, 0);
          logSecond = this.#logOf(countSecond, value, 1);
          this.#count(value);
        }
        const to = GroupSums.of(type, frequency) * 2 + 1;
        x[to] = (x[to] ?? 0) + (logSecond - logFirst + offset) / 2;
      }
      if (end === from) continue;
      const root = 1 / Math.sqrt(end - from);
      for (let group = type * BIN_COUNT; group < (type + 1) * BIN_COUNT; group++) {
        const share = (x[group * 2 + 1] ?? 0) * root;
        x[group * 2 + 1] = share;
        x[group * 2] = -share;
      }
    }
  }

  /**
   * Counts of all features of a document. In a loop of their own, without a branch: rows lie all over the memory, and so many of them
   * are under way at once.
   */
  #load(ids: Int32Array, length: number, first: number, second: number): void {
    if (length > this.#firsts.length) {
      this.#firsts = new Uint32Array(length * 2);
      this.#seconds = new Uint32Array(length * 2);
      this.#frequencies = new Uint32Array(length * 2);
    }
    const { cells, stride, base } = this.#counts;
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    for (let at = 0; at < length; at++) {
      const row = (ids[at] ?? 0) * stride + base;
      // Beyond the table nothing is counted.
      firsts[at] = cells[row + first] ?? 0;
      seconds[at] = cells[row + second] ?? 0;
    }
    if (base === 0) return;
    const frequencies = this.#frequencies;
    for (let at = 0; at < length; at++) frequencies[at] = cells[(ids[at] ?? 0) * stride] ?? 0;
  }

  /** ln of a count with its smoothing and the lexicon's pseudo-count, which only the poles have. */
  #logOf(count: number, value: number, position: number): number {
    const isFor = (value < 0 && position === 0) || (value > 0 && position === this.#lastPole);
    if (!isFor) return this.#logs.of(count);
    return Math.log(count + this.#alpha + Math.abs(value) * this.#counts.unit);
  }

  #count(value: number): void {
    if (value > 0) this.#positive += LEXICON_SCALE * value;
    else this.#negative -= LEXICON_SCALE * value;
  }

  #addLexicon(unigrams: number, classes: number): void {
    if (this.#positive + this.#negative <= 0) return;
    const { x } = this;
    const root = Math.sqrt(Math.max(1, unigrams));
    const half = (this.#positive - this.#negative) / (2 * root);
    x[POLARITY * classes] = -half;
    x[POLARITY * classes + this.#lastPole] = half;
    if (this.#isTernary) x[SUBJECTIVITY * classes + 1] = -(this.#positive + this.#negative) / root;
  }

  #addPrior(order: readonly number[]): void {
    const { masses, unit } = this.#counts;
    const { x } = this;
    const classes = order.length;
    const from = PRIOR * classes;
    let total = 0;
    for (let position = 0; position < classes; position++)
      total += (masses[order[position] ?? 0] ?? 0) / unit;
    let mean = 0;
    for (let position = 0; position < classes; position++) {
      const mass = (masses[order[position] ?? 0] ?? 0) / unit;
      const log = Math.log((mass + 1) / (total + classes));
      x[from + position] = log;
      mean += log;
    }
    mean /= classes;
    for (let position = 0; position < classes; position++)
      x[from + position] = (x[from + position] ?? 0) - mean;
  }
}

function binOf(frequency: number): number {
  if (frequency < COMMON) return frequency < RARE ? 0 : 1;
  return frequency < FREQUENT ? 2 : 3;
}
