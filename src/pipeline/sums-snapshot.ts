/**
 * The sums of a pipeline as bytes: copied at one moment, written out in pieces while the pipeline goes on.
 *
 *   terms, in the order of their ids │ models: classes with documents and first sight │ for each id: which classes, their counts
 *
 * A vocabulary only grows, so terms are not copied. Their order is kept, so that a process that restores gives the same ids as the
 * one that wrote, and bounds on the vocabulary (`max-features`) bite at the same term.
 */
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import type { FirstSight, ModelDelta, ModelSums } from '../core/models/model.ts';
import type { Extractor } from '../core/text/features.ts';

/** Sums at one moment. */
export interface SumsCapture {
  /** Ids below it are written. */
  readonly terms: number;
  readonly models: readonly {
    readonly name: string;
    readonly kind: string;
    readonly sums: ModelSums;
  }[];
}

/** Classes whose presence in a row one number tells. */
const MASK_CLASSES = 28;
/** Items written before the size is looked at. */
const STEP = 256;

/** Pieces of `size` bytes, the last one shorter. Each is made when it is asked for. */
export function* encodeSums(
  { terms, models }: SumsCapture,
  extractor: Pick<Extractor, 'visit'>,
  size: number,
): Generator<Uint8Array, void, undefined> {
  const out = new ByteWriter(2 * size);
  out.varint(terms);
  for (let id = 0; id < terms;) {
    for (const end = Math.min(terms, id + STEP); id < end; id++) extractor.visit(id, out);
    while (out.length >= size) yield out.take(size);
  }
  for (const { name, sums } of models) {
    const { classes, cells, stride } = sums;
    out.string(name);
    out.varint(classes.length);
    for (const { label, documents, firstSight } of classes) {
      out.string(label);
      out.signed(documents);
      out.varint(firstSight === undefined ? 0 : firstSight.partition + 1);
      if (firstSight !== undefined) out.varint(firstSight.offset);
    }
    const rows = classes.length === 0 ? 0 : Math.min(sums.rows, terms);
    out.varint(rows);
    for (let id = 0; id < rows;) {
      for (const end = Math.min(rows, id + STEP); id < end; id++)
        encodeRow(out, cells, id * stride, classes.length);
      while (out.length >= size) yield out.take(size);
    }
  }
  while (out.length > 0) yield out.take(size);
}

function encodeRow(out: ByteWriter, cells: Float64Array, base: number, classes: number): void {
  for (let first = 0; first < classes; first += MASK_CLASSES) {
    const end = Math.min(classes, first + MASK_CLASSES);
    let mask = 0;
    for (let c = first; c < end; c++) if (cells[base + c] !== 0) mask |= 1 << (c - first);
    out.varint(mask);
    for (let c = first; c < end; c++) {
      const count = cells[base + c] ?? 0;
      if (count !== 0) out.signed(count);
    }
  }
}

/**
 * Sums as one delta a model, with ids of this process.
 *
 * @param content all pieces, joined; their checksum has been compared
 */
export function decodeSums(
  content: Uint8Array,
  extractor: Pick<Extractor, 'internUnits'>,
): readonly { readonly name: string; readonly delta: ModelDelta }[] {
  const reader = new ByteReader(content);
  const ids = new Int32Array(reader.varint());
  for (let at = 0; at < ids.length; at++) {
    const length = reader.readUnits();
    ids[at] = extractor.internUnits(reader.units, 0, length);
  }
  const models: { name: string; delta: ModelDelta }[] = [];
  while (reader.remaining > 0)
    models.push({ name: reader.string(), delta: decodeModel(reader, ids) });
  return models;
}

function decodeModel(reader: ByteReader, ids: Int32Array): ModelDelta {
  const classes = Array.from({ length: reader.varint() }, () => ({
    label: reader.string(),
    documents: reader.signed(),
    firstSight: decodeSight(reader),
  }));
  const rows = reader.varint();
  const counts = new Float64Array(rows * classes.length);
  for (let row = 0, base = 0; row < rows; row++, base += classes.length) {
    for (let first = 0; first < classes.length; first += MASK_CLASSES) {
      const mask = reader.varint();
      for (let bit = 0; mask >>> bit !== 0; bit++)
        if ((mask >>> bit) & 1) counts[base + first + bit] = reader.signed();
    }
  }
  return { classes, ids: ids.subarray(0, rows), counts };
}

function decodeSight(reader: ByteReader): FirstSight | undefined {
  const partition = reader.varint();
  return partition === 0 ? undefined : { partition: partition - 1, offset: reader.varint() };
}
