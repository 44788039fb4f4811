/**
 * Resuming: whatever the file, its format, the label delay and the moment of the kill, the source topic of a run that was killed
 * and started again equals that of an uninterrupted run, record by record. The log commits records and checkpoint together.
 */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { publish, type PublishOptions } from '../../../src/ingest/publish.ts';
import type { Format } from '../../../src/ingest/row.ts';
import { FakeLog, withFile, type Fault, type Stored } from './inputs.ts';

const topics = { topic: 'source', deadLetterTopic: 'dlq' };
const killed = new Error('killed');

const LINES: Readonly<Record<Format, readonly string[]>> = {
  ndjson: [
    '{"id":"a","text":"ü","label":"x","ts":1}',
    '{"text":"b","label":2}',
    '{"text":"c"}',
    '{"id":"a","label":"y"}',
    '{"id":"a","label":null}',
    '{"key":"k","value":{"text":"r"},"headers":{"h":"v"}}',
    '[1]',
    '{"id":"no text"}',
    '{"text":5}',
    'no json',
    '',
    `{"text":"${'long '.repeat(40)}","label":"x"}`,
  ],
  csv: ['a,x,1', '"b, ""c""\nd",y,', 'ü,,3', 'ragged', '"bad"quote,x,1', '', '"",x,4', '"open,x,5'],
  tsv: ['a\tx\t1', '"b\n\tc"\ty\t', 'ü\t\t3', 'ragged', ''],
  text: ['one', 'two ü', '', '  ', 'three'],
};
const HEADER: Readonly<Record<Format, string>> = {
  ndjson: '{"text":"first","label":"x"}\n',
  csv: 'text,label,id\n',
  tsv: 'text\tlabel\tid\n',
  text: '',
};

interface Case {
  readonly format: Format;
  readonly lines: readonly string[];
  readonly zip: boolean;
  readonly lastEnd: boolean;
  readonly batchRows: number;
  readonly labelDelay: number | undefined;
  readonly skipLabels: boolean;
  readonly limit: number | undefined;
}

const cases: fc.Arbitrary<Case> = fc
  .constantFrom<Format>('ndjson', 'csv', 'tsv', 'text')
  .chain((format) =>
    fc.record({
      format: fc.constant(format),
      lines: fc.array(fc.constantFrom(...LINES[format]), { maxLength: 14 }),
      zip: fc.boolean(),
      lastEnd: fc.boolean(),
      batchRows: fc.integer({ min: 1, max: 5 }),
      labelDelay: fc.constantFrom(undefined, 0, 1, 2, 5, 50),
      skipLabels: fc.boolean(),
      limit: fc.constantFrom(undefined, undefined, 3, 8),
    }),
  );

function contentOf({ format, lines, lastEnd, zip }: Case): string | Buffer {
  const content = HEADER[format] + lines.join('\n') + (lastEnd ? '\n' : '');
  return zip ? gzipSync(content) : content;
}

/** Publishes; a kill ends a run, and the next one begins where the log stands. */
async function runs(log: FakeLog, path: string, example: Case): Promise<number> {
  const { format, batchRows, labelDelay, skipLabels, limit } = example;
  const options: PublishOptions = {
    log,
    ...topics,
    path,
    format,
    batchRows,
    labelDelay,
    skipLabels,
    limit,
  };
  for (let run = 1; ; run++) {
    log.killed = false;
    try {
      await publish(options);
      return run;
    } catch (error) {
      if (error !== killed) throw error;
    }
  }
}

/** The process dies around an append: it never learns what became of it. */
function kill(log: FakeLog, when: 'before' | 'after'): Fault {
  log.killed = true;
  return { when, error: killed };
}

/** Repeats removed: a dead letter may come again, under the same key. */
function once(stored: readonly Stored[]): unknown[] {
  return [...new Map(stored.map((record) => [record.key, record])).values()];
}

describe('a run that was killed', () => {
  test('and started again sends what an uninterrupted one sends', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 5 }),
            fc.constantFrom<'before' | 'after'>('before', 'after'),
          ),
          {
            maxLength: 5,
          },
        ),
        async (example, kills) => {
          await withFile(`f.${example.format}`, contentOf(example), async (path) => {
            const clean = new FakeLog();
            await runs(clean, path, example);
            const log = new FakeLog();
            // Each kill waits for its number of appends since the one before.
            const plan = kills.map(([wait, when]) => ({ wait, when }));
            log.fault = () => {
              const next = plan[0];
              if (next === undefined || next.wait-- > 0) return undefined;
              plan.shift();
              return kill(log, next.when);
            };
            await runs(log, path, example);
            expect(log.of('source')).toEqual(clean.of('source'));
            expect(once(log.of('dlq'))).toEqual(clean.of('dlq'));
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('at each append of a file in turn: nothing is lost, nothing repeated', async () => {
    const rows = Array.from({ length: 23 }, (_, n) => `{"id":"${n}","text":"t","label":"l${n}"}\n`);
    const example: Case = {
      format: 'ndjson',
      lines: [],
      zip: false,
      lastEnd: true,
      batchRows: 4,
      labelDelay: 6,
      skipLabels: false,
      limit: undefined,
    };
    // By hand: 23 texts and 23 labels, label i behind text i + 6.
    const expected = rows
      .flatMap((_, n) => (n < 6 ? [`t${n}`] : [`t${n}`, `l${n - 6}`]))
      .concat([17, 18, 19, 20, 21, 22].map((n) => `l${n}`));
    await withFile('f.ndjson', rows.join(''), async (path) => {
      for (const when of ['before', 'after'] as const) {
        for (let at = 0; at < 9; at++) {
          const log = new FakeLog();
          log.fault = (append) => (append === at ? kill(log, when) : undefined);
          expect(await runs(log, path, example)).toBe(2);
          const sent = log.values('source').map((value) => {
            const { id, text } = value as { id: string; text?: string };
            return `${text === undefined ? 'l' : 't'}${id}`;
          });
          expect(sent).toEqual(expected);
        }
      }
    });
  });

  test('goes on with another label delay: each label comes once, after its text', async () => {
    const rows = Array.from({ length: 10 }, (_, n) => `{"id":"${n}","text":"t","label":"l"}\n`);
    await withFile('f.ndjson', rows.join(''), async (path) => {
      for (const [first, second] of [
        [6, undefined],
        [6, 2],
        [2, 6],
        [0, 3],
      ]) {
        const log = new FakeLog();
        log.fault = (append) => (append === 3 ? { when: 'before', error: killed } : undefined);
        const options = { log, ...topics, path, batchRows: 2 };
        await expect(publish({ ...options, labelDelay: first })).rejects.toBe(killed);
        await publish({ ...options, labelDelay: second });
        const values = log.values('source') as { id: string; text?: string; label?: string }[];
        const texts = values.filter(({ text }) => text !== undefined).map(({ id }) => id);
        const labels = values.filter(({ label }) => label !== undefined).map(({ id }) => id);
        expect(texts).toEqual(rows.map((_, n) => String(n)));
        expect(labels.toSorted()).toEqual(texts);
      }
    });
  });

  test('stopped by a signal goes on as if it had not been', async () => {
    const content = Array.from({ length: 50 }, (_, n) => `row ${n}\n`).join('');
    await withFile('f.txt', content, async (path) => {
      const log = new FakeLog();
      let runsMade = 0;
      for (let done = false; !done; runsMade++) {
        const controller = new AbortController();
        const summary = await publish({
          log,
          ...topics,
          path,
          batchRows: 10,
          signal: controller.signal,
          onProgress: ({ acked }) => acked >= 20 && controller.abort(),
        });
        ({ done } = summary);
      }
      expect(runsMade).toBe(3);
      expect(log.values('source').map((value) => (value as { text: string }).text)).toEqual(
        content.trimEnd().split('\n'),
      );
    });
  });
});

describe('columns', () => {
  test('of NDJSON need not show again behind the place of a kill, but another name must', async () => {
    const content = '{"text":"a","label":"x"}\n{"text":"b"}\n{"id":"c"}\n';
    await withFile('f.ndjson', content, async (path) => {
      const log = new FakeLog();
      const options = { log, ...topics, path, batchRows: 1, named: new Set(['label'] as const) };
      log.fault = (append) => (append === 1 ? kill(log, 'before') : undefined);
      await expect(publish(options)).rejects.toBe(killed);
      log.killed = false;
      await expect(publish({ ...options, columns: { text: 'review' } })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
      expect(await publish(options)).toMatchObject({ resumedAfter: 1, acked: 1, deadLettered: 1 });
    });
  });
});

describe('standard input that is stopped', () => {
  test('lets go of the labels it held: nobody could read them again', async () => {
    const log = new FakeLog();
    const controller = new AbortController();
    const stdin = Readable.from([
      Buffer.from('{"id":"a","text":"t","label":"x"}\n'),
      Buffer.from('{"id":"b","text":"t","label":"y"}\n'),
    ]);
    const summary = await publish({
      log,
      ...topics,
      path: '-',
      stdin,
      labelDelay: 10,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(log.values('source')).toEqual([
      { id: 'a', text: 't' },
      { id: 'a', label: 'x' },
    ]);
    expect(summary.done).toBe(false);
  });
});
