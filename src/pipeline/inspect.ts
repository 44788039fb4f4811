/**
 * The model as the snapshots and the model topic tell it, read by anyone at any time: for `model show|top|explain|hash|export`. Kinds,
 * tokenizer and declared classes come from the log itself, so that looking needs no configuration.
 */
import { ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import { noSuchTopic } from '../ports/follow-topic.ts';
import type { TopicNames } from '../../topics/index.ts';
import { DEFAULT_LABELS } from './classes.ts';
import { newestDeclared } from './declared-classes.ts';
import type { ReadDelta } from './delta-reader.ts';
import { readDeltas } from './follower.ts';
import { PartitionFold, type FoldOptions } from './fold.ts';
import { restorePartition, restoreSums } from './restore.ts';
import { SnapshotTopic } from './snapshot-topic.ts';
import { analyzerOf, hashJson, PipelineState, type ModelSpec } from './state.ts';

export interface LoadedModel {
  readonly state: PipelineState;
  /** The declared classes are guessed: nobody gave any, and the log does not tell. */
  readonly isUntold: boolean;
  /** Deltas read, by partition: those behind the snapshot, or all where there is none. */
  readonly deltas: readonly number[];
  /** SHA-256 of everything that is no sum, over all partitions; only when asked for. */
  readonly carryHash: string | undefined;
}

/**
 * Reads the newest snapshot and the deltas behind it.
 *
 * @param options.carry settings of the subscriber: also rebuilds the carries, to hash them
 * @throws NOT_FOUND nothing was learned yet; DELTA_GAP, SNAPSHOT_CORRUPT what was learned is not all there
 */
export async function loadModel(options: {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics: TopicNames;
  /** Declared classes, worst to best. Default: those that the log tells, else the default ones. */
  readonly declared?: readonly string[] | undefined;
  readonly carry?: FoldOptions;
}): Promise<LoadedModel> {
  const { log, pipeline, topics } = options;
  const topic = await log.describeTopic(topics.model);
  const ranges = topic?.partitions ?? [];
  const { models, declared: told } = await newestLearned(log, topics, ranges);
  const declared = options.declared ?? told;
  const state = new PipelineState({
    pipeline,
    models,
    declared: declared ?? DEFAULT_LABELS,
    analyzer: analyzerOf(models),
    partitions: ranges.length,
  });
  const subject = { log, topics, state };
  const restored = await restoreSums(subject);
  const deltas = ranges.map(() => 0);
  const carries: unknown[] = [];
  for (const partition of ranges.keys()) {
    const onDelta = (): void => {
      deltas[partition] = (deltas[partition] ?? 0) + 1;
    };
    if (options.carry === undefined) {
      await restored.follower.catchUp(partition, onDelta);
      continue;
    }
    const fold = new PartitionFold(state, partition, options.carry);
    await restorePartition({ ...subject, ...restored }, fold, undefined, onDelta);
    carries.push(fold.snapshot());
  }
  const carryHash = options.carry === undefined ? undefined : hashJson(carries);
  return { state, isUntold: declared === undefined, deltas, carryHash };
}

/**
 * What the newest deltas tell, or the newest snapshot where all of them are deleted: the models as {@link newestModels} has them,
 * and the declared classes, worst to best; undefined: not told, by an older Valence.
 *
 * @throws NOT_FOUND nothing was learned yet
 */
export async function newestLearned(
  log: EventLog,
  topics: Pick<TopicNames, 'model' | 'snapshots'>,
  ranges: readonly { readonly start: number; readonly end: number }[],
): Promise<{
  readonly models: readonly LearnedSpec[];
  readonly declared: readonly string[] | undefined;
}> {
  const models = await newestModels(log, topics.model, ranges, topics.snapshots);
  return { models, declared: await newestDeclared(log, topics) };
}

/**
 * Models of the newest deltas, in their order; the first of them is the champion. Where all deltas are deleted, the newest
 * snapshot tells.
 *
 * @throws NOT_FOUND nothing was learned yet
 */
export async function newestModels(
  log: EventLog,
  topic: string,
  ranges: readonly { readonly start: number; readonly end: number }[],
  snapshotsTopic?: string,
): Promise<readonly LearnedSpec[]> {
  for (const [partition, range] of ranges.entries()) {
    const newest = await newestDelta(log, topic, partition, range);
    if (newest !== undefined && newest.models.length > 0) return specsOf(newest.models);
  }
  if (snapshotsTopic !== undefined) {
    const snapshots = new SnapshotTopic(log, snapshotsTopic);
    await snapshots.refresh();
    const header = snapshots.whole({ kind: 'sums' })[0]?.header;
    if (header !== undefined) return specsOf(header.models);
  }
  throw await nothingLearned(log, topic);
}

/** Why there is no model: the topic is empty, or not there at all. */
export async function nothingLearned(log: EventLog, topic: string): Promise<ValenceError> {
  if ((await log.describeTopic(topic)) !== undefined)
    return new ValenceError(
      'NOT_FOUND',
      `nothing was learned yet: topic ${topic} of ${log.url} is empty; run 'valence subscribe' first`,
    );
  const { message } = await noSuchTopic(log, topic);
  const fix = "choose with --pipeline or --log, or run 'valence subscribe' first";
  return new ValenceError('NOT_FOUND', `${message}; ${fix}`);
}

/** Backwards in growing steps: the last records may mark claims, and offsets may hold no record. */
async function newestDelta(
  log: EventLog,
  topic: string,
  partition: number,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<ReadDelta | undefined> {
  let until = end;
  for (let back = 1; until > start; back *= 4) {
    const from = Math.max(start, end - back);
    let newest: ReadDelta | undefined;
    for await (const { delta } of readDeltas(log, topic, partition, { from, until }))
      newest = delta;
    if (newest !== undefined) return newest;
    until = from;
  }
  return undefined;
}

/** A model as its deltas tell it. */
export interface LearnedSpec extends ModelSpec {
  /** Identity of its features. */
  readonly extractor: string;
}

function specsOf(models: readonly Omit<LearnedSpec, 'role'>[]): readonly LearnedSpec[] {
  return models.map(({ name, kind, extractor }, index) => ({
    name,
    kind,
    extractor,
    role: index === 0 ? 'champion' : 'challenger',
  }));
}
