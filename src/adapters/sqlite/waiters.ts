/**
 * Who waits for a commit, and what wakes them:
 *
 *   own commit ──────────────► notify(key): at once
 *   another process's commit ─► the WAL changes ─► fs.watch ─┐
 *   nothing seen ─────────────► poll, 5 ms while records come,├─► data_version moved? ─► every waiter looks
 *                               50 or 90 ms at rest ──────────┘
 *
 * The watcher sees the WAL written a moment before the commit can be read, so a look that finds nothing new is repeated after 1,
 * 2, 4 … ms. A commit is seen within 100 ms even if the watcher says nothing; where nothing can be watched, polling is closer.
 */
import { setMaxListeners } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';

const POLL_MS = { first: 1, active: 5, unwatched: 50, watched: 90 };
/** One commit makes the watcher speak more than once: what it says so soon after a commit of ours is taken to be about that, ms. */
const ECHO_MS = 5;
/** How long after a wake the short interval holds. */
const ACTIVE_MS = 1000;

/** Partitions and groups are waited for by number and by name. */
export type WaitKey = number | string;

interface Waiter {
  readonly key: WaitKey;
  readonly isReady: () => boolean;
  readonly end: () => void;
}

export class Waiters {
  readonly #file: string;
  readonly #readVersion: () => number;
  readonly #waiting = new Set<Waiter>();
  #watcher: FSWatcher | undefined;
  #watchable = true;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = POLL_MS.watched;
  #activeUntil = 0;
  #version = -1;
  /** When this process last committed, ms of performance.now(). */
  #committedAt = 0;

  /**
   * @param file to be watched: the WAL
   * @param readVersion a number that moves when another connection commits
   */
  constructor(file: string, readVersion: () => number) {
    this.#file = file;
    this.#readVersion = readVersion;
  }

  /** Resolves when `isReady` holds, `ms` have passed, the signal aborts or the waiters are closed. */
  async wait(
    key: WaitKey,
    isReady: () => boolean,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (signal?.aborted) return;
    // A signal may end any number of waits; Node warns from the eleventh on.
    if (signal) setMaxListeners(0, signal);
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timeout);
        signal?.removeEventListener('abort', end);
        this.#waiting.delete(waiter);
        if (this.#waiting.size === 0) this.#rest();
        resolve();
      };
      const timeout = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
      const waiter = { key, isReady, end };
      signal?.addEventListener('abort', end, { once: true });
      this.#waiting.add(waiter);
      if (this.#timer === undefined) this.#poll();
    });
  }

  /** Own commit: wakes who waits for these. */
  notify(keys: Iterable<WaitKey>): void {
    this.#committedAt = performance.now();
    if (this.#waiting.size === 0) return;
    const changed = new Set(keys);
    this.#wake((waiter) => changed.has(waiter.key));
  }

  /** Ends all waits. */
  close(): void {
    this.#watchable = false;
    this.#watcher?.close();
    for (const { end } of this.#waiting) end();
  }

  #wake(concerns: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiting) {
      if (!concerns(waiter) || !mayBeReady(waiter)) continue;
      this.#activeUntil = performance.now() + ACTIVE_MS;
      waiter.end();
    }
  }

  /** @returns whether another connection has committed since the last look */
  #look(): boolean {
    let version = this.#version + 1;
    try {
      version = this.#readVersion();
    } catch {
      // The waiters will meet the error themselves.
    }
    if (version === this.#version) return false;
    this.#version = version;
    this.#wake(() => true);
    return true;
  }

  #poll(): void {
    this.#watch();
    const idle = this.#watcher ? POLL_MS.watched : POLL_MS.unwatched;
    const most = performance.now() < this.#activeUntil ? POLL_MS.active : idle;
    this.#delayMs = Math.min(this.#delayMs, most);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#delayMs = Math.min(this.#delayMs * 2, most);
      this.#look();
      if (this.#waiting.size > 0 && this.#timer === undefined) this.#poll();
    }, this.#delayMs);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #watch(): void {
    if (this.#watcher || !this.#watchable) return;
    try {
      this.#watcher = watch(this.#file, { persistent: false }, () => this.#onEvent());
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      this.#watchable = false;
    }
  }

  #unwatch(): void {
    this.#watchable = false;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #onEvent(): void {
    if (this.#waiting.size === 0 || this.#look()) return;
    if (performance.now() - this.#committedAt < ECHO_MS) return;
    this.#delayMs = POLL_MS.first;
    this.#rest();
    this.#poll();
  }
}

function mayBeReady(waiter: Waiter): boolean {
  try {
    return waiter.isReady();
  } catch {
    return true;
  }
}
