import { describe, expect, test } from '@jest/globals';
import { CHAMPION, FoldDriver, sourceRecord, textOf } from '../../support/fold-driver.ts';

const good = { id: 'g', text: 'great soup', label: 'positive' };
const bad = { id: 'b', text: 'awful soup', label: 'negative' };
const taught = (): FoldDriver => {
  const driver = new FoldDriver();
  driver.pipe(good, bad);
  return driver;
};
const one = (driver: FoldDriver, value: unknown): unknown => driver.pipe(value)[0];

describe('a label that comes later', () => {
  test('scores the prediction that was made for its text, then teaches it', () => {
    const driver = taught();
    expect(one(driver, { id: 'x', text: 'great bread', ts: '2026-03-01T10:00:00Z' })).toMatchObject(
      {
        type: 'prediction',
        prediction: 'positive',
        learned: 2,
      },
    );
    driver.pipe({ id: 'y', text: 'soup' }, { id: 'z', text: 'bread' });
    const outcome = one(driver, { id: 'x', label: 'negative', ts: '2026-03-02T10:00:00Z' });
    expect(outcome).toMatchObject({
      type: 'outcome',
      status: 'scored',
      id: 'x',
      prediction: 'positive',
      label: 'negative',
      correct: false,
      delayMs: 86_400_000,
      delayRecords: 2,
      source: { offset: 5, ts: '2026-03-02T10:00:00Z' },
    });
    expect(one(driver, { id: 'q', text: 'bread' })).toMatchObject({ learned: 3 });
  });

  test('teaches a text that no model could predict, without scoring it', () => {
    const driver = new FoldDriver();
    expect(one(driver, { id: 'x', text: 'great' })).toMatchObject({
      prediction: null,
      probabilities: {},
    });
    const outcome = one(driver, { id: 'x', label: 'positive' });
    expect(outcome).toMatchObject({ status: 'learned', prediction: null, label: 'positive' });
    expect(driver.state.models[0]?.model.learned).toBe(1);
    expect(driver.fold.figures().get('champion')?.scored).toBe(0);
  });

  test('waits for its text when it comes first; the text is then scored and learned', () => {
    const driver = taught();
    expect(one(driver, { id: 'x', label: 'positive' })).toMatchObject({ status: 'waiting' });
    expect(one(driver, { id: 'x', label: 'positive' })).toMatchObject({ status: 'duplicate' });
    const results = driver.pipe({ id: 'x', text: 'great bread' });
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({ type: 'prediction', learned: 2 });
    expect(results[0]).not.toHaveProperty('label');
    expect(driver.fold.figures().get('champion')).toMatchObject({ scored: 2, learned: 3 });
  });

  test('that says the same again is a duplicate and changes nothing', () => {
    const driver = taught();
    const before = { hash: driver.state.hash('champion'), figures: driver.fold.figures() };
    expect(one(driver, { id: 'g', label: 'positive' })).toMatchObject({ status: 'duplicate' });
    expect({ hash: driver.state.hash('champion'), figures: driver.fold.figures() }).toEqual(before);
  });

  test('that says otherwise is a correction: unlearned, learned, not scored again', () => {
    const driver = taught();
    expect(one(driver, { id: 'g', label: 'negative' })).toMatchObject({
      status: 'corrected',
      previous: 'positive',
      label: 'negative',
    });
    const direct = new FoldDriver();
    direct.pipe({ ...good, label: 'negative' }, bad);
    const counts = (of: FoldDriver) => of.state.hash('champion');
    expect(counts(driver)).toEqual(counts(direct));
    expect(driver.fold.figures().get('champion')).toMatchObject({ scored: 1, learned: 2 });
  });

  test('null takes it back, and a later one teaches it again', () => {
    const driver = taught();
    expect(one(driver, { id: 'g', label: null })).toMatchObject({
      status: 'withdrawn',
      previous: 'positive',
      label: null,
    });
    const never = new FoldDriver();
    never.pipe({ id: 'g', text: 'great soup' }, bad);
    expect(driver.state.hash('champion')).toEqual(never.state.hash('champion'));
    expect(one(driver, { id: 'g', label: null })).toMatchObject({ status: 'duplicate' });
    expect(one(driver, { id: 'g', label: 'positive' })).toMatchObject({ status: 'learned' });
    expect(driver.state.hash('champion')).toEqual(taught().state.hash('champion'));
  });

  test('addresses the newest text of its id', () => {
    const driver = taught();
    driver.pipe({ id: 'x', text: 'great' }, { id: 'x', text: 'awful' });
    expect(one(driver, { id: 'x', label: 'negative' })).toMatchObject({
      status: 'scored',
      prediction: 'negative',
    });
    const direct = taught();
    direct.pipe({ id: 'x', text: 'awful', label: 'negative' });
    expect(driver.state.hash('champion')).toEqual(direct.state.hash('champion'));
  });

  test('is expired when its text has waited longer than the time to live, by the log’s time', () => {
    const driver = new FoldDriver({ fold: { pendingTtlMs: 1000 } });
    const fold = (offset: number, timestamp: number, value: unknown) =>
      driver.commit(driver.stage([sourceRecord(offset, value, { timestamp })]))[0];
    fold(0, 5000, { id: 'a', text: 'soup', label: 'positive', ts: '1999-01-01' });
    fold(1, 5000, { id: 'x', text: 'soup', ts: '2099-01-01' });
    // A timestamp that runs backwards makes nothing younger.
    fold(2, 4000, { id: 'y', text: 'soup' });
    expect(fold(3, 5999, { id: 'x', label: 'positive' })).toMatchObject({ status: 'scored' });
    expect(fold(4, 6000, { id: 'y', label: 'positive' })).toMatchObject({ status: 'expired' });
  });

  test('is expired when more texts wait than may', () => {
    const driver = new FoldDriver({ fold: { pendingMax: 2 } });
    driver.pipe(good, { id: 'a', text: 'x' }, { id: 'b', text: 'x' }, { id: 'c', text: 'x' });
    expect(one(driver, { id: 'a', label: 'positive' })).toMatchObject({ status: 'expired' });
    expect(one(driver, { id: 'c', label: 'positive' })).toMatchObject({ status: 'scored' });
    expect(driver.fold.snapshot().carries[0]?.carry).toMatchObject({ expired: 1 });
  });

  test('is expired when its document has left the correctable ones', () => {
    const driver = new FoldDriver({ fold: { correctable: 2 } });
    driver.pipe(good, bad, { id: 'c', text: 'soup', label: 'negative' });
    expect(one(driver, { id: 'g', label: 'negative' })).toMatchObject({ status: 'expired' });
    expect(one(driver, { id: 'b', label: 'positive' })).toMatchObject({ status: 'corrected' });
  });
});

describe('several models on one stream', () => {
  const models = [CHAMPION, { name: 'bnb', kind: 'bernoulli', role: 'challenger' as const }];

  test('each answer each record', () => {
    const driver = new FoldDriver({ models });
    expect(driver.pipe(good).map((result) => 'model' in result && result.model)).toEqual([
      'champion',
      'bnb',
    ]);
    const outcomes = driver.pipe({ id: 'g', label: 'negative' });
    expect(outcomes).toMatchObject([
      { type: 'outcome', model: 'champion', status: 'corrected' },
      { type: 'outcome', model: 'bnb', status: 'corrected' },
    ]);
  });

  test('a record may address one of them; the other neither answers nor learns', () => {
    const driver = new FoldDriver({ models });
    expect(driver.pipe({ ...good, model: 'bnb' })).toMatchObject([
      { type: 'prediction', model: 'bnb', role: 'challenger' },
    ]);
    expect(driver.state.models.map(({ model }) => model.learned)).toEqual([0, 1]);
    // For the champion, the text of this label was never there.
    expect(driver.pipe({ id: 'g', label: 'positive' })).toMatchObject([
      { model: 'champion', status: 'waiting' },
      { model: 'bnb', status: 'duplicate' },
    ]);
  });

  test('a record for a model that is not there is a dead letter', () => {
    const driver = new FoldDriver({ models });
    expect(driver.pipe({ ...good, model: 'chmpion' })).toEqual([]);
    expect(driver.deadLetters).toEqual([{ code: 'MODEL_UNKNOWN', stage: 'fold' }]);
    expect(driver.state.positions).toEqual([1]);
  });
});

describe('classes', () => {
  test('beyond the declared ones are appended up to the bound, then refused', () => {
    const driver = new FoldDriver({ classes: { maxClasses: 3 } });
    const labels = ['positive', 'mixed', 'odd', 'mixed', 'odder'];
    driver.pipe(...labels.map((label, i) => ({ id: String(i), text: 'soup', label })));
    expect(driver.deadLetters.map(({ code }) => code)).toEqual(['LABEL_UNKNOWN', 'LABEL_UNKNOWN']);
    expect(driver.state.models[0]?.model.classes).toEqual(['positive', 'mixed']);
    expect(driver.state.positions).toEqual([5]);
  });

  test('ten thousand of them are bounded', () => {
    const driver = new FoldDriver();
    driver.pipe(
      ...Array.from({ length: 10_000 }, (_, i) => ({ id: `${i}`, text: 'soup', label: `c${i}` })),
    );
    expect(driver.deadLetters).toHaveLength(10_000 - 30);
    expect(driver.state.models[0]?.model.classes).toHaveLength(30);
  });

  test('named __proto__ and constructor are classes like any other, and so are such words', () => {
    const driver = new FoldDriver();
    driver.pipe(
      { id: '__proto__', text: '__proto__ constructor', label: '__proto__' },
      { id: 'constructor', text: 'toString valueOf', label: 'constructor' },
    );
    const [result] = driver.pipe({ id: 'x', text: '__proto__' });
    expect(result).toMatchObject({ prediction: '__proto__' });
    const line = driver.written.at(-1) ?? '';
    expect(line).toContain('\\"__proto__\\":0.');
    expect(driver.restart().snapshot()).toEqual(driver.snapshot());
  });
});

describe('metrics, drift and alerts', () => {
  const soup = (i: number, label: string) => ({ id: `s${i}`, text: label, label });

  test('metrics come each so many scored records, and once more when idle', () => {
    const driver = new FoldDriver({ fold: { metricsEvery: 2 } });
    const results = driver.pipe(...Array.from({ length: 6 }, (_, i) => soup(i, 'positive')));
    // The first record is not scored: the model knew no class.
    expect(results.filter(({ type }) => type === 'metrics')).toMatchObject([
      { scored: 2, learned: 3, source: { offset: 2 } },
      { scored: 4, learned: 5, source: { offset: 4 } },
    ]);
    const idle = driver.fold.idle().map(({ value }) => JSON.parse(textOf(value)) as unknown);
    expect(idle).toMatchObject([{ type: 'metrics', scored: 5, idle: true, source: { offset: 5 } }]);
    expect(driver.fold.idle()).toEqual([]);
  });

  test('a threshold that stops holding fires once, and resolves once', async () => {
    const { parseThreshold } = await import('../../../src/core/metrics/threshold.ts');
    const driver = new FoldDriver({
      fold: {
        metricsEvery: 1,
        window: 10,
        thresholds: [parseThreshold('rolling.accuracy>=0.6')],
      },
    });
    driver.pipe(soup(0, 'positive'));
    driver.pipe(...Array.from({ length: 3 }, (_, i) => ({ ...soup(i, 'negative'), text: 'x' })));
    driver.pipe(...Array.from({ length: 60 }, (_, i) => soup(i + 9, 'negative')));
    const alerts = driver.results.filter(({ type }) => type === 'alert');
    expect(alerts).toMatchObject([
      { rule: 'rolling.accuracy>=0.6', state: 'firing', value: 0, partition: 0 },
      { rule: 'rolling.accuracy>=0.6', state: 'resolved' },
    ]);
  });

  test('drift is told when the error rate changes', () => {
    const driver = new FoldDriver();
    const labels = Array.from({ length: 1200 }, (_, i) =>
      i < 600 ? 'positive' : i % 2 === 0 ? 'negative' : 'positive',
    );
    driver.pipe(...labels.map((label, i) => ({ id: `${i}`, text: 'soup', label })));
    const drift = driver.results.filter(({ type }) => type === 'drift');
    expect(drift.length).toBeGreaterThan(0);
    expect(drift[0]).toMatchObject({ detector: 'adwin', signal: 'error', model: 'champion' });
    expect((drift[0] as { source: { offset: number } }).source.offset).toBeGreaterThan(600);
  });
});
