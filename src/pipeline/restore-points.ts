/** The oldest snapshots that still go with the model topic: where a reader begins who wants to see as much of it as there is. */
import type { CarryHeader, SumsHeader, TopicNames } from '../../topics/index.ts';
import type { EventLog } from '../ports/event-log.ts';
import { decodeCarry } from './carry-snapshot.ts';
import type { FoldCapture } from './fold.ts';
import { SnapshotTopic, type Found, type Subject } from './snapshot-topic.ts';
import type { PipelineState } from './state.ts';

/** A snapshot, read and whole. */
export interface RestorePoint<H> {
  readonly header: H;
  readonly content: Uint8Array;
}

/** Where a reader of the whole model topic begins when the topic no longer does. */
export interface RestorePoints {
  readonly sums: RestorePoint<SumsHeader>;
  /** Of the partitions whose first deltas are deleted. */
  readonly carries: ReadonlyMap<number, RestorePoint<CarryHeader>>;
}

/**
 * The oldest snapshots after which every delta is still there.
 *
 * @param partitions those whose carries are wanted
 * @returns undefined: there are none that go with the topic
 */
export async function oldestPoints(
  log: EventLog,
  { model, snapshots }: TopicNames,
  partitions: readonly number[],
): Promise<RestorePoints | undefined> {
  const topic = new SnapshotTopic(log, snapshots);
  await topic.refresh();
  const ranges = (await log.describeTopic(model))?.partitions ?? [];
  const keeps = (partition: number, offset: number): boolean =>
    offset >= (ranges[partition]?.start ?? 0);
  const sums = await firstWhole(topic, topic.whole({ kind: 'sums' }).toReversed(), (header) =>
    header.partitions.every((place, partition) => keeps(partition, place.model)),
  );
  if (sums === undefined) return undefined;
  const carries = new Map<number, RestorePoint<CarryHeader>>();
  for (const partition of partitions) {
    const found = topic.whole({ kind: 'carry', partition }).toReversed();
    const carry = await firstWhole(topic, found, (header) => keeps(partition, header.model));
    if (carry === undefined) return undefined;
    carries.set(partition, carry);
  }
  return { sums, carries };
}

/** The carry of a snapshot, with ids of this process. */
export function carryOf(
  { content }: RestorePoint<CarryHeader>,
  { extractors }: PipelineState,
): FoldCapture {
  const steps = decodeCarry(content, extractors);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

async function firstWhole<S extends Subject>(
  topic: SnapshotTopic,
  found: readonly Found<S>[],
  fits: (header: Found<S>['header']) => boolean,
): Promise<RestorePoint<Found<S>['header']> | undefined> {
  for (const snapshot of found) {
    if (!fits(snapshot.header)) continue;
    const content = await topic.content(snapshot);
    if (content !== undefined) return { header: snapshot.header, content };
  }
  return undefined;
}
