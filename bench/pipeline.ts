/**
 * The embedded pipeline end to end, as users run it: `publish`, then `subscribe --until-end` on the backlog, then `evaluate`, each
 * in a new process on a new file; River in the same run.
 *
 *   npm run build && node --import tsx bench/pipeline.ts [--copies N] [--rounds N] [--only subscribe]
 *
 * `--copies` makes the backlog that `subscribe` reads so many times as long, with ids of their own: its second half is then what a
 * subscriber does that runs long, snapshots included. Node runs as in the Docker image.
 *
 * Rates leave out the start of Node (about 0.2 s, in the last column) and include everything after it: opening the log, the claim,
 * compiling what runs hot. `subscribe` reads, folds, writes results with headers and deltas, and commits. The profiles come from
 * one further run of each.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PRODUCTION_NODE_ARGS, valence, warnIfStale } from './command.ts';
import { tweets, TWEETS } from './data.ts';
import { timeByPart } from './profile.ts';
import { PYTHON, runRiver } from './river.ts';
import { median, printHeading, printTable, rounded, spread } from './table.ts';

const { values: options } = parseArgs({
  options: {
    copies: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const COPIES = Number(options.copies);
const ROUNDS = Number(options.rounds);
const SUBSCRIBED = ['gtnb', 'multinomial'] as const;
/** Bernoulli is River's formula over the whole vocabulary at each question: so many records show it. */
const BERNOULLI_RECORDS = 5000;

interface Measured {
  readonly recordsPerSecond: number;
  /** Of the whole process. */
  readonly seconds: number;
}

function publish(path: string, log: string, nodeArgs: readonly string[] = []): Measured {
  const args = ['publish', path, '--log', log, '--json'];
  const { stdout, seconds } = valence(args, [...PRODUCTION_NODE_ARGS, ...nodeArgs]);
  const summary: { acked: number; seconds: number } = JSON.parse(stdout);
  return { recordsPerSecond: summary.acked / summary.seconds, seconds };
}

interface LogLine {
  readonly msg: string;
  readonly time: string;
  /** Of a chunk: where the next begins. */
  readonly to?: number;
}

/** ms since the epoch; NaN without an event. */
function timeOf(event: LogLine | undefined): number {
  return Date.parse(event?.time ?? '');
}

/**
 * From the log line `started`, before anything is claimed, to `stopped`; and the second half of the records by itself, when what
 * runs hot is compiled.
 */
function subscribe(
  log: string,
  kind: string,
  nodeArgs: readonly string[] = [],
): Measured & { readonly secondHalf: number } {
  // Each kind folds the whole source, as a pipeline of its own that reads the same topic.
  const own = ['--model', kind, '--pipeline', kind, '--source', 'sentiment.source'];
  const args = ['subscribe', ...own, '--until-end', '--log', log, '--json', '--log-level', 'debug'];
  const { stdout, stderr, seconds } = valence(args, [...PRODUCTION_NODE_ARGS, ...nodeArgs]);
  const { records, predictions }: { records: number; predictions: number } = JSON.parse(stdout);
  const expected = TWEETS * COPIES;
  if (predictions !== expected)
    throw new Error(`${predictions} predictions of ${expected} records`);
  const lines = stderr.split('\n').filter((line) => line !== '');
  const events = lines.map((line): LogLine => JSON.parse(line));
  const at = (message: string): number => timeOf(events.find(({ msg }) => msg === message));
  const chunks = events.filter(({ to }) => to !== undefined);
  const middle = chunks[chunks.length >> 1];
  const last = chunks.at(-1);
  return {
    recordsPerSecond: (records / (at('stopped') - at('started'))) * 1000,
    secondHalf: (((last?.to ?? 0) - (middle?.to ?? 0)) / (timeOf(last) - timeOf(middle))) * 1000,
    seconds,
  };
}

function evaluate(path: string, kind: string): Measured & { readonly accuracy: number } {
  const args = ['evaluate', path, '--model', kind, '--json'];
  const { stdout, seconds } = valence(args, PRODUCTION_NODE_ARGS);
  const report: { docsPerSecond: number; accuracy: number } = JSON.parse(stdout);
  return { recordsPerSecond: report.docsPerSecond, seconds, accuracy: report.accuracy };
}

function firstLines(path: string, count: number, folder: string): string {
  const short = join(folder, 'short.jsonl');
  writeFileSync(short, readFileSync(path, 'utf8').split('\n').slice(0, count).join('\n'));
  return short;
}

/** The file as often as the backlog is to hold it; the ids of a copy are its own, the texts are not. */
function copied(path: string, folder: string): string {
  if (COPIES === 1) return path;
  const rows = readFileSync(path, 'utf8').trimEnd().split('\n');
  const long = join(folder, 'copies.jsonl');
  for (let copy = 0; copy < COPIES; copy++) {
    const lines = rows.map((row) => {
      const record: { id: string } = JSON.parse(row);
      return JSON.stringify({ ...record, id: `${record.id}-${copy}` });
    });
    appendFileSync(long, `${lines.join('\n')}\n`);
  }
  return long;
}

function profileOf(folder: string, run: (nodeArgs: readonly string[]) => unknown): void {
  run(['--cpu-prof', '--cpu-prof-dir', folder]);
  const parts = timeByPart(folder);
  const total = parts.reduce((sum, [, seconds]) => sum + seconds, 0);
  printTable(
    ['part', '>us/record', '>share'],
    parts.map(([part, seconds]) => [
      part,
      ((seconds / (TWEETS * COPIES)) * 1e6).toFixed(2),
      `${((seconds / total) * 100).toFixed(1)} %`,
    ]),
  );
}

function main(folder: string): void {
  const { path, note } = tweets(folder);
  const long = copied(path, folder);
  const short = firstLines(path, BERNOULLI_RECORDS, folder);
  const kinds = ['gtnb', 'multinomial', 'complement', 'majority', 'no-change', 'bernoulli'];
  const runs = new Map<string, Measured[]>();
  const add = (what: string, measured: Measured): void => {
    runs.set(what, [...(runs.get(what) ?? []), measured]);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const log = `sqlite:${join(folder, `round-${round}.db`)}`;
    add('publish', publish(long, log));
    for (const kind of SUBSCRIBED) {
      const backlog = subscribe(log, kind);
      add(`subscribe, ${kind}`, backlog);
      add(`subscribe, ${kind}, its second half`, {
        ...backlog,
        recordsPerSecond: backlog.secondHalf,
      });
    }
    for (const kind of options.only === 'subscribe' ? [] : kinds)
      add(`evaluate, ${kind}`, evaluate(kind === 'bernoulli' ? short : path, kind));
  }
  const river = options.only === 'subscribe' ? undefined : runRiver(path, 'MultinomialNB');
  const head = ['what', '>records/s: median (range)', '>River x', '>process s'];
  const rows = [...runs].map(([what, measured]) => {
    const rates = measured.map(({ recordsPerSecond }) => recordsPerSecond);
    const ratio =
      river !== undefined && what.includes('multinomial')
        ? (median(rates) / river.recordsPerSecond).toFixed(1)
        : '';
    const seconds = median(measured.map((one) => one.seconds)).toFixed(2);
    return [what, spread(rates), ratio, seconds];
  });
  if (river !== undefined)
    rows.push([
      `River ${river.river} MultinomialNB, Python ${river.python}, texts already parsed`,
      rounded(river.recordsPerSecond),
      '1.0',
      '',
    ]);
  const times = COPIES === 1 ? '' : `, ${COPIES} times`;
  console.log(`${note}${times}; medians of ${ROUNDS}, a process and a file each`);
  if (options.only !== 'subscribe')
    console.log(
      `River once (${PYTHON}); bernoulli: the first ${rounded(BERNOULLI_RECORDS)} records`,
    );
  printTable(head, rows);
  if (options.only === 'subscribe') return;

  const log = `sqlite:${join(folder, 'profile.db')}`;
  console.log('\npublish, where the time goes (profiled, the start of Node included):');
  profileOf(join(folder, 'publish'), (nodeArgs) => publish(long, log, nodeArgs));
  console.log('\nsubscribe, likewise:');
  profileOf(join(folder, 'subscribe'), (nodeArgs) => subscribe(log, 'gtnb', nodeArgs));
}

printHeading('@photostructure/sqlite', 'zod');
warnIfStale();
const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
try {
  main(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
