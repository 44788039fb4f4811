/**
 * Inference on a mean that holds at every moment of looking, from sums alone.
 *
 * Values X_1, X_2, … lie in -1 … 1; μ_t is the mean of X_t given all before it, and may differ from record to record (models learn,
 * streams drift). A bet λ in 0 … 1 on high values has made Π(1 + λ X_t). Since 1 + λ μ ≤ e^(λ μ), that product times e^(-λ Σ μ_t) is a
 * supermartingale that starts at 1, whatever the values depend on. So is its average over several bets, half of them on low values.
 * By Ville's inequality it ever reaches 1/α with a probability of at most α. Hence
 *
 * - the means at which it is below 1/α are an interval that holds (1/n) Σ μ_t at all n at once with probability ≥ 1 - α;
 * - its value at mean 0 is an e-value against «no difference», at any stopping time.
 *
 * Order plays no part in the sums: any order in which they grow is a stream of its own, as long as what comes next into them, and
 * when somebody looks, is not chosen by values that are not in them yet.
 *
 * @see Howard, Ramdas, McAuliffe, Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences; Waudby-Smith, Ramdas
 * (2024), Estimating means of bounded random variables by betting; Fan, Grama, Liu (2015) for {@link evidenceOfMoments}
 */
import assert from 'node:assert/strict';

/** What is known of n values in -1 … 1. Numbers need not be whole. */
export interface Evidence {
  readonly n: number;
  readonly sum: number;
  /** By bet: log of what it has made on high values, a lower bound of it at least. */
  readonly high: Float64Array;
  /** The same on low values. */
  readonly low: Float64Array;
}

/**
 * Bets, 0.9 … 1.6e-5, each two thirds of the one before: whatever bet would have been best, one loses 5 % of its exponent at most.
 * Smaller ones weigh less, so that differences of a size that matters are seen early: a verdict on m values of 1 or -1 that are in balance
 * needs a sum of 3.3 √m (m = 100) to 3.7 √m (10⁶), against 1.96 √m in a test that may look once (α = 0.05).
 */
const BETS = Float64Array.from({ length: 28 }, (_, k) => 0.9 * (2 / 3) ** k);
const SHARES = BETS.map((_, k) => 1 / (k + 4));
const TOTAL = SHARES.reduce((sum, share) => sum + share, 0);
/** Log of the weight of a bet on one side. */
const LOG_WEIGHTS = SHARES.map((share) => Math.log(share / TOTAL / 2));
const LOG_UP = BETS.map((bet) => Math.log1p(bet));
const LOG_DOWN = BETS.map((bet) => Math.log1p(-bet));
/** ψ(λ) = -ln(1 - λ) - λ. */
const PSI = BETS.map((bet) => -Math.log1p(-bet) - bet);

/** Evidence of values that are 1 (`ups` of them), -1 (`downs`) and 0 (the rest of `n`); exact. */
export function evidenceOfSigns(n: number, ups: number, downs: number): Evidence {
  return { n, sum: ups - downs, high: madeOfSigns(ups, downs), low: madeOfSigns(downs, ups) };
}

function madeOfSigns(wins: number, losses: number): Float64Array {
  return LOG_UP.map((up, k) => wins * up + losses * (LOG_DOWN[k] ?? 0));
}

/**
 * Evidence of values of which only the sum and the sum of squares are known: ln(1 + λ x) ≥ λ x - ψ(λ) x² for x ≥ -1, which is the
 * empirical Bernstein bound around 0. Loses little against {@link evidenceOfSigns} while values are small.
 */
export function evidenceOfMoments(n: number, sum: number, squares: number): Evidence {
  const made = (total: number): Float64Array =>
    BETS.map((bet, k) => bet * total - (PSI[k] ?? 0) * squares);
  return { n, sum, high: made(sum), low: made(-sum) };
}

/** Log of the e-value against «the average mean is `mean`», nats; 0 without values. */
export function logEValue(evidence: Evidence, mean = 0): number {
  return tangent(evidence, mean).value;
}

/** {@link logEValue} and its slope: a convex function of the mean, being the log of a sum of exponentials. */
function tangent(
  { n, high, low }: Evidence,
  mean: number,
): { readonly value: number; readonly slope: number } {
  const shift = n * mean;
  let top = -Infinity;
  for (let k = 0; k < BETS.length; k++)
    top = Math.max(top, exponent(high, k, -shift), exponent(low, k, shift));
  let sum = 0;
  let bets = 0;
  for (let k = 0; k < BETS.length; k++) {
    const onHigh = Math.exp(exponent(high, k, -shift) - top);
    const onLow = Math.exp(exponent(low, k, shift) - top);
    sum += onHigh + onLow;
    bets += (BETS[k] ?? 0) * (onLow - onHigh);
  }
  return { value: top + Math.log(sum), slope: (n * bets) / sum };
}

function exponent(made: Float64Array, k: number, shift: number): number {
  return (LOG_WEIGHTS[k] ?? 0) + (made[k] ?? 0) + (BETS[k] ?? 0) * shift;
}

/**
 * The means that are not refuted, within -1 … 1; the mean of the values is one of them.
 *
 * @param alpha probability that the average mean is ever outside, in 0 … 1, both exclusive
 */
export function confidenceInterval(
  evidence: Evidence,
  alpha: number,
): { readonly lower: number; readonly upper: number } {
  assert(alpha > 0 && alpha < 1, 'alpha must lie between 0 and 1');
  const { n, sum, high, low } = evidence;
  const mirrored = { n, sum: -sum, high: low, low: high };
  // The very same steps on both sides: who is compared with whom changes signs only. `0 -` keeps -0 out.
  return { lower: lowerEnd(evidence, alpha), upper: 0 - lowerEnd(mirrored, alpha) };
}

/** Far more than it takes: the steps of Newton's method grow smaller by squares. */
const STEPS = 100;
/** Steps of less than this do not count. */
const NEAR = 1e-12;

/**
 * Newton's method from a mean that is refuted: the function is convex, so its tangents reach the limit before it does, and every step
 * ends on a mean that is refuted still.
 */
function lowerEnd(evidence: Evidence, alpha: number): number {
  const limit = -Math.log(alpha);
  let refuted = -1;
  for (let step = 0; step < STEPS; step++) {
    const { value, slope } = tangent(evidence, refuted);
    if (value <= limit) break;
    const way = (limit - value) / slope;
    refuted += way;
    if (way < NEAR) break;
  }
  return refuted;
}

/** Of a factor, relative. */
const PRECISION = 1e-6;

/**
 * By what factor the evidence must grow, values staying as they are on average, until 0 is refuted: 1 if it is; undefined if it takes more
 * than `most`.
 */
export function growthUntilRefuted(
  evidence: Evidence,
  alpha: number,
  most: number,
): number | undefined {
  const limit = -Math.log(alpha);
  const refutes = (factor: number): boolean => logEValue(grown(evidence, factor)) >= limit;
  if (refutes(1)) return 1;
  if (!refutes(most)) return undefined;
  let enough = most;
  let short = 1;
  while (enough - short > PRECISION * short) {
    const middle = (short + enough) / 2;
    if (refutes(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}

function grown({ n, sum, high, low }: Evidence, factor: number): Evidence {
  return {
    n: n * factor,
    sum: sum * factor,
    high: high.map((made) => made * factor),
    low: low.map((made) => made * factor),
  };
}
