/**
 * Speed and memory of the text and model core, beside River in the same run.
 *
 *   node --import tsx bench/core.ts [speed|flood]
 *
 * Texts are parsed before the clock starts; each pass begins with an empty model and predicts, then learns, every row. The first
 * pass includes what the compiler of the engine needs, the median is over the passes after it. River runs where `VALENCE_PYTHON`
 * (default python3) can import it; data sets are read from `VALENCE_DATA` (default ../shared/data).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { createModel } from '../src/core/models/registry.ts';
import { createExtractor } from '../src/core/text/extractor.ts';

const DATA =
  process.env['VALENCE_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
const PYTHON = process.env['VALENCE_PYTHON'] ?? 'python3';
const PASSES = 5;

const SETS = [
  'sentiment140-57163',
  'movie-reviews-10662',
  'airline-tweets-14640',
  'zh-waimai',
  'amazon-reviews-7999',
];

/** Kind, analyzer, and River's class where it runs beside. Bernoulli is a parity mode: one set shows its cost. */
const RUNS = [
  { kind: 'multinomial', analyzer: 'river', river: 'MultinomialNB', sets: SETS },
  { kind: 'complement', analyzer: 'river', river: undefined, sets: SETS },
  { kind: 'multinomial', analyzer: 'river:ngrams=1-2', river: undefined, sets: SETS },
  { kind: 'bernoulli', analyzer: 'river', river: undefined, sets: ['airline-tweets-14640'] },
];

interface Row {
  readonly text: string;
  readonly label: string;
}

function readRows(path: string): readonly Row[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line): Row => {
    const { text, label }: Row = JSON.parse(line);
    return { text, label };
  });
}

/** Records per second of one pass, and how many answers were right. */
function pass(
  rows: readonly Row[],
  kind: string,
  analyzer: string,
): { rate: number; hits: number } {
  const extractor = createExtractor(analyzer);
  const model = createModel(kind, extractor, ['negative', 'neutral', 'positive']);
  let hits = 0;
  const start = performance.now();
  for (let offset = 0; offset < rows.length; offset++) {
    const row = rows[offset];
    if (row === undefined) break;
    const answer = model.predict(extractor.extract(row.text));
    if (answer.classes[answer.best] === row.label) hits += 1;
    model.learn(extractor.keep(), row.label, { partition: 0, offset });
  }
  return { rate: (rows.length / (performance.now() - start)) * 1000, hits };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

interface RiverResult {
  readonly river: string;
  readonly python: string;
  readonly recordsPerSecond: number;
  readonly hits: number;
}

function runRiver(path: string, model: string): RiverResult | undefined {
  const script = fileURLToPath(new URL('river.py', import.meta.url));
  const { status, stdout } = spawnSync(PYTHON, [script, path, model, '1'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const result: RiverResult = JSON.parse(stdout);
  return result;
}

const rounded = (value: number) => Math.round(value).toLocaleString('en');

function throughput(): void {
  const hasRiver = spawnSync(PYTHON, ['-c', 'import river']).status === 0;
  if (!hasRiver) console.log(`River is not beside: ${PYTHON} cannot import it (VALENCE_PYTHON).`);
  const table = new Table({
    head: ['data set', 'model', 'analyzer', 'first pass/s', 'median/s', 'River/s', 'ratio', 'hits'],
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  let versions = '';
  for (const { kind, analyzer, river, sets } of RUNS)
    for (const set of sets) {
      const path = `${DATA}/${set}.jsonl`;
      if (!existsSync(path)) {
        console.log(`skipped ${set}: no ${path} (VALENCE_DATA)`);
        continue;
      }
      const rows = readRows(path);
      const first = pass(rows, kind, analyzer);
      const rates = Array.from({ length: PASSES }, () => pass(rows, kind, analyzer).rate);
      const beside = hasRiver && river !== undefined ? runRiver(path, river) : undefined;
      if (beside !== undefined) versions = `River ${beside.river}, Python ${beside.python}`;
      table.push([
        set,
        kind,
        analyzer,
        rounded(first.rate),
        rounded(median(rates)),
        beside === undefined ? '' : rounded(beside.recordsPerSecond),
        beside === undefined ? '' : `${(median(rates) / beside.recordsPerSecond).toFixed(1)} x`,
        beside === undefined || beside.hits === first.hits
          ? `${first.hits}`
          : `${first.hits} / ${beside.hits}`,
      ]);
    }
  console.log(table.toString());
  if (versions !== '') console.log(versions);
}

/** Words that a small generator makes up: xorshift, so every run sees the same. */
function makeWord(state: { seed: number }): string {
  state.seed ^= state.seed << 13;
  state.seed ^= state.seed >>> 17;
  state.seed ^= state.seed << 5;
  return `w${(state.seed >>> 0).toString(36)}`;
}

const FLOOD = [10_000, 100_000, 200_000, 500_000, 1_000_000];

/**
 * Cost of a record, while every record brings ten words never seen, over the records that raised the vocabulary from one size to
 * the next; and the bytes it takes.
 */
function flood(sizes: readonly number[]): { terms: number; cost: number; bytes: number }[] {
  const state = { seed: 1 };
  const extractor = createExtractor('river');
  const model = createModel('multinomial', extractor, ['negative', 'positive']);
  const before = process.memoryUsage().arrayBuffers;
  let offset = 0;
  return sizes.map((terms) => {
    const texts = Array.from({ length: (terms - extractor.size) / 10 }, () =>
      Array.from({ length: 10 }, () => makeWord(state)).join(' '),
    );
    const start = performance.now();
    for (const text of texts) {
      model.predict(extractor.extract(text));
      const label = offset % 2 === 0 ? 'negative' : 'positive';
      model.learn(extractor.keep(), label, { partition: 0, offset });
      offset += 1;
    }
    const cost = ((performance.now() - start) * 1000) / texts.length;
    return { terms, cost, bytes: process.memoryUsage().arrayBuffers - before };
  });
}

function reportFlood(): void {
  for (let round = 0; round < 30; round++) flood([10_000]); // compiled before the clock counts
  const runs = Array.from({ length: 3 }, () => flood(FLOOD));
  const table = new Table({
    head: ['distinct terms', 'us/record of 10 new words', 'ratio', 'MB', 'bytes/term'],
    colAligns: ['right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const costs = FLOOD.map((_, size) => median(runs.map((run) => run[size]?.cost ?? 0)));
  for (const [size, terms] of FLOOD.entries()) {
    const bytes = runs[0]?.[size]?.bytes ?? 0;
    const cost = costs[size] ?? 0;
    table.push([
      rounded(terms),
      cost.toFixed(2),
      (cost / (costs[0] ?? 1)).toFixed(2),
      (bytes / 2 ** 20).toFixed(1),
      (bytes / terms).toFixed(0),
    ]);
  }
  console.log(table.toString());
}

const [cpu] = cpus();
console.log(`${cpu?.model ?? 'unknown processor'} x ${cpus().length}, Node ${process.version}`);
console.log(`node ${[...process.execArgv, 'bench/core.ts'].join(' ')}\n`);
const [, , only] = process.argv;
if (only !== 'flood') throughput();
if (only !== 'speed') {
  console.log('\nA vocabulary that only grows, multinomial:');
  reportFlood();
}
