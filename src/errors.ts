/**
 * One error class and one closed list of codes. The value in the list says who acts:
 *
 *   exit        the operator: every problem in one message, exit 2, nothing started
 *   deadLetter  nobody: the record goes to the dlq topic with its code, the position moves on
 *   retry       the caller: bounded backoff with jitter, then exit 1 for the supervisor
 *   reclaim     the owner loop: drop what was staged, never repeat the write, claim again, read where the log stands
 *   stop        a person: never learn on doubtful state; the message says how to recover
 *
 * Test `code` or `recovery`, never the message. Messages name the field, what was expected, the kind of thing that came, and
 * the fix; never a user's text and never a secret.
 */
export const RECOVERY = {
  /** A flag, variable, file or model option is wrong. */
  CONFIG_INVALID: 'exit',
  /** An existing topic differs from its contract in a way that would break the pipeline. */
  TOPIC_MISMATCH: 'exit',
  /** A file, column, topic, model or dead letter that was named does not exist. */
  NOT_FOUND: 'exit',

  /** The value is no JSON object, not UTF-8, or breaks the schema of the source topic. */
  RECORD_INVALID: 'deadLetter',
  /** `text` is longer than 262,144 UTF-8 bytes. */
  TEXT_TOO_LONG: 'deadLetter',
  /** The label would be one class more than `--max-classes`. */
  LABEL_UNKNOWN: 'deadLetter',
  /** The record addresses a model that this pipeline does not run. */
  MODEL_UNKNOWN: 'deadLetter',

  /** The log cannot be reached or is locked by another process for longer than the time-out. */
  LOG_UNAVAILABLE: 'retry',
  /** A higher epoch owns the partition: the transaction left no trace. */
  EPOCH_FENCED: 'reclaim',
  /** The answer to a commit was lost: only the log knows whether it happened. */
  COMMIT_UNKNOWN: 'reclaim',
  /** The broker refuses a batch of that size: nothing was written; the chunk is folded again in halves. */
  CHUNK_TOO_LARGE: 'reclaim',

  /** The log's file is damaged, or is not a log of ours. */
  LOG_CORRUPT: 'stop',
  /** The log's file or folder cannot be written. */
  LOG_READ_ONLY: 'stop',
  /** No space left for the log. */
  LOG_FULL: 'stop',
  /** The log was written by another version of Valence, whose format this one does not read. */
  LOG_VERSION: 'stop',
  /** A snapshot fails its checksum or its schema. */
  SNAPSHOT_CORRUPT: 'stop',
  /** A delta fails its checksum or its format. */
  DELTA_CORRUPT: 'stop',
  /** A delta does not begin where the one before it ended. */
  DELTA_GAP: 'stop',
  /** The group has folded records, but the model topic tells nothing of them. */
  MODEL_LOST: 'stop',
  /** The group's position is further than the deltas tell. */
  POSITION_AHEAD: 'stop',
  /** Source records were deleted before they were folded, or the topic was made again. */
  SOURCE_TRUNCATED: 'stop',
  /** The model topic was written by another kind of model or another tokenizer. */
  MODEL_MISMATCH: 'stop',
} as const;

export type ErrorCode = keyof typeof RECOVERY;
export type Recovery = (typeof RECOVERY)[ErrorCode];

/** Every error that Valence raises on purpose. `fields` are safe to log. */
export class ValenceError extends Error {
  override readonly name = 'ValenceError';
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.fields = fields;
  }

  get recovery(): Recovery {
    return RECOVERY[this.code];
  }
}

/** True for a {@link ValenceError}; by name, since several copies of the module may be loaded under a test runner. */
export function isValenceError(error: unknown): error is ValenceError {
  return error instanceof Error
    ? error.name === 'ValenceError'
    : typeof error === 'object' &&
        error !== null &&
        'name' in error &&
        error.name === 'ValenceError';
}

/** Code of an error, of the system such as ENOENT or of ours; '': it has none. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
