import assert from 'node:assert/strict';
import { createExtractor, NO_EXTRACTOR } from '../text/extractor.ts';
import type { Extractor } from '../text/features.ts';
import { optionInvalid } from '../text/named-options.ts';
import { Majority, NoChange } from './baselines.ts';
import { Bernoulli } from './bernoulli.ts';
import { Complement } from './complement.ts';
import { createGtnbExtractor, createGtnbModel } from './gtnb-create.ts';
import { parseGtnbKind } from './gtnb-kind.ts';
import { parseModelKind, type ModelKind } from './model-kinds.ts';
import type { Model } from './model.ts';
import { Multinomial } from './multinomial.ts';

/** Makes models, and what turns texts into the features that they count. */

export interface ModelOptions {
  /** Ids stand in the order in which their features were first seen: true for a single learner that merges no deltas of others. */
  readonly singleLearner?: boolean;
}

/** What a kind counts: words of the analyzer (the kinds of River's), hashed features of its own, or nothing but labels. */
export type FeatureSource = 'analyzer' | 'own' | 'none';

type Create = (
  kind: ModelKind,
  extractor: Extractor,
  declared: readonly string[],
  options: ModelOptions,
) => Model;

/** Up to this vocabulary a single learner's Bernoulli model sums in River's order; 4,096 terms cost 0.2 ms a question. */
const RIVER_ORDER_TERMS = 4096;

interface KindEntry {
  readonly features: FeatureSource;
  readonly create: Create;
}

/** A naive Bayes of River's. */
const river = (
  create: (kind: ModelKind, extractor: Extractor, options: ModelOptions) => Model,
): KindEntry => ({
  features: 'analyzer',
  create: (kind, extractor, _declared, options) => create(kind, extractor, options),
});

const KINDS: ReadonlyMap<string, KindEntry> = new Map([
  [
    'gtnb',
    {
      features: 'own',
      create: ({ canonical }: ModelKind, extractor: Extractor, declared: readonly string[]) =>
        createGtnbModel(parseGtnbKind(canonical), extractor, declared),
    },
  ],
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
  [
    'majority',
    { features: 'none', create: (_kind, _extractor, declared) => new Majority(declared) },
  ],
  [
    'no-change',
    { features: 'none', create: (_kind, _extractor, declared) => new NoChange(declared) },
  ],
]);

/** @throws {ValenceError} CONFIG_INVALID: see {@link parseModelKind} */
export function featureSourceOf(kind: string): FeatureSource {
  return entryOf(parseModelKind(kind)).features;
}

/**
 * Text to the features that a kind counts; kinds whose extractors have one identity can share it.
 *
 * @param analyzer of the kinds of River's
 * @throws {ValenceError} CONFIG_INVALID: unknown kind, analyzer or option; gtnb with `bits=exact`, which only `evaluate` can run
 */
export function createExtractorFor(kind: string, analyzer: string): Extractor {
  const { maxFeatures } = parseModelKind(kind);
  const source = featureSourceOf(kind);
  if (source === 'none') return NO_EXTRACTOR;
  if (source === 'analyzer')
    return createExtractor(analyzer, maxFeatures === undefined ? {} : { maxFeatures });
  const { bits, ...parsed } = parseGtnbKind(kind);
  if (bits === 'exact')
    return optionInvalid("model 'gtnb'", 'bits', "a number here ('exact' is for evaluate)", bits);
  return createGtnbExtractor({ ...parsed, bits });
}

/**
 * A model that has learned nothing.
 *
 * @param kind see {@link parseModelKind}; `max-features` binds the extractor, not the model
 * @param extractor see {@link createExtractorFor}
 * @param declared classes from worst to best; gtnb and the baselines answer with them from the first record on
 * @throws {ValenceError} CONFIG_INVALID: see {@link parseModelKind}
 */
export function createModel(
  kind: string,
  extractor: Extractor,
  declared: readonly string[],
  options: ModelOptions = {},
): Model {
  const parsed = parseModelKind(kind);
  return entryOf(parsed).create(parsed, extractor, declared, options);
}

function entryOf({ name }: ModelKind): KindEntry {
  const entry = KINDS.get(name);
  assert(entry);
  return entry;
}
