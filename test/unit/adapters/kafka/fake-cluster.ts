/** A cluster of the driver that answers from memory: metadata, ListOffsets, Fetch, Produce and InitProducerId. */
import { readBatches } from '../../../../src/adapters/kafka/batch-reader.ts';
import type {
  Cluster,
  FetchedPartition,
  KafkaError,
  NewTopic,
  ProducedPartition,
} from '../../../../src/adapters/kafka/driver.ts';
import { tolerant } from '../../../../src/adapters/kafka/metadata.ts';
import { crc32c, BatchWriter } from '../../../../src/adapters/kafka/record-batch.ts';
import type { NewRecord } from '../../../../src/ports/event-log.ts';

/** What a broker does with a request; a thrown error is what the driver would throw. */
export interface FakeBroker {
  fetch?(
    targets: readonly { topic: string; partition: number; offset: number }[],
  ): readonly FetchedPartition[];
  offset?(topic: string, partition: number, which: 'start' | 'end'): number;
  produce?(batches: readonly SentBatch[]): Promise<readonly ProducedPartition[]>;
  createTopics?(topics: readonly NewTopic[]): void;
  /** Settings of a topic. */
  settings?(topic: string): Readonly<Record<string, string>>;
  /** Gives producer ids from 1 on. */
  readonly producers?: { next: number };
}

/** A batch that was sent, with the texts of its records. */
export interface SentBatch {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly sequence: number;
  readonly values: readonly string[];
}

export interface FakeTopic {
  readonly name: string;
  readonly error?: number;
  /** Leader by partition; -1: none. */
  readonly leaders: readonly number[];
}

export interface Fake {
  readonly cluster: Cluster;
  /** Topics asked for, by metadata request. */
  readonly asked: string[][];
  topics: readonly FakeTopic[];
}

/** @param brokers by node id */
export function fakeCluster(
  brokers: ReadonlyMap<number, FakeBroker>,
  topics: readonly FakeTopic[],
): Fake {
  const fake = { topics, asked: [] as string[][] };
  const made = new Map(
    [...brokers].map(([nodeId, broker]) => [nodeId, driverBroker(nodeId, broker)]),
  );
  const anyone = {
    connectionPool: {
      send: () =>
        Promise.resolve({
          clientSideThrottleTime: 0,
          brokers: [...brokers.keys()].map((nodeId) => ({
            nodeId,
            host: `b${nodeId}`,
            port: 9092,
            rack: null,
          })),
          controllerId: 1,
          topics: fake.topics
            .filter(({ name }) => fake.asked.at(-1)!.includes(name))
            .map(({ name, error = 0, leaders }) => ({
              name,
              error,
              isInternal: false,
              partitions: leaders.map((leader, partitionId) => ({
                partitionId,
                leader,
                replicas: 1,
              })),
            })),
        }),
    },
  };
  const pool = {
    brokers: {},
    metadataMaxAge: 1000,
    createBroker: ({ nodeId }: { nodeId: number }) => made.get(nodeId),
    connectionPoolBuilder: { build: () => Promise.resolve({}) },
    findConnectedBroker: () => Promise.resolve(anyone),
    refreshMetadata: (names: readonly string[]): Promise<void> =>
      Promise.reject(new Error(`not replaced: ${names.join()}`)),
  };
  const targetTopics = new Set<string>();
  const cluster = {
    targetTopics,
    brokerPool: pool,
    refreshMetadata: () => {
      fake.asked.push([...targetTopics]);
      return pool.refreshMetadata([...targetTopics]);
    },
    getNodeIds: () => [...brokers.keys()].map(String),
    findControllerBroker: () => Promise.resolve(made.get(1)),
    findBroker: ({ nodeId }: { nodeId: number | string }) => {
      const broker = made.get(Number(nodeId));
      return broker ? Promise.resolve(broker) : Promise.reject(kafkaError('KafkaJSBrokerNotFound'));
    },
  };
  return Object.assign(fake, { cluster: tolerant(cluster as unknown as Cluster) });
}

function driverBroker(nodeId: number, broker: FakeBroker): unknown {
  return {
    nodeId,
    versions: {},
    disconnect: () => Promise.resolve(),
    listOffsets: ({
      topics: [
        {
          topic,
          partitions: [{ partition, timestamp }],
        },
      ],
    }: {
      topics: [{ topic: string; partitions: [{ partition: number; timestamp: string }] }];
    }) => {
      const offset = String(broker.offset!(topic, partition, timestamp === '-2' ? 'start' : 'end'));
      return Promise.resolve({ responses: [{ topic, partitions: [{ partition, offset }] }] });
    },
    createTopics: async ({ topics }: { topics: readonly NewTopic[] }) =>
      broker.createTopics!(topics),
    describeConfigs: async ({
      resources,
    }: {
      resources: readonly { name: string; configNames: readonly string[] }[];
    }) => ({
      resources: resources.map(({ name, configNames }) => ({
        resourceName: name,
        configEntries: Object.entries(broker.settings!(name))
          .filter(([configName]) => configNames.includes(configName))
          .map(([configName, configValue]) => ({ configName, configValue })),
      })),
    }),
    initProducerId: () => {
      const producers = broker.producers ?? { next: 1 };
      return Promise.resolve({ producerId: String(producers.next++), producerEpoch: 0 });
    },
    connectionPool: {
      send: async ({ request }: { request: Encoded }) => {
        const body = (await request.encode()).buffer;
        const partitions =
          request.apiName === 'Fetch'
            ? broker.fetch!(fetchTargets(body))
            : await broker.produce!(sentBatches(body));
        return { clientSideThrottleTime: 0, error: undefined, partitions };
      },
    },
  };
}

interface Encoded {
  readonly apiName: string;
  encode(): Promise<{ readonly buffer: Buffer }>;
}

/** Reads what a Produce request, version 7, without a transactional id brings. */
function sentBatches(body: Buffer): SentBatch[] {
  const sent: SentBatch[] = [];
  eachPartition(body, 2 + 2 + 4, (topic, partition, at) => {
    const bytes = body.subarray(at + 8, at + 8 + body.readInt32BE(at + 4));
    const { records } = readBatches(bytes, { topic, partition, from: 0 }, []);
    sent.push({
      topic,
      partition,
      producerId: Number(bytes.readBigInt64BE(43)),
      sequence: bytes.readInt32BE(53),
      values: records.map(({ value }) => Buffer.from(value ?? []).toString()),
    });
    return 8 + bytes.length;
  });
  return sent;
}

/** Reads what a Fetch request, version 11, asks for. */
function fetchTargets(body: Buffer): { topic: string; partition: number; offset: number }[] {
  const targets: { topic: string; partition: number; offset: number }[] = [];
  eachPartition(body, 4 + 4 + 4 + 4 + 1 + 4 + 4, (topic, partition, at) => {
    targets.push({ topic, partition, offset: Number(body.readBigInt64BE(at + 8)) });
    return 28;
  });
  return targets;
}

/**
 * The topics of a request with their partitions.
 *
 * @param start where the list begins
 * @param read gets where a partition begins; returns its size in bytes
 */
function eachPartition(
  body: Buffer,
  start: number,
  read: (topic: string, partition: number, at: number) => number,
): void {
  const topics = body.readInt32BE(start);
  let at = start + 4;
  for (let t = 0; t < topics; t++) {
    const size = body.readInt16BE(at);
    const topic = body.toString('utf8', at + 2, at + 2 + size);
    const partitions = body.readInt32BE(at + 2 + size);
    at += 2 + size + 4;
    for (let p = 0; p < partitions; p++) at += read(topic, body.readInt32BE(at), at);
  }
}

export function kafkaError(name: string, more: Partial<KafkaError> = {}): KafkaError & Error {
  return Object.assign(new Error('text of the broker'), { name, ...more });
}

export interface BatchShape {
  readonly base: number;
  readonly records: readonly Partial<NewRecord>[];
  readonly producerId?: number;
  readonly transactional?: boolean;
  /** A marker at the end of a transaction. */
  readonly control?: 'abort' | 'commit';
  /** Offset after the batch, where compaction took records off its end. */
  readonly next?: number;
  /** Of all records, by the broker's clock. */
  readonly appendedAt?: number;
  readonly codec?: number;
  readonly body?: (records: Buffer) => Buffer;
}

/** One batch, as a broker stores it. */
export function batch(shape: BatchShape): Buffer {
  const {
    base,
    producerId = -1,
    transactional = false,
    control,
    next,
    appendedAt,
    codec = 0,
    body,
  } = shape;
  const records =
    control === undefined
      ? shape.records
      : [{ key: Buffer.from([0, 0, 0, control === 'abort' ? 0 : 1]) }];
  const written = new BatchWriter().write(
    records.length === 0
      ? [{ key: null, value: null }]
      : records.map((record) => ({ key: null, value: null, ...record })),
    1000,
    { producerId: BigInt(producerId), producerEpoch: 0, firstSequence: 0, transactional },
  );
  const head = written.subarray(0, 61);
  const content = records.length === 0 ? Buffer.alloc(0) : written.subarray(61);
  const bytes = Buffer.concat([head, body?.(content) ?? content]);
  bytes.writeBigInt64BE(BigInt(base), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  const flags = codec | (control === undefined ? 0 : 0x30) | (appendedAt === undefined ? 0 : 0x08);
  bytes.writeInt16BE(bytes.readInt16BE(21) | flags, 21);
  if (appendedAt !== undefined) bytes.writeBigInt64BE(BigInt(appendedAt), 35);
  if (next !== undefined) bytes.writeInt32BE(next - base - 1, 23);
  if (records.length === 0) bytes.writeInt32BE(0, 57);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}
