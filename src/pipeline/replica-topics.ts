/** The topics of a replica that only scores: its own, and never those of the pipeline whose model it has. */
import { ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { topicNames, type TopicNames } from '../../topics/index.ts';
import { headerText } from './source-record.ts';
import { subscriberGroup } from './subscriber.ts';

/**
 * What the pipeline itself reads and writes stays its own, whatever it is called.
 *
 * @throws CONFIG_INVALID
 */
export async function requireOthers(
  log: EventLog,
  pipeline: string,
  topics: TopicNames,
): Promise<void> {
  const own = topicNames(pipeline);
  const taken = new Set([own.source, own.results, own.dlq, topics.model, topics.snapshots]);
  const { source, results, dlq } = topics;
  const named = { source, results, dlq };
  if (await isFolded(log, pipeline, source)) taken.add(source);
  if (await isWritten(log, pipeline, results)) taken.add(results);
  for (const [flag, topic] of Object.entries(named)) {
    if (!taken.has(topic)) continue;
    throw new ValenceError(
      'CONFIG_INVALID',
      `--${flag}: ${topic} belongs to pipeline '${pipeline}' itself; a replica that only scores needs topics of its own, such as --source replies --results replies.results`,
    );
  }
  if (new Set(Object.values(named)).size < 3)
    throw new ValenceError('CONFIG_INVALID', 'source, results and dlq: expected three topics');
}

/** The pipeline's subscribers learn from the topic. */
async function isFolded(log: EventLog, pipeline: string, topic: string): Promise<boolean> {
  if ((await log.describeTopic(topic)) === undefined) return false;
  const positions = await log.committed(subscriberGroup(pipeline), topic);
  return positions.some((position) => position !== undefined);
}

/** The pipeline's subscribers write to the topic, as its newest records say. */
async function isWritten(log: EventLog, pipeline: string, topic: string): Promise<boolean> {
  const partitions = (await log.describeTopic(topic))?.partitions ?? [];
  for (const [partition, { start, end }] of partitions.entries()) {
    if (end === start) continue;
    const { records } = await log.read(topic, partition, { from: end - 1, maxRecords: 1 });
    for (const { headers } of records) {
      if (headerText(headers, 'ce_source') !== `/${pipeline}`) continue;
      const [origin = ''] = headerText(headers, 'ce_id')?.split('/') ?? [];
      if (await isFolded(log, pipeline, origin)) return true;
    }
  }
  return false;
}

/**
 * Makes the replica's topics if they are missing.
 *
 * @throws TOPIC_MISMATCH
 */
export async function prepareTopics(
  log: EventLog,
  topics: TopicNames,
  partitions: number,
): Promise<void> {
  const known = await log.describeTopic(topics.source);
  const count = known?.partitions.length ?? partitions;
  const names = new Set([topics.source, topics.results, topics.dlq]);
  await log.ensureTopics(topicSpecs(topics, count).filter(({ name }) => names.has(name)));
  for (const topic of [topics.results, topics.dlq]) {
    const mirror = await log.describeTopic(topic);
    if (mirror?.partitions.length === count) continue;
    throw new ValenceError(
      'TOPIC_MISMATCH',
      `topic ${topic} has ${mirror?.partitions.length ?? 0} partitions, ${topics.source} has ${count}; they must have as many`,
    );
  }
}
