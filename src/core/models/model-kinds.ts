import { optionInvalid, parseNamedOptions } from '../text/named-options.ts';
import {
  FORGETTING_OPTIONS,
  listForgetting,
  parseForgetting,
  type Forgetting,
} from './forgetting.ts';
import { isGtnbKind, parseGtnbKind } from './gtnb-kind.ts';

/**
 * Kinds of models by name: `gtnb`, or with options `multinomial:alpha=0.5,max-features=100000`. Read by every command, so it makes
 * no model: `registry.ts` does.
 */

const RIVER_OPTIONS = ['alpha', 'max-features', ...FORGETTING_OPTIONS];

const OPTIONS: ReadonlyMap<string, readonly string[]> = new Map([
  // Its options are its own: gtnb-kind.ts.
  ['gtnb', []],
  ['multinomial', RIVER_OPTIONS],
  ['complement', RIVER_OPTIONS],
  ['bernoulli', RIVER_OPTIONS],
  ['majority', []],
  ['no-change', []],
]);

/** Names of the kinds. */
export const MODEL_KINDS: readonly string[] = [...OPTIONS.keys()];

export interface ModelKind {
  readonly name: string;
  /** Additive smoothing, > 0, default 1; of no effect in the baselines and in gtnb, which has its own. */
  readonly alpha: number;
  /** Bound on the vocabulary, for the extractor; undefined: none, or one of its own. */
  readonly maxFeatures: number | undefined;
  /** Undefined: it keeps everything. */
  readonly forgetting: Forgetting | undefined;
  /** Kind with its options in one order and spelling, defaults of the arithmetic included: `multinomial:alpha=1`. */
  readonly canonical: string;
}

/**
 * @throws {ValenceError} CONFIG_INVALID: unknown kind or option, a value out of range; the message lists what there is
 */
export function parseModelKind(kind: string): ModelKind {
  if (isGtnbKind(kind)) {
    const { forgetting, canonical } = parseGtnbKind(kind);
    return { name: 'gtnb', alpha: 1, maxFeatures: undefined, forgetting, canonical };
  }
  const { name, options } = parseNamedOptions(kind, 'model', OPTIONS);
  const alpha = parseAlpha(options.get('alpha') ?? '1', name);
  const maxFeatures = parseMaxFeatures(options.get('max-features'), name);
  const forgetting = parseForgetting(options, `model '${name}'`);
  const parts = [
    ...(OPTIONS.get(name)?.includes('alpha') ? [`alpha=${alpha}`] : []),
    ...(maxFeatures === undefined ? [] : [`max-features=${maxFeatures}`]),
    ...listForgetting(forgetting),
  ];
  const canonical = parts.length === 0 ? name : `${name}:${parts.join(',')}`;
  return { name, alpha, maxFeatures, forgetting, canonical };
}

function parseAlpha(value: string, name: string): number {
  const alpha = Number(value);
  if (Number.isFinite(alpha) && alpha > 0) return alpha;
  return optionInvalid(`model '${name}'`, 'alpha', 'a number above 0', value);
}

function parseMaxFeatures(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const maxFeatures = Number(value);
  if (Number.isSafeInteger(maxFeatures) && maxFeatures >= 1) return maxFeatures;
  return optionInvalid(`model '${name}'`, 'max-features', 'an integer of at least 1', value);
}
