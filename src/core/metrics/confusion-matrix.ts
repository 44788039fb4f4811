/** Confusion counts by label: the one state behind all label metrics. */
import { CountMatrix } from './count-matrix.ts';

/**
 * Counts of (true label, answered label), with weights. Labels get their index in the order in which they are met; the metrics of
 * `label-metrics.ts` take the matrix as it is: `accuracy(matrix)`, `recall(matrix, matrix.index('negative'))`.
 */
export class ConfusionMatrix extends CountMatrix {
  readonly #labels: string[] = [];
  readonly #index = new Map<string, number>();

  /** @param labels met first, in this order */
  constructor(labels: Iterable<string> = []) {
    super();
    for (const label of labels) this.#meet(label);
  }

  /** Labels by index. */
  get labels(): readonly string[] {
    return this.#labels;
  }

  /** Index of a label; -1 for one never met, whose metrics are all 0. */
  index(label: string): number {
    return this.#index.get(label) ?? -1;
  }

  update(truth: string, prediction: string, weight = 1): void {
    this.add(this.#meet(truth), this.#meet(prediction), weight);
  }

  /** Takes an update of the same arguments out again; exact for integer weights. */
  revert(truth: string, prediction: string, weight = 1): void {
    this.update(truth, prediction, -weight);
  }

  /** Adds the counts of another matrix. */
  merge(other: ConfusionMatrix): void {
    for (const [row, truth] of other.labels.entries())
      for (const [column, prediction] of other.labels.entries()) {
        const weight = other.at(row, column);
        if (weight !== 0) this.update(truth, prediction, weight);
      }
  }

  #meet(label: string): number {
    const known = this.#index.get(label);
    if (known !== undefined) return known;
    const index = this.#labels.push(label) - 1;
    this.#index.set(label, index);
    this.grow(index + 1);
    return index;
  }
}
