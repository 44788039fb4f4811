/**
 * Speed and quality of the text and model core, beside River and Vowpal Wabbit in the same run.
 *
 *   node --import tsx bench/core.ts              the default model beside the others, then the other kinds
 *   node --import tsx bench/core.ts beside       only the first table
 *
 * Texts are parsed before the clock starts; each pass begins with an empty model and predicts, then learns, every row: text in,
 * prediction and learning out, on one core. Contenders take turns, and the figure is the median of the passes, by the clock and by
 * the time of the processor: the second is the one to trust on a busy machine, and the one that is compared. The first pass of
 * Valence stands apart: it includes what the compiler of the engine needs. Each set has a process of its own. The pages of its table are touched when the model is
 * made, before the clock, as a worker does at its start.
 *
 * River and Vowpal Wabbit run where `VALENCE_PYTHON` (default python3) can import them:
 *
 *   python3 -m venv FOLDER && FOLDER/bin/pip install river==0.26.1 vowpalwabbit==9.11.9
 *   VALENCE_PYTHON=FOLDER/bin/python node --import tsx bench/core.ts
 *
 * Vowpal Wabbit is given words of lower case with `--ngram 2 -b 22` and a logistic loss (`--oaa` for three classes); making its
 * lines is outside its clock. Data sets are read from `VALENCE_DATA` (default ../shared/data).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { logLossOf } from '../src/core/metrics/losses.ts';
import { createLearner } from '../src/pipeline/learner.ts';
import { DATA } from './data.ts';
import { runRiver } from './river.ts';
import { median, printHeading, printTable, rounded } from './table.ts';
import { runVw, type VwFigures } from './vw.ts';

const PASSES = 5;
/** Rounds of all contenders; one of the others takes seconds. */
const ROUNDS = 3;

const SETS = [
  'sentiment140-57163',
  'amazon-reviews-7999',
  'airline-tweets-14640',
  'movie-reviews-10662',
  'zh-waimai',
];
/** One set shows the cost of each further kind. */
const KINDS = [
  { kind: 'gtnb:dfe=on', analyzer: 'river' },
  { kind: 'multinomial', analyzer: 'river' },
  { kind: 'complement', analyzer: 'river' },
  { kind: 'multinomial', analyzer: 'river:ngrams=1-2' },
  { kind: 'bernoulli', analyzer: 'river' },
];
const KINDS_SET = 'airline-tweets-14640';
/** First argument of the process of one set. */
const ONE_SET = 'set';

interface Row {
  readonly text: string;
  readonly label: string;
}

interface Pass {
  /** Records per second of the clock. */
  readonly rate: number;
  /** Records per second of the processor, all threads together: the figure to compare where others run beside. */
  readonly cpuRate: number;
  readonly accuracy: number;
  readonly logLoss: number;
}

interface Stream {
  readonly set: string;
  readonly path: string;
  readonly rows: readonly Row[];
  readonly classes: readonly string[];
}

/** Undefined, with a line, where the file is not there. */
function readStream(set: string): Stream | undefined {
  const path = `${DATA}/${set}.jsonl`;
  if (!existsSync(path)) {
    console.log(`skipped ${set}: no ${path} (VALENCE_DATA)`);
    return undefined;
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const rows = lines.map((line): Row => {
    const { text, label }: Row = JSON.parse(line);
    return { text, label };
  });
  const classes = ['negative', 'neutral', 'positive'].filter((label) =>
    rows.some((row) => row.label === label),
  );
  return { set, path, rows, classes };
}

function pass({ rows, classes }: Stream, kind: string, analyzer: string): Pass {
  const learner = createLearner(kind, classes, analyzer);
  let hits = 0;
  let loss = 0;
  const used = process.cpuUsage();
  const start = performance.now();
  for (let offset = 0; offset < rows.length; offset++) {
    const row = rows[offset];
    if (row === undefined) break;
    const { classes: labels, probabilities, best } = learner.ask(row.text);
    if (labels[best] === row.label) hits += 1;
    loss += logLossOf(probabilities[labels.indexOf(row.label)] ?? 0);
    learner.learn(row.label, offset);
  }
  const rate = (rows.length / (performance.now() - start)) * 1000;
  const { user, system } = process.cpuUsage(used);
  const cpuRate = (rows.length / (user + system)) * 1e6;
  return { rate, cpuRate, accuracy: hits / rows.length, logLoss: loss / rows.length };
}

/** All passes of a contender: their median rate, and the figures of any, which are the same. */
function summed(passes: readonly Pass[]): Pass | undefined {
  const [first] = passes;
  if (first === undefined) return undefined;
  const rate = median(passes.map((each) => each.rate));
  return { ...first, rate, cpuRate: median(passes.map((each) => each.cpuRate)) };
}

/** Lines of the table of one set. */
interface Beside {
  readonly table: readonly (readonly string[])[];
  readonly versions: readonly string[];
}

function besideOf(set: string): Beside {
  const stream = readStream(set);
  if (stream === undefined) return { table: [], versions: [] };
  const versions = new Set<string>();
  const first = pass(stream, 'gtnb', 'river');
  const passes: { valence: Pass[]; river: Pass[]; api: Pass[]; reader: Pass[] } = {
    valence: [],
    river: [],
    api: [],
    reader: [],
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < PASSES; turn++) passes.valence.push(pass(stream, 'gtnb', 'river'));
    const river = runRiver(stream.path, 'MultinomialNB');
    if (river !== undefined) {
      versions.add(`River ${river.river}, Python ${river.python}`);
      const { recordsPerSecond: rate, recordsPerCpuSecond: cpuRate, hits, logLoss } = river;
      passes.river.push({ rate, cpuRate, accuracy: hits / stream.rows.length, logLoss });
    }
    const vw = runVw(stream.path, stream.classes);
    if (vw === undefined) continue;
    versions.add(`Vowpal Wabbit ${vw.version}`);
    passes.api.push(passOf(vw.api));
    passes.reader.push(passOf(vw.reader));
  }
  const base = summed(passes.river)?.cpuRate;
  const table: string[][] = [];
  const add = (name: string, passed: Pass | undefined): void => {
    if (passed !== undefined) table.push([set, name, ...cellsOf(passed, base)]);
  };
  add('Valence gtnb, first pass', first);
  add('Valence gtnb', summed(passes.valence));
  add('the fastest pass', fastest(passes.valence));
  add('River multinomial', summed(passes.river));
  add('VW, Python API', summed(passes.api));
  add('VW, file reader', summed(passes.reader));
  return { table, versions: [...versions] };
}

function fastest(passes: readonly Pass[]): Pass | undefined {
  const [best] = passes.toSorted((a, b) => b.rate - a.rate);
  return best;
}

/** A process for each set, as a worker has one stream: else the engine compiles for what other sets brought, such as other classes. */
function beside(): void {
  const found = SETS.map((set): Beside => {
    const args = [...process.execArgv, process.argv[1] ?? '', ONE_SET, set];
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new Error(`the process of ${set} ended with ${status}`);
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines.slice(0, -1)) console.log(line);
    const rows: Beside = JSON.parse(lines.at(-1) ?? '');
    return rows;
  });
  printTable(
    ['data set', 'model', '>rows/s', '>rows/cpu s', '>River x', '>accuracy %', '>log loss'],
    found.flatMap(({ table }) => table.map((row) => [...row])),
  );
  console.log(`${[...new Set(found.flatMap(({ versions }) => versions))].join(', ')}\n`);
}

function passOf({ recordsPerSecond, recordsPerCpuSecond, accuracy, logLoss }: VwFigures): Pass {
  return { rate: recordsPerSecond, cpuRate: recordsPerCpuSecond, accuracy, logLoss };
}

/** `base` is River's rate; the ratio is that of processor time. */
function cellsOf({ rate, cpuRate, accuracy, logLoss }: Pass, base: number | undefined): string[] {
  return [
    rounded(rate),
    rounded(cpuRate),
    base === undefined ? '' : (cpuRate / base).toFixed(1),
    (100 * accuracy).toFixed(2),
    logLoss.toFixed(4),
  ];
}

function kinds(): void {
  const stream = readStream(KINDS_SET);
  if (stream === undefined) return;
  const table = KINDS.map(({ kind, analyzer }) => {
    const first = pass(stream, kind, analyzer);
    const rest = Array.from({ length: PASSES }, () => pass(stream, kind, analyzer));
    const { rate, accuracy } = summed(rest) ?? first;
    return [
      kind,
      kind.startsWith('gtnb') ? 'its own' : analyzer,
      rounded(first.rate),
      rounded(rate),
      (100 * accuracy).toFixed(2),
    ];
  });
  console.log(`Other kinds, ${KINDS_SET}`);
  printTable(['model', 'analyzer', '>first pass/s', '>rows/s', '>accuracy %'], table);
}

if (process.argv[2] === ONE_SET) console.log(JSON.stringify(besideOf(process.argv[3] ?? '')));
else {
  printHeading();
  beside();
  if (process.argv[2] !== 'beside') kinds();
}
