/**
 * kafkajs, repaired: the only file that loads it. What leaves here has types of ours (driver-types.ts).
 *
 *   patches.ts ─► kafkajs ─► createCluster   requests to brokers, one by one; metadata.ts makes it bear partial answers
 *                        └─► fetchBatches, produce   the two that carry records, as raw batches
 *
 * The patches come before anything else of the driver is loaded, hence `require` in place of imports: those are done first.
 */
import { createRequire } from 'node:module';
import { ValenceError } from '../../errors.ts';
import { tolerant } from './metadata.ts';
import { installPatches } from './patches.ts';
import { Writer } from './wire.ts';
import type {
  Broker,
  Cluster,
  ClusterOptions,
  FetchedPartition,
  FetchRequest,
  KafkaError,
  KafkaLogLevel,
  KafkaSettings,
  MemberAssignmentCodec,
  MemberMetadataCodec,
  ProducedPartition,
  ProduceRequest,
} from './driver-types.ts';

export type * from './driver-types.ts';

/** A worker of a dead group member is noticed after this, ms; a join waits for it. */
export const SESSION_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = SESSION_TIMEOUT_MS + 5_000;
const CONNECTION_TIMEOUT_MS = 2_000;
const METADATA_MAX_AGE_MS = 2_000;
/** All five are given: the driver's defaults depend on NODE_ENV. */
const CLUSTER_RETRY = {
  initialRetryTime: 100,
  multiplier: 2,
  factor: 0.2,
  maxRetryTime: 1_000,
  retries: 60,
} as const;
/** The driver's levels up to info; its debug lines would hold records. */
const LOG_LEVELS = new Map<number, KafkaLogLevel>([
  [1, 'error'],
  [2, 'warn'],
  [4, 'info'],
]);
const LOG_LEVEL_INFO = 4;
const READ_COMMITTED = 1;
const FETCH = { apiKey: 1, apiVersion: 11, apiName: 'Fetch' } as const;
const PRODUCE = { apiKey: 0, apiVersion: 7, apiName: 'Produce' } as const;

/** A request's body, as the driver wants it. */
interface Encoder {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readInt64(): { toString(): string };
  readString(): string;
  readBytes(): Buffer | null;
  readArray<T>(read: (decoder: Decoder) => T): T[];
}

interface Request<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<Encoder>;
  };
  readonly response: { decode(bytes: Buffer): Promise<T>; parse(data: T): Promise<T> };
  readonly requestTimeout?: number;
}

interface Connection {
  readonly requestQueue: { rejectAll(error: unknown): void };
  readonly socket?: { destroy(): void };
}

interface BrokerInside extends Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: {
    readonly pool: readonly Connection[];
    send<T>(request: Request<T>): Promise<T>;
  };
}

interface ClusterInside extends Cluster {
  readonly brokerPool: {
    readonly brokers: Readonly<Record<string, BrokerInside>>;
    readonly seedBroker?: BrokerInside;
  };
}

interface Logger {
  namespace(name: string): Logger;
}

type LogCreator = () => (entry: {
  readonly namespace: string;
  readonly level: number;
  readonly log: Readonly<Record<string, unknown>> & { readonly message: string };
}) => void;

const load = createRequire(import.meta.url);
/** Modules of a driver whose version is checked have the shapes that are told here. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
function module<T>(path: string): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return load(path) as T;
}

installPatches(load);
const ClusterClass =
  module<new (settings: Readonly<Record<string, unknown>>) => ClusterInside>('kafkajs/src/cluster');
const DecoderClass = module<new (bytes: Buffer) => Decoder>('kafkajs/src/protocol/decoder');
const { createLogger } = module<{
  readonly createLogger: (options: {
    readonly level: number;
    readonly logCreator: LogCreator;
  }) => Logger;
}>('kafkajs/src/loggers');
const defaultSocketFactory = module<() => NonNullable<KafkaSettings['socketFactory']>>(
  'kafkajs/src/network/socketFactory',
);
const { createErrorFromCode } = module<{
  readonly createErrorFromCode: (code: number) => KafkaError;
}>('kafkajs/src/protocol/error');
const { KafkaJSConnectionError } = module<{
  readonly KafkaJSConnectionError: new (message: string) => KafkaError;
}>('kafkajs/src/errors');
const codecs = module<{
  readonly MemberMetadata: MemberMetadataCodec;
  readonly MemberAssignment: MemberAssignmentCodec;
}>('kafkajs/src/consumer/assignerProtocol');

/** Texts of the group protocol 'consumer'. */
export const MemberMetadata: MemberMetadataCodec = codecs.MemberMetadata;
export const MemberAssignment: MemberAssignmentCodec = codecs.MemberAssignment;

const openStock = defaultSocketFactory();

/** Opens connections as the driver does by itself: TCP or TLS, with keep-alive. */
export const openSocket: NonNullable<KafkaSettings['socketFactory']> = (target) => {
  const socket = openStock(target);
  // Each request that waits for the connection listens to it; Node warns from the eleventh on.
  socket.setMaxListeners(0);
  return socket;
};

/** Not connected yet. Each has connections of its own, and learns from metadata what it can; see {@link Cluster} and metadata.ts. */
export function createCluster(settings: KafkaSettings, options: ClusterOptions = {}): Cluster {
  return tolerant(
    new ClusterClass({
      ...connectionSettings(settings, options),
      logger: createLogger({ level: LOG_LEVEL_INFO, logCreator: logCreator(settings) }),
      socketFactory: settings.socketFactory ?? openSocket,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      isolationLevel: READ_COMMITTED,
      offsets: new Map(),
    }),
  );
}

/**
 * Fetches batches of partitions that the broker leads. An error of one partition is told there; the others' batches are good.
 *
 * @throws KafkaError no answer
 */
export async function fetchBatches(
  broker: Broker,
  { maxWaitMs, minBytes, maxBytes, targets }: FetchRequest,
): Promise<readonly FetchedPartition[]> {
  const body = new Writer()
    .int32(-1)
    .int32(maxWaitMs)
    .int32(minBytes)
    .int32(maxBytes)
    .int8(READ_COMMITTED)
    .int32(0)
    .int32(-1);
  writeByTopic(body, targets, ({ partition, offset, maxBytes: most }) =>
    body.int32(partition).int32(-1).int64(BigInt(offset)).int64(-1n).int32(most),
  );
  body.int32(0).string('');
  const answer = await send(broker, FETCH, {
    body,
    decode: (decoder) => ({
      clientSideThrottleTime: decoder.readInt32(),
      error: errorOf(decoder.readInt16()),
      session: decoder.readInt32(),
      partitions: decoder.readArray((each) => {
        const topic = each.readString();
        return each.readArray((part) => readFetched(topic, part));
      }),
    }),
    requestTimeout: maxWaitMs + REQUEST_TIMEOUT_MS,
  });
  if (answer.error !== undefined) throw answer.error;
  return answer.partitions.flat();
}

/**
 * Appends encoded batches to partitions that the broker leads, with all replicas in sync asked. Sent once: an error after sending
 * leaves open what became of it.
 *
 * @returns one entry a batch, errors of single partitions among them
 * @throws KafkaError no answer
 */
export async function produce(
  broker: Broker,
  { transactionalId, timeoutMs, batches }: ProduceRequest,
): Promise<readonly ProducedPartition[]> {
  const body = new Writer()
    .nullableString(transactionalId ?? null)
    .int16(-1)
    .int32(timeoutMs);
  writeByTopic(body, batches, ({ partition, batch }) => body.int32(partition).blob(batch));
  const answer = await send(broker, PRODUCE, {
    body,
    decode: (decoder) => ({
      partitions: decoder.readArray((each) => {
        const topic = each.readString();
        return each.readArray((part) => readProduced(topic, part));
      }),
      clientSideThrottleTime: decoder.readInt32(),
    }),
  });
  return answer.partitions.flat();
}

/** As {@link produce}. @throws KafkaError also when one of the partitions has an error */
export async function produceBatches(
  broker: Broker,
  request: ProduceRequest,
): Promise<readonly ProducedPartition[]> {
  const answers = await produce(broker, request);
  for (const { error } of answers) if (error !== undefined) throw error;
  return answers;
}

/**
 * Lets go of all connections without waiting for the answers that are under way: those requests fail with a
 * KafkaJSConnectionError. The cluster can connect again.
 */
export async function closeNow(cluster: Cluster): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- clusters come from createCluster
  const { brokers, seedBroker } = (cluster as ClusterInside).brokerPool;
  const all = new Set([
    ...Object.values(brokers),
    ...(seedBroker === undefined ? [] : [seedBroker]),
  ]);
  const error = new KafkaJSConnectionError('Connection closed by this side');
  for (const { connectionPool } of all) {
    for (const connection of connectionPool.pool) {
      connection.requestQueue.rejectAll(error);
      connection.socket?.destroy();
    }
  }
  await cluster.disconnect();
}

/**
 * Waits for an answer, by a clock that cannot be set back: the driver's own time-outs go by the wall clock, and a request whose
 * answer is lost would wait as long as that was turned back. When it is late all connections of the cluster are closed, which fails
 * whatever is under way on them.
 */
export async function answered<T>(cluster: Cluster, ms: number, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => {
    closeNow(cluster).catch(() => undefined);
  }, ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** By name, since several copies of the driver may be loaded under a test runner. */
export function isKafkaError(error: unknown): error is KafkaError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'name' in error &&
    typeof error.name === 'string' &&
    error.name.startsWith('KafkaJS')
  );
}

function connectionSettings(
  { brokers, clientId, ssl, sasl }: KafkaSettings,
  { retries = CLUSTER_RETRY.retries, requestTimeoutMs = REQUEST_TIMEOUT_MS }: ClusterOptions,
): Readonly<Record<string, unknown>> {
  return {
    brokers: [...brokers],
    clientId,
    ...(ssl && { ssl: { ...ssl, rejectUnauthorized: true } }),
    ...(sasl && { sasl: { ...sasl } }),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { ...CLUSTER_RETRY, retries },
  };
}

function logCreator({ onLog }: KafkaSettings): LogCreator {
  return () =>
    ({ level: number, namespace, log: { message, ...fields } }) => {
      const level = LOG_LEVELS.get(number);
      if (level !== undefined) onLog?.(level, message, { ...fields, namespace });
    };
}

async function send<T extends { readonly clientSideThrottleTime: number }>(
  broker: Broker,
  api: typeof FETCH | typeof PRODUCE,
  {
    body,
    decode,
    requestTimeout,
  }: {
    readonly body: Writer;
    readonly decode: (decoder: Decoder) => T;
    readonly requestTimeout?: number;
  },
): Promise<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- brokers come from a cluster of this driver
  const { connectionPool, versions } = broker as BrokerInside;
  if ((versions?.[api.apiKey]?.maxVersion ?? api.apiVersion) < api.apiVersion)
    throw new ValenceError(
      'CONFIG_INVALID',
      `the broker is too old: expected Kafka 2.3 or newer (${api.apiName} version ${api.apiVersion}), got ${api.apiName} up to version ${versions?.[api.apiKey]?.maxVersion ?? 0}`,
    );
  const payload = body.bytes();
  try {
    return await connectionPool.send({
      request: { ...api, encode: () => Promise.resolve({ buf: payload, buffer: payload }) },
      response: {
        decode: (bytes) => Promise.resolve(decode(new DecoderClass(bytes))),
        parse: (data) => Promise.resolve(data),
      },
      ...(requestTimeout === undefined ? {} : { requestTimeout }),
    });
  } catch (error) {
    if (isKafkaError(error) && error.name === 'KafkaJSConnectionClosedError')
      await broker.disconnect();
    throw error;
  }
}

function readFetched(topic: string, decoder: Decoder): FetchedPartition {
  const partition = decoder.readInt32();
  const error = errorOf(decoder.readInt16());
  const highWatermark = readInt64(decoder);
  const lastStableOffset = readInt64(decoder);
  const logStartOffset = readInt64(decoder);
  const aborted = decoder.readArray((each) => ({
    producerId: readInt64(each),
    firstOffset: readInt64(each),
  }));
  decoder.readInt32(); // the replica to be asked next; we always ask the leader
  const batches = decoder.readBytes() ?? Buffer.alloc(0);
  return {
    topic,
    partition,
    error,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    batches,
  };
}

function readProduced(topic: string, decoder: Decoder): ProducedPartition {
  const partition = decoder.readInt32();
  const error = errorOf(decoder.readInt16());
  const baseOffset = readInt64(decoder);
  const logAppendTime = readInt64(decoder);
  readInt64(decoder); // where the partition starts
  return { topic, partition, error, baseOffset, logAppendTime };
}

/** Offsets, ids and times stay below 2^53. */
function readInt64(decoder: Decoder): number {
  return Number(decoder.readInt64().toString());
}

function errorOf(code: number): KafkaError | undefined {
  return code === 0 ? undefined : createErrorFromCode(code);
}

/** A list of topics, each with a list of its parts. */
function writeByTopic<T extends { readonly topic: string }>(
  body: Writer,
  parts: readonly T[],
  write: (part: T) => void,
): void {
  const topics = new Map<string, T[]>();
  for (const part of parts) {
    const found = topics.get(part.topic);
    if (found === undefined) topics.set(part.topic, [part]);
    else found.push(part);
  }
  body.list([...topics], ([topic, of]) => body.string(topic).list(of, write));
}
