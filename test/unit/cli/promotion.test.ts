import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  initialView,
  reduceView,
  championOf,
  type ViewState,
} from '../../../src/cli/view-state.ts';
import type { ResultValue } from '../../../topics/index.ts';
import { until } from '../../support/event-log-driver.ts';
import { Cli } from './cli-run.ts';

let cli: Cli;
beforeEach(() => {
  cli = new Cli();
});

const SUBSCRIBE =
  'subscribe --until-end --metrics-every 5 --model multinomial --challenger cnb=complement --challenger most=majority'.split(
    ' ',
  );

/** Publishes reviews and folds them. */
async function fold(count: number, prefix: string): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => ({
    id: `${prefix}-${i}`,
    text: i % 3 === 0 ? `bad food w${i % 5}` : `good food w${i % 5}`,
    label: i % 3 === 0 ? 'negative' : 'positive',
  }));
  const stdin = rows.map((row) => JSON.stringify(row)).join('\n');
  await cli.run(['publish', '-'], { stdin });
  const { code, stderr } = await cli.run(SUBSCRIBE);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
}

const TERMINAL = { isTTY: true, environment: { NO_COLOR: '1' } };

const values = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function roles(): Promise<Record<string, unknown>> {
  const { stdout } = await cli.run(['model', 'show', '--json']);
  return Object.fromEntries(values(stdout).map(({ model, role }) => [model, role]));
}

describe('model promote and rollback', () => {
  test('make another champion, say what comes next, and take it back', async () => {
    await fold(30, 'a');
    expect(await roles()).toEqual({
      champion: 'champion',
      cnb: 'challenger',
      most: 'challenger',
    });
    const promoted = await cli.run(['model', 'promote', 'cnb'], TERMINAL);
    expect(promoted.code).toBe(0);
    expect(promoted.stdout).toContain(
      "model 'cnb' is now the champion of pipeline sentiment, from the next chunk",
    );
    expect(promoted.stdout).toContain("'valence model rollback' puts 'champion' back");
    expect(promoted.stderr).toContain('no subscriber is running: it takes effect when one starts');
    expect(await roles()).toEqual({ champion: 'challenger', cnb: 'champion', most: 'challenger' });
    await fold(30, 'b');
    const shown = await cli.run(['model', 'show'], TERMINAL);
    expect(shown.stdout).toMatch(/champion +challenger, before: champion/);
    const report = await cli.run(['monitor', '--once'], TERMINAL);
    expect(report.stdout).toMatch(/^cnb {2}.*1 partition · champion$/m);
    const back = await cli.run(['model', 'rollback', '--json']);
    expect(values(back.stdout)).toEqual([
      {
        champion: 'champion',
        previous: null,
        id: expect.stringMatching(/^[\da-f-]{36}$/),
        at: expect.any(Number),
        switched: [],
      },
    ]);
    expect(await roles()).toMatchObject({ champion: 'champion', cnb: 'challenger' });
  });

  test('wait for a subscriber that runs, and say where it switches', async () => {
    await fold(12, 'a');
    const stop = new AbortController();
    const [name = '', ...rest] = SUBSCRIBE.filter((word) => word !== '--until-end');
    const running = cli.run([name, ...rest], { signal: stop.signal });
    const log = cli.open();
    await until('a member', async () => (await log.members('sentiment.subscriber')) === 1);
    const { end } = (await log.describeTopic('sentiment.model'))!.partitions[0]!;
    const promoting = cli.run(['model', 'promote', 'cnb'], TERMINAL);
    await until('the record', async () => {
      const { records } = await log.read('sentiment.model', 0, { from: end });
      return records.some(({ key }) => key !== null);
    });
    // A subscriber looks about once a second: each text after that is another chance.
    let sent = 0;
    const promoted = { done: false };
    void promoting.finally(() => (promoted.done = true));
    await until('the switch', async () => {
      await cli.run(['publish', '-'], { stdin: `{"id":"b-${sent++}","text":"good"}` });
      return promoted.done;
    });
    const { stdout, stderr } = await promoting;
    expect(stdout).toMatch(/^partition 0 switched at source offset \d+$/m);
    expect(stderr).toBe('');
    stop.abort();
    await running;
  });

  test.each([
    [['promote', 'nobody'], 'MODEL_UNKNOWN', 'there are: champion, cnb, most'],
    [['promote', 'champion'], 'CONFIG_INVALID', "model 'champion' is the champion already"],
    [['rollback'], 'CONFIG_INVALID', 'there was no promotion'],
    [['promote'], 'missing required argument', 'NAME'],
  ])('%j is refused', async (argv, code, said) => {
    await fold(5, 'a');
    const { code: exit, stderr } = await cli.run(['model', ...argv]);
    expect(exit).not.toBe(0);
    expect(stderr).toContain(code);
    expect(stderr).toContain(said);
  });
});

describe('model compare', () => {
  test('compares each challenger with the champion, from the last promotion on', async () => {
    await fold(30, 'a');
    const before = values((await cli.run(['model', 'compare', '--json'])).stdout);
    expect(before).toMatchObject([
      { champion: 'champion', challenger: 'cnb', promotion: null, partitions: 1, left: 0 },
      { champion: 'champion', challenger: 'most', promotion: null, partitions: 1, left: 0 },
    ]);
    const pairsOf = (each: Record<string, unknown> | undefined): { n: number } =>
      each?.['pairs'] as { n: number };
    expect(pairsOf(before[0]).n).toBeGreaterThanOrEqual(25);
    await cli.run(['model', 'promote', 'cnb']);
    const waiting = values((await cli.run(['model', 'compare', '--json'])).stdout);
    expect(waiting).toMatchObject([
      { champion: 'cnb', challenger: 'champion', partitions: 0, left: 1, pairs: { n: 0 } },
      { champion: 'cnb', challenger: 'most', partitions: 0, left: 1 },
    ]);
    await fold(10, 'b');
    const after = values((await cli.run(['model', 'compare', '--json'])).stdout);
    expect(after).toMatchObject([
      { champion: 'cnb', challenger: 'champion', partitions: 1, left: 0, pairs: { n: 10 } },
      { champion: 'cnb', challenger: 'most', partitions: 1, left: 0, pairs: { n: 10 } },
    ]);
    const text = await cli.run(['model', 'compare'], TERMINAL);
    expect(text.stdout).toContain('champion against cnb');
    expect(text.stdout).toContain('most against cnb');
  });

  test('says how to get a challenger where there is none', async () => {
    await cli.run(['publish', '-'], { stdin: '{"id":"a","text":"good","label":"positive"}' });
    await cli.run(['subscribe', '--until-end']);
    const { stdout } = await cli.run(['model', 'compare'], TERMINAL);
    expect(stdout).toContain("model 'champion' runs alone");
  });
});

describe('the live view', () => {
  const start = (): ViewState =>
    initialView({
      pipeline: 'sentiment',
      kind: 'multinomial',
      log: 'memory:',
      startedAt: 0,
      window: 10,
      labels: ['negative', 'positive'],
    });
  const prediction = (
    model: string,
    role: 'champion' | 'challenger',
    offset: number,
    partition = 0,
  ): ResultValue => ({
    type: 'prediction',
    id: `${offset}`,
    model,
    role,
    prediction: 'positive',
    probabilities: { negative: 0.1, positive: 0.9 },
    label: 'positive',
    correct: role === 'champion',
    learned: offset,
    source: { topic: 's', partition, offset, ts: '' },
  });
  const both = (champion: string, other: string, offset: number, partition = 0): ResultValue[] => [
    prediction(champion, 'champion', offset, partition),
    prediction(other, 'challenger', offset, partition),
  ];

  test('follows the champion from the record on with which a partition switches', () => {
    const before = reduceView(start(), { type: 'results', values: both('champion', 'cnb', 0) });
    expect([championOf(before), [...before.challengers.keys()]]).toEqual(['champion', ['cnb']]);
    const after = reduceView(before, { type: 'results', values: both('cnb', 'champion', 1) });
    expect([championOf(after), [...after.challengers.keys()]]).toEqual(['cnb', ['champion']]);
    // Two answers of champions, both right.
    expect(after.model).toMatchObject({ seen: 2, hits: 2 });
    expect(after.scored).toBe(2);
    const outcome: ResultValue = {
      type: 'outcome',
      status: 'scored',
      id: '9',
      model: 'cnb',
      prediction: 'positive',
      label: 'negative',
      correct: false,
      source: { topic: 's', partition: 0, offset: 2, ts: '' },
    };
    const late = reduceView(after, { type: 'results', values: [outcome] });
    expect(late.model).toMatchObject({ seen: 3, hits: 2 });
  });

  test('shows a champion as challenger too as long as another partition has not switched', () => {
    const results = [...both('champion', 'cnb', 0, 1), ...both('cnb', 'champion', 1, 0)];
    const mixed = reduceView(start(), { type: 'results', values: results });
    expect([...mixed.challengers.keys()].toSorted()).toEqual(['champion', 'cnb']);
    const all = reduceView(mixed, { type: 'results', values: both('cnb', 'champion', 2, 1) });
    expect([...all.challengers.keys()]).toEqual(['champion']);
  });
});
