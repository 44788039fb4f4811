/**
 * Champion and challengers on one record: the champion goes first, and a challenger that answered the same text is compared with it.
 * What it remembers is of one record only, so there is nothing to keep.
 */
import { pairedScore, type PairedScore } from '../core/metrics/paired-comparison.ts';
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import type { ModelCarry } from './carry.ts';

/** 0 … n - 1 for the usual numbers of models. */
const ORDERS: readonly (readonly number[])[] = Array.from({ length: 9 }, (_, n) => [
  ...Array.from({ length: n }).keys(),
]);

export class Rivalry {
  /** Name of the champion. */
  champion: string;
  /** How the champion did on the record in hand, and on which text. */
  #rival: { readonly offset: number; readonly score: PairedScore } | undefined;

  constructor(champion: string) {
    this.champion = champion;
  }

  /**
   * A record begins.
   *
   * @returns places of its steps, one a model, in the order in which they are to be taken
   */
  begin<T>(steps: readonly T[], nameOf: (step: T) => string | undefined): readonly number[] {
    this.#rival = undefined;
    const places = ORDERS[steps.length] ?? [...steps.keys()];
    if (steps.length === 1) return places;
    const first = steps.findIndex((step) => nameOf(step) === this.champion);
    return first <= 0 ? places : [first, ...places.filter((at) => at !== first)];
  }

  /**
   * A model's answer was scored: a pair if the champion's answer to the same text was scored at the same record.
   *
   * @param offset of the text
   */
  scored(
    name: string,
    carry: ModelCarry | undefined,
    offset: number,
    truth: string,
    answer: ScoredAnswer,
  ): void {
    const score = pairedScore(truth, answer);
    if (score === undefined) return;
    if (name === this.champion) this.#rival = { offset, score };
    else if (this.#rival?.offset === offset) carry?.comparison.add(this.#rival.score, score);
  }
}
