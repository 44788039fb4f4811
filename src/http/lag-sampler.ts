/**
 * How far the partitions of a subscriber are behind, seen beside it: a partition that stands still tells nothing itself. One small
 * request, and one record of each partition that is behind.
 */
import type { EventLog } from '../ports/event-log.ts';
import type { HealthState, LagSample } from './health-state.ts';

/** Samples of the partitions that are served and restored. Passes the log's errors on. */
export async function sampleLag(
  log: Pick<EventLog, 'describeTopic' | 'read'>,
  topic: string,
  { partitions }: Pick<HealthState, 'partitions'>,
): Promise<readonly LagSample[]> {
  const served = [...partitions].flatMap(([partition, { passed }]) =>
    passed === undefined ? [] : [{ partition, passed }],
  );
  if (served.length === 0) return [];
  const described = (await log.describeTopic(topic))?.partitions ?? [];
  const samples: LagSample[] = [];
  for (const { partition, passed: from } of served) {
    const end = described[partition]?.end;
    if (end === undefined) continue;
    // What lies there may be no record at all: markers and aborted records are nothing to wait for.
    const waiting =
      end > from
        ? (await log.read(topic, partition, { from, maxRecords: 1, maxBytes: 1 })).records[0]
        : undefined;
    samples.push({ type: 'sample', partition, from, end, waiting: waiting?.timestamp });
  }
  return samples;
}
