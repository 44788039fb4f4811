/** The seven sets and the figures of answers, for the studies of what a model knows with no label or few. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { binOf, BINS, calibrationError, logLossOf } from '../src/core/metrics/losses.ts';
import type { Answer } from '../src/core/models/model.ts';
import { DATA } from './data.ts';

export interface Row {
  readonly text: string;
  readonly label: string;
  /** Part of the set, where it has parts. */
  readonly source?: string;
}

export interface DataSet {
  readonly name: string;
  readonly classes: readonly string[];
  readonly rows: readonly Row[];
}

const TWO = ['negative', 'positive'];
const FILES: ReadonlyMap<string, { file: string; classes: readonly string[] }> = new Map([
  ['yelp-750', { file: 'yelp-750.jsonl', classes: TWO }],
  ['uci-sentences', { file: 'uci-sentences-3000.jsonl', classes: TWO }],
  ['movie-reviews', { file: 'movie-reviews-10662.jsonl', classes: TWO }],
  ['airline', { file: 'airline-tweets-14640.jsonl', classes: ['negative', 'neutral', 'positive'] }],
  ['sentiment140', { file: 'sentiment140-57163.jsonl', classes: TWO }],
  ['amazon-reviews', { file: 'amazon-reviews-7999.jsonl', classes: TWO }],
  ['zh-waimai', { file: 'zh-waimai.jsonl', classes: TWO }],
]);

/** Those that are there; each that is not is named on a line. */
export function dataSets(): ReadonlyMap<string, DataSet> {
  const sets = new Map<string, DataSet>();
  for (const [name, { file, classes }] of FILES) {
    const path = join(DATA, file);
    if (existsSync(path)) {
      const lines = readFileSync(path, 'utf8').trim().split('\n');
      sets.set(name, { name, classes, rows: lines.map((line): Row => JSON.parse(line)) });
    } else console.log(`skipped ${name}: no ${path} (VALENCE_DATA)`);
  }
  return sets;
}

/** The rows of a set that `isKept`, as a set of another name. */
export function part(
  { classes, rows }: DataSet,
  name: string,
  isKept: (row: Row) => boolean,
): DataSet {
  const kept = rows.filter(isKept);
  const labels = new Set(kept.map(({ label }) => label));
  return { name, classes: classes.filter((label) => labels.has(label)), rows: kept };
}

/** Accuracy, log loss and ECE of answers. */
export class AnswerFigures {
  readonly #bins = Array.from({ length: BINS }, (): [number, number, number] => [0, 0, 0]);
  #rows = 0;
  #hits = 0;
  #loss = 0;

  /** @returns whether the answer is right */
  add({ classes, probabilities, best }: Answer, label: string): boolean {
    const isHit = classes[best] === label;
    const confidence = probabilities[best] ?? 0;
    const bin = this.#bins[binOf(confidence)];
    if (bin !== undefined) {
      bin[0] += 1;
      bin[1] += Number(isHit);
      bin[2] += confidence;
    }
    this.#rows += 1;
    this.#hits += Number(isHit);
    this.#loss += logLossOf(probabilities[classes.indexOf(label)] ?? 0);
    return isHit;
  }

  get rows(): number {
    return this.#rows;
  }

  /** 0 … 1. */
  get accuracy(): number {
    return this.#hits / this.#rows;
  }

  /** Mean, nats. */
  get logLoss(): number {
    return this.#loss / this.#rows;
  }

  /** 0 … 1. */
  get ece(): number {
    return calibrationError(this.#bins);
  }

  /** `81.35 / 0.477 / 0.9`: accuracy %, log loss, ECE %. */
  toString(): string {
    return `${percent(this.accuracy)} / ${this.logLoss.toFixed(3)} / ${percent(this.ece, 1)}`;
  }
}

export function percent(share: number, digits = 2): string {
  return Number.isNaN(share) ? '' : (100 * share).toFixed(digits);
}
