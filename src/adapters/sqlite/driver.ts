/**
 * SQLite by the API of `node:sqlite`: Node's own where its SQLite has the WAL-reset fix (3.51.3), else the same API from
 * @photostructure/sqlite. One copy is loaded, never both: two copies on one file in a process damage it.
 *
 * @see https://sqlite.org/wal.html#walresetbug
 */
import type * as packaged from '@photostructure/sqlite';

type Sqlite = typeof packaged;

const [major = 0, minor = 0, patch = 0] = (process.versions['sqlite'] ?? '').split('.').map(Number);
const builtin = major * 1e6 + minor * 1e3 + patch >= 3_051_003 ? loadBuiltin() : undefined;

export const { DatabaseSync } = builtin ?? (await import('@photostructure/sqlite'));
export type Database = InstanceType<Sqlite['DatabaseSync']>;
export type Statement = ReturnType<Database['prepare']>;

/** Node 22 warns that the module is experimental; that one warning is dropped, since stderr is the user's. */
function loadBuiltin(): Sqlite | undefined {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package declares the built-in's API
    return process.getBuiltinModule('node:sqlite') as Sqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}
