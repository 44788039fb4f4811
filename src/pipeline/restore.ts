/**
 * Restore: from the newest snapshot that is sound and goes with the model topic, and the deltas behind it.
 *
 *   sums       newest ─► the other slot ─► none: from the first delta, if it is still there ─► else stop
 *   carry      the same, for one partition
 *
 * A snapshot goes with the model topic if the topic still has everything behind it, and the next delta of each partition begins
 * exactly where the snapshot ends. Nothing is taken in before that and the checksum are known.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import type { CarryHeader, TopicNames } from '../../topics/index.ts';
import { decodeCarry } from './carry-snapshot.ts';
import { isBeginning, type ReadDelta } from './delta-reader.ts';
import type { PartitionFold } from './fold.ts';
import { ModelFollower, noBeginning, readDeltas, REBUILD } from './follower.ts';
import { SnapshotTopic, type Subject } from './snapshot-topic.ts';
import type { PipelineState } from './state.ts';

export interface RestoreSubject {
  readonly log: EventLog;
  readonly topics: Pick<TopicNames, 'model' | 'snapshots'>;
  /** New: nothing was taken in. */
  readonly state: PipelineState;
}

/** What keeps the sums up to date, and what is known of snapshots. */
export interface Restored {
  readonly follower: ModelFollower;
  readonly snapshots: SnapshotTopic;
}

interface Place {
  readonly position: number | null;
  readonly model: number;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The sums of the newest snapshot, and a follower that reads on behind it.
 *
 * @throws DELTA_GAP the first deltas are gone; SNAPSHOT_CORRUPT and no snapshot can be used; MODEL_MISMATCH
 */
export async function restoreSums(subject: RestoreSubject): Promise<Restored> {
  const { log, topics, state } = subject;
  const snapshots = new SnapshotTopic(log, topics.snapshots);
  await snapshots.refresh();
  const ranges = (await log.describeTopic(topics.model))?.partitions ?? [];
  for (const found of snapshots.whole({ kind: 'sums' })) {
    const { partitions } = found.header;
    const fits = await Promise.all(
      ranges.map((range, p) => goesOn(log, topics.model, p, range, partitions[p])),
    );
    const content =
      partitions.length <= ranges.length && fits.every(Boolean)
        ? await snapshots.content(found)
        : undefined;
    if (content === undefined) {
      snapshots.reject(found);
      continue;
    }
    state.restore(found.header, content);
    const follower = new ModelFollower(log, topics.model, state);
    for (const [partition, { model }] of partitions.entries()) follower.seek(partition, model);
    follower.promotions.begin(partitions[0]?.model ?? 0);
    return { follower, snapshots };
  }
  for (const [partition, range] of ranges.entries())
    await requireBeginning(subject, snapshots, { kind: 'sums' }, partition, range);
  const follower = new ModelFollower(log, topics.model, state);
  follower.promotions.begin(ranges[0]?.start ?? 0);
  return { follower, snapshots };
}

/**
 * Brings a partition to where its last owner's last commit left it: the sums, and a new fold.
 *
 * @param until offset of the model topic below which all that earlier owners wrote lies
 * @param onDelta each delta that was read
 * @throws as {@link restoreSums}
 */
export async function restorePartition(
  subject: RestoreSubject & Restored,
  fold: PartitionFold,
  until?: number,
  onDelta?: () => void,
): Promise<void> {
  const { topics, state, follower } = subject;
  const { partition } = fold;
  const carry = await restoreCarry(subject, fold, onDelta);
  let reached = carry?.position ?? undefined;
  // The sums hold all that lies below the carry.
  const from = carry?.model ?? 0;
  let next = from;
  for await (const read of applied(subject, partition, from, until)) {
    const { delta } = read;
    onDelta?.();
    next = read.next;
    if (reached !== undefined && delta.to <= reached) continue;
    if (reached !== undefined && delta.from !== reached)
      throw gap(topics.model, partition, reached, delta.from);
    fold.replay(delta);
    reached = delta.to;
  }
  // What this process has seen committed is in the topic, unless that is another one by now.
  const known = state.positions[partition];
  if ((state.taught[partition] ?? 0) > 0 && known !== undefined && (reached ?? -1) < known) {
    throw new ValenceError(
      'MODEL_LOST',
      `${topics.model}/${partition} no longer tells what was learned up to source offset ${known}: the topic was deleted or made again; ${REBUILD}`,
      { partition, position: known },
    );
  }
  // Deltas that the follower took in before count as read.
  if (next > follower.next(partition)) follower.seek(partition, next);
}

/** Deltas of a partition, each when it is in the sums. */
async function* applied(
  { log, topics, state, follower }: RestoreSubject & Restored,
  partition: number,
  from: number,
  until: number | undefined,
): AsyncGenerator<{ readonly delta: ReadDelta; readonly next: number }, void, undefined> {
  const deltas = readDeltas(log, topics.model, partition, {
    from,
    ...(until === undefined ? {} : { until }),
    onRead: (start, records, end) => {
      if (partition === 0) follower.promotions.saw(start, records, end);
    },
  });
  for await (const read of deltas) {
    try {
      state.apply(read.delta);
    } catch (error) {
      // Who slept while snapshots and trims went on begins anew with a snapshot.
      if (isValenceError(error) && error.code === 'DELTA_GAP')
        await follower.requireAll(partition, from, read.delta);
      throw error;
    }
    yield read;
  }
}

/** Takes back the newest carry of a partition that can be used. Undefined: none, but all deltas are there. */
async function restoreCarry(
  subject: RestoreSubject & Restored,
  fold: PartitionFold,
  onDelta?: () => void,
): Promise<CarryHeader | undefined> {
  const { log, topics, state, follower, snapshots } = subject;
  const { partition } = fold;
  await snapshots.refresh();
  const kind = { kind: 'carry', partition } as const;
  const range = (await log.describeTopic(topics.model))?.partitions[partition];
  if (range === undefined) return undefined;
  for (const found of snapshots.whole(kind)) {
    const { header } = found;
    const content = (await goesOn(log, topics.model, partition, range, header))
      ? await snapshots.content(found)
      : undefined;
    // The sums may be older: of models that came since, the deltas up to the carry tell.
    const known = follower.next(partition);
    if (content !== undefined && known < header.model)
      for await (const _ of applied(subject, partition, known, header.model)) onDelta?.();
    const isKnown = header.extractors.every((id) => state.extractors.find(id) !== undefined);
    if (content === undefined || !isKnown) {
      snapshots.reject(found);
      continue;
    }
    const decoding = decodeCarry(content, state.extractors);
    for (;;) {
      const step = decoding.next();
      if (step.done === true) {
        fold.revive(step.value);
        return header;
      }
      // Other partitions go on meanwhile.
      await pause(0);
    }
  }
  await requireBeginning(subject, snapshots, kind, partition, range);
  return undefined;
}

/** Whether the model topic has all that lies behind a place, and its next delta begins there. */
async function goesOn(
  log: EventLog,
  topic: string,
  partition: number,
  { start, end }: Range,
  place: Place | undefined,
): Promise<boolean> {
  // The partition is younger than the snapshot.
  if (place === undefined) return start === 0;
  const { model, position } = place;
  if (model < start || model > end) return false;
  const first = await firstDelta(log, topic, partition, model);
  return first === undefined || position === null || first.from === position;
}

async function requireBeginning(
  { log, topics }: RestoreSubject,
  snapshots: SnapshotTopic,
  subject: Subject,
  partition: number,
  { start }: Range,
): Promise<void> {
  const first = await firstDelta(log, topics.model, partition, start);
  if (first === undefined ? start === 0 : isBeginning(first)) return;
  if (start === 0) throw noBeginning(topics.model, partition, first?.from ?? 0);
  const gone = `the first ${start} records of ${topics.model}/${partition} are gone, and what they taught with them`;
  if (snapshots.has(subject)) {
    throw new ValenceError(
      'SNAPSHOT_CORRUPT',
      `no snapshot of ${subject.kind === 'sums' ? 'the sums' : `the carry of partition ${partition}`} in ${snapshots.topic} can be used (each is damaged, ` +
        `incomplete, of another version, or does not go with the model topic), and ${gone}; ${REBUILD}`,
      { partition, start, kind: subject.kind },
    );
  }
  throw new ValenceError('DELTA_GAP', `${gone}, and there is no snapshot; ${REBUILD}`, {
    partition,
    start,
  });
}

async function firstDelta(
  log: EventLog,
  topic: string,
  partition: number,
  from: number,
): Promise<{ readonly from: number; readonly to: number } | undefined> {
  for await (const { delta } of readDeltas(log, topic, partition, { from, maxRecords: 1 }))
    return delta;
  return undefined;
}

function gap(topic: string, partition: number, expected: number, got: number): ValenceError {
  return new ValenceError(
    'DELTA_GAP',
    `${topic}/${partition} jumps from source offset ${expected} to ${got}; ${REBUILD}`,
    { partition, expected, got },
  );
}
