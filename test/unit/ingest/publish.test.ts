import { describe, expect, test } from '@jest/globals';
import { appendFile, writeFile } from 'node:fs/promises';
import { publish, type PublishOptions } from '../../../src/ingest/publish.ts';
import { SourceValue } from '../../../topics/source.ts';
import { FakeLog, streamOf, withFile } from './inputs.ts';

const topics = { topic: 'source', deadLetterTopic: 'dlq' };

/** Publishes an NDJSON file of that content into a log of its own. */
async function published(
  content: string,
  options: Partial<PublishOptions> = {},
  name = 'reviews.ndjson',
): Promise<FakeLog> {
  const log = new FakeLog();
  await withFile(name, content, (path) => publish({ log, ...topics, path, ...options }));
  return log;
}

const raw = (log: FakeLog): string[] => log.of('source').map(({ value }) => value);

describe('what is sent', () => {
  test('the fields id, text, label, ts, attributes, model in this order, and the id as key', async () => {
    const log = await published(
      '{"ts":"t","stars":4,"label":"positive","text":"good","id":"a","store":"12","other":1}\n',
      { columns: { extra: ['store', 'stars'] }, model: 'champion' },
    );
    expect(log.of('source')).toEqual([
      {
        key: 'a',
        value:
          '{"id":"a","text":"good","label":"positive","ts":"t","attributes":{"store":"12","stars":"4"},"model":"champion"}',
        headers: {},
      },
    ]);
  });

  test('what is not there is left out, and a missing id is file name and row', async () => {
    const log = await published(
      '{"text":"a"}\n\n{"text":"b","label":""}\n{"text":"c","label":0}\n',
    );
    expect(raw(log)).toEqual([
      '{"id":"reviews.ndjson:1","text":"a"}',
      '{"id":"reviews.ndjson:2","text":"b"}',
      '{"id":"reviews.ndjson:3","text":"c","label":0}',
    ]);
    expect(log.of('source').map(({ key }) => key)).toEqual([
      'reviews.ndjson:1',
      'reviews.ndjson:2',
      'reviews.ndjson:3',
    ]);
  });

  test('CSV labels are strings', async () => {
    const log = await published('text,label\na,1\nb,\n', {}, 'x.csv');
    expect(raw(log)).toEqual([
      '{"id":"x.csv:1","text":"a","label":"1"}',
      '{"id":"x.csv:2","text":"b"}',
    ]);
  });

  test('label records and records of a log pass through', async () => {
    const value = { text: 'x', id: 'i', extra: [1] };
    const line = {
      topic: 't',
      partition: 1,
      offset: 5,
      timestamp: 9,
      key: 'k',
      headers: { a: 'b' },
      value,
    };
    const log = await published(`{"id":"a","label":null}\n${JSON.stringify(line)}\n`);
    expect(log.of('source')).toEqual([
      { key: 'a', value: '{"id":"a","label":null}', headers: {} },
      { key: 'k', value: '{"text":"x","id":"i","extra":[1]}', headers: { a: 'b' } },
    ]);
  });

  test('odd texts arrive whole: lone surrogates, NUL, line separators', async () => {
    const text = 'a\ud800b\u0000c\u2028d😀';
    const log = await published(`${JSON.stringify({ text })}\n`);
    expect(log.values('source')).toEqual([{ id: 'reviews.ndjson:1', text }]);
  });

  test('everything that is sent follows the contract of the source topic', async () => {
    const log = await published(
      '{"text":"a","id":1,"ts":5,"label":true}\n{"id":"x","label":2}\n{"text":"b","stars":[1]}\n',
      { columns: { extra: ['stars'] }, labelDelay: 1 },
    );
    expect(log.of('source')).toHaveLength(4);
    for (const value of log.values('source'))
      expect(SourceValue.safeParse(value).success).toBe(true);
  });

  test('standard input is named stdin, and has no checkpoint', async () => {
    const log = new FakeLog();
    const stdin = streamOf('{"text":"a"}\n');
    const summary = await publish({ log, ...topics, path: '-', stdin });
    expect(log.values('source')).toEqual([{ id: 'stdin:1', text: 'a' }]);
    expect(log.checkpoints.size).toBe(0);
    expect(summary).toMatchObject({ name: 'stdin', done: true, acked: 1, totalBytes: undefined });
  });
});

describe('labels', () => {
  const rows = [1, 2, 3, 4].map((n) => `{"id":"${n}","text":"t","label":"l${n}"}\n`).join('');
  const told = (log: FakeLog): unknown[] =>
    log.values('source').map((value) => {
      const { id, text, label } = value as { id: string; text?: string; label?: string };
      return `${text === undefined ? 'label' : 'text'} ${id} ${label ?? ''}`.trim();
    });

  test('follow their text by the delay, the rest at the end', async () => {
    expect(told(await published(rows, { labelDelay: 2 }))).toEqual([
      'text 1',
      'text 2',
      'text 3',
      'label 1 l1',
      'text 4',
      'label 2 l2',
      'label 3 l3',
      'label 4 l4',
    ]);
  });

  test.each([0, undefined])('with a delay of %p stand in the record', async (labelDelay) => {
    expect(told(await published(rows, { labelDelay }))).toEqual([
      'text 1 l1',
      'text 2 l2',
      'text 3 l3',
      'text 4 l4',
    ]);
  });

  test('with a delay longer than the file all come at the end, in batches', async () => {
    const log = await published(rows, { labelDelay: 1000, batchRows: 3 });
    expect(told(log).slice(4)).toEqual(['label 1 l1', 'label 2 l2', 'label 3 l3', 'label 4 l4']);
    expect(log.appends.map(({ records }) => records)).toEqual([3, 1, 3, 1, 0]);
  });

  test('a late label carries the ts and the model of its text', async () => {
    const log = await published('{"id":"a","text":"t","label":1,"ts":"y"}\n', {
      labelDelay: 1,
      model: 'm',
    });
    expect(raw(log)).toEqual([
      '{"id":"a","text":"t","ts":"y","model":"m"}',
      '{"id":"a","label":1,"ts":"y","model":"m"}',
    ]);
  });

  test.each([
    [
      0,
      ['{"id":"a","text":"t","label":1,"labelWeight":0.5}', '{"id":"b","label":2,"labelWeight":4}'],
    ],
    [
      1,
      [
        '{"id":"a","text":"t"}',
        '{"id":"b","label":2,"labelWeight":4}',
        '{"id":"a","label":1,"labelWeight":0.5}',
      ],
    ],
  ])('take their weight along, with a delay of %i', async (labelDelay, expected) => {
    const log = await published(
      '{"id":"a","text":"t","label":1,"trust":0.5}\n{"id":"b","label":2,"trust":4}\n',
      { labelDelay, columns: { weight: 'trust' } },
    );
    expect(raw(log).toSorted()).toEqual(expected.toSorted());
  });

  test('are left out on request: of texts, of late labels, of label records, of records of a log', async () => {
    const input =
      '{"id":"a","text":"t","label":1}\n{"id":"a","label":2}\n' +
      '{"key":"k","value":{"text":"x","label":3}}\n{"key":"k","value":{"id":"x","label":3}}\n';
    for (const labelDelay of [0, 1]) {
      const log = await published(input, { skipLabels: true, labelDelay });
      expect(raw(log)).toEqual(['{"id":"a","text":"t"}', '{"text":"x"}']);
    }
  });
});

describe('masking', () => {
  test('reaches texts and attributes, and leaves ids, labels and times alone', async () => {
    const log = await published(
      '{"id":"joe@x.org","text":"by joe@x.org","label":"@joe","ts":"@t","mail":"joe@x.org","n":5}\n',
      { mask: ['email', 'user'], columns: { extra: ['mail', 'n'] } },
    );
    expect(log.values('source')).toEqual([
      {
        id: 'joe@x.org',
        text: 'by <email>',
        label: '@joe',
        ts: '@t',
        attributes: { mail: '<email>', n: '5' },
      },
    ]);
  });

  test('reaches every string of a record of a log', async () => {
    const value = {
      id: '@i',
      text: '@a',
      label: '@l',
      attributes: { x: ['@b', { y: '@c' }], n: 1 },
    };
    const log = await published(JSON.stringify({ key: '@k', value }), { mask: ['user'] });
    expect(log.of('source')[0]?.key).toBe('@k');
    expect(log.values('source')).toEqual([
      {
        id: '@i',
        text: '<user>',
        label: '@l',
        attributes: { x: ['<user>', { y: '<user>' }], n: 1 },
      },
    ]);
  });

  test('reaches a string where the weight of a label is, and leaves a weight as it is', async () => {
    const records = ['@w', 0.25].map((labelWeight) =>
      JSON.stringify({ value: { id: 'i', text: 'a', labelWeight } }),
    );
    const log = await published(records.join('\n'), { mask: ['user'] });
    expect(log.values('source')).toEqual([
      { id: 'i', text: 'a', labelWeight: '<user>' },
      { id: 'i', text: 'a', labelWeight: 0.25 },
    ]);
  });
});

describe('rows that cannot be sent', () => {
  test('go to the dlq topic with code, stage and origin, before their batch, and are counted', async () => {
    const log = new FakeLog();
    const summary = await withFile(
      'r.ndjson',
      '{"text":"a"}\n[1]\n{"text":"b"}\n{"text":5}\n',
      (path) => publish({ log, ...topics, path }),
    );
    expect(summary).toMatchObject({ rows: 4, sent: 2, acked: 2, deadLettered: 2, failed: 0 });
    expect(log.appends.map(({ topic }) => topic)).toEqual(['dlq', 'source', 'source']);
    expect(log.of('dlq')).toEqual([
      {
        key: 'r.ndjson:2',
        value: '[1]',
        headers: {
          '__streams.errors.exception': 'ValenceError',
          '__streams.errors.message':
            "line 2: the value is an array; expected a JSON object; write one object a line (jq -c '.[]')",
          '__streams.errors.stacktrace': '',
          '__streams.errors.topic': 'r.ndjson',
          '__streams.errors.partition': '0',
          '__streams.errors.offset': '2',
          'valence.errors.code': 'RECORD_INVALID',
          'valence.errors.stage': 'publish',
        },
      },
      expect.objectContaining({ key: 'r.ndjson:4', value: '{"text":5}' }),
    ]);
  });

  test('move the checkpoint on even when a batch has nothing else', async () => {
    const log = new FakeLog();
    await withFile('r.ndjson', '[]\n[]\n', async (path) => {
      await publish({ log, ...topics, path });
      expect(log.of('source')).toEqual([]);
      expect(await publish({ log, ...topics, path })).toMatchObject({ alreadyPublished: true });
      expect(log.of('dlq')).toHaveLength(2);
    });
  });

  test('a record that is too large as JSON is one of them, and its label with it', async () => {
    const text = '\u0000'.repeat(200_000);
    const log = await published(
      `${JSON.stringify({ text, label: 'x' })}\n{"text":"a","label":"y"}\n`,
      {
        labelDelay: 1,
      },
    );
    expect(log.of('dlq')[0]?.headers['valence.errors.code']).toBe('RECORD_INVALID');
    expect(log.values('source')).toEqual([
      { id: 'reviews.ndjson:2', text: 'a' },
      { id: 'reviews.ndjson:2', label: 'y' },
    ]);
  });
});

describe('how much', () => {
  const hundred = Array.from({ length: 100 }, (_, n) => `{"id":"${n}","text":"t"}\n`).join('');

  test('a limit counts rows from the beginning of the file; a larger one goes on', async () => {
    const log = new FakeLog();
    await withFile('r.ndjson', hundred, async (path) => {
      const run = (limit?: number) => publish({ log, ...topics, path, limit, batchRows: 7 });
      expect(await run(10)).toMatchObject({ acked: 10, done: true, alreadyPublished: false });
      expect(await run(10)).toMatchObject({ acked: 0, done: true, alreadyPublished: true });
      expect(await run(5)).toMatchObject({ acked: 0, alreadyPublished: true });
      expect(await run(25)).toMatchObject({ acked: 15, resumedAfter: 10 });
      expect(await run()).toMatchObject({ acked: 75, resumedAfter: 25, rows: 75 });
      expect(await run()).toMatchObject({ alreadyPublished: true });
    });
    expect(log.of('source').map(({ key }) => key)).toEqual(
      Array.from({ length: 100 }, (_, n) => String(n)),
    );
  });

  test('a limit of 0 sends nothing', async () => {
    expect((await published(hundred, { limit: 0 })).of('source')).toEqual([]);
  });

  test('a limit ends the labels with the texts', async () => {
    const log = await published('{"text":"a","label":1}\n{"text":"b","label":2}\n', {
      limit: 1,
      labelDelay: 5,
    });
    expect(log.values('source')).toEqual([
      { id: 'reviews.ndjson:1', text: 'a' },
      { id: 'reviews.ndjson:1', label: 1 },
    ]);
  });

  test('a rate sends small batches on a timetable', async () => {
    const slept: number[] = [];
    let time = 0;
    const clock = {
      now: () => time,
      sleep: (ms: number) => {
        slept.push(ms);
        time += ms;
        return Promise.resolve();
      },
    };
    const log = await published(hundred, { rate: 100, clock });
    expect(log.appends.slice(0, 20).every(({ records }) => records === 5)).toBe(true);
    expect(slept).toEqual(Array.from({ length: 19 }, () => 50));
  });

  test('progress is told after each append, and adds up', async () => {
    const seen: unknown[] = [];
    await published(hundred, {
      batchRows: 40,
      onProgress: ({ rows, sent, acked, bytes, totalBytes, done }) =>
        seen.push([rows, sent, acked, bytes, totalBytes, done]),
    });
    const size = Buffer.byteLength(hundred);
    expect(seen).toEqual([
      [40, 40, 40, 910, size, false],
      [80, 80, 80, 1830, size, false],
      [100, 100, 100, size, size, false],
      [100, 100, 100, size, size, true],
    ]);
  });

  test.each([
    { rate: 0 },
    { rate: Number.NaN },
    { limit: -1 },
    { labelDelay: 0.5 },
    { batchRows: 0 },
  ])('%p is refused before anything is read', async (options) => {
    await expect(
      publish({ log: new FakeLog(), ...topics, path: '/nowhere', ...options }),
    ).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('a file without the column is an error, and nothing is sent', async () => {
    const log = new FakeLog();
    await withFile('x.csv', 'a,b\n1,2\n', async (path) =>
      expect(publish({ log, ...topics, path })).rejects.toMatchObject({ code: 'CONFIG_INVALID' }),
    );
    expect(log.appends).toEqual([]);
  });

  test('an empty CSV is told', async () => {
    const notices: string[] = [];
    await published('', { onNotice: (notice) => notices.push(notice) }, 'x.csv');
    expect(notices).toEqual(['x.csv is empty: no header, no rows']);
  });
});

describe('a file that was published', () => {
  const run = (log: FakeLog, path: string, options: Partial<PublishOptions> = {}) =>
    publish({ log, ...topics, path, ...options });

  test('is not published again, unless that is asked for', async () => {
    const log = new FakeLog();
    await withFile('r.txt', 'a\nb\n', async (path) => {
      await run(log, path);
      expect(await run(log, path)).toMatchObject({ alreadyPublished: true, rows: 0, done: true });
      expect(log.of('source')).toHaveLength(2);
      expect(await run(log, path, { resume: false })).toMatchObject({ acked: 2 });
      expect(log.of('source')).toHaveLength(4);
    });
  });

  test('is published to another topic all the same', async () => {
    const log = new FakeLog();
    await withFile('r.txt', 'a\n', async (path) => {
      await run(log, path);
      expect(await run(log, path, { topic: 'other' })).toMatchObject({ acked: 1 });
    });
  });

  test('and has grown goes on where it ended', async () => {
    const log = new FakeLog();
    await withFile('r.txt', 'a\nb\n', async (path) => {
      await run(log, path);
      await appendFile(path, 'c\n');
      expect(await run(log, path)).toMatchObject({ acked: 1, resumedAfter: 2 });
      expect(log.values('source').at(-1)).toEqual({ id: 'r.txt:3', text: 'c' });
    });
  });

  test.each([
    ['other first bytes', 'X\nb\nc\n'],
    ['less in it', 'a\n'],
  ])('and is another one now, with %s, is published from its beginning', async (_, content) => {
    const log = new FakeLog();
    await withFile('r.txt', 'a\nb\n', async (path) => {
      await run(log, path);
      await writeFile(path, content);
      expect(await run(log, path)).toMatchObject({ alreadyPublished: false, resumedAfter: 0 });
    });
  });

  test('a checkpoint that cannot be read is none', async () => {
    const log = new FakeLog();
    await withFile('r.txt', 'a\n', async (path) => {
      log.checkpoints.set(`publish:source:${path}`, 'nonsense');
      expect(await run(log, path)).toMatchObject({ acked: 1 });
    });
  });
});
