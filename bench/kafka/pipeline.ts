/**
 * A backlog on Kafka end to end, beside its peers on the same broker in the same run: records/s and processor time.
 *
 *   npm run build && node --import tsx bench/kafka/pipeline.ts [--rounds N] [--copies N] [--only scaling|peers] [--shapes 1x1,4x2]
 *
 *   source (preloaded) ──► worker, a fresh process ──► results (and model, positions), on one broker
 *
 * A shape is partitions x workers. All rates run from a worker's first line, before it connects, to its last commit: joining the
 * group, claiming the partitions and compiling what runs hot are in them. Rounds are interleaved, so that each contestant meets the
 * same load of the machine; a ratio is the median of the ratios within the rounds.
 */
import { parseArgs } from 'node:util';
import { tweets } from '../data.ts';
import { median, printTable, rounded, spread } from '../table.ts';
import { preload, runOnCluster, type Backlog, type BenchCluster } from './cluster.ts';
import {
  hasPythonPeer,
  kafkajsWorker,
  libraryWorker,
  measure,
  resultsTopic,
  riverWorker,
  valenceWorker,
  type Measured,
  type Task,
  type WorkerCommand,
} from './workers.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    copies: { type: 'string', default: '1' },
    only: { type: 'string' },
    shapes: { type: 'string', default: '1x1,2x1,2x2,4x2' },
  },
});
const ROUNDS = Number(options.rounds);

interface Contestant {
  readonly name: string;
  readonly worker: (task: Task) => WorkerCommand;
  /** Valence makes its own topics. */
  readonly makesTopics: boolean;
}

const VALENCE: Contestant = {
  name: 'valence subscribe, exactly once',
  worker: (task) => valenceWorker(task, { untilEnd: true }),
  makesTopics: true,
};
/** The kind of the Python peers. */
const MULTINOMIAL: Contestant = {
  name: 'the same with --model multinomial',
  worker: (task) => valenceWorker(task, { untilEnd: true, kind: 'multinomial' }),
  makesTopics: true,
};
const LIBRARY: Contestant = {
  name: 'the same in a program, second pass',
  worker: libraryWorker,
  makesTopics: true,
};
const KAFKAJS: Contestant = {
  name: 'kafkajs: parse, stringify, transactions',
  worker: kafkajsWorker,
  makesTopics: false,
};
const RIVER: readonly Contestant[] = [
  {
    name: 'Python + River, at least once',
    worker: (task) => riverWorker(task, 'at-least-once'),
    makesTopics: false,
  },
  {
    name: 'Python + River, transactions',
    worker: (task) => riverWorker(task, 'transactions'),
    makesTopics: false,
  },
];

let runs = 0;

async function run(
  cluster: BenchCluster,
  { worker, makesTopics }: Contestant,
  backlog: Backlog,
  workers: number,
): Promise<Measured> {
  const { topic: source, partitions, records } = backlog;
  runs += 1;
  const task = { brokers: cluster.brokers, source, partitions, name: `${source}.run-${runs}` };
  if (!makesTopics) await cluster.create([resultsTopic(task)], partitions);
  const commands = Array.from({ length: workers }, () => worker(task));
  return measure(commands, records, cluster.brokerSeconds);
}

/** One figure, or a dash where there is none. */
function figure(values: readonly (number | undefined)[], digits: number): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '-' : median(known).toFixed(digits);
}

function ratio(
  ours: readonly Measured[],
  theirs: readonly Measured[] | undefined,
  digits = 2,
): string {
  if (theirs === undefined) return '-';
  const pairs = ours.map((one, at) => one.recordsPerSecond / (theirs[at]?.recordsPerSecond ?? NaN));
  return median(pairs.filter((value) => !Number.isNaN(value))).toFixed(digits);
}

function rows(results: ReadonlyMap<Contestant, Measured[]>): string[][] {
  const raw = results.get(KAFKAJS);
  const [river] = RIVER;
  const python = river === undefined ? undefined : results.get(river);
  return [...results].map(([contestant, measured]) => [
    contestant.name,
    spread(measured.map((one) => one.recordsPerSecond)),
    rounded(median(measured.map((one) => one.secondHalf))),
    figure(
      measured.map((one) => one.seconds),
      2,
    ),
    figure(
      measured.map((one) => one.workerCpu),
      3,
    ),
    contestant === LIBRARY
      ? '-'
      : figure(
          measured.map((one) => one.brokerCpu),
          3,
        ),
    ratio(measured, raw),
    ratio(measured, python, 1),
  ]);
}

const HEAD = [
  'worker',
  '>records/s: median (range)',
  '>second half',
  '>process s',
  '>CPU s/10,000',
  '>broker CPU s/10,000',
  '>kafkajs x',
  '>River x',
];

async function rounds(
  cluster: BenchCluster,
  contestants: readonly Contestant[],
  backlog: Backlog,
  workers: number,
): Promise<ReadonlyMap<Contestant, Measured[]>> {
  const results = new Map(contestants.map((one): [Contestant, Measured[]] => [one, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const contestant of contestants)
      results.get(contestant)?.push(await run(cluster, contestant, backlog, workers));
  return results;
}

async function main(cluster: BenchCluster, folder: string): Promise<void> {
  const { path, note } = tweets(folder);
  const copies = Number(options.copies);
  const backlogs = new Map<number, Backlog>();
  for (const partitions of [1, 2, 4])
    backlogs.set(
      partitions,
      await preload(cluster, path, {
        topic: `bench-${Date.now()}-${partitions}`,
        partitions,
        copies,
      }),
    );
  console.log(
    `${note}, ${copies} times; ${cluster.note}; medians of ${ROUNDS} rounds, interleaved`,
  );
  const peers = hasPythonPeer() ? RIVER : [];
  const four = backlogs.get(4);
  if (options.only !== 'scaling' && four !== undefined) {
    console.log('\none worker, four partitions:');
    const all = [VALENCE, MULTINOMIAL, LIBRARY, KAFKAJS, ...peers];
    printTable(HEAD, rows(await rounds(cluster, all, four, 1)));
  }
  if (options.only === 'peers') return;
  for (const shape of options.shapes.split(',')) {
    const [partitions = 1, workers = 1] = shape.split('x').map(Number);
    const backlog = backlogs.get(partitions);
    if (backlog === undefined) continue;
    console.log(`\npartitions: ${partitions}, workers: ${workers}`);
    printTable(
      HEAD.slice(0, -1),
      rows(await rounds(cluster, [VALENCE, KAFKAJS], backlog, workers)).map((row) =>
        row.slice(0, -1),
      ),
    );
  }
}

await runOnCluster(main);
