/** A worker process that runs one command line. The composition roots in `workers/` hand in the log. */
import { processEnvironment } from '../config.ts';
import { armCrashPoint } from '../crash-point.ts';
import type { ProcessOptions } from '../open-health.ts';
import { runWorker } from '../worker.ts';
import type { HealthOptions, WorkerHealth } from '../worker-health.ts';
import { packageVersion } from './package.ts';
import { runCli } from './program.ts';
import type { Surroundings } from './surroundings.ts';

/** What the composition roots know and the command line does not. */
export interface Adapters {
  readonly openLog: Surroundings['openLog'];
  readonly removeLog: Surroundings['removeLog'];
  readonly openHealth: (options: HealthOptions, process: ProcessOptions) => Promise<WorkerHealth>;
}

/**
 * @param argv arguments after the program's name
 * @param name of the process in its last line
 */
export async function runProcess(
  argv: readonly string[],
  { openLog, removeLog, openHealth }: Adapters,
  name = 'valence',
): Promise<void> {
  const environment = processEnvironment();
  const crashAt = environment['VALENCE_CRASH_AT'];
  if (crashAt !== undefined && crashAt !== '')
    armCrashPoint(crashAt, () => process.kill(process.pid, 'SIGKILL'));
  const { stdin, stdout, stderr } = process;
  await runWorker(name, ({ signal, fail }) =>
    runCli(argv, {
      openLog,
      removeLog,
      openHealth: (options) => openHealth(options, { version: packageVersion(), fail }),
      environment,
      stdin,
      stdout,
      stderr,
      signal,
      now: Date.now,
    }),
  );
}
