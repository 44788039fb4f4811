/** A URL becomes a log. The adapter is loaded when it is asked for, so that nobody pays for the others. */
import { ValenceError } from './errors.ts';
import { kafkaSettings, type KafkaOptions } from './kafka-settings.ts';
import type { EventLog } from './ports/event-log.ts';

export interface OpenLogOptions {
  /** How long to wait for a lock that another process holds, ms; embedded log only. Default 5000. */
  readonly lockTimeoutMs?: number;
  /** What the URL of a log on Kafka does not say. Only the command line looks into the environment. */
  readonly kafka?: KafkaOptions;
}

const FORMS =
  'sqlite:FILE (with ?synchronous=full to survive a power cut), kafka://host:port,… or memory:';

/**
 * Opens the log of a URL. `sqlite:FILE` makes the file and its folders where they are missing; each `memory:` is a log of its own.
 * A log on Kafka is opened when one of its brokers has let us in.
 *
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
    const { SqliteEventLog } = await import('./adapters/sqlite/event-log.ts');
    return SqliteEventLog.open(file, { ...lockOptions(options), synchronous });
  }
  if (scheme === 'kafka') return openKafka(url, options.kafka);
  throw invalid(`expected ${FORMS}.`);
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

/** The URL itself is not repeated: it may hold a secret. */
function invalid(problem: string): ValenceError {
  return new ValenceError('CONFIG_INVALID', `Log URL: ${problem}`);
}
