/** The topic contracts of a pipeline, one file each. */
import { z } from 'zod';
import type { TopicContract, TopicSuffix } from './contract.ts';
import { dlq } from './dlq.ts';
import { model } from './model.ts';
import { results, ResultValue } from './results.ts';
import { snapshots } from './snapshots.ts';
import { source, SourceValue } from './source.ts';

export type { TopicContract, TopicSuffix } from './contract.ts';
export * from './source.ts';
export * from './results.ts';
export {
  BARRIER_KEY,
  DeclaredClasses,
  LABELS_HEADER,
  model,
  PROMOTION_KEY,
  PromotionRecord,
} from './model.ts';
export { CarryHeader, SnapshotHeader, snapshots, SumsHeader } from './snapshots.ts';
export { dlq, deadLetterHeaders, DeadLetterHeaders, type DeadLetterStage } from './dlq.ts';

/** In the order a record meets them. */
export const CONTRACTS: readonly TopicContract[] = [source, results, model, snapshots, dlq];

/** Names of a pipeline's topics. */
export type TopicNames = Readonly<Record<TopicSuffix, string>>;

/** `<pipeline>.<suffix>` for each topic, unless overridden. */
export function topicNames(pipeline: string, overrides: Partial<TopicNames> = {}): TopicNames {
  const name = (suffix: TopicSuffix): string => overrides[suffix] ?? `${pipeline}.${suffix}`;
  return {
    source: name('source'),
    results: name('results'),
    model: name('model'),
    snapshots: name('snapshots'),
    dlq: name('dlq'),
  };
}

/** A topic by its name in one pipeline, with the type of its values. */
export interface Topic<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
}

export interface PipelineTopics {
  readonly source: Topic<SourceValue>;
  readonly results: Topic<ResultValue>;
  readonly model: Topic<unknown>;
  readonly snapshots: Topic<unknown>;
  readonly dlq: Topic<unknown>;
}

/** The topics of a pipeline, for the library's `publish` and `subscribe`. */
export function pipelineTopics(
  pipeline: string,
  overrides: Partial<TopicNames> = {},
): PipelineTopics {
  const names = topicNames(pipeline, overrides);
  return {
    source: { name: names.source, schema: SourceValue },
    results: { name: names.results, schema: ResultValue },
    model: { name: names.model, schema: z.unknown() },
    snapshots: { name: names.snapshots, schema: z.unknown() },
    dlq: { name: names.dlq, schema: z.unknown() },
  };
}
