/**
 * Champion against one challenger on the same scored records of a partition: who was right, and the difference in log loss. All of it
 * is sums, so partitions merge by adding; what the sums say is in `paired-verdict.ts`.
 *
 *   mark ──► add, add, … ──► mark          commit
 *                       └──► rollback()    abort
 */
import { logLossOf } from './losses.ts';
import type { ScoredAnswer } from './scorer.ts';

/** Most nats that one record counts: the worst that the log loss of the metrics knows. Verdicts need a bound. */
export const MOST_LOSS = logLossOf(0);

/** How one model did on one record. */
export interface PairedScore {
  readonly right: boolean;
  /** Log loss, nats, >= 0; what exceeds {@link MOST_LOSS} does not count. */
  readonly logLoss: number;
}

/** Sums over pairs: records that both models answered and whose label came. JSON-safe. */
export interface PairedSums {
  /** The four counts together. */
  readonly n: number;
  /** Both right. */
  readonly both: number;
  /** Only the champion right. */
  readonly champion: number;
  /** Only the challenger right. */
  readonly challenger: number;
  /** Both wrong. */
  readonly neither: number;
  /** Log loss of the challenger less that of the champion: sum in nats, and sum of squares. */
  readonly logLoss: { readonly sum: number; readonly squares: number };
}

/** Sums of no pair. */
export const NO_PAIRS: PairedSums = {
  n: 0,
  both: 0,
  champion: 0,
  challenger: 0,
  neither: 0,
  logLoss: { sum: 0, squares: 0 },
};

/** How an answer did; undefined where the model had none, which makes no pair. */
export function pairedScore(truth: string, answer: ScoredAnswer): PairedScore | undefined {
  const { classes, probabilities, best } = answer;
  if (best < 0) return undefined;
  const label = classes.indexOf(truth);
  return { right: label === best, logLoss: logLossOf(probabilities[label] ?? 0) };
}

function bounded(logLoss: number): number {
  return Math.min(MOST_LOSS, logLoss);
}

export class PairedComparison {
  #sums: PairedSums;
  #marked: PairedSums;

  /** Marked. */
  constructor(sums: PairedSums = NO_PAIRS) {
    this.#sums = sums;
    this.#marked = sums;
  }

  /** Pairs so far. */
  get n(): number {
    return this.#sums.n;
  }

  /** Adds the scores of both models on one record. */
  add(champion: PairedScore, challenger: PairedScore): void {
    const sums = this.#sums;
    const difference = bounded(challenger.logLoss) - bounded(champion.logLoss);
    this.#sums = {
      n: sums.n + 1,
      both: sums.both + Number(champion.right && challenger.right),
      champion: sums.champion + Number(champion.right && !challenger.right),
      challenger: sums.challenger + Number(!champion.right && challenger.right),
      neither: sums.neither + Number(!champion.right && !challenger.right),
      logLoss: {
        sum: sums.logLoss.sum + difference,
        squares: sums.logLoss.squares + difference * difference,
      },
    };
  }

  /** Adds a record if both models had an answer to it. */
  score(truth: string, champion: ScoredAnswer, challenger: ScoredAnswer): void {
    const [one, other] = [pairedScore(truth, champion), pairedScore(truth, challenger)];
    if (one !== undefined && other !== undefined) this.add(one, other);
  }

  /** Begins anew: another champion. Not marked, so that a rollback takes it back. */
  restart(): void {
    this.#sums = NO_PAIRS;
  }

  /** Remembers this state. */
  mark(): void {
    this.#marked = this.#sums;
  }
  /** Back to the last mark, bit for bit. Can be called again. */
  rollback(): void {
    this.#sums = this.#marked;
  }

  /** The sums; never changed afterwards. */
  snapshot(): PairedSums {
    return this.#sums;
  }
  /** A marked comparison that goes on exactly as the one that gave the snapshot. */
  static restore(snapshot: PairedSums): PairedComparison {
    return new PairedComparison(snapshot);
  }
}

/** Sums of all pairs together. Counts are exact in any order; give partitions in ascending order for equal sums of floats. */
export function mergePairs(all: readonly PairedSums[]): PairedSums {
  const sum = (of: (sums: PairedSums) => number): number =>
    all.reduce((total, sums) => total + of(sums), 0);
  return {
    n: sum(({ n }) => n),
    both: sum(({ both }) => both),
    champion: sum(({ champion }) => champion),
    challenger: sum(({ challenger }) => challenger),
    neither: sum(({ neither }) => neither),
    logLoss: {
      sum: sum(({ logLoss }) => logLoss.sum),
      squares: sum(({ logLoss }) => logLoss.squares),
    },
  };
}
