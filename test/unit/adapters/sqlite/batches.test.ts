import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SqliteEventLog } from '../../../../src/adapters/sqlite/event-log.ts';
import type { NewRecord } from '../../../../src/ports/event-log.ts';

const dir = mkdtempSync(join(tmpdir(), 'valence-batches-'));
let log: SqliteEventLog;
beforeAll(async () => {
  log = await SqliteEventLog.open(join(dir, 'log.db'));
  await log.ensureTopics([{ name: 't', partitions: 1, cleanup: 'delete', retentionMs: undefined }]);
});
afterAll(async () => {
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

const text = (value: string | Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString();

/** What was written and what is read, in one form. */
async function roundTrip(
  records: readonly NewRecord[],
): Promise<{ readonly written: unknown; readonly read: unknown }> {
  const [first] = await log.append('t', records);
  if (first?.status !== 'ok') throw new Error('not appended');
  const { records: read } = await log.read('t', 0, { from: first.offset, maxRecords: 10_000 });
  return {
    read: read.map(({ key, value, headers }) => ({
      key: text(key),
      value: text(value),
      headers: headers.map(([name, bytes]) => [name, text(bytes)]),
    })),
    written: records.map(({ key, value, headers = [] }) => ({
      key: text(key),
      value: text(value),
      headers: headers.map(([name, content]) => [name, text(content)]),
    })),
  };
}

/** Lengths around the places where the number of a length takes one byte more, in characters of one to four bytes. */
const edges = [126, 127, 128, 16_382, 16_383, 16_384];

test.each(['a', 'é', '好', '😀'])(
  'texts of %s keep every byte around each edge of a length',
  async (char) => {
    const bytes = Buffer.byteLength(char);
    const values = edges.flatMap((edge) =>
      [-2, -1, 0, 1, 2].flatMap((by) => {
        const fill = 'a'.repeat(Math.max(0, edge + by - bytes));
        return [char + fill, fill + char, char.repeat(Math.ceil((edge + by) / bytes))];
      }),
    );
    const { written, read } = await roundTrip(
      values.map((value) => ({ key: value, value, headers: [[value.slice(0, 130), value]] })),
    );
    expect(read).toEqual(written);
  },
);

test('records come back as they were, whatever they hold', async () => {
  const content = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.nat({ max: 400 }).map((length) => 'é'.repeat(length)),
  );
  const header = fc.tuple(fc.oneof(content, fc.constantFrom('ce_id', 'ce_type')), content);
  const record = fc.record({
    key: fc.option(content),
    value: fc.option(content),
    headers: fc.array(header, { maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), async (records) => {
      const { written, read } = await roundTrip(records);
      expect(read).toEqual(written);
    }),
    {
      numRuns: 150,
    },
  );
});
