import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lineChart, reliabilityDiagram, shortCount } from '../../../src/cli/evaluation-charts.ts';
import { writeRefusal } from '../../../src/cli/file-refusal.ts';
import { markup, shownName } from '../../../src/cli/evaluation-markup.ts';
import { Cli } from './cli-run.ts';
import { anyCharacter } from '../../support/character.ts';

const yelp = new URL('../../../examples/yelp.csv', import.meta.url).pathname;
const HEAD = '<!doctype html>\n<!-- valence evaluate -->\n';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valence-report-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const cli = new Cli();
const evaluate = (file: string, ...flags: string[]) => cli.run(['evaluate', file, ...flags]);

/** A file of labelled rows. */
function rowsFile(name: string, rows: readonly (readonly [text: string, label: string])[]): string {
  const path = join(folder, name);
  const lines = rows.map(([text, label]) => `${JSON.stringify({ text, label })}\n`);
  writeFileSync(path, lines.join(''));
  return path;
}

/** Elements in order, as a browser nests them; fails where an end does not fit its beginning. */
function elementsOf(html: string): string[] {
  const open: string[] = [];
  const all: string[] = [];
  const text = html.replace(/<style>[^<]*<\/style>/, '');
  for (const [, close, name = '', rest = ''] of text.matchAll(
    /<(\/?)([a-zA-Z]\w*)((?:[^<>"]|"[^"<>]*")*)>/g,
  )) {
    if (close === '/') expect(open.pop()).toBe(name);
    else {
      all.push(name);
      if (!rest.endsWith('/') && !['meta', 'br', 'wbr'].includes(name)) open.push(name);
    }
  }
  expect(open).toEqual([]);
  return all;
}

describe('several models', () => {
  const models = ['--label', 'sentiment', '--model', 'multinomial', '--model', 'majority'];

  test('stand side by side under the reports on a terminal, baselines below', async () => {
    const { stdout } = await cli.run(['evaluate', yelp, ...models], {
      isTTY: true,
      environment: { NO_COLOR: '1' },
    });
    const table = stdout.slice(stdout.indexOf('side by side')).trimEnd().split('\n');
    expect(table.slice(2).map((line) => line.replace(/\S+$/, '').trimEnd())).toEqual([
      expect.stringMatching(/^ +Accuracy +Macro F1 +Kappa +Log loss +ECE$/),
      expect.stringMatching(/^multinomial {7}74\.1 %/),
      expect.stringMatching(/^majority/),
      expect.stringMatching(/^majority class {4}48\.3 %/),
      expect.stringMatching(/^no change {9}52\.8 %/),
    ]);
    expect(table[3]).toMatch(/ \d[\d,.]*\/s$/);
    expect(table[5]).toMatch(/ -$/);
  });

  test('one model has no such table', async () => {
    const { stdout } = await cli.run(['evaluate', yelp, '--label', 'sentiment'], { isTTY: true });
    expect(stdout).toContain('gtnb');
    expect(stdout).not.toContain('side by side');
  });

  test('JSON stays one object a model', async () => {
    const { values, stdout } = await evaluate(yelp, ...models);
    expect(values.map(({ model }) => model)).toEqual(['multinomial', 'majority']);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('--report', () => {
  test('is one whole page without scripts or addresses, with all charts', async () => {
    const target = join(folder, 'report.html');
    const { code, stderr } = await evaluate(
      ...([yelp, '--label', 'sentiment', '--model', 'gtnb', '--model', 'complement'] as const),
      '--report',
      target,
    );
    expect([code, stderr]).toEqual([0, `report: ${target}\n`]);
    const html = readFileSync(target, 'utf8');
    expect(html.startsWith(HEAD)).toBe(true);
    expect(html).not.toMatch(/https?:|\/\/|@import|url\((?!#)|<script|<link|<img/i);
    const elements = elementsOf(html);
    expect(elements.filter((name) => name === 'figure')).toHaveLength(6);
    for (const title of [
      'Accuracy of all rows so far',
      'Accuracy of the last 500 rows',
      'Log loss of all rows so far',
      'Log loss of the last 500 rows',
    ])
      expect(html).toMatch(
        new RegExp(`<svg[^>]*aria-labelledby="([\\w-]+)">\n<title id="\\1">${title}<`),
      );
    expect(html.match(/<title id="reliability-\d-title">Reliability of/g)).toHaveLength(2);
    // Canonical kinds, counts of the confusion matrix, and no more than some 200 points in a curve.
    expect(html.replaceAll('<wbr>', '')).toContain('complement:alpha=1');
    expect(html).toContain('750 rows, 2 models.');
    const curves = [...html.matchAll(/<polyline class="line [\w ]+" points="([^"]*)"><title>/g)];
    expect(curves).toHaveLength(16);
    for (const [, points = ''] of curves) {
      expect(points.split(' ').length).toBeLessThanOrEqual(201);
      expect(points.split(' ').length).toBeGreaterThan(90);
      expect(points).toMatch(/^[\d. ,-]+$/);
    }
    expect(readdirSync(folder)).toEqual(['report.html']);
  });

  test('users’ words stay text: a class, a file and a label with tags in them', async () => {
    const file = rowsFile('<img src=x>&"\'.jsonl', [
      ['a b', '<script>alert(1)</script>'],
      ['c d', '"onload="x\' &amp;'],
      ['a d', '<script>alert(1)</script>'],
      ['c b', '__proto__'],
      ['e', '\u202eevil\u0000'],
    ]);
    const target = join(folder, 'r.html');
    expect((await evaluate(file, '--model', 'gtnb', '--report', target)).code).toBe(0);
    const html = readFileSync(target, 'utf8');
    expect(elementsOf(html)).not.toContain('script');
    expect(elementsOf(html)).not.toContain('img');
    expect(html).toContain('&#60;script&#62;alert(1)&#60;/script&#62;');
    expect(html).toContain('Evaluation of &#60;img src=x&#62;&#38;&#34;&#39;.jsonl');
    expect(html).toContain('&#34;onload=&#34;x&#39; &#38;amp;');
    expect(html).toContain('__proto__');
    expect([html.includes('\u0000'), html.includes('\u202e')]).toEqual([false, false]);
  });

  test.each([
    ['no rows', []],
    ['one row', [['good', 'pos']]],
    [
      'one class',
      [
        ['good', 'pos'],
        ['fine', 'pos'],
        ['nice', 'pos'],
      ],
    ],
    [
      'a class without a name',
      [
        ['good', ' '],
        ['bad', 'x'],
        ['good', ' '],
      ],
    ],
  ] as const)('%s make a page without NaN', async (_, rows) => {
    const target = join(folder, 'r.html');
    const models = ['--model', 'gtnb', '--model', 'multinomial'];
    const { code } = await evaluate(rowsFile('in.jsonl', rows), ...models, '--report', target);
    expect(code).toBe(0);
    const html = readFileSync(target, 'utf8');
    elementsOf(html);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    expect(html.includes('Nothing was scored.')).toBe(rows.length < 2);
  });

  test('replaces an earlier report, behind a link too, and no other file', async () => {
    const file = rowsFile('in.jsonl', [
      ['good', 'pos'],
      ['bad', 'neg'],
    ]);
    const target = join(folder, 'r.html');
    writeFileSync(target, `${HEAD}old`);
    const link = join(folder, 'link.html');
    symlinkSync(target, link);
    expect((await evaluate(file, '--report', link)).code).toBe(0);
    expect(readFileSync(target, 'utf8')).toContain('Evaluation of in.jsonl');
    writeFileSync(target, '<!doctype html>\n<p>mine</p>');
    const { code, stdout, stderr } = await evaluate(file, '--report', target);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('no report of valence evaluate, and it stays; name another one');
    expect(readFileSync(target, 'utf8')).toBe('<!doctype html>\n<p>mine</p>');
    expect((await evaluate(file, '--report', file)).code).toBe(2);
    expect(readdirSync(folder).toSorted()).toEqual(['in.jsonl', 'link.html', 'r.html']);
  });

  test.each([
    ['missing/r.html', 'its folder does not exist; make the folder first'],
    ['sub', 'it is a folder; name a file in it'],
    ['in.jsonl/r.html', 'what should be its folder is a file'],
    ['x'.repeat(300), 'the name is too long'],
  ])(
    'a place that cannot be written is told before anything is evaluated: %s',
    async (name, fix) => {
      const file = rowsFile('in.jsonl', [
        ['good', 'pos'],
        ['bad', 'neg'],
      ]);
      mkdirSync(join(folder, 'sub'));
      const { code, stdout, stderr } = await evaluate(file, '--report', join(folder, name));
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(fix);
    },
  );

  test.each([
    ['EACCES', 'no permission to write there'],
    ['EROFS', 'that file system is read-only'],
    ['EIO', 'it cannot be written (EIO); name another one'],
  ])('%s of the system names the fix', (code, fix) => {
    const error = writeRefusal(
      '--report',
      'r.html',
      Object.assign(new Error('of the system'), { code }),
    );
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(fix) });
    expect(error.message).toContain("--report 'r.html': ");
  });

  test('the report is a file: - is refused', async () => {
    const { code, stderr } = await evaluate(yelp, '--label', 'sentiment', '--report', '-');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--report report.html')]);
  });

  test('an evaluation that was ended leaves the report as it was', async () => {
    const target = join(folder, 'r.html');
    const ended = new AbortController();
    ended.abort();
    const { stderr } = await cli.run(
      ['evaluate', yelp, '--label', 'sentiment', '--report', target],
      {
        signal: ended.signal,
      },
    );
    expect(stderr).toContain('no report was written');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('--shuffle', () => {
  const flags = ['--label', 'sentiment', '--model', 'multinomial'];

  test('the same seed gives the same figures, another one others, and both say so', async () => {
    const of = async (...more: string[]) => (await evaluate(yelp, ...flags, ...more)).values[0];
    const [first, again, other, plain] = await Promise.all([
      of('--shuffle', '1'),
      of('--shuffle', '1'),
      of('--shuffle', '2'),
      of(),
    ]);
    expect(first).toMatchObject({ shuffle: 1, rows: 750, scored: 749 });
    expect(again?.['logLoss']).toBe(first?.['logLoss']);
    expect(other?.['logLoss']).not.toBe(first?.['logLoss']);
    expect(plain?.['logLoss']).not.toBe(first?.['logLoss']);
    expect(plain).not.toHaveProperty('shuffle');
    const target = join(folder, 'r.html');
    await evaluate(yelp, ...flags, '--shuffle', '7', '--delay', '3', '--report', target);
    const html = readFileSync(target, 'utf8');
    expect(html).toContain('Rows in an order drawn with seed 7.');
    expect(html).toContain('learned after 3 further rows.');
    const { stdout } = await cli.run(['evaluate', yelp, ...flags, '--shuffle', '7'], {
      isTTY: true,
    });
    expect(stdout).toContain('order of seed 7');
  });

  test('a seed that is none is refused', async () => {
    expect(await evaluate(yelp, '--shuffle', '-1')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('markup', () => {
  test('text comes back from any template as it went in', () => {
    const signs = new Map([
      [38, '&'],
      [60, '<'],
      [62, '>'],
      [34, '"'],
      [39, "'"],
    ]);
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const { source } = markup`<p title="${text}">${text}</p>`;
        const inner = source.slice('<p title="'.length, -'</p>'.length);
        const [attribute = '', content = ''] = inner.split('">');
        expect(attribute).toBe(content);
        expect(content).not.toMatch(/[<>"']/);
        expect(content.replaceAll(/&#(\d+);/g, (_, code: string) => signs.get(Number(code))!)).toBe(
          text,
        );
      }),
    );
  });

  test('a name is one line, never empty and never endless', () => {
    expect(shownName(' a\n\u202eb ')).toBe('a b');
    expect(shownName('')).toBe('(empty)');
    expect(shownName('x'.repeat(500))).toHaveLength(60);
  });
});

describe('charts', () => {
  test('are numbers throughout, for any curve', () => {
    const y = fc.double({ min: 0, max: 35, noNaN: true });
    fc.assert(
      fc.property(fc.array(y, { maxLength: 30 }), fc.constantFrom('share', 'nats'), (ys, unit) => {
        const points = ys.map(
          (value, x) => [x + 1, unit === 'share' ? value / 35 : value] as const,
        );
        const series = [{ style: 'c0', name: 'm', points }];
        const { source } = lineChart({ id: 'a', title: 't', yLabel: 'y', unit, series });
        elementsOf(source);
        expect(source).not.toMatch(/NaN|Infinity|undefined/);
        expect(source.match(/text-anchor="end"/g)!.length).toBeGreaterThan(1);
        expect(source.match(/text-anchor="end"/g)!.length).toBeLessThan(12);
      }),
    );
  });

  test('reliability stands at mean confidence and share of hits, with its count', () => {
    const bins = Array.from({ length: 15 }, (_, bin): [number, number, number] =>
      bin === 11 ? [2000, 1000, 1500] : [0, 0, 0],
    );
    const { source } = reliabilityDiagram('r', 't', 'c0', bins);
    // The square is 300 wide from (58, 312) up.
    expect(source).toContain('<circle class="dot c0" cx="283.0" cy="162.0"');
    expect(source).toContain('2,000 rows: confidence 75.0 %, right 50.0 %');
    expect(source).toContain('>2.0k<');
  });

  test('counts over bars are short', () => {
    expect([0, 999, 1000, 9949, 9950, 999_499, 999_500, 2_500_000].map(shortCount)).toEqual([
      '0',
      '999',
      '1.0k',
      '9.9k',
      '10k',
      '999k',
      '1.0M',
      '2.5M',
    ]);
  });
});
