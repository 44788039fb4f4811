import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { cut, fit, oneLine, palette, table, widthOf } from '../../../src/cli/display.ts';
import { Output, type Sink } from '../../../src/cli/surroundings.ts';

describe('widthOf', () => {
  test.each([
    ['abc', 3],
    ['', 0],
    ['naïve', 5],
    ['日本', 4],
    ['한국어', 6],
    ['ｆｕｌｌ', 8],
    ['😀', 2],
    ['👨‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['e\u0301', 1],
    ['❤️', 2],
    ['−✓…', 3],
  ])('%s takes %d cells', (text, cells) => {
    expect(widthOf(text)).toBe(cells);
  });
});

describe('oneLine', () => {
  test('takes out what would move the cursor or turn the text around', () => {
    expect(oneLine('a\r\nb\tc')).toBe('a b c');
    expect(oneLine('\u001b[31mred\u001b[0m\u0007')).toBe('[31mred[0m');
    expect(oneLine('safe\u202egnp.exe\u2066\u200b')).toBe('safegnp.exe');
    expect(oneLine('\u009b2Jx')).toBe('2Jx');
  });

  test('leaves emoji whole', () => {
    expect(oneLine('👨‍👩‍👧 ok')).toBe('👨‍👩‍👧 ok');
  });
});

describe('fit', () => {
  test('fills or cuts to exactly the width, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 30 }),
        (text, width) => {
          expect(widthOf(fit(oneLine(text), width))).toBe(width);
        },
      ),
    );
  });

  test('a wide character that only half fits is left out', () => {
    expect(cut('日本語', 4)).toBe('日…');
    expect(fit('日本語', 4)).toBe('日… ');
    expect(fit('7', 3, 'right')).toBe('  7');
  });
});

test('a table lines its columns up and cuts the last one to the width', () => {
  const lines = table(
    [{ head: 'NAME' }, { head: 'N', align: 'right' }, { head: 'TEXT' }],
    [
      ['日本', '7', 'a text that is too long\nfor the line'],
      ['b', '1,234', ''],
    ],
    { width: 28 },
  );
  expect(lines).toEqual(['NAME      N  TEXT', '日本      7  a text that is…', 'b     1,234']);
});

test('without colour nothing is styled', () => {
  expect(palette(false).red('x')).toBe('x');
  expect(palette(true).red('x')).toBe('\u001b[31mx\u001b[39m');
});

test('a status line is cut to the terminal, so that the next one can take its place', () => {
  const written: string[] = [];
  const sink = (isTTY: boolean): Sink => ({
    write: (text) => written.push(text) > 0,
    once: () => undefined,
    isTTY,
    columns: 20,
  });
  const out = (isTTY: boolean) =>
    new Output({ stdout: sink(false), stderr: sink(isTTY), environment: {} }, false);
  out(true).status('12,400 rows · 48 % · 24,800/s · 3 dead letters');
  out(true).status('9 rows');
  out(true).status('');
  out(false).status('9 rows');
  const clear = '\r\u001b[K';
  expect(written).toEqual([`${clear}12,400 rows · 48 %…`, `${clear}9 rows`, clear]);
});
