import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Scorer, type BaselineAnswer } from '../../../../src/core/metrics/scorer.ts';
import { MetricsResult } from '../../../../topics/results.ts';

const options = { window: 4, order: ['negative', 'positive'] };
const answer = (...probabilities: number[]) => ({
  classes: options.order,
  probabilities,
  best: probabilities.indexOf(Math.max(...probabilities)),
});

/** One call on a scorer. `keep` takes the baselines' answer now for a later record. */
type Step =
  | { readonly do: 'score'; readonly truth: string; readonly tops: readonly number[] }
  | { readonly do: 'learn' | 'unlearn'; readonly label: string };

const words = ['negative', 'positive', 'neutral', '__proto__', 'constructor'];
const word = fc.constantFrom(...words);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('score' as const),
    truth: word,
    tops: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({ do: fc.constantFrom('learn' as const, 'unlearn' as const), label: word }),
);
const steps = fc.array(step, { maxLength: 30 });

function take(scorer: Scorer, calls: readonly Step[]): void {
  let kept: BaselineAnswer = scorer.baselineAnswer();
  for (const call of calls) {
    if (call.do !== 'score') {
      scorer[call.do](call.label);
      continue;
    }
    const sum = call.tops.reduce((a, b) => a + b, 0);
    const probabilities = call.tops.map((p) => p / sum);
    const best = probabilities.indexOf(Math.max(...probabilities));
    scorer.score(call.truth, { classes: words, probabilities, best }, kept);
    kept = scorer.baselineAnswer();
  }
}
const state = (scorer: Scorer): string =>
  JSON.stringify([
    scorer.snapshot(),
    scorer.cumulative(),
    scorer.rolling(),
    scorer.baselines(),
    scorer.baselineAnswer(),
    scorer.scored,
    scorer.classes,
  ]);

describe('figures', () => {
  test('five records by hand', () => {
    const scorer = new Scorer(options);
    for (const [truth, p] of [
      ['negative', 0.9],
      ['positive', 0.6],
      ['positive', 0.2],
      ['positive', 0.75],
      ['negative', 0.5],
    ] as const) {
      scorer.score(truth, answer(p, 1 - p), scorer.baselineAnswer());
      scorer.learn(truth);
    }
    const { confusion, sums, classes, ...values } = scorer.cumulative();
    expect(confusion).toEqual({
      negative: { negative: 2, positive: 0 },
      positive: { negative: 2, positive: 1 },
    });
    expect(classes['negative']).toEqual({ precision: 0.5, recall: 1, f1: 2 / 3, support: 2 });
    expect(classes['positive']).toMatchObject({ precision: 1, recall: 1 / 3, f1: 0.5, support: 3 });
    expect(values.accuracy).toBe(0.6);
    expect(values.macroF1).toBeCloseTo((2 / 3 + 1 / 2) / 2, 15);
    expect(values.kappa).toBeCloseTo((0.6 - 0.44) / 0.56, 15); // (2·4 + 3·1) / 25
    const logs = [0.9, 0.4, 0.8, 0.25, 0.5].map((p) => -Math.log(p));
    expect(values.logLoss).toBeCloseTo(logs.reduce((a, b) => a + b) / 5, 14);
    expect(sums.brier).toBeCloseTo(2 * (0.01 + 0.36 + 0.04 + 0.5625 + 0.25), 14);
    expect(sums.noChangeHits).toBe(2);
    expect(sums.n).toBe(5);
    // bins of .9, .6, .8, .75, .5: 13, 9, 12, 11, 7
    expect(sums.ece.map(([n]) => n)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0]);
    expect(values.ece).toBeCloseTo((0.5 + 0.6 + 0.75 + 0.2 + 0.1) / 5, 14);

    // The window of 4 has dropped the first record.
    const rolling = scorer.rolling();
    expect(rolling.window).toBe(4);
    expect(rolling.sums.n).toBe(4);
    expect(rolling.accuracy).toBe(0.5);
    expect(rolling.sums.logLoss).toBeCloseTo(
      logs.slice(1).reduce((a, b) => a + b),
      14,
    );
    expect(rolling.sums.noChangeHits).toBe(2);

    // Majority, counts from 1: class 0 (tie), negative, negative (tie), positive, positive.
    const { majority, noChange } = scorer.baselines();
    expect(majority.accuracy).toBe(0.4);
    expect(majority.logLoss).toBeCloseTo(
      -(Math.log(1 / 2) + Math.log(1 / 3) + Math.log(2 / 4) + Math.log(3 / 5) + Math.log(2 / 6)) /
        5,
      14,
    );
    // No-change: class 0 at 1/2 each, then the label before at .95.
    expect(noChange.accuracy).toBe(0.6);
    expect(noChange.logLoss).toBeCloseTo(
      -(Math.log(0.5) + 2 * Math.log(0.05) + 2 * Math.log(0.95)) / 5,
      14,
    );
    expect(noChange.n).toBe(5);
  });

  test('nothing scored: zeros, every declared class, no error', () => {
    const scorer = new Scorer(options);
    expect(scorer.cumulative()).toMatchObject({ accuracy: 0, kappa: 0, logLoss: 0, ece: 0 });
    expect(Object.keys(scorer.rolling().classes)).toEqual(['negative', 'positive']);
    expect(scorer.baselines().majority).toMatchObject({
      n: 0,
      accuracy: 0,
      macroF1: 0,
      kappa: 0,
      logLoss: 0,
      confusion: { negative: { negative: 0 } },
    });
  });

  test('a label that the answer lacks counts probability 0', () => {
    const scorer = new Scorer(options);
    scorer.score('neutral', answer(0.9, 0.1), scorer.baselineAnswer());
    const { logLoss, sums, confusion } = scorer.cumulative();
    expect(logLoss).toBeCloseTo(34.538776394910684, 12);
    expect(sums.brier).toBeCloseTo(0.81 + 0.01 + 1, 14);
    expect(confusion['neutral']).toEqual({ negative: 1, positive: 0, neutral: 0 });
    expect(scorer.baselines().majority.logLoss).toBeCloseTo(34.538776394910684, 12);
    expect(scorer.classes).toEqual(['negative', 'positive', 'neutral']);
  });

  test('a class named __proto__ is a class like any other, also in JSON', () => {
    const scorer = new Scorer(options);
    const best = { classes: ['__proto__'], probabilities: [1], best: 0 };
    scorer.score('__proto__', best, scorer.baselineAnswer());
    const text = JSON.stringify(scorer.cumulative());
    expect(text).toContain('"__proto__":{"precision":1,"recall":1,"f1":1,"support":1}');
    expect(text).toContain('"__proto__":{"negative":0,"positive":0,"__proto__":1}');
  });

  test('figures fit the results topic', () => {
    const scorer = new Scorer(options);
    take(scorer, [{ do: 'score', truth: 'neutral', tops: [0.2, 0.3, 0.5] }]);
    const parsed = MetricsResult.parse({
      type: 'metrics',
      model: 'champion',
      role: 'champion',
      partition: 0,
      scored: scorer.scored,
      learned: 0,
      cumulative: scorer.cumulative(),
      rolling: scorer.rolling(),
      baselines: scorer.baselines(),
      pending: { waitingTexts: 0, waitingLabels: 0, replaced: 0, expired: 0 },
      source: { topic: 't', partition: 0, offset: 0, ts: 0 },
    });
    expect(parsed.cumulative.sums).toEqual(scorer.cumulative().sums);
    expect(Object.keys(parsed.cumulative)).toEqual(Object.keys(scorer.cumulative()));
  });
});

describe('baselines', () => {
  test('an answer is one object until the state changes, and never changes itself', () => {
    const scorer = new Scorer(options);
    const first = scorer.baselineAnswer();
    scorer.score('positive', answer(0.4, 0.6), first);
    expect(scorer.baselineAnswer()).toBe(first);
    scorer.learn('positive');
    expect(first).toEqual({ counts: [1, 1], total: 2, majority: 0, previous: -1 });
    expect(scorer.baselineAnswer()).toEqual({
      counts: [1, 2],
      total: 3,
      majority: 1,
      previous: 1,
    });
  });

  test('unlearning takes a document out of the majority, not out of what came last', () => {
    const scorer = new Scorer(options);
    scorer.learn('positive');
    scorer.unlearn('positive');
    expect(scorer.baselineAnswer()).toMatchObject({ counts: [1, 1], previous: 1 });
  });

  test('a late label is scored with the answer that was kept, whatever was learned since', () => {
    const scorer = new Scorer(options);
    const kept = scorer.baselineAnswer();
    for (let n = 0; n < 9; n++) scorer.learn('positive');
    scorer.score('positive', answer(0.4, 0.6), kept);
    expect(scorer.baselines().majority).toMatchObject({ accuracy: 0, logLoss: -Math.log(0.5) });
  });
});

describe('state', () => {
  test('a rollback gives the marked state back bit for bit, and what follows is as if nothing was', () => {
    fc.assert(
      fc.property(steps, steps, steps, (before, lost, after) => {
        const [scorer, straight] = [new Scorer(options), new Scorer(options)];
        take(scorer, before);
        take(straight, before);
        scorer.mark();
        const marked = state(scorer);
        for (const attempt of [lost, after]) {
          take(scorer, attempt);
          scorer.rollback();
          expect(state(scorer)).toBe(marked);
        }
        take(scorer, after);
        take(straight, after);
        expect(state(scorer)).toBe(state(straight));
      }),
    );
  });

  test('a snapshot that went through JSON goes on exactly as its scorer', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const scorer = new Scorer(options);
        take(scorer, before);
        const restored = Scorer.restore(
          JSON.parse(JSON.stringify(scorer.snapshot())) as ReturnType<Scorer['snapshot']>,
          options,
        );
        expect(state(restored)).toBe(state(scorer));
        take(scorer, after);
        take(restored, after);
        expect(state(restored)).toBe(state(scorer));
      }),
    );
  });

  test('restoring with more declared classes and a smaller window keeps order and the newest', () => {
    const scorer = new Scorer(options);
    for (const p of [0.9, 0.8, 0.7, 0.6])
      scorer.score('neutral', answer(p, 1 - p), scorer.baselineAnswer());
    const restored = Scorer.restore(scorer.snapshot(), {
      window: 2,
      order: ['negative', 'mixed', 'positive'],
    });
    expect(restored.classes).toEqual(['negative', 'positive', 'neutral', 'mixed']);
    expect(restored.rolling().sums).toMatchObject({ n: 2, noChangeHits: 2 });
    expect(restored.snapshot().scores.confidence).toEqual([0.7, 0.6]);
    expect(restored.cumulative().sums.n).toBe(4);
  });

  test('a new scorer rolls back to its beginning', () => {
    const scorer = new Scorer(options);
    const empty = state(scorer);
    take(scorer, [
      { do: 'score', truth: 'neutral', tops: [1] },
      { do: 'learn', label: 'x' },
    ]);
    scorer.rollback();
    expect(state(scorer)).toBe(empty);
  });

  test.each([
    [{ window: 0, order: ['a'] }, /window/u],
    [{ window: 1.5, order: ['a'] }, /window/u],
    [{ window: 5, order: [] }, /declared class/u],
  ])('%j is refused', (wrong, message) => {
    expect(() => new Scorer(wrong)).toThrow(message);
  });
});
