import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CountCells, LARGE } from '../../../../src/core/models/count-cells.ts';
import { GtnbCounts } from '../../../../src/core/models/gtnb-counts.ts';
import { FORMS, Learner, lessonsOf, TWO } from './gtnb-support.ts';

/** Counts in two bytes, and those that have outgrown them. */

const GROWING = 1;

test('a cell is what was added to it, however large it gets and falls', () => {
  const steps = fc.array(
    fc.record({ cell: fc.nat(3), amount: fc.oneof(fc.nat(3), fc.nat(70_000), fc.nat(2 ** 33)) }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.nat()), (added, picks) => {
      const table = new CountCells(2, 2, GROWING);
      const sums = [0, 0, 0, 0];
      for (const { cell, amount } of added) {
        table.add(cell, amount);
        sums[cell] = sums[cell]! + amount;
        expect(sums.map((_, at) => table.at(at))).toEqual(sums);
      }
      const keyed = added.map((step) => ({ ...step, key: picks.next().value }));
      for (const { cell, amount } of keyed.toSorted((a, b) => a.key - b.key)) {
        table.add(cell, -amount);
        sums[cell] = sums[cell]! - amount;
        expect(sums.map((_, at) => table.at(at))).toEqual(sums);
      }
      expect([...table.cells]).toEqual([0, 0, 0, 0]);
    }),
  );
});

test('a count may be taken away before it is added, and touches no other', () => {
  const table = new CountCells(2, 2, GROWING);
  table.add(0, 3 * LARGE);
  for (const amount of [1, 7, LARGE, 2 * LARGE + 5]) {
    table.add(1, -amount);
    expect([table.at(0), table.at(1)]).toEqual([3 * LARGE, 0]);
    table.add(1, amount + 2);
    expect([table.at(0), table.at(1)]).toEqual([3 * LARGE, 2]);
    table.add(1, -2);
    expect(table.cells[1]).toBe(0);
  }
});

test('more large counts than there is room for make wider cells of the same counts', () => {
  const table = new CountCells(LARGE + 2, 1, GROWING);
  for (let cell = 0; cell < LARGE; cell++) table.add(cell, LARGE + cell);
  expect(table.cells).toBeInstanceOf(Uint16Array);
  table.add(0, -1);
  table.add(LARGE, 3 * LARGE);
  expect(table.cells).toBeInstanceOf(Uint16Array);
  table.add(0, 5);
  expect(table.cells).toBeInstanceOf(Uint32Array);
  table.add(LARGE + 1, 2);
  table.reserveRows(LARGE + 3);
  table.widen();
  for (let row = 1; row < LARGE; row++)
    if (table.at(2 * row) !== LARGE + row) throw new Error(`row ${row} is ${table.at(2 * row)}`);
  expect([0, LARGE, LARGE + 1, LARGE + 2].map((row) => table.at(2 * row))).toEqual([
    LARGE + 4,
    3 * LARGE,
    2,
    0,
  ]);
});

test('a document whose counts need wider cells in the middle of it is counted whole', () => {
  const counts = new GtnbCounts(TWO, 1, 4 * LARGE);
  const ids = Int32Array.from({ length: LARGE + 3 }, (_, id) => id);
  // One place is left among the large ones; the last three are at the edge.
  const told = Float64Array.from(ids, (id) => (id < LARGE - 1 ? LARGE : LARGE - 1));
  const [label] = TWO;
  const sums = { classes: [{ label: label!, documents: 1, firstSight: undefined }], ids };
  counts.apply({ ...sums, counts: told });
  expect(counts.table.cells).toBeInstanceOf(Uint16Array);
  const document = Int32Array.of(LARGE - 1, LARGE, LARGE + 1, LARGE + 2, 3 * LARGE, 5 * LARGE);
  const features = { ids: document, values: new Float64Array(0), length: document.length };
  const one = { amount: 1, mass: 1 };
  counts.learn(features, label!, { partition: 0, offset: 0 }, one);
  expect(counts.table.cells).toBeInstanceOf(Uint32Array);
  const got = Array.from(document, (id) => counts.count(id, 0));
  expect(got).toEqual([LARGE, LARGE, LARGE, LARGE, 1, 1]);
  expect(counts.vocabulary).toBe(ids.length + 2);
  counts.unlearn(features, label!, one);
  expect(Array.from(document, (id) => counts.count(id, 0))).toEqual(got.map((count) => count - 1));
  expect(counts.vocabulary).toBe(ids.length);
});

/** A count below 0 reads as none. */
function shownOf(sum: number): number {
  return Math.max(0, sum);
}

/** A table in four bytes whose first cells are 0. */
function wideTable(): CountCells {
  const table = new CountCells(LARGE + 8, 1, GROWING);
  for (let cell = 4; cell < LARGE + 5; cell++) table.add(cell, LARGE);
  return table;
}

test('in four bytes too a cell is what was added to it, in any order, and less than nothing reads as 0', () => {
  const edges = fc.constantFrom(1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40);
  const amount = fc.oneof(
    fc.integer({ min: -70_000, max: 70_000 }),
    edges,
    edges.map((n) => -n),
  );
  const steps = fc.array(fc.record({ cell: fc.nat(3), amount }), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (added) => {
      const table = wideTable();
      expect(table.cells).toBeInstanceOf(Uint32Array);
      const sums = [0, 0, 0, 0];
      for (const step of added) {
        table.add(step.cell, step.amount);
        sums[step.cell] = sums[step.cell]! + step.amount;
        const shown = sums.map(shownOf);
        expect(sums.map((_, at) => table.at(at))).toEqual(shown);
        expect(sums.map((_, at) => table.cells[at] === 0)).toEqual(sums.map((sum) => sum === 0));
      }
      const { rows, counts } = table.held();
      const left = sums.flatMap((sum, row) => (sum === 0 ? [] : [row]));
      expect([...rows.subarray(0, left.length + 1)]).toEqual([...left, 4]);
      expect([...counts.subarray(0, left.length + 1)]).toEqual([
        ...left.map((row) => shownOf(sums[row]!)),
        LARGE,
      ]);
      for (const { cell, amount: before } of added) table.add(cell, -before);
      expect([...table.cells.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    }),
    { numRuns: 40 },
  );
});

test('what is less than nothing stays so when the cells get four bytes', () => {
  const table = new CountCells(LARGE + 2, 1, GROWING);
  table.add(LARGE + 1, -5);
  for (let cell = 0; cell < LARGE; cell++) table.add(cell, LARGE);
  expect(table.cells).toBeInstanceOf(Uint32Array);
  expect(table.at(LARGE + 1)).toBe(0);
  table.add(LARGE + 1, 7);
  expect(table.at(LARGE + 1)).toBe(2);
});

test('rows and columns are made room for without a change to any count', () => {
  const table = new CountCells(2, 2, GROWING);
  table.add(0, 100_000);
  table.add(3, 7);
  table.widen();
  table.reserveRows(3);
  expect([0, 1, 4, 5, 8].map((cell) => table.at(cell))).toEqual([100_000, 0, 0, 7, 0]);
  const { rows, counts } = table.held();
  expect([[...rows], [...counts]]).toEqual([
    [0, 1],
    [100_000, 0, 0, 0, 0, 7, 0, 0],
  ]);
});

describe.each(FORMS)('GT-NB with %s at the edge of two bytes', (_, options) => {
  test('learns, unlearns and ships as anywhere', () => {
    fc.assert(
      fc.property(lessonsOf(options, 8), fc.integer({ min: 1, max: 40 }), (lessons, below) => {
        const fresh = new Learner(TWO, options);
        const learner = new Learner(TWO, options);
        fresh.model.stage();
        const learned = lessons.map((lesson, offset) => ({
          lesson,
          addition: fresh.learn(lesson, 0, offset),
        }));
        const delta = fresh.model.takeDelta();
        // All that the lessons count, and something of each of their features, just below the edge.
        const edge = {
          ...delta,
          counts: delta.counts.map(() => LARGE - below),
          ...(delta.frequencies && { frequencies: delta.frequencies.map(() => LARGE - below) }),
        };
        learner.receive(edge, fresh);
        const before = learner.model.snapshot();
        const expectLearned = (): void => {
          for (const [row, id] of delta.ids.entries())
            for (const [at, { label }] of delta.classes.entries()) {
              const column = learner.model.counts.labels.indexOf(label);
              const own = learner.analysis.intern(fresh.analysis.term(id));
              const told = delta.counts[row * delta.classes.length + at]!;
              expect(learner.model.counts.count(own, column)).toBe(LARGE - below + told);
            }
        };
        learner.receive(delta, fresh);
        expectLearned();
        for (const { lesson, addition } of learned) learner.unlearn(lesson, addition);
        expect({ ...learner.model.snapshot(), classes: [] }).toEqual({ ...before, classes: [] });
        if (options.dfe === true) return; // what a document adds depends on what is known
        for (const lesson of lessons) learner.learn(lesson);
        expectLearned();
      }),
      { numRuns: 15 },
    );
  });
});
