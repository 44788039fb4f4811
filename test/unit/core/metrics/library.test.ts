import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ConfusionMatrix } from '../../../../src/core/metrics/confusion-matrix.ts';
import {
  accuracy,
  kappa,
  kappaM,
  kappaT,
  macroF1,
} from '../../../../src/core/metrics/label-metrics.ts';
import { Mean } from '../../../../src/core/metrics/means.ts';
import {
  Brier,
  CalibrationError,
  LogLoss,
  RiverRocAuc,
  type ProbabilityMetric,
} from '../../../../src/core/metrics/probability-metrics.ts';
import {
  checkpointLine,
  classificationReport,
  numberLine,
  percent,
  percentLine,
} from '../../../../src/core/metrics/report.ts';
import { Rolling } from '../../../../src/core/metrics/rolling.ts';

const label = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const pairs = fc.array(fc.tuple(label, label), { maxLength: 60 });
const matrixOf = (updates: readonly (readonly [string, string])[]): ConfusionMatrix => {
  const matrix = new ConfusionMatrix(['a', 'b', 'c', '__proto__', 'constructor']);
  for (const [truth, answer] of updates) matrix.update(truth, answer);
  return matrix;
};

describe('ConfusionMatrix', () => {
  test('counts what was true down and what was answered across', () => {
    const matrix = matrixOf([
      ['a', 'a'],
      ['a', 'b'],
      ['b', 'b'],
      ['a', '__proto__'],
    ]);
    expect(matrix.at(matrix.index('a'), matrix.index('b'))).toBe(1);
    expect([...matrix.rows]).toEqual([3, 1, 0, 0, 0]);
    expect([...matrix.columns]).toEqual([1, 2, 0, 1, 0]);
    expect([matrix.hits, matrix.total]).toEqual([2, 4]);
    expect(matrix.index('never')).toBe(-1);
  });

  test('a revert undoes its update, weights too', () => {
    fc.assert(
      fc.property(pairs, pairs, fc.integer({ min: 1, max: 9 }), (kept, undone, weight) => {
        const matrix = matrixOf(kept);
        for (const [truth, answer] of undone) matrix.update(truth, answer, weight);
        for (const [truth, answer] of undone) matrix.revert(truth, answer, weight);
        expect(matrix).toEqual(matrixOf(kept));
        expect([...matrix.cells]).toEqual([...matrixOf(kept).cells]);
      }),
    );
  });

  test('merged parts equal the whole', () => {
    fc.assert(
      fc.property(pairs, pairs, (left, right) => {
        const merged = matrixOf(left);
        merged.merge(matrixOf(right));
        expect([...merged.cells]).toEqual([...matrixOf([...left, ...right]).cells]);
      }),
    );
  });

  test('a window holds its last updates', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: 1, max: 12 }), (updates, window) => {
        const rolling = new Rolling(matrixOf([]), window);
        for (const [truth, answer] of updates) rolling.update(truth, answer);
        expect([...rolling.target.cells]).toEqual([...matrixOf(updates.slice(-window)).cells]);
      }),
    );
  });
});

describe('chance-corrected accuracies', () => {
  const matrix = matrixOf([
    ['a', 'a'],
    ['a', 'a'],
    ['a', 'b'],
    ['b', 'b'],
  ]);
  test('kappa, kappa-M and kappa-T by hand', () => {
    expect(kappa(matrix)).toBeCloseTo((0.75 - 0.5) / 0.5, 15); // (3·2 + 1·2) / 16 = 0.5
    expect(kappaM(matrix)).toBe(0);
    expect(kappaT(matrix, 2)).toBe(0.5);
  });
  test('nothing scored, or nothing left to win, gives 0', () => {
    const empty = new ConfusionMatrix();
    expect([accuracy(empty), macroF1(empty), kappa(empty), kappaM(empty)]).toEqual([0, 0, 0, 0]);
    const sure = matrixOf([['a', 'a']]);
    expect([kappa(sure), kappaM(sure), kappaT(sure, 1)]).toEqual([0, 0, 0]);
  });
});

describe('probability metrics', () => {
  const answer = new Map([
    ['a', 0.7],
    ['b', 0.2],
    ['c', 0.1],
  ]);

  test('Brier and calibration error by hand', () => {
    const [brier, ece] = [new Brier(), new CalibrationError()];
    for (const truth of ['a', 'b', 'other']) {
      brier.update(truth, answer);
      ece.update(truth, answer);
    }
    // .3² + .2² + .1²; .7² + .8² + .1²; .7² + .2² + .1² + 1
    expect(brier.value).toBeCloseTo((0.14 + 1.14 + 1.54) / 3, 14);
    expect(ece.value).toBeCloseTo(Math.abs(1 - 2.1) / 3, 14);
  });

  test('the top bin takes a probability of 1', () => {
    const ece = new CalibrationError();
    ece.update('a', new Map([['a', 1]]));
    ece.update('b', new Map([['a', 1]]));
    expect(ece.value).toBe(0.5);
  });

  test('a revert undoes an update', () => {
    const metrics: ProbabilityMetric[] = [
      new LogLoss(),
      new Brier(),
      new CalibrationError(),
      new RiverRocAuc('a'),
    ];
    for (const metric of metrics) {
      metric.update('a', answer);
      metric.update('b', answer);
      const before = metric.value;
      metric.update('c', new Map([['a', 0.9]]));
      expect(metric.value).not.toBe(before);
      metric.revert('c', new Map([['a', 0.9]]));
      expect(metric.value).toBeCloseTo(before, 12);
    }
  });

  test('a mean forgets what is reverted and is 0 when nothing is left', () => {
    const mean = new Mean();
    mean.update(4);
    mean.update(1, 3);
    expect([mean.value, mean.n]).toEqual([1.75, 4]);
    mean.revert(1, 3);
    expect(mean.value).toBe(4);
    mean.revert(4);
    expect([mean.value, mean.n]).toEqual([0, 0]);
  });
});

describe('text', () => {
  test.each([
    [0, '0.00%'],
    [1, '100.00%'],
    [0.6, '60.00%'],
    [0.30125, '30.12%'], // exactly between two hundredths: to the even one
    [0.30375, '30.38%'],
    [-12.3456, '-1,234.56%'],
    [-0.5, '-50.00%'],
  ])('%d is %s', (share, text) => {
    expect(percent(share)).toBe(text);
  });

  test('lines', () => {
    expect(percentLine('Accuracy', 0.6)).toBe('Accuracy: 60.00%');
    expect(numberLine('LogLoss', 0.64)).toBe('LogLoss: 0.64');
    expect(numberLine('Seen', 1200)).toBe('Seen: 1,200');
    expect(checkpointLine(1000, percentLine('Accuracy', 0.9504))).toBe('[1,000] Accuracy: 95.04%');
  });

  test('the report of nothing has no classes and no error', () => {
    expect(classificationReport(new ConfusionMatrix())).toContain('0.00% accuracy');
  });
});
