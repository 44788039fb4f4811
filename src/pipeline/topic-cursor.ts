/**
 * A place in one partition from which records are read in order, one at a time, a batch in memory. Records that do not concern
 * the reader are passed over.
 */
import type { EventLog, LogRecord } from '../ports/event-log.ts';

export interface CursorOptions {
  /** First offset wanted. Default 0. */
  readonly from?: number;
  /** Offset to stop before. Default: none. */
  readonly until?: number;
  /** False: the record is passed over. */
  readonly accepts?: (record: LogRecord) => boolean;
}

const BATCH_RECORDS = 500;
const BATCH_BYTES = 1 << 20;

export class TopicCursor {
  readonly topic: string;
  readonly partition: number;
  /** Records between the place that was wanted and the first one still kept have been deleted; the reader may clear it. */
  lost = false;
  readonly #log: EventLog;
  readonly #until: number;
  readonly #accepts: (record: LogRecord) => boolean;
  #next: number;
  #batch: LogRecord[] = [];
  #at = 0;

  constructor(log: EventLog, topic: string, partition: number, options: CursorOptions = {}) {
    this.#log = log;
    this.topic = topic;
    this.partition = partition;
    this.#next = options.from ?? 0;
    this.#until = options.until ?? Number.POSITIVE_INFINITY;
    this.#accepts = options.accepts ?? (() => true);
  }

  /** The record in hand, as far as it has been read already: look here before `peek`, which is asynchronous. */
  get head(): LogRecord | undefined {
    return this.#batch[this.#at];
  }

  /** The next record, which stays the next; undefined: there is none (yet). */
  async peek(waitMs = 0): Promise<LogRecord | undefined> {
    while (this.head === undefined && (await this.#fill(waitMs)));
    return this.head;
  }

  /** Passes the record in hand. */
  skip(): void {
    this.#at += 1;
  }

  /** True if one of the next records, at most a few batches ahead, is wanted. */
  async holds(wanted: (record: LogRecord) => boolean): Promise<boolean> {
    for (let batches = 0; batches < 3; batches++) {
      if (this.#batch.slice(this.#at).some(wanted)) return true;
      if (!(await this.#fill(0))) return false;
    }
    return false;
  }

  /** Reads one batch more. False: there is nothing more now. */
  async #fill(waitMs: number): Promise<boolean> {
    if (this.#next >= this.#until) return false;
    const from = this.#next;
    const batch = await this.#log.read(this.topic, this.partition, {
      from,
      maxRecords: BATCH_RECORDS,
      maxBytes: BATCH_BYTES,
      waitMs,
    });
    if ((batch.records[0]?.offset ?? batch.next) > from) {
      const topic = await this.#log.describeTopic(this.topic);
      if ((topic?.partitions[this.partition]?.start ?? 0) > from) this.lost = true;
    }
    this.#batch = this.#batch.slice(this.#at);
    this.#at = 0;
    for (const record of batch.records)
      if (record.offset < this.#until && this.#accepts(record)) this.#batch.push(record);
    this.#next = batch.next;
    return batch.next > from;
  }
}

/** Records of a partition from `from` to before `until`, as far as they are there now. */
export async function* recordsBetween(
  log: EventLog,
  topic: string,
  partition: number,
  { from, until }: { readonly from: number; readonly until: number },
): AsyncGenerator<LogRecord, void, undefined> {
  for (let next = from; next < until;) {
    const batch = await log.read(topic, partition, { from: next });
    for (const record of batch.records) if (record.offset < until) yield record;
    if (batch.next <= next) return;
    next = batch.next;
  }
}
