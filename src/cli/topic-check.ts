/** What a pipeline's topics are, held against their contracts. Looks only; creates nothing. */
import { CONTRACTS, type TopicNames, type TopicSuffix } from '../../topics/index.ts';
import type { EventLog, TopicDescription } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { describeIfAllowed } from './ensure-topics.ts';
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

/** @param suffixes which topics to look at; default all */
export async function checkTopics(
  log: EventLog,
  names: TopicNames,
  suffixes: readonly TopicSuffix[] = CONTRACTS.map(({ suffix }) => suffix),
): Promise<readonly CheckedTopic[]> {
  const source = await describeIfAllowed(log, names.source);
  const partitions = source?.partitions.length ?? 1;
  const specs = topicSpecs(names, partitions);
  const contracts = CONTRACTS.filter(({ suffix }) => suffixes.includes(suffix));
  return Promise.all(
    contracts.map(async ({ suffix, partitions: rule }): Promise<CheckedTopic> => {
      const name = names[suffix];
      const spec = specs.find((each) => each.name === name);
      const description = await log.describeTopic(name);
      if (description === undefined || spec === undefined)
        return { name, suffix, status: 'missing', broken: false, differences: [], description };
      const found = description.partitions.length;
      const broken = rule === 'mirror' && source !== undefined && found !== partitions;
      const differences: string[] = [];
      if (broken)
        differences.push(
          `partitions: expected ${partitions} as ${names.source} has, found ${found}`,
        );
      // Who may not see a topic's settings is told nothing about them.
      const isSeen = description.settings !== undefined || description.replicas === undefined;
      if (isSeen && description.cleanup !== spec.cleanup)
        differences.push(`cleanup: expected ${spec.cleanup}, found ${description.cleanup}`);
      if (isSeen && description.retentionMs !== spec.retentionMs)
        differences.push(
          `retention: expected ${kept(spec.retentionMs)}, found ${kept(description.retentionMs)}`,
        );
      differences.push(...settingDifferences(spec.settings ?? {}, description.settings));
      const status = differences.length === 0 ? 'ok' : 'differs';
      return { name, suffix, status, broken, differences, description };
    }),
  );
}

/** Settings that are seen and are others than the contract's. What is not seen is no difference. */
function settingDifferences(
  expected: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>> = {},
): string[] {
  const seen = new Map(Object.entries(found));
  return Object.entries(expected).flatMap(([name, value]) => {
    const is = seen.get(name);
    return is === undefined || is === value || isAtLeast(name, is, value)
      ? []
      : [`${name}: expected ${value}, found ${is}`];
  });
}

/** A topic may take larger records than the contract asks for, unless it is the source: those are bounded on purpose. */
function isAtLeast(name: string, found: string, expected: string): boolean {
  return (
    name === 'max.message.bytes' &&
    Number(expected) > 1_048_588 &&
    Number(found) >= Number(expected)
  );
}

/** What puts a difference right, by the tools of the log. */
export function fixOf({ name, broken, status }: CheckedTopic): string | undefined {
  if (status === 'ok') return undefined;
  if (status === 'missing') return '`valence topics create` makes it, and so does a subscriber';
  return broken
    ? 'use another --pipeline, or make the topics anew with as many partitions'
    : `on Kafka alter it with kafka-configs --alter --topic ${name}, else make it anew; or live with it`;
}

/** Retention in words. */
export function kept(retentionMs: number | undefined): string {
  return retentionMs === undefined ? 'for ever' : duration(retentionMs);
}
