/**
 * Kafka transactions of one transactional id, request by request:
 *
 *   InitProducerId ─ fences whoever had the id, and ends what he left open
 *   AddPartitionsToTxn ─┬─ Produce, one round of batches after the other ─┬─ EndTxn
 *                       └─ AddOffsetsToTxn ─ TxnOffsetCommit ─────────────┘
 *
 * Nothing that may have had an effect is ever sent twice: a refusal that says so is asked again, anything else ends the producer.
 * Its successor's InitProducerId raises the epoch, so that a late request of this one is refused. That is stricter than what the
 * driver's own producer does, needs none of its repairs, and takes four round trips where that one takes nine.
 *
 * @see KIP-98, Exactly Once Delivery and Transactional Messaging; KIP-890 on late requests
 */
import { ValenceError } from '../../errors.ts';
import { crashPoint } from '../../crash-point.ts';
import type { NewRecord } from '../../ports/event-log.ts';
import { COORDINATOR, Coordinators } from './coordinators.ts';
import { answered, isKafkaError, produceBatches, type Cluster } from './driver.ts';
import { toLogError } from './errors.ts';
import { BatchWriter } from './record-batch.ts';

export interface TransactionRecord extends NewRecord {
  readonly topic: string;
  readonly partition: number;
}

/** Next offset of a group in one partition of a topic. */
export interface GroupPosition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** After this the broker ends a transaction that nobody ends, ms. */
export const TRANSACTION_TIMEOUT_MS = 15_000;
/** A request that takes longer is lost: the broker has ended the transaction by then, ms. */
const LATE_MS = TRANSACTION_TIMEOUT_MS + 3000;
/** Bytes of one batch: below the broker's usual limit of 1 MiB. */
const MOST_BATCH_BYTES = 900_000;
const FENCED = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
]);
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

export class TransactionalProducer {
  /** Grows with each producer of the id: producer id and epoch in one number. */
  readonly generation: number;
  readonly #cluster: Cluster;
  readonly #id: string;
  readonly #producerId: string;
  readonly #producerEpoch: number;
  readonly #coordinators: Coordinators;
  /** By `topic/partition`: sequence number of the next record, and the last base offset that was answered. */
  readonly #written = new Map<string, { sequence: number; offset: number }>();
  readonly #writer = new BatchWriter();
  #dead = false;

  /**
   * Fences every earlier producer of the id and ends its open transaction.
   *
   * @param cluster connected; used by this producer alone, and its caller closes it
   * @throws LOG_UNAVAILABLE, CONFIG_INVALID (permission, time-out beyond the broker's limit)
   */
  static async open(cluster: Cluster, transactionalId: string): Promise<TransactionalProducer> {
    const coordinators = new Coordinators(cluster, {
      patienceMs: TRANSACTION_TIMEOUT_MS,
      lateMs: LATE_MS,
    });
    try {
      const { producerId, producerEpoch } = await coordinators.ask(
        transactionalId,
        COORDINATOR.transaction,
        (broker) =>
          broker.initProducerId({ transactionalId, transactionTimeout: TRANSACTION_TIMEOUT_MS }),
      );
      return new TransactionalProducer(
        cluster,
        transactionalId,
        producerId,
        producerEpoch,
        coordinators,
      );
    } catch (error) {
      throw toLogError(error, `transactional id ${transactionalId}`);
    }
  }

  private constructor(
    cluster: Cluster,
    id: string,
    producerId: string,
    producerEpoch: number,
    coordinators: Coordinators,
  ) {
    this.#cluster = cluster;
    this.#id = id;
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    this.#coordinators = coordinators;
    this.generation = Number(producerId) * 65_536 + producerEpoch;
  }

  /**
   * One transaction. Read-committed readers see all of it or nothing. After an error the producer is dead.
   *
   * @returns by `topic/partition`: offset of the first record
   * @throws EPOCH_FENCED another producer has the id; nothing is visible
   * @throws COMMIT_UNKNOWN the answer to the commit was lost
   * @throws CHUNK_TOO_LARGE the broker refuses a batch of that size; nothing is visible
   * @throws NOT_FOUND no such topic or partition; nothing was sent
   * @throws LOG_UNAVAILABLE nothing is visible
   */
  async commit(
    records: readonly TransactionRecord[],
    position: GroupPosition | undefined,
  ): Promise<ReadonlyMap<string, number>> {
    if (this.#dead) throw this.#fenced();
    let ending = false;
    try {
      const batches = batchesOf(records);
      const offsets = await this.#fill(batches, await this.#partitions(batches), position);
      if (records.length === 0 && position === undefined) return offsets;
      crashPoint('beforeCommit');
      ending = true;
      await this.#coordinators.ask(this.#id, COORDINATOR.transaction, (broker) =>
        broker.endTxn({ ...this.#identity(), transactionResult: true }),
      );
      return offsets;
    } catch (error) {
      this.#dead = true;
      throw this.#toLogError(error, ending);
    }
  }

  async #fill(
    batches: readonly Batches[],
    partitions: ReadonlyMap<string, readonly number[]>,
    position: GroupPosition | undefined,
  ): Promise<ReadonlyMap<string, number>> {
    const topics = Array.from(partitions, ([topic, of]) => ({ topic, partitions: [...of] }));
    if (topics.length > 0) {
      await this.#coordinators.ask(this.#id, COORDINATOR.transaction, (broker) =>
        broker.addPartitionsToTxn({ ...this.#identity(), topics }),
      );
    }
    // Both are waited for, also when one of them fails: nothing may be under way when the error is told.
    const [produced, told] = await Promise.allSettled([
      this.#produce(batches),
      position === undefined ? Promise.resolve() : this.#sendPosition(position),
    ]);
    if (produced.status === 'rejected') throw produced.reason;
    if (told.status === 'rejected') throw told.reason;
    return produced.value;
  }

  async #sendPosition({ group, topic, partition, offset }: GroupPosition): Promise<void> {
    await this.#coordinators.ask(this.#id, COORDINATOR.transaction, (broker) =>
      broker.addOffsetsToTxn({ ...this.#identity(), groupId: group }),
    );
    await this.#coordinators.ask(group, COORDINATOR.group, (broker) =>
      broker.txnOffsetCommit({
        ...this.#identity(),
        groupId: group,
        topics: [{ topic, partitions: [{ partition, offset: String(offset), metadata: null }] }],
      }),
    );
    crashPoint('offsetsSent');
  }

  /** By topic its partitions. @throws NOT_FOUND */
  async #partitions(batches: readonly Batches[]): Promise<ReadonlyMap<string, readonly number[]>> {
    const found = new Map<string, Set<number>>();
    for (const { topic, partition } of batches) {
      const partitions = found.get(topic);
      if (partitions === undefined) found.set(topic, new Set([partition]));
      else partitions.add(partition);
    }
    await this.#cluster.addMultipleTargetTopics([...found.keys()]);
    return new Map(
      Array.from(found, ([topic, partitions]) => {
        const known = new Set(
          this.#cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
        );
        if (known.size === 0)
          throw new ValenceError('LOG_UNAVAILABLE', `no broker knows topic ${topic} at the moment`);
        for (const partition of partitions) {
          if (!known.has(partition))
            throw new ValenceError(
              'NOT_FOUND',
              `topic ${topic} has no partition ${partition}, it has ${known.size}`,
              { topic, partition },
            );
        }
        return [topic, [...partitions]];
      }),
    );
  }

  /** @returns by `topic/partition`: offset of the first record */
  async #produce(batches: readonly Batches[]): Promise<ReadonlyMap<string, number>> {
    const first = new Map<string, number>();
    for (const round of rounds(batches)) {
      const byLeader = new Map<number, Lane[]>();
      for (const lane of round) {
        const leader = this.#leader(lane);
        const lanes = byLeader.get(leader);
        if (lanes === undefined) byLeader.set(leader, [lane]);
        else lanes.push(lane);
      }
      const answers = await Promise.allSettled(
        Array.from(byLeader, ([leader, lanes]) => this.#send(leader, lanes)),
      );
      for (const answer of answers) {
        if (answer.status === 'rejected') throw answer.reason;
        for (const [key, offset] of answer.value) if (!first.has(key)) first.set(key, offset);
      }
    }
    crashPoint('sent');
    return first;
  }

  async #send(leader: number, lanes: readonly Lane[]): Promise<ReadonlyMap<string, number>> {
    const now = Date.now();
    const batches = lanes.map(({ topic, partition, records }) => {
      const written = this.#written.get(`${topic}/${partition}`);
      const batch = this.#writer.write(records, now, {
        producerId: BigInt(this.#producerId),
        producerEpoch: this.#producerEpoch,
        firstSequence: written?.sequence ?? 0,
        transactional: true,
      });
      return { topic, partition, batch };
    });
    const broker = await this.#cluster.findBroker({ nodeId: leader });
    const producing = produceBatches(broker, {
      transactionalId: this.#id,
      timeoutMs: TRANSACTION_TIMEOUT_MS,
      batches,
    });
    const answers = await answered(this.#cluster, LATE_MS, producing);
    const offsets = new Map<string, number>();
    for (const { topic, partition, baseOffset } of answers) {
      const key = `${topic}/${partition}`;
      const lane = lanes.find((each) => each.topic === topic && each.partition === partition);
      const written = this.#written.get(key);
      // A broker that takes a batch for a repetition answers with the offset of the old one.
      if (written !== undefined && baseOffset <= written.offset)
        throw new ValenceError(
          'LOG_UNAVAILABLE',
          `${key}: the broker took new records for a repetition of old ones`,
        );
      const sequence = (written?.sequence ?? 0) + (lane?.records.length ?? 0);
      this.#written.set(key, { sequence: sequence % 2 ** 31, offset: baseOffset });
      offsets.set(key, baseOffset);
    }
    return offsets;
  }

  #leader({ topic, partition }: Lane): number {
    const found = this.#cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition);
    if (found === undefined || found.leader < 0)
      throw new ValenceError(
        'LOG_UNAVAILABLE',
        `${topic}/${partition} has no leader at the moment`,
      );
    return found.leader;
  }

  #identity(): { transactionalId: string; producerId: string; producerEpoch: number } {
    return {
      transactionalId: this.#id,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
    };
  }

  #toLogError(error: unknown, ending: boolean): ValenceError {
    const type = isKafkaError(error) ? error.type : undefined;
    if (type !== undefined && FENCED.has(type)) {
      return this.#fenced(error);
    }
    if (ending) {
      return new ValenceError(
        'COMMIT_UNKNOWN',
        `the answer to the commit of ${this.#id} was lost; the next claim tells what became of it`,
        {},
        { cause: error },
      );
    }
    if (type !== undefined && TOO_LARGE.has(type)) {
      return new ValenceError(
        'CHUNK_TOO_LARGE',
        `the broker refuses a batch of that size (max.message.bytes of its topic)`,
        {},
        { cause: error },
      );
    }
    const told = toLogError(error, `transaction of ${this.#id}`);
    // Right after its start a broker may not know its topics yet: the next claim asks again.
    return told.code === 'NOT_FOUND' && type !== undefined
      ? new ValenceError('LOG_UNAVAILABLE', told.message, told.fields, { cause: error })
      : told;
  }

  #fenced(cause?: unknown): ValenceError {
    const type = isKafkaError(cause) ? cause.type : undefined;
    return new ValenceError(
      'EPOCH_FENCED',
      `${this.#id}: a newer producer has claimed the partition, or the transaction took longer than ${TRANSACTION_TIMEOUT_MS} ms`,
      type === undefined ? {} : { type },
      { cause },
    );
  }
}

/** Records of one partition that go into one batch. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly TransactionRecord[];
}

/** Batches of one partition, in order. */
interface Batches {
  readonly topic: string;
  readonly partition: number;
  readonly batches: TransactionRecord[][];
  /** Of the last batch, roughly. */
  bytes: number;
}

/** The records by partition, cut into batches below {@link MOST_BATCH_BYTES}. */
export function batchesOf(records: readonly TransactionRecord[]): readonly Batches[] {
  const all: Batches[] = [];
  // Most records go where the one before them went.
  let last: Batches | undefined;
  for (const record of records) {
    const { topic, partition } = record;
    if (last?.partition !== partition || last.topic !== topic) {
      last = all.find((each) => each.partition === partition && each.topic === topic);
      if (last === undefined) all.push((last = { topic, partition, batches: [[]], bytes: 0 }));
    }
    const bytes = roughBytes(record);
    const batch = last.batches.at(-1);
    if (batch !== undefined && (batch.length === 0 || last.bytes + bytes <= MOST_BATCH_BYTES)) {
      batch.push(record);
      last.bytes += bytes;
    } else {
      last.batches.push([record]);
      last.bytes = bytes;
    }
  }
  return all;
}

/** The n-th batches of all partitions, then the next: a request holds at most one of each. */
function rounds(all: readonly Batches[]): readonly (readonly Lane[])[] {
  const result: Lane[][] = [];
  for (const { topic, partition, batches } of all)
    for (const [round, records] of batches.entries())
      (result[round] ??= []).push({ topic, partition, records });
  return result;
}

/** At least what the record takes in a batch, as long as its headers are ASCII; of them three bytes a unit at most otherwise. */
function roughBytes({ key, value, headers }: NewRecord): number {
  let bytes = 32 + bytesOf(key) + bytesOf(value);
  if (headers === undefined) return bytes;
  for (let at = 0; at < headers.length; at++) {
    const header = headers[at];
    if (header !== undefined) bytes += 6 + header[0].length + header[1].length;
  }
  return bytes;
}

function bytesOf(value: string | Uint8Array | null): number {
  if (value === null) return 0;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}
