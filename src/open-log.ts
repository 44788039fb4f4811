/** A URL becomes a log. The adapter is loaded when it is asked for, so that nobody pays for the others. */
import { statSync, type Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ValenceError } from './errors.ts';
import { kafkaSettings, type KafkaOptions } from './kafka-settings.ts';
import type { EventLog } from './ports/event-log.ts';

export interface OpenLogOptions {
  /** How long to wait for a lock that another process holds, ms; embedded log only. Default 5000. */
  readonly lockTimeoutMs?: number;
  /** Do not make the file of an embedded log, nor a log of an empty file: who only looks leaves nothing behind. */
  readonly existing?: boolean;
  /** What the URL of a log on Kafka does not say. Only the command line looks into the environment. */
  readonly kafka?: KafkaOptions;
}

const FORMS =
  'sqlite:FILE (with ?synchronous=full to survive a power cut), kafka://host:port,… or memory:';

/**
 * Opens the log of a URL. `sqlite:FILE` makes the file and its folders where they are missing, unless
 * `existing` says not to; each `memory:` is a log of its own.
 * A log on Kafka is opened when one of its brokers has let us in.
 *
 * @throws NOT_FOUND there is no such file, or an empty one, and no log may be made of it
 * @throws CONFIG_INVALID no such form of URL; TLS or SASL is not what the brokers want
 * @throws LOG_UNAVAILABLE, LOG_CORRUPT, LOG_VERSION, LOG_READ_ONLY, LOG_FULL
 */
export async function openLog(url: string, options: OpenLogOptions = {}): Promise<EventLog> {
  const [scheme, rest] = splitOnce(url, ':');
  if (scheme === 'memory' && rest === '') {
    const { MemoryEventLog } = await import('./adapters/memory/event-log.ts');
    return new MemoryEventLog();
  }
  if (scheme === 'sqlite') {
    const { file, synchronous } = parseSqlite(rest);
    if (options.existing === true) await requireLog(file);
    const { SqliteEventLog } = await import('./adapters/sqlite/event-log.ts');
    return SqliteEventLog.open(file, { ...lockOptions(options), synchronous });
  }
  if (scheme === 'kafka') return openKafka(url, options.kafka);
  throw invalid(`expected ${FORMS}.`);
}

/**
 * Takes away the file of a `sqlite:` URL and those beside it, unless somebody has them open.
 *
 * @returns false: somebody has
 * @throws CONFIG_INVALID no URL of an embedded log
 * @throws LOG_READ_ONLY the files cannot be removed
 */
export async function removeLog(url: string): Promise<boolean> {
  const [scheme, rest] = splitOnce(url, ':');
  if (scheme !== 'sqlite') throw invalid('expected sqlite:FILE; only embedded logs are files.');
  const { removeFile } = await import('./adapters/sqlite/remove.ts');
  return removeFile(parseSqlite(rest).file);
}

async function openKafka(url: string, options: KafkaOptions = {}): Promise<EventLog> {
  const { settings, problems } = kafkaSettings(url, options);
  if (settings === undefined) throw invalid(`${problems.join('; ')}.`);
  const { brokers, clientId, tls, sasl, sessionTimeoutMs } = settings;
  const connection = {
    brokers,
    clientId,
    ...(tls === undefined ? {} : { ssl: tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  const { reachAny } = await import('./adapters/kafka/reach.ts');
  (await reachAny(connection)).close();
  const { KafkaEventLog } = await import('./adapters/kafka/event-log.ts');
  return KafkaEventLog.open(connection, { sessionTimeoutMs });
}

function lockOptions({ lockTimeoutMs }: OpenLogOptions): { lockTimeoutMs?: number } {
  return lockTimeoutMs === undefined ? {} : { lockTimeoutMs };
}

function parseSqlite(rest: string): { file: string; synchronous: 'normal' | 'full' } {
  const [path, query] = splitOnce(rest, '?');
  const file = path.replace(/^\/\/(?=\/)/, '');
  if (file === '' || file.startsWith('//') || file === ':memory:')
    throw invalid('sqlite: expected the path of a file, as in sqlite:.valence/log.db.');
  const parameters = new URLSearchParams(query);
  const synchronous = parameters.get('synchronous') ?? 'normal';
  parameters.delete('synchronous');
  if (parameters.size > 0 || (synchronous !== 'normal' && synchronous !== 'full'))
    throw invalid('sqlite: the only parameter is synchronous=normal or synchronous=full.');
  return { file, synchronous };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** @throws NOT_FOUND no such file, or an empty one; what else is wrong with it is told by who opens it */
async function requireLog(file: string): Promise<void> {
  let found: Stats | undefined;
  try {
    found = statSync(file, { throwIfNoEntry: false });
  } catch {
    return;
  }
  if (found === undefined) throw await noSuchLog(file);
  if (found.isFile() && found.size === 0)
    throw new ValenceError(
      'NOT_FOUND',
      `no log at sqlite:${file}: the file is empty; expected one that Valence has written, choose it with --log; 'valence publish FILE' and 'valence start' make a log of an empty file`,
      { file, empty: true },
    );
}

/** Most logs that an error names. */
const MOST_NAMED = 10;

/** Says which logs there are in its folder. */
async function noSuchLog(file: string): Promise<ValenceError> {
  const folder = dirname(file);
  const found = await readdir(folder).catch(() => []);
  const logs = found.filter((name) => name.endsWith('.db')).toSorted();
  const more = logs.length > MOST_NAMED ? `, and ${logs.length - MOST_NAMED} others` : '';
  const named = logs.slice(0, MOST_NAMED).map((name) => `sqlite:${join(folder, name)}`);
  const there =
    logs.length === 0
      ? 'nor another log beside it'
      : `there are: ${named.join(', ')}${more}; choose with --log, or with --pipeline NAME for sqlite:.valence/NAME.db`;
  return new ValenceError(
    'NOT_FOUND',
    `no log at sqlite:${file}; ${there}; 'valence publish FILE' and 'valence start' make one`,
    { file },
  );
}

/** The URL itself is not repeated: it may hold a secret. */
function invalid(problem: string): ValenceError {
  return new ValenceError('CONFIG_INVALID', `Log URL: ${problem}`);
}
