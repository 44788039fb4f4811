/**
 * What a cluster says of its brokers and topics. The driver takes this answer as all or nothing: one missing topic, or one partition
 * without a leader, and it learns nothing at all, not even where the others have moved. Here each topic stands for itself.
 */
import type { Broker, Cluster } from './driver-types.ts';
import { Reader, Writer } from './wire.ts';

export interface PartitionMetadata {
  readonly partitionId: number;
  /** Node id; below 0: it has none at the moment. */
  readonly leader: number;
  /** How many brokers are to keep a copy. */
  readonly replicas: number;
}

export interface TopicMetadata {
  readonly name: string;
  /** Error code of the protocol; 0: none. */
  readonly error: number;
  readonly isInternal: boolean;
  readonly partitions: readonly PartitionMetadata[];
}

const METADATA = { apiKey: 3, apiVersion: 6, apiName: 'Metadata' } as const;

interface Node {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

interface Metadata {
  readonly clientSideThrottleTime: number;
  readonly brokers: readonly Node[];
  readonly controllerId: number;
  readonly topics: readonly TopicMetadata[];
}

/** @param topics undefined: all that the user may see */
export async function askMetadata(
  broker: Broker,
  topics: readonly string[] | undefined,
): Promise<Metadata> {
  const body = new Writer();
  if (topics === undefined) body.int32(-1);
  else body.list(topics, (name) => body.string(name));
  const bytes = body.bool(false).bytes();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- brokers come from a cluster of the driver
  const { connectionPool } = broker as Broker & Pick<PooledBroker, 'connectionPool'>;
  return connectionPool.send({
    request: { ...METADATA, encode: async () => ({ buf: bytes, buffer: bytes }) },
    response: {
      decode: async (answer) => readMetadata(new Reader(answer)),
      parse: async (metadata) => metadata,
    },
  });
}

function readMetadata(answer: Reader): Metadata {
  const clientSideThrottleTime = answer.int32();
  const brokers = answer.list(() => ({
    nodeId: answer.int32(),
    host: answer.string(),
    port: answer.int32(),
    rack: answer.nullableString() ?? null,
  }));
  answer.nullableString();
  const controllerId = answer.int32();
  const topics = answer.list(() => ({
    error: answer.int16(),
    name: answer.string(),
    isInternal: answer.bool(),
    partitions: answer.list(() => {
      answer.int16();
      const [partitionId, leader] = [answer.int32(), answer.int32()];
      const replicas = answer.list(() => answer.int32()).length;
      for (const _ of ['in sync', 'offline']) answer.list(() => answer.int32());
      return { partitionId, leader, replicas };
    }),
  }));
  return { clientSideThrottleTime, brokers, controllerId, topics };
}

/** What the driver's cluster has besides: the brokers that it knows, with their connections. */
interface Pool {
  brokers: Record<string, PooledBroker>;
  seedBroker: PooledBroker | undefined;
  metadata: unknown;
  metadataExpireAt: number | null;
  readonly metadataMaxAge: number;
  readonly versions: unknown;
  readonly rootLogger: unknown;
  readonly connectionPoolBuilder: {
    build(at: Omit<Node, 'nodeId'>): Promise<PooledBroker['connectionPool']>;
  };
  createBroker(options: object): PooledBroker;
  findConnectedBroker(): Promise<Broker>;
  refreshMetadata(topics: readonly string[]): Promise<void>;
}

interface PooledBroker {
  nodeId: number | null;
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    send<T>(request: {
      readonly request: typeof METADATA & {
        encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
      };
      readonly response: { decode(answer: Buffer): Promise<T>; parse(data: T): Promise<T> };
    }): Promise<T>;
  };
  disconnect(): Promise<void>;
}

interface Pooled {
  readonly targetTopics: Set<string>;
  readonly brokerPool: Pool;
}

/** Answers by cluster object and topic. */
const known = new WeakMap<Cluster, ReadonlyMap<string, TopicMetadata>>();

/** Makes a new cluster object of the driver learn what it can from each answer about metadata. @returns the same object */
export function tolerant(cluster: Cluster): Cluster {
  const { brokerPool: pool } = inside(cluster);
  pool.refreshMetadata = async (topics) => {
    const broker = await pool.findConnectedBroker();
    const metadata = await askMetadata(broker, topics);
    known.set(cluster, new Map(metadata.topics.map((topic) => [topic.name, topic])));
    await takeBrokers(pool, metadata.brokers);
    pool.metadata = {
      brokers: metadata.brokers,
      controllerId: metadata.controllerId,
      topicMetadata: metadata.topics
        .filter(({ error }) => error === 0)
        .map(({ name, partitions }) => ({ topic: name, partitionMetadata: partitions })),
    };
    pool.metadataExpireAt = Date.now() + pool.metadataMaxAge;
  };
  return cluster;
}

async function takeBrokers(pool: Pool, nodes: readonly Node[]): Promise<void> {
  const { seedBroker, brokers: before } = pool;
  const after: Record<string, PooledBroker> = {};
  for (const { nodeId, host, port, rack } of nodes) {
    const isThere = (broker: PooledBroker | undefined): broker is PooledBroker =>
      broker?.connectionPool.host === host && broker.connectionPool.port === port;
    const broker = before[nodeId];
    if (isThere(broker)) after[nodeId] = broker;
    else if (isThere(seedBroker)) {
      seedBroker.nodeId = nodeId;
      after[nodeId] = seedBroker;
    } else
      after[nodeId] = pool.createBroker({
        logger: pool.rootLogger,
        versions: pool.versions,
        connectionPool: await pool.connectionPoolBuilder.build({ host, port, rack }),
        nodeId,
      });
  }
  pool.brokers = after;
  const kept = new Set([...Object.values(after), seedBroker]);
  for (const broker of Object.values(before))
    if (!kept.has(broker)) broker.disconnect().catch(() => undefined);
}

/** What the last answer said of a topic; undefined: it was not asked about. */
export function knownTopic(cluster: Cluster, topic: string): TopicMetadata | undefined {
  return known.get(cluster)?.get(topic);
}

/** Asks about the topics, and about all that this cluster object knows of. Those that do not exist are not asked about again. */
export async function learnTopics(cluster: Cluster, topics: readonly string[]): Promise<void> {
  const { targetTopics } = inside(cluster);
  for (const topic of topics) targetTopics.add(topic);
  await cluster.refreshMetadata();
  // An answer that was under way already may not speak of them.
  if (topics.some((topic) => knownTopic(cluster, topic) === undefined))
    await cluster.refreshMetadata();
  for (const topic of targetTopics) {
    const error = knownTopic(cluster, topic)?.error;
    if (error === ERROR.unknownTopic || error === ERROR.invalidTopic) targetTopics.delete(topic);
  }
}

/**
 * The node that leads a partition, by the last answer.
 *
 * @throws Refusal no such topic or partition, no permission, no leader at the moment
 */
export function leaderOf(cluster: Cluster, topic: string, partition: number): number {
  const found = knownTopic(cluster, topic);
  if (found === undefined) throw new Refusal(ERROR.noLeader);
  if (found.error !== 0) throw new Refusal(found.error);
  const place = found.partitions.find(({ partitionId }) => partitionId === partition);
  if (place === undefined) throw new Refusal(ERROR.unknownTopic);
  if (place.leader < 0) throw new Refusal(ERROR.noLeader);
  return place.leader;
}

function inside(cluster: Cluster): Pooled {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the driver's cluster, whose version and text are checked
  return cluster as Cluster & Pooled;
}

/** Error codes of the protocol. */
export const ERROR = { unknownTopic: 3, noLeader: 5, invalidTopic: 17, topicDenied: 29 } as const;
const TYPES = new Map<number, string>([
  [ERROR.unknownTopic, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [ERROR.noLeader, 'LEADER_NOT_AVAILABLE'],
  [ERROR.invalidTopic, 'INVALID_TOPIC_EXCEPTION'],
  [ERROR.topicDenied, 'TOPIC_AUTHORIZATION_FAILED'],
]);

/** What the metadata says against a request; `type` as in the driver's errors. */
export class Refusal extends Error {
  override readonly name = 'KafkaRefusal';
  readonly type: string;

  constructor(code: number) {
    const type = TYPES.get(code) ?? `CODE_${code}`;
    super(type);
    this.type = type;
  }
}
