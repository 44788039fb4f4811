import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from '../../src/adapters/sqlite/driver.ts';
import { type SqliteOptions, SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import { aborted, readAll, startOwner, until, values } from '../support/event-log-driver.ts';
import { LogProcess } from '../support/log-process.ts';

const SPEC = { name: 'in', partitions: 1, cleanup: 'delete', retentionMs: undefined } as const;
const PAGE = 16_384;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valence-fault-'));
  file = join(folder, 'log.db');
});

afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true, force: true });
});

async function withLog(
  work: (log: SqliteEventLog) => Promise<void>,
  options: SqliteOptions = {},
): Promise<void> {
  const log = await SqliteEventLog.open(file, options);
  try {
    await log.ensureTopics([SPEC, { ...SPEC, name: 'out' }]);
    await work(log);
  } finally {
    await log.close();
  }
}

async function fill(log: SqliteEventLog, records: number, size = 200): Promise<void> {
  const value = 'x'.repeat(size);
  await log.append(
    'in',
    Array.from({ length: records }, (_, i) => ({ key: `k${i}`, value })),
  );
}

describe('a file that is no log', () => {
  /** What became of the attempt to open a file with that content. */
  const attempt = async (content: Uint8Array): Promise<object> => {
    writeFileSync(file, content);
    const error: unknown = await SqliteEventLog.open(file).catch((reason: unknown) => reason);
    const untouched = readFileSync(file).equals(content) && readdirSync(folder).length === 1;
    return { error, untouched };
  };
  const refused = (message: RegExp): object => ({
    error: { code: 'LOG_CORRUPT', message: expect.stringMatching(message) },
    untouched: true,
  });

  test('is refused and left as it is: text', async () => {
    const content = Buffer.from('id,text\n1,"a review"\n'.repeat(50));
    expect(await attempt(content)).toMatchObject(refused(/log\.db.*not an SQLite database/));
  });

  test("is refused and left as it is: somebody else's database", async () => {
    const other = join(folder, 'other.db');
    const db = new DatabaseSync(other);
    db.exec('CREATE TABLE accounts (id INTEGER PRIMARY KEY)');
    db.close();
    const content = readFileSync(other);
    rmSync(other);
    expect(await attempt(content)).toMatchObject(refused(/not a log of Valence/));
  });

  test('an empty file becomes a log, missing folders are made', async () => {
    writeFileSync(file, '');
    await withLog(async (log) => fill(log, 1));
    file = join(folder, 'a', 'b', 'log.db');
    await withLog(async (log) => fill(log, 1));
    expect(statSync(file).size).toBeGreaterThan(0);
  });
});

describe('a damaged log', () => {
  test('cut off: refused when it is opened', async () => {
    await withLog((log) => fill(log, 500));
    truncateSync(file, Math.floor(statSync(file).size / 2));
    await expect(SqliteEventLog.open(file)).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
      message: expect.stringContaining('cut off'),
    });
  });

  test('overwritten pages: LOG_CORRUPT with the name of the file, never wrong records', async () => {
    await withLog(async (log) => {
      for (let call = 0; call < 100; call++) await fill(log, 20);
    });
    const bytes = readFileSync(file);
    const damaged = 20;
    for (let page = 1; page < bytes.length / PAGE; page++)
      if (page >= damaged) bytes.fill(0x5a, page * PAGE, (page + 1) * PAGE);
    writeFileSync(file, bytes);
    const log = await SqliteEventLog.open(file);
    await expect(readAll(log, 'in')).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
      message: expect.stringContaining(file),
    });
    await expect(log.append('in', [{ key: null, value: 'x' }])).rejects.toMatchObject({
      code: 'LOG_CORRUPT',
    });
    await log.close();
  });

  test('missing tables: LOG_CORRUPT', async () => {
    await withLog((log) => fill(log, 1));
    const db = new DatabaseSync(file);
    db.exec('DROP TABLE claims');
    db.close();
    await expect(SqliteEventLog.open(file)).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
  });

  test('a log of a newer version is refused with LOG_VERSION and left as it is', async () => {
    await withLog((log) => fill(log, 1));
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = readFileSync(file);
    await expect(SqliteEventLog.open(file)).rejects.toMatchObject({
      code: 'LOG_VERSION',
      fields: { expected: 2, got: 99 },
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('a log of an earlier version is refused with LOG_VERSION and left as it is', async () => {
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA application_id = 0x564c4e43; PRAGMA journal_mode = WAL; PRAGMA user_version = 1;
      CREATE TABLE records_1 (offset INTEGER PRIMARY KEY, value BLOB)`);
    db.close();
    const before = readFileSync(file);
    await expect(SqliteEventLog.open(file)).rejects.toMatchObject({
      code: 'LOG_VERSION',
      message: expect.stringMatching(/log\.db has format 1, .* another file/),
      fields: { expected: 2, got: 1 },
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('a bit flipped inside a value: LOG_CORRUPT with the place, and what stands before it is read', async () => {
    const secret = 'a value that is looked for in the file';
    await withLog(async (log) => {
      await fill(log, 30);
      await log.append('in', [
        { key: null, value: 'x' },
        { key: null, value: secret },
      ]);
      await fill(log, 30);
    });
    const bytes = readFileSync(file);
    let copies = 0;
    // Pages may also hold what SQLite moved elsewhere.
    for (let at = -1; (at = bytes.indexOf(secret, at + 1)) >= 0; copies++)
      bytes.writeUInt8(bytes.readUInt8(at + 7) ^ 0x10, at + 7);
    expect(copies).toBeGreaterThan(0);
    writeFileSync(file, bytes);
    const log = await SqliteEventLog.open(file);
    const damage = {
      code: 'LOG_CORRUPT',
      message: expect.stringContaining(file),
      fields: { file, topic: 'in', partition: 0, offset: 30 },
    };
    await expect(log.read('in', 0, { from: 0 })).rejects.toMatchObject(damage);
    await expect(log.read('in', 0, { from: 31 })).rejects.toMatchObject(damage);
    const { records } = await log.read('in', 0, { from: 0, maxRecords: 30 });
    expect(records).toHaveLength(30);
    expect(await readAll(log, 'in', 0, 32)).toHaveLength(30);
    await log.close();
  });

  test('a batch that is missing: LOG_CORRUPT with the first offset that is lost', async () => {
    await withLog(async (log) => {
      for (let call = 0; call < 3; call++) await fill(log, 10);
    });
    const db = new DatabaseSync(file);
    expect(db.prepare('DELETE FROM records_1 WHERE base = 10').run().changes).toBe(1);
    db.close();
    const log = await SqliteEventLog.open(file);
    for (const from of [0, 10, 15])
      await expect(log.read('in', 0, { from })).rejects.toMatchObject({
        code: 'LOG_CORRUPT',
        fields: { topic: 'in', partition: 0, offset: 10 },
      });
    expect(await readAll(log, 'in', 0, 20)).toHaveLength(10);
    await log.close();
  });

  test('a maker killed before it had made the tables leaves a file that the next one completes', async () => {
    const db = new DatabaseSync(file);
    db.exec('PRAGMA application_id = 0x564c4e43');
    db.close();
    await withLog(async (log) => {
      await fill(log, 3);
      expect(await readAll(log, 'in')).toHaveLength(3);
    });
  });

  test('the WAL of a killed process is read by the next one', async () => {
    const copy = join(folder, 'copy.db');
    await withLog(async (log) => {
      await fill(log, 10);
      for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, `${copy}${end}`);
    });
    file = copy;
    await withLog(async (log) => expect(await readAll(log, 'in')).toHaveLength(10));
  });
});

describe('a log that cannot be written', () => {
  test.each([
    ['a folder', () => mkdirSync(file)],
    [
      'a path through a file',
      () => ((file = join(folder, 'x', 'log.db')), writeFileSync(join(folder, 'x'), '')),
    ],
  ])('%s is LOG_READ_ONLY', async (_, make) => {
    make();
    await expect(SqliteEventLog.open(file)).rejects.toMatchObject({
      code: 'LOG_READ_ONLY',
      message: expect.stringContaining(file),
    });
  });

  test('a folder in which the system lets none be made is LOG_READ_ONLY, and not tried for ever', async () => {
    if (!existsSync('/proc/self')) {
      process.stdout.write('skipped: this system has no /proc\n');
      return;
    }
    await expect(SqliteEventLog.open('/proc/none/log.db')).rejects.toMatchObject({
      code: 'LOG_READ_ONLY',
    });
  });

  // Root may write anywhere, so the attempt is made by a process of another user.
  const nobody = process.getuid?.() === 0 ? 65_534 : undefined;
  const outcome = async (): Promise<string | undefined> => {
    if (nobody !== undefined && !canRunAs(nobody)) {
      process.stdout.write('skipped: user 65534 may not run this Node or read this folder\n');
      return 'LOG_READ_ONLY';
    }
    const child = new LogProcess('open', [`sqlite:${file}`], nobody);
    try {
      return (await child.hears('failed')).failed;
    } finally {
      await child.kill();
    }
  };

  test('a folder without permission is LOG_READ_ONLY', async () => {
    chmodSync(folder, 0o555);
    expect(await outcome()).toBe('LOG_READ_ONLY');
  });

  test('a file without permission is LOG_READ_ONLY', async () => {
    await withLog((log) => fill(log, 1));
    if (nobody !== undefined) chownSync(folder, nobody, nobody);
    chmodSync(file, 0o444);
    expect(await outcome()).toBe('LOG_READ_ONLY');
  });
});

describe('a lock held by another process', () => {
  test('for too long is LOG_UNAVAILABLE with the name of the file; nothing is written', async () => {
    await withLog(
      async (log) => {
        const other = new DatabaseSync(file);
        other.exec('BEGIN IMMEDIATE');
        await expect(fill(log, 1)).rejects.toMatchObject({
          code: 'LOG_UNAVAILABLE',
          message: expect.stringContaining(file),
        });
        expect(await readAll(log, 'in')).toEqual([]);
        other.exec('ROLLBACK');
        other.close();
        await fill(log, 1);
        expect(await readAll(log, 'in')).toHaveLength(1);
      },
      { lockTimeoutMs: 50 },
    );
  });

  test('for a while is waited for, and writers keep their order', async () => {
    await withLog(async (log) => {
      const other = new DatabaseSync(file);
      other.exec('BEGIN IMMEDIATE');
      const written = ['a', 'b', 'c'].map((value) => log.append('in', [{ key: null, value }]));
      await new Promise((resolve) => setTimeout(resolve, 30));
      other.exec('ROLLBACK');
      other.close();
      await Promise.all(written);
      expect(values(await readAll(log, 'in'))).toEqual(['a', 'b', 'c']);
    });
  });
});

describe('a full disk', () => {
  test('is LOG_FULL; what was acknowledged stays, what failed left nothing, and space that is freed is used again', async () => {
    const options = { maxBytes: 60 * PAGE };
    await withLog(async (log) => {
      let calls = 0;
      const fillUp = async (): Promise<void> => {
        for (;;) {
          await fill(log, 50);
          calls += 1;
        }
      };
      await expect(fillUp()).rejects.toMatchObject({
        code: 'LOG_FULL',
        message: expect.stringContaining(file),
      });
      expect(calls).toBeGreaterThan(3);
      expect(await readAll(log, 'in')).toHaveLength(calls * 50);
      await log.trim('in', 0, 150);
      await fill(log, 50);
      expect(await readAll(log, 'in')).toHaveLength(calls * 50 - 100);
    }, options);
  });

  test('refuses a whole transaction, position and all, and ends its owner', async () => {
    await withLog(
      async (log) => {
        const topics = { source: 'in', out: 'out', model: 'in', group: 'g' };
        const big = { topic: 'out', partition: 0, key: null, value: 'x'.repeat(900_000) };
        const owner = startOwner(log, topics, async (owned) => {
          await owned.transact({ records: [{ ...big, value: 'small' }], position: 1 });
          await owned.transact({ records: [{ ...big, value: 'also small' }, big], position: 2 });
        });
        await expect(owner.ended).rejects.toMatchObject({ code: 'LOG_FULL' });
        expect(values(await readAll(log, 'out'))).toEqual(['small']);
        expect(await log.committed('g', 'in')).toEqual([1]);
      },
      { maxBytes: 60 * PAGE },
    );
  });
});

describe('the files beside the log', () => {
  test('the WAL does not grow without bound, and is gone after a clean close', async () => {
    await withLog(async (log) => {
      for (let call = 0; call < 70; call++) await fill(log, 500, 1000);
      // 16 MiB start a checkpoint; the rest is the last transaction. The calls write more than twice that.
      expect(statSync(`${file}-wal`).size).toBeLessThan(18 * 1024 * 1024);
    });
    const wal = `${file}-wal`;
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0);
  });

  test('a log closed while it owns lets the next one in at once', async () => {
    const log = await SqliteEventLog.open(file);
    await log.ensureTopics([SPEC]);
    const topics = { source: 'in', out: 'in', model: 'in', group: 'g' };
    const owner = startOwner(log, topics, ({ signal }) => aborted(signal));
    await until('a claim', () => owner.running.size === 1);
    await log.close();
    expect(owner.changes.map(({ type }) => type)).toEqual(['claimed', 'released']);
    await withLog(async (next) => {
      const heir = startOwner(next, topics, ({ signal }) => aborted(signal));
      await until('the next claim', () => heir.running.size === 1);
      await heir.stop();
    });
  });
});

/** Whether a process of that user can start: a Node or a checkout below /root is closed to it. */
function canRunAs(uid: number): boolean {
  const script = "require('node:fs').accessSync('package.json')";
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  return spawnSync(process.execPath, ['-e', script], { cwd, uid, gid: uid }).status === 0;
}
