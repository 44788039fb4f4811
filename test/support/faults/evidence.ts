/** From the lines that the processes of a round wrote to what the checker takes. */
import type { AcknowledgedChunk, MergedModel, SeenRecord, SentRecord } from '../history/history.ts';

/** What a reader was handed. */
export function seenOf(event: Readonly<Record<string, unknown>>): readonly SeenRecord[] {
  if (event['event'] !== 'handed') return [];
  const { topic, partition, records } = event as {
    topic: string;
    partition: number;
    records: readonly [offset: number, digest: string, value?: string | null][];
  };
  return records.map(([offset, digest, value]) => ({
    topic,
    partition,
    offset,
    digest,
    ...(value === undefined
      ? {}
      : { value: value === null ? null : Uint8Array.from(Buffer.from(value, 'base64')) }),
  }));
}

/** What the broker acknowledged to the publisher. */
export function sentOf(event: Readonly<Record<string, unknown>>): readonly SentRecord[] {
  if (event['event'] !== 'send.ok') return [];
  const records = event['records'] as readonly [id: string, partition: number, offset: number][];
  return records.map(([id, partition, offset]) => ({ id, partition, offset }));
}

/** What a worker says of its model when it stops. */
export function mergedOf(
  line: Readonly<Record<string, unknown>>,
  process: string,
): readonly MergedModel[] {
  if (line['msg'] !== 'stopped' || !Array.isArray(line['models'])) return [];
  const { positions, models } = line as {
    positions: readonly (number | null)[];
    models: readonly { readonly name: string; readonly hash: string }[];
  };
  return models.map(({ name, hash }) => ({
    name: process,
    model: name,
    positions: positions.map((position) => position ?? undefined),
    hash,
  }));
}

/** A commit that a worker tells of: it took it for done. */
export function chunkOf(
  line: Readonly<Record<string, unknown>>,
  process: string,
): readonly AcknowledgedChunk[] {
  if (line['msg'] !== 'chunk committed') return [];
  const { partition, from, to } = line as { partition: number; from: number; to: number };
  return [{ process, partition, from, to }];
}
