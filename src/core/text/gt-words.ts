import type { EmoticonMatcher } from './gt-emoticon.ts';
import { chainOf, extendChain, finishChain, GT_HASH_SEED, mixUnit } from './gt-hash.ts';
import { isNegatorSlice, mayBeNegator } from './gt-negators.ts';
import * as slot from './gt-slots.ts';
import * as table from './gt-tables.ts';
import { NEGATED } from './gt-tokenizer.ts';
import { TEXT } from './gt-units.ts';
import { SPACE } from './term-spans.ts';

/**
 * The common case of the reader: words, and the gaps and breaks between them. Nineteen units of twenty are such; they are taken in
 * one loop, all in variables.
 */

// Constants of this module rather than imported ones, which the compiler looks up at each use.
const { SLOT_UNITS, SLOT_STARTS, SLOT_ENDS, JOINS, UNIGRAMS, BIGRAMS } = slot;
const { CELLS, STARTS, SECONDS } = table;
const { IS_JOINT, IS_LETTER_OR_NUMBER, IS_RARE, IS_WORD, LOWER_SHIFT } = table;
const { SKIP, START_BREAK, START_EMOTICON_OR_WORD, START_TEARS_OR_WORD } = table;
const UNITS = TEXT;
const HYPHEN = 0x2d;
const BETWEEN = SPACE;
const BETWEEN_MIXED = mixUnit(SPACE);
const SEED = GT_HASH_SEED;
const MARKED_SEED = chainOf(NEGATED);
const [MARK_1 = 0, MARK_2 = 0, MARK_3 = 0, MARK_4 = 0] = slot.NEGATION_MARK;
const mix = mixUnit;
const extend = extendChain;
const finish = finishChain;
const mayNegate = mayBeNegator;

/**
 * Takes words into the slots, with the marks of negation, until something else begins, or a word that needs a second look.
 *
 * @param end after the last unit of the text; zeros follow
 * @param elongated class of what is shortened to two when repeated
 * @returns the first place that was not taken, at most `end`
 */
export function takeWords(
  slots: slot.GtSlots,
  emoticons: EmoticonMatcher,
  from: number,
  end: number,
  elongated: number,
): number {
  const text = UNITS;
  const cells = CELLS;
  const begins = STARTS;
  const seconds = SECONDS;
  const units = SLOT_UNITS;
  const starts = SLOT_STARTS;
  const ends = SLOT_ENDS;
  const joins = JOINS;
  const unigrams = UNIGRAMS;
  const bigrams = BIGRAMS;
  const { negation } = slots;
  let { used: start, count, joined, lastStart, previous, reach } = slots;
  let at = from;
  for (;;) {
    const first = begins[text[at] ?? 0] ?? 0;
    if (first === SKIP) {
      if (at >= end) break;
      at += 1;
      continue;
    }
    if (first > START_TEARS_OR_WORD) {
      if (first !== START_BREAK) break;
      joined = 0;
      reach = 0;
      at += 1;
      continue;
    }
    // Most words that begin as something else may: their second unit tells.
    if (
      ((cells[text[at + 1] ?? 0] ?? 0) & (seconds[first] ?? 0)) !== 0 &&
      (first !== START_EMOTICON_OR_WORD || emoticons.match(at) !== 0)
    )
      break;
    let to = at;
    let used = start;
    let chain = SEED;
    let pair = previous;
    if (reach > 0) {
      units[used] = MARK_1;
      units[used + 1] = MARK_2;
      units[used + 2] = MARK_3;
      units[used + 3] = MARK_4;
      used += 4;
      chain = MARKED_SEED;
      pair = extend(extend(pair, mix(MARK_1)), mix(MARK_2));
      pair = extend(extend(pair, mix(MARK_3)), mix(MARK_4));
    }
    const bare = used;
    let hasApostrophe = false;
    let seen = 0;
    let last = 0;
    let before = 0;
    let unit = text[at] ?? 0;
    let cell = cells[unit] ?? 0;
    for (;;) {
      do {
        const folded = cell >>> LOWER_SHIFT;
        seen |= cell;
        if (folded !== last || folded !== before || (cell & elongated) === 0) {
          const mixed = mix(folded);
          chain = extend(chain, mixed);
          pair = extend(pair, mixed);
          units[used] = folded;
          used += 1;
        }
        before = last;
        last = folded;
        to += 1;
        unit = text[to] ?? 0;
        cell = cells[unit] ?? 0;
      } while ((cell & IS_WORD) !== 0);
      if ((cell & IS_JOINT) === 0 || ((cells[text[to + 1] ?? 0] ?? 0) & IS_WORD) === 0) break;
      if (unit !== HYPHEN) hasApostrophe = true;
    }
    if ((seen & IS_RARE) !== 0 || (seen & IS_LETTER_OR_NUMBER) === 0) break;
    const hash = finish(chain, used - start);
    if (
      mayNegate(hash, hasApostrophe) &&
      negation > 0 &&
      isNegatorSlice(units, bare, used, hash, hasApostrophe)
    ) {
      if (reach > 0) break;
      reach = negation + 1;
    }
    if (reach > 0) reach -= 1;
    starts[count] = start;
    ends[count] = used;
    joins[count] = joined;
    unigrams[count] = hash;
    bigrams[count] = finish(pair, used - lastStart);
    units[used] = BETWEEN;
    count += 1;
    joined = joined === 0 ? 1 : 2;
    lastStart = start;
    previous = extend(chain, BETWEEN_MIXED);
    start = used + 1;
    at = to;
  }
  slots.used = start;
  slots.count = count;
  slots.joined = joined;
  slots.lastStart = lastStart;
  slots.previous = previous;
  slots.reach = reach;
  return at;
}
