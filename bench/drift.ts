/**
 * Drift: what the watch of src/core/drift/watch.ts tells, how late, how often without cause, and what it costs.
 *
 *   node --import tsx bench/drift.ts [streams] [planted] [shuffled] [chance] [cost]        all of them without a name
 *
 * The model is the default one with its calibrator, one partition; each record is answered, watched, scored, watched, learned. Data
 * sets are read from `VALENCE_DATA` (default ../shared/data); what is missing is said.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Adwin } from '../src/core/drift/adwin.ts';
import { RankChange } from '../src/core/drift/rank-change.ts';
import {
  DRIFT_SIGNALS,
  DriftWatch,
  type DriftAlarm,
  type TextSignals,
} from '../src/core/drift/watch.ts';
import { createGtnb } from '../src/core/models/gtnb-create.ts';
import { parseGtnbKind } from '../src/core/models/gtnb-kind.ts';
import { DATA, seeded } from './data.ts';
import { median, printHeading, printTable, rounded } from './table.ts';

interface Row {
  readonly text: string;
  readonly label: string;
}

/** Signals of a record as the fold would give them, and its error. */
interface Watched extends TextSignals {
  readonly error: 0 | 1;
}

const SETS: Readonly<Record<string, string>> = {
  sentiment140: 'sentiment140-57163',
  airline: 'airline-tweets-14640',
  amazon: 'amazon-reviews-7999',
  uci: 'uci-sentences-3000',
  movie: 'movie-reviews-10662',
  zh: 'zh-waimai',
};
const BLOCK = 16;
const THRESHOLD = 20_000;

const sets = new Map<string, readonly Row[]>();
function rowsOf(name: string): readonly Row[] {
  const known = sets.get(name);
  if (known !== undefined) return known;
  const path = join(DATA, `${SETS[name] ?? name}.jsonl`);
  if (!existsSync(path)) console.log(`skipped ${name}: no ${path} (VALENCE_DATA)`);
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  const rows = lines.map((line): Row => {
    const { text, label }: Row = JSON.parse(line);
    return { text, label };
  });
  sets.set(name, rows);
  return rows;
}

function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = seeded(seed * 7919 + 1);
  for (let n = 0; n < 20; n++) random();
  return values
    .map((value) => [random(), value] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);
}

/** @param hasLabel whether the label of a row ever comes */
function signalsOf(rows: readonly Row[], hasLabel: (row: number) => boolean): Watched[] {
  const classes = ['negative', 'neutral', 'positive'].filter((label) =>
    rows.some((row) => row.label === label),
  );
  const { analysis, model } = createGtnb(parseGtnbKind('gtnb'), classes);
  const calibrator = model.calibrator();
  return rows.map(({ text, label }, offset) => {
    const features = analysis.extract(text);
    const { best, probabilities } = model.predict(features, calibrator);
    let unknown = 0;
    for (let at = 0; at < features.length; at++)
      if (model.counts.frequency(features.ids[at] ?? 0) === 0) unknown += 1;
    const confidence = probabilities[best] ?? 0;
    const error = classes[best] === label ? 0 : 1;
    if (hasLabel(offset)) model.learn(features, label, { partition: 0, offset }, calibrator);
    return {
      features: features.length,
      unknown,
      best,
      classes: classes.length,
      confidence,
      error,
    };
  });
}

interface Raised extends DriftAlarm {
  /** Records read when it was raised. */
  readonly row: number;
}

/** @param isScored whether the watch sees the errors */
function alarmsOf(records: readonly Watched[], isScored: (row: number) => boolean): Raised[] {
  const watch = new DriftWatch();
  return records.flatMap((record, row) => {
    const alarms = [...watch.text(record), ...(isScored(row) ? watch.scored(record.error) : [])];
    return alarms.map((alarm) => ({ ...alarm, row: row + 1 }));
  });
}

const always = (): boolean => true;

/** A number as evidence shows it. */
function short(value: number | undefined): string {
  if (value === undefined) return '';
  return Math.abs(value) >= 1000 ? value.toExponential(1) : String(Number(value.toFixed(3)));
}

function streams(): void {
  const cases: [string, readonly Row[], (row: number) => boolean][] = Object.keys(SETS).map(
    (name) => [name, rowsOf(name), always],
  );
  const until = 15_000;
  const noLabels = `sentiment140, no label after ${until}`;
  cases.push([noLabels, rowsOf('sentiment140'), (row) => row < until]);
  const table = cases.flatMap(([name, rows, hasLabel]) => {
    const alarms = alarmsOf(signalsOf(rows, hasLabel), hasLabel);
    if (alarms.length === 0) return [[name, 'none', '', '', '', '', '', '']];
    return alarms.map(({ signal, detector, row, evidence }) => [
      name,
      signal + (evidence['class'] === undefined ? '' : ` ${evidence['class']}`),
      detector,
      rounded(row),
      rounded(row - (evidence['records'] ?? 0)),
      short(evidence['before']),
      short(evidence['after']),
      short(evidence['statistic']),
    ]);
  });
  console.log('Alarms of the streams in their own order');
  printTable(
    ['stream', 'signal', 'detector', '>row', '>since', '>before', '>after', '>statistic'],
    table,
  );
}

interface Plant {
  readonly name: string;
  readonly rows: (seed: number) => readonly Row[];
  /** Labels end where the change is. */
  readonly unlabelled?: boolean;
}

const CHANGE = 10_000;
const AFTER = 6000;

/** Shuffled tweets of before the real shift, and what changes in them. */
function plants(): readonly Plant[] {
  const tweets = (seed: number): Row[] => shuffled(rowsOf('sentiment140').slice(0, 40_000), seed);
  const head = (seed: number): Row[] => tweets(seed).slice(0, CHANGE);
  const tail = (seed: number, change: (text: string, random: () => number) => string): Row[] => {
    const random = seeded(seed);
    return tweets(seed).map(({ text, label }, row) => ({
      text: row < CHANGE ? text : change(text, random),
      label,
    }));
  };
  const domain = (set: string): Plant => ({
    name: `tweets, then ${set}`,
    rows: (seed) => {
      const other = rowsOf(set).filter(({ label }) => label !== 'neutral');
      return [...head(seed), ...shuffled(other, seed).slice(0, AFTER)];
    },
  });
  const newWords = (share: number): Plant => ({
    name: `${100 * share} % of the words new`,
    rows: (seed) =>
      tail(seed, (text, random) =>
        text
          .split(' ')
          .map((word) => (random() < share ? `zq${word}xj` : word))
          .join(' '),
      ).slice(0, CHANGE + AFTER),
  });
  const mix = (share: number, unlabelled: boolean): Plant => ({
    name: `${100 * share} % negative${unlabelled ? ', no labels after' : ''}`,
    rows: (seed) => {
      const random = seeded(seed);
      const all = tweets(seed);
      const negative = all.slice(CHANGE).filter(({ label }) => label === 'negative');
      const positive = all.slice(CHANGE).filter(({ label }) => label === 'positive');
      const change = Array.from({ length: AFTER }, () =>
        random() < share ? negative.pop() : positive.pop(),
      );
      return [...head(seed), ...change.filter((row) => row !== undefined)];
    },
    unlabelled,
  });
  return [
    domain('airline'),
    domain('movie'),
    domain('amazon'),
    newWords(0.1),
    newWords(0.2),
    newWords(0.4),
    mix(0.7, false),
    mix(0.7, true),
    mix(0.9, false),
    mix(0.9, true),
    {
      name: 'half of each text',
      rows: (seed) => tail(seed, (text) => text.slice(0, text.length / 2)).slice(0, CHANGE + AFTER),
    },
  ];
}

function planted(): void {
  if (rowsOf('sentiment140').length === 0) return;
  const seeds = 5;
  const table = plants().map(({ name, rows, unlabelled }) => {
    const hasLabel = unlabelled === true ? (row: number): boolean => row < CHANGE : always;
    const runs = Array.from({ length: seeds }, (_, seed) => {
      const stream = rows(seed + 1);
      return alarmsOf(signalsOf(stream, hasLabel), hasLabel);
    });
    const early = runs.flat().filter(({ row }) => row <= CHANGE).length;
    const cells = DRIFT_SIGNALS.map((signal) => {
      const firsts = runs.flatMap((alarms) => {
        const first = alarms.find((alarm) => alarm.signal === signal && alarm.row > CHANGE);
        return first === undefined ? [] : [first.row - CHANGE];
      });
      if (firsts.length === 0) return '–';
      return `${rounded(median(firsts))}${firsts.length === seeds ? '' : ` (${firsts.length})`}`;
    });
    return [name, ...cells, early];
  });
  console.log(
    `\nChange planted at row ${rounded(CHANGE)} of shuffled tweets: median records to the alarm, ${seeds} seeds (how many, if not all)`,
  );
  printTable(['change', ...DRIFT_SIGNALS.map((signal) => `>${signal}`), '>before it'], table);
}

function falseAlarms(): void {
  const total = { records: 0, blocks: 0, alarms: 0, adwin: 0, plain: 0 };
  const table = Object.keys(SETS).map((name) => {
    const rows = rowsOf(name);
    const seeds = name === 'sentiment140' ? 10 : 20;
    const counts = new Map<string, number>();
    let plain = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const records = signalsOf(shuffled(rows, seed), always);
      for (const { signal, detector } of alarmsOf(records, always)) {
        const key = detector === 'adwin' ? detector : signal;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const adwin = new Adwin();
      for (const { error } of records) {
        adwin.update(error);
        if (adwin.drift) plain += 1;
      }
    }
    const records = rows.length * seeds;
    const alarms = DRIFT_SIGNALS.map((signal) => counts.get(signal) ?? 0);
    total.records += records;
    total.alarms += alarms.reduce((sum, n) => sum + n, 0);
    total.adwin += counts.get('adwin') ?? 0;
    total.plain += plain;
    const bound = (DRIFT_SIGNALS.length * records) / BLOCK / THRESHOLD;
    return [
      name,
      seeds,
      rounded(records),
      ...alarms,
      alarms.reduce((sum, n) => sum + n, 0),
      bound.toFixed(1),
      counts.get('adwin') ?? 0,
      plain,
    ];
  });
  const bound = (DRIFT_SIGNALS.length * total.records) / BLOCK / THRESHOLD;
  const blanks = DRIFT_SIGNALS.map(() => '');
  table.push([
    'all',
    '',
    rounded(total.records),
    ...blanks,
    total.alarms,
    bound.toFixed(1),
    total.adwin,
    total.plain,
  ]);
  console.log(
    `\nFalse alarms on shuffled streams; nominal: at most 1 a signal in ${rounded(THRESHOLD)} blocks of ${BLOCK}`,
  );
  printTable(
    [
      'set',
      '>seeds',
      '>records',
      ...DRIFT_SIGNALS.map((signal) => `>${signal}`),
      '>all by ranks',
      '>nominal <=',
      '>adwin, rises',
      '>adwin, both ways',
    ],
    table,
  );
}

/** Values without order: how long until the first false alarm, against the promise. */
function chance(): void {
  const random = seeded(11);
  const kinds = {
    uniform: random,
    'few values, ties': () => Math.floor(random() * 4) / 4,
    'heavy tail': () => Math.min(1000, 1 / random()),
  };
  const table = Object.entries(kinds).flatMap(([kind, draw]) =>
    (['up', 'both'] as const).flatMap((mode) =>
      [100, 1000].map((threshold) => {
        const detector = new RankChange({ threshold, mode });
        let [values, alarms] = [0, 0];
        while (values < 600_000) {
          detector.update(draw());
          values += 1;
          if (detector.drift) alarms += 1;
        }
        return [kind, mode, rounded(threshold), alarms, rounded(values / Math.max(1, alarms))];
      }),
    ),
  );
  console.log('\nMean values to a false alarm of the ranks, values drawn one by one');
  printTable(['values', 'mode', '>promised >=', '>alarms', '>measured'], table);
}

function cost(): void {
  const rows = rowsOf('sentiment140').slice(0, 45_000);
  if (rows.length === 0) return;
  const records = signalsOf(rows, always);
  const time = (work: () => unknown): number => {
    const start = performance.now();
    work();
    return ((performance.now() - start) * 1e6) / records.length;
  };
  const texts = (): void => {
    const watch = new DriftWatch();
    for (const record of records) watch.text(record);
  };
  const all = (): void => {
    const watch = new DriftWatch();
    for (const record of records) {
      watch.text(record);
      watch.scored(record.error);
    }
  };
  const marked = (): void => {
    const watch = new DriftWatch();
    for (const [row, record] of records.entries()) {
      watch.text(record);
      watch.scored(record.error);
      if (row % 500 === 499) watch.mark();
    }
  };
  const adwin = (): void => {
    const detector = new Adwin();
    for (const { error } of records) detector.update(error);
  };
  const { analysis, model } = createGtnb(parseGtnbKind('gtnb'), ['negative', 'positive']);
  const calibrator = model.calibrator();
  const answer = (counts: boolean) => (): number => {
    let unknown = 0;
    for (const { text } of rows) {
      const features = analysis.extract(text);
      model.predict(features, calibrator);
      if (!counts) continue;
      for (let at = 0; at < features.length; at++)
        if (model.counts.frequency(features.ids[at] ?? 0) === 0) unknown += 1;
    }
    return unknown;
  };
  for (const [offset, { text, label }] of rows.entries())
    model.learn(analysis.extract(text), label, { partition: 0, offset }, calibrator);
  const works: [string, () => unknown][] = [
    ['watch: texts', texts],
    ['watch: texts and scores', all],
    ['the same, a mark each 500', marked],
    ['ADWIN alone, as before', adwin],
    ['features and answer', answer(false)],
    ['the same, unknown ones counted', answer(true)],
  ];
  const times = works.map((): number[] => []);
  for (let pass = 0; pass < 7; pass++)
    for (const [at, [, work]] of works.entries()) times[at]?.push(time(work));
  console.log(`\nCost, ns a record, median of 7 passes over ${rounded(rows.length)} tweets`);
  printTable(
    ['work', '>ns'],
    works.map(([name], at) => [name, rounded(median(times[at] ?? []))]),
  );
  const bytes = (): number => {
    const watch = new DriftWatch();
    for (const record of records) {
      watch.text(record);
      watch.scored(record.error);
    }
    return JSON.stringify(watch.snapshot()).length;
  };
  console.log(`Snapshot of a watch as JSON: ${rounded(bytes())} bytes`);
}

const PARTS = { streams, planted, shuffled: falseAlarms, chance, cost };
const wanted = process.argv.slice(2);
printHeading();
for (const [name, part] of Object.entries(PARTS))
  if (wanted.length === 0 || wanted.includes(name)) part();
