import { optionInvalid, parseNamedOptions } from '../text/named-options.ts';
import type { GtVersion } from '../text/gt-tokenizer.ts';
import {
  FORGETTING_OPTIONS,
  listForgetting,
  parseForgetting,
  type Forgetting,
} from './forgetting.ts';

/**
 * The kind `gtnb` with its options: `gtnb`, or `gtnb:dfe=on,starter=none,bits=20`. Read by every command, so it loads no tables; what
 * makes the model is in `gtnb-create.ts`.
 */

export interface GtnbKind {
  /** Discriminative frequencies. */
  readonly dfe: boolean;
  /** Documents count by the weight of their label. */
  readonly weights: boolean;
  /** A list of words speaks for the poles; `auto`: where the classes are those of a polarity. */
  readonly lexicon: 'auto' | 'on' | 'off';
  /** The list is AFINN-165, with the words, phrases and signs of the starter over it unless `none`. */
  readonly starter: 'words' | 'none';
  readonly tokenizer: GtVersion;
  /** Longest n-gram of words, 1 to 3. */
  readonly ngrams: number;
  /** Hashed ids run from 0 to 2^bits - 1; `exact`: every feature by name, without a bound. */
  readonly bits: number | 'exact';
  /** Undefined: it keeps everything. */
  readonly forgetting: Forgetting | undefined;
  /** All options in one order and spelling; `weights`, `window` and `on-drift` only where they are on, as models of before say it. */
  readonly canonical: string;
}

const NAME = 'gtnb';
const OPTION_NAMES = ['dfe', 'weights', 'lexicon', 'starter', 'tokenizer', 'ngrams', 'bits'];
const OPTIONS = new Map([[NAME, [...OPTION_NAMES, ...FORGETTING_OPTIONS]]]);
const DEFAULT_BITS = 22;

/** True for `gtnb` and `gtnb:…`. */
export function isGtnbKind(kind: string): boolean {
  return kind.split(':')[0]?.trim() === NAME;
}

/** @throws {ValenceError} CONFIG_INVALID: unknown option, a value out of range; the message lists what there is */
export function parseGtnbKind(kind: string): GtnbKind {
  const { options } = parseNamedOptions(kind, 'model', OPTIONS);
  const choice = <T extends string>(option: string, values: readonly T[], byDefault: T): T => {
    const given = options.get(option);
    if (given === undefined) return byDefault;
    return (
      values.find((value) => value === given) ??
      optionInvalid(`model '${NAME}'`, option, `one of ${values.join(', ')}`, given)
    );
  };
  const dfe = choice('dfe', ['off', 'on'], 'off');
  const weights = choice('weights', ['off', 'on'], 'off');
  const lexicon = choice('lexicon', ['auto', 'on', 'off'], 'auto');
  const starter = choice('starter', ['words', 'none'], 'words');
  const tokenizer = choice('tokenizer', ['1', '2'], '2');
  const ngrams = choice('ngrams', ['1', '2', '3'], '2');
  const bits = parseBits(options.get('bits'));
  const forgetting = parseForgetting(options, `model '${NAME}'`);
  const written = [
    `dfe=${dfe}`,
    `lexicon=${lexicon}`,
    `starter=${starter}`,
    `tokenizer=${tokenizer}`,
    `ngrams=${ngrams}`,
    `bits=${bits}`,
    ...(weights === 'on' ? ['weights=on'] : []),
    ...listForgetting(forgetting),
  ];
  return {
    dfe: dfe === 'on',
    weights: weights === 'on',
    lexicon,
    starter,
    tokenizer: tokenizer === '1' ? 1 : 2,
    ngrams: Number(ngrams),
    bits,
    forgetting,
    canonical: `${NAME}:${written.join(',')}`,
  };
}

/** A kind as people write it: the options that are not the default. Other kinds stay as they are. */
export function shortKind(canonical: string): string {
  if (!isGtnbKind(canonical)) return canonical;
  const defaults = new Set(
    parseGtnbKind(NAME)
      .canonical.slice(NAME.length + 1)
      .split(','),
  );
  const options = canonical
    .slice(NAME.length + 1)
    .split(',')
    .filter((option) => option !== '' && !defaults.has(option));
  return options.length === 0 ? NAME : `${NAME}:${options.join(',')}`;
}

function parseBits(given: string | undefined): number | 'exact' {
  if (given === undefined) return DEFAULT_BITS;
  if (given === 'exact') return 'exact';
  const bits = Number(given);
  if (Number.isInteger(bits) && bits >= 10 && bits <= 26) return bits;
  return optionInvalid(`model '${NAME}'`, 'bits', "an integer from 10 to 26, or 'exact'", given);
}
