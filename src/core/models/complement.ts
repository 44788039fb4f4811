import type { Terms, Features } from '../text/features.ts';
import { LogTable } from './log-table.ts';
import { NaiveBayes, type Evidence } from './naive-bayes.ts';

/**
 * Complement naive Bayes, as River 0.26.1 computes it, in closed form:
 * J(c) = sum of x_f (ln C_c - ln(n(f) - n(f,c) + alpha)), C_c = T - T_c + alpha V. No class prior at all; a feature never learned
 * counts with numerator alpha; a text without tokens gives equal shares.
 *
 * @see Rennie, Shih, Teevan, Karger (2003), Tackling the poor assumptions of naive Bayes text classifiers
 */
export class Complement extends NaiveBayes {
  readonly #alpha: number;
  readonly #logs: LogTable;

  /** @param alpha pseudo-count per feature and class, > 0 */
  constructor(kind: string, extractor: Terms, alpha: number) {
    super(kind, extractor, {});
    this.#alpha = alpha;
    this.#logs = new LogTable(alpha);
  }

  protected score(features: Features, order: readonly number[], scores: Float64Array): void {
    const { cells, stride, rows, vocabulary } = this.counts;
    scores.fill(0);
    if (vocabulary <= 0) return;
    const { ids, values, length } = features;
    const logs = this.#logs;
    const total = this.#total();
    let times = 0;
    for (let at = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      const value = values[at] ?? 0;
      const base = id * stride;
      times += value;
      let sum = 0;
      if (id < rows) for (let cell = base; cell < base + stride; cell++) sum += cells[cell] ?? 0;
      for (let index = 0; index < order.length; index++) {
        const count = sum === 0 ? 0 : (cells[base + (order[index] ?? 0)] ?? 0);
        scores[index] = (scores[index] ?? 0) - value * logs.of(sum - count);
      }
    }
    for (let index = 0; index < order.length; index++)
      scores[index] = (scores[index] ?? 0) + times * this.#logOthers(order[index] ?? 0, total);
  }

  protected scoreTermByTerm(
    features: Features,
    order: readonly number[],
    scores: Float64Array,
  ): void {
    const { totals, vocabulary } = this.counts;
    const all = this.#total();
    const length = vocabulary > 0 ? features.length : 0;
    for (let index = 0; index < order.length; index++) {
      const column = order[index] ?? 0;
      const others = all - (totals[column] ?? 0) + this.#alpha * vocabulary;
      let sum = 0;
      for (let at = 0; at < length; at++) {
        const id = features.ids[at] ?? 0;
        const count = this.counts.rowSum(id) + this.#alpha - this.counts.count(id, column);
        sum -= (features.values[at] ?? 0) * Math.log(count / others);
      }
      scores[index] = sum;
    }
  }

  protected evidence(): Evidence {
    const total = this.#total();
    return (id, column) =>
      this.#logOthers(column, total) -
      this.#logs.of(this.counts.rowSum(id) - this.counts.count(id, column));
  }

  protected times(value: number): number {
    return value;
  }

  /** Sum of all counts of all classes. */
  #total(): number {
    let total = 0;
    for (const sum of this.counts.totals) total += sum;
    return total;
  }

  /** ln C_c. */
  #logOthers(column: number, total: number): number {
    const { totals, vocabulary } = this.counts;
    return Math.log(total - (totals[column] ?? 0) + this.#alpha * vocabulary);
  }
}
