/**
 * Prequential evaluation without a log: each row is a question, later an answer. At the question the model predicts with what it
 * knows; at the answer the kept prediction is scored, then the row is learned.
 *
 * With a delay of N the answer of row i follows the question of row i + N; what is left is answered at the end. River's `delay`
 * for the same run is N + 1.
 *
 * @see Dawid (1984), Statistical theory: the prequential approach; River, evaluate.progressive_val_score
 */
import { toSixteenths, WHOLE } from '../core/models/label-weight.ts';
import { Scorer, type BaselineAnswer, type ScoredAnswer } from '../core/metrics/scorer.ts';
import { MAX_WEIGHT } from '../../topics/source.ts';
import { ValenceError } from '../errors.ts';
import { builtInCovers, ClassRules, inferOrder, type ClassOptions } from './classes.ts';
import { createLearner, type Learn, type Learner } from './learner.ts';

export interface EvaluationRow {
  readonly text: string;
  /** Undefined: predicted, never scored or learned. */
  readonly label: string | undefined;
  /** Of the label, 0 … 16; default 1. 0: scored, not learned. Counted by in kinds with `weights=on`, to the nearest sixteenth. */
  readonly weight?: number | undefined;
}

export interface EvaluationOptions {
  readonly kind: string;
  readonly classes: ClassOptions;
  readonly analyzer?: string;
  /** Rows between a question and its answer, >= 0. */
  readonly delay?: number;
  /** Rolling window, scored rows. */
  readonly window?: number;
  /** Called with each answer, before the row is learned. `best` is -1 while no class is known. */
  readonly onPrediction?: (row: number, answer: ScoredAnswer) => void;
  /** Called after each scored row; the time it takes counts for nobody. */
  readonly onScored?: (scorer: Scorer) => void;
  /** Monotonic ms; default `performance.now`. */
  readonly clock?: () => number;
}

export interface EvaluationReport {
  readonly kind: string;
  readonly rows: number;
  readonly scored: number;
  readonly learned: number;
  readonly metrics: ReturnType<Scorer['cumulative']>;
  readonly baselines: ReturnType<Scorer['baselines']>;
  /** Documents tokenised, predicted, scored and learned per second of that work alone. */
  readonly docsPerSecond: number;
}

interface Question {
  readonly label: string;
  /** Sixteenths. */
  readonly weight: number;
  readonly learn: Learn;
  readonly answer: ScoredAnswer;
  readonly baseline: BaselineAnswer;
  readonly row: number;
}

/** Evaluates one model over batches of rows, in order. */
export class Evaluation {
  readonly #options: EvaluationOptions;
  readonly #classes: ClassRules;
  readonly #learner: Learner;
  /** Learns the row that was asked last. */
  readonly #learnAtOnce: Learn = (label, row, weight) => this.#learner.learn(label, row, weight);
  readonly #scorer: Scorer;
  readonly #delay: number;
  readonly #open: Question[] = [];
  readonly #appended = new Set<string>();
  readonly #now: () => number;
  #answered = 0;
  #rows = 0;
  #learned = 0;
  #elapsedMs = 0;

  constructor(options: EvaluationOptions) {
    this.#options = options;
    this.#classes = new ClassRules(options.classes);
    const { declared } = options.classes;
    this.#learner = createLearner(options.kind, declared, options.analyzer ?? 'river');
    this.#scorer = new Scorer({ window: options.window ?? 500, order: declared });
    this.#delay = options.delay ?? 0;
    this.#now = options.clock ?? (() => performance.now());
  }

  add(rows: Iterable<EvaluationRow>): void {
    const started = this.#now();
    for (const row of rows) this.#question(row);
    this.#elapsedMs += this.#now() - started;
  }

  /** Figures of what was scored so far. */
  metrics(): ReturnType<Scorer['cumulative']> {
    return this.#scorer.cumulative();
  }

  /** Gives the answers that are left and sums up. */
  finish(): EvaluationReport {
    const started = this.#now();
    this.#answerUpTo(Number.POSITIVE_INFINITY);
    this.#elapsedMs += this.#now() - started;
    return {
      kind: this.#learner.kind,
      rows: this.#rows,
      scored: this.#scorer.scored,
      learned: this.#learned,
      metrics: this.#scorer.cumulative(),
      baselines: this.#scorer.baselines(),
      docsPerSecond: this.#elapsedMs === 0 ? 0 : (this.#rows * 1000) / this.#elapsedMs,
    };
  }

  #question({ text, label, weight: given }: EvaluationRow): void {
    const row = this.#rows++;
    const answer = this.#learner.ask(text);
    this.#options.onPrediction?.(row, answer);
    if (label !== undefined) {
      const truth = this.#class(label);
      const weight = this.#weight(given);
      if (this.#delay === 0) {
        this.#score(truth, answer, this.#scorer.baselineAnswer());
        this.#learn(truth, this.#learnAtOnce, row, weight);
        return;
      }
      this.#open.push({
        row,
        label: truth,
        weight,
        learn: this.#learner.keep(),
        answer: {
          classes: [...answer.classes],
          probabilities: answer.probabilities.slice(0, answer.classes.length),
          best: answer.best,
        },
        baseline: this.#scorer.baselineAnswer(),
      });
    }
    this.#answerUpTo(row - this.#delay);
  }

  /** @throws LABEL_UNKNOWN it would be one class more than there may be */
  #class(label: string): string {
    const resolved = this.#classes.resolve(label);
    if (this.#classes.isDeclared(resolved) || this.#appended.has(resolved)) return resolved;
    if (!this.#classes.hasRoom(this.#appended.size)) {
      throw new ValenceError(
        'LABEL_UNKNOWN',
        `row ${this.#rows}: its label would be class number ${this.#classes.maxClasses + 1}; map labels with --label-map`,
      );
    }
    this.#appended.add(resolved);
    return resolved;
  }

  /** @throws RECORD_INVALID out of range */
  #weight(given: number | undefined): number {
    if (given === undefined) return WHOLE;
    if (given >= 0 && given <= MAX_WEIGHT) return toSixteenths(given);
    throw new ValenceError(
      'RECORD_INVALID',
      `row ${this.#rows}: its weight is no number from 0 to ${MAX_WEIGHT}; leave it out to count the label once`,
    );
  }

  /** Answers the questions of all rows up to this one. */
  #answerUpTo(row: number): void {
    for (;;) {
      const question = this.#open[this.#answered];
      if (question === undefined || question.row > row) break;
      this.#answered += 1;
      this.#score(question.label, question.answer, question.baseline);
      this.#learn(question.label, question.learn, question.row, question.weight);
    }
    if (this.#answered > 10_000) {
      this.#open.splice(0, this.#answered);
      this.#answered = 0;
    }
  }

  #score(truth: string, answer: ScoredAnswer, baseline: BaselineAnswer): void {
    if (answer.best < 0) {
      this.#scorer.scoreBaselines(truth, baseline);
      return;
    }
    this.#scorer.score(truth, answer, baseline);
    this.#learner.scored(answer.classes[answer.best] === truth);
    const { onScored } = this.#options;
    if (onScored === undefined) return;
    const began = this.#now();
    onScored(this.#scorer);
    this.#elapsedMs -= this.#now() - began;
  }

  #learn(truth: string, learn: Learn, row: number, weight: number): void {
    learn(truth, row, weight);
    if (weight === 0) return;
    this.#scorer.learn(truth);
    this.#learned += 1;
  }
}

/** Classes that are taken from a file by themselves: figures grow with their square. */
export const MOST_INFERRED = 100;

/**
 * Classes of a file whose labels nobody declared, and how to read them: the built-in map applies only if it knows every label.
 *
 * @param labels all labels of the file
 */
export function inferClasses(labels: Iterable<string>): ClassOptions {
  const met = new Set(labels);
  if (met.size > MOST_INFERRED) {
    throw new ValenceError(
      'CONFIG_INVALID',
      `the labels name ${met.size} different classes, more than ${MOST_INFERRED}; is it the right column? Name the classes that count with --labels`,
    );
  }
  const declared = inferOrder(met);
  const maxClasses = Math.max(32, declared.length);
  if (declared.length >= 2) return { declared, maxClasses };
  // A file of one class, or none, is still evaluated: the other pole stands in.
  return builtInCovers(met)
    ? { declared: ['negative', 'positive'] }
    : { declared: [...declared, ''] };
}
