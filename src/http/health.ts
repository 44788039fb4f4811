/** What a worker process knows of its own health: events reduced to a state, and who looks at it. */
import type { ProcessOptions } from '../open-health.ts';
import { within } from '../deadline.ts';
import { ValenceError } from '../errors.ts';
import type { PublishProgress } from '../ingest/publish.ts';
import type { SubscriberEvent } from '../pipeline/subscriber.ts';
import type { EventLog } from '../ports/event-log.ts';
import type {
  HealthOptions,
  MonitorFigures,
  Subscription,
  WorkerHealth,
} from '../worker-health.ts';
import {
  initialHealth,
  reasonsOf,
  reduceHealth,
  type HealthEvent,
  type HealthState,
} from './health-state.ts';
import { sampleLag } from './lag-sampler.ts';
import type { MetricsOptions } from './metrics.ts';
import { NewestMetrics, tapCommits } from './metrics-tap.ts';
import { TICK_MS, Watchdog } from './watchdog.ts';

type Count = (event: SubscriberEvent) => void;

const NOTHING: MonitorFigures = { models: [], thresholds: [] };

export class Health implements WorkerHealth {
  readonly #options: HealthOptions;
  readonly #fail: ProcessOptions['fail'];
  readonly #closing: (() => void | Promise<void>)[] = [];
  #state: HealthState;
  #count: Count | undefined;
  #newest: NewestMetrics | undefined;
  #unwatch: () => void = () => undefined;
  #progress: PublishProgress | undefined;
  #figures: () => MonitorFigures = () => NOTHING;

  constructor(options: HealthOptions, { fail }: Pick<ProcessOptions, 'fail'>) {
    this.#options = options;
    this.#fail = fail;
    this.#state = initialHealth(options.roles.includes('subscriber'), now());
    this.#whenTold(() => {
      this.#tell({ type: 'draining' });
      this.#unwatch();
    });
    this.onClose(() => {
      this.#unwatch();
    });
  }

  /** Where metrics and readiness are read. */
  get sources(): Omit<MetricsOptions, 'roles' | 'version'> {
    return {
      state: () => this.#state,
      reasons: () => reasonsOf(this.#state, now()),
      models: () => this.#newest?.all() ?? [],
      progress: () => this.#progress,
      figures: () => this.#figures(),
      now,
      time: Date.now,
    };
  }

  /** Events go here too, after the state has taken them in; from now on models' figures are kept. */
  counts(count: Count): void {
    this.#count = count;
  }

  /** To be done by `close`. */
  onClose(end: () => void | Promise<void>): void {
    this.#closing.push(end);
  }

  opened(): void {
    this.#tell({ type: 'opened' });
  }

  subscribes(subscription: Subscription): EventLog {
    const { log, results } = subscription;
    this.#unwatch();
    this.#tell({ type: 'opened' });
    this.#watch(subscription);
    if (this.#count === undefined) return log;
    const newest = new NewestMetrics(results);
    this.#newest = newest;
    return tapCommits(log, (partition, records) => {
      newest.committed(partition, records);
    });
  }

  event(event: SubscriberEvent): void {
    this.#tell(event);
    this.#count?.(event);
    if (event.type === 'released' || event.type === 'fenced') this.#newest?.drop(event.partition);
  }

  waits(): void {
    this.#tell({ type: 'waits' });
  }

  progress(progress: PublishProgress): void {
    this.#progress = progress;
  }

  figures(read: () => MonitorFigures): void {
    this.#figures = read;
  }

  async close(): Promise<void> {
    for (const end of this.#closing.splice(0)) await end();
  }

  /** Until the process is told to end: from then on the deadline of its leaving holds. */
  #watch({ log, source, probe }: Subscription): void {
    const watchdog = new Watchdog({
      state: () => this.#state,
      tell: (event) => {
        this.#tell(event);
      },
      probe,
      sample: () => sampleLag(log, source, this.#state),
      fail: this.#fail,
      now,
      within: (work, ms) =>
        within(work, ms, () => {
          throw new ValenceError('LOG_UNAVAILABLE', `no answer within ${ms / 1000} s`);
        }),
    });
    const timer = setInterval(() => void watchdog.tick(), TICK_MS).unref();
    this.#unwatch = () => {
      clearInterval(timer);
      watchdog.stop();
    };
  }

  #tell(event: HealthEvent): void {
    const { reachable } = this.#state;
    this.#state = reduceHealth(this.#state, event, now());
    if (reachable === this.#state.reachable) return;
    const { logger } = this.#options;
    if (reachable) logger.warn('log unreachable, waiting for it');
    else logger.info('log reachable again');
  }

  /** When the process is told to end. */
  #whenTold(act: () => void): void {
    const { signal } = this.#options;
    if (signal.aborted) {
      act();
      return;
    }
    signal.addEventListener('abort', act, { once: true });
    this.onClose(() => {
      signal.removeEventListener('abort', act);
    });
  }
}

/** ms, only forward. */
function now(): number {
  return performance.now();
}
