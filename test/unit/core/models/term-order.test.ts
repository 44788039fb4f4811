import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareTerms, inTermOrder } from '../../../../src/core/models/term-order.ts';
import type { Terms } from '../../../../src/core/text/features.ts';
import { createExtractorFor } from '../../../../src/core/models/registry.ts';

const ids = fc.uniqueArray(
  fc.oneof(fc.nat(120), fc.nat(2 ** 22 - 1), fc.integer({ min: 0, max: 2 ** 31 - 1 })),
  { maxLength: 60 },
);

test('numbers of hashed features stand as their texts are ordered', () => {
  const hashed = createExtractorFor('gtnb', 'river');
  expect(inOrder([0, 1, 2, 10, 11, 100], hashed)).toEqual(['#0', '#1', '#10', '#100', '#11', '#2']);
  fc.assert(
    fc.property(ids, (given) => {
      const terms = given.map((id) => hashed.term(id)).toSorted(compareTerms);
      const rising = given.toSorted((a, b) => a - b);
      expect(inOrder(rising, hashed)).toEqual(terms);
    }),
  );
});

test('terms of a vocabulary are ordered by code units', () => {
  const extractor = createExtractorFor('multinomial', 'river');
  const terms = ['b', 'a', '\u{1F600}', '\uFF5E', 'ab', 'B'];
  const rising = terms.map((term) => extractor.intern(term));
  expect(inOrder(rising, extractor)).toEqual(['B', 'a', 'ab', 'b', '\u{1F600}', '\uFF5E']);
});

function inOrder(rising: readonly number[], extractor: Terms): string[] {
  const places = inTermOrder(Int32Array.from(rising), extractor);
  return Array.from(places, (place) => extractor.term(rising[place]!));
}
