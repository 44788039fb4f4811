/**
 * Ends a process that stands still, and only that one: an outage of the log is waited for.
 *
 *   no sign of life for 30 s ─► ask the log on a fresh connection ─┬─ it answers ─► this client is dead ─► end
 *                                      ▲                           └─ it does not ─► unready, ask again later
 *                                      └──────── backoff ──────────────┘
 *   a record waits, heartbeats come, nothing moves for 60 s ─► end
 *
 * After an outage the client has 30 s more to notice. Time in which the process itself stood still (SIGSTOP, a sleeping machine)
 * does not count.
 */
import { ValenceError } from '../errors.ts';
import {
  SESSION_MS,
  standstill,
  type HealthEvent,
  type HealthState,
  type LagSample,
} from './health-state.ts';

export interface WatchdogOptions {
  readonly state: () => HealthState;
  readonly tell: (event: HealthEvent) => void;
  /** Resolves when the log answers on a connection of its own; rejects when it does not. */
  readonly probe: () => Promise<void>;
  readonly sample: () => Promise<readonly LagSample[]>;
  /** Ends the process with this error. Called once. */
  readonly fail: (error: ValenceError) => void;
  /** ms, only forward. */
  readonly now: () => number;
  /** Rejects if the work takes longer, ms. */
  readonly within: <T>(work: Promise<T>, ms: number) => Promise<T>;
}

/** How often to look, ms. */
export const TICK_MS = 5000;
/** Silence after which the log is asked, ms. */
export const SILENCE_MS = 3 * SESSION_MS;
/** How long a partition may stand while a record waits, ms. */
export const STANDSTILL_MS = 60_000;
/** How often ends are sampled, ms. */
const SAMPLE_MS = 10_000;
/** How long a probe or a sample may take, ms. */
const ANSWER_MS = 10_000;
/** Between probes while the log is away: doubled from the first to the last, ms. */
const BACKOFF_MS = { first: 5000, most: 60_000 };

export class Watchdog {
  readonly #options: WatchdogOptions;
  #tickedAt: number;
  #sampledAt: number;
  #probeAt = 0;
  #backoffMs = BACKOFF_MS.first;
  #busy = false;
  #over = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#tickedAt = options.now();
    this.#sampledAt = this.#tickedAt;
  }

  /** Looks once; to be called about every {@link TICK_MS}. Never rejects. */
  async tick(): Promise<void> {
    const { now, tell } = this.#options;
    const time = now();
    const slept = time - this.#tickedAt > 2 * TICK_MS;
    this.#tickedAt = time;
    if (this.#over) return;
    if (slept) tell({ type: 'thawed' });
    if (this.#busy || slept) return;
    this.#busy = true;
    try {
      await this.#look(time);
    } finally {
      this.#busy = false;
    }
  }

  /** Looks no more. */
  stop(): void {
    this.#over = true;
  }

  async #look(time: number): Promise<void> {
    const { state, tell } = this.#options;
    const { aliveAt, waiting } = state();
    if (waiting) return;
    if (time - aliveAt >= SILENCE_MS) {
      if (time >= this.#probeAt) await this.#ask();
      return;
    }
    this.#backoffMs = BACKOFF_MS.first;
    this.#probeAt = 0;
    if (time - this.#sampledAt >= SAMPLE_MS) {
      this.#sampledAt = time;
      for (const sample of await this.#samples()) tell(sample);
    }
    const stands = standstill(state(), this.#options.now());
    if (stands === undefined || stands.ms < STANDSTILL_MS) return;
    const { partition, passed } = stands;
    this.#end(
      `partition ${partition} has stood at offset ${passed} for ${seconds(stands.ms)} s while records wait there`,
      { partition, passed },
    );
  }

  async #ask(): Promise<void> {
    const { state, tell, probe, within, now } = this.#options;
    const before = state();
    const answers = await within(probe(), ANSWER_MS).then(
      () => true,
      () => false,
    );
    const after = state();
    // It came back to life, or the process was frozen, while the log was asked.
    if (this.#over || after.aliveAt !== before.aliveAt) return;
    if (!answers) {
      tell({ type: 'unreachable' });
      this.#probeAt = now() + this.#backoffMs;
      this.#backoffMs = Math.min(BACKOFF_MS.most, this.#backoffMs * 2);
    } else if (!before.reachable) {
      tell({ type: 'reachable' });
    } else {
      this.#end(
        `no heartbeat and no record for ${seconds(now() - after.aliveAt)} s, while the log answers a new connection: this one is dead`,
      );
    }
  }

  /** None when the log does not answer: silence will tell. */
  async #samples(): Promise<readonly LagSample[]> {
    const { sample, within } = this.#options;
    try {
      return await within(sample(), ANSWER_MS);
    } catch {
      return [];
    }
  }

  #end(problem: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.fail(new ValenceError('LOG_UNAVAILABLE', problem, fields));
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
