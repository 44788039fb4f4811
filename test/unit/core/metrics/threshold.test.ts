import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  parseThreshold,
  ThresholdState,
  thresholdValue,
  type ThresholdMetrics,
} from '../../../../src/core/metrics/threshold.ts';
import { emptySums, type MetricValues } from '../../../../src/core/metrics/values.ts';

const odd = 'a.b >= 1';

function values(part: Partial<MetricValues> = {}, n = 10): MetricValues {
  return {
    accuracy: 0.8,
    macroF1: 0.7,
    kappa: 0.6,
    logLoss: 0.5,
    ece: 0.04,
    classes: {
      negative: { precision: 0.1, recall: 0.2, f1: 0.3, support: 4 },
      [odd]: { precision: 0.5, recall: 0.6, f1: 0.55, support: 6 },
      unseen: { precision: 0, recall: 0, f1: 0, support: 0 },
      answered: { precision: 0, recall: 0, f1: 0, support: 0 },
    },
    confusion: { negative: { negative: 1, answered: 3, unseen: 0 } },
    sums: { ...emptySums(), n },
    ...part,
  };
}
function metrics(rolling: Partial<MetricValues> = {}, n = 10): ThresholdMetrics {
  const baseline = { n, accuracy: 0.51, macroF1: 0.52, kappa: 0.53, logLoss: 0.54, confusion: {} };
  return {
    cumulative: values({ accuracy: 0.9 }, n),
    rolling: values(rolling, n),
    baselines: { majority: baseline, noChange: { ...baseline, accuracy: 0.61 } },
  };
}
const valueOf = (rule: string, of = metrics()): number | undefined =>
  thresholdValue(parseThreshold(rule).path, of);

describe('reading', () => {
  test.each([
    ['rolling.accuracy>=0.6', 0.8],
    ['cumulative.accuracy >= 0.6', 0.9],
    [' rolling.macroF1  > 1e-1 ', 0.7],
    ['rolling.kappa>-0.5', 0.6],
    ['rolling.logLoss<=.7', 0.5],
    ['cumulative.ece < 5.', 0.04],
    ['rolling.recall.negative>=0.5', 0.2],
    ['rolling.classes.negative.recall>=0.5', 0.2],
    ['rolling.support.negative>3', 4],
    [`rolling.f1.${odd} >= 0.5`, 0.55],
    [`rolling.classes.${odd}.precision<0.5`, 0.5],
    ['baselines.majority.accuracy<0.6', 0.51],
    ['baselines.noChange.accuracy<0.6', 0.61],
    ['baselines.majority.logLoss<0.6', 0.54],
  ])('%s looks at %d', (rule, value) => {
    expect(valueOf(rule)).toBe(value);
  });

  test('operator, bound and the text verbatim', () => {
    expect(parseThreshold(' rolling.recall.a > b <= -1.5e-1')).toEqual({
      rule: ' rolling.recall.a > b <= -1.5e-1',
      path: { scope: 'rolling', metric: 'recall', label: 'a > b' },
      operator: '<=',
      bound: -0.15,
    });
  });

  test('any class name survives both forms', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => text === text.trim());
    fc.assert(
      fc.property(name, (label) => {
        const path = { scope: 'rolling', metric: 'recall', label };
        expect(parseThreshold(`rolling.recall.${label}>=0.5`).path).toEqual(path);
        expect(parseThreshold(`rolling.classes.${label}.recall>=0.5`).path).toEqual(path);
      }),
    );
  });

  test.each([
    ['rolling.accuracy', /must end in/u],
    ['rolling.accuracy=0.6', /must end in/u],
    ['rolling.accuracy>=high', /must end in/u],
    ['rolling.accuracy>=1e999', /must end in/u],
    ['>=0.6', /must end in/u],
    ['accuracy>=0.6', /must begin with/u],
    ['rolling.acuracy>=0.6', /no metric 'acuracy'/u],
    ['rolling.accuracy.negative>=0.6', /accuracy takes no class/u],
    ['rolling.recall>=0.6', /recall needs a class/u],
    ['rolling.classes.negative>=0.6', /class and its metric/u],
    ['rolling.classes.negative.acc>=0.6', /a class has no metric 'acc'/u],
    ['baselines.random.accuracy>=0.6', /no baseline 'random'/u],
    ['baselines.majority.ece>=0.6', /a baseline has no metric 'ece'/u],
  ])('%s is refused with the reason and the list of metrics', (rule, reason) => {
    let error: unknown;
    try {
      parseThreshold(rule);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: 'ValenceError', code: 'CONFIG_INVALID' });
    expect((error as Error).message).toMatch(reason);
    expect((error as Error).message).toContain('accuracy, macroF1, kappa, logLoss or ece');
    expect((error as Error).message).toContain('precision, recall, f1 or support');
  });
});

describe('values that do not exist', () => {
  test('nothing scored', () => {
    expect(valueOf('rolling.accuracy>=0.6', metrics({}, 0))).toBeUndefined();
    expect(valueOf('rolling.support.negative>=1', metrics({}, 0))).toBeUndefined();
    expect(valueOf('baselines.majority.accuracy>=0.6', metrics({}, 0))).toBeUndefined();
  });
  test('a class never heard of, or neither true nor answered yet', () => {
    for (const label of ['other', 'unseen', 'constructor', '__proto__'])
      expect(valueOf(`rolling.recall.${label}>=0.6`)).toBeUndefined();
    expect(valueOf('rolling.precision.answered>=0.6')).toBe(0);
    expect(valueOf('rolling.support.unseen>=5')).toBe(0);
  });
});

/** Transitions of a rule over values of the rolling accuracy. */
function transitions(rule: string, seen: readonly number[]): readonly (string | undefined)[] {
  const state = new ThresholdState(parseThreshold(rule));
  return seen.map((accuracy) => state.evaluate(metrics({ accuracy }))?.state);
}

describe('firing', () => {
  test('fires as soon as it does not hold and resolves once it holds by 1 % of the bound', () => {
    const seen = [0.6, 0.59, 0.5, 0.6, 0.605, 0.607, 0.6, 0.59];
    expect(transitions('rolling.accuracy>=0.6', seen)).toEqual([
      undefined,
      'firing',
      undefined,
      undefined,
      undefined,
      'resolved',
      undefined,
      'firing',
    ]);
  });

  test('a transition carries the value that brought it', () => {
    const state = new ThresholdState(parseThreshold('rolling.accuracy>=0.6'));
    expect(state.evaluate(metrics({ accuracy: 0.58 }))).toEqual({ state: 'firing', value: 0.58 });
    expect(state.firing).toBe(true);
    expect(state.evaluate(metrics({ accuracy: 0.7 }))).toEqual({ state: 'resolved', value: 0.7 });
    expect(state.firing).toBe(false);
  });

  test.each([
    ['rolling.accuracy<=0.6', [0.61, 0.6, 0.594], ['firing', undefined, 'resolved']],
    ['rolling.accuracy<0.6', [0.6, 0.5999, 0.5], ['firing', undefined, 'resolved']],
    ['rolling.accuracy>0.6', [0.6, 0.6001, 0.7], ['firing', undefined, 'resolved']],
    // the best there is resolves, although the band cannot be crossed
    ['rolling.accuracy>=1', [0.9, 0.999, 1], ['firing', undefined, 'resolved']],
    ['rolling.accuracy>=0.995', [0.9, 0.996, 1], ['firing', undefined, 'resolved']],
    ['rolling.accuracy<=0', [0.1, 0.01, 0], ['firing', undefined, 'resolved']],
  ])('%s over %j', (rule, seen, expected) => {
    expect(transitions(rule, seen)).toEqual(expected);
  });

  test('a value that does not exist changes nothing', () => {
    const state = new ThresholdState(parseThreshold('rolling.accuracy>=0.6'));
    state.evaluate(metrics({ accuracy: 0.1 }));
    expect(state.evaluate(metrics({ accuracy: 0.9 }, 0))).toBeUndefined();
    expect(state.firing).toBe(true);
  });

  test('transitions alternate, beginning with firing', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.5, max: 0.7, noNaN: true })), (seen) => {
        const changes = transitions('rolling.accuracy>=0.6', seen).filter(Boolean);
        expect(changes).toEqual(changes.map((_, index) => (index % 2 ? 'resolved' : 'firing')));
      }),
    );
  });

  test('mark and rollback, snapshot and restore keep what fires', () => {
    const threshold = parseThreshold('rolling.accuracy>=0.6');
    const state = new ThresholdState(threshold);
    state.evaluate(metrics({ accuracy: 0.1 }));
    state.rollback();
    expect(state.firing).toBe(false);
    state.evaluate(metrics({ accuracy: 0.1 }));
    state.mark();
    state.evaluate(metrics({ accuracy: 0.9 }));
    state.rollback();
    expect(state.snapshot()).toEqual({ rule: 'rolling.accuracy>=0.6', firing: true });
    const restored = ThresholdState.restore(state.snapshot(), threshold);
    restored.evaluate(metrics({ accuracy: 0.9 }));
    restored.rollback();
    expect(restored.firing).toBe(true);
  });
});
