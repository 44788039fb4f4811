import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { NO_PAIRS, type PairedSums } from '../../../../src/core/metrics/paired-comparison.ts';
import {
  compareAccuracy,
  compareLogLoss,
  pairsUntilVerdict,
  type PairedDifference,
} from '../../../../src/core/metrics/paired-verdict.ts';

function counted(champion: number, challenger: number, same = 0): PairedSums {
  return { ...NO_PAIRS, n: champion + challenger + same, both: same, champion, challenger };
}
function lost(n: number, sum: number, squares: number): PairedSums {
  return { ...NO_PAIRS, n, both: n, logLoss: { sum, squares } };
}

const count = fc.oneof(fc.nat(50), fc.nat(100_000), fc.constant(1_000_000_000));
const sums = fc
  .tuple(count, count, count, fc.double({ min: -1, max: 1, noNaN: true }), fc.nat(30))
  .map(([champion, challenger, same, mean, spread]): PairedSums => {
    const counts = counted(champion, challenger, same);
    const { n } = counts;
    return { ...counts, logLoss: { sum: n * mean, squares: n * (mean * mean + spread) } };
  });
const OPPOSITE = {
  'challenger better': 'champion better',
  'champion better': 'challenger better',
  undecided: 'undecided',
} as const;

/** Uniform numbers in 0 … 1, both exclusive. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

describe('the difference in accuracy', () => {
  test('literals: 100 pairs of which 30 and 10 were right for one only', () => {
    const compared = compareAccuracy(counted(10, 30, 60));
    expect(compared).toMatchObject({ difference: 0.2, alpha: 0.05, verdict: 'undecided' });
    expect(compared.eValue).toBeCloseTo(15.065552247836719, 6);
    expect(compared.lower).toBeCloseTo(-0.006313272568312, 6);
    expect(compared.upper).toBeCloseTo(0.442390291368185, 6);
  });

  test('is decided where about 3.3 times the root of the discordant pairs are reached', () => {
    expect(compareAccuracy(counted(33, 67, 400)).verdict).toBe('challenger better');
    expect(compareAccuracy(counted(67, 33, 400)).verdict).toBe('champion better');
    expect(compareAccuracy(counted(34, 66, 400)).verdict).toBe('undecided');
    // McNemar's test, which may look once, gives p = 0.0027 here.
    expect(compareAccuracy(counted(498_500, 501_500)).verdict).toBe('undecided');
    expect(compareAccuracy(counted(498_000, 502_000)).verdict).toBe('challenger better');
  });

  test('the e-value is a martingale: its mean over the next pair is what it was', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.nat(20), (champion, challenger, same) => {
        const now = compareAccuracy(counted(champion, challenger, same)).eValue;
        const up = compareAccuracy(counted(champion, challenger + 1, same)).eValue;
        const down = compareAccuracy(counted(champion + 1, challenger, same)).eValue;
        expect((up + down) / 2 / now).toBeCloseTo(1, 9);
        expect(compareAccuracy(counted(champion, challenger, same + 1)).eValue).toBe(now);
      }),
      { numRuns: 30 },
    );
  });

  test('shrinks as the same proportions go on, and closes in on the difference', () => {
    const widths = [1, 10, 100, 1000, 100_000].map((times) => {
      const { lower, upper, difference } = compareAccuracy(
        counted(5 * times, 8 * times, 87 * times),
      );
      expect(difference).toBeCloseTo(0.03, 12);
      return upper - lower;
    });
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(widths.at(-1)).toBeLessThan(0.001);
  });

  test('covers the average at every look, whatever the difference does', () => {
    const runs = 30;
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      const random = generator(run + 1);
      let [champion, challenger, n, target] = [0, 0, 0, 0];
      let isCovered = true;
      for (; n < 1000 && isCovered;) {
        // The better model changes with the past, too.
        const share = champion < challenger ? 0.3 : 0.6;
        if (random() < 0.3) {
          if (random() < share) challenger += 1;
          else champion += 1;
        }
        n += 1;
        target += 0.3 * (2 * share - 1);
        if (n % 50 > 0) continue;
        const { lower, upper } = compareAccuracy(
          counted(champion, challenger, n - champion - challenger),
          0.2,
        );
        isCovered = lower <= target / n && target / n <= upper;
      }
      if (!isCovered) missed += 1;
    }
    expect(missed).toBeLessThan(0.2 * runs);
  });
});

describe('the difference in log loss', () => {
  test('less loss is better', () => {
    expect(compareLogLoss(lost(10_000, -1000, 2500)).verdict).toBe('challenger better');
    expect(compareLogLoss(lost(10_000, 1000, 2500)).verdict).toBe('champion better');
    expect(compareLogLoss(lost(100, -10, 25)).verdict).toBe('undecided');
  });

  test('is in nats, with an interval around it', () => {
    const { difference, lower, upper } = compareLogLoss(lost(10_000, -1000, 2500));
    expect(difference).toBeCloseTo(-0.1, 12);
    expect(lower).toBeCloseTo(-0.131754686419438, 6);
    expect(upper).toBeCloseTo(-0.068245313580562, 6);
    // Nothing counted: all that losses can be.
    expect(compareLogLoss(NO_PAIRS).upper).toBeCloseTo(34.538776394910684, 12);
  });

  test('many small gains do not decide while one great loss could outweigh them', () => {
    expect(compareLogLoss(lost(100, -5, 0.25)).verdict).toBe('undecided');
    expect(compareLogLoss(lost(6000, -300, 15)).verdict).toBe('challenger better');
  });

  test('one record cannot decide, however sure one model was of the wrong class', () => {
    expect(compareLogLoss(lost(1, -34.5, 34.5 ** 2)).verdict).toBe('undecided');
  });
});

const kinds = [
  ['accuracy', compareAccuracy, 1],
  ['log loss', compareLogLoss, 34.538776394910684],
] as const;

describe.each(kinds)('%s', (_, compare, most) => {
  test('all figures are finite, the interval holds the difference and agrees with verdict and e-value', () => {
    fc.assert(
      fc.property(sums, fc.constantFrom(0.001, 0.05, 0.5), (each, alpha) => {
        const { difference, lower, upper, eValue, verdict } = compare(each, alpha);
        for (const value of [difference, lower, upper, eValue])
          expect(Number.isFinite(value)).toBe(true);
        expect(-most).toBeLessThanOrEqual(lower);
        expect(lower).toBeLessThanOrEqual(difference);
        expect(difference).toBeLessThanOrEqual(upper);
        expect(upper).toBeLessThanOrEqual(most);
        expect(verdict === 'undecided').toBe(lower <= 0 && upper >= 0);
        if (Math.abs(Math.log(eValue * alpha)) > 1e-6)
          expect(verdict === 'undecided').toBe(eValue < 1 / alpha);
      }),
    );
  });

  test('swapping the two turns the signs and nothing else', () => {
    fc.assert(
      fc.property(sums, (each) => {
        const { sum, squares } = each.logLoss;
        const swapped = compare({
          ...each,
          champion: each.challenger,
          challenger: each.champion,
          logLoss: { sum: -sum, squares },
        });
        const { difference, lower, upper, eValue, verdict } = compare(each);
        const expected: PairedDifference = {
          difference: 0 - difference,
          lower: 0 - upper,
          upper: 0 - lower,
          alpha: 0.05,
          eValue,
          verdict: OPPOSITE[verdict],
        };
        expect({ ...swapped, difference: 0 + swapped.difference }).toEqual(expected);
      }),
    );
  });

  test('nothing says nothing, and a smaller alpha says less', () => {
    expect(compare(NO_PAIRS)).toEqual({
      difference: 0,
      lower: -most,
      upper: most,
      alpha: 0.05,
      eValue: expect.closeTo(1, 12),
      verdict: 'undecided',
    });
    fc.assert(
      fc.property(sums, (each) => {
        const [wide, narrow] = [compare(each, 0.01), compare(each, 0.1)];
        expect(wide.lower).toBeLessThanOrEqual(narrow.lower);
        expect(wide.upper).toBeGreaterThanOrEqual(narrow.upper);
      }),
    );
  });

  test('an alpha that is no probability is refused', () => {
    for (const alpha of [0, 1, -0.1, Number.NaN])
      expect(() => compare(NO_PAIRS, alpha)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
  });
});

test('a billion to nothing is decided, with an e-value that JSON can write', () => {
  const sure = compareAccuracy(counted(0, 1_000_000_000));
  expect(sure.verdict).toBe('challenger better');
  expect(JSON.parse(JSON.stringify(sure.eValue))).toBe(Number.MAX_VALUE);
  expect(sure.lower).toBeGreaterThan(0.999);
});

describe('pairs until a verdict', () => {
  test('none when there is one, the number that brings it when things go on as before', () => {
    const ahead = pairsUntilVerdict(counted(10, 30, 60)) ?? NaN;
    expect(ahead).toBe(7);
    const grown = (factor: number): PairedSums => counted(10 * factor, 30 * factor, 60 * factor);
    expect(compareAccuracy(grown(1 + ahead / 100)).verdict).toBe('challenger better');
    expect(compareAccuracy(grown(1 + (ahead - 2) / 100)).verdict).toBe('undecided');
    expect(pairsUntilVerdict(counted(33, 67, 400))).toBe(0);
  });

  test('cannot be said of nothing, of a tie, or of what would take for ever', () => {
    expect(pairsUntilVerdict(NO_PAIRS)).toBeUndefined();
    expect(pairsUntilVerdict(counted(40, 40, 900))).toBeUndefined();
    expect(pairsUntilVerdict(counted(1000, 1001))).toBeUndefined();
  });
});
