/** Topics and partitions: made once, never altered, so what was read is kept. */
import type { TopicDescription, TopicReport, TopicSpec } from '../../ports/event-log.ts';
import { Partitioner } from '../../ports/partitioner.ts';
import { compareTopic, noSuchPartition, noSuchTopic } from '../embedded/records.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import type { Place, RecordTable } from './records.ts';
import { recordsTable } from './schema.ts';

export interface Topic {
  readonly id: number;
  readonly name: string;
  readonly cleanup: 'delete' | 'compact';
  readonly retentionMs: number | undefined;
  readonly places: readonly Place[];
  readonly partitioner: Partitioner;
}

export class TopicTable {
  readonly #connection: Connection;
  readonly #records: RecordTable;
  readonly #known = new Map<string, Topic>();
  readonly #names: Statement;
  readonly #topic: Statement;
  readonly #places: Statement;
  readonly #insertTopic: Statement;
  readonly #insertPlace: Statement;

  constructor(connection: Connection, records: RecordTable) {
    this.#connection = connection;
    this.#records = records;
    this.#names = connection.prepare('SELECT name FROM topics');
    this.#topic = connection.prepare('SELECT id, cleanup, retention_ms FROM topics WHERE name = ?');
    this.#places = connection.prepare(
      'SELECT id, partition FROM partitions WHERE topic = ? ORDER BY partition',
    );
    this.#insertTopic = connection.prepare(
      'INSERT INTO topics (name, cleanup, retention_ms) VALUES (?, ?, ?) RETURNING id',
    );
    this.#insertPlace = connection.prepare(
      'INSERT INTO partitions (topic, partition) VALUES (?, ?) RETURNING id',
    );
  }

  names(): string[] {
    const rows: { readonly name: string }[] = this.#names.all();
    return rows.map(({ name }) => name).toSorted();
  }

  find(name: string): Topic | undefined {
    const known = this.#known.get(name);
    if (known) return known;
    const row = this.#topic.get(name);
    if (!row) return undefined;
    const rows: { readonly id: number; readonly partition: number }[] = this.#places.all(row.id);
    const topic: Topic = {
      id: Number(row.id),
      name,
      cleanup: row.cleanup === 'compact' ? 'compact' : 'delete',
      retentionMs: row.retention_ms === null ? undefined : Number(row.retention_ms),
      places: rows.map(({ id, partition }) => ({ id, topic: name, partition })),
      partitioner: new Partitioner(rows.length),
    };
    this.#known.set(name, topic);
    return topic;
  }

  /** @throws NOT_FOUND */
  get(name: string): Topic {
    const topic = this.find(name);
    if (!topic) throw noSuchTopic(name);
    return topic;
  }

  /** @throws NOT_FOUND */
  place(name: string, partition: number): Place {
    const { places } = this.get(name);
    const place = places[partition];
    if (!place) throw noSuchPartition(name, partition, places.length);
    return place;
  }

  describe(name: string): TopicDescription | undefined {
    const topic = this.find(name);
    if (!topic) return undefined;
    const { cleanup, retentionMs, places } = topic;
    const partitions = places.map((place) => {
      const { start, end } = this.#records.bounds(place);
      return { start, end };
    });
    return { name, cleanup, retentionMs, partitions };
  }

  /** To be called after a transaction that made topics was rolled back. */
  forget(): void {
    this.#known.clear();
  }

  /** Makes the topic if it is missing: to be called in a write transaction. */
  ensure(spec: TopicSpec): TopicReport {
    const found = this.describe(spec.name);
    if (found) return compareTopic(spec, found);
    const { id } = this.#insertTopic.get(spec.name, spec.cleanup, spec.retentionMs ?? null);
    for (let partition = 0; partition < spec.partitions; partition++)
      this.#connection.prepare(recordsTable(this.#insertPlace.get(id, partition).id).make).run();
    return { name: spec.name, status: 'created', differences: [] };
  }
}
