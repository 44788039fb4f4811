import { unitsToString } from '../codec/bytes.ts';
import { DistinctIds } from './gt-distinct.ts';
import type { TypedFeatures } from './gt-features.ts';
import { finishChain, gtHash } from './gt-hash.ts';
import { GtReader, ODD } from './gt-reader.ts';
import { GtSlots } from './gt-slots.ts';
import {
  DEFAULT_NEGATION,
  gtFeatures,
  NEGATED,
  normalise,
  toCharacterGrams,
  type GtOptions,
} from './gt-tokenizer.ts';
import { NORMALISED } from './gt-units.ts';

/**
 * The fast form of `gtFeatures`: one pass from code units to hashed feature ids, without strings.
 *
 *   text ─► units ─► slots and the hashes of unigrams and bigrams ─► distinct ids
 *
 * A text with an odd unit (Σ, İ, letters beyond the basic plane) is handed to the expressions, so both forms always agree. Entities
 * and `<br>` are looked for only where `&` and `<` stand; a text that holds one is normalised and scanned again.
 */

export interface GtScannerOptions extends GtOptions {
  /** Ids run from 0 to 2^bits - 1; an integer from 1 to 31. */
  readonly bits: number;
}

/** Only a mark begins with a capital letter. */
const MARK_FIRST = NEGATED.charCodeAt(0);

/** Its features are hashed, each of value 1. */
export class GtScanner implements TypedFeatures {
  readonly ends = new Int32Array(4);
  values = new Float64Array(0);
  readonly #options: GtOptions;
  readonly #mask: number;
  readonly #distinct = new DistinctIds();
  readonly #slots: GtSlots;
  readonly #reader: GtReader;
  /** Names of the features whose origin is no slot. */
  #names: string[] = [];
  #isByName = false;

  constructor(options: GtScannerOptions) {
    this.#options = options;
    this.#mask = 2 ** options.bits - 1;
    this.#slots = new GtSlots(options.negation ?? DEFAULT_NEGATION);
    this.#reader = new GtReader(options.version, this.#slots);
  }

  get length(): number {
    return this.#distinct.length;
  }

  get ids(): Int32Array {
    return this.#distinct.ids;
  }

  /** Features of a text: the scanner itself, valid until its next scan. */
  scan(text: string): TypedFeatures {
    if (this.#names.length > 0) this.#names = [];
    this.#distinct.reset(text.length >> 1);
    let outcome = this.#reader.read(text, false);
    if (outcome === NORMALISED)
      outcome = this.#reader.read(normalise(text, this.#options.version), true);
    this.#isByName = outcome === ODD;
    if (this.#isByName) this.#addNames(text);
    else this.#addGrams();
    if (this.values.length < this.ids.length)
      this.values = new Float64Array(this.ids.length).fill(1);
    return this;
  }

  /** Name of a feature of the last scan, 0 <= at < length: of those that share its id, the first in the text. */
  name(at: number): string {
    const slots = this.#slots;
    const origin = this.#distinct.origins[at] ?? 0;
    const type = this.ends.findIndex((end) => at < end);
    if (this.#isByName || type === 3) return this.#names[origin] ?? '';
    return unitsToString(slots.units, slots.starts[origin - type] ?? 0, slots.ends[origin] ?? 0);
  }

  /** By way of the expressions. */
  #addNames(text: string): void {
    const { unigrams, bigrams, trigrams, chars } = gtFeatures(text, this.#options);
    [unigrams, bigrams, trigrams, chars].forEach((names, type) => {
      for (const name of names) this.#addName(name);
      this.ends[type] = this.length;
    });
  }

  /** By way of the slots. */
  #addGrams(): void {
    const { bigrams, trigrams, chars } = this.#options;
    const slots = this.#slots;
    this.#distinct.addAll(slots.unigrams, slots.count, this.#mask);
    this.ends[0] = this.length;
    if (bigrams !== false)
      this.#distinct.addAll(slots.bigrams, slots.count, this.#mask, slots.joins);
    this.ends[1] = this.length;
    if (trigrams === true) this.#addTrigrams();
    this.ends[2] = this.length;
    if (chars !== undefined) this.#addCharacterGrams(...chars);
    this.ends[3] = this.length;
  }

  #addTrigrams(): void {
    const slots = this.#slots;
    for (let slot = 2; slot < slots.count; slot++) {
      if (slots.joins[slot] !== 2) continue;
      const start = slots.starts[slot - 2] ?? 0;
      const end = slots.ends[slot] ?? 0;
      const hash = finishChain(slots.chainOf(start, end), end - start);
      this.#distinct.add(hash & this.#mask, slot);
    }
  }

  #addCharacterGrams(min: number, max: number): void {
    const { units, starts, ends, count } = this.#slots;
    for (let slot = 0; slot < count; slot++) {
      const start = starts[slot] ?? 0;
      const first = units[start] === MARK_FIRST ? start + NEGATED.length : start;
      for (const gram of toCharacterGrams(unitsToString(units, first, ends[slot] ?? 0), min, max))
        this.#addName(gram);
    }
  }

  #addName(name: string): void {
    this.#distinct.add(gtHash(name) & this.#mask, this.#names.push(name) - 1);
  }
}
