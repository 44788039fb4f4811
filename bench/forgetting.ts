/**
 * Forgetting that merges: a window of labelled documents, with and without the reaction to drift; beside it forward decay on record
 * time, decay per record, and none.
 *
 *   node --import tsx bench/forgetting.ts [streams] [memory]        both without a name
 *
 * `streams`: the seven sets in file order, and planted changes. Windows are those of the product, by its own evaluation; `on-drift`
 * keeps everything until a rise of the errors. `memory`: what a document in the window takes, in the process and in a snapshot.
 *
 * Of decay, a document of time t adds g(t) = 2^((t - landmark) / half-life) to the counts, which are read divided by g(now). With one landmark
 * for all, sums of partitions are those of one learner; in whole sixteenths they are exact too. That model is GT-NB to the
 * specification with such counts, made for this study. Data sets are read from `VALENCE_DATA` (default ../shared/data).
 *
 * @see Cormode, Shkapenyuk, Srivastava, Xu (2009), Forward decay: a practical time decay model for streaming systems
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Calibrator } from '../src/core/models/calibrator.ts';
import { HashedAnalysis } from '../src/core/models/gtnb-analysis.ts';
import {
  GROUPS,
  GroupSums,
  INITIAL_WEIGHTS,
  POLARITY,
  PRIOR,
} from '../src/core/models/gtnb-groups.ts';
import { TYPES, type TypedFeatures } from '../src/core/text/gt-features.ts';
import { encodeCarry } from '../src/pipeline/carry-snapshot.ts';
import { ClassRules } from '../src/pipeline/classes.ts';
import { Evaluation } from '../src/pipeline/evaluate.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../src/pipeline/fold.ts';
import { PipelineState } from '../src/pipeline/state.ts';
import { topicNames } from '../topics/index.ts';
import { DATA } from './data.ts';
import { printHeading, printTable, rounded } from './table.ts';

interface Row {
  readonly text: string;
  readonly label: string;
  /** Days; NaN: the set has no times. */
  readonly day: number;
}

/** Weight of a document: by its days since the first record and the documents learned before it. */
type Weight = (days: number, learned: number) => number;

interface Figures {
  readonly accuracy: number;
  readonly logLoss: number;
  /** Largest weight that a document got. */
  readonly largest?: number;
}

const BITS = 20;
const ALPHA = 0.5;
const LEXICON_SCALE = 0.3;
const ALL_GROUPS = Int32Array.from({ length: GROUPS }, (_, group) => group);
/** A feature with less is one that was never learned. */
const LEAST = 0.5;

/** GT-NB whose documents have growing weights. */
class WeightedGtnb {
  readonly #analysis = new HashedAnalysis({ version: 2 }, BITS);
  readonly #classes: readonly string[];
  readonly #counts: Float64Array;
  readonly #known = new Uint8Array(2 ** BITS);
  readonly #totals: Float64Array;
  readonly #masses: Float64Array;
  readonly #calibrator: Calibrator;
  readonly #order: readonly number[];
  readonly #x: Float64Array;
  readonly p: Float64Array;
  #vocabulary = 0;
  #features: TypedFeatures | undefined;

  constructor(classes: readonly string[]) {
    this.#classes = classes;
    this.#counts = new Float64Array(2 ** BITS * classes.length);
    this.#totals = new Float64Array(classes.length);
    this.#masses = new Float64Array(classes.length);
    this.#order = classes.map((_, at) => at);
    this.#x = new Float64Array(GROUPS * classes.length);
    this.p = new Float64Array(classes.length);
    const columns = { labels: [...classes], columnFor: (label: string) => classes.indexOf(label) };
    this.#calibrator = new Calibrator(INITIAL_WEIGHTS, columns);
  }

  /** Makes `p` the answer, with counts in units of `unit`. */
  ask(text: string, unit: number): void {
    const features = this.#analysis.extract(text);
    this.#features = features;
    this.#fill(features, unit);
    const classes = this.#classes.length;
    const z = this.p;
    for (let c = 0; c < classes; c++) {
      z[c] = this.#calibrator.bias[c] ?? 0;
      for (let group = 0; group < GROUPS; group++)
        z[c] =
          (z[c] ?? 0) +
          (this.#calibrator.weights[group] ?? 0) * (this.#x[group * classes + c] ?? 0);
    }
    const most = Math.max(...z);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += z[c] = Math.exp((z[c] ?? 0) - most);
    for (let c = 0; c < classes; c++) z[c] = (z[c] ?? 0) / sum;
  }

  /** Learns the text that was asked last. */
  learn(label: string, weight: number): void {
    const { ids, length } = this.#features ?? { ids: new Int32Array(0), length: 0 };
    const classes = this.#classes.length;
    const truth = this.#classes.indexOf(label);
    const sums = { x: this.#x, groups: ALL_GROUPS, groupCount: GROUPS };
    this.#calibrator.learn(sums, this.p, this.#order, truth, 1);
    for (let at = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      if (this.#known[id] === 0) {
        this.#known[id] = 1;
        this.#vocabulary += 1;
      }
      const cell = id * classes + truth;
      this.#counts[cell] = (this.#counts[cell] ?? 0) + weight;
    }
    this.#totals[truth] = (this.#totals[truth] ?? 0) + weight * length;
    this.#masses[truth] = (this.#masses[truth] ?? 0) + weight;
  }

  #fill({ ids, ends }: TypedFeatures, unit: number): void {
    const x = this.#x.fill(0);
    const classes = this.#classes.length;
    const logTotals = this.#totals.map((total) =>
      Math.log(total / unit + ALPHA * this.#vocabulary + 1e-300),
    );
    const shares = new Float64Array(classes);
    let [positive, negative, at] = [0, 0, 0];
    for (let type = 0; type < TYPES; type++) {
      const end = ends[type] ?? 0;
      const root = 1 / Math.sqrt(Math.max(1, end - at));
      for (; at < end; at++) {
        const id = ids[at] ?? 0;
        const value = this.#analysis.lexicon?.of(id) ?? 0;
        let frequency = 0;
        for (let c = 0; c < classes; c++) frequency += (this.#counts[id * classes + c] ?? 0) / unit;
        if (frequency < LEAST && value === 0) continue;
        let mean = 0;
        for (let c = 0; c < classes; c++) {
          const isFor = (value < 0 && c === 0) || (value > 0 && c === classes - 1);
          const count = frequency < LEAST ? 0 : (this.#counts[id * classes + c] ?? 0) / unit;
          const share =
            Math.log(count + ALPHA + (isFor ? Math.abs(value) : 0)) - (logTotals[c] ?? 0);
          shares[c] = share;
          mean += share / classes;
        }
        const group = GroupSums.of(type, frequency) * classes;
        for (let c = 0; c < classes; c++)
          x[group + c] = (x[group + c] ?? 0) + ((shares[c] ?? 0) - mean) * root;
        if (value > 0) positive += LEXICON_SCALE * value;
        else negative -= LEXICON_SCALE * value;
      }
    }
    const root = Math.sqrt(Math.max(1, ends[0] ?? 0));
    const half = (positive - negative) / (2 * root);
    x[POLARITY * classes] = -half;
    x[POLARITY * classes + classes - 1] = half;
    if (classes === 3 && positive + negative > 0)
      x[(POLARITY - 1) * classes + 1] = -(positive + negative) / root;
    const documents = this.#masses.reduce((sum, mass) => sum + mass, 0) / unit;
    const logs = this.#masses.map((mass) => Math.log((mass / unit + 1) / (documents + classes)));
    const mean = logs.reduce((sum, log) => sum + log, 0) / classes;
    for (let c = 0; c < classes; c++) x[PRIOR * classes + c] = (logs[c] ?? 0) - mean;
  }
}

function classesOf(rows: readonly Row[]): readonly string[] {
  return ['negative', 'neutral', 'positive'].filter((label) =>
    rows.some((row) => row.label === label),
  );
}

/** The product, with options of its kind. */
function evaluate(rows: readonly Row[], options: string): Figures {
  const kind = `gtnb:bits=${BITS},starter=none${options}`;
  const evaluation = new Evaluation({ kind, classes: { declared: classesOf(rows) } });
  evaluation.add(rows);
  const { accuracy, logLoss } = evaluation.finish().metrics;
  return { accuracy, logLoss };
}

function decayed(rows: readonly Row[], weightOf: Weight): Figures {
  const classes = classesOf(rows);
  const model = new WeightedGtnb(classes);
  const first = rows[0]?.day ?? 0;
  let [hits, loss, largest] = [0, 0, 0];
  for (const [row, { text, label, day }] of rows.entries()) {
    const weight = weightOf(day - first, row);
    largest = Math.max(largest, weight);
    model.ask(text, weight);
    const truth = classes.indexOf(label);
    const p = model.p[truth] ?? 0;
    if (model.p.indexOf(Math.max(...model.p)) === truth) hits += 1;
    loss -= Math.log(Math.max(p, 1e-15));
    model.learn(label, weight);
  }
  return { accuracy: hits / rows.length, logLoss: loss / rows.length, largest };
}

/** In whole sixteenths, so that sums are exact. */
const forward =
  (halfLife: number): Weight =>
  (days) =>
    Math.round(16 * 2 ** (days / halfLife)) / 16;

function rowsOf(file: string): readonly Row[] {
  const path = join(DATA, `${file}.jsonl`);
  if (!existsSync(path)) {
    console.log(`skipped ${file}: no ${path} (VALENCE_DATA)`);
    return [];
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line): Row => {
    const { text, label, ts }: { text: string; label: string; ts: string } = JSON.parse(line);
    return { text, label, day: Date.parse(ts) / 86_400_000 };
  });
}

const swapped = (row: Row): Row => ({
  ...row,
  label: row.label === 'positive' ? 'negative' : 'positive',
});

interface Stream {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Days, for decay; [] without times. */
  readonly halfLives: readonly number[];
}

function streams(): readonly Stream[] {
  const tweets = rowsOf('sentiment140-57163');
  const before = tweets.slice(0, 45_389);
  const movie = rowsOf('movie-reviews-10662');
  const [days, none] = [[3, 7, 14, 30, 90], []];
  return [
    { name: 'yelp', rows: rowsOf('yelp-750'), halfLives: none },
    { name: 'uci', rows: rowsOf('uci-sentences-3000'), halfLives: none },
    { name: 'movie', rows: movie, halfLives: none },
    { name: 'zh', rows: rowsOf('zh-waimai'), halfLives: none },
    { name: 'amazon', rows: rowsOf('amazon-reviews-7999'), halfLives: [90, 365, 1500] },
    { name: 'airline', rows: rowsOf('airline-tweets-14640'), halfLives: [0.5, 1, 2, 4, 8] },
    { name: 'sentiment140', rows: tweets, halfLives: days },
    { name: 'tweets: sentiment140, before its shift', rows: before, halfLives: days },
    {
      name: 'tweets, labels swapped from the middle on',
      rows: before.map((row, at) => (at < 22_700 ? row : swapped(row))),
      halfLives: days,
    },
    {
      name: 'tweets, swapped and back at each third',
      rows: before.map((row, at) => (Math.floor(at / 15_130) === 1 ? swapped(row) : row)),
      halfLives: days,
    },
    {
      name: 'movie reviews after 20,000 tweets',
      rows: [...before.slice(0, 20_000), ...movie],
      halfLives: none,
    },
  ].filter(({ rows }) => rows.length > 0);
}

function showStreams(): void {
  const table = streams().flatMap(({ name, rows, halfLives }) => {
    const plain = decayed(rows, () => 1);
    const decays: [string, Weight][] = [
      ['decay 0.9999 a record', (_, learned) => 0.9999 ** -learned],
      ...halfLives.map((days): [string, Weight] => [
        `decay, half-life ${days} days`,
        forward(days),
      ]),
    ];
    const windows = [1000, 2000, 5000, 10_000, 20_000].filter((window) => window < rows.length);
    const kinds = [...windows.map(String), '1000000,on-drift=forget'];
    const kept = evaluate(rows, '');
    const results = [
      { way: 'none, as studied', of: plain, ...plain },
      ...decays.map(([way, weight]) => ({ way, of: plain, ...decayed(rows, weight) })),
      { way: 'none', of: kept, ...kept },
      ...kinds.map((options) => {
        const way = `window=${options}`;
        return { way, of: kept, ...evaluate(rows, `,${way}`) };
      }),
    ];
    return results.map(({ way, of, accuracy, logLoss, largest }) => [
      name,
      way,
      (100 * accuracy).toFixed(2),
      (100 * (accuracy - of.accuracy)).toFixed(2),
      logLoss.toFixed(4),
      (logLoss - of.logLoss).toFixed(4),
      largest === undefined ? '' : rounded(largest),
    ]);
  });
  printTable(
    [
      'stream',
      'forgetting',
      '>accuracy',
      '>difference',
      '>log loss',
      '>difference',
      '>largest weight',
    ],
    table,
  );
}

/** A fold whose window has room for all rows, and one whose window has room for a few of them. */
function showMemory(): void {
  const table = ['sentiment140-57163', 'amazon-reviews-7999'].flatMap((file) => {
    const rows = rowsOf(file).slice(0, 20_000);
    if (rows.length === 0) return [];
    const few = heldBy(rows, 100);
    const all = heldBy(rows, rows.length);
    const documents = rows.length - 100;
    return [
      [
        file,
        rounded(documents),
        rounded(all.features / documents),
        rounded((all.heap - few.heap) / documents),
        rounded((all.snapshot - few.snapshot) / documents),
      ],
    ];
  });
  printTable(
    ['rows', '>documents', '>features each', '>bytes each', '>bytes each in a snapshot'],
    table,
  );
}

/** Bytes of a partition that has learned the rows. */
function heldBy(
  rows: readonly Row[],
  window: number,
): { readonly heap: number; readonly snapshot: number; readonly features: number } {
  const declared = classesOf(rows);
  const kind = `gtnb:bits=${BITS},window=${window}`;
  const models = [{ name: 'champion', kind, role: 'champion' } as const];
  const state = new PipelineState({
    pipeline: 'bench',
    models,
    declared,
    analyzer: 'river',
    partitions: 1,
  });
  const topics = topicNames('bench');
  const fold = new PartitionFold(state, 0, {
    ...FOLD_DEFAULTS,
    topics,
    classes: new ClassRules({ declared }),
    // Ids of texts that are out of reach are kept too: here one.
    pendingMax: 1,
  });
  let features = 0;
  for (let from = 0; from < rows.length; from += 500) {
    const records = rows.slice(from, from + 500).map(({ text, label }, at) => {
      const value = Buffer.from(JSON.stringify({ id: `record-${from + at}`, text, label }));
      const offset = from + at;
      return {
        topic: topics.source,
        partition: 0,
        offset,
        timestamp: offset,
        key: null,
        value,
        headers: [],
      };
    });
    fold.commit(fold.stage(records, from, 1));
  }
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  const heap = process.memoryUsage().heapUsed;
  const capture = fold.capture();
  for (const [, { features: kept }] of capture.carries[0]?.carry.labelled ?? [])
    features += kept.ids.length;
  let snapshot = 0;
  for (const piece of encodeCarry(capture, state.extractors, 900_000)) snapshot += piece.length;
  return { heap, snapshot, features };
}

printHeading();
const parts = process.argv.slice(2);
if (parts.length === 0 || parts.includes('streams')) showStreams();
if (parts.length === 0 || parts.includes('memory')) showMemory();
