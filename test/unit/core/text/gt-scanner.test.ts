import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { gtHash } from '../../../../src/core/text/gt-hash.ts';
import { GtScanner, type GtScannerOptions } from '../../../../src/core/text/gt-scanner.ts';
import { gtFeatures } from '../../../../src/core/text/gt-tokenizer.ts';
import { LONGEST_TEXT } from '../../../../src/core/text/gt-units.ts';
import { expectSame } from '../../../support/same.ts';
import { testOn } from '../models/vectors.ts';
import { gtText } from './gt-text.ts';

interface Hashed {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
  readonly names: readonly string[];
}

/** Hashes of the exact form's features, each id once, with the first name that has it. */
function expected(text: string, options: GtScannerOptions): Hashed {
  const { unigrams, bigrams, trigrams, chars } = gtFeatures(text, options);
  const first = new Map<number, string>();
  const ends = [unigrams, bigrams, trigrams, chars].map((names) => {
    for (const name of names) {
      const id = gtHash(name) % 2 ** options.bits;
      if (!first.has(id)) first.set(id, name);
    }
    return first.size;
  });
  return { ids: [...first.keys()], ends, names: [...first.values()] };
}

function scanned(scanner: GtScanner, text: string): Hashed {
  const { ids, length, ends } = scanner.scan(text);
  const names = Array.from({ length }, (_, at) => scanner.name(at));
  return { ids: [...ids.subarray(0, length)], ends: [...ends], names };
}

/** Whether the ids are those of the exact form, names left out: for many texts. */
function agrees(scanner: GtScanner, text: string, options: GtScannerOptions): boolean {
  const { ids, ends, length } = scanner.scan(text);
  const { unigrams, bigrams } = gtFeatures(text, options);
  const hashes = new Set<number>();
  for (const name of unigrams) hashes.add(gtHash(name) % 2 ** options.bits);
  if (ends[0] !== hashes.size) return false;
  for (const name of bigrams) hashes.add(gtHash(name) % 2 ** options.bits);
  let at = 0;
  for (const id of hashes) if (ids[at++] !== id) return false;
  return length === hashes.size && ends[3] === length;
}

const OPTIONS: readonly GtScannerOptions[] = [
  { version: 1, bits: 22 },
  { version: 2, bits: 22 },
  { version: 1, bits: 31, negation: 0, bigrams: false },
  { version: 2, bits: 31, negation: 1, trigrams: true },
  { version: 1, bits: 20, bigrams: false, trigrams: true, chars: [1, 3] },
  { version: 2, bits: 6, trigrams: true, chars: [2, 2] },
];

describe('the scan', () => {
  test.each(OPTIONS)(
    'with %p gives the ids of the exact features, in order, by type and by name',
    (options) => {
      const scanner = new GtScanner(options);
      fc.assert(
        fc.property(gtText, (text) => {
          expectSame(scanned(scanner, text), expected(text, options));
        }),
        { numRuns: 1000 },
      );
    },
  );

  test.each(OPTIONS.slice(0, 2))(
    'with %p does so for each code unit by itself and between others',
    (options) => {
      const scanner = new GtScanner(options);
      const different: unknown[] = [];
      for (let unit = 0; unit < 0x10000; unit++) {
        const character = String.fromCharCode(unit);
        const text = `not ab${character}cd ${character}${character}${character} x${character} :${character} :)${character}`;
        if (!agrees(scanner, text, options)) different.push(unit);
      }
      expect(different).toEqual([]);
    },
  );

  test('does so for each symbol beyond the basic plane', () => {
    const options: GtScannerOptions = { version: 2, bits: 22 };
    const scanner = new GtScanner(options);
    const different: unknown[] = [];
    for (let point = 0x1e000; point < 0x20000; point++) {
      const character = String.fromCodePoint(point);
      const text = `ab${character}cd :)${character} ${character}:)`;
      if (!agrees(scanner, text, options)) different.push(point);
    }
    expect(different).toEqual([]);
  });

  for (const file of [
    'yelp-750.jsonl',
    'uci-sentences-3000.jsonl',
    'movie-reviews-10662.jsonl',
    'airline-tweets-14640.jsonl',
    'sentiment140-57163.jsonl',
    'amazon-reviews-7999.jsonl',
    'zh-waimai.jsonl',
  ])
    // The expressions take half a minute for all of them: of large sets every third, another third in each version.
    testOn(file, `does so for the texts of ${file}`, (rows) => {
      for (const [version, options] of OPTIONS.slice(0, 2).entries()) {
        const scanner = new GtScanner(options);
        const step = rows.length > 5000 ? 3 : 1;
        const some = rows.filter((_, at) => at % step === version % step);
        const different = some.filter(({ text }) => !agrees(scanner, text, options));
        expect(different).toEqual([]);
      }
    });

  test.each<[string, number, number]>([
    [`${']'.repeat(64)}: ${']'.repeat(65)}:`, 2, 2],
    ['http://a&nbsp;b', 3, 3],
    ['http://\ufe0f b', 3, 2],
    ['www.a<br>b', 2, 2],
    ['&amp;lt;3 &lt;3', 4, 4],
    ['Σ \u{1f101} a', 5, 5],
    ['http\ufe0f://a b', 7, 3],
    ['httpx\ufe0f www.a\ufe0f \u2764\ufe0f', 6, 4],
  ])('of %j agrees: %d features, %d in version 2', (text, first, second) => {
    for (const options of OPTIONS.slice(0, 2)) {
      const scanner = new GtScanner(options);
      expect(scanned(scanner, text)).toEqual(expected(text, options));
      expect(scanner.length).toBe(options.version === 1 ? first : second);
    }
  });

  test('gives each feature the value 1', () => {
    const { values, length } = new GtScanner({ version: 2, bits: 22 }).scan(
      'good '.repeat(9) + 'food',
    );
    expect([...values.subarray(0, length)]).toEqual([1, 1, 1, 1]);
  });

  test('forgets the text before', () => {
    const scanner = new GtScanner({ version: 2, bits: 22 });
    const first = scanned(scanner, 'it is not');
    scanned(scanner, `${'long '.repeat(500)} not`);
    expect(scanned(scanner, 'it is not')).toEqual(first);
    expect(scanned(scanner, '')).toEqual({ ids: [], ends: [0, 0, 0, 0], names: [] });
  });

  test('shares its buffers: a name is that of its own text, whatever was scanned since', () => {
    const [first, second] = OPTIONS.slice(1, 3).map((options) => new GtScanner(options));
    fc.assert(
      fc.property(gtText, gtText, (text, other) => {
        const { length } = first!.scan(text);
        second!.scan(other);
        const names = Array.from({ length }, (_, at) => first!.name(at));
        expectSame(names, expected(text, OPTIONS[1]!).names);
        expectSame([...first!.ids.subarray(0, length)], expected(text, OPTIONS[1]!).ids);
      }),
    );
  });

  test('hands a text that is longer than its buffers to the expressions', () => {
    const options = OPTIONS[1]!;
    const scanner = new GtScanner(options);
    for (const units of [LONGEST_TEXT, LONGEST_TEXT + 1]) {
      const text = 'not good. '.repeat(LONGEST_TEXT / 10 + 1).slice(0, units);
      expect(scanned(scanner, text)).toEqual(expected(text, options));
    }
  });

  test('takes 100,000 words, a word of as many letters, and as many brackets in linear time', () => {
    const scanner = new GtScanner({ version: 2, bits: 31 });
    const words = Array.from({ length: 100_000 }, (_, at) => `w${at}`).join(' ');
    expect(scanner.scan(words).ends[0]).toBeGreaterThan(99_990);
    expect(scanner.scan('ab'.repeat(50_000)).length).toBe(1);
    expect(scanner.scan('(['.repeat(50_000)).length).toBe(0);
    expect(scanner.scan('好'.repeat(100_000)).length).toBe(2);
    expect(scanner.scan(`Σ${'(['.repeat(50_000)}`).length).toBe(1);
  });
});
