/** Takes a log's files away, unless somebody has them open. */
import { existsSync, rmSync } from 'node:fs';
import { codeOf, ValenceError } from '../../errors.ts';
import { DatabaseSync, type Database } from './driver.ts';
import { isBusy } from './failures.ts';

/** The file, its write-ahead log, and the index of that. */
const SUFFIXES = ['', '-wal', '-shm'];

/**
 * Removes a log with the files beside it. One that is damaged, or no log at all, goes too; where there is none, nothing is done.
 *
 * @returns false: a connection is open, however idle, and nothing was removed
 * @throws LOG_READ_ONLY the files cannot be removed
 */
export function removeFile(file: string): boolean {
  if (isOpen(file)) return false;
  try {
    for (const suffix of SUFFIXES) rmSync(`${file}${suffix}`, { force: true });
  } catch (cause) {
    throw new ValenceError(
      'LOG_READ_ONLY',
      `The log ${file} cannot be removed (${codeOf(cause)}). Give its folder back to this user, or name another log.`,
      { file },
      { cause },
    );
  }
  return true;
}

/**
 * Whether some connection of any process is open: a file leaves WAL only for who has it to himself, and a process that was killed has
 * nothing any more.
 *
 * @see https://www.sqlite.org/wal.html#persistence_of_wal_mode
 */
function isOpen(file: string): boolean {
  if (!existsSync(file)) return false;
  let db: Database | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec('PRAGMA journal_mode = DELETE');
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    db?.close();
  }
}
