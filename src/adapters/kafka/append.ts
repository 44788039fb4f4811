/**
 * Appends without a transaction, by an idempotent producer:
 *
 *   append ─► lanes, one a partition ─► a batch a lane ─► one Produce a leader ─► outcomes
 *                 ▲                                            │
 *                 └──────── the same batch, the same number ◄──┘ moved leader, broken connection, time-out
 *
 * A batch that may have been written is sent again with the number it had: the broker, which knows the last five, writes it once. When
 * that has been tried for long enough, its records are `unknown` and the lane goes on under a new producer id, so that nothing of the
 * old one can be taken for a repetition. Each lane has one batch under way, hence the order.
 */
import { ValenceError } from '../../errors.ts';
import type { AppendOutcome, NewRecord } from '../../ports/event-log.ts';
import { Partitioner } from '../../ports/partitioner.ts';
import { pause } from '../../ports/pause.ts';
import { maybeBytesOf, noSuchPartition } from '../embedded/records.ts';
import type { Clusters } from './clusters.ts';
import { produce, type Cluster, type KafkaError, type ProducedPartition } from './driver.ts';
import { isStale, toLogError, typeOf } from './errors.ts';
import {
  entryOf,
  newLane,
  putBack,
  requests,
  takeEntries,
  type Lane,
  type Producer,
} from './lane.ts';
import { knownTopic, leaderOf, learnTopics } from './metadata.ts';
import { BatchWriter } from './record-batch.ts';
import type { KafkaTopics } from './topics.ts';

export interface AppendLimits {
  /** Records of a batch. Default 1,000. */
  readonly records: number;
  /** Bytes of a batch, unless it has one record only. Default 900,000, below what brokers take by default (1 MiB). */
  readonly bytes: number;
  /** How long a batch is sent again before its records are given up, ms. Default 15,000. */
  readonly deliveryMs: number;
}

const LIMITS: AppendLimits = { records: 1000, bytes: 900_000, deliveryMs: 15_000 };
/** How long the brokers may wait for each other at a write, ms. */
const REPLICATION_MS = 10_000;
const BACKOFF_MS = { first: 20, most: 500 };
const MOST_SEQUENCE = 2 ** 31;

/** The whole batch is refused for one of its records: it is cut in halves until that one stands alone. */
const REFUSED_RECORD = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
]);
/** The broker does not know, or no longer trusts, the producer id: at a first try nothing has been written. */
const REFUSED_PRODUCER = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);
/** Refusals that pass; some of them only after the batch was written. */
const REFUSED_FOR_NOW = new Set([
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'REQUEST_TIMED_OUT',
  'CORRUPT_MESSAGE',
  'THROTTLING_QUOTA_EXCEEDED',
]);
const MAY_BE_WRITTEN = new Set(['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'REQUEST_TIMED_OUT']);

export class Appender {
  readonly #clusters: Clusters;
  readonly #topics: KafkaTopics;
  readonly #limits: AppendLimits;
  readonly #lanes = new Map<string, Lane>();
  readonly #partitioners = new Map<string, { readonly count: number; readonly of: Partitioner }>();
  readonly #writer = new BatchWriter();
  #producer: Promise<Producer> | undefined;
  /** Appends take their places in the lanes one after the other, in the order of the calls. */
  #order: Promise<unknown> = Promise.resolve();
  #stale = false;
  #isWaking = false;

  constructor(clusters: Clusters, topics: KafkaTopics, limits: Partial<AppendLimits> = {}) {
    this.#clusters = clusters;
    this.#topics = topics;
    this.#limits = { ...LIMITS, ...limits };
    clusters.signal.addEventListener('abort', () => this.#pump(), { once: true });
  }

  /**
   * As `EventLog.append`, without a checkpoint.
   *
   * @throws NOT_FOUND no such topic
   */
  async append(topic: string, records: readonly NewRecord[]): Promise<readonly AppendOutcome[]> {
    const taken = this.#order.then(async () => {
      const count = await this.#topics.count(topic, 'append');
      return this.#take(topic, count, records);
    });
    this.#order = taken.catch(() => undefined);
    const outcomes = await taken;
    return outcomes.done;
  }

  /** Wrapped, since what is taken is not to be waited for by the next append. */
  #take(
    topic: string,
    count: number,
    records: readonly NewRecord[],
  ): { readonly done: Promise<readonly AppendOutcome[]> } {
    const partitioner = this.#partitioner(topic, count);
    const now = Date.now();
    const outcomes = new Array<AppendOutcome>(records.length);
    let left = records.length;
    let finish: ((outcomes: readonly AppendOutcome[]) => void) | undefined;
    const done = new Promise<readonly AppendOutcome[]>((resolve) => {
      finish = resolve;
    });
    const settle = (index: number, outcome: AppendOutcome): void => {
      outcomes[index] = outcome;
      left -= 1;
      if (left === 0) finish?.(outcomes);
    };
    if (left === 0) finish?.(outcomes);
    for (const [index, record] of records.entries()) {
      try {
        const entry = entryOf(record, now, (outcome) => settle(index, outcome));
        const partition = record.partition ?? partitioner.choose(maybeBytesOf(record.key));
        if (!Number.isSafeInteger(partition) || partition < 0 || partition >= count)
          throw noSuchPartition(topic, partition, count);
        this.#lane(topic, partition).queue.push(entry);
      } catch (error) {
        if (!(error instanceof ValenceError)) throw error;
        settle(index, { status: 'failed', error });
      }
    }
    this.#pump();
    return { done };
  }

  #partitioner(topic: string, count: number): Partitioner {
    const made = this.#partitioners.get(topic);
    if (made?.count === count) return made.of;
    const of = new Partitioner(count);
    this.#partitioners.set(topic, { count, of });
    return of;
  }

  #lane(topic: string, partition: number): Lane {
    const key = `${topic}/${partition}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = newLane(topic, partition, this.#limits.records);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Sends what can be sent now; sees to it that it is called again for the rest. */
  #pump(): void {
    const now = performance.now();
    const isClosing = this.#clusters.signal.aborted;
    const waiting = [...this.#lanes.values()].filter(
      (lane) => !lane.underWay && (lane.batch !== undefined || lane.head < lane.queue.length),
    );
    if (isClosing) {
      for (const lane of waiting) this.#giveUpAll(lane);
      return;
    }
    const ready = waiting.filter(({ restsUntil }) => restsUntil <= now);
    if (ready.length > 0) {
      for (const lane of ready) lane.underWay = true;
      void this.#round(ready);
    }
    const soonest = Math.min(
      ...waiting.map(({ restsUntil }) => restsUntil).filter((at) => at > now),
    );
    if (Number.isFinite(soonest)) void this.#wake(soonest - now);
  }

  async #wake(ms: number): Promise<void> {
    if (this.#isWaking) return;
    this.#isWaking = true;
    await pause(Math.ceil(ms), this.#clusters.signal);
    this.#isWaking = false;
    this.#pump();
  }

  /** One batch of each lane. Never rejects. */
  async #round(lanes: readonly Lane[]): Promise<void> {
    let byLeader: ReadonlyMap<number, readonly Lane[]>;
    let cluster: Cluster;
    try {
      cluster = await this.#clusters.get('append');
      await this.#learn(cluster, lanes);
      for (const lane of lanes) await this.#fill(lane, cluster);
      byLeader = this.#byLeader(cluster, lanes);
    } catch (error) {
      for (const lane of lanes) this.#failed(lane, error, false);
      this.#pump();
      return;
    }
    await Promise.all(
      Array.from(byLeader, async ([nodeId, led]) => {
        for (const part of requests(led)) await this.#send(cluster, nodeId, part);
        this.#pump();
      }),
    );
  }

  async #learn(cluster: Cluster, lanes: readonly Lane[]): Promise<void> {
    const unknown = new Set(
      lanes
        .map(({ topic }) => topic)
        .filter((topic) => (knownTopic(cluster, topic)?.error ?? 3) !== 0),
    );
    if (!this.#stale && unknown.size === 0) return;
    this.#stale = false;
    await learnTopics(cluster, [...unknown]);
  }

  /** Makes the lane's next batch, unless one is to be sent again. */
  async #fill(lane: Lane, cluster: Cluster): Promise<void> {
    if (lane.batch !== undefined) return;
    if (lane.producer === undefined) {
      lane.producer = await this.#identity(cluster);
      lane.sequence = 0;
      lane.offset = -1;
    }
    const entries = takeEntries(lane, this.#limits.bytes);
    const bytes = this.#writer.write(
      entries.map(({ record }) => record),
      Date.now(),
      {
        producerId: lane.producer.id,
        producerEpoch: lane.producer.epoch,
        firstSequence: lane.sequence,
        transactional: false,
      },
    );
    lane.batch = { entries, bytes, since: performance.now(), uncertain: false };
    lane.tries = 0;
  }

  async #identity(cluster: Cluster): Promise<Producer> {
    this.#producer ??= (async () => {
      const [nodeId] = cluster.getNodeIds();
      const broker = await cluster.findBroker({ nodeId: nodeId ?? -1 });
      const { producerId, producerEpoch } = await broker.initProducerId({
        transactionTimeout: REPLICATION_MS,
      });
      return { id: BigInt(producerId), epoch: producerEpoch };
    })();
    try {
      return await this.#producer;
    } catch (error) {
      this.#producer = undefined;
      throw error;
    }
  }

  #byLeader(cluster: Cluster, lanes: readonly Lane[]): ReadonlyMap<number, readonly Lane[]> {
    const found = new Map<number, Lane[]>();
    for (const lane of lanes) {
      try {
        const leader = leaderOf(cluster, lane.topic, lane.partition);
        const led = found.get(leader);
        if (led === undefined) found.set(leader, [lane]);
        else led.push(lane);
      } catch (error) {
        this.#failed(lane, error, false);
      }
    }
    return found;
  }

  async #send(cluster: Cluster, nodeId: number, lanes: readonly Lane[]): Promise<void> {
    let isSent = false;
    try {
      const broker = await cluster.findBroker({ nodeId });
      isSent = true;
      const answers = await produce(broker, {
        transactionalId: undefined,
        timeoutMs: REPLICATION_MS,
        batches: lanes.map(({ topic, partition, batch }) => ({
          topic,
          partition,
          batch: batch?.bytes ?? Buffer.alloc(0),
        })),
      });
      const byPlace = new Map(answers.map((each) => [`${each.topic}/${each.partition}`, each]));
      for (const lane of lanes)
        this.#answered(lane, byPlace.get(`${lane.topic}/${lane.partition}`));
    } catch (error) {
      for (const lane of lanes) if (lane.underWay) this.#failed(lane, error, isSent);
    }
  }

  #answered(lane: Lane, answer: ProducedPartition | undefined): void {
    if (answer === undefined) {
      this.#failed(
        lane,
        new ValenceError('LOG_UNAVAILABLE', 'The broker left out a partition.'),
        true,
      );
    } else if (answer.error === undefined) this.#written(lane, answer.baseOffset);
    else this.#refused(lane, answer.error);
  }

  #written(lane: Lane, baseOffset: number): void {
    const { batch } = lane;
    if (batch === undefined) return;
    if (baseOffset <= lane.offset) {
      // The broker took it for a repetition of an earlier batch: then it has not been written, and the numbers are not to be trusted.
      this.#giveUp(lane, this.#unavailable(lane, 'the broker took new records for old ones'), true);
      return;
    }
    lane.offset = baseOffset + batch.entries.length - 1;
    lane.sequence = (lane.sequence + batch.entries.length) % MOST_SEQUENCE;
    lane.most = Math.min(this.#limits.records, lane.most * 2);
    this.#settle(lane);
    const { partition } = lane;
    for (const [index, entry] of batch.entries.entries())
      entry.settle({ status: 'ok', partition, offset: baseOffset + index });
  }

  #refused(lane: Lane, error: KafkaError): void {
    const { batch } = lane;
    const type = typeOf(error) ?? '';
    if (batch === undefined) return;
    if (REFUSED_RECORD.has(type) && !batch.uncertain) {
      if (batch.entries.length === 1) {
        lane.most = Math.min(this.#limits.records, lane.most * 2);
        this.#giveUp(lane, error, false);
        return;
      }
      lane.most = Math.ceil(batch.entries.length / 2);
      putBack(lane, batch);
    } else if (REFUSED_PRODUCER.has(type) && !batch.uncertain) {
      this.#forget(lane);
      putBack(lane, batch);
      this.#rest(lane);
    } else if (isStale(error) || REFUSED_FOR_NOW.has(type)) {
      this.#failed(lane, error, MAY_BE_WRITTEN.has(type));
    } else this.#giveUp(lane, error, batch.uncertain);
  }

  /** No answer, or one that says «not now»: the batch is sent again while there is time. */
  #failed(lane: Lane, error: unknown, mayBeWritten: boolean): void {
    const { batch } = lane;
    const doing = `Appending to '${lane.topic}'`;
    const known = toLogError(error, doing, this.#clusters.link);
    if (isStale(error)) this.#stale = true;
    const isFinal = known.code !== 'LOG_UNAVAILABLE' && known.code !== 'NOT_FOUND';
    if (batch === undefined) {
      // It did not come to a batch. The oldest entry's time is not known: the tries stand for it.
      if (
        isFinal ||
        this.#clusters.signal.aborted ||
        lane.tries * BACKOFF_MS.most > this.#limits.deliveryMs
      )
        this.#giveUpAll(lane, known);
      else this.#rest(lane);
      return;
    }
    batch.uncertain ||= mayBeWritten;
    const isLate = performance.now() - batch.since > this.#limits.deliveryMs;
    if (isFinal || isLate || this.#clusters.signal.aborted)
      this.#giveUp(lane, known, batch.uncertain);
    else this.#rest(lane);
  }

  #rest(lane: Lane): void {
    const ms = Math.min(BACKOFF_MS.first * 2 ** lane.tries, BACKOFF_MS.most);
    lane.tries += 1;
    lane.restsUntil = performance.now() + ms * (0.5 + Math.random() / 2);
    lane.underWay = false;
  }

  #giveUp(lane: Lane, cause: unknown, uncertain: boolean): void {
    const { batch } = lane;
    const error = toLogError(cause, `Appending to '${lane.topic}'`, this.#clusters.link);
    if (uncertain) this.#forget(lane);
    this.#settle(lane);
    for (const entry of batch?.entries ?? [])
      entry.settle({ status: uncertain ? 'unknown' : 'failed', error });
  }

  #giveUpAll(
    lane: Lane,
    cause: unknown = this.#unavailable(lane, 'the log has been closed'),
  ): void {
    this.#giveUp(lane, cause, lane.batch?.uncertain ?? false);
    const error = toLogError(cause, `Appending to '${lane.topic}'`, this.#clusters.link);
    const entries = lane.queue.splice(0).slice(lane.head);
    lane.head = 0;
    for (const entry of entries) entry.settle({ status: 'failed', error });
  }

  /** The next batch of the lane goes under another producer id. */
  #forget(lane: Lane): void {
    lane.producer = undefined;
    this.#producer = undefined;
  }

  #settle(lane: Lane): void {
    lane.batch = undefined;
    lane.underWay = false;
    lane.restsUntil = 0;
    lane.tries = 0;
  }

  #unavailable({ topic, partition }: Lane, what: string): ValenceError {
    return new ValenceError('LOG_UNAVAILABLE', `Appending to '${topic}': ${what}.`, {
      topic,
      partition,
    });
  }
}
