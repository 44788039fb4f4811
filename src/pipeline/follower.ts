/**
 * The follower: reads the model topic, so that every process holds the sums of all partitions. It reads forward only, from where
 * it stood; deltas that this process wrote itself come back and are skipped, being covered.
 */
import type { EventLog } from '../ports/event-log.ts';
import { ValenceError } from '../errors.ts';
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

  /** Takes in the deltas of a partition that are there now. */
  async catchUp(partition: number, onDelta?: (delta: ReadDelta) => void): Promise<void> {
    const from = this.#next[partition] ?? 0;
    const deltas = readDeltas(this.#log, this.#topic, partition, { from, state: this.#state });
    for await (const { delta, next } of deltas) {
      // Two that read at once apply in the same order: what one took in is covered for the other.
      this.#state.apply(delta);
      this.#next[partition] = Math.max(this.#next[partition] ?? 0, next);
      onDelta?.(delta);
    }
  }

  /** Every partition but those in `except`. */
  async catchUpOthers(except: ReadonlySet<number>): Promise<void> {
    for (const partition of this.#next.keys()) {
      if (!except.has(partition)) await this.catchUp(partition);
    }
  }
}

/**
 * The deltas of a partition in their order, up to the end of now or `until` (an offset of the model topic).
 *
 * @throws DELTA_GAP the topic no longer begins with the partition's first delta, and nothing says what was in it
 */
export async function* readDeltas(
  log: EventLog,
  topic: string,
  partition: number,
  options: { readonly from: number; readonly until?: number; readonly state: PipelineState },
): AsyncGenerator<{ readonly delta: ReadDelta; readonly next: number }, void, undefined> {
  const { from, until = Number.POSITIVE_INFINITY, state } = options;
  if (from === 0 && state.positions[partition] === undefined) {
    const start = (await log.describeTopic(topic))?.partitions[partition]?.start ?? 0;
    if (start > 0 && !(await beginsAnew(log, topic, partition, start))) {
      throw new ValenceError(
        'DELTA_GAP',
        `the first ${start} records of ${topic}/${partition} are gone, and what they taught with them; use another --pipeline`,
        { partition },
      );
    }
  }
  for (let next = from; next < until;) {
    const batch = await log.read(topic, partition, { from: next, maxRecords: 500 });
    for (const { key, value, offset } of batch.records) {
      if (offset >= until) return;
      // A record with a key marks a claim.
      if (key === null && value !== null) yield { delta: readDelta(value), next: offset + 1 };
    }
    next = batch.next;
    if (next >= batch.end) return;
  }
}

/** The first delta that is left covers no source record: a rebuilt model begins with it. */
async function beginsAnew(
  log: EventLog,
  topic: string,
  partition: number,
  start: number,
): Promise<boolean> {
  for (let next = start; ;) {
    const batch = await log.read(topic, partition, { from: next, maxRecords: 1 });
    const [record] = batch.records;
    if (record === undefined || batch.next <= next) return false;
    if (record.key === null && record.value !== null) {
      const { from, to } = readDelta(record.value);
      return from === to;
    }
    next = batch.next;
  }
}
