import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import type { OwnedPartition } from '../../src/ports/event-log.ts';
import { aborted, readAll, startOwner, until, values } from '../support/event-log-driver.ts';
import { LogProcess } from '../support/log-process.ts';

const TOPICS = { source: 'in', out: 'out', model: 'in', group: 'g' };
/** Lease 2 s, looked at each 0.5 s: what the design promises. */
const TAKEOVER_MS = 3000;

let folder: string;
let file: string;
let log: SqliteEventLog;
let children: LogProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'valence-fault-'));
  file = join(folder, 'log.db');
  log = await SqliteEventLog.open(file);
  children = [];
  await log.ensureTopics(
    ['in', 'out'].map((name) => ({
      name,
      partitions: 1,
      cleanup: 'delete',
      retentionMs: undefined,
    })),
  );
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(role: 'own' | 'follow' | 'append', topic: string, label = ''): LogProcess {
  const child = new LogProcess(role, [`sqlite:${file}`, topic, label]);
  children.push(child);
  return child;
}

describe('an owner in another process', () => {
  const takeOver = (claims: OwnedPartition[]) =>
    startOwner(log, TOPICS, async (owned) => {
      claims.push(owned);
      await owned.transact({
        records: [{ topic: 'out', partition: 0, key: null, value: 'heir' }],
        position: 2,
      });
      await aborted(owned.signal);
    });

  test('killed with SIGKILL: its partition is taken over within 3 s, with a higher epoch', async () => {
    const child = start('own', 'in');
    const { claimed: epoch = 0 } = await child.hears('claimed');
    child.send('first');
    await child.hears('committed');
    const claims: OwnedPartition[] = [];
    const owner = takeOver(claims);
    await child.kill();
    await until('the takeover', () => claims.length === 1, TAKEOVER_MS);
    expect(claims[0]!.epoch).toBeGreaterThan(epoch);
    expect(claims[0]!.committed).toBe(1);
    await until('its commit', async () => (await readAll(log, 'out')).length === 2);
    await owner.stop();
    expect(values(await readAll(log, 'out'))).toEqual(['first', 'heir']);
  });

  test('stopped beyond its lease and woken: it commits nothing', async () => {
    const child = start('own', 'in');
    const { claimed: epoch = 0 } = await child.hears('claimed');
    const claims: OwnedPartition[] = [];
    const owner = takeOver(claims);
    child.signal('SIGSTOP');
    await until('the takeover', () => claims.length === 1, TAKEOVER_MS);
    await until('its commit', async () => (await readAll(log, 'out')).length === 1);
    child.send('zombie');
    child.signal('SIGCONT');
    expect((await child.hears('refused')).refused).toBe('EPOCH_FENCED');
    expect(claims[0]!.epoch).toBeGreaterThan(epoch);
    expect(values(await readAll(log, 'out'))).toEqual(['heir']);
    expect(await log.committed('g', 'in')).toEqual([2]);
    await owner.stop();
    // Alive again, it inherits: the zombie is a member like any other.
    expect((await child.hears('claimed', 2)).claimed).toBeGreaterThan(claims[0]!.epoch);
  });

  test('stopped, but with nobody to take over: it goes on where it was', async () => {
    const child = start('own', 'in');
    await child.hears('claimed');
    child.signal('SIGSTOP');
    await log.read('in', 0, { from: 0, waitMs: 2500 });
    child.send('patient');
    child.signal('SIGCONT');
    expect((await child.hears('committed')).committed).toBe('patient');
  });
});

describe('processes on one file', () => {
  test('a follower in another process sees every commit, in order', async () => {
    const child = start('follow', 'out');
    await child.hears('following');
    const texts = Array.from({ length: 50 }, (_, i) => `v${i}`);
    for (const value of texts) await log.append('out', [{ key: null, value }]);
    await child.hears('seen', texts.length);
    expect(child.said.flatMap(({ seen }) => seen ?? [])).toEqual(texts);
  });

  test('a writer killed at any moment leaves whole appends, each with its checkpoint', async () => {
    for (const calls of [1, 7, 30]) {
      const label = `writer ${calls}`;
      const child = start('append', 'in', label);
      await child.hears('acknowledged', calls);
      await child.kill();
      const acknowledged = child.said.flatMap(({ acknowledged: call }) => call ?? []).at(-1)!;
      const kept = Number(await log.checkpoint(label));
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      const written = values(await readAll(log, 'in')).filter((value) => value!.startsWith(label));
      expect(written).toEqual(Array.from({ length: kept * 50 }, (_, i) => `${label}:${i}`));
    }
  });

  test('writers of several processes get their turns and lose nothing', async () => {
    const writers = ['a', 'b'].map((label) => start('append', 'in', label));
    await Promise.all(writers.map((child) => child.hears('acknowledged', 20)));
    for (let i = 0; i < 20; i++) await log.append('in', [{ key: null, value: `c:${i}` }]);
    await Promise.all(writers.map((child) => child.kill()));
    const all = values(await readAll(log, 'in'));
    for (const label of ['a', 'b', 'c']) {
      const own = all.filter((value) => value!.startsWith(label));
      expect(own).toEqual(own.map((_, i) => `${label}:${i}`));
      expect(own.length).toBeGreaterThanOrEqual(20);
    }
  });
});
