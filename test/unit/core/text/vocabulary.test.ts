import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TermSpans } from '../../../../src/core/text/term-spans.ts';
import { TermCounts, Vocabulary } from '../../../../src/core/text/vocabulary.ts';
import { expectSame } from '../../../support/same.ts';

function spansOf(terms: readonly string[]): TermSpans {
  const spans = new TermSpans();
  for (const term of terms) spans.push(term);
  return spans;
}

describe('a vocabulary', () => {
  test('gives ids in order of first occurrence and finds their terms', () => {
    const vocabulary = new Vocabulary();
    const terms = ['good', '', '__proto__', 'constructor', 'x'.repeat(40_000), '日本', '\ud83d'];
    expect(terms.map((term) => vocabulary.add(term))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(terms.map((term) => vocabulary.add(term))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(terms.map((_, id) => vocabulary.term(id))).toEqual(terms);
    expect(vocabulary.lookup('toString')).toBe(-1);
    expect(() => vocabulary.term(7)).toThrow(RangeError);
    expect(() => vocabulary.term(-1)).toThrow(RangeError);
  });

  test('keeps a hundred thousand terms apart', () => {
    const vocabulary = new Vocabulary();
    const terms = Array.from({ length: 100_000 }, (_, at) => `w${at.toString(36)}`);
    for (const term of terms) vocabulary.add(term);
    vocabulary.keep();
    expect(vocabulary.size).toBe(100_000);
    expect(terms.every((term, id) => vocabulary.lookup(term) === id)).toBe(true);
    expect(terms.every((term, id) => vocabulary.term(id) === term)).toBe(true);
    expect(vocabulary.sizeBytes / vocabulary.size).toBeLessThan(80);
  });

  /** Documents of few or very many distinct words, so that slots collide and tables grow in the middle of one. */
  const word = fc.integer({ min: 0, max: 5000 }).map((at) => `w${at}`);
  const documents = fc.array(
    fc.record({ words: fc.array(word, { maxLength: 1500, size: 'max' }), isKept: fc.boolean() }),
    { maxLength: 6 },
  );

  test('behaves as a map whose unkept entries are forgotten', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 0, max: 4000 }), (list, limit) => {
        const vocabulary = new Vocabulary();
        const counts = new TermCounts();
        const kept = new Map<string, number>();
        for (const { words, isKept } of list) {
          vocabulary.release();
          vocabulary.count(spansOf(words), counts);
          const expected = new Map<string, number>();
          for (const term of words) expected.set(term, (expected.get(term) ?? 0) + 1);
          const got = Array.from(counts.ids.subarray(0, counts.length), (id, at) => [
            vocabulary.term(id),
            counts.values[at],
          ]);
          expectSame(got, [...expected]);
          if (isKept) {
            vocabulary.keep(limit);
            for (const term of expected.keys())
              if (!kept.has(term) && kept.size < limit) kept.set(term, kept.size);
          } else {
            vocabulary.release();
          }
          expect(vocabulary.size).toBe(kept.size);
          expect(vocabulary.total).toBe(kept.size);
          const asked = [...expected.keys()];
          expectSame(
            asked.map((term) => vocabulary.lookup(term)),
            asked.map((term) => kept.get(term) ?? -1),
          );
        }
        expectSame(
          Array.from(kept.keys(), (term) => vocabulary.lookup(term)),
          [...kept.values()],
        );
      }),
      { numRuns: 40 },
    );
  });
});
