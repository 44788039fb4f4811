/** The command `valence` as users run it, each time in a process of its own. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/**
 * How Node runs Valence in production: the Dockerfile and `npm start` set the same. With 32 MB a half (16 by default) the young
 * generation is collected less often and less is promoted: 12 % more records/s.
 */
export const PRODUCTION_NODE_ARGS: readonly string[] = ['--max-semi-space-size=32'];
/** The command's file. */
export const VALENCE = join(ROOT, 'bin/valence.js');

function newest(folder: string, suffix: string): number {
  if (!existsSync(folder)) return 0;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith(suffix));
  return Math.max(0, ...files.map((name) => statSync(join(folder, name)).mtimeMs));
}

/** Says so if what is measured is not what the sources are. */
export function warnIfStale(): void {
  const sources = Math.max(
    ...['src', 'topics', 'workers'].map((name) => newest(join(ROOT, name), '.ts')),
  );
  if (sources > newest(join(ROOT, 'dist'), '.js'))
    console.log('WARNING: dist is older than the sources; `npm run build` first\n');
}

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  /** From spawn to exit, the start of Node included. */
  readonly seconds: number;
}

/** @throws the command's own words, when it fails */
export function valence(args: readonly string[], nodeArgs: readonly string[] = []): Run {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, VALENCE, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: quietEnvironment(),
  });
  if (status !== 0) throw new Error(`valence ${args.join(' ')}: ${stderr}`);
  return { stdout, stderr, seconds: (performance.now() - start) / 1000 };
}

/** The command in the background, until it is killed. Its log lines go nowhere. */
export function startValence(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [VALENCE, ...args], { stdio: 'ignore', env: quietEnvironment() });
}

/** Settings of the person who runs the benchmark must not change what is measured. */
export function quietEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VALENCE_|KAFKA_|NODE_ENV$)/.test(name)),
  );
}
