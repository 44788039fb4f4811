import { ValenceError } from '../../errors.ts';
import { parseAnalyzer } from './analyzer.ts';
import { NO_FEATURES, type Extractor, type Features, type TermVisitor } from './features.ts';
import { hashUnits, TermSpans, toUnits } from './term-spans.ts';
import { TokenScanner } from './token-scanner.ts';
import { TermCounts, Vocabulary } from './vocabulary.ts';

export interface ExtractorOptions {
  /** Most terms that are kept, an integer >= 1; default: no bound. */
  readonly maxFeatures?: number | undefined;
}

/**
 * Text to counted terms: a scan into spans, the spans into a vocabulary. With a bound on the vocabulary the first terms that are
 * kept stay; a later term is counted for its own document only, and `keep` drops it.
 *
 * @param analyzer `river`, or `river:ngrams=1-2,stem=porter,stop=en,accents=keep,case=keep`
 * @throws {ValenceError} CONFIG_INVALID: unknown analyzer or option; the message lists those that exist
 */
export function createExtractor(analyzer: string, options: ExtractorOptions = {}): Extractor {
  const { maxFeatures } = options;
  if (maxFeatures !== undefined && !(Number.isSafeInteger(maxFeatures) && maxFeatures >= 1))
    throw new ValenceError(
      'CONFIG_INVALID',
      `max-features must be an integer of at least 1, got ${maxFeatures}.`,
      { option: 'max-features' },
    );
  return new RiverExtractor(analyzer, maxFeatures ?? Infinity);
}

const NO_NAMES: ReadonlyMap<number, string> = new Map();

/** For kinds that look at labels only. */
export const NO_EXTRACTOR: Extractor = {
  id: '',
  isHashed: false,
  types: 0,
  size: 0,
  extract: () => NO_FEATURES,
  keep: () => NO_FEATURES,
  intern: () => -1,
  internUnits: () => -1,
  term: () => '',
  name: () => '',
  nameOf: () => undefined,
  names: NO_NAMES,
  visit() {
    // It has no ids.
  },
  giveName() {
    // Nor names.
  },
};

class RiverExtractor implements Extractor {
  readonly id: string;
  readonly isHashed = false;
  readonly types = 0;
  readonly names = NO_NAMES;
  readonly #limit: number;
  readonly #ngrams: readonly [min: number, max: number];
  readonly #stem: ((token: string) => string) | undefined;
  readonly #scanner: TokenScanner;
  readonly #vocabulary = new Vocabulary();
  readonly #spans = new TermSpans();
  readonly #counts = new TermCounts();

  constructor(analyzer: string, limit: number) {
    const analysis = parseAnalyzer(analyzer);
    this.id = analysis.id;
    this.#limit = limit;
    this.#ngrams = analysis.ngrams;
    this.#stem = analysis.stem;
    this.#scanner = new TokenScanner(analysis, vocabularyOf(analysis.stopWords));
  }

  get size(): number {
    return this.#vocabulary.size;
  }

  extract(text: string): Features {
    this.#vocabulary.release();
    this.#scanner.scan(text, this.#spans);
    if (this.#stem !== undefined) stemSpans(this.#spans, this.#stem);
    if (this.#ngrams[1] > 1) this.#spans.toNgrams(...this.#ngrams);
    this.#vocabulary.count(this.#spans, this.#counts);
    return this.#counts;
  }

  keep(): Features {
    this.#vocabulary.keep(this.#limit);
    if (this.#vocabulary.size >= this.#limit) this.#counts.dropFrom(this.#limit);
    return this.#counts;
  }

  intern(term: string): number {
    const units = toUnits(term);
    return this.internUnits(units, 0, units.length);
  }

  internUnits(units: Uint16Array, start: number, end: number): number {
    this.#vocabulary.release();
    const { size } = this.#vocabulary;
    const id = this.#vocabulary.addUnits(units, start, end, hashUnits(units, start, end));
    if (id < size) return id;
    if (size >= this.#limit) {
      this.#vocabulary.release();
      return -1;
    }
    this.#vocabulary.keep();
    return id;
  }

  term(id: number): string {
    return this.#vocabulary.term(id);
  }

  visit(id: number, visitor: TermVisitor): void {
    this.#vocabulary.visit(id, visitor);
  }

  name(at: number): string {
    return this.term(this.#counts.ids[at] ?? 0);
  }

  nameOf(id: number): string {
    return this.term(id);
  }

  giveName(): void {
    // A term is its name.
  }
}

function vocabularyOf(words: ReadonlySet<string>): Vocabulary | undefined {
  if (words.size === 0) return undefined;
  const vocabulary = new Vocabulary();
  for (const word of words) vocabulary.add(word);
  return vocabulary;
}

function stemSpans(spans: TermSpans, stem: (token: string) => string): void {
  const tokens = spans.strings();
  spans.clear();
  for (const token of tokens) spans.push(stem(token));
}
