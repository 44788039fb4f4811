/**
 * Labels from a stream, for `label -`: NDJSON lines `{id, label}`, with `labelWeight` and `ts` if there are, or lines `id,label` (comma or tab, quotes as in CSV), with or
 * without that header. The kinds of lines may be mixed; a live stream is handed on as it comes.
 */
import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { readBytes } from './bytes.ts';
import { CsvSplitter } from './csv-splitter.ts';
import { readLines } from './lines.ts';
import { parseNdjson } from './ndjson.ts';
import {
  DEFAULT_COLUMNS,
  idProblem,
  labelProblem,
  rawOf,
  refusal,
  START,
  type Columns,
  type LabelRow,
  type Place,
  type RefusedRow,
} from './row.ts';

export interface ReadLabelsOptions {
  /** A file, or `-` for standard input. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
  /** What to read for `-`; default: the process's standard input. */
  readonly stdin?: Readable | undefined;
}

/**
 * Labels in the order of the input, in batches; a line that holds none is a refused row in its place. JSON null withdraws a
 * label; other lines have no way to say that.
 *
 * @throws NOT_FOUND, CONFIG_INVALID: the input cannot be read
 */
export async function* readLabels(
  options: ReadLabelsOptions,
): AsyncGenerator<(LabelRow | RefusedRow)[]> {
  let row = 0;
  let line = 0;
  const bytes = readBytes(options.path, 0, options.signal, options.stdin);
  for await (const lines of readLines(bytes, START)) {
    const labels: (LabelRow | RefusedRow)[] = [];
    for (const read of lines) {
      line++;
      const place = { row: row + 1, line, resume: { byte: read.end, row: row + 1, line } };
      const { text } = read;
      if (text?.trim() === '' || (row === 0 && text !== undefined && HEADER.test(text))) continue;
      row++;
      labels.push(
        text === undefined
          ? refusal('RECORD_INVALID', place, EXPECTED, read.raw ?? new Uint8Array())
          : labelLine(text, place),
      );
    }
    if (labels.length > 0) yield labels;
  }
}

/** These lines are label records: their fields have the names of the source topic. */
const COLUMNS: Columns = { ...DEFAULT_COLUMNS, weight: 'labelWeight' };
const HEADER = /^"?id"?[,\t]"?label"?\s*$/i;
const EXPECTED =
  'expected {"id": …, "label": …}, or id and label with a comma or tab between, in UTF-8';

function labelLine(line: string, place: Place): LabelRow | RefusedRow {
  if (!line.trimStart().startsWith('{')) return delimitedLabel(line, place);
  const row = parseNdjson(line, place, COLUMNS);
  if (row?.kind === 'label' || row?.kind === 'refused') return row;
  // A text with its label counts as the label.
  if (row?.kind === 'text' && row.id !== undefined && row.label !== undefined) {
    return {
      kind: 'label',
      ...place,
      id: row.id,
      label: row.label,
      weight: row.weight,
      ts: row.ts,
    };
  }
  return refusal('RECORD_INVALID', place, EXPECTED, rawOf(line));
}

function delimitedLabel(line: string, place: Place): LabelRow | RefusedRow {
  const splitter = new CsvSplitter(line.includes('\t') ? '\t' : ',', 2, 1, 0);
  const records = [...splitter.feed(Buffer.from(line)), ...splitter.end()];
  const [id = '', label = ''] = (records[0]?.fields ?? []).map((field) => field.trim());
  if (id === '' || label === '') return refusal('RECORD_INVALID', place, EXPECTED, rawOf(line));
  const problem = idProblem(id) ?? labelProblem(label);
  if (problem !== undefined) return refusal('RECORD_INVALID', place, problem, rawOf(line));
  return { kind: 'label', ...place, id, label, weight: undefined, ts: undefined };
}
