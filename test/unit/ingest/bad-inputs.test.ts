import { describe, expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import type { Format, Row } from '../../../src/ingest/row.ts';
import { collect, gist, rowsOf } from './inputs.ts';

const noticesOf = async (input: string, format: Format): Promise<string[]> => {
  const notices: string[] = [];
  const rows = await rowsOf(input, { format, onNotice: (notice) => notices.push(notice) });
  expect(rows).toEqual([]);
  return notices;
};
const refused = (row: Row | undefined): { code: string; message: string; raw: string } => {
  if (row?.kind !== 'refused') throw new Error(`not refused: ${row?.kind}`);
  return {
    code: row.error.code,
    message: row.error.message,
    raw: Buffer.from(row.raw).toString('latin1'),
  };
};

describe('inputs without rows', () => {
  test.each(['ndjson', 'text'] as const)(
    'an empty %s input has no rows and says so',
    async (format) => {
      expect(await noticesOf('', format)).toEqual(['stdin is empty: no rows']);
      expect(await noticesOf('\n \n\r\n', format)).toEqual(['stdin is empty: no rows']);
    },
  );

  test.each(['csv', 'tsv'] as const)(
    'an empty %s input, and one of a header only',
    async (format) => {
      expect(await noticesOf('', format)).toEqual(['stdin is empty: no header, no rows']);
      expect(await noticesOf('text', format)).toEqual(['stdin has a header but no rows']);
      expect(await noticesOf('text\n\n', format)).toEqual(['stdin has a header but no rows']);
    },
  );
});

describe('columns', () => {
  test('a CSV without the text column lists the columns there are', async () => {
    await expect(rowsOf('id,review,stars\n1,a,5\n', { format: 'csv' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        "stdin has no column 'text'; it has: id, review, stars. Name the column of the texts with --text. The first line must be a header.",
    });
  });

  test.each([
    ['csv', 'id;text;label\n1;a, b;0\n', 'semicolons: save the file again with commas.'],
    [
      'csv',
      'id\ttext\tlabel\n1\ta\t0\n',
      'tabs: call the file .tsv, or give publish or evaluate --format tsv',
    ],
    [
      'tsv',
      'id,text,label\n1,a,0\n',
      'commas: call the file .csv, or give publish or evaluate --format csv',
    ],
  ] as const)(
    'a %s of other columns is told what sets them apart, %#',
    async (format, text, fix) => {
      await expect(rowsOf(text, { format })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`The columns stand apart by ${fix}`),
      });
    },
  );

  test('a CSV without a header fails the same way', async () => {
    await expect(rowsOf('good food,1\nbad,0\n', { format: 'csv' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('it has: good food, 1.'),
    });
  });

  test.each([
    ['csv', 'text,label\na,1\n'],
    ['ndjson', '{"text":"a","label":1}\n'],
  ] as const)(
    'a %s column that was named must exist; all that are missing are told',
    async (format, input) => {
      const columns = { label: 'sentiment', id: 'key', extra: ['store'] };
      const named = new Set(['label', 'id'] as const);
      await expect(rowsOf(input, { format, columns, named })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /no column 'sentiment', 'key', 'store'; it has: text, label\. Correct the name/,
        ),
      });
    },
  );

  test.each(['csv', 'ndjson'] as const)(
    'absent default label, id and ts columns of %s are fine',
    async (format) => {
      const input = format === 'csv' ? 'text\na\n' : '{"text":"a"}\n';
      expect((await rowsOf(input, { format })).map(gist)).toEqual([{ text: 'a' }]);
    },
  );

  test('NDJSON without any text field is an error before a row is given', async () => {
    const seen: Row[] = [];
    const stdin = Readable.from([Buffer.from('{"review":"a"}\n'.repeat(30))]);
    const error: unknown = await collect({ path: '-', stdin }).then(
      (rows) => seen.push(...rows),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        "stdin has no column 'text'; it has: review. Name the column of the texts with --text.",
    });
    expect(seen).toEqual([]);
  });

  test('a named NDJSON column may be sparse: it must show in the first 20 rows', async () => {
    const columns = { label: 'stars' };
    const named = new Set(['label'] as const);
    const bare = '{"text":"a"}\n';
    const late = await rowsOf(`${bare.repeat(19)}{"text":"b","stars":5}\n${bare}`, {
      columns,
      named,
    });
    expect(late).toHaveLength(21);
    expect(late[19]).toMatchObject({ row: 20, label: 5 });
    await expect(rowsOf(bare.repeat(40), { columns, named })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('a stream of label records needs no text', async () => {
    const rows = await rowsOf('{"id":"a","label":"x"}\n'.repeat(50));
    expect(rows).toHaveLength(50);
  });

  test('UTF-16 is told by its byte order mark', async () => {
    const utf16 = Buffer.from('\ufefftext\na\n', 'utf16le');
    await expect(rowsOf(utf16, { format: 'csv' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('iconv'),
    });
  });
});

describe('NDJSON rows that are refused, between rows that are not', () => {
  test.each([
    ['an array', '[{"text":"a"}]', /an array; expected a JSON object/],
    ['null', 'null', /the value is null/],
    ['a number', '17', /a number/],
    ['a string', '"text"', /a string/],
    ['no JSON', '{"text": "a"', /no JSON/],
    ['null text', '{"id":"a","text":null}', /text is null; expected a string/],
    ['text that is a number', '{"text":5}', /text is a number/],
    ['neither text nor label', '{"id":"a"}', /no field 'text'/],
    ['a label without id', '{"label":"x"}', /no field 'text'/],
    ['an empty label of a label record', '{"id":"a","label":""}', /label is an empty string/],
    ['a label that is an object', '{"text":"a","label":{"x":1}}', /label is an object/],
    ['a long label', `{"text":"a","label":"${'x'.repeat(65)}"}`, /longer than 64 characters/],
    ['a long id', `{"text":"a","id":"${'x'.repeat(257)}"}`, /longer than 256 characters/],
    ['an id that JSON rounds', '{"text":"a","id":1234567890123456789}', /write it as a string/],
    ['an infinite id', '{"text":"a","id":1e999}', /not a finite number/],
    ['an infinite label', '{"text":"a","label":1e999}', /not a finite number/],
    ['a ts that is a list', '{"text":"a","ts":[1]}', /ts is an array/],
    ['a record with a null value', '{"topic":"t","key":"k","value":null}', /value is null/],
    ['a record whose value is a list', '{"topic":"t","value":[1]}', /value is an array/],
    ['a record with numbers in headers', '{"value":{},"headers":{"a":1}}', /headers are no object/],
    ['a record whose text is no string', '{"value":{"text":3}}', /value.text is a number/],
  ])('%s', async (_, line, message) => {
    const rows = await rowsOf(`{"text":"before"}\n${line}\n{"text":"after"}\n`);
    expect(rows.map((row) => (row.kind === 'refused' ? row.error.code : gist(row)))).toEqual([
      { text: 'before' },
      'RECORD_INVALID',
      { text: 'after' },
    ]);
    expect(refused(rows[1]).message).toMatch(message);
    expect(refused(rows[1]).message).toMatch(/^line 2: /);
    expect(refused(rows[1]).raw).toBe(line);
  });

  test('a message never quotes the text', async () => {
    const [row] = await rowsOf('{"text":"my secret", "label": [1]}');
    expect(refused(row).message).not.toContain('secret');
  });

  test('broken UTF-8 is refused with its place, and its bytes are kept', async () => {
    const line = Buffer.concat([
      Buffer.from('{"text":"ü'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    const rows = await rowsOf(Buffer.concat([line, Buffer.from('\n{"text":"ok"}\n')]));
    expect(refused(rows[0])).toMatchObject({
      code: 'RECORD_INVALID',
      message: 'line 1: no UTF-8 at byte 11 of the line; convert the file to UTF-8',
      raw: line.toString('latin1'),
    });
    expect(gist(rows[1] as Row)).toEqual({ text: 'ok' });
  });

  test.each([
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
    ['an overlong form', [0xc0, 0x80]],
    ['a sequence that is cut', [0xe2, 0x82]],
  ])('%s is broken UTF-8; U+FFFD itself is not', async (_, bytes) => {
    const text = (content: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"text":"'), Buffer.from(content), Buffer.from('"}\n')]);
    const [broken] = await rowsOf(text(bytes));
    expect(refused(broken).message).toContain('at byte 9');
    const [fine] = await rowsOf(text([0xef, 0xbf, 0xbd]));
    expect(fine).toMatchObject({ kind: 'text', text: '\ufffd' });
  });

  test('lone surrogates and NUL written as escapes are kept', async () => {
    const rows = await rowsOf('{"text":"a\\ud800b","id":"\\u0000"}\n');
    expect(gist(rows[0] as Row)).toEqual({ text: 'a\ud800b', id: '\u0000' });
  });
});

describe('sizes', () => {
  const limit = 262_144;

  test.each([
    ['ndjson', (text: string) => JSON.stringify({ text })],
    ['csv', (text: string) => `text\n"${text}"`],
    ['text', (text: string) => text],
  ] as const)(
    '%s: a text of 262,144 UTF-8 bytes passes, one more does not',
    async (format, line) => {
      const longest = 'ü'.repeat(limit / 2);
      const [fits] = await rowsOf(line(longest), { format }, 65_536);
      expect(fits).toMatchObject({ kind: 'text', text: longest });
      const [tooLong] = await rowsOf(line(`${longest}x`), { format }, 65_536);
      expect(refused(tooLong).code).toBe('TEXT_TOO_LONG');
      expect(refused(tooLong).raw).toHaveLength(65_536);
    },
  );

  test('a text of 1 MB is refused with its code', async () => {
    const rows = await rowsOf(
      `${JSON.stringify({ text: 'x'.repeat(1_000_000) })}\n{"text":"a"}`,
      {},
      65_536,
    );
    expect(rows.map(gist)).toEqual(['TEXT_TOO_LONG', { text: 'a' }]);
  });

  test.each(['ndjson', 'csv', 'text'] as const)(
    '%s: a line of 30 MB is passed over while streaming; the rows around it are read',
    async (format) => {
      const piece = Buffer.alloc(1_000_000, 'x');
      const good = { ndjson: '{"text":"a"}\n', csv: 'a\n', text: 'a\n' }[format];
      const stdin = Readable.from(
        (function* () {
          yield Buffer.from((format === 'csv' ? 'text\n' : '') + good);
          for (let at = 0; at < 30; at++) yield piece;
          yield Buffer.from(`\n${good}`);
        })(),
      );
      const rows = await collect({ path: '-', stdin, format });
      expect(rows.map(gist)).toEqual([{ text: 'a' }, 'TEXT_TOO_LONG', { text: 'a' }]);
      expect(refused(rows[1]).raw).toBe('x'.repeat(65_536));
      const start = format === 'csv' ? 5 + good.length : good.length;
      expect(rows[1]?.resume.byte).toBe(start + 30_000_001);
      expect(rows[2]?.row).toBe(3);
    },
  );

  test.each(['ndjson', 'csv', 'text'] as const)(
    '%s: the input may end within a line that is too long',
    async (format) => {
      const rows = await rowsOf(
        (format === 'csv' ? 'text\n' : '') + 'x'.repeat(5_000_000),
        { format },
        400_000,
      );
      expect(rows.map(gist)).toEqual(['TEXT_TOO_LONG']);
    },
  );
});

describe('CSV rows that are refused', () => {
  const read = async (body: string): Promise<unknown[]> => {
    const rows = await rowsOf(`id,text\n${body}`, { format: 'csv' });
    return rows.map((row) =>
      row.kind === 'refused' ? row.error.message : row.kind === 'text' && row.text,
    );
  };

  test('rows with too few and too many fields', async () => {
    expect(await read('1\n2,b\n3,c,d\n4,e\n')).toEqual([
      'line 2: not as many fields as the header has: 1 instead of 2',
      'b',
      'line 4: not as many fields as the header has: more than 2 instead of 2',
      'e',
    ]);
  });

  test('text behind a closing quote', async () => {
    expect(await read('1,"a"b\n2,c\n')).toEqual([
      'line 2: a closing quote is followed by other text; double quotes inside a quoted field',
      'c',
    ]);
  });

  test('a quote that is never closed costs its line, not the rows behind it', async () => {
    expect(await read('1,"a\n2,b\n3,c\n')).toEqual([
      'line 2: a quoted field never ends; close it, or double the quote',
      'b',
      'c',
    ]);
    expect(await read('1,"a\n2,b\n3,"c"\n4,"d\n5,e\n')).toEqual([
      expect.stringContaining('line 2: '),
      'b',
      'c',
      expect.stringContaining('line 5: '),
      'e',
    ]);
  });

  test('a quote inside an unquoted field is an ordinary character', async () => {
    expect(await read('1,a 5" pipe\n')).toEqual(['a 5" pipe']);
  });

  test('broken UTF-8 and long labels', async () => {
    const bytes = Buffer.concat([
      Buffer.from('text,label\na'),
      Buffer.from([0xff]),
      Buffer.from(`,1\nb,${'x'.repeat(65)}\nc,2\n`),
    ]);
    const rows = await rowsOf(bytes, { format: 'csv' });
    expect(rows.map((row) => (row.kind === 'refused' ? row.error.message : gist(row)))).toEqual([
      'line 2: no UTF-8 at byte 1 of the row; convert the file to UTF-8',
      'line 3: label is longer than 64 characters; is --label the right column?',
      { text: 'c', label: '2' },
    ]);
  });

  test('a header that cannot be read is an error of the file', async () => {
    await expect(rowsOf('"a"b,text\n1,2\n', { format: 'csv' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('NUL bytes are kept', async () => {
    expect(await read('1,a\u0000b\n')).toEqual(['a\u0000b']);
  });
});
