/**
 * The embedded log: one SQLite file in WAL mode, shared by any number of processes of one machine.
 *
 *   append, transact ─► Connection.write: one IMMEDIATE transaction ─► Waiters.notify: followers of this process
 *   read ─► RecordTable.read; nothing there ─► Waiters.wait: own commits, and those of other processes
 *   own ─► Member (leases, shares) ─► GroupTable.beat / check: epochs
 *
 * Survives the death of a process at any instruction; a power cut may take the last commits unless `synchronous` is full.
 */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { ValenceError } from '../../errors.ts';
import type {
  AppendOutcome,
  Batch,
  Checkpoint,
  Commit,
  DiagnosisSubject,
  EventLog,
  Finding,
  NewRecord,
  OwnedPartition,
  OwnOptions,
  ReadOptions,
  TopicDescription,
  TopicReport,
  TopicSpec,
} from '../../ports/event-log.ts';
import { type Claim, type Membership, runMember } from '../embedded/member.ts';
import {
  checkOffset,
  checkSpec,
  closedLog,
  fenced,
  maybeBytesOf,
  turn,
} from '../embedded/records.ts';
import { Connection, isCommitUnknown } from './connection.ts';
import { diagnoseSqlite } from './diagnose.ts';
import type { Statement } from './driver.ts';
import { fencePlaces, GroupTable, type MemberKey } from './groups.ts';
import { RecordTable, type RecordWriter } from './records.ts';
import { Retention } from './retention.ts';
import { type Topic, TopicTable } from './topics.ts';
import { Waiters } from './waiters.ts';

export interface SqliteOptions {
  /** Default normal. */
  readonly synchronous?: 'normal' | 'full';
  /** How long to wait for a lock that another process holds, ms. Default 5000. */
  readonly lockTimeoutMs?: number;
  /** How long a member lives without a sign, ms. Default 2000; it gives one four times in that. */
  readonly leaseMs?: number;
  /** Largest size of the file, bytes: beyond it, LOG_FULL. Default: what the disk holds. */
  readonly maxBytes?: number;
}

const DEFAULTS = { synchronous: 'normal', lockTimeoutMs: 5000, leaseMs: 2000 } as const;

export class SqliteEventLog implements EventLog {
  readonly url: string;
  readonly #connection: Connection;
  readonly #leaseMs: number;
  readonly #records: RecordTable;
  readonly #topics: TopicTable;
  readonly #groups: GroupTable;
  readonly #retention: Retention;
  readonly #waiters: Waiters;
  readonly #checkpoint: Statement;
  readonly #setCheckpoint: Statement;
  readonly #closing = new AbortController();
  readonly #members = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  private constructor(url: string, connection: Connection, leaseMs: number) {
    this.url = url;
    this.#connection = connection;
    this.#leaseMs = leaseMs;
    this.#records = new RecordTable(connection);
    this.#topics = new TopicTable(connection, this.#records);
    this.#groups = new GroupTable(connection, this.#records, leaseMs);
    this.#retention = new Retention(connection, this.#records, this.#groups, (work) =>
      this.#write(work),
    );
    this.#waiters = new Waiters(`${connection.file}-wal`, () => connection.dataVersion());
    this.#checkpoint = connection.prepare('SELECT value FROM checkpoints WHERE name = ?');
    this.#setCheckpoint = connection.prepare(
      'INSERT INTO checkpoints (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    );
  }

  /**
   * Opens the file, making it and its folders where they are missing.
   *
   * @throws LOG_CORRUPT not a log of ours, or damaged; the file is left as it is
   * @throws LOG_VERSION, LOG_READ_ONLY, LOG_UNAVAILABLE, LOG_FULL
   */
  static async open(file: string, options: SqliteOptions = {}): Promise<SqliteEventLog> {
    const { synchronous, lockTimeoutMs, leaseMs, maxBytes } = { ...DEFAULTS, ...options };
    const connection = await Connection.open(resolve(file), {
      synchronous,
      lockTimeoutMs,
      maxBytes,
    });
    try {
      const query = synchronous === 'full' ? '?synchronous=full' : '';
      return new SqliteEventLog(`sqlite:${file}${query}`, connection, leaseMs);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<readonly TopicReport[]> {
    this.#check();
    specs.forEach(checkSpec);
    const ensure = (): TopicReport[] => specs.map((spec) => this.#topics.ensure(spec));
    const missing = await this.#connection.read(() =>
      specs.some(({ name }) => !this.#topics.find(name)),
    );
    if (!missing) return this.#connection.read(ensure);
    try {
      return await this.#connection.write(ensure);
    } catch (error) {
      this.#topics.forget();
      throw error;
    }
  }

  async listTopics(): Promise<readonly string[]> {
    this.#check();
    return this.#connection.read(() => this.#topics.names());
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    this.#check();
    return this.#connection.read(() => this.#topics.describe(topic));
  }

  async append(
    name: string,
    records: readonly NewRecord[],
    options: { readonly checkpoint?: Checkpoint } = {},
  ): Promise<readonly AppendOutcome[]> {
    this.#check();
    const topic = await this.#connection.read(() => this.#topics.get(name));
    const { checkpoint } = options;
    try {
      const outcomes = await this.#write((writer) => {
        const made = records.map((record) => this.#put(writer, topic, record));
        if (checkpoint)
          this.#setCheckpoint.run(Buffer.from(checkpoint.name), Buffer.from(checkpoint.value));
        return made;
      });
      await turn();
      return outcomes;
    } catch (error) {
      if (!isCommitUnknown(error)) throw error;
      return records.map(() => ({ status: 'unknown', error }));
    }
  }

  async checkpoint(name: string): Promise<string | undefined> {
    this.#check();
    const row = await this.#connection.read(() => this.#checkpoint.get(Buffer.from(name)));
    return row ? Buffer.from(row.value).toString() : undefined;
  }

  async read(topic: string, partition: number, options: ReadOptions): Promise<Batch> {
    this.#check();
    checkOffset(options.from);
    const place = await this.#connection.read(() => this.#topics.place(topic, partition));
    const look = (): Batch => this.#records.read(place, options);
    const { waitMs = 0, signal } = options;
    const first = await this.#connection.read(look);
    await turn();
    if (first.records.length > 0 || waitMs <= 0) return first;
    const hasMore = (): boolean => this.#records.bounds(place).end > first.next;
    await this.#waiters.wait(place.id, hasMore, waitMs, signal);
    return this.#closed ? first : this.#connection.read(look);
  }

  async own(options: OwnOptions, handler: (owned: OwnedPartition) => Promise<void>): Promise<void> {
    this.#check();
    const member = this.#join(options, handler);
    this.#members.add(member);
    try {
      await member;
    } finally {
      this.#members.delete(member);
    }
  }

  async committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    this.#check();
    return this.#connection.read(() => {
      const found = this.#topics.get(topic);
      const id = this.#groups.find(group, found);
      if (id === undefined) return found.places.map(() => undefined);
      return this.#groups.positions(id, found.places.length);
    });
  }

  async members(group: string): Promise<number> {
    this.#check();
    return this.#connection.read(() => this.#groups.countMembers(group, Date.now()));
  }

  async trim(topic: string, partition: number, before: number): Promise<void> {
    this.#check();
    checkOffset(before);
    const place = await this.#connection.read(() => this.#topics.place(topic, partition));
    await this.#retention.trim(place, before);
  }

  async retain(
    now: number,
  ): Promise<{ readonly topic: string; readonly partition: number; readonly deleted: number }[]> {
    this.#check();
    const topics = await this.#connection.read(() =>
      this.#topics.names().map((name) => this.#topics.get(name)),
    );
    const report = [];
    for (const topic of topics)
      for (const place of topic.places) {
        const deleted = await this.#retention.retain(topic, place, now);
        if (deleted > 0) report.push({ topic: topic.name, partition: place.partition, deleted });
      }
    return report;
  }

  async diagnose(subject: DiagnosisSubject): Promise<readonly Finding[]> {
    this.#check();
    return this.#connection.read(() => diagnoseSqlite(this.#connection, subject, Date.now()));
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#waiters.close();
    await Promise.allSettled(this.#members);
    await this.#connection.close();
  }

  #check(): void {
    if (this.#closing.signal.aborted) throw closedLog(this.url);
  }

  /** One transaction that writes records; wakes their followers when it is committed. */
  async #write<T>(work: (writer: RecordWriter) => T): Promise<T> {
    const { result, changed } = await this.#connection.write(() => {
      const writer = this.#records.writer(Date.now());
      const made = work(writer);
      return { result: made, changed: writer.finish() };
    });
    this.#waiters.notify(changed);
    return result;
  }

  #put(writer: RecordWriter, topic: Topic, record: NewRecord): AppendOutcome {
    try {
      const partition = record.partition ?? choosePartition(topic, record.key);
      const place = topic.places[partition] ?? this.#topics.place(topic.name, partition);
      return { status: 'ok', partition, offset: writer.put(place, record) };
    } catch (error) {
      if (error instanceof ValenceError) return { status: 'failed', error };
      throw error;
    }
  }

  async #join(
    options: OwnOptions,
    handler: (owned: OwnedPartition) => Promise<void>,
  ): Promise<void> {
    const key = await this.#connection.write((): MemberKey => {
      const topic = this.#topics.get(options.topic);
      return {
        group: this.#groups.ensure(options.group, topic),
        me: randomUUID(),
        places: topic.places,
        fences:
          options.fenceTopic === undefined
            ? []
            : fencePlaces(topic, this.#topics.get(options.fenceTopic)),
      };
    });
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const { onChange, onHeartbeat } = options;
    await runMember(
      this.#membership(key),
      {
        signal,
        beatMs: this.#leaseMs / 4,
        ...(onChange && { onChange }),
        ...(onHeartbeat && { onHeartbeat }),
      },
      handler,
    );
  }

  #membership(key: MemberKey): Membership {
    const name = `group ${key.group}`;
    const change = async <T>(work: () => T): Promise<T> => {
      const result = await this.#connection.write(work);
      this.#waiters.notify([name]);
      return result;
    };
    return {
      partitions: key.places.length,
      beat: (beat) => change(() => this.#groups.beat(key, beat, Date.now())),
      release: (partition, epoch) => change(() => this.#groups.release(key, partition, epoch)),
      leave: () => change(() => this.#groups.leave(key)),
      changed: (version, ms, signal) =>
        this.#waiters.wait(name, () => this.#groups.version(key.group) !== version, ms, signal),
      owned: (claim, signal) => this.#owned(key, claim, signal),
    };
  }

  #owned(key: MemberKey, { partition, ...claim }: Claim, signal: AbortSignal): OwnedPartition {
    const topic = key.places[partition]?.topic ?? '';
    let failed = false;
    const check = (): void => {
      if (failed) throw fenced(topic, partition, claim.epoch);
      this.#groups.check(key, partition, claim.epoch);
    };
    return {
      topic,
      partition,
      ...claim,
      signal,
      next: async (options) => {
        const batch = await this.read(topic, partition, { ...options, signal });
        await this.#connection.read(check);
        return batch;
      },
      transact: async (commit: Commit) => {
        try {
          await this.#write((writer) => {
            check();
            for (const record of commit.records)
              writer.put(this.#topics.place(record.topic, record.partition), record);
            if (commit.position !== undefined)
              this.#groups.setPosition(key, partition, commit.position);
          });
        } catch (error) {
          failed = true;
          throw error;
        }
      },
    };
  }
}

function choosePartition({ places, partitioner }: Topic, key: NewRecord['key']): number {
  return places.length === 1 ? 0 : partitioner.choose(maybeBytesOf(key));
}
