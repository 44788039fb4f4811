/**
 * Metrics of probabilities, one update per answer, each reversible. A missing label has probability 0, except where River's form
 * says otherwise.
 */
import { BINS, binOf, calibrationError, LEAST_PROBABILITY, logLossOf } from './losses.ts';

/** Probability per label. */
export type Probabilities = ReadonlyMap<string, number>;

/** A metric of probabilities. */
export interface ProbabilityMetric {
  readonly value: number;
  update(truth: string, probabilities: Probabilities, weight?: number): void;
  /** Takes an update of the same arguments out again, up to rounding. */
  revert(truth: string, probabilities: Probabilities, weight?: number): void;
}

/** Mean of a loss over answers, 0 for none. */
abstract class MeanLoss implements ProbabilityMetric {
  #sum = 0;
  #weight = 0;

  get value(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }
  update(truth: string, probabilities: Probabilities, weight = 1): void {
    this.#sum += weight * this.loss(truth, probabilities);
    this.#weight += weight;
  }
  revert(truth: string, probabilities: Probabilities, weight = 1): void {
    this.update(truth, probabilities, -weight);
  }
  protected abstract loss(truth: string, probabilities: Probabilities): number;
}

/** Mean of -ln max(1e-15, p of the true label), nats, for any number of classes. */
export class LogLoss extends MeanLoss {
  protected loss(truth: string, probabilities: Probabilities): number {
    return logLossOf(probabilities.get(truth) ?? 0);
  }
}

const clamped = (probability: number): number =>
  Math.min(1 - LEAST_PROBABILITY, Math.max(LEAST_PROBABILITY, probability));

/** River's LogLoss: two classes, the probability of the positive one decides; missing, it counts 0. */
export class RiverLogLoss extends MeanLoss {
  readonly #positive: string;

  /** @param positive label of the positive class */
  constructor(positive: string) {
    super();
    this.#positive = positive;
  }

  protected loss(truth: string, probabilities: Probabilities): number {
    const p = clamped(probabilities.get(this.#positive) ?? 0);
    return truth === this.#positive ? -Math.log(p) : -Math.log(1 - p);
  }
}

/** River's CrossEntropy: a true label that the answer lacks costs nothing. */
export class RiverCrossEntropy extends MeanLoss {
  protected loss(truth: string, probabilities: Probabilities): number {
    const p = probabilities.get(truth);
    return p === undefined ? 0 : -Math.log(clamped(p));
  }
}

/** Mean squared error over all classes, 0 … 2. */
export class Brier extends MeanLoss {
  protected loss(truth: string, probabilities: Probabilities): number {
    let sum = probabilities.has(truth) ? 0 : 1;
    for (const [label, p] of probabilities) sum += (p - (label === truth ? 1 : 0)) ** 2;
    return sum;
  }
}

/** Expected calibration error over 15 bins of the top probability; ties go to the first label. An empty answer is skipped. */
export class CalibrationError implements ProbabilityMetric {
  readonly #bins: [number, number, number][] = Array.from({ length: BINS }, () => [0, 0, 0]);

  get value(): number {
    return calibrationError(this.#bins);
  }
  update(truth: string, probabilities: Probabilities, weight = 1): void {
    let answer: string | undefined;
    let top = -1;
    for (const [label, p] of probabilities) if (p > top) [answer, top] = [label, p];
    const bin = this.#bins[binOf(top)];
    if (bin === undefined) return;
    bin[0] += weight;
    if (answer === truth) bin[1] += weight;
    bin[2] += weight * top;
  }
  revert(truth: string, probabilities: Probabilities, weight = 1): void {
    this.update(truth, probabilities, -weight);
  }
}

/** River's ROCAUC: the area under the curve of `thresholds` points, an approximation. 0 while a class is missing. */
export class RiverRocAuc implements ProbabilityMetric {
  readonly #positive: string;
  readonly #thresholds: readonly number[];
  /** Per threshold: weight of positives and of negatives above it. */
  readonly #above: Float64Array;
  #positives = 0;
  #negatives = 0;

  /**
   * @param positive label of the positive class
   * @param thresholds points of the curve, at least 2
   */
  constructor(positive: string, thresholds = 10) {
    this.#positive = positive;
    this.#above = new Float64Array(thresholds * 2);
    this.#thresholds = Array.from({ length: thresholds }, (_, index) => {
      if (index === 0) return -1e-7;
      return index === thresholds - 1 ? 1 + 1e-7 : index / (thresholds - 1);
    });
  }

  get value(): number {
    let area = 0;
    let before: readonly [x: number, y: number] | undefined;
    for (let index = 0; index < this.#thresholds.length; index++) {
      const x = share(this.#above[index * 2 + 1] ?? 0, this.#negatives);
      const y = share(this.#above[index * 2] ?? 0, this.#positives);
      if (before !== undefined) area += ((before[0] - x) * (before[1] + y)) / 2;
      before = [x, y];
    }
    return area;
  }
  update(truth: string, probabilities: Probabilities, weight = 1): void {
    const isPositive = truth === this.#positive;
    if (isPositive) this.#positives += weight;
    else this.#negatives += weight;
    const p = probabilities.get(this.#positive) ?? 0;
    for (const [index, threshold] of this.#thresholds.entries()) {
      if (p <= threshold) break;
      const at = index * 2 + (isPositive ? 0 : 1);
      this.#above[at] = (this.#above[at] ?? 0) + weight;
    }
  }
  revert(truth: string, probabilities: Probabilities, weight = 1): void {
    this.update(truth, probabilities, -weight);
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/**
 * Exact area under the curve: the share of pairs of a positive and a negative in which the positive has the higher probability, a
 * tie counting half. 0 while a class is missing. O(n log n).
 */
export function exactRocAuc(
  answers: readonly { readonly positive: boolean; readonly probability: number }[],
): number {
  const sorted = answers.toSorted((a, b) => a.probability - b.probability);
  let negatives = 0;
  let wins = 0;
  for (let from = 0; from < sorted.length;) {
    const probability = sorted[from]?.probability;
    let to = from;
    let tiedPositives = 0;
    for (; sorted[to]?.probability === probability && to < sorted.length; to++)
      if (sorted[to]?.positive === true) tiedPositives++;
    const tiedNegatives = to - from - tiedPositives;
    wins += tiedPositives * (negatives + tiedNegatives / 2);
    negatives += tiedNegatives;
    from = to;
  }
  return share(wins, negatives * (sorted.length - negatives));
}
