/** What the behaviour suites of the log port share: topics of a test, reading to the end, owners that can be watched and stopped. */
import { randomUUID } from 'node:crypto';
import type { EventLog, LogRecord, OwnedPartition } from '../../src/ports/event-log.ts';

/** Two clients of one log, as two processes would have. */
export interface LogPair {
  readonly first: EventLog;
  readonly second: EventLog;
  /** Claims a partition with a higher epoch and does nothing with it: somebody who takes the owner for dead. */
  usurp(group: string, topic: string, partition: number): Promise<void>;
  /** False for a log that deletes old records by itself: `retain` then does nothing. */
  readonly retains: boolean;
  close(): Promise<void>;
}

export interface TestTopics {
  readonly source: string;
  readonly out: string;
  readonly model: string;
  readonly group: string;
}

/** Fresh topics with `partitions` partitions each, and a group nobody has used. */
export async function freshTopics(log: EventLog, partitions = 1): Promise<TestTopics> {
  const id = randomUUID().slice(0, 8);
  const names = { source: `t.${id}.source`, out: `t.${id}.out`, model: `t.${id}.model` };
  await log.ensureTopics(
    Object.values(names).map((name) => ({
      name,
      partitions,
      cleanup: 'delete',
      retentionMs: undefined,
    })),
  );
  return { ...names, group: `g.${id}` };
}

export function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

export function values(records: readonly LogRecord[]): (string | null)[] {
  return records.map(({ value }) => text(value));
}

/** All records of a partition, from `from` to its end as it stands when the reading arrives there. */
export async function readAll(
  log: EventLog,
  topic: string,
  partition = 0,
  from = 0,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let next = from; ;) {
    const batch = await log.read(topic, partition, { from: next, waitMs: 20 });
    records.push(...batch.records);
    next = batch.next;
    if (next >= batch.end) return records;
  }
}

/** Resolves when the condition holds; fails loudly after `limitMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Change {
  readonly type: 'claimed' | 'released' | 'fenced';
  readonly partition: number;
  readonly epoch: number;
}

/** A member of a group, running in the background. */
export interface Owner {
  readonly changes: Change[];
  /** Partitions whose handlers are running. */
  readonly running: ReadonlySet<number>;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export function startOwner(
  log: EventLog,
  { source, model, group }: TestTopics,
  handler: (owned: OwnedPartition) => Promise<void>,
): Owner {
  const stop = new AbortController();
  const changes: Change[] = [];
  const running = new Set<number>();
  const ended = log.own(
    {
      group,
      topic: source,
      fenceTopic: model,
      signal: stop.signal,
      onChange: (change) => changes.push(change),
    },
    async (owned) => {
      running.add(owned.partition);
      try {
        await handler(owned);
      } finally {
        running.delete(owned.partition);
      }
    },
  );
  // Whoever awaits `ended` sees the error; nobody awaiting it yet must not end the process.
  ended.catch(() => undefined);
  return {
    changes,
    running,
    ended,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** Resolves when the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** A handler that copies each record to `out` in one transaction a batch, until it is asked to end. */
export function copier({ out }: TestTopics): (owned: OwnedPartition) => Promise<void> {
  return async (owned) => {
    let position = owned.committed ?? 0;
    while (!owned.signal.aborted) {
      const batch = await owned.next({ from: position, waitMs: 1000 });
      if (batch.records.length === 0) continue;
      await owned.transact({
        records: batch.records.map(({ key, value }) => ({
          topic: out,
          partition: owned.partition,
          key,
          value,
        })),
        position: batch.next,
      });
      position = batch.next;
    }
  };
}
