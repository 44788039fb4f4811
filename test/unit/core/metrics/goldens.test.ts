/** The baselines, and the figures of the scorer over their confusion counts, against the golden results of each data set. */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CountMatrix } from '../../../../src/core/metrics/count-matrix.ts';
import { kappaM, kappaT } from '../../../../src/core/metrics/label-metrics.ts';
import { Scorer } from '../../../../src/core/metrics/scorer.ts';
import { emptySums, metricValues } from '../../../../src/core/metrics/values.ts';
import { variable } from '../../../support/environment.ts';

interface Golden {
  readonly model: string;
  readonly scored: number;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly ece: number;
  readonly brier: number;
  readonly macroF1: number;
  readonly kappa: number;
  readonly kappaM: number;
  readonly kappaT: number;
  readonly confusion: number[][];
}
const goldens = JSON.parse(readFileSync('test/data/goldens.json', 'utf8')) as {
  readonly sets: Record<
    string,
    { file: string; rows: number; classes: string[]; noChange: number; results: Golden[] }
  >;
};
const folder = variable('VALENCE_DATA') ?? join('..', 'shared', 'data');

const round = (value: number): number => Math.round(value * 1e6) / 1e6;

/** Labels of a set in file order; undefined where the file is absent. */
function labelsOf(set: string, file: string): readonly string[] | undefined {
  if (set === 'yelp-750')
    return readFileSync(join('examples', 'yelp.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => (line.trim().endsWith('1') ? 'positive' : 'negative'));
  if (!existsSync(join(folder, file))) return undefined;
  return readFileSync(join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { label: string }).label);
}

/**
 * Runs the baselines over labels as the fold does, each also as a model of its own, so that the scorer's probability figures can
 * be held against the golden ones.
 */
function run(labels: readonly string[], classes: readonly string[]) {
  const scorers = { majority: newScorer(classes), 'no-change': newScorer(classes) };
  for (const label of labels) {
    const baseline = scorers.majority.baselineAnswer();
    const { counts, total, majority, previous } = baseline;
    scorers.majority.score(
      label,
      { classes, probabilities: counts.map((count) => count / total), best: majority },
      baseline,
    );
    const even = 1 / classes.length;
    const stay = classes.map((_, index) => 0.1 * even + (index === previous ? 0.9 : 0));
    scorers['no-change'].score(
      label,
      {
        classes,
        probabilities: previous < 0 ? classes.map(() => even) : stay,
        best: Math.max(0, previous),
      },
      scorers['no-change'].baselineAnswer(),
    );
    for (const scorer of Object.values(scorers)) scorer.learn(label);
  }
  return scorers;
}
const newScorer = (order: readonly string[]): Scorer => new Scorer({ window: 500, order });

for (const [set, { file, classes, noChange, results }] of Object.entries(goldens.sets)) {
  const golden = (model: string): Golden => results.find((result) => result.model === model)!;

  describe(`${set}, every model`, () => {
    test.each(results)('$model: the figures follow from its confusion counts', (result) => {
      const counts = CountMatrix.of(classes.length, result.confusion.flat());
      const values = metricValues(classes, counts, emptySums());
      expect(round(values.accuracy)).toBeCloseTo(result.accuracy, 5);
      expect(values.macroF1).toBeCloseTo(result.macroF1, 5);
      expect(values.kappa).toBeCloseTo(result.kappa, 5);
      expect(kappaM(counts)).toBeCloseTo(result.kappaM, 5);
      if (
        result.scored === result.confusion.flat().reduce((a, b) => a + b) &&
        !result.model.startsWith('river')
      )
        expect(kappaT(counts, Math.round(noChange * result.scored))).toBeCloseTo(result.kappaT, 4);
    });
  });

  const labels = labelsOf(set, file);
  if (labels === undefined) {
    process.stderr.write(`skipped: baselines on ${set}, ${file} is not in ${folder}\n`);
    continue;
  }
  describe(`${set}, baselines`, () => {
    const scorers = run(labels, classes);
    const reported = scorers.majority.baselines();

    test.each(['majority', 'no-change'] as const)('%s has the golden results', (model) => {
      const { accuracy, macroF1, kappa, logLoss, ece, sums, confusion } =
        scorers[model].cumulative();
      const expected = golden(model);
      expect(Object.values(confusion).map((row) => Object.values(row))).toEqual(expected.confusion);
      for (const [name, value] of Object.entries({ accuracy, macroF1, kappa, logLoss, ece }))
        expect(`${name} ${round(value)}`).toBe(`${name} ${expected[name as 'accuracy']}`);
      expect(round(sums.brier / sums.n)).toBe(expected.brier);
      expect(sums.n).toBe(expected.scored);

      const baseline = reported[model === 'majority' ? 'majority' : 'noChange'];
      expect(baseline.n).toBe(expected.scored);
      for (const name of ['accuracy', 'macroF1', 'kappa', 'logLoss'] as const)
        expect(`${name} ${round(baseline[name])}`).toBe(`${name} ${expected[name]}`);
    });

    test('records that repeat the label before are counted', () => {
      const { sums } = scorers.majority.cumulative();
      expect(sums.noChangeHits).toBe(
        labels.filter((label, index) => index > 0 && label === labels[index - 1]).length,
      );
      expect(sums.noChangeHits / sums.n).toBeCloseTo(noChange, 3);
    });
  });
}
