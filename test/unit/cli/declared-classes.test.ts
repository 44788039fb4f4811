/** Commands that look at what was learned on a log of three classes, without `--labels`. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../support/command-line.ts';
import { Cli } from './cli-run.ts';

const THREE = 'negative,neutral,positive';
const LABELS = ['--labels', THREE];
const KIND = ['--model', 'gtnb:bits=12'];
const REVIEWS = [
  ['positive', 'a good and friendly place'],
  ['neutral', 'the table is by the window'],
  ['negative', 'bad cold soup'],
  ['positive', 'great bread, good wine'],
  ['neutral', 'we had soup and bread'],
  ['negative', 'awful service and never again'],
].map(([label, text], i) => ({ id: `r-${i}`, text, label }));
const TEXTS = ['good soup by the window', 'an awful table', 'the wine'].map((text, i) => ({
  id: `q-${i}`,
  text,
}));
const ndjson = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

type Run = (
  argv: readonly string[],
  stdin?: string,
) => Promise<{ code: number; stderr: string; values: readonly Record<string, unknown>[] }>;

async function teach(run: Run): Promise<void> {
  await run(['publish', '-'], ndjson(REVIEWS));
  const { code, stderr } = await run(['subscribe', '--until-end', ...KIND, ...LABELS]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('other classes')]);
}

const probabilitiesOf = (values: readonly Record<string, unknown>[]) =>
  values
    .map(({ value }) => value as Readonly<Record<string, unknown>>)
    .filter(({ id }) => String(id).startsWith('q-'))
    .map(({ probabilities }) => probabilities);

describe('on an embedded log with three classes', () => {
  let folder: string;
  let run: Run;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'valence-classes-'));
    const environment = { VALENCE_LOG: `sqlite:${join(folder, 'log.db')}` };
    run = (argv, stdin) =>
      runCommand(argv, { environment, ...(stdin === undefined ? {} : { stdin }) });
    await teach(run);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('explain and a replica answer as the subscriber does, and verify needs no classes', async () => {
    const explained: unknown[] = [];
    for (const { text } of TEXTS) {
      const { values, stderr } = await run(['model', 'explain', text]);
      expect(stderr).toBe('');
      explained.push(values[0]?.['probabilities']);
    }
    const other = await run(['model', 'explain', TEXTS[0]!.text, '--labels', 'negative,positive']);
    await run(['publish', '-', '--source', 'replies'], ndjson(TEXTS));
    const replica = ['subscribe', '--score-only', '--source', 'replies', '--results', 'answers'];
    expect((await run([...replica, '--until-end'])).code).toBe(0);
    const answers = await run(['tail', 'results', '--results', 'answers', '--until-end']);

    await run(['publish', '-'], ndjson(TEXTS));
    await run(['subscribe', '--until-end', ...KIND, ...LABELS]);
    const own = probabilitiesOf((await run(['tail', 'results', '--until-end'])).values);
    expect(own).toHaveLength(TEXTS.length);
    expect(explained).toEqual(own);
    expect(probabilitiesOf(answers.values)).toEqual(own);
    // Without them the answer is another one: or all this would show nothing.
    expect(other.values[0]?.['probabilities']).not.toEqual(own[0]);

    expect(await run(['verify'])).toMatchObject({ code: 0, stderr: '' });
    const wrong = await run(['verify', '--window', '77']);
    expect(wrong.stderr).not.toContain('labels');
    const given = await run(['verify', '--labels', 'negative,positive']);
    expect([given.code, given.stderr]).toEqual([1, expect.stringContaining('labels, window')]);
  });

  test('an exported model takes them along, so that an imported one answers as before', async () => {
    const file = join(folder, 'model.json');
    const explain = (...more: string[]) => run(['model', 'explain', TEXTS[0]!.text, ...more]);
    expect((await run(['model', 'export', file])).code).toBe(0);
    expect((await run(['model', 'import', file, '--pipeline', 'second'])).code).toBe(0);
    const second = await explain('--pipeline', 'second');
    expect(second).toMatchObject({ code: 0, stderr: '', values: (await explain()).values });
    const others = ['--labels', 'negative,positive'];
    await run(['model', 'import', file, '--pipeline', 'third', ...others]);
    expect((await explain('--pipeline', 'third')).values).not.toEqual(second.values);
  });
});

describe('where the log tells the classes', () => {
  test('show and top have them in their order, and hash --carry, replay and rebuild are as with --labels', async () => {
    const cli = new Cli();
    await teach((argv, stdin = '') => cli.run(argv, { stdin }));
    const [shown] = (await cli.run(['model', 'show'])).values;
    expect(Object.keys(shown?.['classes'] as object)).toEqual(THREE.split(','));
    const top = (await cli.run(['model', 'top'])).values;
    expect(top.map(({ label }) => label)).toEqual(THREE.split(','));
    const hash = ['model', 'hash', '--carry'];
    const before = await cli.run(hash);
    expect(before.values).toEqual((await cli.run([...hash, ...LABELS])).values);
    const others = ['--labels', 'negative,positive'];
    expect(before.values).not.toEqual((await cli.run([...hash, ...others])).values);
    const replay = async (...more: string[]) =>
      (await cli.run(['replay', ...KIND, ...more])).values;
    expect(await replay()).toEqual(await replay(...LABELS));
    expect(await replay()).not.toEqual(await replay(...others));
    expect((await cli.run(['model', 'rebuild', ...KIND])).code).toBe(0);
    expect((await cli.run(hash)).values).toEqual(before.values);
    expect(await cli.run(['verify'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('a subscriber with others is warned of both', async () => {
    const cli = new Cli();
    await teach((argv, stdin = '') => cli.run(argv, { stdin }));
    const { code, stderr } = await cli.run(['subscribe', '--until-end', ...KIND]);
    const warned = stderr.split('\n').filter((line) => line.includes('other classes'));
    expect([code, warned.length]).toEqual([0, 1]);
    expect(JSON.parse(warned[0]!)).toMatchObject({
      level: 'warn',
      declared: ['negative', 'positive'],
      told: THREE.split(','),
      msg: expect.stringContaining('--labels'),
    });
  });

  test('verify follows a change of them, and takes given ones throughout', async () => {
    const cli = new Cli();
    await teach((argv, stdin = '') => cli.run(argv, { stdin }));
    await cli.run(['publish', '-'], { stdin: ndjson(TEXTS) });
    await cli.run(['subscribe', '--until-end', ...KIND]);
    expect(await cli.run(['verify'])).toMatchObject({ code: 0, values: [{ deltas: 2 }] });
    expect((await cli.run(['verify', ...LABELS])).code).toBe(1);
  });

  test('more of them than the default bound need no --max-classes', async () => {
    const cli = new Cli();
    const many = Array.from({ length: 40 }, (_, c) => `c${c}`).join(',');
    await cli.run(['publish', '-'], { stdin: ndjson([{ id: 'a', text: 'a plate', label: 'c3' }]) });
    const settings = ['--labels', many, '--max-classes', '40'];
    const { code } = await cli.run(['subscribe', '--until-end', ...KIND, ...settings]);
    expect(code).toBe(0);
    expect(await cli.run(['verify'])).toMatchObject({ code: 0, stderr: '' });
  });
});

test('on a log of an older Valence, explain asks for the classes, and verify names them', async () => {
  const cli = new Cli();
  await teach((argv, stdin = '') => cli.run(argv, { stdin }));
  const [partition] = cli.store.topic('sentiment.model').partitions;
  partition!.records = partition!.records.map((record) => ({ ...record, headers: [] }));
  const asked = 'if its subscriber was given --labels, give the same here';
  expect((await cli.run(['model', 'explain', 'good'])).stderr).toContain(asked);
  expect((await cli.run(['model', 'explain', 'good', ...LABELS])).stderr).toBe('');
  const { code, stderr } = await cli.run(['verify']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('(labels, window')]);
  expect(await cli.run(['verify', ...LABELS])).toMatchObject({ code: 0 });
});
