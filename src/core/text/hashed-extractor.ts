import { toUnits } from './term-spans.ts';
import type { Extractor, TermVisitor } from './features.ts';
import type { TypedFeatures } from './gt-features.ts';
import { GtScanner } from './gt-scanner.ts';
import type { GtOptions } from './gt-tokenizer.ts';
import { unitsToString } from '../codec/bytes.ts';

/**
 * Text to hashed features. There is no vocabulary: an id is the hash of a feature's name, the same in every process, so nothing is
 * given, kept or taken back, and memory has a bound whatever is written. Ids that are worth showing can be given names, by whoever
 * meets them in a text.
 */
export class HashedExtractor implements Extractor {
  readonly id: string;
  readonly isHashed = true;
  readonly types: number;
  readonly size: number;
  readonly #scanner: GtScanner;
  readonly #names = new Map<number, string>();

  /** @param bits of the ids, 1 to 31 */
  constructor(options: GtOptions, bits: number) {
    const { version, bigrams = true, trigrams = false } = options;
    this.types = trigrams ? 3 : bigrams ? 2 : 1;
    this.id = `gt/${version};ngrams=${this.types};bits=${bits}`;
    this.size = 2 ** bits;
    this.#scanner = new GtScanner({ ...options, bits });
  }

  extract(text: string): TypedFeatures {
    return this.#scanner.scan(text);
  }

  keep(): TypedFeatures {
    return this.#scanner;
  }

  /** Id of a term as `term` gives it; -1 if it is none of these ids. */
  intern(term: string): number {
    const id = /^#\d{1,10}$/.test(term) ? Number(term.slice(1)) : -1;
    return id < this.size ? id : -1;
  }

  internUnits(units: Uint16Array, start: number, end: number): number {
    return this.intern(unitsToString(units, start, end));
  }

  term(id: number): string {
    return `#${id}`;
  }

  visit(id: number, visitor: TermVisitor): void {
    const units = toUnits(this.term(id));
    visitor.units(units, 0, units.length);
  }

  name(at: number): string {
    return this.#scanner.name(at);
  }

  get names(): ReadonlyMap<number, string> {
    return this.#names;
  }

  nameOf(id: number): string | undefined {
    return this.#names.get(id);
  }

  giveName(id: number, name: string): void {
    if (!this.#names.has(id)) this.#names.set(id, name);
  }
}
