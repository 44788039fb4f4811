/** What a new owner looks up before it folds on: how far the metrics were told, and the last record that was folded. */
import type { EventLog, LogRecord } from '../ports/event-log.ts';
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
  const topic = await log.describeTopic(results);
  const { start = 0, end = 0 } = topic?.partitions[partition] ?? {};
  const reported = new Map<string, number>();
  // Backwards in growing steps: metrics are usually near the end, but texts without labels may stand behind them.
  let until = end;
  for (let back = 1024; until > start && end - until < MOST_LOOKED_BACK; back *= 4) {
    const from = Math.max(start, end - back);
    const found = new Map<string, number>();
    for await (const { value } of recordsBetween(log, results, partition, { from, until })) {
      const result = readJson(value);
      if (isMetrics(result)) found.set(result.model, result.scored);
    }
    for (const [model, scored] of found) if (!reported.has(model)) reported.set(model, scored);
    if (reported.size === models) break;
    until = from;
  }
  return reported;
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

/** Undefined: no JSON. The topic may be shared with somebody else. */
function readJson(value: Uint8Array | null): unknown {
  try {
    return value === null ? undefined : JSON.parse(new TextDecoder().decode(value));
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
