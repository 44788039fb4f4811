/**
 * EDDM: detects when the distances between errors become shorter than they were at their longest. Finds slow changes sooner than
 * DDM, and raises more false alarms.
 *
 * @see Baena-García, del Campo-Ávila, Fidalgo, Bifet, Gavaldà, Morales-Bueno (2006), Early drift detection method; checked
 * against River 0.26.1
 */
import { SmallDetector } from './drift-detector.ts';

export interface EddmOptions {
  /** Errors (and values) read before it looks for a change. */
  readonly warmStart?: number;
  /** Share of the longest level below which it warns. */
  readonly alpha?: number;
  /** Share of the longest level below which it detects a drift; at most `alpha`. */
  readonly beta?: number;
}

/** JSON-safe. */
export interface EddmState {
  n: number;
  errors: number;
  /** Place of the last error, 1-based; 0 before any. */
  lastError: number;
  /** Mean distance between errors, and the sum of squared deviations from it. */
  mean: number;
  squares: number;
  /** Highest mean + 2 standard deviations; -1 before any. */
  highest: number;
  drift: boolean;
  warning: boolean;
}

const fresh = (): EddmState => ({
  n: 0,
  errors: 0,
  lastError: 0,
  mean: 0,
  squares: 0,
  highest: -1,
  drift: false,
  warning: false,
});

export class Eddm extends SmallDetector<EddmState> {
  readonly #options: Required<EddmOptions>;

  constructor(options: EddmOptions = {}) {
    super(fresh());
    this.#options = { warmStart: 30, alpha: 0.95, beta: 0.9, ...options };
  }

  get drift(): boolean {
    return this.state.drift;
  }
  get warning(): boolean {
    return this.state.warning;
  }

  /** @param error 0 or 1; between errors a warning stays */
  update(error: number): void {
    if (this.state.drift) this.state = fresh();
    const { state } = this;
    state.n++;
    if (error !== 1) return;
    state.errors++;
    const distance = state.n - state.lastError;
    state.lastError = state.n;
    const gap = distance - state.mean;
    state.mean += (1 / state.errors) * gap;
    state.squares += gap * (distance - state.mean);
    if (state.n > this.#options.warmStart) this.#judge(state);
  }

  #judge(state: EddmState): void {
    const variance = state.errors > 1 ? state.squares / (state.errors - 1) : 0;
    const level = state.mean + 2 * Math.sqrt(variance);
    if (level > state.highest) {
      state.highest = level;
      return;
    }
    if (state.errors <= this.#options.warmStart) return;
    const share = level / state.highest;
    if (share < this.#options.beta) state.drift = true;
    else state.warning = share < this.#options.alpha;
  }

  /** A detector of its own in the same state. */
  clone(): Eddm {
    return Eddm.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: Readonly<EddmState>, options: EddmOptions = {}): Eddm {
    const detector = new Eddm(options);
    detector.load(snapshot);
    return detector;
  }
}
