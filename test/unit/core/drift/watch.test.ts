import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  DriftWatch,
  type DriftAlarm,
  type DriftWatchOptions,
  type TextSignals,
} from '../../../../src/core/drift/watch.ts';

/** Small blocks and a low bar: alarms, resets and new classes lie between a mark and its rollback. */
const eager: DriftWatchOptions = { block: 2, warmUp: 3, window: 8, threshold: 1.2, delta: 0.5 };

type Event =
  { readonly text: TextSignals } | { readonly error: 0 | 1 } | { readonly restart: true };
const text = fc
  .record({
    features: fc.integer({ min: 0, max: 40 }),
    unknown: fc.double({ min: 0, max: 1, noNaN: true }),
    best: fc.integer({ min: -1, max: 2 }),
    classes: fc.constantFrom(2, 3),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ features, unknown, best, classes, ...rest }) => ({
    text: {
      features,
      unknown: Math.floor(unknown * features),
      best: Math.min(best, classes - 1),
      classes,
      ...rest,
    },
  }));
const error = fc.constantFrom<Event>({ error: 0 }, { error: 1 });
const restart = fc.constant<Event>({ restart: true });
const events = fc.array<Event>(
  fc.oneof({ weight: 30, arbitrary: text }, { weight: 10, arbitrary: error }, restart),
  { minLength: 20, maxLength: 120 },
);
const feed = (watch: DriftWatch, given: readonly Event[]): DriftAlarm[] =>
  given.flatMap((event) => {
    if ('restart' in event) watch.restart();
    else return 'text' in event ? watch.text(event.text) : watch.scored(event.error);
    return [];
  });
const json = (watch: DriftWatch): string => JSON.stringify(watch.snapshot());

/** Numbers in [0, 1) that look random. */
function noise(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Change = Partial<TextSignals> & { readonly error?: 0 | 1 };

/** A tweet like many, a little different each time, and its error. */
function usual(random: () => number, change: Change = {}): Event[] {
  const { error: wrong = random() < 0.2 ? 1 : 0, ...signals } = change;
  return [
    {
      text: {
        features: 20 + Math.floor(11 * random()),
        unknown: Math.floor(5 * random()),
        best: random() < 0.4 ? 0 : 1,
        classes: 2,
        confidence: 0.6 + 0.4 * random(),
        ...signals,
      },
    },
    { error: wrong },
  ];
}

/** Alarms of a watch that reads 2,400 usual records, of which none may raise any, and then 600 with a change. */
function alarmsOf(change: (random: () => number) => Change, before: Change = {}): DriftAlarm[] {
  const watch = new DriftWatch();
  const random = noise();
  const read = (length: number, more: () => Change): DriftAlarm[] =>
    Array.from({ length }, () => feed(watch, usual(random, more()))).flat();
  expect(read(2400, () => before)).toEqual([]);
  return read(600, () => change(random));
}
const kinds = (alarms: readonly DriftAlarm[]): string[] =>
  alarms.map(({ signal, detector }) => `${signal} ${detector}`);

describe('drift watch', () => {
  test('a rollback gives the marked state back, as often as asked', () => {
    fc.assert(
      fc.property(events, events, events, (before, lost, after) => {
        const watch = new DriftWatch(eager);
        feed(watch, before);
        watch.mark();
        const marked = json(watch);
        for (const attempt of [lost, after]) {
          feed(watch, attempt);
          watch.rollback();
          expect(json(watch)).toBe(marked);
        }
        const straight = new DriftWatch(eager);
        feed(straight, before);
        expect(feed(watch, after)).toEqual(feed(straight, after));
        expect(json(watch)).toBe(json(straight));
      }),
    );
  });

  test('a snapshot that went through JSON goes on as the original, and is marked', () => {
    let alarms = 0;
    fc.assert(
      fc.property(events, events, (before, after) => {
        const watch = new DriftWatch(eager);
        feed(watch, before);
        const kept = json(watch);
        const restored = DriftWatch.restore(JSON.parse(kept) as never, eager);
        expect(json(restored)).toBe(kept);
        const raised = feed(watch, after);
        alarms += raised.length;
        expect(feed(restored, after)).toEqual(raised);
        expect(json(restored)).toBe(json(watch));
        restored.rollback();
        expect(json(restored)).toBe(kept);
      }),
    );
    expect(alarms).toBeGreaterThan(100);
  });

  test('a new watch rolls back to its beginning', () => {
    const watch = new DriftWatch(eager);
    const empty = json(watch);
    const random = noise();
    for (let n = 0; n < 50; n++) feed(watch, usual(random));
    expect(json(watch)).not.toBe(empty);
    watch.rollback();
    expect(json(watch)).toBe(empty);
  });

  test('words that were never learned raise the unknown signal, with the shares on both sides', () => {
    const [alarm, ...others] = alarmsOf(() => ({ unknown: 10 }));
    expect(others).toEqual([]);
    expect(alarm).toMatchObject({ signal: 'unknown', detector: 'ranks' });
    expect(alarm?.evidence['before']).toBeCloseTo(0.08, 2);
    expect(alarm?.evidence['after']).toBeCloseTo(0.4, 1);
    expect(alarm?.evidence['records']).toBe(80);
    expect(alarm?.evidence['threshold']).toBe(20_000);
  });

  test('answers of one class raise the classes signal, with the class that changed', () => {
    const [alarm, ...others] = alarmsOf(() => ({ best: 0 }));
    expect(others).toEqual([]);
    expect(alarm).toMatchObject({ signal: 'classes', detector: 'ranks' });
    expect(alarm?.evidence).toMatchObject({ class: 1, after: 0 });
    expect(alarm?.evidence['before']).toBeCloseTo(0.6, 1);
  });

  test('with three classes the share of any may change', () => {
    const alarms = alarmsOf((random) => ({ classes: 3, best: random() < 0.5 ? 2 : 0 }), {
      classes: 3,
    });
    expect(kinds(alarms)).toEqual(['classes ranks']);
    expect(alarms[0]?.evidence).toMatchObject({ class: 1, after: 0 });
  });

  test('a falling confidence is an alarm, a rising one is not', () => {
    expect(kinds(alarmsOf(() => ({ confidence: 0.55 })))).toEqual(['confidence ranks']);
    expect(alarmsOf(() => ({ confidence: 0.99 }))).toEqual([]);
  });

  test('texts that grow or shrink raise the length signal, in features', () => {
    const [longer] = alarmsOf(() => ({ features: 60, unknown: 5 }));
    expect(longer).toMatchObject({ signal: 'length', detector: 'ranks' });
    expect(longer?.evidence['before']).toBeCloseTo(24.8, 0);
    expect(longer?.evidence['after']).toBeCloseTo(60, 1);
    expect(kinds(alarmsOf(() => ({ features: 5, unknown: 0 })))).toEqual(['length ranks']);
  });

  test('more errors raise the error signal by both detectors, fewer by the ranks alone', () => {
    const more = alarmsOf((random) => ({ error: random() < 0.6 ? 1 : 0 }));
    expect(kinds(more).toSorted()).toEqual(['error adwin', 'error ranks']);
    const adwin = more.find(({ detector }) => detector === 'adwin');
    expect(adwin?.evidence['before']).toBeCloseTo(0.2, 1);
    expect(adwin?.evidence['after']).toBeGreaterThan(0.3);
    expect(kinds(alarmsOf(() => ({ error: 0 })))).toEqual(['error ranks']);
  });

  test('begins anew with a model that forgot, but for the length of the texts', () => {
    const random = noise();
    const watch = new DriftWatch();
    const many = (count: number, change?: Change) =>
      Array.from({ length: count }, () => usual(random, change)).flat();
    feed(watch, many(2000));
    watch.restart();
    // Everything that the model has a hand in is another model's.
    const changed = { unknown: 20, best: 0, confidence: 0.55, error: 1 } as const;
    expect(feed(watch, many(500, changed))).toEqual([]);
    expect(feed(watch, many(300, { ...changed, features: 90 })).map((of) => of.signal)).toEqual([
      'length',
    ]);
    // And it is watched again.
    feed(watch, many(3000));
    const signals = feed(watch, many(500, changed)).map((of) => of.signal);
    for (const signal of ['error', 'classes', 'unknown', 'confidence'])
      expect(signals).toContain(signal);
  });

  test('fewer unknown words are no alarm: a model that learns knows more and more', () => {
    const watch = new DriftWatch();
    const random = noise();
    const alarms = Array.from({ length: 6000 }, (_, n) =>
      feed(watch, usual(random, { features: 100, unknown: Math.floor(900 / (n + 10)) })),
    );
    expect(alarms.flat()).toEqual([]);
  });

  test('streams of which every record is the same are silent', () => {
    const same = { features: 12, unknown: 0, best: 1, classes: 2, confidence: 1 };
    for (const wrong of [0, 1] as const) {
      const watch = new DriftWatch({ threshold: 1000 });
      const records = Array.from({ length: 10_000 }, () => [{ text: same }, { error: wrong }]);
      expect(feed(watch, records.flat())).toEqual([]);
    }
  });

  test('a model that knows no class is watched for words and length only', () => {
    const watch = new DriftWatch();
    const random = noise();
    for (let n = 0; n < 4000; n++)
      feed(watch, usual(random, { best: -1, classes: 0, confidence: 0 }).slice(0, 1));
    const { unknown, length, confidence, shares } = watch.snapshot();
    expect([unknown.ordinal, length.ordinal]).toEqual([234, 250]);
    expect([confidence.ordinal, shares.length]).toEqual([0, 0]);
  });

  test('a class more begins the shares anew', () => {
    const watch = new DriftWatch();
    const random = noise();
    const blocks = (): number[] => watch.snapshot().shares.map(({ values }) => values.length);
    for (let n = 0; n < 1608; n++) feed(watch, usual(random));
    expect(blocks()).toEqual([84]);
    for (let n = 0; n < 32; n++) feed(watch, usual(random, { classes: 3 }));
    expect(blocks()).toEqual([1, 1, 1]);
  });
});
