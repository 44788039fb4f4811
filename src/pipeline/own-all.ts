/** A pipeline for one alone: work that must not meet a subscriber. */
import { ValenceError } from '../errors.ts';
import type { EventLog, OwnedPartition } from '../ports/event-log.ts';
import type { TopicNames } from '../../topics/index.ts';
import { subscriberGroup } from './subscriber.ts';

export interface OwnAllOptions {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics: TopicNames;
  /** Of the source. */
  readonly partitions: number;
  /** How long to wait for the partitions, ms. Default 10 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
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
  const { log, pipeline, topics, partitions, waitMs = WAIT_MS, signal } = options;
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const timer = setTimeout(end, waitMs);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  const held = new Map<number, OwnedPartition>();
  let begun = false;
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  try {
    await log.own(
      {
        group: subscriberGroup(pipeline),
        topic: topics.source,
        fenceTopic: topics.model,
        transactionalId: `${pipeline}.fold`,
        signal: stop.signal,
      },
      async (owned) => {
        held.set(owned.partition, owned);
        const lost = new Promise<void>((resolve) => {
          owned.signal.addEventListener('abort', () => resolve(), { once: true });
        });
        if (held.size === partitions && !begun) {
          begun = true;
          clearTimeout(timer);
          const all = [...held.values()].toSorted((a, b) => a.partition - b.partition);
          // An error that asks for another claim must not bring one: what was begun is begun again by a person.
          outcome = await use(all).then(
            (value) => ({ value }),
            (error: unknown) => ({ error }),
          );
          end();
        } else if (!owned.signal.aborted) await lost;
        if (held.get(owned.partition) === owned) held.delete(owned.partition);
      },
    );
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
  if (outcome !== undefined && 'value' in outcome) return outcome.value;
  signal?.throwIfAborted();
  if (outcome !== undefined) throw outcome.error;
  throw new ValenceError(
    'CONFIG_INVALID',
    `another process owns partitions of ${topics.source}; stop the subscribers of '${pipeline}' first`,
  );
}
