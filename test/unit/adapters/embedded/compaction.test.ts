import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryEventLog } from '../../../../src/adapters/memory/event-log.ts';
import { SqliteEventLog } from '../../../../src/adapters/sqlite/event-log.ts';
import type { EventLog, LogRecord } from '../../../../src/ports/event-log.ts';

const TOPIC = 'table';

async function withLog(
  kind: 'memory' | 'sqlite',
  use: (log: EventLog, file: string) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'valence-compaction-'));
  const file = join(dir, 'log.db');
  const log = kind === 'memory' ? new MemoryEventLog() : await SqliteEventLog.open(file);
  try {
    const spec = {
      name: TOPIC,
      partitions: 1,
      cleanup: 'compact',
      retentionMs: undefined,
    } as const;
    await log.ensureTopics([spec]);
    await use(log, file);
  } finally {
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function all(log: EventLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from = 0; ;) {
    const batch = await log.read(TOPIC, 0, { from, maxRecords: 10_000 });
    records.push(...batch.records);
    if (batch.next >= batch.end) return records;
    from = batch.next;
  }
}

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString();
const bytesOf = (records: readonly LogRecord[]): number =>
  records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);

/** The last value of each key; deleted keys are not in it. */
function table(records: readonly LogRecord[]): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const { key, value, timestamp, headers } of records) {
    const name = text(key) ?? '';
    if (value === null) values.delete(name);
    else values.set(name, [text(value), timestamp, headers.length]);
  }
  return values;
}

describe.each(['memory', 'sqlite'] as const)('a compacted topic on %s', (kind) => {
  test('keeps the last record of each key, and at most as much besides', async () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 6 }),
      size: fc.integer({ min: 0, max: 400 }),
      deletes: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 5 }),
        async (rounds) => {
          await withLog(kind, async (log) => {
            let time = 1;
            for (const round of rounds) {
              await log.append(
                TOPIC,
                round.map(({ key, size, deletes }) => ({
                  key: `k${key}`,
                  value: deletes ? null : 'x'.repeat(size),
                  headers: [['h', 'v']],
                  timestamp: time++,
                })),
              );
              const before = await all(log);
              const [{ deleted } = { deleted: 0 }] = await log.retain(Date.now());
              const after = await all(log);
              expect(table(after)).toEqual(table(before));
              expect(before.length - after.length).toBe(deleted);
              const live = new Map(after.map((record) => [text(record.key), record]));
              expect(bytesOf(after)).toBeLessThanOrEqual(2 * bytesOf([...live.values()]));
              // Nothing is left to do.
              expect(await log.retain(Date.now())).toEqual([]);
              expect(await all(log)).toEqual(after);
            }
          });
        },
      ),
      { numRuns: kind === 'memory' ? 60 : 20 },
    );
  }, 60_000);

  test('is not held up by a key that never changes', async () => {
    await withLog(kind, async (log) => {
      await log.append(TOPIC, [{ key: 'still', value: 'stays' }]);
      for (let round = 0; round < 20; round++) {
        await log.append(TOPIC, [{ key: 'busy', value: `${round}`.padEnd(1000) }]);
        await log.retain(Date.now());
      }
      const records = await all(log);
      expect(records.length).toBeLessThanOrEqual(4);
      expect([...table(records).keys()].toSorted()).toEqual(['busy', 'still']);
    });
  });

  test('keeps records without a key', async () => {
    await withLog(kind, async (log) => {
      await log.append(TOPIC, [
        { key: null, value: 'one' },
        { key: 'k', value: 'old'.repeat(100) },
        { key: null, value: 'two' },
        { key: 'k', value: 'new' },
      ]);
      await log.retain(Date.now());
      expect((await all(log)).map(({ value }) => text(value))).toEqual(['two', 'new', 'one']);
    });
  });

  test('deletes nothing that a group has yet to pass, and shows it nothing twice', async () => {
    await withLog(kind, async (log) => {
      await log.append(
        TOPIC,
        ['a', 'b', 'b', 'b', 'a'].map((key, i) => ({ key, value: String(i) })),
      );
      const stop = new AbortController();
      await log.own({ group: 'g', topic: TOPIC, signal: stop.signal }, async (owned) => {
        await owned.transact({ records: [], position: 1 });
        stop.abort();
      });
      await log.retain(Date.now());
      expect((await all(log)).map(({ value }) => text(value))).toEqual(['1', '2', '3', '4']);
    });
  });
});

test('the file of an embedded log does not grow with what was replaced', async () => {
  await withLog('sqlite', async (log, file) => {
    const sizes: number[] = [];
    for (let round = 0; round < 12; round++) {
      const slot = round % 2 === 0 ? 'a' : 'b';
      for (let chunk = 0; chunk < 3; chunk++)
        await log.append(TOPIC, [{ key: `${slot}/${chunk}`, value: new Uint8Array(300_000) }]);
      await log.retain(Date.now());
      sizes.push(statSync(file).size);
    }
    // Six chunks of 300 KB live; a checkpoint may lag behind.
    expect(Math.max(...sizes)).toBeLessThan(6_000_000);
    expect(bytesOf(await all(log))).toBeLessThan(4_000_000);
  });
});
