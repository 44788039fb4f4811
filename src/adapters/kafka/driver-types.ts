/**
 * Types of what the adapter uses of kafkajs: its protocol layer, seen through interfaces of ours, so that no other file names a type
 * of the driver. Offsets, producer ids and timestamps are decimal texts here, as the driver gives them.
 */
import type { Socket } from 'node:net';

/** What is different between deployments; everything else is set in driver.ts. */
export interface KafkaSettings {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Given: TLS, with the certificates always checked. PEM texts; without `ca` the system's authorities count. */
  readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  /** Opens connections in place of the driver's own function; for tests that listen in. */
  readonly socketFactory?: SocketFactory;
  /** Lines of the driver's log, debug level excluded (it would print records). */
  readonly onLog?: (level: KafkaLogLevel, message: string, fields: KafkaLogFields) => void;
}

export type KafkaLogLevel = 'error' | 'warn' | 'info';
type KafkaLogFields = Readonly<Record<string, unknown>>;

/** Opens a connection and calls `onConnect` once it can be written to. `ssl` undefined or null: no TLS. */
export type SocketFactory = (target: {
  readonly host: string;
  readonly port: number;
  readonly ssl?: Readonly<Record<string, unknown>> | null;
  readonly onConnect: () => void;
}) => Socket;

export interface ClusterOptions {
  /** How often a connection that cannot be made is tried again, with pauses of 0.1 to 1 s. Default 60. */
  readonly retries?: number;
  /** After this without an answer a request fails, ms. Default 15,000. Fetches and joins add what they ask the broker to wait. */
  readonly requestTimeoutMs?: number;
}

/**
 * Connections to all brokers of a cluster, and what is known about its topics. Two sockets a broker: one for Fetch, one for all else;
 * a broker answers the requests of a socket one after the other, so that what may wait long wants a cluster of its own.
 */
export interface Cluster {
  /** Tries again while no broker answers (see {@link ClusterOptions.retries}). */
  connect(): Promise<void>;
  /** Waits for the answers that are under way; see `closeNow` in driver.ts. */
  disconnect(): Promise<void>;
  isConnected(): boolean;
  /** Adds topics to those whose metadata is kept, and reads it if one is new; see metadata.ts for what it says. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Empty: not a target topic, or not known. */
  findTopicPartitionMetadata(topic: string): readonly {
    readonly partitionId: number;
    /** Node id; -1: none at the moment. */
    readonly leader: number;
  }[];
  /** Connected. Where it cannot be reached the metadata is read anew and the error thrown. */
  findBroker(options: { readonly nodeId: number | string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  getNodeIds(): readonly string[];
}

interface TransactionIdentity {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** Offsets of a group, as they are committed. */
interface OffsetsOfTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly offset: string;
    readonly metadata?: string | null;
  }[];
}

interface GroupMember {
  readonly memberId: string;
  /** {@link MemberMetadataCodec}; empty for all but the leader. */
  readonly memberMetadata: Buffer;
}

interface ConfigEntry {
  readonly configName: string;
  readonly configValue: string | null;
}

/** One broker, request by request. A method rejects with a {@link KafkaError}, whatever the answer's error code was. */
export interface Broker {
  disconnect(): Promise<void>;
  /** `coordinatorType` 0: of a group; 1: of a transactional id. */
  findGroupCoordinator(request: {
    readonly groupId: string;
    readonly coordinatorType: number;
  }): Promise<{
    readonly coordinator: { readonly nodeId: number };
  }>;
  /** `timestamp` '-1': the end (last stable offset at `isolationLevel` 1, high watermark at 0); '-2': the start. */
  listOffsets(request: {
    readonly isolationLevel?: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly offset: string;
      }[];
    }[];
  }>;
  /** Offset '-1': none committed. */
  offsetFetch(request: {
    readonly groupId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly offset: string;
        readonly metadata: string | null;
      }[];
    }[];
  }>;
  /** Without membership: generation -1, member ''. */
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly OffsetsOfTopic[];
  }): Promise<unknown>;
  /** Asks a second time by itself when the broker wants the member id that it gave. The answer waits for the other members. */
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId?: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly GroupMember[];
  }>;
  /** Only the leader gives assignments. */
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly {
      readonly memberId: string;
      readonly memberAssignment: Buffer;
    }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly groupId: string;
      /** Empty, Dead, Stable, PreparingRebalance, CompletingRebalance. */
      readonly state: string;
      readonly protocolType: string;
      readonly protocol: string;
      readonly members: readonly {
        readonly memberId: string;
        readonly clientId: string;
        readonly clientHost: string;
        readonly memberMetadata: Buffer;
        readonly memberAssignment: Buffer;
      }[];
    }[];
  }>;
  /** Of the controller. */
  createTopics(request: {
    readonly topics: readonly NewTopic[];
    readonly timeout?: number;
  }): Promise<unknown>;
  /** Of a topic (type 2): any broker; of a broker (type 4): that one. */
  describeConfigs(request: {
    readonly resources: readonly {
      readonly type: number;
      readonly name: string;
      readonly configNames?: readonly string[];
    }[];
  }): Promise<{
    readonly resources: readonly {
      readonly resourceName: string;
      readonly configEntries: readonly ConfigEntry[];
    }[];
  }>;
  /** Of the partitions' leader. */
  deleteRecords(request: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<unknown>;
  /** Without `transactionalId`: any broker; else its coordinator, and the epoch grows. */
  initProducerId(request: {
    readonly transactionalId?: string;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addPartitionsToTxn(
    request: TransactionIdentity & {
      readonly topics: readonly { readonly topic: string; readonly partitions: number[] }[];
    },
  ): Promise<unknown>;
  addOffsetsToTxn(request: TransactionIdentity & { readonly groupId: string }): Promise<unknown>;
  /** Of the group's coordinator. `metadata` null: none. */
  txnOffsetCommit(
    request: TransactionIdentity & {
      readonly groupId: string;
      readonly topics: readonly OffsetsOfTopic[];
    },
  ): Promise<unknown>;
  /** True: commit. */
  endTxn(request: TransactionIdentity & { readonly transactionResult: boolean }): Promise<unknown>;
}

export interface NewTopic {
  readonly topic: string;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly configEntries?: readonly { readonly name: string; readonly value: string }[];
}

/** What a member tells the group about itself (consumer protocol). */
export interface MemberMetadataCodec {
  encode(metadata: {
    readonly version: number;
    readonly topics: readonly string[];
    readonly userData?: Buffer;
  }): Buffer;
  decode(bytes: Buffer): {
    readonly version: number;
    readonly topics: readonly string[];
    readonly userData: Buffer | null;
  };
}

/** Which partitions a member is given (consumer protocol). */
export interface MemberAssignmentCodec {
  encode(assignment: {
    readonly version: number;
    readonly assignment: Readonly<Record<string, readonly number[]>>;
    readonly userData?: Buffer;
  }): Buffer;
  /** Null: empty, no partitions. */
  decode(bytes: Buffer): {
    readonly version: number;
    readonly assignment: Readonly<Record<string, readonly number[]>>;
    readonly userData: Buffer | null;
  } | null;
}

/** One partition's part of a Fetch. */
export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The broker gives at least one batch, however large. */
  readonly maxBytes: number;
}

export interface FetchRequest {
  /** How long the broker may wait for `minBytes`, ms. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly targets: readonly FetchTarget[];
}

/** What a Fetch answered for one partition. Offsets are -1 where there is an error. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly error: KafkaError | undefined;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Transactions that ended in an abort and reach into the batches. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
  /** Record batches as the log keeps them; the last may be cut. A view of the answer. */
  readonly batches: Buffer;
}

export interface ProduceRequest {
  /** Undefined: outside of a transaction. */
  readonly transactionalId: string | undefined;
  /** How long the broker may wait for the other replicas, ms. */
  readonly timeoutMs: number;
  /** At most one batch of a partition. */
  readonly batches: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly batch: Buffer;
  }[];
}

export interface ProducedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly error: KafkaError | undefined;
  /** Offset of the batch's first record, -1 with an error. */
  readonly baseOffset: number;
  /** ms since the epoch where the topic stamps its records itself, else -1. */
  readonly logAppendTime: number;
}

/** An error of the driver. Test `type`, then `name`; the message says nothing that is stable. */
export interface KafkaError {
  /** `KafkaJS…`. */
  readonly name: string;
  readonly message: string;
  /** The broker's error by name, such as NOT_LEADER_FOR_PARTITION, where it was one. */
  readonly type?: string;
  /** The broker's error code, or the system's (ECONNREFUSED). */
  readonly code?: number | string;
  readonly cause?: unknown;
  /** Of createTopics: what was wrong with each topic. */
  readonly errors?: readonly KafkaError[];
}
