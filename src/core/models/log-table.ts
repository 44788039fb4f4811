/** ln(count + alpha) from a table: most counts are small integers, and a logarithm costs ten times a look-up. */

const FIRST_LENGTH = 256;
/** A power of two. 256 KB: counts above are words of their class's most frequent hundred. */
export const LONGEST_TABLE = 32_768;

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

  /**
   * Makes the table long enough to be read at `count`.
   *
   * @param count an integer from 0 to LONGEST_TABLE - 1
   */
  reserve(count: number): void {
    let { length } = this.table;
    if (count < length) return;
    while (length <= count) length *= 2;
    this.table = logarithms(this.#alpha, length);
  }

  #compute(count: number): number {
    if (Number.isInteger(count) && count >= 0 && count < LONGEST_TABLE) this.reserve(count);
    return Math.log(count + this.#alpha);
  }
}

function logarithms(alpha: number, length: number): Float64Array {
  const table = new Float64Array(length);
  for (let count = 0; count < length; count++) table[count] = Math.log(count + alpha);
  return table;
}
