/** Bytes to deltas; the format is told in `delta.ts`. */
import { crc32 } from 'node:zlib';
import { ByteReader, damaged } from '../core/codec/bytes.ts';
import type { CalibratorState } from '../core/models/calibrator.ts';
import { WHOLE } from '../core/models/label-weight.ts';
import { TYPES, type Extractor, type KeptFeatures } from '../core/text/features.ts';
import { MAX_WEIGHT } from '../../topics/source.ts';
import { ValenceError } from '../errors.ts';
import {
  DELTA_MAGIC,
  type ChunkEvent,
  type DeltaHeader,
  type DeltaModel,
  type FeatureName,
  type TaughtModel,
} from './delta.ts';
import type { Promotion } from './promotion.ts';

/** Ids of a process for terms; undefined: it has no such extractor, and ids mean nothing. */
export interface FeatureIds {
  find(extractor: string): (Pick<Extractor, 'intern'> & { readonly size?: number }) | undefined;
}

/** A delta whose header is read and whose checksum holds; counts and events are decoded on demand. */
export interface ReadDelta extends DeltaHeader {
  readonly sizeBytes: number;
  readonly names: readonly FeatureName[];
  readonly models: readonly DeltaModel[];
  /** What each model was taught, with ids of this process. */
  taught(ids: FeatureIds): readonly TaughtModel[];
  /** Events of the chunk, with ids of this process. */
  events(ids: FeatureIds): readonly ChunkEvent[];
}

/**
 * @throws DELTA_CORRUPT checksum, version or format
 */
export function readDelta(bytes: Uint8Array): ReadDelta {
  const { version } = DELTA_MAGIC;
  if (bytes.length < 8 || bytes[0] !== DELTA_MAGIC.first || bytes[1] !== DELTA_MAGIC.second)
    throw damaged('is no delta');
  if (bytes[2] !== version) {
    throw new ValenceError(
      'LOG_VERSION',
      `the model topic holds deltas of version ${bytes[2]}, this is version ${version}; ${
        (bytes[2] ?? 0) < version
          ? "make the model again from the source topic with 'valence model rebuild', or use another --pipeline"
          : 'use the newer Valence'
      }`,
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
  const tables = list(reader, () => readFeatureTable(reader));
  const names = list(reader, (): FeatureName => {
    return { extractor: reader.varint(), id: reader.varint(), name: reader.string() };
  });
  const models = list(reader, (): DeltaModel => {
    const name = reader.string();
    const kind = reader.string();
    const index = reader.varint();
    const extractor = index === 0 ? '' : (tables[index - 1] ?? missing()).extractor;
    return { name, kind, extractor, unit: reader.byte() === 1 ? 1 : 16 };
  });
  const counts = reader.bytes(reader.varint());
  const events = reader.bytes(reader.varint());
  const promotion = reader.remaining > 0 ? readPromotion(reader) : undefined;
  const label = (index: number): string => labels[index] ?? missing();
  let known: readonly Features[] | undefined;
  const featuresOf = (ids: FeatureIds): readonly Features[] =>
    (known ??= tables.map((table) => withIds(table, ids)));
  return {
    pipeline,
    partition,
    epoch,
    from,
    to,
    seen,
    promotion,
    names,
    models,
    sizeBytes: bytes.length,
    taught: (ids) => {
      const features = featuresOf(ids);
      const taught = new ByteReader(counts);
      return models.map((model) => ({
        ...model,
        ...readTaught(taught, model, partition, label, idsOf(features, model.extractor)),
      }));
    },
    events: (ids) => readEvents(new ByteReader(events), models, label, featuresOf(ids)),
  };
}

function readPromotion(reader: ByteReader): Promotion {
  const id = reader.string() || null;
  const at = reader.varint() - 1;
  return { id, at, champion: reader.string(), previous: reader.string() || null };
}

interface ReadTable {
  readonly extractor: string;
  readonly types: number;
  /** Of hashed features. */
  readonly ids: Int32Array | undefined;
  /** Of others. */
  readonly names: readonly string[];
}

/** Features of an extractor, by their number in the delta. */
interface Features {
  readonly extractor: string;
  readonly types: number;
  readonly ids: Int32Array;
}

function readFeatureTable(reader: ByteReader): ReadTable {
  const extractor = reader.string();
  const types = reader.byte();
  const width = reader.byte();
  if (width === 0)
    return { extractor, types, ids: undefined, names: list(reader, () => reader.string()) };
  const length = reader.varint();
  if (length * width > reader.remaining) throw damaged('holds a list longer than itself');
  const ids = new Int32Array(length);
  for (let at = 0; at < length; at++)
    for (let shift = 0; shift < 8 * width; shift += 8)
      ids[at] = (ids[at] ?? 0) | (reader.byte() << shift);
  return { extractor, types, ids, names: [] };
}

function withIds({ extractor, types, ids, names }: ReadTable, of: FeatureIds): Features {
  if (ids !== undefined) {
    const size = of.find(extractor)?.size ?? Infinity;
    if (ids.some((id) => id < 0 || id >= size)) throw damaged('holds a feature out of range');
    return { extractor, types, ids };
  }
  const terms = of.find(extractor);
  return {
    extractor,
    types,
    ids: Int32Array.from(names, (name) => terms?.intern(name) ?? 0),
  };
}

function idsOf(features: readonly Features[], extractor: string): Int32Array {
  return features.find((of) => of.extractor === extractor)?.ids ?? NO_IDS;
}

const NO_IDS = new Int32Array(0);
/** Id of a term for which the vocabulary of this process has no room; that of the writer had. */
const NO_ROOM = -1;

/** A version of Valence wrote it that this one does not read; its range can be had. */
export function isOlderDelta(bytes: Uint8Array): boolean {
  const { first, second, version } = DELTA_MAGIC;
  return bytes[0] === first && bytes[1] === second && (bytes[2] ?? version) < version;
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

/**
 * Whether a delta of any version speaks of a class: one that covers no source record and does holds an imported model.
 *
 * @throws DELTA_CORRUPT too short
 */
export function holdsLabels(bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes);
  reader.bytes(3);
  reader.bytes(reader.varint());
  for (let left = 4; left > 0; left--) reader.varint();
  for (let left = reader.varint(); left > 0; left--) reader.varint();
  return reader.varint() > 0;
}

/** Nothing was taught before it: it begins with the source topic, or was written to begin a model. */
export function isBeginning({ from, to }: Pick<DeltaHeader, 'from' | 'to'>): boolean {
  return from === 0 || from === to;
}

function readTaught(
  reader: ByteReader,
  { unit }: DeltaModel,
  partition: number,
  label: (index: number) => string,
  names: Int32Array,
): Pick<TaughtModel, 'delta' | 'calibrator'> {
  const weights: number[] = [];
  const classes = list(reader, () => {
    const of = label(reader.varint());
    const documents = reader.signed();
    if (unit !== 1) weights.push(reader.signed());
    const sight = reader.varint();
    return {
      label: of,
      documents,
      firstSight: sight === 0 ? undefined : { partition, offset: sight - 1 },
    };
  });
  const length = reader.varint();
  // A row takes a byte for itself and one a class, at least.
  if (length * (1 + classes.length) > reader.remaining)
    throw damaged('holds a list longer than itself');
  const ids = new Int32Array(length);
  const counts = new Float64Array(length * classes.length);
  const frequencies = unit === 1 ? undefined : new Float64Array(length);
  let kept = 0;
  for (let row = 0; row < length; row++) {
    const id = names[reader.varint()] ?? missing();
    ids[kept] = id;
    if (frequencies !== undefined) frequencies[kept] = reader.signed();
    for (let c = 0; c < classes.length; c++) counts[kept * classes.length + c] = reader.signed();
    if (id !== NO_ROOM) kept += 1;
  }
  const sums = {
    classes,
    ids: ids.subarray(0, kept),
    counts: counts.subarray(0, kept * classes.length),
  };
  const counted =
    frequencies === undefined ? sums : { ...sums, frequencies, masses: Float64Array.from(weights) };
  const flags = reader.byte();
  const delta = (flags & 2) === 0 ? counted : { ...counted, forgotten: reader.varint() };
  const calibrator = (flags & 1) === 0 ? undefined : readCalibrator(reader, label);
  return { delta, calibrator };
}

function readCalibrator(reader: ByteReader, label: (index: number) => string): CalibratorState {
  const groups = reader.varint();
  if (groups > reader.remaining) throw damaged('holds a list longer than itself');
  const doubles = () => Array.from({ length: groups }, () => reader.double());
  return {
    weights: doubles(),
    squares: doubles(),
    bias: list(reader, () => [label(reader.varint()), reader.double()] as const),
    labels: reader.varint(),
    merged: list(reader, () => [reader.varint(), reader.varint()] as const),
  };
}

function readEvents(
  reader: ByteReader,
  models: readonly DeltaModel[],
  label: (index: number) => string,
  features: readonly Features[],
): readonly ChunkEvent[] {
  let offset = 0;
  let timestamp = 0;
  let classes: readonly string[] = [];
  const analyses = models.map(({ extractor }) =>
    features.findIndex((of) => of.extractor === extractor),
  );
  const addedTo = (model: number): number => (models[model]?.unit === 1 ? 1 : reader.varint());
  return list(reader, (): ChunkEvent => {
    const flags = reader.byte();
    offset += reader.varint();
    timestamp += reader.signed();
    const id = reader.string();
    const given = (flags & 2) === 0 ? undefined : label(reader.varint());
    const tsMs = (flags & 8) === 0 ? undefined : reader.double();
    const weight = (flags & 16) === 0 ? WHOLE : reader.varint();
    if (weight > MAX_WEIGHT * WHOLE) throw damaged('holds a weight out of range');
    const all = (flags & 4) !== 0;
    const addressed = all ? models.length : reader.varint();
    if (addressed > models.length) throw damaged('addresses more models than it holds');
    const common = { id, offset, timestamp, tsMs, weight };
    if ((flags & 1) === 1) {
      const to = Array.from({ length: addressed }, (_, at) => {
        const model = all ? at : reader.varint();
        return { model, added: addedTo(model) };
      });
      return { kind: 'label', models: to, event: { ...common, label: given ?? null } };
    }
    const answers = Array.from({ length: addressed }, (_, at) => {
      const model = all ? at : reader.varint();
      const unknown = reader.varint();
      const added = addedTo(model);
      const head = reader.varint();
      if (head % 2 === 0) classes = list(reader, () => label(reader.varint()));
      const probabilities = classes.map(() => reader.double());
      const answer = { classes, probabilities, best: Math.floor(head / 2) - 1 };
      return { model, answer, unknown, added };
    });
    const asked = new Set(answers.map(({ model }) => analyses[model]));
    const kept = features.map((of, index) =>
      asked.has(index) ? readFeatures(reader, of) : undefined,
    );
    return { kind: 'text', answers, features: kept, event: { ...common, label: given } };
  });
}

function readFeatures(reader: ByteReader, { types, ids: names }: Features): KeptFeatures {
  if (types > 0) return readTypedFeatures(reader, types, names);
  const length = reader.varint();
  const ids: number[] = [];
  let values: number[] | undefined;
  for (let i = 0; i < length; i++) {
    const ref = reader.varint();
    const id = names[Math.floor(ref / 2)] ?? missing();
    const value = ref % 2 === 0 ? 1 : reader.varint();
    if (id === NO_ROOM) continue;
    if (value !== 1) values ??= ids.map(() => 1);
    values?.push(value);
    ids.push(id);
  }
  return { ids, values, ends: undefined };
}

function readTypedFeatures(reader: ByteReader, types: number, names: Int32Array): KeptFeatures {
  const ends = new Array<number>(TYPES);
  let length = 0;
  for (let type = 0; type < TYPES; type++) {
    if (type < types) length += reader.varint();
    ends[type] = length;
  }
  if (length > reader.remaining) throw damaged('holds a list longer than itself');
  const ids = new Array<number>(length);
  for (let i = 0; i < length; i++) ids[i] = names[reader.varint()] ?? missing();
  return { ids, values: undefined, ends };
}

function list<T>(reader: ByteReader, read: () => T): T[] {
  const length = reader.varint();
  if (length > reader.remaining) throw damaged('holds a list longer than itself');
  return Array.from({ length }, read);
}

function missing(): never {
  throw damaged('points to a name that it does not hold');
}
