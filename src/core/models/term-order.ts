/** The order in which snapshots list terms: by code units, as sorting strings does without a locale. */
import type { Terms } from '../text/features.ts';

/** Of an id, which is below 2^31. */
const MOST_DIGITS = 10;

export function compareTerms(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Places of some ids in the order of the ids' terms.
 *
 * @param ids rising; of hashed features there may be millions
 */
export function inTermOrder(
  ids: Int32Array,
  extractor: Pick<Terms, 'isHashed' | 'term'>,
): Int32Array {
  if (extractor.isHashed) return inDecimalOrder(ids);
  const terms = Array.from(ids, (id, place) => [extractor.term(id), place] as const);
  terms.sort(([a], [b]) => compareTerms(a, b));
  return Int32Array.from(terms, ([, place]) => place);
}

/** As the texts of the numbers are ordered: 1, 10, 11, 2. Those of as many digits are in order, so ten runs at most are merged. */
function inDecimalOrder(ids: Int32Array): Int32Array {
  const runs: { next: number; readonly end: number; readonly scale: number }[] = [];
  for (let digits = 1, next = 0; next < ids.length; digits++) {
    let end = next;
    while (end < ids.length && (ids[end] ?? 0) < 10 ** digits) end += 1;
    runs.push({ next, end, scale: 10 ** (MOST_DIGITS - digits) });
    next = end;
  }
  const places = new Int32Array(ids.length);
  for (let at = 0; at < places.length; at++) {
    let first = runs[0];
    let least = Infinity;
    // Filled up with zeros 1, 10 and 100 are equal: the one with fewer digits comes first.
    for (const run of runs) {
      const filled = run.next < run.end ? (ids[run.next] ?? 0) * run.scale : Infinity;
      if (filled >= least) continue;
      least = filled;
      first = run;
    }
    if (first !== undefined) places[at] = first.next++;
  }
  return places;
}
