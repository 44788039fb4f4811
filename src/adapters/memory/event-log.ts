/**
 * The log in memory: for tests, trials, and as the readable reference of what the port promises. Clients made on one
 * {@link MemoryStore} behave like processes on one log.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { ValenceError } from '../../errors.ts';
import type {
  AppendOutcome,
  Batch,
  Checkpoint,
  Commit,
  EventLog,
  NewRecord,
  OwnedPartition,
  OwnOptions,
  ReadOptions,
  TopicDescription,
  TopicReport,
  TopicSpec,
} from '../../ports/event-log.ts';
import { Partitioner } from '../../ports/partitioner.ts';
import { type Claim, type Membership, runMember } from '../embedded/member.ts';
import {
  checkOffset,
  checkSpec,
  closedLog,
  compareTopic,
  fenced,
  maybeBytesOf,
  readLimits,
  turn,
} from '../embedded/records.ts';
import { MemoryStore, type StoredGroup } from './store.ts';

const BEAT_MS = 500;

export class MemoryEventLog implements EventLog {
  readonly url = 'memory:';
  readonly #store: MemoryStore;
  readonly #partitioners = new Map<string, Partitioner>();
  readonly #closing = new AbortController();
  readonly #members = new Set<Promise<void>>();
  /** Ends each wait under way. */
  readonly #waits = new Set<() => void>();

  constructor(store: MemoryStore = new MemoryStore()) {
    this.#store = store;
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<readonly TopicReport[]> {
    this.#check();
    specs.forEach(checkSpec);
    return specs.map((spec) => {
      const found = this.#describe(spec.name);
      if (found) return compareTopic(spec, found);
      const partitions = Array.from({ length: spec.partitions }, () => ({
        start: 0,
        end: 0,
        records: [],
      }));
      this.#store.topics.set(spec.name, { spec, partitions });
      return { name: spec.name, status: 'created', differences: [] };
    });
  }

  async listTopics(): Promise<readonly string[]> {
    this.#check();
    return [...this.#store.topics.keys()].toSorted();
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    this.#check();
    return this.#describe(topic);
  }

  async append(
    topic: string,
    records: readonly NewRecord[],
    options: { readonly checkpoint?: Checkpoint } = {},
  ): Promise<readonly AppendOutcome[]> {
    this.#check();
    const now = Date.now();
    const partitioner = this.#partitioner(topic);
    const outcomes = records.map((record): AppendOutcome => {
      try {
        const partition = record.partition ?? partitioner.choose(maybeBytesOf(record.key));
        const [offset = -1] = this.#store.commit([
          this.#store.prepare(topic, partition, record, now),
        ]);
        return { status: 'ok', partition, offset };
      } catch (error) {
        if (error instanceof ValenceError) return { status: 'failed', error };
        throw error;
      }
    });
    const { checkpoint } = options;
    if (checkpoint) this.#store.checkpoints.set(checkpoint.name, checkpoint.value);
    await turn();
    return outcomes;
  }

  async checkpoint(name: string): Promise<string | undefined> {
    this.#check();
    return this.#store.checkpoints.get(name);
  }

  async read(topic: string, partition: number, options: ReadOptions): Promise<Batch> {
    this.#check();
    checkOffset(options.from);
    const log = this.#store.partition(topic, partition);
    const { waitMs = 0, signal } = options;
    const first = this.#readNow(topic, partition, options);
    await turn();
    if (first.records.length > 0 || waitMs <= 0) return first;
    await this.#until(() => log.end > first.next, waitMs, signal);
    return this.#readNow(topic, partition, options);
  }

  async own(options: OwnOptions, handler: (owned: OwnedPartition) => Promise<void>): Promise<void> {
    this.#check();
    const membership = this.#membership(options);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const { onChange, onHeartbeat } = options;
    const member = runMember(
      membership,
      {
        signal,
        beatMs: BEAT_MS,
        ...(onChange && { onChange }),
        ...(onHeartbeat && { onHeartbeat }),
      },
      handler,
    );
    this.#members.add(member);
    try {
      await member;
    } finally {
      this.#members.delete(member);
    }
  }

  async committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    this.#check();
    return [...this.#store.group(group, topic).positions];
  }

  async members(group: string): Promise<number> {
    this.#check();
    return this.#store.members(group);
  }

  async trim(topic: string, partition: number, before: number): Promise<void> {
    this.#check();
    checkOffset(before);
    this.#store.trim(this.#store.partition(topic, partition), before);
  }

  async retain(
    now: number,
  ): Promise<{ readonly topic: string; readonly partition: number; readonly deleted: number }[]> {
    this.#check();
    return [...this.#store.topics.values()].flatMap(({ spec, partitions }) => {
      const { name: topic, cleanup, retentionMs } = spec;
      const groups = this.#store.groupsOf(topic);
      if (cleanup === 'compact')
        return partitions.flatMap((log, partition) => {
          const passed = groups.map(({ positions }) => positions[partition] ?? 0);
          const deleted = this.#store.compact(log, passed);
          return deleted > 0 ? [{ topic, partition, deleted }] : [];
        });
      if (retentionMs === undefined) return [];
      return partitions.flatMap((log, partition) => {
        const fresh = log.records.find(({ timestamp }) => timestamp >= now - retentionMs);
        const positions = groups.map(({ positions: each }) => each[partition] ?? 0);
        const deleted = this.#store.trim(log, Math.min(fresh?.offset ?? log.end, ...positions));
        return deleted > 0 ? [{ topic, partition, deleted }] : [];
      });
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const end of this.#waits) end();
    await Promise.allSettled(this.#members);
  }

  #check(): void {
    if (this.#closing.signal.aborted) throw closedLog(this.url);
  }

  #describe(name: string): TopicDescription | undefined {
    const topic = this.#store.topics.get(name);
    if (!topic) return undefined;
    const { cleanup, retentionMs } = topic.spec;
    const partitions = topic.partitions.map(({ start, end }) => ({ start, end }));
    return { name, cleanup, retentionMs, partitions };
  }

  #partitioner(topic: string): Partitioner {
    const made =
      this.#partitioners.get(topic) ?? new Partitioner(this.#store.topic(topic).partitions.length);
    this.#partitioners.set(topic, made);
    return made;
  }

  #readNow(topic: string, partition: number, options: ReadOptions): Batch {
    const log = this.#store.partition(topic, partition);
    const { maxRecords, maxBytes } = readLimits(options);
    const from = Math.max(options.from, log.start);
    const found = log.records.slice(from - log.start, from - log.start + maxRecords);
    let bytes = 0;
    const cut = found.findIndex(({ key, value }, index) => {
      bytes += (key?.length ?? 0) + (value?.length ?? 0);
      return index > 0 && bytes > maxBytes;
    });
    const records = cut < 0 ? found : found.slice(0, cut);
    return { records, next: from + records.length, end: log.end };
  }

  /** Resolves when the condition holds, `ms` have passed, the signal aborts or the log closes. */
  async #until(condition: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    if (condition() || signal?.aborted || this.#closing.signal.aborted) return;
    // A signal may end any number of waits; Node warns from the eleventh on.
    if (signal) setMaxListeners(0, signal);
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        stop();
        this.#waits.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
      const stop = this.#store.listen(() => condition() && end());
      this.#waits.add(end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  #membership({ group: name, topic, fenceTopic }: OwnOptions): Membership {
    const store = this.#store;
    const { partitions } = store.topic(topic);
    const fences =
      fenceTopic === undefined
        ? []
        : partitions.map((_, partition) => store.partition(fenceTopic, partition));
    const group = store.group(name, topic);
    const me = randomUUID();
    return {
      partitions: partitions.length,
      beat: async (beat) => store.beat(group, fences, me, beat),
      release: async (partition, epoch) => store.release(group, me, partition, epoch),
      leave: async () => store.leave(group, me),
      changed: (version, ms, signal) => this.#until(() => group.version !== version, ms, signal),
      owned: (claim, signal) => this.#owned(topic, group, me, claim, signal),
    };
  }

  #owned(
    topic: string,
    group: StoredGroup,
    me: string,
    { partition, ...claim }: Claim,
    signal: AbortSignal,
  ): OwnedPartition {
    let failed = false;
    const check = (): void => {
      const stands = group.claims[partition];
      if (failed || stands?.owner !== me || stands.epoch !== claim.epoch)
        throw fenced(topic, partition, claim.epoch);
    };
    const transact = ({ records, position }: Commit): void => {
      check();
      const now = Date.now();
      const prepared = records.map((record) =>
        this.#store.prepare(record.topic, record.partition, record, now),
      );
      if (position !== undefined) group.positions[partition] = position;
      this.#store.commit(prepared);
    };
    return {
      topic,
      partition,
      ...claim,
      signal,
      next: async (options) => {
        check();
        const batch = await this.read(topic, partition, { ...options, signal });
        check();
        return batch;
      },
      transact: async (commit) => {
        try {
          transact(commit);
        } catch (error) {
          failed = true;
          throw error;
        }
      },
    };
  }
}
