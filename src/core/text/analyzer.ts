import { createStemmer, STEMMER_NAMES } from './stemmer.ts';
import { STOP_WORDS } from './stop-words.ts';
import { fold, tokenize } from './river-tokenizer.ts';
import { optionInvalid, parseNamedOptions } from './named-options.ts';

/**
 * What happens to a text before it is counted, as a value and as its reference form:
 *
 *   fold ─► tokens ─► less stop words ─► stems ─► n-grams
 *
 * Grammar: `river` or `river:ngrams=1-2,stem=porter,stop=en,accents=keep,case=keep`, any options in any order.
 */

/** Longest n-gram: more have no use and multiply the terms. */
const LONGEST_NGRAM = 5;

export interface Analysis {
  /** Identity with version; options in one order, defaults left out: `river/1;ngrams=1-2;stem=porter`. */
  readonly id: string;
  readonly accents: 'strip' | 'keep';
  readonly lowercase: boolean;
  /** Shortest and longest n-gram, 1 to 5. */
  readonly ngrams: readonly [min: number, max: number];
  /** Token to stem; undefined without stemming. */
  readonly stem: ((token: string) => string) | undefined;
  /** Tokens to leave out, folded like the text. */
  readonly stopWords: ReadonlySet<string>;
}

/** Analyzers and their options. */
export const ANALYZERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['river', ['ngrams', 'stem', 'stop', 'accents', 'case']],
]);

/** @throws {ValenceError} CONFIG_INVALID: unknown analyzer, option or value; the message lists those that exist */
export function parseAnalyzer(analyzer: string): Analysis {
  const { name, options } = parseNamedOptions(analyzer, 'analyzer', ANALYZERS);
  const choice = (option: string, choices: readonly string[]) => {
    const value = options.get(option);
    if (value === undefined || choices.includes(value)) return value;
    return optionInvalid(`analyzer '${name}'`, option, `one of ${choices.join(', ')}`, value);
  };
  const accents = choice('accents', ['strip', 'keep']) === 'keep' ? 'keep' : 'strip';
  const lowercase = choice('case', ['lower', 'keep']) !== 'keep';
  const stem = choice('stem', STEMMER_NAMES);
  const stop = choice('stop', [...STOP_WORDS.keys()]);
  const ngrams = parseNgrams(options.get('ngrams') ?? '1', name);
  const parts = [
    `${name}/1`,
    ...(ngrams[1] > 1 ? [`ngrams=${ngrams[0]}-${ngrams[1]}`] : []),
    ...(stem === undefined ? [] : [`stem=${stem}`]),
    ...(stop === undefined ? [] : [`stop=${stop}`]),
    ...(accents === 'keep' ? ['accents=keep'] : []),
    ...(lowercase ? [] : ['case=keep']),
  ];
  return {
    id: parts.join(';'),
    accents,
    lowercase,
    ngrams,
    stem: stem === undefined ? undefined : createStemmer(stem),
    stopWords: foldStopWords(STOP_WORDS.get(stop ?? '') ?? [], { accents, lowercase }),
  };
}

/** Terms of a text in order, repeats included: the reference that an extractor must equal. */
export function analyze(text: string, analysis: Analysis): string[] {
  let tokens = tokenize(text, analysis);
  if (analysis.stopWords.size > 0)
    tokens = tokens.filter((token) => !analysis.stopWords.has(token));
  if (analysis.stem !== undefined) tokens = tokens.map(analysis.stem);
  return ngramsOf(tokens, analysis.ngrams);
}

/** All n-grams of `min`, then of `min` + 1, up to `max`; the tokens of one are joined by a space. */
export function ngramsOf(
  tokens: readonly string[],
  [min, max]: readonly [min: number, max: number],
): string[] {
  const terms: string[] = [];
  for (let n = min; n <= max; n++)
    for (let first = 0; first + n <= tokens.length; first++)
      terms.push(tokens.slice(first, first + n).join(' '));
  return terms;
}

/** Stop words as tokens of a text; those that a text could not hold as one token are left out. */
export function foldStopWords(
  words: Iterable<string>,
  options: Pick<Analysis, 'accents' | 'lowercase'>,
): ReadonlySet<string> {
  const folded = new Set<string>();
  for (const word of words) {
    const token = fold(word, options);
    if (tokenize(word, options)[0] === token) folded.add(token);
  }
  return folded;
}

function parseNgrams(value: string, name: string): readonly [min: number, max: number] {
  const match = /^([1-9])(?:-([1-9]))?$/.exec(value);
  const min = Number(match?.[1]);
  const max = Number(match?.[2] ?? match?.[1]);
  if (match === null || min > max || max > LONGEST_NGRAM)
    return optionInvalid(
      `analyzer '${name}'`,
      'ngrams',
      `a length or a range of lengths from 1 to ${LONGEST_NGRAM}, such as 1-2`,
      value,
    );
  return [min, max];
}
