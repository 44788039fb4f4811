import type { GtnbCounts } from './gtnb-counts.ts';
import { TYPES, type LexiconValues, type TypedFeatures } from '../text/gt-features.ts';
import { COUNT_BITS, laneOf } from './count-cells.ts';
import type { GroupValues } from './calibrator.ts';
import { FeatureRows, ROW_WORDS } from './gtnb-rows.ts';
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
/** A place for each bin, and one for features never seen. */
const PLACE_COUNT = BIN_COUNT + 1;
// Not the imported ones: the compiler sees the values of a module's own constants, and looks up the others each time.
const TYPE_COUNT = TYPES;
const WORDS = ROW_WORDS;
/** By place, see {@link placeOf}: sums of the features of one type. Constants of this size have their address in compiled code. */
const SUMS = new Float64Array(16);
/** By feature of the block: its place. */
const PLACES = new Uint8Array(WORDS.length);

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
const ALL_OF_ONE = COUNT_BITS;
/** Keeps the logarithm of an empty class finite; the same for all, so it cancels. */
const TINY = 1e-300;

export class GroupSums implements GroupValues {
  x = new Float64Array(0);
  readonly groups = new Int32Array(GROUPS);
  groupCount = 0;
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
  /** [type x position x place]: sums of the features; of two classes one number, for the second: the first has its opposite. */
  #sums = new Float64Array(0);
  /** [type x place]: features. */
  readonly #members = new Int32Array(TYPES * PLACE_COUNT);

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
    const { ids, length, ends } = features;
    const rows = this.#rows;
    const { table, base } = this.#counts;
    this.prepare(order);
    rows.begin(table, order, base);
    for (let from = 0; from < length; from += rows.atOnce) {
      const block = Math.min(rows.atOnce, length - from);
      rows.load(ids, from, block, table);
      rows.setApart(from, block, this.#lexicon);
      this.#logs.reserve(rows.bound);
      this.#gather(ends, from, from + block, order);
    }
    this.#list(ends);
    this.#addGathered(ends, order.length);
    this.#addApart(features, order);
    this.#temper(ends, order.length);
    this.#addLexicon(ends[0] ?? 0, order.length);
    this.#addPrior(order);
  }

  /** Empties `x`, and makes {@link share} ready for these classes. */
  prepare(order: readonly number[]): void {
    const { totals, vocabulary, unit } = this.#counts;
    const classes = order.length;
    if (this.#shares.length === classes) {
      // What the document before left. A loop: the engine's fill is a call out of the compiled code.
      const { x, groups } = this;
      for (let index = 0; index < this.groupCount; index++)
        for (let position = 0; position < classes; position++)
          x[(groups[index] ?? 0) * classes + position] = 0;
    } else {
      this.x = new Float64Array(GROUPS * classes);
      this.#shares = new Float64Array(classes);
      this.#logTotals = new Float64Array(classes);
      this.#sums = new Float64Array(TYPES * PLACE_COUNT * classes);
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
    const { groups, groupCount } = this;
    let sum = 0;
    for (let index = 0; index < groupCount; index++) {
      const group = groups[index] ?? 0;
      sum += (weights[group] ?? 0) * (x[group * classes + position] ?? 0);
    }
    return sum;
  }

  /** Lists the groups of a document. */
  #list(ends: Int32Array): void {
    const { groups } = this;
    let count = 0;
    let from = 0;
    for (let type = 0; type < TYPE_COUNT; type++) {
      const end = ends[type] ?? 0;
      if (end === from) continue;
      from = end;
      for (let bin = 0; bin < BIN_COUNT; bin++) groups[count++] = type * BIN_COUNT + bin;
    }
    for (let group = SUBJECTIVITY; group < GROUPS; group++) groups[count++] = group;
    this.groupCount = count;
  }

  /** Sums up the features of a block, by type and bin. */
  #gather(ends: Int32Array, from: number, to: number, order: readonly number[]): void {
    const classes = order.length;
    if (classes !== 2) this.#place(to - from);
    for (let type = 0, at = from; type < TYPE_COUNT; type++) {
      const end = Math.min(to, ends[type] ?? 0);
      if (end <= at) continue;
      const sums = type * classes * PLACE_COUNT;
      if (classes === 2) this.#gatherPair(at - from, end - from, order, sums);
      else {
        this.#count(at - from, end - from, type * PLACE_COUNT);
        for (let position = 0; position < classes; position++)
          this.#gatherClass(
            at - from,
            end - from,
            order[position] ?? 0,
            sums + position * PLACE_COUNT,
          );
      }
      at = end;
    }
  }

  /**
   * Of two classes. Without a branch: which bin a feature goes to is as good as random, and a wrong guess costs more than the sum.
   *
   * @param sums where those of the type begin
   */
  #gatherPair(from: number, to: number, order: readonly number[], sums: number): void {
    const words = WORDS;
    const places = SUMS;
    const { base } = this.#counts;
    const { table } = this.#logs;
    const width = this.#rows.width | 0;
    const first = base + (order[0] ?? 0);
    const second = base + (order[1] ?? 0);
    const firstWord = first >> 1;
    const secondWord = second >> 1;
    const firstLane = laneOf(first);
    const secondLane = laneOf(second);
    const frequencyLane = laneOf(0);
    const offset = (this.#logTotals[0] ?? 0) - (this.#logTotals[1] ?? 0);
    this.#fetch(sums);
    for (let at = from; at < to; at++) {
      const row = at * width;
      const one = ((words[row + firstWord] ?? 0) >>> firstLane) & ALL_OF_ONE;
      const other = ((words[row + secondWord] ?? 0) >>> secondLane) & ALL_OF_ONE;
      const place = placeOf(
        base === 1 ? ((words[row] ?? 0) >>> frequencyLane) & ALL_OF_ONE : one + other,
      );
      const ratio = (table[other] ?? 0) - (table[one] ?? 0) + offset;
      places[place] = (places[place] ?? 0) + ratio;
    }
    this.#put(sums);
  }

  /** Finds the place of each feature of a block. */
  #place(length: number): void {
    const words = WORDS;
    const places = PLACES;
    const { base } = this.#counts;
    const width = this.#rows.width | 0;
    const frequencyLane = laneOf(0);
    for (let at = 0; at < length; at++) {
      const row = at * width;
      let frequency = 0;
      if (base === 1) frequency = ((words[row] ?? 0) >>> frequencyLane) & ALL_OF_ONE;
      else
        for (let word = row; word < row + width; word++)
          frequency += ((words[word] ?? 0) & ALL_OF_ONE) + ((words[word] ?? 0) >>> 16);
      places[at] = placeOf(frequency);
    }
  }

  /** Counts the features of each place. */
  #count(from: number, to: number, members: number): void {
    const places = PLACES;
    for (let at = from; at < to; at++) {
      const member = members + (places[at] ?? 0);
      this.#members[member] = (this.#members[member] ?? 0) + 1;
    }
  }

  /** Of one of several classes: logarithms of its counts. */
  #gatherClass(from: number, to: number, column: number, sums: number): void {
    const words = WORDS;
    const places = PLACES;
    const totals = SUMS;
    const { table } = this.#logs;
    const width = this.#rows.width | 0;
    const cell = this.#counts.base + column;
    const word = cell >> 1;
    const lane = laneOf(cell);
    this.#fetch(sums);
    for (let at = from; at < to; at++) {
      const count = ((words[at * width + word] ?? 0) >>> lane) & ALL_OF_ONE;
      const place = places[at] ?? 0;
      totals[place] = (totals[place] ?? 0) + (table[count] ?? 0);
    }
    this.#put(sums);
  }

  #fetch(sums: number): void {
    for (let place = 0; place < PLACE_COUNT; place++) SUMS[place] = this.#sums[sums + place] ?? 0;
  }

  #put(sums: number): void {
    for (let place = 0; place < PLACE_COUNT; place++) this.#sums[sums + place] = SUMS[place] ?? 0;
  }

  /** Puts what was summed up into `x`, centred, and empties it. */
  #addGathered(ends: Int32Array, classes: number): void {
    let from = 0;
    for (let type = 0; type < TYPE_COUNT; type++) {
      const end = ends[type] ?? 0;
      if (end === from) continue;
      from = end;
      if (classes === 2) this.#addPair(type);
      else this.#addClasses(type, classes);
    }
  }

  #addPair(type: number): void {
    const { x } = this;
    const sums = this.#sums;
    const first = type * 2 * PLACE_COUNT;
    for (let bin = 0; bin < BIN_COUNT; bin++) {
      const share = (sums[first + bin + 1] ?? 0) / 2;
      const to = (type * BIN_COUNT + bin) * 2;
      x[to] = -share;
      x[to + 1] = share;
    }
    for (let place = 0; place < PLACE_COUNT; place++) sums[first + place] = 0;
  }

  #addClasses(type: number, classes: number): void {
    const { x } = this;
    const sums = this.#sums;
    const members = this.#members;
    const logTotals = this.#logTotals;
    const first = type * classes * PLACE_COUNT;
    for (let bin = 0; bin < BIN_COUNT; bin++) {
      const to = (type * BIN_COUNT + bin) * classes;
      const features = members[type * PLACE_COUNT + bin + 1] ?? 0;
      let mean = 0;
      for (let position = 0; position < classes; position++) {
        const sum = sums[first + position * PLACE_COUNT + bin + 1] ?? 0;
        const share = sum - features * (logTotals[position] ?? 0);
        x[to + position] = share;
        mean += share / classes;
      }
      for (let position = 0; position < classes; position++)
        x[to + position] = (x[to + position] ?? 0) - mean;
    }
    for (let place = 0; place < PLACE_COUNT; place++) members[type * PLACE_COUNT + place] = 0;
    for (let cell = first; cell < first + classes * PLACE_COUNT; cell++) sums[cell] = 0;
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
