/** Windows over anything that can take an update back: a confusion matrix, a mean, a metric of probabilities. */

/** Something whose updates can be reverted. */
export interface Revertible<Arguments extends readonly unknown[]> {
  update(...update: Arguments): void;
  revert(...update: Arguments): void;
}

/** Holds the last `window` updates in its target. */
export class Rolling<Arguments extends readonly unknown[], Target extends Revertible<Arguments>> {
  readonly target: Target;
  readonly window: number;
  readonly #kept: Arguments[] = [];
  #next = 0;

  /** @param window updates, an integer >= 1 */
  constructor(target: Target & Revertible<Arguments>, window: number) {
    this.target = target;
    this.window = window;
  }

  update(...update: Arguments): void {
    const oldest = this.#kept[this.#next];
    if (oldest !== undefined) this.target.revert(...oldest);
    this.target.update(...update);
    this.#kept[this.#next] = update;
    this.#next = (this.#next + 1) % this.window;
  }
}

/**
 * Holds the updates of the last `period` in its target. Time advances only with a newer update, so a late one stays until then,
 * even when it is older than the period.
 */
export class TimeRolling<
  Arguments extends readonly unknown[],
  Target extends Revertible<Arguments>,
> {
  readonly target: Target;
  readonly period: number;
  /** By time, ties in order of arrival. */
  readonly #kept: { readonly time: number; readonly update: Arguments }[] = [];
  #latest = -Infinity;

  /** @param period in the unit of the times given to `update` */
  constructor(target: Target & Revertible<Arguments>, period: number) {
    this.target = target;
    this.period = period;
  }

  /** @param time of this update, such as milliseconds since the epoch */
  update(time: number, ...update: Arguments): void {
    this.target.update(...update);
    const after = this.#kept.findLastIndex((kept) => kept.time <= time);
    this.#kept.splice(after + 1, 0, { time, update });
    if (time <= this.#latest) return;
    this.#latest = time;
    const stays = this.#kept.findIndex((kept) => kept.time > time - this.period);
    for (const gone of this.#kept.splice(0, stays)) this.target.revert(...gone.update);
  }
}
