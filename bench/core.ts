/**
 * Speed of the text and model core, beside River in the same run.
 *
 *   node --import tsx bench/core.ts
 *
 * Texts are parsed before the clock starts; each pass begins with an empty model and predicts, then learns, every row. The first
 * pass includes what the compiler of the engine needs, the median is over the passes after it. River runs where `VALENCE_PYTHON`
 * (default python3) can import it; data sets are read from `VALENCE_DATA` (default ../shared/data).
 */
import { existsSync, readFileSync } from 'node:fs';
import { createLearner } from '../src/pipeline/learner.ts';
import { DATA } from './data.ts';
import { runRiver } from './river.ts';
import { median, printHeading, printTable, rounded } from './table.ts';

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
  { kind: 'gtnb', analyzer: 'river', river: 'MultinomialNB', sets: SETS },
  { kind: 'gtnb:dfe=on', analyzer: 'river', river: undefined, sets: SETS },
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
  const classes = ['negative', 'neutral', 'positive'].filter((label) =>
    rows.some((row) => row.label === label),
  );
  const learner = createLearner(kind, classes, analyzer);
  let hits = 0;
  const start = performance.now();
  for (let offset = 0; offset < rows.length; offset++) {
    const row = rows[offset];
    if (row === undefined) break;
    const answer = learner.ask(row.text);
    if (answer.classes[answer.best] === row.label) hits += 1;
    learner.learn(row.label, offset);
  }
  return { rate: (rows.length / (performance.now() - start)) * 1000, hits };
}

function throughput(): void {
  const table: string[][] = [];
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
      const beside = river !== undefined ? runRiver(path, river) : undefined;
      if (beside !== undefined) versions = `River ${beside.river}, Python ${beside.python}`;
      table.push([
        set,
        kind,
        kind.startsWith('gtnb') ? 'its own' : analyzer,
        rounded(first.rate),
        rounded(median(rates)),
        beside === undefined ? '' : rounded(beside.recordsPerSecond),
        beside === undefined ? '' : (median(rates) / beside.recordsPerSecond).toFixed(1),
        beside === undefined || beside.hits === first.hits
          ? `${first.hits}`
          : `${first.hits}, River ${beside.hits}`,
      ]);
    }
  printTable(
    [
      'data set',
      'model',
      'analyzer',
      '>first pass/s',
      '>median/s',
      '>River/s',
      '>River x',
      '>hits',
    ],
    table,
  );
  if (versions !== '') console.log(versions);
}

printHeading();
throughput();
