/**
 * Reads the partitions that a member owns, ahead of their handlers: one long poll over all of them, what comes is kept until it is
 * asked for. So a partition's next chunk is there when the one before it is committed, and an idle partition costs nothing.
 */
import { setImmediate } from 'node:timers';
import { isValenceError, type ValenceError } from '../../errors.ts';
import type { Batch, LogRecord, ReadOptions } from '../../ports/event-log.ts';
import { pause } from '../../ports/pause.ts';
import { answered, type Cluster } from './driver.ts';
import { toLogError } from './errors.ts';
import { fetchPartitions, type Fetched } from './fetch.ts';

/** Polls, ms: each that brings nothing makes the next longer. The most is also how long a new partition may wait for its first fetch. */
const POLL_MS = { first: 100, factor: 2, most: 500 };
/** Longest poll while some partition has enough and is left out of it, ms. */
const SHORT_POLL_MS = 20;
/** What is kept ahead of a handler: a few chunks. More would grow old there, and cost more to collect than it saves. */
const MOST_AHEAD_BYTES = 1 << 20;
/** Above a broker's usual limit of a batch, 1,048,588: of the partitions of an answer only the first gets a batch beyond its limit. */
const MOST_FETCH_BYTES = (1 << 20) + 4096;
/** Of a record or a header besides its bytes. */
const RECORD_BYTES = 250;
/** Pause where answers come at once and hold nothing, ms. */
const NOTHING_MS = 20;
/** A topic that the broker does not know for so long is not there, ms: right after its start it may know none. */
const UNKNOWN_MS = 5000;
/** A fetch that takes longer is lost, ms. */
const LATE_MS = 20_000;
/** Pause after an error before the broker is asked again, ms. */
const AGAIN_MS = 250;

const DEFAULTS = { maxRecords: 500, maxBytes: 4 << 20 };

interface Lane {
  readonly partition: number;
  /** Behind the last record that was handed out; whoever asks from here up to `head` goes on where he was. */
  floor: number;
  /** Offset of the next record that is handed out: markers between are passed. */
  head: number;
  /** Offset of the next fetch. */
  next: number;
  end: number;
  buffer: LogRecord[];
  used: number;
  bytes: number;
  /** Answers since the last jump, without those that left it out. */
  answers: number;
  /** The last answer had no room for it (KIP-74): it is asked for alone. */
  leftOut: boolean;
  failure: ValenceError | undefined;
  /** Since when the broker says that there is no such partition, ms of performance.now(). */
  unknownSince: number | undefined;
  /** Changes with each jump: an answer to an older question is dropped. */
  version: number;
  /** Called when something has come, or failed. */
  readonly waiting: Set<() => void>;
}

export class SourceReader {
  readonly #cluster: Cluster;
  readonly #topic: string;
  readonly #lanes = new Map<number, Lane>();
  readonly #closing = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  /** Of the next poll, ms. */
  #pollMs: number = POLL_MS.first;
  /** Somebody has asked for what is there at once, since the last poll began. */
  #isHurried = false;

  /** @param cluster of this reader alone: a poll holds its connection */
  constructor(cluster: Cluster, topic: string) {
    this.#cluster = cluster;
    this.#topic = topic;
  }

  /** As `EventLog.read`; only the offsets asked for one after the other are fast. */
  async next(partition: number, options: ReadOptions): Promise<Batch> {
    const { from, waitMs = 0, signal } = options;
    const lane = this.#lane(partition);
    if (from < lane.floor || from > lane.head || lane.failure !== undefined) this.#jump(lane, from);
    this.#running ??= this.#run();
    // One turn of the event loop a call, so that a loop over it starves nobody.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    if (isEmpty(lane)) {
      const asked = lane.answers;
      if (waitMs <= 0) this.#isHurried = true;
      await this.#until(
        lane,
        () => !isEmpty(lane) || (waitMs <= 0 && lane.answers > asked),
        waitMs > 0 ? waitMs : Number.POSITIVE_INFINITY,
        signal,
      );
    }
    const failure: ValenceError | undefined = lane.failure;
    if (failure !== undefined && failure.recovery !== 'retry') throw failure;
    return take(lane, options);
  }

  /** The partition is no longer ours. */
  drop(partition: number): void {
    this.#lanes.delete(partition);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    for (const { waiting } of this.#lanes.values()) for (const wake of waiting) wake();
    await this.#running;
  }

  #lane(partition: number): Lane {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) {
      lane = {
        partition,
        floor: 0,
        head: -1,
        next: 0,
        end: 0,
        buffer: [],
        used: 0,
        bytes: 0,
        answers: 0,
        leftOut: false,
        failure: undefined,
        unknownSince: undefined,
        version: 0,
        waiting: new Set(),
      };
      this.#lanes.set(partition, lane);
      this.#wake.abort();
    }
    return lane;
  }

  #jump(lane: Lane, from: number): void {
    lane.floor = from;
    lane.head = from;
    lane.next = from;
    lane.buffer = [];
    lane.used = 0;
    lane.bytes = 0;
    lane.leftOut = false;
    lane.failure = undefined;
    lane.version += 1;
    this.#pollMs = POLL_MS.first;
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const lanes = [...this.#lanes.values()];
      const leftOut = lanes.find((lane) => lane.leftOut);
      const hungry =
        leftOut === undefined ? lanes.filter(({ bytes }) => bytes < MOST_AHEAD_BYTES) : [leftOut];
      if (hungry.length === 0) {
        await this.#sleep(lanes.length === 0 ? POLL_MS.most : SHORT_POLL_MS / 4);
        continue;
      }
      const versions = hungry.map(({ version }) => version);
      const asked = performance.now();
      const isShort = this.#isHurried || hungry.length < lanes.length;
      const pollMs = isShort ? SHORT_POLL_MS : this.#pollMs;
      this.#isHurried = false;
      this.#pollMs = Math.min(this.#pollMs * POLL_MS.factor, POLL_MS.most);
      const answers = await this.#fetch(hungry, pollMs);
      let failed = false;
      let moved = false;
      for (const [index, lane] of hungry.entries()) {
        const answer = answers[index];
        if (answer === undefined || lane.version !== versions[index]) continue;
        failed ||= isValenceError(answer);
        const before = lane.next;
        this.#put(lane, answer, hungry.length === 1);
        moved ||= lane.next !== before;
      }
      if (moved) this.#pollMs = POLL_MS.first;
      if (failed) await this.#sleep(AGAIN_MS);
      // An end before what was asked for is answered without waiting.
      else if (!moved && performance.now() - asked < POLL_MS.first / 2)
        await this.#sleep(NOTHING_MS);
    }
  }

  async #fetch(
    lanes: readonly Lane[],
    maxWaitMs: number,
  ): Promise<readonly (Fetched | ValenceError)[]> {
    const targets = lanes.map(({ partition, next }) => ({
      topic: this.#topic,
      partition,
      from: next,
    }));
    try {
      if (!this.#cluster.isConnected()) await this.#cluster.connect();
      const fetching = fetchPartitions(this.#cluster, targets, {
        maxWaitMs,
        maxBytesPerPartition: MOST_FETCH_BYTES,
        signal: this.#closing.signal,
      });
      return await answered(this.#cluster, LATE_MS, fetching);
    } catch (error) {
      const known = toLogError(error, `reading ${this.#topic}`);
      return lanes.map(() => known);
    }
  }

  /** @param isAlone nothing else was asked for with it */
  #put(lane: Lane, answer: Fetched | ValenceError, isAlone: boolean): void {
    lane.leftOut = false;
    if (isValenceError(answer)) {
      const now = performance.now();
      if (answer.code === 'NOT_FOUND' && now - (lane.unknownSince ??= now) < UNKNOWN_MS) return;
      lane.failure = answer;
    } else {
      lane.failure = undefined;
      lane.unknownSince = undefined;
      lane.leftOut = !isAlone && answer.next === lane.next && answer.next < answer.end;
      lane.next = answer.next;
      lane.end = answer.end;
      if (!lane.leftOut) lane.answers += 1;
      if (answer.records.length > 0) {
        lane.buffer = isEmpty(lane)
          ? [...answer.records]
          : lane.buffer.slice(lane.used).concat(answer.records);
        lane.used = 0;
        for (const record of answer.records) lane.bytes += sizeOf(record);
      } else if (isEmpty(lane)) lane.head = lane.next;
    }
    for (const wake of lane.waiting) wake();
  }

  /** Resolves when the condition holds, the lane failed for good, `ms` have passed, the signal aborts or the reader closes. */
  async #until(
    lane: Lane,
    condition: () => boolean,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const done = (): boolean =>
      condition() ||
      (lane.failure !== undefined && lane.failure.recovery !== 'retry') ||
      this.#closing.signal.aborted ||
      signal?.aborted === true;
    if (done()) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        lane.waiting.delete(check);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const check = (): void => {
        if (done()) end();
      };
      const timer = Number.isFinite(ms) ? setTimeout(end, ms) : undefined;
      lane.waiting.add(check);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  /** A new lane, a jump or the end cuts it short. */
  async #sleep(ms: number): Promise<void> {
    this.#wake = new AbortController();
    if (this.#closing.signal.aborted) return;
    await pause(ms, this.#wake.signal);
  }
}

function isEmpty({ buffer, used }: Lane): boolean {
  return used >= buffer.length;
}

/** Bytes that a record holds in memory, roughly: an empty one is not free. */
function sizeOf({ key, value, headers }: LogRecord): number {
  return RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + headers.length * RECORD_BYTES;
}

/** Hands out what is there, within the limits. */
function take(lane: Lane, options: ReadOptions): Batch {
  const { maxRecords = DEFAULTS.maxRecords, maxBytes = DEFAULTS.maxBytes } = options;
  let bytes = 0;
  let until = lane.used;
  for (; until < lane.buffer.length && until - lane.used < maxRecords; until++) {
    const record = lane.buffer[until];
    const size = (record?.key?.length ?? 0) + (record?.value?.length ?? 0);
    if (until > lane.used && bytes + size > maxBytes) break;
    bytes += size;
    if (record !== undefined) lane.bytes -= sizeOf(record);
  }
  const records = lane.buffer.slice(lane.used, until);
  lane.used = until;
  lane.floor = (records.at(-1)?.offset ?? lane.floor - 1) + 1;
  lane.head = isEmpty(lane) ? lane.next : lane.floor;
  return { records, next: lane.head, end: lane.end };
}
