import { unitsToString } from '../codec/bytes.ts';
import { lengthened } from '../typed-arrays.ts';
import type { TermVisitor } from './features.ts';
import { hashUnits, toUnits, type TermSpans } from './term-spans.ts';

/**
 * Exact vocabulary: term to id and back, without an object per term.
 *
 *   slots    [hash, record]…           open addressing, home = high bits of the hash, linear probing, at most half full
 *   words    [id, mark, length, units…]…   one record per term; records lie in the order of the ids
 *   records  id ─► record
 *
 * A look-up costs two random reads: the slot and the record. Growing reads the slots in order and writes them in order.
 *
 * Terms counted for a document are provisional until `keep`, and the last ones of all. Linear probing with removal in reverse
 * order of insertion needs no tombstones: whoever probed past a slot was inserted later, so is gone already.
 */

const HEADER_WORDS = 3;
const ID = 0;
const MARK = 1;
const LENGTH = 2;
const FIRST_CAPACITY = 1024;

/** Distinct terms of a document with their counts: the `Features` that are being filled. */
export class TermCounts {
  length = 0;
  ids = new Int32Array(128);
  values = new Float64Array(128);

  /** Empties it and makes room for `terms` distinct terms. */
  reset(terms: number): void {
    this.length = 0;
    if (terms <= this.ids.length) return;
    const capacity = Math.max(terms, this.ids.length * 2);
    this.ids = new Int32Array(capacity);
    this.values = new Float64Array(capacity);
  }

  /** Drops the terms with an id of `limit` or more; the others keep their order. */
  dropFrom(limit: number): void {
    let length = 0;
    for (let at = 0; at < this.length; at++) {
      const id = this.ids[at] ?? 0;
      if (id >= limit) continue;
      this.ids[length] = id;
      this.values[length] = this.values[at] ?? 0;
      length += 1;
    }
    this.length = length;
  }
}

export class Vocabulary {
  #slots = new Int32Array(2 * FIRST_CAPACITY);
  #shift = 32 - Math.log2(FIRST_CAPACITY);
  #words = new Int32Array(8 * FIRST_CAPACITY);
  #units = new Uint16Array(this.#words.buffer);
  /** Next free word; 0 marks an empty slot, so no record begins there. */
  #end = 1;
  #records = new Int32Array(FIRST_CAPACITY);
  #total = 0;
  #kept = 0;
  /** What `#fetch` read; without a use the compiler would drop the reads. */
  fetched = 0;
  /** Hash of each provisional id. */
  #provisional = new Int32Array(64);

  /** Permanent ids: 0 to size - 1. */
  get size(): number {
    return this.#kept;
  }

  /** Ids of permanent and provisional terms: 0 to total - 1. */
  get total(): number {
    return this.#total;
  }

  /** Bytes of the tables, which is all there is. */
  get sizeBytes(): number {
    return this.#slots.byteLength + this.#words.byteLength + this.#records.byteLength;
  }

  /** Id of a term given as a slice with its hash; -1 when it has none. */
  find(units: Uint16Array, start: number, end: number, hash: number): number {
    const record = this.#locate(units, start, end, hash);
    return record === 0 ? -1 : (this.#words[record + ID] ?? -1);
  }

  /** Id of a term; -1 when it has none. */
  lookup(term: string): number {
    const units = toUnits(term);
    return this.find(units, 0, units.length, hashUnits(units, 0, units.length));
  }

  /** Id of a term, a provisional one at the end when it is new. */
  add(term: string): number {
    const units = toUnits(term);
    return this.addUnits(units, 0, units.length, hashUnits(units, 0, units.length));
  }

  /** The same of a term given as a slice with its hash. */
  addUnits(units: Uint16Array, start: number, end: number, hash: number): number {
    const known = this.#locate(units, start, end, hash);
    const record = known === 0 ? this.#insert(units, start, end, hash) : known;
    return this.#words[record + ID] ?? -1;
  }

  /** Counts the terms of a document into `counts`, in order of first occurrence; new terms become provisional. */
  count(spans: TermSpans, counts: TermCounts): void {
    counts.reset(spans.count);
    this.#fetch(spans);
    const { units, starts, ends, hashes } = spans;
    const { ids, values } = counts;
    let length = 0;
    for (let term = 0; term < spans.count; term++) {
      const start = starts[term] ?? 0;
      const end = ends[term] ?? 0;
      const hash = hashes[term] ?? 0;
      let record = this.#locate(units, start, end, hash);
      if (record === 0) record = this.#insert(units, start, end, hash);
      const words = this.#words;
      const id = words[record + ID] ?? 0;
      // The mark says where in a document the term was last put; it holds for this one if the term is found there.
      const at = words[record + MARK] ?? 0;
      if (at < length && ids[at] === id) {
        values[at] = (values[at] ?? 0) + 1;
        continue;
      }
      words[record + MARK] = length;
      ids[length] = id;
      values[length] = 1;
      length += 1;
    }
    counts.length = length;
  }

  /**
   * Reads the home slot of every term, then the record that stands there. Reads that do not wait for each other take the time of
   * one: that halves the cost of a document when the tables are larger than the caches (bench/vocabulary.ts).
   */
  #fetch({ hashes, count }: TermSpans): void {
    const slots = this.#slots;
    const words = this.#words;
    const shift = this.#shift;
    let seen = 0;
    for (let term = 0; term < count; term++)
      seen ^= slots[((hashes[term] ?? 0) >>> shift) << 1] ?? 0;
    for (let term = 0; term < count; term++)
      seen ^= words[slots[(((hashes[term] ?? 0) >>> shift) << 1) + 1] ?? 0] ?? 0;
    this.fetched = seen;
  }

  /** Makes provisional ids permanent, as many as there are below `limit`; takes back the others. */
  keep(limit = Infinity): void {
    if (this.#total > limit) this.#forget(Math.max(limit, this.#kept));
    this.#kept = this.#total;
  }

  /** Takes back the provisional ids. */
  release(): void {
    if (this.#total > this.#kept) this.#forget(this.#kept);
  }

  /** @throws {RangeError} no such id */
  term(id: number): string {
    const record = this.#records[id];
    if (record === undefined || id >= this.#total) throw new RangeError(`no term with id ${id}`);
    const start = (record + HEADER_WORDS) * 2;
    return unitsToString(this.#units, start, start + (this.#words[record + LENGTH] ?? 0));
  }

  /** The term as a slice of code units, valid during the call. @throws {RangeError} no such id */
  visit(id: number, visitor: TermVisitor): void {
    const record = this.#records[id];
    if (record === undefined || id >= this.#total) throw new RangeError(`no term with id ${id}`);
    const start = (record + HEADER_WORDS) * 2;
    visitor.units(this.#units, start, start + (this.#words[record + LENGTH] ?? 0));
  }

  /** Record of a term; 0 when it has none. */
  #locate(units: Uint16Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (hash >>> this.#shift) << 1;
    for (;;) {
      const record = slots[slot + 1] ?? 0;
      if (record === 0) return 0;
      if (slots[slot] === hash && this.#holds(record, units, start, end)) return record;
      slot = (slot + 2) & mask;
    }
  }

  #holds(record: number, units: Uint16Array, start: number, end: number): boolean {
    if (this.#words[record + LENGTH] !== end - start) return false;
    const own = this.#units;
    let at = (record + HEADER_WORDS) << 1;
    for (let other = start; other < end; other++, at++) if (own[at] !== units[other]) return false;
    return true;
  }

  #insert(units: Uint16Array, start: number, end: number, hash: number): number {
    const id = this.#total;
    this.#reserve(id, end - start);
    const record = this.#end;
    const words = this.#words;
    words[record + ID] = id;
    words[record + MARK] = 0;
    words[record + LENGTH] = end - start;
    const own = this.#units;
    let to = (record + HEADER_WORDS) << 1;
    for (let at = start; at < end; at++, to++) own[to] = units[at] ?? 0;
    this.#end = (to + 1) >> 1;
    this.#records[id] = record;
    this.#provisional[id - this.#kept] = hash;
    this.#total = id + 1;
    place(this.#slots, this.#shift, hash, record);
    return record;
  }

  /** Room for one more term. */
  #reserve(id: number, length: number): void {
    if ((id + 1) * 4 > this.#slots.length) this.#rehash();
    if (id === this.#records.length) this.#records = grown(this.#records, id + 1);
    if (id - this.#kept === this.#provisional.length)
      this.#provisional = grown(this.#provisional, this.#provisional.length + 1);
    const end = this.#end + HEADER_WORDS + ((length + 1) >> 1);
    if (end <= this.#words.length) return;
    this.#words = grown(this.#words, end);
    this.#units = new Uint16Array(this.#words.buffer);
  }

  /** Doubles the slots: permanent terms in the order of their slots, then the provisional ones in the order of their ids. */
  #rehash(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const shift = this.#shift - 1;
    const firstProvisional = this.#total > this.#kept ? this.#records[this.#kept] : this.#end;
    for (let slot = 0; slot < old.length; slot += 2) {
      const record = old[slot + 1] ?? 0;
      if (record !== 0 && record < (firstProvisional ?? 0))
        place(slots, shift, old[slot] ?? 0, record);
    }
    for (let id = this.#kept; id < this.#total; id++)
      place(slots, shift, this.#provisional[id - this.#kept] ?? 0, this.#records[id] ?? 0);
    this.#slots = slots;
    this.#shift = shift;
  }

  /** Removes the ids from `total` down to `first`. */
  #forget(first: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let id = this.#total - 1; id >= first; id--) {
      const record = this.#records[id] ?? 0;
      let slot = ((this.#provisional[id - this.#kept] ?? 0) >>> this.#shift) << 1;
      while (slots[slot + 1] !== record) slot = (slot + 2) & mask;
      slots[slot] = 0;
      slots[slot + 1] = 0;
      this.#end = record;
    }
    this.#total = first;
  }
}

function place(slots: Int32Array, shift: number, hash: number, record: number): void {
  const mask = slots.length - 1;
  let slot = (hash >>> shift) << 1;
  while (slots[slot + 1] !== 0) slot = (slot + 2) & mask;
  slots[slot] = hash;
  slots[slot + 1] = record;
}

function grown(cells: Int32Array, atLeast: number): Int32Array<ArrayBuffer> {
  return lengthened(cells, Math.max(atLeast, cells.length * 2));
}
