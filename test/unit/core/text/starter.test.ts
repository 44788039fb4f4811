import { describe, expect, test } from '@jest/globals';
import { createGtnb } from '../../../../src/core/models/gtnb-create.ts';
import { parseGtnbKind } from '../../../../src/core/models/gtnb-kind.ts';
import { gtFeatures } from '../../../../src/core/text/gt-tokenizer.ts';
import { afinn } from '../../../../src/core/text/lexicon.ts';
import {
  CHINESE,
  ENGLISH,
  FRENCH,
  GERMAN,
  SIGNS,
  SPANISH,
  type StarterLine,
} from '../../../../src/core/text/starter-words.ts';
import { starterLexicon, withLines } from '../../../../src/core/text/starter.ts';
import { testOn, type Row } from '../models/vectors.ts';

const LISTS: readonly (readonly [name: string, lines: readonly StarterLine[]])[] = [
  ['English', ENGLISH],
  ['signs', SIGNS],
  ['Chinese', CHINESE],
  ['German', GERMAN],
  ['Spanish', SPANISH],
  ['French', FRENCH],
];

const entriesOf = (lines: readonly StarterLine[]): string[] =>
  lines.flatMap(([, entries]) => entries.split(' '));

describe('the starter', () => {
  test('has values for words, phrases and signs beside those of AFINN-165', () => {
    const lexicon = starterLexicon(2);
    expect(lexicon.size).toBe(4069);
    expect(
      ['great', 'overpriced', 'waste of', 'never NOT_again', '👍', ':)', '好 吃', '不 好'].map(
        (feature) => lexicon.get(feature),
      ),
    ).toEqual([3, -2, -4, -4, 3, 2, 4, -4]);
  });

  test('takes values away, and leaves AFINN-165 as it is', () => {
    expect(starterLexicon(2).get('pretty')).toBeUndefined();
    expect(afinn(2).get('pretty')).toBe(1);
    expect(afinn(2).size).toBe(3348);
  });

  test('has in version 1 what that tokenizer makes of its entries', () => {
    expect(starterLexicon(1).get(':)')).toBeUndefined();
    expect(starterLexicon(1).get('👍')).toBe(3);
  });

  test('has values from -5 to 5, none of them 0', () => {
    const values = [...starterLexicon(2).values()];
    expect(values.filter((value) => value === 0 || Math.abs(value) > 5)).toEqual([]);
  });
});

describe.each(LISTS)('the list %s', (_, lines) => {
  const entries = entriesOf(lines);

  test('gives a value to every entry, once', () => {
    const silent = lines.map(([value, text]) => [value === 0 ? 1 : value, text] as const);
    expect(withLines(new Map(), silent, 2).size).toBe(entries.length);
  });

  test('has keys that a text with the entry has as a feature', () => {
    for (const entry of entries) {
      const text = entry.replace('+', ' ');
      const [key = ''] = withLines(new Map(), [[1, entry]], 2).keys();
      const { unigrams, bigrams } = gtFeatures(text, { version: 2 });
      expect([...unigrams, ...bigrams]).toContain(key);
    }
  });
});

test('lists of other languages have no word of AFINN-165', () => {
  const others = [CHINESE, GERMAN, SPANISH, FRENCH].flatMap(entriesOf);
  expect(others.filter((entry) => afinn(2).has(entry))).toEqual([]);
});

describe('without any label', () => {
  const accuracy = (kind: string, rows: readonly Row[]): number => {
    const { analysis, model } = createGtnb(parseGtnbKind(kind), ['negative', 'positive']);
    const calibrator = model.calibrator();
    const hits = rows.filter(({ text, label }) => {
      const { classes, best } = model.predict(analysis.extract(text), calibrator);
      return classes[best] === label;
    });
    return hits.length / rows.length;
  };

  testOn('zh-waimai.jsonl', 'the starter reads Chinese, AFINN-165 does not', (rows) => {
    const first = rows.slice(0, 2000);
    expect(accuracy('gtnb:starter=none,bits=20', first)).toBeLessThan(0.68);
    expect(accuracy('gtnb:bits=20', first)).toBeGreaterThan(0.79);
  });

  testOn('movie-reviews-10662.jsonl', 'the starter tells reviews of films apart better', (rows) => {
    const first = rows.slice(0, 3000);
    const gain = accuracy('gtnb:bits=20', first) - accuracy('gtnb:starter=none,bits=20', first);
    expect(gain).toBeGreaterThan(0.015);
  });
});
