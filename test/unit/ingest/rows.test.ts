import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { formatOf } from '../../../src/ingest/bytes.ts';
import { readRows } from '../../../src/ingest/rows.ts';
import type { Row } from '../../../src/ingest/row.ts';
import { collect, gist, rowsOf, streamOf, withFile } from './inputs.ts';

const gists = (rows: readonly Row[]): unknown[] => rows.map(gist);

describe('NDJSON', () => {
  test('a line with text is a text row with label, id and ts as they stand there', async () => {
    const rows = await rowsOf(
      '{"id":"a","text":"good","label":"positive","ts":"2026-03-01T10:00:00Z"}\n' +
        '{"id":7,"text":"bad","label":0,"ts":1700000000}\n' +
        '{"text":"so","label":true}\n',
    );
    expect(gists(rows)).toEqual([
      { id: 'a', text: 'good', label: 'positive', ts: '2026-03-01T10:00:00Z' },
      { id: '7', text: 'bad', label: 0, ts: 1700000000 },
      { text: 'so', label: true },
    ]);
  });

  test('an absent, null or empty label, id or ts is one that is not there', async () => {
    const rows = await rowsOf(
      '{"text":"a","label":null,"id":"","ts":null}\n{"text":"b","label":""}',
    );
    expect(gists(rows)).toEqual([{ text: 'a' }, { text: 'b' }]);
  });

  test('an id and a label without text are a label record, and null withdraws', async () => {
    const rows = await rowsOf('{"id":"a","label":"positive","ts":"t"}\n{"id":9,"label":null}\n');
    expect(gists(rows)).toEqual([
      { id: 'a', label: 'positive', ts: 't' },
      { id: '9', label: null },
    ]);
    expect(rows.map(({ kind }) => kind)).toEqual(['label', 'label']);
  });

  test('a line of tail is the record it shows: key, headers and value', async () => {
    const value = { id: 'a', text: 'x', model: 'champion' };
    const line = { topic: 't', partition: 0, offset: 3, timestamp: 1, key: 'k', value };
    const rows = await rowsOf(
      [
        { ...line, headers: { traceparent: '00-1', twice: ['a', 'b'] } },
        { ...line, headers: [['h', 'v']], key: null },
        { ...line, headers: undefined },
      ]
        .map((each) => JSON.stringify(each))
        .join('\n'),
    );
    expect(gists(rows)).toEqual([
      {
        key: 'k',
        value,
        headers: [
          ['traceparent', '00-1'],
          ['twice', 'a'],
          ['twice', 'b'],
        ],
      },
      // Without a key of its own, the id: a text and its label must meet.
      { key: 'a', value, headers: [['h', 'v']] },
      { key: 'k', value, headers: [] },
    ]);
  });

  test('other fields and extra columns by any name, __proto__ included', async () => {
    const line =
      '{"review":"r","stars":4,"who":"w","__proto__":"p","n":{"a":1},"gone":null,"rest":"no"}';
    const extra = ['__proto__', 'constructor'];
    await expect(rowsOf(line, { columns: { text: 'review', extra } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("no column 'constructor'"),
    });
    const [row] = await rowsOf(line, {
      columns: { text: 'review', label: 'stars', id: 'who', extra: ['__proto__', 'n', 'gone'] },
    });
    expect(row).toMatchObject({ text: 'r', label: 4, id: 'w' });
    expect(row?.kind === 'text' && [...(row.attributes ?? [])]).toEqual([
      ['__proto__', 'p'],
      ['n', '{"a":1}'],
    ]);
  });

  test('a byte order mark, CRLF, blank lines and a last line without line feed are no trouble', async () => {
    const rows = await rowsOf('\ufeff{"text":"a"}\r\n\r\n   \n{"text":"b"}\n\n{"text":"ü"}', {}, 1);
    expect(gists(rows)).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'ü' }]);
    expect(rows.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 4],
      [3, 6],
    ]);
  });

  test('a byte order mark is dropped at the very start only', async () => {
    expect(gists(await rowsOf('a\n\ufeffb\n', { format: 'text' }))).toEqual([
      { text: 'a' },
      { text: '\ufeffb' },
    ]);
  });
});

describe('a weight', () => {
  const columns = { weight: 'trust' };
  const BAD = 'RECORD_INVALID';

  test('is read from the column that was named, as a number, where there is a label', async () => {
    const csv = 'text,label,trust\na,x,0.25\nb,x,\nc,,much\nd,x,much\ne,x,17\nf,x, \n';
    const rows = await rowsOf(csv, { format: 'csv', columns });
    expect(gists(rows)).toEqual([
      { text: 'a', label: 'x', weight: 0.25 },
      { text: 'b', label: 'x' },
      { text: 'c' },
      BAD,
      BAD,
      BAD,
    ]);
    expect(rows[3]).toMatchObject({
      error: {
        message:
          'line 5: weight is a string that is no number from 0 to 16; is --weight-field the right column?',
      },
    });
    const lines = [
      { text: 'a', label: 'x', trust: 2 },
      { text: 'b', label: 'x', trust: '0.5' },
      { text: 'c', label: 'x', trust: null },
      { text: 'd', trust: {} },
      { text: 'e', label: 'x', trust: true },
      { text: 'f', label: 'x', trust: -1 },
      { id: 'a', label: 'y', trust: 0 },
      { id: 'a', label: null, trust: {} },
      { id: 'a', label: 'y', trust: [] },
    ];
    const ndjson = lines.map((line) => JSON.stringify(line)).join('\n');
    expect(gists(await rowsOf(ndjson, { columns }))).toEqual([
      { text: 'a', label: 'x', weight: 2 },
      { text: 'b', label: 'x', weight: 0.5 },
      { text: 'c', label: 'x' },
      { text: 'd' },
      BAD,
      BAD,
      { id: 'a', label: 'y', weight: 0 },
      { id: 'a', label: null },
      BAD,
    ]);
  });

  test('is not read unless its column is named: it may be that of the goods', async () => {
    expect(gists(await rowsOf('{"text":"a","label":"x","weight":250}'))).toEqual([
      { text: 'a', label: 'x' },
    ]);
    expect(gists(await rowsOf('text,label,weight\na,x,2 kg\n', { format: 'csv' }))).toEqual([
      { text: 'a', label: 'x' },
    ]);
  });

  test.each([
    ['csv', 'text,label\na,x\n'],
    ['ndjson', '{"text":"a","label":"x"}'],
  ] as const)('of a column that is not there is an error, in %s', async (format, input) => {
    await expect(rowsOf(input, { format, columns })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("no column 'trust'"),
    });
  });
});

describe('text', () => {
  test('each line that is not blank is a text', async () => {
    const rows = await rowsOf('one\r\n\n  two \nthree', { format: 'text' });
    expect(gists(rows)).toEqual([{ text: 'one' }, { text: '  two ' }, { text: 'three' }]);
  });
});

describe('CSV and TSV', () => {
  test('quotes, doubled quotes, embedded line feeds, CRLF and a byte order mark', async () => {
    const csv =
      '\ufeffid,text,label\r\n1,"a, b",positive\r\n2,"say ""hi""\r\nto me",negative\r\n3,plain,\r\n';
    for (const size of [1, 2, 3, 5, 1000]) {
      expect(gists(await rowsOf(csv, { format: 'csv' }, size))).toEqual([
        { id: '1', text: 'a, b', label: 'positive' },
        { id: '2', text: 'say "hi"\r\nto me', label: 'negative' },
        { id: '3', text: 'plain' },
      ]);
    }
  });

  test('tabs, names with spaces around them, and columns that were asked for', async () => {
    const rows = await rowsOf('stars\t review \twhere\n5\tgood\tBonn\n1\tbad\t\n', {
      format: 'tsv',
      columns: { text: 'review', label: 'stars', extra: ['where'] },
      named: new Set(['text', 'label'] as const),
    });
    expect(gists(rows)).toEqual([
      { text: 'good', label: '5', attributes: { where: 'Bonn' } },
      { text: 'bad', label: '1', attributes: { where: '' } },
    ]);
  });

  test('characters beyond ASCII stay whole however the stream is cut', async () => {
    for (const size of [1, 2, 3, 64]) {
      expect(gists(await rowsOf('text,label\nß😀,"ö""ä"\n', { format: 'csv' }, size))).toEqual([
        { text: 'ß😀', label: 'ö"ä' },
      ]);
    }
  });

  test('rows carry the line they begin on', async () => {
    const rows = await rowsOf('text\n"a\nb"\n\nc\n', { format: 'csv' });
    expect(rows.map(({ row, line, resume }) => [row, line, resume.byte])).toEqual([
      [1, 2, 11],
      [2, 5, 14],
    ]);
  });
});

describe('inputs', () => {
  test.each([
    ['a.csv', 'csv'],
    ['b.TSV', 'tsv'],
    ['c.txt.gz', 'text'],
    ['d.jsonl', 'ndjson'],
    ['e.json', 'ndjson'],
    ['-', 'ndjson'],
    ['/dev/fd/63', 'ndjson'],
  ])('the format of %s is %s', (path, format) => {
    expect(formatOf(path)).toBe(format);
  });

  test('an extension that says nothing is an error', () => {
    expect(() => formatOf('reviews.dat')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('--format'),
      }),
    );
  });

  test('gzip is told by its bytes: from a file of any name, and from standard input', async () => {
    const zipped = Buffer.concat([gzipSync('{"text":"a"}\n'), gzipSync('{"text":"b"}\n')]);
    const expected = [{ text: 'a' }, { text: 'b' }];
    await withFile('x.ndjson.gz', zipped, async (path) =>
      expect(gists(await collect({ path }))).toEqual(expected),
    );
    await withFile('x.ndjson', zipped, async (path) =>
      expect(gists(await collect({ path }))).toEqual(expected),
    );
    expect(gists(await rowsOf(zipped, {}, 1))).toEqual(expected);
  });

  test('a gzip stream cut short gives its rows, then says so', async () => {
    const zipped = gzipSync('{"text":"a"}\n'.repeat(5000));
    const seen: Row[] = [];
    const read = async (): Promise<void> => {
      const stdin = streamOf(zipped.subarray(0, zipped.length - 20), 100);
      for await (const rows of readRows({ path: '-', stdin })) seen.push(...rows);
    };
    await expect(read()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(seen.every((row) => row.kind === 'text' && row.text === 'a')).toBe(true);
  });

  test('a file that does not exist, and a folder', async () => {
    await expect(collect({ path: '/nowhere/at/all.csv' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await withFile('a.txt', '', async (path) =>
      expect(collect({ path: path.replace(/a\.txt$/, ''), format: 'text' })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      }),
    );
  });

  test('batches hold at most as many rows as asked for', async () => {
    await withFile('a.txt', 'x\n'.repeat(1203), async (path) => {
      const sizes: number[] = [];
      for await (const rows of readRows({ path })) sizes.push(rows.length);
      expect(sizes).toEqual([500, 500, 203]);
    });
  });

  test('a live stream is handed on line by line, without waiting for a full batch', async () => {
    const stdin = streamOf('{"text":"a"}\n{"text":"b"}\n', 13);
    const sizes: number[] = [];
    for await (const rows of readRows({ path: '-', stdin })) sizes.push(rows.length);
    expect(sizes).toEqual([1, 1]);
  });

  test('aborting ends the rows quietly', async () => {
    await withFile('a.txt', 'x\n'.repeat(2000), async (path) => {
      const controller = new AbortController();
      let rows = 0;
      for await (const batch of readRows({ path, signal: controller.signal, batchRows: 10 })) {
        rows += batch.length;
        if (rows >= 30) controller.abort();
        if (rows > 10_000) break;
      }
      expect(rows).toBeGreaterThanOrEqual(30);
    });
    const stopped = AbortSignal.abort();
    expect(
      await collect({ path: '-', stdin: streamOf('{"text":"a"}\n'), signal: stopped }),
    ).toEqual([]);
  });

  test.each(['ndjson', 'csv', 'tsv', 'text'] as const)(
    'reading %s on from any row gives the rows behind it',
    async (format) => {
      const content = {
        ndjson: '\ufeff{"text":"a"}\n\n[]\n{"text":"ü"}\r\n{"text":"c"}',
        csv: 'text,label\r\n"a\nb",1\r\n\r\nbad\r\nü,2\r\nc,',
        tsv: '\ufefftext\tlabel\nä\t1\n"x"y\t\nc\t2\n',
        text: 'a\n\nü\r\n c\nd',
      }[format];
      for (const zip of [false, true]) {
        const bytes = zip ? gzipSync(content) : content;
        await withFile(`input.${format}`, bytes, async (path) => {
          const all = await collect({ path, format });
          expect(all.length).toBeGreaterThanOrEqual(3);
          for (const [at, { resume }] of all.entries()) {
            const rest = await collect({ path, format, from: resume, columnsSeen: true });
            expect(rest).toEqual(all.slice(at + 1));
          }
        });
      }
    },
  );
});

test.each([
  ['plain', (text: string) => Buffer.from(text)],
  ['with gzip', (text: string) => gzipSync(text)],
])('a named pipe is read like a file, %s', async (_, packed) => {
  const folder = await mkdtemp(join(tmpdir(), 'valence-pipe-'));
  const path = join(folder, 'rows.csv');
  execFileSync('mkfifo', [path]);
  const written = writeFile(path, packed('text,label\ngood,positive\n'));
  expect(gists(await collect({ path }))).toEqual([{ text: 'good', label: 'positive' }]);
  await written;
  await rm(folder, { recursive: true });
});
