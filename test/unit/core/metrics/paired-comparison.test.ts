import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  mergePairs,
  NO_PAIRS,
  PairedComparison,
  pairedScore,
  type PairedSums,
} from '../../../../src/core/metrics/paired-comparison.ts';
import { Scorer, type ScoredAnswer } from '../../../../src/core/metrics/scorer.ts';

const classes = ['negative', 'positive'];
const answer = (p: number): ScoredAnswer => ({
  classes,
  probabilities: [1 - p, p],
  best: p > 0.5 ? 1 : 0,
});
const NONE: ScoredAnswer = { classes: [], probabilities: [], best: -1 };

/** Probabilities of `positive`, the true label of every record: champion's, challenger's. */
type Pair = readonly [champion: number, challenger: number];
const share = fc.double({ min: 0, max: 1, noNaN: true });
const pairs = fc.array(fc.tuple(share, share), { maxLength: 30 });

function add(comparison: PairedComparison, scored: readonly Pair[]): PairedComparison {
  for (const [p, q] of scored) comparison.score('positive', answer(p), answer(q));
  return comparison;
}
const sumsOf = (scored: readonly Pair[]): PairedSums =>
  add(new PairedComparison(), scored).snapshot();

describe('a comparison', () => {
  test('counts who was right and sums the difference in log loss, challenger less champion', () => {
    const { logLoss, ...counts } = sumsOf([
      [0.8, 0.9],
      [0.75, 0.25],
      [0.25, 0.75],
      [0.25, 0.75],
      [0.1, 0.2],
    ]);
    expect(counts).toEqual({ n: 5, both: 1, champion: 1, challenger: 2, neither: 1 });
    // ln(8/9) + ln 3 - 2 ln 3 - ln 2
    expect(logLoss.sum).toBeCloseTo(-1.909542504884439, 14);
    expect(logLoss.squares).toBeCloseTo(4.115172739844379, 13);
  });

  test('a label that an answer lacks is a wrong answer that costs 34.5 nats', () => {
    expect(pairedScore('neutral', answer(0.9))).toEqual({
      right: false,
      logLoss: 34.538776394910684,
    });
  });

  test('no loss counts more than the worst that the metrics know', () => {
    const comparison = new PairedComparison();
    comparison.add({ right: true, logLoss: 0 }, { right: false, logLoss: Infinity });
    expect(comparison.snapshot().logLoss.sum).toBe(34.538776394910684);
  });

  test('a record that one model had no answer to is no pair', () => {
    const comparison = new PairedComparison();
    comparison.score('positive', NONE, answer(0.9));
    comparison.score('positive', answer(0.9), NONE);
    expect(pairedScore('positive', NONE)).toBeUndefined();
    expect(comparison.snapshot()).toEqual(NO_PAIRS);
  });

  test('agrees with the metrics of both models on the same records', () => {
    fc.assert(
      fc.property(pairs, (scored) => {
        const [champion, challenger] = [0, 1].map((side) => {
          const scorer = new Scorer({ window: 5, order: classes });
          for (const pair of scored)
            scorer.score('positive', answer(pair[side]!), scorer.baselineAnswer());
          return scorer.cumulative();
        });
        const sums = sumsOf(scored);
        const right = (row: typeof champion): number => row!.confusion['positive']!['positive']!;
        expect(sums.both + sums.champion).toBe(right(champion));
        expect(sums.both + sums.challenger).toBe(right(challenger));
        expect(sums.both + sums.champion + sums.challenger + sums.neither).toBe(scored.length);
        expect(sums.logLoss.sum).toBeCloseTo(challenger!.sums.logLoss - champion!.sums.logLoss, 9);
      }),
    );
  });

  test('the parts of any split add up to the whole', () => {
    fc.assert(
      fc.property(pairs, fc.array(fc.nat(30), { maxLength: 3 }), (scored, cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), scored.length];
        const parts = edges.slice(1).map((end, at) => sumsOf(scored.slice(edges[at], end)));
        const { logLoss, ...counts } = mergePairs(parts);
        const { logLoss: expected, ...whole } = sumsOf(scored);
        expect(counts).toEqual(whole);
        expect(logLoss.sum).toBeCloseTo(expected.sum, 9);
        expect(logLoss.squares).toBeCloseTo(expected.squares, 8);
      }),
    );
  });

  test('a rollback goes back to the mark bit for bit, a restored one goes on the same', () => {
    fc.assert(
      fc.property(pairs, pairs, pairs, (kept, dropped, after) => {
        const comparison = add(new PairedComparison(), kept);
        comparison.mark();
        const marked = JSON.stringify(comparison.snapshot());
        add(comparison, dropped).rollback();
        expect(JSON.stringify(comparison.snapshot())).toBe(marked);
        add(comparison, dropped).rollback();
        const restored = PairedComparison.restore(JSON.parse(marked) as PairedSums);
        expect(add(restored, after).snapshot()).toEqual(add(comparison, after).snapshot());
        restored.rollback();
        expect(restored.snapshot()).toEqual(JSON.parse(marked));
        expect(comparison.n).toBe(kept.length + after.length);
      }),
    );
  });

  test('a snapshot does not change with what follows', () => {
    const comparison = add(new PairedComparison(), [[0.9, 0.1]]);
    const snapshot = comparison.snapshot();
    add(comparison, [[0.9, 0.1]]);
    expect(snapshot).toMatchObject({ n: 1, champion: 1 });
  });
});

test('no comparisons merge to nothing', () => {
  expect(mergePairs([])).toEqual(NO_PAIRS);
});
