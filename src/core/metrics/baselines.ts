/**
 * The two baselines that stand beside every figure: majority (the class learned most often) and no-change (the label learned
 * last). Both answer from the first record and are scored on the same records as the model.
 */
import { CountMatrix } from './count-matrix.ts';
import { logLossOf } from './losses.ts';
import { baselineValues, type BaselineValues } from './values.ts';

/**
 * What both baselines say at one moment. Immutable plain data, small enough to keep with a text that waits for its label. Class
 * indexes are those of the scorer that gave it.
 */
export interface BaselineAnswer {
  /** Documents learned per class, one more for each class: the majority's probabilities times `total`. */
  readonly counts: readonly number[];
  readonly total: number;
  /** The majority's answer, ties to the lowest class. */
  readonly majority: number;
  /** Label learned last: no-change's answer; -1 before any label, when it answers class 0. */
  readonly previous: number;
}

/** Counts and loss of one baseline, as data. */
export interface BaselineScores {
  /** Row-major confusion counts. */
  readonly confusion: readonly number[];
  readonly logLoss: number;
}

export interface BaselinesSnapshot {
  readonly counts: readonly number[];
  readonly previous: number;
  readonly majority: BaselineScores;
  readonly noChange: BaselineScores;
}

/** No-change gives this to the label before, and the rest evenly to all classes. */
const STAY = 0.9;

export class Baselines {
  #counts: number[] = [];
  #previous = -1;
  /** The current answer, made when asked for; undefined once it is stale. */
  #answer: BaselineAnswer | undefined;
  readonly #majority = new CountMatrix();
  readonly #noChange = new CountMatrix();
  #majorityLoss = 0;
  #noChangeLoss = 0;

  /** Knows `size` classes from now on; new ones start with count 1. */
  grow(size: number): void {
    while (this.#counts.length < size) this.#counts.push(1);
    this.#majority.grow(size);
    this.#noChange.grow(size);
    this.#answer = undefined;
  }

  answer(): BaselineAnswer {
    this.#answer ??= answerOf(this.#counts, this.#previous);
    return this.#answer;
  }

  learn(label: number): void {
    this.#counts[label] = (this.#counts[label] ?? 0) + 1;
    this.#previous = label;
    this.#answer = undefined;
  }

  /** Takes one document of `label` out of the majority's counts; what was learned last stays. */
  unlearn(label: number): void {
    this.#counts[label] = (this.#counts[label] ?? 0) - 1;
    this.#answer = undefined;
  }

  score(truth: number, answer: BaselineAnswer): void {
    const { counts, total, majority, previous } = answer;
    this.#majority.add(truth, majority, 1);
    this.#majorityLoss += logLossOf((counts[truth] ?? 0) / total);
    this.#noChange.add(truth, Math.max(0, previous), 1);
    this.#noChangeLoss += logLossOf(noChangeProbability(truth, previous, counts.length));
  }

  /** @param classes labels by index */
  values(classes: readonly string[]): { majority: BaselineValues; noChange: BaselineValues } {
    return {
      majority: baselineValues(classes, this.#majority, this.#majorityLoss),
      noChange: baselineValues(classes, this.#noChange, this.#noChangeLoss),
    };
  }

  copyFrom(other: Baselines): void {
    this.#counts = [...other.#counts];
    this.#previous = other.#previous;
    this.#answer = other.#answer;
    this.#majority.copyFrom(other.#majority);
    this.#noChange.copyFrom(other.#noChange);
    this.#majorityLoss = other.#majorityLoss;
    this.#noChangeLoss = other.#noChangeLoss;
  }

  snapshot(): BaselinesSnapshot {
    return {
      counts: [...this.#counts],
      previous: this.#previous,
      majority: { confusion: [...this.#majority.cells], logLoss: this.#majorityLoss },
      noChange: { confusion: [...this.#noChange.cells], logLoss: this.#noChangeLoss },
    };
  }

  load(snapshot: BaselinesSnapshot): void {
    const size = snapshot.counts.length;
    this.#counts = [...snapshot.counts];
    this.#previous = snapshot.previous;
    this.#answer = undefined;
    this.#majority.copyFrom(CountMatrix.of(size, snapshot.majority.confusion));
    this.#noChange.copyFrom(CountMatrix.of(size, snapshot.noChange.confusion));
    this.#majorityLoss = snapshot.majority.logLoss;
    this.#noChangeLoss = snapshot.noChange.logLoss;
  }
}

function answerOf(counts: readonly number[], previous: number): BaselineAnswer {
  let total = 0;
  let majority = 0;
  // A plain loop: this runs once a record, and an iterator allocates at each step.
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index] ?? 0;
    total += count;
    if (count > (counts[majority] ?? 0)) majority = index;
  }
  return { counts: [...counts], total, majority, previous };
}

function noChangeProbability(truth: number, previous: number, classes: number): number {
  if (truth >= classes) return 0;
  if (previous < 0) return 1 / classes;
  return (truth === previous ? STAY : 0) + (1 - STAY) / classes;
}
