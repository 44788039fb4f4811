import { TYPES, type Features } from './features.ts';

/** Features with a type: what GT-NB counts. */

export { TYPES };

/**
 * Distinct features of one document, by type in turn; presence, so `values` are not looked at. Views into buffers of the extractor:
 * valid until its next `extract`.
 */
export interface TypedFeatures extends Features {
  /** By type: where its features end in `ids`; the last is `length`. A type begins where the one before it ends. */
  readonly ends: Int32Array;
}

/** Values of a lexicon by feature id. */
export interface LexiconValues {
  /** Value of a feature, 0 for most; with hashed ids the sum over the words of the id. */
  of(id: number): number;
}

/** A copy that stays valid. */
export function keepTyped({ ids, values, length, ends }: TypedFeatures): TypedFeatures {
  return {
    ids: ids.slice(0, length),
    values: values.slice(0, length),
    length,
    ends: ends.slice(),
  };
}
