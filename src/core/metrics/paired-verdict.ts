/**
 * Which of two models is better, from the sums of their pairs, valid however often somebody looks (see `confidence-sequence.ts`).
 *
 * The target is the average, over the pairs counted, of the difference to be expected at each of them from what came before: models that
 * learn have no fixed difference. An interval speaks of the pairs up to its moment, so intervals of several moments must not be cut
 * with each other, and a verdict may become undecided again. With probability 1 - α at least, none of all the intervals ever shown is
 * wrong. With several challengers each comparison has its own α: divide it by their number to hold them all.
 */
import { ValenceError } from '../../errors.ts';
import {
  confidenceInterval,
  evidenceOfMoments,
  evidenceOfSigns,
  growthUntilRefuted,
  logEValue,
  type Evidence,
} from './confidence-sequence.ts';
import { MOST_LOSS, type PairedSums } from './paired-comparison.ts';

export type Verdict = 'challenger better' | 'champion better' | 'undecided';

/** A difference, challenger less champion. */
export interface PairedDifference {
  /** Mean over the pairs; 0 without any. */
  readonly difference: number;
  /** Confidence sequence at this moment. */
  readonly lower: number;
  readonly upper: number;
  /** Probability that any of the intervals is ever wrong. */
  readonly alpha: number;
  /** Against «no difference on average»: at most 1 in expectation where there is none; 1/α brings a verdict. Finite. */
  readonly eValue: number;
  readonly verdict: Verdict;
}

/** Chance of a wrong interval, where nothing else is said. */
export const DEFAULT_ALPHA = 0.05;

/**
 * Difference in accuracy, -1 … 1; higher is better. Without a difference this is McNemar's question: pairs on which one of both is right
 * are as likely to be the challenger's as the champion's. Exact, for streams of any kind.
 *
 * @throws {ValenceError} CONFIG_INVALID: alpha
 */
export function compareAccuracy(sums: PairedSums, alpha = DEFAULT_ALPHA): PairedDifference {
  const compared = compare(signs(sums), alpha);
  return { ...compared, verdict: verdictOf(compared.lower, compared.upper) };
}

/**
 * Difference in mean log loss, nats, -34.54 … 34.54; lower is better. Exact as well, since losses are bounded: at first wider than
 * approximations for many records would be.
 *
 * @throws {ValenceError} CONFIG_INVALID: alpha
 */
export function compareLogLoss(sums: PairedSums, alpha = DEFAULT_ALPHA): PairedDifference {
  const { difference, lower, upper, ...rest } = compare(losses(sums), alpha);
  return {
    ...rest,
    difference: difference * MOST_LOSS,
    lower: lower * MOST_LOSS,
    upper: upper * MOST_LOSS,
    // Less loss is better.
    verdict: verdictOf(-upper, -lower),
  };
}

/** More than this many times the records so far is no forecast. */
const FARTHEST = 1000;

/**
 * About how many more pairs a verdict on accuracy takes if the models go on as they did, an integer >= 0; undefined if that cannot be
 * said.
 */
export function pairsUntilVerdict(sums: PairedSums, alpha = DEFAULT_ALPHA): number | undefined {
  const factor = growthUntilRefuted(signs(sums), checked(alpha), FARTHEST);
  return factor === undefined ? undefined : Math.ceil(sums.n * (factor - 1));
}

function signs({ n, champion, challenger }: PairedSums): Evidence {
  return evidenceOfSigns(n, challenger, champion);
}

function losses({ n, logLoss }: PairedSums): Evidence {
  return evidenceOfMoments(n, logLoss.sum / MOST_LOSS, logLoss.squares / MOST_LOSS ** 2);
}

function compare(evidence: Evidence, alpha: number): Omit<PairedDifference, 'verdict'> {
  const { lower, upper } = confidenceInterval(evidence, checked(alpha));
  return {
    difference: evidence.n === 0 ? 0 : evidence.sum / evidence.n,
    lower,
    upper,
    alpha,
    // A smaller e-value is one too, and JSON knows no infinity.
    eValue: Math.min(Number.MAX_VALUE, Math.exp(logEValue(evidence))),
  };
}

function verdictOf(lower: number, upper: number): Verdict {
  if (lower > 0) return 'challenger better';
  return upper < 0 ? 'champion better' : 'undecided';
}

function checked(alpha: number): number {
  if (alpha > 0 && alpha < 1) return alpha;
  throw new ValenceError(
    'CONFIG_INVALID',
    'alpha, the chance of a wrong verdict, must lie between 0 and 1, both exclusive; 0.05 is usual.',
  );
}
