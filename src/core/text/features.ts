/**
 * Features: what a model counts. An extractor turns a text into the distinct features of a document, in order of first
 * occurrence; a model sees ids and values only. Ids are local to the extractor of this process and never leave it: deltas and
 * snapshots name features by their term.
 */

/** Distinct features of one document. Views into buffers of the extractor: valid until its next `extract`. */
export interface Features {
  /** Number of distinct features; only the first `length` cells of the arrays count. */
  readonly length: number;
  /** Feature ids, distinct, in order of first occurrence. */
  readonly ids: Int32Array;
  /** Occurrences (or weights) of each feature, > 0. */
  readonly values: Float64Array;
}

/** A copy of `features` that stays valid: its arrays have exactly `length` cells. */
export function copyFeatures(features: Features): Features {
  return {
    length: features.length,
    ids: features.ids.slice(0, features.length),
    values: features.values.slice(0, features.length),
  };
}

/** Text to features. One per tokenizer and vocabulary; models that share a tokenizer share it. */
export interface Extractor {
  /** Identity of the analysis with its version, such as `river/1` or `river/1;stemmer=porter`: counts of two never merge. */
  readonly id: string;
  /**
   * Features of a text. Terms that were new get provisional ids, which the next `extract` or `intern` takes back unless `keep` is
   * called first: asking adds nothing to the vocabulary.
   */
  extract(text: string): Features;
  /** Makes the ids of the last `extract` permanent, because the document is learned or waits for its label. */
  keep(): void;
  /** Permanent id of a term, made if new; -1 when the vocabulary is full (`maxFeatures`). */
  intern(term: string): number;
  /** Term of a permanent or provisional id. */
  term(id: number): string;
  /** Ids given so far, permanent ones: ids run from 0 to size - 1. */
  readonly size: number;
}
