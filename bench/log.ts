/**
 * The log adapters: append, transact, read, in calls of 500 records and of one; latency to another client; cost of waiting.
 *
 *   node --import tsx bench/log.ts [memory] [sqlite] [full]
 *
 * 200-byte values, results of 340 bytes; medians of three passes. `full` is sqlite with synchronous=full.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openLog } from '../src/open-log.ts';
import { median, printHeading, printTable, quantile } from './table.ts';
import type { Commit, EventLog, NewRecord } from '../src/ports/event-log.ts';

const CALL = 500;
const CALLS = 100;
const RECORDS = CALL * CALLS;
const SINGLES = 6000;
const WARM_UP_CALLS = 10;
const VALUE = JSON.stringify({ id: 'r-17', text: 'x'.repeat(176) });
const RESULT = JSON.stringify({ id: 'r-17', text: 'x'.repeat(316) });
/** The headers of result record `i`: what varies does so in each record. */
const headersOf = (i: number): NonNullable<NewRecord['headers']> => [
  ['ce_specversion', '1.0'],
  ['ce_type', 'prediction'],
  ['ce_id', `sentiment.source/0/${123_456 + i}/prediction/champion`],
  ['ce_source', '/sentiment'],
  ['ce_time', `2026-03-01T10:00:00.${100 + i}Z`],
  ['content-type', 'application/json'],
  ['traceparent', `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203${100 + i}-01`],
];
const DELTA = new Uint8Array(16_384).fill(7);

async function withTopics(
  log: EventLog,
  id: string,
): Promise<Record<'source' | 'results' | 'model', string>> {
  const names = { source: `${id}.source`, results: `${id}.results`, model: `${id}.model` };
  await log.ensureTopics(
    Object.values(names).map((name) => ({
      name,
      partitions: 1,
      cleanup: 'delete',
      retentionMs: undefined,
    })),
  );
  return names;
}

async function appendPass(log: EventLog, topic: string): Promise<number> {
  const batch: NewRecord[] = Array.from({ length: CALL }, (_, i) => ({
    key: `r-${i}`,
    value: VALUE,
  }));
  const start = performance.now();
  for (let call = 0; call < CALLS; call++) await log.append(topic, batch);
  return performance.now() - start;
}

/** Median time of an append and of a transaction of one record, µs. */
async function singles(log: EventLog, id: string): Promise<{ append: number; transact: number }> {
  const { source, results, model } = await withTopics(log, id);
  const stop = new AbortController();
  const record = { key: 'r-17', value: VALUE, headers: headersOf(0) };
  const appends: number[] = [];
  const transacts: number[] = [];
  await log.own(
    { group: id, topic: source, fenceTopic: model, signal: stop.signal },
    async (owned) => {
      for (let call = 0; call < SINGLES; call++) {
        const start = performance.now();
        await log.append(source, [record]);
        const middle = performance.now();
        await owned.transact({
          records: [{ ...record, topic: results, partition: 0 }],
          position: call,
        });
        appends.push(middle - start);
        transacts.push(performance.now() - middle);
      }
    },
  );
  return { append: 1000 * median(appends), transact: 1000 * median(transacts) };
}

async function transactPass(log: EventLog, names: Record<string, string>): Promise<number> {
  const { source = '', results = '', model = '' } = names;
  const stop = new AbortController();
  const results500 = Array.from({ length: CALL }, (_, i) => ({
    topic: results,
    partition: 0,
    key: `r-${i}`,
    value: RESULT,
    headers: headersOf(i),
  }));
  const commit: Commit = {
    records: [...results500, { topic: model, partition: 0, key: null, value: DELTA }],
    position: 1,
  };
  let ms = 0;
  await log.own(
    { group: 'bench', topic: source, fenceTopic: model, signal: stop.signal },
    async (owned) => {
      for (let call = 0; call < WARM_UP_CALLS; call++) await owned.transact(commit);
      const start = performance.now();
      for (let call = 0; call < CALLS; call++) await owned.transact(commit);
      ms = performance.now() - start;
    },
  );
  return ms;
}

async function readPass(log: EventLog, topic: string, records: number): Promise<number> {
  const start = performance.now();
  let count = 0;
  for (let next = 0; count < records;) {
    const batch = await log.read(topic, 0, { from: next, maxRecords: CALL });
    count += batch.records.length;
    next = batch.next;
  }
  return performance.now() - start;
}

async function passes(pass: (round: number) => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 3; round++) times.push(await pass(round));
  return median(times);
}

/** Milliseconds from append in another process to the record seen here, 100 a second. */
async function latency(url: string): Promise<string> {
  const log = await openLog(url);
  const { source } = await withTopics(log, 'latency');
  const child = fork(fileURLToPath(import.meta.url), ['--produce', url, source], {
    execArgv: ['--import', 'tsx'],
  });
  const seen: number[] = [];
  for (let next = 0; seen.length < 300;) {
    const batch = await log.read(source, 0, { from: next, waitMs: 5000 });
    const now = performance.timeOrigin + performance.now();
    for (const { value } of batch.records)
      seen.push(now - Number(Buffer.from(value ?? []).toString()));
    next = batch.next;
  }
  child.kill();
  await log.close();
  const counted = seen.slice(50);
  const at = (share: number): string => quantile(counted, share).toFixed(2);
  return `p50 ${at(0.5)}  p95 ${at(0.95)}  p99 ${at(0.99)}  max ${at(1)} ms`;
}

async function produce(url: string, topic: string): Promise<void> {
  const log = await openLog(url);
  for (;;) {
    const value = String(performance.timeOrigin + performance.now());
    await log.append(topic, [{ key: null, value }]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Share of a core that a follower and an owner take while nothing happens. */
async function idle(log: EventLog, id: string): Promise<string> {
  const { source, results, model } = await withTopics(log, id);
  const stop = new AbortController();
  const { signal } = stop;
  const following = log.read(results, 0, { from: 0, waitMs: 60_000, signal });
  const owning = log.own(
    { group: 'idle', topic: source, fenceTopic: model, signal },
    async (owned) => {
      while (!signal.aborted) await owned.next({ from: 0, waitMs: 5000 });
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const start = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const { user, system } = process.cpuUsage(start);
  stop.abort();
  await Promise.all([following, owning]);
  return `${((user + system) / 50_000).toFixed(2)} % of a core`;
}

async function measure(name: string, url: string): Promise<(string | number)[][]> {
  const log = await openLog(url);
  await appendPass(log, (await withTopics(log, 'warm')).source);
  const rate = (ms: number): string => `${Math.round(RECORDS / ms)}k/s`;
  const append = await passes(async (round) =>
    appendPass(log, (await withTopics(log, `a${round}`)).source),
  );
  const transact = await passes(async (round) =>
    transactPass(log, await withTopics(log, `t${round}`)),
  );
  const read = await passes(() => readPass(log, 'a0.source', RECORDS));
  const readResults = await passes(() => readPass(log, 't0.results', RECORDS));
  const single = await singles(log, 'singles');
  const readSingles = await passes(() => readPass(log, 'singles.source', SINGLES));
  const rows = [
    [name, `append, ${CALL} a call`, rate(append)],
    [
      name,
      `transact, ${CALL} results + delta`,
      `${((transact * 1000) / RECORDS).toFixed(2)} µs a record`,
    ],
    [name, `read by ${CALL}`, rate(read)],
    [name, `read results with headers by ${CALL}`, rate(readResults)],
    [name, 'append, 1 a call', `p50 ${single.append.toFixed(0)} µs`],
    [name, 'transact, 1 result', `p50 ${single.transact.toFixed(0)} µs`],
    [
      name,
      `read with headers by ${CALL}, written 1 a call`,
      `${Math.round(SINGLES / readSingles)}k/s`,
    ],
    [name, 'idle owner + follower', await idle(log, 'idle')],
  ];
  await log.close();
  if (name !== 'memory')
    rows.push([name, 'append in another process, seen here', await latency(url)]);
  return rows;
}

const [command = '', url = '', topic = ''] = process.argv.slice(2);
if (command === '--produce') await produce(url, topic);
else {
  const asked = process.argv.slice(2);
  const names = asked.length > 0 ? asked : ['memory', 'sqlite'];
  const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
  const rows: (string | number)[][] = [];
  printHeading('@photostructure/sqlite');
  for (const name of names) {
    const query = name === 'full' ? '?synchronous=full' : '';
    rows.push(
      ...(await measure(
        name,
        name === 'memory' ? 'memory:' : `sqlite:${join(folder, name)}.db${query}`,
      )),
    );
  }
  rmSync(folder, { recursive: true, force: true });
  printTable(['log', 'what', '>result'], rows);
}
