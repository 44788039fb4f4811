import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  Calibrator,
  LABELS_BETWEEN_MERGES,
  meanOfCalibrators,
  type CalibratorState,
  type ClassColumns,
  type GroupValues,
} from '../../../../src/core/models/calibrator.ts';

class Columns implements ClassColumns {
  readonly labels: string[];

  constructor(...labels: string[]) {
    this.labels = labels;
  }

  columnFor(label: string): number {
    const known = this.labels.indexOf(label);
    return known === -1 ? this.labels.push(label) - 1 : known;
  }
}

const ORDER = [0, 1];
const EVEN = Float64Array.of(0.5, 0.5);

/** Sums of all groups. */
const valuesOf = (x: Float64Array, classes: number): GroupValues => {
  const groupCount = x.length / classes;
  return { x, groups: Int32Array.from({ length: groupCount }, (_, group) => group), groupCount };
};

/** Group sums of two groups and two classes. */
const sums = (first: number, second: number) =>
  valuesOf(Float64Array.of(-first, first, -second, second), 2);

function newCalibrator(): Calibrator {
  return new Calibrator([1.2, 0.7], new Columns('negative', 'positive'));
}

/** Learns so many records, all alike. */
function teach(calibrator: Calibrator, labels: number, truth = 1): void {
  for (let at = 0; at < labels; at++) calibrator.learn(sums(0.4, -0.2), EVEN, ORDER, truth, 1);
}

describe('one record', () => {
  test('moves a weight against its gradient, by AdaGrad with the new square in it', () => {
    const calibrator = newCalibrator();
    calibrator.learn(sums(0.4, -0.2), EVEN, ORDER, 1, 1);
    // e = (0.5, -0.5): gradients -0.4 and 0.2.
    expect(calibrator.squares[0]).toBeCloseTo(0.16, 15);
    expect(calibrator.weights[0]).toBeCloseTo(1.2 + (0.5 * 0.4) / Math.sqrt(1.16), 15);
    expect(calibrator.weights[1]).toBeCloseTo(0.7 - (0.5 * 0.2) / Math.sqrt(1.04), 15);
    expect(calibrator.snapshot().bias).toEqual([
      ['negative', -0.01],
      ['positive', 0.01],
    ]);
    expect(calibrator.labels).toBe(1);
  });

  test('moves a weight by half at most, and never below zero', () => {
    // With squares of 1 + d² the step 0.5 d / sqrt(1 + G) stays below 0.5: only the floor binds.
    const calibrator = newCalibrator();
    calibrator.learn(sums(1e6, 1e6), EVEN, ORDER, 0, 1);
    expect(calibrator.weights[0]).toBeCloseTo(0.7, 9);
    expect(calibrator.weights[1]).toBeCloseTo(0.2, 9);
    calibrator.learn(sums(0, 1e9), EVEN, ORDER, 0, 1);
    expect(calibrator.weights[0]).toBeCloseTo(0.7, 9);
    expect(calibrator.weights[1]).toBe(0);
  });

  test('of half a weight has half the gradient and half the step of the bias', () => {
    const calibrator = newCalibrator();
    calibrator.learn(sums(0.4, -0.2), EVEN, ORDER, 1, 0.5);
    expect(calibrator.squares[0]).toBeCloseTo(0.04, 15);
    expect(calibrator.weights[0]).toBeCloseTo(1.2 + (0.5 * 0.2) / Math.sqrt(1.04), 15);
    expect(calibrator.snapshot().bias).toEqual([
      ['negative', -0.005],
      ['positive', 0.005],
    ]);
  });
});

describe('a chunk', () => {
  test('that is taken back leaves no trace, a class met in it included', () => {
    const columns = new Columns('negative', 'positive');
    const calibrator = new Calibrator([1.2, 0.7], columns);
    teach(calibrator, 7);
    calibrator.mark();
    const marked = calibrator.snapshot();
    columns.labels.push('a', 'b', 'c', 'd');
    calibrator.reserve(6);
    const p = new Float64Array(6).fill(1 / 6);
    calibrator.learn(valuesOf(new Float64Array(12).fill(0.3), 6), p, [0, 1, 2, 3, 4, 5], 5, 1);
    expect(calibrator.snapshot()).not.toEqual(marked);
    calibrator.rollback();
    expect(calibrator.snapshot()).toEqual(marked);
    calibrator.rollback();
    expect(calibrator.snapshot()).toEqual(marked);
  });

  test('that merged and is taken back is due to merge again', () => {
    const calibrator = newCalibrator();
    teach(calibrator, LABELS_BETWEEN_MERGES);
    calibrator.mark();
    expect(calibrator.isDue(0)).toBe(true);
    calibrator.merge(0, new Map([[1, newCalibrator().snapshot()]]));
    expect(calibrator.isDue(0)).toBe(false);
    calibrator.rollback();
    expect(calibrator.isDue(0)).toBe(true);
  });
});

test('a restored calibrator goes on as the one it was taken from, whatever its columns', () => {
  const one = newCalibrator();
  teach(one, 30);
  const state = JSON.parse(JSON.stringify(one.snapshot())) as CalibratorState;
  const columns = new Columns('positive', 'negative');
  const other = Calibrator.restore(state, columns);
  expect(other.snapshot()).toEqual(one.snapshot());
  one.learn(sums(0.1, 0.3), Float64Array.of(0.3, 0.7), [0, 1], 0, 1);
  other.learn(sums(0.1, 0.3), Float64Array.of(0.3, 0.7), [1, 0], 0, 1);
  expect(other.snapshot()).toEqual(one.snapshot());
});

describe('the merge of partitions', () => {
  let own: Calibrator;
  let other: Calibrator;

  beforeEach(() => {
    own = newCalibrator();
    other = newCalibrator();
  });

  const weight = (calibrator: Calibrator) => calibrator.weights[0] ?? NaN;

  test('is the mean by the labels that each learned', () => {
    teach(own, 100);
    teach(other, 300, 0);
    const [mine, theirs] = [weight(own), weight(other)];
    expect(own.merge(2, new Map([[0, other.snapshot()]]))).toBe(true);
    expect(weight(own)).toBeCloseTo((100 * mine + 300 * theirs) / 400, 12);
    expect(own.snapshot().merged).toEqual([
      [0, 300],
      [2, 100],
    ]);
    expect(own.labels).toBe(100);
  });

  test('counts labels since the last merge: who has learned none since weighs nothing', () => {
    teach(own, 100);
    teach(other, 300, 0);
    own.merge(0, new Map([[1, other.snapshot()]]));
    const merged = weight(own);
    teach(own, 50);
    const mine = weight(own);
    expect(mine).not.toBe(merged);
    own.merge(0, new Map([[1, other.snapshot()]]));
    expect(weight(own)).toBeCloseTo(mine, 12);
    teach(other, 50, 0);
    own.merge(0, new Map([[1, other.snapshot()]]));
    expect(weight(own)).toBeCloseTo(weight(other), 12);
  });

  test('keeps the values where nobody has learned anything since', () => {
    expect(own.merge(0, new Map([[1, other.snapshot()]]))).toBe(false);
    expect(own.snapshot()).toEqual(newCalibrator().snapshot());
  });

  test('is due each 25 labels of the partition, and always while it has none', () => {
    expect(own.isDue(0)).toBe(true);
    teach(own, 24);
    expect(own.isDue(0)).toBe(false);
    teach(own, 1);
    expect(own.isDue(0)).toBe(true);
    own.merge(0, new Map([[1, other.snapshot()]]));
    teach(own, 24);
    expect(own.isDue(0)).toBe(false);
    teach(own, 1);
    expect(own.isDue(0)).toBe(true);
  });

  test('leaves a single partition as it is, bit for bit, so that chunks do not show', () => {
    teach(own, 33);
    const before = own.snapshot();
    expect(own.merge(0, new Map())).toBe(false);
    expect(own.snapshot()).toEqual(before);
    expect(own.isDue(0)).toBe(true);
  });

  test('gives a partition without labels the mean of the others by all of their labels, each time', () => {
    const third = newCalibrator();
    teach(other, 100, 0);
    teach(third, 100);
    const states = () =>
      new Map([
        [1, other.snapshot()],
        [2, third.snapshot()],
      ]);
    own.merge(0, states());
    expect(weight(own)).toBeCloseTo((weight(other) + weight(third)) / 2, 12);
    teach(third, 200);
    own.merge(0, states());
    expect(weight(own)).toBeCloseTo((100 * weight(other) + 300 * weight(third)) / 400, 12);
    expect(own.snapshot().merged).toEqual([]);
  });

  test('takes a class that another partition met', () => {
    const columns = new Columns('negative', 'positive', 'neutral');
    const met = new Calibrator([1.2, 0.7], columns);
    met.learn(valuesOf(new Float64Array(6), 3), Float64Array.of(0.4, 0.4, 0.2), [0, 1, 2], 2, 1);
    teach(own, 1);
    own.merge(0, new Map([[1, met.snapshot()]]));
    expect(new Map(own.snapshot().bias).get('neutral')).toBeCloseTo(0.008, 15);
  });

  test('gives equal bytes whatever the order in which the others were seen', () => {
    teach(own, 3);
    teach(other, 7, 0);
    const third = newCalibrator();
    teach(third, 11);
    const state = own.snapshot();
    const again = Calibrator.restore(state, new Columns('negative', 'positive'));
    own.merge(
      1,
      new Map([
        [0, other.snapshot()],
        [2, third.snapshot()],
      ]),
    );
    again.merge(
      1,
      new Map([
        [2, third.snapshot()],
        [0, other.snapshot()],
      ]),
    );
    expect(again.snapshot()).toEqual(own.snapshot());
  });

  test('lies between the values it is made of', () => {
    const values = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), {
      minLength: 3,
      maxLength: 3,
    });
    const part = fc.record({ weights: values, weight: fc.integer({ min: 0, max: 1000 }) });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const mean = meanOfCalibrators(
          parts.map(({ weights, weight: of }) => ({
            state: { weights, squares: weights, bias: [['a', weights[0]!]] },
            weight: of,
          })),
        );
        const counted = parts.filter(({ weight: of }) => of > 0);
        if (counted.length === 0) {
          expect(mean).toBeUndefined();
          return;
        }
        for (const group of [0, 1, 2]) {
          const all = counted.map(({ weights }) => weights[group]!);
          expect(mean!.weights[group]).toBeGreaterThanOrEqual(Math.min(...all) - 1e-12);
          expect(mean!.weights[group]).toBeLessThanOrEqual(Math.max(...all) + 1e-12);
        }
        expect(mean!.bias[0]![1]).toBeCloseTo(mean!.weights[0]!, 9);
      }),
    );
  });
});
