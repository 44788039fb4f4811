import { chainOf, extendChain, finishChain, GT_HASH_SEED, mixUnit } from './gt-hash.ts';
import { isNegatorSlice, mayBeNegator } from './gt-negators.ts';
import { NEGATED } from './gt-tokenizer.ts';
import { SPACE, toUnits } from './term-spans.ts';

/**
 * The slots of one document as slices of one buffer, a space apart, so that an n-gram is a slice as well; and their hashes. A token
 * comes in three steps: `begin`, its units with both chains, `close`.
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
const MARK_MIXED = Int32Array.from(MARK, (unit) => mixUnit(unit));
const MARKED_SEED = chainOf(NEGATED);
const SPACE_MIXED = mixUnit(SPACE);
/** Most units that a unit of the text turns into: `@a` to `NOT_<user> `, `a` to `NOT_a `. */
const GROWTH = 6;

export class GtSlots {
  units = new Uint16Array(4096);
  /** Units in use. */
  used = 0;
  /** Number of slots. */
  count = 0;
  starts = new Int32Array(512);
  ends = new Int32Array(512);
  /** Slots that stand before each slot without a break between: 0, 1, or 2 for more. */
  joins = new Uint8Array(512);
  /** Hash of each slot. */
  unigrams = new Int32Array(512);
  /** Hash of the bigram that ends with each slot, where `joins` is not 0. */
  bigrams = new Int32Array(512);
  /** Chains of the token that was begun. */
  chain = 0;
  pair = 0;
  readonly #negation: number;
  /** Tokens that a negator still marks. */
  reach = 0;
  /** `joins` of the next slot. */
  joined = 0;
  /** Where the last slot begins. */
  lastStart = 0;
  /** Chain of the last slot and a space. */
  previous = 0;

  /** @param negation tokens that a negator marks */
  constructor(negation: number) {
    this.#negation = negation;
  }

  /** Begins a document of `length` code units. */
  reset(length: number): void {
    this.used = 0;
    this.count = 0;
    this.reach = 0;
    this.joined = 0;
    const units = (length + 1) * GROWTH;
    if (units > this.units.length) this.units = new Uint16Array(units * 2);
    if (length <= this.starts.length) return;
    this.starts = new Int32Array(length * 2);
    this.ends = new Int32Array(length * 2);
    this.joins = new Uint8Array(length * 2);
    this.unigrams = new Int32Array(length * 2);
    this.bigrams = new Int32Array(length * 2);
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
    this.units[this.used++] = unit;
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

  /**
   * Ends a token that may be a negator and whose units were written from `start` to `used`. They are hashed here, in a loop of their
   * own: with the loop that reads them it would be more than the processor has registers for.
   */
  closeWord(start: number, used: number, hasApostrophe: boolean): void {
    const { units } = this;
    let { chain, pair } = this;
    for (let at = start; at < used; at++) {
      const mixed = mix(units[at] ?? 0);
      chain = extend(chain, mixed);
      pair = extend(pair, mixed);
    }
    const reach = this.reach;
    const first = reach > 0 ? start - MARK.length : start;
    const hash = finish(chain, used - first);
    if (
      this.#negation > 0 &&
      mayBeNegator(hash, hasApostrophe) &&
      isNegatorSlice(this.units, start, used, hash, hasApostrophe)
    ) {
      this.reach = this.#negation;
      if (reach > 0) this.#appendUnmarked(start, used);
      else this.#append(first, used, chain, pair, hash);
      return;
    }
    if (reach > 0) this.reach = reach - 1;
    this.#append(first, used, chain, pair, hash);
  }

  /** Chain of the units from `start` to `end`. */
  chainOf(start: number, end: number): number {
    let chain = GT_HASH_SEED;
    for (let at = start; at < end; at++) chain = extend(chain, mix(this.units[at] ?? 0));
    return chain;
  }

  /** Puts the mark before the token. */
  #mark(): void {
    this.chain = MARKED_SEED;
    for (let at = 0; at < MARK.length; at++) {
      this.units[this.used++] = MARK[at] ?? 0;
      this.pair = extend(this.pair, MARK_MIXED[at] ?? 0);
    }
  }

  /** Ends the token without the mark that it was begun with. */
  #appendUnmarked(start: number, end: number): void {
    const first = start - MARK.length;
    this.used = first;
    this.chain = GT_HASH_SEED;
    this.pair = this.previous;
    for (let at = start; at < end; at++) this.push(this.units[at] ?? 0);
    const { used, chain } = this;
    this.#append(first, used, chain, this.pair, finish(chain, used - first));
  }

  #append(start: number, end: number, chain: number, pair: number, hash: number): void {
    const slot = this.count;
    const joined = this.joined;
    this.starts[slot] = start;
    this.ends[slot] = end;
    this.joins[slot] = joined;
    this.unigrams[slot] = hash;
    this.bigrams[slot] = finish(pair, end - this.lastStart);
    this.units[end] = SPACE;
    this.used = end + 1;
    this.count = slot + 1;
    this.lastStart = start;
    this.joined = joined === 0 ? 1 : 2;
    this.previous = extend(chain, SPACE_MIXED);
  }
}
