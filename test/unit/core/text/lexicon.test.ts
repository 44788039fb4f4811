import { describe, expect, test } from '@jest/globals';
import { gtHash } from '../../../../src/core/text/gt-hash.ts';
import {
  afinn,
  HashedLexicon,
  lexiconFeatures,
  lexiconValue,
} from '../../../../src/core/text/lexicon.ts';

describe('the lexicon', () => {
  const lexicon = afinn(1);

  test('has 3,348 tokens; entries of more than one token are dropped', () => {
    expect(lexicon.size).toBe(3348);
    expect(lexicon.has("can't")).toBe(false);
    expect([...lexicon.keys()].some((token) => token.includes(' '))).toBe(false);
  });

  test('gives a token the mean of the entries that become it', () => {
    expect(lexicon.get('lool')).toBe(3); // lool, loool, looool
    expect(lexicon.get('woo')).toBe(3.5); // woo 3, wooo 4
    expect(lexicon.get('wtff')).toBe(-4);
    expect(lexicon.get('great')).toBe(3);
  });

  test('is read once per version', () => {
    expect(afinn(1)).toBe(lexicon);
    expect(afinn(2).size).toBe(3348);
  });

  test('values a word, a negated word at minus a half, and nothing else', () => {
    expect(lexiconValue(lexicon, 'great')).toBe(3);
    expect(lexiconValue(lexicon, 'NOT_great')).toBe(-1.5);
    expect(lexiconValue(lexicon, 'NOT_NOT_great')).toBe(0);
    expect(lexiconValue(lexicon, 'great food')).toBe(0);
    expect(lexiconValue(lexicon, 'NOT_great NOT_food')).toBe(0);
    expect(lexiconValue(lexicon, 'NOT_table')).toBe(0);
    expect(lexiconValue(lexicon, '__proto__')).toBe(0);
    expect(lexiconValue(lexicon, 'constructor')).toBe(0);
  });

  test('lists every feature with a value, each once, marked ones included', () => {
    const features = [...lexiconFeatures(lexicon)];
    expect(features).toHaveLength(2 * 3348);
    expect(new Set(features.map(([feature]) => feature)).size).toBe(2 * 3348);
    for (const [feature, value] of features) expect(lexiconValue(lexicon, feature)).toBe(value);
  });
});

describe('the lexicon by hashed id', () => {
  const lexicon = afinn(1);

  test('gives the value of a word and of its negation at their ids, 0 at others', () => {
    const hashed = new HashedLexicon(lexicon, 31);
    const at = (feature: string) => hashed.of(gtHash(feature) & (2 ** 31 - 1));
    expect(at('great')).toBe(3);
    expect(at('NOT_great')).toBe(-1.5);
    expect(at('table')).toBe(0);
    expect(at('great food')).toBe(0);
  });

  test('adds up what shares an id', () => {
    const mask = 2 ** 10 - 1;
    const hashed = new HashedLexicon(lexicon, 10);
    const sums = new Map<number, number>();
    for (const [feature, value] of lexiconFeatures(lexicon)) {
      const id = gtHash(feature) & mask;
      sums.set(id, (sums.get(id) ?? 0) + value);
    }
    expect(sums.size).toBeGreaterThan(1000);
    for (let id = 0; id <= mask; id++) expect(hashed.of(id)).toBe(sums.get(id) ?? 0);
  });
});
