/**
 * Deleting from the front of a partition, a bounded number of records a transaction, so that writers and readers get their turns.
 * The start moves record by record; a batch goes when its last record is below it.
 */
import { BATCH_MAX } from './batch-encoder.ts';
import { turn } from '../embedded/records.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import type { GroupTable } from './groups.ts';
import type { Place, RecordTable } from './records.ts';
import type { Topic } from './topics.ts';

/** Not below the size of a batch, or none would go. */
const RECORDS = BATCH_MAX.records;

export class Retention {
  readonly #connection: Connection;
  readonly #records: RecordTable;
  readonly #groups: GroupTable;
  readonly #setStart: Statement;

  constructor(connection: Connection, records: RecordTable, groups: GroupTable) {
    this.#connection = connection;
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

  /** Deletes what is older than the topic's retention and passed by all its groups. @returns how many records */
  async retain(topic: Topic, place: Place, now: number): Promise<number> {
    if (topic.cleanup !== 'delete' || topic.retentionMs === undefined) return 0;
    const oldest = now - topic.retentionMs;
    let deleted = 0;
    for (let some = 1; some > 0; await turn()) {
      some = await this.#connection.write(() => this.#retainSome(topic, place, oldest));
      deleted += some;
    }
    return deleted;
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
