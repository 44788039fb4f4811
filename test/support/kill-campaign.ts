/**
 * Kills real processes, again and again, until the work is done, and compares what is in the log with a run that nobody disturbed.
 * Shared by the fault tests (a few kills) and the campaign script (hundreds).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { openLog } from '../../src/open-log.ts';
import { ClassRules } from '../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS } from '../../src/pipeline/fold.ts';
import { loadModel } from '../../src/pipeline/inspect.ts';
import { topicNames } from '../../topics/index.ts';

export const PIPELINE = 'sentiment';
export const TOPICS = topicNames(PIPELINE);
const COMMAND = join(import.meta.dirname, '../../bin/valence.js');

/** A seeded generator of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Where and how one process dies: at a named point, or after some time. */
export type Death = { readonly at: string } | { readonly afterMs: number } | undefined;

export interface Ended {
  readonly code: number | null;
  readonly killed: boolean;
  readonly stderr: string;
  readonly stdout: string;
}

/** Runs the command once; resolves when it has ended, by itself or by `death`. */
export function runOnce(args: readonly string[], cwd: string, death: Death): Promise<Ended> {
  return ended(start(args, cwd, death), death);
}

export function start(args: readonly string[], cwd: string, death?: Death): ChildProcess {
  return spawn(process.execPath, [COMMAND, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NO_COLOR: '1',
      ...(death !== undefined && 'at' in death ? { VALENCE_CRASH_AT: death.at } : {}),
    },
  });
}

function ended(child: ChildProcess, death: Death): Promise<Ended> {
  let stderr = '';
  let stdout = '';
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  const timer =
    death !== undefined && 'afterMs' in death
      ? setTimeout(() => child.kill('SIGKILL'), death.afterMs)
      : undefined;
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, killed: signal === 'SIGKILL', stderr, stdout });
    });
  });
}

/**
 * Repeats a command until it ends by itself, killing it as `next` says.
 *
 * @returns number of kills
 * @throws when the command fails by itself
 */
export async function runKilled(
  args: readonly string[],
  cwd: string,
  next: (attempt: number) => Death,
): Promise<number> {
  for (let kills = 0; ; kills++) {
    const end = await runOnce(args, cwd, next(kills));
    if (end.killed) continue;
    if (end.code !== 0) throw new Error(`ended with ${end.code}: ${end.stderr.slice(-2000)}`);
    return kills;
  }
}

export const workspace = (): { readonly dir: string; readonly remove: () => void } => {
  const dir = mkdtempSync(join(tmpdir(), 'valence-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
};

/**
 * A stream as awkward as users': the reviews of the example file several times over, some without a label, late labels,
 * corrections, withdrawals, repeated ids and records that nobody can fold.
 */
export function awkwardStream(copies: number, seed: number): readonly object[] {
  const random = seeded(seed);
  const rows = parse(readFileSync(join(import.meta.dirname, '../../examples/yelp.csv')), {
    columns: true,
  }) as { text: string; sentiment: string }[];
  const records: object[] = [];
  const later: { readonly due: number; readonly record: object }[] = [];
  for (let copy = 0; copy < copies; copy++) {
    for (const [row, { text, sentiment }] of rows.entries()) {
      const id = `${copy}-${row}`;
      const dice = random();
      const label = dice < 0.6 ? sentiment : undefined;
      records.push({
        id,
        text,
        ...(label === undefined ? {} : { label }),
        ts: '2026-03-01T10:00:00Z',
      });
      const due = records.length + Math.floor(random() * 400);
      if (label === undefined && dice < 0.9) later.push({ due, record: { id, label: sentiment } });
      if (dice < 0.05) later.push({ due, record: { id, label: sentiment === '1' ? '0' : '1' } });
      if (dice > 0.97) later.push({ due, record: { id, label: null } });
      if (dice > 0.99) records.push({ id, text: null }, { neither: true });
      while (later[0] !== undefined && later[0].due <= records.length) {
        const [first] = later.splice(0, 1);
        if (first !== undefined) records.push(first.record);
      }
    }
  }
  return [...records, ...later.map(({ record }) => record)];
}

export function writeNdjson(file: string, records: readonly object[]): void {
  writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

/** Appends records to the source topic of a new log, as they are. */
export async function writeSource(file: string, records: readonly object[]): Promise<void> {
  const log = await openLog(`sqlite:${file}`);
  const { topicSpecs } = await import('../../src/ports/topic-specs.ts');
  await log.ensureTopics(topicSpecs(TOPICS, 1));
  for (let at = 0; at < records.length; at += 1000) {
    await log.append(
      TOPICS.source,
      records.slice(at, at + 1000).map((record) => ({
        key: 'id' in record ? String(record.id) : null,
        value: JSON.stringify(record),
        timestamp: 1_700_000_000_000 + at,
      })),
    );
  }
  await log.close();
}

export function copyLog(from: string, to: string): void {
  copyFileSync(from, to);
}

/** Everything of a topic as text, a line a record: partition, key, value, headers; timestamps of writing are left out. */
export async function dump(file: string, topic: string): Promise<readonly string[]> {
  const log = await openLog(`sqlite:${file}`);
  try {
    const description = await log.describeTopic(topic);
    const lines: string[] = [];
    for (const partition of description?.partitions.keys() ?? []) {
      for (let from = 0; ;) {
        const batch = await log.read(topic, partition, { from, maxRecords: 5000 });
        for (const { key, value, headers } of batch.records) {
          const text = (bytes: Uint8Array | null): string | null =>
            bytes === null ? null : Buffer.from(bytes).toString();
          lines.push(
            JSON.stringify([
              partition,
              text(key),
              text(value),
              headers.map(([name, bytes]) => [name, text(bytes)]),
            ]),
          );
        }
        if (batch.next >= batch.end) break;
        from = batch.next;
      }
    }
    return lines;
  } finally {
    await log.close();
  }
}

/** Results without the idle metrics: how often a partition goes idle depends on time. */
export async function dumpResults(file: string): Promise<readonly string[]> {
  return (await dump(file, TOPICS.results)).filter((line) => !line.includes('\\"idle\\":true'));
}

/** Hash of sums, carry and positions, as `model hash --carry` prints it. */
export async function modelState(file: string): Promise<unknown> {
  const log = await openLog(`sqlite:${file}`);
  try {
    const declared = ['negative', 'positive'];
    const { state, carryHash } = await loadModel({
      log,
      pipeline: PIPELINE,
      topics: TOPICS,
      declared,
      carry: { ...FOLD_DEFAULTS, topics: TOPICS, classes: new ClassRules({ declared }) },
    });
    return { positions: state.positions, ...state.hash('champion'), carryHash };
  } finally {
    await log.close();
  }
}
