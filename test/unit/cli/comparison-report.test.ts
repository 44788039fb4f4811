import { describe, expect, test } from '@jest/globals';
import {
  comparisonReport,
  promotionLines,
  type Compared,
  type ComparisonReport,
} from '../../../src/cli/comparison-report.ts';
import { palette } from '../../../src/cli/display.ts';
import type { PairedSums } from '../../../src/core/metrics/paired-comparison.ts';
import { Scorer, type MetricValues } from '../../../src/core/metrics/scorer.ts';

function sums(champion: number, challenger: number, mean = 0): PairedSums {
  const n = 1000;
  const both = 700;
  const neither = n - both - champion - challenger;
  return { n, both, champion, challenger, neither, logLoss: { sum: n * mean, squares: n * 0.01 } };
}

const compared = (partitions: readonly PairedSums[], rest: Partial<Compared> = {}): Compared => ({
  champion: 'champion',
  challenger: 'dfe',
  partitions,
  ...rest,
});
const textOf = (report: ComparisonReport): string =>
  promotionLines(report, palette(false)).join('\n');

describe('the report', () => {
  test('adds the partitions up and says that the challenger should be promoted, and how', () => {
    const report = comparisonReport(compared([sums(30, 80), sums(40, 90)]));
    expect(report).toMatchObject({
      champion: 'champion',
      challenger: 'dfe',
      partitions: 2,
      pairs: { n: 2000, both: 1400, champion: 70, challenger: 170, neither: 360 },
      verdict: 'challenger better',
      accuracy: { championRight: 0.735, challengerRight: 0.785, verdict: 'challenger better' },
      logLoss: { difference: 0, verdict: 'undecided' },
      pairsUntilVerdict: 0,
      classes: [],
      next: 'valence model promote dfe',
    });
    expect(report.accuracy.difference).toBeCloseTo(0.05, 12);
    expect(textOf(report)).toBe(
      [
        'dfe against champion  2,000 records that both answered · 2 partitions',
        '',
        'Right          Records   Share',
        'both             1,400  70.0 %',
        'only champion       70   3.5 %',
        'only dfe           170   8.5 %',
        'neither            360  18.0 %',
        '',
        'Challenger less champion  Difference    From      To  E-value  Verdict',
        'accuracy, points               +5.00   +2.41   +7.76   > 10^7  challenger better',
        'log loss, nats                 0.000  -0.109  +0.109     1.00  undecided',
        '',
        'dfe is better than champion: +2.41 to +7.76 points of accuracy, 95 %, however often you look.',
        '',
        '  valence model promote dfe  (valence model rollback takes it back)',
      ].join('\n'),
    );
  });

  test('is JSON: nothing in it is lost', () => {
    const sure = comparisonReport(compared([{ ...sums(0, 0), n: 1e9, both: 0, challenger: 1e9 }]));
    expect(JSON.parse(JSON.stringify(sure))).toEqual(sure);
    expect(textOf(sure)).toContain('> 10^308');
  });

  test('warns where a more accurate challenger has worse probabilities', () => {
    const text = textOf(comparisonReport(compared([sums(30, 150, 1)])));
    expect(text).toContain('dfe is better than champion');
    expect(text).toMatch(
      /The probabilities of dfe are worse: log loss higher by 0\.\d{3} nats at least\./,
    );
  });

  test('of a worse challenger has nothing to type', () => {
    const report = comparisonReport(compared([sums(150, 30)]));
    expect(report).toMatchObject({ verdict: 'champion better', next: null });
    const text = textOf(report);
    expect(text).toContain('dfe is worse than champion: -');
    expect(text).not.toContain('promote');
  });

  test('forecasts an undecided one, or says that it cannot', () => {
    const report = comparisonReport(compared([sums(50, 60)], { alpha: 0.01 }));
    expect(report).toMatchObject({ verdict: 'undecided', next: null });
    expect(textOf(report)).toContain('a verdict takes about 16,263 more records.');
    expect(textOf(report)).toContain('99 %, however often you look');
    expect(textOf(comparisonReport(compared([sums(50, 50)])))).toContain(
      'Too close to say how many more records a verdict takes.',
    );
  });

  test('an undecided one tells of probabilities that are better', () => {
    expect(textOf(comparisonReport(compared([sums(50, 60, -1)])))).toMatch(
      /The probabilities of dfe are better: log loss lower by 0\.\d{3} nats at least\./,
    );
  });

  test('of nothing says so', () => {
    const text = textOf(comparisonReport(compared([])));
    expect(text).toBe(
      'dfe against champion  0 records that both answered · 0 partitions\n\n' +
        'Nothing to compare yet: no label met an answer of both models.',
    );
  });

  test('shows what each had right of each class, whatever classes are called', () => {
    const metrics = (truths: readonly string[], order: readonly string[]): MetricValues => {
      const scorer = new Scorer({ window: 5, order });
      for (const truth of truths)
        scorer.score(
          truth,
          { classes: order, probabilities: [1, 0], best: 0 },
          scorer.baselineAnswer(),
        );
      return scorer.cumulative();
    };
    const report = comparisonReport(
      compared([sums(1, 2)], {
        metrics: {
          champion: metrics(['__proto__', '__proto__', 'good'], ['__proto__', 'good']),
          challenger: metrics(['good'], ['good', 'new\u001b[31m']),
        },
      }),
    );
    expect(report.classes).toEqual([
      {
        label: '__proto__',
        champion: { records: 2, accuracy: 1 },
        challenger: { records: 0, accuracy: null },
      },
      {
        label: 'good',
        champion: { records: 1, accuracy: 0 },
        challenger: { records: 1, accuracy: 1 },
      },
      {
        label: 'new\u001b[31m',
        champion: { records: 0, accuracy: null },
        challenger: { records: 0, accuracy: null },
      },
    ]);
    const text = textOf(report);
    expect(text).toMatch(/^good +1 +0\.0 % +1 +100\.0 %$/m);
    expect(text).not.toContain('\u001b');
  });

  test('an alpha that is no probability is refused', () => {
    expect(() => comparisonReport(compared([], { alpha: 1 }))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
