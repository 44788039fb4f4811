/**
 * The subscriber: claims source partitions, folds them and commits, until it is told to stop.
 *
 *   claim ─► snapshot, then deltas up to the fence ─► loop: read ─► stage ─► transact ─┬─► commit ─► a piece of a snapshot, if due
 *                ▲                                                                     │
 *                └──────────── roll back, claim again ◄── fenced, or outcome unknown ◄─┘
 *
 * A chunk is what has arrived, at most 1,000 records: large under load, one record when idle, with no timer in between.
 */
import { FEATURES_A_CHUNK } from '../core/models/forgetting.ts';
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord, OwnedPartition, OwnOptions } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { topicNames, type TopicNames } from '../../topics/index.ts';
import { ChunkSizes } from './chunk-sizes.ts';
import { ClassRules, DEFAULT_LABELS, isSameOrder, type ClassOptions } from './classes.ts';
import { newestDeclared } from './declared-classes.ts';
import { crashPoint } from '../crash-point.ts';
import { EndWatch } from './end-watch.ts';
import { FOLD_DEFAULTS, PartitionFold, type FoldOptions } from './fold.ts';
import { lastFolded, reportedScores } from './last-report.ts';
import { ModelWatch } from './model-watch.ts';
import { ownBeside, type OwnEvent } from './own-beside.ts';
import { restorePartition, restoreSums, type Restored } from './restore.ts';
import { SnapshotTaker, type SnapshotContext, type SnapshotEvent } from './snapshot-taker.ts';
import { SourceGuard, type SourceRange } from './source-guard.ts';
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
  | SnapshotEvent
  | OwnEvent
  | {
      /** From this source offset on the partition's champion is another. */
      readonly type: 'promoted';
      readonly partition: number;
      readonly position: number;
      readonly champion: string;
      /** Of the promotion record. */
      readonly id: string | null;
    }
  | {
      /** The champion is to be a model that this process does not run: its partitions keep the one that they have. Told once. */
      readonly type: 'promotion_ignored';
      readonly champion: string;
      readonly id: string | null;
    }
  | {
      /** A label has a weight, and no model that is run counts by it. Told once. */
      readonly type: 'weights_ignored';
      readonly partition: number;
      readonly offset: number;
    }
  | {
      /** The log was learned with other declared classes than this run has, worst to best; this run's count. Told once. */
      readonly type: 'labels_differ';
      readonly declared: readonly string[];
      readonly told: readonly string[];
    }
  | {
      readonly type: 'restored';
      readonly partition: number;
      readonly position: number;
      readonly durationMs: number;
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
  /** KiB of deltas between two snapshots, at least. Default 16,384. */
  readonly snapshotEvery?: number;
  /** Never delete deltas that snapshots hold. Default false. */
  readonly keepDeltas?: boolean;
  /** Go on behind source records that were deleted before they were folded, in place of SOURCE_TRUNCATED. Default false. */
  readonly skipDeleted?: boolean;
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
  /** Hash of each model's sums at these positions, as this process has them; as long as a pass over the vocabulary takes. */
  readonly hashes: () => readonly { readonly name: string; readonly hash: string }[];
}

export const CHUNK_RECORDS = 1000;
const SNAPSHOT_EVERY_KIB = 16_384;
/** How long a stop waits for a snapshot that was begun, ms. */
const FINISH_MS = 3000;
/** How often the model topic is looked at besides, so that one who has nothing to do is ready to take over, ms. */
const FOLLOW_MS = 1000;
/** The model topic itself is looked at each so many times. */
const MODEL_ROUNDS = 15;
/** Of keys and values. */
export const CHUNK_BYTES = 1 << 20;
/** How long an empty partition is waited for before it counts as idle, ms. */
const IDLE_MS = 1000;
/** How often records past their topic's retention are deleted, ms. */
const RETAIN_MS = 60_000;

/** The consumer group of a pipeline's subscribers. */
export function subscriberGroup(pipeline: string): string {
  return `${pipeline}.subscriber`;
}

/** How a pipeline's subscribers join: whoever claims partitions in the same way meets none of them. */
export function subscriberMember(
  pipeline: string,
  topics: TopicNames,
): Pick<OwnOptions, 'group' | 'topic' | 'fenceTopic' | 'transactionalId'> {
  return {
    group: subscriberGroup(pipeline),
    topic: topics.source,
    fenceTopic: topics.model,
    transactionalId: `${pipeline}.fold`,
  };
}

/**
 * Runs a subscriber until `signal` aborts, the end is reached (`untilEnd`), or an error that another claim cannot mend.
 *
 * @throws CONFIG_INVALID, TOPIC_MISMATCH before anything is started; MODEL_MISMATCH, DELTA_GAP, DELTA_CORRUPT, SNAPSHOT_CORRUPT,
 * SOURCE_TRUNCATED: the state is in doubt, nothing more was learned
 */
export async function runSubscriber(options: SubscriberOptions): Promise<SubscriberSummary> {
  const totals = { records: 0, predictions: 0, outcomes: 0, deadLetters: 0 };
  await compareClasses(options);
  for (;;) {
    const subscriber = await Subscriber.open(options, totals);
    try {
      return await subscriber.run();
    } catch (error) {
      // It slept while snapshots and trims went on: a new one begins with the newest snapshot.
      if (!isBehind(error) || options.signal?.aborted === true) throw error;
    }
  }
}

/** Says so where the log was learned with other classes: they shape the answers, and nothing else would show it. */
async function compareClasses(options: SubscriberOptions): Promise<void> {
  const { log, pipeline, classes, onEvent } = options;
  if (onEvent === undefined) return;
  const declared = classes?.declared ?? DEFAULT_LABELS;
  const told = await newestDeclared(log, topicNames(pipeline, options.topics));
  if (told === undefined || isSameOrder(told, declared)) return;
  onEvent({ type: 'labels_differ', declared, told });
}

type Totals = { -readonly [K in keyof Omit<SubscriberSummary, 'positions' | 'hashes'>]: number };

function isBehind(error: unknown): boolean {
  return isValenceError(error) && error.code === 'DELTA_GAP' && error.fields['behind'] === true;
}

class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #log: EventLog;
  readonly #topics: TopicNames;
  readonly #foldOptions: FoldOptions;
  readonly #state: PipelineState;
  readonly #restored: Restored;
  readonly #snapshots: SnapshotContext;
  readonly #guard: SourceGuard;
  readonly #end: EndWatch;
  readonly #modelWatch: ModelWatch;
  readonly #sizes: ChunkSizes;
  readonly #owned = new Set<number>();
  readonly #stop = new AbortController();
  readonly #totals: Totals;
  readonly #now: () => number;
  /** Id of the promotion that was last looked at for a model that is not run. */
  #told: string | null = null;
  #hasToldOfWeights = false;

  static async open(options: SubscriberOptions, totals: Totals): Promise<Subscriber> {
    const topics = topicNames(options.pipeline, options.topics);
    // The source may be somebody else's: the others get as many partitions as it has.
    const given = await options.log.describeTopic(topics.source);
    const specs = topicSpecs(topics, given?.partitions.length ?? options.partitions ?? 1);
    await options.log.ensureTopics(specs);
    const source = given ?? (await options.log.describeTopic(topics.source));
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
    const targets = source?.partitions ?? [];
    const state = new PipelineState({
      pipeline: options.pipeline,
      models: options.models ?? [{ name: 'champion', kind: 'gtnb', role: 'champion' }],
      declared: options.classes?.declared ?? DEFAULT_LABELS,
      analyzer: options.analyzer ?? 'river',
      partitions: targets.length,
    });
    const restored = await restoreSums({ log: options.log, topics, state });
    return new Subscriber(options, totals, topics, targets, state, restored);
  }

  private constructor(
    options: SubscriberOptions,
    totals: Totals,
    topics: TopicNames,
    targets: readonly SourceRange[],
    state: PipelineState,
    restored: Restored,
  ) {
    const declared = options.classes?.declared ?? DEFAULT_LABELS;
    this.#options = options;
    this.#log = options.log;
    this.#topics = topics;
    this.#now = options.clock ?? (() => performance.now());
    this.#foldOptions = {
      ...FOLD_DEFAULTS,
      ...options.fold,
      topics,
      classes: new ClassRules({ ...options.classes, declared }),
    };
    this.#totals = totals;
    this.#state = state;
    this.#restored = restored;
    const { log, pipeline, snapshotEvery = SNAPSHOT_EVERY_KIB } = options;
    const { keepDeltas = false, skipDeleted = false } = options;
    const { follower } = restored;
    const [owned, stop] = [this.#owned, this.#stop];
    const onEvent = (event: SnapshotEvent): void => options.onEvent?.(event);
    const guard = new SourceGuard({ log, topics, state, skipDeleted, stop: stop.signal, onEvent });
    this.#guard = guard;
    this.#end = new EndWatch({ log, topics, targets, state, follower, guard, owned, stop });
    this.#modelWatch = new ModelWatch({ log, topics, state, follower });
    this.#sizes = new ChunkSizes(topics, onEvent);
    this.#snapshots = {
      everyBytes: snapshotEvery * 1024,
      keepDeltas,
      log,
      pipeline,
      topics,
      state,
      ...restored,
      owned,
      onEvent,
      now: this.#now,
      warned: new Set(),
    };
  }

  async run(): Promise<SubscriberSummary> {
    const { log, signal, pipeline, untilEnd = false } = this.#options;
    await ownBeside(
      {
        ...subscriberMember(pipeline, this.#topics),
        log,
        stop: this.#stop,
        signal,
        onEvent: (event) => this.#options.onEvent?.(event),
      },
      (owned) => this.#serve(owned),
      [
        ...(untilEnd ? [() => this.#end.watch()] : []),
        () => this.#retainNowAndThen(),
        () => this.#followNowAndThen(),
      ],
    );
    await this.#retain();
    return {
      ...this.#totals,
      positions: [...this.#state.positions],
      hashes: () =>
        this.#state.models.map(({ name }) => ({ name, hash: this.#state.hash(name).hash })),
    };
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

  /** Others' deltas are taken in as they come, also where nothing is folded: a standby has little to read when it takes over. */
  async #followNowAndThen(): Promise<void> {
    for (let round = 1; ; round++) {
      await pause(FOLLOW_MS, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#restored.follower.catchUpOthers(this.#owned);
        // The owner of partition 0 does not follow it, and its own deltas are most of what stands there.
        if (this.#owned.has(0)) await this.#restored.follower.promotions.catchUp();
        if (round % MODEL_ROUNDS === 0) await this.#modelWatch.check();
      } catch (error) {
        if (!isValenceError(error) || error.recovery !== 'retry') throw error;
      }
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
      this.#modelWatch.claimed(owned);
      const taker = new SnapshotTaker(this.#snapshots, owned, fold);
      let idle = false;
      while (!owned.signal.aborted) {
        const position = this.#state.positions[partition] ?? 0;
        const isWaiting = !taker.isBusy && this.#options.untilEnd !== true;
        const from = Math.max(position, this.#end.passed(partition));
        const batch = await owned.next({
          from,
          maxRecords: this.#sizes.limit(partition) ?? CHUNK_RECORDS,
          maxBytes: CHUNK_BYTES,
          waitMs: !taker.isBusy && idle ? IDLE_MS * 10 : isWaiting ? IDLE_MS : 0,
        });
        const first = batch.records[0]?.offset ?? batch.next;
        if (first > from || batch.end < from) await this.#guard.checkRange(owned, fold, from);
        const folded =
          batch.records.length > 0 ? await this.#chunk(owned, fold, batch.records, batch.end) : 0;
        // What a chunk left out is read again.
        if (folded === batch.records.length) this.#end.pass(partition, batch.next);
        // Before it counts as idle: a run to the end takes the snapshots that are due.
        if (!this.#isStopped(owned)) await taker.step();
        if (batch.records.length > 0) {
          idle = false;
        } else if (!idle && !taker.isBusy && batch.next >= batch.end && !this.#isStopped(owned)) {
          idle = true;
          await reportIdle(owned, fold);
          this.#options.onEvent?.({ type: 'idle', partition, position, end: batch.end });
          if (this.#options.untilEnd === true) this.#end.stopAtEnd();
        }
      }
      if (!this.#stop.signal.aborted) return;
      // Told to stop: the figures end with what was folded, and not up to `metricsEvery` records before.
      await reportIdle(owned, fold);
      await taker.finish(FINISH_MS);
    } finally {
      this.#owned.delete(partition);
      this.#modelWatch.released(partition);
    }
  }

  #isStopped(owned: OwnedPartition): boolean {
    return owned.signal.aborted || this.#stop.signal.aborted;
  }

  /** @returns how many of the records were folded */
  async #chunk(
    owned: OwnedPartition,
    fold: PartitionFold,
    records: readonly LogRecord[],
    end: number,
  ): Promise<number> {
    const { partition, epoch } = owned;
    const started = this.#now();
    // The view is frozen here: what others commit from now on waits for the next chunk.
    await this.#restored.follower.catchUpOthers(this.#owned);
    const from = this.#state.positions[partition] ?? 0;
    this.#tellIgnored();
    const chunk = fold.stage(records, from, epoch, undefined, FEATURES_A_CHUNK);
    const folded = chunk.records;
    crashPoint('staged');
    if (chunk.promotion !== undefined) crashPoint('switching');
    try {
      await owned.transact({ records: chunk.outputs, position: chunk.to });
    } catch (error) {
      fold.rollback();
      throw this.#sizes.failed(partition, folded, error);
    }
    crashPoint('committed');
    if (chunk.promotion !== undefined) crashPoint('switched');
    fold.commit(chunk);
    this.#sizes.committed(partition);
    crashPoint('merged');
    const { predictions, outcomes, deadLetters, ignoredWeight } = chunk;
    if (ignoredWeight !== undefined && !this.#hasToldOfWeights) {
      this.#hasToldOfWeights = true;
      this.#options.onEvent?.({ type: 'weights_ignored', partition, offset: ignoredWeight });
    }
    this.#totals.records += folded;
    this.#totals.predictions += predictions;
    this.#totals.outcomes += outcomes;
    this.#totals.deadLetters += deadLetters;
    if (chunk.promotion !== undefined) {
      const { champion, id } = chunk.promotion;
      this.#options.onEvent?.({ type: 'promoted', partition, position: from, champion, id });
    }
    this.#options.onEvent?.({
      type: 'chunk',
      partition,
      records: folded,
      from,
      to: chunk.to,
      end,
      predictions,
      outcomes,
      deadLetters,
      durationMs: this.#now() - started,
      timestamp: records[folded - 1]?.timestamp ?? 0,
    });
    return folded;
  }

  #tellIgnored(): void {
    const { id, champion } = this.#state.promotion;
    if (id === this.#told) return;
    this.#told = id;
    if (this.#state.indexOf(champion) === undefined)
      this.#options.onEvent?.({ type: 'promotion_ignored', champion, id });
  }

  /** The partition as its last owner's last commit left it. */
  async #restore(owned: OwnedPartition): Promise<PartitionFold> {
    const { partition } = owned;
    const started = this.#now();
    const fold = new PartitionFold(this.#state, partition, this.#foldOptions);
    const { results, source } = this.#topics;
    const subject = { log: this.#log, topics: this.#topics, state: this.#state };
    await restorePartition({ ...subject, ...this.#restored }, fold, owned.fence);
    await this.#restored.follower.catchUpOthers(this.#owned);
    // A promotion that was asked for while nobody was there holds from the first chunk on.
    if (this.#owned.has(0)) await this.#restored.follower.promotions.catchUp();
    const position = await this.#guard.begin(owned, fold, this.#restored.follower);
    this.#end.pass(partition, position);
    const models = this.#state.models.length;
    fold.resume(
      await reportedScores(this.#log, results, partition, models),
      await lastFolded(this.#log, source, partition, position),
    );
    this.#options.onEvent?.({
      type: 'restored',
      partition,
      position,
      durationMs: this.#now() - started,
    });
    return fold;
  }
}

/** Metrics of what was scored since the last metrics records: a transaction without progress. */
async function reportIdle(owned: OwnedPartition, fold: PartitionFold): Promise<void> {
  const records = fold.idle();
  if (records.length > 0) await owned.transact({ records, position: undefined });
}
