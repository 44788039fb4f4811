import type { CountUnit } from './gtnb-delta.ts';
import type { ModelDelta, ModelSums } from './model.ts';

/**
 * Counts of another source as a start of GT-NB: scaled down, so that what is learned here soon outweighs them.
 *
 *   sums of the source ─► x weight, to whole units ─► a delta of features without documents ─► apply, before the first record
 *
 * Only n, df and T come along. D and the calibrator stay as in a new model: how often a class occurs, and how far words can be
 * trusted, is another matter in another stream.
 */

/** A feature with less of a document than this counts as never learned. */
const LEAST_DOCUMENTS = 0.5;

export interface WarmStartOptions {
  /** Share of the counts that is taken over, above 0 and at most 1; 0.1 to 0.3 suits a source of another subject. */
  readonly weight: number;
  /** Classes of the model that starts. Others of the source are left out; one that it lacks gets the mean of those it has. */
  readonly classes: readonly string[];
  /** Unit of the source's counts. */
  readonly from: CountUnit;
  /** Unit of the model that starts. */
  readonly to: CountUnit;
}

/**
 * The delta that a model starts from. All counts are integers in its unit, so sums of such deltas stay exact. Rows are ordered by
 * feature id.
 *
 * - Whole counts: df x weight is rounded to the nearest integer, half up, and shared out by largest remainder: each class gets the
 *   integer below its own count x weight, then those that lost most one more, ties to the earlier class. So df remains the sum of
 *   the counts, and at weight 1 all counts are the source's.
 * - Sixteenths: each count x weight is rounded to the nearest sixteenth, df to the nearest integer.
 *
 * @param source of the same tokenizer, n-grams and bits; without any of the classes the delta is empty
 * @throws {RangeError} weight out of range
 */
export function warmStart(source: ModelSums, options: WarmStartOptions): ModelDelta {
  const { weight, from, to } = options;
  if (!(weight > 0 && weight <= 1)) throw new RangeError('a weight is above 0 and at most 1');
  const columns = options.classes.map((label) =>
    source.classes.findIndex((known) => known.label === label),
  );
  const known = columns.filter((column) => column !== -1).length;
  const ids: number[] = [];
  const counts: number[] = [];
  const frequencies: number[] = [];
  for (let place = 0; place < (known === 0 ? 0 : source.ids.length); place++) {
    const row = place * source.stride;
    const shares = columns.map((column) =>
      column === -1 ? 0 : ((source.cells[row + source.base + column] ?? 0) * weight) / from,
    );
    const sum = sumOf(shares);
    const documents = source.base === 1 ? (source.cells[row] ?? 0) * weight : sum;
    if (documents < LEAST_DOCUMENTS) continue;
    const filled = shares.map((share, at) => (columns[at] === -1 ? sum / known : share));
    const scaled = to === 1 ? toWhole(filled) : filled.map((share) => roundHalfUp(share * to));
    if (!scaled.some((count) => count > 0)) continue;
    ids.push(source.ids[place] ?? 0);
    counts.push(...scaled);
    frequencies.push(roundHalfUp(documents));
  }
  const delta = {
    classes: options.classes.map((label) => ({ label, documents: 0, firstSight: undefined })),
    ids: Int32Array.from(ids),
    counts: Float64Array.from(counts),
  };
  if (to === 1) return delta;
  const masses = new Float64Array(columns.length);
  return { ...delta, masses, frequencies: Float64Array.from(frequencies) };
}

/** Integers next to the shares, whose sum is the nearest integer to theirs. */
function toWhole(shares: readonly number[]): readonly number[] {
  const whole = shares.map(Math.floor);
  let left = roundHalfUp(sumOf(shares)) - sumOf(whole);
  const lost = shares.map((share, at) => ({ at, rest: share - Math.floor(share) }));
  for (const { at } of lost.toSorted((a, b) => b.rest - a.rest || a.at - b.at)) {
    if (left <= 0) break;
    whole[at] = (whole[at] ?? 0) + 1;
    left -= 1;
  }
  return whole;
}

function roundHalfUp(value: number): number {
  return Math.floor(value + 0.5);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
