import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CurveSampler, type CurvePoint } from '../../../src/cli/evaluation-curves.ts';
import { shuffled } from '../../../src/cli/evaluation-shuffle.ts';
import { Scorer } from '../../../src/core/metrics/scorer.ts';

const order = ['no', 'yes'];

/** Scores rows; `watch` sees the scorer after each. */
function score(
  rows: readonly { readonly truth: boolean; readonly p: number }[],
  window: number,
  watch: (scorer: Scorer) => void,
): void {
  const scorer = new Scorer({ window, order });
  for (const { truth, p } of rows) {
    const label = truth ? 'yes' : 'no';
    const answer = { classes: order, probabilities: [1 - p, p], best: p > 0.5 ? 1 : 0 };
    scorer.score(label, answer, scorer.baselineAnswer());
    watch(scorer);
    scorer.learn(label);
  }
}

const scoredRow = fc.record({
  truth: fc.boolean(),
  p: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
});

describe('a curve', () => {
  test('has each row while they are few, and the last one always', () => {
    const sampler = new CurveSampler(3, 4);
    const rows = Array.from({ length: 11 }, () => ({ truth: true, p: 0.9 }));
    score(rows.slice(0, 4), 3, (scorer) => sampler.sample(scorer));
    expect(sampler.finish().points.map((point) => point.rows)).toEqual([1, 2, 3, 4]);
    const longer = new CurveSampler(3, 4);
    score(rows, 3, (scorer) => longer.sample(scorer));
    expect(longer.finish().points.map((point) => point.rows)).toEqual([4, 8, 11]);
  });

  test('of nothing has no points', () => {
    expect(new CurveSampler(500).finish()).toEqual({ points: [], window: 500 });
  });

  test('is bounded, ascending and true at each of its points, for any stream', () => {
    fc.assert(
      fc.property(
        fc.array(scoredRow, { maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (rows, window) => {
          const sampler = new CurveSampler(window, 8);
          const seen: {
            model: CurvePoint['model'];
            hits: number;
            repeats: number;
            loss: number;
          }[] = [];
          score(rows, window, (scorer) => {
            sampler.sample(scorer);
            const { accuracy, logLoss } = scorer.cumulative();
            const recent = scorer.rolling();
            const { majority, noChange } = scorer.baselines();
            seen.push({
              model: {
                all: { accuracy, logLoss },
                recent: { accuracy: recent.accuracy, logLoss: recent.logLoss },
              },
              hits: majority.accuracy * majority.n,
              repeats: noChange.accuracy * noChange.n,
              loss: majority.logLoss * majority.n,
            });
          });
          const { points } = sampler.finish();
          expect(points.length).toBeLessThanOrEqual(9);
          expect(points.length >= Math.min(rows.length, 5)).toBe(true);
          expect(points.map((point) => point.rows)).toEqual(
            [...new Set(points.map((point) => point.rows))].toSorted((a, b) => a - b),
          );
          expect(points.at(-1)?.rows).toBe(rows.length === 0 ? undefined : rows.length);
          for (const [index, { rows: at, model, majority, noChange }] of points.entries()) {
            const now = seen[at - 1]!;
            expect(model).toEqual(now.model);
            expect(majority.all.accuracy).toBeCloseTo(now.hits / at, 9);
            if (index < points.length - 1) expect(majority.recent).toBeDefined();
            if (majority.recent === undefined || noChange.recent === undefined) continue;
            const before = seen[at - window - 1] ?? { hits: 0, repeats: 0, loss: 0 };
            const n = Math.min(at, window);
            expect(majority.recent.accuracy).toBeCloseTo((now.hits - before.hits) / n, 9);
            expect(majority.recent.logLoss).toBeCloseTo((now.loss - before.loss) / n, 9);
            expect(noChange.recent.accuracy).toBeCloseTo((now.repeats - before.repeats) / n, 9);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a shuffle', () => {
  const ten = Array.from({ length: 10 }, (_, index) => index);

  test('gives the order of its seed, today and always', () => {
    expect(shuffled(ten, 1)).toEqual([3, 4, 8, 1, 7, 0, 6, 2, 9, 5]);
    expect(shuffled(ten, 2)).toEqual([6, 1, 5, 2, 8, 9, 3, 4, 0, 7]);
    expect(ten).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('keeps every item, for any seed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(0xff_ff_ff_ff), (items, seed) => {
        const byValue = (a: number, b: number): number => a - b;
        expect(shuffled(items, seed).toSorted(byValue)).toEqual(items.toSorted(byValue));
        expect(shuffled(items, seed)).toEqual(shuffled(items, seed));
      }),
    );
  });

  test('puts every item everywhere equally often', () => {
    const seeds = 6000;
    const counts = Array.from({ length: 16 }, () => 0);
    for (let seed = 0; seed < seeds; seed++)
      for (const [at, item] of shuffled([0, 1, 2, 3], seed).entries()) counts[item * 4 + at]! += 1;
    // 1500 each; six standard deviations of a binomial count are 201.
    for (const seen of counts) expect(Math.abs(seen - seeds / 4)).toBeLessThan(201);
  });
});
