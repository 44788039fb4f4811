/** Losses of one answer's probabilities: the formulas behind every probability metric. */

/** Below this a probability counts as this much, so that one sure mistake costs 34.5 nats and not infinity. */
export const LEAST_PROBABILITY = 1e-15;

/**
 * Log loss of one answer, nats, 0 … 34.54.
 *
 * @param probability of the true label; 0 when the answer lacks it, so a missing label is never free
 */
export function logLossOf(probability: number): number {
  const loss = -Math.log(Math.max(LEAST_PROBABILITY, probability));
  return loss > 0 ? loss : 0;
}

/** Bins of the calibration error: equal widths of the top probability. */
export const BINS = 15;

/** Bin of a top probability, 0 … 14. */
export function binOf(confidence: number): number {
  return Math.min(BINS - 1, Math.floor(BINS * confidence));
}

/** Expected calibration error, 0 … 1. `bins`: records, hits and sum of the top probability by bin. */
export function calibrationError(
  bins: readonly (readonly [records: number, hits: number, confidence: number])[],
): number {
  let records = 0;
  let gaps = 0;
  for (const [n, hits, confidence] of bins) {
    records += n;
    gaps += Math.abs(hits - confidence);
  }
  // Probabilities sum to 1 within 1e-12: their rounding must not lift a share above 1.
  return records === 0 ? 0 : Math.min(1, gaps / records);
}
