import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stripAccents } from '../../../../src/core/text/accents.ts';
import { tokenize } from '../../../../src/core/text/river-tokenizer.ts';
import { mixedText } from './mixed-text.ts';
import { readVectors } from '../models/vectors.ts';

interface TokenizerVectors {
  readonly cases: readonly (readonly [string, readonly string[], unknown])[];
}

describe('tokens', () => {
  const { cases } = readVectors<TokenizerVectors>('tokenizer.json');

  test('equal River on 505 texts', () => {
    expect(cases).toHaveLength(505);
    for (const [text, tokens] of cases) expect([text, tokenize(text)]).toEqual([text, tokens]);
  });

  test.each([
    ["don't it's I a 5 ab", ['don', 'it', 'ab']],
    ['co-op- -co-op so--good 5-star', ['co-op', 'co-op', 'so--good', '5-star']],
    ['good😀bad', ['good', 'bad']],
    ['naïve CAFÉ', ['naive', 'cafe']],
    ['x² 10³ ﬁne ① ½ ａｂｃ', ['x2', '103', 'fine', 'abc']],
    ['हिन्दी', ['नद']],
    ['Ünder_score_ __proto__', ['under_score_', '__proto__']],
  ])('of %p are %p', (text, tokens) => {
    expect(tokenize(text)).toEqual(tokens);
  });

  test('keep accents and case when asked', () => {
    expect(tokenize('Naïve CAFÉ ﬁne', { accents: 'keep', lowercase: false })).toEqual([
      'Naïve',
      'CAFÉ',
      'ﬁne',
    ]);
  });

  test('of a text with a million of them, and of one 40,000 characters long, come out whole', () => {
    expect(tokenize('ab '.repeat(1_000_000))).toHaveLength(1_000_000);
    expect(tokenize('x'.repeat(40_000))).toEqual(['x'.repeat(40_000)]);
    expect(tokenize(`a${'-'.repeat(40_000)} b`)).toEqual([]);
  });
});

describe('stripping accents', () => {
  test('equals decomposing the whole text', () => {
    const table = /\p{M}/u;
    fc.assert(
      fc.property(mixedText, (text) => {
        const whole = Array.from(text.normalize('NFKD')).filter(
          (character) => !table.test(character) || stripAccents(character) !== '',
        );
        expect(stripAccents(text)).toBe(whole.join(''));
      }),
    );
  });

  test('goes through a flood of marks, which decomposition sorts in quadratic time', () => {
    expect(stripAccents(`a${'\u0301\u0323'.repeat(60_000)}b`)).toBe('ab');
    expect(stripAccents('\u0f73'.repeat(60_000))).toBe('');
  });

  test('keeps a surrogate pair whole wherever it lies', () => {
    for (let at = 0; at < 130; at++) {
      const text = `é${'.'.repeat(at)}𝐀😀`;
      expect(stripAccents(text)).toBe(`e${'.'.repeat(at)}A😀`);
    }
  });
});
