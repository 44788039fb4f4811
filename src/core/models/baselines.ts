import { NO_FEATURES, type Features } from '../text/features.ts';
import { NO_EXTRACTOR } from '../text/extractor.ts';
import { ClassCounts, NEVER, type CountRules } from './class-counts.ts';
import { compareTerms } from './term-order.ts';
import type {
  Answer,
  Explanation,
  FirstSight,
  Model,
  ModelDelta,
  ModelSnapshot,
  ModelSums,
} from './model.ts';

/**
 * The two baselines of every report. They see labels only, know the declared classes from the first record on, and append others
 * as they are met.
 */

abstract class Baseline implements Model {
  readonly kind: string;
  readonly extractor = NO_EXTRACTOR;
  readonly vocabulary = 0;
  readonly unit = 1;
  readonly isWeighted = false;
  protected readonly counts: ClassCounts;
  readonly #declared: readonly string[];
  #counted: readonly string[] = [];
  #classes: readonly string[];
  #probabilities: Float64Array;

  constructor(kind: string, declared: readonly string[], rules: CountRules) {
    this.kind = kind;
    this.#declared = declared;
    this.#classes = declared;
    this.#probabilities = new Float64Array(declared.length);
    this.counts = new ClassCounts(rules);
  }

  /** Fills `probabilities`, in the order of `classes`. */
  protected abstract fill(classes: readonly string[], probabilities: Float64Array): void;

  /** Order of the classes that were not declared. */
  protected abstract sortAppended(labels: readonly string[]): readonly string[];

  get classes(): readonly string[] {
    const counted = this.counts.classes;
    if (counted === this.#counted) return this.#classes;
    this.#counted = counted;
    const appended = counted.filter((label) => !this.#declared.includes(label));
    this.#classes = [...this.#declared, ...this.sortAppended(appended)];
    this.#probabilities = new Float64Array(this.#classes.length);
    return this.#classes;
  }

  get learned(): number {
    return this.counts.learned + this.counts.forgotten;
  }

  predict(): Answer {
    const { classes } = this;
    const probabilities = this.#probabilities;
    if (classes.length === 0) return { classes, probabilities, best: -1 };
    this.fill(classes, probabilities);
    return { classes, probabilities, best: probabilities.indexOf(Math.max(...probabilities)) };
  }

  frequency(): number {
    return 0;
  }

  calibrator(): undefined {
    return undefined;
  }

  learn(_features: Features, label: string, sight: FirstSight): undefined {
    this.counts.learn(NO_FEATURES, label, sight);
  }

  unlearn(_features: Features, label: string): void {
    this.counts.unlearn(NO_FEATURES, label);
  }

  forget(_features: Features, label: string): void {
    this.counts.forget(NO_FEATURES, label);
  }

  stage(): void {
    this.counts.stage();
  }

  takeDelta(): ModelDelta {
    return this.counts.takeDelta();
  }

  apply(delta: ModelDelta): void {
    this.counts.apply(delta);
  }

  explain(): Explanation {
    return { features: [] };
  }

  top(): ReadonlyMap<string, readonly []> {
    return new Map(this.classes.map((label) => [label, []]));
  }

  sums(): ModelSums {
    return this.counts.sums();
  }

  snapshot(): ModelSnapshot {
    return {
      format: 'valence-model',
      version: 1,
      kind: this.kind,
      extractor: this.extractor.id,
      classes: this.counts.seen().map((column) => ({
        label: this.counts.labels[column] ?? '',
        documents: this.counts.documents[column] ?? 0,
        firstSight: this.counts.sightOf(column) ?? NEVER,
      })),
      features: [],
    };
  }

  protected documentsOf(label: string): number {
    return this.counts.documents[this.counts.columnOf(label) ?? -1] ?? 0;
  }
}

/** The most frequent class so far: counts start at 1, so the first answer is even; ties to the class declared first. */
export class Majority extends Baseline {
  constructor(declared: readonly string[]) {
    super('majority', declared, {});
  }

  protected fill(classes: readonly string[], probabilities: Float64Array): void {
    let total = classes.length;
    for (const label of classes) total += this.documentsOf(label);
    for (let at = 0; at < classes.length; at++)
      probabilities[at] = (this.documentsOf(classes[at] ?? '') + 1) / total;
  }

  protected sortAppended(labels: readonly string[]): readonly string[] {
    return labels; // as first seen
  }
}

/**
 * The label learned last, with 0.9 + 0.1 / K; the others 0.1 / K each; 1 / K before any label. Last is the document with the
 * highest offset, of the highest partition where offsets are equal: that merges, a moment would not. Its snapshot and delta hold
 * the last sight of each class where others hold the first. Unlearning a document does not bring back the label before it.
 */
export class NoChange extends Baseline {
  constructor(declared: readonly string[]) {
    super('no-change', declared, { sight: 'last' });
  }

  protected fill(classes: readonly string[], probabilities: Float64Array): void {
    const last = classes.indexOf(this.#lastLabel(classes) ?? '');
    probabilities.fill((last === -1 ? 1 : 0.1) / classes.length);
    if (last !== -1) probabilities[last] = 0.9 + 0.1 / classes.length;
  }

  protected sortAppended(labels: readonly string[]): readonly string[] {
    return labels.toSorted(compareTerms);
  }

  #lastLabel(classes: readonly string[]): string | undefined {
    const columns = classes.flatMap((label) => this.counts.columnOf(label) ?? []);
    const last = this.counts.latest(columns);
    return last === undefined ? undefined : this.counts.labels[last];
  }
}
