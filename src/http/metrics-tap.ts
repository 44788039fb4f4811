/**
 * Reads along what a subscriber commits: of each partition and model the newest metrics record. Records are kept as they are and
 * parsed when somebody asks, so that the fold pays a comparison a record.
 */
import { MetricsResult } from '../../topics/index.ts';
import type { Commit, EventLog } from '../ports/event-log.ts';

/** `{"type":"metrics"`: no other type of result begins with this letter. */
const TYPE_AT = '{"type":"'.length;
const METRICS_TYPE = 'm';

/** The log with an ear on the commits of its owners. Everything else goes through untouched. */
export function tapCommits(
  log: EventLog,
  onCommit: (partition: number, records: Commit['records']) => void,
): EventLog {
  const own: EventLog['own'] = (options, handler) =>
    log.own(options, (owned) => {
      const { topic, partition, epoch, fence, committed, signal } = owned;
      return handler({
        topic,
        partition,
        epoch,
        fence,
        committed,
        signal,
        next: (wanted) => owned.next(wanted),
        transact: async (commit) => {
          await owned.transact(commit);
          onCommit(partition, commit.records);
        },
      });
    });
  // Bound to the log itself, whose private fields a proxy does not have.
  return new Proxy(log, {
    get: (target, name) => {
      if (name === 'own') return own;
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}

/** The newest metrics record of each model, by partition. */
export class NewestMetrics {
  readonly #topic: string;
  readonly #partitions = new Map<number, Map<string, string | MetricsResult>>();

  /** @param topic of the results */
  constructor(topic: string) {
    this.#topic = topic;
  }

  committed(partition: number, records: Commit['records']): void {
    const seen = new Set<string>();
    for (let index = records.length - 1; index >= 0; index--) {
      const record = records[index];
      if (record === undefined || record.topic !== this.#topic) continue;
      const { key, value } = record;
      if (typeof value !== 'string' || value[TYPE_AT] !== METRICS_TYPE) continue;
      const model = typeof key === 'string' ? key : new TextDecoder().decode(key ?? undefined);
      if (seen.has(model)) continue;
      seen.add(model);
      const models = this.#partitions.get(partition) ?? new Map<string, string | MetricsResult>();
      models.set(model, value);
      this.#partitions.set(partition, models);
    }
  }

  /** The partition is somebody else's now. */
  drop(partition: number): void {
    this.#partitions.delete(partition);
  }

  all(): readonly MetricsResult[] {
    return [...this.#partitions.values()].flatMap((models) =>
      [...models].flatMap(([model, held]) => {
        const result = typeof held === 'string' ? parse(held) : held;
        if (result !== undefined) models.set(model, result);
        return result ?? [];
      }),
    );
  }
}

function parse(json: string): MetricsResult | undefined {
  const value: unknown = JSON.parse(json);
  return MetricsResult.safeParse(value).data;
}
