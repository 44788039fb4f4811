/**
 * The follower: reads the model topic, so that every process holds the sums of all partitions. It reads forward only, from where
 * it stood; deltas that this process wrote itself come back and are skipped, being covered.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord } from '../ports/event-log.ts';
import { toldClasses } from './declared-classes.ts';
import { isBeginning, readDelta, readRange, type ReadDelta } from './delta-reader.ts';
import { PromotionWatch } from './promotion-watch.ts';
import type { PipelineState } from './state.ts';

/** What a message says to do where deltas are missing. */
export const REBUILD =
  "make the model again from the source topic with 'valence model rebuild', or use another --pipeline";

const READ_BYTES = 1 << 20;
/** Waits for what must be there, ms and how many. */
const WAIT_MS = 250;
const MOST_WAITS = 40;
/** How long a delta that was committed may take to show, ms. */
const SHOWS_WITHIN_MS = 5000;

export class ModelFollower {
  /** Takes the promotions that pass by. */
  readonly promotions: PromotionWatch;
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #state: PipelineState;
  /** The newest delta that was taken in, by the log's time. */
  #newest: Pick<LogRecord, 'headers' | 'timestamp'> | undefined;
  /** By partition: next offset of the model topic, and the source position there. */
  readonly #places: { next: number; position: number | undefined }[];

  constructor(log: EventLog, topic: string, state: PipelineState) {
    this.#log = log;
    this.#topic = topic;
    this.#state = state;
    this.promotions = new PromotionWatch(log, topic, state);
    this.#places = state.positions.map((position) => ({ next: 0, position }));
  }

  /** Declared classes of the newest delta that was followed, worst to best; undefined: none was, or it does not tell. */
  get declared(): readonly string[] | undefined {
    return this.#newest && toldClasses(this.#newest.headers);
  }

  /** Next offset of the model topic to read. */
  next(partition: number): number {
    return this.#places[partition]?.next ?? 0;
  }

  /** Reads on from there: the sums hold all deltas below `next`, the last of which ends at their position. */
  seek(partition: number, next: number): void {
    this.#places[partition] = { next, position: this.#state.positions[partition] };
  }

  /**
   * Takes in the deltas of a partition that are there now.
   *
   * @throws DELTA_GAP deltas are missing; with the field `behind` if they were deleted while this process did not look
   */
  async catchUp(partition: number, onDelta?: (delta: ReadDelta) => void): Promise<void> {
    for (;;) {
      const from = this.next(partition);
      const batch = await this.#read(partition, from);
      await this.#take(partition, from, batch.records, onDelta);
      if (batch.next >= batch.end) return;
      const place = this.#places[partition];
      if (place !== undefined && place.next < batch.next) place.next = batch.next;
    }
  }

  /**
   * Every partition but those in `except`: read at once, taken in in ascending order. One that joins `except` meanwhile is left
   * to its owner.
   */
  async catchUpOthers(except: ReadonlySet<number>): Promise<void> {
    let behind = [...this.#places.keys()];
    while (behind.length > 0) {
      const batches = await Promise.all(
        behind
          .filter((partition) => !except.has(partition))
          .map(async (partition) => {
            const from = this.next(partition);
            return { partition, from, batch: await this.#read(partition, from) };
          }),
      );
      behind = [];
      for (const { partition, from, batch } of batches) {
        if (except.has(partition)) continue;
        await this.#take(partition, from, batch.records);
        if (batch.next >= batch.end) continue;
        const place = this.#places[partition];
        if (place !== undefined && place.next < batch.next) place.next = batch.next;
        behind.push(partition);
      }
    }
  }

  /**
   * Where the sums are, for `locate`. To be taken together with a copy of them.
   */
  places(): readonly { readonly next: number; readonly position: number | undefined }[] {
    return this.#places.map((place) => ({ ...place }));
  }

  /**
   * Offset in the model topic after the delta that ends at a position. Deltas that this process wrote are not followed, so they are
   * looked for: read from where the partition stood, nothing of them decoded.
   *
   * @param place of `places()`, when the sums stood at `position`
   * @returns undefined if it does not show in time
   */
  async locate(
    partition: number,
    place: { readonly next: number; readonly position: number | undefined },
    position: number | undefined,
  ): Promise<number | undefined> {
    let { next, position: reached } = place;
    for (const start = performance.now(); reached !== position;) {
      const batch = await this.#read(partition, next, SHOWS_WITHIN_MS / 10);
      for (const { key, value, offset } of batch.records) {
        if (reached === position) break;
        next = offset + 1;
        if (key !== null || value === null) continue;
        reached = readRange(value).to;
        if (reached > (position ?? 0)) return undefined;
      }
      if (reached === position) break;
      next = Math.max(next, batch.next);
      if (performance.now() - start > SHOWS_WITHIN_MS) return undefined;
    }
    const known = this.#places[partition];
    // What was passed is in the sums, which only grow.
    if (known !== undefined && known.next < next) this.#places[partition] = { next, position };
    return next;
  }

  async #read(partition: number, from: number, waitMs = 0): ReturnType<EventLog['read']> {
    const batch = await this.#log.read(this.#topic, partition, {
      from,
      maxRecords: 500,
      maxBytes: READ_BYTES,
      waitMs,
    });
    if (partition === 0) await this.promotions.take(from, batch);
    return batch;
  }

  async #take(
    partition: number,
    from: number,
    records: readonly LogRecord[],
    onDelta?: (delta: ReadDelta) => void,
  ): Promise<void> {
    let passed = from;
    for (const record of records) {
      const { key, value, offset } = record;
      // A record with a key marks a claim.
      if (key === null && value !== null) {
        const delta = readDelta(value);
        if (this.#state.positions[partition] === undefined && !isBeginning(delta)) {
          await this.requireAll(partition, passed, delta);
          throw noBeginning(this.#topic, partition, delta.from);
        }
        await this.#apply(partition, passed, delta);
        if (record.timestamp >= (this.#newest?.timestamp ?? -Infinity)) this.#newest = record;
        // Two that read at once apply in the same order: what one took in is covered for the other.
        const place = this.#places[partition];
        if (place !== undefined && place.next <= offset)
          this.#places[partition] = { next: offset + 1, position: delta.to };
        onDelta?.(delta);
      }
      passed = offset + 1;
    }
  }

  async #apply(partition: number, from: number, delta: ReadDelta): Promise<void> {
    try {
      this.#state.apply(delta);
    } catch (error) {
      if (!isValenceError(error) || error.code !== 'DELTA_GAP') throw error;
      await this.requireAll(partition, from, delta);
      throw error;
    }
  }

  /** @throws DELTA_GAP what lay at `from` was deleted */
  async requireAll(partition: number, from: number, delta: Pick<ReadDelta, 'from'>): Promise<void> {
    const start = (await this.#log.describeTopic(this.#topic))?.partitions[partition]?.start ?? 0;
    if (start <= from) return;
    throw new ValenceError(
      'DELTA_GAP',
      `deltas of ${this.#topic}/${partition} before source offset ${delta.from} were deleted before this process had read them; start it again, it then begins with the snapshot`,
      { partition, from, start, behind: true },
    );
  }
}

/** The first delta of a partition is not the one that began it. */
export function noBeginning(topic: string, partition: number, from: number): ValenceError {
  return new ValenceError(
    'MODEL_LOST',
    `${topic}/${partition} begins with what was learned from source offset ${from} on; what was learned before is lost: the topic was deleted or made again; ${REBUILD}`,
    { partition, from },
  );
}

/** The deltas of a partition in their order, from an offset of the model topic to `until`, or to the end of now. */
export async function* readDeltas(
  log: EventLog,
  topic: string,
  partition: number,
  options: {
    readonly from: number;
    readonly until?: number;
    readonly maxRecords?: number;
    /** Everything that was read, before its deltas. */
    readonly onRead?: (from: number, records: readonly LogRecord[], next: number) => void;
  },
): AsyncGenerator<{ readonly delta: ReadDelta; readonly next: number }, void, undefined> {
  const { from, until, maxRecords = 500 } = options;
  const fence = until ?? Number.POSITIVE_INFINITY;
  let waited = 0;
  for (let next = from; next < fence;) {
    const batch = await log.read(topic, partition, {
      from: next,
      maxRecords,
      maxBytes: READ_BYTES,
      waitMs: waited > 0 ? WAIT_MS : 0,
    });
    options.onRead?.(next, batch.records, batch.next);
    for (const { key, value, offset } of batch.records) {
      if (offset >= fence) return;
      // A record with a key marks a claim.
      if (key === null && value !== null) yield { delta: readDelta(value), next: offset + 1 };
    }
    const isMoving = batch.next > next;
    next = batch.next;
    if (next < batch.end || next >= fence) continue;
    if (until === undefined) return;
    // What lies below a fence is there, though a replica that has just begun to lead may not show it yet.
    waited = isMoving ? 1 : waited + 1;
    if (waited > MOST_WAITS)
      throw new ValenceError(
        'LOG_UNAVAILABLE',
        `${topic}/${partition} shows nothing beyond offset ${next}, though it was written up to ${until}`,
        { partition, next, until },
      );
  }
}
