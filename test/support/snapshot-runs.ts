/** Logs and streams for the tests of snapshots. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryEventLog } from '../../src/adapters/memory/event-log.ts';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import { ClassRules } from '../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../../src/pipeline/fold.ts';
import { loadModel } from '../../src/pipeline/inspect.ts';
import { restorePartition, restoreSums } from '../../src/pipeline/restore.ts';
import { PipelineState, type ModelSpec } from '../../src/pipeline/state.ts';
import { runSubscriber, type SubscriberOptions } from '../../src/pipeline/subscriber.ts';
import type { EventLog, LogRecord } from '../../src/ports/event-log.ts';
import { topicSpecs } from '../../src/ports/topic-specs.ts';
import { topicNames } from '../../topics/index.ts';

export const PIPELINE = 'test';
export const TOPICS = topicNames(PIPELINE);
export const DECLARED = ['negative', 'positive'];
export const CHAMPION: ModelSpec = {
  name: 'champion',
  kind: 'gtnb:dfe=on,weights=on,bits=10',
  role: 'champion',
};
export const CHALLENGER: ModelSpec = { name: 'cnb', kind: 'complement', role: 'challenger' };

export const FOLD = {
  ...FOLD_DEFAULTS,
  window: 20,
  metricsEvery: 7,
  pendingMax: 12,
  correctable: 9,
  topics: TOPICS,
  classes: new ClassRules({ declared: DECLARED }),
};

export type Kind = 'memory' | 'sqlite';
export const KINDS: readonly (readonly [Kind, number])[] = [
  ['memory', 1],
  ['memory', 3],
  ['sqlite', 1],
  ['sqlite', 3],
];

/** Runs on a new log, which is gone afterwards. */
export async function withLog<T>(
  kind: Kind,
  partitions: number,
  use: (log: EventLog) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'valence-snapshots-'));
  const log =
    kind === 'memory' ? new MemoryEventLog() : await SqliteEventLog.open(join(dir, 'log.db'));
  try {
    await log.ensureTopics(topicSpecs(TOPICS, partitions));
    return await use(log);
  } finally {
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A log with some methods replaced. */
export function replaced(log: EventLog, methods: Partial<EventLog>): EventLog {
  return new Proxy(log, {
    get: (target, name) => {
      const own: unknown = Reflect.get(methods, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const WORDS = ['good', 'bad', 'soup', 'bread', 'tepid', 'ärgerlich', 'not', 'fine'];

export interface SourceInput {
  readonly id: string;
  readonly text?: string;
  readonly label?: string | null;
  readonly labelWeight?: number;
}

/** Texts, late labels, corrections and withdrawals over few ids. */
export const inputs = (length: number): fc.Arbitrary<SourceInput[]> => {
  const id = fc.integer({ min: 0, max: 30 }).map((n) => `r-${n}`);
  const text = fc
    .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 5 })
    .map((words) => words.join(' '));
  const label = fc.constantFrom('negative', 'positive', 'mixed');
  return fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ id, text }) },
      { weight: 3, arbitrary: fc.record({ id, text, label }) },
      { weight: 2, arbitrary: fc.record({ id, label }) },
      {
        weight: 1,
        arbitrary: fc.record({ id, label, labelWeight: fc.constantFrom(0, 0.25, 1, 3) }),
      },
      { weight: 1, arbitrary: fc.record({ id, label: fc.constant(null) }) },
    ),
    { minLength: length, maxLength: length },
  );
};

/** `length` inputs that are always the same. */
export function someInputs(length: number, from = 0): SourceInput[] {
  return Array.from({ length }, (_, i): SourceInput => {
    const n = from + i;
    const text = `${WORDS[n % 8]} ${WORDS[(n * 7) % 3]} w${n % 90}`;
    const label = n % 3 === 0 ? 'positive' : 'negative';
    if (n % 5 === 4) return { id: `r-${n - 3}`, label };
    return n % 5 === 1 ? { id: `r-${n}`, text } : { id: `r-${n}`, text, label };
  });
}

/** Record time goes on by 1 s a record, the same in every run, and is far ahead, so that nothing is past its retention. */
export async function publish(
  log: EventLog,
  values: readonly SourceInput[],
  from = 0,
): Promise<void> {
  await log.append(
    TOPICS.source,
    values.map((value, i) => ({
      key: value.id,
      value: JSON.stringify(value),
      timestamp: 4_000_000_000_000 + (from + i) * 1000,
    })),
  );
}

export const subscribe = (log: EventLog, options: Partial<SubscriberOptions> = {}) =>
  runSubscriber({
    log,
    pipeline: PIPELINE,
    models: [CHAMPION],
    untilEnd: true,
    fold: { ...FOLD },
    ...options,
  });

/** Snapshots after each KiB of deltas; every delta kept. */
export const OFTEN = { snapshotEvery: 1, keepDeltas: true } as const;

/** Hashes of sums and carry. */
export async function hashes(log: EventLog): Promise<unknown> {
  const { state, carryHash } = await loadModel({
    log,
    pipeline: PIPELINE,
    topics: TOPICS,
    declared: DECLARED,
    carry: FOLD,
  });
  return { positions: state.positions, ...state.hash('champion'), carryHash };
}

/** All records of a topic, by partition. */
export async function recordsOf(log: EventLog, topic: string): Promise<LogRecord[][]> {
  const partitions = (await log.describeTopic(topic))?.partitions ?? [];
  return Promise.all(
    partitions.map(async ({ start, end }, partition) => {
      const records: LogRecord[] = [];
      for (let from = start; from < end;) {
        const batch = await log.read(topic, partition, { from, maxRecords: 10_000 });
        records.push(...batch.records);
        from = batch.next;
      }
      return records;
    }),
  );
}

/** The results, without those whose number depends on when a partition went idle. */
export async function resultsOf(log: EventLog): Promise<string[][]> {
  const partitions = await recordsOf(log, TOPICS.results);
  return partitions.map((records) =>
    records
      .map(({ value }) => Buffer.from(value ?? []).toString())
      .filter((text) => !text.includes('"idle":true')),
  );
}

/** A log in memory with the same records; `omit` stays empty. */
export async function copyOf(log: EventLog, omit: string): Promise<EventLog> {
  const copy = new MemoryEventLog();
  const source = await log.describeTopic(TOPICS.source);
  await copy.ensureTopics(topicSpecs(TOPICS, source?.partitions.length ?? 1));
  for (const topic of Object.values(TOPICS)) {
    if (topic === omit) continue;
    for (const records of await recordsOf(log, topic)) await copy.append(topic, records);
  }
  return copy;
}

/** A process that has restored every partition. */
export async function restored(
  log: EventLog,
  models: readonly ModelSpec[] = [CHAMPION],
  analyzer = 'river',
): Promise<{ readonly state: PipelineState; readonly folds: readonly PartitionFold[] }> {
  const partitions = (await log.describeTopic(TOPICS.model))?.partitions.length ?? 0;
  const state = new PipelineState({
    pipeline: PIPELINE,
    models,
    declared: DECLARED,
    analyzer,
    partitions,
  });
  const subject = { log, topics: TOPICS, state };
  const sums = await restoreSums(subject);
  const folds: PartitionFold[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const fold = new PartitionFold(state, partition, FOLD);
    await restorePartition({ ...subject, ...sums }, fold);
    folds.push(fold);
  }
  return { state, folds };
}
