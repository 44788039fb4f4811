import { chainOf, finishChain } from './gt-hash.ts';
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
  if (!hasApostrophe) {
    const word = CELLS[hash & (CELLS.length - 1)] ?? 0;
    return word !== 0 && equals(units, start, end, WORDS[word - 1]);
  }
  if (units[end - 1] === LOWER_T && units[end - 2] === APOSTROPHE && units[end - 3] === LOWER_N)
    return true;
  return WORDS.some((word) => equals(units, start, end, word));
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
