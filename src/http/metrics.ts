/** The metrics of a worker on a registry of their own: Prometheus' usual ones of a process, and Valence's by role. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { PublishProgress } from '../ingest/publish.ts';
import type { SubscriberEvent } from '../pipeline/subscriber.ts';
import type { MonitorFigures, WorkerRole } from '../worker-health.ts';
import type { Reason } from './health-state.ts';
import { Instruments } from './instruments.ts';
import { subscriberMetrics, type SubscriberSources } from './subscriber-metrics.ts';
import { commonMetrics, monitorMetrics, publisherMetrics } from './worker-metrics.ts';

/** Where values are read at a scrape. */
export interface MetricsOptions extends SubscriberSources {
  readonly roles: readonly WorkerRole[];
  /** Of the package. */
  readonly version: string;
  readonly reasons: () => readonly Reason[];
  /** Undefined: nothing sent yet. */
  readonly progress: () => PublishProgress | undefined;
  readonly figures: () => MonitorFigures;
}

export interface Metrics {
  readonly registry: Registry;
  /** Counts what a subscriber tells; to be called after the state has taken the event in. */
  readonly event: (event: SubscriberEvent) => void;
  /** Prometheus text and its content type. */
  readonly text: () => Promise<{ readonly text: string; readonly type: string }>;
}

/** Resolution of the event loop's delay, ms: a timer of this period runs as long as the process does. */
const LOOP_MS = 10;

export function createMetrics(options: MetricsOptions): Metrics {
  const { roles, version, reasons, progress, figures } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_MS });
  const make = new Instruments(registry);
  commonMetrics(make, version, reasons);
  if (roles.includes('publisher')) publisherMetrics(make, progress);
  if (roles.includes('monitor')) monitorMetrics(make, figures);
  const event = roles.includes('subscriber')
    ? subscriberMetrics(make, options)
    : (): void => undefined;
  return {
    registry,
    event,
    text: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  };
}
