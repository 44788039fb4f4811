/**
 * How long from publishing a text until its prediction can be read, and what an idle subscriber costs. Three processes on one
 * embedded log, 100 records a second:
 *
 *   producer: append ──► valence subscribe ──► observer: reads results (this process)
 *
 *   npm run build && node --import tsx bench/latency.ts
 *
 * The id of a text is the monotonic clock before its append: one clock for all processes of a machine. The gaps between texts
 * vary (0 to 20 ms), so that no poll runs in step with them.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLog, topicNames, type LogClient } from '../src/index.ts';
import { pause } from '../src/ports/pause.ts';
import { topicSpecs } from '../src/ports/topic-specs.ts';
import { startValence, warnIfStale } from './command.ts';
import { seeded, tweets } from './data.ts';
import { printHeading, printTable, quantile } from './table.ts';

const RATE = 100;
/** Not counted: what the engine compiles meanwhile. */
const WARM_UP = 200;
const RECORDS = 1200;
const IDLE_MS = 10_000;
/** From the last record to the first look at the idle subscriber: it writes its idle metrics after one second. */
const SETTLE_MS = 2500;
const NANOSECONDS_PER_MS = 1e6;

const TOPICS = topicNames('sentiment');

/** The producer's process. */
async function produce(url: string, path: string): Promise<void> {
  const { log } = await openLog(url);
  const random = seeded(3);
  const rows = readFileSync(path, 'utf8').split('\n', WARM_UP + RECORDS);
  let due = performance.now();
  for (const row of rows) {
    due += (random() * 2000) / RATE;
    await pause(Math.max(0, due - performance.now()));
    const { text, label }: { text: string; label: string } = JSON.parse(row);
    const id = String(process.hrtime.bigint());
    const value = JSON.stringify({ id, text, label });
    const [outcome] = await log.append(TOPICS.source, [{ key: id, value }]);
    if (outcome?.status !== 'ok') throw outcome?.error ?? new Error('no outcome');
  }
  await log.close();
}

/** Milliseconds from append to prediction, in order. */
async function observe({ log }: LogClient): Promise<number[]> {
  const seen: number[] = [];
  const decoder = new TextDecoder();
  for (let from = 0; seen.length < WARM_UP + RECORDS;) {
    const batch = await log.read(TOPICS.results, 0, { from, waitMs: 5000 });
    from = batch.next;
    for (const { value } of batch.records) {
      const result: { type: string; id: string } = JSON.parse(decoder.decode(value ?? undefined));
      if (result.type !== 'prediction') continue;
      seen.push(Number(process.hrtime.bigint() - BigInt(result.id)) / NANOSECONDS_PER_MS);
    }
  }
  return seen.slice(WARM_UP);
}

/** Processor time of a process in ms, all its threads; undefined where the system has no /proc. */
function processorMs(pid: number): number | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  // The second field, the name in brackets, may hold spaces; user and system time are the 14th and 15th, in 1/100 s.
  const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function idleShare(pid: number): Promise<string> {
  await pause(SETTLE_MS);
  const before = processorMs(pid);
  if (before === undefined) return 'not measured: no /proc on this system';
  const start = performance.now();
  await pause(IDLE_MS);
  const share = ((processorMs(pid) ?? Number.NaN) - before) / (performance.now() - start);
  return `${(share * 100).toFixed(1)} % of a core over ${IDLE_MS / 1000} s (steps of 0.1)`;
}

/** Rejects when a process ends that should go on, or ends with an error. */
function ended(child: ChildProcess, name: string): Promise<never> {
  return new Promise((_, reject) => {
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`the ${name} ended with ${code}`));
    });
  });
}

async function main(folder: string): Promise<void> {
  const { path, note } = tweets(folder);
  const url = `sqlite:${join(folder, 'log.db')}`;
  const client = await openLog(url);
  await client.log.ensureTopics(topicSpecs(TOPICS, 1));
  const subscriber = startValence(['subscribe', '--log', url]);
  const script = fileURLToPath(import.meta.url);
  const producer = fork(script, ['--produce', url, path], { execArgv: ['--import', 'tsx'] });
  const failed = Promise.race([ended(subscriber, 'subscriber'), ended(producer, 'producer')]);
  try {
    const seen = await Promise.race([observe(client), failed]);
    const at = (share: number): string => quantile(seen, share).toFixed(2);
    console.log(`${note}: the first ${WARM_UP + RECORDS}, ${RATE} a second, ${WARM_UP} warm-up`);
    printTable(
      ['publish to prediction', '>p50 ms', '>p95', '>p99', '>max'],
      [[`${RECORDS} records, three processes`, at(0.5), at(0.95), at(0.99), at(1)]],
    );
    console.log(`idle subscriber: ${await idleShare(subscriber.pid ?? 0)}`);
  } finally {
    subscriber.kill();
    producer.kill();
    await client.close();
  }
}

const [command, url = '', path = ''] = process.argv.slice(2);
if (command === '--produce') await produce(url, path);
else {
  printHeading('@photostructure/sqlite');
  warnIfStale();
  const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
  try {
    await main(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
