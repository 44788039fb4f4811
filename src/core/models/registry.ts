import assert from 'node:assert/strict';
import type { Extractor } from '../text/features.ts';
import { optionInvalid, parseNamedOptions } from '../text/named-options.ts';
import { Majority, NoChange } from './baselines.ts';
import { Bernoulli } from './bernoulli.ts';
import { Complement } from './complement.ts';
import type { Model } from './model.ts';
import { Multinomial } from './multinomial.ts';

/**
 * Kinds of models by name: `multinomial`, or with options `multinomial:alpha=0.5,max-features=100000`.
 */

export interface ModelOptions {
  /** Ids stand in the order in which their features were first seen: true for a single learner that merges no deltas of others. */
  readonly singleLearner?: boolean;
}

type Create = (
  kind: ModelKind,
  extractor: Extractor,
  declared: readonly string[],
  options: ModelOptions,
) => Model;

/** Up to this vocabulary a single learner's Bernoulli model sums in River's order; 4,096 terms cost 0.2 ms a question. */
const RIVER_ORDER_TERMS = 4096;

interface KindEntry {
  readonly options: readonly string[];
  readonly create: Create;
}

/** A naive Bayes of River's. */
const river = (
  create: (kind: ModelKind, extractor: Extractor, options: ModelOptions) => Model,
): KindEntry => ({
  options: ['alpha', 'max-features'],
  create: (kind, extractor, _declared, options) => create(kind, extractor, options),
});

const KINDS: ReadonlyMap<string, KindEntry> = new Map([
  [
    'multinomial',
    river((kind, extractor) => new Multinomial(kind.canonical, extractor, kind.alpha)),
  ],
  ['complement', river((kind, extractor) => new Complement(kind.canonical, extractor, kind.alpha))],
  [
    'bernoulli',
    river((kind, extractor, { singleLearner = false }) => {
      const inOrderUpTo = singleLearner ? RIVER_ORDER_TERMS : 0;
      return new Bernoulli(kind.canonical, extractor, kind.alpha, inOrderUpTo);
    }),
  ],
  ['majority', { options: [], create: (_kind, _extractor, declared) => new Majority(declared) }],
  ['no-change', { options: [], create: (_kind, _extractor, declared) => new NoChange(declared) }],
]);

const OPTIONS = new Map([...KINDS].map(([name, { options }]) => [name, options]));

/** Names of the kinds. */
export const MODEL_KINDS: readonly string[] = [...KINDS.keys()];

export interface ModelKind {
  readonly name: string;
  /** Additive smoothing, > 0, default 1; of no effect in the baselines. */
  readonly alpha: number;
  /** Bound on the vocabulary, for the extractor; undefined: none. */
  readonly maxFeatures: number | undefined;
  /** Kind with its options in one order and spelling, defaults of the arithmetic included: `multinomial:alpha=1`. */
  readonly canonical: string;
}

/**
 * @throws {ValenceError} CONFIG_INVALID: unknown kind or option, a value out of range; the message lists what there is
 */
export function parseModelKind(kind: string): ModelKind {
  const { name, options } = parseNamedOptions(kind, 'model', OPTIONS);
  const alpha = parseAlpha(options.get('alpha') ?? '1', name);
  const maxFeatures = parseMaxFeatures(options.get('max-features'), name);
  const parts = [
    ...(OPTIONS.get(name)?.includes('alpha') ? [`alpha=${alpha}`] : []),
    ...(maxFeatures === undefined ? [] : [`max-features=${maxFeatures}`]),
  ];
  const canonical = parts.length === 0 ? name : `${name}:${parts.join(',')}`;
  return { name, alpha, maxFeatures, canonical };
}

/**
 * A model that has learned nothing.
 *
 * @param kind see {@link parseModelKind}; `max-features` binds the extractor, not the model
 * @param declared classes from worst to best; the baselines answer with them from the first record on
 * @throws {ValenceError} CONFIG_INVALID: see {@link parseModelKind}
 */
export function createModel(
  kind: string,
  extractor: Extractor,
  declared: readonly string[],
  options: ModelOptions = {},
): Model {
  const parsed = parseModelKind(kind);
  const entry = KINDS.get(parsed.name);
  assert(entry);
  return entry.create(parsed, extractor, declared, options);
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
