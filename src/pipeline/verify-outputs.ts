/**
 * What a partition's owners wrote to `results` or `dlq`, read beside what they should have written. Records of somebody else in
 * the same topic are passed over, and so is what retention has deleted from the topic's beginning.
 */
import type { EventLog, LogRecord } from '../ports/event-log.ts';
import { jsonOf, recordDifference, type FieldDifference } from './difference.ts';
import type { Output } from './result-records.ts';
import { headerText } from './source-record.ts';
import type { Identify, Identity } from './output-identity.ts';
import { TopicCursor } from './topic-cursor.ts';

/** What is wrong with a record of a topic. */
export interface OutputProblem extends Partial<FieldDifference> {
  /** `extra`: a second one, or one that no source record accounts for. */
  readonly problem: 'missing' | 'extra' | 'order' | 'differs';
  /** Source offset it speaks of. */
  readonly offset: number;
  readonly topic: string;
  /** Its offset in the topic; undefined: it is not there. */
  readonly at: number | undefined;
}

/** How long a record that should be there is waited for: its transaction is committed, but may show late. */
const LATE_MS = 2000;
const encoder = new TextEncoder();

export class OutputVerifier {
  /** Records that are as they should be. */
  same = 0;
  /** Records that should have been there before the first one that is still kept, or that nothing can be compared with. */
  unverified = 0;
  readonly #cursor: TopicCursor;
  readonly #identify: Identify;
  /** The last record that matched. */
  #last: Output | undefined;

  private constructor(cursor: TopicCursor, identify: Identify) {
    this.#cursor = cursor;
    this.#identify = identify;
  }

  /** @param identify tells which records of the topic are to be verified */
  static open(log: EventLog, topic: string, partition: number, identify: Identify): OutputVerifier {
    const accepts = ({ headers }: LogRecord): boolean => identify(headers) !== undefined;
    return new OutputVerifier(new TopicCursor(log, topic, partition, { accepts }), identify);
  }

  /** The next record must be this one. */
  async match(expected: Output): Promise<OutputProblem | undefined> {
    const cursor = this.#cursor;
    let found = cursor.head ?? (await cursor.peek());
    if (found !== undefined && recordDifference(expected, found) === undefined) {
      cursor.lost = false;
      return this.#take(expected);
    }
    const wanted = this.#identityOf(expected);
    if (cursor.lost) {
      if (found === undefined || this.#standsBefore(wanted, found)) {
        this.unverified += 1;
        return undefined;
      }
      cursor.lost = false;
    }
    found ??= await cursor.peek(LATE_MS);
    if (found === undefined) return this.#problem('missing', wanted.offset, undefined);
    const identity = this.#identify(found.headers);
    if (identity?.id !== wanted.id) return this.#misplaced(wanted, found);
    const difference = recordDifference(expected, found);
    if (difference === undefined) return this.#take(expected);
    return { ...this.#problem('differs', wanted.offset, found.offset), ...difference };
  }

  /** The next record, if it is a metrics record of an idle partition at a source offset below `position`. */
  async idle(position: number): Promise<LogRecord | undefined> {
    const found = this.#cursor.head ?? (await this.#cursor.peek());
    if (found === undefined || headerText(found.headers, 'ce_type') !== 'metrics') return undefined;
    const { offset = 0 } = this.#identify(found.headers) ?? {};
    if (offset >= position) return undefined;
    const value = jsonOf(found.value);
    const isIdle =
      typeof value === 'object' && value !== null && 'idle' in value && value.idle === true;
    return isIdle ? found : undefined;
  }

  /**
   * The next record, which `idle` gave, must be one of these: its owner wrote the last record that it had folded, or, having just
   * taken over, the last one there was.
   */
  matchIdle(found: LogRecord, candidates: readonly Output[]): OutputProblem | undefined {
    const differences = candidates.map((candidate) => recordDifference(candidate, found));
    if (differences.includes(undefined)) {
      this.#cursor.skip();
      this.same += 1;
      return undefined;
    }
    const { offset = 0 } = this.#identify(found.headers) ?? {};
    const [difference] = differences;
    return difference === undefined
      ? this.#problem('extra', offset, found.offset)
      : { ...this.#problem('differs', offset, found.offset), ...difference };
  }

  /** Passes what speaks of source offsets below `position`: nothing is there to compare it with. */
  async pass(position: number): Promise<void> {
    while (await this.#below(position)) {
      this.#cursor.skip();
      this.#cursor.lost = false;
      this.unverified += 1;
    }
  }

  /** Passes metrics records of an idle partition at source offsets below `position`: they were written beside other chunks. */
  async passIdle(position: number): Promise<void> {
    while ((await this.idle(position)) !== undefined) {
      this.#cursor.skip();
      this.unverified += 1;
    }
  }

  /** The next record as one too many; undefined: none is left. */
  async left(): Promise<OutputProblem | undefined> {
    const left = this.#cursor.head ?? (await this.#cursor.peek());
    if (left === undefined) return undefined;
    return this.#problem('extra', this.#identify(left.headers)?.offset ?? 0, left.offset);
  }

  #take(expected: Output): undefined {
    this.#last = expected;
    this.#cursor.skip();
    this.same += 1;
  }

  async #below(position: number): Promise<LogRecord | undefined> {
    const found = this.#cursor.head ?? (await this.#cursor.peek());
    if (found === undefined) return undefined;
    const { offset = 0 } = this.#identify(found.headers) ?? {};
    return offset < position ? found : undefined;
  }

  #standsBefore(wanted: Identity, found: LogRecord): boolean {
    const identity = this.#identify(found.headers);
    return identity !== undefined && identity.id !== wanted.id && identity.offset >= wanted.offset;
  }

  /** Another record stands where this one is wanted. */
  async #misplaced(wanted: Identity, found: LogRecord): Promise<OutputProblem> {
    const { id, offset = 0 } = this.#identify(found.headers) ?? {};
    const isSecond = this.#last !== undefined && id === this.#identityOf(this.#last).id;
    if (isSecond || offset < wanted.offset) return this.#problem('extra', offset, found.offset);
    const isWanted = ({ headers }: LogRecord) => this.#identify(headers)?.id === wanted.id;
    return (await this.#cursor.holds(isWanted))
      ? this.#problem('order', wanted.offset, found.offset)
      : this.#problem('missing', wanted.offset, undefined);
  }

  #identityOf({ headers = [] }: Output): Identity {
    const stored = headers.map(([name, value]): LogRecord['headers'][number] => [
      name,
      typeof value === 'string' ? encoder.encode(value) : value,
    ]);
    return this.#identify(stored) ?? { id: '', offset: 0 };
  }

  #problem(
    problem: OutputProblem['problem'],
    offset: number,
    at: number | undefined,
  ): OutputProblem {
    return { problem, offset, topic: this.#cursor.topic, at };
  }
}
