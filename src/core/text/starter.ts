import { gtSlots, gtTokens, type GtVersion } from './gt-tokenizer.ts';
import { afinn } from './lexicon.ts';
import {
  CHINESE,
  ENGLISH,
  FRENCH,
  GERMAN,
  SIGNS,
  SPANISH,
  type StarterLine,
} from './starter-words.ts';

/**
 * The starter: what a model knows before it has learned anything. AFINN-165 with the words, phrases and signs of `starter-words.ts`
 * over it. A phrase is a bigram, and has its value as such.
 */

/** Where two lists have an entry, the later one counts. */
const LISTS: readonly (readonly StarterLine[])[] = [
  GERMAN,
  SPANISH,
  FRENCH,
  CHINESE,
  SIGNS,
  ENGLISH,
];

const loaded = new Map<GtVersion, ReadonlyMap<string, number>>();

/**
 * Feature → value, -5 … 5 and never 0; a key is a unigram without a mark of negation, or a bigram as the tokenizer makes it. Made
 * once per version.
 *
 * @param version of the tokenizer that the entries go through; of version 1, which has no `:)`, some signs are left out
 */
export function starterLexicon(version: GtVersion): ReadonlyMap<string, number> {
  let lexicon = loaded.get(version);
  if (lexicon === undefined) {
    lexicon = withLines(afinn(version), LISTS.flat(), version);
    loaded.set(version, lexicon);
  }
  return lexicon;
}

/** A copy with the values of the lines in place of those it had. Entries that are not one or two tokens of a clause are left out. */
export function withLines(
  lexicon: ReadonlyMap<string, number>,
  lines: readonly StarterLine[],
  version: GtVersion,
): ReadonlyMap<string, number> {
  const values = new Map(lexicon);
  for (const [value, entries] of lines)
    for (const entry of entries.split(' ')) {
      const feature = featureOf(entry.replace('+', ' '), version);
      if (feature === undefined) continue;
      if (value === 0) values.delete(feature);
      else values.set(feature, value);
    }
  return values;
}

function featureOf(entry: string, version: GtVersion): string | undefined {
  const slots = gtSlots(gtTokens(entry, version));
  if (slots.length === 0 || slots.length > 2 || slots.includes(undefined)) return undefined;
  return slots.join(' ');
}
