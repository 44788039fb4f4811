import { stripAccents } from './accents.ts';

/**
 * The tokens of River 0.26.1 (`BagOfWords`), as a reference in one expression:
 *
 *   text ─► strip accents ─► lower-case ─► (?u)\b\w[\w\-]+\b
 *
 * Python's `\w` is a letter, a number or `_`; JavaScript's `\w` and `\b` are ASCII even with the `u` flag. A token is therefore a
 * run of word characters and hyphens, trimmed of hyphens, with at least two code points left. Linear: a run is entered only at
 * its first word character, and only a run with a single one fails.
 */

export interface TokenizerOptions {
  /** `strip` (River's default) folds é to e and ﬁ to fi; `keep` leaves the text as it is. */
  readonly accents?: 'strip' | 'keep' | undefined;
  /** Lower-case, whatever the locale; default true. */
  readonly lowercase?: boolean | undefined;
}

export const TOKEN = /(?<![\p{L}\p{N}_])[\p{L}\p{N}_][\p{L}\p{N}_-]*[\p{L}\p{N}_]/gu;

/** What the token expression sees of a text: accents stripped, then lower-cased. */
export function fold(text: string, options: TokenizerOptions = {}): string {
  const plain = options.accents === 'keep' ? text : stripAccents(text);
  return options.lowercase === false ? plain : plain.toLowerCase();
}

/**
 * Tokens in order, repeats included.
 *
 * @see https://riverml.xyz/0.26.1/api/feature-extraction/BagOfWords/
 */
export function tokenize(text: string, options: TokenizerOptions = {}): string[] {
  return fold(text, options).match(TOKEN) ?? [];
}
