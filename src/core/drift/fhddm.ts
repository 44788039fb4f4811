/**
 * FHDDM: detects when the share of ones in a sliding window falls below its highest by more than Hoeffding's bound. It watches for
 * a fall: feed it hits (1 = right) to find a rising error. One window; the stacked form with a second, shorter one is not here.
 *
 * @see Pesaranghader, Viktor (2016), Fast Hoeffding drift detection method for evolving data streams; checked against River 0.26.1
 */
import type { DriftDetector } from './drift-detector.ts';

export interface FhddmOptions {
  /** Window, values, an integer >= 1. */
  readonly window?: number;
  /** Chance of a false drift, 0 … 1. */
  readonly confidence?: number;
}

/** JSON-safe. */
export interface FhddmSnapshot {
  /** Values of the window, oldest first. */
  readonly values: readonly number[];
  /** Highest share of ones in a full window. */
  readonly highest: number;
  readonly drift: boolean;
}

export class Fhddm implements DriftDetector {
  readonly warning = false;
  readonly #options: Required<FhddmOptions>;
  readonly #bound: number;
  readonly #ring: Uint8Array;
  #next = 0;
  #length = 0;
  #ones = 0;
  #highest = 0;
  #drift = false;
  #marked: FhddmSnapshot = { values: [], highest: 0, drift: false };

  constructor(options: FhddmOptions = {}) {
    this.#options = { window: 100, confidence: 1e-6, ...options };
    const { window, confidence } = this.#options;
    this.#bound = Math.sqrt(Math.log(1 / confidence) / (2 * window));
    this.#ring = new Uint8Array(window);
  }

  get drift(): boolean {
    return this.#drift;
  }

  /** @param value 0 or 1 */
  update(value: number): void {
    if (this.#drift) this.#load({ values: [], highest: 0, drift: false });
    this.#push(value);
    if (this.#length < this.#options.window) return;
    const share = this.#ones / this.#options.window;
    this.#highest = Math.max(this.#highest, share);
    this.#drift = this.#highest - share > this.#bound;
  }

  mark(): void {
    this.#marked = this.snapshot();
  }
  rollback(): void {
    this.#load(this.#marked);
  }

  snapshot(): FhddmSnapshot {
    const { window } = this.#options;
    const first = this.#next - this.#length + window;
    return {
      values: Array.from(
        { length: this.#length },
        (_, index) => this.#ring[(first + index) % window] ?? 0,
      ),
      highest: this.#highest,
      drift: this.#drift,
    };
  }

  /** A detector of its own in the same state. */
  clone(): Fhddm {
    return Fhddm.restore(this.snapshot(), this.#options);
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: FhddmSnapshot, options: FhddmOptions = {}): Fhddm {
    const detector = new Fhddm(options);
    detector.#load(snapshot);
    detector.mark();
    return detector;
  }

  #push(value: number): void {
    const one = value === 1 ? 1 : 0;
    if (this.#length === this.#options.window) this.#ones -= this.#ring[this.#next] ?? 0;
    else this.#length++;
    this.#ring[this.#next] = one;
    this.#ones += one;
    this.#next = (this.#next + 1) % this.#options.window;
  }

  #load(snapshot: FhddmSnapshot): void {
    this.#next = 0;
    this.#length = 0;
    this.#ones = 0;
    for (const value of snapshot.values) this.#push(value);
    this.#highest = snapshot.highest;
    this.#drift = snapshot.drift;
  }
}
