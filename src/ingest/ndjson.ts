/**
 * NDJSON: one JSON object a line. Three kinds of objects are rows: those with the text field, label records (`{id, label}`
 * without text), and lines of `tail --json` (`{topic, partition, …, key, headers, value}` without text).
 */
import type { ColumnWatch } from './column-watch.ts';
import {
  idProblem,
  isBlank,
  isTooLong,
  kindOf,
  labelProblem,
  rawOf,
  refusal,
  TOO_LONG,
  tsProblem,
  weightOf,
  weightProblem,
  type Columns,
  type Place,
  type Row,
} from './row.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The row in one line.
 *
 * @param line without its line feed
 * @param watch told of each JSON object, to learn which fields there are
 * @returns undefined for a blank line
 */
export function parseNdjson(
  line: string,
  place: Place,
  columns: Columns,
  watch?: ColumnWatch,
): Row | undefined {
  if (line.length < 2 && line.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    if (line.trim() === '') return undefined;
    return invalid(place, line, 'no JSON; expected one JSON object a line');
  }
  if (!isObject(value)) {
    const hint = Array.isArray(value) ? "; write one object a line (jq -c '.[]')" : '';
    return invalid(place, line, `the value is ${kindOf(value)}; expected a JSON object${hint}`);
  }
  const text = field(value, columns.text);
  let row: Row;
  if (text !== undefined) row = textRow(text, value, place, columns, line);
  else if (Object.hasOwn(value, 'value')) row = recordRow(value, place, line);
  else row = labelRow(value, place, columns, line);
  watch?.see(value, row);
  return row;
}

function textRow(
  text: unknown,
  value: JsonObject,
  place: Place,
  columns: Columns,
  line: string,
): Row {
  if (typeof text !== 'string') {
    return invalid(place, line, `${columns.text} is ${kindOf(text)}; expected a string`);
  }
  if (isTooLong(text)) return refusal('TEXT_TOO_LONG', place, TOO_LONG, rawOf(line));
  const id = field(value, columns.id);
  const label = field(value, columns.label);
  const weight = isBlank(label) ? undefined : weightField(value, columns);
  const ts = field(value, columns.ts);
  const problem =
    (isBlank(id) ? undefined : idProblem(id)) ??
    (isBlank(label) ? undefined : labelProblem(label)) ??
    (isBlank(weight) ? undefined : weightProblem(weight)) ??
    (isBlank(ts) ? undefined : tsProblem(ts));
  if (problem !== undefined) return invalid(place, line, problem);
  return {
    kind: 'text',
    row: place.row,
    line: place.line,
    resume: place.resume,
    text,
    label: isBlank(label) ? undefined : scalar(label),
    weight: isBlank(weight) ? undefined : weightOf(weight),
    id: isBlank(id) ? undefined : String(scalar(id)),
    ts: isBlank(ts) ? undefined : number(ts),
    attributes: columns.extra.length === 0 ? undefined : attributesOf(value, columns.extra),
  };
}

function labelRow(value: JsonObject, place: Place, columns: Columns, line: string): Row {
  const id = field(value, columns.id);
  const label = field(value, columns.label);
  const weight = isBlank(label) ? undefined : weightField(value, columns);
  const ts = field(value, columns.ts);
  if (label === undefined || isBlank(id)) {
    return invalid(
      place,
      line,
      `no field '${columns.text}', nor '${columns.id}' and '${columns.label}' of a label record`,
    );
  }
  if (label === '') {
    return invalid(
      place,
      line,
      'label is an empty string; write the class, or null to withdraw it',
    );
  }
  const problem =
    idProblem(id) ??
    (label === null ? undefined : labelProblem(label)) ??
    (isBlank(weight) ? undefined : weightProblem(weight)) ??
    (isBlank(ts) ? undefined : tsProblem(ts));
  if (problem !== undefined) return invalid(place, line, problem);
  return {
    kind: 'label',
    row: place.row,
    line: place.line,
    resume: place.resume,
    id: String(scalar(id)),
    label: label === null ? null : scalar(label),
    weight: isBlank(weight) ? undefined : weightOf(weight),
    ts: isBlank(ts) ? undefined : number(ts),
  };
}

/** A line of `tail --json`. Key and headers are strings there; other forms of headers are no record of ours. */
function recordRow(line: JsonObject, place: Place, raw: string): Row {
  const { key, value, headers } = line;
  if (!isObject(value)) {
    return invalid(place, raw, `value is ${kindOf(value)}; expected a JSON object`);
  }
  if (!isBlank(key) && typeof key !== 'string') {
    return invalid(place, raw, `key is ${kindOf(key)}; expected a string or null`);
  }
  const pairs = headerPairs(headers);
  if (pairs === undefined) {
    return invalid(place, raw, 'headers are no object, and no array of pairs, of strings');
  }
  const text = field(value, 'text');
  if (text !== undefined && typeof text !== 'string') {
    return invalid(place, raw, `value.text is ${kindOf(text)}; expected a string`);
  }
  if (text !== undefined && isTooLong(text)) {
    return refusal('TEXT_TOO_LONG', place, TOO_LONG, rawOf(raw));
  }
  return { kind: 'record', ...place, key: isBlank(key) ? idOf(value) : key, value, headers: pairs };
}

/** `{name: value}`, `{name: [value, value]}` or `[[name, value]]`; undefined: something else. */
function headerPairs(headers: unknown): (readonly [string, string])[] | undefined {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== 'object') return undefined;
  const pairs: (readonly [string, string])[] = [];
  const entries: readonly unknown[] = Array.isArray(headers) ? headers : Object.entries(headers);
  for (const entry of entries) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== 'string') {
      return undefined;
    }
    const values: readonly unknown[] = Array.isArray(entry[1]) ? entry[1] : [entry[1]];
    for (const value of values) {
      if (typeof value !== 'string') return undefined;
      pairs.push([entry[0], value]);
    }
  }
  return pairs;
}

function attributesOf(
  value: JsonObject,
  names: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const attributes = new Map<string, string>();
  for (const name of names) {
    const content = field(value, name);
    if (content === undefined || content === null) continue;
    attributes.set(name, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return attributes.size === 0 ? undefined : attributes;
}

/** An own field: `constructor` is a column's name like any other. */
function field(value: JsonObject, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function weightField(value: JsonObject, { weight }: Columns): unknown {
  return weight === undefined ? undefined : field(value, weight);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function scalar(value: unknown): string | number | boolean {
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

function number(value: unknown): string | number {
  return typeof value === 'number' ? value : String(value);
}

function invalid(place: Place, line: string, message: string): Row {
  return refusal('RECORD_INVALID', place, message, rawOf(line));
}

/** Key of a record that brings none: its id, so that a text and its label meet in one partition. */
function idOf(value: object): string | null {
  const id: unknown = Object.hasOwn(value, 'id') ? Reflect.get(value, 'id') : undefined;
  return typeof id === 'string' || typeof id === 'number' ? String(id) : null;
}
