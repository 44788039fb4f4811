import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FifoMap } from '../../../src/pipeline/fifo-map.ts';

type Step = { readonly do: 'set' | 'delete' | 'evict'; readonly id: string };

const steps = fc.array(
  fc.record<Step>({
    do: fc.constantFrom('set', 'delete', 'evict'),
    id: fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'constructor'),
  }),
  { maxLength: 40 },
);

function apply(map: FifoMap<number>, list: readonly Step[], base = 0): void {
  for (const [value, step] of list.entries()) {
    if (step.do === 'set') map.set(step.id, base + value);
    else if (step.do === 'delete') map.delete(step.id);
    else {
      const oldest = map.oldest();
      if (oldest !== undefined) map.delete(oldest.id);
    }
  }
}

/** The same on a plain Map, whose own order is the order of insertion. */
function model(list: readonly Step[], base = 0): Map<string, number> {
  const map = new Map<string, number>();
  for (const [value, step] of list.entries()) {
    if (step.do === 'evict') map.delete(map.keys().next().value ?? '');
    else map.delete(step.id);
    if (step.do === 'set') map.set(step.id, base + value);
  }
  return map;
}

describe('FifoMap', () => {
  test('keeps the order of insertion, a replaced entry becomes the newest', () => {
    const map = new FifoMap<number>();
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    expect([...map.entries()]).toEqual([
      ['b', 2],
      ['a', 3],
    ]);
    expect(map.oldest()).toMatchObject({ id: 'b', value: 2 });
    expect(map.size).toBe(2);
  });

  test('behaves as a Map that knows its order', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const map = new FifoMap<number>();
        apply(map, list);
        expect([...map.entries()]).toEqual([...model(list)]);
        expect(map.size).toBe(model(list).size);
      }),
    );
  });

  test('rollback returns to the mark, order included, and the map goes on from there', () => {
    fc.assert(
      fc.property(steps, steps, steps, (before, staged, after) => {
        const map = new FifoMap<number>();
        apply(map, before);
        map.mark();
        const kept = [...map.entries()];
        apply(map, staged, 1000);
        map.rollback();
        expect([...map.entries()]).toEqual(kept);
        apply(map, after, 2000);
        const expected = new FifoMap<number>();
        apply(expected, before);
        apply(expected, after, 2000);
        expect([...map.entries()]).toEqual([...expected.entries()]);
      }),
    );
  });

  test('a released entry keeps its place until it is the oldest, and nobody can ask for it', () => {
    const released = fc.array(
      fc.record({
        do: fc.constantFrom('set', 'set', 'release', 'releaseTwo', 'delete', 'evict'),
        id: fc.constantFrom('a', 'b', 'c', 'd'),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(released, released, (before, staged) => {
        const map = new FifoMap<number>();
        let list: { id: string; value: number }[] = [];
        const run = (all: typeof before): void => {
          for (const [value, step] of all.entries()) {
            const held = list.find(({ id }) => id === step.id);
            if (step.do === 'set') {
              map.set(step.id, value);
              list = [...list.filter((each) => each !== held), { id: step.id, value }];
            } else if (step.do === 'release') {
              map.release(step.id);
              list = list.map((each) => (each === held ? { ...each, id: '' } : each));
            } else if (step.do === 'releaseTwo') {
              expect(map.releaseOldest(2)).toEqual(list.slice(0, 2));
              list = list.map((each, at) => (at < 2 ? { ...each, id: '' } : each));
            } else if (step.do === 'delete') {
              map.delete(step.id);
              list = list.filter((each) => each !== held);
            } else if (step.do === 'evict') {
              expect(map.evict()).toEqual(
                list[0] === undefined ? undefined : expect.objectContaining(list[0]),
              );
              list = list.slice(1);
            }
          }
        };
        const same = () => {
          expect([...map.entries()]).toEqual(list.map(({ id, value }) => [id, value]));
          expect(map.size).toBe(list.length);
          for (const id of ['a', 'b', 'c', 'd'])
            expect(map.get(id)).toBe(list.find((each) => each.id === id)?.value);
          expect(map.get('')).toBeUndefined();
        };
        run(before);
        same();
        map.mark();
        const kept = list;
        run(staged);
        same();
        map.rollback();
        list = kept;
        same();
        // It goes on from there.
        run(staged);
        same();
      }),
    );
  });

  test('entries that left long ago take no room', () => {
    const map = new FifoMap<number>();
    map.set('stays', 0);
    for (let i = 0; i < 100_000; i++) {
      map.set(`k${i}`, i);
      map.delete(`k${i}`);
      if (i % 500 === 0) map.mark();
    }
    expect(map.size).toBe(1);
    expect(map.oldest()).toMatchObject({ id: 'stays' });
  });
});
