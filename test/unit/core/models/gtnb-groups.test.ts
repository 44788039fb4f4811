import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { GtnbCounts } from '../../../../src/core/models/gtnb-counts.ts';
import { GROUPS, GroupSums, POLARITY } from '../../../../src/core/models/gtnb-groups.ts';
import { LogTable, LONGEST_TABLE } from '../../../../src/core/models/log-table.ts';
import type { TypedFeatures } from '../../../../src/core/text/gt-features.ts';

const WORDS = new Map([
  [3, 2],
  [4, -3],
]);
const lexicon = { of: (id: number) => WORDS.get(id) ?? 0 };
const labels = ['negative', 'neutral', 'positive'];

/** Counts from nothing to beyond the table of logarithms, for ten ids. */
const count = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: LONGEST_TABLE - 2, max: LONGEST_TABLE + 2 }),
  fc.integer({ min: 2 ** 31, max: 2 ** 31 + 5 }),
);

test('sums of a group are those of its features one by one, for words, large counts and unknown features alike', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 3 }),
      fc.array(fc.tuple(count, count, count), { minLength: 10, maxLength: 10 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { maxLength: 12 }),
      fc.nat(12),
      (classes, table, ids, unigrams) => {
        const declared = labels.slice(0, classes);
        const counts = new GtnbCounts(declared, 1);
        counts.apply({
          classes: declared.map((label) => ({ label, documents: 1, firstSight: undefined })),
          ids: Int32Array.from(table, (_, id) => id),
          counts: Float64Array.from(table.flatMap((row) => row.slice(0, classes))),
        });
        const first = Math.min(unigrams, ids.length);
        const { order } = counts;
        const sums = new GroupSums(counts, lexicon, classes, 0.5);
        sums.fill(documentOf(ids, first), order);
        const got = sums.x.slice(0, POLARITY * classes - classes);

        const expected = new Float64Array(GROUPS * classes);
        sums.prepare(order);
        ids.forEach((id, at) => {
          const value = lexicon.of(id);
          const frequency = counts.frequency(id);
          if (frequency === 0 && value === 0) return;
          const type = at < first ? 0 : 1;
          const root = Math.sqrt(type === 0 ? first : ids.length - first);
          const to = GroupSums.of(type, frequency) * classes;
          sums.share(id, value, order).forEach((share, position) => {
            expected[to + position]! += share / root;
          });
        });
        got.forEach((sum, cell) => expect(sum).toBeCloseTo(expected[cell]!, 9));
      },
    ),
    { numRuns: 50 },
  );
});

/** Unigrams, then bigrams. */
function documentOf(ids: readonly number[], unigrams: number): TypedFeatures {
  const { length } = ids;
  return {
    ids: Int32Array.from(ids),
    values: new Float64Array(length).fill(1),
    length,
    ends: Int32Array.of(unigrams, length, length, length),
  };
}

test('a document of more features than are looked at in one go is summed up as one of few', () => {
  const ids = Array.from({ length: 70_000 }, (_, id) => id);
  for (const classes of [2, 3]) {
    const declared = labels.slice(0, classes);
    const counts = new GtnbCounts(declared, 1);
    // Every count is 5 for one class and 1 for another, but for the words of the lexicon and one large count at the end.
    const row = [5, 1, 0].slice(0, classes);
    const last = [LONGEST_TABLE, 1, 0].slice(0, classes);
    counts.apply({
      classes: declared.map((label) => ({ label, documents: 1, firstSight: undefined })),
      ids: Int32Array.from(ids),
      counts: Float64Array.from(ids.flatMap((id) => (id === ids.length - 1 ? last : row))),
    });
    const sums = new GroupSums(counts, lexicon, classes, 0.5);
    const { order } = counts;
    sums.fill(documentOf(ids, 40_000), order);
    const got = sums.x.slice(0, (POLARITY - 1) * classes);
    const expected = new Float64Array((POLARITY - 1) * classes);
    sums.prepare(order);
    for (const id of ids) {
      const size = id < 40_000 ? 40_000 : 30_000;
      const to = GroupSums.of(id < 40_000 ? 0 : 1, counts.frequency(id)) * classes;
      sums.share(id, lexicon.of(id), order).forEach((share, position) => {
        expected[to + position]! += share / Math.sqrt(size);
      });
    }
    got.forEach((sum, cell) => expect(sum).toBeCloseTo(expected[cell]!, 7));
    expect(sums.unknown).toBe(0);
  }
});

test('the features with a count are known through learning and unlearning', () => {
  const step = fc.tuple(fc.nat(2), fc.uniqueArray(fc.nat(9), { maxLength: 5 }));
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3 }), fc.array(step), (classes, documents) => {
      const counts = new GtnbCounts(labels.slice(0, classes), 1);
      const run = (amount: 'learn' | 'unlearn', [label, ids]: [number, number[]]): void => {
        const features = {
          ids: Int32Array.from(ids),
          values: new Float64Array(0),
          length: ids.length,
        };
        const name = labels[label % classes]!;
        const one = { amount: 1, mass: 1 };
        if (amount === 'learn') counts.learn(features, name, { partition: 0, offset: 0 }, one);
        else counts.unlearn(features, name, one);
      };
      for (const document of documents) run('learn', document);
      const half = documents.length >> 1;
      for (const document of documents.slice(0, half)) run('unlearn', document);
      const left = new Set(documents.slice(half).flatMap(([, ids]) => ids));
      expect(counts.vocabulary).toBe(left.size);
    }),
  );
});

test('a table of logarithms that was made longer gives what the logarithm gives', () => {
  const logs = new LogTable(0.5);
  logs.reserve(70);
  expect(logs.table).toHaveLength(256);
  logs.reserve(LONGEST_TABLE - 1);
  expect(logs.table).toHaveLength(LONGEST_TABLE);
  for (const at of [0, 1, 255, 256, LONGEST_TABLE - 1, LONGEST_TABLE]) {
    expect(logs.of(at)).toBe(Math.log(at + 0.5));
    if (at < LONGEST_TABLE) expect(logs.table[at]).toBe(Math.log(at + 0.5));
  }
});
