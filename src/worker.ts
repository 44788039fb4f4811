/**
 * What every worker process shares: signals, exit codes, the last line.
 *
 *   SIGTERM, SIGINT ─► `signal` aborts: finish the chunk, commit, leave ─► 0, or 130 after SIGINT
 *   a second signal ─► the process ends at once, 143 or 130
 *   7 s without leaving ─► it ends with a line, 1 or 130; 1 s after that nothing that is still open holds it
 *
 * Exit codes: 0 done, 1 failed, 2 misuse or configuration, 130 and 143 interrupted. Nothing starts a child process: a
 * supervisor's signal reaches the one that works.
 */
import { isValenceError, type ErrorCode, type ValenceError } from './errors.ts';

export const EXIT = { done: 0, failed: 1, misuse: 2, interrupted: 130, terminated: 143 } as const;

/** How long a worker may take to leave after a signal, ms. */
const GRACE_MS = 7000;
/** How long what a worker left open may hold the process when its work has ended, ms. */
const LINGER_MS = 1000;

/** What the person who runs the command can do, where the message does not say it. */
const HINTS: Readonly<Record<ErrorCode, string>> = {
  CONFIG_INVALID: '',
  TOPIC_MISMATCH: 'See `valence topics check`.',
  NOT_FOUND: '',
  RECORD_INVALID: '',
  TEXT_TOO_LONG: '',
  LABEL_UNKNOWN: '',
  MODEL_UNKNOWN: '',
  LOG_UNAVAILABLE: 'See `valence doctor`; starting again is safe.',
  EPOCH_FENCED: 'Another worker took over; starting again is safe.',
  COMMIT_UNKNOWN: 'Starting again is safe: the log knows where to go on.',
  CHUNK_TOO_LARGE: 'Raise max.message.bytes of the results and model topics.',
  LOG_CORRUPT: '',
  LOG_READ_ONLY: '',
  LOG_FULL: '',
  LOG_VERSION: '',
  SNAPSHOT_CORRUPT: '',
  DELTA_CORRUPT: 'Stop the subscribers and run `valence model rebuild`.',
  DELTA_GAP: '',
  MODEL_LOST: '',
  POSITION_AHEAD: '',
  SOURCE_TRUNCATED: '',
  MODEL_MISMATCH: '',
};

/** 2 for what the operator has to put right, else 1. */
export function exitCodeOf(error: unknown): number {
  if (!isValenceError(error)) return EXIT.failed;
  const { code, recovery } = error;
  return recovery === 'exit' || code === 'MODEL_UNKNOWN' ? EXIT.misuse : EXIT.failed;
}

/** `name: CODE: message. Hint`, or for several problems of a configuration a line each. */
export function failureLines(name: string, error: unknown): readonly string[] {
  if (!isValenceError(error)) return [`${name}: ${unexpected(error)}`];
  const [first = '', ...more] = error.message.split('\n');
  const hint = HINTS[error.code];
  if (more.length === 0) return [`${name}: ${error.code}: ${sentence(first, hint)}`];
  const head = `${name}: ${error.code}: ${more.length + 1} problems`;
  return [head, ...[first, ...more].map((line) => `  ${line}`)];
}

/** The hint of an error's code, or undefined. */
export function hintOf(error: ValenceError): string | undefined {
  return HINTS[error.code] || undefined;
}

export interface WorkerContext {
  /** Aborts on the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Ends the process at once with the lines of this error and 1: for who sees that the work will never end. */
  readonly fail: (error: unknown) => void;
}

/**
 * Runs the main function of a worker process and sets its exit code. Resolves when `main` has ended.
 *
 * @param main gives the exit code; undefined is 0
 */
export async function runWorker(
  name: string,
  main: (context: WorkerContext) => Promise<number | void>,
): Promise<void> {
  const stop = new AbortController();
  let interrupted = false;
  let deadline: NodeJS.Timeout | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const isInterrupt = signal === 'SIGINT';
    if (stop.signal.aborted) process.exit(isInterrupt ? EXIT.interrupted : EXIT.terminated);
    interrupted = isInterrupt;
    deadline = setTimeout(() => {
      writeLine(`${name}: did not end within ${GRACE_MS / 1000} s of ${signal}, leaving`);
      process.exit(isInterrupt ? EXIT.interrupted : EXIT.failed);
    }, GRACE_MS);
    deadline.unref();
    stop.abort();
  };
  const onFatal = (error: unknown): void => {
    for (const line of failureLines(name, error)) writeLine(line);
    process.exit(EXIT.failed);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  process.stdout.on('error', onPipeError);
  process.stderr.on('error', onPipeError);
  try {
    const code = (await main({ signal: stop.signal, fail: onFatal })) ?? EXIT.done;
    process.exitCode = code === EXIT.done && interrupted ? EXIT.interrupted : code;
  } catch (error) {
    for (const line of failureLines(name, error)) writeLine(line);
    process.exitCode = exitCodeOf(error);
  } finally {
    clearTimeout(deadline);
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    endSoon();
  }
}

/** A connection that nobody closed must not keep the process: its work is done. Output that is still on its way may. */
function endSoon(): void {
  setTimeout(() => {
    if (process.stdout.writableLength + process.stderr.writableLength > 0) endSoon();
    else process.exit();
  }, LINGER_MS).unref();
}

/** The reader of our output has gone (`valence tail … | head`): that is its right, and no failure. */
function onPipeError(error: Error): void {
  if ('code' in error && error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
}

function writeLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

function sentence(message: string, hint: string): string {
  if (hint === '' || message.includes(hint)) return message;
  return /[.!?]$/.test(message) ? `${message} ${hint}` : `${message}. ${hint}`;
}

/** An error that nobody raised on purpose: its message, and where it happened. */
function unexpected(error: unknown): string {
  const isError = typeof error === 'object' && error !== null && 'message' in error;
  const message = isError ? String(error.message) : String(error);
  const stack = isError && 'stack' in error ? String(error.stack) : '';
  const place = /\n\s+at (?<place>[^\n]+)/.exec(stack)?.groups?.['place'];
  const where = place === undefined ? '' : ` (at ${place})`;
  return `unexpected error: ${message.replaceAll(/\s*\n\s*/g, ' ')}${where}`;
}
