/**
 * How long from publishing a text on Kafka until its committed prediction has been read in another process, beside the peers on the
 * same broker; and what an idle subscriber costs. One partition; three processes:
 *
 *   producer: send, acknowledged by all ──► worker ──► observer: reads committed results (this process)
 *
 *   npm run build && node --import tsx bench/kafka/latency.ts [--rates 100,500] [--seconds N] [--idle N]
 *
 * The id of a text is the monotonic clock before it is sent: one clock for all processes of a machine. The gaps between texts vary
 * (0 to 2 / rate), so that no wait runs in step with them. Producer and observer are kafkajs for everybody.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pause } from '../../src/ports/pause.ts';
import { seeded, tweets } from '../data.ts';
import { printTable, quantile, rounded } from '../table.ts';
import { client, processorSeconds, runOnCluster, type BenchCluster } from './cluster.ts';
import {
  hasPythonPeer,
  kafkajsWorker,
  resultsTopic,
  riverWorker,
  startWorker,
  valenceWorker,
  type RunningWorker,
  type Task,
  type WorkerCommand,
} from './workers.ts';

/** Not counted: joining, claiming, and what the engine compiles meanwhile. */
const WARM_UP_SECONDS = 4;
/** From the last record to the first look at the idle subscriber. */
const SETTLE_MS = 3000;
const NANOSECONDS_PER_MS = 1e6;
/** A worker that has shown nothing by then is given up. */
const LIMIT_MS = 30_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rates: { type: 'string', default: '100,500' },
    seconds: { type: 'string', default: '12' },
    idle: { type: 'string', default: '30' },
  },
});

/** The producer's process: begins when its parent says so. */
async function produce(
  brokers: string,
  topic: string,
  path: string,
  rate: number,
  count: number,
): Promise<void> {
  const producer = client(brokers.split(','), 'valence-bench-producer').producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  await producer.connect();
  const random = seeded(3);
  const rows = readFileSync(path, 'utf8').split('\n', count);
  const sends: Promise<unknown>[] = [];
  let due = performance.now();
  for (const row of rows) {
    due += (random() * 2000) / rate;
    await pause(Math.max(0, due - performance.now()));
    const { text, label }: { text: string; label: string } = JSON.parse(row);
    const id = String(process.hrtime.bigint());
    // Not awaited one by one: a slow answer must not slow down the rate.
    sends.push(
      producer.send({
        topic,
        acks: -1,
        messages: [{ key: id, value: JSON.stringify({ id, text, label }) }],
      }),
    );
  }
  await Promise.all(sends);
  await producer.disconnect();
}

interface Latency {
  /** ms, in the order of arrival; without the warm-up. */
  readonly seen: readonly number[];
  readonly workerCpu: number | undefined;
}

/** Milliseconds from send to prediction of `count` records. */
async function observe(
  cluster: BenchCluster,
  topic: string,
  count: number,
): Promise<{ readonly seen: Promise<number[]>; readonly close: () => Promise<void> }> {
  const consumer = client(cluster.brokers, 'valence-bench-observer').consumer({
    groupId: `${topic}.observer`,
    maxWaitTimeInMs: 100,
    minBytes: 1,
    readUncommitted: false,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const seen: number[] = [];
  let reached = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      const now = process.hrtime.bigint();
      for (const { value } of batch.messages) {
        const { type, id }: { type?: string; id: string } = JSON.parse(value?.toString() ?? '{}');
        if (type !== undefined && type !== 'prediction') continue;
        seen.push(Number(now - BigInt(id)) / NANOSECONDS_PER_MS);
      }
      if (seen.length >= count) reached();
      return Promise.resolve();
    },
  });
  await joined;
  return { seen: done.then(() => seen), close: () => consumer.disconnect() };
}

let runs = 0;

async function latency(
  cluster: BenchCluster,
  path: string,
  worker: (task: Task) => WorkerCommand,
  rate: number,
  afterwards?: (worker: RunningWorker) => Promise<void>,
): Promise<Latency> {
  runs += 1;
  const source = `latency-${Date.now()}-${runs}`;
  const task = { brokers: cluster.brokers, source, partitions: 1, name: source };
  const warmUp = WARM_UP_SECONDS * rate;
  const count = warmUp + Number(options.seconds) * rate;
  // Valence finds the topic of its results as it would make it.
  await cluster.create([source, resultsTopic(task)], 1);
  const running = startWorker(worker(task));
  const observer = await observe(cluster, resultsTopic(task), count);
  const args = ['--', '--produce', cluster.brokers.join(','), source, path, `${rate}`, `${count}`];
  const producer = fork(fileURLToPath(import.meta.url), args, { execArgv: ['--import', 'tsx'] });
  const limit = Number(options.seconds) * 1000 + WARM_UP_SECONDS * 1000 + LIMIT_MS;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`predictions are missing after ${limit} ms`)), limit);
  });
  try {
    const seen = await Promise.race([observer.seen, late]);
    const workerCpu = processorSeconds(running.pid);
    await afterwards?.(running);
    return { seen: seen.slice(warmUp), workerCpu };
  } finally {
    clearTimeout(timer);
    producer.kill();
    await Promise.allSettled([observer.close(), running.stop()]);
  }
}

async function idleShare({ pid }: RunningWorker): Promise<string> {
  await pause(SETTLE_MS);
  const before = processorSeconds(pid);
  if (before === undefined) return 'not measured: no /proc on this system';
  const start = performance.now();
  const seconds = Number(options.idle);
  await pause(seconds * 1000);
  const used = (processorSeconds(pid) ?? Number.NaN) - before;
  return `${((used / (performance.now() - start)) * 100_000).toFixed(2)} % of a core over ${seconds} s`;
}

async function main(cluster: BenchCluster, folder: string): Promise<void> {
  const { path, note } = tweets(folder);
  const rates = options.rates.split(',').map(Number);
  console.log(
    `${note}: the first of them, one partition, ${options.seconds} s after ${WARM_UP_SECONDS} s of warm-up; ${cluster.note}`,
  );
  const contestants: [string, (task: Task) => WorkerCommand][] = [
    ['valence subscribe, exactly once', (task) => valenceWorker(task, { untilEnd: false })],
    ['kafkajs: parse, stringify, transactions', kafkajsWorker],
  ];
  if (hasPythonPeer())
    contestants.push(
      ['Python + River, at least once', (task) => riverWorker(task, 'at-least-once')],
      ['Python + River, transactions', (task) => riverWorker(task, 'transactions')],
    );
  const rows: string[][] = [];
  let idle = '';
  for (const rate of rates)
    for (const [name, worker] of contestants) {
      const last = rate === rates.at(-1) && name.startsWith('valence');
      const { seen, workerCpu } = await latency(cluster, path, worker, rate, async (running) => {
        if (last && Number(options.idle) > 0) idle = await idleShare(running);
      });
      const at = (share: number): string => quantile(seen, share).toFixed(1);
      const cpu = workerCpu === undefined ? '-' : workerCpu.toFixed(1);
      rows.push([name, `${rate}`, rounded(seen.length), at(0.5), at(0.9), at(0.99), at(1), cpu]);
    }
  printTable(
    ['worker', '>records/s', '>records', '>p50 ms', '>p90', '>p99', '>max', '>CPU s of the worker'],
    rows,
  );
  if (idle !== '') console.log(`idle subscriber: ${idle}`);
}

if (process.argv.includes('--produce')) {
  const [, brokers = '', topic = '', path = '', rate, count] = positionals;
  await produce(brokers, topic, path, Number(rate), Number(count));
} else {
  await runOnCluster(main);
}
