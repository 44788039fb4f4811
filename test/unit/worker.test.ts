import { describe, expect, test } from '@jest/globals';
import { RECOVERY, ValenceError, type ErrorCode } from '../../src/errors.ts';
import { exitCodeOf, failureLines } from '../../src/worker.ts';

const CODES = Object.keys(RECOVERY) as ErrorCode[];

describe('exit codes', () => {
  test('what the operator has to put right is 2, everything else 1', () => {
    const misuse = CODES.filter((code) => exitCodeOf(new ValenceError(code, 'x')) === 2);
    expect(misuse).toEqual(['CONFIG_INVALID', 'TOPIC_MISMATCH', 'NOT_FOUND', 'MODEL_UNKNOWN']);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(exitCodeOf('thrown text')).toBe(1);
  });
});

describe('the last line', () => {
  test('has code, message and what to do', () => {
    expect(
      failureLines('valence', new ValenceError('LOG_UNAVAILABLE', 'the file is locked')),
    ).toEqual([
      'valence: LOG_UNAVAILABLE: the file is locked. See `valence doctor`; starting again is safe.',
    ]);
  });

  test('is one line for every code, and a line each for several problems', () => {
    for (const code of CODES)
      expect(failureLines('valence', new ValenceError(code, 'wrong'))).toHaveLength(1);
    expect(failureLines('valence', new ValenceError('CONFIG_INVALID', 'a\nb'))).toEqual([
      'valence: CONFIG_INVALID: 2 problems',
      '  a',
      '  b',
    ]);
  });

  test('of an error that nobody raised on purpose says where it happened, on one line', () => {
    const error = new TypeError('first\nsecond');
    error.stack = 'TypeError: first\nsecond\n    at fold (fold.ts:7:1)\n    at more (a.ts:1:1)';
    expect(failureLines('valence', error)).toEqual([
      'valence: unexpected error: first second (at fold (fold.ts:7:1))',
    ]);
  });
});
