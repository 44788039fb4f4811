import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '../../../../src/adapters/sqlite/driver.ts';
import { SqliteEventLog } from '../../../../src/adapters/sqlite/event-log.ts';

let folder: string;
let log: SqliteEventLog;
const subject = { topics: [], group: 'g', joins: true, transactionalId: undefined };
const topic = { cleanup: 'delete', retentionMs: undefined } as const;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'valence-diagnose-'));
  log = await SqliteEventLog.open(join(folder, 'log.db'));
  await log.ensureTopics([{ name: 't', partitions: 2, ...topic }]);
});
afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

test('tells version, journal and what a power cut does', async () => {
  expect(await log.diagnose(subject)).toEqual([
    {
      check: 'sqlite',
      state: 'ok',
      finding: expect.stringMatching(
        /^SQLite 3\.\d+\.\d+, journal wal, synchronous normal: a power cut may take the last commits$/,
      ),
    },
  ]);
});

test('tells who owns the partitions, while there is somebody and after', async () => {
  const stop = new AbortController();
  const claimed = new Set<number>();
  const owning = log.own({ group: 'g', topic: 't', signal: stop.signal }, async (owned) => {
    claimed.add(owned.partition);
    if (claimed.size === 2) stopWaiting();
    await new Promise((resolve) => owned.signal.addEventListener('abort', resolve));
  });
  let stopWaiting = (): void => undefined;
  if (claimed.size < 2) await new Promise<void>((resolve) => (stopWaiting = resolve));
  const during = await log.diagnose(subject);
  expect(during[1]).toEqual({
    check: 'group',
    state: 'ok',
    finding: 'g: 1 member owns 2 of 2 partitions: 0 at epoch 1, 1 at epoch 1',
  });
  stop.abort();
  await owning;
  expect((await log.diagnose(subject))[1]).toEqual({
    check: 'group',
    state: 'ok',
    finding: 'g: no subscriber is running; last claims of partitions: 0 at epoch 1, 1 at epoch 1',
  });
});

test('members whose lease has run out, or was given by a clock set back since, are not counted', async () => {
  const stop = new AbortController();
  let claimed = (): void => undefined;
  const claim = new Promise<void>((resolve) => (claimed = resolve));
  const owning = log.own({ group: 'g', topic: 't', signal: stop.signal }, async ({ signal }) => {
    claimed();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  await claim;
  const db = new DatabaseSync(join(folder, 'log.db'), { timeout: 1000 });
  const add = db.prepare(`INSERT INTO members SELECT id, ?, ?, '' FROM groups WHERE name = ?`);
  add.run('killed', Date.now() - 1, Buffer.from('g'));
  add.run('set back', Date.now() + 86_400_000, Buffer.from('g'));
  db.close();
  expect(await log.members('g')).toBe(1);
  stop.abort();
  await owning;
  expect(await log.members('g')).toBe(0);
});
