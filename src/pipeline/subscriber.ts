/**
 * The subscriber: claims source partitions, folds them and commits, until it is told to stop.
 *
 *   claim ─► snapshot, then deltas up to the fence ─► loop: read ─► stage ─► transact ─┬─► commit ─► a piece of a snapshot, if due
 *                ▲                                                                     │
 *                └──────────── roll back, claim again ◄── fenced, or outcome unknown ◄─┘
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
import { REBUILD } from './follower.ts';
import { restorePartition, restoreSums, type Restored } from './restore.ts';
import { SnapshotTaker, type SnapshotContext, type SnapshotEvent } from './snapshot-taker.ts';
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

export const CHUNK_RECORDS = 500;
/** After a chunk that was too large for the log, so many are half its size. */
const SMALLER_CHUNKS = 100;
const SNAPSHOT_EVERY_KIB = 16_384;
/** How long a stop waits for a snapshot that was begun, ms. */
const FINISH_MS = 3000;
/** How often the model topic is looked at besides, so that one who has nothing to do is ready to take over, ms. */
const FOLLOW_MS = 1000;
/** The model topic itself is looked at each so many times. */
const MODEL_ROUNDS = 15;
const CHUNK_BYTES = 1 << 20;
/** How long an empty partition is waited for before it counts as idle, ms. */
const IDLE_MS = 1000;
/** How often records past their topic's retention are deleted, ms. */
const RETAIN_MS = 60_000;
/** Results that a new owner looks through for the last metrics records. */
const MOST_LOOKED_BACK = 100_000;
/** How often, and after what pauses, ms, a source that seems to end too early is looked at again. */
const MOST_LOOKS = 10;
const LOOK_MS = 200;
/** How often `--until-end` looks whether another owner has got there, ms. */
const WATCH_MS = 50;

/** The consumer group of a pipeline's subscribers. */
export function subscriberGroup(pipeline: string): string {
  return `${pipeline}.subscriber`;
}

/**
 * Runs a subscriber until `signal` aborts, the end is reached (`untilEnd`), or an error that another claim cannot mend.
 *
 * @throws CONFIG_INVALID, TOPIC_MISMATCH before anything is started; MODEL_MISMATCH, DELTA_GAP, DELTA_CORRUPT, SNAPSHOT_CORRUPT,
 * SOURCE_TRUNCATED: the state is in doubt, nothing more was learned
 */
export async function runSubscriber(options: SubscriberOptions): Promise<SubscriberSummary> {
  const totals = { records: 0, predictions: 0, outcomes: 0, deadLetters: 0 };
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
  /** Source ranges at the start, by partition. */
  readonly #targets: readonly { readonly start: number; readonly end: number }[];
  readonly #owned = new Set<number>();
  readonly #stop = new AbortController();
  readonly #totals: Totals;
  /** By owned partition: the fence of its claim, and the position then. */
  readonly #claims = new Map<
    number,
    { readonly fence: number; readonly position: number | undefined }
  >();
  /** Looks in a row at which the model topic was not what it was. */
  #missed = 0;
  readonly #now: () => number;
  /** By partition: source offset below which nothing is left to fold, at or behind the position: offsets may hold no record. */
  readonly #passed: number[] = [];
  /** By partition of others: the position at which the source was last asked for more. */
  readonly #asked: (number | undefined)[] = [];
  /** By partition: most records of a chunk, after one that was too large for the log, and for how many chunks that holds. */
  readonly #smaller = new Map<number, { readonly records: number; chunks: number }>();

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
      models: options.models ?? [{ name: 'champion', kind: 'multinomial', role: 'champion' }],
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
    targets: readonly { readonly start: number; readonly end: number }[],
    state: PipelineState,
    restored: Restored,
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
    this.#totals = totals;
    this.#state = state;
    this.#restored = restored;
    const { log, pipeline, snapshotEvery = SNAPSHOT_EVERY_KIB, keepDeltas = false } = options;
    this.#snapshots = {
      everyBytes: snapshotEvery * 1024,
      keepDeltas,
      log,
      pipeline,
      topics,
      state,
      ...restored,
      owned: this.#owned,
      onEvent: (event) => options.onEvent?.(event),
      now: this.#now,
      warned: new Set(),
    };
  }

  async run(): Promise<SubscriberSummary> {
    const { signal, pipeline } = this.#options;
    const stop = (): void => this.#stop.abort();
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    let failed: { readonly error: unknown } | undefined;
    const watch = this.#options.untilEnd === true ? this.#watchEnd() : Promise.resolve();
    const besides = Promise.all([watch, this.#retainNowAndThen(), this.#followNowAndThen()]).catch(
      (error: unknown) => {
        failed ??= { error };
        stop();
      },
    );
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
        if (round % MODEL_ROUNDS === 0) await this.#checkModel();
      } catch (error) {
        if (!isValenceError(error) || error.recovery !== 'retry') throw error;
      }
    }
  }

  /** @throws MODEL_LOST twice in a row the topic was not there, or ended before what was read of it */
  async #checkModel(): Promise<void> {
    const topic = await this.#log.describeTopic(this.#topics.model);
    const { follower } = this.#restored;
    const isThere = this.#targets.every((_, partition) => {
      const { end = -1 } = topic?.partitions[partition] ?? {};
      // Own deltas are not read again, but they lie behind the fence of the claim.
      const { fence, position } = this.#claims.get(partition) ?? { fence: -1, position: undefined };
      const hasMoved = this.#state.positions[partition] !== position;
      return end >= follower.next(partition) && (hasMoved ? end > fence : end >= fence);
    });
    this.#missed = isThere ? 0 : this.#missed + 1;
    if (this.#missed < 2) return;
    throw new ValenceError(
      'MODEL_LOST',
      `topic ${this.#topics.model} was deleted or made again: it does not hold what was learned; ${REBUILD}`,
    );
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
      const { fence } = owned;
      this.#claims.set(partition, { fence, position: this.#state.positions[partition] });
      const taker = new SnapshotTaker(this.#snapshots, owned, fold);
      let idle = false;
      while (!owned.signal.aborted) {
        const position = this.#state.positions[partition] ?? 0;
        const isWaiting = !taker.isBusy && this.#options.untilEnd !== true;
        const from = Math.max(position, this.#passed[partition] ?? 0);
        const batch = await owned.next({
          from,
          maxRecords: this.#smaller.get(partition)?.records ?? CHUNK_RECORDS,
          maxBytes: CHUNK_BYTES,
          waitMs: !taker.isBusy && idle ? IDLE_MS * 10 : isWaiting ? IDLE_MS : 0,
        });
        const first = batch.records[0]?.offset ?? batch.next;
        if (first > from || batch.end < from) await this.#checkRange(owned, fold, from);
        if (batch.records.length > 0) await this.#chunk(owned, fold, batch.records, batch.end);
        this.#passed[partition] = batch.next;
        // Before it counts as idle: a run to the end takes the snapshots that are due.
        if (!this.#isStopped(owned)) await taker.step();
        if (batch.records.length > 0) {
          idle = false;
        } else if (!idle && !taker.isBusy && !this.#isStopped(owned)) {
          idle = true;
          await reportIdle(owned, fold);
          this.#options.onEvent?.({ type: 'idle', partition, position, end: batch.end });
          if (this.#options.untilEnd === true) this.#stopAtEnd();
        }
      }
      if (!this.#stop.signal.aborted) return;
      // Told to stop: the figures end with what was folded, and not up to `metricsEvery` records before.
      await reportIdle(owned, fold);
      await taker.finish(FINISH_MS);
    } finally {
      this.#owned.delete(partition);
      this.#claims.delete(partition);
    }
  }

  #isStopped(owned: OwnedPartition): boolean {
    return owned.signal.aborted || this.#stop.signal.aborted;
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
    await this.#restored.follower.catchUpOthers(this.#owned);
    const from = this.#state.positions[partition] ?? 0;
    const chunk = fold.stage(records, from, epoch);
    crashPoint('staged');
    try {
      await owned.transact({ records: chunk.outputs, position: chunk.to });
    } catch (error) {
      fold.rollback();
      throw this.#tooLarge(partition, records.length, error);
    }
    crashPoint('committed');
    fold.commit(chunk);
    const smaller = this.#smaller.get(partition);
    if (smaller !== undefined && --smaller.chunks === 0) this.#smaller.delete(partition);
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
    const { follower } = this.#restored;
    const subject = { log: this.#log, topics: this.#topics, state: this.#state };
    await restorePartition({ ...subject, ...this.#restored }, fold, owned.fence);
    await follower.catchUpOthers(this.#owned);
    const range = await this.#rangeOf(partition, this.#state.positions[partition] ?? 0);
    const isNew = this.#state.positions[partition] === undefined;
    let position = (this.#state.positions[partition] ??= range.start);
    // The first delta says where the partition begins, so that nobody takes a rest of the topic for the whole.
    if (isNew && owned.committed === undefined && position > 0)
      await this.#commitEmpty(owned, fold, position, position);
    follower.seek(partition, follower.next(partition));
    if (range.start > position && this.#options.skipDeleted === true) {
      await this.#skip(owned, fold, position, range.start);
      position = range.start;
    }
    this.#passed[partition] = position;
    this.#checkPosition(owned, position, isNew, range);
    fold.resume(await this.#reported(partition), await this.#last(partition, position));
    this.#options.onEvent?.({
      type: 'restored',
      partition,
      position,
      durationMs: this.#now() - started,
    });
    return fold;
  }

  /** Of a source partition. A replica that has just begun to lead may show an earlier end for a while. */
  async #rangeOf(
    partition: number,
    reached: number,
  ): Promise<{ readonly start: number; readonly end: number }> {
    for (let tries = 1; ; tries++) {
      const source = await this.#log.describeTopic(this.#topics.source);
      const range = source?.partitions[partition] ?? { start: 0, end: 0 };
      if (range.end >= reached || tries >= MOST_LOOKS) return range;
      await pause(LOOK_MS, this.#stop.signal);
    }
  }

  /**
   * The source jumps, or ends before what was read: markers and compacted records are passed over, deleted ones are not.
   *
   * @throws SOURCE_TRUNCATED
   */
  async #checkRange(owned: OwnedPartition, fold: PartitionFold, from: number): Promise<void> {
    const { partition } = owned;
    const range = await this.#rangeOf(partition, from);
    this.#checkEnd(partition, from, range);
    if (range.start <= from) return;
    if (this.#options.skipDeleted !== true) this.#checkStart(partition, from, range);
    await this.#skip(owned, fold, this.#state.positions[partition] ?? from, range.start);
  }

  /** A delta that teaches nothing, over source offsets [from, to). */
  async #commitEmpty(
    owned: OwnedPartition,
    fold: PartitionFold,
    from: number,
    to: number,
  ): Promise<void> {
    const chunk = fold.stage([], from, owned.epoch, to);
    await owned.transact({ records: chunk.outputs, position: to });
    fold.commit(chunk);
  }

  /** Moves the position over offsets whose records are gone: a delta that teaches nothing. */
  async #skip(owned: OwnedPartition, fold: PartitionFold, from: number, to: number): Promise<void> {
    await this.#commitEmpty(owned, fold, from, to);
    this.#options.onEvent?.({
      type: 'warning',
      partition: owned.partition,
      code: 'SOURCE_TRUNCATED',
      message: `${to - from} records of ${this.#topics.source}/${owned.partition} were deleted before they were folded, and are passed over`,
    });
  }

  /**
   * @throws SOURCE_TRUNCATED the source no longer has what comes next, or is another one; MODEL_LOST, POSITION_AHEAD others folded
   * further than the deltas tell
   */
  #checkPosition(
    { partition, committed }: OwnedPartition,
    position: number,
    isNew: boolean,
    range: { readonly start: number; readonly end: number },
  ): void {
    const { source, model } = this.#topics;
    this.#checkStart(partition, position, range);
    this.#checkEnd(partition, position, range);
    // A position is committed together with a delta.
    if (committed === undefined) return;
    if (isNew) {
      throw new ValenceError(
        'MODEL_LOST',
        `${source}/${partition} was folded up to offset ${committed}, but ${model} tells nothing of it: the topic was deleted or made again; ${REBUILD}`,
        { partition, committed },
      );
    }
    if (committed > position) {
      throw new ValenceError(
        'POSITION_AHEAD',
        `the group's position in ${source}/${partition} is ${committed}, but ${model} tells only what was learned up to ${position}: deltas were lost, or somebody ` +
          `moved the group; ${REBUILD}`,
        { partition, position, committed },
      );
    }
  }

  #checkStart(
    partition: number,
    position: number,
    { start, end }: { readonly start: number; readonly end: number },
  ): void {
    if (start <= position) return;
    throw new ValenceError(
      'SOURCE_TRUNCATED',
      `${start - position} records of ${this.#topics.source}/${partition} were deleted before they were folded, and cannot be learned any more; keep them for longer ` +
        `(retention.ms), and start once with --skip-deleted to go on behind them with what the model has learned`,
      { partition, position, start, end },
    );
  }

  #checkEnd(
    partition: number,
    position: number,
    { start, end }: { readonly start: number; readonly end: number },
  ): void {
    if (end >= position) return;
    throw new ValenceError(
      'SOURCE_TRUNCATED',
      `${this.#topics.source}/${partition} ends at ${end}, before the position ${position}: the topic was made again; use another --pipeline`,
      { partition, position, start, end },
    );
  }

  /** Folds fewer records at once after a transaction that was too large for the log. @returns the error to leave the claim with */
  #tooLarge(partition: number, records: number, error: unknown): unknown {
    if (!isValenceError(error) || error.code !== 'CHUNK_TOO_LARGE') return error;
    if (records > 1) {
      const { code, message } = error;
      if (!this.#smaller.has(partition))
        this.#options.onEvent?.({ type: 'warning', partition, code, message });
      this.#smaller.set(partition, { records: Math.floor(records / 2), chunks: SMALLER_CHUNKS });
      return error;
    }
    return new ValenceError(
      'TOPIC_MISMATCH',
      `what one record of ${this.#topics.source}/${partition} gives is larger than the log takes; raise max.message.bytes of ${this.#topics.results}, ` +
        `${this.#topics.model} and ${this.#topics.dlq}`,
      { partition },
      { cause: error },
    );
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
      await this.#restored.follower.catchUpOthers(this.#owned);
      for (const partition of this.#targets.keys())
        if (!this.#owned.has(partition)) await this.#askForMore(partition);
      await this.#checkEnds();
      if (this.#stopAtEnd()) return;
      await pause(WATCH_MS, this.#stop.signal);
    }
  }

  /** @throws SOURCE_TRUNCATED the source ends before what was folded: it is another one, and its end says nothing */
  async #checkEnds(): Promise<void> {
    if (this.#targets.every(({ end }, p) => (this.#state.positions[p] ?? 0) <= end)) return;
    for (const partition of this.#targets.keys()) {
      const position = this.#state.positions[partition] ?? 0;
      this.#checkEnd(partition, position, await this.#rangeOf(partition, position));
    }
  }

  /**
   * Offsets up to the end may hold no record, so that no position ever gets there. The answer holds as long as the position: what
   * was there is there.
   */
  async #askForMore(partition: number): Promise<void> {
    const { start, end } = this.#targets[partition] ?? { start: 0, end: 0 };
    const position = this.#state.positions[partition] ?? start;
    if (position >= end || this.#asked[partition] === position) return;
    const batch = await this.#log.read(this.#topics.source, partition, {
      from: position,
      maxRecords: 1,
    });
    const next = batch.records[0]?.offset ?? batch.next;
    this.#asked[partition] = position;
    this.#passed[partition] = Math.max(this.#passed[partition] ?? 0, next);
  }

  /** `untilEnd`: stops when nothing is left below the ends. */
  #stopAtEnd(): boolean {
    // A source that ends before what was folded is another one; the claim says so.
    if (this.#targets.some(({ end }, p) => end === 0 && (this.#state.positions[p] ?? 0) > 0))
      return false;
    const done = this.#targets.every(({ start, end }, p) => {
      const position = this.#state.positions[p] ?? start;
      return Math.max(position, this.#passed[p] ?? 0) >= end;
    });
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
