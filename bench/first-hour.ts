import type { Calibrator } from '../src/core/models/calibrator.ts';
import { createGtnb } from '../src/core/models/gtnb-create.ts';
import { HashedAnalysis } from '../src/core/models/gtnb-analysis.ts';
import { parseGtnbKind } from '../src/core/models/gtnb-kind.ts';
import { Gtnb } from '../src/core/models/gtnb.ts';
import { warmStart } from '../src/core/models/warm-start.ts';
import { afinn, HashedLexicon } from '../src/core/text/lexicon.ts';
import { starterLexicon, withLines } from '../src/core/text/starter.ts';
import { CHINESE, ENGLISH, SIGNS } from '../src/core/text/starter-words.ts';
import { AnswerFigures, dataSets, part, percent, type DataSet } from './label-study.ts';
import { printHeading, printTable } from './table.ts';

/**
 * What a model knows before the labels come:
 *
 *   node --import tsx bench/first-hour.ts              all three tables
 *   node --import tsx bench/first-hour.ts zero         no label ever given: AFINN-165, and the starter list by list
 *   node --import tsx bench/first-hour.ts labels       the starter's effect where labels come
 *   node --import tsx bench/first-hour.ts warm         counts of another source as a start
 *
 * Figures are accuracy % / log loss / ECE %. The English list was developed on yelp-750: its rows, and those of uci-sentences that
 * hold it, do not count as a test of the starter.
 */

const BITS = 22;
const BASE = 'gtnb:starter=none';
const WEIGHTS = [0.1, 0.2, 0.3, 1];
const MARKS = [100, 1000];

interface Start {
  readonly analysis: Pick<HashedAnalysis, 'extract'>;
  readonly model: Gtnb;
}

function start(kind: string, classes: readonly string[]): Start {
  return createGtnb(parseGtnbKind(kind), classes);
}

/** A model of any list of words. */
function startWith(words: ReadonlyMap<string, number>, classes: readonly string[]): Start {
  const analysis = new HashedAnalysis({ version: 2, lexicon: false }, BITS);
  const lexicon = new HashedLexicon(words, BITS);
  return { analysis, model: new Gtnb(BASE, analysis, classes, lexicon) };
}

/** No label is ever given. */
function ask({ analysis, model }: Start, { rows, classes }: DataSet) {
  const calibrator: Calibrator = model.calibrator();
  const all = new AnswerFigures();
  const undecided = new AnswerFigures();
  for (const { text, label } of rows) {
    const answer = model.predict(analysis.extract(text), calibrator);
    all.add(answer, label);
    const top = answer.probabilities[answer.best] ?? 0;
    if (Math.abs(top - 1 / classes.length) < 1e-12) undecided.add(answer, label);
  }
  return { all, undecided };
}

/** Each row is predicted, then learned. */
function stream({ analysis, model }: Start, { rows }: DataSet) {
  const calibrator: Calibrator = model.calibrator();
  const all = new AnswerFigures();
  const early: string[] = [];
  for (const [offset, { text, label }] of rows.entries()) {
    const features = analysis.extract(text);
    all.add(model.predict(features, calibrator), label);
    model.learn(features, label, { partition: 0, offset }, calibrator);
    if (MARKS.includes(offset + 1)) early.push(percent(all.accuracy, 1));
  }
  while (early.length < MARKS.length) early.push('');
  return { all, early };
}

function majority({ rows, classes }: DataSet): number {
  const counts = classes.map((name) => rows.filter(({ label }) => label === name).length);
  return Math.max(...counts) / rows.length;
}

function zero(sets: readonly DataSet[]): void {
  console.log('\nNo label ever given. Undecided: texts without a known word, 1/K for each class');
  const figures = sets.map((set) => {
    const none = ask(start(BASE, set.classes), set);
    const words = ask(start('gtnb', set.classes), set);
    const share = ({ rows }: AnswerFigures): string => percent(rows / set.rows.length, 1);
    return [
      set.name,
      percent(majority(set)),
      String(none.all),
      share(none.undecided),
      percent(none.undecided.accuracy, 1),
      String(words.all),
      share(words.undecided),
      percent(words.undecided.accuracy, 1),
    ];
  });
  const undecided = ['>undecided %', '>right %'];
  printTable(
    ['set', '>majority', '>starter=none', ...undecided, '>starter=words', ...undecided],
    figures,
  );
  console.log('\nThe starter list by list, no label: accuracy % / log loss / ECE %');
  const english = withLines(afinn(2), ENGLISH, 2);
  const signs = withLines(english, SIGNS, 2);
  const chinese = withLines(signs, CHINESE, 2);
  const lists = [afinn(2), english, signs, chinese, starterLexicon(2)];
  printTable(
    ['set', '>AFINN-165', '>+ English', '>+ signs', '>+ Chinese', '>+ de, es, fr'],
    sets.map((set) => [
      set.name,
      ...lists.map((words) => String(ask(startWith(words, set.classes), set).all)),
    ]),
  );
}

function labels(sets: readonly DataSet[]): void {
  console.log('\nEach row learned after its answer: accuracy % after 100 and 1,000 rows, figures');
  const head = ['>100', '>1,000', '>all'];
  printTable(
    ['set', 'starter', ...head],
    sets.flatMap((set) =>
      [BASE, 'gtnb'].map((kind) => {
        const { all, early } = stream(start(kind, set.classes), set);
        return [set.name, kind === BASE ? 'none' : 'words', ...early, String(all)];
      }),
    ),
  );
}

function warm(sets: ReadonlyMap<string, DataSet>): void {
  const [yelp, uci, movies, airline, tweets, amazon] = sets.values();
  if (!yelp || !uci || !movies || !airline || !tweets || !amazon) return;
  const clear = part(airline, 'airline, no neutral', ({ label }) => label !== 'neutral');
  const pairs = [
    [yelp, part(uci, 'uci without yelp', ({ source }) => source !== 'yelp')],
    [yelp, movies],
    [yelp, amazon],
    [movies, uci],
    [amazon, uci],
    [tweets, clear],
    [clear, tweets],
    [tweets, airline],
  ] as const;
  console.log('\nCounts of another source as a start, starter=words; zero: no label of the target');
  const lines: string[][] = [];
  for (const [source, target] of pairs) {
    const teacher = start('gtnb', source.classes);
    stream(teacher, source);
    const sums = teacher.model.sums();
    for (const weight of [0, ...WEIGHTS]) {
      const begin = (): Start => {
        const begun = start('gtnb', target.classes);
        const options = { weight, classes: target.classes, from: 1, to: 1 } as const;
        if (weight > 0) begun.model.apply(warmStart(sums, options));
        return begun;
      };
      const zeroLabels = ask(begin(), target).all;
      const { all, early } = stream(begin(), target);
      const pair = weight === 0 ? `${source.name} > ${target.name}` : '';
      lines.push([pair, String(weight), String(zeroLabels), ...early, String(all)]);
    }
  }
  printTable(['source > target', '>weight', '>zero', '>100', '>1,000', '>all'], lines);
}

printHeading();
const [what] = process.argv.slice(2);
const sets = dataSets();
const uci = sets.get('uci-sentences');
const shown = [...sets.values()];
if (uci !== undefined)
  shown.splice(
    2,
    0,
    part(uci, 'uci without yelp', ({ source }) => source !== 'yelp'),
  );
if (what === undefined || what === 'zero') zero(shown);
if (what === undefined || what === 'labels') labels(shown);
if (what === undefined || what === 'warm') warm(sets);
