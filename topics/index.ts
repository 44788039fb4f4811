/** The topic contracts of a pipeline, one file each. */
import type { TopicContract, TopicSuffix } from './contract.ts';
import { dlq } from './dlq.ts';
import { model } from './model.ts';
import { results } from './results.ts';
import { snapshots } from './snapshots.ts';
import { source } from './source.ts';

export type { TopicContract, TopicSuffix } from './contract.ts';
export * from './source.ts';
export * from './results.ts';
export { model } from './model.ts';
export { snapshots } from './snapshots.ts';
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
