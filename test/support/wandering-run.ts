/**
 * A run of several workers without threads: partitions wander between owners, chunks have any size, and owners follow each other's
 * deltas whenever chance wants it. Everything that workers may do in time happens here in a sequence that a seed decides.
 */
import { createHash } from 'node:crypto';
import { MemoryEventLog } from '../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../src/adapters/memory/store.ts';
import { parseThreshold } from '../../src/core/metrics/threshold.ts';
import { encodeCarry } from '../../src/pipeline/carry-snapshot.ts';
import { ClassRules } from '../../src/pipeline/classes.ts';
import { readDelta } from '../../src/pipeline/delta-reader.ts';
import { FOLD_DEFAULTS, PartitionFold, type FoldOptions } from '../../src/pipeline/fold.ts';
import {
  chunkRecord,
  headerRecords,
  type Slot,
  type Subject,
} from '../../src/pipeline/snapshot-topic.ts';
import { encodeSums } from '../../src/pipeline/sums-snapshot.ts';
import { PromotionWatch } from '../../src/pipeline/promotion-watch.ts';
import { PipelineState, type ModelSpec } from '../../src/pipeline/state.ts';
import type { Commit, LogRecord } from '../../src/ports/event-log.ts';
import { topicSpecs } from '../../src/ports/topic-specs.ts';
import {
  PROMOTION_KEY,
  topicNames,
  type PromotionRecord,
  type SnapshotHeader,
} from '../../topics/index.ts';

export const PIPELINE = 'test';
export const TOPICS = topicNames(PIPELINE);
export const DECLARED = ['negative', 'positive'];
export const MODELS: readonly ModelSpec[] = [
  { name: 'champion', kind: 'multinomial', role: 'champion' },
  { name: 'cnb', kind: 'complement', role: 'challenger' },
  { name: 'gt', kind: 'gtnb:weights=on,bits=10', role: 'challenger' },
];

/** Settings under which much happens: figures, alerts, classes beyond the declared ones, labels that expire. */
function busyFold(): FoldOptions {
  return {
    ...FOLD_DEFAULTS,
    topics: TOPICS,
    classes: new ClassRules({ declared: DECLARED, maxClasses: 4 }),
    window: 20,
    metricsEvery: 7,
    explain: 2,
    pendingMax: 12,
    correctable: 15,
    thresholds: [parseThreshold('rolling.accuracy>=0.6')],
  };
}

/** Numbers from 0 to below `below`, the same for a seed. */
export type Dice = (below: number) => number;

export function diceOf(seed: number): Dice {
  let state = (seed * 2 + 1) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const WORDS = ['good', 'bad', 'soup', 'bread', 'tepid', 'warm', 'crust', 'fine', 'slow', 'again'];
const WEIGHTS = [undefined, 0.25, undefined, 2, undefined, undefined, 0];
const LABELS = ['negative', 'positive', 'neutral', 'mixed', 'odd', 'sixth'];

/** Source values of all kinds: texts with and without labels, labels late and withdrawn, what nobody can fold. */
function anyValue(dice: Dice, i: number): { readonly key: string; readonly value: string } {
  const id = `r-${i}`;
  const text = Array.from({ length: dice(6) }, () => WORDS[dice(WORDS.length)]).join(' ');
  const label = LABELS[dice(10) < 9 ? dice(2) : dice(LABELS.length)];
  const earlier = `r-${Math.max(0, i - dice(30))}`;
  const labelWeight = WEIGHTS[i % WEIGHTS.length];
  const kind = dice(12);
  if (kind < 6) return { key: id, value: JSON.stringify({ id, text, label, labelWeight }) };
  if (kind < 8) return { key: id, value: JSON.stringify({ id, text }) };
  if (kind < 10)
    return { key: earlier, value: JSON.stringify({ id: earlier, label, labelWeight }) };
  if (kind < 11)
    return { key: earlier, value: JSON.stringify({ id: earlier, label: dice(2) ? null : label }) };
  const odd = [
    '{',
    '[]',
    '{"id":"x"}',
    JSON.stringify({ id, text, model: 'nobody' }),
    JSON.stringify({ id, text, label, model: 'cnb', ts: '2026-03-01T10:00:00Z' }),
  ];
  return { key: id, value: odd[dice(odd.length)] ?? '' };
}

/** Source values number `from` to below `from + count`. */
export function anyValues(dice: Dice, count: number, from = 0): ReturnType<typeof anyValue>[] {
  return Array.from({ length: count }, (_, i) => anyValue(dice, from + i));
}

/** A pipeline's topics in memory. */
export interface Pipeline {
  readonly store: MemoryStore;
  readonly log: MemoryEventLog;
}

export async function newPipeline(partitions = 1): Promise<Pipeline> {
  const store = new MemoryStore();
  const log = new MemoryEventLog(store);
  await log.ensureTopics(topicSpecs(TOPICS, partitions));
  return { store, log };
}

export interface Run extends Pipeline {
  readonly fold: FoldOptions;
  readonly partitions: number;
  readonly dice: Dice;
  readonly owners: Owner[];
  /** By partition: who owns it, and the epoch. */
  readonly claims: { owner: Owner; epoch: number }[];
}

export async function newRun(options: {
  readonly seed: number;
  readonly partitions: number;
  readonly owners?: number;
  readonly models?: readonly ModelSpec[];
  readonly fold?: Partial<FoldOptions>;
}): Promise<Run> {
  const { seed, partitions, models = MODELS } = options;
  const { store, log } = await newPipeline(partitions);
  const fold = { ...busyFold(), ...options.fold };
  const owners = Array.from(
    { length: options.owners ?? 3 },
    () => new Owner(log, fold, models, partitions),
  );
  const run = { store, log, fold, partitions, dice: diceOf(seed), owners, claims: [] };
  for (let p = 0; p < partitions; p++) await claim(run, p);
  return run;
}

export async function publishAny(run: Run, count: number, from = 0): Promise<void> {
  await run.log.append(TOPICS.source, anyValues(run.dice, count, from));
}

/** Appends a promotion of some model, or a rollback. */
export async function promoteAny(run: Run): Promise<void> {
  const { log, dice, owners } = run;
  const names = owners[0]?.state.names ?? [];
  const id = `p-${dice(1_000_000)}`;
  const record: PromotionRecord =
    dice(4) === 0
      ? { type: 'rollback', model: null, id }
      : { type: 'promote', model: names[dice(names.length)] ?? '', id };
  await log.append(TOPICS.model, [
    { partition: 0, key: PROMOTION_KEY, value: JSON.stringify(record) },
  ]);
}

/** Folds everything that is there. */
export async function foldAll(
  run: Run,
  options: { readonly promotions?: true } = {},
): Promise<void> {
  const { dice, log, partitions } = run;
  const left = new Set(Array.from({ length: partitions }, (_, p) => p));
  while (left.size > 0) {
    const p = [...left][dice(left.size)] ?? 0;
    if (dice(12) === 0) await claim(run, p);
    const current = run.claims[p];
    if (current === undefined) throw new Error('not claimed');
    const { owner, epoch } = current;
    for (let q = 0; q < partitions; q++)
      if (q !== p && dice(3) === 0 && run.claims[q]?.owner !== owner) await owner.follow(q);
    if (options.promotions === true && dice(3) === 0) await owner.promotions.catchUp();
    if (options.promotions === true && dice(4) === 0) await promoteAny(run);
    const from = owner.state.positions[p] ?? 0;
    const { records } = await log.read(TOPICS.source, p, { from, maxRecords: 1 + dice(25) });
    const fold = owner.folds.get(p);
    if (fold === undefined) throw new Error('no fold');
    if (records.length === 0) {
      left.delete(p);
      await write(log, fold.idle());
      continue;
    }
    const chunk = fold.stage(records, from, epoch);
    if (dice(10) === 0) {
      // A worker whose transaction failed gives up its claim.
      fold.rollback();
      await claim(run, p);
      continue;
    }
    await write(log, chunk.outputs);
    fold.commit(chunk);
    if (dice(6) === 0) await write(log, fold.idle());
  }
}

/** A process: sums that it shares among its partitions, and how far it has read the others. */
export class Owner {
  readonly state: PipelineState;
  readonly folds = new Map<number, PartitionFold>();
  /** Learns of promotions when chance wants it. */
  readonly promotions: PromotionWatch;
  readonly #log: MemoryEventLog;
  readonly #fold: FoldOptions;

  constructor(
    log: MemoryEventLog,
    fold: FoldOptions,
    models: readonly ModelSpec[],
    partitions: number,
  ) {
    this.#log = log;
    this.#fold = fold;
    this.state = new PipelineState({
      pipeline: PIPELINE,
      models,
      declared: DECLARED,
      analyzer: 'river',
      partitions,
    });
    this.promotions = new PromotionWatch(log, TOPICS.model, this.state);
  }

  async follow(partition: number, fold?: PartitionFold): Promise<void> {
    const options = { from: 0, maxRecords: 1_000_000, maxBytes: 2 ** 40 };
    const { records } = await this.#log.read(TOPICS.model, partition, options);
    if (partition === 0) this.promotions.saw(0, records, records.length);
    for (const { key, value } of records) {
      if (key !== null || value === null) continue;
      const delta = readDelta(value);
      this.state.apply(delta);
      fold?.replay(delta);
    }
  }

  async take(partition: number): Promise<void> {
    const fold = new PartitionFold(this.state, partition, this.#fold);
    await this.follow(partition, fold);
    for (const q of this.state.positions.keys()) if (!this.folds.has(q)) await this.follow(q);
    const position = (this.state.positions[partition] ??= 0);
    const before = Math.max(0, position - 1);
    const { records } = await this.#log.read(TOPICS.source, partition, {
      from: before,
      maxRecords: 1,
    });
    // Nothing is known of the figures that were reported: the next idle ones may repeat them.
    fold.resume(new Map(), position === 0 ? undefined : records[0]);
    this.folds.set(partition, fold);
  }
}

async function claim(run: Run, partition: number): Promise<void> {
  const before = run.claims[partition];
  before?.owner.folds.delete(partition);
  const owner = run.owners[run.dice(run.owners.length)];
  if (owner === undefined) throw new Error('no owner');
  await owner.take(partition);
  run.claims[partition] = { owner, epoch: (before?.epoch ?? 0) + 1 };
}

export async function write(log: MemoryEventLog, outputs: Commit['records']): Promise<void> {
  for (const { topic, ...record } of outputs) await log.append(topic, [record]);
}

/** Changes what stands in a partition; the log of a test is no file that could be damaged. */
export function tamper(
  store: MemoryStore,
  topic: string,
  partition: number,
  change: (records: LogRecord[]) => LogRecord[],
): void {
  const stored = store.partition(topic, partition);
  stored.records = change([...stored.records]).map((record, at) => ({
    ...record,
    offset: stored.start + at,
  }));
  stored.end = stored.start + stored.records.length;
}

/** Values of a partition as JSON. */
export function jsonOf({ value }: LogRecord): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(value ?? new Uint8Array())) as Record<string, unknown>;
}

/**
 * Writes a snapshot of everything: of the sums of an owner that has seen all, and of each partition's carry.
 *
 * @returns by partition: offset in the model topic behind the last delta contained
 */
export async function snapshotAll(
  run: Run,
  slot: Slot,
  sequence: number,
): Promise<readonly number[]> {
  const { log, claims, partitions } = run;
  const owner = claims[0]?.owner;
  if (owner === undefined) throw new Error('not claimed');
  for (let q = 0; q < partitions; q++) if (!owner.folds.has(q)) await owner.follow(q);
  const topic = await log.describeTopic(TOPICS.model);
  const ends = topic?.partitions.map(({ end }) => end) ?? [];
  const places = ends.map((model, p) => {
    return {
      position: owner.state.positions[p] ?? null,
      model,
      taught: owner.state.taught[p] ?? 0,
    };
  });
  const common = { version: 2, sequence, pipeline: PIPELINE } as const;
  const put = async (subject: Subject, contents: Iterable<Uint8Array>, rest: object) => {
    const at = { subject, slot, sequence };
    const chunks = [...contents].map((content) => content.slice());
    const hash = createHash('sha256');
    for (const chunk of chunks) hash.update(chunk);
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const header = {
      ...common,
      chunks: chunks.length,
      bytes,
      checksum: hash.digest('hex'),
      ...rest,
    };
    await write(log, [
      ...chunks.map((chunk, i) => chunkRecord(TOPICS.snapshots, at, i, chunk)),
      ...headerRecords(TOPICS.snapshots, at, header as SnapshotHeader, []),
    ]);
  };
  await owner.promotions.catchUp();
  const { promotion } = owner.state;
  const capture = owner.state.capture();
  const models = capture.models.map(({ name, kind, extractor }) => ({ name, kind, extractor }));
  const size = 700;
  await put({ kind: 'sums' }, encodeSums(capture, size), {
    kind: 'sums',
    ...(promotion.at < 0 ? {} : { promotion }),
    models,
    partitions: places,
  });
  for (const [partition, { owner: its }] of claims.entries()) {
    const fold = its.folds.get(partition);
    if (fold === undefined) throw new Error('no fold');
    const carry = fold.capture();
    const contents = encodeCarry(carry, its.state.extractors, size);
    const extractors = [...new Set(carry.carries.map(({ extractor }) => extractor))];
    const rest = { kind: 'carry', partition, extractors, ...places[partition] } as const;
    await put({ kind: 'carry', partition }, contents, rest);
  }
  return ends;
}
