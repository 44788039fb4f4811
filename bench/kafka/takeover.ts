/**
 * How long partitions stand still when their subscriber dies: three subscribers under load, one is killed (SIGKILL), and for each
 * of its partitions the time until a text published after the kill has its committed prediction.
 *
 *   npm run build && node --import tsx bench/kafka/takeover.ts [--partitions N] [--rate N] [--rounds N] [--session 10s]
 *
 * The broker notices a dead member by its silence, so the session timeout is the least that can be; it counts from the member's last
 * heartbeat. After the kill a new subscriber takes the dead one's place for the next round.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pause } from '../../src/ports/pause.ts';
import { tweets } from '../data.ts';
import { median, printTable } from '../table.ts';
import { client, runOnCluster, type BenchCluster } from './cluster.ts';
import { resultsTopic, startWorker, valenceWorker, type RunningWorker } from './workers.ts';

const MEMBERS = 3;
/** The group stands when nothing was claimed or released for so long. */
const QUIET_MS = 3000;
const LIMIT_MS = 90_000;

const { values: options } = parseArgs({
  options: {
    partitions: { type: 'string', default: '6' },
    rate: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '3' },
    session: { type: 'string', default: '10s' },
  },
});
const PARTITIONS = Number(options.partitions);

/** A subscriber and the partitions that it says it owns. */
interface Member {
  readonly worker: RunningWorker;
  readonly owned: Set<number>;
}

/** When any member last told of a claim or a release; performance.now(). */
let changed = 0;

function startMember(cluster: BenchCluster, source: string): Member {
  const task = { brokers: cluster.brokers, source, partitions: PARTITIONS, name: source };
  const owned = new Set<number>();
  const command = valenceWorker(task, { untilEnd: false });
  const args = [...command.args, '--kafka-session-timeout', options.session];
  const worker = startWorker({ ...command, args }, (line) => {
    if (!line.startsWith('{')) return;
    const { msg, partition = -1 }: { msg?: string; partition?: number } = JSON.parse(line);
    if (msg === 'partition claimed') owned.add(partition);
    else if (msg === 'partition released' || msg === 'partition claimed by another worker')
      owned.delete(partition);
    else return;
    changed = performance.now();
  });
  return { worker, owned };
}

async function settled(members: readonly Member[]): Promise<void> {
  const start = performance.now();
  for (;;) {
    const all = members.flatMap(({ owned }) => [...owned]);
    const complete = all.length === PARTITIONS && members.every(({ owned }) => owned.size > 0);
    if (complete && performance.now() - changed > QUIET_MS) return;
    if (performance.now() - start > LIMIT_MS) throw new Error('the group does not settle');
    await pause(100);
  }
}

/** Sends texts until told to stop, each to the next partition; the id is the monotonic clock. */
function load(
  cluster: BenchCluster,
  source: string,
  path: string,
): { readonly stop: () => Promise<void> } {
  const rows = readFileSync(path, 'utf8').trimEnd().split('\n');
  const pending = new Set<Promise<unknown>>();
  let at = 0;
  let due = performance.now();
  const timer = setInterval(() => {
    const messages = [];
    for (; due < performance.now(); due += 1000 / Number(options.rate)) {
      const { text, label }: { text: string; label: string } = JSON.parse(
        rows[at % rows.length] ?? '',
      );
      const id = String(process.hrtime.bigint());
      const value = JSON.stringify({ id, text, label });
      messages.push({ key: id, partition: at % PARTITIONS, value });
      at += 1;
    }
    if (messages.length === 0) return;
    const sent = cluster.producer.send({ topic: source, acks: -1, messages });
    pending.add(sent);
    void sent.finally(() => pending.delete(sent));
  }, 10);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}

interface Observer {
  /** By partition: when the first prediction of a text sent after `since` (monotonic ns) was read, ms after it. */
  after(since: bigint, partitions: ReadonlySet<number>): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}

async function observe(cluster: BenchCluster, topic: string): Promise<Observer> {
  const consumer = client(cluster.brokers, 'valence-bench-observer').consumer({
    groupId: `${topic}.observer`,
    readUncommitted: false,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let onPrediction = (_partition: number, _sent: bigint): void => undefined;
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { value } of batch.messages) {
        const { type, id }: { type: string; id: string } = JSON.parse(value?.toString() ?? '{}');
        if (type === 'prediction') onPrediction(batch.partition, BigInt(id));
      }
      return Promise.resolve();
    },
  });
  return {
    after: (since, partitions) =>
      new Promise((resolve, reject) => {
        const seen = new Map<number, number>();
        const timer = setTimeout(
          () => reject(new Error(`${partitions.size - seen.size} partitions stand still`)),
          LIMIT_MS,
        );
        onPrediction = (partition, sent) => {
          if (sent <= since || seen.has(partition) || !partitions.has(partition)) return;
          seen.set(partition, Number(process.hrtime.bigint() - since) / 1e6);
          if (seen.size < partitions.size) return;
          clearTimeout(timer);
          resolve(seen);
        };
      }),
    close: () => consumer.disconnect(),
  };
}

async function main(cluster: BenchCluster, folder: string): Promise<void> {
  const { path, note } = tweets(folder);
  const source = `takeover-${Date.now()}`;
  await cluster.create([source, `${source}.results`], PARTITIONS);
  const members = Array.from({ length: MEMBERS }, () => startMember(cluster, source));
  const task = { brokers: cluster.brokers, source, partitions: PARTITIONS, name: source };
  const observer = await observe(cluster, resultsTopic(task));
  const loading = load(cluster, source, path);
  const rows: string[][] = [];
  try {
    for (let round = 1; round <= Number(options.rounds); round++) {
      await settled(members);
      const victim = members.shift();
      if (victim === undefined) break;
      const partitions = new Set(victim.owned);
      const since = process.hrtime.bigint();
      victim.worker.kill();
      const seen = [...(await observer.after(since, partitions)).values()];
      const seconds = (ms: number): string => (ms / 1000).toFixed(2);
      rows.push([
        `${round}`,
        `${partitions.size}`,
        ...[Math.min(...seen), median(seen), Math.max(...seen)].map(seconds),
      ]);
      if (round < Number(options.rounds)) members.push(startMember(cluster, source));
    }
  } finally {
    await Promise.allSettled([
      loading.stop(),
      observer.close(),
      ...members.map(({ worker }) => worker.stop()),
    ]);
  }
  console.log(
    `${note}; ${PARTITIONS} partitions, ${MEMBERS} subscribers, ${options.rate} records/s, session ${options.session}; ${cluster.note}`,
  );
  printTable(
    ['round', '>partitions of the killed', '>first predicted again, s', '>median', '>last'],
    rows,
  );
}

await runOnCluster(main);
