/** River beside, in the same run, where a Python that can import it is there. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { variable } from '../test/support/environment.ts';

/** A Python with River 0.26. */
export const PYTHON = variable('VALENCE_PYTHON') ?? 'python3';

export interface RiverResult {
  readonly river: string;
  readonly python: string;
  readonly recordsPerSecond: number;
  /** The same by the time that the processor worked for it, whoever else was about. */
  readonly recordsPerCpuSecond: number;
  readonly hits: number;
  /** Mean of -ln p of the label in nats, p no less than 1e-15. */
  readonly logLoss: number;
}

let known: boolean | undefined;

/** Prints one line when it is not. */
function hasRiver(): boolean {
  if (known !== undefined) return known;
  known = spawnSync(PYTHON, ['-c', 'import river']).status === 0;
  if (!known) console.log(`River is not beside: ${PYTHON} cannot import it (VALENCE_PYTHON).`);
  return known;
}

/** One pass of BagOfWords and a model over a file, predict then learn; undefined without River. */
export function runRiver(path: string, model: string): RiverResult | undefined {
  if (!hasRiver()) return undefined;
  const script = fileURLToPath(new URL('river.py', import.meta.url));
  const { status, stdout } = spawnSync(PYTHON, [script, path, model, '1'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const result: RiverResult = JSON.parse(stdout);
  return result;
}
