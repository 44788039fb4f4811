/**
 * From the bytes of a source record to what the fold works on. Plain JSON, CloudEvents binary (the value is the data) and
 * CloudEvents structured (the data is inside the value) are accepted; everything else is a reason for a dead letter.
 *
 * @see CloudEvents 1.0, Kafka protocol binding
 */
import {
  LabelRecord,
  MAX_ID_LENGTH,
  MAX_LABEL_LENGTH,
  MAX_TEXT_BYTES,
  MAX_TS_LENGTH,
  MAX_WEIGHT,
  TextRecord,
  type DeadLetterStage,
} from '../../topics/index.ts';
import { toSixteenths, WHOLE } from '../core/models/label-weight.ts';
import { ValenceError, type ErrorCode } from '../errors.ts';
import type { Headers, LogRecord } from '../ports/event-log.ts';

/** A label as it came: a string, or null for «withdrawn». */
export type RawLabel = string | null;

export interface TextInput {
  readonly kind: 'text';
  readonly id: string;
  readonly text: string;
  /** Undefined: not known (yet). */
  readonly label: string | undefined;
  /** Of the label, in sixteenths; 16 where there is none. */
  readonly weight: number;
  readonly ts: string | number | undefined;
  /** Undefined: every model. */
  readonly model: string | undefined;
}

export interface LabelInput {
  readonly kind: 'label';
  readonly id: string;
  readonly label: RawLabel;
  /** In sixteenths; 16 where the label is withdrawn. */
  readonly weight: number;
  readonly ts: string | number | undefined;
  readonly model: string | undefined;
}

export interface Refusal {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly stage: DeadLetterStage;
  readonly message: string;
}

/** A JSON object. */
type Fields = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const plain = new TextDecoder();
/** The same string with lone surrogates, which no UTF-8 can hold, replaced by U+FFFD. */
export function wellFormed(value: string): string {
  return value.toWellFormed();
}

/** Reads one source record; never throws. */
export function readSourceRecord(record: LogRecord): TextInput | LabelInput | Refusal {
  if (record.value === null) {
    return refusal(
      'decode',
      'RECORD_INVALID',
      'the value is null; send a JSON object with "text" or "label"',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(record.value));
  } catch (cause) {
    const why = isSyntaxError(cause) ? 'no JSON' : 'no UTF-8';
    return refusal('decode', 'RECORD_INVALID', `the value is ${why}; send a JSON object in UTF-8`);
  }
  if (record.headers.length > 0) {
    const content = headerText(record.headers, 'content-type')?.toLowerCase() ?? '';
    if (content.startsWith('application/cloudevents-batch')) {
      return refusal('decode', 'RECORD_INVALID', 'a batch of CloudEvents; send one event a record');
    }
    if (content.startsWith('application/cloudevents')) {
      const data = structuredData(value);
      if ('refused' in data) return data.refused;
      value = data.data;
    }
  }
  if (!isObject(value)) {
    return refusal(
      'validate',
      'RECORD_INVALID',
      `the value is ${kindOf(value)}; expected a JSON object`,
    );
  }
  return 'text' in value ? readText(value, record) : readLabel(value);
}

function readText(value: Fields, record: LogRecord): TextInput | Refusal {
  const read = plainText(value) ?? TextRecord.safeParse(withoutIdleWeight(value));
  if (!read.success) return invalid(read.error.issues, value);
  const { id, text, label, labelWeight, ts, model } = read.data;
  if (tooLong(text)) {
    return refusal(
      'validate',
      'TEXT_TOO_LONG',
      `text is longer than ${MAX_TEXT_BYTES} UTF-8 bytes; split it`,
    );
  }
  return {
    kind: 'text',
    id:
      id === undefined || id === null || id === ''
        ? `${record.topic}/${record.partition}/${record.offset}`
        : wellFormed(String(id)),
    text,
    label:
      label === undefined || label === null || label === '' ? undefined : wellFormed(String(label)),
    weight: sixteenths(labelWeight),
    ts: timestamp(ts),
    model: model ?? undefined,
  };
}

/** The usual shape, all strings, told without the schema, which costs as much as predicting. Undefined: ask the schema. */
function plainText({
  id,
  text,
  label,
  labelWeight,
  ts,
  model,
}: Fields): { readonly success: true; readonly data: TextRecord } | undefined {
  return typeof id === 'string' &&
    id.length <= MAX_ID_LENGTH &&
    typeof text === 'string' &&
    (label === undefined || (typeof label === 'string' && label.length <= MAX_LABEL_LENGTH)) &&
    (labelWeight === undefined || (isWeight(labelWeight) && label !== undefined && label !== '')) &&
    (ts === undefined || (typeof ts === 'string' && ts.length <= MAX_TS_LENGTH)) &&
    model === undefined
    ? { success: true, data: { id, text, label, labelWeight, ts } }
    : undefined;
}

function readLabel(value: Fields): LabelInput | Refusal {
  if (!('label' in value)) {
    return refusal(
      'validate',
      'RECORD_INVALID',
      'neither text nor label; a text record has "text", a label record "id" and "label"',
    );
  }
  const parsed = LabelRecord.safeParse(withoutIdleWeight(value));
  if (!parsed.success) return invalid(parsed.error.issues, value);
  const { id, label, labelWeight, ts, model } = parsed.data;
  if (id === '')
    return refusal(
      'validate',
      'RECORD_INVALID',
      'id is an empty string; name the text that the label belongs to',
    );
  if (label === '') {
    return refusal(
      'validate',
      'RECORD_INVALID',
      'label is an empty string; send the class, or null to withdraw it',
    );
  }
  return {
    kind: 'label',
    id: wellFormed(String(id)),
    label: label === null ? null : wellFormed(String(label)),
    weight: sixteenths(labelWeight),
    ts: timestamp(ts),
    model: model ?? undefined,
  };
}

/** A weight belongs to a label: where there is none the field is somebody else's, and ignored as unknown ones are. */
function withoutIdleWeight(value: Fields): Fields {
  if (!('labelWeight' in value)) return value;
  const { labelWeight: _, ...rest } = value;
  const { label } = rest;
  return label === undefined || label === null || label === '' ? rest : value;
}

function isWeight(weight: unknown): weight is number {
  return typeof weight === 'number' && weight >= 0 && weight <= MAX_WEIGHT;
}

function sixteenths(weight: number | null | undefined): number {
  return weight === undefined || weight === null ? WHOLE : toSixteenths(weight);
}

/** Value of a header as text; the last of its name. Names are compared without case. */
export function headerText(headers: Headers, name: string): string | undefined {
  for (let at = headers.length - 1; at >= 0; at--) {
    const header = headers[at];
    if (header !== undefined && header[0].toLowerCase() === name) return plain.decode(header[1]);
  }
  return undefined;
}

function structuredData(
  event: unknown,
): { readonly data: unknown } | { readonly refused: Refusal } {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return {
      refused: refusal(
        'validate',
        'RECORD_INVALID',
        'a structured CloudEvent must be a JSON object',
      ),
    };
  }
  if ('data' in event) return { data: event.data };
  if ('data_base64' in event && typeof event.data_base64 === 'string') {
    try {
      const bytes = Uint8Array.from(atob(event.data_base64), (char) => char.charCodeAt(0));
      return { data: JSON.parse(utf8.decode(bytes)) as unknown };
    } catch {
      return { refused: refusal('decode', 'RECORD_INVALID', 'data_base64 holds no JSON in UTF-8') };
    }
  }
  return { refused: refusal('validate', 'RECORD_INVALID', 'a structured CloudEvent without data') };
}

function invalid(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  value: object,
): Refusal {
  const problems = issues.map(({ path, message }) => {
    const field = path.map(String).join('.');
    const came: unknown = path.length === 1 ? Reflect.get(value, path[0] ?? '') : undefined;
    return `${field === '' ? 'value' : field}: ${message}${path.length === 1 ? ` (came: ${kindOf(came)})` : ''}`;
  });
  return refusal('validate', 'RECORD_INVALID', problems.join('; '));
}

function refusal(stage: DeadLetterStage, code: ErrorCode, message: string): Refusal {
  return { kind: 'refused', stage, code, message };
}

/** The error that a refusal stands for, as dead letters carry it. */
export function refusalError(refused: Refusal): ValenceError {
  return new ValenceError(refused.code, refused.message);
}

function timestamp(ts: string | number | null | undefined): string | number | undefined {
  if (ts === undefined || ts === null || ts === '') return undefined;
  return typeof ts === 'string' ? wellFormed(ts) : ts;
}

/** UTF-16 length bounds UTF-8 length from both sides, so that bytes are counted for few texts only. */
function tooLong(text: string): boolean {
  if (text.length * 3 <= MAX_TEXT_BYTES) return false;
  if (text.length > MAX_TEXT_BYTES) return true;
  return new TextEncoder().encode(text).length > MAX_TEXT_BYTES;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (value === undefined) return 'nothing';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** By name: errors of the runtime's core are of another realm under a test runner. */
function isSyntaxError(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'name' in error && error.name === 'SyntaxError'
  );
}
