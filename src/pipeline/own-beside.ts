/**
 * Owning partitions, and other work beside it, as one: whichever fails ends both, and both have ended when it is done.
 *
 *   own ───────────────────┐
 *   looks, now and then ───┴─► `stop` ◄── the caller's signal
 */
import type { EventLog, OwnedPartition, OwnOptions } from '../ports/event-log.ts';

/** What a member of a group tells of its partitions. */
export type OwnEvent =
  | {
      /** The log confirmed that this member of the group is alive. */
      readonly type: 'heartbeat';
    }
  | {
      readonly type: 'claimed' | 'released' | 'fenced';
      readonly partition: number;
      readonly epoch: number;
    };

export interface OwnBesideOptions extends Omit<OwnOptions, 'signal' | 'onHeartbeat' | 'onChange'> {
  readonly log: EventLog;
  /** Ends all of it when it aborts: by the signal, by a failure, or by the work itself. Aborted in any case at the end. */
  readonly stop: AbortController;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: OwnEvent) => void;
}

/**
 * @param serve one claim of one partition, as `EventLog.own` has it
 * @param beside what goes on besides, until `stop` aborts
 * @throws what `own` throws; else the first failure of what goes on besides
 */
export async function ownBeside(
  { log, stop, signal, onEvent, ...options }: OwnBesideOptions,
  serve: (owned: OwnedPartition) => Promise<void>,
  beside: readonly (() => Promise<void>)[],
): Promise<void> {
  const end = (): void => stop.abort();
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  let failed: { readonly error: unknown } | undefined;
  const besides = Promise.all(beside.map((work) => work())).catch((error: unknown) => {
    failed = { error };
    end();
  });
  try {
    await log.own(
      {
        ...options,
        signal: stop.signal,
        onChange: onEvent,
        onHeartbeat: () => onEvent({ type: 'heartbeat' }),
      },
      serve,
    );
  } finally {
    end();
    signal?.removeEventListener('abort', end);
    await besides;
  }
  if (failed !== undefined) throw failed.error;
}
