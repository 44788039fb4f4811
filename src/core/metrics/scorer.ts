/**
 * What the fold keeps of the answers of one model on one partition: cumulative and rolling figures, and the baselines on the same
 * records. The order per record is: answer, `baselineAnswer()`, `score` both, `learn` the label.
 *
 *   mark ──► score, learn, score, … ──► mark          commit
 *                                  └──► rollback()    abort
 *
 * State is a function of the calls: a rollback and a snapshot give it back bit for bit.
 */
import assert from 'node:assert/strict';
import { Baselines, type BaselineAnswer, type BaselinesSnapshot } from './baselines.ts';
import { CountMatrix } from './count-matrix.ts';
import { BINS, binOf, logLossOf } from './losses.ts';
import { ScoreRing, type Scores } from './score-ring.ts';
import {
  binTriples,
  metricValues,
  type BaselineValues,
  type MetricValues,
  type RollingValues,
  type Sums,
} from './values.ts';

export type { BaselineAnswer } from './baselines.ts';
export { mergeMetrics, metricValues } from './values.ts';
export type { BaselineValues, MetricValues, RollingValues } from './values.ts';

/** An answer as a model gives it or as it was kept; `best` >= 0. */
export interface ScoredAnswer {
  readonly classes: readonly string[];
  /** Per class, same order, sum 1. */
  readonly probabilities: ArrayLike<number>;
  /** Index of the answer in `classes`. */
  readonly best: number;
}

export interface ScorerOptions {
  /** Rolling window, scored records, an integer >= 1. */
  readonly window: number;
  /** Declared classes, worst to best, at least one; others are appended as they are first met. */
  readonly order: readonly string[];
}

/** State of a scorer; JSON-safe, equal states give equal snapshots. Labels by index into `classes`. */
export interface ScorerSnapshot {
  readonly classes: readonly string[];
  /** Row-major confusion counts. */
  readonly confusion: readonly number[];
  readonly sums: Sums;
  /** Label of the last scored record, -1 before any. */
  readonly last: number;
  readonly baselines: BaselinesSnapshot;
  /** The window, oldest first. */
  readonly scores: Scores;
}

/** Everything but classes and window: what is small enough to copy at each mark. */
class Totals {
  readonly counts = new CountMatrix();
  readonly baselines = new Baselines();
  /** Records, hits, sum of the top probability: three cells per bin. */
  readonly bins = new Float64Array(BINS * 3);
  scored = 0;
  logLoss = 0;
  brier = 0;
  repeats = 0;
  last = -1;

  copyFrom(other: Totals): void {
    this.counts.copyFrom(other.counts);
    this.baselines.copyFrom(other.baselines);
    this.bins.set(other.bins);
    this.scored = other.scored;
    this.logLoss = other.logLoss;
    this.brier = other.brier;
    this.repeats = other.repeats;
    this.last = other.last;
  }

  sums(): Sums {
    return {
      n: this.scored,
      logLoss: this.logLoss,
      brier: this.brier,
      noChangeHits: this.repeats,
      ece: binTriples(this.bins),
    };
  }
}

export class Scorer {
  readonly #classes: string[] = [];
  readonly #index = new Map<string, number>();
  readonly #now = new Totals();
  readonly #ring: ScoreRing;
  readonly #marked = new Totals();
  #markedClasses = 0;

  /** A new scorer is marked: `rollback` goes back to its beginning. */
  constructor(options: ScorerOptions) {
    assert(options.order.length > 0, 'a scorer needs at least one declared class');
    assert(
      Number.isSafeInteger(options.window) && options.window > 0,
      'the rolling window must be an integer of at least 1',
    );
    this.#ring = new ScoreRing(options.window);
    for (const label of options.order) this.#meet(label);
    this.mark();
  }

  /** Records scored. */
  get scored(): number {
    return this.#now.scored;
  }

  /** Known classes: declared order, then as they were first met. */
  get classes(): readonly string[] {
    return this.#classes;
  }

  /**
   * Scores an answer against the true label. O(K), allocates nothing.
   *
   * @param baseline what {@link baselineAnswer} gave when the text was predicted
   */
  score(truth: string, answer: ScoredAnswer, baseline: BaselineAnswer): void {
    const { classes, probabilities, best } = answer;
    let pTrue = 0;
    let brier = 0;
    let found = false;
    for (let index = 0; index < classes.length; index++) {
      const p = probabilities[index] ?? 0;
      if (!found && classes[index] === truth) {
        found = true;
        pTrue = p;
        brier += (p - 1) * (p - 1);
      } else brier += p * p;
    }
    if (!found) brier += 1;
    const label = this.#meet(truth);
    const predicted = classes[best];
    assert(predicted !== undefined, 'an answer without a best class cannot be scored');
    this.#add(label, this.#meet(predicted), logLossOf(pTrue), brier, probabilities[best] ?? 0);
    this.#now.baselines.score(label, baseline);
  }

  /** A record that the model had no answer to: the baselines answer from the first record on, and are scored on it. */
  scoreBaselines(truth: string, baseline: BaselineAnswer): void {
    this.#now.baselines.score(this.#meet(truth), baseline);
  }

  /** What the baselines say now. Immutable; the same object until the state changes, so keeping it is cheap. */
  baselineAnswer(): BaselineAnswer {
    return this.#now.baselines.answer();
  }

  /** Teaches the baselines a label: majority's counts, no-change's label before. */
  learn(label: string): void {
    this.#now.baselines.learn(this.#meet(label));
  }

  /** Takes a label that was learned out of the majority's counts. */
  unlearn(label: string): void {
    this.#now.baselines.unlearn(this.#meet(label));
  }

  /** Figures of all scored records. */
  cumulative(): MetricValues {
    return metricValues(this.#classes, this.#now.counts, this.#now.sums());
  }

  /** Figures of the last `window` scored records. O(window + K²). */
  rolling(): RollingValues {
    const { counts, sums } = this.#ring.total(this.#classes.length);
    return { ...metricValues(this.#classes, counts, sums), window: this.#ring.window };
  }

  /** Figures of the baselines on all scored records. */
  baselines(): { majority: BaselineValues; noChange: BaselineValues } {
    return this.#now.baselines.values(this.#classes);
  }

  /** Remembers this state. O(K²). */
  mark(): void {
    this.#marked.copyFrom(this.#now);
    this.#markedClasses = this.#classes.length;
    this.#ring.mark();
  }

  /** Back to the last mark, bit for bit, in time proportional to what was scored since. Can be called again. */
  rollback(): void {
    for (const label of this.#classes.splice(this.#markedClasses)) this.#index.delete(label);
    this.#now.copyFrom(this.#marked);
    this.#ring.rollback();
  }

  snapshot(): ScorerSnapshot {
    return {
      classes: [...this.#classes],
      confusion: [...this.#now.counts.cells],
      sums: this.#now.sums(),
      last: this.#now.last,
      baselines: this.#now.baselines.snapshot(),
      scores: this.#ring.newest(this.#ring.length),
    };
  }

  /**
   * A marked scorer that goes on exactly as the one that gave the snapshot. Its classes keep the snapshot's order; classes that
   * `options` declares besides are appended. A smaller window keeps the newest scores.
   */
  static restore(snapshot: ScorerSnapshot, options: ScorerOptions): Scorer {
    const scorer = new Scorer({ window: options.window, order: snapshot.classes });
    scorer.#load(snapshot);
    for (const label of options.order) scorer.#meet(label);
    scorer.mark();
    return scorer;
  }

  #add(truth: number, predicted: number, logLoss: number, brier: number, top: number): void {
    const now = this.#now;
    const repeat = truth === now.last ? 1 : 0;
    const bin = binOf(top) * 3;
    now.counts.add(truth, predicted, 1);
    now.bins[bin] = (now.bins[bin] ?? 0) + 1;
    if (truth === predicted) now.bins[bin + 1] = (now.bins[bin + 1] ?? 0) + 1;
    now.bins[bin + 2] = (now.bins[bin + 2] ?? 0) + top;
    now.scored++;
    now.logLoss += logLoss;
    now.brier += brier;
    now.repeats += repeat;
    now.last = truth;
    this.#ring.push(truth, predicted, repeat, logLoss, brier, top);
  }

  /** Index of a class, appended if new. */
  #meet(label: string): number {
    const known = this.#index.get(label);
    if (known !== undefined) return known;
    const index = this.#classes.push(label) - 1;
    this.#index.set(label, index);
    this.#now.counts.grow(index + 1);
    this.#now.baselines.grow(index + 1);
    return index;
  }

  #load(snapshot: ScorerSnapshot): void {
    const { sums } = snapshot;
    const now = this.#now;
    now.counts.copyFrom(CountMatrix.of(snapshot.classes.length, snapshot.confusion));
    now.baselines.load(snapshot.baselines);
    for (const [bin, triple] of sums.ece.entries()) now.bins.set(triple, bin * 3);
    now.scored = sums.n;
    now.logLoss = sums.logLoss;
    now.brier = sums.brier;
    now.repeats = sums.noChangeHits;
    now.last = snapshot.last;
    this.#ring.extend(snapshot.scores);
  }
}
