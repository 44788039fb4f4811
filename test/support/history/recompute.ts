/**
 * One thread computes a run again from the source topic: the sums after each delta (for I6 and I7), and every answer from the
 * prefix and the view that its delta names (for P1). Nothing that the workers counted goes into it but chunk borders and `seen`.
 */
import { PartitionFold, type StagedChunk } from '../../../src/pipeline/fold.ts';
import { PipelineState } from '../../../src/pipeline/state.ts';
import { TermNumbers } from '../delta-edit.ts';
import { readDelta, type ReadDelta } from '../../../src/pipeline/delta-reader.ts';
import type { LogRecord } from '../../../src/ports/event-log.ts';
import type { History } from './history.ts';
import type { PartitionView, View } from './view.ts';

export function stateOf({ raw, topics, pipeline, models, analyzer, fold }: History): PipelineState {
  const partitions = raw.get(topics.source)?.length ?? 0;
  return new PipelineState({
    pipeline,
    models,
    declared: fold.classes.declared,
    analyzer,
    partitions,
  });
}

/** Chunks of a partition, as its deltas cut them. */
export class ChunkSource {
  readonly #view: PartitionView;
  readonly #topic: string;
  #at = 0;

  constructor(view: PartitionView, topic: string) {
    this.#view = view;
    this.#topic = topic;
  }

  /** Source records below `to` that were not given yet. */
  upTo(to: number): readonly LogRecord[] {
    const { source, partition } = this.#view;
    const first = this.#at;
    while ((source[this.#at]?.offset ?? to) < to) this.#at += 1;
    return source.slice(first, this.#at).map(({ offset, timestamp, key, value, headers }) => ({
      topic: this.#topic,
      partition,
      offset,
      timestamp,
      key,
      value,
      headers,
    }));
  }
}

/** By cell (model, class, term): what was logged less what one thread learns. Empty: the sums are equal. */
export class SumDifference {
  readonly #cells = new Map<string, number>();

  add(delta: Uint8Array, sign: 1 | -1): void {
    const terms = new TermNumbers();
    for (const { name, delta: learned } of readDelta(delta).taught(terms)) {
      const { classes, ids, counts } = learned;
      for (const { label, documents } of classes) this.#change([name, label], sign * documents);
      let at = 0;
      for (const id of ids) {
        for (const { label } of classes)
          this.#change([name, label, terms.term(id)], sign * (counts[at++] ?? 0));
      }
    }
  }

  /** A cell that differs, or undefined. */
  first(): { readonly cell: string; readonly by: number } | undefined {
    for (const [cell, by] of this.#cells) return { cell, by };
    return undefined;
  }

  #change(cell: readonly string[], by: number): void {
    if (by === 0) return;
    const key = JSON.stringify(cell);
    const sum = (this.#cells.get(key) ?? 0) + by;
    if (sum === 0) this.#cells.delete(key);
    else this.#cells.set(key, sum);
  }
}

/** The delta of a staged chunk, encoded: one that was read keeps the term ids of its first reader. */
export function deltaOf(chunk: StagedChunk, topic: string): Uint8Array {
  const value = chunk.outputs.find((output) => output.topic === topic)?.value;
  if (value === null || value === undefined || typeof value === 'string')
    throw new Error('a chunk without a delta');
  return value;
}

/** One answer that was computed again. */
export interface Recomputed {
  readonly partition: number;
  readonly offset: number;
  readonly type: string;
  readonly model: string;
  readonly value: string;
}

/** A chunk whose view cannot have been: it names positions that were never committed, or only after it. */
export interface ImpossibleView {
  readonly partition: number;
  readonly from: number;
}

/**
 * Computes every prediction and outcome again, each chunk from its own prefix and the positions of the others in `seen`.
 *
 * @returns chunks that could not be computed, because their views form a circle or point nowhere
 */
export function recompute(
  view: View,
  onAnswer: (answer: Recomputed) => void,
): readonly ImpossibleView[] {
  const { history, partitions } = view;
  const { topics } = history;
  const learners = partitions.map((each) => new Learner(history, partitions, each));
  /** By partition: deltas of one thread, in their order. */
  const golden = partitions.map((): GoldenDelta[] => []);
  for (let moved = true; moved;) {
    moved = false;
    for (const [p, learner] of learners.entries()) {
      const { chain } = partitions[p]!;
      for (let next = chain[golden[p]!.length]; next !== undefined;) {
        if (!learner.sees(next.delta.seen, golden)) break;
        const chunk = learner.learn(next.delta);
        golden[p]!.push({ to: chunk.to, bytes: deltaOf(chunk, topics.model) });
        for (const { topic, value, headers } of chunk.outputs) {
          if (topic !== topics.results) continue;
          const event = headers?.find(([name]) => name === 'ce_id')?.[1];
          const [offset = '', type = '', ...model] = String(event)
            .slice(`${topics.source}/${p}/`.length)
            .split('/');
          if (type !== 'prediction' && type !== 'outcome') continue;
          const bytes = Buffer.from(value ?? '').toString();
          onAnswer({
            partition: p,
            offset: Number(offset),
            type,
            model: model.join('/'),
            value: bytes,
          });
        }
        moved = true;
        next = chain[golden[p]!.length];
      }
    }
  }
  return partitions.flatMap(({ partition, chain }): ImpossibleView[] => {
    const stuck = chain[golden[partition]!.length];
    return stuck === undefined ? [] : [{ partition, from: stuck.delta.from }];
  });
}

interface GoldenDelta {
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** One partition's fold over a state of its own, in which the others stand where a chunk saw them. */
class Learner {
  readonly #state: PipelineState;
  readonly #fold: PartitionFold;
  readonly #source: ChunkSource;
  readonly #partition: number;
  readonly #taken: number[];
  readonly #geneses: readonly number[];

  constructor(history: History, views: readonly PartitionView[], view: PartitionView) {
    this.#geneses = views.map(({ chain, start }) => chain[0]?.delta.from ?? start);
    this.#partition = view.partition;
    this.#state = stateOf(history);
    this.#fold = new PartitionFold(this.#state, view.partition, history.fold);
    this.#source = new ChunkSource(view, history.topics.source);
    this.#taken = this.#state.positions.map(() => 0);
    const genesis = view.chain[0]?.delta.from;
    if (genesis !== undefined) {
      this.#source.upTo(genesis);
      this.#state.positions[view.partition] = genesis;
    }
  }

  /** Takes in the others up to `seen`. @returns false while they are not computed that far */
  sees(
    seen: readonly (number | undefined)[],
    golden: readonly (readonly GoldenDelta[])[],
  ): boolean {
    const others = seen.flatMap((position, q) =>
      q === this.#partition || position === undefined ? [] : [{ q, position }],
    );
    const reached = others.every(({ q, position }) => {
      const last = golden[q]?.at(-1);
      // Claimed, but nothing committed yet: it stands at its genesis.
      return (last?.to ?? -1) >= position || this.#geneses[q] === position;
    });
    if (!reached) return false;
    for (const { q, position } of others) {
      const deltas = golden[q] ?? [];
      for (let at = this.#taken[q] ?? 0; (deltas[at]?.to ?? Infinity) <= position; at++) {
        this.#state.apply(readDelta(deltas[at]!.bytes));
        this.#taken[q] = at + 1;
      }
      this.#state.positions[q] = position;
    }
    return true;
  }

  learn({ from, to, epoch }: ReadDelta): StagedChunk {
    const chunk = this.#fold.stage(this.#source.upTo(to), from, epoch, to);
    this.#fold.commit(chunk);
    return chunk;
  }
}
