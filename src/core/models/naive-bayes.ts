import type { Features, Terms } from '../text/features.ts';
import { ClassCounts, NEVER, type CountRules } from './class-counts.ts';
import { compareTerms } from './term-order.ts';
import type {
  Answer,
  Contribution,
  Explanation,
  FirstSight,
  Model,
  ModelDelta,
  ModelSnapshot,
  ModelSums,
} from './model.ts';

/**
 * What the three naive Bayes models share: counts, staging, the posterior of log-likelihoods, explanations and snapshots. Each
 * model adds its likelihood.
 *
 * Sums go through a document's features in order of first occurrence and through classes in order of first sight, so an answer
 * does not depend on the ids or columns that a process happened to give.
 */

/** A number the model adds to the log-likelihood of a class for one occurrence of a feature, nats. */
export type Evidence = (id: number, column: number) => number;

interface TopFeature {
  readonly feature: string;
  readonly weight: number;
  readonly count: number;
}

export abstract class NaiveBayes implements Model {
  readonly kind: string;
  readonly unit = 1;
  readonly isWeighted = false;
  protected readonly counts: ClassCounts;
  readonly extractor: Terms;
  readonly #answer: { classes: readonly string[]; probabilities: Float64Array; best: number } = {
    classes: [],
    probabilities: new Float64Array(0),
    best: -1,
  };

  constructor(kind: string, extractor: Terms, rules: CountRules) {
    this.kind = kind;
    this.extractor = extractor;
    this.counts = new ClassCounts(rules);
  }

  /** Log-likelihood of the document plus the log of the prior, per class of `order`, into `scores`. */
  protected abstract score(
    features: Features,
    order: readonly number[],
    scores: Float64Array,
  ): void;

  /**
   * The same with one logarithm per term, as River adds it up, so that scores that are equal in theory are equal here. Slow: asked
   * only where the two best classes all but tie.
   */
  protected abstract scoreTermByTerm(
    features: Features,
    order: readonly number[],
    scores: Float64Array,
  ): void;

  /** Evidence of single features in the present state. */
  protected abstract evidence(): Evidence;

  /** Occurrences of a feature that count. */
  protected abstract times(value: number): number;

  get classes(): readonly string[] {
    return this.counts.classes;
  }

  get learned(): number {
    return this.counts.learned + this.counts.forgotten;
  }

  get vocabulary(): number {
    return this.counts.vocabulary;
  }

  predict(features: Features): Answer {
    const { order, classes } = this.counts;
    const answer = this.#answer;
    if (answer.classes !== classes) {
      answer.classes = classes;
      answer.probabilities = new Float64Array(classes.length);
    }
    if (order.length === 0) answer.best = -1;
    else {
      this.score(features, order, answer.probabilities);
      answer.best = toPosterior(answer.probabilities);
      if (isNearTie(answer.probabilities, answer.best)) {
        this.scoreTermByTerm(features, order, answer.probabilities);
        answer.best = toPosterior(answer.probabilities);
      }
    }
    return answer;
  }

  frequency(id: number): number {
    return this.counts.rowSum(id);
  }

  calibrator(): undefined {
    return undefined;
  }

  learn(features: Features, label: string, sight: FirstSight): undefined {
    this.counts.learn(features, label, sight);
  }

  unlearn(features: Features, label: string): void {
    this.counts.unlearn(features, label);
  }

  forget(features: Features, label: string): void {
    this.counts.forget(features, label);
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

  explain(features: Features, limit: number, order: readonly string[]): Explanation {
    const { order: columns, classes } = this.counts;
    if (columns.length < 2) return { features: [] };
    const asked = columns[this.#towards(features, order, classes)] ?? 0;
    const others = columns.filter((column) => column !== asked);
    const evidence = this.evidence();
    const contributions: Contribution[] = [];
    for (let at = 0; at < features.length; at++) {
      const id = features.ids[at] ?? 0;
      if (this.counts.rowSum(id) <= 0) continue; // says nothing about the words of the text
      const weight = this.times(features.values[at] ?? 0) * odds(evidence, id, asked, others);
      contributions.push({ feature: this.extractor.term(id), weight });
    }
    const sorted = contributions.toSorted((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
    return { features: sorted.slice(0, Math.max(0, limit)) };
  }

  top(limit: number): ReadonlyMap<string, readonly TopFeature[]> {
    const { order, labels } = this.counts;
    const evidence = this.evidence();
    return new Map(
      order.map((column) => {
        const others = order.filter((other) => other !== column);
        const found: TopFeature[] = [];
        for (let id = 0; id < this.counts.rows; id++) {
          const count = this.counts.count(id, column);
          if (count <= 0) continue;
          const weight = odds(evidence, id, column, others);
          const last = found.at(-1);
          if (found.length === limit && last !== undefined && weight < last.weight) continue;
          insertSorted(found, { feature: this.extractor.term(id), weight, count }, limit);
        }
        return [labels[column] ?? '', found];
      }),
    );
  }

  sums(): ModelSums {
    return this.counts.sums();
  }

  snapshot(): ModelSnapshot {
    const columns = this.counts.seen();
    const features: [string, ...number[]][] = [];
    for (let id = 0; id < this.counts.rows; id++) {
      if (this.counts.rowSum(id) <= 0) continue;
      const counts = columns.map((column) => this.counts.count(id, column));
      features.push([this.extractor.term(id), ...counts]);
    }
    return {
      format: 'valence-model',
      version: 1,
      kind: this.kind,
      extractor: this.extractor.id,
      classes: columns.map((column) => ({
        label: this.counts.labels[column] ?? '',
        documents: this.counts.documents[column] ?? 0,
        firstSight: this.counts.sightOf(column) ?? NEVER,
      })),
      features: features.toSorted((a, b) => compareTerms(a[0], b[0])),
    };
  }

  /** Index of the class that positive weights speak for. */
  #towards(features: Features, order: readonly string[], classes: readonly string[]): number {
    if (classes.length > 2) return this.predict(features).best;
    const rank = (label: string | undefined) => {
      const declared = label === undefined ? -1 : order.indexOf(label);
      return declared === -1 ? order.length : declared;
    };
    return rank(classes[0]) > rank(classes[1]) ? 0 : 1;
  }
}

/** Log-odds of a class against the mean of the others; against even odds when there are none. */
function odds(evidence: Evidence, id: number, column: number, others: readonly number[]): number {
  if (others.length === 0) return 0;
  let sum = 0;
  for (const other of others) sum += evidence(id, other);
  return evidence(id, column) - sum / others.length;
}

/** Heaviest first, then most frequent, then by term. */
function insertSorted(found: TopFeature[], feature: TopFeature, limit: number): void {
  let at = found.length;
  while (at > 0 && compareTop(feature, found[at - 1]) < 0) at -= 1;
  found.splice(at, 0, feature);
  if (found.length > limit) found.pop();
}

function compareTop(a: TopFeature, b: TopFeature | undefined): number {
  if (b === undefined) return 1;
  return b.weight - a.weight || b.count - a.count || compareTerms(a.feature, b.feature);
}

/** Far above what the order of a sum can change, far below what a word changes. */
const NEAR_TIE = 1e-9;

function isNearTie(probabilities: Float64Array, best: number): boolean {
  const least = (probabilities[best] ?? 0) * (1 - NEAR_TIE);
  for (let at = 0; at < probabilities.length; at++)
    if (at !== best && (probabilities[at] ?? 0) >= least) return true;
  return false;
}

/**
 * Turns log scores into probabilities in place.
 *
 * @returns index of the largest probability, ties to the lowest index; `scores` has at least one cell
 */
export function toPosterior(scores: Float64Array): number {
  let largest = scores[0] ?? 0;
  for (let at = 1; at < scores.length; at++) largest = Math.max(largest, scores[at] ?? 0);
  let sum = 0;
  for (let at = 0; at < scores.length; at++) {
    const share = Math.exp((scores[at] ?? 0) - largest);
    scores[at] = share;
    sum += share;
  }
  let best = 0;
  for (let at = 0; at < scores.length; at++) {
    scores[at] = (scores[at] ?? 0) / sum;
    if ((scores[at] ?? 0) > (scores[best] ?? 0)) best = at;
  }
  return best;
}
