/**
 * The carry of a partition as bytes: captured at one moment, written out in pieces while the fold goes on, and read back in steps.
 *
 *   JSON: classes, and for each model its counters, figures, detectors │ for each model: pending │ waiting │ labelled │ gone
 *
 * Terms, labels and lists of classes are numbered as they first come: a number not given yet is a new one, which follows. Answers
 * of baselines are the same object for texts that came between two labels, and stay it.
 */
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import type { BaselineAnswer, ScoredAnswer } from '../core/metrics/scorer.ts';
import type { Extractor, KeptFeatures } from '../core/text/features.ts';
import type { CarryCapture, LabelledText, PendingText, WaitingLabel } from './carry.ts';
import type { FoldCapture } from './fold.ts';

type Head = Omit<CarryCapture, 'pending' | 'waiting' | 'labelled' | 'gone'>;

interface Heads {
  readonly appended: readonly string[];
  readonly carries: readonly { readonly model: string; readonly head: Head }[];
}

/** Entries read between two turns of the event loop: a few ms. */
const STEP = 1000;

/** Pieces of `size` bytes, the last one shorter. Each is made when it is asked for. */
export function* encodeCarry(
  { appended, carries }: FoldCapture,
  extractor: Pick<Extractor, 'visit'>,
  size: number,
): Generator<Uint8Array, void, undefined> {
  const out = new ByteWriter(2 * size);
  const heads: Heads = {
    appended,
    carries: carries.map(({ model, carry }) => {
      const { counters, scorer, drift, thresholds } = carry;
      return { model, head: { counters, scorer, drift, thresholds } };
    }),
  };
  out.string(JSON.stringify(heads));
  const encoder = new CarryEncoder(out, extractor);
  for (const { carry } of carries)
    for (const _ of encoder.carry(carry)) while (out.length >= size) yield out.take(size);
  while (out.length > 0) yield out.take(size);
}

class CarryEncoder {
  readonly #out: ByteWriter;
  readonly #extractor: Pick<Extractor, 'visit'>;
  /** By feature id: its number + 1; 0: none yet. */
  #terms = new Int32Array(4096);
  #termCount = 0;
  readonly #labels = new Map<string, number>();
  /** By the list and, since equal lists need not be one object, by its text. */
  readonly #lists = new Map<readonly string[] | string, number>();
  #listCount = 0;
  #baseline: BaselineAnswer | undefined;

  constructor(out: ByteWriter, extractor: Pick<Extractor, 'visit'>) {
    this.#out = out;
    this.#extractor = extractor;
  }

  /** Stops after each entry, so that the caller may take what was written. */
  *carry({ pending, waiting, labelled, gone }: CarryCapture): Generator<void, void, undefined> {
    const out = this.#out;
    out.varint(pending.length);
    for (const [id, text] of pending) {
      out.string(id);
      yield this.#pending(text);
    }
    out.varint(waiting.length);
    for (const [id, { label, clock }] of waiting) {
      out.string(id);
      this.#label(label);
      yield out.varint(clock);
    }
    out.varint(labelled.length);
    for (const [id, { offset, label, features }] of labelled) {
      out.string(id);
      out.varint(offset);
      out.byte(label === null ? 0 : 1);
      if (label !== null) this.#label(label);
      yield this.#features(features);
    }
    out.varint(gone.length);
    for (const id of gone) yield out.string(id);
  }

  #pending({ offset, ordinal, clock, tsMs, features, answer, baseline }: PendingText): void {
    const out = this.#out;
    out.varint(offset);
    out.varint(ordinal);
    out.varint(clock);
    out.byte(tsMs === undefined ? 0 : 1);
    if (tsMs !== undefined) out.double(tsMs);
    this.#features(features);
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

  #newTerm(id: number): void {
    if (id >= this.#terms.length) {
      const grown = new Int32Array(Math.max(id + 1, this.#terms.length * 2));
      grown.set(this.#terms);
      this.#terms = grown;
    }
    this.#terms[id] = ++this.#termCount;
    this.#extractor.visit(id, this.#out);
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

  #features({ ids, values }: KeptFeatures): void {
    const out = this.#out;
    // A feature that a full vocabulary had no room for has no name.
    out.varint(ids.includes(-1) ? ids.filter((id) => id !== -1).length : ids.length);
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? -1;
      if (id === -1) continue;
      const value = values?.[at] ?? 1;
      const known = this.#terms[id] ?? 0;
      out.varint(2 * (known === 0 ? this.#termCount : known - 1) + (value === 1 ? 0 : 1));
      if (known === 0) this.#newTerm(id);
      if (value !== 1) out.varint(value);
    }
  }
}

/**
 * A carry with ids of this process; pauses with each step.
 *
 * @param content all pieces, joined; their checksum has been compared
 */
export function* decodeCarry(
  content: Uint8Array,
  extractor: Pick<Extractor, 'internUnits'>,
): Generator<void, FoldCapture, undefined> {
  const reader = new ByteReader(content);
  const { appended, carries }: Heads = JSON.parse(reader.string());
  const decoder = new CarryDecoder(reader, extractor);
  const decoded: { model: string; carry: CarryCapture }[] = [];
  for (const { model, head } of carries) {
    const pending = yield* decoder.list(() => decoder.pending());
    const waiting = yield* decoder.list(() => decoder.waiting());
    const labelled = yield* decoder.list(() => decoder.labelled());
    const gone = yield* decoder.list(() => reader.string());
    decoded.push({ model, carry: { ...head, pending, waiting, labelled, gone } });
  }
  return { appended, carries: decoded };
}

class CarryDecoder {
  readonly #reader: ByteReader;
  readonly #extractor: Pick<Extractor, 'internUnits'>;
  readonly #terms: number[] = [];
  readonly #labels: string[] = [];
  readonly #lists: (readonly string[])[] = [];
  #baseline: BaselineAnswer = { counts: [], total: 0, majority: 0, previous: -1 };

  constructor(reader: ByteReader, extractor: Pick<Extractor, 'internUnits'>) {
    this.#reader = reader;
    this.#extractor = extractor;
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

  waiting(): readonly [string, WaitingLabel] {
    return [this.#reader.string(), { label: this.#label(), clock: this.#reader.varint() }];
  }

  labelled(): readonly [string, LabelledText] {
    const reader = this.#reader;
    const id = reader.string();
    const offset = reader.varint();
    const label = reader.byte() === 0 ? null : this.#label();
    return [id, { offset, label, features: this.#features() }];
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
    const length = reader.varint();
    const ids = new Array<number>(length);
    let values: number[] | undefined;
    for (let at = 0; at < length; at++) {
      const head = reader.varint();
      const index = Math.floor(head / 2);
      if (index === this.#terms.length) {
        const units = reader.readUnits();
        this.#terms.push(this.#extractor.internUnits(reader.units, 0, units));
      }
      ids[at] = this.#terms[index] ?? 0;
      if (head % 2 === 1) {
        values ??= new Array<number>(length).fill(1);
        values[at] = reader.varint();
      }
    }
    return { ids, values };
  }
}
