/**
 * What the comparison of two models is worth: false verdicts under continuous looking, against McNemar's test that is looked at as
 * often, and how many records a verdict takes on real streams.
 *
 *   node --import tsx bench/comparison.ts
 *
 * Real streams are read from `VALENCE_DATA` (default ../shared/data). Random numbers have fixed seeds: every run prints the same.
 */
import { existsSync, readFileSync } from 'node:fs';
import {
  evidenceOfMoments,
  evidenceOfSigns,
  logEValue,
} from '../src/core/metrics/confidence-sequence.ts';
import {
  MOST_LOSS,
  PairedComparison,
  pairedScore,
  type PairedScore,
  type PairedSums,
} from '../src/core/metrics/paired-comparison.ts';
import {
  compareAccuracy,
  compareLogLoss,
  type PairedDifference,
} from '../src/core/metrics/paired-verdict.ts';
import { createLearner } from '../src/pipeline/learner.ts';
import { DATA, seeded } from './data.ts';
import { printHeading, printTable, rounded } from './table.ts';

const ALPHA = 0.05;
const LIMIT = -Math.log(ALPHA);
/** Of the normal distribution, for α = 0.05. */
const Z = 1.96;
/** Records between two looks, as between two metrics records. */
const EVERY = 100;

const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

// ---- Simulated: pairs on which one of both is right, each as likely the one as the other -------------------------------------------

const RUNS = 4000;
const HORIZONS = [100, 1000, 10_000];
const LAST = 10_000;

/** By number of discordant pairs: the least lead that brings a verdict. */
function leads(): Int32Array {
  const least = new Int32Array(LAST + 1);
  let lead = 1;
  for (let pairs = 1; pairs <= LAST; pairs++) {
    lead += (pairs - lead) & 1;
    const refutes = (by: number): boolean =>
      logEValue(evidenceOfSigns(pairs, (pairs + by) / 2, (pairs - by) / 2)) >= LIMIT;
    while (lead > 2 && refutes(lead - 2)) lead -= 2;
    while (lead <= pairs && !refutes(lead)) lead += 2;
    least[pairs] = lead;
  }
  return least;
}

function simulatedNull(least: Int32Array): void {
  const rules = [
    { name: "McNemar's test, one look at the end", looks: 0, isVerdict: mcNemar },
    { name: "McNemar's test, a look each 100 pairs", looks: EVERY, isVerdict: mcNemar },
    { name: "McNemar's test, a look each pair from the 10th", looks: 1, isVerdict: mcNemar },
    {
      name: 'confidence sequence, a look each pair',
      looks: 1,
      isVerdict: (pairs: number, lead: number) => lead >= (least[pairs] ?? Infinity),
    },
  ];
  const wrong = rules.map(() => HORIZONS.map(() => 0));
  const random = seeded(1);
  for (let run = 0; run < RUNS; run++) {
    const first = rules.map(() => Infinity);
    let lead = 0;
    for (let pairs = 1; pairs <= LAST; pairs++) {
      lead += random() < 0.5 ? 1 : -1;
      for (const [at, { looks, isVerdict }] of rules.entries()) {
        if (looks === 0) {
          const horizon = HORIZONS.indexOf(pairs);
          const row = wrong[at];
          if (horizon >= 0 && row !== undefined && isVerdict(pairs, Math.abs(lead)))
            row[horizon] = (row[horizon] ?? 0) + 1;
        } else if (
          first[at] === Infinity &&
          pairs % looks === 0 &&
          isVerdict(pairs, Math.abs(lead))
        )
          first[at] = pairs;
      }
    }
    for (const [at, { looks }] of rules.entries())
      for (const [column, horizon] of HORIZONS.entries()) {
        const row = wrong[at];
        if (looks > 0 && row !== undefined && (first[at] ?? Infinity) <= horizon)
          row[column] = (row[column] ?? 0) + 1;
      }
  }
  console.log(`False verdicts, no difference, ${rounded(RUNS)} simulated streams, α = ${ALPHA}`);
  printTable(
    ['rule', ...HORIZONS.map((horizon) => `>within ${rounded(horizon)} pairs`)],
    rules.map(({ name }, at) => [name, ...(wrong[at] ?? []).map((n) => share(n, RUNS))]),
  );
  console.log(
    'Lead that a verdict takes, in roots of the discordant pairs: ' +
      [30, 100, 300, 1000, 3000, 10_000]
        .map(
          (pairs) => `${((least[pairs] ?? 0) / Math.sqrt(pairs)).toFixed(2)} at ${rounded(pairs)}`,
        )
        .join(', ') +
      ` (${Z} where one may look once)\n`,
  );
}

function mcNemar(pairs: number, lead: number): boolean {
  return pairs >= 10 && lead * lead > Z * Z * pairs;
}

/** The better model changes with chance and with what came before; the average is covered at every look, or the run is missed. */
function movingTruth(): void {
  const runs = 1000;
  const looks = 100;
  const rows: string[][] = [];
  const truths: readonly (readonly [string, (n: number, lead: number) => number])[] = [
    ['turns round each 1,000 records', (n) => (Math.floor(n / 1000) % 2 === 0 ? 0.6 : 0.4)],
    ['against whoever leads', (_, lead) => (lead > 0 ? 0.4 : 0.6)],
    ['with whoever leads', (_, lead) => (lead > 0 ? 0.6 : 0.4)],
  ];
  for (const [name, truth] of truths) {
    const random = seeded(2);
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      let [ups, downs, target] = [0, 0, 0];
      for (let n = 1; n <= looks * EVERY; n++) {
        const up = truth(n - 1, ups - downs);
        target += 0.2 * (2 * up - 1);
        if (random() < 0.2) {
          if (random() < up) ups += 1;
          else downs += 1;
        }
        if (n % EVERY > 0 || logEValue(evidenceOfSigns(n, ups, downs), target / n) < LIMIT)
          continue;
        missed += 1;
        break;
      }
    }
    rows.push([name, share(missed, runs)]);
  }
  console.log(
    `Intervals that ever miss the average so far, ${rounded(runs)} streams of 10,000 records`,
  );
  printTable(['the better one of two', '>missed'], rows);
  console.log();
}

// ---- Real streams ------------------------------------------------------------------------------------------------------------------

interface Row {
  readonly text: string;
  readonly label: string;
}

/** The answer of a model to each row, predicted before it was learned. */
interface Answered {
  readonly truth: string;
  readonly classes: readonly string[];
  readonly probabilities: Float64Array;
}

function readRows(set: string): readonly Row[] | undefined {
  const path = `${DATA}/${set}.jsonl`;
  if (!existsSync(path)) {
    console.log(`skipped ${set}: no ${path} (VALENCE_DATA)`);
    return undefined;
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line): Row => {
    const { text, label }: Row = JSON.parse(line);
    return { text, label };
  });
}

function answersOf(kind: string, rows: readonly Row[]): readonly Answered[] {
  const classes = ['negative', 'neutral', 'positive'].filter((label) =>
    rows.some((row) => row.label === label),
  );
  const learner = createLearner(kind, classes, 'river');
  return rows.map(({ text, label }, offset) => {
    const answer = learner.ask(text);
    const kept = {
      truth: label,
      classes: [...answer.classes],
      probabilities: Float64Array.from(answer.probabilities),
    };
    learner.learn(label, offset);
    return kept;
  });
}

function scoreOf({ truth, classes, probabilities }: Answered): PairedScore | undefined {
  let best = probabilities.length - 1;
  for (let c = best - 1; c >= 0; c--)
    if ((probabilities[c] ?? 0) >= (probabilities[best] ?? 0)) best = c;
  return pairedScore(truth, { classes, probabilities, best });
}

/** When each rule first gave a verdict, looking each 100 records; Infinity: never. And the sums at the end. */
interface Verdicts {
  readonly accuracy: number;
  readonly logLoss: number;
  readonly mcNemar: number;
  readonly tTest: number;
  readonly sums: PairedSums;
}

function watch(
  length: number,
  score: (
    row: number,
  ) => readonly [champion: PairedScore | undefined, challenger: PairedScore | undefined],
): Verdicts {
  const comparison = new PairedComparison();
  const first = { accuracy: Infinity, logLoss: Infinity, mcNemar: Infinity, tTest: Infinity };
  for (let row = 0; row < length; row++) {
    const [champion, challenger] = score(row);
    if (champion !== undefined && challenger !== undefined) comparison.add(champion, challenger);
    if ((row + 1) % EVERY > 0) continue;
    const sums = comparison.snapshot();
    const { n, logLoss } = sums;
    const lead = Math.abs(sums.challenger - sums.champion);
    const { sum, squares } = logLoss;
    const now = {
      accuracy: logEValue(evidenceOfSigns(n, sums.challenger, sums.champion)) >= LIMIT,
      logLoss: logEValue(evidenceOfMoments(n, sum / MOST_LOSS, squares / MOST_LOSS ** 2)) >= LIMIT,
      mcNemar: mcNemar(sums.challenger + sums.champion, lead),
      tTest: Math.abs(sum) > Z * Math.sqrt(squares - (sum * sum) / n),
    };
    for (const rule of ['accuracy', 'logLoss', 'mcNemar', 'tTest'] as const)
      if (now[rule] && first[rule] === Infinity) first[rule] = row + 1;
  }
  return { ...first, sums: comparison.snapshot() };
}

/** Exact nulls with the losses of real streams: names swapped by a coin, and a model against itself. */
function realNull(set: string, gtnb: readonly Answered[], multinomial: readonly Answered[]): void {
  const runs = 300;
  const rows = Math.min(gtnb.length, 10_000);
  const random = seeded(3);
  const scores = gtnb.slice(0, rows).map((answer, row) => {
    const other = multinomial[row];
    return [scoreOf(answer), other === undefined ? undefined : scoreOf(other)] as const;
  });
  const swapped = (row: number): readonly [PairedScore | undefined, PairedScore | undefined] => {
    const [one, two] = scores[row] ?? [undefined, undefined];
    return random() < 0.5 ? [one, two] : [two, one];
  };
  const shaken = (row: number): readonly [PairedScore | undefined, PairedScore | undefined] => {
    const answer = gtnb[row];
    if (answer === undefined) return [undefined, undefined];
    return [scoreOf(shake(answer, random)), scoreOf(shake(answer, random))];
  };
  const table = (
    [
      ['gtnb and multinomial, names swapped by a coin', swapped],
      ['gtnb and itself, log odds shaken twice (sd 0.5)', shaken],
    ] as const
  ).map(([name, score]) => {
    const all = Array.from({ length: runs }, () => watch(rows, score));
    const wrong = (rule: 'accuracy' | 'logLoss' | 'mcNemar' | 'tTest'): string =>
      share(all.filter((verdicts) => verdicts[rule] < Infinity).length, runs);
    return [name, wrong('mcNemar'), wrong('accuracy'), wrong('tTest'), wrong('logLoss')];
  });
  console.log(
    `False verdicts on ${set}, ${rounded(rows)} records, a look each ${EVERY}, ${runs} runs`,
  );
  printTable(['no difference', '>McNemar', '>accuracy', '>t-test of losses', '>log loss'], table);
  console.log();
}

/** The answer with noise on each log probability. */
function shake(answer: Answered, random: () => number): Answered {
  const shaken = answer.probabilities.map((p) => {
    const noise = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return p * Math.exp((0.5 * noise) / Math.SQRT2);
  });
  const total = shaken.reduce((sum, p) => sum + p, 0);
  return { ...answer, probabilities: shaken.map((p) => p / total) };
}

const STREAMS = [
  'yelp-750',
  'uci-sentences-3000',
  'movie-reviews-10662',
  'airline-tweets-14640',
  'amazon-reviews-7999',
  'zh-waimai',
  'sentiment140-57163',
];
const PAIRS = [
  ['multinomial', 'gtnb'],
  ['gtnb', 'gtnb:dfe=on'],
  ['gtnb', 'gtnb:bits=21'],
] as const;
const NULL_STREAM = 'movie-reviews-10662';

function realStreams(): void {
  const rows: string[][] = [];
  for (const set of STREAMS) {
    const data = readRows(set);
    if (data === undefined) continue;
    const kinds = [...new Set<string>(PAIRS.flat())];
    const answers = new Map(kinds.map((kind) => [kind, answersOf(kind, data)]));
    const of = (kind: string): readonly Answered[] => answers.get(kind) ?? [];
    if (set === NULL_STREAM) realNull(set, of('gtnb'), of('multinomial'));
    for (const [champion, challenger] of PAIRS) {
      const [one, other] = [champion, challenger].map((kind) => of(kind).map(scoreOf));
      const verdicts = watch(data.length, (row) => [one?.[row], other?.[row]]);
      const { sums } = verdicts;
      const lead = sums.challenger - sums.champion;
      const pairs = sums.challenger + sums.champion;
      rows.push([
        set,
        `${challenger} - ${champion}`,
        share(pairs, sums.n),
        shown(compareAccuracy(sums), 100, 2),
        when(verdicts.accuracy),
        (lead / Math.sqrt(Math.max(1, pairs))).toFixed(1),
        shown(compareLogLoss(sums), 1, 3),
        when(verdicts.logLoss),
        (sums.logLoss.sum / Math.sqrt(sums.logLoss.squares)).toFixed(1),
      ]);
    }
  }
  console.log(
    `Real streams: difference at the end, and the first verdict (a look each ${EVERY} records)`,
  );
  printTable(
    [
      'data set',
      'challenger - champion',
      '>discordant',
      '>accuracy, points',
      '>first',
      ">McNemar's z",
      '>log loss, nats',
      '>first',
      '>t',
    ],
    rows,
  );
}

const when = (record: number): string => (record === Infinity ? '-' : rounded(record));

function shown(
  { difference, lower, upper }: PairedDifference,
  unit: number,
  digits: number,
): string {
  const [mean, from, to] = [difference, lower, upper].map((value) =>
    (value * unit).toFixed(digits),
  );
  return `${mean} (${from} … ${to})`;
}

printHeading();
simulatedNull(leads());
movingTruth();
realStreams();
