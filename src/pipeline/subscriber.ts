/**
 * The subscriber: claims source partitions, folds them and commits, until it is told to stop.
 *
 *   claim ─► catch up with the model topic to the fence ─► loop: read ─► stage ─► transact ─┬─► commit
 *                ▲                                                                          │
 *                └──────────────── roll back, claim again ◄── fenced, or outcome unknown ◄──┘
 *
 * A chunk is what has arrived, at most 500 records: large under load, one record when idle, with no timer in between.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord, OwnedPartition } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { topicNames, type TopicNames } from '../../topics/index.ts';
import { ClassRules, type ClassOptions, DEFAULT_LABELS } from './classes.ts';
import { crashPoint } from '../crash-point.ts';
import { FOLD_DEFAULTS, PartitionFold, type FoldOptions } from './fold.ts';
import { ModelFollower, readDeltas } from './follower.ts';
import { PipelineState, type ModelSpec } from './state.ts';

/** What the subscriber tells of its work; for logs, health and live views. */
export type SubscriberEvent =
  | {
      readonly type: 'chunk';
      readonly partition: number;
      readonly records: number;
      readonly from: number;
      readonly to: number;
      /** End of the source partition when the chunk was read. */
      readonly end: number;
      readonly predictions: number;
      readonly outcomes: number;
      readonly deadLetters: number;
      readonly durationMs: number;
      /** The log's timestamp of the last record, ms since the epoch. */
      readonly timestamp: number;
    }
  | {
      /** Everything that was there is folded. */
      readonly type: 'idle';
      readonly partition: number;
      readonly position: number;
      readonly end: number;
    }
  | {
      /** A snapshot was written (and read back). `kind`: the merged sums, or the carry of a partition. */
      readonly type: 'snapshot';
      readonly kind: 'sums' | 'carry';
      readonly partition: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | {
      /** The log confirmed that this member of the group is alive. */
      readonly type: 'heartbeat';
    }
  | {
      readonly type: 'restored';
      readonly partition: number;
      readonly position: number;
      readonly durationMs: number;
    }
  | {
      readonly type: 'claimed' | 'released' | 'fenced';
      readonly partition: number;
      readonly epoch: number;
    };

export interface SubscriberOptions {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics?: Partial<TopicNames>;
  /** Champion first; default: one multinomial champion. */
  readonly models?: readonly ModelSpec[];
  readonly classes?: Partial<ClassOptions>;
  /** Default `river`. */
  readonly analyzer?: string;
  readonly fold?: Partial<Omit<FoldOptions, 'topics' | 'classes'>>;
  /** Partitions of topics that have to be created. Default 1. */
  readonly partitions?: number;
  /** End when every partition's position, by whomever, has reached the end that it had at the start. */
  readonly untilEnd?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SubscriberEvent) => void;
  /** Monotonic ms, for durations in events only. */
  readonly clock?: () => number;
}

export interface SubscriberSummary {
  readonly records: number;
  readonly predictions: number;
  readonly outcomes: number;
  readonly deadLetters: number;
  readonly positions: readonly (number | undefined)[];
}

export const CHUNK_RECORDS = 500;
const CHUNK_BYTES = 1 << 20;
/** How long an empty partition is waited for before it counts as idle, ms. */
const IDLE_MS = 1000;
/** How often records past their topic's retention are deleted, ms. */
const RETAIN_MS = 60_000;
/** Results that a new owner looks through for the last metrics records. */
const MOST_LOOKED_BACK = 100_000;
/** How often `--until-end` looks whether another owner has got there, ms. */
const WATCH_MS = 50;

/** The consumer group of a pipeline's subscribers. */
export function subscriberGroup(pipeline: string): string {
  return `${pipeline}.subscriber`;
}

/**
 * Runs a subscriber until `signal` aborts, the end is reached (`untilEnd`), or an error that another claim cannot mend.
 *
 * @throws CONFIG_INVALID, TOPIC_MISMATCH before anything is started; MODEL_MISMATCH, DELTA_GAP, DELTA_CORRUPT,
 * SOURCE_TRUNCATED: the state is in doubt, nothing more was learned
 */
export async function runSubscriber(options: SubscriberOptions): Promise<SubscriberSummary> {
  const subscriber = await Subscriber.open(options);
  return subscriber.run();
}

class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #log: EventLog;
  readonly #topics: TopicNames;
  readonly #foldOptions: FoldOptions;
  readonly #state: PipelineState;
  readonly #follower: ModelFollower;
  /** Source ranges at the start, by partition. */
  readonly #targets: readonly { readonly start: number; readonly end: number }[];
  readonly #owned = new Set<number>();
  readonly #stop = new AbortController();
  readonly #totals = { records: 0, predictions: 0, outcomes: 0, deadLetters: 0 };
  readonly #now: () => number;

  static async open(options: SubscriberOptions): Promise<Subscriber> {
    const topics = topicNames(options.pipeline, options.topics);
    await options.log.ensureTopics(topicSpecs(topics, options.partitions ?? 1));
    const source = await options.log.describeTopic(topics.source);
    const partitions = source?.partitions.length ?? 0;
    for (const topic of [topics.results, topics.model, topics.dlq]) {
      const mirror = await options.log.describeTopic(topic);
      if (mirror?.partitions.length !== partitions) {
        throw new ValenceError(
          'TOPIC_MISMATCH',
          `topic ${topic} has ${mirror?.partitions.length ?? 0} partitions, ${topics.source} has ${partitions}; they must have as many: use another --pipeline, or new topics`,
        );
      }
    }
    return new Subscriber(options, topics, source?.partitions ?? []);
  }

  private constructor(
    options: SubscriberOptions,
    topics: TopicNames,
    targets: readonly { readonly start: number; readonly end: number }[],
  ) {
    const declared = options.classes?.declared ?? DEFAULT_LABELS;
    this.#options = options;
    this.#log = options.log;
    this.#topics = topics;
    this.#targets = targets;
    this.#now = options.clock ?? (() => performance.now());
    this.#foldOptions = {
      ...FOLD_DEFAULTS,
      ...options.fold,
      topics,
      classes: new ClassRules({ ...options.classes, declared }),
    };
    this.#state = new PipelineState({
      pipeline: options.pipeline,
      models: options.models ?? [{ name: 'champion', kind: 'multinomial', role: 'champion' }],
      declared,
      analyzer: options.analyzer ?? 'river',
      partitions: targets.length,
    });
    this.#follower = new ModelFollower(options.log, topics.model, this.#state);
  }

  async run(): Promise<SubscriberSummary> {
    const { signal, pipeline } = this.#options;
    const stop = (): void => this.#stop.abort();
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    let failed: { readonly error: unknown } | undefined;
    const watch = this.#options.untilEnd === true ? this.#watchEnd() : Promise.resolve();
    const besides = Promise.all([watch, this.#retainNowAndThen()]).catch((error: unknown) => {
      failed ??= { error };
      stop();
    });
    try {
      await this.#log.own(
        {
          group: subscriberGroup(pipeline),
          topic: this.#topics.source,
          fenceTopic: this.#topics.model,
          transactionalId: `${pipeline}.fold`,
          signal: this.#stop.signal,
          onChange: (change) => this.#options.onEvent?.(change),
          onHeartbeat: () => this.#options.onEvent?.({ type: 'heartbeat' }),
        },
        (owned) => this.#serve(owned),
      );
    } finally {
      stop();
      signal?.removeEventListener('abort', stop);
      await besides;
    }
    if (failed !== undefined) throw failed.error;
    await this.#retain();
    return { ...this.#totals, positions: [...this.#state.positions] };
  }

  /**
   * Deletes what is past its retention, now and then and at the end; never at the start: until this group has claimed its
   * partitions, nothing says that old records are still to be folded.
   */
  async #retainNowAndThen(): Promise<void> {
    for (;;) {
      await pause(RETAIN_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      await this.#retain();
    }
  }

  async #retain(): Promise<void> {
    try {
      await this.#log.retain(Date.now());
    } catch (error) {
      // A log that is busy is tried again the next time.
      if (!isValenceError(error) || error.recovery !== 'retry') throw error;
    }
  }

  /** One claim of one partition, from restore to release. */
  async #serve(owned: OwnedPartition): Promise<void> {
    const { partition } = owned;
    this.#owned.add(partition);
    try {
      const fold = await this.#restore(owned);
      let idle = false;
      while (!owned.signal.aborted) {
        const from = this.#state.positions[partition] ?? 0;
        const batch = await owned.next({
          from,
          maxRecords: CHUNK_RECORDS,
          maxBytes: CHUNK_BYTES,
          waitMs: idle ? IDLE_MS * 10 : this.#options.untilEnd === true ? 0 : IDLE_MS,
        });
        if (batch.records.length > 0) {
          await this.#chunk(owned, fold, batch.records, batch.end);
          idle = false;
        } else if (!idle && !owned.signal.aborted && !this.#stop.signal.aborted) {
          idle = true;
          await reportIdle(owned, fold);
          this.#options.onEvent?.({ type: 'idle', partition, position: from, end: batch.end });
          if (this.#options.untilEnd === true) this.#reached();
        }
      }
      // Told to stop: the figures end with what was folded, and not up to `metricsEvery` records before.
      if (this.#stop.signal.aborted) await reportIdle(owned, fold);
    } finally {
      this.#owned.delete(partition);
    }
  }

  async #chunk(
    owned: OwnedPartition,
    fold: PartitionFold,
    records: readonly LogRecord[],
    end: number,
  ): Promise<void> {
    const { partition, epoch } = owned;
    const started = this.#now();
    // The view is frozen here: what others commit from now on waits for the next chunk.
    await this.#follower.catchUpOthers(this.#owned);
    const from = this.#state.positions[partition] ?? 0;
    const chunk = fold.stage(records, from, epoch);
    crashPoint('staged');
    try {
      await owned.transact({ records: chunk.outputs, position: chunk.to });
    } catch (error) {
      fold.rollback();
      throw error;
    }
    crashPoint('committed');
    fold.commit(chunk);
    crashPoint('merged');
    const { predictions, outcomes, deadLetters } = chunk;
    this.#totals.records += records.length;
    this.#totals.predictions += predictions;
    this.#totals.outcomes += outcomes;
    this.#totals.deadLetters += deadLetters;
    this.#options.onEvent?.({
      type: 'chunk',
      partition,
      records: records.length,
      from,
      to: chunk.to,
      end,
      predictions,
      outcomes,
      deadLetters,
      durationMs: this.#now() - started,
      timestamp: records.at(-1)?.timestamp ?? 0,
    });
  }

  /** The partition as its last owner's last commit left it. */
  async #restore(owned: OwnedPartition): Promise<PartitionFold> {
    const { partition } = owned;
    const started = this.#now();
    const fold = new PartitionFold(this.#state, partition, this.#foldOptions);
    // From the first delta, whatever the follower has read: the carry needs the events of all.
    const state = this.#state;
    const until = owned.fence;
    for await (const { delta } of readDeltas(this.#log, this.#topics.model, partition, {
      from: 0,
      until,
      state,
    })) {
      state.apply(delta);
      fold.replay(delta);
    }
    await this.#follower.catchUpOthers(this.#owned);
    const source = await this.#log.describeTopic(this.#topics.source);
    const range = source?.partitions[partition] ?? { start: 0, end: 0 };
    const position = (this.#state.positions[partition] ??= range.start);
    if (range.start > position || range.end < position) {
      throw new ValenceError(
        'SOURCE_TRUNCATED',
        range.start > position
          ? `${range.start - position} records of ${this.#topics.source}/${partition} were deleted before they were folded; use another --pipeline to begin anew`
          : `${this.#topics.source}/${partition} ends at ${range.end}, before the position ${position}: the topic was made again; use another --pipeline`,
        { partition, position, start: range.start, end: range.end },
      );
    }
    fold.resume(await this.#reported(partition), await this.#last(partition, position));
    this.#options.onEvent?.({
      type: 'restored',
      partition,
      position,
      durationMs: this.#now() - started,
    });
    return fold;
  }

  /** By model: scored records in the newest metrics record among the last results of the partition. */
  async #reported(partition: number): Promise<ReadonlyMap<string, number>> {
    const topic = await this.#log.describeTopic(this.#topics.results);
    const { start = 0, end = 0 } = topic?.partitions[partition] ?? {};
    const reported = new Map<string, number>();
    // Backwards in growing steps: metrics are usually near the end, but texts without labels may stand behind them.
    let until = end;
    for (let back = 1024; until > start && end - until < MOST_LOOKED_BACK; back *= 4) {
      const from = Math.max(start, end - back);
      const found = await this.#metricsBetween(partition, from, until);
      for (const [model, scored] of found) if (!reported.has(model)) reported.set(model, scored);
      if (reported.size === this.#state.models.length) break;
      until = from;
    }
    return reported;
  }

  async #metricsBetween(
    partition: number,
    from: number,
    until: number,
  ): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>();
    for (let next = from; next < until;) {
      const batch = await this.#log.read(this.#topics.results, partition, { from: next });
      for (const { value, offset } of batch.records) {
        const result = offset < until ? readJson(value) : undefined;
        if (isMetrics(result)) found.set(result.model, result.scored);
      }
      if (batch.next <= next) break;
      next = batch.next;
    }
    return found;
  }

  async #last(partition: number, position: number): Promise<LogRecord | undefined> {
    if (position === 0) return undefined;
    const batch = await this.#log.read(this.#topics.source, partition, {
      from: position - 1,
      maxRecords: 1,
    });
    const record = batch.records[0];
    return record !== undefined && record.offset < position ? record : undefined;
  }

  /** `untilEnd`: waits for partitions that others serve. */
  async #watchEnd(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#follower.catchUpOthers(this.#owned);
      if (this.#reached()) return;
      await pause(WATCH_MS, this.#stop.signal);
    }
  }

  #reached(): boolean {
    const done = this.#targets.every(
      ({ start, end }, p) => (this.#state.positions[p] ?? start) >= end,
    );
    if (done) this.#stop.abort();
    return done;
  }
}

/** Metrics of what was scored since the last metrics records: a transaction without progress. */
async function reportIdle(owned: OwnedPartition, fold: PartitionFold): Promise<void> {
  const records = fold.idle();
  if (records.length > 0) await owned.transact({ records, position: undefined });
}

/** Undefined: no JSON. The topic may be shared with somebody else. */
function readJson(value: Uint8Array | null): unknown {
  try {
    return value === null ? undefined : JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined;
  }
}

function isMetrics(value: unknown): value is { readonly model: string; readonly scored: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'metrics' &&
    'model' in value &&
    typeof value.model === 'string' &&
    'scored' in value &&
    typeof value.scored === 'number'
  );
}
