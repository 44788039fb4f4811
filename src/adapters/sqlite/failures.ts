/** SQLite's result codes as errors of the port, each with the file and the way out. */
import { type ErrorCode, ValenceError } from '../../errors.ts';

/** Primary result codes, https://sqlite.org/rescode.html */
const BUSY = 5;
const LOCKED = 6;
const IOERR = 10;
const DAMAGED = 'The file is damaged. Restore a copy, or start a new log from the source.';
const ADVICE: ReadonlyMap<number, readonly [code: ErrorCode, advice: string]> = new Map([
  // A plain error is a missing table or column: the file is not what its header says.
  [1, ['LOG_CORRUPT', DAMAGED]],
  [3, ['LOG_READ_ONLY', 'No permission. Make the file and its folder writable for this user.']],
  [BUSY, ['LOG_UNAVAILABLE', 'Another process holds its lock. Try again, or end that process.']],
  [LOCKED, ['LOG_UNAVAILABLE', 'Another process holds its lock. Try again, or end that process.']],
  [7, ['LOG_UNAVAILABLE', 'Out of memory. Give the process more, or use smaller batches.']],
  [8, ['LOG_READ_ONLY', 'It cannot be written. Make the file and its folder writable.']],
  [IOERR, ['LOG_UNAVAILABLE', 'Reading or writing failed. Check the disk and its mount.']],
  [11, ['LOG_CORRUPT', DAMAGED]],
  [13, ['LOG_FULL', 'No space left. Free space on its disk, then start again.']],
  [
    14,
    [
      'LOG_READ_ONLY',
      'It cannot be opened. Check the path, and that this user may write there: looking takes that too.',
    ],
  ],
  [15, ['LOG_UNAVAILABLE', 'Its locks are in disorder. Try again; keep the file on a local disk.']],
  [18, ['RECORD_INVALID', 'A record is larger than SQLite can hold.']],
  [22, ['LOG_FULL', 'The file is larger than its file system allows.']],
  [26, ['LOG_CORRUPT', 'The file is not an SQLite database. Choose another file.']],
]);

/** Primary result code of an error from SQLite; undefined: not from SQLite. */
export function resultCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** True when the lock is held elsewhere, so that the same call may succeed later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED;
}

/**
 * The error to throw to a caller of the port. Errors that are not SQLite's, or only a mistake of ours can cause, pass through.
 *
 * @param step `commit`: an I/O error leaves open whether the transaction is in the file
 */
export function failureOf(error: unknown, file: string, step: 'work' | 'commit' = 'work'): unknown {
  if (isClosed(error))
    return new ValenceError('LOG_UNAVAILABLE', `The log ${file} has been closed.`);
  const result = resultCode(error);
  const known = result === undefined ? undefined : ADVICE.get(result);
  if (known === undefined) return error;
  const message = error instanceof Object && 'message' in error ? String(error.message) : '';
  const fields = { file, errcode: result };
  if (result === IOERR && step === 'commit')
    return new ValenceError(
      'COMMIT_UNKNOWN',
      `The log ${file} failed while it was committing (${message}). Check the disk; what was committed is seen when it is read again.`,
      fields,
      { cause: error },
    );
  const [code, advice] = known;
  return new ValenceError(code, `The log ${file}: ${message}. ${advice}`, fields, { cause: error });
}

/** The driver's own error for a connection that was closed. */
function isClosed(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    error.code === 'ERR_INVALID_STATE'
  );
}
