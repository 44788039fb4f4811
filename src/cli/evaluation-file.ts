/** Where an HTML report goes: never over a file that is not a report of ours, and never half of one. */
import { randomUUID } from 'node:crypto';
import { open, realpath, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, type ValenceError } from '../errors.ts';
import { fileRefusal, writeRefusal } from './file-refusal.ts';

/** How every report begins; what begins otherwise is not overwritten. */
export const REPORT_HEAD = '<!doctype html>\n<!-- valence evaluate -->\n';

/**
 * Finds out whether the report can be written, by making and removing a file beside it.
 *
 * @throws CONFIG_INVALID it cannot; the message says why and what to do
 */
export async function checkReportFile(path: string): Promise<void> {
  const target = await targetOf(path);
  const { handle, temporary } = await beside(path, target);
  await handle.close();
  await unlink(temporary);
}

/**
 * Writes the report whole, or leaves what was there.
 *
 * @throws CONFIG_INVALID as {@link checkReportFile}
 */
export async function writeReportFile(path: string, html: string): Promise<void> {
  const target = await targetOf(path);
  const { handle, temporary } = await beside(path, target);
  try {
    try {
      await handle.writeFile(html);
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw refusal(path, error);
  }
}

/** The file itself, behind links, if it may be written. */
async function targetOf(path: string): Promise<string> {
  if (path === '-')
    throw invalid(path, 'the report is a file of its own; name it, such as --report report.html');
  let handle: FileHandle;
  let target: string;
  try {
    target = await realpath(path);
    handle = await open(target, 'r+');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw refusal(path, error);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw invalid(path, 'it is no regular file; name another one');
    const head = Buffer.alloc(Buffer.byteLength(REPORT_HEAD));
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (stat.size > 0 && head.toString('utf8', 0, bytesRead) !== REPORT_HEAD)
      throw invalid(
        path,
        'there is a file that is no report of valence evaluate, and it stays; name another one, or move it away',
      );
  } finally {
    await handle.close();
  }
  return target;
}

/** A new file in the folder of the report, to be renamed. */
async function beside(
  path: string,
  target: string,
): Promise<{ readonly handle: FileHandle; readonly temporary: string }> {
  const temporary = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomUUID()}`);
  try {
    return { handle: await open(temporary, 'wx'), temporary };
  } catch (error) {
    throw refusal(path, error);
  }
}

function refusal(path: string, error: unknown): ValenceError {
  return writeRefusal('--report', path, error);
}

function invalid(path: string, reason: string): ValenceError {
  return fileRefusal('--report', path, reason);
}
