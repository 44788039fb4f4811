/** Deltas to bytes; the format is told in `delta.ts`. */
import { crc32 } from 'node:zlib';
import { ByteWriter } from '../core/codec/bytes.ts';
import type { CalibratorState } from '../core/models/calibrator.ts';
import { WHOLE } from '../core/models/label-weight.ts';
import type { Extractor, KeptFeatures } from '../core/text/features.ts';
import {
  DELTA_MAGIC,
  extractorsOf,
  type ChunkEvent,
  type Delta,
  type DeltaModel,
  type TaughtModel,
} from './delta.ts';
import type { Promotion } from './promotion.ts';

/** Hashed ids below it take three bytes. */
const THREE_BYTES = 2 ** 24;

/** Features of a process by the identity of their extractor. */
export interface FeatureNames {
  /** @throws {RangeError} there is none */
  of(extractor: string): Pick<Extractor, 'visit' | 'isHashed' | 'types' | 'size'>;
}

/** Writes deltas; reuses its buffers. One per process is enough: it keeps nothing between calls. */
export class DeltaEncoder {
  readonly #body = new ByteWriter();
  readonly #out = new ByteWriter();
  readonly #labels = new LabelTable();
  /** By extractor of the delta in hand. */
  readonly #tables: FeatureTable[] = [];

  encode(delta: Delta, names: FeatureNames): Uint8Array {
    const body = this.#body;
    const labels = this.#labels;
    body.reset();
    labels.reset();
    const extractors = extractorsOf(delta.models);
    const tables = extractors.map((_, index) => (this.#tables[index] ??= new FeatureTable()));
    for (const [index, id] of extractors.entries()) tables[index]?.reset(names.of(id).types);
    this.#events(delta.events, delta.models, tables);
    const eventsLength = body.length;
    for (const model of delta.models)
      this.#counts(model, tables[extractors.indexOf(model.extractor)]);
    const out = this.#out;
    out.reset();
    out.byte(DELTA_MAGIC.first);
    out.byte(DELTA_MAGIC.second);
    out.byte(DELTA_MAGIC.version);
    out.string(delta.pipeline);
    for (const value of [delta.partition, delta.epoch, delta.from, delta.to]) out.varint(value);
    out.varint(delta.seen.length);
    for (const position of delta.seen) out.varint(position === undefined ? 0 : position + 1);
    out.varint(labels.list.length);
    for (const label of labels.list) out.string(label);
    out.varint(extractors.length);
    for (const [index, id] of extractors.entries())
      encodeFeatures(out, id, names.of(id), tables[index]?.ids ?? NO_IDS);
    out.varint(delta.names.length);
    for (const { extractor, id, name } of delta.names) {
      out.varint(extractor);
      out.varint(id);
      out.string(name);
    }
    out.varint(delta.models.length);
    for (const { name, kind, extractor, unit } of delta.models) {
      out.string(name);
      out.string(kind);
      out.varint(extractors.indexOf(extractor) + 1);
      out.byte(unit);
    }
    out.varint(body.length - eventsLength);
    out.bytes(body.view(eventsLength));
    out.varint(eventsLength);
    out.bytes(body.view().subarray(0, eventsLength));
    if (delta.promotion !== undefined) encodePromotion(out, delta.promotion);
    out.uint32(crc32(out.view()));
    return out.toBytes();
  }

  #counts({ delta, unit, calibrator }: TaughtModel, table: FeatureTable | undefined): void {
    const out = this.#body;
    const { classes, ids, counts, masses, frequencies, forgotten = 0 } = delta;
    out.varint(classes.length);
    for (const [index, { label, documents, firstSight }] of classes.entries()) {
      out.varint(this.#labels.index(label));
      out.signed(documents);
      if (unit !== 1) out.signed(masses?.[index] ?? 0);
      out.varint(firstSight === undefined ? 0 : firstSight.offset + 1);
    }
    out.varint(ids.length);
    let at = 0;
    for (let row = 0; row < ids.length; row++) {
      out.varint(table?.index(ids[row] ?? 0) ?? 0);
      if (unit !== 1) out.signed(frequencies?.[row] ?? 0);
      for (let c = 0; c < classes.length; c++) out.signed(counts[at++] ?? 0);
    }
    out.byte((calibrator === undefined ? 0 : 1) | (forgotten === 0 ? 0 : 2));
    if (forgotten !== 0) out.varint(forgotten);
    if (calibrator !== undefined) this.#calibrator(calibrator);
  }

  #calibrator({ weights, squares, bias, labels, merged }: CalibratorState): void {
    const out = this.#body;
    out.varint(weights.length);
    for (const weight of weights) out.double(weight);
    for (const square of squares) out.double(square);
    out.varint(bias.length);
    for (const [label, value] of bias) {
      out.varint(this.#labels.index(label));
      out.double(value);
    }
    out.varint(labels);
    out.varint(merged.length);
    for (const [partition, count] of merged) {
      out.varint(partition);
      out.varint(count);
    }
  }

  #events(
    events: readonly ChunkEvent[],
    models: readonly DeltaModel[],
    tables: readonly FeatureTable[],
  ): void {
    const out = this.#body;
    out.varint(events.length);
    let offset = 0;
    let timestamp = 0;
    let classes: readonly string[] = [];
    for (const entry of events) {
      const { event } = entry;
      const addressed = entry.kind === 'text' ? entry.answers.length : entry.models.length;
      const all = addressed === models.length;
      out.byte(
        (entry.kind === 'text' ? 0 : 1) |
          (event.label === undefined || event.label === null ? 0 : 2) |
          (all ? 4 : 0) |
          (event.tsMs === undefined ? 0 : 8) |
          (event.weight === WHOLE ? 0 : 16),
      );
      out.varint(event.offset - offset);
      out.signed(event.timestamp - timestamp);
      offset = event.offset;
      timestamp = event.timestamp;
      out.string(event.id);
      if (event.label !== undefined && event.label !== null) {
        out.varint(this.#labels.index(event.label));
      }
      if (event.tsMs !== undefined) out.double(event.tsMs);
      if (event.weight !== WHOLE) out.varint(event.weight);
      if (!all) out.varint(addressed);
      if (entry.kind === 'label') {
        for (const { model, added } of entry.models) {
          if (!all) out.varint(model);
          if (models[model]?.unit !== 1) out.varint(added);
        }
        continue;
      }
      for (const { model, answer, unknown, added } of entry.answers) {
        if (!all) out.varint(model);
        out.varint(unknown);
        if (models[model]?.unit !== 1) out.varint(added);
        // The list of known classes hardly ever changes: a marker says «as before».
        const same = answer.classes === classes;
        out.varint((answer.best + 1) * 2 + (same ? 1 : 0));
        if (!same) {
          classes = answer.classes;
          out.varint(classes.length);
          for (const label of classes) out.varint(this.#labels.index(label));
        }
        for (let c = 0; c < answer.classes.length; c++) out.double(answer.probabilities[c] ?? 0);
      }
      for (let index = 0; index < tables.length; index++) {
        const features = entry.features[index];
        if (features !== undefined) this.#features(features, tables[index]);
      }
    }
  }

  #features({ ids, values, ends }: KeptFeatures, table: FeatureTable | undefined): void {
    if (table === undefined) return;
    const out = this.#body;
    if (ends !== undefined) {
      for (let type = 0, start = 0; type < table.types; type++) {
        const end = ends[type] ?? start;
        out.varint(end - start);
        start = end;
      }
      for (let i = 0; i < ids.length; i++) out.varint(table.index(ids[i] ?? 0));
      return;
    }
    out.varint(ids.length);
    for (let i = 0; i < ids.length; i++) {
      const value = values === undefined ? 1 : (values[i] ?? 1);
      const ref = table.index(ids[i] ?? 0) * 2;
      if (value === 1) out.varint(ref);
      else {
        out.varint(ref + 1);
        out.varint(value);
      }
    }
  }
}

/** Names are not empty. */
function encodePromotion(out: ByteWriter, { id, at, champion, previous }: Promotion): void {
  out.string(id ?? '');
  out.varint(at + 1);
  out.string(champion);
  out.string(previous ?? '');
}

const NO_IDS = new Int32Array(0);

/** Features of an extractor: by id where ids are hashes, else by name. */
function encodeFeatures(
  out: ByteWriter,
  id: string,
  names: ReturnType<FeatureNames['of']>,
  ids: Int32Array,
): void {
  const width = names.isHashed ? (names.size <= THREE_BYTES ? 3 : 4) : 0;
  out.string(id);
  out.byte(names.types);
  out.byte(width);
  out.varint(ids.length);
  for (const feature of ids) {
    if (width === 0) names.visit(feature, out);
    else for (let shift = 0; shift < 8 * width; shift += 8) out.byte((feature >>> shift) & 0xff);
  }
}

/** Numbers for the labels of one delta, in the order of their first use. */
class LabelTable {
  readonly list: string[] = [];
  readonly #index = new Map<string, number>();

  reset(): void {
    this.list.length = 0;
    this.#index.clear();
  }

  index(label: string): number {
    let index = this.#index.get(label);
    if (index === undefined) {
      index = this.list.push(label) - 1;
      this.#index.set(label, index);
    }
    return index;
  }
}

/**
 * Numbers for the feature ids of one extractor and delta, in the order of their first use: an open hash table that stays in the caches,
 * where one by id would be as large as the model.
 */
class FeatureTable {
  /** Types of features that are written; 0: they have none. */
  types = 0;
  #ids = new Int32Array(1024);
  #count = 0;
  /** Number of an id + 1; 0: free. A power of two, at least twice the ids. */
  #slots = new Int32Array(2048);

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  reset(types: number): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.types = types;
  }

  index(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = Math.imul(id, 0x9e3779b1) & mask;
    for (;;) {
      const number = (slots[slot] ?? 0) - 1;
      if (number === -1) break;
      if (this.#ids[number] === id) return number;
      slot = (slot + 1) & mask;
    }
    if (this.#count === this.#ids.length) {
      this.#grow();
      return this.index(id);
    }
    this.#ids[this.#count] = id;
    slots[slot] = ++this.#count;
    return this.#count - 1;
  }

  #grow(): void {
    const known = this.#ids;
    this.#ids = new Int32Array(known.length * 2);
    this.#slots = new Int32Array(known.length * 4);
    this.#count = 0;
    for (const id of known) this.index(id);
  }
}
