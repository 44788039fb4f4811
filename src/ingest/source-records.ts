/**
 * Rows to records of the source topic: names what has no id, masks, orders late labels, and says which records a run of rows
 * becomes. Pure: the same rows give the same records.
 */
import { Buffer } from 'node:buffer';
import { MAX_ID_LENGTH } from '../../topics/source.ts';
import { deadLetterHeaders } from '../../topics/dlq.ts';
import type { NewRecord } from '../ports/event-log.ts';
import {
  rawOf,
  refusal,
  type LabelRow,
  type RecordRow,
  type RefusedRow,
  type Row,
  type TextRow,
} from './row.ts';

export interface SourceRecordOptions {
  /** Name of the input, for the ids of rows without one and for dead letters. */
  readonly name: string;
  /** Applied to texts, attributes, and every string of a record that is sent as it is; never to ids, labels and times. */
  readonly mask: ((text: string) => string) | undefined;
  /** Send no labels: neither those of texts nor label records. */
  readonly skipLabels: boolean;
  /** Model that the records address; undefined: all. */
  readonly model: string | undefined;
}

/** Largest value that goes to the log: what a Kafka broker takes by default, less the batch's own bytes. */
const MAX_VALUE_BYTES = 1_000_000;
/** Room for a row number behind the name in an id. */
const MAX_NAME_LENGTH = MAX_ID_LENGTH - 20;

/** Id of a row that carries none, and key of a refused row: `<name>:<row>`. */
export function rowId(name: string, row: number): string {
  return `${name.slice(0, MAX_NAME_LENGTH)}:${row}`;
}

/** The label of a text, to be sent later. */
export interface LateLabel {
  readonly id: string;
  readonly label: string | number | boolean;
  readonly weight: number | undefined;
  readonly ts: string | number | undefined;
}

/**
 * The record of one row.
 *
 * @param withLabel false: a text goes out without its label, which follows as a record of its own
 * @returns undefined: nothing to send (a label, when labels are skipped); a refused row: it is too large after all
 */
export function sourceRecord(
  row: Exclude<Row, RefusedRow>,
  options: SourceRecordOptions,
  withLabel: boolean,
): NewRecord | RefusedRow | undefined {
  if (row.kind === 'text') return textRecord(row, options, withLabel && !options.skipLabels);
  if (row.kind === 'record') return copiedRecord(row, options);
  return options.skipLabels ? undefined : labelRecord(row, options.model);
}

function textRecord(
  row: TextRow,
  { name, mask, model }: SourceRecordOptions,
  withLabel: boolean,
): NewRecord | RefusedRow {
  const { attributes } = row;
  const id = row.id ?? rowId(name, row.row);
  const json = JSON.stringify({
    id,
    text: mask === undefined ? row.text : mask(row.text),
    label: withLabel ? row.label : undefined,
    labelWeight: withLabel ? row.weight : undefined,
    ts: row.ts,
    attributes:
      attributes === undefined
        ? undefined
        : Object.fromEntries(
            Array.from(attributes, ([key, text]) => [key, mask === undefined ? text : mask(text)]),
          ),
    model,
  });
  return fits(json) ? { key: id, value: json } : tooLarge(row, json);
}

/** A label record. */
export function labelRecord(
  late: Pick<LabelRow, 'id' | 'label' | 'weight' | 'ts'>,
  model: string | undefined,
): NewRecord {
  const { id, label, weight, ts } = late;
  return { key: id, value: JSON.stringify({ id, label, labelWeight: weight, ts, model }) };
}

/** A record of a log, as it is: but masked, and without its label where labels are skipped. */
function copiedRecord(
  row: RecordRow,
  { mask, skipLabels }: SourceRecordOptions,
): NewRecord | RefusedRow | undefined {
  const { key, headers } = row;
  let { value } = row;
  if (skipLabels && Object.hasOwn(value, 'label')) {
    if (!Object.hasOwn(value, 'text')) return undefined;
    value = Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'label'));
  }
  if (mask !== undefined) {
    value = Object.fromEntries(
      Object.entries(value).map(([name, content]) => [
        name,
        UNMASKED.has(name) ? content : maskDeep(content, mask),
      ]),
    );
  }
  const json = JSON.stringify(value);
  if (!fits(json)) return tooLarge(row, json);
  return headers.length === 0 ? { key, value: json } : { key, value: json, headers };
}

const UNMASKED = new Set(['id', 'label', 'ts', 'model']);

function maskDeep(value: unknown, mask: (text: string) => string): unknown {
  if (typeof value === 'string') return mask(value);
  if (Array.isArray(value)) return value.map((item: unknown) => maskDeep(item, mask));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, maskDeep(item, mask)]),
  );
}

function fits(value: string): boolean {
  return value.length * 3 <= MAX_VALUE_BYTES || Buffer.byteLength(value) <= MAX_VALUE_BYTES;
}

function tooLarge(row: TextRow | RecordRow, json: string): RefusedRow {
  const message = `the record takes more than ${MAX_VALUE_BYTES} bytes as JSON; carry fewer or shorter columns`;
  return refusal('RECORD_INVALID', row, message, rawOf(json));
}

/** The dead letter of a refused row: what there is of its bytes, under a key by which a repeat is known. */
export function deadLetter(name: string, refused: RefusedRow): NewRecord {
  return {
    key: rowId(name, refused.row),
    value: refused.raw,
    headers: deadLetterHeaders(refused.error, 'publish', {
      topic: name,
      partition: 0,
      offset: refused.row,
    }),
  };
}
