import type { Terms, Features } from '../text/features.ts';
import { LogTable } from './log-table.ts';
import { NaiveBayes, type Evidence } from './naive-bayes.ts';

/**
 * Multinomial naive Bayes, as River 0.26.1 computes it: J(c) = ln(D_c / D) + sum of x_f ln((n(f,c) + alpha) / (T_c + alpha V)).
 * A feature never learned counts with numerator alpha; the prior is not smoothed. With nothing but empty texts learned the answer
 * is the prior (River divides by zero).
 *
 * @see Manning, Raghavan, Schütze (2008), Introduction to Information Retrieval, section 13.2
 */
export class Multinomial extends NaiveBayes {
  readonly #alpha: number;
  readonly #logs: LogTable;

  /** @param alpha pseudo-count per feature and class, > 0 */
  constructor(kind: string, extractor: Terms, alpha: number) {
    super(kind, extractor, {});
    this.#alpha = alpha;
    this.#logs = new LogTable(alpha);
  }

  protected score(features: Features, order: readonly number[], scores: Float64Array): void {
    const { documents, learned, vocabulary } = this.counts;
    scores.fill(0);
    if (vocabulary > 0) {
      if (order.length === 2) this.#addPair(features, order[0] ?? 0, order[1] ?? 0, scores);
      else this.#addAll(features, order, scores);
    }
    for (let at = 0; at < order.length; at++)
      scores[at] = (scores[at] ?? 0) + Math.log((documents[order[at] ?? 0] ?? 0) / learned);
  }

  protected scoreTermByTerm(
    features: Features,
    order: readonly number[],
    scores: Float64Array,
  ): void {
    const { documents, totals, learned, vocabulary } = this.counts;
    const length = vocabulary > 0 ? features.length : 0;
    for (let index = 0; index < order.length; index++) {
      const column = order[index] ?? 0;
      const total = (totals[column] ?? 0) + this.#alpha * vocabulary;
      let sum = 0;
      for (let at = 0; at < length; at++) {
        const count = this.counts.count(features.ids[at] ?? 0, column);
        sum += (features.values[at] ?? 0) * Math.log((count + this.#alpha) / total);
      }
      scores[index] = sum + Math.log((documents[column] ?? 0) / learned);
    }
  }

  protected evidence(): Evidence {
    return (id, column) => this.#logs.of(this.counts.count(id, column)) - this.#logTotal(column);
  }

  protected times(value: number): number {
    return value;
  }

  #logTotal(column: number): number {
    return Math.log((this.counts.totals[column] ?? 0) + this.#alpha * this.counts.vocabulary);
  }

  #addAll(features: Features, order: readonly number[], scores: Float64Array): void {
    const { ids, values, length } = features;
    const { cells, stride, rows } = this.counts;
    const logs = this.#logs;
    const unknown = logs.of(0);
    let total = 0;
    for (let at = 0; at < length; at++) total += values[at] ?? 0;
    for (let index = 0; index < order.length; index++) {
      const column = order[index] ?? 0;
      let sum = 0;
      for (let at = 0; at < length; at++) {
        const id = ids[at] ?? 0;
        const log = id < rows ? logs.of(cells[id * stride + column] ?? 0) : unknown;
        sum += (values[at] ?? 0) * log;
      }
      scores[index] = sum - total * this.#logTotal(column);
    }
  }

  /** The same for two classes, each row read once. */
  #addPair(features: Features, first: number, second: number, scores: Float64Array): void {
    const { ids, values, length } = features;
    const { cells, stride, rows } = this.counts;
    const logs = this.#logs;
    const { table } = logs;
    const unknown = logs.of(0);
    let total = 0;
    let sumFirst = 0;
    let sumSecond = 0;
    for (let at = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      const value = values[at] ?? 0;
      total += value;
      if (id >= rows) {
        sumFirst += value * unknown;
        sumSecond += value * unknown;
        continue;
      }
      const base = id * stride;
      const countFirst = cells[base + first] ?? 0;
      const countSecond = cells[base + second] ?? 0;
      const indexFirst = countFirst | 0;
      const indexSecond = countSecond | 0;
      sumFirst +=
        value *
        (indexFirst === countFirst && indexFirst >>> 0 < table.length
          ? (table[indexFirst] ?? 0)
          : logs.of(countFirst));
      sumSecond +=
        value *
        (indexSecond === countSecond && indexSecond >>> 0 < table.length
          ? (table[indexSecond] ?? 0)
          : logs.of(countSecond));
    }
    scores[0] = sumFirst - total * this.#logTotal(first);
    scores[1] = sumSecond - total * this.#logTotal(second);
  }
}
