import type { GtnbCounts } from './gtnb-counts.ts';
import { TYPES, type LexiconValues, type TypedFeatures } from '../text/gt-features.ts';
import { FeatureRows } from './gtnb-rows.ts';
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
/** Not the imported one: the compiler sees the values of a module's own constants, and looks up the others each time. */
const TYPE_COUNT = TYPES;

const SUBJECTIVITY = TYPES * BIN_COUNT;
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
  readonly #rows = new FeatureRows();
  /** [place x position]: sums of one type, see {@link placeOf}. */
  #sums = new Float64Array(BIN_COUNT + 1);
  /** By place: features of one type. */
  readonly #members = new Int32Array(BIN_COUNT + 1);

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

  /** Features of the document without a count. */
  get unknown(): number {
    return this.#rows.unknown;
  }

  /** Group of a feature. */
  static of(type: number, frequency: number): number {
    return type * BIN_COUNT + binOf(frequency);
  }

  /** Makes `x` those of a document. */
  fill(features: TypedFeatures, order: readonly number[]): void {
    this.prepare(order);
    this.#rows.load(features, this.#counts, order, this.#lexicon);
    this.#logs.reserve(this.#rows.bound);
    if (order.length === 2) this.#gatherPair(features);
    else this.#gather(features, order.length);
    this.#addApart(features, order);
    this.#temper(features.ends, order.length);
    this.#addLexicon(features.ends[0] ?? 0, order.length);
    this.#addPrior(order);
  }

  /** Empties `x`, and makes {@link share} ready for these classes. */
  prepare(order: readonly number[]): void {
    const { totals, vocabulary, unit } = this.#counts;
    const classes = order.length;
    if (this.#shares.length === classes) {
      // A loop: the engine's fill is a call out of the compiled code.
      const { x } = this;
      for (let cell = 0; cell < x.length; cell++) x[cell] = 0;
    } else {
      this.x = new Float64Array(GROUPS * classes);
      this.#shares = new Float64Array(classes);
      this.#logTotals = new Float64Array(classes);
      this.#sums = new Float64Array((BIN_COUNT + 1) * Math.max(1, classes));
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

  /**
   * What the lexicon value of one feature adds to the score of each class, by itself: in the polarity and subjectivity groups, whose
   * sums run over features.
   *
   * @param unigrams of the document
   * @returns by position; overwritten by the next call
   */
  lexiconShare(value: number, unigrams: number, weights: Float64Array): Float64Array {
    const shares = this.#shares.fill(0);
    const told = (LEXICON_SCALE * value) / rootOf(unigrams);
    const half = ((weights[POLARITY] ?? 0) * told) / 2;
    shares[0] = -half;
    shares[this.#lastPole] = half;
    if (this.#isTernary) shares[1] = -(weights[SUBJECTIVITY] ?? 0) * Math.abs(told);
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

  /** Sums of the features of each type by bin. */
  #gather({ ends }: TypedFeatures, classes: number): void {
    const { x } = this;
    const { base } = this.#counts;
    const { counts, frequencies } = this.#rows;
    const { table } = this.#logs;
    const sums = this.#sums;
    const members = this.#members;
    const logTotals = this.#logTotals;
    let at = 0;
    for (let type = 0; type < TYPE_COUNT; type++) {
      const end = ends[type] ?? 0;
      if (end === at) continue;
      sums.fill(0);
      members.fill(0);
      for (; at < end; at++) {
        const row = at * classes;
        let frequency = 0;
        if (base === 1) frequency = frequencies[at] ?? 0;
        else for (let cell = row; cell < row + classes; cell++) frequency += counts[cell] ?? 0;
        const place = placeOf(frequency);
        members[place] = (members[place] ?? 0) + 1;
        const to = place * classes;
        for (let position = 0; position < classes; position++)
          sums[to + position] =
            (sums[to + position] ?? 0) + (table[counts[row + position] ?? 0] ?? 0);
      }
      for (let bin = 0; bin < BIN_COUNT; bin++) {
        const from = (bin + 1) * classes;
        const to = (type * BIN_COUNT + bin) * classes;
        const features = members[bin + 1] ?? 0;
        let mean = 0;
        for (let position = 0; position < classes; position++) {
          const share = (sums[from + position] ?? 0) - features * (logTotals[position] ?? 0);
          x[to + position] = share;
          mean += share / classes;
        }
        for (let position = 0; position < classes; position++)
          x[to + position] = (x[to + position] ?? 0) - mean;
      }
    }
  }

  /**
   * The same for two classes: one number a feature, for the second class; the first has its opposite. Without a branch: which bin a
   * feature goes to is as good as random, and a wrong guess costs more than the sum.
   */
  #gatherPair({ ends }: TypedFeatures): void {
    const { x } = this;
    const { base } = this.#counts;
    const { counts, frequencies } = this.#rows;
    const { table } = this.#logs;
    const sums = this.#sums;
    const offset = (this.#logTotals[0] ?? 0) - (this.#logTotals[1] ?? 0);
    let at = 0;
    for (let type = 0; type < TYPE_COUNT; type++) {
      const end = ends[type] ?? 0;
      if (end === at) continue;
      for (let place = 0; place <= BIN_COUNT; place++) sums[place] = 0;
      for (; at < end; at++) {
        const first = counts[2 * at] ?? 0;
        const second = counts[2 * at + 1] ?? 0;
        const place = placeOf(base === 1 ? (frequencies[at] ?? 0) : first + second);
        const ratio = (table[second] ?? 0) - (table[first] ?? 0) + offset;
        sums[place] = (sums[place] ?? 0) + ratio;
      }
      for (let bin = 0; bin < BIN_COUNT; bin++) {
        const share = (sums[bin + 1] ?? 0) / 2;
        const to = (type * BIN_COUNT + bin) * 2;
        x[to] = -share;
        x[to + 1] = share;
      }
    }
  }

  /** Adds the features that were set apart. */
  #addApart({ ids, ends }: TypedFeatures, order: readonly number[]): void {
    const { x } = this;
    const { apart, apartLength } = this.#rows;
    let type = 0;
    for (let index = 0; index < apartLength; index++) {
      const at = apart[index] ?? 0;
      while (at >= (ends[type] ?? 0)) type += 1;
      const id = ids[at] ?? 0;
      const value = this.valueOf(id);
      const shares = this.share(id, value, order);
      const to = GroupSums.of(type, this.#counts.frequency(id)) * order.length;
      for (let position = 0; position < order.length; position++)
        x[to + position] = (x[to + position] ?? 0) + (shares[position] ?? 0);
      if (value > 0) this.#positive += LEXICON_SCALE * value;
      else this.#negative -= LEXICON_SCALE * value;
    }
  }

  /** Divides the sums of a type by the square root of its features. */
  #temper(ends: Int32Array, classes: number): void {
    const { x } = this;
    let from = 0;
    for (let type = 0; type < TYPE_COUNT; type++) {
      const end = ends[type] ?? 0;
      if (end === from) continue;
      const root = 1 / Math.sqrt(end - from);
      from = end;
      const last = (type + 1) * BIN_COUNT * classes;
      for (let cell = type * BIN_COUNT * classes; cell < last; cell++)
        x[cell] = (x[cell] ?? 0) * root;
    }
  }

  /** ln of a count with its smoothing and the lexicon's pseudo-count, which only the poles have. */
  #logOf(count: number, value: number, position: number): number {
    const isFor = (value < 0 && position === 0) || (value > 0 && position === this.#lastPole);
    if (!isFor) return this.#logs.of(count);
    return Math.log(count + this.#alpha + Math.abs(value) * this.#counts.unit);
  }

  #addLexicon(unigrams: number, classes: number): void {
    if (this.#positive + this.#negative <= 0) return;
    const { x } = this;
    const root = rootOf(unigrams);
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

/** What the lexicon's sums are divided by. */
function rootOf(unigrams: number): number {
  return Math.sqrt(Math.max(1, unigrams));
}

function binOf(frequency: number): number {
  if (frequency < COMMON) return frequency < RARE ? 0 : 1;
  return frequency < FREQUENT ? 2 : 3;
}

/** Bin + 1, or 0 for a feature never seen, whose sum is left. The sign bit of each difference, in place of three branches. */
function placeOf(frequency: number): number {
  return (
    (-frequency >>> 31) +
    ((RARE - 1 - frequency) >>> 31) +
    ((COMMON - 1 - frequency) >>> 31) +
    ((FREQUENT - 1 - frequency) >>> 31)
  );
}
