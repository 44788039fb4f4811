/**
 * Which records people should label: those that teach most, at a bounded rate.
 *
 *   margin of the two best classes ─► below the threshold? ─► wish, if the budget allows
 *                                     a quarter of the wishes comes at regular intervals, whatever the margin
 *
 * The threshold follows the stream, so that the share of records below it stays near the rate. Labels of doubtful records alone would
 * teach a model that everything is doubtful: the regular quarter keeps its probabilities honest.
 *
 * It depends on the order of records: a partition has its own, with a mark to roll back to. Nothing is random.
 *
 * @see Žliobaitė, Bifet, Pfahringer, Holmes (2014), Active learning with drifting streaming data: variable uncertainty
 */

/** Share of the wishes that come at regular intervals. */
const REGULAR = 0.25;
/** What the threshold moves by, in margins. */
const STEP = 0.01;
const FIRST_THRESHOLD = 0.5;
/** Wishes that a quiet stretch saves up at most. */
const MOST_SAVED = 10;

/** JSON-safe; equal streams give equal states. */
export interface LabelWishState {
  /** Wishes that may be made at once, from 0 to 10. */
  readonly saved: number;
  /** Margin below which a record is doubtful. */
  readonly threshold: number;
  /** How much of the way to the next regular wish is gone, from 0 to 1. */
  readonly turn: number;
}

/** An answer, as far as it matters here. */
export interface Asked {
  readonly probabilities: ArrayLike<number>;
  /** -1: none. */
  readonly best: number;
}

export class LabelWish {
  readonly #rate: number;
  #saved = 1;
  #threshold = FIRST_THRESHOLD;
  #turn = 0;
  #marked: LabelWishState;

  /**
   * @param rate share of the records that are wished for at most: of n records in a row rate · n + 1 from the start, and
   *   rate · n + 11 anywhere; from 0, none, to 1
   * @param state to go on from, as `snapshot` gave it; it is marked
   * @throws {RangeError} rate out of range
   */
  constructor(rate: number, state?: LabelWishState) {
    if (!(rate >= 0 && rate <= 1)) throw new RangeError('a rate of wishes is from 0 to 1');
    this.#rate = rate;
    if (state !== undefined) this.#load(state);
    this.#marked = this.snapshot();
  }

  /** Whether to wish for the label of a record that came without one. Ask once a record, in order. */
  decide({ probabilities, best }: Asked): boolean {
    const rate = this.#rate;
    if (rate === 0) return false;
    this.#turn += REGULAR * rate;
    if (this.#turn >= 1) {
      this.#turn -= 1;
      return true;
    }
    const share = (1 - REGULAR) * rate;
    this.#saved = Math.min(MOST_SAVED, this.#saved + share);
    const isDoubtful = marginOf(probabilities, best) <= this.#threshold;
    this.#threshold += STEP * (isDoubtful ? share - 1 : share);
    if (!isDoubtful || this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }

  /** This state is committed. */
  mark(): void {
    this.#marked = this.snapshot();
  }

  /** Back to the last mark. */
  rollback(): void {
    this.#load(this.#marked);
  }

  snapshot(): LabelWishState {
    return { saved: this.#saved, threshold: this.#threshold, turn: this.#turn };
  }

  #load({ saved, threshold, turn }: LabelWishState): void {
    this.#saved = saved;
    this.#threshold = threshold;
    this.#turn = turn;
  }
}

/**
 * Probability of the answer less that of the next best class, 0 … 1.
 *
 * @param best index of the answer; -1 without one: 0
 */
export function marginOf(probabilities: ArrayLike<number>, best: number): number {
  if (best < 0) return 0;
  let next = 0;
  for (let at = 0; at < probabilities.length; at++)
    if (at !== best && (probabilities[at] ?? 0) > next) next = probabilities[at] ?? 0;
  return (probabilities[best] ?? 0) - next;
}
