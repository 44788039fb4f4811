import { describe, expect, test } from '@jest/globals';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog, removeLog } from '../../src/open-log.ts';

const OPEN_LOG = new URL('../../src/open-log.ts', import.meta.url).href;

/** A process that has the log open until it is killed. */
async function holderOf(url: string): Promise<ChildProcess> {
  const script = `const { openLog } = await import(${JSON.stringify(OPEN_LOG)});
    const log = await openLog(${JSON.stringify(url)});
    console.log('open');
    process.stdin.on('end', () => log.close()).resume();`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('removeLog', () => {
  test.each([
    ['ended', (child: ChildProcess) => child.stdin?.end()],
    ['was killed', (child: ChildProcess) => child.kill('SIGKILL')],
  ])('takes a log away only when the process that has it open %s', async (_, end) => {
    const folder = mkdtempSync(join(tmpdir(), 'valence-remove-'));
    const url = `sqlite:${join(folder, 'log.db')}`;
    expect(await removeLog(url)).toBe(true);
    const child = await holderOf(url);
    const exit = once(child, 'exit');
    expect(await removeLog(url)).toBe(false);
    expect(readdirSync(folder)).toContain('log.db');
    end(child);
    await exit;
    expect(await removeLog(url)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  test('takes away what is no log too, and nothing that is no file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valence-remove-'));
    for (const name of ['log.db', 'log.db-wal'])
      writeFileSync(join(folder, name), 'neither a log nor its journal');
    expect(await removeLog(`sqlite:${join(folder, 'log.db')}`)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
    await expect(removeLog(`sqlite:${folder}`)).rejects.toMatchObject({ code: 'LOG_READ_ONLY' });
    await expect(removeLog('memory:')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    rmSync(folder, { recursive: true });
  });
});

describe('openLog', () => {
  test('memory: is a new log each time', async () => {
    const [one, two] = [await openLog('memory:'), await openLog('memory:')];
    await one.ensureTopics([
      { name: 't', partitions: 1, cleanup: 'delete', retentionMs: undefined },
    ]);
    expect(one.url).toBe('memory:');
    expect(await two.listTopics()).toEqual([]);
  });

  test.each(['sqlite:', 'sqlite://'])('%sFILE opens the same file', async (prefix) => {
    const folder = mkdtempSync(join(tmpdir(), 'valence-open-'));
    const file = join(folder, 'new', 'log.db');
    const log = await openLog(`sqlite:${file}?synchronous=full`);
    await log.ensureTopics([
      { name: 't', partitions: 1, cleanup: 'delete', retentionMs: undefined },
    ]);
    expect(log.url).toBe(`sqlite:${file}?synchronous=full`);
    const again = await openLog(`${prefix}${file}`);
    expect(await again.listTopics()).toEqual(['t']);
    await Promise.all([log.close(), again.close()]);
    rmSync(folder, { recursive: true });
  });

  test('a log that must exist is not made, and its neighbours are named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valence-open-'));
    const url = `sqlite:${join(folder, 'typo.db')}`;
    const opened = async (): Promise<unknown> =>
      openLog(url, { existing: true }).catch((reason: unknown) => reason);
    const message = `no log at ${url}; nor another log beside it; 'valence publish FILE' and 'valence start' make one`;
    expect(await opened()).toMatchObject({ code: 'NOT_FOUND', message });
    const shop = `sqlite:${join(folder, 'shop.db')}`;
    await (await openLog(shop)).close();
    const named = expect.stringContaining(`there are: ${shop}; choose with --log`);
    expect(await opened()).toMatchObject({ code: 'NOT_FOUND', message: named });
    expect(readdirSync(folder).filter((name) => name.startsWith('typo'))).toEqual([]);
    const log = await openLog(shop, { existing: true });
    expect(await log.listTopics()).toEqual([]);
    await log.close();
    rmSync(folder, { recursive: true });
  });

  test('a folder or a pipe is no log, and is not waited for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valence-open-'));
    const pipe = join(folder, 'pipe.db');
    execFileSync('mkfifo', [pipe]);
    for (const [file, what] of [
      [folder, 'is a folder'],
      [pipe, 'is no plain file, but a pipe or a device'],
      ['/dev/null', 'is no plain file, but a pipe or a device'],
    ] as const) {
      const error = { code: 'LOG_READ_ONLY', message: expect.stringContaining(`${what}. Name a`) };
      await expect(openLog(`sqlite:${file}`)).rejects.toMatchObject(error);
      await expect(openLog(`sqlite:${file}`, { existing: true })).rejects.toMatchObject(error);
    }
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['', /sqlite:FILE.*memory:/],
    ['postgres://user:secret@host', /sqlite:FILE/],
    ['memory:x', /sqlite:FILE/],
    ['sqlite:', /path of a file/],
    ['sqlite://host/file', /path of a file/],
    ['sqlite::memory:', /path of a file/],
    ['sqlite:x.db?synchronous=off', /synchronous=full/],
    ['sqlite:x.db?mode=ro', /synchronous=full/],
    ['kafka:', /needs its brokers/],
    ['kafka:broker:9092', /expected kafka:\/\/host:port/],
    ['kafka://user:secret@broker:99999', /expected host:port, got 'broker:99999'/],
    ['kafka://user@broker:9092', /a user without a password/],
    ['kafka://user:secret@broker:9092?tls=true', /no paths or parameters/],
    ['kafka://user:%secret@broker:9092', /%25/],
    ['kafka://[::1]:9092', /IPv6 address needs a host name/],
  ])('%s is CONFIG_INVALID and says what is expected', async (url, message) => {
    const error: unknown = await openLog(url).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    expect(String(error)).not.toContain('secret');
  });
});
