/**
 * What the owner of a partition had before it when it folded a chunk: the sums at a vector of positions, and the carry. Built from
 * the model topic alone; it moves forward only.
 */
import type { EventLog } from '../ports/event-log.ts';
import type { CarryHeader } from '../../topics/index.ts';
import type { ClassRules } from './classes.ts';
import { readDelta, type ReadDelta } from './delta-reader.ts';
import { PartitionFold, type FoldOptions } from './fold.ts';
import { carryOf, type RestorePoint, type RestorePoints } from './restore-points.ts';
import { analyzerOf, PipelineState, type ModelSpec } from './state.ts';
import { TopicCursor } from './topic-cursor.ts';

/** What is verified, and under which settings. */
export interface VerifySubject {
  readonly log: EventLog;
  readonly pipeline: string;
  /** As the subscribers had them. */
  readonly fold: FoldOptions;
  /**
   * Rules for classes that a delta declares: they hold from its first record on, for who restarts with other classes makes its state
   * anew under them. Undefined, or where a delta tells none: the classes of `fold`.
   */
  readonly rulesFor?: ((declared: readonly string[]) => ClassRules) | undefined;
}

/** A model of a delta, with its tokenizer. */
export interface Spec extends ModelSpec {
  readonly extractor: string;
}

export class View {
  readonly specs: readonly Spec[];
  readonly classes: ClassRules;
  readonly state: PipelineState;
  readonly fold: PartitionFold;
  readonly #partition: number;
  readonly #deltas: readonly TopicCursor[];
  /** By partition: the delta that was read and does not belong to the view yet. */
  readonly #waiting: (ReadDelta | undefined)[] = [];
  readonly #applied = new Set<number>();
  /** By partition: position that the sums began with; nothing before it can be seen apart. */
  readonly #floors: readonly (number | undefined)[];
  /** Position that the carry begins with. */
  readonly #carried: number | undefined;
  /** The carry that it begins with, until the sums are there: they tell which models there were. */
  #carry: RestorePoint<CarryHeader> | undefined;

  constructor(
    { log, pipeline, fold }: VerifySubject,
    partition: number,
    specs: readonly Spec[],
    untils: readonly number[],
    points: RestorePoints | undefined,
  ) {
    this.specs = specs;
    this.classes = fold.classes;
    this.#partition = partition;
    this.state = new PipelineState({
      pipeline,
      models: specs,
      declared: fold.classes.declared,
      analyzer: analyzerOf(specs),
      partitions: untils.length,
    });
    this.fold = new PartitionFold(this.state, partition, fold);
    this.#carry = points?.carries.get(partition);
    if (points !== undefined) this.state.restore(points.sums.header, points.sums.content);
    this.#floors = [...this.state.positions];
    this.#carried = this.#carry?.header.position ?? undefined;
    this.#revive();
    for (const [q, floor] of this.#floors.entries()) if (floor !== undefined) this.#applied.add(q);
    this.#deltas = untils.map((_, q) => {
      const known = q === partition ? 0 : (points?.sums.header.partitions[q]?.model ?? 0);
      return deltaCursor(log, fold.topics.model, q, untils, known);
    });
  }

  /** The first position of another partition that can be told apart; undefined: all can. */
  floorOf(q: number): number | undefined {
    return this.#floors[q];
  }

  /** A delta whose owner stood somewhere before this view began. */
  precedes({ from, seen }: ReadDelta): boolean {
    const { length } = this.#floors;
    const begins = Math.max(this.#floors[this.#partition] ?? 0, this.#carried ?? 0);
    if (from < begins) return true;
    for (let q = 0; q < length; q++)
      if (q !== this.#partition && (seen[q] ?? -1) < (this.#floors[q] ?? -1)) return true;
    return false;
  }

  /** What the delta's owner knew of promotions, as far as it mattered: when it knew of one is told by nothing else. */
  promote({ promotion }: ReadDelta): void {
    this.state.promotion = promotion ?? this.fold.seat.promotion;
  }

  /** Takes in a delta of the own partition as a new owner does. */
  accept(delta: ReadDelta): void {
    this.state.apply(delta);
    if (delta.to > (this.#carried ?? -1)) this.fold.replay(delta);
    else this.#revive();
  }

  /**
   * Takes in the deltas of another partition up to a position.
   *
   * @returns the position it has now: another one than was asked for if no delta ends there, or if it is behind
   */
  async advance(q: number, position: number | undefined): Promise<number | undefined> {
    const { positions } = this.state;
    if (position === undefined) {
      // An owner that never met the partition; one before may have stood at its beginning.
      if (!this.#applied.has(q)) positions[q] = undefined;
      return positions[q];
    }
    if (!this.#applied.has(q)) positions[q] = undefined;
    await this.#take(q, position);
    // Nothing of it is folded yet: it stands at its beginning.
    if (!this.#applied.has(q)) positions[q] = this.#waiting[q]?.from ?? position;
    return positions[q];
  }

  /** Takes in the own deltas up to a position, which is the end of one. */
  async replay(position: number): Promise<void> {
    const cursor = this.#deltas[this.#partition];
    if (cursor === undefined) return;
    for (let at = -1; at < position;) {
      const record = cursor.head ?? (await cursor.peek());
      if (record?.value === undefined || record.value === null) return;
      const delta = readDelta(record.value);
      at = delta.to;
      this.accept(delta);
      cursor.skip();
    }
  }

  #revive(): void {
    if (this.#carry === undefined) return;
    if ((this.state.positions[this.#partition] ?? -1) < (this.#carried ?? -1)) return;
    this.fold.revive(carryOf(this.#carry, this.state));
    this.#carry = undefined;
  }

  async #take(q: number, position: number): Promise<void> {
    const cursor = this.#deltas[q];
    if (cursor === undefined) return;
    // Never further: the next delta is nobody's yet, and may be damaged.
    while (!this.#applied.has(q) || (this.state.positions[q] ?? 0) < position) {
      const record = cursor.head ?? (await cursor.peek());
      if (record?.value === undefined || record.value === null) return;
      const delta = (this.#waiting[q] ??= readDelta(record.value));
      if (delta.to > position) return;
      this.state.apply(delta);
      this.#applied.add(q);
      this.#waiting[q] = undefined;
      cursor.skip();
    }
  }
}

/** Deltas of a partition; records with a key mark claims. */
export function deltaCursor(
  log: EventLog,
  topic: string,
  partition: number,
  untils: readonly number[],
  from = 0,
): TopicCursor {
  return new TopicCursor(log, topic, partition, {
    from,
    until: untils[partition] ?? 0,
    accepts: ({ key, value }) => key === null && value !== null,
  });
}

/** A delta that covers no source record begins a model: an imported one, or one that was rebuilt. */
export function isSeed({ from, to }: Pick<ReadDelta, 'from' | 'to'>): boolean {
  return from === to;
}

/** It teaches nothing. */
export function isEmpty(bytes: Uint8Array): boolean {
  return readDelta(bytes)
    .taught(NO_IDS)
    .every(({ delta: { classes } }) => classes.length === 0);
}

/** Models of a delta. */
export function specsOf(bytes: Uint8Array): readonly Spec[] {
  return readDelta(bytes).models.map(({ name, kind, extractor }, index) => ({
    name,
    kind,
    extractor,
    role: index === 0 ? 'champion' : 'challenger',
  }));
}

export function sameSpecs(a: readonly Spec[], b: readonly Spec[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, kind, extractor }, at) => {
      const other = b[at];
      return other?.name === name && other.kind === kind && other.extractor === extractor;
    })
  );
}

/** Ids that mean nothing: who applies the delta reads it anew. */
const NO_IDS = { find: () => undefined };
