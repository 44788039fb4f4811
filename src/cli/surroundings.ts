/**
 * What a command works with: everything outside the program comes in here, so that a test can stand in for it.
 */
import type { Readable } from 'node:stream';
import type { Environment } from '../config.ts';
import type { KafkaOptions } from '../kafka-settings.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { OpenHealth } from '../worker-health.ts';
import { cut, palette, type Palette } from './display.ts';

/** Somewhere to write text: stdout, stderr, or a test's list. */
export interface Sink {
  /** False asks the writer to wait for `drain`. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Surroundings {
  /** A URL becomes a log; the caller of a command closes it. */
  readonly openLog: (
    url: string,
    options?: { readonly kafka?: KafkaOptions; readonly existing?: boolean },
  ) => Promise<EventLog>;
  /** Takes the file of an embedded log away; false: somebody has it open. */
  readonly removeLog: (url: string) => Promise<boolean>;
  /** Opens the health of a worker; undefined: nobody watches and nobody is served. */
  readonly openHealth?: OpenHealth;
  readonly environment: Environment;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Aborts when the process is told to end. */
  readonly signal: AbortSignal;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** How data goes to stdout: lines, as JSON or for people. */
export class Output {
  /** JSON lines rather than tables. */
  readonly json: boolean;
  /** Styles of stdout. */
  readonly colors: Palette;
  /** Cells of a line of stdout. */
  readonly width: number;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #narrates: boolean;

  constructor(
    surroundings: Pick<Surroundings, 'stdout' | 'stderr' | 'environment'>,
    json: boolean,
  ) {
    const { stdout, stderr, environment } = surroundings;
    const terminal = stdout.isTTY === true;
    this.json = json || !terminal;
    this.colors = palette(terminal && wantsColor(environment));
    this.width = terminal ? Math.max(40, stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#narrates = stderr.isTTY === true;
  }

  /** Writes lines to stdout and waits while the reader is slower. */
  async lines(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    if (this.#stdout.write(`${lines.join('\n')}\n`)) return;
    await new Promise<void>((resolve) => {
      this.#stdout.once('drain', resolve);
    });
  }

  async line(line: string): Promise<void> {
    await this.lines([line]);
  }

  /** Writes values as JSON lines. */
  async values(values: readonly unknown[]): Promise<void> {
    await this.lines(values.map((value) => JSON.stringify(value)));
  }

  /** A sentence for the person at the terminal, on stderr. */
  note(line: string): void {
    this.#stderr.write(`${line}\n`);
  }

  /** Replaces the status line on stderr, if it is a terminal, cut to its width; the empty string takes it away. */
  status(line: string): void {
    if (!this.#narrates) return;
    // A line that wraps cannot be taken away again, and the last column may wrap already. A terminal without a size says 0.
    const width = (this.#stderr.columns || 80) - 1;
    this.#stderr.write(`\r\u001b[K${cut(line, Math.max(1, width))}`);
  }
}

/** @see no-color.org */
export function wantsColor(environment: Environment): boolean {
  return (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}
