/**
 * Appends with bounded patience: what the log could not take for the moment is sent again after a backoff with full jitter; any
 * other failure is the caller's.
 */
import { isValenceError } from '../errors.ts';
import type { AppendOutcome, Checkpoint, EventLog, NewRecord } from '../ports/event-log.ts';
import type { Clock } from './pacer.ts';

/** Tries in all; waits between them are random in [0, min(capMs, baseMs × 2^n)). */
export interface Retry {
  readonly tries: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const RETRY: Retry = { tries: 10, baseMs: 100, capMs: 5000, random: Math.random };

export interface AppendCounts {
  /** Source records handed to the log. */
  readonly sent: number;
  readonly acked: number;
  /** Negative or unknown answers after which a record was sent again. */
  readonly retried: number;
  /** Records given up. */
  readonly failed: number;
  readonly deadLettered: number;
}

/** What became of one try. */
interface Attempt {
  readonly left: readonly NewRecord[];
  /** Why they are left; undefined: nothing went wrong. */
  readonly error: unknown;
}

export class Appender {
  readonly #log: Pick<EventLog, 'append' | 'checkpoint'>;
  readonly #clock: Clock;
  readonly #retry: Retry;
  readonly #signal: AbortSignal | undefined;
  #counts = { sent: 0, acked: 0, retried: 0, failed: 0, deadLettered: 0 };

  /** @param signal once aborted, nothing is tried again */
  constructor(
    log: Pick<EventLog, 'append' | 'checkpoint'>,
    clock: Clock,
    retry: Partial<Retry> | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#retry = { ...RETRY, ...retry };
    this.#signal = signal;
  }

  get counts(): AppendCounts {
    return { ...this.#counts };
  }

  /** Source records and the checkpoint that speaks of them; an append of nothing but a checkpoint moves it on. */
  async records(
    topic: string,
    records: readonly NewRecord[],
    checkpoint: Checkpoint | undefined,
  ): Promise<void> {
    if (records.length === 0 && checkpoint === undefined) return;
    this.#counts.sent += records.length;
    await this.#append(topic, records, checkpoint, (acked) => (this.#counts.acked += acked));
  }

  async deadLetters(topic: string, records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#append(topic, records, undefined, (acked) => (this.#counts.deadLettered += acked));
  }

  async #append(
    topic: string,
    records: readonly NewRecord[],
    checkpoint: Checkpoint | undefined,
    onAck: (acked: number) => void,
  ): Promise<void> {
    let left = records;
    for (let tries = 1; ; tries++) {
      const before = left.length;
      const attempt = await this.#try(topic, left, checkpoint);
      left = attempt.left;
      onAck(before - left.length);
      if (attempt.error === undefined) return;
      if (tries >= this.#retry.tries || this.#signal?.aborted === true || !mayPass(attempt.error)) {
        this.#counts.failed += left.length;
        throw attempt.error;
      }
      this.#counts.retried += left.length;
      const { baseMs, capMs, random } = this.#retry;
      await this.#clock.sleep(random() * Math.min(capMs, baseMs * 2 ** (tries - 1)), this.#signal);
    }
  }

  async #try(
    topic: string,
    records: readonly NewRecord[],
    checkpoint: Checkpoint | undefined,
  ): Promise<Attempt> {
    let outcomes: readonly AppendOutcome[];
    try {
      const options = checkpoint === undefined ? {} : { checkpoint };
      outcomes = await this.#log.append(topic, records, options);
    } catch (error) {
      // The answer may be lost and the append done: then the checkpoint that rode with it is there.
      const isDone = checkpoint !== undefined && (await this.#has(checkpoint));
      return isDone ? { left: [], error: undefined } : { left: records, error };
    }
    const left = records.filter((_, index) => outcomes[index]?.status !== 'ok');
    const failure = outcomes.find((outcome) => outcome.status !== 'ok');
    return { left, error: failure !== undefined && 'error' in failure ? failure.error : undefined };
  }

  async #has(checkpoint: Checkpoint): Promise<boolean> {
    try {
      return (await this.#log.checkpoint(checkpoint.name)) === checkpoint.value;
    } catch {
      return false;
    }
  }
}

/** True for an error that another try may mend: the log is away, or its answer was lost. */
function mayPass(error: unknown): boolean {
  return (
    isValenceError(error) && (error.code === 'LOG_UNAVAILABLE' || error.code === 'COMMIT_UNKNOWN')
  );
}
