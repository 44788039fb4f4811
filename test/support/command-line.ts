/** Command lines in this process, with texts for stdout and stderr. */
import { Readable } from 'node:stream';
import { runCli } from '../../src/cli/program.ts';
import type { Surroundings } from '../../src/cli/surroundings.ts';
import { openLog } from '../../src/open-log.ts';
import { exitCodeOf, failureLines } from '../../src/worker.ts';

/** What commands load when they run. Loaded before: the test runner's loader mixes up what two of them ask for at once. */
const LOADED = [
  'cli/evaluation-html',
  'cli/start-view',
  'cli/subscriber-options',
  'core/models/snapshot',
  'ingest/publish',
  'ingest/rows',
  'logger',
  'pipeline/declared-classes',
  'pipeline/evaluate',
  'pipeline/fold',
  'pipeline/import-model',
  'pipeline/inspect',
  'pipeline/promote',
  'pipeline/rebuild',
  'pipeline/replay',
  'pipeline/score-replica',
  'pipeline/state',
  'pipeline/subscriber',
  'pipeline/verify',
];
for (const file of LOADED) await import(`../../src/${file}.ts`);

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON lines. */
  readonly values: readonly Record<string, unknown>[];
}

export interface CommandOptions extends Partial<
  Pick<Surroundings, 'openLog' | 'removeLog' | 'environment' | 'signal' | 'now'>
> {
  readonly stdin?: string;
  /** Whether stdout is a terminal, of 100 columns. */
  readonly isTTY?: boolean;
}

/** Runs a command, on a real log if nothing else is said; an error that ends it is told as a worker tells it. */
export async function runCommand(
  argv: readonly string[],
  { stdin = '', isTTY = false, ...given }: CommandOptions,
): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr'): Surroundings['stdout'] => ({
    write: (text) => {
      written[name] += text;
      return true;
    },
    once: () => undefined,
    isTTY: name === 'stdout' && isTTY,
    columns: 100,
  });
  const surroundings: Surroundings = {
    openLog,
    removeLog: () => Promise.resolve(true),
    environment: {},
    signal: new AbortController().signal,
    now: Date.now,
    ...given,
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: sink('stdout'),
    stderr: sink('stderr'),
  };
  let code: number;
  try {
    code = await runCli(argv, surroundings);
  } catch (error) {
    code = exitCodeOf(error);
    written.stderr += `${failureLines('valence', error).join('\n')}\n`;
  }
  const values = written.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, ...written, values };
}
