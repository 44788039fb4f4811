/**
 * The sums of a pipeline as bytes: copied at one moment, written out in pieces while the pipeline goes on.
 *
 *   for each extractor: its terms, in the order of their ids; or the names of hashed features
 *   for each model: classes with documents and first sight │ rows: which classes, their counts │ calibrators, as JSON
 *
 * A vocabulary only grows, so terms are not copied. Their order is kept, so that a process that restores gives the same ids as the
 * one that wrote, and bounds on the vocabulary (`max-features`) bite at the same term. Hashed features have no terms; of theirs the
 * rows that hold something are written, with the gap to the one before.
 */
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import type { CalibratorState } from '../core/models/calibrator.ts';
import type { CountUnit } from '../core/models/gtnb-delta.ts';
import type { FirstSight, ModelDelta, ModelSums } from '../core/models/model.ts';
import type { Extractor } from '../core/text/features.ts';
import { lengthened } from '../core/typed-arrays.ts';

/** Calibrators of a model by partition. */
export type Calibrators = readonly (readonly [partition: number, state: CalibratorState])[];

/** Sums at one moment. */
export interface SumsCapture {
  readonly extractors: readonly {
    readonly extractor: Pick<Extractor, 'id' | 'isHashed' | 'visit'>;
    /** Of hashed features, oldest first. */
    readonly names: readonly (readonly [id: number, name: string])[];
    /** Ids below it are written. */
    readonly terms: number;
  }[];
  readonly models: readonly {
    readonly name: string;
    readonly kind: string;
    readonly extractor: string;
    readonly unit: CountUnit;
    readonly sums: ModelSums;
    readonly calibrators: Calibrators;
  }[];
}

/** Classes whose presence in a row one number tells. */
const MASK_CLASSES = 28;
/** Items written before the size is looked at. */
const STEP = 256;

/** Pieces of `size` bytes, the last one shorter. Each is made when it is asked for. */
export function* encodeSums(
  { extractors, models }: SumsCapture,
  size: number,
): Generator<Uint8Array, void, undefined> {
  const out = new ByteWriter(2 * size);
  const named = extractors.filter(({ extractor }) => !extractor.isHashed && extractor.id !== '');
  out.varint(named.length);
  for (const { extractor, terms } of named) {
    out.string(extractor.id);
    out.varint(terms);
    for (let id = 0; id < terms;) {
      for (const end = Math.min(terms, id + STEP); id < end; id++) extractor.visit(id, out);
      while (out.length >= size) yield out.take(size);
    }
  }
  const hashed = extractors.filter(({ names }) => names.length > 0);
  out.varint(hashed.length);
  for (const { extractor, names } of hashed) {
    out.string(extractor.id);
    out.varint(names.length);
    for (const [id, name] of names) {
      out.varint(id);
      out.string(name);
      if (out.length >= size) yield out.take(size);
    }
  }
  for (const { name, extractor, unit, sums, calibrators } of models) {
    const { classes, masses } = sums;
    out.string(name);
    out.string(extractor);
    out.byte(unit);
    out.varint(classes.length);
    for (const [index, { label, documents, firstSight }] of classes.entries()) {
      out.string(label);
      out.signed(documents);
      if (unit !== 1) out.signed(masses?.[index] ?? 0);
      out.varint(firstSight === undefined ? 0 : firstSight.partition + 1);
      if (firstSight !== undefined) out.varint(firstSight.offset);
    }
    const from = extractors.find(({ extractor: { id } }) => id === extractor);
    const rows =
      from?.extractor.isHashed === true
        ? hashedRows(out, sums)
        : termRows(out, sums, Math.min((sums.ids.at(-1) ?? -1) + 1, from?.terms ?? 0));
    for (const _ of rows) while (out.length >= size) yield out.take(size);
    out.string(JSON.stringify(calibrators));
  }
  while (out.length > 0) yield out.take(size);
}

/** How many rows, and one for each term in their order; those of terms without counts are empty. Pauses with each step. */
function* termRows(
  out: ByteWriter,
  sums: ModelSums,
  terms: number,
): Generator<void, void, undefined> {
  out.varint(terms);
  let row = 0;
  for (let id = 0; id < terms; id++) {
    if (sums.ids[row] === id) encodeRow(out, sums, row++);
    else encodeEmptyRow(out, sums);
    if (id % STEP === STEP - 1) yield;
  }
  yield;
}

/** Gap to the row before + 1 and the row, for each that holds something; 0 ends them. Pauses with each step. */
function* hashedRows(out: ByteWriter, sums: ModelSums): Generator<void, void, undefined> {
  const { ids } = sums;
  let previous = -1;
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row] ?? 0;
    out.varint(id - previous);
    encodeRow(out, sums, row);
    previous = id;
    if (row % STEP === STEP - 1) yield;
  }
  out.varint(0);
}

function encodeRow(
  out: ByteWriter,
  { cells, stride, base, classes }: ModelSums,
  row: number,
): void {
  if (base === 1) out.varint(cells[row * stride] ?? 0);
  const first = row * stride + base;
  for (let from = 0; from < classes.length; from += MASK_CLASSES) {
    const end = Math.min(classes.length, from + MASK_CLASSES);
    let mask = 0;
    for (let c = from; c < end; c++) if (cells[first + c] !== 0) mask |= 1 << (c - from);
    out.varint(mask);
    for (let c = from; c < end; c++) {
      const count = cells[first + c] ?? 0;
      if (count !== 0) out.signed(count);
    }
  }
}

function encodeEmptyRow(out: ByteWriter, { base, classes }: ModelSums): void {
  if (base === 1) out.varint(0);
  for (let from = 0; from < classes.length; from += MASK_CLASSES) out.varint(0);
}

/**
 * Sums as one delta a model, with ids of this process.
 *
 * @param content all pieces, joined; their checksum has been compared
 * @param extractors those that this process has; features of others are left out with their models
 */
export function decodeSums(
  content: Uint8Array,
  extractors: { find(id: string): Pick<Extractor, 'internUnits' | 'giveName'> | undefined },
): readonly {
  readonly name: string;
  readonly delta: ModelDelta;
  readonly calibrators: Calibrators;
}[] {
  const reader = new ByteReader(content);
  const terms = new Map<string, Int32Array>();
  for (let left = reader.varint(); left > 0; left--) {
    const extractor = reader.string();
    const own = extractors.find(extractor);
    const ids = new Int32Array(reader.varint());
    for (let at = 0; at < ids.length; at++) {
      const length = reader.readUnits();
      ids[at] = own?.internUnits(reader.units, 0, length) ?? 0;
    }
    terms.set(extractor, ids);
  }
  for (let left = reader.varint(); left > 0; left--) {
    const own = extractors.find(reader.string());
    for (let names = reader.varint(); names > 0; names--) {
      const [id, name] = [reader.varint(), reader.string()];
      own?.giveName(id, name);
    }
  }
  const models: { name: string; delta: ModelDelta; calibrators: Calibrators }[] = [];
  while (reader.remaining > 0) {
    const name = reader.string();
    const extractor = reader.string();
    const unit = reader.byte() === 1 ? 1 : 16;
    const ids = terms.get(extractor);
    const isHashed = ids === undefined && extractor !== '';
    const delta = decodeModel(reader, unit, isHashed ? undefined : (ids ?? new Int32Array(0)));
    models.push({ name, delta, calibrators: JSON.parse(reader.string()) });
  }
  return models;
}

/** @param ids of the terms in their order; undefined: hashed features, whose rows tell */
function decodeModel(reader: ByteReader, unit: CountUnit, ids: Int32Array | undefined): ModelDelta {
  const masses: number[] = [];
  const classes = Array.from({ length: reader.varint() }, () => {
    const label = reader.string();
    const documents = reader.signed();
    if (unit !== 1) masses.push(reader.signed());
    return { label, documents, firstSight: decodeSight(reader) };
  });
  const rows = new Rows(classes.length, unit);
  if (ids === undefined) {
    let id = -1;
    for (let gap = reader.varint(); gap > 0; gap = reader.varint()) {
      id += gap;
      rows.read(reader, id);
    }
  } else {
    const length = reader.varint();
    for (let at = 0; at < length; at++) {
      rows.read(reader, ids[at] ?? 0);
      // The vocabulary is full here, and was not where the snapshot was taken.
      if (ids[at] === -1) rows.drop();
    }
  }
  const delta = { classes, ids: rows.ids.slice(0, rows.length), counts: rows.counts };
  return unit === 1
    ? delta
    : { ...delta, masses: Float64Array.from(masses), frequencies: rows.frequencies };
}

/** Rows as they are read; it grows. */
class Rows {
  length = 0;
  ids = new Int32Array(1024);
  counts: Float64Array<ArrayBuffer>;
  frequencies: Float64Array<ArrayBuffer>;
  readonly #classes: number;
  readonly #unit: CountUnit;

  constructor(classes: number, unit: CountUnit) {
    this.#classes = classes;
    this.#unit = unit;
    this.counts = new Float64Array(1024 * classes);
    this.frequencies = new Float64Array(unit === 1 ? 0 : 1024);
  }

  read(reader: ByteReader, id: number): void {
    const row = this.length++;
    if (row === this.ids.length) this.#grow();
    this.ids[row] = id;
    if (this.#unit !== 1) this.frequencies[row] = reader.varint();
    const base = row * this.#classes;
    for (let first = 0; first < this.#classes; first += MASK_CLASSES) {
      const mask = reader.varint();
      for (let bit = 0; mask >>> bit !== 0; bit++)
        if ((mask >>> bit) & 1) this.counts[base + first + bit] = reader.signed();
    }
  }

  /** The last row was never read. */
  drop(): void {
    const end = this.length * this.#classes;
    this.length -= 1;
    this.counts.fill(0, end - this.#classes, end);
  }

  #grow(): void {
    this.ids = lengthened(this.ids, this.ids.length * 2);
    this.counts = lengthened(this.counts, this.counts.length * 2);
    this.frequencies = lengthened(this.frequencies, this.frequencies.length * 2);
  }
}

function decodeSight(reader: ByteReader): FirstSight | undefined {
  const partition = reader.varint();
  return partition === 0 ? undefined : { partition: partition - 1, offset: reader.varint() };
}
