/**
 * Text analysis of GT-NB in its exact form: the specification, expression by expression. The scanner (`gt-scanner.ts`) is the fast
 * form of it and must agree with it in every feature.
 *
 *   text ─► normalise ─► tokens ─► slots (negation marked, clauses parted) ─► unigrams, bigrams, … each kept once
 *
 * Version 2 repairs four quirks of version 1: emoticons of clause punctuation (`:)`) are tokens in place of breaks, `！！` and `？？`
 * become `!!` and `??`, the variation selector U+FE0F is dropped, and only letters are shortened when repeated (1000 stays 1000).
 * Counts of two versions never merge.
 */

export type GtVersion = 1 | 2;

/** A token as it is counted, or undefined: the break between two clauses. */
export type GtSlot = string | undefined;

export interface GtOptions {
  readonly version: GtVersion;
  /** Tokens that a negator marks after it, an integer >= 0; 0: no marks. Default 3. */
  readonly negation?: number | undefined;
  /** Default true. */
  readonly bigrams?: boolean | undefined;
  /** Default false. */
  readonly trigrams?: boolean | undefined;
  /** Character n-grams of each token from `min` to `max` code points, 1 <= min <= max; default: none. */
  readonly chars?: readonly [min: number, max: number] | undefined;
}

/** Features of a document by type, each kept once, in order of first occurrence. A type that is off is empty. */
export interface GtFeatureNames {
  readonly unigrams: readonly string[];
  readonly bigrams: readonly string[];
  readonly trigrams: readonly string[];
  readonly chars: readonly string[];
}

export const DEFAULT_NEGATION = 3;

export const NEGATORS: ReadonlySet<string> = new Set(
  (
    'no nor not never none nothing nobody neither cannot without hardly barely scarcely aint dont doesnt didnt isnt arent ' +
    'wasnt werent wont wouldnt cant couldnt shouldnt havent hasnt hadnt'
  ).split(' '),
);

/** Before a token in the reach of a negator. */
export const NEGATED = 'NOT_';

export const URL_TOKEN = '<url>';
export const USER_TOKEN = '<user>';

// The parts of the token expression by name; the scanner builds its tables from the same classes.
export const LETTER_OR_NUMBER = String.raw`[\p{L}\p{N}]`;
export const WORD = String.raw`[\p{L}\p{M}\p{N}_]`;
export const TAG = String.raw`[\p{L}\p{N}_]`;
export const PICTOGRAPH = String.raw`\p{Extended_Pictographic}`;
/** Kana, Han and Thai: written without spaces, so each code point of such a word is a token. */
export const UNSPACED = String.raw`[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]`;
/** One of these alone parts two clauses. */
export const CLAUSE_MARK = '[.,;:()，。；：、（）]';
/** A token that begins with one of these ends the reach of a negator, and is counted. */
export const SHOUT = '[!?！？]';

/** Parts of an emoticon: `>:-)` and, backwards, `(-:`. */
export const EYES = '[:;=8xX]';
export const NOSE = String.raw`[\-o*']`;
export const MOUTH = String.raw`[)\](\[dDpP/\\|@3}{$*]`;
export const BACKWARD_MOUTH = String.raw`[)\](\[dD/\\|}{]`;
export const BACKWARD_EYES = '[:;=]';
/** Without a bound, a text of brackets would take quadratic time. */
export const LONGEST_BACKWARD_MOUTH = 64;

const EMOTICON = [
  `[<>]?${EYES}${NOSE}?${MOUTH}+`,
  `${BACKWARD_MOUTH}{1,${LONGEST_BACKWARD_MOUTH}}${NOSE}?${BACKWARD_EYES}`,
  '<3+',
  String.raw`\^[_.]?\^`,
  '-_+-',
  '[Tt]_+[Tt]',
  `:'[()]`,
].join('|');

const TOKEN = new RegExp(
  [
    String.raw`https?:\/\/\S+`,
    String.raw`www\.\S+`,
    String.raw`@\w+`,
    `#${TAG}+`,
    `(?<!${LETTER_OR_NUMBER})(?:${EMOTICON})(?!${LETTER_OR_NUMBER})`,
    PICTOGRAPH,
    String.raw`${WORD}+(?:['’\-]${WORD}+)*`,
    `${SHOUT}+`,
    String.raw`\.{2,}`,
    CLAUSE_MARK,
  ].join('|'),
  'gu',
);

const PUNCTUATION_ONLY = /^[.,;:()!?！？，。；：、（）]+$/u;
/** Two or more of these can only come from an emoticon. */
const CLAUSE_EMOTICON = /^[:;()]{2,}$/u;
const HAS_LETTER_OR_NUMBER = new RegExp(LETTER_OR_NUMBER, 'u');
const HAS_UNSPACED = new RegExp(UNSPACED, 'u');
const IS_CLAUSE_MARK = new RegExp(`^${CLAUSE_MARK}$`, 'u');
const IS_SHOUT = new RegExp(`^${SHOUT}`, 'u');

/** Runs that are shortened to two. */
const ELONGATED = { 1: /(.)\1{2,}/gsu, 2: /(\p{L})\1{2,}/gu };

const LINE_BREAK = /<br\s*\/?>/gi;
const ENTITY = /&(?:amp|lt|gt|quot|apos|nbsp|#39);/g;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
  ['&nbsp;', ' '],
  ['&#39;', "'"],
]);
const VARIATION_SELECTOR = /\ufe0f/g;

/** Line breaks of HTML to periods, then seven entities decoded, once. */
export function normalise(text: string, version: GtVersion): string {
  const decoded = text
    .replace(LINE_BREAK, ' . ')
    .replace(ENTITY, (entity) => ENTITIES.get(entity) ?? entity);
  return version === 1 ? decoded : decoded.replace(VARIATION_SELECTOR, '');
}

/** Tokens of a text in order, repeats included. */
export function gtTokens(text: string, version: GtVersion): string[] {
  const tokens: string[] = [];
  for (const match of normalise(text, version).match(TOKEN) ?? []) {
    const token = toToken(match, version);
    if (HAS_UNSPACED.test(token)) for (const point of token) tokens.push(point);
    else tokens.push(token);
  }
  return tokens;
}

/** What a match counts as; words of unspaced scripts are still in one piece. */
function toToken(match: string, version: GtVersion): string {
  if (match.startsWith('http') || match.startsWith('www.')) return URL_TOKEN;
  if (match.startsWith('@')) return USER_TOKEN;
  if (PUNCTUATION_ONLY.test(match)) return toPunctuation(match, version);
  if (!HAS_LETTER_OR_NUMBER.test(match)) return match;
  return match.toLowerCase().replaceAll('’', "'").replace(ELONGATED[version], '$1$1');
}

function toPunctuation(match: string, version: GtVersion): string {
  if (match.length === 1) return match;
  if (version === 2 && CLAUSE_EMOTICON.test(match)) return match;
  const marks = version === 1 ? match : match.replaceAll('！', '!').replaceAll('？', '?');
  const exclaims = marks.includes('!');
  const asks = marks.includes('?');
  if (exclaims) return asks ? '?!' : '!!';
  return asks ? '??' : '..';
}

/** Whether a token negates what follows it. */
export function isNegator(token: string): boolean {
  return NEGATORS.has(token.replaceAll("'", '')) || token.endsWith("n't");
}

/**
 * Marks the tokens in the reach of a negator and parts the clauses.
 *
 * @param negation tokens that a negator marks; 0: none
 */
export function gtSlots(tokens: readonly string[], negation: number = DEFAULT_NEGATION): GtSlot[] {
  let reach = 0;
  return tokens.map((token) => {
    if (token === '..' || IS_CLAUSE_MARK.test(token)) {
      reach = 0;
      return undefined;
    }
    if (IS_SHOUT.test(token)) {
      reach = 0;
      return token;
    }
    if (isNegator(token)) {
      reach = negation;
      return token;
    }
    if (reach === 0) return token;
    reach -= 1;
    return NEGATED + token;
  });
}

/** Features of a text by name. */
export function gtFeatures(text: string, options: GtOptions): GtFeatureNames {
  const tokens = gtTokens(text, options.version);
  const slots = gtSlots(tokens, options.negation);
  const { chars } = options;
  const counted = tokens.filter((_, at) => slots[at] !== undefined);
  return {
    unigrams: toGrams(slots, 1),
    bigrams: options.bigrams === false ? [] : toGrams(slots, 2),
    trigrams: options.trigrams === true ? toGrams(slots, 3) : [],
    chars:
      chars === undefined
        ? []
        : [...new Set(counted.flatMap((token) => toCharacterGrams(token, ...chars)))],
  };
}

/** Runs of `size` slots without a break, a space apart. */
function toGrams(slots: readonly GtSlot[], size: number): string[] {
  const grams = new Set<string>();
  for (let first = 0; first + size <= slots.length; first++) {
    const run = slots.slice(first, first + size);
    if (!run.includes(undefined)) grams.add(run.join(' '));
  }
  return [...grams];
}

/**
 * Runs of `min` to `max` code points of `<token>`, with a space before: no other feature begins with one. The mark of negation is
 * left out, so that a part of a word is one feature whether negated or not.
 */
export function toCharacterGrams(token: string, min: number, max: number): string[] {
  const grams: string[] = [];
  const points = Array.from(`<${token}>`);
  for (let size = min; size <= max; size++)
    for (let first = 0; first + size <= points.length; first++)
      grams.push(` ${points.slice(first, first + size).join('')}`);
  return grams;
}
