/** Reads what a run left on a broker: topics with everything hidden in them, and the offsets that its group ever had. */
import type { History, RawPartition, RawPosition } from './history.ts';
import { settle } from './record-batch.ts';
import type { WireClient } from './wire.ts';

const OFFSETS_TOPIC = '__consumer_offsets';

export async function readTopics(
  wire: WireClient,
  names: readonly string[],
): Promise<History['raw']> {
  const counts = await wire.topics();
  const raw = new Map<string, readonly RawPartition[]>();
  for (const name of names) {
    const partitions: RawPartition[] = [];
    for (let partition = 0; partition < (counts.get(name) ?? 0); partition++) {
      const { start, end, stable, batches } = await wire.batches(name, partition);
      const records = settle(batches).filter(({ offset }) => offset >= start);
      partitions.push({ start, end, stable, records });
    }
    raw.set(name, partitions);
  }
  return raw;
}

/** Every offset of the group for the topic, in the order of its writing, with the outcome of its transaction. */
export async function readPositions(
  wire: WireClient,
  group: string,
  topic: string,
): Promise<readonly RawPosition[]> {
  const found: RawPosition[] = [];
  const partitions = (await wire.topics()).get(OFFSETS_TOPIC) ?? 0;
  for (let partition = 0; partition < partitions; partition++) {
    const { batches } = await wire.batches(OFFSETS_TOPIC, partition);
    for (const { key, value, producer, epoch, outcome } of settle(batches)) {
      if (key === null || value === null) continue;
      const place = placeOf(Buffer.from(key));
      if (place?.group !== group || place.topic !== topic) continue;
      const position = Number(Buffer.from(value).readBigInt64BE(2));
      found.push({ partition: place.partition, position, producer, epoch, outcome });
    }
  }
  return found;
}

/** Undefined: the record is about something else than an offset. */
function placeOf(key: Buffer): { group: string; topic: string; partition: number } | undefined {
  if (key.readInt16BE(0) > 1) return undefined;
  const groupEnd = 4 + key.readInt16BE(2);
  const topicEnd = groupEnd + 2 + key.readInt16BE(groupEnd);
  return {
    group: key.toString('utf8', 4, groupEnd),
    topic: key.toString('utf8', groupEnd + 2, topicEnd),
    partition: key.readInt32BE(topicEnd),
  };
}
