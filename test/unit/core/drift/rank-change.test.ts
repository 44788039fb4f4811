import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { RankChange, type RankChangeOptions } from '../../../../src/core/drift/rank-change.ts';

/** Options that detect often, so that resets lie between a mark and its rollback. */
const eager: RankChangeOptions = { window: 9, least: 3, threshold: 4 };
const values = fc.array(fc.double({ min: -70, max: 70, noNaN: true }), { maxLength: 60 });
const json = (detector: RankChange): string => JSON.stringify(detector.snapshot());

function feed(detector: RankChange, numbers: readonly number[]): string {
  return numbers
    .map((value) => {
      detector.update(value);
      return detector.drift ? '1' : '0';
    })
    .join('');
}

/** Numbers in [0, 1) that look random. */
function noise(length: number): number[] {
  let state = 7;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Values read up to the first detection, itself included. */
function firstDrift(options: RankChangeOptions, numbers: readonly number[]): number {
  return feed(new RankChange(options), numbers).indexOf('1') + 1;
}

describe('rank change', () => {
  test('a rollback gives the marked state back, as often as asked', () => {
    fc.assert(
      fc.property(values, values, values, (before, lost, after) => {
        const detector = new RankChange(eager);
        feed(detector, before);
        detector.mark();
        const marked = json(detector);
        for (const attempt of [lost, after]) {
          feed(detector, attempt);
          detector.rollback();
          expect(json(detector)).toBe(marked);
        }
        const straight = new RankChange(eager);
        feed(straight, before);
        expect(feed(detector, after)).toBe(feed(straight, after));
        expect(json(detector)).toBe(json(straight));
      }),
    );
  });

  test('a snapshot that went through JSON goes on as the original, and so does a clone', () => {
    fc.assert(
      fc.property(values, values, (before, after) => {
        const detector = new RankChange(eager);
        feed(detector, before);
        const restored = RankChange.restore(JSON.parse(json(detector)) as never, eager);
        const cloned = detector.clone();
        expect(json(restored)).toBe(json(detector));
        const alarms = feed(detector, after);
        expect(feed(restored, after)).toBe(alarms);
        expect(feed(cloned, after)).toBe(alarms);
        restored.rollback();
        cloned.rollback();
        expect(json(restored)).toBe(json(cloned));
      }),
    );
  });

  test('a new detector rolls back to its beginning', () => {
    const detector = new RankChange(eager);
    const empty = json(detector);
    feed(detector, [1, 2, 3, 4, 5]);
    detector.rollback();
    expect(json(detector)).toBe(empty);
  });

  test('values that stay beyond the window are detected, with their means and their number', () => {
    const detector = new RankChange();
    expect(feed(detector, noise(300))).not.toContain('1');
    expect(feed(detector, Array<number>(4).fill(1.5))).toBe('0001');
    const { before, after, run, statistic } = detector.evidence;
    expect(before).toBeCloseTo(0.5, 1);
    expect(after).toBe(1.5);
    expect(run).toBe(4);
    expect(statistic).toBeGreaterThan(20_000);
  });

  test('only changes of the direction that counts are detected', () => {
    const fall = [...noise(300), ...Array<number>(20).fill(-1)];
    const rise = [...noise(300), ...Array<number>(20).fill(2)];
    expect(firstDrift({ mode: 'up' }, fall)).toBe(0);
    expect(firstDrift({ mode: 'down' }, rise)).toBe(0);
    expect(firstDrift({ mode: 'down' }, fall)).toBe(304);
    expect(firstDrift({ mode: 'up' }, rise)).toBe(304);
    expect(firstDrift({ mode: 'both' }, fall)).toBe(305);
    expect(firstDrift({ mode: 'both' }, rise)).toBe(304);
  });

  test('it starts over after a detection: the new level is the normal one', () => {
    const detector = new RankChange();
    const alarms = feed(detector, [...noise(300), ...noise(900).map((value) => value + 2)]);
    expect(alarms.split('1')).toHaveLength(2);
    expect(detector.snapshot().values.every((value) => value >= 2 * 2 ** 14)).toBe(true);
  });

  test('a constant stream is silent, however long', () => {
    for (const value of [0, 0.3, 1])
      expect(firstDrift({ threshold: 1000 }, Array<number>(10_000).fill(value))).toBe(0);
  });

  test('false alarms without order are fewer than promised', () => {
    const threshold = 500;
    const detector = new RankChange({ threshold });
    const alarms = feed(detector, noise(30_000)).split('1').length - 1;
    expect(alarms).toBeGreaterThan(0);
    expect(alarms).toBeLessThan(30_000 / threshold);
  });

  test('values beyond the bound count as the bound', () => {
    const wild = new RankChange(eager);
    const tame = new RankChange(eager);
    feed(wild, [Infinity, -1e12, 70]);
    feed(tame, [63, -63, 63]);
    expect(json(wild)).toBe(json(tame));
  });
});
