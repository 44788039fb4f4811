/**
 * Rank change: detects that values have left the range of those before them, by how unlikely their ranks are.
 *
 *   last `window` values ─► share p of those at least as large ─► bet b p^(b-1) ─► statistic = (1 + statistic) x bet
 *
 * While the order of the values tells nothing, each p is uniform, so each bet is worth 1 on average and the statistic grows by 1 a
 * value on average: it reaches `threshold` after that many values or more, on average, whatever their distribution. Values that
 * stay at one end make it grow many times over with each. Proven with all earlier values for a window; with the last ones the rate
 * of false alarms is measured (`bench/drift.ts`), and is far lower. The window moves on, so that slow changes become the new normal.
 *
 * Values are rounded to steps of 2^-14 and lie within ±63, others are taken for the nearest bound; ties are broken by a hash of
 * their ordinal: the same values give the same alarms everywhere.
 *
 * @see Shiryaev (1963), On optimum methods in quickest detection problems: the recursion
 * @see Vovk (2021), Testing randomness online: bets on ranks
 * @see Shin, Ramdas, Rinaldo (2022), E-detectors: why the mean time to a false alarm is at least the threshold
 */
import type { DriftDetector } from './drift-detector.ts';

export interface RankChangeOptions {
  /** Values that a new one is compared with, an integer >= 2. */
  readonly window?: number;
  /** Values in the window before it compares at all. */
  readonly least?: number;
  /** Exponent of the bet, 0 … 1: smaller wins more on extreme ranks and less on middling ones. */
  readonly bet?: number;
  /** Statistic that makes a drift; the mean number of values to a false alarm is at least this. */
  readonly threshold?: number;
  /** Which changes count: of the values up, down or both. */
  readonly mode?: 'up' | 'down' | 'both';
}

/** JSON-safe, canonical. */
export interface RankChangeSnapshot {
  /** In steps of 2^-14, oldest first. */
  readonly values: readonly number[];
  /** Values read in all. */
  readonly ordinal: number;
  readonly drift: boolean;
  readonly up: Side;
  readonly down: Side;
}

/**
 * Statistic of one direction; and of the latest values whose bets have won most together: what they won, their number, their sum in
 * steps.
 */
type Side = readonly [statistic: number, won: number, run: number, sum: number];

/** What a detection rests on. */
export interface RankEvidence {
  /** Mean of the window without the values since the change seems to have begun. */
  readonly before: number;
  /** Mean since then. */
  readonly after: number;
  /** Values since then. */
  readonly run: number;
  readonly statistic: number;
}

/** Steps in 1. */
const STEPS = 2 ** 14;
const BOUND = 63 * STEPS;
/** A key is a step with these bits behind it that break ties; keys and their differences fit 32 bits. */
const TIE_BITS = 10;
// Numbers of a direction in `#sides`.
const WON = 1;
const RUN = 2;
const SUM = 3;
const SIDE = 4;

export class RankChange implements DriftDetector {
  readonly warning = false;
  readonly #options: Required<RankChangeOptions>;
  /** A ring. */
  readonly #keys: Int32Array;
  /** Up, then down: statistic, won, run, sum. */
  readonly #sides = new Float64Array(2 * SIDE);
  #size = 0;
  /** Cell of the next value. */
  #next = 0;
  #ordinal = 0;
  #drift = false;
  #isMarked = true;
  #marked: RankChange | undefined;

  constructor(options: RankChangeOptions = {}) {
    this.#options = {
      window: 256,
      least: 32,
      bet: 0.3,
      threshold: 20_000,
      mode: 'both',
      ...options,
    };
    this.#keys = new Int32Array(this.#options.window);
  }

  get drift(): boolean {
    return this.#drift;
  }
  /** Values in the window. */
  get size(): number {
    return this.#size;
  }

  /** Statistic of what has been read; of both directions their mean. */
  get statistic(): number {
    const sum = (this.#sides[0] ?? 0) + (this.#sides[SIDE] ?? 0);
    return this.#options.mode === 'both' ? sum / 2 : sum;
  }

  /** Of the direction that has more of it. */
  get evidence(): RankEvidence {
    const side = (this.#sides[0] ?? 0) > (this.#sides[SIDE] ?? 0) ? 0 : SIDE;
    const run = this.#sides[side + RUN] ?? 0;
    const older = Math.max(this.#size - run, this.#size >> 1);
    let sum = 0;
    for (let at = 0; at < older; at++) sum += this.#value(at);
    return {
      before: older === 0 ? 0 : sum / older / STEPS,
      after: run === 0 ? 0 : (this.#sides[side + SUM] ?? 0) / run / STEPS,
      run,
      statistic: this.statistic,
    };
  }

  update(value: number): void {
    this.#isMarked = false;
    if (this.#drift) this.#reset();
    const { least, mode, threshold } = this.#options;
    const step = Math.max(-BOUND, Math.min(BOUND, Math.round(value * STEPS)));
    const key = keyOf(step, this.#ordinal++);
    if (this.#size >= least) {
      const above = this.#countAbove(key);
      if (mode !== 'down') this.#bet(0, step, above);
      if (mode !== 'up') this.#bet(SIDE, step, this.#size - above);
      this.#drift = this.statistic >= threshold;
    }
    this.#push(key);
  }

  /** Forgets what it has read, as after a detection. */
  restart(): void {
    this.#isMarked = false;
    this.#reset();
  }

  mark(): void {
    if (this.#isMarked) return;
    this.#marked ??= new RankChange(this.#options);
    this.#marked.#copyFrom(this);
    this.#isMarked = true;
  }

  rollback(): void {
    if (this.#isMarked) return;
    if (this.#marked !== undefined) this.#copyFrom(this.#marked);
    else {
      this.#reset();
      this.#ordinal = 0;
    }
    this.#isMarked = true;
  }

  /** A detector of its own in the same state, marked. */
  clone(): RankChange {
    return RankChange.restore(this.snapshot(), this.#options);
  }

  snapshot(): RankChangeSnapshot {
    const side = (from: number): Side => [
      this.#sides[from] ?? 0,
      this.#sides[from + WON] ?? 0,
      this.#sides[from + RUN] ?? 0,
      this.#sides[from + SUM] ?? 0,
    ];
    return {
      values: Array.from({ length: this.#size }, (_, at) => this.#value(at)),
      ordinal: this.#ordinal,
      drift: this.#drift,
      up: side(0),
      down: side(SIDE),
    };
  }

  /** A marked detector that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: RankChangeSnapshot, options: RankChangeOptions = {}): RankChange {
    const detector = new RankChange(options);
    const { values, ordinal, drift, up, down } = snapshot;
    for (const [at, value] of values.entries())
      detector.#push(keyOf(value, ordinal - values.length + at));
    detector.#ordinal = ordinal;
    detector.#drift = drift;
    detector.#sides.set([...up, ...down]);
    detector.#isMarked = false;
    detector.mark();
    return detector;
  }

  /** Step of the value at a place, oldest first. */
  #value(at: number): number {
    const cell = (this.#next - this.#size + at + this.#keys.length) % this.#keys.length;
    return (this.#keys[cell] ?? 0) >> TIE_BITS;
  }

  #countAbove(key: number): number {
    const keys = this.#keys;
    const size = this.#size;
    let above = 0;
    // By the sign of the difference: a branch would be mispredicted every other time.
    for (let cell = 0; cell < size; cell++) above = (above - ((key - (keys[cell] ?? 0)) >> 31)) | 0;
    return above;
  }

  /** @param beyond values of the window that lie further in this direction */
  #bet(side: number, step: number, beyond: number): void {
    const { bet } = this.#options;
    const p = (beyond + 1) / (this.#size + 1);
    const worth = bet * p ** (bet - 1);
    const won = Math.max(1, this.#sides[side + WON] ?? 0) * worth;
    const goesOn = won > 1;
    this.#sides[side] = (1 + (this.#sides[side] ?? 0)) * worth;
    this.#sides[side + WON] = won;
    this.#sides[side + RUN] = goesOn ? (this.#sides[side + RUN] ?? 0) + 1 : 0;
    this.#sides[side + SUM] = goesOn ? (this.#sides[side + SUM] ?? 0) + step : 0;
  }

  #push(key: number): void {
    const { length } = this.#keys;
    this.#keys[this.#next] = key;
    this.#next = (this.#next + 1) % length;
    if (this.#size < length) this.#size++;
  }

  #reset(): void {
    this.#sides.fill(0);
    this.#size = 0;
    this.#next = 0;
    this.#drift = false;
  }

  #copyFrom(other: RankChange): void {
    this.#keys.set(other.#keys);
    this.#sides.set(other.#sides);
    this.#size = other.#size;
    this.#next = other.#next;
    this.#ordinal = other.#ordinal;
    this.#drift = other.#drift;
  }
}

/** Ties are broken by the ordinal of the value, with the finaliser of MurmurHash3. */
function keyOf(step: number, ordinal: number): number {
  let hash = ordinal | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (step << TIE_BITS) | (hash >>> (32 - TIE_BITS));
}
