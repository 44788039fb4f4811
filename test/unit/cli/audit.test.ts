import { beforeEach, describe, expect, test } from '@jest/globals';
import { Cli } from './cli-run.ts';

let cli: Cli;
beforeEach(() => {
  cli = new Cli();
});

const TEXTS = ['good food', 'bad food', 'good service', 'bad wine', 'good wine', 'fine food'];
const REVIEWS = TEXTS.map((text, i) => ({
  id: `r-${i}`,
  text,
  label: i % 2 === 0 ? 'positive' : 'negative',
}));
const ndjson = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

async function taught(): Promise<void> {
  await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
  expect((await cli.run(['subscribe', '--until-end'])).code).toBe(0);
}

const hash = async (): Promise<unknown> => (await cli.run(['model', 'hash'])).values[0]?.['hash'];

describe('help', () => {
  test.each(['verify', 'model rebuild'])('%s --help ends with examples', async (name) => {
    const { code, stdout, stderr } = await cli.run([...name.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\nExamples:\n')[1]).toContain(`  valence ${name}`);
  });

  test('subscribe --help shows a replica', async () => {
    const { stdout } = await cli.run(['subscribe', '--help']);
    expect(stdout).toContain('valence subscribe --score-only --source');
  });
});

describe('verify', () => {
  test('prints one JSON object with the hash of the model, and exits with 0', async () => {
    await taught();
    const { code, values } = await cli.run(['verify']);
    expect([code, values]).toEqual([
      0,
      [
        {
          verified: true,
          pipeline: 'sentiment',
          partitions: 1,
          deltas: 1,
          records: 6,
          results: 7,
          deadLetters: 0,
          hash: await hash(),
          positions: [6],
          unverified: { deltas: 0, results: 0, deadLetters: 0 },
        },
      ],
    ]);
  });

  test('says it in a line on a terminal', async () => {
    await taught();
    const { stdout } = await cli.run(['verify'], { isTTY: true });
    expect(stdout).toContain(
      `verified: 6 records · 1 deltas · 7 results · 0 dead letters · hash ${String(await hash()).slice(0, 16)}`,
    );
  });

  test('makes the names of hashed features again, of each chunk what it could know', async () => {
    await taught();
    for (const round of ['second', 'third']) {
      const again = REVIEWS.map((review) => ({ ...review, id: `${round}-${review.id}` }));
      await cli.run(['publish', '-'], { stdin: ndjson(again) });
      await cli.run(['subscribe', '--until-end']);
    }
    const { stdout } = await cli.run(['model', 'top']);
    // It is in one text of each chunk: two have taught it when the third gives its name.
    expect(stdout).toContain('"feature":"good wine"');
    expect(await cli.run(['verify'])).toMatchObject({ code: 0, values: [{ deltas: 3 }] });
  });

  test('names the first difference and exits with 1; the settings are those of the subscriber', async () => {
    await taught();
    const { code, values, stderr } = await cli.run(['verify', '--explain', '2']);
    expect([code, values]).toMatchObject([
      1,
      [{ verified: false, problem: 'differs', topic: 'sentiment.results', field: 'explanation' }],
    ]);
    expect(stderr).toContain('other settings');
    const { code: again, stdout } = await cli.run(['verify', '--explain', '2'], { isTTY: true });
    expect(again).toBe(1);
    expect(stdout).toContain('sentiment.results/0@0, source offset 0: differs: ');
  });

  test('without the threshold of the subscriber records are too many, and that is hinted at', async () => {
    await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
    const threshold = ['--threshold', 'rolling.accuracy>=1.1'];
    await cli.run(['subscribe', '--until-end', '--metrics-every', '1', ...threshold]);
    const { values, stderr } = await cli.run(['verify', '--metrics-every', '1']);
    expect(values).toMatchObject([
      { verified: false, problem: expect.not.stringMatching('differs') },
    ]);
    expect(stderr).toContain('other settings');
  });

  test('before anything was learned exits with 2', async () => {
    await cli.run(['topics', 'create']);
    const { code, stderr } = await cli.run(['verify']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('nothing was learned yet')]);
  });

  test('that is interrupted does not say that all is well', async () => {
    await taught();
    const { code, stdout, stderr } = await cli.run(['verify'], { signal: AbortSignal.abort() });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('broken off');
  });
});

describe('model rebuild', () => {
  test('makes the lost model again; subscribers go on', async () => {
    await taught();
    const before = await hash();
    cli.store.topics.delete('sentiment.model');
    const { code, values } = await cli.run(['model', 'rebuild']);
    expect([code, values]).toMatchObject([
      0,
      [{ pipeline: 'sentiment', records: 6, positions: [6], learned: 6, hash: before }],
    ]);
    expect(await hash()).toBe(before);
    expect((await cli.run(['subscribe', '--until-end'])).values).toMatchObject([{ records: 0 }]);
    expect((await cli.run(['verify'])).code).toBe(0);
  });

  test('refuses models that the deltas do not have', async () => {
    await taught();
    const { code, stderr } = await cli.run(['model', 'rebuild', '--model', 'bernoulli']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('MODEL_MISMATCH')]);
  });

  test('that is interrupted says to begin again', async () => {
    await taught();
    const signal = AbortSignal.abort();
    const { code, stderr } = await cli.run(['model', 'rebuild'], { signal });
    expect([code, stderr]).toEqual([1, expect.stringContaining('begin again')]);
  });
});

describe('subscribe --score-only', () => {
  const SCORE = ['subscribe', '--score-only', '--until-end'];
  const OTHERS = ['--source', 'replies', '--results', 'replies.results'];

  test('predicts another topic and leaves the pipeline as it is', async () => {
    await taught();
    const before = await hash();
    await cli.run(['publish', '-', '--source', 'replies'], {
      stdin: ndjson([
        { id: 'x', text: 'good food' },
        { id: 'y', text: 'bad wine' },
      ]),
    });
    const { code, values } = await cli.run([...SCORE, ...OTHERS]);
    expect([code, values]).toEqual([
      0,
      [{ records: 2, predictions: 2, deadLetters: 0, labels: 0, positions: [2] }],
    ]);
    const tail = ['tail', 'results', '--until-end', '--results', 'replies.results'];
    const answers = (await cli.run(tail)).values;
    expect(JSON.stringify(answers)).toContain('"prediction":"positive"');
    expect(await hash()).toBe(before);
  });

  test('wants topics of its own', async () => {
    await taught();
    const { code, stderr } = await cli.run(SCORE);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--score-only: expected --source')]);
    const own = await cli.run([...SCORE, '--source', 'sentiment.source', '--results', 'r']);
    expect([own.code, own.stderr]).toEqual([2, expect.stringContaining('belongs to pipeline')]);
  });
});
