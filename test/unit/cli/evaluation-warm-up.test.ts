import { describe, expect, test } from '@jest/globals';
import { warmUp } from '../../../src/cli/evaluation-warm-up.ts';
import type { EvaluationRow } from '../../../src/pipeline/evaluate.ts';

const ROWS: readonly EvaluationRow[] = [{ text: 'good', label: 'positive' }];

/** Runs the kinds; @returns the passes of each, in order. */
function passesOf(
  kinds: readonly string[],
  rows = ROWS,
  stop?: AbortController,
  passMs = 100,
): string[] {
  let clock = 0;
  const passes: string[] = [];
  const create = (kind: string) => ({
    add: (given: Iterable<EvaluationRow>) => {
      expect([...given]).toEqual(rows);
      passes.push(kind);
      clock += passMs;
      if (kind === 'broken') throw new Error('row 1');
      stop?.abort();
    },
  });
  const { signal } = stop ?? new AbortController();
  warmUp(kinds, create, rows, { now: () => clock, signal });
  return passes;
}

describe('before kinds are measured side by side', () => {
  test('they take turns, each for as long as the others', () => {
    const round = ['a', 'a', 'b', 'b'];
    expect(passesOf(['a', 'b'])).toEqual([...round, ...round, ...round]);
  });

  test('a few rows are run over a few times', () => {
    const round = ['a', 'a', 'a', 'a'];
    expect(passesOf(['a'], ROWS, undefined, 1)).toEqual([...round, ...round, ...round]);
  });

  test('what is wrong with a row is left to the run that counts', () => {
    const round = ['broken', 'b', 'b'];
    expect(passesOf(['broken', 'b'])).toEqual([...round, ...round, ...round]);
  });

  test('nothing runs without rows, or when the command is told to end', () => {
    expect(passesOf(['a', 'b'], [])).toEqual([]);
    expect(passesOf(['a', 'b'], ROWS, new AbortController())).toEqual(['a']);
  });
});
