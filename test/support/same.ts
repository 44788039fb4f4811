import { expect } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';

/** `toEqual` for what is large or compared often: it walks every byte of a buffer, so it is only asked to show a difference. */
export function expectSame(got: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(got, expected)) expect(got).toEqual(expected);
}
