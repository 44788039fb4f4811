/**
 * Deleting from the front of a partition, a bounded number of records a transaction, so that writers and readers get their turns.
 * The start moves record by record; a batch goes when its last record is below it.
 */
import { BATCH_MAX } from './batch-encoder.ts';
import { Compaction } from '../embedded/compaction.ts';
import { turn } from '../embedded/records.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import type { GroupTable } from './groups.ts';
import type { Place, RecordTable, RecordWriter } from './records.ts';
import type { Topic } from './topics.ts';

/** Not below the size of a batch, or none would go. */
const RECORDS = BATCH_MAX.records;
/** Of keys and values, looked at or written again in one go. */
const BYTES = 1 << 20;

/** One transaction that writes records and wakes their readers. */
type Write = <T>(work: (writer: RecordWriter) => T) => Promise<T>;

export class Retention {
  readonly #connection: Connection;
  readonly #records: RecordTable;
  readonly #groups: GroupTable;
  readonly #write: Write;
  readonly #setStart: Statement;
  /** By partition: the end when it was compacted. */
  readonly #compacted = new Map<number, number>();

  constructor(connection: Connection, records: RecordTable, groups: GroupTable, write: Write) {
    this.#connection = connection;
    this.#write = write;
    this.#records = records;
    this.#groups = groups;
    this.#setStart = connection.prepare(
      'UPDATE partitions SET "start" = max("start", ?) WHERE id = ?',
    );
  }

  /** Moves the start, which hides the records at once, then deletes them. A crash in between leaves them to the next call. */
  async trim(place: Place, before: number): Promise<void> {
    const start = await this.#connection.write(() => {
      const to = Math.min(before, this.#records.bounds(place).end);
      this.#setStart.run(to, place.id);
      return this.#records.bounds(place).start;
    });
    for (let more = true; more; await turn())
      more = await this.#connection.write(() => this.#deleteSome(place, start));
  }

  /**
   * Deletes what is older than the topic's retention and passed by all its groups; of a compacted topic, what later records of the
   * same keys replace.
   *
   * @returns how many records
   */
  async retain(topic: Topic, place: Place, now: number): Promise<number> {
    if (topic.cleanup === 'compact') return this.#compact(topic, place);
    if (topic.cleanup !== 'delete' || topic.retentionMs === undefined) return 0;
    const oldest = now - topic.retentionMs;
    let deleted = 0;
    for (let some = 1; some > 0; await turn()) {
      some = await this.#connection.write(() => this.#retainSome(topic, place, oldest));
      deleted += some;
    }
    return deleted;
  }

  async #compact(topic: Topic, place: Place): Promise<number> {
    const { start, end } = await this.#connection.read(() => this.#records.bounds(place));
    if (this.#compacted.get(place.id) === end) return 0;
    const compaction = new Compaction();
    for (let from = start; from < end; await turn())
      from = await this.#connection.read(() => this.#look(place, compaction, from));
    // Where somebody consumes the topic as a source, nothing that is still to be passed goes, and nothing comes twice.
    const passed = await this.#connection.read(() =>
      this.#groups.lowestPosition(topic, place.partition),
    );
    const { before, rewrite } = compaction.plan(passed === undefined);
    let rewritten = 0;
    for (let from = rewrite ? start : before; from < before; await turn()) {
      const some = await this.#write((writer) =>
        this.#rewriteSome(place, compaction, writer, before),
      );
      rewritten += some.rewritten;
      from = some.next;
    }
    await this.trim(place, Math.min(before, passed ?? before));
    const after = await this.#connection.read(() => this.#records.bounds(place));
    this.#compacted.set(place.id, after.end);
    return Math.max(0, after.start - start - rewritten);
  }

  /** Shows some records from `from` on to the compaction. @returns where to go on */
  #look(place: Place, compaction: Compaction, from: number): number {
    const { records, next } = this.#records.read(place, {
      from,
      maxRecords: RECORDS,
      maxBytes: BYTES,
    });
    for (const record of records) compaction.add(record);
    return next;
  }

  /** Writes the first records again that stay, and moves the start behind them. */
  #rewriteSome(
    place: Place,
    compaction: Compaction,
    writer: RecordWriter,
    before: number,
  ): { readonly next: number; readonly rewritten: number } {
    const { end } = this.#records.bounds(place);
    // What came since: a record may have been replaced.
    while (compaction.next < end) this.#look(place, compaction, compaction.next);
    const { start } = this.#records.bounds(place);
    const batch = this.#records.read(place, { from: start, maxRecords: RECORDS, maxBytes: BYTES });
    const stay = batch.records.filter(
      (record) => record.offset < before && compaction.keeps(record),
    );
    for (const record of stay) writer.put(place, record);
    const next = Math.min(before, batch.next);
    this.#setStart.run(next, place.id);
    this.#records.deleteBelow(place, next);
    return { next, rewritten: stay.length };
  }

  #deleteSome(place: Place, before: number): boolean {
    const first = this.#records.first(place);
    if (first === undefined || first >= before) return false;
    this.#records.deleteBelow(place, Math.min(before, first + RECORDS));
    return first + RECORDS < before;
  }

  #retainSome(topic: Topic, place: Place, oldest: number): number {
    const { start, end } = this.#records.bounds(place);
    const bound = Math.min(end, this.#groups.lowestPosition(topic, place.partition) ?? end);
    const kept = this.#records.firstKept(place, { from: start, bound, oldest, most: RECORDS });
    if (kept === start) return 0;
    this.#records.deleteBelow(place, kept);
    this.#setStart.run(kept, place.id);
    return kept - start;
  }
}
