/**
 * A screen that is drawn again and again without flicker: the alternate screen of the terminal, so that what stood there before comes
 * back at the end. Whatever ends the process, the cursor is shown again.
 */
import type { Sink } from './surroundings.ts';

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[H\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

export class Screen {
  readonly #sink: Sink;
  readonly #leave = (): void => {
    this.close();
  };
  #open = false;
  #last = '';

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#sink.columns ?? 80, rows: this.#sink.rows ?? 24 };
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    process.once('exit', this.#leave);
    this.#sink.write(ENTER);
  }

  /** Rewrites every line in one write; the same lines are not written again. */
  draw(lines: readonly string[]): void {
    const frame = lines.map((line) => line + CLEAR_LINE).join('\r\n');
    if (!this.#open || frame === this.#last) return;
    this.#last = frame;
    this.#sink.write(HOME + frame + CLEAR_BELOW);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.#leave);
    this.#sink.write(LEAVE);
  }
}
