/** The file: what marks it as ours, its tables, and the checks before it is opened. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, isValenceError, ValenceError } from '../../errors.ts';
import type { Database } from './driver.ts';

/** `VLNC`, at byte 68 of the file. */
export const APPLICATION_ID = 0x564c4e43;
/** `user_version`. A change that older programs cannot read raises it. 1 had a row for each record. */
export const SCHEMA_VERSION = 2;

const HEADER = { bytes: 100, magic: 'SQLite format 3\0', pageSize: 16, pages: 28, application: 68 };

/**
 * Partitions carry their ends, so that an offset is never given twice, also after all records were trimmed; `largest` is the size
 * of the largest batch ever appended, bytes. Their records stand in tables of their own, see {@link recordsTable}. A claim belongs
 * to a member and dies with it; epochs stay.
 */
const TABLES = `
CREATE TABLE topics (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cleanup TEXT NOT NULL, retention_ms INTEGER
) STRICT;
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics, partition INTEGER NOT NULL,
  "start" INTEGER NOT NULL DEFAULT 0, "end" INTEGER NOT NULL DEFAULT 0, largest INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, partition)
) STRICT;
CREATE TABLE checkpoints (name BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE groups (
  id INTEGER PRIMARY KEY, name BLOB NOT NULL, topic INTEGER NOT NULL REFERENCES topics, version INTEGER NOT NULL DEFAULT 0,
  UNIQUE (name, topic)
) STRICT;
CREATE TABLE members (
  "group" INTEGER NOT NULL REFERENCES groups, id TEXT NOT NULL, expires INTEGER NOT NULL, declined TEXT NOT NULL,
  PRIMARY KEY ("group", id)
) STRICT, WITHOUT ROWID;
CREATE TABLE claims (
  "group" INTEGER NOT NULL REFERENCES groups, partition INTEGER NOT NULL, epoch INTEGER NOT NULL, owner TEXT,
  PRIMARY KEY ("group", partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
  "group" INTEGER NOT NULL REFERENCES groups, partition INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY ("group", partition)
) STRICT, WITHOUT ROWID;
`;

/**
 * The table of a partition's records: its name and how it is made. A row is a batch: offset of its first record, how many records,
 * their latest timestamp, and the records in the form of `batch-encoder.ts`. Offsets have no gaps, so batches neither. One table for all partitions would be written in the middle, where
 * pages split: by bench/log.ts that takes twice the time a record, and with values above 1 KB three times and double the space.
 */
export function recordsTable(partition: number): { readonly name: string; readonly make: string } {
  const name = `records_${partition}`;
  const columns =
    'base INTEGER PRIMARY KEY, count INTEGER NOT NULL, newest INTEGER NOT NULL, records BLOB NOT NULL';
  return { name, make: `CREATE TABLE ${name} (${columns}) STRICT` };
}

/**
 * Looks at a file without changing it, and makes missing folders.
 *
 * @returns true when there is no file yet, or an empty one
 * @throws LOG_CORRUPT not an SQLite file, not a log of ours, or shorter than it should be
 * @throws LOG_READ_ONLY the folder cannot be made, or the file not be read, or it is a folder, a pipe or a device
 */
export function inspectFile(file: string): boolean {
  let head: { readonly bytes: Buffer; readonly size: number };
  try {
    makeFolder(dirname(file));
    requireFile(file);
    head = readHead(file);
  } catch (error) {
    if (isValenceError(error)) throw error;
    const code = codeOf(error);
    if (code === 'ENOENT' && existsSync(dirname(file))) return true;
    throw new ValenceError(
      'LOG_READ_ONLY',
      `The log ${file} cannot be opened (${code}). Name a file in a folder that this user can write.`,
      { file },
      { cause: error },
    );
  }
  if (head.size === 0) return true;
  const problem = problemOf(head, file);
  if (problem) throw new ValenceError('LOG_CORRUPT', `The log ${file}: ${problem}`, { file });
  return false;
}

/** Opening a pipe would wait for who writes to it, and hold the whole process. */
function requireFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || found.isFile()) return;
  const what = found.isDirectory() ? 'a folder' : 'no plain file, but a pipe or a device';
  throw new ValenceError(
    'LOG_READ_ONLY',
    `The log ${file} is ${what}. Name a file, such as sqlite:.valence/log.db.`,
    { file },
  );
}

/** Node's own `recursive` tries for ever where a folder that is there lets none be made in it, and says ENOENT: in `/proc`, for one. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Of a page of a new file, bytes. Batches are long: on SQLite's pages of 4 KB they are a chain of many, each a call to the system. */
const PAGE_BYTES = 16_384;

/**
 * Marks a new file as ours. Done before the file turns to WAL, so that the mark stands in the file itself, where
 * {@link inspectFile} looks; and so that the size of its pages can still be chosen.
 */
export function markFile(db: Database): void {
  db.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

/**
 * Makes the tables where they are missing. To be called in a write transaction.
 *
 * @throws LOG_VERSION the file was written by another Valence
 */
export function ensureTables(db: Database, file: string): void {
  const version = readVersion(db);
  if (version === SCHEMA_VERSION) return;
  if (version !== 0)
    throw new ValenceError(
      'LOG_VERSION',
      `The log ${file} has format ${version}, this program reads and writes ${SCHEMA_VERSION}. Use the ${version > SCHEMA_VERSION ? 'newer' : 'older'} Valence for it, or start a new log in another file.`,
      { file, expected: SCHEMA_VERSION, got: version },
    );
  db.exec(TABLES);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** Of a page of the file, bytes: files of before have other ones. */
export function readPageBytes(db: Database): number {
  return Number(db.prepare('PRAGMA page_size').get()?.page_size);
}

export function readVersion(db: Database): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

function readHead(file: string): { bytes: Buffer; size: number } {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(HEADER.bytes);
    const { size } = fstatSync(descriptor);
    readSync(descriptor, bytes, 0, HEADER.bytes, 0);
    return { bytes, size };
  } finally {
    closeSync(descriptor);
  }
}

function problemOf(head: { bytes: Buffer; size: number }, file: string): string | undefined {
  const { bytes, size } = head;
  if (bytes.toString('latin1', 0, HEADER.magic.length) !== HEADER.magic)
    return 'the file is not an SQLite database. Choose another file.';
  if (bytes.readUInt32BE(HEADER.application) !== APPLICATION_ID)
    return 'the file is an SQLite database, but not a log of Valence. Choose another file.';
  // 1 stands for 65,536. While a WAL is there, the file may rightly lag behind its header.
  const pageSize = bytes.readUInt16BE(HEADER.pageSize);
  const expected = bytes.readUInt32BE(HEADER.pages) * (pageSize === 1 ? 65_536 : pageSize);
  if (size < expected && sizeOf(`${file}-wal`) === 0)
    return `the file is cut off: ${size} of ${expected} bytes. Restore a copy, or start a new log from the source.`;
  return undefined;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
