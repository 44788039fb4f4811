/**
 * The driver's own clients, which Valence itself does without: tests prepare topics, permissions and open transactions with them, and
 * compare with them. Their connections are those of the product, repaired.
 */
import { createRequire } from 'node:module';
// This also repairs the driver, before it is used here.
import { type KafkaSettings, openSocket } from '../../../src/adapters/kafka/driver.ts';

export interface StockMessage {
  readonly partition: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | string | null;
}

interface Sender {
  send(request: {
    readonly topic: string;
    readonly messages: readonly StockMessage[];
    /** 0 none, 1 gzip. */
    readonly compression?: number;
  }): Promise<unknown>;
}

export interface StockTransaction extends Sender {
  sendOffsets(request: {
    readonly consumerGroupId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

/** Not to be used again after an error. */
export interface StockProducer extends Sender {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** The first one fences earlier producers of the transactional id. */
  transaction(): Promise<StockTransaction>;
}

export type ProducerKind = { readonly transactionalId: string } | { readonly idempotent: true };

export interface StockAdmin {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  createTopics(request: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions?: number;
      readonly replicationFactor?: number;
      readonly configEntries?: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly waitForLeaders?: boolean;
  }): Promise<boolean>;
  deleteTopics(request: { readonly topics: readonly string[] }): Promise<void>;
  /** Resource types: 2 topic, 3 group, 4 cluster, 5 transactional id. Pattern types: 3 literal, 4 prefixed. */
  createAcls(request: {
    readonly acl: readonly {
      readonly resourceType: number;
      readonly resourceName: string;
      readonly resourcePatternType: number;
      readonly principal: string;
      readonly host: string;
      readonly operation: number;
      readonly permissionType: number;
    }[];
  }): Promise<boolean>;
}

interface Stock {
  readonly Kafka: new (settings: object) => {
    producer(options: object): StockProducer;
    admin(): StockAdmin;
  };
  readonly Partitioners: { readonly DefaultPartitioner: unknown };
}

interface Options {
  /** How often a connection that cannot be made is tried again. Default 60. */
  readonly retries?: number;
}

const { Kafka, Partitioners } = createRequire(import.meta.url)('kafkajs') as Stock;

/** A client for administration, with connections of its own. */
export function createAdmin(settings: KafkaSettings, options: Options = {}): StockAdmin {
  return stock(settings, options).admin();
}

/** A producer, with connections of its own. Idempotent only: at most 1,000 records a send. */
export function createProducer(
  settings: KafkaSettings,
  kind: ProducerKind,
  options: Options = {},
): StockProducer {
  return stock(settings, options).producer({
    ...kind,
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
    transactionTimeout: 15_000,
    // With fewer retries than this the driver warns at each idempotent producer.
    retry: {
      initialRetryTime: 3,
      multiplier: 1.5,
      maxRetryTime: 1_000,
      retries: 'idempotent' in kind ? Number.MAX_SAFE_INTEGER : 20,
    },
  });
}

function stock(
  { brokers, clientId, ssl, sasl, socketFactory = openSocket }: KafkaSettings,
  { retries = 60 }: Options,
): InstanceType<Stock['Kafka']> {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl && { ssl: { ...ssl, rejectUnauthorized: true } }),
    ...(sasl && { sasl: { ...sasl } }),
    socketFactory,
    connectionTimeout: 2_000,
    requestTimeout: 15_000,
    enforceRequestTimeout: true,
    logLevel: 0,
    retry: { initialRetryTime: 100, multiplier: 2, factor: 0.2, maxRetryTime: 1_000, retries },
  });
}
