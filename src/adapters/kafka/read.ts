/**
 * `EventLog.read` on Kafka. A Fetch answers up to a megabyte whatever a reader asks for; what he does not take is kept for a while, so
 * that who reads on gets it from here.
 */
import { isValenceError, ValenceError } from '../../errors.ts';
import type { Batch, LogRecord, ReadOptions } from '../../ports/event-log.ts';
import { checkOffset, readLimits, turn } from '../embedded/records.ts';
import type { Clusters } from './clusters.ts';
import { fetchPartitions, type Fetched, type FetchTarget } from './fetch.ts';
import type { KafkaTopics } from './topics.ts';
import { Watch } from './watch.ts';

/** What is kept for those who read on: places, and how long, ms. */
const KEPT = { places: 64, ms: 3000 };
/** Bytes of a Fetch: for a few records, and for many. */
const FETCH_BYTES = { few: 1 << 16, many: 1 << 20 };
const FEW = 8;

interface Kept {
  readonly records: readonly LogRecord[];
  /** Index of the first record that has not been taken. */
  readonly from: number;
  readonly next: number;
  readonly end: number;
  /** performance.now() of the Fetch. */
  readonly at: number;
}

export class KafkaReader {
  readonly #clusters: Clusters;
  readonly #topics: KafkaTopics;
  readonly #watch: Watch;
  /** By place and offset, the one that was put there first in front. */
  readonly #kept = new Map<string, Kept>();

  constructor(clusters: Clusters, topics: KafkaTopics) {
    this.#clusters = clusters;
    this.#topics = topics;
    this.#watch = new Watch(clusters);
  }

  /**
   * As `EventLog.read`.
   *
   * @throws NOT_FOUND no such topic or partition
   * @throws LOG_UNAVAILABLE the brokers did not answer for as long as the log is patient
   */
  async read(topic: string, partition: number, options: ReadOptions): Promise<Batch> {
    checkOffset(options.from);
    const target = { topic, partition, from: options.from };
    const kept = this.#take(target);
    if (kept !== undefined) {
      // Never without a turn of the event loop: a loop over reads must starve nobody.
      await turn();
      const batch = this.#give(target, kept, options);
      if (batch !== undefined) return batch;
    }
    const rest = kept?.records.slice(kept.from) ?? [];
    const fetched = await this.#fetch({ ...target, from: kept?.next ?? options.from }, options);
    const found =
      rest.length === 0 ? fetched : { ...fetched, records: rest.concat(fetched.records) };
    return this.#answer(target, found, options);
  }

  /** Nothing that was read before a trim is given after it. */
  forget(topic: string, partition: number): void {
    for (const key of this.#kept.keys())
      if (key.startsWith(`${topic}/${partition}/`)) this.#kept.delete(key);
  }

  async #answer(target: FetchTarget, first: Fetched, options: ReadOptions): Promise<Batch> {
    const { waitMs = 0, signal } = options;
    const deadline = performance.now() + waitMs;
    let found = first;
    while (found.records.length === 0) {
      const next = { ...target, from: found.next };
      const answer = await this.#watch.wait(next, deadline - performance.now(), signal);
      if (answer === undefined) return { records: [], next: found.next, end: found.end };
      if (!isValenceError(answer)) found = answer;
      else if (answer.code !== 'LOG_UNAVAILABLE') throw answer;
      else if (performance.now() > deadline) throw answer;
    }
    const { records, next, end } = found;
    const kept = { records, from: 0, next, end, at: performance.now() };
    return this.#cut(target, kept, options);
  }

  /** From what is kept, unless that would be its last: then the end has to be looked for anew. */
  #give(target: FetchTarget, kept: Kept, options: ReadOptions): Batch | undefined {
    const { records, from } = kept;
    const to = cutAt(records, from, options);
    return to < records.length ? this.#cut(target, kept, options, to) : undefined;
  }

  #cut(
    { topic, partition }: FetchTarget,
    kept: Kept,
    options: ReadOptions,
    to: number = cutAt(kept.records, kept.from, options),
  ): Batch {
    const { records, from, end } = kept;
    const isAll = to >= records.length;
    const next = isAll ? kept.next : (records[to - 1]?.offset ?? 0) + 1;
    if (!isAll) {
      this.#kept.set(`${topic}/${partition}/${next}`, { ...kept, from: to });
      const now = performance.now();
      for (const [place, { at }] of this.#kept) {
        if (this.#kept.size <= KEPT.places && now - at < KEPT.ms) break;
        this.#kept.delete(place);
      }
    }
    return { records: from === 0 && isAll ? records : records.slice(from, to), next, end };
  }

  #take({ topic, partition, from }: FetchTarget): Kept | undefined {
    const key = `${topic}/${partition}/${from}`;
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    return performance.now() - kept.at < KEPT.ms ? kept : undefined;
  }

  /** What is there now. */
  async #fetch(target: FetchTarget, { maxRecords, signal }: ReadOptions): Promise<Fetched> {
    const { topic, partition } = target;
    const most = (maxRecords ?? FEW + 1) <= FEW ? FETCH_BYTES.few : FETCH_BYTES.many;
    const doing = `Reading '${topic}' partition ${partition}`;
    let isFirst = true;
    try {
      return await this.#clusters.on(
        'query',
        doing,
        async (cluster) => {
          const [answer] = await fetchPartitions(cluster, [target], {
            maxWaitMs: 0,
            maxBytes: most,
            maxBytesPerPartition: most,
          });
          if (answer === undefined)
            throw new ValenceError('LOG_UNAVAILABLE', `${doing}: no answer.`);
          if (!isValenceError(answer)) return answer;
          if (answer.code === 'NOT_FOUND' && isFirst) {
            isFirst = false;
            await this.#topics.checkPartition(topic, partition);
          }
          throw answer.code === 'NOT_FOUND' ? (answer.cause ?? answer) : answer;
        },
        { signal },
      );
    } catch (error) {
      // To abort a read, or to close the log, is no failure of it.
      const isEnded = signal?.aborted === true || this.#clusters.signal.aborted;
      if (!isEnded || !isValenceError(error) || error.code !== 'LOG_UNAVAILABLE') throw error;
      return { records: [], next: target.from, end: target.from, start: undefined };
    }
  }
}

/** Index behind the last record that fits. */
function cutAt(records: readonly LogRecord[], from: number, options: ReadOptions): number {
  const { maxRecords, maxBytes } = readLimits(options);
  const most = Math.min(records.length, from + maxRecords);
  let bytes = 0;
  for (let index = from; index < most; index++) {
    const { key = null, value = null } = records[index] ?? {};
    bytes += (key?.length ?? 0) + (value?.length ?? 0);
    if (bytes > maxBytes && index > from) return index;
  }
  return most;
}
