import { chainOf, extendChain, finishChain, GT_HASH_SEED, mixUnit } from './gt-hash.ts';
import { isNegatorSlice, mayBeNegator } from './gt-negators.ts';
import { NEGATED } from './gt-tokenizer.ts';
import { LONGEST_TEXT } from './gt-units.ts';
import { SPACE, toUnits } from './term-spans.ts';

/**
 * The slots of one document as slices of one buffer, a space apart, so that an n-gram is a slice as well; and their hashes. A token
 * comes in three steps: `begin`, its units with both chains, `close`. All scanners share the buffers, see `gt-units.ts`.
 *
 *   units   good food NOT_bad …
 *   chain   hash of the slot so far
 *   pair    hash of the slot before, a space and the slot so far
 */

// Constants of this module rather than imported ones: the compiler sees what they are, and looks up the others at each use.
const mix = mixUnit;
const extend = extendChain;
const finish = finishChain;

const MARK = toUnits(NEGATED);
/** Units of the mark of negation. */
export const NEGATION_MARK: Readonly<Uint16Array> = MARK;
const MARK_MIXED = Int32Array.from(MARK, (unit) => mixUnit(unit));
const MARKED_SEED = chainOf(NEGATED);
const SPACE_MIXED = mixUnit(SPACE);
/** Most units that a unit of the text turns into: `@a` to `NOT_<user> `, `a` to `NOT_a `. */
const GROWTH = 6;

export const SLOT_UNITS = new Uint16Array(LONGEST_TEXT * GROWTH);
export const SLOT_STARTS = new Int32Array(LONGEST_TEXT);
export const SLOT_ENDS = new Int32Array(LONGEST_TEXT);
/** Slots that stand before each slot without a break between: 0, 1, or 2 for more. */
export const JOINS = new Uint8Array(LONGEST_TEXT);
/** Hash of each slot. */
export const UNIGRAMS = new Int32Array(LONGEST_TEXT);
/** Hash of the bigram that ends with each slot, where `JOINS` is not 0. */
export const BIGRAMS = new Int32Array(LONGEST_TEXT);

export class GtSlots {
  /** Units in use. */
  used = 0;
  /** Number of slots. */
  count = 0;
  /** Chains of the token that was begun. */
  chain = 0;
  pair = 0;
  /** Tokens that a negator marks after it. */
  readonly negation: number;
  /** Tokens that a negator still marks. */
  reach = 0;
  /** `joins` of the next slot. */
  joined = 0;
  /** Where the last slot begins. */
  lastStart = 0;
  /** Chain of the last slot and a space. */
  previous = 0;

  constructor(negation: number) {
    this.negation = negation;
  }

  /** Begins a document. */
  reset(): void {
    this.used = 0;
    this.count = 0;
    this.reach = 0;
    this.joined = 0;
  }

  /** A break between two clauses. */
  break(): void {
    this.reach = 0;
    this.joined = 0;
  }

  /** Ends the reach of a negator. */
  endReach(): void {
    this.reach = 0;
  }

  /** Begins a token, with its mark if it is in the reach of a negator. @returns where its first unit goes */
  begin(): number {
    this.chain = GT_HASH_SEED;
    this.pair = this.previous;
    if (this.reach > 0) this.#mark();
    return this.used;
  }

  /** Takes back the token begun at `start`. */
  cancel(start: number): void {
    this.used = this.reach > 0 ? start - MARK.length : start;
  }

  /** Appends a unit to the token. */
  push(unit: number): void {
    const mixed = mix(unit);
    this.chain = extend(this.chain, mixed);
    this.pair = extend(this.pair, mixed);
    SLOT_UNITS[this.used++] = unit;
  }

  /** Appends the slice as a token. */
  add(units: Uint16Array, start: number, end: number): void {
    const first = this.begin();
    for (let at = start; at < end; at++) this.push(units[at] ?? 0);
    this.close(first);
  }

  /** Ends a token that cannot be a negator. */
  close(start: number): void {
    const isMarked = this.reach > 0;
    const first = isMarked ? start - MARK.length : start;
    if (isMarked) this.reach -= 1;
    const { used, chain } = this;
    this.#append(first, used, chain, this.pair, finish(chain, used - first));
  }

  /** Ends a token that may be a negator. */
  closeWord(start: number, hasApostrophe: boolean): void {
    const { reach, used, negation } = this;
    const first = reach > 0 ? start - MARK.length : start;
    const hash = finish(this.chain, used - first);
    const negates =
      negation > 0 &&
      mayBeNegator(hash, hasApostrophe) &&
      isNegatorSlice(SLOT_UNITS, start, used, hash, hasApostrophe);
    if (!negates) this.close(start);
    else {
      if (reach > 0) this.#unmark(start);
      this.reach = 0;
      this.close(first);
      this.reach = negation;
    }
  }

  /** Chain of the units from `start` to `end`. */
  chainOf(start: number, end: number): number {
    let chain = GT_HASH_SEED;
    for (let at = start; at < end; at++) chain = extend(chain, mix(SLOT_UNITS[at] ?? 0));
    return chain;
  }

  /** Puts the mark before the token. */
  #mark(): void {
    this.chain = MARKED_SEED;
    for (let at = 0; at < MARK.length; at++) {
      SLOT_UNITS[this.used++] = MARK[at] ?? 0;
      this.pair = extend(this.pair, MARK_MIXED[at] ?? 0);
    }
  }

  /** Takes the mark off the token begun at `start`. */
  #unmark(start: number): void {
    const end = this.used;
    this.used = start - MARK.length;
    this.chain = GT_HASH_SEED;
    this.pair = this.previous;
    for (let at = start; at < end; at++) this.push(SLOT_UNITS[at] ?? 0);
  }

  #append(start: number, end: number, chain: number, pair: number, hash: number): void {
    const slot = this.count;
    const joined = this.joined;
    SLOT_STARTS[slot] = start;
    SLOT_ENDS[slot] = end;
    JOINS[slot] = joined;
    UNIGRAMS[slot] = hash;
    BIGRAMS[slot] = finish(pair, end - this.lastStart);
    SLOT_UNITS[end] = SPACE;
    this.used = end + 1;
    this.count = slot + 1;
    this.lastStart = start;
    this.joined = joined === 0 ? 1 : 2;
    this.previous = extend(chain, SPACE_MIXED);
  }
}
