/**
 * The end of a run that has one (`--until-end`): every partition's position, by whomever, has reached the end that the source had at the
 * start. Offsets up to there may hold no record, so that no position ever gets to some of them: those count as passed.
 */
import type { EventLog } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import type { TopicNames } from '../../topics/index.ts';
import type { ModelFollower } from './follower.ts';
import type { SourceGuard, SourceRange } from './source-guard.ts';
import type { PipelineState } from './state.ts';

export interface EndWatchOptions {
  readonly log: EventLog;
  readonly topics: Pick<TopicNames, 'source'>;
  /** Source ranges at the start, by partition. */
  readonly targets: readonly SourceRange[];
  readonly state: PipelineState;
  readonly follower: ModelFollower;
  readonly guard: SourceGuard;
  /** Partitions of this process. */
  readonly owned: ReadonlySet<number>;
  /** Aborted when the end is reached. */
  readonly stop: AbortController;
}

/** How often it is looked whether another owner has got there, ms. */
const WATCH_MS = 50;

export class EndWatch {
  readonly #options: EndWatchOptions;
  /** By partition: source offset below which nothing is left to fold, at or behind the position. */
  readonly #passed: number[] = [];
  /** By partition of others: the position at which the source was last asked for more. */
  readonly #asked: (number | undefined)[] = [];

  constructor(options: EndWatchOptions) {
    this.#options = options;
  }

  /** Source offset of the partition below which nothing is left to fold, as far as was seen. */
  passed(partition: number): number {
    return this.#passed[partition] ?? 0;
  }

  /** The owner has read up to there. */
  pass(partition: number, next: number): void {
    this.#passed[partition] = next;
  }

  /** Waits for partitions that others serve. @throws SOURCE_TRUNCATED */
  async watch(): Promise<void> {
    const { targets, follower, owned, stop } = this.#options;
    while (!stop.signal.aborted) {
      await follower.catchUpOthers(owned);
      for (const partition of targets.keys())
        if (!owned.has(partition)) await this.#askForMore(partition);
      await this.#checkEnds();
      if (this.stopAtEnd()) return;
      await pause(WATCH_MS, stop.signal);
    }
  }

  /** Stops when nothing is left below the ends. */
  stopAtEnd(): boolean {
    const { targets, state, stop } = this.#options;
    // A source that ends before what was folded is another one; the claim says so.
    if (targets.some(({ end }, p) => end === 0 && (state.positions[p] ?? 0) > 0)) return false;
    const done = targets.every(({ start, end }, p) => {
      const position = state.positions[p] ?? start;
      return Math.max(position, this.passed(p)) >= end;
    });
    if (done) stop.abort();
    return done;
  }

  /** @throws SOURCE_TRUNCATED the source ends before what was folded: it is another one, and its end says nothing */
  async #checkEnds(): Promise<void> {
    const { targets, state, guard } = this.#options;
    if (targets.every(({ end }, p) => (state.positions[p] ?? 0) <= end)) return;
    for (const partition of targets.keys())
      await guard.checkEnd(partition, state.positions[partition] ?? 0);
  }

  /** The answer holds as long as the position: what was there is there. */
  async #askForMore(partition: number): Promise<void> {
    const { log, topics, targets, state } = this.#options;
    const { start, end } = targets[partition] ?? { start: 0, end: 0 };
    const position = state.positions[partition] ?? start;
    if (position >= end || this.#asked[partition] === position) return;
    const batch = await log.read(topics.source, partition, { from: position, maxRecords: 1 });
    const next = batch.records[0]?.offset ?? batch.next;
    this.#asked[partition] = position;
    this.#passed[partition] = Math.max(this.passed(partition), next);
  }
}
