/**
 * Waits for records: all who wait share a few long polls.
 *
 * A poll holds its connection until it is answered, so that who comes meanwhile cannot join it. He gets the next free connection; with
 * all of them taken he waits for the first that ends. Polls are timed to end together, and the first to go on takes all who wait: so a
 * new wait begins at once, and an idle log costs a few requests a second.
 */
import { setMaxListeners } from 'node:events';
import { isValenceError, type ValenceError } from '../../errors.ts';
import { pause } from '../../ports/pause.ts';
import type { Clusters } from './clusters.ts';
import { toLogError } from './errors.ts';
import { fetchPartitions, type Fetched, type FetchTarget } from './fetch.ts';

/** Polls at once. */
const POLLS = 3;
/** Longest poll, ms: while connections are free, and for the last one, for which others may wait. */
const POLL_MS = { relaxed: 400, last: 50 };
/** A poll that ends so shortly before another one waits for it, ms. */
const TOGETHER_MS = 10;
/** An answer of nothing that came sooner than this was no wait: the poll rests for the difference, ms. */
const SHORTEST_MS = 20;
/** Rest of a poll after a failure, ms. */
const AGAIN_MS = 100;

interface Waiter extends FetchTarget {
  /** The poll that asks for it; undefined: none yet. */
  poll: number | undefined;
  /** Resolves the wait. */
  end(answer: Fetched | ValenceError | undefined): void;
}

export class Watch {
  readonly #clusters: Clusters;
  readonly #waiters = new Set<Waiter>();
  readonly #polling = new Array<boolean>(POLLS).fill(false);
  /** performance.now() at which each poll is due; 0: it is not out. */
  readonly #due = new Array<number>(POLLS).fill(0);

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
    const { signal } = clusters;
    setMaxListeners(0, signal);
    signal.addEventListener(
      'abort',
      () => {
        for (const waiter of this.#waiters) waiter.end(undefined);
      },
      { once: true },
    );
  }

  /**
   * Waits until there is a committed record at or behind the target, or offsets to pass.
   *
   * @returns what there is, or the error of the target; undefined: the time is up, the signal was aborted, or the log was closed
   */
  async wait(
    target: FetchTarget,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<Fetched | ValenceError | undefined> {
    if (ms <= 0 || signal?.aborted === true || this.#clusters.signal.aborted) return undefined;
    // A signal may end any number of waits; Node warns from the eleventh on.
    if (signal) setMaxListeners(0, signal);
    return new Promise((resolve) => {
      const stop = (): void => waiter.end(undefined);
      const timer = setTimeout(stop, Math.min(ms, 2 ** 31 - 1));
      const waiter: Waiter = {
        ...target,
        poll: undefined,
        end: (answer) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', stop);
          this.#waiters.delete(waiter);
          resolve(answer);
        },
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiters.add(waiter);
      this.#start();
    });
  }

  #start(): void {
    const poll = this.#polling.indexOf(false);
    if (poll < 0) return;
    this.#polling[poll] = true;
    // Who comes in the same turn joins.
    queueMicrotask(() => {
      void this.#run(poll).finally(() => {
        this.#polling[poll] = false;
      });
    });
  }

  /** Polls as long as there is something that no other poll asks for. Never rejects. */
  async #run(poll: number): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      // Who has just come has waited for nothing yet.
      if (!isFirst) await this.#together();
      const asked = this.#ask(poll);
      if (asked.size === 0) return;
      const begun = performance.now();
      const answers = await this.#fetch(poll, [...asked.keys()]);
      let got = false;
      for (const [index, waiters] of [...asked.values()].entries()) {
        const answer = answers[index];
        for (const waiter of waiters) waiter.poll = undefined;
        if (answer === undefined || isNothing(answer, waiters)) continue;
        got = true;
        for (const waiter of waiters) waiter.end(forWaiter(answer, waiter));
      }
      const took = performance.now() - begun;
      if (!got && took < SHORTEST_MS) await pause(SHORTEST_MS - took, this.#clusters.signal);
    }
  }

  /** Waits for polls that are about to end. */
  async #together(): Promise<void> {
    const now = performance.now();
    const soon = this.#due.filter((due) => due > now && due <= now + TOGETHER_MS);
    if (soon.length > 0) await pause(Math.max(...soon) - now + 1, this.#clusters.signal);
  }

  /** How long the next poll may take, ms: as long as the others that are out. */
  #maxWaitMs(): number {
    if (this.#polling.every(Boolean)) return POLL_MS.last;
    const left = Math.max(...this.#due) - performance.now();
    return left > TOGETHER_MS ? Math.min(Math.round(left), POLL_MS.relaxed) : POLL_MS.relaxed;
  }

  /** Waiters that no poll asks for, by place: of one place the lowest offset is asked for. */
  #ask(poll: number): ReadonlyMap<FetchTarget, readonly Waiter[]> {
    const places = new Map<string, Waiter[]>();
    for (const waiter of this.#waiters) {
      if (waiter.poll !== undefined) continue;
      waiter.poll = poll;
      const key = `${waiter.topic}/${waiter.partition}`;
      const others = places.get(key);
      if (others === undefined) places.set(key, [waiter]);
      else others.push(waiter);
    }
    return new Map(
      Array.from(places.values(), (waiters) => {
        const { topic = '', partition = 0 } = waiters[0] ?? {};
        return [{ topic, partition, from: Math.min(...waiters.map(({ from }) => from)) }, waiters];
      }),
    );
  }

  async #fetch(
    poll: number,
    targets: readonly FetchTarget[],
  ): Promise<readonly (Fetched | ValenceError)[]> {
    const { signal } = this.#clusters;
    try {
      const cluster = await this.#clusters.get(`watch-${poll}`);
      const maxWaitMs = this.#maxWaitMs();
      this.#due[poll] = performance.now() + maxWaitMs;
      const answers = await fetchPartitions(cluster, targets, { maxWaitMs, signal });
      if (answers.some((answer) => isValenceError(answer) && answer.code === 'LOG_UNAVAILABLE'))
        await pause(AGAIN_MS, signal);
      return answers;
    } catch (error) {
      await pause(AGAIN_MS, signal);
      const known = toLogError(error, 'Waiting for records', this.#clusters.link);
      return targets.map(() => known);
    } finally {
      this.#due[poll] = 0;
    }
  }
}

/** True when the answer says only that there is nothing yet. */
function isNothing(answer: Fetched | ValenceError, waiters: readonly Waiter[]): boolean {
  if (isValenceError(answer)) return false;
  return answer.records.length === 0 && waiters.every(({ from }) => answer.next <= from);
}

/** The part of an answer that a waiter asked for; others of its place may have asked for more. */
function forWaiter(
  answer: Fetched | ValenceError,
  { from }: Waiter,
): Fetched | ValenceError | undefined {
  if (isValenceError(answer)) return answer;
  const first = answer.records[0]?.offset ?? from;
  if (first >= from) return { ...answer, next: Math.max(from, answer.next) };
  const records = answer.records.filter(({ offset }) => offset >= from);
  return { ...answer, records, next: Math.max(from, answer.next) };
}
