/** ln(count + alpha) from a table: most counts are small integers, and a logarithm costs ten times a look-up. */

const FIRST_LENGTH = 256;
/** 512 KB: counts above are rare words of their class's most frequent hundred. */
const LONGEST = 65_536;

export class LogTable {
  readonly #alpha: number;
  table: Float64Array;

  /** @param alpha > 0 */
  constructor(alpha: number) {
    this.#alpha = alpha;
    this.table = logarithms(alpha, FIRST_LENGTH);
  }

  /** ln(count + alpha), the same double whether it comes from the table or not. */
  of(count: number): number {
    const index = count | 0;
    if (index === count && index >= 0 && index < this.table.length) return this.table[index] ?? 0;
    return this.#compute(count);
  }

  #compute(count: number): number {
    if (Number.isInteger(count) && count >= this.table.length && count < LONGEST) {
      let { length } = this.table;
      while (length <= count) length *= 2;
      this.table = logarithms(this.#alpha, length);
    }
    return Math.log(count + this.#alpha);
  }
}

function logarithms(alpha: number, length: number): Float64Array {
  return Float64Array.from({ length }, (_, count) => Math.log(count + alpha));
}
