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

test('takes many hashes as it takes ids one by one, those passed over left out', () => {
  const distinct = new DistinctIds();
  const many = new DistinctIds();
  const hash = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.maxSafeInteger());
  const places = fc.array(fc.tuple(hash, fc.integer({ min: 0, max: 2 })), { maxLength: 2000 });
  fc.assert(
    fc.property(places, places, fc.nat(100), (all, some, expected) => {
      const bits = 0xffff;
      distinct.reset(expected);
      all.forEach(([each], at) => distinct.add(each & bits, at));
      some.forEach(([each, pick], at) => {
        if (pick > 0) distinct.add(each & bits, at);
      });
      const [hashes, picked] = [some.map(([each]) => each), some.map(([, pick]) => pick)];
      many.reset(expected);
      many.addAll(
        Int32Array.from(all, ([each]) => each),
        all.length,
        bits,
      );
      many.addAll(Int32Array.from(hashes), some.length, bits, Uint8Array.from(picked));
      const { length } = distinct;
      expect(many.length).toBe(length);
      expect(many.ids.subarray(0, length)).toEqual(distinct.ids.subarray(0, length));
      expect(many.origins.subarray(0, length)).toEqual(distinct.origins.subarray(0, length));
    }),
  );
});

test('finds ids apart that share their low bits', () => {
  const distinct = new DistinctIds();
  distinct.reset(0);
  for (let at = 0; at < 400; at++) distinct.add((at % 200) * 0x10000, at);
  expect(distinct.length).toBe(200);
});
