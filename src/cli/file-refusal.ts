/** Files that a command is to write, and what the system has against it. */
import { codeOf, ValenceError } from '../errors.ts';

const NO_PERMISSION = 'no permission to write there; name a file in a folder of yours';
const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'its folder does not exist; make the folder first'],
  ['ENOTDIR', 'what should be its folder is a file; name another one'],
  ['EISDIR', 'it is a folder; name a file in it'],
  ['EACCES', NO_PERMISSION],
  ['EPERM', NO_PERMISSION],
  ['EROFS', 'that file system is read-only; name a file elsewhere'],
  ['ENOSPC', 'no space is left there; name a file elsewhere'],
  ['ENAMETOOLONG', 'the name is too long; name another one'],
]);
/** A path in a message is cut short. */
const MOST_SHOWN = 200;

/**
 * What the system says of a file, with the fix.
 *
 * @param setting that names the file, such as `--report`
 */
export function writeRefusal(setting: string, path: string, cause: unknown): ValenceError {
  const code = codeOf(cause);
  const reason =
    REASONS.get(code) ?? `it cannot be written${code === '' ? '' : ` (${code})`}; name another one`;
  return fileRefusal(setting, path, reason, cause);
}

/** @param reason what is wrong, with the fix */
export function fileRefusal(
  setting: string,
  path: string,
  reason: string,
  cause?: unknown,
): ValenceError {
  const options = cause === undefined ? {} : { cause };
  const message = `${setting} '${path.slice(0, MOST_SHOWN)}': ${reason}`;
  return new ValenceError('CONFIG_INVALID', message, {}, options);
}
