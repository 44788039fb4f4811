import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Adwin } from '../../../../src/core/drift/adwin.ts';
import { Ddm } from '../../../../src/core/drift/ddm.ts';
import type { DriftDetector } from '../../../../src/core/drift/drift-detector.ts';
import { Eddm } from '../../../../src/core/drift/eddm.ts';
import { Fhddm } from '../../../../src/core/drift/fhddm.ts';
import { HddmA } from '../../../../src/core/drift/hddm-a.ts';
import { HddmW } from '../../../../src/core/drift/hddm-w.ts';
import { PageHinkley } from '../../../../src/core/drift/page-hinkley.ts';

interface Result {
  readonly drift: readonly number[];
  readonly warning?: readonly number[];
  readonly final?: Readonly<Record<'width' | 'total' | 'variance' | 'estimation', number>>;
}
const vectors = JSON.parse(readFileSync('test/data/river-vectors/drift.json', 'utf8')) as {
  readonly streams: Record<string, number[]>;
  readonly results: Record<string, Record<string, Result>>;
};

const detectors: Record<string, () => DriftDetector> = {
  ADWIN: () => new Adwin(),
  'ADWIN(delta=0.05)': () => new Adwin({ delta: 0.05 }),
  PageHinkley: () => new PageHinkley(),
  'PageHinkley(mode=up)': () => new PageHinkley({ mode: 'up' }),
  'PageHinkley(mode=down)': () => new PageHinkley({ mode: 'down' }),
  'PageHinkley(threshold=10)': () => new PageHinkley({ threshold: 10 }),
  DDM: () => new Ddm(),
  EDDM: () => new Eddm(),
  HDDM_A: () => new HddmA(),
  'HDDM_A(two_sided)': () => new HddmA({ twoSided: true }),
  HDDM_W: () => new HddmW(),
  'HDDM_W(two_sided)': () => new HddmW({ twoSided: true }),
  FHDDM: () => new Fhddm(),
};

const cases = Object.entries(vectors.results).flatMap(([stream, results]) =>
  Object.entries(results)
    .filter(([name]) => name !== 'KSWIN(seed=42)') // draws from numpy's generator: not portable
    .map(([name, result]) => ({ name, stream, result })),
);

function run(detector: DriftDetector, values: readonly number[]): Required<Omit<Result, 'final'>> {
  const drift: number[] = [];
  const warning: number[] = [];
  for (const [index, value] of values.entries()) {
    detector.update(value);
    if (detector.drift) drift.push(index);
    if (detector.warning) warning.push(index);
  }
  return { drift, warning };
}

test('the vectors hold every detector on its streams', () => {
  expect(new Set(cases.map(({ name }) => name))).toEqual(new Set(Object.keys(detectors)));
  expect(cases).toHaveLength(6 * 10 + 7 * 8);
});

test.each(cases)('$name signals on "$stream" where River does', ({ name, stream, result }) => {
  const seen = run(detectors[name]!(), vectors.streams[stream]!);
  expect(seen.drift).toEqual(result.drift);
  expect(seen.warning).toEqual(result.warning ?? []);
});

test.each(cases.filter(({ result }) => result.final))(
  '$name ends "$stream" with the same window as River, to the last bit',
  ({ name, stream, result }) => {
    const adwin = detectors[name]!() as Adwin;
    run(adwin, vectors.streams[stream]!);
    const { width, total, variance, estimation } = adwin;
    expect(result.final).toMatchObject({ width, total, variance, estimation });
  },
);

describe('anchors', () => {
  const doc = vectors.streams['doc-12345']!;
  test('ADWIN finds the change of the documented stream at 1023', () => {
    expect(run(new Adwin(), doc).drift).toEqual([1023]);
  });
  test('Page-Hinkley finds it at 1006', () => {
    expect(run(new PageHinkley(), doc).drift).toEqual([1006]);
  });
  test('DDM warns at 1084 and detects at 1334 on the second one', () => {
    const { drift, warning } = run(new Ddm(), vectors.streams['doc-42-weights-.3-.7']!);
    expect(drift).toEqual([1334]);
    expect(warning[0]).toBe(1084);
    expect(warning.find((index) => index > 1334)).toBe(1492);
  });
});
