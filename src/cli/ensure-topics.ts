/** The topics of a pipeline, made if they are missing. */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, TopicDescription, TopicReport } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import type { TopicNames, TopicSuffix } from '../../topics/index.ts';

/**
 * Creates what is missing and reports the rest. Topics that mirror the source get as many partitions as it has.
 *
 * @param partitions of the source if it has to be created
 * @param needed where these exist the others are let alone: who only publishes may not even be allowed to see them
 */
export async function ensurePipeline(
  log: EventLog,
  names: TopicNames,
  partitions: number,
  needed: readonly TopicSuffix[] = [],
): Promise<readonly TopicReport[]> {
  const source = await log.describeTopic(names.source);
  const specs = topicSpecs(names, source?.partitions.length ?? partitions);
  const wanted = needed.map((suffix) => names[suffix]);
  const found = await Promise.all(wanted.map((name) => log.describeTopic(name)));
  const isEnough = wanted.length > 0 && found.every((topic) => topic !== undefined);
  return log.ensureTopics(isEnough ? specs.filter(({ name }) => wanted.includes(name)) : specs);
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
    const mirror = await describeIfAllowed(log, name);
    const [expected, found] = [source.partitions.length, mirror?.partitions.length];
    if (found !== undefined && found !== expected)
      mismatches.push(`${name} has ${found} partitions, ${names.source} has ${expected}`);
  }
  return mismatches;
}

/** A topic that this user may not see is no concern of its. */
export async function describeIfAllowed(
  log: EventLog,
  name: string,
): Promise<TopicDescription | undefined> {
  try {
    return await log.describeTopic(name);
  } catch (error) {
    if (isValenceError(error) && error.code === 'CONFIG_INVALID') return undefined;
    throw error;
  }
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
