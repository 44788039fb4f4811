import { describe, expect, test } from '@jest/globals';
import { DriftResult, MetricsResult, PredictionResult } from '../../../topics/index.ts';
import { FoldDriver, type DriverOptions } from '../../support/fold-driver.ts';

const CHAMPION = { name: 'champion', kind: 'gtnb:bits=12', role: 'champion' } as const;
const MAJORITY = { name: 'majority', kind: 'majority', role: 'challenger' } as const;

const predictions = ({ results }: FoldDriver) =>
  results.filter(({ type }) => type === 'prediction').map((value) => PredictionResult.parse(value));
const metricsOf = ({ results }: FoldDriver, model: string) =>
  results
    .filter((value) => value.type === 'metrics' && value.model === model)
    .map((value) => MetricsResult.parse(value));

describe('a challenger', () => {
  const options: DriverOptions = { models: [CHAMPION, MAJORITY], fold: { metricsEvery: 4 } };

  test('is compared with the champion on the records that both answered', () => {
    const driver = new FoldDriver(options);
    // Champion right by its lexicon; the majority is wrong once, then it follows.
    driver.pipe(
      ...['a', 'b', 'c', 'd'].map((id) => ({ id, text: 'great food', label: 'positive' })),
    );
    expect(metricsOf(driver, 'champion').at(-1)).not.toHaveProperty('comparison');
    expect(metricsOf(driver, 'majority').at(-1)?.comparison).toMatchObject({
      champion: 'champion',
      promotion: null,
      pairs: { n: 4, both: 3, champion: 1, challenger: 0, neither: 0 },
    });
  });

  test('makes a pair where both score their kept answers at the same late label', () => {
    const driver = new FoldDriver(options);
    driver.pipe({ id: 'a', text: 'great' }, { id: 'b', text: 'awful' });
    for (let i = 0; i < 4; i++) driver.pipe({ id: `x${i}`, text: 'bad', label: 'negative' });
    driver.pipe({ id: 'a', label: 'positive' }, { id: 'b', label: 'negative' });
    driver.pipe(...[0, 1].map((i) => ({ id: `y${i}`, text: 'bad', label: 'negative' })));
    expect(metricsOf(driver, 'majority').at(-1)?.comparison?.pairs).toMatchObject({
      n: 8,
      both: 7,
      champion: 1,
    });
  });

  test('makes no pair of a record that only one of them scored', () => {
    const driver = new FoldDriver(options);
    const [good, bad] = [
      { text: 'great', label: 'positive' },
      { text: 'bad', label: 'negative' },
    ];
    driver.pipe({ id: 'a', ...good, model: 'champion' }, { id: 'b', ...bad, model: 'majority' });
    // A late label to one after the other: each scores its answer to the same text, at a record of its own.
    driver.pipe({ id: 'c', text: 'great' });
    driver.pipe({ id: 'c', label: 'positive', model: 'champion' });
    driver.pipe({ id: 'c', label: 'positive', model: 'majority' });
    driver.pipe({ id: 'd', ...good }, { id: 'e', ...good });
    expect(metricsOf(driver, 'majority').at(-1)).toMatchObject({
      scored: 4,
      comparison: { pairs: { n: 2 } },
    });
  });

  test('keeps its comparison over a restart', () => {
    const driver = new FoldDriver(options);
    driver.pipe(...['a', 'b', 'c'].map((id) => ({ id, text: 'great', label: 'positive' })));
    const restarted = driver.restart();
    restarted.pipe({ id: 'd', text: 'great', label: 'positive' });
    expect(metricsOf(restarted, 'majority').at(-1)?.comparison?.pairs.n).toBe(4);
  });
});

describe('what a partition sees of its stream', () => {
  /** A stream of two halves; texts have labels only where they are given. */
  const half = (from: number, count: number, text: (i: number) => string, label?: string) =>
    Array.from({ length: count }, (_, i) => ({ id: `r-${from + i}`, text: text(i), label }));
  const drifts = ({ results }: FoldDriver) =>
    results.filter(({ type }) => type === 'drift').map((value) => DriftResult.parse(value));
  const old = (i: number): string => `great food and service ${i % 7}`;

  test('raises an alarm without a label when the words change, with what it saw before and after', () => {
    const driver = new FoldDriver({ models: [CHAMPION] });
    driver.pipe(...half(0, 600, old, 'positive'), ...half(600, 900, old));
    expect(drifts(driver)).toEqual([]);
    driver.pipe(...half(1500, 300, (i) => `${i}x${i} ${i}y ${i}z food`));
    const [first] = drifts(driver).filter(({ signal }) => signal === 'unknown');
    expect(first).toMatchObject({ model: 'champion', partition: 0, detector: 'ranks' });
    expect(first?.source.offset).toBeGreaterThanOrEqual(1500);
    expect(first?.evidence?.['before']).toBeLessThan(0.05);
    expect(first?.evidence?.['after']).toBeGreaterThan(0.5);
  });

  test('takes words that a full vocabulary has no room for as none', () => {
    const model = { ...CHAMPION, kind: 'multinomial:max-features=11' };
    const driver = new FoldDriver({ models: [model] });
    driver.pipe(...half(0, 600, old, 'positive'), ...half(600, 900, old));
    driver.pipe(...half(1500, 300, (i) => `${old(i)} ${i}x${i} ${i}y ${i}z`));
    expect(drifts(driver)).toEqual([]);
  });

  test('gives alarms of one record different event ids', () => {
    const driver = new FoldDriver({ models: [CHAMPION] });
    driver.pipe(...half(0, 600, old, 'positive'), ...half(600, 900, old));
    driver.pipe(...half(1500, 300, (i) => `${i}x${i}`));
    const ids = driver.written
      .map((text) => new Map((JSON.parse(text) as [0, 0, 0, [string, string][]])[3]).get('ce_id'))
      .filter((id) => id?.includes('/drift/'));
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('labels that are wished for', () => {
  const texts = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `r-${i}`, text: i % 3 === 0 ? 'good' : 'x y' }));

  test('are at most the share that is asked for, and only of texts without a label', () => {
    const driver = new FoldDriver({ models: [CHAMPION], fold: { wantLabels: 0.1 } });
    driver.pipe(...texts(400), ...texts(50).map((text) => ({ ...text, label: 'positive' })));
    const wanted = predictions(driver).filter(({ wantLabel }) => wantLabel === true);
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.length).toBeLessThanOrEqual(41);
    expect(wanted.every(({ label }) => label === undefined)).toBe(true);
  });

  test('are none by default', () => {
    const driver = new FoldDriver({ models: [CHAMPION] });
    driver.pipe(...texts(400));
    expect(predictions(driver).some((value) => 'wantLabel' in value)).toBe(false);
  });

  test('are those of the champion', () => {
    const models = [CHAMPION, { ...MAJORITY, kind: 'gtnb:bits=12,lexicon=off' }];
    const driver = new FoldDriver({ models, fold: { wantLabels: 0.5 } });
    driver.pipe(...texts(100));
    const wanted = predictions(driver).filter(({ wantLabel }) => wantLabel === true);
    expect(new Set(wanted.map(({ model }) => model))).toEqual(new Set(['champion']));
  });
});
