/**
 * The tables of records: batches in, batches out.
 *
 * In: what one call brings to a partition is one row, or a few. Out: rows are fetched several at a time, joined to one blob: a call into
 * the driver for each costs more than SQLite's whole work on a small one (`bench/log.ts`). What a reading leaves of its last batch
 * is kept for the next one, so that small steps do not fetch and decode a batch again and again.
 */
import type { Batch, LogRecord, NewRecord, ReadOptions } from '../../ports/event-log.ts';
import { readLimits, timestampOf } from '../embedded/records.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { BatchReader, damaged } from './batch-reader.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import { recordsTable } from './schema.ts';

/** Most bytes fetched by one statement, if a single row is not larger. */
const FETCH_BYTES = 4 * 1024 * 1024;

/** A partition, as the adapter keeps it in mind: these never change. */
export interface Place {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
}

interface Bounds {
  /** First offset kept. */
  readonly start: number;
  /** Offset after the last record. */
  readonly end: number;
  /** Size of the largest batch there ever was, bytes. */
  readonly largest: number;
}

/** A row without its records. */
interface Row {
  readonly base: number;
  readonly count: number;
  readonly newest: number;
}

/** Statements on the records of one partition. */
type Statements = ReturnType<typeof prepareFor>;

export class RecordTable {
  readonly #connection: Connection;
  readonly #bounds: Statement;
  readonly #tail: Statement;
  readonly #setTail: Statement;
  readonly #statements = new Map<number, Statements>();
  /** By partition: a reader in the middle of what it has. */
  readonly #readers = new Map<number, BatchReader>();
  readonly #encoders: BatchEncoder[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#bounds = connection.prepare(
      'SELECT "start", "end", largest FROM partitions WHERE id = ?',
    );
    this.#tail = connection.prepare('SELECT "end", largest FROM partitions WHERE id = ?');
    this.#setTail = connection.prepare('UPDATE partitions SET "end" = ?, largest = ? WHERE id = ?');
  }

  /** A writer for one transaction. */
  writer(now: number): RecordWriter {
    const open = (id: number): Tail => {
      const encoder = this.#encoders.pop() ?? new BatchEncoder();
      const row = this.#tail.get(id);
      const end = Number(row.end);
      encoder.begin(end);
      return { id, insert: this.#of(id).insert, encoder, end, largest: Number(row.largest) };
    };
    const close = ({ id, end, largest, encoder }: Tail): void => {
      this.#setTail.run(end, largest, id);
      this.#encoders.push(encoder);
    };
    return new RecordWriter(open, close, now);
  }

  bounds({ id }: Place): Bounds {
    const row = this.#bounds.get(id);
    return { start: Number(row.start), end: Number(row.end), largest: Number(row.largest) };
  }

  /** Lowest offset in the table; lower than the partition's start where it lies in a batch, or a trim was cut short. */
  first({ id }: Place): number | undefined {
    return this.#of(id).first.get()?.base ?? undefined;
  }

  /** Deletes the batches that end below. */
  deleteBelow({ id }: Place, offset: number): void {
    this.#of(id).deleteBelow.run(offset);
  }

  /**
   * First offset that retention leaves, looking no further than about `most` records.
   *
   * @param range records in [from, bound) with a timestamp before `oldest` may go
   */
  firstKept(
    place: Place,
    range: {
      readonly from: number;
      readonly bound: number;
      readonly oldest: number;
      readonly most: number;
    },
  ): number {
    const { from, bound, oldest, most } = range;
    const rows: readonly Row[] = this.#of(place.id).rows.all(from, bound, most);
    let kept = from;
    for (const { base, count, newest } of rows) {
      if (kept - from >= most) break;
      const end = base + count;
      kept = newest < oldest ? end : this.#firstSince(place, Math.max(from, base), oldest);
      if (kept < end) break;
    }
    return Math.min(kept, bound);
  }

  read(place: Place, options: ReadOptions): Batch {
    const { start, end, largest } = this.bounds(place);
    const from = Math.max(options.from, start);
    const limits = readLimits(options);
    const most = Math.min(limits.maxRecords, end - from);
    if (most <= 0) return { records: [], next: from, end };
    const room = { records: most, bytes: limits.maxBytes };
    const atOnce = Math.max(1, Math.floor(Math.min(limits.maxBytes, FETCH_BYTES) / largest));
    const records: LogRecord[] = [];
    let reader = this.#readerAt(place, from);
    for (;;) {
      reader?.take(records, from, room);
      if (room.records === 0) break;
      const at = reader?.offset ?? from;
      reader = this.#readerFrom(place, at, from + most, Math.min(atOnce, room.records));
      if (reader) continue;
      // Somebody may have trimmed between these statements.
      if (this.bounds(place).start > at) return this.read(place, options);
      throw damaged({ file: this.#connection.file, ...place }, at);
    }
    if (reader && !reader.isDone) this.#readers.set(place.id, reader);
    return { records, next: from + records.length, end };
  }

  #of(id: number): Statements {
    const known = this.#statements.get(id);
    if (known) return known;
    const statements = prepareFor(this.#connection, id);
    this.#statements.set(id, statements);
    return statements;
  }

  /** A reader of the batch with that offset, the kept one if it stands there; undefined: no batch begins at it or before. */
  #readerAt(place: Place, offset: number): BatchReader | undefined {
    const kept = this.#readers.get(place.id);
    this.#readers.delete(place.id);
    if (kept?.offset === offset) return kept;
    const row = this.#of(place.id).batchAt.get(offset);
    return row && this.#readerOf(place, row.records, Number(row.base));
  }

  /** A reader of the batches that begin in [base, end), the first at `base`; undefined: that one is missing. */
  #readerFrom(place: Place, base: number, end: number, rows: number): BatchReader | undefined {
    const row = this.#of(place.id).batches.get(base, end, rows);
    return row.base === base ? this.#readerOf(place, row.records, base) : undefined;
  }

  #readerOf({ topic, partition }: Place, bytes: Uint8Array, base: number): BatchReader {
    return new BatchReader({ file: this.#connection.file, topic, partition }, bytes, base);
  }

  /** First offset >= `from` in its batch with a timestamp >= `oldest`; the end of the batch: none. */
  #firstSince(place: Place, from: number, oldest: number): number {
    const row = this.#of(place.id).batchAt.get(from);
    const reader = this.#readerOf(place, row.records, Number(row.base));
    const records: LogRecord[] = [];
    reader.take(records, from, { records: Infinity, bytes: Infinity });
    return records.find(({ timestamp }) => timestamp >= oldest)?.offset ?? reader.offset;
  }
}

function prepareFor(connection: Connection, id: number) {
  const { name } = recordsTable(id);
  const prepare = (sql: string): Statement => connection.prepare(sql);
  return {
    insert: prepare(`INSERT INTO ${name} (base, count, newest, records) VALUES (?, ?, ?, ?)`),
    first: prepare(`SELECT min(base) AS base FROM ${name}`),
    rows: prepare(`
      SELECT base, count, newest FROM ${name}
      WHERE base >= (SELECT max(base) FROM ${name} WHERE base <= ?) AND base < ? ORDER BY base LIMIT ?`),
    deleteBelow: prepare(`DELETE FROM ${name} WHERE base < ?1 AND base + count <= ?1`),
    batchAt: prepare(
      `SELECT base, records FROM ${name} WHERE base <= ? ORDER BY base DESC LIMIT 1`,
    ),
    batches: prepare(`
      SELECT min(base) AS base, CAST(group_concat(records, '') AS BLOB) AS records
      FROM (SELECT base, records FROM ${name} WHERE base >= ? AND base < ? ORDER BY base LIMIT ?)`),
  };
}

/** What a transaction knows of a partition it writes to. */
interface Tail {
  readonly id: number;
  readonly insert: Statement;
  readonly encoder: BatchEncoder;
  end: number;
  largest: number;
}

/** Puts records behind the last ones of their partitions. Call `finish` before the commit. */
export class RecordWriter {
  readonly #open: (id: number) => Tail;
  readonly #close: (tail: Tail) => void;
  readonly #now: number;
  readonly #tails = new Map<number, Tail>();

  constructor(open: (id: number) => Tail, close: (tail: Tail) => void, now: number) {
    this.#open = open;
    this.#close = close;
    this.#now = now;
  }

  /**
   * @returns the record's offset
   * @throws RECORD_INVALID
   */
  put({ id }: Place, record: NewRecord): number {
    const timestamp = timestampOf(record, this.#now);
    let tail = this.#tails.get(id);
    if (!tail) this.#tails.set(id, (tail = this.#open(id)));
    tail.encoder.add(record, timestamp);
    if (tail.encoder.isFull) flush(tail);
    return tail.end++;
  }

  /** @returns ids of the partitions that were written to */
  finish(): Iterable<number> {
    for (const tail of this.#tails.values()) {
      flush(tail);
      this.#close(tail);
    }
    return this.#tails.keys();
  }
}

function flush(tail: Tail): void {
  const { encoder, insert } = tail;
  if (encoder.count === 0) return;
  const { base, count, newest } = encoder;
  const bytes = encoder.finish();
  insert.run(base, count, newest, bytes);
  if (bytes.length > tail.largest) tail.largest = bytes.length;
  encoder.begin(base + count);
}
