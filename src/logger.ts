/**
 * JSON lines on stderr; stdout is data. A message is a constant lower-case phrase, what varies are fields. Texts, features and
 * headers are never logged; `redact` is only the second barrier.
 */
import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent';

const REDACTED = ['text', 'value', 'password', 'token', 'secret', 'headers'];

/**
 * @param worker name of the worker, on every line
 * @param stream default: stderr, written synchronously, so that nothing is lost when the process ends
 */
export function createLogger(
  worker: string,
  level: LogLevel,
  stream: DestinationStream = destination(2),
): Logger {
  return pino(
    {
      level,
      base: { worker, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    stream,
  );
}
