/**
 * HDDM-A: detects when the mean error has moved from its best cut by more than Hoeffding's bound.
 *
 * @see Frías-Blanco et al. (2015), Online and non-parametric drift detection methods based on Hoeffding's bounds; checked against
 * River 0.26.1
 */
import { SmallDetector } from './drift-detector.ts';

export interface HddmOptions {
  /** Chance of a false drift, 0 … 1. */
  readonly driftConfidence?: number;
  /** Chance of a false warning, 0 … 1, above `driftConfidence`. */
  readonly warningConfidence?: number;
  /** Whether a falling error counts too. */
  readonly twoSided?: boolean;
}

/** JSON-safe. */
export interface HddmAState {
  n: number;
  mean: number;
  /** Values and mean up to the cut below which the error was lowest. */
  lowN: number;
  lowMean: number;
  /** Values and mean up to the cut below which the error was highest. */
  highN: number;
  highMean: number;
  drift: boolean;
  warning: boolean;
}

const fresh = (): HddmAState => ({
  n: 0,
  mean: 0,
  lowN: 0,
  lowMean: 0,
  highN: 0,
  highMean: 0,
  drift: false,
  warning: false,
});

export class HddmA extends SmallDetector<HddmAState> {
  readonly #options: Required<HddmOptions>;

  constructor(options: HddmOptions = {}) {
    super(fresh());
    this.#options = {
      driftConfidence: 0.001,
      warningConfidence: 0.005,
      twoSided: false,
      ...options,
    };
  }

  get drift(): boolean {
    return this.state.drift;
  }
  get warning(): boolean {
    return this.state.warning;
  }

  /** @param error 0 or 1 */
  update(error: number): void {
    if (this.state.drift) this.state = fresh();
    const { state } = this;
    const { driftConfidence, warningConfidence, twoSided } = this.#options;
    state.n++;
    state.mean += (1 / state.n) * (error - state.mean);
    this.#moveCuts(state);

    const { n, mean } = state;
    const rise = mean - state.lowMean;
    const riseBound = (confidence: number): number => bound(n, state.lowN, confidence);
    state.drift = state.lowN !== n && rise >= riseBound(driftConfidence);
    state.warning = !state.drift && state.lowN !== n && rise >= riseBound(warningConfidence);
    if (!twoSided || state.highN === n) return;
    const fall = state.highMean - mean;
    if (fall >= bound(n, state.highN, driftConfidence)) state.drift = true;
    else if (fall >= bound(n, state.highN, warningConfidence)) state.warning = true;
  }

  #moveCuts(state: HddmAState): void {
    const { n, mean } = state;
    const slack = (values: number): number =>
      Math.sqrt((1 / (2 * values)) * Math.log(1 / this.#options.driftConfidence));
    if (state.lowN === 0 || state.lowMean + slack(state.lowN) >= mean + slack(n)) {
      state.lowN = n;
      state.lowMean = mean;
    }
    if (state.highN === 0 || state.highMean - slack(state.highN) <= mean - slack(n)) {
      state.highN = n;
      state.highMean = mean;
    }
  }

  /** A detector of its own in the same state. */
  clone(): HddmA {
    return HddmA.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: Readonly<HddmAState>, options: HddmOptions = {}): HddmA {
    const detector = new HddmA(options);
    detector.load(snapshot);
    return detector;
  }
}

/** How far the mean of all `n` values may be from the mean of the first `cut` by chance. */
function bound(n: number, cut: number, confidence: number): number {
  const m = ((n - cut) / cut) * (1 / n);
  return Math.sqrt((m / 2) * Math.log(2 / confidence));
}
