/**
 * Page-Hinkley: detects when the values have stayed above (or below) their mean for too long, by the sum of their deviations.
 *
 * @see Page (1954), Continuous inspection schemes; checked against River 0.26.1
 */
import { SmallDetector } from './drift-detector.ts';

export interface PageHinkleyOptions {
  /** Values read before it may detect. */
  readonly minInstances?: number;
  /** Deviation that is tolerated per value. */
  readonly delta?: number;
  /** Sum of deviations that makes a drift. */
  readonly threshold?: number;
  /** Forgetting of the sums, 0 … 1. */
  readonly alpha?: number;
  /** Which changes count: of the mean up, down or both. */
  readonly mode?: 'up' | 'down' | 'both';
}

/** JSON-safe. */
export interface PageHinkleyState {
  n: number;
  mean: number;
  up: number;
  /** Lowest `up`; the largest double before any. */
  upMin: number;
  down: number;
  downMax: number;
  drift: boolean;
}

const fresh = (): PageHinkleyState => ({
  n: 0,
  mean: 0,
  up: 0,
  upMin: Number.MAX_VALUE,
  down: 0,
  downMax: -1,
  drift: false,
});

export class PageHinkley extends SmallDetector<PageHinkleyState> {
  readonly warning = false;
  readonly #options: Required<PageHinkleyOptions>;

  constructor(options: PageHinkleyOptions = {}) {
    super(fresh());
    this.#options = {
      minInstances: 30,
      delta: 0.005,
      threshold: 50,
      alpha: 0.9999,
      mode: 'both',
      ...options,
    };
  }

  get drift(): boolean {
    return this.state.drift;
  }

  update(value: number): void {
    if (this.state.drift) this.state = fresh();
    const { state } = this;
    const { minInstances, delta, threshold, alpha, mode } = this.#options;
    state.n++;
    state.mean += (value - state.mean) / state.n;
    const deviation = value - state.mean;
    state.up = alpha * state.up + deviation - delta;
    state.down = alpha * state.down + deviation + delta;
    state.upMin = Math.min(state.upMin, state.up);
    state.downMax = Math.max(state.downMax, state.down);
    if (state.n < minInstances) return;
    state.drift =
      (mode !== 'down' && state.up - state.upMin > threshold) ||
      (mode !== 'up' && state.downMax - state.down > threshold);
  }

  /** A detector of its own in the same state. */
  clone(): PageHinkley {
    return PageHinkley.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(
    snapshot: Readonly<PageHinkleyState>,
    options: PageHinkleyOptions = {},
  ): PageHinkley {
    const detector = new PageHinkley(options);
    detector.load(snapshot);
    return detector;
  }
}
