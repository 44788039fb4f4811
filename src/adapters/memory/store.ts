/** What the clients of a memory log share: topics, groups, checkpoints. Every method is one transaction, being synchronous. */
import type { LogRecord, NewRecord, TopicSpec } from '../../ports/event-log.ts';
import { planShares } from '../embedded/assignment.ts';
import { Compaction } from '../embedded/compaction.ts';
import type { Beat, Claim, Pulse } from '../embedded/member.ts';
import {
  bytesOf,
  maybeBytesOf,
  noSuchPartition,
  noSuchTopic,
  timestampOf,
} from '../embedded/records.ts';

/** Offsets are dense: `records[i].offset` is `start + i`. */
export interface StoredPartition {
  start: number;
  end: number;
  records: LogRecord[];
}

export interface StoredTopic {
  readonly spec: TopicSpec;
  readonly partitions: readonly StoredPartition[];
}

/** A consumer group of one topic. */
export interface StoredGroup {
  readonly name: string;
  readonly topic: string;
  /** Counts changes of members and claims. */
  version: number;
  readonly members: Map<string, ReadonlySet<number>>;
  /** By partition. An epoch stays when its owner leaves. */
  readonly claims: { epoch: number; owner: string | undefined }[];
  readonly positions: (number | undefined)[];
}

export class MemoryStore {
  readonly topics = new Map<string, StoredTopic>();
  readonly checkpoints = new Map<string, string>();
  readonly #groups = new Map<string, StoredGroup>();
  readonly #listeners = new Set<() => void>();

  topic(name: string): StoredTopic {
    const topic = this.topics.get(name);
    if (!topic) throw noSuchTopic(name);
    return topic;
  }

  partition(name: string, partition: number): StoredPartition {
    const { partitions } = this.topic(name);
    const found = partitions[partition];
    if (!found) throw noSuchPartition(name, partition, partitions.length);
    return found;
  }

  /** The group's state for a topic, made at first use. */
  group(name: string, topic: string): StoredGroup {
    const key = JSON.stringify([name, topic]);
    const made: StoredGroup = this.#groups.get(key) ?? {
      name,
      topic,
      version: 0,
      members: new Map(),
      claims: this.topic(topic).partitions.map(() => ({ epoch: 0, owner: undefined })),
      positions: this.topic(topic).partitions.map(() => undefined),
    };
    this.#groups.set(key, made);
    return made;
  }

  /** How many belong to the group, whatever its topic. */
  members(name: string): number {
    return [...this.#groups.values()]
      .filter((group) => group.name === name)
      .reduce((sum, { members }) => sum + members.size, 0);
  }

  /** Groups that ever consumed a topic. */
  groupsOf(topic: string): StoredGroup[] {
    return [...this.#groups.values()].filter(
      (group) => group.topic === topic && group.claims.some(({ epoch }) => epoch > 0),
    );
  }

  /** The record as it will be stored, or an error; changes nothing. */
  prepare(topic: string, partition: number, record: NewRecord, now: number): LogRecord {
    this.partition(topic, partition);
    return {
      topic,
      partition,
      offset: -1,
      timestamp: timestampOf(record, now),
      key: copy(maybeBytesOf(record.key)),
      value: copy(maybeBytesOf(record.value)),
      headers: (record.headers ?? []).map(([name, value]) => [
        Buffer.from(name).toString(),
        Uint8Array.from(bytesOf(value)),
      ]),
    };
  }

  /** Puts prepared records behind the last ones. @returns their offsets */
  commit(records: readonly LogRecord[]): number[] {
    const offsets = records.map((record) => {
      const log = this.partition(record.topic, record.partition);
      log.records.push({ ...record, offset: log.end });
      return log.end++;
    });
    this.#notify();
    return offsets;
  }

  /** Deletes below `before`; at most to the end. @returns how many */
  trim(log: StoredPartition, before: number): number {
    const start = Math.min(Math.max(before, log.start), log.end);
    const deleted = log.records.splice(0, start - log.start).length;
    log.start = start;
    return deleted;
  }

  /**
   * Keeps the last record of each key; see {@link Compaction}.
   *
   * @param passed positions of groups that consume the topic as a source
   * @returns how many records went
   */
  compact(log: StoredPartition, passed: readonly number[]): number {
    const compaction = new Compaction();
    for (const record of log.records) compaction.add(record);
    const { before, rewrite } = compaction.plan(passed.length === 0);
    const stay = rewrite
      ? log.records.filter((record) => record.offset < before && compaction.keeps(record))
      : [];
    this.commit(stay);
    return this.trim(log, Math.min(before, ...passed)) - stay.length;
  }

  /** A member's beat; see `Membership.beat`. Here nobody dies, so there are no leases. */
  beat(group: StoredGroup, fences: readonly StoredPartition[], me: string, beat: Beat): Pulse {
    const { members, claims } = group;
    if (members.get(me)?.size !== beat.declined.size) {
      members.set(me, new Set(beat.declined));
      this.touch(group);
    }
    const held = (partition: number): boolean =>
      claims[partition]?.owner === me && claims[partition].epoch === beat.held.get(partition);
    const lost = [...beat.held.keys()].filter((partition) => !held(partition));
    if (!beat.claiming) return { claimed: [], release: [], lost, version: group.version };
    const owners = claims.map(({ owner }, partition) =>
      owner !== undefined && members.has(owner) && (owner !== me || held(partition))
        ? owner
        : undefined,
    );
    const resting = new Set([...beat.resting, ...beat.held.keys()]);
    const plan = planShares({ me, owners, members, releasing: beat.releasing, resting });
    const claimed = plan.claim.map((partition) => this.#claim(group, fences, me, partition));
    return { claimed, release: plan.release, lost, version: group.version };
  }

  release(group: StoredGroup, me: string, partition: number, epoch: number): boolean {
    const claim = group.claims[partition];
    if (claim?.owner !== me || claim.epoch !== epoch) return false;
    claim.owner = undefined;
    this.touch(group);
    return true;
  }

  leave(group: StoredGroup, me: string): void {
    group.members.delete(me);
    for (const claim of group.claims) if (claim.owner === me) claim.owner = undefined;
    this.touch(group);
  }

  /** Notes a change of members or claims and wakes who waits for one. */
  touch(group: StoredGroup): void {
    group.version += 1;
    this.#notify();
  }

  /** Calls back after every change until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #claim(
    group: StoredGroup,
    fences: readonly StoredPartition[],
    me: string,
    partition: number,
  ): Claim {
    const epoch = (group.claims[partition]?.epoch ?? 0) + 1;
    group.claims[partition] = { epoch, owner: me };
    this.touch(group);
    return {
      partition,
      epoch,
      fence: fences[partition]?.end ?? 0,
      committed: group.positions[partition],
    };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes);
}
