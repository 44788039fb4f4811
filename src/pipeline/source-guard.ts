/**
 * The source guard: sees to it that no source record is missed unnoticed, when a partition is claimed and whenever its offsets jump.
 *
 *   start > position   records were deleted before they were folded: SOURCE_TRUNCATED, or passed over with a warning
 *   end < position     another topic of the same name: SOURCE_TRUNCATED
 *   group > position   deltas were lost: MODEL_LOST where none are left, else POSITION_AHEAD
 */
import { ValenceError } from '../errors.ts';
import type { EventLog, OwnedPartition } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import type { TopicNames } from '../../topics/index.ts';
import { type ModelFollower, REBUILD } from './follower.ts';
import type { PartitionFold } from './fold.ts';
import type { SnapshotEvent } from './snapshot-taker.ts';
import type { PipelineState } from './state.ts';

/** Of a partition: the first offset still kept, and the offset after the last record. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

export interface SourceGuardOptions {
  readonly log: EventLog;
  readonly topics: Pick<TopicNames, 'source' | 'model'>;
  readonly state: PipelineState;
  /** Go on behind records that were deleted. */
  readonly skipDeleted: boolean;
  /** Aborted: nothing is waited for any more. */
  readonly stop: AbortSignal;
  readonly onEvent: (event: SnapshotEvent) => void;
}

/** How often, and after what pauses, ms, a source that seems to end too early is looked at again. */
const MOST_LOOKS = 10;
const LOOK_MS = 200;

export class SourceGuard {
  readonly #options: SourceGuardOptions;

  constructor(options: SourceGuardOptions) {
    this.#options = options;
  }

  /**
   * Settles where a partition that was just claimed and restored goes on.
   *
   * @returns the position
   * @throws SOURCE_TRUNCATED the source no longer has what comes next, or is another one; MODEL_LOST, POSITION_AHEAD others folded
   * further than the deltas tell
   */
  async begin(
    owned: OwnedPartition,
    fold: PartitionFold,
    follower: ModelFollower,
  ): Promise<number> {
    const { partition } = owned;
    const { positions } = this.#options.state;
    const range = await this.#rangeOf(partition, positions[partition] ?? 0);
    const isNew = positions[partition] === undefined;
    let position = (positions[partition] ??= range.start);
    // The first delta says where the partition begins, so that nobody takes a rest of the topic for the whole.
    if (isNew && owned.committed === undefined && position > 0)
      await commitEmpty(owned, fold, position, position);
    follower.seek(partition, follower.next(partition));
    if (range.start > position && this.#options.skipDeleted) {
      await this.#skip(owned, fold, position, range.start);
      position = range.start;
    }
    this.#checkStart(partition, position, range);
    this.#checkEnd(partition, position, range);
    this.#checkCommitted(owned, position, isNew);
    return position;
  }

  /**
   * The source jumps, or ends before what was read: markers and compacted records are passed over, deleted ones are not.
   *
   * @throws SOURCE_TRUNCATED
   */
  async checkRange(owned: OwnedPartition, fold: PartitionFold, from: number): Promise<void> {
    const { partition } = owned;
    const range = await this.#rangeOf(partition, from);
    this.#checkEnd(partition, from, range);
    if (range.start <= from) return;
    if (!this.#options.skipDeleted) this.#checkStart(partition, from, range);
    await this.#skip(owned, fold, this.#options.state.positions[partition] ?? from, range.start);
  }

  /** @throws SOURCE_TRUNCATED the source ends before the position: it is another one */
  async checkEnd(partition: number, position: number): Promise<void> {
    this.#checkEnd(partition, position, await this.#rangeOf(partition, position));
  }

  /** A replica that has just begun to lead may show an earlier end for a while. */
  async #rangeOf(partition: number, reached: number): Promise<SourceRange> {
    const { log, topics, stop } = this.#options;
    for (let tries = 1; ; tries++) {
      const source = await log.describeTopic(topics.source);
      const range = source?.partitions[partition] ?? { start: 0, end: 0 };
      if (range.end >= reached || tries >= MOST_LOOKS) return range;
      await pause(LOOK_MS, stop);
    }
  }

  /** Moves the position over offsets whose records are gone: a delta that teaches nothing. */
  async #skip(owned: OwnedPartition, fold: PartitionFold, from: number, to: number): Promise<void> {
    await commitEmpty(owned, fold, from, to);
    const { topics, onEvent } = this.#options;
    onEvent({
      type: 'warning',
      partition: owned.partition,
      code: 'SOURCE_TRUNCATED',
      message: `${to - from} records of ${topics.source}/${owned.partition} were deleted before they were folded, and are passed over`,
    });
  }

  #checkStart(partition: number, position: number, { start, end }: SourceRange): void {
    if (start <= position) return;
    throw new ValenceError(
      'SOURCE_TRUNCATED',
      `${start - position} records of ${this.#options.topics.source}/${partition} were deleted before they were folded, and cannot be learned any more; keep them for longer ` +
        `(retention.ms), and start once with --skip-deleted to go on behind them with what the model has learned`,
      { partition, position, start, end },
    );
  }

  #checkEnd(partition: number, position: number, { start, end }: SourceRange): void {
    if (end >= position) return;
    throw new ValenceError(
      'SOURCE_TRUNCATED',
      `${this.#options.topics.source}/${partition} ends at ${end}, before the position ${position}: the topic was made again; use another --pipeline`,
      { partition, position, start, end },
    );
  }

  /** A position is committed together with a delta. */
  #checkCommitted(
    { partition, committed }: OwnedPartition,
    position: number,
    isNew: boolean,
  ): void {
    if (committed === undefined) return;
    const { source, model } = this.#options.topics;
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
}

/** A delta that teaches nothing, over source offsets [from, to). */
async function commitEmpty(
  owned: OwnedPartition,
  fold: PartitionFold,
  from: number,
  to: number,
): Promise<void> {
  const chunk = fold.stage([], from, owned.epoch, to);
  await owned.transact({ records: chunk.outputs, position: to });
  fold.commit(chunk);
}
