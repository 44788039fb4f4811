/** What can be said of the file and of those who work on it, for `valence doctor`. Reads only. */
import { statSync } from 'node:fs';
import type { DiagnosisSubject, Finding } from '../../ports/event-log.ts';
import type { Connection } from './connection.ts';

/** A WAL of this size is no longer moved into the file, bytes: somebody has been reading for long. */
const LARGE_WAL = 512 * 1024 * 1024;
const SYNCHRONOUS = new Map([
  [1, 'normal: a power cut may take the last commits'],
  [2, 'full: survives a power cut'],
]);

interface ClaimRow {
  readonly partition: number;
  readonly epoch: number;
  readonly owner: string | null;
  /** End of the owner's lease, ms since the epoch; null: it is no member any more. */
  readonly expires: number | null;
}

/**
 * To be called in a read.
 *
 * @param now ms since the epoch
 */
export function diagnoseSqlite(
  connection: Connection,
  { group }: DiagnosisSubject,
  now: number,
): readonly Finding[] {
  return [
    versionFinding(connection),
    ...walFindings(connection.file),
    ...claimFindings(connection, group, now),
  ];
}

function versionFinding(connection: Connection): Finding {
  const version = String(connection.prepare('SELECT sqlite_version() AS version').get()?.version);
  const journal = String(connection.prepare('PRAGMA journal_mode').get()?.journal_mode);
  const synchronous = Number(connection.prepare('PRAGMA synchronous').get()?.synchronous);
  const kept = SYNCHRONOUS.get(synchronous) ?? String(synchronous);
  return {
    check: 'sqlite',
    state: 'ok',
    finding: `SQLite ${version}, journal ${journal}, synchronous ${kept}`,
  };
}

function walFindings(file: string): Finding[] {
  const bytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes < LARGE_WAL) return [];
  return [
    {
      check: 'sqlite',
      state: 'warning',
      finding: `the write-ahead file beside the log has grown to ${Math.round(bytes / 1e6)} MB`,
      fix: 'end the process that has been reading the longest: it keeps the file from being taken in',
    },
  ];
}

function claimFindings(connection: Connection, group: string, now: number): Finding[] {
  const rows: ClaimRow[] = connection
    .prepare(
      `SELECT claims.partition, claims.epoch, claims.owner, members.expires FROM claims
       JOIN groups ON groups.id = claims."group"
       LEFT JOIN members ON members."group" = claims."group" AND members.id = claims.owner
       WHERE groups.name = ? ORDER BY claims.partition`,
    )
    .all(Buffer.from(group));
  if (rows.length === 0) return [];
  const owned = rows.filter(({ owner }) => owner !== null);
  const living = owned.filter(({ expires }) => expires !== null && expires >= now);
  const members = new Set(living.map(({ owner }) => owner)).size;
  const claims = rows.map(({ partition, epoch }) => `${partition} at epoch ${epoch}`).join(', ');
  const finding =
    living.length === 0
      ? `${group}: no subscriber is running; last claims of partitions: ${claims}`
      : `${group}: ${members} ${members === 1 ? 'member owns' : 'members own'} ${living.length} of ${rows.length} partitions: ${claims}`;
  const ended = owned.length - living.length;
  if (ended === 0 || living.length === 0) return [{ check: 'group', state: 'ok', finding }];
  return [
    {
      check: 'group',
      state: 'warning',
      finding: `${finding}; the leases of ${ended} have run out`,
      fix: 'a living subscriber takes them over within 3 s; look again',
    },
  ];
}
