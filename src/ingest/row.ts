/**
 * What the readers give: one row of a file, checked against the limits of the source topic, or the reason why it was refused.
 */
import { Buffer } from 'node:buffer';
import {
  MAX_ID_LENGTH,
  MAX_LABEL_LENGTH,
  MAX_TEXT_BYTES,
  MAX_WEIGHT,
} from '../../topics/source.ts';
import { ValenceError } from '../errors.ts';

export type Format = 'ndjson' | 'csv' | 'tsv' | 'text';

/** A place between two rows of an input, to read on from. Counts the uncompressed stream, a byte order mark included. */
export interface Position {
  /** Bytes before it. */
  readonly byte: number;
  /** Data rows before it, refused ones included; blank lines and the header are none. */
  readonly row: number;
  /** Lines before it. */
  readonly line: number;
}

export const START: Position = { byte: 0, row: 0, line: 0 };

/** Which columns (CSV, TSV) or fields (NDJSON) hold what. */
export interface Columns {
  readonly text: string;
  readonly label: string;
  readonly id: string;
  readonly ts: string;
  /** Of the label's weight, which must exist; undefined: no weights are read. */
  readonly weight: string | undefined;
  /** Further ones, carried along as attributes. */
  readonly extra: readonly string[];
}

/** The columns that have a default and need not exist; `text` always must. */
export type ColumnRole = Exclude<keyof Columns, 'weight' | 'extra'>;

export const DEFAULT_COLUMNS: Columns = {
  text: 'text',
  label: 'label',
  id: 'id',
  ts: 'ts',
  weight: undefined,
  extra: [],
};

export type Label = string | number | boolean;

/** Where a row stands in its input. */
export interface Place {
  /** 1-based number of the data row. */
  readonly row: number;
  /** 1-based number of the line that the row begins on. */
  readonly line: number;
  /** The place after this row. */
  readonly resume: Position;
}

export interface TextRow extends Place {
  readonly kind: 'text';
  readonly text: string;
  /** Undefined: the row carries none (absent, null or ""). CSV gives strings, NDJSON what stood there. */
  readonly label: Label | undefined;
  /** Of the label, 0 … 16; undefined: it brings none. */
  readonly weight: number | undefined;
  readonly id: string | undefined;
  readonly ts: string | number | undefined;
  /** The extra columns as strings, in the order asked for, without those that are absent or null. */
  readonly attributes: ReadonlyMap<string, string> | undefined;
}

/** The label of an earlier (or later) text: `{id, label}` without text. */
export interface LabelRow extends Place {
  readonly kind: 'label';
  readonly id: string;
  /** Null withdraws the label. */
  readonly label: Label | null;
  /** 0 … 16; undefined: it brings none. */
  readonly weight: number | undefined;
  readonly ts: string | number | undefined;
}

/** A line of `tail --json`: a record of a log, to be sent as it is. */
export interface RecordRow extends Place {
  readonly kind: 'record';
  readonly key: string | null;
  readonly value: Readonly<Record<string, unknown>>;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface RefusedRow extends Place {
  readonly kind: 'refused';
  readonly error: ValenceError;
  /** The first {@link MAX_RAW_BYTES} bytes of the row. */
  readonly raw: Uint8Array;
}

export type Row = TextRow | LabelRow | RecordRow | RefusedRow;

/** Longest line, or CSV record, that is held in memory; the rest of a longer one is passed over while streaming. */
export const MAX_ROW_BYTES = 4 * 1024 * 1024;
/** What is kept of a refused row. */
export const MAX_RAW_BYTES = 64 * 1024;
const MAX_TS_LENGTH = 64;

/** A refusal that keeps the row's number out of its message: the dead letter's headers carry it. */
export function refusal(
  code: 'RECORD_INVALID' | 'TEXT_TOO_LONG',
  place: Place,
  message: string,
  raw: Uint8Array,
): RefusedRow {
  return {
    kind: 'refused',
    row: place.row,
    line: place.line,
    resume: place.resume,
    error: new ValenceError(code, `line ${place.line}: ${message}`, {
      row: place.row,
      line: place.line,
    }),
    // A copy: a view would keep the whole chunk alive.
    raw: Uint8Array.prototype.slice.call(raw, 0, MAX_RAW_BYTES),
  };
}

/** Bytes to keep of a row that is at hand as a string. */
export function rawOf(text: string): Uint8Array {
  return Buffer.from(text.slice(0, MAX_RAW_BYTES));
}

/** True when the text takes more UTF-8 bytes than the source topic allows. */
export function isTooLong(text: string): boolean {
  if (text.length * 3 <= MAX_TEXT_BYTES) return false;
  return text.length > MAX_TEXT_BYTES || Buffer.byteLength(text) > MAX_TEXT_BYTES;
}

export const TOO_LONG = `text is longer than ${MAX_TEXT_BYTES} UTF-8 bytes; split it`;

/** Why the value cannot be an id, or undefined. The value is neither undefined, null nor "". */
export function idProblem(id: unknown): string | undefined {
  if (typeof id === 'string') {
    return id.length <= MAX_ID_LENGTH ? undefined : `id is longer than ${MAX_ID_LENGTH} characters`;
  }
  if (typeof id !== 'number') return `id is ${kindOf(id)}; expected a string or a number`;
  if (Number.isInteger(id) && !Number.isSafeInteger(id)) {
    return 'id is a number that JSON parsers round (beyond 2^53); write it as a string';
  }
  return Number.isFinite(id) ? undefined : 'id is not a finite number';
}

/** Why the value cannot be a label, or undefined. The value is neither undefined, null nor "". */
export function labelProblem(label: unknown): string | undefined {
  if (typeof label === 'string') {
    return label.length <= MAX_LABEL_LENGTH
      ? undefined
      : `label is longer than ${MAX_LABEL_LENGTH} characters; is --label the right column?`;
  }
  if (typeof label === 'boolean') return undefined;
  if (typeof label !== 'number') {
    return `label is ${kindOf(label)}; expected a string, a number or a boolean`;
  }
  return Number.isFinite(label) ? undefined : 'label is not a finite number';
}

/** Why the value cannot be a time, or undefined. The value is neither undefined, null nor "". */
export function tsProblem(ts: unknown): string | undefined {
  if (typeof ts === 'string') {
    return ts.length <= MAX_TS_LENGTH ? undefined : `ts is longer than ${MAX_TS_LENGTH} characters`;
  }
  if (typeof ts !== 'number') return `ts is ${kindOf(ts)}; expected a string or a number`;
  return Number.isFinite(ts) ? undefined : 'ts is not a finite number';
}

/** The number that a weight is; NaN: none. A cell of a table holds it as a string. */
export function weightOf(weight: unknown): number {
  const value = typeof weight === 'string' && weight.trim() !== '' ? Number(weight) : weight;
  return typeof value === 'number' && value >= 0 && value <= MAX_WEIGHT ? value : Number.NaN;
}

/** Why the value cannot be a weight, or undefined. The value is neither undefined, null nor "". */
export function weightProblem(weight: unknown): string | undefined {
  if (!Number.isNaN(weightOf(weight))) return undefined;
  return `weight is ${kindOf(weight)} that is no number from 0 to ${MAX_WEIGHT}; is --weight-field the right column?`;
}

/** Undefined, null and "" all mean: nothing there. */
export function isBlank(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/** The kind of thing that came, for messages that never quote it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return value === undefined ? 'absent' : `a ${typeof value}`;
}

const MAX_LISTED = 40;
const MAX_NAME_SHOWN = 60;

/** The error for columns that do not exist, with those that do. */
export function missingColumns(
  input: string,
  missing: readonly string[],
  existing: readonly string[],
  hint: string,
): ValenceError {
  const quoted = missing.map((name) => `'${name}'`).join(', ');
  const shown = existing.slice(0, MAX_LISTED).map((name) => name.slice(0, MAX_NAME_SHOWN));
  const more = existing.length > MAX_LISTED ? `, … ${existing.length - MAX_LISTED} more` : '';
  return new ValenceError(
    'CONFIG_INVALID',
    `${input} has no column ${quoted}; it has: ${shown.join(', ')}${more}. ${hint}`,
    { input, missing, columns: shown },
  );
}

/** What to do about a missing column. */
export function columnHint(missing: readonly string[], columns: Columns): string {
  return missing.includes(columns.text)
    ? 'Name the column of the texts with --text.'
    : 'Correct the name, or leave the flag out.';
}
