/** A pipeline for one alone: work that must not meet a subscriber. */
import { ValenceError } from '../errors.ts';
import type { EventLog, OwnedPartition } from '../ports/event-log.ts';
import type { TopicNames } from '../../topics/index.ts';
import { subscriberMember } from './subscriber.ts';

export interface OwnAloneOptions {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics: TopicNames;
  /** How long to wait for the partitions, ms. Default 10 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface OwnAllOptions extends OwnAloneOptions {
  /** Of the source. */
  readonly partitions: number;
}

const WAIT_MS = 10_000;

/**
 * Claims every partition of the source, and lets go of them when `use` has ended.
 *
 * @throws CONFIG_INVALID a subscriber has some of them; what `use` throws; the reason of `signal`
 */
export async function ownAll<T>(
  options: OwnAllOptions,
  use: (owned: readonly OwnedPartition[]) => Promise<T>,
): Promise<T> {
  const { partitions, signal } = options;
  const held = new Map<number, OwnedPartition>();
  let begun = false;
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  await ownAlone(options, async (owned, { begin, end }) => {
    held.set(owned.partition, owned);
    const lost = new Promise<void>((resolve) => {
      owned.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (held.size === partitions && !begun) {
      begun = true;
      begin();
      const all = [...held.values()].toSorted((a, b) => a.partition - b.partition);
      // An error that asks for another claim must not bring one: what was begun is begun again by a person.
      outcome = await use(all).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      end();
    } else if (!owned.signal.aborted) await lost;
    if (held.get(owned.partition) === owned) held.delete(owned.partition);
  });
  if (outcome !== undefined && 'value' in outcome) return outcome.value;
  signal?.throwIfAborted();
  if (outcome !== undefined) throw outcome.error;
  throw ownedElsewhere(options, 'partitions');
}

/**
 * Claims the partition, for as long as `use` takes.
 *
 * @throws CONFIG_INVALID a subscriber has it; what `use` throws and another claim cannot mend
 */
export async function ownOne(
  options: OwnAloneOptions,
  partition: number,
  use: (owned: OwnedPartition) => Promise<void>,
): Promise<void> {
  let done = false;
  await ownAlone(options, async (owned, { end }) => {
    if (owned.partition !== partition) return;
    await use(owned);
    done = true;
    end();
  });
  if (!done) throw ownedElsewhere(options, `partition ${partition}`);
}

/** Claims what it is given as a subscriber does: until `end` is called, the signal aborts, or the wait is over before `begin`. */
async function ownAlone(
  { log, pipeline, topics, waitMs = WAIT_MS, signal }: OwnAloneOptions,
  serve: (
    owned: OwnedPartition,
    run: { readonly begin: () => void; readonly end: () => void },
  ) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const timer = setTimeout(end, waitMs);
  const begin = (): void => clearTimeout(timer);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  try {
    await log.own({ ...subscriberMember(pipeline, topics), signal: stop.signal }, (owned) =>
      serve(owned, { begin, end }),
    );
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

function ownedElsewhere({ pipeline, topics }: OwnAloneOptions, what: string): ValenceError {
  return new ValenceError(
    'CONFIG_INVALID',
    `another process owns ${what} of ${topics.source}; stop the subscribers of '${pipeline}' first`,
  );
}
