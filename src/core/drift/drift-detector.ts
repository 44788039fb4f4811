/**
 * What every drift detector does: it reads one number per scored record, an error 0/1 or a loss, and says whether the last one
 * made it detect a change. A detector starts over with the update after a detection.
 */
export interface DriftDetector {
  /** The last update detected a change. */
  readonly drift: boolean;
  /** The last update raised a warning; always false for a detector without warnings. */
  readonly warning: boolean;
  update(value: number): void;
  /** Remembers this state; a new or restored detector is marked. */
  mark(): void;
  /** Back to the last mark, bit for bit. */
  rollback(): void;
}

/**
 * A detector whose state is one flat, small record of numbers and flags.
 *
 * @typeParam State the state as JSON-safe data; infinite numbers are not in it
 */
export abstract class SmallDetector<State extends object> implements DriftDetector {
  protected state: State;
  #marked: State;

  constructor(state: State) {
    this.state = state;
    this.#marked = { ...state };
  }

  abstract get drift(): boolean;
  abstract get warning(): boolean;
  abstract update(value: number): void;

  mark(): void {
    this.#marked = { ...this.state };
  }
  rollback(): void {
    this.state = { ...this.#marked };
  }
  /** State as JSON-safe data; the options are not in it. */
  snapshot(): State {
    return { ...this.state };
  }
  /** Takes over a snapshot's state and marks it. */
  protected load(snapshot: Readonly<State>): void {
    this.state = { ...snapshot };
    this.mark();
  }
}
