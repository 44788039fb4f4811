/**
 * `EventLog.own` on Kafka: a member of the group that claims what the group gives it.
 *
 *   beat ─► heartbeat ─┬─ stable                                        claim ─► new producer: fences the old one
 *                      ├─ rejoin: join again with what is held                    barrier in the fence topic: its offset is the
 *                      └─ expelled: what is held counts as lost, join                  epoch, all earlier commits lie below it
 *                                                                                position of the group, now final
 *
 * The loop around the beats, and what happens when handlers end, is that of the embedded logs (`runMember`).
 */
import { randomUUID } from 'node:crypto';
import { BARRIER_KEY } from '../../../topics/index.ts';
import { isValenceError, ValenceError } from '../../errors.ts';
import type {
  Commit,
  OwnedPartition,
  OwnOptions,
  TopicDescription,
} from '../../ports/event-log.ts';
import { pause } from '../../ports/pause.ts';
import {
  runMember,
  type Beat,
  type Claim,
  type Membership,
  type Pulse,
} from '../embedded/member.ts';
import { closeNow, createCluster, type Cluster, type KafkaSettings } from './driver.ts';
import { toLogError } from './errors.ts';
import { GroupMember } from './group.ts';
import { SourceReader } from './source-reader.ts';
import { TransactionalProducer } from './transaction.ts';

export interface OwnersOptions {
  readonly settings: KafkaSettings;
  /** Without a heartbeat for this long a member is taken for dead, ms. */
  readonly sessionTimeoutMs: number;
  readonly describeTopic: (topic: string) => Promise<TopicDescription | undefined>;
  readonly committed: (group: string, topic: string) => Promise<readonly (number | undefined)[]>;
}

/** Members learn of a rebalance by a heartbeat: so long a join of another one takes, ms. */
const HEARTBEAT_MS = 500;
/** Pause before a join that the group overtook is repeated, ms. */
const REJOIN_MS = 50;
/** How long a join waits for members that do not answer, ms: with a session's time-out less than what ends a worker as stalled. */
const REBALANCE_TIMEOUT_MS = 15_000;
/** A claim that takes longer than this part of a session is given up and tried again: heartbeats wait for it. */
const CLAIM_PART = 0.6;
/** Beats come again and again: none of them waits long for a broker that is away. */
const CLUSTER = { retries: 1 } as const;
/** So many fences in a minute without a rebalance: somebody else works under the same names. */
const MOST_FENCES = 3;
const FENCES_MS = 60_000;

export class KafkaOwners {
  readonly #options: OwnersOptions;
  readonly #members = new Set<{ readonly stop: AbortController; readonly done: Promise<void> }>();

  constructor(options: OwnersOptions) {
    this.#options = options;
  }

  /** As `EventLog.own`. */
  async own(options: OwnOptions, handler: (owned: OwnedPartition) => Promise<void>): Promise<void> {
    if (options.signal.aborted) return;
    const stop = new AbortController();
    const done = this.#run(options, handler, AbortSignal.any([options.signal, stop.signal]));
    const member = { stop, done };
    this.#members.add(member);
    try {
      await done;
    } finally {
      this.#members.delete(member);
    }
  }

  /** Tells all members to finish, and waits for them. */
  async close(): Promise<void> {
    for (const { stop } of this.#members) stop.abort();
    await Promise.allSettled([...this.#members].map(({ done }) => done));
  }

  async #run(
    options: OwnOptions,
    handler: (owned: OwnedPartition) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const partitions = await this.#partitions(options.topic);
    if (options.fenceTopic !== undefined) {
      const fences = await this.#partitions(options.fenceTopic);
      if (fences < partitions)
        throw new ValenceError(
          'NOT_FOUND',
          `topic ${options.fenceTopic} has ${fences} partitions, ${options.topic} has ${partitions}`,
        );
    }
    const membership = new KafkaMembership(this.#options, options, partitions);
    const { onChange, onHeartbeat } = options;
    try {
      await runMember(
        membership,
        {
          signal,
          beatMs: HEARTBEAT_MS,
          patienceMs: Number.POSITIVE_INFINITY,
          ...(onChange && { onChange }),
          ...(onHeartbeat && { onHeartbeat }),
        },
        handler,
      );
    } finally {
      await membership.close();
    }
  }

  async #partitions(topic: string): Promise<number> {
    const found = await this.#options.describeTopic(topic);
    if (found === undefined)
      throw new ValenceError('NOT_FOUND', `no topic named '${topic}'`, { topic });
    return found.partitions.length;
  }
}

/** A claim with what it needs to write. */
interface Held {
  readonly claim: Claim;
  readonly cluster: Cluster;
  readonly producer: TransactionalProducer;
  /** Transactions of a partition go one after the other. */
  last: Promise<unknown>;
  dead: boolean;
  /** Somebody else may have the partition. */
  fenced: boolean;
}

class KafkaMembership implements Membership {
  readonly partitions: number;
  readonly #kafka: OwnersOptions;
  readonly #own: OwnOptions;
  readonly #groupCluster: Cluster;
  readonly #sourceCluster: Cluster;
  readonly #member: GroupMember;
  readonly #reader: SourceReader;
  readonly #name = `${process.pid}.${randomUUID()}`;
  readonly #held = new Map<number, Held>();
  /** Pauses before a failed claim is tried again: by partition, ms of performance.now(). */
  readonly #rests = new Map<number, { readonly errors: number; readonly until: number }>();
  /** Held when the group expelled us; to be told at the next beat. */
  readonly #lost = new Set<number>();
  #assigned: readonly number[] = [];
  #declined = 0;
  /** The group does not know what we hold: join again. */
  #stale = true;
  /** Ends the waits for a change. */
  readonly #wakers = new Set<() => void>();
  #version = 0;
  /** Partitions whose producer was fenced, until the group has said whether they were ours to begin with. */
  readonly #suspects = new Set<number>();
  /** By partition: when it was fenced though the group gave it to us, ms of performance.now(). */
  readonly #fences = new Map<number, readonly number[]>();
  #isJoining = false;

  constructor(kafka: OwnersOptions, own: OwnOptions, partitions: number) {
    this.partitions = partitions;
    this.#kafka = kafka;
    this.#own = own;
    this.#groupCluster = createCluster(kafka.settings, CLUSTER);
    this.#sourceCluster = createCluster(kafka.settings, CLUSTER);
    this.#member = new GroupMember(this.#groupCluster, {
      group: own.group,
      topic: own.topic,
      partitions,
      sessionTimeoutMs: kafka.sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
    });
    this.#reader = new SourceReader(this.#sourceCluster, own.topic);
  }

  async beat({ held, declined, resting, claiming }: Beat): Promise<Pulse> {
    const lost = await this.#hearten(declined, claiming);
    const now = performance.now();
    const free = claiming
      ? this.#assigned.filter(
          (partition) =>
            !held.has(partition) &&
            !declined.has(partition) &&
            !resting.has(partition) &&
            (this.#rests.get(partition)?.until ?? 0) <= now,
        )
      : [];
    const claimed = await Promise.all(free.map((partition) => this.#tryClaim(partition)));
    const assigned = new Set(this.#assigned);
    return {
      claimed: claimed.filter((claim) => claim !== undefined),
      release: [...held.keys()].filter((partition) => !assigned.has(partition)),
      lost,
      version: this.#version,
    };
  }

  async release(partition: number, epoch: number): Promise<boolean> {
    const held = this.#held.get(partition);
    if (held === undefined || held.claim.epoch !== epoch) return false;
    this.#held.delete(partition);
    this.#reader.drop(partition);
    discard(held.cluster);
    // What was to be given up is given up: the others may have it.
    if (!this.#assigned.includes(partition)) this.#stale = true;
    this.#nudge();
    return !held.fenced;
  }

  async leave(): Promise<void> {
    await this.#member.leave();
  }

  async changed(version: number, ms: number, signal: AbortSignal): Promise<void> {
    if (version !== this.#version || signal.aborted) return;
    // Not AbortSignal.any: on signals that live for weeks it leaves something behind at each call.
    const nap = new AbortController();
    const wake = (): void => nap.abort();
    this.#wakers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    try {
      await pause(ms, nap.signal);
    } finally {
      this.#wakers.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  /** A join may be held for as long as a dead member's session runs: who is to end does not wait for it. */
  interrupt(): void {
    if (this.#isJoining) discard(this.#groupCluster);
  }

  owned(claim: Claim, signal: AbortSignal): OwnedPartition {
    const { topic, group } = this.#own;
    const held = this.#held.get(claim.partition);
    const check = (): Held => {
      if (held === undefined || held.dead)
        throw new ValenceError(
          'EPOCH_FENCED',
          `${topic}/${claim.partition}: the claim of epoch ${claim.epoch} has ended`,
        );
      return held;
    };
    return {
      topic,
      ...claim,
      signal,
      next: async (options) => {
        check();
        const batch = await this.#reader.next(claim.partition, { ...options, signal });
        check();
        return batch;
      },
      transact: async (commit) => {
        const mine = check();
        const work = mine.last.then(() => this.#transact(mine, commit, group, topic));
        mine.last = work.catch(() => undefined);
        await work;
      },
    };
  }

  async close(): Promise<void> {
    for (const { cluster } of this.#held.values()) discard(cluster);
    this.#held.clear();
    await this.#reader.close();
    discard(this.#groupCluster);
    discard(this.#sourceCluster);
  }

  /**
   * A heartbeat, and a join where the group asks for one. When it returns, this member is alive in the group's newest generation:
   * a process that was frozen finds out here that it was expelled, before it claims anything.
   *
   * @returns held partitions that may be somebody else's by now
   */
  async #hearten(declined: ReadonlySet<number>, claiming: boolean): Promise<number[]> {
    if (!this.#stale && declined.size === this.#declined) {
      const state = await this.#member.heartbeat();
      if (state === 'expelled')
        for (const partition of this.#held.keys())
          if (this.#kill(partition)) this.#lost.add(partition);
      if (state === 'stable') this.#countFences();
      else this.#stale = true;
    } else this.#stale = true;
    // Who is about to leave does not join again.
    if (claiming) while (this.#stale) await this.#join(declined);
    const lost = [...this.#lost];
    this.#lost.clear();
    return lost;
  }

  async #join(declined: ReadonlySet<number>): Promise<void> {
    // Before the join: what is released while it is under way asks for another one, which tells what is held then.
    this.#stale = false;
    const told = [...this.#held.keys()];
    let assigned: readonly number[] | undefined;
    this.#isJoining = true;
    try {
      assigned = await this.#member.join(told, [...declined]);
    } finally {
      this.#isJoining = false;
      if (assigned === undefined) this.#stale = true;
    }
    if (assigned === undefined) return pause(REJOIN_MS);
    this.#assigned = assigned;
    this.#declined = declined.size;
    this.#suspects.clear();
    this.#fences.clear();
    this.#version += 1;
    // What ended while the group still counted it as held was kept for us, or for nobody.
    for (const partition of told)
      if (!this.#held.has(partition) && !assigned.includes(partition)) this.#stale = true;
  }

  /** @returns false: it was dead already */
  #kill(partition: number): boolean {
    const held = this.#held.get(partition);
    if (held === undefined || held.dead) return false;
    held.dead = true;
    held.fenced = true;
    return true;
  }

  async #tryClaim(partition: number): Promise<Claim | undefined> {
    const errors = (this.#rests.get(partition)?.errors ?? 0) + 1;
    try {
      const claim = await this.#claim(partition);
      this.#rests.delete(partition);
      return claim;
    } catch (error) {
      if (!isValenceError(error) || (error.recovery !== 'retry' && error.recovery !== 'reclaim'))
        throw error;
      const ms = Math.min(100 * 2 ** (errors - 1), 5000) * (0.5 + Math.random() / 2);
      this.#rests.set(partition, { errors, until: performance.now() + ms });
      return undefined;
    }
  }

  async #claim(partition: number): Promise<Claim> {
    const { group, topic, fenceTopic, transactionalId = `${group}.fold` } = this.#own;
    const cluster = createCluster(this.#kafka.settings, CLUSTER);
    const given = new AbortController();
    const limitMs = this.#kafka.sessionTimeoutMs * CLAIM_PART;
    const timer = setTimeout(() => {
      given.abort();
      discard(cluster);
    }, limitMs);
    try {
      await cluster.connect();
      given.signal.throwIfAborted();
      await cluster.addMultipleTargetTopics(fenceTopic === undefined ? [topic] : [fenceTopic]);
      const producer = await TransactionalProducer.open(cluster, `${transactionalId}.${partition}`);
      given.signal.throwIfAborted();
      let epoch = producer.generation;
      let fence = 0;
      if (fenceTopic !== undefined) {
        const value = JSON.stringify({ owner: this.#name, nonce: randomUUID() });
        const record = { topic: fenceTopic, partition, key: BARRIER_KEY, value };
        const offsets = await producer.commit([record], undefined);
        epoch = offsets.get(`${fenceTopic}/${partition}`) ?? 0;
        fence = epoch;
      }
      const committed = (await this.#kafka.committed(group, topic))[partition];
      given.signal.throwIfAborted();
      const claim = { partition, epoch, fence, committed };
      this.#held.set(partition, {
        claim,
        cluster,
        producer,
        last: Promise.resolve(),
        dead: false,
        fenced: false,
      });
      return claim;
    } catch (error) {
      discard(cluster);
      if (given.signal.aborted)
        throw new ValenceError(
          'LOG_UNAVAILABLE',
          `${topic}/${partition} could not be claimed within ${limitMs} ms`,
          {},
          { cause: error },
        );
      throw toLogError(error, `claiming ${topic}/${partition}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #transact(held: Held, commit: Commit, group: string, topic: string): Promise<void> {
    if (held.dead) {
      throw new ValenceError(
        'EPOCH_FENCED',
        `${topic}/${held.claim.partition}: the claim of epoch ${held.claim.epoch} has ended`,
      );
    }
    const { partition } = held.claim;
    try {
      await held.producer.commit(
        commit.records,
        commit.position === undefined
          ? undefined
          : { group, topic, partition, offset: commit.position },
      );
    } catch (error) {
      held.dead = true;
      held.fenced = isValenceError(error) && error.code === 'EPOCH_FENCED';
      if (held.fenced && isFencedByName(error)) this.#suspects.add(partition);
      throw error;
    }
  }

  /**
   * The group has just said that what it gave us is ours: a producer that was fenced all the same was so by somebody outside.
   *
   * @throws CONFIG_INVALID when that happens again and again
   */
  #countFences(): void {
    const now = performance.now();
    for (const partition of this.#suspects) {
      const before = this.#fences.get(partition) ?? [];
      const fences = [...before.filter((at) => now - at < FENCES_MS), now];
      this.#fences.set(partition, fences);
      if (fences.length < MOST_FENCES) continue;
      throw new ValenceError(
        'CONFIG_INVALID',
        `somebody outside of group ${this.#own.group} keeps claiming ${this.#own.topic}/${partition}: two deployments share a pipeline name; give one of them another --pipeline`,
      );
    }
    this.#suspects.clear();
  }

  #nudge(): void {
    this.#version += 1;
    for (const wake of this.#wakers) wake();
  }
}

/** A newer producer has the transactional id, or the transaction took too long: not an id that the broker forgot. */
function isFencedByName(error: unknown): boolean {
  const type = isValenceError(error) ? error.fields['type'] : undefined;
  return type === 'INVALID_PRODUCER_EPOCH' || type === 'PRODUCER_FENCED';
}

/** Nobody waits for connections that are no longer used. */
function discard(cluster: Cluster): void {
  closeNow(cluster).catch(() => undefined);
}
