/**
 * Where a subscriber's time goes on Kafka: the functions with the most time of their own, by file and line of the sources, from V8's
 * sampling profile of `valence subscribe --until-end` on the backlog. For whoever makes it faster.
 *
 *   npm run build && node --import tsx bench/kafka/profile.ts [--partitions N] [--copies N] [--top N] [--keep FOLDER]
 *
 * `--keep` leaves the .cpuprofile in a folder, for a viewer.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tweets } from '../data.ts';
import { printTable, rounded } from '../table.ts';
import { preload, runOnCluster, type BenchCluster } from './cluster.ts';
import { measure, valenceWorker } from './workers.ts';

const { values: options } = parseArgs({
  options: {
    partitions: { type: 'string', default: '4' },
    copies: { type: 'string', default: '4' },
    top: { type: 'string', default: '40' },
    keep: { type: 'string' },
  },
});
/** Between two samples. A gap of more than two is counted as two: the machine gave the processor to somebody else meanwhile. */
const INTERVAL_US = 500;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Frame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: Frame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const maps = new Map<string, SourceMap | undefined>();

function mapOf(file: string): SourceMap | undefined {
  if (!maps.has(file)) {
    const path = `${file}.map`;
    maps.set(
      file,
      existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined,
    );
  }
  return maps.get(file);
}

/** `name src/file.ts:12`, `name kafkajs/src/file.js:12`, or what V8 calls it. */
function nameOf({ functionName, url, lineNumber, columnNumber }: Frame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (!url.startsWith('file:')) return url === '' ? name : `${name} ${url}:${lineNumber + 1}`;
  const file = fileURLToPath(url);
  const entry = mapOf(file)?.findEntry(lineNumber, columnNumber);
  if (entry !== undefined && 'originalSource' in entry) {
    const source = resolve(dirname(file), entry.originalSource.replace(/^file:\/\//, ''));
    return `${name} ${relative(ROOT, source)}:${entry.originalLine + 1}`;
  }
  return `${name} ${relative(ROOT, file).replace(/^.*node_modules\//, '')}:${lineNumber + 1}`;
}

/** Seconds by function (its own time), and by the innermost folder or package. */
function read(path: string): {
  readonly self: Map<string, number>;
  readonly by: Map<string, number>;
} {
  const { nodes, samples, timeDeltas }: CpuProfile = JSON.parse(readFileSync(path, 'utf8'));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) =>
      children.map((child): [number, number] => [child, id]),
    ),
  );
  const self = new Map<string, number>();
  const by = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    const seconds = Math.min(timeDeltas[at] ?? 0, 2 * INTERVAL_US) / 1e6;
    if (frame === undefined) continue;
    const name = nameOf(frame);
    self.set(name, (self.get(name) ?? 0) + seconds);
    let place: string | undefined;
    for (
      let up: number | undefined = id;
      up !== undefined && place === undefined;
      up = parents.get(up)
    )
      place = placeOf(frames.get(up));
    const part = place ?? 'Node: start, event loop, sockets';
    by.set(part, (by.get(part) ?? 0) + seconds);
  }
  return { self, by };
}

/** Which part of the program a frame belongs to; undefined: its caller's. */
function placeOf(frame: Frame | undefined): string | undefined {
  if (frame === undefined) return undefined;
  if (frame.functionName === '(garbage collector)') return 'garbage collection';
  if (frame.functionName === '(idle)') return '(idle)';
  if (frame.functionName === '') return undefined;
  const [, inPackage] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(frame.url) ?? [];
  if (inPackage !== undefined) return inPackage;
  const [, own] = /\/dist\/((?:src\/)?[^/]+(?:\/[^/]+)?)/.exec(frame.url) ?? [];
  return own?.replace(/\.js$/, '');
}

function show(
  title: string,
  seconds: ReadonlyMap<string, number>,
  records: number,
  top: number,
): void {
  const busy = [...seconds].filter(([name]) => name !== '(idle)');
  const total = busy.reduce((sum, [, value]) => sum + value, 0);
  console.log(
    `\n${title}: ${total.toFixed(2)} s busy, ${((total / records) * 1e6).toFixed(2)} us a record`,
  );
  printTable(
    ['where', '>us/record', '>share'],
    busy
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, top)
      .map(([name, value]) => [
        name,
        ((value / records) * 1e6).toFixed(2),
        `${((value / total) * 100).toFixed(1)} %`,
      ]),
  );
}

async function main(cluster: BenchCluster, folder: string): Promise<void> {
  const { path, note } = tweets(folder);
  const name = `profile-${Date.now()}`;
  const partitions = Number(options.partitions);
  const copies = Number(options.copies);
  const { records } = await preload(cluster, path, { topic: name, partitions, copies });
  // A folder of this run alone: one that is kept may hold earlier profiles.
  const profiles = join(options.keep ?? folder, name);
  const task = { brokers: cluster.brokers, source: name, partitions, name: `${name}.run` };
  const nodeArgs = [
    '--cpu-prof',
    '--cpu-prof-dir',
    profiles,
    '--cpu-prof-interval',
    `${INTERVAL_US}`,
  ];
  const command = valenceWorker(task, { untilEnd: true, nodeArgs });
  const measured = await measure([command], records, cluster.brokerSeconds);
  console.log(`${note}, ${copies} times, ${partitions} partitions; ${cluster.note}`);
  console.log(
    `${rounded(measured.recordsPerSecond)} records/s while profiled, second half ${rounded(measured.secondHalf)}; ` +
      `CPU s per 10,000: worker ${measured.workerCpu.toFixed(3)}, broker ${measured.brokerCpu?.toFixed(3) ?? '-'}`,
  );
  const [file = ''] = readdirSync(profiles).filter((entry) => entry.endsWith('.cpuprofile'));
  const kept = join(profiles, file);
  if (options.keep !== undefined) console.log(`profile: ${kept}`);
  const { self, by } = read(kept);
  show('by part (innermost of ours or of a package)', by, records, 30);
  show('by function, own time', self, records, Number(options.top));
}

await runOnCluster(main);
