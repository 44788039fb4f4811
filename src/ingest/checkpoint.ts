/**
 * How far a file has been published, kept by the log beside the records. One checkpoint for each topic and path; it knows the
 * file by the hash of its first bytes:
 *
 *   same first bytes, not shorter than what was read   the same file, perhaps with more behind it: go on where it ended
 *   anything else                                      another file under the same name: publish it from its beginning
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { fileFacts, type FileFacts } from './bytes.ts';
import type { Position } from './row.ts';

const Place = z.object({ byte: z.number(), row: z.number(), line: z.number() });

const FileCheckpoint = z.object({
  /** Place behind the last row whose text has been sent. */
  sent: Place,
  /** Place behind the last row whose label has been sent too; reading goes on here, to find the labels held back. */
  labelled: Place,
  /** The end of the file was reached, at this size. */
  done: z.boolean(),
  sizeBytes: z.number(),
  head: z.string(),
  headBytes: z.number(),
  /** The columns that were read, which the file is known to have. */
  columns: z.string(),
});
export type FileCheckpoint = z.infer<typeof FileCheckpoint>;

/** Name of the checkpoint of a file in a topic. */
export function checkpointName(topic: string, path: string): string {
  return `publish:${topic}:${resolve(path)}`;
}

/** The checkpoint's value; `done`: the end of the file was reached. */
export function encodeCheckpoint(
  facts: FileFacts,
  { sent, labelled }: { readonly sent: Position; readonly labelled: Position },
  columns: string,
  done: boolean,
): string {
  const { sizeBytes, head, headBytes } = facts;
  return JSON.stringify({
    sent,
    labelled,
    done,
    sizeBytes,
    head,
    headBytes,
    columns,
  } satisfies FileCheckpoint);
}

/**
 * The checkpoint, if it speaks of the file as it is now.
 *
 * @param value what the log kept
 * @param facts of the file as it is now
 */
export async function readCheckpoint(
  value: string | undefined,
  path: string,
  facts: FileFacts,
): Promise<FileCheckpoint | undefined> {
  const parsed = FileCheckpoint.safeParse(value === undefined ? undefined : parseJson(value));
  if (!parsed.success) return undefined;
  const known = parsed.data;
  // Places count uncompressed bytes, so a gzip file is measured by its size then.
  const least = facts.gzip ? known.sizeBytes : known.sent.byte;
  if (facts.sizeBytes < least) return undefined;
  // A file that was shorter than the head has grown since: compare what there was of it.
  const then = known.headBytes === facts.headBytes ? facts : await fileFacts(path, known.headBytes);
  return then?.head === known.head ? known : undefined;
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
