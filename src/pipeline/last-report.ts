/** What a new owner looks up before it folds on: how far the metrics were told, and the last record that was folded. */
import type { EventLog, LogRecord } from '../ports/event-log.ts';
import { MetricsResult } from '../../topics/index.ts';
import { recordsBetween } from './topic-cursor.ts';

/** Results that are looked through for the last metrics records. */
const MOST_LOOKED_BACK = 100_000;

/** By model: scored records in the newest metrics record among the last results of the partition. */
export async function reportedScores(
  log: EventLog,
  results: string,
  partition: number,
  models: number,
): Promise<ReadonlyMap<string, number>> {
  return newestByModel(log, results, partition, models, (result) =>
    isMetrics(result) ? [result.model, result.scored] : undefined,
  );
}

/** By model: the newest metrics record among the last results of the partition. */
export async function newestMetrics(
  log: EventLog,
  results: string,
  partition: number,
  models: number,
): Promise<ReadonlyMap<string, MetricsResult>> {
  return newestByModel(log, results, partition, models, (result) => {
    const data = isMetrics(result) ? MetricsResult.safeParse(result).data : undefined;
    return data === undefined ? undefined : [data.model, data];
  });
}

async function newestByModel<T>(
  log: EventLog,
  results: string,
  partition: number,
  models: number,
  read: (result: unknown) => readonly [model: string, value: T] | undefined,
): Promise<ReadonlyMap<string, T>> {
  const topic = await log.describeTopic(results);
  const { start = 0, end = 0 } = topic?.partitions[partition] ?? {};
  const newest = new Map<string, T>();
  // Backwards in growing steps: metrics are usually near the end, but texts without labels may stand behind them.
  let until = end;
  for (let back = 1024; until > start && end - until < MOST_LOOKED_BACK; back *= 4) {
    const from = Math.max(start, end - back);
    const found = new Map<string, T>();
    for await (const { value } of recordsBetween(log, results, partition, { from, until })) {
      const entry = read(readJson(value));
      if (entry !== undefined) found.set(...entry);
    }
    for (const [model, value] of found) if (!newest.has(model)) newest.set(model, value);
    if (newest.size === models) break;
    until = from;
  }
  return newest;
}

/** The last source record before the position, if it is still there. */
export async function lastFolded(
  log: EventLog,
  source: string,
  partition: number,
  position: number,
): Promise<LogRecord | undefined> {
  if (position === 0) return undefined;
  const batch = await log.read(source, partition, { from: position - 1, maxRecords: 1 });
  const record = batch.records[0];
  return record !== undefined && record.offset < position ? record : undefined;
}

const decoder = new TextDecoder();
/** How result records write their type; few of a thousand results are metrics. */
const METRICS = new TextEncoder().encode('{"type":"metrics"');
/** Where the type begins: results that are no metrics differ from them here. */
const TYPE_AT = '{"type":"'.length;

/** Undefined: no metrics record that Valence wrote. */
function readJson(value: Uint8Array | null): unknown {
  if (value === null || value[TYPE_AT] !== METRICS[TYPE_AT]) return undefined;
  if (METRICS.some((byte, at) => value[at] !== byte)) return undefined;
  try {
    return JSON.parse(decoder.decode(value));
  } catch {
    return undefined;
  }
}

function isMetrics(value: unknown): value is { readonly model: string; readonly scored: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'metrics' &&
    'model' in value &&
    typeof value.model === 'string' &&
    'scored' in value &&
    typeof value.scored === 'number'
  );
}
