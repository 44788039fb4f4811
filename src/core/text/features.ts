/**
 * Features: what a model counts. An extractor turns a text into the distinct features of a document, in order of first
 * occurrence; a model sees ids and values only.
 *
 * Ids are local to the extractor of this process and never leave it: deltas and snapshots name features by their term. Hashed ids
 * are the same everywhere, and travel as they are.
 */

/** Types of features, where they have one: unigrams, bigrams, trigrams, character n-grams, in the order of a document. */
export const TYPES = 4;

/** Distinct features of one document. Views into buffers of the extractor: valid until its next `extract`. */
export interface Features {
  /** Number of distinct features; only the first `length` cells of the arrays count. */
  readonly length: number;
  /** Feature ids, distinct, in order of first occurrence. */
  readonly ids: Int32Array;
  /** Occurrences (or weights) of each feature, > 0; not looked at where there are `ends`. */
  readonly values: Float64Array;
  /** Features with a type: where the features of each type end in `ids`. Presence counts, not occurrences. */
  readonly ends?: Int32Array | undefined;
}

export const NO_FEATURES: Features = {
  length: 0,
  ids: new Int32Array(0),
  values: new Float64Array(0),
};

/**
 * Features that are kept: plain arrays, which are many and short. Typed arrays of this size live outside the heap, one allocation
 * and one finaliser each; they cost a fifth of the fold.
 */
export interface KeptFeatures {
  readonly ids: readonly number[];
  /** Undefined: all 1. */
  readonly values: readonly number[] | undefined;
  /** See `Features.ends`. */
  readonly ends: readonly number[] | undefined;
}

/** A copy that stays valid. */
export function keepFeatures({ length, ids, values, ends }: Features): KeptFeatures {
  // Of exact length: an array that grows by pushing ends up half empty.
  const keptIds = new Array<number>(length);
  let ones = true;
  if (ends !== undefined) {
    for (let i = 0; i < length; i++) keptIds[i] = ids[i] ?? 0;
    const keptEnds = new Array<number>(TYPES);
    for (let type = 0; type < TYPES; type++) keptEnds[type] = ends[type] ?? 0;
    return { ids: keptIds, values: undefined, ends: keptEnds };
  }
  for (let i = 0; i < length; i++) {
    keptIds[i] = ids[i] ?? 0;
    if (values[i] !== 1) ones = false;
  }
  if (ones) return { ids: keptIds, values: undefined, ends: undefined };
  const keptValues = new Array<number>(length);
  for (let i = 0; i < length; i++) keptValues[i] = values[i] ?? 0;
  return { ids: keptIds, values: keptValues, ends: undefined };
}

/** Brings kept features back into the form that models take; one set of buffers, overwritten by the next call. */
export class FeatureBuffer implements Features {
  length = 0;
  ids = new Int32Array(256);
  values = new Float64Array(256);
  ends: Int32Array | undefined;
  readonly #ends = new Int32Array(TYPES);

  load(kept: KeptFeatures): Features {
    const { length } = kept.ids;
    if (length > this.ids.length) {
      this.ids = new Int32Array(length * 2);
      this.values = new Float64Array(length * 2);
    }
    this.length = length;
    if (kept.ends !== undefined) {
      for (let i = 0; i < length; i++) this.ids[i] = kept.ids[i] ?? 0;
      for (let type = 0; type < TYPES; type++) this.#ends[type] = kept.ends[type] ?? 0;
      this.ends = this.#ends;
      return this;
    }
    this.ends = undefined;
    for (let i = 0; i < length; i++) {
      this.ids[i] = kept.ids[i] ?? 0;
      this.values[i] = kept.values === undefined ? 1 : (kept.values[i] ?? 1);
    }
    return this;
  }
}

/** Takes a slice of UTF-16 code units, valid during the call. */
export interface TermVisitor {
  units(units: Uint16Array, start: number, end: number): void;
}

/** What its features are called. */
export type Terms = Pick<Extractor, 'id' | 'isHashed' | 'term'>;

/** Text to features. One per tokenizer and vocabulary; models that share a tokenizer share it. */
export interface Extractor {
  /** Identity of the analysis with its version, such as `river/1` or `river/1;stemmer=porter`: counts of two never merge. */
  readonly id: string;
  /** Ids are hashes, the same in every process, below `size`. */
  readonly isHashed: boolean;
  /** Types of its features, the first of {@link TYPES}; 0: they have none. */
  readonly types: number;
  /**
   * Features of a text. Terms that were new get provisional ids, which the next `extract` or `intern` takes back unless `keep` is
   * called first: asking adds nothing to the vocabulary.
   */
  extract(text: string): Features;
  /**
   * Makes the ids of the last `extract` permanent, because the document is learned or waits for its label.
   *
   * @returns what to learn: the features of the last `extract` less those that a full vocabulary (`maxFeatures`) has no room for;
   *   same buffers, so use these from here on
   */
  keep(): Features;
  /** Permanent id of a term, made if new; -1 when the vocabulary is full (`maxFeatures`). */
  intern(term: string): number;
  /** The same of a term given as a slice of code units: a snapshot brings a million at once. */
  internUnits(units: Uint16Array, start: number, end: number): number;
  /** Term of a permanent or provisional id; of a hashed one its number, as `#17`. */
  term(id: number): string;
  /** Feature of the text extracted last, by its place: as a reader would write it. Makes a string: not for each record. */
  name(at: number): string;
  /** The same of an id; undefined: a hashed one that was not named. */
  nameOf(id: number): string | undefined;
  /** Ids that were named, where ids have no term of their own. */
  readonly names: ReadonlyMap<number, string>;
  /** Gives a hashed id its name; the first one stays. */
  giveName(id: number, name: string): void;
  /** Shows the term of an id to a visitor without making a string of it: deltas write thousands of terms a second. */
  visit(id: number, visitor: TermVisitor): void;
  /** Ids given so far, permanent ones: ids run from 0 to size - 1. Of hashed ones all that there can be. */
  readonly size: number;
}
