/**
 * How figures went over the rows of a file of unknown length, in bounded memory: a point each `stride` scored rows; when the points
 * are more than there may be, every other one goes and the stride doubles.
 */
import type { Scorer } from '../core/metrics/scorer.ts';
import type { BaselineValues } from '../core/metrics/values.ts';

/** Accuracy 0 … 1, log loss in nats. */
export interface CurveValues {
  readonly accuracy: number;
  readonly logLoss: number;
}

/** The figures after `rows` scored rows: of all of them, and of the last `window`. */
export interface CurvePoint {
  readonly rows: number;
  readonly model: { readonly all: CurveValues; readonly recent: CurveValues };
  readonly majority: BaselineCurveValues;
  readonly noChange: BaselineCurveValues;
}

export interface BaselineCurveValues {
  readonly all: CurveValues;
  /** Undefined at the last point, where no window was begun. */
  readonly recent: CurveValues | undefined;
}

export interface Curves {
  /** Ascending; the last one is the end of the file. */
  readonly points: readonly CurvePoint[];
  /** Rolling window, scored rows. */
  readonly window: number;
}

/** Points a curve has at most, but for the last one. */
export const MOST_POINTS = 200;

interface Totals {
  readonly n: number;
  readonly hits: number;
  readonly logLoss: number;
}
type BaselineTotals = Readonly<Record<'majority' | 'noChange', Totals>>;
const NOTHING: Totals = { n: 0, hits: 0, logLoss: 0 };

/** Watches one scorer; give it to `Evaluation` as `onScored`. */
export class CurveSampler {
  readonly #window: number;
  readonly #most: number;
  /** By scored rows: what the baselines had where the window of a point to come begins. */
  readonly #begun = new Map<number, BaselineTotals>();
  #points: CurvePoint[] = [];
  #stride = 1;
  #scorer: Scorer | undefined;

  /**
   * @param window of the scorer
   * @param most points kept, even
   */
  constructor(window: number, most = MOST_POINTS) {
    this.#window = window;
    this.#most = most;
  }

  /** To be called after every scored row. O(1) on most rows. */
  sample(scorer: Scorer): void {
    this.#scorer = scorer;
    const rows = scorer.scored;
    // Strides only double, so the points of a longer one are among those of this one: none lacks its beginning.
    const begins = (rows + this.#window) % this.#stride === 0;
    const isPoint = rows % this.#stride === 0;
    if (!begins && !isPoint) return;
    const now = totalsOf(scorer);
    if (begins) this.#begun.set(rows, now);
    if (!isPoint) return;
    if (this.#points.length === this.#most) {
      this.#points = this.#points.filter((_, index) => index % 2 === 1);
      this.#stride *= 2;
      if (rows % this.#stride !== 0) return;
    }
    this.#points.push(this.#point(scorer, now));
    for (const begun of this.#begun.keys())
      if (begun <= rows - this.#window) this.#begun.delete(begun);
  }

  /** The curves up to the end. */
  finish(): Curves {
    const points = [...this.#points];
    const scorer = this.#scorer;
    if (scorer !== undefined && scorer.scored > (points.at(-1)?.rows ?? 0))
      points.push(this.#point(scorer, totalsOf(scorer)));
    return { points, window: this.#window };
  }

  #point(scorer: Scorer, now: BaselineTotals): CurvePoint {
    const begin = scorer.scored - this.#window;
    const before = this.#begun.get(begin);
    const baseline = (name: 'majority' | 'noChange'): BaselineCurveValues => {
      const past = begin <= 0 ? NOTHING : before?.[name];
      return {
        all: between(NOTHING, now[name]),
        recent: past === undefined ? undefined : between(past, now[name]),
      };
    };
    const { accuracy, logLoss } = scorer.cumulative();
    const recent = scorer.rolling();
    return {
      rows: scorer.scored,
      model: {
        all: { accuracy, logLoss },
        recent: { accuracy: recent.accuracy, logLoss: recent.logLoss },
      },
      majority: baseline('majority'),
      noChange: baseline('noChange'),
    };
  }
}

function totalsOf(scorer: Scorer): BaselineTotals {
  const { majority, noChange } = scorer.baselines();
  return { majority: sumsOf(majority), noChange: sumsOf(noChange) };
}

function sumsOf({ n, accuracy, logLoss }: BaselineValues): Totals {
  return { n, hits: accuracy * n, logLoss: logLoss * n };
}

function between(from: Totals, to: Totals): CurveValues {
  const n = to.n - from.n;
  return n <= 0
    ? { accuracy: 0, logLoss: 0 }
    : { accuracy: (to.hits - from.hits) / n, logLoss: (to.logLoss - from.logLoss) / n };
}
