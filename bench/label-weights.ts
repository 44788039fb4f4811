import { parseArgs } from 'node:util';
import { toSixteenths } from '../src/core/models/label-weight.ts';
import { createLearner } from '../src/pipeline/learner.ts';
import { seeded } from './data.ts';
import { AnswerFigures, dataSets, percent, type DataSet } from './label-study.ts';
import { median, printHeading, printTable } from './table.ts';

/**
 * What weights are worth where it is known whose labels are poor:
 *
 *   node --import tsx bench/label-weights.ts [--poor SHARE] [--wrong SHARE] [SET …]
 *
 * A share of the records (0.5), drawn by chance, comes from a poor labeller, who errs on a share of them (0.3) and then names another
 * class, drawn by chance. Each record is predicted, scored by its true label, and learned by what its labeller said: that of the poor one
 * with the weight of the row. `never wrong` is what there would be without errors. Median of three seeds.
 */

const WEIGHTS = [1, 0.5, 0.25, 0.125, 0];
const SEEDS = [11, 222, 3333];
const KINDS = ['gtnb:weights=on', 'gtnb:dfe=on,weights=on'];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    poor: { type: 'string', default: '0.5' },
    wrong: { type: 'string', default: '0.3' },
  },
});
const POOR = Number(options.poor);
const WRONG = Number(options.wrong);

function run(
  { rows, classes }: DataSet,
  kind: string,
  seed: number,
  wrong: number,
  weight: number,
): AnswerFigures {
  const random = seeded(seed);
  const learner = createLearner(kind, classes, '');
  const figures = new AnswerFigures();
  const sixteenths = toSixteenths(weight);
  for (const [at, { text, label }] of rows.entries()) {
    const isPoor = random() < POOR;
    const errs = random() < wrong;
    const others = classes.filter((name) => name !== label);
    const other = others[Math.floor(random() * others.length)] ?? label;
    figures.add(learner.ask(text), label);
    if (!isPoor) learner.learn(label, at);
    else if (sixteenths > 0) learner.learn(errs ? other : label, at, sixteenths);
  }
  return figures;
}

printHeading();
const lines: string[][] = [];
for (const set of dataSets().values()) {
  if (names.length > 0 && !names.includes(set.name)) continue;
  for (const kind of KINDS) {
    const line = (title: string, wrong: number, weight: number): void => {
      const all = SEEDS.map((seed) => run(set, kind, seed, wrong, weight));
      lines.push([
        set.name,
        kind,
        title,
        percent(median(all.map(({ accuracy }) => accuracy))),
        median(all.map(({ logLoss }) => logLoss)).toFixed(4),
        percent(median(all.map(({ ece }) => ece)), 1),
      ]);
    };
    for (const weight of WEIGHTS) line(`${weight}`, WRONG, weight);
    line('never wrong', 0, 1);
  }
}
printTable(['set', 'kind', '>weight of the poor', '>accuracy', '>log loss', '>ECE'], lines);
