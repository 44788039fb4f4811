/**
 * HDDM-W: as HDDM-A on a mean that weighs recent values more, with McDiarmid's bound.
 *
 * @see Frías-Blanco et al. (2015), Online and non-parametric drift detection methods based on Hoeffding's bounds; checked against
 * River 0.26.1
 */
import { SmallDetector } from './drift-detector.ts';
import type { HddmOptions } from './hddm-a.ts';

export interface HddmWOptions extends HddmOptions {
  /** Weight of the newest value, 0 … 1. */
  readonly lambda?: number;
}

/** Weighted mean of some values; never changed, only replaced. */
interface Sample {
  readonly mean: number;
  /** Sum of the squared weights. */
  readonly squares: number;
  readonly isEmpty: boolean;
}

/** JSON-safe. */
export interface HddmWState {
  total: Sample;
  /** Before and after the cut of the lowest mean, and that mean's upper bound; the largest double before any. */
  lowBefore: Sample;
  lowAfter: Sample;
  lowCut: number;
  /** The same for the highest mean. */
  highBefore: Sample;
  highAfter: Sample;
  highCut: number;
  drift: boolean;
  warning: boolean;
}

const EMPTY: Sample = { mean: 0, squares: 1, isEmpty: true };

const fresh = (): HddmWState => ({
  total: EMPTY,
  lowBefore: EMPTY,
  lowAfter: EMPTY,
  lowCut: Number.MAX_VALUE,
  highBefore: EMPTY,
  highAfter: EMPTY,
  highCut: -Number.MAX_VALUE,
  drift: false,
  warning: false,
});

export class HddmW extends SmallDetector<HddmWState> {
  readonly #options: Required<HddmWOptions>;

  constructor(options: HddmWOptions = {}) {
    super(fresh());
    this.#options = {
      driftConfidence: 0.001,
      warningConfidence: 0.005,
      lambda: 0.05,
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
    this.#moveCuts(state, error);
    state.drift = exceeds(state.lowBefore, state.lowAfter, driftConfidence);
    state.warning = !state.drift && exceeds(state.lowBefore, state.lowAfter, warningConfidence);
    if (!twoSided) return;
    if (exceeds(state.highAfter, state.highBefore, driftConfidence)) state.drift = true;
    else if (exceeds(state.highAfter, state.highBefore, warningConfidence)) state.warning = true;
  }

  #moveCuts(state: HddmWState, error: number): void {
    const { lambda, driftConfidence } = this.#options;
    state.total = extended(state.total, error, lambda);
    const { total } = state;
    const slack = bound(total.squares, driftConfidence);
    if (total.mean + slack < state.lowCut) {
      state.lowCut = total.mean + slack;
      state.lowBefore = total;
      state.lowAfter = EMPTY;
    } else state.lowAfter = extended(state.lowAfter, error, lambda);
    if (total.mean - slack > state.highCut) {
      state.highCut = total.mean - slack;
      state.highBefore = total;
      state.highAfter = EMPTY;
    } else state.highAfter = extended(state.highAfter, error, lambda);
  }

  /** A detector of its own in the same state. */
  clone(): HddmW {
    return HddmW.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: Readonly<HddmWState>, options: HddmWOptions = {}): HddmW {
    const detector = new HddmW(options);
    detector.load(snapshot);
    return detector;
  }
}

function extended(sample: Sample, value: number, lambda: number): Sample {
  return {
    mean: sample.isEmpty ? value : lambda * value + (1 - lambda) * sample.mean,
    squares: lambda * lambda + (1 - lambda) ** 2 * sample.squares,
    isEmpty: false,
  };
}

/** Whether the mean of `higher` lies above that of `lower` by more than chance allows. */
function exceeds(lower: Sample, higher: Sample, confidence: number): boolean {
  if (lower.isEmpty || higher.isEmpty) return false;
  return higher.mean - lower.mean > bound(lower.squares + higher.squares, confidence);
}

function bound(squares: number, confidence: number): number {
  return Math.sqrt((squares * Math.log(1 / confidence)) / 2);
}
