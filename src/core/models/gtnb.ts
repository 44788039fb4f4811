import type { Extractor, Terms } from '../text/features.ts';
import { Calibrator, type CalibratorState } from './calibrator.ts';
import { NEVER } from './class-counts.ts';
import { GtnbCounts } from './gtnb-counts.ts';
import type { Addition, CountUnit } from './gtnb-delta.ts';
import { explainAnswer, topFeatures } from './gtnb-explain.ts';
import { TYPES, type LexiconValues, type TypedFeatures } from '../text/gt-features.ts';
import { GroupSums, INITIAL_WEIGHTS } from './gtnb-groups.ts';
import type {
  Answer,
  Explanation,
  FirstSight,
  Model,
  ModelDelta,
  ModelSnapshot,
  ModelSums,
} from './model.ts';
import { WHOLE } from './label-weight.ts';
import { toPosterior } from './naive-bayes.ts';
import { inTermOrder } from './term-order.ts';

/**
 * Group-tempered naive Bayes: additive counts over the distinct unigrams and bigrams of a document. The class log-ratios of its
 * features are summed per group (type x frequency), a handful of weights learned online turns the group sums into calibrated
 * probabilities.
 *
 *   features ─► counts + lexicon ─► x [group x class] ─► calibrator: z = b + sum of a x ─► p = softmax z
 *
 * Counts are sums and belong to all partitions; the calibrator depends on the order of records, belongs to one, and is handed in.
 * Classes go from worst to best, the first and the last declared one being the poles that the lexicon speaks about; classes met at
 * run time follow them with counts and bias 0.
 *
 * @see Su, Zhang, Ling, Matwin (2008), Discriminative parameter learning for Bayesian networks: the option `dfe`
 */

const ALPHA = 0.5;
/** Least share that a document adds with `dfe`, however sure the answer. */
const DFE_FLOOR = 0.2;

export interface GtnbOptions {
  /** Added to each count, > 0; default 0.5. */
  readonly alpha?: number | undefined;
  /** Discriminative frequencies: a document adds the more the less its label was expected. Default false. */
  readonly dfe?: boolean | undefined;
  /** Records carry weights other than 1. Default false. */
  readonly weights?: boolean | undefined;
  /** Ids that there is room for at first. */
  readonly rows?: number | undefined;
}

export class Gtnb implements Model {
  readonly kind: string;
  readonly unit: CountUnit;
  readonly isWeighted: boolean;
  readonly extractor: Terms & Pick<Extractor, 'name' | 'nameOf'>;
  readonly #counts: GtnbCounts;
  readonly #sums: GroupSums;
  readonly #hasDfe: boolean;
  readonly #answer: { -readonly [Part in keyof Required<Answer>]: Answer[Part] } = {
    classes: [],
    probabilities: new Float64Array(0),
    best: -1,
    unknown: 0,
  };

  // What was scored last: its group sums and answer serve to learn it, as long as nothing has changed since.
  /** By position. */
  #p = new Float64Array(0);
  #best = -1;
  #order: readonly number[] = [];
  #ids = new Int32Array(256);
  readonly #ends = new Int32Array(TYPES);
  #calibrator: Calibrator | undefined;
  #calibratorVersion = 0;
  #countsVersion = -1;

  /**
   * @param extractor names of the feature ids
   * @param declared classes, worst to best
   * @param lexicon values of the feature ids; undefined: none, as for labels that are no polarity. Needs two declared classes
   */
  constructor(
    kind: string,
    extractor: Terms & Pick<Extractor, 'name' | 'nameOf'>,
    declared: readonly string[],
    lexicon: LexiconValues | undefined,
    options: GtnbOptions = {},
  ) {
    this.kind = kind;
    this.extractor = extractor;
    this.#hasDfe = options.dfe ?? false;
    this.isWeighted = options.weights ?? false;
    this.unit = this.#hasDfe || this.isWeighted ? WHOLE : 1;
    this.#counts = new GtnbCounts(declared, this.unit, options.rows);
    const { alpha = ALPHA } = options;
    this.#sums = new GroupSums(this.#counts, lexicon, declared.length, alpha);
  }

  /** Declared classes, then others with a document by first sight. */
  get classes(): readonly string[] {
    return this.#counts.classes;
  }

  frequency(id: number): number {
    return this.#counts.frequency(id);
  }

  get learned(): number {
    return this.#counts.learned;
  }

  get vocabulary(): number {
    return this.#counts.vocabulary;
  }

  /** Counts of this process, to look at. */
  get counts(): Pick<GtnbCounts, 'count' | 'frequency' | 'totals' | 'masses' | 'unit' | 'labels'> {
    this.#counts.settle();
    return this.#counts;
  }

  /** A calibrator for this model: a new one, or the one of a state. */
  calibrator(state?: CalibratorState): Calibrator {
    return state === undefined
      ? new Calibrator(INITIAL_WEIGHTS, this.#counts)
      : Calibrator.restore(state, this.#counts);
  }

  /** Changes neither counts nor calibrator. */
  predict(features: TypedFeatures, calibrator: Calibrator): Answer {
    this.#counts.settle();
    const { order, classes } = this.#counts;
    const answer = this.#answer;
    if (answer.classes !== classes) {
      answer.classes = classes;
      answer.probabilities = new Float64Array(classes.length);
    }
    this.#score(features, calibrator, order);
    for (let at = 0; at < this.#p.length; at++) answer.probabilities[at] = this.#p[at] ?? 0;
    answer.best = this.#best;
    answer.unknown = this.#sums.unknown;
    return answer;
  }

  /**
   * Learns one document: the calibrator from the answer of the present state, then the counts. Right after `predict` that answer is
   * at hand; else it is made again.
   *
   * @param sight where the document stands
   * @param weight in sixteenths, an integer >= 0; 0 skips the record. Others than 16 need the option `weights`
   * @returns what it added to the counts, which `unlearn` needs again; undefined: what every document adds, or it was skipped
   */
  learn(
    features: TypedFeatures,
    label: string,
    sight: FirstSight,
    calibrator: Calibrator,
    weight: number = WHOLE,
  ): Addition | undefined {
    if (weight === 0) return undefined;
    if (!this.isWeighted && weight !== WHOLE)
      throw new RangeError('a record weight needs a model with weights');
    this.#counts.settle();
    const column = this.#counts.columnFor(label);
    let { order } = this.#counts;
    let truth = order.indexOf(column);
    if (truth === -1) {
      // A class met for the first time stands last, with nothing counted yet.
      truth = order.length;
      order = [...order, column];
    }
    if (!this.#isScored(features, calibrator, order)) this.#score(features, calibrator, order);
    const addition = this.#additionOf(this.#p[truth] ?? 0, weight);
    calibrator.learn(this.#sums, this.#p, order, truth, weight / WHOLE);
    this.#counts.learn(features, label, sight, addition);
    return this.unit === 1 ? undefined : addition;
  }

  /** Takes a document out of the counts again, exactly. The calibrator keeps what it learned. */
  unlearn(features: TypedFeatures, label: string, addition: Addition | undefined): void {
    const added = this.unit === 1 ? ONE : addition;
    if (added !== undefined) this.#counts.unlearn(features, label, added);
  }

  forget(features: TypedFeatures, label: string, addition: Addition | undefined): void {
    const added = this.unit === 1 ? ONE : addition;
    if (added !== undefined) this.#counts.forget(features, label, added);
  }

  /** From now on learn and unlearn are staged for `takeDelta`. */
  stage(): void {
    this.#counts.stage();
  }

  /** Takes what was staged out of the counts. */
  takeDelta(): ModelDelta {
    return this.#counts.takeDelta();
  }

  /** Adds a delta to the counts. Commutative and associative; not idempotent. */
  apply(delta: ModelDelta): void {
    this.#counts.apply(delta);
  }

  sums(): ModelSums {
    return this.#counts.sums();
  }

  /**
   * Why the answer to a document is what it is.
   *
   * @param features those that the extractor gave last
   * @param limit features listed at most
   * @param _order the model has its own
   */
  explain(
    features: TypedFeatures,
    limit: number,
    _order: readonly string[],
    calibrator: Calibrator,
  ): Explanation {
    this.#counts.settle();
    const { order } = this.#counts;
    if (!this.#isScored(features, calibrator, order)) this.#score(features, calibrator, order);
    const model = { counts: this.#counts, sums: this.#sums, calibrator };
    return explainAnswer(model, features, this.#best, limit, (at) => this.extractor.name(at));
  }

  /** See {@link topFeatures}. */
  top(limit: number): ReturnType<Model['top']> {
    this.#counts.settle();
    this.#countsVersion = -1; // what is at hand goes
    const model = { counts: this.#counts, sums: this.#sums };
    return topFeatures(model, limit, (id) => this.extractor.nameOf(id));
  }

  snapshot(): ModelSnapshot {
    const counts = this.#counts;
    counts.settle();
    const labels = counts.seen();
    const columns = labels.map((label) => counts.columnFor(label));
    const { ids, cells, stride, base } = counts.sums();
    const features: [string, ...number[]][] = [];
    const frequencies: number[] = [];
    for (const place of inTermOrder(ids, this.extractor)) {
      const id = ids[place] ?? 0;
      const documents = counts.frequency(id);
      if (documents === 0) continue;
      const row: [string, ...number[]] = [this.extractor.term(id)];
      for (const column of columns) row.push(cells[place * stride + base + column] ?? 0);
      features.push(row);
      frequencies.push(documents);
    }
    return {
      format: 'valence-model',
      version: 1,
      kind: this.kind,
      extractor: this.extractor.id,
      classes: labels.map((label) => ({
        label,
        documents: counts.documentsOf(label),
        firstSight: counts.sightOf(label) ?? NEVER,
      })),
      features,
      ...(counts.unit === 1
        ? {}
        : {
            masses: columns.map((column) => counts.masses[column] ?? 0),
            frequencies,
          }),
    };
  }

  /** What a document of a weight adds, given the probability that its label had. */
  #additionOf(p: number, weight: number): Addition {
    if (this.#counts.unit === 1) return ONE;
    if (!this.#hasDfe) return { amount: weight, mass: weight };
    const share = WHOLE * (DFE_FLOOR + (1 - DFE_FLOOR) * (1 - p));
    const amount = Math.max(1, Math.floor(share + 0.5));
    if (weight === WHOLE) return { amount, mass: WHOLE };
    return { amount: Math.max(1, Math.floor((amount * weight) / WHOLE + 0.5)), mass: weight };
  }

  #isScored(
    { ids, length, ends }: TypedFeatures,
    calibrator: Calibrator,
    order: readonly number[],
  ): boolean {
    if (
      this.#countsVersion !== this.#counts.version ||
      this.#calibrator !== calibrator ||
      this.#calibratorVersion !== calibrator.version ||
      this.#order !== order
    )
      return false;
    for (let type = 0; type < ends.length; type++)
      if (this.#ends[type] !== ends[type]) return false;
    const scored = this.#ids;
    for (let at = 0; at < length; at++) if (scored[at] !== ids[at]) return false;
    return true;
  }

  /** Group sums and answer of a document, and what they were made from. */
  #score(features: TypedFeatures, calibrator: Calibrator, order: readonly number[]): void {
    const { ids, length, ends } = features;
    this.#sums.fill(features, order);
    if (this.#p.length !== order.length) this.#p = new Float64Array(order.length);
    calibrator.reserve(this.#counts.labels.length);
    const { bias, weights } = calibrator;
    const p = this.#p;
    for (let position = 0; position < p.length; position++)
      p[position] = (bias[order[position] ?? 0] ?? 0) + this.#sums.tempered(position, weights);
    this.#best = p.length === 0 ? -1 : toPosterior(p);
    this.#order = order;
    this.#calibrator = calibrator;
    this.#calibratorVersion = calibrator.version;
    this.#countsVersion = this.#counts.version;
    if (this.#ids.length < length) this.#ids = new Int32Array(length * 2);
    // Loops: for so few cells the engine's own copy costs more.
    const scored = this.#ids;
    for (let at = 0; at < length; at++) scored[at] = ids[at] ?? 0;
    for (let type = 0; type < ends.length; type++) this.#ends[type] = ends[type] ?? 0;
  }
}

const ONE: Addition = { amount: 1, mass: 1 };
