import { extendChain, finishChain, GT_HASH_SEED, mixUnit } from './gt-hash.ts';
import { mayBeNegator } from './gt-negators.ts';
import type { GtSlots } from './gt-slots.ts';
import * as table from './gt-tables.ts';
import { SPACE } from './term-spans.ts';

/**
 * The common case of the reader: words, and the gaps between them, of which nothing special is to be known. Nine words of ten are
 * such; that they are taken in one loop, all in variables and without a call, is worth a quarter of the time of a text.
 */

// Constants of this module rather than imported ones: the compiler sees what they are, and looks up the others at each use.
const CELLS = table.CELLS;
const STARTS = table.STARTS;
const { IS_JOINT, IS_LETTER_OR_NUMBER, IS_RARE, IS_WORD, LOWER_SHIFT } = table;
const { SECONDS, SKIP, START_TEARS_OR_WORD } = table;
const mix = mixUnit;
const extend = extendChain;
const finish = finishChain;
const mayNegate = mayBeNegator;
const SEED = GT_HASH_SEED;
const SPACE_MIXED = mixUnit(SPACE);

/**
 * Takes plain words into the slots: out of the reach of a negator and none themselves, of letters that need no second look, in one
 * part.
 *
 * @param cells the text, zeros behind it
 * @param elongated class of what is shortened to two when repeated
 * @returns the first place that begins no plain word and no gap, at most `end`
 */
export function takePlainWords(
  slots: GtSlots,
  cells: Uint16Array,
  from: number,
  end: number,
  elongated: number,
): number {
  const { units, starts, ends, joins, unigrams, bigrams } = slots;
  let { used: start, count, joined, lastStart, previous } = slots;
  let at = from;
  for (;;) {
    let unit = cells[at] ?? 0;
    const first = STARTS[unit] ?? 0;
    if (first === SKIP) {
      if (at >= end) break;
      at += 1;
      continue;
    }
    if (first > START_TEARS_OR_WORD) break;
    // Most words that begin as something else may: their second unit tells.
    if (((CELLS[cells[at + 1] ?? 0] ?? 0) & (SECONDS[first] ?? 0)) !== 0) break;
    let to = at;
    let used = start;
    let chain = SEED;
    let pair = previous;
    let seen = 0;
    let last = 0;
    let before = 0;
    let cell = CELLS[unit] ?? 0;
    do {
      const folded = cell >>> LOWER_SHIFT;
      seen |= cell;
      if (folded !== last || folded !== before || (cell & elongated) === 0) {
        const mixed = mix(folded);
        chain = extend(chain, mixed);
        pair = extend(pair, mixed);
        units[used++] = folded;
      }
      before = last;
      last = folded;
      to += 1;
      unit = cells[to] ?? 0;
      cell = CELLS[unit] ?? 0;
    } while ((cell & IS_WORD) !== 0);
    if ((seen & IS_RARE) !== 0 || (seen & IS_LETTER_OR_NUMBER) === 0) break;
    if ((cell & IS_JOINT) !== 0 && ((CELLS[cells[to + 1] ?? 0] ?? 0) & IS_WORD) !== 0) break;
    const hash = finish(chain, used - start);
    if (mayNegate(hash, false)) break;
    starts[count] = start;
    ends[count] = used;
    joins[count] = joined;
    unigrams[count] = hash;
    bigrams[count] = finish(pair, used - lastStart);
    units[used] = SPACE;
    count += 1;
    joined = joined === 0 ? 1 : 2;
    lastStart = start;
    previous = extend(chain, SPACE_MIXED);
    start = used + 1;
    at = to;
  }
  slots.used = start;
  slots.count = count;
  slots.joined = joined;
  slots.lastStart = lastStart;
  slots.previous = previous;
  return at;
}
