/** What a pipeline's topics are, held against their contracts. Looks only; creates nothing. */
import { CONTRACTS, type TopicNames, type TopicSuffix } from '../../topics/index.ts';
import type { EventLog, TopicDescription } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { duration } from './numbers.ts';

export interface CheckedTopic {
  readonly name: string;
  readonly suffix: TopicSuffix;
  readonly status: 'ok' | 'missing' | 'differs';
  /** Breaks the pipeline: another number of partitions than the source. */
  readonly broken: boolean;
  /** One sentence a difference. */
  readonly differences: readonly string[];
  readonly description: TopicDescription | undefined;
}

export async function checkTopics(
  log: EventLog,
  names: TopicNames,
): Promise<readonly CheckedTopic[]> {
  const source = await log.describeTopic(names.source);
  const partitions = source?.partitions.length ?? 1;
  const specs = topicSpecs(names, partitions);
  return Promise.all(
    CONTRACTS.map(async ({ suffix, partitions: rule }, index): Promise<CheckedTopic> => {
      const name = names[suffix];
      const spec = specs[index];
      const description = await log.describeTopic(name);
      if (description === undefined || spec === undefined)
        return { name, suffix, status: 'missing', broken: false, differences: [], description };
      const found = description.partitions.length;
      const broken = rule === 'mirror' && source !== undefined && found !== partitions;
      const differences: string[] = [];
      if (broken) differences.push(`${found} partitions, but ${names.source} has ${partitions}`);
      if (description.cleanup !== spec.cleanup)
        differences.push(`cleanup ${description.cleanup}, expected ${spec.cleanup}`);
      if (description.retentionMs !== spec.retentionMs)
        differences.push(
          `retention ${kept(description.retentionMs)}, expected ${kept(spec.retentionMs)}`,
        );
      const status = differences.length === 0 ? 'ok' : 'differs';
      return { name, suffix, status, broken, differences, description };
    }),
  );
}

/** Retention in words. */
export function kept(retentionMs: number | undefined): string {
  return retentionMs === undefined ? 'for ever' : duration(retentionMs);
}
