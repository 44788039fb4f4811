import { gtFeatures, type GtOptions } from '../text/gt-tokenizer.ts';
import { HashedExtractor } from '../text/hashed-extractor.ts';
import { afinn, HashedLexicon, lexiconValue } from '../text/lexicon.ts';
import { TYPES, type LexiconValues, type TypedFeatures } from '../text/gt-features.ts';

/**
 * Text to the features of GT-NB, in two forms: exact, every feature by name, for study; and hashed, whose memory has a bound.
 */

/** Text to typed features, and their names. */
export type TextAnalysis = Pick<
  HashedExtractor,
  'id' | 'extract' | 'keep' | 'term' | 'name' | 'nameOf'
> & { readonly isHashed: boolean };

/** With the lexicon values of the ids. */
export interface Analysis extends TextAnalysis {
  readonly lexicon: LexiconValues | undefined;
}

export interface AnalysisOptions extends GtOptions {
  /** Default true. */
  readonly lexicon?: boolean;
}

const NO_ENDS = new Int32Array(TYPES);

/** Features with an id of their own, given for good when first asked. */
export class ExactAnalysis implements Analysis {
  readonly id: string;
  readonly isHashed = false;
  readonly lexicon: LexiconValues | undefined;
  readonly #options: GtOptions;
  readonly #words: ReadonlyMap<string, number>;
  readonly #ids = new Map<string, number>();
  readonly #terms: string[] = [];
  readonly #values: number[] = [];
  #buffer = new Int32Array(256);
  #ones = new Float64Array(256).fill(1);
  #last: TypedFeatures = { length: 0, ids: this.#buffer, values: this.#ones, ends: NO_ENDS };

  constructor(options: AnalysisOptions = { version: 1 }) {
    this.id = `gt/${options.version}`;
    this.#options = options;
    this.#words = options.lexicon === false ? new Map() : afinn(options.version);
    this.lexicon = options.lexicon === false ? undefined : { of: (id) => this.#values[id] ?? 0 };
  }

  extract(text: string): TypedFeatures {
    const { unigrams, bigrams, trigrams, chars } = gtFeatures(text, this.#options);
    const ends = new Int32Array(TYPES);
    let length = 0;
    for (const [type, names] of [unigrams, bigrams, trigrams, chars].entries()) {
      this.#reserve(length + names.length);
      for (const name of names) this.#buffer[length++] = this.intern(name);
      ends[type] = length;
    }
    this.#last = { ids: this.#buffer, values: this.#ones, length, ends };
    return this.#last;
  }

  keep(): TypedFeatures {
    return this.#last;
  }

  term(id: number): string {
    return this.#terms[id] ?? '';
  }

  name(at: number): string {
    return this.term(this.#buffer[at] ?? 0);
  }

  nameOf(id: number): string {
    return this.term(id);
  }

  /** Id of a feature, given if it has none. */
  intern(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#terms.push(name) - 1;
    this.#ids.set(name, id);
    this.#values.push(lexiconValue(this.#words, name));
    return id;
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return;
    const longer = new Int32Array(length * 2);
    longer.set(this.#buffer);
    this.#buffer = longer;
    this.#ones = new Float64Array(length * 2).fill(1);
  }
}

/** Features by hash. */
export class HashedAnalysis extends HashedExtractor implements Analysis {
  readonly lexicon: LexiconValues | undefined;

  /** @param bits of the ids, 1 to 31 */
  constructor(options: AnalysisOptions, bits: number) {
    super(options, bits);
    this.lexicon =
      options.lexicon === false ? undefined : new HashedLexicon(afinn(options.version), bits);
  }
}
