/** What the port promises of many records of one call, where an adapter may keep them together: on both embedded logs. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryEventLog } from '../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../src/adapters/memory/store.ts';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import type { EventLog, LogRecord, NewRecord } from '../../src/ports/event-log.ts';
import { readAll, startOwner, text, values } from '../support/event-log-driver.ts';
import { expectSame } from '../support/same.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Record `i`, all of it its own; sizes from nothing to beyond what a writer has set aside. */
const distinct = (i: number): NewRecord => ({
  key: `key-${i}`,
  value: `${i}:`.padEnd(i % 97 === 0 ? 20_000 : i % 53, 'v'),
  headers: [
    ['ce_specversion', '1.0'],
    ['ce_type', ['prediction', 'outcome', 'metrics'][i % 3] ?? ''],
    ['ce_id', `source/0/${i}/prediction/champion`],
    ['ce_time', i % 5 === 0 ? '2026-03-01T10:00:00Z' : `2026-03-01T10:00:00.${i}Z`],
    ...(i % 7 === 0 ? ([[`only-${i}`, Uint8Array.of(i & 0xff, 0)]] as const) : []),
  ],
});

const shown = ({ key, value, headers = [] }: NewRecord | LogRecord): unknown => {
  const string = (bytes: string | Uint8Array | null): string | null =>
    typeof bytes === 'string' ? bytes : text(bytes);
  return [string(key), string(value), headers.map(([name, content]) => [name, string(content)])];
};

describe.each(['memory', 'sqlite'])('many records of one call: %s', (kind) => {
  let folder: string;
  let log: EventLog;
  let other: EventLog;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'valence-batches-'));
    const store = new MemoryStore();
    const open = async (): Promise<EventLog> =>
      kind === 'memory' ? new MemoryEventLog(store) : SqliteEventLog.open(join(folder, 'log.db'));
    [log, other] = [await open(), await open()];
    const spec = { partitions: 2, cleanup: 'delete', retentionMs: 1000 } as const;
    await log.ensureTopics(['in', 'out', 'model'].map((name) => ({ ...spec, name })));
  });

  afterEach(async () => {
    await Promise.all([log.close(), other.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Records with a value that is their number, in partition 0. */
  const fill = async (count: number, more: (i: number) => Partial<NewRecord> = () => ({})) =>
    log.append(
      'in',
      numbers(count).map((i) => ({ key: null, value: `${i}`, partition: 0, ...more(i) })),
    );

  test('each keeps its own key, value and headers in an append', async () => {
    for (const count of [1, 2, 999, 1000, 1001, 2500]) {
      const records = numbers(count).map((i) => ({ ...distinct(i), partition: 1 }));
      const outcomes = await log.append('in', records);
      const from = outcomes[0]!.status === 'ok' ? outcomes[0]!.offset : -1;
      const found = await readAll(other, 'in', 1, from);
      expectSame(found.map(shown), records.map(shown));
      expectSame(
        found.map(({ offset }) => offset),
        outcomes.map((outcome) => (outcome.status === 'ok' ? outcome.offset : -1)),
      );
    }
  });

  test('each keeps its own in a transaction that goes from topic to topic', async () => {
    const records = numbers(1800).map((i) => ({
      ...distinct(i),
      topic: i % 4 === 0 ? 'out' : 'model',
      partition: i % 2,
    }));
    const topics = { source: 'in', out: 'out', model: 'model', group: 'g' };
    const owner = startOwner(log, topics, async (owned) => {
      if (owned.partition === 0) await owned.transact({ records, position: 7 });
    });
    await owner.ended;
    for (const topic of ['out', 'model'])
      for (const partition of [0, 1]) {
        const found = await readAll(other, topic, partition);
        const given = records.filter((r) => r.topic === topic && r.partition === partition);
        expectSame(found.map(shown), given.map(shown));
      }
  });

  test('one that cannot be written leaves its neighbours whole', async () => {
    await fill(1200, (i) => (i % 100 === 50 ? { timestamp: -1 } : {}));
    const expected = numbers(1200).filter((i) => i % 100 !== 50);
    expect(values(await readAll(other, 'in'))).toEqual(expected.map(String));
  });

  test('reading begins at any offset and ends anywhere, in any order of readings', async () => {
    for (const count of [1, 1, 40, 1, 1100, 3]) await fill(count);
    const all = await readAll(log, 'in');
    expect(all.map(({ offset }) => offset)).toEqual(numbers(1146));
    for (let i = 0; i < 300; i++) {
      const from = (i * 389) % 1146;
      const maxRecords = [1, 2, 7, 450, 2000][i % 5] ?? 1;
      const batch = await other.read('in', 0, { from, maxRecords });
      const expected = all.slice(from, from + maxRecords);
      expectSame(batch.records, expected);
      expect(batch).toMatchObject({ next: from + expected.length, end: 1146 });
    }
  });

  test('small steps, by number or by size, see every record once while others are added', async () => {
    await fill(30, (i) => ({ value: 'x'.repeat(i * 10) }));
    const seen: number[] = [];
    for (let next = 0, step = 0; seen.length < 60; step++) {
      if (step === 3) await fill(30, (i) => ({ value: 'x'.repeat(i * 10) }));
      const limits = step % 2 === 0 ? { maxRecords: 4 } : { maxBytes: 400 };
      const batch = await other.read('in', 0, { from: next, ...limits });
      const size = batch.records.reduce((sum, { value }) => sum + value!.length, 0);
      expect(batch.records.length).toBeLessThanOrEqual(limits.maxRecords ?? Infinity);
      expect(batch.records.length === 1 || size <= (limits.maxBytes ?? Infinity)).toBe(true);
      seen.push(...batch.records.map(({ offset }) => offset));
      next = batch.next;
    }
    expect(seen).toEqual(numbers(60));
  });

  test('trim cuts between any two of them', async () => {
    for (const count of [10, 1500, 10]) await fill(count);
    const all = await readAll(log, 'in');
    for (const before of [3, 10, 11, 700, 1009, 1010, 1509, 1510, 1515, 1520]) {
      await log.trim('in', 0, before);
      const { partitions } = (await other.describeTopic('in'))!;
      expect(partitions[0]).toEqual({ start: before, end: 1520 });
      expectSame(await readAll(other, 'in'), all.slice(before));
    }
    await fill(2);
    expect((await readAll(other, 'in')).map(({ offset }) => offset)).toEqual([1520, 1521]);
  });

  test('a reader in the middle of them goes on at the start when that has passed it', async () => {
    await fill(100);
    const one = await other.read('in', 0, { from: 0, maxRecords: 10 });
    await log.trim('in', 0, 50);
    const two = await other.read('in', 0, { from: one.next, maxRecords: 1 });
    expect(two.records.map(({ offset }) => offset)).toEqual([50]);
  });

  test('retention cuts between any two, at the first that is young enough', async () => {
    await fill(10, (i) => ({ timestamp: i }));
    await fill(1500, (i) => ({ timestamp: 10 + i }));
    // Older than what stands before it: it stays as long as that.
    await fill(10, () => ({ timestamp: 3 }));
    const total = 1520;
    let start = 0;
    for (const oldest of [4, 10, 12, 900, 1509]) {
      const deleted = oldest - start;
      expect(await other.retain(1000 + oldest)).toEqual([{ topic: 'in', partition: 0, deleted }]);
      start = oldest;
      const found = await readAll(log, 'in');
      expect(found[0]!.offset).toBe(oldest);
      expect(found).toHaveLength(total - oldest);
    }
    expect(await other.retain(1000 + 1509)).toEqual([]);
    expect(await other.retain(1000 + 1510)).toEqual([{ topic: 'in', partition: 0, deleted: 11 }]);
    expect(await readAll(log, 'in')).toEqual([]);
  });

  test('retention goes on behind a start that a trim put between them', async () => {
    await fill(10, (i) => ({ timestamp: i < 5 ? 5000 : 1 }));
    await fill(10, (i) => ({ timestamp: i < 5 ? 1 : 5000 }));
    await log.trim('in', 0, 7);
    expect(await log.retain(3000)).toEqual([{ topic: 'in', partition: 0, deleted: 8 }]);
    expect((await readAll(other, 'in')).map(({ offset }) => offset)).toEqual([15, 16, 17, 18, 19]);
  });

  test('retention stops at a position in the middle of them', async () => {
    await fill(1300, () => ({ timestamp: 1 }));
    const topics = { source: 'in', out: 'out', model: 'model', group: 'g' };
    const owner = startOwner(log, topics, async (owned) => {
      await owned.transact({ records: [], position: owned.partition === 0 ? 1105 : 0 });
    });
    await owner.ended;
    expect(await log.retain(10_000)).toEqual([{ topic: 'in', partition: 0, deleted: 1105 }]);
    expect((await readAll(other, 'in'))[0]).toMatchObject({ offset: 1105 });
  });
});
