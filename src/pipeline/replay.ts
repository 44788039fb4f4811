/**
 * Replay: folds the logged stream again with another model, in memory, touching nothing.
 */
import {
  mergeBaselines,
  mergeMetrics,
  type BaselineValues,
  type MetricValues,
} from '../core/metrics/values.ts';
import type { EventLog } from '../ports/event-log.ts';
import { noSuchTopic } from '../ports/follow-topic.ts';
import { ValenceError } from '../errors.ts';
import { PartitionFold, type FoldOptions } from './fold.ts';
import { PipelineState } from './state.ts';

export interface ReplayReport {
  readonly kind: string;
  readonly records: number;
  readonly deadLetters: number;
  readonly scored: number;
  readonly learned: number;
  readonly metrics: MetricValues;
  readonly baselines: { readonly majority: BaselineValues; readonly noChange: BaselineValues };
}

/**
 * Folds every partition from its start (or `from`) to the end that it has now. Partitions take turns by the timestamps of their
 * next records, chunk by chunk, so that each learns of the others about as it would have.
 */
export async function replay(options: {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly kind: string;
  readonly analyzer: string;
  readonly fold: FoldOptions;
  /** First offset in each partition; default: its start. */
  readonly from?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (records: number) => void;
}): Promise<ReplayReport> {
  const { log, fold: foldOptions } = options;
  const { source } = foldOptions.topics;
  const topic = await log.describeTopic(source);
  if (topic === undefined) {
    const { message } = await noSuchTopic(log, source);
    throw new ValenceError('NOT_FOUND', `${message}; choose with --pipeline or --log`);
  }
  const state = new PipelineState({
    pipeline: options.pipeline,
    models: [{ name: 'champion', kind: options.kind, role: 'champion' }],
    declared: foldOptions.classes.declared,
    analyzer: options.analyzer,
    partitions: topic.partitions.length,
  });
  const lanes = topic.partitions.map(({ start, end }, partition) => ({
    partition,
    next: Math.max(start, options.from ?? start),
    end,
    fold: new PartitionFold(state, partition, foldOptions),
  }));
  let records = 0;
  let deadLetters = 0;
  const open = new Set(lanes.filter(({ next, end }) => next < end));
  const read = async (lane: (typeof lanes)[number]) =>
    log.read(source, lane.partition, { from: lane.next, maxRecords: 500 });
  const waiting = new Map(
    await Promise.all([...open].map(async (lane) => [lane, await read(lane)] as const)),
  );
  while (waiting.size > 0 && options.signal?.aborted !== true) {
    const first = (lane: (typeof lanes)[number]): number =>
      waiting.get(lane)?.records[0]?.timestamp ?? 0;
    const lane = [...waiting.keys()].reduce((a, b) => (first(b) < first(a) ? b : a));
    const batch = waiting.get(lane);
    const chunk = (batch?.records ?? []).filter(({ offset }) => offset < lane.end);
    if (chunk.length > 0) {
      const staged = lane.fold.stage(chunk, lane.next, 0);
      lane.fold.commit(staged);
      records += chunk.length;
      deadLetters += staged.deadLetters;
      options.onProgress?.(records);
    }
    lane.next = batch?.next ?? lane.end;
    if (lane.next >= lane.end) waiting.delete(lane);
    else waiting.set(lane, await read(lane));
  }
  const figures = lanes.flatMap(({ fold }) => [...fold.figures().values()]);
  return {
    kind: state.models[0]?.model.kind ?? options.kind,
    records,
    deadLetters,
    scored: figures.reduce((sum, { scored }) => sum + scored, 0),
    learned: figures.reduce((sum, { learned }) => sum + learned, 0),
    metrics: mergeMetrics(figures.map(({ cumulative }) => cumulative)),
    baselines: {
      majority: mergeBaselines(figures.map(({ baselines }) => baselines.majority)),
      noChange: mergeBaselines(figures.map(({ baselines }) => baselines.noChange)),
    },
  };
}
