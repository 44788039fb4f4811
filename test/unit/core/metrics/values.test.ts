import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Scorer } from '../../../../src/core/metrics/scorer.ts';
import {
  mergeBaselines,
  mergeMetrics,
  type MetricValues,
} from '../../../../src/core/metrics/values.ts';

const classes = ['negative', 'positive', '__proto__'];
type Scored = readonly [truth: number, p: number, q: number];
const records = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.double({ min: 0, max: 0.5, noNaN: true }),
    fc.double({ min: 0, max: 0.5, noNaN: true }),
  ),
  { maxLength: 40 },
);

function metricsOf(scored: readonly Scored[]): MetricValues {
  const scorer = new Scorer({ window: 10, order: classes });
  for (const [truth, p, q] of scored) {
    const probabilities = [p, q, 1 - p - q];
    const best = probabilities.indexOf(Math.max(...probabilities));
    scorer.score(classes[truth]!, { classes, probabilities, best }, scorer.baselineAnswer());
  }
  return scorer.cumulative();
}

describe('mergeMetrics', () => {
  test('the parts of any split equal the whole', () => {
    fc.assert(
      fc.property(records, fc.array(fc.nat(40), { maxLength: 3 }), (scored, cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), scored.length];
        const parts = edges.slice(1).map((end, index) => scored.slice(edges[index], end));
        const merged = mergeMetrics(parts.map(metricsOf));
        const whole = metricsOf(scored);
        expect(JSON.stringify(merged.confusion)).toBe(JSON.stringify(whole.confusion));
        for (const name of ['accuracy', 'macroF1', 'kappa'] as const)
          expect(merged[name]).toBe(whole[name]);
        expect(JSON.stringify(merged.classes)).toBe(JSON.stringify(whole.classes));
        for (const name of ['logLoss', 'ece'] as const)
          expect(merged[name]).toBeCloseTo(whole[name], 10);
        expect(merged.sums.n).toBe(whole.sums.n);
        expect(merged.sums.brier).toBeCloseTo(whole.sums.brier, 9);
        expect(merged.sums.ece.map(([n, hits]) => [n, hits])).toEqual(
          whole.sums.ece.map(([n, hits]) => [n, hits]),
        );
      }),
    );
  });

  test('two partitions that know different classes', () => {
    const metrics = (order: string[], truth: string): MetricValues => {
      const scorer = new Scorer({ window: 5, order });
      const top = { classes: order, probabilities: [1, 0], best: 0 };
      scorer.score(truth, top, scorer.baselineAnswer());
      return scorer.cumulative();
    };
    const merged = mergeMetrics([metrics(['a', 'b'], 'a'), metrics(['b', 'c'], 'c')]);
    expect(merged.accuracy).toBe(0.5);
    expect(merged.confusion).toEqual({
      a: { a: 1, b: 0, c: 0 },
      b: { a: 0, b: 0, c: 0 },
      c: { a: 0, b: 1, c: 0 },
    });
    expect(merged.sums.n).toBe(2);
  });

  test('metrics that came as JSON merge the same, __proto__ included', () => {
    const [left, right] = [metricsOf([[2, 0.1, 0.2]]), metricsOf([[2, 0.4, 0.4]])];
    const parsed = JSON.parse(JSON.stringify([left, right])) as MetricValues[];
    expect(JSON.stringify(mergeMetrics(parsed))).toBe(JSON.stringify(mergeMetrics([left, right])));
    expect(JSON.stringify(mergeMetrics(parsed).confusion)).toContain(
      '"__proto__":{"negative":1,"positive":0,"__proto__":1}',
    );
  });

  test('nothing merges to zeros', () => {
    const { sums, ...rest } = mergeMetrics([]);
    expect(rest).toEqual({
      accuracy: 0,
      macroF1: 0,
      kappa: 0,
      logLoss: 0,
      ece: 0,
      classes: {},
      confusion: {},
    });
    expect(sums.ece).toHaveLength(15);
  });
});

test('baselines merge by adding their confusion counts', () => {
  const merged = mergeBaselines([
    {
      n: 1,
      accuracy: 1,
      macroF1: 1,
      kappa: 0,
      logLoss: 0.4,
      confusion: { negative: { negative: 1, positive: 0 }, positive: { negative: 0, positive: 0 } },
    },
    {
      n: 3,
      accuracy: 1 / 3,
      macroF1: 0.25,
      kappa: 0,
      logLoss: 0.8,
      confusion: { negative: { negative: 1, positive: 0 }, positive: { negative: 2, positive: 0 } },
    },
  ]);
  // Answers: negative four times, right twice. F1 of negative 2/3, of positive 0.
  expect(merged).toMatchObject({ n: 4, accuracy: 0.5, macroF1: 1 / 3, kappa: 0 });
  expect(merged.confusion).toEqual({
    negative: { negative: 2, positive: 0 },
    positive: { negative: 2, positive: 0 },
  });
  expect(merged.logLoss).toBeCloseTo(0.7, 15);
  expect(mergeBaselines([])).toMatchObject({ n: 0, accuracy: 0, logLoss: 0, confusion: {} });
});
