import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Adwin } from '../../../../src/core/drift/adwin.ts';
import { Ddm } from '../../../../src/core/drift/ddm.ts';
import type { DriftDetector } from '../../../../src/core/drift/drift-detector.ts';
import { Eddm } from '../../../../src/core/drift/eddm.ts';
import { Fhddm } from '../../../../src/core/drift/fhddm.ts';
import { HddmA } from '../../../../src/core/drift/hddm-a.ts';
import { HddmW } from '../../../../src/core/drift/hddm-w.ts';
import { PageHinkley } from '../../../../src/core/drift/page-hinkley.ts';

interface Kept extends DriftDetector {
  snapshot(): object;
  clone(): Kept;
}

/** Options that detect often, so that resets lie between a mark and its rollback. */
const kinds: Record<string, { make: () => Kept; restore: (snapshot: never) => Kept }> = {
  ADWIN: {
    make: () => new Adwin({ delta: 0.5, clock: 4 }),
    restore: (snapshot) => Adwin.restore(snapshot, { delta: 0.5, clock: 4 }),
  },
  DDM: {
    make: () => new Ddm({ warmStart: 3 }),
    restore: (snapshot) => Ddm.restore(snapshot, { warmStart: 3 }),
  },
  EDDM: {
    make: () => new Eddm({ warmStart: 3 }),
    restore: (snapshot) => Eddm.restore(snapshot, { warmStart: 3 }),
  },
  'Page-Hinkley': {
    make: () => new PageHinkley({ threshold: 1, minInstances: 3 }),
    restore: (snapshot) => PageHinkley.restore(snapshot, { threshold: 1, minInstances: 3 }),
  },
  'HDDM-A': {
    make: () => new HddmA({ driftConfidence: 0.4, warningConfidence: 0.6, twoSided: true }),
    restore: (snapshot) =>
      HddmA.restore(snapshot, { driftConfidence: 0.4, warningConfidence: 0.6, twoSided: true }),
  },
  'HDDM-W': {
    make: () => new HddmW({ driftConfidence: 0.4, warningConfidence: 0.6, twoSided: true }),
    restore: (snapshot) =>
      HddmW.restore(snapshot, { driftConfidence: 0.4, warningConfidence: 0.6, twoSided: true }),
  },
  FHDDM: {
    make: () => new Fhddm({ window: 7, confidence: 0.2 }),
    restore: (snapshot) => Fhddm.restore(snapshot, { window: 7, confidence: 0.2 }),
  },
};

const bits = fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 120 });
const feed = (detector: Kept, values: readonly number[]): string =>
  values
    .map((value) => {
      detector.update(value);
      return `${Number(detector.drift)}${Number(detector.warning)}`;
    })
    .join();
const json = (detector: Kept): string => JSON.stringify(detector.snapshot());

describe.each(Object.entries(kinds))('%s', (_, { make, restore }) => {
  test('a rollback gives the marked state back, bit for bit, as often as asked', () => {
    fc.assert(
      fc.property(bits, bits, bits, (before, lost, after) => {
        const detector = make();
        feed(detector, before);
        detector.mark();
        const marked = json(detector);
        for (const attempt of [lost, after]) {
          feed(detector, attempt);
          detector.rollback();
          expect(json(detector)).toBe(marked);
        }
        const straight = make();
        feed(straight, before);
        expect(feed(detector, after)).toBe(feed(straight, after));
        expect(json(detector)).toBe(json(straight));
      }),
    );
  });

  test('a new detector rolls back to its beginning', () => {
    const detector = make();
    const empty = json(detector);
    feed(detector, [1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(json(detector)).not.toBe(empty);
    detector.rollback();
    expect(json(detector)).toBe(empty);
  });

  test('a snapshot that went through JSON goes on as the original, and so does a clone', () => {
    fc.assert(
      fc.property(bits, bits, (before, after) => {
        const detector = make();
        feed(detector, before);
        const restored = restore(JSON.parse(json(detector)) as never);
        const cloned = detector.clone();
        const signals = feed(detector, after);
        expect(feed(restored, after)).toBe(signals);
        expect(feed(cloned, after)).toBe(signals);
        expect(json(restored)).toBe(json(detector));
        cloned.rollback();
        restored.rollback();
        expect(json(cloned)).toBe(json(restored));
      }),
    );
  });

  test('what a clone reads does not reach the original', () => {
    const detector = make();
    feed(detector, [1, 0, 1]);
    const kept = json(detector);
    feed(detector.clone(), [1, 1, 1, 1, 1, 1, 1, 1]);
    expect(json(detector)).toBe(kept);
  });
});

test('ADWIN keeps a long quiet stream in few buckets', () => {
  const adwin = new Adwin();
  for (let n = 0; n < 100_000; n++) adwin.update(n % 5 === 0 ? 1 : 0);
  expect(adwin.width).toBe(100_000);
  expect(adwin.total).toBe(20_000);
  expect(adwin.snapshot().rows.length).toBeLessThanOrEqual(16);
});
