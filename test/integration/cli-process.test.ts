/** The command as real processes: exit codes, signals, pipes, and what goes to which stream. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
const started = new Set<ChildProcess>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valence-cli-'));
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a built worker in the test's folder, with a clean VALENCE_ environment. */
function start(worker: string, argv: readonly string[], environment: Record<string, string> = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VALENCE_'));
  const child = spawn(process.execPath, [join(ROOT, 'dist/workers', `${worker}.js`), ...argv], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...environment },
  });
  started.add(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      started.delete(child);
      resolve({ code, signal, ...out });
    });
  });
  /** Resolves when stderr or stdout holds the text. */
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if ((out.stdout + out.stderr).includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.on('close', () => {
        reject(new Error(`ended before it said ${text}: ${out.stderr}`));
      });
      look();
    });
  return { child, ended, until };
}

const valence = (...argv: string[]) => start('main', argv).ended;
const yelp = ['publish', join(ROOT, 'examples/yelp.csv'), '--label', 'sentiment'];
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('stdout is data and stderr is logs, both JSON lines', async () => {
  const published = await valence(...yelp);
  expect(published).toMatchObject({ code: 0, stderr: '' });
  expect(lines(published.stdout)).toMatchObject([{ file: 'yelp.csv', rows: 750, acked: 750 }]);
  const again = await valence(...yelp);
  expect(lines(again.stdout)).toMatchObject([{ alreadyPublished: true, sent: 0 }]);
  const folded = await valence('subscribe', '--until-end');
  expect(folded.code).toBe(0);
  expect(lines(folded.stdout)).toEqual([
    { records: 750, predictions: 750, outcomes: 0, deadLetters: 0, positions: [750] },
  ]);
  const said = lines(folded.stderr);
  expect(said.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['started', 'stopped']));
  for (const line of said) expect(line).toMatchObject({ worker: 'subscriber', level: 'info' });
});

describe('signals', () => {
  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('after %s a subscriber commits, leaves and exits with %d', async (signal, code) => {
    await valence(...yelp);
    const subscriber = start('subscriber', [], { VALENCE_LOG_LEVEL: 'debug' });
    await subscriber.until('chunk committed');
    subscriber.child.kill(signal);
    expect(await subscriber.ended).toMatchObject({ code, signal: null });
    expect((await valence('subscribe', '--until-end')).code).toBe(0);
    expect(lines((await valence('model', 'hash')).stdout)).toMatchObject([{ learned: 750 }]);
  });
});

test('a reader that goes away ends the command quietly', async () => {
  await valence(...yelp);
  const tail = start('main', ['tail', 'source', '--from', 'beginning']);
  await tail.until('"offset":0');
  tail.child.stdout.destroy();
  await valence('label', 'yelp.csv:1', 'positive');
  expect(await tail.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test('what fails is one line with code and hint, and exit 1', async () => {
  await writeFile(join(folder, 'log.db'), 'this is no database, but long enough to look like one');
  const ended = await valence('tail', 'source', '--log', 'sqlite:log.db');
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr).toMatch(/^valence: LOG_CORRUPT: .+\n$/);
});

test('a bad configuration is all problems, and exit 2', async () => {
  const { ended } = start('subscriber', [], { VALENCE_WINDOW: '1', VALENCE_MODEL: 'gtbn' });
  const { code, stdout, stderr } = await ended;
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(
    /^subscriber: CONFIG_INVALID: 2 problems\n {2}VALENCE_MODEL: .+\n {2}VALENCE_WINDOW: .+\n$/,
  );
});

test('a worker runs alone from its environment, from a file of variables too', async () => {
  await writeFile(join(folder, 'prod.env'), 'VALENCE_LABEL=sentiment\nVALENCE_PIPELINE=other\n');
  const environment = {
    VALENCE_ENV_FILE: 'prod.env',
    VALENCE_PIPELINE: 'reviews',
    VALENCE_DATA: join(ROOT, 'examples/yelp.csv'),
    VALENCE_LIMIT: '20',
    VALENCE_LOG: 'sqlite:deep/log.db',
  };
  expect(await start('publisher', [], environment).ended).toMatchObject({ code: 0 });
  const monitor = start('monitor', [], { ...environment, VALENCE_ONCE: 'true' });
  expect(await monitor.ended).toMatchObject({ code: 0, stdout: '' });
  const { stdout } = await start('main', ['topics', 'describe'], environment).ended;
  expect(lines(stdout)[0]).toMatchObject({ topic: 'reviews.source', partitions: [{ end: 20 }] });
});

describe('start', () => {
  test('--once folds the built-in reviews on a fresh log each time and ends with the report', async () => {
    const first = await valence('start', '--once');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('champion  750 scored · 750 learned');
    expect(first.stdout).toMatch(/champion +89\.5 %/);
    expect((await valence('start', '--once')).stdout).toContain('750 scored · 750 learned');
  });

  test('--data publishes a file once', async () => {
    const argv = [
      'start',
      '--once',
      '--json',
      '--data',
      join(ROOT, 'examples/yelp.csv'),
      '--label',
      'sentiment',
    ];
    const first = lines((await valence(...argv)).stdout).at(-1);
    expect(first).toMatchObject({ type: 'report', title: 'champion', scored: 750 });
    const again = await valence(...argv);
    expect(again.stderr).toContain('yelp.csv was published before');
    expect(lines(again.stdout).at(-1)).toMatchObject({ type: 'report', scored: 750 });
  });
});
