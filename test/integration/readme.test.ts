/**
 * What the README and the guide show is what happens. Fences say what is run:
 *
 *   ```sh       commands, run; npm's own are left to those who run the tests
 *   ```console  `$ command`, run, and what it prints on a terminal; a line `…` stands for any number of lines
 *   ```ts       a program that uses the library: type-checked and run; a ```text fence right behind it is its output
 *   ```json     a record of the results topic that its `source` names
 *
 * Everything else is only shown. The commands of a document run in its order, in one folder, with the bin and examples of here.
 */
import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Makes a process believe that its output goes to a terminal of 110 columns. */
const TERMINAL =
  '--import=data:text/javascript,process.stdout.isTTY=true;process.stdout.columns=110';
const ELIDED = '…';

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

async function fencesOf(document: string): Promise<readonly Fence[]> {
  const text = await readFile(join(ROOT, document), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = '', body = '']) => ({
    language,
    body,
  }));
}

interface Shown {
  readonly command: string;
  readonly output: string;
}

/** Commands of a console fence with the lines below them. */
function commandsOf(body: string): readonly Shown[] {
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), output: part.slice(end + 1) };
    });
}

/** Standard output of a shell command that must succeed. */
async function run(
  folder: string,
  command: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('VALENCE_') && name !== 'NODE_OPTIONS',
  );
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1', ...environment };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: folder, env });
  return stdout;
}

/** The text with what differs from run to run made equal, and without spaces at the ends of lines. */
function settled(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<moment>')
    .replaceAll(/\b\d\d:\d\d:\d\d\b/g, '<time>')
    .replaceAll(/[\d,]+\/s\b/g, '<rate>')
    .replaceAll(/\d+\.\d\d(?= {2}(?:done|stopped))/g, '<seconds>')
    .replaceAll(/[^\S\n]+$/gm, '')
    .trim();
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
async function follow(folder: string, fence: Fence, next: Fence | undefined): Promise<number> {
  const terminal = { NODE_OPTIONS: TERMINAL };
  const { language, body } = fence;
  if (language === 'sh') {
    const commands = body.trim().split('\n');
    const ours = commands.filter((command) => !/^npm (?:install|start|test)\b/.test(command));
    for (const command of ours) await run(folder, command, terminal);
    return ours.length;
  }
  if (language === 'console') {
    const commands = commandsOf(body);
    for (const { command, output } of commands)
      expectOutput(command, await run(folder, command, terminal), output);
    return commands.length;
  }
  if (language === 'ts') {
    const output = await runLibrary(folder, body);
    if (next?.language === 'text') expectOutput('the program', output, next.body);
    return 1;
  }
  if (language === 'json') {
    const shown: ShownResult = JSON.parse(body);
    expect(await resultsOf(folder, shown)).toContainEqual(settledResult(shown));
  }
  return 0;
}

test.concurrent.each([
  ['README.md', 20],
  ['docs/GUIDE.md', 35],
])(
  'every command of %s runs and prints what is shown',
  async (document, atLeast) => {
    const fences = await fencesOf(document);
    await withFolder(async (folder) => {
      let commands = 0;
      for (const [index, fence] of fences.entries())
        commands += await follow(folder, fence, fences[index + 1]);
      expect(commands).toBeGreaterThanOrEqual(atLeast);
    });
  },
  120_000,
);
