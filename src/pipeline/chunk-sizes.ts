/** How many records a chunk may have: fewer for a while after a transaction that was too large for the log. */
import { isValenceError, ValenceError } from '../errors.ts';
import type { TopicNames } from '../../topics/index.ts';
import type { SnapshotEvent } from './snapshot-taker.ts';

/** After a chunk that was too large for the log, so many are half its size. */
const SMALLER_CHUNKS = 100;

export class ChunkSizes {
  readonly #topics: TopicNames;
  readonly #onEvent: (event: SnapshotEvent) => void;
  /** By partition: most records of a chunk, and for how many chunks that holds. */
  readonly #smaller = new Map<number, { readonly records: number; chunks: number }>();

  constructor(topics: TopicNames, onEvent: (event: SnapshotEvent) => void) {
    this.#topics = topics;
    this.#onEvent = onEvent;
  }

  /** Most records of the partition's next chunk; undefined: as many as usual. */
  limit(partition: number): number | undefined {
    return this.#smaller.get(partition)?.records;
  }

  /** A chunk was committed. */
  committed(partition: number): void {
    const smaller = this.#smaller.get(partition);
    if (smaller !== undefined && --smaller.chunks === 0) this.#smaller.delete(partition);
  }

  /** A chunk of so many records was not committed. @returns the error to leave the claim with */
  failed(partition: number, records: number, error: unknown): unknown {
    if (!isValenceError(error) || error.code !== 'CHUNK_TOO_LARGE') return error;
    if (records > 1) {
      const { code, message } = error;
      if (!this.#smaller.has(partition))
        this.#onEvent({ type: 'warning', partition, code, message });
      this.#smaller.set(partition, { records: Math.floor(records / 2), chunks: SMALLER_CHUNKS });
      return error;
    }
    const { source, results, model, dlq } = this.#topics;
    return new ValenceError(
      'TOPIC_MISMATCH',
      `what one record of ${source}/${partition} gives is larger than the log takes; raise max.message.bytes of ${results}, ` +
        `${model} and ${dlq}`,
      { partition },
      { cause: error },
    );
  }
}
