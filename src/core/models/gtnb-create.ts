import type { Extractor, Terms } from '../text/features.ts';
import type { LexiconValues } from '../text/gt-features.ts';
import { HashedExtractor } from '../text/hashed-extractor.ts';
import { afinn, HashedLexicon, lexiconValue } from '../text/lexicon.ts';
import { starterLexicon } from '../text/starter.ts';
import { ExactAnalysis, type TextAnalysis } from './gtnb-analysis.ts';
import type { GtnbKind } from './gtnb-kind.ts';
import { Gtnb } from './gtnb.ts';

const POLES = ['negative', 'positive'];

/**
 * A model that has learned nothing, and the analysis of its texts.
 *
 * @param declared classes, worst to best
 */
export function createGtnb(
  kind: GtnbKind,
  declared: readonly string[],
): { readonly analysis: TextAnalysis; readonly model: Gtnb } {
  if (isHashed(kind)) {
    const analysis = createGtnbExtractor(kind);
    return { analysis, model: createGtnbModel(kind, analysis, declared) };
  }
  const analysis = new ExactAnalysis({ ...analysisOf(kind), lexicon: false });
  const words = wordsOf(kind, declared);
  const lexicon = words && { of: (id: number) => lexiconValue(words, analysis.term(id)) };
  return { analysis, model: gtnb(kind, analysis, declared, lexicon) };
}

/** Models of one tokenizer, n-grams and bits can share it. */
export function createGtnbExtractor(kind: HashedGtnbKind): HashedExtractor {
  return new HashedExtractor(analysisOf(kind), kind.bits);
}

/** @param extractor see {@link createGtnbExtractor} */
export function createGtnbModel(
  kind: GtnbKind,
  extractor: Terms & Pick<Extractor, 'name' | 'nameOf'>,
  declared: readonly string[],
): Gtnb {
  const words = wordsOf(kind, declared);
  const lexicon = words && isHashed(kind) ? hashedLexicon(words, kind.bits) : undefined;
  return gtnb(kind, extractor, declared, lexicon);
}

/** By list of words, by bits: it never changes, and takes 3 ms to make. */
const hashedLexicons = new WeakMap<ReadonlyMap<string, number>, Map<number, HashedLexicon>>();

function hashedLexicon(words: ReadonlyMap<string, number>, bits: number): HashedLexicon {
  const byBits = hashedLexicons.get(words) ?? new Map<number, HashedLexicon>();
  hashedLexicons.set(words, byBits);
  const lexicon = byBits.get(bits) ?? new HashedLexicon(words, bits);
  byBits.set(bits, lexicon);
  return lexicon;
}

/** A kind whose memory has a bound. */
export type HashedGtnbKind = GtnbKind & { readonly bits: number };

function isHashed(kind: GtnbKind): kind is HashedGtnbKind {
  return kind.bits !== 'exact';
}

function gtnb(
  kind: GtnbKind,
  extractor: Terms & Pick<Extractor, 'name' | 'nameOf'>,
  declared: readonly string[],
  lexicon: LexiconValues | undefined,
): Gtnb {
  const { canonical, dfe, weights } = kind;
  const rows = isHashed(kind) ? 2 ** kind.bits : undefined;
  return new Gtnb(canonical, extractor, declared, lexicon, { dfe, weights, rows });
}

function analysisOf({ tokenizer, ngrams }: GtnbKind) {
  return { version: tokenizer, bigrams: ngrams >= 2, trigrams: ngrams >= 3 };
}

/** The words that speak for the poles; undefined: none. */
function wordsOf(
  { lexicon, starter, tokenizer }: GtnbKind,
  declared: readonly string[],
): ReadonlyMap<string, number> | undefined {
  const isPolarity = declared[0] === POLES[0] && declared.at(-1) === POLES[1];
  if (lexicon === 'off' || (lexicon === 'auto' && !isPolarity)) return undefined;
  return starter === 'words' ? starterLexicon(tokenizer) : afinn(tokenizer);
}
