import type { Extractor } from '../text/features.ts';
import type { Calibrator } from './calibrator.ts';
import { compareTerms } from './term-order.ts';
import type { GtnbCounts } from './gtnb-counts.ts';
import { TYPES, type TypedFeatures } from '../text/gt-features.ts';
import { GroupSums, PRIOR } from './gtnb-groups.ts';
import type { Contribution, Explanation, Model } from './model.ts';

/** Answers of GT-NB taken apart, and what its counts tell about the classes. */

/** Name of a feature of the document, by its place in `ids`. */
export type NameAt = (at: number) => string;

/** What a model shows to be explained. */
export interface Explained {
  readonly counts: GtnbCounts;
  readonly sums: GroupSums;
  readonly calibrator: Calibrator;
}

/**
 * @param model its sums are those of the document
 * @param best position of the answer
 * @param limit features listed at most
 */
export function explainAnswer(
  model: Explained,
  features: TypedFeatures,
  best: number,
  limit: number,
  name: NameAt,
): Explanation {
  const { counts, sums, calibrator } = model;
  const { order, classes } = counts;
  if (order.length < 2) return { features: [] };
  const asked = order.length === 2 ? 1 : best;
  const { weights, bias } = calibrator;
  const biases = Float64Array.from(order, (column) => bias[column] ?? 0);
  const scores = biases.map((start, position) => start + sums.tempered(position, weights));
  const contributions = contributionsOf(model, features, asked, name).toSorted(
    (a, b) => Math.abs(b.weight) - Math.abs(a.weight),
  );
  const listed = Math.max(0, limit);
  const logit = {
    towards: classes[asked] ?? '',
    value: contrast(scores, 0, order.length, asked),
    prior: (weights[PRIOR] ?? 0) * contrast(sums.x, PRIOR * order.length, order.length, asked),
    bias: contrast(biases, 0, order.length, asked),
    rest: contributions.slice(listed).reduce((sum, { weight }) => sum + weight, 0),
  };
  return { features: contributions.slice(0, listed), logit };
}

/**
 * A feature's part includes its group's weight and the square root of the number of features of its type; and, where it is in the
 * lexicon, what that adds to the groups of polarity and subjectivity, which are sums over features too.
 */
function contributionsOf(
  { counts, sums, calibrator }: Explained,
  { ids, ends }: TypedFeatures,
  asked: number,
  name: NameAt,
): Contribution[] {
  const { order } = counts;
  const { weights } = calibrator;
  const contributions: Contribution[] = [];
  let at = 0;
  for (let type = 0; type < TYPES; type++) {
    const end = ends[type] ?? 0;
    const root = 1 / Math.sqrt(end - at);
    for (; at < end; at++) {
      const id = ids[at] ?? 0;
      const value = sums.valueOf(id);
      const frequency = counts.frequency(id);
      if (frequency === 0 && value === 0) continue;
      const share = contrast(sums.share(id, value, order), 0, order.length, asked);
      let weight = (weights[GroupSums.of(type, frequency)] ?? 0) * root * share;
      if (value !== 0)
        weight += contrast(sums.lexiconShare(value, ends[0] ?? 0, weights), 0, order.length, asked);
      if (weight !== 0) contributions.push({ feature: name(at), weight });
    }
  }
  return contributions;
}

interface Ranked {
  readonly feature: string;
  readonly weight: number;
  readonly count: number;
}

/**
 * The features of each class that the counts tell most about: log-odds against the mean of the other classes, above 0, without
 * lexicon and weights; their counts are in documents. Looks at every id; leaves out hashed ones that were not named.
 */
export function topFeatures(
  { counts, sums }: Omit<Explained, 'calibrator'>,
  limit: number,
  nameOf: Extractor['nameOf'],
): ReturnType<Model['top']> {
  const { order, classes, unit } = counts;
  sums.prepare(order);
  const found = classes.map((): Ranked[] => []);
  const floors = classes.map(() => 0);
  for (let id = 0; id < counts.rows; id++) {
    if (counts.frequency(id) === 0) continue;
    const shares = sums.share(id, 0, order);
    for (const [position, list] of found.entries()) {
      const count = counts.count(id, order[position] ?? 0) / unit;
      const weight = order.length < 2 ? 0 : contrast(shares, 0, order.length, position);
      if (count === 0 || weight < (floors[position] ?? 0)) continue;
      if (weight === 0 && order.length > 1) continue;
      const feature = nameOf(id);
      if (feature === undefined) continue;
      list.push({ feature, weight, count });
      if (list.length < 4 * limit + 1024) continue;
      floors[position] = cut(list, limit).at(-1)?.weight ?? Infinity;
    }
  }
  return new Map(found.map((list, position) => [classes[position] ?? '', cut(list, limit)]));
}

/** One of some numbers against the mean of the others; `count` >= 2, numbers from `start` on. */
function contrast(numbers: Float64Array, start: number, count: number, asked: number): number {
  let others = 0;
  for (let at = 0; at < count; at++) if (at !== asked) others += numbers[start + at] ?? 0;
  return (numbers[start + asked] ?? 0) - others / (count - 1);
}

/** Keeps the heaviest, of equal ones the most frequent, then the first by name. */
function cut(list: Ranked[], limit: number): Ranked[] {
  list.sort(
    (a, b) => b.weight - a.weight || b.count - a.count || compareTerms(a.feature, b.feature),
  );
  list.length = Math.min(list.length, Math.max(0, limit));
  return list;
}
