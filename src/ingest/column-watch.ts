/**
 * NDJSON has no header: whether a column exists shows in the rows. The first rows are held back until each column that was
 * asked for has been seen in one of them, so that a misspelt name is an error before anything has been sent.
 */
import type { ValenceError } from '../errors.ts';
import { columnHint, missingColumns, type ColumnRole, type Columns, type Row } from './row.ts';

/** Rows in which a column must show. */
const SAMPLE_ROWS = 20;

export class ColumnWatch {
  readonly #input: string;
  readonly #columns: Columns;
  /** Columns not seen yet. */
  readonly #missing: Set<string>;
  readonly #fields = new Set<string>();
  #held: Row[] = [];

  /** @param named columns the user named, besides the text column, that of the weight and the extra ones */
  constructor(input: string, columns: Columns, named: ReadonlySet<ColumnRole>) {
    this.#input = input;
    this.#columns = columns;
    this.#missing = new Set([...named].map((role) => columns[role]));
    this.#missing.add(columns.text);
    if (columns.weight !== undefined) this.#missing.add(columns.weight);
    for (const name of columns.extra) this.#missing.add(name);
  }

  /** Notes the fields of one row. A label record or a record of a log needs no column. */
  see(value: object, row: Row): void {
    if (this.#missing.size === 0) return;
    if (row.kind === 'record') this.#missing.clear();
    if (row.kind === 'label') this.#missing.delete(this.#columns.text);
    for (const name of Object.keys(value)) {
      this.#fields.add(name);
      this.#missing.delete(name);
    }
  }

  /**
   * Rows that may go on, in order.
   *
   * @throws CONFIG_INVALID a column is in none of the first rows
   */
  admit(rows: Row[]): Row[] {
    if (this.#missing.size > 0) {
      this.#held.push(...rows);
      if (this.#held.length < SAMPLE_ROWS) return [];
      this.#check();
    }
    if (this.#held.length === 0) return rows;
    const ready = this.#held.at(-1) === rows.at(-1) ? this.#held : [...this.#held, ...rows];
    this.#held = [];
    return ready;
  }

  /** What was held back when the input ended. */
  end(): Row[] {
    this.#check();
    return this.#held;
  }

  #check(): void {
    // Rows that are no objects tell nothing about columns: they are refused one by one.
    if (this.#missing.size > 0 && this.#fields.size > 0) throw this.#error();
    this.#missing.clear();
  }

  #error(): ValenceError {
    const missing = [...this.#missing];
    return missingColumns(
      this.#input,
      missing,
      [...this.#fields],
      columnHint(missing, this.#columns),
    );
  }
}
