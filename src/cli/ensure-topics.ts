/** The topics of a pipeline, made if they are missing. */
import { ValenceError } from '../errors.ts';
import type { EventLog, TopicReport } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import type { TopicNames } from '../../topics/index.ts';

/**
 * Creates what is missing and reports the rest. Topics that mirror the source get as many partitions as it has.
 *
 * @param partitions of the source if it has to be created
 */
export async function ensurePipeline(
  log: EventLog,
  names: TopicNames,
  partitions: number,
): Promise<readonly TopicReport[]> {
  const source = await log.describeTopic(names.source);
  return log.ensureTopics(topicSpecs(names, source?.partitions.length ?? partitions));
}

/** Differences of topics that mirror the source and have another number of partitions, a sentence each. */
export async function partitionMismatches(
  log: EventLog,
  names: TopicNames,
): Promise<readonly string[]> {
  const source = await log.describeTopic(names.source);
  const mismatches: string[] = [];
  if (source === undefined) return mismatches;
  for (const name of [names.results, names.model, names.dlq]) {
    const mirror = await log.describeTopic(name);
    const [expected, found] = [source.partitions.length, mirror?.partitions.length];
    if (found !== undefined && found !== expected)
      mismatches.push(`${name} has ${found} partitions, ${names.source} has ${expected}`);
  }
  return mismatches;
}

/** @throws TOPIC_MISMATCH */
export async function requireMirrors(log: EventLog, names: TopicNames): Promise<void> {
  const mismatches = await partitionMismatches(log, names);
  if (mismatches.length === 0) return;
  throw new ValenceError(
    'TOPIC_MISMATCH',
    `${mismatches.join('; ')}: they must have as many; use another --pipeline, or new topics`,
  );
}
