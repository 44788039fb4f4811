import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { Evaluation, inferClasses } from '../../../src/pipeline/evaluate.ts';
import { FoldDriver } from '../../support/fold-driver.ts';

const rows = parse<{ text: string; sentiment: string }>(readFileSync('examples/yelp.csv'), {
  columns: true,
}).map(({ text, sentiment }) => ({ text, label: sentiment }));
const classes = { declared: ['negative', 'positive'] };
const vectors = <T>(file: string): T =>
  JSON.parse(readFileSync(`test/data/river-vectors/${file}.json`, 'utf8')) as T;

interface Vectors {
  readonly accuracy: number;
  readonly n_scored: number;
  readonly predicted: readonly (number | null)[];
  readonly probability1: readonly (number | null)[];
  readonly running_accuracy: readonly (readonly [number, number])[];
}

const probabilityOf = (
  label: string,
  {
    classes: known,
    probabilities,
  }: { classes: readonly string[]; probabilities: ArrayLike<number> },
): number => probabilities[known.indexOf(label)] ?? 0;

describe.each(['multinomial', 'complement', 'bernoulli'])('%s on yelp.csv', (kind) => {
  const river = vectors<Vectors>(`yelp-${kind}`);

  test('gives River’s 750 answers and its accuracy to the last record', () => {
    const predicted: (number | null)[] = [];
    const evaluation = new Evaluation({
      kind,
      classes,
      onPrediction: (row, answer) => {
        const best = answer.classes[answer.best];
        predicted.push(best === undefined ? null : best === 'positive' ? 1 : 0);
        const expected = river.probability1[row];
        if (best === undefined) expect(expected).toBeNull();
        else {
          const p = probabilityOf('positive', answer);
          expect(Math.abs(p / (expected ?? Number.NaN) - 1)).toBeLessThan(1e-12);
        }
      },
    });
    evaluation.add(rows);
    const report = evaluation.finish();
    expect(predicted).toEqual(river.predicted);
    expect(report).toMatchObject({ rows: 750, scored: river.n_scored, learned: 750 });
    expect(report.metrics.accuracy).toBe(river.accuracy);
  });

  test('gives the same predictions and metrics through the fold', () => {
    const driver = new FoldDriver({ models: [{ name: 'champion', kind, role: 'champion' }] });
    // Bernoulli looks at its whole vocabulary each time: the first rows say the same in a tenth of it.
    const some = kind === 'bernoulli' ? rows.slice(0, 250) : rows;
    driver.pipe(...some.map(({ text, label }, i) => ({ id: `${i}`, text, label })));
    const evaluated: { prediction: string | null; probabilities: Record<string, number> }[] = [];
    const evaluation = new Evaluation({
      kind,
      classes,
      onPrediction: (_, answer) =>
        evaluated.push({
          prediction: answer.classes[answer.best] ?? null,
          probabilities: Object.fromEntries(
            answer.classes.map((label, c) => [label, answer.probabilities[c] ?? 0]),
          ),
        }),
    });
    evaluation.add(some);
    const report = evaluation.finish();
    const folded = driver.results.flatMap((result) =>
      result.type === 'prediction'
        ? [{ prediction: result.prediction, probabilities: result.probabilities }]
        : [],
    );
    expect(folded).toEqual(evaluated);
    const figures = driver.fold.figures().get('champion');
    expect(figures?.cumulative).toEqual(report.metrics);
    expect(figures?.baselines).toEqual(report.baselines);
  });
});

describe('gtnb on yelp.csv', () => {
  const golden = (
    JSON.parse(readFileSync('test/data/goldens.json', 'utf8')) as {
      sets: Record<
        string,
        { results: { model: string; logLoss: number; confusion: readonly (readonly number[])[] }[] }
      >;
    }
  ).sets['yelp-750']!.results;

  test.each([
    ['gtnb:tokenizer=1,bits=exact,starter=none', 'gt-nb'],
    ['gtnb:tokenizer=1,bits=exact,starter=none,dfe=on', 'gt-nb-dfe'],
    ['gtnb:tokenizer=1,bits=exact,lexicon=off', 'gt-nb-nolex'],
  ])('%s gives the golden figures of %s', (kind, name) => {
    const evaluation = new Evaluation({ kind, classes });
    evaluation.add(rows);
    const { scored, metrics } = evaluation.finish();
    const { logLoss, confusion } = golden.find(({ model }) => model === name)!;
    expect(scored).toBe(750);
    expect(metrics.logLoss).toBeCloseTo(logLoss, 4);
    const [[nn, np] = [], [pn, pp] = []] = confusion;
    expect(metrics.confusion).toEqual({
      negative: { negative: nn, positive: np },
      positive: { negative: pn, positive: pp },
    });
  });

  test('a delay of 0 rows by way of kept documents is no delay', () => {
    const answers = (delay: number): number[] => {
      const seen: number[] = [];
      const onPrediction = (_: number, answer: { probabilities: ArrayLike<number> }): void =>
        void seen.push(answer.probabilities[1]!);
      const evaluation = new Evaluation({ kind: 'gtnb', classes, delay, onPrediction });
      // With a delay, an unlabelled row after each labelled one lets its answer come before the next question.
      for (const row of rows.slice(0, 60))
        evaluation.add(delay === 0 ? [row] : [row, { text: '', label: undefined }]);
      return delay === 0 ? seen : seen.filter((_, at) => at % 2 === 0);
    };
    expect(answers(1)).toEqual(answers(0));
  });
});

test('running accuracy is River’s at every hundredth row', () => {
  const river = vectors<Vectors>('yelp-multinomial');
  const running: [number, number][] = [];
  const evaluation = new Evaluation({ kind: 'multinomial', classes });
  for (const [at] of river.running_accuracy) {
    evaluation.add(rows.slice(running.at(-1)?.[0] ?? 0, at));
    running.push([at, evaluation.metrics().accuracy]);
  }
  expect(running).toEqual(river.running_accuracy);
});

interface Delayed {
  readonly delays: readonly {
    readonly delay: number | null;
    readonly accuracy: number;
    readonly n: number;
    readonly confusion: Readonly<Record<string, number>>;
  }[];
}

describe('with a delay of N the figures are those of River’s delay N + 1', () => {
  test.each(vectors<Delayed>('progval').delays.filter(({ delay }) => (delay ?? 0) > 0))(
    'River delay $delay: $n scored, accuracy $accuracy',
    ({ delay, accuracy, n, confusion }) => {
      const evaluation = new Evaluation({ kind: 'multinomial', classes, delay: (delay ?? 1) - 1 });
      evaluation.add(rows);
      const report = evaluation.finish();
      expect(report).toMatchObject({ scored: n, learned: 750 });
      expect(report.metrics.accuracy).toBe(accuracy);
      expect(report.metrics.confusion).toEqual({
        negative: { negative: confusion['0,0'], positive: confusion['0,1'] },
        positive: { negative: confusion['1,0'], positive: confusion['1,1'] },
      });
    },
  );
});

test('baselines answer from the first row, though River’s models do not', () => {
  const evaluation = new Evaluation({ kind: 'multinomial', classes });
  evaluation.add(rows);
  const { scored, baselines } = evaluation.finish();
  expect(scored).toBe(749);
  expect(baselines.majority).toMatchObject({ n: 750, accuracy: 362 / 750 });
  expect(baselines.noChange).toMatchObject({ n: 750, accuracy: 396 / 750 });
});

test('rows without a label are predicted, never scored or learned', () => {
  const evaluation = new Evaluation({ kind: 'multinomial', classes });
  evaluation.add([
    { text: 'good', label: '1' },
    { text: 'good', label: undefined },
    { text: 'bad', label: '0' },
  ]);
  expect(evaluation.finish()).toMatchObject({ rows: 3, scored: 1, learned: 2 });
});

test('no rows give a report of nothing', () => {
  const report = new Evaluation({ kind: 'majority', classes }).finish();
  expect(report).toMatchObject({ rows: 0, scored: 0, metrics: { accuracy: 0, logLoss: 0 } });
});

test('who watches the scores takes no speed away', () => {
  let now = 0;
  const evaluation = new Evaluation({
    kind: 'majority',
    classes,
    clock: () => now,
    // The model's own work: 2 ms a row. Watching it: a second a row.
    onPrediction: () => void (now += 2),
    onScored: () => void (now += 1000),
  });
  evaluation.add(rows.slice(0, 10));
  expect(evaluation.finish().docsPerSecond).toBe(500);
});

test('classes that nobody declared come from the labels of the file', () => {
  expect(inferClasses(['1', '0', '1'])).toMatchObject({ declared: ['negative', 'positive'] });
  expect(inferClasses(['5', '1', '2', '4'])).toMatchObject({ declared: ['1', '2', '4', '5'] });
  expect(inferClasses(['positive'])).toMatchObject({ declared: ['negative', 'positive'] });
  expect(inferClasses([])).toMatchObject({ declared: ['negative', 'positive'] });
});

test('a file of very many classes is one clear error, not a table that grows with their square', () => {
  const labels = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
  expect(() => inferClasses(labels)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  const evaluation = new Evaluation({ kind: 'multinomial', classes });
  expect(() => evaluation.add(labels.map((label) => ({ text: 'soup', label })))).toThrow(
    expect.objectContaining({ code: 'LABEL_UNKNOWN' }),
  );
});
