import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DistinctIds } from '../../../../src/core/text/gt-distinct.ts';

test('keeps each id once in order of first occurrence, document after document', () => {
  const distinct = new DistinctIds();
  const id = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 0x7fffffff }));
  fc.assert(
    fc.property(fc.array(id, { maxLength: 2000 }), fc.nat(3000), (ids, expected) => {
      distinct.reset(expected);
      ids.forEach((each, at) => distinct.add(each, at));
      const got = Array.from({ length: distinct.length }, (_, at) => distinct.ids[at] ?? -1);
      expect(got).toEqual([...new Set(ids)]);
      got.forEach((each, at) => expect(distinct.origins[at]).toBe(ids.indexOf(each)));
    }),
  );
});

test('finds ids apart that share their low bits', () => {
  const distinct = new DistinctIds();
  distinct.reset(0);
  for (let at = 0; at < 400; at++) distinct.add((at % 200) * 0x10000, at);
  expect(distinct.length).toBe(200);
});
