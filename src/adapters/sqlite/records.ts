/**
 * The tables of records: rows in, batches out.
 *
 * In: ten rows a statement. Out: a batch is one row, numbers as JSON arrays and all bytes in one blob: a call into the driver for each
 * value costs more than SQLite's whole work, and this form reads three times as fast (`bench/log.ts`). Keys, values and header
 * values of a batch are therefore views of one buffer.
 */
import { ValenceError } from '../../errors.ts';
import type { Batch, LogRecord, NewRecord, ReadOptions } from '../../ports/event-log.ts';
import { maybeBytesOf, readLimits, timestampOf } from '../embedded/records.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import { decodeHeaders, encodeHeaders } from './headers.ts';
import { recordsTable } from './schema.ts';

const ROWS = 10;
const COLUMNS = 5;

/** A partition, as the adapter keeps it in mind: these never change. */
export interface Place {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
}

/** Statements on the records of one partition. */
type Statements = ReturnType<typeof prepareFor>;

export class RecordTable {
  readonly #connection: Connection;
  readonly #tail: Statement;
  readonly #setTail: Statement;
  readonly #bounds: Statement;
  readonly #statements = new Map<number, Statements>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#tail = connection.prepare('SELECT "end", largest FROM partitions WHERE id = ?');
    this.#setTail = connection.prepare('UPDATE partitions SET "end" = ?, largest = ? WHERE id = ?');
    this.#bounds = connection.prepare(
      'SELECT "start", "end", largest FROM partitions WHERE id = ?',
    );
  }

  /** A writer for one transaction. */
  writer(now: number): RecordWriter {
    return new RecordWriter((id) => this.#of(id), this.#tail, this.#setTail, now);
  }

  /** First offset kept, and the offset after the last record. */
  bounds({ id }: Place): {
    readonly start: number;
    readonly end: number;
    readonly largest: number;
  } {
    const row = this.#bounds.get(id);
    return { start: Number(row.start), end: Number(row.end), largest: Number(row.largest) };
  }

  /** Lowest offset in the table; lower than the partition's start where a trim was cut short. */
  first({ id }: Place): number | undefined {
    return this.#of(id).first.get()?.offset ?? undefined;
  }

  /** Offsets and timestamps from `from` up to `end`, at most `count`. */
  times(
    { id }: Place,
    from: number,
    end: number,
    count: number,
  ): { readonly offset: number; readonly timestamp: number }[] {
    return this.#of(id).times.all(from, end, count);
  }

  deleteBelow({ id }: Place, offset: number): void {
    this.#of(id).deleteBelow.run(offset);
  }

  read(place: Place, options: ReadOptions): Batch {
    const { start, end, largest } = this.bounds(place);
    const from = Math.max(options.from, start);
    const limits = readLimits(options);
    const most = Math.min(limits.maxRecords, end - from);
    if (most <= 0) return { records: [], next: from, end };
    const count =
      most * largest <= limits.maxBytes
        ? most
        : this.#countWithin(place, from, end, most, limits.maxBytes);
    const records = this.#slice(place, from, end, count);
    return { records, next: (records.at(-1)?.offset ?? from - 1) + 1, end };
  }

  #of(id: number): Statements {
    const known = this.#statements.get(id);
    if (known) return known;
    const statements = prepareFor(this.#connection, id);
    this.#statements.set(id, statements);
    return statements;
  }

  /** How many records fit, at least one. */
  #countWithin(place: Place, from: number, end: number, most: number, maxBytes: number): number {
    let bytes = 0;
    const rows: { readonly size: number }[] = this.#of(place.id).sizes.all(from, end, most);
    const cut = rows.findIndex(({ size }) => (bytes += size) > maxBytes);
    return cut < 0 ? most : Math.max(1, cut);
  }

  #slice({ id, topic, partition }: Place, from: number, end: number, count: number): LogRecord[] {
    const row = this.#of(id).batch.get(from, end, count);
    const offsets = numbers(row.offsets);
    const timestamps = numbers(row.timestamps);
    const columns = [numbers(row.keys), numbers(row.values), numbers(row.headers)] as const;
    const [keys, values, headers] = columns;
    const bytes: Uint8Array = row.bytes ?? new Uint8Array();
    let at = 0;
    const take = (length: number | null | undefined): Uint8Array | null => {
      if (length === null || length === undefined) return null;
      at += length;
      return bytes.subarray(at - length, at);
    };
    let before = -1;
    const records = offsets.map((offset, index): LogRecord => {
      if (offset === null || offset <= before) throw damaged(topic, partition);
      before = offset;
      const key = take(keys[index]);
      const value = take(values[index]);
      const head = take(headers[index]);
      return {
        topic,
        partition,
        offset,
        timestamp: timestamps[index] ?? 0,
        key,
        value,
        headers: head === null ? [] : decodeHeaders(head),
      };
    });
    if (at !== bytes.length) throw damaged(topic, partition);
    return records;
  }
}

function prepareFor(connection: Connection, id: number) {
  const { name } = recordsTable(id);
  const insert = `INSERT INTO ${name} (offset, timestamp, key, value, headers) VALUES `;
  const row = '(?, ?, ?, ?, ?)';
  const slice = `FROM ${name} WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?`;
  const prepare = (sql: string): Statement => connection.prepare(sql);
  return {
    insertOne: prepare(`${insert}${row}`),
    insertMany: prepare(`${insert}${Array.from({ length: ROWS }, () => row).join()}`),
    first: prepare(`SELECT min(offset) AS offset FROM ${name}`),
    times: prepare(`SELECT offset, timestamp ${slice}`),
    deleteBelow: prepare(`DELETE FROM ${name} WHERE offset < ?`),
    sizes: prepare(`SELECT ifnull(length(key), 0) + ifnull(length(value), 0) AS size ${slice}`),
    batch: prepare(`
      SELECT json_group_array(offset) AS offsets, json_group_array(timestamp) AS timestamps,
        json_group_array(length(key)) AS keys, json_group_array(length(value)) AS "values",
        json_group_array(length(headers)) AS headers,
        CAST(group_concat(CAST(ifnull(key, x'') || ifnull(value, x'') || ifnull(headers, x'') AS BLOB), '') AS BLOB) AS bytes
      FROM (SELECT offset, timestamp, key, value, headers ${slice})`),
  };
}

/** What a transaction knows of a partition it writes to. */
interface Tail {
  readonly statements: Statements;
  readonly pending: (number | Uint8Array | null)[];
  end: number;
  largest: number;
}

/** Puts records behind the last ones of their partitions. Call `finish` before the commit. */
export class RecordWriter {
  readonly #statements: (id: number) => Statements;
  readonly #readTail: Statement;
  readonly #setTail: Statement;
  readonly #now: number;
  readonly #tails = new Map<number, Tail>();

  constructor(
    statements: (id: number) => Statements,
    readTail: Statement,
    setTail: Statement,
    now: number,
  ) {
    this.#statements = statements;
    this.#readTail = readTail;
    this.#setTail = setTail;
    this.#now = now;
  }

  /**
   * @returns the record's offset
   * @throws RECORD_INVALID
   */
  put({ id }: Place, record: NewRecord): number {
    const timestamp = timestampOf(record, this.#now);
    const key = maybeBytesOf(record.key);
    const value = maybeBytesOf(record.value);
    const headers = encodeHeaders(record.headers);
    const tail = this.#tailOf(id);
    const offset = tail.end++;
    const size = (key?.length ?? 0) + (value?.length ?? 0);
    if (size > tail.largest) tail.largest = size;
    tail.pending.push(offset, timestamp, key, value, headers);
    if (tail.pending.length === ROWS * COLUMNS) {
      tail.statements.insertMany.run(...tail.pending);
      tail.pending.length = 0;
    }
    return offset;
  }

  /** @returns ids of the partitions that were written to */
  finish(): Iterable<number> {
    for (const [id, { statements, pending, end, largest }] of this.#tails) {
      for (let at = 0; at < pending.length; at += COLUMNS)
        statements.insertOne.run(...pending.slice(at, at + COLUMNS));
      pending.length = 0;
      this.#setTail.run(end, largest, id);
    }
    return this.#tails.keys();
  }

  #tailOf(id: number): Tail {
    const known = this.#tails.get(id);
    if (known) return known;
    const row = this.#readTail.get(id);
    const tail: Tail = {
      statements: this.#statements(id),
      pending: [],
      end: Number(row.end),
      largest: Number(row.largest),
    };
    this.#tails.set(id, tail);
    return tail;
  }
}

function numbers(json: string): (number | null)[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by json_group_array of integers
  return JSON.parse(json) as (number | null)[];
}

function damaged(topic: string, partition: number): ValenceError {
  return new ValenceError(
    'LOG_CORRUPT',
    'A batch does not add up: the log is damaged. Restore a copy, or start a new log from the source.',
    { topic, partition },
  );
}
