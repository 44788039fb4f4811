/** Vowpal Wabbit beside, in the same run, where a Python that can import it is there. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PYTHON } from './river.ts';

export interface VwFigures {
  readonly recordsPerSecond: number;
  /** The same by the time that the processor worked for it, all threads together. */
  readonly recordsPerCpuSecond: number;
  /** 0 to 1. */
  readonly accuracy: number;
  /** Mean of -ln p of the label in nats, p no less than 1e-15. */
  readonly logLoss: number;
}

export interface VwResult {
  readonly version: string;
  /** Row by row through the Python API. */
  readonly api: VwFigures;
  /** The engine reads a file in its own format, as its command line does. */
  readonly reader: VwFigures;
}

let known: boolean | undefined;

/** Prints one line when it is not. */
function hasVw(): boolean {
  if (known !== undefined) return known;
  known = spawnSync(PYTHON, ['-c', 'import vowpalwabbit']).status === 0;
  if (!known) console.log(`Vowpal Wabbit is not beside: ${PYTHON} cannot import it.`);
  return known;
}

/** One pass each way over a file, predict then learn; undefined without Vowpal Wabbit. */
export function runVw(path: string, classes: readonly string[]): VwResult | undefined {
  if (!hasVw()) return undefined;
  const script = fileURLToPath(new URL('vw.py', import.meta.url));
  const { status, stdout } = spawnSync(PYTHON, [script, path, '1', ...classes], {
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  const result: VwResult = JSON.parse(stdout);
  return result;
}
