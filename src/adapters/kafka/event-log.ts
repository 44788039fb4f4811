/**
 * The log on Apache Kafka.
 *
 *   append ─► Appender: idempotent producer ─► KafkaOffsets: checkpoint, after the records
 *   read ─► KafkaReader: Fetch now; nothing there ─► Watch: long polls shared by all who wait
 *   own ─► KafkaOwners: group membership, claims, transactions
 *   topics, positions ─► KafkaTopics, KafkaOffsets: one request each
 *
 * Readers see committed records only. `end` is the last stable offset: an open transaction holds it back.
 */
import { isValenceError } from '../../errors.ts';
import type {
  AppendOutcome,
  Batch,
  Checkpoint,
  DiagnosisSubject,
  EventLog,
  Finding,
  NewRecord,
  OwnedPartition,
  OwnOptions,
  ReadOptions,
  TopicDescription,
  TopicReport,
  TopicSpec,
} from '../../ports/event-log.ts';
import { checkOffset, closedLog } from '../embedded/records.ts';
import { Appender } from './append.ts';
import { Clusters } from './clusters.ts';
import { diagnoseKafka } from './diagnose.ts';
import { type KafkaSettings, SESSION_TIMEOUT_MS } from './driver.ts';
import { KafkaOffsets } from './offsets.ts';
import { KafkaOwners } from './owners.ts';
import { KafkaReader } from './read.ts';
import { KafkaTopics } from './topics.ts';

export interface KafkaLogOptions {
  /** Without a heartbeat for this long an owner is taken for dead, ms. Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** How long the first connection is tried for, ms. Default 5000. */
  readonly connectMs?: number;
}

const CONNECT_MS = 5000;

export class KafkaEventLog implements EventLog {
  readonly url: string;
  readonly #clusters: Clusters;
  readonly #topics: KafkaTopics;
  readonly #appender: Appender;
  readonly #reader: KafkaReader;
  readonly #offsets: KafkaOffsets;
  readonly #owners: KafkaOwners;
  #closed: Promise<void> | undefined;

  private constructor(clusters: Clusters, sessionTimeoutMs: number) {
    const { settings } = clusters;
    this.url = `kafka://${settings.brokers.join(',')}`;
    this.#clusters = clusters;
    this.#topics = new KafkaTopics(clusters);
    this.#appender = new Appender(clusters, this.#topics);
    this.#reader = new KafkaReader(clusters, this.#topics);
    this.#offsets = new KafkaOffsets(clusters, this.#topics);
    this.#owners = new KafkaOwners({
      settings,
      sessionTimeoutMs,
      describeTopic: (topic) => this.#topics.describe(topic),
      committed: (group, topic) => this.#offsets.committed(group, topic),
    });
  }

  /**
   * Connects once, so that a wrong address, sign-in or certificate is told here. Further connections are made as they are needed.
   *
   * @throws CONFIG_INVALID the broker refuses the sign-in, is not trusted, or talks otherwise than the settings say
   * @throws LOG_UNAVAILABLE no broker answers
   */
  static async open(
    settings: KafkaSettings,
    options: KafkaLogOptions = {},
  ): Promise<KafkaEventLog> {
    const { sessionTimeoutMs = SESSION_TIMEOUT_MS, connectMs = CONNECT_MS } = options;
    const clusters = new Clusters(settings);
    try {
      await clusters.probe(connectMs);
    } catch (error) {
      await clusters.close();
      throw error;
    }
    return new KafkaEventLog(clusters, sessionTimeoutMs);
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<readonly TopicReport[]> {
    this.#check();
    return this.#topics.ensure(specs);
  }

  async listTopics(): Promise<readonly string[]> {
    this.#check();
    return this.#topics.list();
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    this.#check();
    return this.#topics.describe(topic);
  }

  async append(
    topic: string,
    records: readonly NewRecord[],
    options: { readonly checkpoint?: Checkpoint } = {},
  ): Promise<readonly AppendOutcome[]> {
    this.#check();
    const outcomes = await this.#appender.append(topic, records);
    const { checkpoint } = options;
    if (checkpoint && outcomes.every(({ status }) => status === 'ok'))
      await this.#keep(topic, checkpoint, outcomes.length > 0);
    return outcomes;
  }

  async checkpoint(name: string): Promise<string | undefined> {
    this.#check();
    return this.#offsets.checkpoint(name);
  }

  async read(topic: string, partition: number, options: ReadOptions): Promise<Batch> {
    this.#check();
    return this.#reader.read(topic, partition, options);
  }

  async own(options: OwnOptions, handler: (owned: OwnedPartition) => Promise<void>): Promise<void> {
    this.#check();
    await this.#owners.own(options, handler);
  }

  async committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    this.#check();
    return this.#offsets.committed(group, topic);
  }

  async members(group: string): Promise<number | undefined> {
    this.#check();
    return this.#offsets.members(group);
  }

  async trim(topic: string, partition: number, before: number): Promise<void> {
    this.#check();
    checkOffset(before);
    await this.#topics.trim(topic, partition, before);
    this.#reader.forget(topic, partition);
  }

  /** The brokers do it by themselves. */
  async retain(): Promise<readonly never[]> {
    this.#check();
    return [];
  }

  async diagnose(subject: DiagnosisSubject): Promise<readonly Finding[]> {
    this.#check();
    return diagnoseKafka(this.#clusters.settings, subject);
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#owners.close();
    } finally {
      await this.#clusters.close();
    }
  }

  /** Records that are written are written: that their checkpoint is not does not undo them. The next append keeps a later one. */
  async #keep(topic: string, checkpoint: Checkpoint, isBesideRecords: boolean): Promise<void> {
    try {
      await this.#offsets.keep(topic, checkpoint);
    } catch (error) {
      const mayPass = isValenceError(error) && error.code === 'LOG_UNAVAILABLE';
      if (!isBesideRecords || !mayPass) throw error;
    }
  }

  #check(): void {
    if (this.#closed !== undefined) throw closedLog(this.url);
  }
}
