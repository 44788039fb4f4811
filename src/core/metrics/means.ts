/** Running means of numbers. */

/** Mean of all values, numerically stable; 0 for none. */
export class Mean {
  #n = 0;
  #mean = 0;

  /** Sum of the weights. */
  get n(): number {
    return this.#n;
  }
  get value(): number {
    return this.#mean;
  }
  update(value: number, weight = 1): void {
    this.#n += weight;
    if (this.#n !== 0) this.#mean += (weight / this.#n) * (value - this.#mean);
  }
  /** Takes an update of the same arguments out again, up to rounding. */
  revert(value: number, weight = 1): void {
    this.#n -= weight;
    this.#mean = this.#n === 0 ? 0 : this.#mean - (weight / this.#n) * (value - this.#mean);
  }
}

/** Mean in which each new value counts `fading` and all before it the rest; the first value as it is. 0 for none. */
export class EWMean {
  readonly #fading: number;
  #mean: number | undefined;

  /** @param fading share of the newest value, 0 … 1 */
  constructor(fading = 0.5) {
    this.#fading = fading;
  }

  get value(): number {
    return this.#mean ?? 0;
  }
  update(value: number): void {
    this.#mean =
      this.#mean === undefined ? value : this.#fading * value + (1 - this.#fading) * this.#mean;
  }
}
