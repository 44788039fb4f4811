import { describe, expect, test } from '@jest/globals';
import { failureOf, isBusy } from '../../../../src/adapters/sqlite/failures.ts';

const sqlite = (errcode: number): Error =>
  Object.assign(new Error('as SQLite says'), { code: 'ERR_SQLITE_ERROR', errcode });

describe('errors of SQLite', () => {
  test.each([
    [5, 'LOG_UNAVAILABLE'],
    [6, 'LOG_UNAVAILABLE'],
    [10, 'LOG_UNAVAILABLE'],
    [3, 'LOG_READ_ONLY'],
    [8, 'LOG_READ_ONLY'],
    [14, 'LOG_READ_ONLY'],
    [13, 'LOG_FULL'],
    [11, 'LOG_CORRUPT'],
    [26, 'LOG_CORRUPT'],
    [1, 'LOG_CORRUPT'],
    [18, 'RECORD_INVALID'],
  ])('result code %i is %s, with the file and the cause', (errcode, code) => {
    const cause = sqlite(errcode);
    expect(failureOf(cause, '/data/log.db')).toMatchObject({
      code,
      message: expect.stringMatching(/\/data\/log\.db.*as SQLite says.*\. \w/),
      cause,
    });
  });

  test('extended codes count as their primary ones', () => {
    expect(failureOf(sqlite(5 | (2 << 8)), 'f')).toMatchObject({ code: 'LOG_UNAVAILABLE' });
    expect(isBusy(sqlite(5 | (1 << 8)))).toBe(true);
    expect(isBusy(sqlite(13))).toBe(false);
  });

  test('an I/O error at the commit leaves it open whether it happened', () => {
    expect(failureOf(sqlite(10), 'f', 'commit')).toMatchObject({ code: 'COMMIT_UNKNOWN' });
    expect(failureOf(sqlite(13), 'f', 'commit')).toMatchObject({ code: 'LOG_FULL' });
  });

  test('other errors pass through', () => {
    const error = new TypeError('a bug');
    expect(failureOf(error, 'f')).toBe(error);
    expect(isBusy(undefined)).toBe(false);
  });
});
