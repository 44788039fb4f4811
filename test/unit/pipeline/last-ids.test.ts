import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LastIds } from '../../../src/pipeline/last-ids.ts';

const IDS = ['a', 'b', 'c', 'd', '__proto__', 'constructor'];
const MOST = 4;

/** Adds ids, and asks for some of them in between: '?' before an id asks. */
function run(ids: LastIds, steps: readonly string[]): void {
  for (const step of steps) {
    if (step.startsWith('?')) ids.has(step.slice(1));
    else ids.add(step);
  }
}

/** What is there when each id is taken out and added anew, and the oldest goes when there are too many. */
function model(steps: readonly string[]): string[] {
  let list: string[] = [];
  for (const step of steps)
    if (!step.startsWith('?')) list = [...list.filter((id) => id !== step), step].slice(-MOST);
  return list;
}

const steps = fc.array(fc.constantFrom(...IDS, ...IDS.map((id) => `?${id}`)), { maxLength: 30 });

/** What it holds, listed and asked for, beside what it should. */
function seen(ids: LastIds): unknown {
  return { list: ids.list(), has: IDS.filter((id) => ids.has(id)) };
}

function expected(all: readonly string[]): unknown {
  const list = model(all);
  return { list, has: IDS.filter((id) => list.includes(id)) };
}

describe('LastIds', () => {
  test('knows the ids that were added last, each once, however often it is asked', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const ids = new LastIds(MOST);
        run(ids, all);
        expect(seen(ids)).toEqual(expected(all));
      }),
    );
  });

  test('rollback returns to the mark, and it goes on from there', () => {
    fc.assert(
      fc.property(steps, steps, steps, (before, staged, after) => {
        const ids = new LastIds(MOST);
        run(ids, before);
        ids.mark();
        run(ids, staged);
        ids.rollback();
        run(ids, after);
        expect(seen(ids)).toEqual(expected([...before, ...after]));
      }),
    );
  });

  test('marks change nothing, however much was added', () => {
    const ids = new LastIds(MOST);
    const all: string[] = [];
    for (let chunk = 0; chunk < 30; chunk++) {
      for (let at = 0; at < 100; at++) {
        const id = at % 7 === 0 ? (IDS[(chunk + at) % IDS.length] ?? '') : `x${chunk * at}`;
        ids.add(id);
        all.push(id);
      }
      if (chunk % 3 === 0) expect(seen(ids)).toEqual(expected(all));
      ids.mark();
      ids.add('of a chunk that is taken back');
      ids.rollback();
      expect(seen(ids)).toEqual(expected(all));
    }
  });

  test('with room for none there is none', () => {
    const ids = new LastIds(0);
    ids.add('a');
    expect([ids.has('a'), ids.list()]).toEqual([false, []]);
  });
});
