/**
 * Verifies one partition: folds its chunks again, each with the view that its delta tells, and compares the delta, the results
 * and the dead letters with what its owners wrote, one owner after the other.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { LogRecord } from '../ports/event-log.ts';
import { isSameOrder, type ClassRules } from './classes.ts';
import { toldClasses } from './declared-classes.ts';
import { isBeginning, readDelta, type ReadDelta } from './delta-reader.ts';
import { deltaDifference, differenceOf, sameBytes } from './difference.ts';
import type { StagedChunk } from './fold.ts';
import { PromotionHistory } from './newest-promotion.ts';
import { deadLettersOf, resultsOf } from './output-identity.ts';
import type { Output } from './result-records.ts';
import { TopicCursor } from './topic-cursor.ts';
import type { RestorePoints } from './restore-points.ts';
import { OutputVerifier } from './verify-outputs.ts';
import {
  deltaCursor,
  isEmpty,
  isSeed,
  sameSpecs,
  specsOf,
  View,
  type Spec,
  type VerifySubject,
} from './verify-view.ts';

/**
 * The first thing that is not as recomputed.
 *
 * - `missing`, `extra`, `order`, `differs`: a result or dead letter that is not there, is there once too often (or belongs to no
 *   source record), stands in the wrong place, or has another field
 * - `differs` in the model topic: a delta whose `field` is not what the source records teach
 * - `repeated`, `gap`: a delta that does not begin where the one before it ended
 * - `epoch`: an epoch that falls; `seen`: a view that falls, ends within a delta, or holds what was not committed
 * - `damaged`: a delta that cannot be read, or is of another pipeline or partition
 */
export interface Difference {
  readonly problem:
    'missing' | 'extra' | 'order' | 'differs' | 'repeated' | 'gap' | 'epoch' | 'seen' | 'damaged';
  readonly partition: number;
  /** Source offset it speaks of. */
  readonly offset: number;
  readonly topic: string;
  /** Offset in `topic`; undefined: it is not there. */
  readonly at: number | undefined;
  /** Path of the field, with what was expected and found: numbers, or kinds of thing. */
  readonly field?: string;
  readonly expected?: string;
  readonly found?: string;
}

/** A delta of the model topic. */
export interface Head {
  readonly delta: ReadDelta;
  readonly bytes: Uint8Array;
  /** Offset in the model topic. */
  readonly at: number;
  /** Classes that its owner declared, worst to best, as the log tells. */
  readonly declared: readonly string[] | undefined;
}

/** What the owners of one partition were, one after the other. */
export class PartitionVerifier {
  readonly partition: number;
  readonly results: OutputVerifier;
  readonly deadLetters: OutputVerifier;
  readonly counts = { deltas: 0, records: 0, trusted: 0 };
  /** Next source offset; undefined: nothing folded. */
  position: number | undefined;
  readonly #options: VerifySubject;
  readonly #untils: readonly number[];
  readonly #own: TopicCursor;
  readonly #source: TopicCursor;
  /** First offset that the source topic still has. */
  readonly #sourceStart: number;
  #points: RestorePoints | undefined;
  #view: View | undefined;
  /** The view of an owner before, who declared other classes, until the first chunk of the one behind: the partition may have been idle. */
  #former: View | undefined;
  #promotions: PromotionHistory | undefined;
  #head: Head | undefined;
  /** A chunk was folded, so that no delta may begin a model any more. */
  #begun = false;
  #epoch = 0;
  #seen: readonly (number | undefined)[] = [];
  /** Where the first delta begins; what is seen of a partition without one. */
  #genesis: number;
  /** The delta that a rebuild began with: those of its epoch were made after their results. */
  #rebuilt: number | undefined;
  /** The last source record before the position, if it was read. */
  #last: LogRecord | undefined;

  constructor(
    options: VerifySubject,
    partition: number,
    sourceStart: number,
    untils: readonly number[],
  ) {
    const { log, pipeline, fold } = options;
    const { topics } = fold;
    this.partition = partition;
    this.#options = options;
    this.#untils = untils;
    this.#sourceStart = sourceStart;
    this.#genesis = sourceStart;
    this.#own = deltaCursor(log, topics.model, partition, untils);
    this.#source = new TopicCursor(log, topics.source, partition, { from: sourceStart });
    const { source, results, dlq } = topics;
    this.results = OutputVerifier.open(log, results, partition, resultsOf(pipeline, source));
    this.deadLetters = OutputVerifier.open(log, dlq, partition, deadLettersOf(source));
  }

  /**
   * Looks at the beginning of the model topic.
   *
   * @returns false: it is gone, so that `startFrom` is needed
   */
  async open(): Promise<boolean> {
    const first = await this.next();
    if (first !== undefined && 'problem' in first) return true;
    if (first !== undefined) this.#genesis = first.delta.from;
    if (first !== undefined && isBeginning(first.delta)) this.#own.lost = false;
    return !this.#own.lost;
  }

  /**
   * Where to begin, when the model topic of some partition no longer has its first deltas.
   *
   * @throws DELTA_GAP there is no such place
   */
  async startFrom(points: RestorePoints | undefined): Promise<void> {
    this.#points = points;
    const carry = points?.carries.get(this.partition);
    if (points !== undefined && (!this.#own.lost || carry !== undefined)) {
      // What was written before the first delta that is left.
      await this.results.pass(this.#genesis);
      await this.deadLetters.pass(this.#genesis);
      return;
    }
    const { topic } = this.#own;
    throw new ValenceError(
      'DELTA_GAP',
      `nothing of partition ${this.partition} can be verified: the first deltas of ${topic} are deleted, and no snapshot stands in for them; for audits run subscribers with --keep-deltas`,
      { partition: this.partition },
    );
  }

  /** What others can have seen of this partition. */
  get reached(): number {
    return this.position ?? this.#genesis;
  }

  /** The next delta, checked against those before it; it stays the next. */
  async next(): Promise<Head | Difference | undefined> {
    if (this.#head !== undefined) return this.#head;
    const record = this.#own.head ?? (await this.#own.peek());
    if (record?.value === undefined || record.value === null) return undefined;
    let delta: ReadDelta;
    try {
      delta = readDelta(record.value);
    } catch (error) {
      if (!isValenceError(error) || error.code !== 'DELTA_CORRUPT') throw error;
      const { partition, reached } = this;
      const { topic, offset: at } = record;
      return { problem: 'damaged', partition, offset: reached, topic, at };
    }
    const declared = toldClasses(record.headers);
    const head = { delta, bytes: record.value, at: record.offset, declared };
    const wrong = this.#misfit(head);
    if (wrong !== undefined) return wrong;
    this.#own.skip();
    this.#head = head;
    return head;
  }

  /** Recomputes the delta that `next` gave. */
  async step(head: Head): Promise<Difference | undefined> {
    const { delta } = head;
    const view = await this.#viewFor(head);
    const wrong = (await this.#lookAround(view, head)) ?? (await this.#appointed(view, head));
    if (wrong !== undefined) return wrong;
    const difference =
      this.#isGiven(delta) || view.precedes(delta)
        ? await this.#trust(view, head)
        : await this.#recompute(view, head);
    if (difference !== undefined) return difference;
    this.#begun ||= delta.from < delta.to;
    this.position = delta.to;
    this.#epoch = delta.epoch;
    this.#seen = delta.seen;
    this.#head = undefined;
    this.#former = undefined;
    this.counts.deltas += 1;
    return undefined;
  }

  /** Nothing may be left that speaks of what was folded, or of no source record at all. */
  async end(): Promise<Difference | undefined> {
    const { position = this.#genesis, partition } = this;
    const idle = await this.#idleResults();
    if (idle !== undefined) return idle;
    for (const outputs of [this.results, this.deadLetters]) {
      const left = await outputs.left();
      if (left === undefined) continue;
      const { end } = await this.#sourceRange();
      if (left.offset < position || left.offset >= end) return { partition, ...left };
    }
    return undefined;
  }

  /** The view of the delta's owner, which stands where the delta before it ended. */
  async #viewFor({ delta, bytes, declared }: Head): Promise<View> {
    const { fold, rulesFor } = this.#options;
    const current = this.#view?.classes ?? fold.classes;
    const isOther = declared !== undefined && !isSameOrder(declared, current.declared);
    const classes = isOther ? (rulesFor?.(declared) ?? current) : current;
    if (this.#view === undefined) this.#view = this.#newView(specsOf(bytes), classes);
    else if (classes !== current) {
      this.#former = this.#view;
      await this.#reopen(this.#view.specs, classes, delta.seen);
    }
    return this.#view;
  }

  /** Hash of the first model's sums at these positions, which are all verified. */
  async hashAt(positions: readonly (number | undefined)[]): Promise<string | undefined> {
    const view = this.#view;
    const champion = view?.specs[0];
    if (view === undefined || champion === undefined) return undefined;
    for (const [q, position] of positions.entries())
      if (q !== this.partition && position !== undefined) await view.advance(q, position);
    return view.state.hash(champion.name).hash;
  }

  problem(
    problem: Difference['problem'],
    { delta, at }: Pick<Head, 'delta' | 'at'>,
    detail: Pick<Difference, 'field' | 'expected' | 'found'>,
  ): Difference {
    const { partition } = this;
    return { problem, partition, offset: delta.from, topic: this.#own.topic, at, ...detail };
  }

  /** What a delta says of itself that cannot be, after those before it. */
  #misfit(head: Head): Difference | undefined {
    const { pipeline, partition, epoch, from, to, seen } = head.delta;
    const wrong = (
      problem: Difference['problem'],
      field: string,
      expected: string,
      found: unknown,
    ) => this.problem(problem, head, { field, expected, found: String(found) });
    if (pipeline !== this.#options.pipeline)
      return wrong('damaged', 'pipeline', 'this pipeline', 'another one');
    if (partition !== this.partition)
      return wrong('damaged', 'partition', String(this.partition), partition);
    const { position } = this;
    if (position !== undefined && from !== position)
      return wrong(from < position ? 'repeated' : 'gap', 'from', String(position), from);
    if (to < from) return wrong('gap', 'to', `at least ${from}`, to);
    if (epoch < this.#epoch) return wrong('epoch', 'epoch', `at least ${this.#epoch}`, epoch);
    if (seen.length !== this.#untils.length && from < to)
      return wrong('seen', 'seen', `${this.#untils.length} partitions`, seen.length);
    if (seen[partition] !== from)
      return wrong('seen', `seen[${partition}]`, String(from), seen[partition]);
    for (const [q, before] of this.#seen.entries()) {
      const now = seen[q];
      if (before !== undefined && now !== undefined && q !== partition && now < before)
        return wrong('seen', `seen[${q}]`, `at least ${before}`, now);
    }
    return undefined;
  }

  /** Brings the other partitions to where the delta's owner had them. */
  async #lookAround(view: View, head: Head): Promise<Difference | undefined> {
    for (const [q, position] of head.delta.seen.entries()) {
      const floor = view.floorOf(q);
      if (q === this.partition || (floor !== undefined && (position ?? -1) < floor)) continue;
      const reached = await view.advance(q, position);
      if (reached === position) continue;
      const [expected, found] = [String(reached ?? 'nothing'), String(position ?? 'nothing')];
      return this.problem('seen', head, { field: `seen[${q}]`, expected, found });
    }
    return undefined;
  }

  /** A switch is to what the promotion records said, as long as they are there. */
  async #appointed(view: View, head: Head): Promise<Difference | undefined> {
    const { promotion } = head.delta;
    if (promotion === undefined) return undefined;
    const { log, fold } = this.#options;
    const [first] = view.specs;
    this.#promotions ??= await PromotionHistory.open(log, fold.topics, first?.name ?? '', 'oldest');
    const expected = await this.#promotions.at(promotion.at);
    if (expected === 'gone') return undefined;
    const wrong = differenceOf(expected, promotion, 'promotion');
    return wrong === undefined ? undefined : this.problem('differs', head, wrong);
  }

  /** A delta that is no chunk, but begins a model; or one whose source records are deleted. */
  #isGiven({ from, to }: ReadDelta): boolean {
    return (!this.#begun && from === to) || from < this.#sourceStart;
  }

  /** Takes a delta as it is. */
  async #trust(view: View, { delta, bytes }: Head): Promise<undefined> {
    const specs = specsOf(bytes);
    const fitting = sameSpecs(view.specs, specs)
      ? view
      : await this.#reopen(specs, view.classes, delta.seen);
    fitting.accept(delta);
    if (isSeed(delta) && isEmpty(bytes)) {
      this.#rebuilt = delta.epoch;
      return;
    }
    this.counts.trusted += 1;
    await this.results.pass(delta.to);
    await this.deadLetters.pass(delta.to);
  }

  async #recompute(view: View, head: Head): Promise<Difference | undefined> {
    const { delta, bytes } = head;
    const idle = await this.#idleResults();
    if (idle !== undefined) return idle;
    const records = await this.#records(delta.to);
    let fitting = view;
    fitting.promote(delta);
    let chunk = fitting.fold.stage(records, delta.from, delta.epoch, delta.to);
    const specs = sameBytes(deltaOf(chunk), bytes) ? view.specs : specsOf(bytes);
    if (!sameSpecs(view.specs, specs)) {
      fitting = await this.#reopen(specs, view.classes, delta.seen);
      fitting.promote(delta);
      chunk = fitting.fold.stage(records, delta.from, delta.epoch, delta.to);
    }
    const wrong = deltaDifference(deltaOf(chunk), bytes);
    if (wrong !== undefined) {
      await this.#requireSource(delta.from);
      const { offset = delta.from, ...detail } = wrong;
      return { ...this.problem('differs', head, detail), offset };
    }
    const output = await this.#outputs(chunk, delta);
    if (output !== undefined) return output;
    fitting.fold.commit(chunk);
    this.counts.records += records.length;
    this.#last = records.at(-1) ?? this.#last;
    return undefined;
  }

  /** Results and dead letters of a chunk, in their order. */
  async #outputs(chunk: StagedChunk, delta: ReadDelta): Promise<Difference | undefined> {
    const { partition } = this;
    const { results, dlq } = this.#options.fold.topics;
    // A rebuild makes a partition's deltas beside others than their owners saw: with several, results stay as they were predicted.
    const isRebuilt = this.#rebuilt === delta.epoch;
    if (isRebuilt && this.#untils.length > 1) {
      await this.results.pass(delta.to);
      await this.deadLetters.pass(delta.to);
      return undefined;
    }
    for (const output of chunk.outputs) {
      // And its chunks are longer: the partition may have been idle within one.
      if (isRebuilt && output.topic === results) await this.results.passIdle(delta.to);
      const verifier =
        output.topic === results
          ? this.results
          : output.topic === dlq
            ? this.deadLetters
            : undefined;
      const problem = await verifier?.match(output);
      if (problem !== undefined) return { partition, ...problem };
    }
    return undefined;
  }

  /** Metrics of an idle partition that stand before the next chunk's results. */
  async #idleResults(): Promise<Difference | undefined> {
    const { partition } = this;
    const view = this.#view;
    if (view === undefined || this.position === undefined) return undefined;
    const views = this.#former === undefined ? [view] : [view, this.#former];
    let candidates: readonly Output[] | undefined;
    for (;;) {
      const found = await this.results.idle(this.position);
      if (found === undefined) return undefined;
      // An owner speaks of the last record that it folded; one that has just taken over, of the last one there is.
      candidates ??= [undefined, this.#last].flatMap((last) =>
        views.flatMap(({ fold, specs }) => {
          // As if nothing had been reported, not even that there is nothing.
          fold.resume(new Map(specs.map(({ name }) => [name, -1])), last);
          return fold.idle();
        }),
      );
      const name = nameOf(found);
      const problem = this.results.matchIdle(
        found,
        candidates.filter(({ key }) => key === name),
      );
      if (problem !== undefined) return { partition, ...problem };
    }
  }

  /** Source records from the position to `to`. */
  async #records(to: number): Promise<readonly LogRecord[]> {
    const records: LogRecord[] = [];
    for (;;) {
      const record = this.#source.head ?? (await this.#source.peek());
      if (record === undefined || record.offset >= to) return records;
      if (record.offset >= (this.position ?? this.#genesis)) records.push(record);
      this.#source.skip();
    }
  }

  async #requireSource(from: number): Promise<void> {
    const { fold } = this.#options;
    const { start } = await this.#sourceRange();
    if (start <= from) return;
    throw new ValenceError(
      'SOURCE_TRUNCATED',
      `${fold.topics.source}/${this.partition} lost its records before ${start} while they were verified; verify again`,
      { partition: this.partition, start },
    );
  }

  async #sourceRange(): Promise<{ readonly start: number; readonly end: number }> {
    const { log, fold } = this.#options;
    const source = await log.describeTopic(fold.topics.source);
    return source?.partitions[this.partition] ?? { start: 0, end: 0 };
  }

  #newView(specs: readonly Spec[], classes: ClassRules): View {
    const { fold, ...options } = this.#options;
    const subject = { ...options, fold: { ...fold, classes } };
    return new View(subject, this.partition, specs, this.#untils, this.#points);
  }

  /** A view with other models or classes, as the owner had that ran them first: it replays the partition from its beginning. */
  async #reopen(
    specs: readonly Spec[],
    classes: ClassRules,
    seen: readonly (number | undefined)[],
  ): Promise<View> {
    const view = this.#newView(specs, classes);
    if (this.position !== undefined) await view.replay(this.position);
    for (const [q, position] of seen.entries())
      if (q !== this.partition) await view.advance(q, position);
    this.#view = view;
    return view;
  }
}

function deltaOf({ outputs }: StagedChunk): Uint8Array {
  const value = outputs.at(-1)?.value;
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** Metrics records have the model's name as their key. */
function nameOf({ key }: LogRecord): string {
  return new TextDecoder().decode(key ?? new Uint8Array(0));
}
