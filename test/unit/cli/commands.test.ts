import { beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../../src/open-log.ts';
import { runCommand } from '../../support/command-line.ts';
import { Cli } from './cli-run.ts';

let cli: Cli;
beforeEach(() => {
  cli = new Cli();
});

const REVIEWS = [
  { id: 'a', text: 'good food', label: 'positive' },
  { id: 'b', text: 'bad food', label: 'negative' },
  { id: 'c', text: 'good service', label: 'positive' },
  { id: 'd', text: 'good wine' },
];
const ndjson = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join('\n');

/** Publishes the reviews and folds them. */
async function taught(): Promise<void> {
  await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
  const { code } = await cli.run(['subscribe', '--until-end']);
  expect(code).toBe(0);
}

describe('misuse', () => {
  test.each([
    [['pubish'], 'Did you mean publish?'],
    [['subscribe', '--modle', 'x'], 'Did you mean --model?'],
    [['tail'], "missing required argument 'TOPIC'"],
    [['tail', 'snapshots'], 'Allowed choices are source, results, model, dlq'],
    [['subscribe', '--model', 'gtbn'], 'there are: gtnb, multinomial, complement, bernoulli'],
    [['subscribe', '--window', '3'], '--window: expected an integer'],
    [['publish'], 'expected a file to publish'],
    [['publish', 'no-such-file.csv'], 'no-such-file.csv'],
    [['tail', 'source', '--type', 'metrics'], '--type'],
    [['label', 'r-1'], 'LABEL: expected a class'],
    [['dlq'], 'Usage: valence dlq'],
    [['tail', 'results', '--config', 'no-such.json'], "'no-such.json' does not exist"],
  ])('%j exits with 2 and says what is there', async (argv, said) => {
    const { code, stdout, stderr } = await cli.run(argv);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(said);
  });

  test.each([
    [
      ['start', 'reviews.csv'],
      "start takes no arguments, and got 1 argument more: did you mean 'valence start --data reviews.csv'?",
    ],
    [
      ['start', "it's!.csv"],
      String.raw`1 argument more: did you mean 'valence start --data 'it'\''s!.csv''?`,
    ],
    [
      ['start', 'my $data.csv', 'b'],
      String.raw`2 arguments more: did you mean 'valence start --data "my \$data.csv"'?`,
    ],
    [['subscribe', 'reviews.csv'], "did you mean 'valence publish reviews.csv'?"],
    [['model', 'top', 'cnb'], "did you mean 'valence model top --model cnb'?"],
    [
      ['model', 'show', 'cnb'],
      "model show takes no arguments, and got 1 argument more: 'valence model show --help'",
    ],
    [
      ['model', 'explain', 'not', 'good'],
      'model explain takes TEXT, and got 1 argument more: put what has spaces in quotes',
    ],
    [['label', 'a', 'b', 'c', 'd'], 'label takes ID and LABEL, and got 2 arguments more'],
    [
      ['start', 'sqlite:reviews.db'],
      'start takes no arguments, and got 1 argument more: name a log',
    ],
  ])('%j is told what it should have been', async (argv, said) => {
    const { code, stdout, stderr } = await cli.run(argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^valence: CONFIG_INVALID: /);
    expect(stderr).toContain(said);
  });

  test.each(['start', 'subscribe', 'model top'])(
    '%s does not repeat the URL of a log that was given without --log: it may hold a secret',
    async (name) => {
      const argv = [...name.split(' '), 'kafka://me:s3cret@broker:9092'];
      const { code, stderr } = await cli.run(argv);
      expect(code).toBe(2);
      expect(stderr).not.toContain('s3cret');
      expect(stderr).toContain('--log');
    },
  );

  test('under npm a file without --data is told the line that npm lets through', async () => {
    const environment = { npm_lifecycle_event: 'start' };
    const { code, stderr } = await cli.run(['start', 'reviews.csv'], { environment });
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("'npm start -- --data reviews.csv'"),
    ]);
  });

  test.each([
    'monitor --once',
    'tail results --until-end',
    'label a positive',
    'replay --model gtnb',
    'verify',
    'dlq list',
    'dlq drop',
    'model show',
    'model explain good',
    'model hash',
    'model export model.json',
    'model compare',
    'model promote cnb',
    'model rollback',
    'model rebuild',
  ])('%s of a log that is not there names it, and leaves no file behind', async (line) => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-typo-'));
    const log = `sqlite:${join(folder, 'typo.db')}`;
    const argv = [...line.split(' '), '--log', log];
    const { code, stdout, stderr } = await cli.run(argv, { openLog });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`valence: NOT_FOUND: no log at ${log};`);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test('topics check and describe tell of a log that is not there that it has no topics, and make none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-typo-'));
    const log = ['--log', `sqlite:${join(folder, 'typo.db')}`];
    const checked = await cli.run(['topics', 'check', ...log], { openLog });
    expect(checked.code).toBe(1);
    expect(checked.values.map(({ status }) => status)).toEqual(Array(5).fill('missing'));
    const described = await cli.run(['topics', 'describe', ...log], { openLog });
    expect([described.code, described.values]).toEqual([0, []]);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test.each([
    'model show',
    'model top',
    'model explain good',
    'model hash',
    'model export -',
    'model compare',
    'model promote cnb',
    'model rebuild',
    'tail source --until-end',
    'monitor --once',
    'replay --model gtnb',
    'verify',
    'dlq list',
    'label a positive',
  ])('%s says that an empty file is no log, and leaves it as it is', async (line) => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-empty-'));
    await writeFile(join(folder, 'x.db'), '');
    const log = `sqlite:${join(folder, 'x.db')}`;
    const { code, stderr } = await cli.run([...line.split(' '), '--log', log], { openLog });
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`NOT_FOUND: no log at ${log}: the file is empty; expected one that`),
    ]);
    expect(await readdir(folder)).toEqual(['x.db']);
    expect(await readFile(join(folder, 'x.db'), 'utf8')).toBe('');
    await rm(folder, { recursive: true });
  });

  test('topics and doctor say that an empty file is no log, and leave it; publish makes a log of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-empty-'));
    await writeFile(join(folder, 'x.db'), '');
    const log = `sqlite:${join(folder, 'x.db')}`;
    const run = (line: string, stdin = '') =>
      cli.run([...line.split(' '), '--log', log], { openLog, stdin });
    const [checked, described] = [await run('topics check'), await run('topics describe')];
    expect([checked.code, checked.stderr]).toEqual([1, expect.stringContaining('is empty')]);
    expect([described.code, described.stderr]).toEqual([0, expect.stringContaining('is empty')]);
    const { values } = await run('doctor');
    expect(values).toContainEqual({
      check: 'log',
      state: 'warning',
      finding: `${log} is an empty file and no log yet`,
      fix: expect.stringContaining('makes one of it'),
    });
    expect(await readdir(folder)).toEqual(['x.db']);
    expect(await readFile(join(folder, 'x.db'), 'utf8')).toBe('');
    expect((await run('publish -', ndjson(REVIEWS))).values).toMatchObject([{ acked: 4 }]);
    expect((await run('topics check')).code).toBe(0);
    await rm(folder, { recursive: true });
  });

  test.each(['start --once', 'publish'])(
    '%s of a file that is not there, cannot be told by its name or lacks its columns leaves no log behind',
    async (line) => {
      const folder = await mkdtemp(join(tmpdir(), 'valence-typo-'));
      await writeFile(join(folder, 'wrong.csv'), 'id,review\n1,good\n');
      await writeFile(join(folder, 'what.xyz'), 'good\n');
      for (const [file, said] of [
        ['none.csv', 'does not exist'],
        ['.', 'is a folder'],
        ['what.xyz', 'cannot tell the format'],
        ['wrong.csv', "has no column 'text'; it has: id, review"],
      ] as const) {
        const log = `sqlite:${join(folder, 'x.db')}`;
        const argv = [...line.split(' '), '--data', join(folder, file), '--log', log];
        const { code, stderr } = await cli.run(argv, { openLog });
        expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
      }
      expect((await readdir(folder)).toSorted()).toEqual(['what.xyz', 'wrong.csv']);
      await rm(folder, { recursive: true });
    },
  );

  test('publish of a named pipe takes nothing out of it before the log is there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-pipe-'));
    const pipe = join(folder, 'rows.ndjson');
    execFileSync('mkfifo', [pipe]);
    const [{ values }] = await Promise.all([
      cli.run(['publish', pipe]),
      writeFile(pipe, ndjson(REVIEWS)),
    ]);
    expect(values).toMatchObject([{ rows: REVIEWS.length, acked: REVIEWS.length }]);
    await rm(folder, { recursive: true });
  });

  test('start makes the log of the reviews anew, but takes it away from nobody', async () => {
    const asked: string[] = [];
    const start = (isRemoved: boolean) =>
      // VALENCE_LOG is what the tests give: nobody gave a log here.
      runCommand(['start', '--once', '--json'], {
        openLog: (url) => {
          asked.push(`${url} opened`);
          return Promise.resolve(cli.open());
        },
        removeLog: (url) => {
          asked.push(`${url} removed`);
          return Promise.resolve(isRemoved);
        },
        environment: {},
      });
    const { code, values } = await start(true);
    expect([code, values.at(-1)]).toMatchObject([0, { type: 'report', scored: 750 }]);
    expect(asked.splice(0)).toEqual([
      'sqlite:.valence/demo.db removed',
      'sqlite:.valence/demo.db opened',
    ]);
    const refused = await start(false);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining(
        "--log: another process, such as 'valence start', has sqlite:.valence/demo.db open",
      ),
    ]);
    expect(asked).toEqual(['sqlite:.valence/demo.db removed']);
  });

  test('start says why nothing was scored, and where the answers are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-plain-'));
    const file = join(folder, 'plain.csv');
    await writeFile(file, 'text,stars\ngood,5\nbad,1\n');
    const argv = ['start', '--once', '--data', file, '--pipeline', 'p'];
    expect((await cli.run(argv)).stderr).toContain(
      "nothing was scored: of 2 records none has a label in 'label'; name the column of the labels with --label. The answers: valence tail results --until-end --pipeline p",
    );
    expect((await cli.run(argv)).stderr).toContain('nothing was scored: there were no new records');
    const log = `sqlite:${join(folder, 'x.db')}`;
    expect((await cli.run([...argv, '--log', log], { openLog })).stderr).toContain(
      `valence tail results --until-end --pipeline p --log ${log}`,
    );
    await rm(folder, { recursive: true });
  });

  test('start names the dead letters where all rows were refused', async () => {
    const stdin = '{"text":5}\n{"review":"good"}\n';
    const { stderr } = await cli.run(['start', '--once', '--data', '-'], { stdin });
    expect(stderr).toContain(
      'nothing was scored: 2 rows refused, and no other. Why: valence dlq list',
    );
  });

  test('files of models that cannot be read or written are told of with the reason and the fix', async () => {
    await taught();
    const folder = await mkdtemp(join(tmpdir(), 'valence-files-'));
    const file = join(folder, 'model.json');
    await writeFile(file, 'text,label\n');
    for (const [argv, code, said] of [
      [
        ['import', file],
        1,
        `SNAPSHOT_CORRUPT: FILE '${file}': The snapshot is no JSON. Give a file`,
      ],
      [['import', join(folder, 'x')], 2, `NOT_FOUND: '${join(folder, 'x')}' does not exist; check`],
      [['import', folder], 2, 'is a folder; name a file'],
      [['export', folder], 2, `FILE '${folder}': it is a folder; name a file in it`],
      [['export', join(folder, 'no', 'x')], 2, 'its folder does not exist; make the folder first'],
    ] as const) {
      const result = await cli.run(['model', ...argv]);
      expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(said)]);
    }
    await rm(folder, { recursive: true });
  });

  test('import of a file that is not there leaves no log behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-typo-'));
    const argv = ['model', 'import', join(folder, 'none.json'), '--log', `sqlite:${folder}/x.db`];
    const { code } = await cli.run(argv, { openLog });
    expect([code, await readdir(folder)]).toEqual([2, []]);
    await rm(folder, { recursive: true });
  });

  test.each(['model show', 'model compare', 'model promote cnb', 'replay --model gtnb', 'verify'])(
    '%s of a pipeline that the log does not have names the topics there are',
    async (line) => {
      await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
      const { code, stderr } = await cli.run([...line.split(' '), '--pipeline', 'typo']);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /NOT_FOUND: no topic named 'typo\.(?:model|source)' in memory:; there are: sentiment\.dlq, .*; choose with --pipeline or --log/,
      );
    },
  );

  test('a topic that is not there yet is named with those that are', async () => {
    const { code, stderr } = await cli.run(['tail', 'results', '--until-end']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^valence: NOT_FOUND: no topic named 'sentiment.results'/);
  });
});

describe('help', () => {
  test.each([
    'start',
    'publish',
    'subscribe',
    'monitor',
    'label',
    'tail',
    'evaluate',
    'replay',
    'topics check',
    'topics create',
    'topics describe',
    'dlq list',
    'dlq show',
    'dlq replay',
    'dlq drop',
    'model show',
    'model top',
    'model explain',
    'model hash',
    'model export',
    'model import',
    'doctor',
    'config',
    'completion',
  ])('%s --help ends with examples of the command, on stdout, with exit 0', async (name) => {
    const { code, stdout, stderr } = await cli.run([...name.split(' '), '--help']);
    expect([code, stderr]).toEqual([0, '']);
    const [, examples = ''] = stdout.split('\nExamples:\n');
    expect(examples).toContain(`  valence ${name}`);
  });

  test.each([
    ['model show', ['--labels']],
    ['model top', ['--model', '--labels']],
    ['model explain', ['--model', '--labels']],
    ['model export', ['--model', '--labels']],
    ['model compare', []],
    ['model promote', []],
    ['model rollback', []],
    ['topics check', []],
    ['topics create', ['--partitions']],
    ['topics describe', []],
    ['dlq list', []],
  ])('%s offers %j and what every command has', async (name, own) => {
    const { stdout } = await cli.run([...name.split(' '), '--help']);
    const [ownPart = '', common] = stdout.split('\nOptions of every command:\n');
    expect(common).toContain('  -h, --help');
    const [, options = ''] = ownPart.split('\nOptions:\n');
    const offered = options.match(/(?<=^ {2})--\S+/gm);
    expect(offered ?? []).toEqual(own);
    const flag = ['--partitions', '--model'].find((each) => !own.includes(each)) ?? '--labels';
    const { code, stderr } = await cli.run([...name.split(' '), flag, '2']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`unknown option '${flag}'`)]);
  });

  test('what is not part of this version is not offered', async () => {
    const { stdout } = await cli.run(['--help']);
    expect(stdout).not.toMatch(/serve|kafka/i);
  });

  test('--version prints the version of the package', async () => {
    const { code, stdout } = await cli.run(['--version']);
    const content = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
    expect([code, stdout]).toEqual([
      0,
      `${(JSON.parse(content) as { version: string }).version}\n`,
    ]);
  });
});

describe('publish', () => {
  test('sends rows of stdin and sums up in one JSON line', async () => {
    const { code, values, stderr } = await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
    expect([code, stderr]).toEqual([0, '']);
    expect(values).toEqual([
      {
        file: 'stdin',
        rows: 4,
        sent: 4,
        acked: 4,
        retried: 0,
        failed: 0,
        deadLettered: 0,
        resumedAfter: 0,
        alreadyPublished: false,
        done: true,
        seconds: 0,
      },
    ]);
  });

  test('on a terminal the sum is a table', async () => {
    const { stdout } = await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS), isTTY: true });
    expect(stdout).toMatch(/FILE +ROWS +SENT .*\n.*stdin +4 +4 +4 +0 /);
  });

  test('reads back what tail prints', async () => {
    await cli.run(['publish', '-'], { stdin: ndjson(REVIEWS) });
    const tail = ['tail', 'source', '--until-end', '--json'];
    const first = await cli.run(tail);
    const second = new Cli();
    await second.run(['publish', '-'], { stdin: first.stdout });
    const again = await second.run(tail);
    const told = ({ values }: typeof first) =>
      values.map(({ key, value, headers }) => ({ key, value, headers }));
    expect(told(again)).toEqual(told(first));
    expect(again.values).toHaveLength(4);
  });
});

describe('tail', () => {
  test('gives one parsed object a record', async () => {
    await taught();
    const { values } = await cli.run(['tail', 'results', '--until-end', '--type', 'prediction']);
    expect(values).toHaveLength(4);
    expect(values[3]).toMatchObject({
      topic: 'sentiment.results',
      partition: 0,
      key: 'd',
      headers: { ce_type: 'prediction', 'content-type': 'application/json' },
      value: { id: 'd', prediction: 'positive', learned: 3 },
    });
  });

  test('--where looks into the value by dot paths; all must hold', async () => {
    await taught();
    const tail = ['tail', 'results', '--from', 'beginning', '--until-end'];
    const where = ['--where', 'source.offset=2', '--where', 'correct=true'];
    const { values } = await cli.run([...tail, ...where]);
    expect(values.map(({ key }) => key)).toEqual(['c']);
    expect((await cli.run([...tail, '--where', 'id=x'])).stdout).toBe('');
  });

  test('on a terminal a record is a line within the width', async () => {
    await taught();
    const { stdout } = await cli.run(['tail', 'source', '--until-end'], { isTTY: true });
    expect(stdout).toContain('good food');
    expect(stdout).toContain('\u001b[2m');
    const plain = await cli.run(['tail', 'source', '--until-end'], {
      isTTY: true,
      environment: { NO_COLOR: '1' },
    });
    expect(plain.stdout).not.toContain('\u001b');
    expect(plain.stdout.split('\n')[0]).toMatch(
      /^\d\d:\d\d:\d\d  0\/0 +·  a \(positive\) good food$/,
    );
  });
});

describe('label', () => {
  test('gives, corrects and withdraws a label', async () => {
    await taught();
    const one = await cli.run(['label', 'd', 'negative']);
    expect(one.values).toMatchObject([{ id: 'd', label: 'negative', partition: 0, offset: 4 }]);
    await cli.run(['label', 'd', 'positive', '--key', 'd']);
    await cli.run(['label', 'd', 'null']);
    await cli.run(['label', 'd', '--withdraw']);
    await cli.run(['subscribe', '--until-end']);
    const { values } = await cli.run(['tail', 'results', '--until-end', '--type', 'outcome']);
    expect(values.map(({ value }) => (value as { status: string }).status)).toEqual([
      'scored',
      'corrected',
      'withdrawn',
      'duplicate',
    ]);
  });

  test('says to people where the outcome shows, and that a label whose text has not come waits', async () => {
    await taught();
    const { stdout, stderr } = await cli.run(['label', "no one's", 'positive'], { isTTY: true });
    expect(stdout).toBe("Label positive given to no one's at sentiment.source/0/4\n");
    expect(stderr).toContain("'waiting' there: no text with that id yet, the label waits for one");
    const line = /(?<line>tail results .*?) --until-end --log memory:;/.exec(stderr)?.groups?.[
      'line'
    ];
    expect(line).toBe(`tail results --type outcome --where "id=no one's"`);
    await cli.run(['subscribe', '--until-end']);
    const asked = ['tail', 'results', '--type', 'outcome', '--where', "id=no one's", '--until-end'];
    expect((await cli.run(asked)).values).toMatchObject([{ value: { status: 'waiting' } }]);
    const many = { stdin: 'x,positive\n', isTTY: true };
    expect((await cli.run(['label', '-'], many)).stderr).toContain('--type outcome --until-end');
    expect((await cli.run(['label', 'x', 'positive'])).stderr).toBe('');
  });

  test.each([
    ['', 'positive'],
    ['x'.repeat(257), 'positive'],
    ['a', ''],
  ])('says what it expected of ID and LABEL, %#', async (id, label) => {
    await cli.run(['topics', 'create']);
    const { code, stderr } = await cli.run(['label', id, label]);
    const said = 'ID: expected 1 to 256 characters, LABEL: 1 to 64; correct the one that is empty';
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  test('takes weights along: from the flag, and from a line that has its own', async () => {
    await taught();
    const { values } = await cli.run(['label', 'd', 'negative', '--label-weight', '0.25']);
    expect(values).toMatchObject([{ id: 'd', label: 'negative', labelWeight: 0.25 }]);
    const lines = ndjson([
      { id: 'c', label: 'positive' },
      { id: 'b', label: 'negative', labelWeight: 3 },
      { id: 'a', label: null },
    ]);
    await cli.run(['label', '-', '--label-weight', '2'], { stdin: lines });
    await cli.run(['label', 'd', 'null', '--label-weight', '2']);
    const source = await cli.run(['tail', 'source', '--until-end', '--from', '4']);
    expect(source.values.map(({ value }) => value)).toEqual([
      { id: 'd', label: 'negative', labelWeight: 0.25 },
      { id: 'c', label: 'positive', labelWeight: 2 },
      { id: 'b', label: 'negative', labelWeight: 3 },
      { id: 'a', label: null },
      { id: 'd', label: null },
    ]);
    const bad = await cli.run(['label', 'd', 'negative', '--label-weight', '17']);
    expect([bad.code, bad.stderr]).toEqual([
      2,
      expect.stringContaining(
        "--label-weight: expected a number from 0 to 16, such as 0.25, got '17'",
      ),
    ]);
  });

  test('reads many from stdin, and says which line is none', async () => {
    await taught();
    const lines = ndjson([
      { id: 'd', label: 'positive' },
      { id: 'c', label: null },
    ]);
    expect((await cli.run(['label', '-'], { stdin: lines })).values).toEqual([
      { topic: 'sentiment.source', labels: 2 },
    ]);
    const { code, stderr } = await cli.run(['label', '-'], {
      stdin: 'd,negative\n{"text":"soup"}\n',
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining('line 2: expected {"id"')]);
    expect(stderr).toContain('the 1 labels before it were sent');
  });
});

describe('monitor --once', () => {
  test('adds the partitions up, writes nothing and exits with 1 if a threshold does not hold', async () => {
    // The last one is labelled against all that was learned: no model is right on every row.
    const rows = Array.from({ length: 40 }, (_, row) => ({
      id: `r-${row}`,
      text: row % 2 === 0 ? 'good food' : 'bad food',
      label: row % 2 === 0 || row === 39 ? 'positive' : 'negative',
    }));
    await cli.run(['publish', '-', '--partitions', '2'], { stdin: ndjson(rows) });
    await cli.run(['subscribe', '--until-end']);
    const before = await cli.run(['topics', 'describe']);
    const fine = await cli.run(['monitor', '--once', '--threshold', 'rolling.accuracy>=0.5']);
    expect(fine.code).toBe(0);
    expect(fine.values).toMatchObject([
      { type: 'metrics', model: 'champion', partitions: 2, learned: 40 },
    ]);
    const { scored, cumulative } = fine.values[0] as {
      scored: number;
      cumulative: { sums: { n: number } };
    };
    expect(scored).toBe(40);
    expect(cumulative.sums.n).toBe(scored);
    const low = await cli.run(['monitor', '--once', '--threshold', 'cumulative.accuracy>=1']);
    expect(low.code).toBe(1);
    expect(low.values).toMatchObject([
      { type: 'metrics' },
      { type: 'alert', rule: 'cumulative.accuracy>=1', state: 'firing' },
    ]);
    expect((await cli.run(['topics', 'describe'])).stdout).toBe(before.stdout);
  });
});

describe('dlq', () => {
  async function refused(): Promise<void> {
    await cli.run(['topics', 'create']);
    const log = cli.open();
    await log.append('sentiment.source', [
      { key: 'k', value: 'no json', headers: [['trace', 'x']] },
      { key: null, value: '{"id":"e","text":"x","label":"third"}' },
    ]);
    await log.close();
    await cli.run(['subscribe', '--until-end', '--max-classes', '2']);
  }

  test('lists and shows what was refused, whole', async () => {
    await refused();
    const list = await cli.run(['dlq', 'list']);
    expect(list.values).toMatchObject([
      { n: '0/0', code: 'RECORD_INVALID', stage: 'decode', from: 'sentiment.source/0/0' },
      { n: '0/1', code: 'LABEL_UNKNOWN', from: 'sentiment.source/0/1' },
    ]);
    const { values } = await cli.run(['dlq', 'show', '0']);
    expect(values).toMatchObject([{ key: 'k', value: 'no json', headers: [['trace', 'x']] }]);
    expect((await cli.run(['dlq', 'show', '0/7'])).code).toBe(2);
  });

  test('replays once, as it was, and drops', async () => {
    await refused();
    expect((await cli.run(['dlq', 'replay'])).values).toMatchObject([{ replayed: 2, skipped: 0 }]);
    expect((await cli.run(['dlq', 'replay'])).values).toMatchObject([{ replayed: 0 }]);
    const { values } = await cli.run(['tail', 'source', '--from', '2', '--until-end']);
    expect(values).toMatchObject([
      { key: 'k', value: 'no json', headers: { trace: 'x' } },
      { key: null, value: { label: 'third' } },
    ]);
    expect(values[1]?.['headers']).toEqual({});
    expect((await cli.run(['dlq', 'drop', '0/0'])).values).toMatchObject([{ dropped: 1 }]);
    expect((await cli.run(['dlq', 'list'])).values).toMatchObject([{ n: '0/1' }]);
    expect((await cli.run(['dlq', 'drop'])).values).toMatchObject([{ dropped: 1 }]);
    expect((await cli.run(['dlq', 'list'])).stdout).toBe('');
  });
});

describe('dlq of what had been a dead letter before', () => {
  test('keeps the headers that the record brought, and the bytes that are no text', async () => {
    await cli.run(['topics', 'create']);
    const log = cli.open();
    const before = [
      ['__streams.errors.message', 'of another pipeline'],
      ['valence.errors.code', 'OLD'],
    ] as const;
    const [key, value] = [Buffer.from([0xff]), Buffer.from([0x80, 0])];
    await log.append('sentiment.source', [{ key, value, headers: before }]);
    await log.close();
    await cli.run(['subscribe', '--until-end']);
    expect((await cli.run(['dlq', 'list'])).values).toMatchObject([{ code: 'RECORD_INVALID' }]);
    expect((await cli.run(['dlq', 'show', '0'])).values).toMatchObject([
      { key: { base64: '/w==' }, value: { base64: 'gAA=' }, headers: before },
    ]);
    await cli.run(['dlq', 'replay']);
    const [, again] = (await cli.run(['tail', 'source', '--from', '0', '--until-end'])).values;
    expect(again).toMatchObject({
      key: { base64: '/w==' },
      value: { base64: 'gAA=' },
      headers: Object.fromEntries(before),
    });
  });
});

describe('topics', () => {
  test('check fails while topics are missing, create makes them, mirrors follow the source', async () => {
    const before = await cli.run(['topics', 'check']);
    expect(before.code).toBe(1);
    expect(before.values.map(({ status }) => status)).toEqual(Array(5).fill('missing'));
    await cli.run(['topics', 'create', '--partitions', '3']);
    const after = await cli.run(['topics', 'check']);
    expect(after.code).toBe(0);
    const { values } = await cli.run(['topics', 'describe']);
    const partitions = values.map((topic) => (topic['partitions'] as unknown[]).length);
    expect(partitions).toEqual([3, 3, 3, 1, 3]);
  });

  test('another number of partitions than the source is broken', async () => {
    const log = cli.open();
    const spec = { cleanup: 'delete', retentionMs: 604_800_000 } as const;
    await log.ensureTopics([
      { name: 'sentiment.source', partitions: 2, ...spec },
      { name: 'sentiment.results', partitions: 1, ...spec },
    ]);
    await log.close();
    expect((await cli.run(['topics', 'check'])).values[1]).toMatchObject({
      status: 'differs',
      differences: ['partitions: expected 2 as sentiment.source has, found 1'],
    });
    const { code, stderr } = await cli.run(['publish', '-']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('TOPIC_MISMATCH')]);
  });
});

describe('model', () => {
  test('hash is equal for equal input, whatever the chunks, and show tells the classes', async () => {
    await taught();
    const other = new Cli();
    for (const review of REVIEWS) {
      await other.run(['publish', '-'], { stdin: ndjson([review]) });
      await other.run(['subscribe', '--until-end']);
    }
    const [hash, same] = [await cli.run(['model', 'hash']), await other.run(['model', 'hash'])];
    expect(hash.values).toMatchObject([{ model: 'champion', positions: { 0: 4 }, learned: 3 }]);
    expect(same.stdout).toBe(hash.stdout);
    expect((await cli.run(['model', 'show'])).values).toMatchObject([
      {
        model: 'champion',
        kind: 'gtnb:dfe=off,lexicon=auto,starter=words,tokenizer=2,ngrams=2,bits=22',
        classes: { positive: 2, negative: 1 },
      },
    ]);
  });

  test('explain predicts without learning', async () => {
    await taught();
    const { values } = await cli.run(['model', 'explain', 'good']);
    expect(values).toMatchObject([{ prediction: 'positive', explanation: [{ feature: 'good' }] }]);
    expect((await cli.run(['model', 'hash'])).values).toMatchObject([{ learned: 3 }]);
  });

  test('an exported model starts another pipeline with the same counts', async () => {
    await taught();
    const folder = await mkdtemp(join(tmpdir(), 'valence-'));
    try {
      const file = join(folder, 'model.json');
      expect((await cli.run(['model', 'export', file])).code).toBe(0);
      const into = ['model', 'import', file, '--pipeline', 'second'];
      expect((await cli.run(into)).code).toBe(0);
      const [first, second] = [
        await cli.run(['model', 'hash']),
        await cli.run(['model', 'hash', '--pipeline', 'second']),
      ];
      expect(second.values[0]?.['hash']).toBe(first.values[0]?.['hash']);
      const exported = await readFile(file, 'utf8');
      expect(exported).toContain('"label":"positive","documents":2');
      await writeFile(file, exported.replace('"documents":2', '"documents":3'));
      const { code, stderr } = await cli.run(['model', 'import', file, '--pipeline', 'third']);
      expect([code, stderr]).toEqual([1, expect.stringContaining('SNAPSHOT_CORRUPT')]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a name that is not there exits with 2 and names those that are', async () => {
    await taught();
    const { code, stderr } = await cli.run(['model', 'top', '--model', 'chmpion']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('there are: champion')]);
  });
});

test('replay scores another model and touches nothing', async () => {
  await taught();
  const before = await cli.run(['topics', 'describe']);
  const { code, values } = await cli.run(['replay', '--model', 'complement']);
  expect([code, values]).toMatchObject([
    0,
    [{ kind: 'complement:alpha=1', records: 4, learned: 3 }],
  ]);
  expect((await cli.run(['topics', 'describe'])).stdout).toBe(before.stdout);
});

describe('evaluate', () => {
  const yelp = new URL('../../../examples/yelp.csv', import.meta.url).pathname;

  test('prints one object per model, in the order asked, and nothing else', async () => {
    const models = ['--model', 'majority', '--model', 'multinomial'];
    const { code, stdout, values } = await cli.run([
      'evaluate',
      yelp,
      '--label',
      'sentiment',
      ...models,
    ]);
    expect([code, stdout.trim().split('\n').length]).toEqual([0, 2]);
    expect(values.map(({ model }) => model)).toEqual(['majority', 'multinomial']);
    expect(Object.keys(values[1] ?? {})).toEqual([
      'model',
      'file',
      'rows',
      'scored',
      'learned',
      'accuracy',
      'macroF1',
      'kappa',
      'logLoss',
      'ece',
      'confusion',
      'classes',
      'baselines',
      'docsPerSecond',
    ]);
    // The figures of River 0.26.1 on the same file.
    expect(values[1]).toMatchObject({ file: 'yelp.csv', rows: 750, scored: 749, learned: 750 });
    expect(values[1]?.['confusion']).toEqual({
      negative: { negative: 268, positive: 105 },
      positive: { negative: 89, positive: 287 },
    });
  });

  test('weighs labels by the column that was named, in models that weigh', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-weights-'));
    try {
      const path = join(folder, 'weights.csv');
      const rows = ['great soup,positive,0.25', 'awful soup,negative,4', 'great bread,negative,0'];
      await writeFile(path, ['text,label,trust', ...rows, 'soup,positive,', ''].join('\n'));
      const kinds = ['--model', 'gtnb:weights=on', '--model', 'gtnb'];
      const run = (...flags: string[]) => cli.run(['evaluate', path, ...kinds, ...flags]);
      const loss = ({ values }: Awaited<ReturnType<typeof run>>, at: number) =>
        Number(values[at]?.['logLoss']);
      const [plain, weighted] = [await run(), await run('--weight-field', 'trust')];
      expect(plain.values.map(({ learned }) => learned)).toEqual([4, 4]);
      expect(loss(plain, 0)).toBeCloseTo(loss(plain, 1), 9);
      expect(weighted.values.map(({ scored, learned }) => [scored, learned])).toEqual([
        [4, 3],
        [4, 3],
      ]);
      expect(Math.abs(loss(weighted, 0) - loss(weighted, 1))).toBeGreaterThan(0.001);
      expect(await run('--weight-field', 'stars')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("no column 'stars'"),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    ['gtnb:window=5', 'an integer from 100 to 1000000'],
    ['complement:on-drift=forget', 'window=20000,on-drift=forget'],
    ['majority:window=500', "model 'majority' takes no options"],
  ])('%s is misuse, and what would be right is said', async (kind, hint) => {
    for (const given of [
      ['evaluate', yelp, '--label', 'sentiment', '--model', kind],
      ['subscribe', '--until-end', '--challenger', `fresh=${kind}`],
    ]) {
      const { code, stderr } = await cli.run(given);
      expect([code, stderr]).toEqual([2, expect.stringContaining(hint)]);
      expect(stderr).toContain('CONFIG_INVALID');
    }
  });

  test('a file without rows is told of', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valence-empty-'));
    await writeFile(join(folder, 'empty.csv'), '');
    const { code, stderr } = await cli.run(['evaluate', join(folder, 'empty.csv')]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('empty.csv has no rows')]);
    await rm(folder, { recursive: true });
  });

  test('a column that was named must exist', async () => {
    const { code, stderr } = await cli.run(['evaluate', yelp, '--label', 'stars']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("no column 'stars'; it has: text, sentiment"),
    ]);
  });
});

describe('config', () => {
  test('tells each value and where it came from', async () => {
    const { values } = await cli.run(['config', '--window', '77'], {
      environment: { VALENCE_PIPELINE: 'reviews' },
    });
    const of = (flag: string) => values.find((row) => row['flag'] === flag);
    expect(of('--window')).toMatchObject({ value: '77', origin: '--window' });
    expect(of('--pipeline')).toMatchObject({ value: 'reviews', origin: 'VALENCE_PIPELINE' });
    expect(of('--source')).toMatchObject({ value: null, origin: 'default' });
  });
});

test('doctor says that a log is not there yet, and what makes it', async () => {
  const log = join(tmpdir(), 'valence-nowhere', 'log.db');
  const { code, values } = await cli.run(['doctor', '--log', `sqlite:${log}`], { openLog });
  expect(code).toBe(0);
  expect(values.find(({ check }) => check === 'log')).toMatchObject({
    state: 'warning',
    finding: `sqlite:${log} does not exist yet`,
  });
});

test('doctor tells of topics, lag and a clock that is behind', async () => {
  await cli.run(['topics', 'create']);
  const log = cli.open();
  await log.append('sentiment.source', [{ key: 'a', value: '{}', timestamp: 60_000 }]);
  await log.close();
  const { code, values } = await cli.run(['doctor']);
  expect(code).toBe(0);
  const of = (name: string) => values.filter(({ check }) => check === name);
  expect(of('topic')[0]).toMatchObject({ finding: 'sentiment.source: 1 partition, 1 record' });
  expect(of('lag')).toMatchObject([{ finding: '1 record, none folded yet, the oldest for 1 s' }]);
  expect(of('clock')).toEqual([
    {
      check: 'clock',
      state: 'warning',
      finding: 'a record of sentiment.source/0 is 1 min ahead of this clock',
      fix: 'set the clocks of this machine and of those that write, by NTP',
    },
  ]);
});

test('completion scripts know every command and flag', async () => {
  const { stdout } = await cli.run(['completion', 'bash']);
  expect(stdout).toContain("'dlq') next='list show replay drop'");
  expect(stdout).toMatch(/'tail'\) next='source results model dlq'; flags='--help .*--until-end/);
  expect((await cli.run(['completion', 'fish'])).stdout).toContain(
    "complete -c valence -n '__fish_seen_subcommand_from dlq' -f -a 'list show replay drop'",
  );
  expect((await cli.run(['completion', 'zsh'])).stdout).toMatch(/^#compdef valence\n/);
});
