import { BINS, binOf, calibrationError, logLossOf } from '../metrics/losses.ts';
import type { Calibrator } from './calibrator.ts';
import type { Analysis } from './gtnb-analysis.ts';
import { keepTyped, type TypedFeatures } from '../text/gt-features.ts';
import { Gtnb, type GtnbOptions } from './gtnb.ts';

/**
 * GT-NB on a labelled stream, for goldens and figures: in its exact form, every feature by name, or hashed as in a pipeline.
 */

export interface StudyRow {
  readonly text: string;
  readonly label: string;
}

/** Called with each answer before its row is learned; `probabilities` is a view, by class in the order of the answer. */
export type OnAnswer = (row: number, probabilities: Float64Array) => void;

export interface StudyOptions extends GtnbOptions {
  readonly analysis: Analysis;
  /** Declared classes, worst to best. */
  readonly classes: readonly string[];
  /** Row i is learned right after row i + delay is predicted; default 0. */
  readonly delay?: number | undefined;
  readonly onAnswer?: OnAnswer | undefined;
}

/** Shares are 0 … 1, the loss is in nats. */
export interface StudyResult {
  readonly rows: number;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly ece: number;
  /** [true class][answer], in the order of the classes. */
  readonly confusion: readonly (readonly number[])[];
  readonly model: Gtnb;
  readonly calibrator: Calibrator;
}

/** One learner over a stream: each row is predicted, scored and learned. */
export function studyStream(rows: readonly StudyRow[], options: StudyOptions): StudyResult {
  const { analysis, classes, delay = 0 } = options;
  const model = newModel(options);
  const calibrator = model.calibrator();
  const figures = new Figures(classes);
  const waiting: { features: TypedFeatures; label: string; offset: number }[] = [];
  const learnFirst = (): void => {
    const first = waiting.shift();
    if (first === undefined) return;
    const sight = { partition: 0, offset: first.offset };
    model.learn(first.features, first.label, sight, calibrator);
  };
  for (const [offset, { text, label }] of rows.entries()) {
    const features = analysis.extract(text);
    const { probabilities, best } = model.predict(features, calibrator);
    options.onAnswer?.(offset, probabilities);
    figures.add(label, probabilities, best);
    waiting.push({ features: delay === 0 ? features : keepTyped(features), label, offset });
    if (offset >= delay) learnFirst();
  }
  while (waiting.length > 0) learnFirst();
  return { rows: rows.length, ...figures.result(), model, calibrator };
}

export interface WorkersOptions extends StudyOptions {
  readonly workers: number;
  /** Rows over all workers between two merges; Infinity: never. */
  readonly every: number;
  /**
   * Own labels that a worker needs since it last took the mean of the calibrators, to take it at a merge: 0 takes it at each, as in
   * the golden figures, Infinity never. A pipeline has 250.
   */
  readonly labelsBetween: number;
}

/**
 * Several learners, rows dealt round robin. Each knows its own increments at once and those of the others from the last merge on.
 *
 * @returns figures over all answers; model and calibrator of the first worker
 */
export function studyWorkers(rows: readonly StudyRow[], options: WorkersOptions): StudyResult {
  const { analysis, classes, every, labelsBetween } = options;
  const team = Array.from({ length: options.workers }, () => {
    const model = newModel(options);
    model.stage();
    return { model, calibrator: model.calibrator() };
  });
  const [first] = team;
  if (first === undefined) throw new RangeError('at least one worker is needed');
  const figures = new Figures(classes);
  for (const [offset, { text, label }] of rows.entries()) {
    const partition = offset % team.length;
    const { model, calibrator } = team[partition] ?? first;
    const features = analysis.extract(text);
    const { probabilities, best } = model.predict(features, calibrator);
    options.onAnswer?.(offset, probabilities);
    figures.add(label, probabilities, best);
    model.learn(features, label, { partition, offset }, calibrator);
    if ((offset + 1) % every === 0) mergeTeam(team, labelsBetween);
  }
  return { rows: rows.length, ...figures.result(), ...first };
}

function mergeTeam(
  team: readonly { readonly model: Gtnb; readonly calibrator: Calibrator }[],
  labelsBetween: number,
): void {
  const deltas = team.map(({ model }) => model.takeDelta());
  for (const { model } of team) for (const delta of deltas) model.apply(delta);
  const states = team.map(({ calibrator }) => calibrator.snapshot());
  for (const [own, { calibrator }] of team.entries()) {
    if (!calibrator.isDue(own, labelsBetween)) continue;
    const others = states.flatMap((state, worker) =>
      worker === own ? [] : [[worker, state] as const],
    );
    calibrator.merge(own, new Map(others));
  }
}

function newModel(options: StudyOptions): Gtnb {
  const { analysis, classes } = options;
  const kind = options.dfe === true ? 'gtnb:dfe' : 'gtnb';
  return new Gtnb(kind, analysis, classes, analysis.lexicon, options);
}

class Figures {
  readonly #classes: readonly string[];
  readonly #confusion: number[][];
  readonly #bins = Array.from({ length: BINS }, (): [number, number, number] => [0, 0, 0]);
  #loss = 0;
  #rows = 0;

  constructor(classes: readonly string[]) {
    this.#classes = classes;
    this.#confusion = classes.map(() => classes.map(() => 0));
  }

  add(label: string, probabilities: Float64Array, best: number): void {
    const truth = this.#classes.indexOf(label);
    const row = this.#confusion[truth];
    if (row !== undefined) row[best] = (row[best] ?? 0) + 1;
    const confidence = probabilities[best] ?? 0;
    const bin = this.#bins[binOf(confidence)];
    if (bin !== undefined) {
      bin[0] += 1;
      if (truth === best) bin[1] += 1;
      bin[2] += confidence;
    }
    this.#loss += logLossOf(probabilities[truth] ?? 0);
    this.#rows += 1;
  }

  result(): Pick<StudyResult, 'accuracy' | 'logLoss' | 'ece' | 'confusion'> {
    const hits = this.#confusion.reduce((sum, row, at) => sum + (row[at] ?? 0), 0);
    return {
      accuracy: hits / this.#rows,
      logLoss: this.#loss / this.#rows,
      ece: calibrationError(this.#bins),
      confusion: this.#confusion,
    };
  }
}
