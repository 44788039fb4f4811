import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { widthOf } from '../../../src/cli/display.ts';
import {
  driftMarks,
  predictionText,
  progressText,
  renderView,
  sparkline,
} from '../../../src/cli/live-view.ts';
import {
  initialView,
  ratesOf,
  reduceView,
  shareOf,
  type ViewState,
} from '../../../src/cli/view-state.ts';
import type { PredictionResult, ResultValue } from '../../../topics/index.ts';

const start = (): ViewState =>
  initialView({
    pipeline: 'sentiment',
    kind: 'multinomial',
    log: 'memory:',
    startedAt: 0,
    window: 10,
    labels: ['negative', 'positive'],
  });

function prediction(
  offset: number,
  answer: string | null,
  label?: string,
  more: Partial<PredictionResult> = {},
): PredictionResult {
  return {
    type: 'prediction',
    id: `r-${offset}`,
    model: 'champion',
    role: 'champion',
    prediction: answer,
    probabilities: answer === null ? {} : { [answer]: 0.75 },
    ...(label === undefined ? {} : { label }),
    ...(label === undefined || answer === null ? {} : { correct: answer === label }),
    learned: offset,
    source: { topic: 's', partition: 0, offset, ts: 0 },
    ...more,
  };
}

const reduce = (state: ViewState, values: readonly ResultValue[]): ViewState =>
  reduceView(state, { type: 'results', values });

describe('reduceView', () => {
  test('scores the model, the majority class so far and the label before on the same records', () => {
    const state = reduce(start(), [
      prediction(0, null, 'positive'),
      prediction(1, 'positive', 'positive'),
      prediction(2, 'positive', 'negative'),
      prediction(3, 'negative', 'negative'),
    ]);
    expect([state.learned, state.scored]).toEqual([4, 3]);
    // Majority says positive each time, no change what came before.
    expect([state.model, state.majority, state.noChange].map(({ hits }) => hits)).toEqual([
      2, 1, 2,
    ]);
    expect(state.confusion.get('negative')).toEqual(
      new Map([
        ['positive', 1],
        ['negative', 1],
      ]),
    );
  });

  test('a batch gives what its records give one by one, and leaves the state before as it was', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 60 }),
        (pairs) => {
          const name = (positive: boolean) => (positive ? 'positive' : 'negative');
          const values = pairs.map(([answer, label], offset) =>
            prediction(offset, name(answer), name(label)),
          );
          const before = start();
          const single = values.reduce((state, value) => reduce(state, [value]), before);
          expect(reduce(before, values)).toEqual(single);
          expect(before).toEqual(start());
          const last = values.slice(-10);
          const right = last.filter(({ correct }) => correct === true).length;
          expect(shareOf(single.model)).toBe(right / last.length);
        },
      ),
    );
  });

  test('a label that comes later scores the kept prediction and ticks its row', () => {
    const unknown = reduce(start(), [prediction(0, 'positive')]);
    expect([unknown.scored, unknown.newest[0]?.correct]).toEqual([0, undefined]);
    const scored = reduce(unknown, [
      {
        type: 'outcome',
        status: 'scored',
        id: 'r-0',
        model: 'champion',
        prediction: 'positive',
        label: 'negative',
        correct: false,
        source: { topic: 's', partition: 0, offset: 1, ts: 0 },
      },
    ]);
    expect([scored.scored, scored.newest[0]?.correct, scored.newest[0]?.label]).toEqual([
      1,
      false,
      'negative',
    ]);
  });

  test('challengers are scored apart and do not show among the newest', () => {
    const state = reduce(start(), [
      prediction(0, 'positive', 'positive'),
      prediction(0, 'negative', 'positive', { model: 'cnb', role: 'challenger' }),
    ]);
    expect(state.scored).toBe(1);
    expect(state.newest).toHaveLength(1);
    const cnb = state.challengers.get('cnb');
    expect(cnb === undefined ? undefined : shareOf(cnb)).toBe(0);
  });

  test('an alert stands until it is resolved', () => {
    const alert = (state: 'firing' | 'resolved'): ResultValue => ({
      type: 'alert',
      rule: 'rolling.accuracy>=0.6',
      state,
      value: 0.5,
      model: 'champion',
      partition: 0,
      source: { topic: 's', partition: 0, offset: 1, ts: 0 },
    });
    const firing = reduce(start(), [alert('firing')]);
    expect(firing.alerts.size).toBe(1);
    expect(reduce(firing, [alert('resolved')]).alerts.size).toBe(0);
  });

  test('the curve always spans the whole run in a bounded number of points', () => {
    const values = Array.from({ length: 5000 }, (_, offset) =>
      prediction(offset, 'positive', offset < 2500 ? 'negative' : 'positive'),
    );
    const { points } = reduce(start(), values).curve;
    expect(points.length).toBeGreaterThan(100);
    expect(points.length).toBeLessThan(256);
    expect([points.at(0)?.model, points.at(-1)?.model]).toEqual([0, 1]);
  });

  test('rates are those of the last second and of the whole run', () => {
    const progress = { type: 'progress', lag: 0, published: 0, share: undefined } as const;
    let state = start();
    for (const [now, folded] of [
      [1000, 100],
      [2000, 200],
      [2500, 400],
      [3000, 500],
    ] as const)
      state = reduceView(state, { ...progress, now, folded, finished: false, deadLetters: 0 });
    expect(ratesOf(state)).toEqual({ current: 300, overall: 500 / 3 });
  });
});

test('a sparkline spreads values over blocks between its bounds', () => {
  expect(sparkline([0, 0.5, 1], 10, { low: 0, high: 1 })).toBe('▁▅█');
  expect(sparkline([0, 0, 1, 1], 2, { low: 0, high: 1 })).toBe('▁█');
  expect(sparkline([], 10, { low: 0, high: 1 })).toBe('');
});

/** Ten scored records, two of them wrong. */
function played(): ViewState {
  const values = Array.from({ length: 12 }, (_, offset) =>
    prediction(
      offset,
      offset === 0 ? null : offset % 3 === 0 ? 'negative' : 'positive',
      offset % 6 === 0 ? 'negative' : 'positive',
      {
        explanation: [
          { feature: 'not', weight: -1.651 },
          { feature: 'good', weight: 1.2 },
        ],
      },
    ),
  );
  const state = reduceView(reduce(start(), values), {
    type: 'progress',
    now: 4000,
    folded: 12,
    lag: 3,
    published: 15,
    share: 0.02,
    finished: false,
    deadLetters: 1,
  });
  const texts = ['Crust is not good.', 'すごく良かった 👍', 'tab\there\u001b[2J'];
  return texts.reduce(
    (before, text, index) =>
      reduceView(before, { type: 'text', partition: 0, offset: 11 - index, text }),
    state,
  );
}

test('the view is this at 80 cells without colour', () => {
  expect(renderView(played(), { columns: 80, rows: 24, color: false })).toEqual([
    ' valence · sentiment · multinomial · memory:                               0:04',
    ' ──────────────────────────────────────────────────────────────────────────────',
    '',
    ' Now 0.0/s           Overall 3.0/s       Lag 3               Published 15 (2 %)',
    ' Scored 11           Learned 12          Dead letters 1',
    '',
    ' Accuracy of the last 10  70 % to 80 %',
    ' model       80.0 %  ██',
    ' majority    80.0 %  ▁█',
    ' no change   80.0 %  ▁█',
    '',
    ' Confusion',
    ' true \\ answer  negative  positive',
    ' negative              1         0',
    ' positive              2         8',
    '',
    ' Answers  negative █████░░░░░░░░░░░░ 27 %   positive ████████████░░░░░ 73 %',
    '',
    ' Newest',
    ' ✓ positive 0.75  Crust is not good.                   not −1.65, good +1.20',
    ' ✓ positive 0.75  すごく良かった 👍                    not −1.65, good +1.20',
    ' ✗ negative 0.75  tab here[2J                          not −1.65, good +1.20',
  ]);
});

/** The lines of figures, at so many columns. */
function figures(columns: number, deadLetters: number): readonly string[] {
  const state = reduceView(played(), {
    type: 'progress',
    now: 4000,
    folded: 12_345,
    lag: 300,
    published: 1_234_567,
    share: 0.02,
    finished: false,
    deadLetters,
  });
  const lines = renderView(state, { columns, rows: 24, color: false }).slice(3);
  return lines.slice(0, lines.indexOf(''));
}

test('the confusion counts have the classes in their order, whatever is met first', () => {
  const three = initialView({
    pipeline: 'sentiment',
    kind: 'gtnb',
    log: 'memory:',
    startedAt: 0,
    window: 10,
    labels: ['negative', 'neutral', 'positive'],
  });
  const state = reduce(three, [
    prediction(0, 'positive', 'negative'),
    prediction(1, 'neutral', 'neutral'),
  ]);
  const lines = renderView(state, { columns: 120, rows: 30, color: false });
  expect(lines.join('\n')).toMatch(/true \\ answer +negative +neutral +positive$/m);
});

test.each([
  [60, 0, [3, 3]],
  [80, 0, [3, 3]],
  [100, 0, [3, 3]],
  [110, 0, [6]],
  [120, 0, [6]],
  [140, 0, [6]],
  [60, 1, [3, 2, 2]],
  [80, 1, [4, 3]],
  [100, 1, [4, 3]],
  [110, 1, [4, 3]],
  [120, 1, [4, 3]],
  [140, 1, [7]],
])('at %i columns, with %i dead letters, the rows have %j figures', (columns, letters, rows) => {
  const lines = figures(columns, letters);
  expect(lines.map((line) => line.match(/[A-Z][a-z ]+ \d/g)?.length)).toEqual(rows);
  // The figures of a row stand below those of the row above.
  const starts = lines.map((line) => [...line.matchAll(/[A-Z]/g)].map(({ index }) => index));
  for (const row of starts) expect(row).toEqual(starts[0]!.slice(0, row.length));
});

test('the view never is wider or higher than the terminal, coloured or not', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 60, max: 220 }),
      fc.integer({ min: 10, max: 60 }),
      fc.boolean(),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      (columns, rows, color, text) => {
        const state = reduceView(
          reduce(played(), [prediction(12, text.slice(0, 40), text.slice(0, 40), { id: text })]),
          { type: 'text', partition: 0, offset: 12, text },
        );
        const lines = renderView(state, { columns, rows, color });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          // oxlint-disable-next-line no-control-regex -- styles begin with the escape character
          const plain = line.replaceAll(/\u001b\[\d+m/g, '');
          expect(widthOf(plain)).toBeLessThanOrEqual(columns);
          // oxlint-disable-next-line no-control-regex -- nothing may move the cursor
          expect(plain).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('without a terminal progress and predictions are plain lines', () => {
  const state = played();
  expect(progressText(state)).toBe(
    '11 scored · accuracy 80.0 % of the last 10 · majority 80.0 % · no change 80.0 % · 3.0/s · lag 3',
  );
  expect(state.newest.slice(-1).map(predictionText)).toEqual([
    '  ✓ positive 0.75 (positive)  Crust is not good.  [not −1.65, good +1.20]',
  ]);
});

test('alarms are marked below the cell of the curve in which they came', () => {
  const point = { model: 1, majority: 0, noChange: 0 };
  const curve = { every: 10, points: Array.from({ length: 8 }, () => point) };
  const at = (...scored: number[]) => ({
    count: scored.length,
    signal: 'error' as const,
    at: scored,
    forgotAt: scored.filter((each) => each === 31),
  });
  expect(driftMarks({ curve, drifts: at(5, 31, 80) }, 8)).toBe('~  ×   ~');
  expect(driftMarks({ curve, drifts: at(5, 31, 80) }, 4)).toBe('~× ~');
  expect(driftMarks({ curve, drifts: at(200) }, 4)).toBe('   ~');
  expect(driftMarks({ curve, drifts: at() }, 4)).toBe('');
});

test('what a model forgot at a drift is told, of challengers too, and marked where the champion did', () => {
  const drift = (model: string, forgotten?: number): ResultValue => ({
    type: 'drift',
    model,
    partition: 0,
    detector: 'adwin',
    signal: 'error',
    ...(forgotten === undefined ? {} : { reaction: { action: 'forget', forgotten } }),
    source: { topic: 's', partition: 0, offset: 11, ts: 0 },
  });
  const shown = (values: readonly ResultValue[]) =>
    renderView(reduce(played(), values), { columns: 80, rows: 40, color: false });
  const quiet = shown([drift('champion')]).join('\n');
  expect(quiet).toContain('~ drift once, last after 11 scored');
  expect(quiet).not.toMatch(/×|forgot/);
  const lines = shown([drift('champion', 3), drift('fresh', 1), drift('champion', 1472)]);
  expect(lines.slice(-3)).toEqual([
    ' ~ drift 2 times, last after 11 scored: the share of wrong answers',
    ' × champion forgot 1,472 documents after 11 scored, the last of 2 times',
    ' × fresh forgot 1 document after 11 scored',
  ]);
  expect(lines.filter((line) => /^ drift +×$/.test(line))).toHaveLength(1);
});
