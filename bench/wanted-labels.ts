import { parseArgs } from 'node:util';
import { LabelWish } from '../src/core/models/label-wish.ts';
import { createLearner } from '../src/pipeline/learner.ts';
import { seeded } from './data.ts';
import { AnswerFigures, dataSets, percent, type DataSet } from './label-study.ts';
import { median, printHeading, printTable } from './table.ts';

/**
 * What the labels that a model wishes for are worth, beside labels of random records:
 *
 *   node --import tsx bench/wanted-labels.ts [--delay RECORDS] [SET …]
 *
 * Each record is predicted and scored; only chosen ones are learned, at once or so many records later. `random` is the median of five seeds with the least and
 * the most; `wished` has the same budget. Accuracy is that of all records, `late` and ECE that of the second half.
 */

const RATES = [0.01, 0.05, 0.1, 0.2];
const SEEDS = [11, 222, 3333, 44_444, 555_555];

interface Outcome {
  readonly accuracy: number;
  readonly late: number;
  readonly ece: number;
  /** Share of the records that were learned. */
  readonly labels: number;
}

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { delay: { type: 'string', default: '0' } },
});
const DELAY = Number(options.delay);

type Choice = (answer: Parameters<LabelWish['decide']>[0]) => boolean;

function run({ rows, classes }: DataSet, isChosen: Choice): Outcome {
  const learner = createLearner('gtnb', classes, '');
  const all = new AnswerFigures();
  const late = new AnswerFigures();
  const waiting: { due: number; learn: () => void }[] = [];
  let labels = 0;
  for (const [at, { text, label }] of rows.entries()) {
    while ((waiting[0]?.due ?? Infinity) <= at) waiting.shift()?.learn();
    const answer = learner.ask(text);
    all.add(answer, label);
    if (2 * at >= rows.length) late.add(answer, label);
    if (!isChosen(answer)) continue;
    const learn = learner.keep();
    waiting.push({ due: at + 1 + DELAY, learn: () => learn(label, at) });
    labels += 1;
  }
  return {
    accuracy: all.accuracy,
    late: late.accuracy,
    ece: late.ece,
    labels: labels / rows.length,
  };
}

/** As many as the rate says, spread by chance. */
function atRandom(rate: number, seed: number): Choice {
  const random = seeded(seed);
  return () => random() < rate;
}

function byWish(rate: number): Choice {
  const wish = new LabelWish(rate);
  return (answer) => wish.decide(answer);
}

function spread(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${percent(median(values))} (${percent(least, 1)}-${percent(most, 1)})`;
}

printHeading();
const lines: string[][] = [];
for (const set of dataSets().values()) {
  if (names.length > 0 && !names.includes(set.name)) continue;
  for (const rate of RATES) {
    const random = SEEDS.map((seed) => run(set, atRandom(rate, seed)));
    const wished = run(set, byWish(rate));
    const middle = median(random.map(({ accuracy }) => accuracy));
    const middleLate = median(random.map(({ late }) => late));
    lines.push([
      set.name,
      percent(rate, 0),
      percent(wished.labels, 1),
      spread(random.map(({ accuracy }) => accuracy)),
      percent(wished.accuracy),
      percent(wished.accuracy - middle),
      spread(random.map(({ late }) => late)),
      percent(wished.late),
      percent(wished.late - middleLate),
      percent(median(random.map(({ ece }) => ece)), 1),
      percent(wished.ece, 1),
    ]);
  }
}
printTable(
  [
    'set',
    '>rate %',
    '>wished %',
    '>random',
    '>by wish',
    '>gain',
    '>random, late',
    '>by wish',
    '>gain',
    '>ECE random',
    '>by wish',
  ],
  lines,
);
