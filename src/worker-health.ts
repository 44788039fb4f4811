/**
 * The health of a worker, as commands see it: what they tell of their work. What is served of it (`/healthz`, `/readyz`,
 * `/metrics`) and who watches it is behind this line, in `src/http`, and loaded only when it is asked for.
 */
import type { PublishProgress } from './ingest/publish.ts';
import type { Logger } from './logger.ts';
import type { SubscriberEvent } from './pipeline/subscriber.ts';
import type { EventLog } from './ports/event-log.ts';
import type { BaselineValues, MetricValues } from '../topics/index.ts';

/** What a worker does; `start` publishes and subscribes in one process. */
export type WorkerRole = 'publisher' | 'subscriber' | 'monitor';

export interface HealthOptions {
  readonly roles: readonly WorkerRole[];
  /** Port of the health server, 0: any free one; undefined: no server. */
  readonly port: number | undefined;
  readonly logger: Logger;
  /** Aborts when the process is told to end. */
  readonly signal: AbortSignal;
}

/** Where a subscriber reads and writes, and how to ask its log past the connections that it holds. */
export interface Subscription {
  readonly log: EventLog;
  readonly source: string;
  readonly results: string;
  /** Resolves when the log answers one small request on a connection made for it. */
  readonly probe: () => Promise<void>;
}

/** Figures of one model, of a partition or over all of them. */
export interface ModelFigures {
  readonly scored: number;
  readonly learned: number;
  readonly rolling: MetricValues;
  readonly cumulative: MetricValues;
  readonly baselines: { readonly majority: BaselineValues; readonly noChange: BaselineValues };
  readonly pending: { readonly waitingTexts: number; readonly waitingLabels: number };
}

/** Figures of one model over all partitions. */
export interface MergedFigures extends ModelFigures {
  readonly model: string;
  readonly partitions: number;
}

/** What a monitor knows at the moment. */
export interface MonitorFigures {
  readonly models: readonly MergedFigures[];
  readonly thresholds: readonly {
    readonly model: string;
    readonly rule: string;
    readonly firing: boolean;
  }[];
}

export interface WorkerHealth {
  /** The log is open and the work begins. */
  opened(): void;
  /**
   * Begins to watch a subscriber: the process ends with one line rather than stand still.
   *
   * @returns the log that the subscriber has to work on
   */
  subscribes(subscription: Subscription): EventLog;
  event(event: SubscriberEvent): void;
  /** A replica waits for a model that nobody has taught yet: until its next event silence is no fault. */
  waits(): void;
  progress(progress: PublishProgress): void;
  /** Says how to read a monitor's figures; called at each scrape. */
  figures(read: () => MonitorFigures): void;
  /** Lets go of port and timers; the process may end. */
  close(): Promise<void>;
}

/** Opens the health of a worker. @throws CONFIG_INVALID the port cannot be had */
export type OpenHealth = (options: HealthOptions) => Promise<WorkerHealth>;

/** Nobody asks and nobody watches. */
export const NO_HEALTH: WorkerHealth = {
  opened: () => undefined,
  subscribes: ({ log }) => log,
  event: () => undefined,
  waits: () => undefined,
  progress: () => undefined,
  figures: () => undefined,
  close: async () => undefined,
};
