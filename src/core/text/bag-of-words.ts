import { foldStopWords, ngramsOf } from './analyzer.ts';
import { tokenize, type TokenizerOptions } from './river-tokenizer.ts';

/**
 * River's text transformers over Maps, for use by themselves: `new BagOfWords().transformOne('good food')`. A pipeline counts
 * through an extractor instead; both go through the same tokens.
 */

export interface BagOfWordsOptions extends TokenizerOptions {
  /** Shortest and longest n-gram, integers >= 1; default [1, 1]. An n-gram's tokens are joined by a space. */
  readonly ngrams?: readonly [min: number, max: number] | undefined;
  /** Words to leave out before n-grams are made; folded like the text. */
  readonly stopWords?: Iterable<string> | undefined;
}

/**
 * Texts to term counts.
 *
 * @see https://riverml.xyz/0.26.1/api/feature-extraction/BagOfWords/
 */
export class BagOfWords {
  readonly #options: TokenizerOptions;
  readonly #ngrams: readonly [min: number, max: number];
  readonly #stopWords: ReadonlySet<string>;

  constructor(options: BagOfWordsOptions = {}) {
    const { accents = 'strip', lowercase = true } = options;
    this.#options = { accents, lowercase };
    this.#ngrams = options.ngrams ?? [1, 1];
    this.#stopWords = foldStopWords(options.stopWords ?? [], { accents, lowercase });
  }

  /** Terms in order, repeats included. */
  processText(text: string): string[] {
    const tokens = tokenize(text, this.#options);
    const kept = tokens.filter((token) => !this.#stopWords.has(token));
    return ngramsOf(kept, this.#ngrams);
  }

  /** Count of each term, in order of first occurrence. */
  transformOne(text: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const term of this.processText(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
    return counts;
  }
}

export interface TfidfOptions extends BagOfWordsOptions {
  /** Divide by the Euclidean norm; default true. */
  readonly normalize?: boolean | undefined;
}

/**
 * Texts to TF-IDF weights: tf = share of the text's terms, idf = ln((1 + n) / (1 + df)) + 1 over the n texts learned.
 *
 * @see https://riverml.xyz/0.26.1/api/feature-extraction/TFIDF/
 */
export class TFIDF {
  readonly #bag: BagOfWords;
  readonly #normalize: boolean;
  readonly #documents = new Map<string, number>();
  #learned = 0;

  constructor(options: TfidfOptions = {}) {
    this.#bag = new BagOfWords(options);
    this.#normalize = options.normalize ?? true;
  }

  /** Counts a text into the document frequencies. */
  learnOne(text: string): this {
    for (const term of this.#bag.transformOne(text).keys())
      this.#documents.set(term, (this.#documents.get(term) ?? 0) + 1);
    this.#learned += 1;
    return this;
  }

  /** Weight of each term, in order of first occurrence; changes nothing. Empty for a text without terms. */
  transformOne(text: string): Map<string, number> {
    const weights = this.#bag.transformOne(text);
    let terms = 0;
    for (const count of weights.values()) terms += count;
    let squares = 0;
    for (const [term, count] of weights) {
      const idf = Math.log((1 + this.#learned) / (1 + (this.#documents.get(term) ?? 0))) + 1;
      const weight = (count / terms) * idf;
      weights.set(term, weight);
      squares += weight * weight;
    }
    if (!this.#normalize) return weights;
    const norm = Math.sqrt(squares);
    for (const [term, weight] of weights) weights.set(term, weight / norm);
    return weights;
  }
}
