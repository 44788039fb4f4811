/**
 * One member of a consumer group on a log without a broker: the loop behind `EventLog.own`.
 *
 *   beat ──► claimed ──► handler runs ──► released (returned when asked)
 *    ▲          lost ──► its signal aborts    declined (returned by itself: never again here)
 *    └── beat interval, or a change of the group, or the end of a handler      rests (reclaim or retry), then claimed again
 *
 * A beat is one transaction of the store: renew my lease, drop the dead, plan the shares, claim. The loop decides nothing about
 * safety; the epoch check inside `transact` does.
 */
import { isValenceError } from '../../errors.ts';
import type { OwnedPartition, OwnOptions } from '../../ports/event-log.ts';
import { pause } from '../../ports/pause.ts';

/** A partition just claimed: see the fields of `OwnedPartition`. */
export interface Claim {
  readonly partition: number;
  readonly epoch: number;
  readonly fence: number;
  readonly committed: number | undefined;
}

/** What a member tells the store at a beat. */
export interface Beat {
  /** Claims whose handlers are running: partition to epoch. */
  readonly held: ReadonlyMap<number, number>;
  readonly releasing: ReadonlySet<number>;
  readonly declined: ReadonlySet<number>;
  readonly resting: ReadonlySet<number>;
  /** False while finishing: renew, claim nothing. */
  readonly claiming: boolean;
}

/** What the store answers. */
export interface Pulse {
  readonly claimed: readonly Claim[];
  /** Held partitions to let go of for somebody who has fewer. */
  readonly release: readonly number[];
  /** Held partitions that somebody else has claimed. */
  readonly lost: readonly number[];
  /** State of the group after the beat, for `changed`. */
  readonly version: number;
}

/** A group of a store, for one member. */
export interface Membership {
  readonly partitions: number;
  beat(beat: Beat): Promise<Pulse>;
  /** @returns false when the claim was no longer ours */
  release(partition: number, epoch: number): Promise<boolean>;
  leave(): Promise<void>;
  /** Ends a beat that may take long, with an error: the member is about to leave. */
  interrupt?(): void;
  /** Resolves when the group is no longer at `version`, `ms` have passed or the signal aborts. */
  changed(version: number, ms: number, signal: AbortSignal): Promise<void>;
  owned(claim: Claim, signal: AbortSignal): OwnedPartition;
}

type MemberOptions = Pick<OwnOptions, 'signal' | 'onChange' | 'onHeartbeat'> & {
  readonly beatMs: number;
  /** For how long beats or a handler may fail with an error that asks for a retry, ms. Default 30 s. */
  readonly patienceMs?: number;
};
type Handler = (owned: OwnedPartition) => Promise<void>;

/** Pauses before a partition is claimed again after an error: 100 ms, doubled each time up to 5 s, jittered by half. */
const REST_MS = { first: 100, most: 5000 };
/** A claim that held this long ends the count of errors in a row, ms. */
const STEADY_MS = 10_000;
const PATIENCE_MS = 30_000;

/** Runs a member until its signal aborts, every partition was declined, or something fails that a claim does not mend. */
export async function runMember(
  membership: Membership,
  options: MemberOptions,
  handler: Handler,
): Promise<void> {
  await new Member(membership, options, handler).run();
}

interface Run {
  readonly claim: Claim;
  readonly abort: AbortController;
  readonly since: number;
  fenced: boolean;
  /** The handler has ended: a beat that finds the claim gone sees our own release. */
  ended: boolean;
}

/** A partition that is left alone for a while after errors in a row. */
interface Rest {
  readonly errors: number;
  /** When the first of them came, and when the partition may be claimed again, ms of performance.now(). */
  readonly since: number;
  readonly until: number;
}

class Member {
  readonly #membership: Membership;
  readonly #options: MemberOptions;
  readonly #handler: Handler;
  readonly #runs = new Map<number, Run>();
  readonly #declined = new Set<number>();
  readonly #rests = new Map<number, Rest>();
  readonly #ending = new AbortController();
  readonly #patienceMs: number;
  #nap = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  /** When beats began to fail, ms of performance.now(). */
  #silentSince: number | undefined;

  constructor(membership: Membership, options: MemberOptions, handler: Handler) {
    this.#membership = membership;
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#handler = handler;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const end = (): void => this.#end();
    if (signal.aborted) return;
    signal.addEventListener('abort', end, { once: true });
    try {
      while (!this.#ending.signal.aborted) {
        await this.#round(true);
        if (this.#declined.size >= this.#membership.partitions) break;
      }
      for (const { abort } of this.#runs.values()) abort.abort();
      while (this.#runs.size > 0) await this.#round(false);
      await this.#leave();
    } finally {
      signal.removeEventListener('abort', end);
    }
    if (this.#failure) throw this.#failure.error;
  }

  #end(): void {
    this.#ending.abort();
    this.#nap.abort();
    // At once: a beat may be under way for seconds.
    for (const { abort } of this.#runs.values()) abort.abort();
    this.#membership.interrupt?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#end();
  }

  /** One beat and the wait for the next one. */
  async #round(claiming: boolean): Promise<void> {
    const { beatMs } = this.#options;
    this.#nap = new AbortController();
    const pulse = await this.#beat(claiming);
    if (claiming && this.#ending.signal.aborted) this.#nap.abort();
    const version = pulse?.version ?? -1;
    if (pulse) await this.#membership.changed(version, this.#napMs(claiming), this.#nap.signal);
    else await pause(beatMs, this.#nap.signal);
  }

  async #beat(claiming: boolean): Promise<Pulse | undefined> {
    const now = performance.now();
    const resting = [...this.#rests].filter(([, { until }]) => until > now);
    const runs = [...this.#runs];
    try {
      const pulse = await this.#membership.beat({
        held: new Map(runs.map(([partition, { claim }]) => [partition, claim.epoch])),
        releasing: new Set(
          runs.filter(([, { abort }]) => abort.signal.aborted).map(([partition]) => partition),
        ),
        declined: this.#declined,
        resting: new Set(resting.map(([partition]) => partition)),
        claiming,
      });
      this.#silentSince = undefined;
      this.#options.onHeartbeat?.();
      for (const partition of pulse.lost) this.#lose(partition);
      for (const partition of pulse.release) this.#runs.get(partition)?.abort.abort();
      for (const claim of pulse.claimed) this.#start(claim);
      return pulse;
    } catch (error) {
      this.#silentSince ??= now;
      const mayPass = isValenceError(error) && error.recovery === 'retry';
      if (!mayPass || now - this.#silentSince > this.#patienceMs) this.#fail(error);
      return undefined;
    }
  }

  /** Until the next beat is due, or a resting partition may be claimed again. */
  #napMs(claiming: boolean): number {
    const now = performance.now();
    const untils = claiming ? [...this.#rests.values()].map(({ until }) => until - now) : [];
    return Math.min(this.#options.beatMs, ...untils.filter((ms) => ms > 0));
  }

  #lose(partition: number): void {
    const run = this.#runs.get(partition);
    if (!run || run.fenced || run.ended) return;
    run.fenced = true;
    run.abort.abort();
    this.#tell('fenced', run.claim);
  }

  #start(claim: Claim): void {
    const run: Run = {
      claim,
      abort: new AbortController(),
      since: performance.now(),
      fenced: false,
      ended: false,
    };
    this.#runs.set(claim.partition, run);
    // A beat that was under way when the end came may still have claimed.
    if (this.#ending.signal.aborted) run.abort.abort();
    this.#tell('claimed', claim);
    void this.#follow(run);
  }

  async #follow(run: Run): Promise<void> {
    const { partition, epoch } = run.claim;
    try {
      await this.#handler(this.#membership.owned(run.claim, run.abort.signal));
      if (run.abort.signal.aborted) this.#rests.delete(partition);
      else this.#declined.add(partition);
    } catch (error) {
      const recovery = isValenceError(error) ? error.recovery : undefined;
      const since = this.#rest(run);
      const mayPass = recovery === 'retry' && performance.now() - since <= this.#patienceMs;
      if (recovery !== 'reclaim' && !mayPass) this.#fail(error);
    }
    run.ended = true;
    // A release that fails is made good by the next claim, by `leave`, or by the end of the lease.
    const ours = await this.#membership.release(partition, epoch).catch(() => true);
    if (!run.fenced) this.#tell(ours ? 'released' : 'fenced', run.claim);
    this.#runs.delete(partition);
    this.#nap.abort();
  }

  /** @returns when the errors in a row began */
  #rest(run: Run): number {
    const { partition } = run.claim;
    const now = performance.now();
    const before = now - run.since > STEADY_MS ? undefined : this.#rests.get(partition);
    const errors = (before?.errors ?? 0) + 1;
    const ms = Math.min(REST_MS.most, REST_MS.first * 2 ** (errors - 1));
    const since = before?.since ?? now;
    this.#rests.set(partition, { errors, since, until: now + ms * (0.5 + Math.random() / 2) });
    return since;
  }

  /** A store that cannot be told is no reason to fail: the lease ends by itself. */
  async #leave(): Promise<void> {
    await this.#membership.leave().catch(() => undefined);
  }

  #tell(type: 'claimed' | 'released' | 'fenced', { partition, epoch }: Claim): void {
    try {
      this.#options.onChange?.({ type, partition, epoch });
    } catch (error) {
      this.#fail(error);
    }
  }
}
