/**
 * Rates of kinds side by side: the engine compiles code while it runs, and compiles it anew when another kind comes along. So each kind
 * runs for a moment before any is measured, on a learner that is thrown away; else the first would pay for all.
 */
import type { Evaluation, EvaluationRow } from '../pipeline/evaluate.ts';

/** Times that each kind has its turn: what was compiled for one alone does not hold for the next, until all have been there. */
const ROUNDS = 3;
/** A turn: at most so long, ms, and so often over the rows. Of a few rows no rate means anything. */
const TURN_MS = 150;
const PASSES = 4;
/** Rows between two looks at the clock. */
const STEP = 250;

/**
 * Changes no result: nothing of it is kept.
 *
 * @param create a new evaluation of a kind
 * @param rows some of those that will be measured
 * @param now monotonic ms
 */
export function warmUp(
  kinds: readonly string[],
  create: (kind: string) => Pick<Evaluation, 'add'>,
  rows: readonly EvaluationRow[],
  { now, signal }: { readonly now: () => number; readonly signal: AbortSignal },
): void {
  if (rows.length === 0) return;
  for (const kind of Array.from({ length: ROUNDS }, () => kinds).flat()) {
    const until = now() + TURN_MS;
    try {
      const evaluation = create(kind);
      const steps = Math.ceil(rows.length / STEP);
      for (let step = 0; step < PASSES * steps && now() < until && !signal.aborted; step++) {
        const at = (step % steps) * STEP;
        evaluation.add(rows.slice(at, at + STEP));
      }
    } catch {
      // What is wrong with a row is told, with its number, by the evaluation that counts.
    }
  }
}
