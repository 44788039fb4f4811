import { unitsToString } from '../codec/bytes.ts';
import { DistinctIds } from './gt-distinct.ts';
import type { TypedFeatures } from './gt-features.ts';
import { finishChain, gtHash } from './gt-hash.ts';
import { GtReader, ODD } from './gt-reader.ts';
import {
  BIGRAMS,
  GtSlots,
  JOINS,
  SLOT_ENDS,
  SLOT_STARTS,
  SLOT_UNITS,
  UNIGRAMS,
} from './gt-slots.ts';
import {
  DEFAULT_NEGATION,
  gtFeatures,
  NEGATED,
  normalise,
  toCharacterGrams,
  type GtOptions,
} from './gt-tokenizer.ts';
import { LONGEST_TEXT, NORMALISED } from './gt-units.ts';

/**
 * The fast form of `gtFeatures`: one pass from code units to hashed feature ids, without strings.
 *
 *   text ─► units ─► slots and the hashes of unigrams and bigrams ─► distinct ids
 *
 * A text with an odd unit (Σ, İ, letters beyond the basic plane) is handed to the expressions, so both forms always agree; so is one
 * beyond LONGEST_TEXT. Entities and `<br>` are looked for only where `&` and `<` stand; a text that holds one is normalised and
 * scanned again.
 */

export interface GtScannerOptions extends GtOptions {
  /** Ids run from 0 to 2^bits - 1; an integer from 1 to 31. */
  readonly bits: number;
}

// Constants of this module rather than imported ones, which the compiler looks up at each use.
const ALL_UNIGRAMS = UNIGRAMS;
const ALL_BIGRAMS = BIGRAMS;
const ALL_JOINS = JOINS;

/** Those whose buffers hold their text: all share them. */
let held: GtSlots | undefined;

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
  #text = '';

  constructor(options: GtScannerOptions) {
    this.#options = options;
    this.#mask = -1 >>> (32 - options.bits); // No power: that would be a double.
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
    held = this.#slots;
    this.#text = text;
    if (this.#names.length > 0) this.#names = [];
    this.#distinct.reset(text.length >> 1);
    let outcome = text.length > LONGEST_TEXT ? ODD : this.#reader.read(text, false);
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
    if (held !== this.#slots) this.scan(this.#text);
    const origin = this.#distinct.origins[at] ?? 0;
    const type = this.ends.findIndex((end) => at < end);
    if (this.#isByName || type === 3) return this.#names[origin] ?? '';
    return unitsToString(SLOT_UNITS, SLOT_STARTS[origin - type] ?? 0, SLOT_ENDS[origin] ?? 0);
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
    const { count } = this.#slots;
    this.#distinct.addAll(ALL_UNIGRAMS, count, this.#mask);
    this.ends[0] = this.length;
    if (bigrams !== false) this.#distinct.addAll(ALL_BIGRAMS, count, this.#mask, ALL_JOINS);
    this.ends[1] = this.length;
    if (trigrams === true) this.#addTrigrams();
    this.ends[2] = this.length;
    if (chars !== undefined) this.#addCharacterGrams(...chars);
    this.ends[3] = this.length;
  }

  #addTrigrams(): void {
    const slots = this.#slots;
    for (let slot = 2; slot < slots.count; slot++) {
      if (JOINS[slot] !== 2) continue;
      const start = SLOT_STARTS[slot - 2] ?? 0;
      const end = SLOT_ENDS[slot] ?? 0;
      const hash = finishChain(slots.chainOf(start, end), end - start);
      this.#distinct.add(hash & this.#mask, slot);
    }
  }

  #addCharacterGrams(min: number, max: number): void {
    const { count } = this.#slots;
    for (let slot = 0; slot < count; slot++) {
      const start = SLOT_STARTS[slot] ?? 0;
      const first = SLOT_UNITS[start] === MARK_FIRST ? start + NEGATED.length : start;
      const token = unitsToString(SLOT_UNITS, first, SLOT_ENDS[slot] ?? 0);
      for (const gram of toCharacterGrams(token, min, max)) this.#addName(gram);
    }
  }

  #addName(name: string): void {
    this.#distinct.add(gtHash(name) & this.#mask, this.#names.push(name) - 1);
  }
}
