/**
 * What the documents show is what happens. Fences say what is run:
 *
 *   ```sh       commands, run; but for those of NOT_RUN
 *   ```console  `$ command`, run, and what it prints on a terminal; a line `…` stands for any number of lines
 *   ```ts       a program that uses the library: type-checked and run; a ```text fence right behind it is its output
 *   ```json     a record of the results topic that its `source` names
 *
 * Everything else is only shown. Chapters that name a pipeline in common run in the document's order, in one folder, with the bin and
 * examples of here; those that share none run beside each other, for what takes time is the start of some eighty processes.
 *
 * Fences that name `kafka://localhost:9092` run against the broker of the tests, in a folder and under pipeline names of their own,
 * which stand under the document's names again in what is compared.
 */
import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeKafka } from '../support/kafka/describe.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Makes a process believe that its output goes to a terminal of 110 columns. */
const TERMINAL =
  '--import=data:text/javascript,process.stdout.isTTY=true;process.stdout.columns=110';
const ELIDED = '…';
/** No command takes so long, however busy the machine is. */
const HANGS_MS = 60_000;
/** A story is as long as its commands: what hangs is one of them, so this is only for the sum. */
const STORY_MS = 300_000;
/** Commands that are only shown, and why. */
const NOT_RUN: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^npm (?:install|start|test)\b/, 'who runs the tests has done that, or is doing it'],
  [/^docker /, 'builds an image from the network, and needs a port of this machine'],
  [/^kubectl /, 'needs a cluster'],
  [/^kafka-[a-z]+ /, 'tools that come with Kafka, for its operators'],
];
/** The broker and the pipelines that the documents name. */
const SHOWN_BROKER = 'localhost:9092';
const DEFAULT_PIPELINE = 'sentiment';
const SHOWN_PIPELINES = [DEFAULT_PIPELINE, 'inbox', 'second'];

/** A folder that looks like a checkout, and like a project that has the package installed. */
async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'valence-documents-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    for (const [name, target] of [
      ['bin', 'bin'],
      ['examples', 'examples'],
      ['node_modules/valence', ''],
      ['node_modules/@types', 'node_modules/@types'],
    ] as const)
      await symlink(join(ROOT, target), join(folder, name));
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Fence {
  readonly language: string;
  readonly body: string;
}

const FENCE = /^```(\w*)\n([^]*?)^```$/gm;

function fencesIn(text: string): readonly Fence[] {
  return [...text.matchAll(FENCE)].map(([, language = '', body = '']) => ({ language, body }));
}

function read(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8');
}

/** Fences to be followed in one folder, in their order. */
interface Story {
  /** Of the chapters that they are in. */
  readonly titles: readonly string[];
  readonly fences: readonly Fence[];
}

/** Names of the pipelines that a chapter works on: `--pipeline NAME`, the default one, and those of a program. */
function pipelinesOf(fences: readonly Fence[]): readonly string[] {
  return fences.flatMap(({ language, body }) => {
    if (language === 'ts')
      return [...body.matchAll(/pipelineTopics\('([\w-]+)'/g)].map(([, name = '']) => name);
    if (language !== 'console' && language !== 'sh') return [];
    const commands = body.split('\n').filter((line) => /\bvalence\.js (?!evaluate\b)/.test(line));
    return commands.flatMap((command) => {
      const named = [...command.matchAll(/--pipeline ([\w-]+)|\.valence\/([\w-]+)\.db/g)];
      return named.length === 0
        ? [DEFAULT_PIPELINE]
        : named.map(([, one, two]) => one ?? two ?? '');
    });
  });
}

/** The embedded part of a document as stories that know nothing of each other. */
function storiesOf(document: string): readonly Story[] {
  let stories: (Story & { readonly pipelines: readonly string[] })[] = [];
  for (const chapter of read(document).split(/^## /m)) {
    const fences = fencesIn(chapter).filter(({ body }) => !body.includes(SHOWN_BROKER));
    if (fences.every((fence) => commandsOf(fence).length === 0)) continue;
    const pipelines = pipelinesOf(fences);
    const isShared = (story: { readonly pipelines: readonly string[] }): boolean =>
      story.pipelines.some((name) => pipelines.includes(name));
    const shared = stories.filter(isShared);
    stories = [
      ...stories.filter((story) => !isShared(story)),
      {
        titles: [...shared.flatMap(({ titles }) => titles), chapter.split('\n', 1)[0] ?? ''],
        fences: [...shared.flatMap((story) => story.fences), ...fences],
        pipelines: [...shared.flatMap((story) => story.pipelines), ...pipelines],
      },
    ];
  }
  return stories;
}

interface Shown {
  readonly command: string;
  readonly output: string;
}

/** Commands of a console fence with the lines below them. */
function shownIn(body: string): readonly Shown[] {
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1) };
    });
}

/** What is run of a fence; a program is one command. */
function commandsOf({ language, body }: Fence): readonly string[] {
  if (language === 'console') return shownIn(body).map(({ command }) => command);
  if (language === 'ts') return [body];
  if (language !== 'sh') return [];
  const commands = body.trim().split('\n');
  return commands.filter((line) => !NOT_RUN.some(([command]) => command.test(line)));
}

/** Standard output of a shell command that must succeed, and end. */
async function run(
  folder: string,
  command: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('VALENCE_') && name !== 'NODE_OPTIONS',
  );
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1', ...environment };
  const options = { cwd: folder, env, timeout: HANGS_MS };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], options);
  return stdout;
}

/** What the commands of a document find. */
interface Place {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A command as it is run. */
  readonly written: (command: string) => string;
  /** Its output as the document has it. */
  readonly read: (output: string) => string;
}

function here(folder: string): Place {
  return { folder, environment: {}, written: (command) => command, read: (output) => output };
}

/** Names of other lengths would move the columns of tables. */
function onKafka(folder: string, brokers: string): Place {
  const names = SHOWN_PIPELINES.map((shown) => {
    const hex = randomBytes(shown.length)
      .toString('hex')
      .slice(0, shown.length - 1);
    return { shown, used: `p${hex}` };
  });
  const [{ used: pipeline } = { used: DEFAULT_PIPELINE }] = names;
  return {
    folder,
    environment: { VALENCE_PIPELINE: pipeline },
    written: (command) =>
      names.reduce(
        (text, { shown, used }) =>
          text.replaceAll(
            new RegExp(
              `\\b${shown}(?=\\.(?:source|results|model|snapshots|dlq)\\b)|(?<=--pipeline )${shown}\\b`,
              'g',
            ),
            used,
          ),
        command.replaceAll(SHOWN_BROKER, brokers),
      ),
    read: (output) =>
      names
        .reduce((text, { shown, used }) => text.replaceAll(used, shown), output)
        .replaceAll(brokers, SHOWN_BROKER),
  };
}

/** The text with what differs from run to run made equal, and without spaces at the ends of lines. */
function settled(text: string): string {
  return (
    text
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<moment>')
      .replaceAll(/\b\d\d:\d\d:\d\d\b/g, '<time>')
      // The last column of a table is as wide as its fastest rate.
      .replaceAll(/ +(Docs|[\d,]+\/s|-)$/gm, ' $1')
      .replaceAll(/[\d,]+\/s\b/g, '<rate>')
      .replaceAll(/\d+\.\d\d(?= {2}(?:done|stopped))/g, '<seconds>')
      // How records fall into transactions, and hence idle metrics, is a matter of the moment.
      .replaceAll(/[\d,]+ deltas(?: · [\d,]+ results)?/g, '<deltas>')
      .replaceAll(/(?<=cluster )\S+(?=,)/g, '<id>')
      .replaceAll(/[^\S\n]+$/gm, '')
      .trim()
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

function expectOutput(command: string, output: string, shown: string): void {
  const [actual, wanted] = [settled(output), settled(shown)];
  const lines = wanted.split('\n');
  if (!lines.includes(ELIDED)) {
    expect({ command, output: actual }).toEqual({ command, output: wanted });
    return;
  }
  const parts = lines.map((line) => (line === ELIDED ? '(?:.*\n)*' : `${escaped(line)}\n`));
  expect(`${actual}\n`).toMatch(new RegExp(`^${parts.join('')}$`));
}

/** Type-checks the program and runs it. */
async function runLibrary(folder: string, program: string): Promise<string> {
  await writeFile(join(folder, 'program.mts'), program);
  await writeFile(join(folder, 'program.mjs'), program);
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const options = '--noEmit --strict --module nodenext --target es2023 --types node --skipLibCheck';
  await run(folder, `"${process.execPath}" "${tsc}" ${options} program.mts`);
  return run(folder, `"${process.execPath}" program.mjs`);
}

interface ShownResult {
  readonly type: string;
  readonly source: { readonly topic: string; readonly offset: number; readonly ts: unknown };
}

/** The results that a source record led to. */
async function resultsOf(folder: string, { type, source }: ShownResult): Promise<unknown[]> {
  const pipeline = source.topic.replace(/\.source$/, '');
  const choice = `--type ${type} --where source.offset=${source.offset}`;
  const command = `node bin/valence.js tail results --pipeline ${pipeline} ${choice} --until-end --json`;
  const lines = (await run(folder, command)).trim().split('\n');
  return lines.map((line) => {
    const { value }: { value: ShownResult } = JSON.parse(line);
    return settledResult(value);
  });
}

function settledResult(result: ShownResult): ShownResult {
  return { ...result, source: { ...result.source, ts: '<moment>' } };
}

/** Does what a fence asks for. @returns how many commands that were */
async function follow(place: Place, fence: Fence, next: Fence | undefined): Promise<number> {
  const { folder } = place;
  const environment = { NODE_OPTIONS: TERMINAL, ...place.environment };
  const { language, body } = fence;
  if (language === 'sh')
    for (const command of commandsOf(fence)) await run(folder, place.written(command), environment);
  if (language === 'console')
    for (const { command, output } of shownIn(body)) {
      const printed = await run(folder, place.written(command), environment);
      expectOutput(command, place.read(printed), output);
    }
  if (language === 'ts') {
    const output = await runLibrary(folder, body);
    if (next?.language === 'text') expectOutput('the program', output, next.body);
  }
  if (language === 'json') {
    const shown: ShownResult = JSON.parse(body);
    expect(await resultsOf(folder, shown)).toContainEqual(settledResult(shown));
  }
  return commandsOf(fence).length;
}

/** @returns how many commands the fences were */
async function followAll(fences: readonly Fence[], place: Place): Promise<number> {
  let commands = 0;
  for (const [index, fence] of fences.entries())
    commands += await follow(place, fence, fences[index + 1]);
  return commands;
}

const EMBEDDED = [
  ['README.md', 25],
  ['docs/GUIDE.md', 55],
  ['docs/OPERATIONS.md', 0],
] as const;
const STORIES = EMBEDDED.flatMap(([document]) =>
  storiesOf(document).map(({ titles, fences }) => ({
    name: `${document}: ${titles.join(', ')}`,
    fences,
  })),
);

test.concurrent.each(STORIES)(
  'every command of $name runs and prints what is shown',
  async ({ fences }) => {
    await withFolder(async (folder) => {
      expect(await followAll(fences, here(folder))).toBeGreaterThan(0);
    });
  },
  STORY_MS,
);

test.each(EMBEDDED)('%s has %i commands at least, and each is in a story', (document, atLeast) => {
  const embedded = fencesIn(read(document)).filter(({ body }) => !body.includes(SHOWN_BROKER));
  const told = STORIES.filter(({ name }) => name.startsWith(document));
  const commands = embedded.flatMap(commandsOf).toSorted();
  expect(told.flatMap(({ fences }) => fences.flatMap(commandsOf)).toSorted()).toEqual(commands);
  expect(commands.length).toBeGreaterThanOrEqual(atLeast);
});

describeKafka('on Kafka', ({ brokers }) => {
  test.concurrent.each([
    ['README.md', 7],
    ['docs/GUIDE.md', 8],
    ['docs/OPERATIONS.md', 1],
  ])(
    'every command of %s about Kafka runs and prints what is shown',
    async (document, atLeast) => {
      await withFolder(async (folder) => {
        const place = onKafka(folder, brokers.join(','));
        const fences = fencesIn(read(document)).filter(({ body }) => body.includes(SHOWN_BROKER));
        expect(await followAll(fences, place)).toBeGreaterThanOrEqual(atLeast);
      });
    },
    STORY_MS,
  );
});

test('what is only shown is there to be seen, each with its reason', () => {
  const fences = EMBEDDED.flatMap(([document]) => fencesIn(read(document)));
  const commands = fences.flatMap(({ language, body }) =>
    language === 'sh' ? body.trim().split('\n') : [],
  );
  const unused = NOT_RUN.filter(([command]) => !commands.some((line) => command.test(line)));
  expect(unused).toEqual([]);
});
