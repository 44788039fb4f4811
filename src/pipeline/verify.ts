/**
 * Verify: recomputes a run of many workers from the source and model topics, bit for bit, and names the first thing that differs.
 *
 *   deltas of every partition, in an order in which each comes after all that it has `seen`
 *        │ one at a time
 *        ▼
 *   viewer of its partition: others' deltas up to `seen` ──► stage(source records [from, to)) ──► the delta's bytes?
 *                                                                                            └──► results, dead letters?
 *
 * Each partition has a viewer, which is what its owner was: the sums as they stood for it, and its carry. So a wrong delta is
 * named before anything that was predicted with it. Where the source no longer holds the records of a delta, the delta is taken as
 * it is, and counted.
 *
 * Not to be had: bounds on the vocabulary (`max-features`) depend on the order in which a process met its terms, over several
 * partitions; and metrics records of idle partitions may be missing, their owner having died.
 */
import { ValenceError } from '../errors.ts';
import type { ReadDelta } from './delta-reader.ts';
import { nothingLearned } from './inspect.ts';
import { oldestPoints } from './restore-points.ts';
import { PartitionVerifier, type Difference } from './verify-partition.ts';
import type { VerifySubject } from './verify-view.ts';

/** What was recomputed. */
export interface Verified {
  readonly verified: true;
  readonly pipeline: string;
  readonly partitions: number;
  readonly deltas: number;
  /** Source records folded again. */
  readonly records: number;
  readonly results: number;
  readonly deadLetters: number;
  /** Of the first model's sums, as `model hash` prints it. */
  readonly hash: string;
  readonly positions: readonly (number | undefined)[];
  /** What could not be recomputed, its source or itself being deleted by retention. */
  readonly unverified: {
    readonly deltas: number;
    readonly results: number;
    readonly deadLetters: number;
  };
}

export interface Refuted extends Difference {
  readonly verified: false;
  readonly pipeline: string;
}

export interface VerifyOptions extends VerifySubject {
  readonly signal?: AbortSignal;
  /** Source records folded so far. */
  readonly onProgress?: (records: number) => void;
}

/**
 * Recomputes everything that was committed when it was called; subscribers may go on meanwhile.
 *
 * @returns undefined: `signal` aborted
 * @throws NOT_FOUND nothing was learned yet; DELTA_GAP the model topic no longer begins with the first deltas; SOURCE_TRUNCATED
 * source records were deleted meanwhile
 */
export async function verify(options: VerifyOptions): Promise<Verified | Refuted | undefined> {
  const { log, pipeline, fold } = options;
  const { topics } = fold;
  const topic = await log.describeTopic(topics.model);
  const ends = topic?.partitions.map(({ end }) => end) ?? [];
  if (ends.every((end) => end === 0)) throw await nothingLearned(log, topics.model);
  const run = await VerifyRun.open(options, ends);
  const difference = await run.all();
  if (difference === 'aborted') return undefined;
  if (difference !== undefined) return { verified: false, pipeline, ...difference };
  const verified = await run.verified();
  if (verified.deltas > 0) return verified;
  throw new ValenceError(
    'DELTA_GAP',
    `nothing can be verified: ${topics.model} has no deltas (any more); for audits run subscribers with --keep-deltas`,
  );
}

class VerifyRun {
  readonly #options: VerifyOptions;
  readonly #viewers: readonly PartitionVerifier[];
  /** By partition: the end of the model topic when all began; what came after may be left out. */
  readonly #ends: readonly number[];

  static async open(options: VerifyOptions, ends: readonly number[]): Promise<VerifyRun> {
    const { log, fold } = options;
    const source = await log.describeTopic(fold.topics.source);
    // Read again: a delta below the first ends may have seen what lies behind them in another partition.
    const model = await log.describeTopic(fold.topics.model);
    const viewers: PartitionVerifier[] = [];
    const headless: number[] = [];
    for (const partition of ends.keys()) {
      const start = source?.partitions[partition]?.start ?? 0;
      const untils = model?.partitions.map(({ end }) => end) ?? [];
      const viewer = new PartitionVerifier(options, partition, start, untils);
      if (!(await viewer.open())) headless.push(partition);
      viewers.push(viewer);
    }
    if (headless.length > 0) {
      const points = await oldestPoints(log, fold.topics, headless);
      for (const viewer of viewers) await viewer.startFrom(points);
    }
    return new VerifyRun(options, viewers, ends);
  }

  private constructor(
    options: VerifyOptions,
    viewers: readonly PartitionVerifier[],
    ends: readonly number[],
  ) {
    this.#options = options;
    this.#viewers = viewers;
    this.#ends = ends;
  }

  async all(): Promise<Difference | 'aborted' | undefined> {
    for (const viewer of this.#viewers) {
      const first = await viewer.next();
      if (first !== undefined && 'problem' in first) return first;
    }
    for (let moved = true; moved;) {
      moved = false;
      for (const viewer of this.#viewers) {
        if (this.#options.signal?.aborted === true) return 'aborted';
        const head = await viewer.next();
        if (head === undefined) continue;
        if ('problem' in head) return head;
        if (this.#ahead(viewer, head.delta) !== undefined) continue;
        const difference = await viewer.step(head);
        if (difference !== undefined) return difference;
        moved = true;
        this.#options.onProgress?.(this.#sum(({ counts }) => counts.records));
      }
    }
    for (const viewer of this.#viewers) {
      const left = (await this.#leftOver(viewer)) ?? (await viewer.end());
      if (left !== undefined) return left;
    }
    return undefined;
  }

  async verified(): Promise<Verified> {
    const { pipeline } = this.#options;
    const positions = this.#viewers.map(({ position }) => position);
    const taught = this.#viewers.find((viewer) => viewer.position !== undefined);
    const hash = await taught?.hashAt(positions);
    return {
      verified: true,
      pipeline,
      partitions: positions.length,
      deltas: this.#sum(({ counts }) => counts.deltas),
      records: this.#sum(({ counts }) => counts.records),
      results: this.#sum(({ results }) => results.same),
      deadLetters: this.#sum(({ deadLetters }) => deadLetters.same),
      hash: hash ?? '',
      positions,
      unverified: {
        deltas: this.#sum(({ counts }) => counts.trusted),
        results: this.#sum(({ results }) => results.unverified),
        deadLetters: this.#sum(({ deadLetters }) => deadLetters.unverified),
      },
    };
  }

  /** A partition of which a delta has seen more than was verified so far; undefined: none. */
  #ahead({ partition }: PartitionVerifier, { seen }: ReadDelta): number | undefined {
    const other = seen.findIndex((position, q) => {
      const viewer = this.#viewers[q];
      if (position === undefined || q === partition) return false;
      return viewer === undefined || position > viewer.reached;
    });
    return other < 0 ? undefined : other;
  }

  /** No partition can go on: every delta that is left has seen what nobody committed before it, or came while we read. */
  async #leftOver(viewer: PartitionVerifier): Promise<Difference | undefined> {
    const head = await viewer.next();
    if (head === undefined || 'problem' in head) return head;
    const { delta, at } = head;
    if (at >= (this.#ends[viewer.partition] ?? 0)) return undefined;
    const other = this.#ahead(viewer, delta) ?? 0;
    return viewer.problem('seen', head, {
      field: `seen[${other}]`,
      expected: `at most ${this.#viewers[other]?.reached ?? 0}`,
      found: String(delta.seen[other]),
    });
  }

  #sum(count: (viewer: PartitionVerifier) => number): number {
    return this.#viewers.reduce((sum, viewer) => sum + count(viewer), 0);
  }
}
