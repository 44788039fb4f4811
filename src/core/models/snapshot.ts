import { createHash } from 'node:crypto';
import { ValenceError } from '../../errors.ts';
import { quoted } from '../codec/json.ts';
import type { Extractor } from '../text/features.ts';
import { compareTerms, inTermOrder } from './term-order.ts';
import type { FirstSight, Model, ModelDelta, ModelSnapshot, ModelSums } from './model.ts';
import { createModel } from './registry.ts';

/**
 * Models as text, and their hash. A snapshot is JSON with a checksum over its content; reading one checks every field and
 * executes nothing. Terms and labels are array elements and string values, never keys, so `__proto__` is a word like any other.
 */

/** Length of the text that is hashed at once, at least. */
const LINES_UNITS = 65_536;

/** `{"checksum":"sha256 in hex","snapshot":{…}}`: equal sums give equal text. */
export function encodeSnapshot(snapshot: ModelSnapshot): string {
  const body = JSON.stringify(snapshot);
  return `{"checksum":"${sha256(body)}","snapshot":${body}}`;
}

/**
 * Reads what {@link encodeSnapshot} wrote; white space between the values may differ.
 *
 * @throws {ValenceError} SNAPSHOT_CORRUPT: no JSON, a field is missing, unknown or out of range, or the checksum differs
 */
export function decodeSnapshot(text: string): ModelSnapshot {
  const { checksum, snapshot } = object(parse(text), 'file', ['checksum', 'snapshot']);
  const checked = readSnapshot(snapshot);
  if (sha256(JSON.stringify(checked)) !== checksum)
    throw corrupt('checksum', 'the SHA-256 of the snapshot; the file was changed or cut');
  return checked;
}

/**
 * The model of a snapshot: it answers as the one it was taken from, bit for bit.
 *
 * @param extractor of the same identity; gets the snapshot's terms
 * @throws {ValenceError} MODEL_MISMATCH: the snapshot belongs to another extractor, or has more features than `maxFeatures`
 * @throws {ValenceError} CONFIG_INVALID: the kind does not exist here
 */
export function restoreModel(
  snapshot: ModelSnapshot,
  extractor: Extractor,
  declared: readonly string[],
): Model {
  const { kind, classes, features } = snapshot;
  if (snapshot.extractor !== '' && snapshot.extractor !== extractor.id)
    throw new ValenceError(
      'MODEL_MISMATCH',
      `The snapshot counts features of '${snapshot.extractor}', this pipeline of '${extractor.id}': use the same analyzer.`,
      { expected: extractor.id, got: snapshot.extractor },
    );
  const model = createModel(kind, extractor, declared);
  const ids = Int32Array.from(features, ([term]) => extractor.intern(term));
  if (ids.includes(-1))
    throw new ValenceError(
      'MODEL_MISMATCH',
      `The snapshot has ${features.length} features, more than max-features allows.`,
      { features: features.length },
    );
  const counts = new Float64Array(features.length * classes.length);
  let at = 0;
  for (const [, ...row] of features) for (const cell of row) counts[at++] = cell;
  const { masses, frequencies } = snapshot;
  const delta: ModelDelta = {
    classes,
    ids,
    counts,
    masses: masses === undefined ? undefined : Float64Array.from(masses),
    frequencies: frequencies === undefined ? undefined : Float64Array.from(frequencies),
  };
  model.apply(delta);
  return model;
}

/**
 * SHA-256 (hex) of a model's sums: kind, extractor, classes with documents by name, features by term with their counts. Equal
 * input gives an equal hash, whatever the order, the partitions and the processes; except with `dfe=on`, where what a document
 * adds depends on what its partition had seen, and with `on-drift=forget`, where the answers decide what is forgotten.
 */
export function modelHash(model: Model): string {
  const { kind, extractor } = model;
  const { classes, ids, cells, stride, base, masses } = model.sums();
  const columns = classes
    .map(({ label, documents }, index) => ({ label, documents, index }))
    // A warm start has counts without documents.
    .filter(({ documents, index }) => documents > 0 || hasCounts(cells, stride, base + index))
    .toSorted((a, b) => compareTerms(a.label, b.label));
  const hash = createHash('sha256');
  const head = columns.map(({ label, documents, index }) => [
    label,
    documents,
    ...(masses === undefined ? [] : [masses[index]]),
  ]);
  hash.update(`${JSON.stringify([kind, extractor.id, head])}\n`);
  let lines = '';
  for (const place of inTermOrder(ids, extractor)) {
    const row = place * stride;
    const documents = base === 1 ? (cells[row] ?? 0) : sumOf(cells, row, row + stride);
    if (documents <= 0) continue;
    lines += `[${quoted(extractor.term(ids[place] ?? 0))}`;
    for (const { index } of columns) lines += `,${cells[row + base + index] ?? 0}`;
    lines += base === 1 ? `,${documents}]\n` : ']\n';
    if (lines.length < LINES_UNITS) continue;
    hash.update(lines);
    lines = '';
  }
  return hash.update(lines).digest('hex');
}

function hasCounts(cells: ModelSums['cells'], stride: number, column: number): boolean {
  for (let at = column; at < cells.length; at += stride) if (cells[at] !== 0) return true;
  return false;
}

function sumOf(cells: ModelSums['cells'], from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += cells[at] ?? 0;
  return sum;
}

function readSnapshot(value: unknown): ModelSnapshot {
  const { format, version, kind, extractor, classes, features, ...others } = object(
    value,
    'snapshot',
    ['format', 'version', 'kind', 'extractor', 'classes', 'features'],
    ['masses', 'frequencies', 'calibrator', 'names', 'declared'],
  );
  if (format !== 'valence-model') throw corrupt('snapshot.format', "'valence-model'");
  if (version !== 1) throw corrupt('snapshot.version', '1');
  const read = array(classes, 'snapshot.classes').map(readClass);
  if (new Set(read.map(({ label }) => label)).size !== read.length)
    throw corrupt('snapshot.classes', 'distinct labels');
  let before: string | undefined;
  const rows = array(features, 'snapshot.features').map((row, index) => {
    const feature = readFeature(row, index, read.length);
    if (before !== undefined && compareTerms(before, feature[0]) >= 0)
      throw corrupt(`snapshot.features[${index}]`, 'a term after the one before it');
    [before] = feature;
    return feature;
  });
  return {
    format,
    version,
    kind: string(kind, 'snapshot.kind'),
    extractor: string(extractor, 'snapshot.extractor'),
    classes: read,
    features: rows,
    ...readParts(others, read.length, rows.length),
    ...(others['names'] === undefined ? {} : { names: readNames(others['names']) }),
    ...(others['calibrator'] === undefined
      ? {}
      : { calibrator: readCalibrator(others['calibrator']) }),
    ...(others['declared'] === undefined ? {} : { declared: readDeclared(others['declared']) }),
  };
}

/** What kinds that count parts of documents have besides: both or none. */
function readParts(
  { masses, frequencies }: Readonly<Record<string, unknown>>,
  classes: number,
  features: number,
): Pick<ModelSnapshot, 'masses' | 'frequencies'> {
  if (masses === undefined && frequencies === undefined) return {};
  const read = {
    masses: numbers(masses, 'snapshot.masses'),
    frequencies: numbers(frequencies, 'snapshot.frequencies'),
  };
  if (read.masses.length !== classes) throw corrupt('snapshot.masses', 'a number for each class');
  if (read.frequencies.length !== features)
    throw corrupt('snapshot.frequencies', 'a number for each feature');
  return read;
}

function readNames(value: unknown): NonNullable<ModelSnapshot['names']> {
  const where = 'snapshot.names';
  return array(value, where).map((pair) => {
    const [term, name, ...more] = array(pair, where);
    if (more.length > 0) throw corrupt(where, 'pairs of a feature and its name');
    return [string(term, where), string(name, where)] as const;
  });
}

function readCalibrator(value: unknown): NonNullable<ModelSnapshot['calibrator']> {
  const where = 'snapshot.calibrator';
  const { weights, squares, bias } = object(value, where, ['weights', 'squares', 'bias']);
  const read = {
    weights: numbers(weights, `${where}.weights`),
    squares: numbers(squares, `${where}.squares`),
    bias: array(bias, `${where}.bias`).map((pair) => {
      const [label, at, ...more] = array(pair, `${where}.bias`);
      if (typeof at !== 'number' || !Number.isFinite(at) || more.length > 0)
        throw corrupt(`${where}.bias`, 'pairs of a label and a number');
      return [string(label, `${where}.bias`), at] as const;
    }),
  };
  if (read.squares.length !== read.weights.length)
    throw corrupt(where, 'as many squares as weights');
  return read;
}

function readDeclared(value: unknown): readonly string[] {
  const where = 'snapshot.declared';
  const read = array(value, where).map((label) => string(label, where));
  if (read.length < 2 || new Set(read).size !== read.length)
    throw corrupt(where, 'two or more distinct labels');
  return read;
}

function readClass(value: unknown, index: number): ModelSnapshot['classes'][number] {
  const where = `snapshot.classes[${index}]`;
  const { label, documents, firstSight } = object(value, where, [
    'label',
    'documents',
    'firstSight',
  ]);
  return {
    label: string(label, `${where}.label`),
    documents: count(documents, `${where}.documents`),
    firstSight: readSight(firstSight, `${where}.firstSight`),
  };
}

function readSight(value: unknown, where: string): FirstSight {
  const { partition, offset } = object(value, where, ['partition', 'offset']);
  return {
    partition: integer(partition, `${where}.partition`),
    offset: integer(offset, `${where}.offset`),
  };
}

function readFeature(value: unknown, index: number, classes: number): [string, ...number[]] {
  const where = `snapshot.features[${index}]`;
  const [term, ...counts] = array(value, where);
  if (counts.length !== classes) throw corrupt(where, `a term and ${classes} counts`);
  const row = counts.map((cell) => count(cell, where));
  if (!row.some((cell) => cell > 0)) throw corrupt(where, 'a count above 0');
  return [string(term, where), ...row];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ValenceError('SNAPSHOT_CORRUPT', 'The snapshot is no JSON.', {}, { cause });
  }
}

/** The fields of an object that has exactly these, and perhaps some of the optional ones. */
function object(
  value: unknown,
  where: string,
  names: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corrupt(where, 'an object');
  const fields = new Map<string, unknown>(Object.entries(value));
  const extra = optional.filter((name) => fields.has(name));
  if (fields.size !== names.length + extra.length || !names.every((name) => fields.has(name)))
    throw corrupt(where, `exactly the fields ${names.join(', ')}`);
  return Object.fromEntries(fields);
}

function array(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw corrupt(where, 'an array');
  return value;
}

function numbers(value: unknown, where: string): readonly number[] {
  return array(value, where).map((cell) => count(cell, where));
}

function string(value: unknown, where: string): string {
  if (typeof value !== 'string') throw corrupt(where, 'a string');
  return value;
}

function integer(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw corrupt(where, 'an integer of at least 0');
  return value;
}

function count(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw corrupt(where, 'a number of at least 0');
  return value;
}

function corrupt(where: string, expected: string): ValenceError {
  return new ValenceError(
    'SNAPSHOT_CORRUPT',
    `Snapshot: ${where} must be ${expected}. Take the snapshot again or restore an older one.`,
    { field: where },
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
