/**
 * One connection to the file, and its transactions.
 *
 * Everything SQLite does here is synchronous, so a transaction has the event loop to itself and is kept short. A lock held by another
 * process is waited for a few milliseconds inside SQLite, then between turns of the event loop, so that leases are renewed and
 * signals heard meanwhile. Writers of one process take turns in the order of their calls.
 */
import { statSync } from 'node:fs';
import { ValenceError } from '../../errors.ts';
import { pause } from '../../ports/pause.ts';
import { DatabaseSync, type Database, type Statement } from './driver.ts';
import { failureOf, isBusy } from './failures.ts';
import {
  ensureTables,
  inspectFile,
  markFile,
  readPageBytes,
  readVersion,
  SCHEMA_VERSION,
} from './schema.ts';

export interface ConnectionOptions {
  /** `normal` survives a killed process, `full` a power cut too. */
  readonly synchronous: 'normal' | 'full';
  /** How long to wait for a lock, ms. */
  readonly lockTimeoutMs: number;
  /** Largest size of the file, without its WAL, bytes; undefined: what the disk holds. */
  readonly maxBytes: number | undefined;
}

/** Waited inside SQLite, blocking the event loop, ms. */
const BLOCKING_MS = 5;
/** The WAL is moved into the file each so many bytes: with SQLite's own 4 MB a backlog waited for the disk at every fifth commit. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** The WAL file is cut back to this when it starts anew, bytes. */
const WAL_KEPT = 64 * 1024 * 1024;

export class Connection {
  readonly file: string;
  readonly #db: Database;
  readonly #lockTimeoutMs: number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #dataVersion: Statement;
  readonly #place: string;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #writes = 0;

  private constructor(file: string, db: Database, options: ConnectionOptions) {
    this.file = file;
    this.#db = db;
    this.#lockTimeoutMs = options.lockTimeoutMs;
    this.#place = placeOf(file);
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    this.#dataVersion = db.prepare('PRAGMA data_version');
  }

  /**
   * Opens the file, or makes it.
   *
   * @throws LOG_CORRUPT, LOG_VERSION, LOG_READ_ONLY, LOG_UNAVAILABLE, LOG_FULL
   */
  static async open(file: string, options: ConnectionOptions): Promise<Connection> {
    const isNew = inspectFile(file);
    let db: Database | undefined;
    try {
      const opened = new DatabaseSync(file, { timeout: BLOCKING_MS });
      db = opened;
      await retry(options.lockTimeoutMs, () => {
        if (isNew) markFile(opened);
        useWal(opened, file);
        opened.exec(`PRAGMA synchronous = ${options.synchronous}`);
        const pageBytes = readPageBytes(opened);
        opened.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_BYTES / pageBytes}`);
        opened.exec(`PRAGMA journal_size_limit = ${WAL_KEPT}`);
        if (options.maxBytes !== undefined)
          opened.exec(`PRAGMA max_page_count = ${Math.ceil(options.maxBytes / pageBytes)}`);
      });
      const connection = new Connection(file, opened, options);
      const version = await connection.read(() => readVersion(opened));
      if (version !== SCHEMA_VERSION) await connection.write(() => ensureTables(opened, file));
      return connection;
    } catch (error) {
      db?.close();
      throw failureOf(error, file);
    }
  }

  /** @throws LOG_CORRUPT the tables are not what they should be */
  prepare(sql: string): Statement {
    try {
      return this.#db.prepare(sql);
    } catch (error) {
      throw failureOf(error, this.file);
    }
  }

  /** A number that moves when another connection commits. */
  dataVersion(): number {
    return Number(this.#dataVersion.get()?.data_version);
  }

  /**
   * Runs `work` in an IMMEDIATE transaction: all of it, or nothing when it throws.
   *
   * @throws LOG_UNAVAILABLE the lock was held by others for longer than the time-out
   * @throws COMMIT_UNKNOWN the commit failed half-way
   */
  async write<T>(work: () => T): Promise<T> {
    if (this.#writes++ === 0) {
      try {
        const result = this.#tryWrite(work);
        this.#writes--;
        return result;
      } catch (error) {
        if (!isBusy(error)) {
          this.#writes--;
          throw error;
        }
      }
    }
    const turn = this.#lastWrite.then(() => this.#patiently(() => this.#tryWrite(work)));
    this.#lastWrite = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#writes--;
    }
  }

  /** Runs `work`, which only reads. */
  async read<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw failureOf(error, this.file);
    }
    return this.#patiently(work);
  }

  /** Waits for the writes under way, moves the WAL into the file if nobody is in the way, and lets go. */
  async close(): Promise<void> {
    await this.#lastWrite;
    if (!this.#db.isOpen) return;
    try {
      this.#db.exec('PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The next one to open the file will find everything in the WAL.
    }
    this.#db.close();
  }

  async #patiently<T>(work: () => T): Promise<T> {
    try {
      return await retry(this.#lockTimeoutMs, work);
    } catch (error) {
      throw failureOf(error, this.file);
    }
  }

  /** @throws the driver's error while the lock is held by others, so that it can be tried again */
  #tryWrite<T>(work: () => T): T {
    let step: 'work' | 'commit' = 'work';
    // A file that was removed lives on for those who have it open: they would go on writing what nobody else can see.
    if (placeOf(this.file) !== this.#place) throw removed(this.file);
    try {
      this.#begin.run();
    } catch (error) {
      throw isBusy(error) ? error : failureOf(error, this.file);
    }
    try {
      const result = work();
      step = 'commit';
      this.#commit.run();
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#rollback.run();
      throw failureOf(error, this.file, step);
    }
  }
}

/** Which file stands at a path now; '' for none. */
function placeOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.dev}:${found.ino}`;
}

function removed(file: string): ValenceError {
  return new ValenceError(
    'LOG_CORRUPT',
    `The log ${file} was removed or replaced while it was in use. Put the file back if you have it, then start again.`,
    { file },
  );
}

/** @throws CONFIG_INVALID the file lies where processes cannot share memory, as on network file systems */
function useWal(db: Database, file: string): void {
  const mode = String(db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode);
  if (mode === 'wal') return;
  throw new ValenceError(
    'CONFIG_INVALID',
    `The log ${file} cannot be shared between processes there. Put it on a local disk.`,
    { file, expected: 'wal', got: mode },
  );
}

/** Repeats what fails for a lock held elsewhere, until the time-out. */
async function retry<T>(timeoutMs: number, work: () => T): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    await pause(1 + Math.random() * 2);
  }
}

export function isCommitUnknown(error: unknown): error is ValenceError {
  return error instanceof ValenceError && error.code === 'COMMIT_UNKNOWN';
}
