/**
 * CSV and TSV rows: the first record names the columns, each further one is a text row. An empty id, label or ts cell is one
 * that is not there.
 */
import { ValenceError } from '../errors.ts';
import type { CsvProblem, CsvRecord } from './csv-splitter.ts';
import {
  columnHint,
  idProblem,
  isTooLong,
  labelProblem,
  missingColumns,
  refusal,
  TOO_LONG,
  tsProblem,
  weightOf,
  weightProblem,
  type ColumnRole,
  type Columns,
  type Place,
  type Row,
} from './row.ts';

/** Index of each column in a record; -1: there is no such column. */
export interface CsvLayout {
  readonly count: number;
  readonly text: number;
  readonly label: number;
  readonly id: number;
  readonly ts: number;
  readonly weight: number;
  readonly extra: readonly (readonly [name: string, index: number])[];
}

/**
 * Names of the columns in a file's first record, without spaces around them.
 *
 * @throws CONFIG_INVALID the header cannot be read
 */
export function headerNames(record: CsvRecord, input: string): string[] {
  if (record.problem === undefined) return record.fields.map((name) => name.trim());
  const what = `the header of ${input} cannot be read (${describe(record.problem, 0)})`;
  throw new ValenceError('CONFIG_INVALID', `${what}; is it CSV in UTF-8?`, { input });
}

/**
 * Finds the columns in the header.
 *
 * @param named columns the user named: they must exist, as the text column, that of the weight and the extra ones must always
 * @throws CONFIG_INVALID with the list of columns that exist
 */
export function layoutOf(
  names: readonly string[],
  columns: Columns,
  named: ReadonlySet<ColumnRole>,
  input: string,
): CsvLayout {
  const needed = (['text', 'label', 'id', 'ts'] as const)
    .filter((role) => role === 'text' || named.has(role))
    .map((role) => columns[role]);
  const weight = columns.weight === undefined ? [] : [columns.weight];
  const missing = [...needed, ...weight, ...columns.extra].filter((name) => !names.includes(name));
  if (missing.length > 0) {
    const hint =
      delimiterHint(names) ?? `${columnHint(missing, columns)} The first line must be a header.`;
    throw missingColumns(input, missing, names, hint);
  }
  return {
    count: names.length,
    text: names.indexOf(columns.text),
    label: names.indexOf(columns.label),
    id: names.indexOf(columns.id),
    ts: names.indexOf(columns.ts),
    weight: columns.weight === undefined ? -1 : names.indexOf(columns.weight),
    extra: columns.extra.map((name) => [name, names.indexOf(name)]),
  };
}

/** A header of one name that has another delimiter in it, as spreadsheets of many countries write. */
function delimiterHint(names: readonly string[]): string | undefined {
  const [name = ''] = names;
  if (names.length > 1) return undefined;
  if (name.includes('\t'))
    return 'The columns stand apart by tabs: call the file .tsv, or give publish or evaluate --format tsv.';
  if (name.includes(';'))
    return 'The columns stand apart by semicolons: save the file again with commas.';
  if (name.includes(','))
    return 'The columns stand apart by commas: call the file .csv, or give publish or evaluate --format csv.';
  return undefined;
}

/** The row in one record. */
export function csvRow(record: CsvRecord, place: Place, layout: CsvLayout): Row {
  const { fields, problem } = record;
  if (problem !== undefined) {
    const code = problem.kind === 'too long' ? 'TEXT_TOO_LONG' : 'RECORD_INVALID';
    return refusal(code, place, describe(problem, layout.count), record.raw);
  }
  const text = fields[layout.text] ?? '';
  if (isTooLong(text)) return refusal('TEXT_TOO_LONG', place, TOO_LONG, record.raw);
  const id = fields[layout.id] ?? '';
  const label = fields[layout.label] ?? '';
  const ts = fields[layout.ts] ?? '';
  const weight = label === '' ? '' : (fields[layout.weight] ?? '');
  const wrong =
    idProblem(id) ??
    labelProblem(label) ??
    (weight === '' ? undefined : weightProblem(weight)) ??
    tsProblem(ts);
  if (wrong !== undefined) return refusal('RECORD_INVALID', place, wrong, record.raw);
  return {
    kind: 'text',
    row: place.row,
    line: place.line,
    resume: place.resume,
    text,
    label: label === '' ? undefined : label,
    weight: weight === '' ? undefined : weightOf(weight),
    id: id === '' ? undefined : id,
    ts: ts === '' ? undefined : ts,
    attributes:
      layout.extra.length === 0
        ? undefined
        : new Map(layout.extra.map(([name, index]) => [name, fields[index] ?? ''])),
  };
}

const ADVICE: Readonly<Record<CsvProblem['kind'], string>> = {
  'bad quote': 'a closing quote is followed by other text; double quotes inside a quoted field',
  'open quote': 'a quoted field never ends; close it, or double the quote',
  'too long': 'the line is longer than 4 MiB',
  'no UTF-8': 'no UTF-8 at byte',
  ragged: 'not as many fields as the header has:',
};

function describe(problem: CsvProblem, columns: number): string {
  const advice = ADVICE[problem.kind];
  if (problem.kind === 'no UTF-8')
    return `${advice} ${problem.at} of the row; convert the file to UTF-8`;
  if (problem.kind !== 'ragged') return advice;
  const found = problem.fields > columns ? `more than ${columns}` : `${problem.fields}`;
  return `${advice} ${found} instead of ${columns}`;
}
