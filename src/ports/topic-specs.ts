import { CONTRACTS, type TopicNames } from '../../topics/index.ts';
import type { TopicSpec } from './event-log.ts';

/**
 * What a log has to create for a pipeline: the topic contracts under the pipeline's names.
 *
 * @param partitions of source and the topics that mirror it, >= 1; used only for topics that do not exist yet
 */
export function topicSpecs(names: TopicNames, partitions: number): readonly TopicSpec[] {
  return CONTRACTS.map(({ suffix, partitions: count, cleanup, retentionMs, settings }) => ({
    name: names[suffix],
    partitions: typeof count === 'number' ? count : partitions,
    cleanup,
    retentionMs,
    settings,
  }));
}
