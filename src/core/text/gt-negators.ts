import { chainOf, extendChain, finishChain, GT_HASH_SEED, mixUnit } from './gt-hash.ts';
import { NEGATED, NEGATORS } from './gt-tokenizer.ts';
import { toUnits } from './term-spans.ts';

/**
 * `isNegator` for tokens given as code units: found by hash, then compared. A token may have been hashed with its mark or without;
 * both hashes lead to the word.
 */

const APOSTROPHE = 0x27;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;

const WORDS = [...NEGATORS].map(toUnits);

/** Number of the word + 1 by the low bits of its hashes, no two of which fall together. */
const CELLS = cellsOf([...NEGATORS]);

const LOW_BITS = CELLS.length - 1;

/** Whether `isNegatorSlice` may be true of such a token: a look that most words do not pass. */
export function mayBeNegator(hash: number, hasApostrophe: boolean): boolean {
  return hasApostrophe || CELLS[hash & LOW_BITS] !== 0;
}

/**
 * @param units the token is from `start` to `end`, mark left out
 * @param hash of the token with its mark or without, 32 bits
 * @param hasApostrophe whether the token holds `'`
 */
export function isNegatorSlice(
  units: Uint16Array,
  start: number,
  end: number,
  hash: number,
  hasApostrophe: boolean,
): boolean {
  if (
    hasApostrophe &&
    units[end - 1] === LOWER_T &&
    units[end - 2] === APOSTROPHE &&
    units[end - 3] === LOWER_N
  )
    return true;
  const bare = hasApostrophe ? hashOfBare(units, start, end) : hash;
  const word = CELLS[bare & LOW_BITS] ?? 0;
  return word !== 0 && equals(units, start, end, WORDS[word - 1]);
}

/** Hash of the slice less its apostrophes. */
function hashOfBare(units: Uint16Array, start: number, end: number): number {
  let chain = GT_HASH_SEED;
  let length = 0;
  for (let at = start; at < end; at++) {
    const unit = units[at] ?? 0;
    if (unit === APOSTROPHE) continue;
    chain = extendChain(chain, mixUnit(unit));
    length += 1;
  }
  return finishChain(chain, length);
}

/** Whether the slice less its apostrophes is the word. */
function equals(
  units: Uint16Array,
  start: number,
  end: number,
  word: Uint16Array | undefined,
): boolean {
  if (word === undefined) return false;
  let matched = 0;
  for (let at = start; at < end; at++) {
    const unit = units[at];
    if (unit === APOSTROPHE) continue;
    if (unit !== word[matched]) return false;
    matched += 1;
  }
  return matched === word.length;
}

function cellsOf(words: readonly string[]): Uint8Array {
  const hashes = words.flatMap((word, at) =>
    [word, NEGATED + word].map((name) => ({ hash: finishChain(chainOf(name), name.length), at })),
  );
  for (let size = 1024; ; size *= 2) {
    const cells = new Uint8Array(size);
    for (const { hash, at } of hashes) cells[hash & (size - 1)] = at + 1;
    if (cells.reduce((taken, cell) => taken + Math.sign(cell), 0) === hashes.length) return cells;
  }
}
