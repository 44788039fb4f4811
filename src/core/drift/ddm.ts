/**
 * DDM: detects when the error rate rises above its lowest level by more standard deviations than chance gives.
 *
 * @see Gama, Medas, Castillo, Rodrigues (2004), Learning with drift detection; checked against River 0.26.1
 */
import { SmallDetector } from './drift-detector.ts';

export interface DdmOptions {
  /** Errors read before it looks for a change. */
  readonly warmStart?: number;
  /** Standard deviations above the minimum that raise a warning. */
  readonly warningThreshold?: number;
  /** Standard deviations above the minimum that make a drift. */
  readonly driftThreshold?: number;
}

/** JSON-safe. */
export interface DdmState {
  n: number;
  /** Mean error. */
  p: number;
  /** Mean and standard deviation at their lowest sum; the largest double before any. */
  pMin: number;
  sMin: number;
  drift: boolean;
  warning: boolean;
}

const fresh = (): DdmState => ({
  n: 0,
  p: 0,
  pMin: Number.MAX_VALUE,
  sMin: 0,
  drift: false,
  warning: false,
});

export class Ddm extends SmallDetector<DdmState> {
  readonly #options: Required<DdmOptions>;

  constructor(options: DdmOptions = {}) {
    super(fresh());
    this.#options = { warmStart: 30, warningThreshold: 2, driftThreshold: 3, ...options };
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
    state.n++;
    state.p += (1 / state.n) * (error - state.p);
    if (state.n <= this.#options.warmStart) return;
    const s = Math.sqrt((state.p * (1 - state.p)) / state.n);
    const level = state.p + s;
    if (level <= state.pMin + state.sMin) {
      state.pMin = state.p;
      state.sMin = s;
    }
    state.drift = level > state.pMin + this.#options.driftThreshold * state.sMin;
    state.warning =
      !state.drift && level > state.pMin + this.#options.warningThreshold * state.sMin;
  }

  /** A detector of its own in the same state. */
  clone(): Ddm {
    return Ddm.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: Readonly<DdmState>, options: DdmOptions = {}): Ddm {
    const detector = new Ddm(options);
    detector.load(snapshot);
    return detector;
  }
}
