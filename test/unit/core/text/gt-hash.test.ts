import { expect, test } from '@jest/globals';
import {
  chainOf,
  extendChain,
  finishChain,
  gtHash,
  mixUnit,
} from '../../../../src/core/text/gt-hash.ts';

test.each([
  ['good', 1572149521],
  ['好', 1519976388],
])('the hash of %p is %d', (name, hash) => {
  expect(gtHash(name)).toBe(hash);
});

test('a chain goes on after it was finished', () => {
  const word = chainOf('not');
  expect(finishChain(word, 3) >>> 0).toBe(gtHash('not'));
  const pair = chainOf('good', extendChain(word, mixUnit(0x20)));
  expect(finishChain(pair, 8) >>> 0).toBe(gtHash('not good'));
});

test('the low 22 bits of 100,000 names fall together about as often as chance has it', () => {
  const ids = new Set(Array.from({ length: 100_000 }, (_, at) => gtHash(`w${at}`) & 0x3fffff));
  // 100,000 balls in 4,194,304 cells: 1,183 fewer cells than balls, give or take 34.
  expect(100_000 - ids.size).toBeGreaterThan(1_000);
  expect(100_000 - ids.size).toBeLessThan(1_400);
});
