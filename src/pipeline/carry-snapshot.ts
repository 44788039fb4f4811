/**
 * The carry of a partition as bytes: captured at one moment, written out in pieces while the fold goes on, and read back in steps.
 *
 *   JSON: who is champion, classes, and for each model its counters, figures, detectors │ for each model: pending │ waiting │ labelled │ gone
 *
 * Terms, labels and lists of classes are numbered as they first come: a number not given yet is a new one, which follows. Hashed
 * features are numbers. Where a label has a weight of its own, all of that carry are followed by theirs. Answers of baselines are the same object for texts that came between two labels, and stay it.
 */
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import { WHOLE } from '../core/models/label-weight.ts';
import type { BaselineAnswer, ScoredAnswer } from '../core/metrics/scorer.ts';
import { TYPES, type Extractor, type KeptFeatures } from '../core/text/features.ts';
import { ValenceError } from '../errors.ts';
import type { CarryCapture, LabelledText, PendingText, WaitingLabel } from './carry.ts';
import type { FoldCapture } from './fold.ts';

type Head = Omit<CarryCapture, 'pending' | 'waiting' | 'labelled' | 'gone'>;

interface Heads {
  readonly seat?: FoldCapture['seat'];
  readonly appended: readonly string[];
  readonly carries: readonly {
    readonly model: string;
    /** Identity of its features. */
    readonly extractor: string;
    readonly head: Head;
    /** Its labels have weights; absent: each counts one. */
    readonly weighted?: true;
  }[];
}

/** Entries read between two turns of the event loop: a few ms. */
const STEP = 1000;

/** Pieces of `size` bytes, the last one shorter. Each is made when it is asked for. */
export function* encodeCarry(
  { seat, appended, carries }: FoldCapture,
  extractors: { of(id: string): Pick<Extractor, 'id' | 'visit' | 'isHashed' | 'types'> },
  size: number,
): Generator<Uint8Array, void, undefined> {
  const out = new ByteWriter(2 * size);
  const heads: Heads = {
    seat,
    appended,
    carries: carries.map(({ model, extractor, carry }) => {
      const { pending: _p, waiting: _w, labelled: _l, gone: _g, ...head } = carry;
      return { model, extractor, head, ...(hasWeights(carry) ? { weighted: true } : {}) };
    }),
  };
  out.string(JSON.stringify(heads));
  const encoder = new CarryEncoder(out);
  for (const { extractor, carry } of carries)
    for (const _ of encoder.carry(carry, extractors.of(extractor)))
      while (out.length >= size) yield out.take(size);
  while (out.length > 0) yield out.take(size);
}

function hasWeights({ waiting, labelled }: CarryCapture): boolean {
  return (
    waiting.some(([, { weight }]) => weight !== WHOLE) ||
    labelled.some(([, { label, weight }]) => label !== null && weight !== WHOLE)
  );
}

/** Numbers of the terms of an extractor. */
class TermNumbers {
  readonly extractor: Pick<Extractor, 'visit' | 'isHashed' | 'types'>;
  count = 0;
  /** By feature id: its number + 1; 0: none yet. */
  #numbers = new Int32Array(4096);

  constructor(extractor: Pick<Extractor, 'visit' | 'isHashed' | 'types'>) {
    this.extractor = extractor;
  }

  /** -1: none yet. */
  of(id: number): number {
    return (this.#numbers[id] ?? 0) - 1;
  }

  add(id: number): void {
    if (id >= this.#numbers.length) {
      const grown = new Int32Array(Math.max(id + 1, this.#numbers.length * 2));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[id] = ++this.count;
  }
}

class CarryEncoder {
  readonly #out: ByteWriter;
  readonly #terms = new Map<string, TermNumbers>();
  readonly #labels = new Map<string, number>();
  /** By the list and, since equal lists need not be one object, by its text. */
  readonly #lists = new Map<readonly string[] | string, number>();
  #listCount = 0;
  #baseline: BaselineAnswer | undefined;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  /** Stops after each entry, so that the caller may take what was written. */
  *carry(
    carry: CarryCapture,
    extractor: Pick<Extractor, 'id' | 'visit' | 'isHashed' | 'types'>,
  ): Generator<void, void, undefined> {
    const { pending, waiting, labelled, gone } = carry;
    const out = this.#out;
    const terms = this.#terms.get(extractor.id) ?? new TermNumbers(extractor);
    this.#terms.set(extractor.id, terms);
    out.varint(pending.length);
    for (const [id, text] of pending) {
      out.string(id);
      yield this.#pending(text, terms);
    }
    const isWeighted = hasWeights(carry);
    out.varint(waiting.length);
    for (const [id, { label, weight, clock }] of waiting) {
      out.string(id);
      this.#label(label);
      if (isWeighted) out.varint(weight);
      yield out.varint(clock);
    }
    out.varint(labelled.length);
    for (const [id, { offset, label, weight, addition, features }] of labelled) {
      out.string(id);
      out.varint(offset);
      out.byte(label === null ? 0 : 1);
      if (label !== null) this.#label(label);
      if (isWeighted && label !== null) out.varint(weight);
      out.varint(addition?.amount ?? 0);
      if (addition !== undefined) out.varint(addition.mass);
      yield this.#features(features, terms);
    }
    out.varint(gone.length);
    for (const id of gone) yield out.string(id);
  }

  #pending(
    { offset, ordinal, clock, tsMs, features, answer, baseline }: PendingText,
    terms: TermNumbers,
  ): void {
    const out = this.#out;
    out.varint(offset);
    out.varint(ordinal);
    out.varint(clock);
    out.byte(tsMs === undefined ? 0 : 1);
    if (tsMs !== undefined) out.double(tsMs);
    this.#features(features, terms);
    this.#answer(answer);
    if (baseline === this.#baseline) {
      out.byte(0);
      return;
    }
    this.#baseline = baseline;
    out.byte(1);
    const { counts, total, majority, previous } = baseline;
    out.varint(counts.length);
    for (const count of counts) out.signed(count);
    for (const value of [total, majority, previous]) out.signed(value);
  }

  #answer({ classes, probabilities, best }: ScoredAnswer): void {
    const out = this.#out;
    this.#list(classes);
    for (let c = 0; c < classes.length; c++) out.double(probabilities[c] ?? 0);
    out.varint(best + 1);
  }

  #list(classes: readonly string[]): void {
    const text = this.#lists.has(classes) ? '' : JSON.stringify(classes);
    const known = this.#lists.get(classes) ?? this.#lists.get(text);
    const index = known ?? this.#listCount++;
    this.#out.varint(index);
    if (text !== '') {
      this.#lists.set(classes, index);
      this.#lists.set(text, index);
    }
    if (known !== undefined) return;
    this.#out.varint(classes.length);
    for (const label of classes) this.#label(label);
  }

  #label(label: string): void {
    const known = this.#labels.get(label);
    this.#out.varint(known ?? this.#labels.size);
    if (known !== undefined) return;
    this.#labels.set(label, this.#labels.size);
    this.#out.string(label);
  }

  #features(features: KeptFeatures, terms: TermNumbers): void {
    const { ids, values } = features;
    const out = this.#out;
    if (terms.extractor.isHashed) {
      this.#hashed(features, terms.extractor.types);
      return;
    }
    // A feature that a full vocabulary had no room for has no name.
    out.varint(ids.includes(-1) ? ids.filter((id) => id !== -1).length : ids.length);
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? -1;
      if (id === -1) continue;
      const value = values?.[at] ?? 1;
      const known = terms.of(id);
      out.varint(2 * (known === -1 ? terms.count : known) + (value === 1 ? 0 : 1));
      if (known === -1) {
        terms.add(id);
        terms.extractor.visit(id, out);
      }
      if (value !== 1) out.varint(value);
    }
  }

  #hashed({ ids, ends = [] }: KeptFeatures, types: number): void {
    const out = this.#out;
    for (let type = 0; type < types; type++) out.varint(ends[type] ?? 0);
    for (const id of ids) out.varint(id);
  }
}

/**
 * A carry with ids of this process; pauses with each step.
 *
 * @param content all pieces, joined; their checksum has been compared
 * @throws SNAPSHOT_CORRUPT it has features that no model counts which is known here
 */
export function* decodeCarry(
  content: Uint8Array,
  extractors: {
    find(id: string): Pick<Extractor, 'internUnits' | 'isHashed' | 'types'> | undefined;
  },
): Generator<void, FoldCapture, undefined> {
  const reader = new ByteReader(content);
  const { seat, appended, carries }: Heads = JSON.parse(reader.string());
  const decoder = new CarryDecoder(reader);
  const decoded: { model: string; extractor: string; carry: CarryCapture }[] = [];
  for (const { model, extractor, head, weighted = false } of carries) {
    const own = extractors.find(extractor);
    if (own === undefined)
      throw new ValenceError(
        'SNAPSHOT_CORRUPT',
        `the carry of model '${model}' has features of ${extractor || 'labels'}, which no model that is known here counts; make the model again from the source topic with 'valence model rebuild'`,
        { model },
      );
    decoder.begin(extractor, own);
    const pending = yield* decoder.list(() => decoder.pending());
    const waiting = yield* decoder.list(() => decoder.waiting(weighted));
    const labelled = yield* decoder.list(() => decoder.labelled(weighted));
    const gone = yield* decoder.list(() => reader.string());
    decoded.push({ model, extractor, carry: { ...head, pending, waiting, labelled, gone } });
  }
  return { seat, appended, carries: decoded };
}

class CarryDecoder {
  readonly #reader: ByteReader;
  /** By extractor: ids by number. */
  readonly #known = new Map<string, number[]>();
  #terms: number[] = [];
  #extractor: Pick<Extractor, 'internUnits' | 'isHashed' | 'types'> | undefined;
  readonly #labels: string[] = [];
  readonly #lists: (readonly string[])[] = [];
  #baseline: BaselineAnswer = { counts: [], total: 0, majority: 0, previous: -1 };

  constructor(reader: ByteReader) {
    this.#reader = reader;
  }

  /** The next carry has features of this extractor. */
  begin(id: string, extractor: Pick<Extractor, 'internUnits' | 'isHashed' | 'types'>): void {
    this.#extractor = extractor;
    this.#terms = this.#known.get(id) ?? [];
    this.#known.set(id, this.#terms);
  }

  *list<T>(read: () => T): Generator<void, T[], undefined> {
    const length = this.#reader.varint();
    const entries: T[] = [];
    while (entries.length < length) {
      entries.push(read());
      if (entries.length % STEP === 0) yield;
    }
    return entries;
  }

  pending(): readonly [string, PendingText] {
    const reader = this.#reader;
    const id = reader.string();
    const [offset, ordinal, clock] = [reader.varint(), reader.varint(), reader.varint()];
    const tsMs = reader.byte() === 0 ? undefined : reader.double();
    const features = this.#features();
    const answer = this.#answer();
    const baseline = this.#nextBaseline();
    return [id, { offset, ordinal, clock, tsMs, features, answer, baseline }];
  }

  waiting(isWeighted: boolean): readonly [string, WaitingLabel] {
    const reader = this.#reader;
    const id = reader.string();
    const label = this.#label();
    const weight = isWeighted ? reader.varint() : WHOLE;
    return [id, { label, weight, clock: reader.varint() }];
  }

  labelled(isWeighted: boolean): readonly [string, LabelledText] {
    const reader = this.#reader;
    const id = reader.string();
    const offset = reader.varint();
    const label = reader.byte() === 0 ? null : this.#label();
    const weight = label === null ? 0 : isWeighted ? reader.varint() : WHOLE;
    const amount = reader.varint();
    const addition = amount === 0 ? undefined : { amount, mass: reader.varint() };
    return [id, { offset, label, weight, addition, features: this.#features() }];
  }

  #nextBaseline(): BaselineAnswer {
    const reader = this.#reader;
    if (reader.byte() === 0) return this.#baseline;
    const counts = Array.from({ length: reader.varint() }, () => reader.signed());
    const [total, majority, previous] = [reader.signed(), reader.signed(), reader.signed()];
    return (this.#baseline = { counts, total, majority, previous });
  }

  #answer(): ScoredAnswer {
    const reader = this.#reader;
    const index = reader.varint();
    if (index === this.#lists.length)
      this.#lists.push(Array.from({ length: reader.varint() }, () => this.#label()));
    const classes = this.#lists[index] ?? [];
    const probabilities = classes.map(() => reader.double());
    return { classes, probabilities, best: reader.varint() - 1 };
  }

  #label(): string {
    const index = this.#reader.varint();
    if (index === this.#labels.length) this.#labels.push(this.#reader.string());
    return this.#labels[index] ?? '';
  }

  #features(): KeptFeatures {
    const reader = this.#reader;
    const extractor = this.#extractor;
    if (extractor?.isHashed === true) return this.#hashed(extractor.types);
    const length = reader.varint();
    const ids = new Array<number>(length);
    let values: number[] | undefined;
    let kept = 0;
    for (let at = 0; at < length; at++) {
      const head = reader.varint();
      const index = Math.floor(head / 2);
      if (index === this.#terms.length) {
        const units = reader.readUnits();
        this.#terms.push(extractor?.internUnits(reader.units, 0, units) ?? -1);
      }
      const value = head % 2 === 1 ? reader.varint() : 1;
      const id = this.#terms[index] ?? -1;
      // The vocabulary is full here, and was not where the text was read.
      if (id === -1) continue;
      if (value !== 1) values ??= new Array<number>(length).fill(1);
      if (values !== undefined) values[kept] = value;
      ids[kept++] = id;
    }
    ids.length = kept;
    if (values !== undefined) values.length = kept;
    return { ids, values, ends: undefined };
  }

  #hashed(types: number): KeptFeatures {
    const reader = this.#reader;
    const ends: number[] = [];
    for (let type = 0; type < types; type++) ends.push(reader.varint());
    const length = ends.at(-1) ?? 0;
    while (ends.length < TYPES) ends.push(length);
    return { ids: Array.from({ length }, () => reader.varint()), values: undefined, ends };
  }
}
