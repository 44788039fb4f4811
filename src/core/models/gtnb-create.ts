import { ExactAnalysis, HashedAnalysis, type Analysis } from './gtnb-analysis.ts';
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
): { readonly analysis: Analysis; readonly model: Gtnb } {
  const isPolarity = declared[0] === POLES[0] && declared.at(-1) === POLES[1];
  const options = {
    version: kind.tokenizer,
    bigrams: kind.ngrams >= 2,
    trigrams: kind.ngrams >= 3,
    lexicon: kind.lexicon === 'auto' ? isPolarity : kind.lexicon === 'on',
  };
  const analysis =
    kind.bits === 'exact' ? new ExactAnalysis(options) : new HashedAnalysis(options, kind.bits);
  const rows = kind.bits === 'exact' ? {} : { rows: 2 ** kind.bits };
  const model = new Gtnb(kind.canonical, analysis, declared, analysis.lexicon, {
    dfe: kind.dfe,
    ...rows,
  });
  return { analysis, model };
}
