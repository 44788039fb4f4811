/**
 * Rows of a file or of standard input, of any size, in constant memory:
 *
 *   bytes (gunzipped) ─► lines │ CSV records ─► rows, checked ─► batches
 *
 * A row that cannot be sent is a refused row with its error, in its place; an input that cannot be read at all, or that lacks a
 * column that was asked for, is an error. Each row says where to read on behind it.
 */
import type { Readable } from 'node:stream';
import { fileFacts, formatOf, inputName, readBytes } from './bytes.ts';
import { csvRow, headerNames, layoutOf, type CsvLayout } from './csv.ts';
import { CsvSplitter, type CsvRecord } from './csv-splitter.ts';
import { readLines, type Line } from './lines.ts';
import { ColumnWatch } from './column-watch.ts';
import { parseNdjson } from './ndjson.ts';
import {
  DEFAULT_COLUMNS,
  isTooLong,
  rawOf,
  refusal,
  START,
  TOO_LONG,
  type ColumnRole,
  type Columns,
  type Format,
  type Place,
  type Position,
  type Row,
} from './row.ts';

export interface ReadRowsOptions {
  /** A file, or `-` for standard input. */
  readonly path: string;
  /** Default: by the file's extension, NDJSON for standard input. */
  readonly format?: Format | undefined;
  /** Defaults: `text`, `label`, `id`, `ts`, no weight, no extra ones. */
  readonly columns?: Partial<Columns> | undefined;
  /** Columns that the user named: it is an error if they do not exist. The text column, that of the weight and extra ones always must. */
  readonly named?: ReadonlySet<ColumnRole> | undefined;
  /** Where to read on; default: the beginning. */
  readonly from?: Position | undefined;
  /** An earlier run has seen these columns: NDJSON rows behind its end need not show them again. */
  readonly columnsSeen?: boolean | undefined;
  /** Most rows of a batch; default 500. A batch is closed early when the input has no more for the moment. */
  readonly batchRows?: number | undefined;
  /** Aborting ends the rows quietly. */
  readonly signal?: AbortSignal | undefined;
  /** What to read for `-`; default: the process's standard input. */
  readonly stdin?: Readable | undefined;
  /** Told once when there is something odd about the input as a whole, such as that it is empty. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

const NONE: ReadonlySet<ColumnRole> = new Set();
const NO_BYTES = new Uint8Array();

/** Most rows of a batch, unless asked otherwise. */
export const BATCH_ROWS = 500;

/**
 * Rows in the order of the input. Memory: a batch, a chunk and at most one row of 4 MiB. Blank lines are no rows.
 *
 * @throws NOT_FOUND no such file
 * @throws CONFIG_INVALID the file cannot be read, is in UTF-16, or lacks a column; the message lists those there are
 */
export async function* readRows(options: ReadRowsOptions): AsyncGenerator<Row[]> {
  const format = options.format ?? formatOf(options.path);
  const batchRows = options.batchRows ?? BATCH_ROWS;
  const groups = format === 'csv' || format === 'tsv' ? delimitedRows : lineRows;
  for await (const group of groups(options, format)) {
    if (group.length <= batchRows) yield group;
    else for (let at = 0; at < group.length; at += batchRows) yield group.slice(at, at + batchRows);
  }
}

/**
 * Reads the beginning of a file, so that a wrong name or column is told before anything is made for it. Nothing is read of what could
 * not be read again.
 *
 * @throws as {@link readRows}
 */
export async function checkRows(options: ReadRowsOptions): Promise<void> {
  const { path, format = formatOf(path) } = options;
  if ((await fileFacts(path)) === undefined) return;
  for await (const _ of readRows({ ...options, format })) return;
}

/** NDJSON and text: a group of rows for each chunk of the input. */
async function* lineRows(options: ReadRowsOptions, format: Format): AsyncGenerator<Row[]> {
  const { path, signal, stdin, from = START } = options;
  const columns = { ...DEFAULT_COLUMNS, ...options.columns };
  const isWatched = format === 'ndjson' && options.columnsSeen !== true;
  const watch = isWatched
    ? new ColumnWatch(inputName(path), columns, options.named ?? NONE)
    : undefined;
  let { row, line } = from;
  for await (const lines of readLines(readBytes(path, from.byte, signal, stdin), from)) {
    const rows: Row[] = [];
    for (const read of lines) {
      line++;
      const place = { row: row + 1, line, resume: { byte: read.end, row: row + 1, line } };
      const parsed = lineRow(read, place, format, columns, watch);
      if (parsed === undefined) continue;
      row++;
      rows.push(parsed);
    }
    const ready = watch === undefined ? rows : watch.admit(rows);
    if (ready.length > 0) yield ready;
  }
  if (signal?.aborted === true) return;
  const rest = watch?.end() ?? [];
  if (rest.length > 0) yield rest;
  if (row === 0) options.onNotice?.(`${inputName(path)} is empty: no rows`);
}

function lineRow(
  line: Line,
  place: Place,
  format: Format,
  columns: Columns,
  watch: ColumnWatch | undefined,
): Row | undefined {
  const { text, raw = NO_BYTES } = line;
  if (text === undefined) {
    return line.brokenAt === undefined
      ? refusal('TEXT_TOO_LONG', place, 'the line is longer than 4 MiB', raw)
      : refusal(
          'RECORD_INVALID',
          place,
          `no UTF-8 at byte ${line.brokenAt} of the line; convert the file to UTF-8`,
          raw,
        );
  }
  return format === 'text' ? textLine(text, place) : parseNdjson(text, place, columns, watch);
}

/** A line of text; blank lines are none. */
function textLine(line: string, place: Place): Row | undefined {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (text.trim() === '') return undefined;
  if (isTooLong(text)) return refusal('TEXT_TOO_LONG', place, TOO_LONG, rawOf(text));
  return {
    kind: 'text',
    row: place.row,
    line: place.line,
    resume: place.resume,
    text,
    label: undefined,
    weight: undefined,
    id: undefined,
    ts: undefined,
    attributes: undefined,
  };
}

/** CSV and TSV: a group of rows for each chunk of the input. */
async function* delimitedRows(options: ReadRowsOptions, format: Format): AsyncGenerator<Row[]> {
  const { path, signal, stdin, from } = options;
  const input = inputName(path);
  const delimiter = format === 'csv' ? ',' : '\t';
  const columns = { ...DEFAULT_COLUMNS, ...options.columns };
  const layOut = (header: CsvRecord): CsvLayout =>
    layoutOf(headerNames(header, input), columns, options.named ?? NONE, input);

  let layout: CsvLayout | undefined;
  if (from !== undefined && from.byte > 0) {
    const header = await firstRecord(path, delimiter);
    if (header !== undefined) layout = layOut(header);
  }
  const splitter = new CsvSplitter(delimiter, layout?.count ?? 0, from?.byte ?? 0, from?.line ?? 0);
  let row = from?.row ?? 0;
  const rowsOf = (records: Iterable<CsvRecord>): Row[] => {
    const rows: Row[] = [];
    for (const record of records) {
      if (layout === undefined) {
        layout = layOut(record);
        continue;
      }
      row++;
      const resume = { byte: record.end, row, line: record.endLine };
      rows.push(csvRow(record, { row, line: record.line, resume }, layout));
    }
    return rows;
  };

  for await (const chunk of readBytes(path, from?.byte ?? 0, signal, stdin)) {
    const rows = rowsOf(splitter.feed(chunk));
    if (rows.length > 0) yield rows;
  }
  if (signal?.aborted === true) return;
  const rows = rowsOf(splitter.end());
  if (rows.length > 0) yield rows;
  if (row > 0) return;
  options.onNotice?.(
    layout === undefined
      ? `${input} is empty: no header, no rows`
      : `${input} has a header but no rows`,
  );
}

async function firstRecord(path: string, delimiter: string): Promise<CsvRecord | undefined> {
  const splitter = new CsvSplitter(delimiter, 0, 0, 0);
  for await (const chunk of readBytes(path, 0, undefined)) {
    for (const record of splitter.feed(chunk)) return record;
  }
  for (const record of splitter.end()) return record;
  return undefined;
}
