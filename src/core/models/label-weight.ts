/**
 * How much a label is trusted, as models count it: in sixteenths of a document, so that sums of weights are integers and exact in any
 * order.
 */

/** Weight of a label whose record says nothing of it, in sixteenths. */
export const WHOLE = 16;

/** Sixteenths of a weight, half up: below 1/32 it is 0. */
export function toSixteenths(weight: number): number {
  return Math.floor(weight * WHOLE + 0.5);
}

/**
 * What a label counts in a model, in sixteenths: its weight, or a whole where models do not weigh. 0 is 0 everywhere: such a label is
 * scored and teaches nothing.
 */
export function countedWeight(weight: number, isWeighted: boolean): number {
  return isWeighted || weight === 0 ? weight : WHOLE;
}
