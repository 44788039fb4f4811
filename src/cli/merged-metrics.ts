/**
 * The metrics records of all partitions as one set of figures per model: the newest of each partition, added up. Rolling figures are
 * those of the partitions' windows together.
 */
import type { BaselineValues, MetricsResult, MetricValues } from '../../topics/index.ts';
import { mergeBaselines, mergeMetrics } from '../core/metrics/values.ts';

export interface ModelMetrics {
  readonly model: string;
  readonly role: 'champion' | 'challenger';
  readonly partitions: number;
  readonly scored: number;
  readonly learned: number;
  readonly cumulative: MetricValues;
  readonly rolling: MetricValues & { readonly window: number };
  readonly baselines: { readonly majority: BaselineValues; readonly noChange: BaselineValues };
  readonly pending: MetricsResult['pending'];
}

export class MergedMetrics {
  readonly #newest = new Map<string, Map<number, MetricsResult>>();
  /** Of the newest record of a champion: partitions switch one by one, and idle ones not at all. */
  #champion: string | undefined;

  /** Takes in a record, which must be newer than those of its model and partition before. */
  add(record: MetricsResult): void {
    const partitions = this.#newest.get(record.model) ?? new Map<number, MetricsResult>();
    partitions.set(record.partition, record);
    this.#newest.set(record.model, partitions);
    if (record.role === 'champion') this.#champion = record.model;
  }

  /** Names, champion first, else as they were first met. */
  get models(): readonly string[] {
    return this.all().map(({ model }) => model);
  }

  all(): readonly ModelMetrics[] {
    return [...this.#newest.keys()]
      .flatMap((model) => this.of(model) ?? [])
      .toSorted((a, b) => Number(b.role === 'champion') - Number(a.role === 'champion'));
  }

  /** Undefined: no metrics of this model yet. */
  of(model: string): ModelMetrics | undefined {
    const records = [...(this.#newest.get(model)?.values() ?? [])].toSorted(
      (a, b) => a.partition - b.partition,
    );
    const [first] = records;
    if (first === undefined) return undefined;
    const sum = (of: (record: MetricsResult) => number): number =>
      records.reduce((total, record) => total + of(record), 0);
    return {
      model,
      role: model === this.#champion ? 'champion' : 'challenger',
      partitions: records.length,
      scored: sum(({ scored }) => scored),
      learned: sum(({ learned }) => learned),
      cumulative: mergeMetrics(records.map(({ cumulative }) => cumulative)),
      rolling: {
        ...mergeMetrics(records.map(({ rolling }) => rolling)),
        window: sum(({ rolling }) => rolling.window),
      },
      baselines: {
        majority: mergeBaselines(records.map(({ baselines }) => baselines.majority)),
        noChange: mergeBaselines(records.map(({ baselines }) => baselines.noChange)),
      },
      pending: {
        waitingTexts: sum(({ pending }) => pending.waitingTexts),
        waitingLabels: sum(({ pending }) => pending.waitingLabels),
        replaced: sum(({ pending }) => pending.replaced),
        expired: sum(({ pending }) => pending.expired),
      },
    };
  }
}
