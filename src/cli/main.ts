/** A worker process that runs one command line. The composition roots in `workers/` hand in the log. */
import { processEnvironment } from '../config.ts';
import { armCrashPoint } from '../crash-point.ts';
import { runWorker } from '../worker.ts';
import { runCli } from './program.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * @param argv arguments after the program's name
 * @param name of the process in its last line
 */
export async function runProcess(
  argv: readonly string[],
  openLog: Surroundings['openLog'],
  name = 'valence',
): Promise<void> {
  const environment = processEnvironment();
  const crashAt = environment['VALENCE_CRASH_AT'];
  if (crashAt !== undefined && crashAt !== '')
    armCrashPoint(crashAt, () => process.kill(process.pid, 'SIGKILL'));
  const { stdin, stdout, stderr } = process;
  await runWorker(name, ({ signal }) =>
    runCli(argv, { openLog, environment, stdin, stdout, stderr, signal, now: Date.now }),
  );
}
