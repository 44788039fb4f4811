/**
 * Metrics of labels, as functions of confusion counts. Classes count when their row or column sum is not 0; whatever would
 * divide by 0 is 0. Checked against River 0.26.1.
 */
import type { Counts } from './count-matrix.ts';

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const cell = (counts: Counts, truth: number, prediction: number): number =>
  counts.cells[truth * counts.size + prediction] ?? 0;
const support = (counts: Counts, index: number): number => counts.rows[index] ?? 0;
const answers = (counts: Counts, index: number): number => counts.columns[index] ?? 0;
const isLive = (counts: Counts, index: number): boolean =>
  support(counts, index) !== 0 || answers(counts, index) !== 0;

/** Share of right answers, 0 … 1. */
export function accuracy(counts: Counts): number {
  return ratio(counts.hits, counts.total);
}

/** Share of the answers `index` that were right, 0 … 1. */
export function precision(counts: Counts, index: number): number {
  return ratio(cell(counts, index, index), answers(counts, index));
}

/** Share of the records of class `index` that were answered so, 0 … 1. */
export function recall(counts: Counts, index: number): number {
  return ratio(cell(counts, index, index), support(counts, index));
}

/** Weighted harmonic mean of precision and recall; `beta` > 1 favours recall. */
export function fBeta(counts: Counts, index: number, beta = 1): number {
  const p = precision(counts, index);
  const r = recall(counts, index);
  const square = beta * beta;
  return ratio((1 + square) * p * r, square * p + r);
}

/** Hits over the records that are or were answered `index`. */
export function jaccard(counts: Counts, index: number): number {
  const hits = cell(counts, index, index);
  return ratio(hits, support(counts, index) + answers(counts, index) - hits);
}

/** A metric of one class, such as {@link recall}. */
export type ClassMetric = (counts: Counts, index: number) => number;

/** Mean over the classes that were seen or answered; an undefined class counts 0 and is in the divisor. */
export function macro(counts: Counts, metric: ClassMetric): number {
  let sum = 0;
  let classes = 0;
  for (let index = 0; index < counts.size; index++) {
    if (!isLive(counts, index)) continue;
    sum += metric(counts, index);
    classes++;
  }
  return ratio(sum, classes);
}

/** Mean over classes, each with its support as weight. */
export function weighted(counts: Counts, metric: ClassMetric): number {
  let sum = 0;
  for (let index = 0; index < counts.size; index++) {
    const weight = support(counts, index);
    if (weight !== 0) sum += metric(counts, index) * weight;
  }
  return ratio(sum, counts.total);
}

/** Mean of the F1 of each class. */
export function macroF1(counts: Counts): number {
  return macro(counts, fBeta);
}

/** Micro-averaged precision, recall and F1, which are all the accuracy. */
export const micro: (counts: Counts) => number = accuracy;

/** Mean recall over the classes with support. */
export function balancedAccuracy(counts: Counts): number {
  let sum = 0;
  let classes = 0;
  for (let index = 0; index < counts.size; index++) {
    if (support(counts, index) === 0) continue;
    sum += recall(counts, index);
    classes++;
  }
  return ratio(sum, classes);
}

/** Cohen's kappa: 1 perfect, 0 as good as answering by the margins, below 0 worse. */
export function kappa(counts: Counts): number {
  if (counts.total === 0) return 0;
  let product = 0;
  for (let index = 0; index < counts.size; index++)
    product += support(counts, index) * answers(counts, index);
  const expected = product / (counts.total * counts.total);
  return ratio(accuracy(counts) - expected, 1 - expected);
}

/** Kappa-M: against always answering the class with the largest support so far. */
export function kappaM(counts: Counts): number {
  if (counts.total === 0) return 0;
  let largest = 0;
  for (let index = 0; index < counts.size; index++)
    largest = Math.max(largest, support(counts, index));
  const share = largest / counts.total;
  return ratio(accuracy(counts) - share, 1 - share);
}

/**
 * Kappa-T: against repeating the label before.
 *
 * @param repeats records whose label equals the label of the record before; the first record is none
 */
export function kappaT(counts: Counts, repeats: number): number {
  if (counts.total === 0) return 0;
  const share = repeats / counts.total;
  return ratio(accuracy(counts) - share, 1 - share);
}

/** Matthews' correlation for any number of classes, -1 … 1. */
export function mcc(counts: Counts): number {
  const { total, hits, size } = counts;
  let both = 0;
  let truths = 0;
  let predictions = 0;
  for (let index = 0; index < size; index++) {
    const row = support(counts, index);
    const column = answers(counts, index);
    both += row * column;
    truths += row * row;
    predictions += column * column;
  }
  const square = total * total;
  return ratio(hits * total - both, Math.sqrt(square - predictions) * Math.sqrt(square - truths));
}

/** Geometric mean of the recalls of all classes that were seen or answered; 0 as soon as one class is never hit. */
export function geometricMean(counts: Counts): number {
  let logs = 0;
  let classes = 0;
  for (let index = 0; index < counts.size; index++) {
    if (!isLive(counts, index)) continue;
    logs += Math.log(recall(counts, index));
    classes++;
  }
  return classes === 0 ? 0 : Math.exp(logs / classes);
}
