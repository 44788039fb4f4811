/**
 * Deltas: what one transaction taught, as bytes of the model topic. One record a transaction and partition.
 *
 *   "VD" version │ pipeline partition epoch [from, to) seen │ labels │ terms │ models: counts │ events: carry │ CRC-32
 *
 * Terms and labels stand in the delta by name: ids are of one process only. `counts` are sums, for everyone who follows;
 * `events` rebuild the partition's carry, for whoever owns it next, and are decoded only then.
 *
 * Invariants
 * - `from` is the position before the chunk, never the first record's offset: offsets skip, deltas are contiguous;
 * - a delta is applied only where `from` equals the follower's position; a covered one is skipped; a gap stops.
 */
import { ByteReader, ByteWriter, crc32, damaged } from '../core/codec/bytes.ts';
import type { ModelDelta } from '../core/models/model.ts';
import type { Extractor, KeptFeatures } from '../core/text/features.ts';
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import { ValenceError } from '../errors.ts';
import type { LabelEvent, TextEvent } from './carry.ts';

const MAGIC_V = 0x56;
const MAGIC_D = 0x44;
const VERSION = 1;

/** A record of the chunk, for the carries of the models it was addressed to. */
export type ChunkEvent =
  | {
      readonly kind: 'text';
      /** By index of the addressed model, ascending. */
      readonly answers: readonly { readonly model: number; readonly answer: ScoredAnswer }[];
      readonly event: TextEvent;
    }
  | {
      readonly kind: 'label';
      readonly models: readonly number[];
      readonly event: LabelEvent;
    };

export interface DeltaHeader {
  readonly pipeline: string;
  readonly partition: number;
  readonly epoch: number;
  /** Source offsets [from, to). */
  readonly from: number;
  readonly to: number;
  /** By partition: the position of the others that the chunk predicted with; undefined: nothing folded yet. */
  readonly seen: readonly (number | undefined)[];
}

export interface DeltaModel {
  readonly name: string;
  readonly kind: string;
  readonly extractor: string;
}

export interface Delta extends DeltaHeader {
  readonly models: readonly (DeltaModel & { readonly delta: ModelDelta })[];
  readonly events: readonly ChunkEvent[];
}

/** Terms for the ids of a process. */
export type TermNames = Pick<Extractor, 'visit'>;

/** Ids of a process for terms. */
export type TermIds = Pick<Extractor, 'intern'>;

/** Writes deltas; reuses its buffers. One per process is enough: it keeps nothing between calls. */
export class DeltaEncoder {
  readonly #body = new ByteWriter();
  readonly #out = new ByteWriter();
  readonly #names = new NameTable();

  encode(delta: Delta, terms: TermNames): Uint8Array {
    const body = this.#body;
    const names = this.#names;
    body.reset();
    names.reset();
    this.#events(delta.events, delta.models.length);
    const eventsLength = body.length;
    for (const model of delta.models) this.#counts(model);
    const out = this.#out;
    out.reset();
    out.byte(MAGIC_V);
    out.byte(MAGIC_D);
    out.byte(VERSION);
    out.string(delta.pipeline);
    for (const value of [delta.partition, delta.epoch, delta.from, delta.to]) out.varint(value);
    out.varint(delta.seen.length);
    for (const position of delta.seen) out.varint(position === undefined ? 0 : position + 1);
    out.varint(names.labels.length);
    for (const label of names.labels) out.string(label);
    out.varint(names.ids.length);
    for (const id of names.ids) terms.visit(id, out);
    out.varint(delta.models.length);
    out.varint(body.length - eventsLength);
    out.bytes(body.view(eventsLength));
    out.varint(eventsLength);
    out.bytes(body.view().subarray(0, eventsLength));
    out.uint32(crc32(out.view()));
    return out.toBytes();
  }

  #counts(model: Delta['models'][number]): void {
    const out = this.#body;
    const { classes, ids, counts } = model.delta;
    out.string(model.name);
    out.string(model.kind);
    out.string(model.extractor);
    out.varint(classes.length);
    for (const { label, documents, firstSight } of classes) {
      out.varint(this.#names.label(label));
      out.signed(documents);
      out.varint(firstSight === undefined ? 0 : firstSight.offset + 1);
    }
    out.varint(ids.length);
    let at = 0;
    for (let i = 0; i < ids.length; i++) {
      out.varint(this.#names.id(ids[i] ?? 0));
      for (let c = 0; c < classes.length; c++) out.signed(counts[at++] ?? 0);
    }
  }

  #events(events: readonly ChunkEvent[], models: number): void {
    const out = this.#body;
    out.varint(events.length);
    let offset = 0;
    let timestamp = 0;
    let classes: readonly string[] = [];
    for (const entry of events) {
      const { event } = entry;
      const addressed = entry.kind === 'text' ? entry.answers.length : entry.models.length;
      const all = addressed === models;
      out.byte(
        (entry.kind === 'text' ? 0 : 1) |
          (event.label === undefined || event.label === null ? 0 : 2) |
          (all ? 4 : 0) |
          (event.tsMs === undefined ? 0 : 8),
      );
      out.varint(event.offset - offset);
      out.signed(event.timestamp - timestamp);
      offset = event.offset;
      timestamp = event.timestamp;
      out.string(event.id);
      if (event.label !== undefined && event.label !== null) {
        out.varint(this.#names.label(event.label));
      }
      if (event.tsMs !== undefined) out.double(event.tsMs);
      if (!all) out.varint(addressed);
      if (entry.kind === 'label') {
        if (!all) for (const model of entry.models) out.varint(model);
        continue;
      }
      this.#features(entry.event.features);
      for (const { model, answer } of entry.answers) {
        if (!all) out.varint(model);
        // The list of known classes hardly ever changes: a marker says «as before».
        const same = answer.classes === classes;
        out.varint((answer.best + 1) * 2 + (same ? 1 : 0));
        if (!same) {
          classes = answer.classes;
          out.varint(classes.length);
          for (const label of classes) out.varint(this.#names.label(label));
        }
        for (let c = 0; c < answer.classes.length; c++) out.double(answer.probabilities[c] ?? 0);
      }
    }
  }

  #features({ ids, values }: KeptFeatures): void {
    const out = this.#body;
    out.varint(ids.length);
    for (let i = 0; i < ids.length; i++) {
      const value = values === undefined ? 1 : (values[i] ?? 1);
      const ref = this.#names.id(ids[i] ?? 0) * 2;
      if (value === 1) out.varint(ref);
      else {
        out.varint(ref + 1);
        out.varint(value);
      }
    }
  }
}

/** Numbers for the labels and feature ids of one delta, in the order of their first use. */
class NameTable {
  readonly labels: string[] = [];
  readonly ids: number[] = [];
  readonly #labelIndex = new Map<string, number>();
  /** By feature id: index in `ids` + 1; 0: not used in this delta. */
  #idIndex = new Int32Array(4096);

  reset(): void {
    this.labels.length = 0;
    this.#labelIndex.clear();
    for (const id of this.ids) this.#idIndex[id] = 0;
    this.ids.length = 0;
  }

  label(label: string): number {
    let index = this.#labelIndex.get(label);
    if (index === undefined) {
      index = this.labels.push(label) - 1;
      this.#labelIndex.set(label, index);
    }
    return index;
  }

  id(id: number): number {
    if (id >= this.#idIndex.length) {
      const grown = new Int32Array(Math.max(id + 1, this.#idIndex.length * 2));
      grown.set(this.#idIndex);
      this.#idIndex = grown;
    }
    const known = this.#idIndex[id] ?? 0;
    if (known !== 0) return known - 1;
    this.#idIndex[id] = this.ids.push(id);
    return this.ids.length - 1;
  }
}

/** A delta whose header is read and whose checksum holds; counts and events are decoded on demand. */
export interface ReadDelta extends DeltaHeader {
  readonly sizeBytes: number;
  /** Counts by model, with ids of this process. */
  models(terms: TermIds): Delta['models'];
  /** Events of the chunk, with ids of this process. */
  events(terms: TermIds): readonly ChunkEvent[];
}

/**
 * @throws DELTA_CORRUPT checksum, version or format
 */
export function readDelta(bytes: Uint8Array): ReadDelta {
  if (bytes.length < 8 || bytes[0] !== MAGIC_V || bytes[1] !== MAGIC_D)
    throw damaged('is no delta');
  if (bytes[2] !== VERSION) {
    throw new ValenceError(
      'LOG_VERSION',
      `the model topic holds deltas of version ${bytes[2]}, this is version ${VERSION}; use the newer Valence`,
    );
  }
  const body = bytes.subarray(0, bytes.length - 4);
  if (new ByteReader(bytes.subarray(bytes.length - 4)).uint32() !== crc32(body)) {
    throw damaged('fails its checksum');
  }
  const reader = new ByteReader(body);
  reader.bytes(3);
  const pipeline = reader.string();
  const [partition, epoch, from, to] = [
    reader.varint(),
    reader.varint(),
    reader.varint(),
    reader.varint(),
  ] as const;
  const seen = list(reader, () => {
    const position = reader.varint();
    return position === 0 ? undefined : position - 1;
  });
  const labels = list(reader, () => reader.string());
  const names = list(reader, () => reader.string());
  const modelCount = reader.varint();
  const counts = reader.bytes(reader.varint());
  const events = reader.bytes(reader.varint());
  const label = (index: number): string => labels[index] ?? missing();
  let ids: Int32Array | undefined;
  const interned = (terms: TermIds): Int32Array =>
    (ids ??= Int32Array.from(names, (name) => terms.intern(name)));
  return {
    pipeline,
    partition,
    epoch,
    from,
    to,
    seen,
    sizeBytes: bytes.length,
    models: (terms) =>
      readCounts(new ByteReader(counts), modelCount, partition, label, interned(terms)),
    events: (terms) => readEvents(new ByteReader(events), modelCount, label, interned(terms)),
  };
}

/**
 * Source offsets of a delta, without its checksum being compared; to find a delta that was applied already.
 *
 * @throws DELTA_CORRUPT too short
 */
export function readRange(bytes: Uint8Array): { readonly from: number; readonly to: number } {
  const reader = new ByteReader(bytes);
  reader.bytes(3);
  reader.bytes(reader.varint());
  reader.varint();
  reader.varint();
  return { from: reader.varint(), to: reader.varint() };
}

/** Nothing was taught before it: it begins with the source topic, or was written to begin a model. */
export function isBeginning({ from, to }: Pick<DeltaHeader, 'from' | 'to'>): boolean {
  return from === 0 || from === to;
}

function readCounts(
  reader: ByteReader,
  models: number,
  partition: number,
  label: (index: number) => string,
  names: Int32Array,
): Delta['models'] {
  return Array.from({ length: models }, () => {
    const name = reader.string();
    const kind = reader.string();
    const extractor = reader.string();
    const classes = list(reader, () => {
      const of = label(reader.varint());
      const documents = reader.signed();
      const sight = reader.varint();
      return {
        label: of,
        documents,
        firstSight: sight === 0 ? undefined : { partition, offset: sight - 1 },
      };
    });
    const length = reader.varint();
    const ids = new Int32Array(length);
    const counts = new Float64Array(length * classes.length);
    let at = 0;
    for (let i = 0; i < length; i++) {
      ids[i] = names[reader.varint()] ?? missing();
      for (let c = 0; c < classes.length; c++) counts[at++] = reader.signed();
    }
    return { name, kind, extractor, delta: { classes, ids, counts } };
  });
}

function readEvents(
  reader: ByteReader,
  models: number,
  label: (index: number) => string,
  names: Int32Array,
): readonly ChunkEvent[] {
  let offset = 0;
  let timestamp = 0;
  let classes: readonly string[] = [];
  const everyone = Array.from({ length: models }, (_, model) => model);
  return list(reader, (): ChunkEvent => {
    const flags = reader.byte();
    offset += reader.varint();
    timestamp += reader.signed();
    const id = reader.string();
    const given = (flags & 2) === 0 ? undefined : label(reader.varint());
    const tsMs = (flags & 8) === 0 ? undefined : reader.double();
    const all = (flags & 4) !== 0;
    const addressed = all ? models : reader.varint();
    const common = { id, offset, timestamp, tsMs };
    if ((flags & 1) === 1) {
      const to = all ? everyone : Array.from({ length: addressed }, () => reader.varint());
      return { kind: 'label', models: to, event: { ...common, label: given ?? null } };
    }
    const features = readFeatures(reader, names);
    const answers = Array.from({ length: addressed }, (_, at) => {
      const model = all ? at : reader.varint();
      const head = reader.varint();
      if (head % 2 === 0) classes = list(reader, () => label(reader.varint()));
      const probabilities = classes.map(() => reader.double());
      return { model, answer: { classes, probabilities, best: Math.floor(head / 2) - 1 } };
    });
    return { kind: 'text', answers, event: { ...common, features, label: given } };
  });
}

function readFeatures(reader: ByteReader, names: Int32Array): KeptFeatures {
  const length = reader.varint();
  const ids: number[] = [];
  let values: number[] | undefined;
  for (let i = 0; i < length; i++) {
    const ref = reader.varint();
    ids.push(names[Math.floor(ref / 2)] ?? missing());
    const value = ref % 2 === 0 ? 1 : reader.varint();
    if (value !== 1) values ??= ids.map(() => 1);
    if (values !== undefined) values[i] = value;
  }
  return { ids, values };
}

function list<T>(reader: ByteReader, read: () => T): T[] {
  const length = reader.varint();
  if (length > reader.remaining) throw damaged('holds a list longer than itself');
  return Array.from({ length }, read);
}

function missing(): never {
  throw damaged('points to a name that it does not hold');
}
