/**
 * The log as a library gives it: publishing and subscribing in a line each, typed by the topic contracts.
 *
 *   const log = await openLog('sqlite:my.db');
 *   const topics = pipelineTopics('sentiment');
 *   await log.ensureTopics(topics);
 *   await log.publish(topics.source, { id: 'r-17', text: 'Crust is not good.' });
 *   for await (const { value } of log.subscribe(topics.results)) console.log(value);
 */
import { ValenceError } from './errors.ts';
import type { AppendOutcome, EventLog, LogRecord, TopicReport } from './ports/event-log.ts';
import { followTopic, type FollowOptions } from './ports/follow-topic.ts';
import { topicSpecs } from './ports/topic-specs.ts';
import type { PipelineTopics, Topic } from '../topics/index.ts';

export interface PublishOptions {
  /** Default: what the contract says, the record's id. */
  readonly key?: string;
  readonly partition?: number;
  readonly onAck?: (where: { readonly partition: number; readonly offset: number }) => void;
  /** Called when the record was refused by the log, or nobody knows; without it the failure goes to `flush` and `close`. */
  readonly onNack?: (error: Error) => void;
}

/** A record whose value has been read by its contract. */
export interface TypedRecord<T> extends Omit<LogRecord, 'value'> {
  readonly value: T;
}

interface Waiting {
  readonly topic: string;
  readonly key: string | null;
  readonly value: string;
  readonly partition: number | undefined;
  readonly options: PublishOptions;
}

/** Records that may wait for their append; `publish` holds its caller back beyond. */
const QUEUE_RECORDS = 10_000;
const BATCH_RECORDS = 1000;

export class LogClient {
  readonly log: EventLog;
  readonly #queue: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Creates the topics that are missing and reports on the others; never alters one. */
  ensureTopics(topics: PipelineTopics, partitions = 1): Promise<readonly TopicReport[]> {
    const { source, results, model, snapshots, dlq } = topics;
    return this.log.ensureTopics(
      topicSpecs(
        {
          source: source.name,
          results: results.name,
          model: model.name,
          snapshots: snapshots.name,
          dlq: dlq.name,
        },
        partitions,
      ),
    );
  }

  /**
   * Queues one record. Resolves when there is room for the next one, not when it is written: that is what `onAck` and `flush`
   * tell.
   *
   * @throws RECORD_INVALID the value breaks the topic's contract; nothing was queued
   */
  async publish<T>(topic: Topic<T>, value: T, options: PublishOptions = {}): Promise<void> {
    const parsed = topic.schema.safeParse(value);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(
        ({ path, message }) => `${path.map(String).join('.') || 'value'}: ${message}`,
      );
      throw new ValenceError('RECORD_INVALID', `${topic.name}: ${problems.join('; ')}`);
    }
    this.#queue.push({
      topic: topic.name,
      key: options.key ?? keyOf(value),
      value: JSON.stringify(value),
      partition: options.partition,
      options,
    });
    this.#sending ??= this.#send();
    while (this.#queue.length >= QUEUE_RECORDS) await this.#sending;
  }

  /** Resolves when everything that was published is written. @throws the first failure that no `onNack` took */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  /**
   * Records of a topic as they are committed, all partitions. Values that break the contract are left out: they are somebody
   * else's. Ends when `signal` aborts or, with `untilEnd`, at the end of now.
   */
  async *subscribe<T>(
    topic: Topic<T>,
    options: FollowOptions = {},
  ): AsyncGenerator<TypedRecord<T>, void, undefined> {
    const decoder = new TextDecoder();
    for await (const records of followTopic(this.log, topic.name, options)) {
      for (const record of records) {
        const value = readJson(decoder, record.value);
        const parsed = topic.schema.safeParse(value);
        // The value as it stands, not as parsed: schemas drop keys such as `__proto__`, which may be a class.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema has just accepted it
        if (parsed.success) yield { ...record, value: value as T };
      }
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.log.close();
    }
  }

  async #send(): Promise<void> {
    // What is published in the same turn of the event loop goes together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const topic = this.#queue[0]?.topic ?? '';
      let count = 1;
      while (count < BATCH_RECORDS && this.#queue[count]?.topic === topic) count += 1;
      const batch = this.#queue.splice(0, count);
      for (const [index, outcome] of (await this.#append(topic, batch)).entries()) {
        this.#settle(batch[index]?.options, outcome);
      }
    }
    this.#sending = undefined;
  }

  async #append(topic: string, batch: readonly Waiting[]): Promise<readonly AppendOutcome[]> {
    try {
      return await this.log.append(
        topic,
        batch.map(({ key, value, partition }) => ({
          key,
          value,
          ...(partition === undefined ? {} : { partition }),
        })),
      );
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      return batch.map(() => ({ status: 'failed', error }));
    }
  }

  #settle(options: PublishOptions | undefined, outcome: AppendOutcome): void {
    if (outcome.status === 'ok') options?.onAck?.(outcome);
    else if (options?.onNack === undefined) this.#failure ??= outcome.error;
    else options.onNack(outcome.error);
  }
}

function keyOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('id' in value)) return null;
  return typeof value.id === 'string' || typeof value.id === 'number' ? String(value.id) : null;
}

function readJson(
  decoder: { decode(bytes: Uint8Array): string },
  value: Uint8Array | null,
): unknown {
  if (value === null) return null;
  try {
    return JSON.parse(decoder.decode(value));
  } catch {
    return undefined;
  }
}
