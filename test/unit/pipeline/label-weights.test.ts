import { describe, expect, test } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { decodeCarry, encodeCarry } from '../../../src/pipeline/carry-snapshot.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import { Evaluation } from '../../../src/pipeline/evaluate.ts';
import { runSubscriber, type SubscriberEvent } from '../../../src/pipeline/subscriber.ts';
import type { ModelSpec } from '../../../src/pipeline/state.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { changeDelta } from '../../support/delta-edit.ts';
import { FoldDriver, TOPICS } from '../../support/fold-driver.ts';

const WEIGHTED: ModelSpec = {
  name: 'champion',
  kind: 'gtnb:weights=on,bits=10',
  role: 'champion',
};
const BOTH: ModelSpec = { ...WEIGHTED, kind: 'gtnb:dfe=on,weights=on,bits=10' };
const PLAIN: ModelSpec = { name: 'plain', kind: 'gtnb:bits=10', role: 'challenger' };
const DFE: ModelSpec = { name: 'dfe', kind: 'gtnb:dfe=on,bits=10', role: 'challenger' };
const RIVER: ModelSpec = { name: 'river', kind: 'multinomial', role: 'challenger' };
const driverOf = (...models: ModelSpec[]) =>
  new FoldDriver({ models: models.length === 0 ? [WEIGHTED, PLAIN, DFE, RIVER] : models });

const text = { id: 'a', text: 'great soup' };
const labelled = { ...text, label: 'positive' };
const hash = ({ state }: FoldDriver, name = 'champion') => state.hash(name).hash;
const statuses = (driver: FoldDriver, value: unknown) =>
  driver.pipe(value).map((result) => 'status' in result && result.status);
/** Goes on as a new process, from the deltas. */
const restarted = (driver: FoldDriver): FoldDriver => {
  const again = driver.restart();
  expect(again.snapshot()).toEqual(driver.snapshot());
  return again;
};

describe('a label of weight 0', () => {
  test('is scored, and teaches no model and no baseline', () => {
    const driver = driverOf();
    driver.pipe({ id: 'x', text: 'awful bread', label: 'negative' });
    const before = ['champion', 'plain', 'dfe', 'river'].map((name) => hash(driver, name));
    driver.pipe({ ...labelled, labelWeight: 0 });
    expect(['champion', 'plain', 'dfe', 'river'].map((name) => hash(driver, name))).toEqual(before);
    for (const figures of driver.fold.figures().values())
      expect(figures).toMatchObject({ learned: 1, baselines: { majority: { n: 2 } } });
    expect(driver.fold.figures().get('champion')).toMatchObject({ scored: 2 });
    const carry = restarted(driver).fold.snapshot().carries[0]!.carry!;
    expect(carry.calibrator).toMatchObject({ labels: 1 });
    expect(carry.labelled[1]).toMatchObject({ id: 'a', label: 'positive', weight: 0 });
  });

  test('can be given weight later, and lose it again', () => {
    const [driver, never] = [driverOf(), driverOf()];
    driver.pipe({ ...labelled, labelWeight: 0 });
    const label = { id: 'a', label: 'positive' };
    expect(statuses(driver, label)).toEqual(Array(4).fill('corrected'));
    expect(driver.state.models.map(({ model }) => model.learned)).toEqual([1, 1, 1, 1]);
    expect(statuses(restarted(driver), { ...label, labelWeight: 0 })).toEqual(
      Array(4).fill('corrected'),
    );
    expect(statuses(driver, { ...label, labelWeight: 0 })).toEqual(Array(4).fill('corrected'));
    expect(statuses(driver, { ...label, labelWeight: 0 })).toEqual(Array(4).fill('duplicate'));
    never.pipe(text);
    expect(hash(driver)).toBe(hash(never));
    expect(statuses(driver, { id: 'a', label: null })).toEqual(Array(4).fill('withdrawn'));
    expect(hash(restarted(driver))).toBe(hash(never));
  });
});

describe('a label of another weight', () => {
  test('is a correction where models weigh, and a duplicate where they do not', () => {
    const driver = driverOf();
    driver.pipe({ ...labelled, labelWeight: 2 });
    const half = { id: 'a', label: 'positive', labelWeight: 0.5 };
    expect(driver.pipe(half)).toMatchObject([
      { model: 'champion', status: 'corrected', previous: 'positive', label: 'positive' },
      { model: 'plain', status: 'duplicate' },
      { model: 'dfe', status: 'duplicate' },
      { model: 'river', status: 'duplicate' },
    ]);
    const direct = driverOf();
    direct.pipe({ ...labelled, labelWeight: 0.5 });
    expect(hash(driver)).toBe(hash(direct));
    expect(hash(driver, 'plain')).toBe(hash(direct, 'plain'));
    expect(driver.fold.figures().get('champion')).toMatchObject({ scored: 1, learned: 1 });
    restarted(driver);
  });

  test.each([['dfe and weights', BOTH] as const, ['weights', WEIGHTED] as const])(
    'is undone exactly with %s, by a new process too',
    (_, model) => {
      const driver = driverOf(model);
      driver.pipe({ id: 'x', text: 'great bread', label: 'positive', labelWeight: 3 });
      const before = hash(driver);
      driver.pipe({ ...labelled, labelWeight: 0.25 });
      const later = restarted(driver);
      later.pipe({ id: 'a', label: 'negative', labelWeight: 7 });
      const last = restarted(later);
      last.pipe({ id: 'a', label: null });
      expect(last.state.hash('champion')).toMatchObject({ learned: 1, hash: before });
    },
  );

  test('waits for its text, in deltas and in snapshots', () => {
    const driver = driverOf();
    const label = { id: 'a', label: 'positive', labelWeight: 0.25 };
    expect(statuses(driver, label)).toEqual(Array(4).fill('waiting'));
    expect(statuses(driver, label)).toEqual(Array(4).fill('duplicate'));
    const one = { id: 'a', label: 'positive' };
    expect(statuses(driver, one)).toEqual(['corrected', ...Array(3).fill('duplicate')]);
    driver.pipe(label);
    const revived = restarted(driver);
    const pieces = [...encodeCarry(driver.fold.capture(), driver.state.extractors, 64)];
    const content = Buffer.concat(pieces.map((piece) => piece.slice()));
    const decoding = decodeCarry(content, revived.state.extractors);
    let step = decoding.next();
    while (step.done !== true) step = decoding.next();
    revived.fold.revive(step.value);
    for (const way of [driver, revived]) {
      way.pipe(text);
      expect(way.state.models[0]!.model.snapshot().masses).toEqual([4]);
      expect(way.snapshot()).toEqual(driver.snapshot());
    }
  });
});

describe('a delta', () => {
  test('of a label of weight 1 is that of a label without one, and knows nothing of weights', () => {
    const [without, one, more] = [driverOf(), driverOf(), driverOf()];
    without.pipe(labelled, { id: 'b', label: 'negative' });
    one.pipe({ ...labelled, labelWeight: 1 }, { id: 'b', label: 'negative', labelWeight: 1 });
    more.pipe({ ...labelled, labelWeight: 2 }, { id: 'b', label: 'negative' });
    expect(one.deltas).toEqual(without.deltas);
    expect(more.deltas).not.toEqual(without.deltas);
    const carry = (driver: FoldDriver) =>
      Buffer.concat([...encodeCarry(driver.fold.capture(), driver.state.extractors, 1 << 20)]);
    expect(carry(one).includes('weighted')).toBe(false);
    expect(carry(more).includes('weighted')).toBe(true);
  });

  test('with a weight that no record can have is damaged', () => {
    const driver = driverOf(WEIGHTED);
    driver.pipe({ ...labelled, labelWeight: 16 });
    const changed = (weight: number) =>
      readDelta(
        changeDelta(driver.deltas[0]!, (delta) => ({
          ...delta,
          events: delta.events.map((entry) =>
            entry.kind === 'text' ? { ...entry, event: { ...entry.event, weight } } : entry,
          ),
        })),
      );
    expect(changed(256).events(driver.state.extractors)[0]!.event.weight).toBe(256);
    expect(() => changed(257).events(driver.state.extractors)).toThrow(
      expect.objectContaining({ code: 'DELTA_CORRUPT' }),
    );
  });
});

describe('a subscriber', () => {
  const warnings = async (models: readonly ModelSpec[]): Promise<readonly SubscriberEvent[]> => {
    const log = new MemoryEventLog();
    await log.ensureTopics(topicSpecs(TOPICS, 1));
    const records = [labelled, { ...labelled, labelWeight: 0 }, { ...text, labelWeight: 3 }];
    const weighted = [1, 2, 3].map((weight) => ({ ...labelled, labelWeight: weight }));
    for (const value of [...records, ...weighted])
      await log.append(TOPICS.source, [{ key: 'a', value: JSON.stringify(value) }]);
    const events: SubscriberEvent[] = [];
    const onEvent = (event: SubscriberEvent) => events.push(event);
    await runSubscriber({ log, pipeline: 'test', models, untilEnd: true, onEvent });
    await log.close();
    return events.filter(({ type }) => type === 'weights_ignored');
  };

  test('tells once of weights that no model counts by, with the first of them', async () => {
    const first = { type: 'weights_ignored', partition: 0, offset: 4 };
    expect(await warnings([{ ...PLAIN, role: 'champion' }, RIVER])).toEqual([first]);
    expect(await warnings([WEIGHTED, RIVER])).toEqual([]);
  });
});

describe('an evaluation', () => {
  const rows = [
    { text: 'great soup', label: 'positive', weight: 0.5 },
    { text: 'awful soup', label: 'negative', weight: 2 },
    { text: 'great bread', label: 'negative', weight: 0 },
    { text: 'awful bread', label: 'positive' },
  ];
  const told = ({ weight, ...row }: (typeof rows)[number]) => ({ ...row, labelWeight: weight });
  const classes = { declared: ['negative', 'positive'] };
  const answers = (kind: string, delay: number, given: readonly (typeof rows)[number][]) => {
    const seen: number[] = [];
    const onPrediction = (_: number, { probabilities }: { probabilities: ArrayLike<number> }) =>
      seen.push(probabilities[1]!);
    const evaluation = new Evaluation({ kind, classes, delay, onPrediction });
    evaluation.add(given);
    return { seen, ...evaluation.finish() };
  };

  test.each([0, 1])('weighs as a pipeline does, with a delay of %i', (delay) => {
    const driver = driverOf(WEIGHTED);
    const results = [];
    for (const [i, row] of rows.entries()) {
      const id = `${i}`;
      results.push(...driver.pipe(delay === 0 ? { ...told(row), id } : { id, text: row.text }));
      const late = rows[i - delay];
      if (delay === 1 && late !== undefined)
        driver.pipe({ ...told(late), id: `${i - 1}`, text: undefined });
    }
    const { seen, scored, learned } = answers(WEIGHTED.kind, delay, rows);
    const expected = results.map((result) =>
      result.type === 'prediction' ? result.probabilities['positive'] : undefined,
    );
    expect(seen).toEqual(expected);
    expect([scored, learned]).toEqual([4, 3]);
  });

  test('without weights=on counts each label once, and those of weight 0 not at all', () => {
    const once = rows.map(({ weight, ...row }) => (weight === 0 ? { ...row, weight } : row));
    expect(answers('gtnb:bits=10', 0, rows).seen).toEqual(answers('gtnb:bits=10', 0, once).seen);
    expect(answers('gtnb:bits=10', 0, rows).learned).toBe(3);
  });

  test.each([-1, 17, Number.NaN])('of a weight of %p is refused', (weight) => {
    expect(() => answers('gtnb', 0, [{ ...rows[0]!, weight }])).toThrow(
      expect.objectContaining({
        code: 'RECORD_INVALID',
        message: expect.stringContaining('row 1'),
      }),
    );
  });
});
