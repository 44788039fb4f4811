/**
 * Which classes were declared, as the log tells it: beside each delta as a record header, and in the header of the sums' snapshot. So
 * whoever looks needs no `--labels`. A delta's bytes say nothing of it, and readers that do not know the header pass over it.
 */
import type { EventLog, Headers } from '../ports/event-log.ts';
import { DeclaredClasses, LABELS_HEADER, type TopicNames } from '../../topics/index.ts';
import type { Output } from './result-records.ts';
import { SnapshotTopic } from './snapshot-topic.ts';
import { headerText } from './source-record.ts';
import { recordsBetween } from './topic-cursor.ts';

/** Where deltas of a partition go, and what stands beside them. */
export interface DeltaPlace {
  /** The model topic. */
  readonly topic: string;
  readonly partition: number;
  /** Worst to best; undefined: nobody declared any. */
  readonly declared: readonly string[] | undefined;
}

/** A delta as a record of the model topic. The only writer of the header. */
export function deltaRecord({ topic, partition, declared }: DeltaPlace, value: Uint8Array): Output {
  const headers: Output['headers'] =
    declared === undefined ? [] : [[LABELS_HEADER, JSON.stringify(declared)]];
  return { topic, partition, key: null, value, headers };
}

/** Classes that stand beside a delta, worst to best; undefined: none, or none that can be read. */
export function toldClasses(headers: Headers): readonly string[] | undefined {
  const text = headerText(headers, LABELS_HEADER);
  if (text === undefined) return undefined;
  try {
    return DeclaredClasses.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Declared classes of the newest delta of all partitions that tells them, by the log's time; where none does, of the newest
 * snapshot. Deltas are not decoded: damaged ones are left to who reads them.
 *
 * @returns worst to best; undefined: the log does not tell
 */
export async function newestDeclared(
  log: EventLog,
  { model, snapshots }: Pick<TopicNames, 'model' | 'snapshots'>,
): Promise<readonly string[] | undefined> {
  const ranges = (await log.describeTopic(model))?.partitions ?? [];
  const newest = await Promise.all(
    ranges.map((range, partition) => newestTold(log, model, partition, range)),
  );
  let told: Told | undefined;
  for (const each of newest)
    if (each !== undefined && each.timestamp > (told?.timestamp ?? -Infinity)) told = each;
  if (told !== undefined) return told.declared;
  const topic = new SnapshotTopic(log, snapshots);
  await topic.refresh();
  return topic.whole({ kind: 'sums' })[0]?.header.labels;
}

interface Told {
  readonly declared: readonly string[];
  /** ms since the epoch. */
  readonly timestamp: number;
}

/** Of the newest delta of a partition, backwards in growing steps: the last records may mark claims, and offsets may hold none. */
async function newestTold(
  log: EventLog,
  topic: string,
  partition: number,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<Told | undefined> {
  let until = end;
  for (let back = 4; until > start; back *= 4) {
    const from = Math.max(start, end - back);
    let newest: { readonly headers: Headers; readonly timestamp: number } | undefined;
    for await (const record of recordsBetween(log, topic, partition, { from, until }))
      if (record.key === null && record.value !== null) newest = record;
    if (newest !== undefined) {
      const declared = toldClasses(newest.headers);
      return declared && { declared, timestamp: newest.timestamp };
    }
    until = from;
  }
  return undefined;
}
