/**
 * Where the bytes come from: a file, standard input, plain or gzip. A gzip stream is known by its first two bytes, whatever its
 * name. Nothing is read ahead of what the consumer asks for but one chunk.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ValenceError } from '../errors.ts';
import type { Format } from './row.ts';

/** The path that stands for standard input. */
export const STDIN = '-';

const CHUNK_BYTES = 256 * 1024;
const HEAD_BYTES = 4096;

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['.ndjson', 'ndjson'],
  ['.jsonl', 'ndjson'],
  ['.json', 'ndjson'],
  ['.csv', 'csv'],
  ['.tsv', 'tsv'],
  ['.txt', 'text'],
]);

/**
 * Format by the file's extension, `.gz` aside; standard input and names without extension are NDJSON.
 *
 * @throws CONFIG_INVALID an extension that says nothing
 */
export function formatOf(path: string): Format {
  const extension = path === STDIN ? '' : extname(path.replace(/\.gz$/i, '')).toLowerCase();
  const format = extension === '' ? 'ndjson' : FORMATS.get(extension);
  if (format !== undefined) return format;
  throw new ValenceError(
    'CONFIG_INVALID',
    `cannot tell the format of '${path}' by its extension; add --format ndjson, csv, tsv or text`,
    { path },
  );
}

/** Name of an input, for ids and messages: the file's own name, or `stdin`. */
export function inputName(path: string): string {
  return path === STDIN ? 'stdin' : basename(path);
}

/** What a regular file looks like from outside. */
export interface FileFacts {
  readonly sizeBytes: number;
  readonly gzip: boolean;
  /** Hash of the first `headBytes` bytes; tells another file under the same name from the same file with more behind it. */
  readonly head: string;
  readonly headBytes: number;
}

/**
 * Facts of a file; undefined for standard input, pipes and devices, which cannot be read twice.
 *
 * @param headBytes how many bytes to hash, default and at most 4,096
 * @throws NOT_FOUND no such file; CONFIG_INVALID it cannot be read
 */
export async function fileFacts(
  path: string,
  headBytes = HEAD_BYTES,
): Promise<FileFacts | undefined> {
  if (path === STDIN) return undefined;
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) {
      throw new ValenceError('CONFIG_INVALID', `'${path}' is a folder; name a file`, { path });
    }
    if (!stats.isFile()) {
      // Opening a pipe would wait for who writes to it.
      await access(path, constants.R_OK);
      return undefined;
    }
    const file = await open(path);
    try {
      const head = new Uint8Array(HEAD_BYTES);
      const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
      const hashed = Math.min(bytesRead, headBytes);
      return {
        sizeBytes: stats.size,
        gzip: isGzip(head.subarray(0, bytesRead)),
        head: createHash('sha256').update(head.subarray(0, hashed)).digest('base64url'),
        headBytes: hashed,
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readError(path, error);
  }
}

/**
 * The uncompressed bytes from `start` on. Ends quietly when `signal` aborts.
 *
 * @param stdin what to read for `-`
 * @throws NOT_FOUND, CONFIG_INVALID: the file is absent, cannot be read, is a damaged gzip stream or UTF-16
 */
export async function* readBytes(
  path: string,
  start: number,
  signal: AbortSignal | undefined,
  stdin: Readable = process.stdin,
): AsyncGenerator<Buffer> {
  const facts = await fileFacts(path);
  const seekable = facts !== undefined && !facts.gzip;
  const plain =
    path === STDIN
      ? stdin
      : // With a start, even 0, it reads by position, which a pipe does not have.
        createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(seekable ? { start } : {}) });
  const stop = (): void => void plain.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted === true) return;
    let fresh = start === 0;
    for await (const chunk of seekable ? buffers(plain) : afterBytes(start, maybeGunzip(plain))) {
      if (fresh && isUtf16(chunk)) throw utf16Error(path);
      fresh = false;
      yield chunk;
    }
  } catch (error) {
    // Destroying a stream that is being read shows as a premature close.
    if (signal?.aborted === true) return;
    throw readError(path, error);
  } finally {
    signal?.removeEventListener('abort', stop);
    plain.destroy();
  }
}

async function* buffers(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream)
    yield chunk instanceof Uint8Array ? asBuffer(chunk) : Buffer.from(String(chunk));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Looks at the first two bytes and unzips if they are gzip's. */
async function* maybeGunzip(stream: Readable): AsyncGenerator<Buffer> {
  const chunks = buffers(stream);
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  if (!isGzip(head)) {
    if (head.length > 0) yield head;
    yield* chunks;
    return;
  }
  const zipped = Readable.from(withHead(head, chunks), { objectMode: false });
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  zipped.on('error', (error) => gunzip.destroy(error));
  try {
    yield* buffers(zipped.pipe(gunzip));
  } finally {
    zipped.destroy();
    gunzip.destroy();
  }
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

/** Drops the first `count` bytes. */
async function* afterBytes(count: number, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield left === 0 ? chunk : chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** True for the byte order mark of UTF-16, either order. */
function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
}

function utf16Error(path: string): ValenceError {
  const fix = 'convert it with: iconv -f UTF-16 -t UTF-8';
  return new ValenceError('CONFIG_INVALID', `'${path}' is in UTF-16; ${fix}`, { path });
}

const READ_ERRORS: ReadonlyMap<string, readonly ['NOT_FOUND' | 'CONFIG_INVALID', string]> = new Map(
  [
    ['ENOENT', ['NOT_FOUND', 'does not exist; check the path']],
    ['ENOTDIR', ['NOT_FOUND', 'does not exist; check the path']],
    ['EISDIR', ['CONFIG_INVALID', 'is a folder; name a file']],
    ['EACCES', ['CONFIG_INVALID', 'cannot be read; check its permissions']],
    ['EPERM', ['CONFIG_INVALID', 'cannot be read; check its permissions']],
    [
      'Z_DATA_ERROR',
      ['CONFIG_INVALID', 'is a damaged gzip file; what stood before the damage was read'],
    ],
    [
      'Z_BUF_ERROR',
      ['CONFIG_INVALID', 'is a gzip file that ends too early; what there is was read'],
    ],
  ] as const,
);

/** A code for what the file system or zlib says; anything unforeseen is passed on. */
export function readError(path: string, error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  const known = READ_ERRORS.get(String(code));
  if (known === undefined) return error;
  return new ValenceError(known[0], `'${path}' ${known[1]}`, { path }, { cause: error });
}
