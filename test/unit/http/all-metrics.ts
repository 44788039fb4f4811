/** The metrics of a worker with every role, on sources that a test sets. */
import { emptySums, metricValues } from '../../../src/core/metrics/values.ts';
import { CountMatrix } from '../../../src/core/metrics/count-matrix.ts';
import { initialHealth, reasonsOf, reduceHealth } from '../../../src/http/health-state.ts';
import { createMetrics, type Metrics } from '../../../src/http/metrics.ts';
import type { PublishProgress } from '../../../src/ingest/publish.ts';
import type { SubscriberEvent } from '../../../src/pipeline/subscriber.ts';
import type { MonitorFigures } from '../../../src/worker-health.ts';
import type { MetricsResult } from '../../../topics/index.ts';

export class AllMetrics {
  now = 0;
  time = 0;
  state = reduceHealth(initialHealth(true, 0), { type: 'opened' }, 0);
  models: MetricsResult[] = [];
  progress: PublishProgress | undefined;
  figures: MonitorFigures = { models: [], thresholds: [] };
  readonly metrics: Metrics = createMetrics({
    roles: ['publisher', 'subscriber', 'monitor'],
    version: '1.2.3',
    state: () => this.state,
    reasons: () => reasonsOf(this.state, this.now),
    models: () => this.models,
    progress: () => this.progress,
    figures: () => this.figures,
    now: () => this.now,
    time: () => this.time,
  });

  event(event: SubscriberEvent): void {
    this.state = reduceHealth(this.state, event, this.now);
    this.metrics.event(event);
  }

  /** The lines of Valence's own metrics that have a value. */
  async lines(prefix = 'valence_'): Promise<string[]> {
    const { text } = await this.metrics.text();
    return text.split('\n').filter((line) => line.startsWith(prefix));
  }
}

/** Right and wrong answers of two classes; the class worse is always wrong. */
export function values(right: number, wrong: number): MetricsResult['cumulative'] {
  const counts = new CountMatrix(2);
  counts.add(0, 0, right);
  counts.add(1, 0, wrong);
  const n = right + wrong;
  return metricValues(['good', 'worse'], counts, { ...emptySums(), n, logLoss: n / 2 });
}

export function metricsResult(
  model: string,
  partition: number,
  right: number,
  wrong: number,
): MetricsResult {
  const baseline = { accuracy: 0.5, macroF1: 0, kappa: 0, logLoss: 1, confusion: {} };
  return {
    type: 'metrics',
    model,
    role: 'champion',
    partition,
    scored: right + wrong,
    learned: right + wrong + 1,
    cumulative: values(right, wrong),
    rolling: { ...values(right, wrong), window: 500 },
    baselines: {
      majority: { n: right + wrong + 1, ...baseline },
      noChange: { n: 0, ...baseline },
    },
    pending: { waitingTexts: 3, waitingLabels: 2, replaced: 0, expired: 0 },
    source: { topic: 's', partition, offset: 9, ts: 1 },
  };
}
