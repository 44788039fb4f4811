import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createGtnb } from '../../../../src/core/models/gtnb-create.ts';
import { parseGtnbKind } from '../../../../src/core/models/gtnb-kind.ts';
import type { ModelSums } from '../../../../src/core/models/model.ts';
import { warmStart } from '../../../../src/core/models/warm-start.ts';

const TWO = ['negative', 'positive'];
const THREE = ['negative', 'neutral', 'positive'];

/** Whole counts: a row a feature. */
function sums(rows: readonly (readonly number[])[], labels: readonly string[] = TWO): ModelSums {
  return {
    classes: labels.map((label) => ({ label, documents: 100, firstSight: undefined })),
    ids: Int32Array.from(rows.keys()),
    cells: Uint32Array.from(rows.flat()),
    stride: labels.length,
    base: 0,
    forgotten: 0,
  };
}

/** [id, counts …] of each feature that is taken over. */
function taken(source: ModelSums, weight: number, classes: readonly string[] = TWO): number[][] {
  const { ids, counts } = warmStart(source, { weight, classes, from: 1, to: 1 });
  const width = classes.length;
  return Array.from(ids, (id, row) => [id, ...counts.slice(row * width, (row + 1) * width)]);
}

describe('whole counts as a start', () => {
  test.each([
    ['half a document is one', [5, 0], 0.1, [1, 0]],
    ['less is none', [4, 0], 0.1, undefined],
    ['a feature without counts is none', [0, 0], 1, undefined],
    ['the largest remainder gets what is left', [13, 26], 0.1, [1, 3]],
    ['ties go to the earlier class', [7, 7], 0.1, [1, 0]],
    ['each class keeps its integer part', [3, 2], 0.5, [2, 1]],
    ['weight 1 changes nothing', [3, 2], 1, [3, 2]],
  ])('%s: %j at %d', (_, row, weight, expected) => {
    expect(taken(sums([row]), weight)).toEqual(expected === undefined ? [] : [[0, ...expected]]);
  });

  test('are integers next to the scaled ones, and their sum is the rounded frequency', () => {
    const rows = fc.array(fc.array(fc.nat(1000), { minLength: 3, maxLength: 3 }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 16 }), (counts, sixteenths) => {
        const weight = sixteenths / 16;
        const got = new Map(
          taken(sums(counts, THREE), weight, THREE).map(([id = 0, ...row]) => [id, row]),
        );
        for (const [id, row] of counts.entries()) {
          const documents = (row[0]! + row[1]! + row[2]!) * weight;
          const scaled = got.get(id) ?? [0, 0, 0];
          expect(scaled[0]! + scaled[1]! + scaled[2]!).toBe(Math.floor(documents + 0.5));
          for (const [at, count] of scaled.entries())
            expect(Math.abs(count - row[at]! * weight)).toBeLessThan(1);
        }
      }),
    );
  });

  test('come without documents, by class', () => {
    const { classes, masses } = warmStart(sums([[10, 0]]), {
      weight: 0.5,
      classes: TWO,
      from: 1,
      to: 1,
    });
    expect(classes).toEqual(TWO.map((label) => ({ label, documents: 0, firstSight: undefined })));
    expect(masses).toBeUndefined();
  });
});

describe('classes of the source', () => {
  test('are found by label, and others left out', () => {
    expect(taken(sums([[10, 99, 30]], ['positive', 'neutral', 'negative']), 1)).toEqual([
      [0, 30, 10],
    ]);
  });

  test('that are missing get the mean of the others', () => {
    expect(taken(sums([[30, 10]]), 1, THREE)).toEqual([[0, 30, 20, 10]]);
  });

  test('without any in common give nothing', () => {
    expect(taken(sums([[30, 10]]), 1, ['1', '2'])).toEqual([]);
  });
});

describe('sixteenths', () => {
  /** df before the counts. */
  const parts: ModelSums = {
    ...sums([
      [4, 40, 24],
      [1, 3, 0],
      [9, 9, 0],
    ]),
    stride: 3,
    base: 1,
    masses: [1600, 1600],
  };

  test('are rounded one by one, and frequencies with them', () => {
    const delta = warmStart(parts, { weight: 0.3, classes: TWO, from: 16, to: 16 });
    expect([...delta.ids]).toEqual([0, 2]);
    expect([...delta.counts]).toEqual([12, 7, 3, 0]);
    expect([...delta.frequencies!]).toEqual([1, 3]);
    expect([...delta.masses!]).toEqual([0, 0]);
  });

  test('come of whole counts, and whole counts of them', () => {
    const up = warmStart(sums([[3, 1]]), { weight: 0.25, classes: TWO, from: 1, to: 16 });
    expect([...up.counts]).toEqual([12, 4]);
    expect([...up.frequencies!]).toEqual([1]);
    const down = warmStart(parts, { weight: 1, classes: TWO, from: 16, to: 1 });
    expect([...down.ids]).toEqual([0, 2]);
    expect([...down.counts]).toEqual([3, 1, 1, 0]);
    expect(down.frequencies).toBeUndefined();
  });
});

test.each([0, -1, 1.01, NaN])('a weight of %d is refused', (weight) => {
  const options = { weight, classes: TWO, from: 1, to: 1 } as const;
  expect(() => warmStart(sums([[1, 0]]), options)).toThrow(RangeError);
});

describe.each(['gtnb:bits=12', 'gtnb:bits=12,dfe=on'])('%s that starts warm', (kind) => {
  const TEXTS = [
    ['the soup was zorby', 'positive'],
    ['a grumpish waiter', 'negative'],
  ] as const;
  const begin = () => createGtnb(parseGtnbKind(`${kind},lexicon=off`), TWO);
  const source = begin();
  const calibrator = source.model.calibrator();
  for (let offset = 0; offset < 20; offset++) {
    const [text, label] = TEXTS[offset % 2]!;
    const sight = { partition: 0, offset };
    source.model.learn(source.analysis.extract(text), label, sight, calibrator);
  }
  const { unit } = source.model;
  const target = begin();
  target.model.apply(
    warmStart(source.model.sums(), { weight: 0.2, classes: TWO, from: unit, to: unit }),
  );
  const positive = (text: string): number =>
    target.model.predict(target.analysis.extract(text), target.model.calibrator())
      .probabilities[1]!;

  test('knows the words, but no share of the classes and no document', () => {
    expect(positive('zorby')).toBeGreaterThan(0.6);
    expect(positive('grumpish')).toBeLessThan(0.4);
    expect(positive('')).toBe(0.5);
    expect(target.model.learned).toBe(0);
    expect(target.model.vocabulary).toBe(source.model.vocabulary);
  });
});
