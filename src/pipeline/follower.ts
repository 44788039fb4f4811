/**
 * The follower: reads the model topic, so that every process holds the sums of all partitions. It reads forward only, from where
 * it stood; deltas that this process wrote itself come back and are skipped, being covered.
 */
import type { EventLog } from '../ports/event-log.ts';
import { readDelta, type ReadDelta } from './delta.ts';
import type { PipelineState } from './state.ts';

export class ModelFollower {
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #state: PipelineState;
  /** By partition: next offset of the model topic. */
  readonly #next: number[];

  constructor(log: EventLog, topic: string, state: PipelineState) {
    this.#log = log;
    this.#topic = topic;
    this.#state = state;
    this.#next = state.positions.map(() => 0);
  }

  /**
   * Reads a partition's deltas that are there now, up to `until` (an offset of the model topic; default: all).
   *
   * @param onDelta also called for deltas that were covered already
   */
  async catchUp(
    partition: number,
    options: { readonly until?: number; readonly onDelta?: (delta: ReadDelta) => void } = {},
  ): Promise<void> {
    for (;;) {
      const from = this.#next[partition] ?? 0;
      if (options.until !== undefined && from >= options.until) return;
      const batch = await this.#log.read(this.#topic, partition, { from, maxRecords: 500 });
      for (const { value, offset } of batch.records) {
        if (options.until !== undefined && offset >= options.until) return;
        if (value !== null) {
          const delta = readDelta(value);
          this.#state.apply(delta);
          options.onDelta?.(delta);
        }
        this.#next[partition] = offset + 1;
      }
      this.#next[partition] = Math.max(this.#next[partition] ?? 0, batch.next);
      if (batch.next >= batch.end) return;
    }
  }

  /** Every partition but those in `except`. */
  async catchUpOthers(except: ReadonlySet<number>): Promise<void> {
    for (const partition of this.#next.keys()) {
      if (!except.has(partition)) await this.catchUp(partition);
    }
  }

  /** Starts a partition again from its first delta: a new owner needs the events as well. */
  rewind(partition: number): void {
    this.#next[partition] = 0;
  }
}
