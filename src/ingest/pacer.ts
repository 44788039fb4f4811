/**
 * Records at an even rate: small batches on a fixed timetable, so that a view of them moves smoothly and no error adds up.
 */

/** A clock and a way to wait, to be replaced in tests. */
export interface Clock {
  /** Monotonic, ms. */
  now(): number;
  /** Resolves after `ms`, or early when the signal aborts. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((wake) => {
      if (signal?.aborted === true) return wake();
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        wake();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener('abort', end, { once: true });
    }),
};

/** Batches a second, where the rate allows. */
const BEATS_PER_SECOND = 20;
/** Further behind than this, the timetable begins anew: a suspended laptop must not be followed by a flood. */
const MOST_BEHIND_MS = 1000;

export class Pacer {
  readonly #clock: Clock;
  /** Records a second; undefined: as fast as it goes. */
  readonly #rate: number | undefined;
  #start: number | undefined;
  #records = 0;

  constructor(rate: number | undefined, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Most records to send between two waits. */
  get batch(): number {
    return this.#rate === undefined
      ? Infinity
      : Math.max(1, Math.round(this.#rate / BEATS_PER_SECOND));
  }

  /** Waits until the next record is due. */
  async due(signal: AbortSignal | undefined): Promise<void> {
    if (this.#rate === undefined) return;
    const now = this.#clock.now();
    this.#start ??= now;
    const dueAt = this.#start + (this.#records / this.#rate) * 1000;
    if (now - dueAt > MOST_BEHIND_MS) {
      this.#start = now;
      this.#records = 0;
    } else if (dueAt > now) {
      await this.#clock.sleep(dueAt - now, signal);
    }
  }

  /** Notes that records have been sent. */
  sent(records: number): void {
    this.#records += records;
  }
}
