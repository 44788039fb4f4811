/**
 * The promotion watch: takes the promotion records of the model topic's partition 0 into the state, each once, in their order.
 *
 * Who follows partition 0 reads them with its deltas, at no cost. Its owner does not read its own deltas back, except here, undecoded,
 * now and then.
 */
import { ValenceError } from '../errors.ts';
import type { Batch, EventLog, LogRecord } from '../ports/event-log.ts';
import { PROMOTION_KEY } from '../../topics/index.ts';
import { promotionAfter, readPromotion } from './promotion.ts';
import type { PipelineState } from './state.ts';

const READ_RECORDS = 500;
const READ_BYTES = 1 << 22;
/** Promotions are deleted behind two snapshots only: who reads more often than this misses none, ms. */
const ASLEEP_MS = 2000;
const KEY = new TextEncoder().encode(PROMOTION_KEY);

export class PromotionWatch {
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #state: Pick<PipelineState, 'promotion'>;
  /** Offset in partition 0 below which all records are taken. */
  #next = 0;
  /** When partition 0 was last read, monotonic ms. */
  #readAt = performance.now();
  /** The look that is under way. */
  #looking: Promise<void> | undefined;

  constructor(log: EventLog, topic: string, state: Pick<PipelineState, 'promotion'>) {
    this.#log = log;
    this.#topic = topic;
    this.#state = state;
  }

  /** Offset in partition 0 below which all records are taken. */
  get next(): number {
    return this.#next;
  }

  /** The state holds all records below it. */
  begin(next: number): void {
    this.#next = next;
  }

  /**
   * Takes what was read of partition 0 from `from` on, and what lies before it if that was not read yet.
   *
   * @throws DELTA_GAP with the field `behind`: records were deleted while this process did not look
   */
  async take(from: number, { records, next }: Batch): Promise<void> {
    if (from > this.#next) return this.catchUp();
    const slept = performance.now() - this.#readAt > ASLEEP_MS;
    this.#readAt = performance.now();
    // Offsets are skipped where they mark transactions too, and to ask each time would be a request a chunk.
    if (slept && (records[0]?.offset ?? next) > this.#next) await this.#requireAll(this.#next);
    this.saw(from, records, next);
  }

  /** What was read from `from` to `next`; of no effect if it does not join on to what was read before. */
  saw(from: number, records: readonly LogRecord[], next: number): void {
    if (from > this.#next || next <= this.#next) return;
    for (const { key, value, offset } of records)
      if (offset >= this.#next && isPromotion(key))
        this.#state.promotion = promotionAfter(this.#state.promotion, readPromotion(value), offset);
    this.#next = next;
  }

  /** Takes in what is there now. @throws as `take` */
  catchUp(): Promise<void> {
    return (this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    }));
  }

  async #requireAll(from: number): Promise<void> {
    const start = (await this.#log.describeTopic(this.#topic))?.partitions[0]?.start ?? 0;
    if (start <= from) return;
    throw new ValenceError(
      'DELTA_GAP',
      `records of ${this.#topic}/0 from offset ${from} on were deleted before this process had read them; start it again, it then begins with the snapshot`,
      { partition: 0, from, start, behind: true },
    );
  }

  async #look(): Promise<void> {
    for (;;) {
      const from = this.#next;
      const batch = await this.#log.read(this.#topic, 0, {
        from,
        maxRecords: READ_RECORDS,
        maxBytes: READ_BYTES,
      });
      await this.take(from, batch);
      if (batch.next >= batch.end || batch.next <= from) return;
    }
  }
}

function isPromotion(key: Uint8Array | null): boolean {
  return key?.length === KEY.length && KEY.every((byte, at) => key[at] === byte);
}
