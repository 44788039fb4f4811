/** One JSON line an event, appended at once, so that a killed process leaves all that it said. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export class EventFile {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a');
  }

  write(event: Readonly<Record<string, unknown>>): void {
    const monotonicNs = process.hrtime.bigint().toString();
    const line = { ...event, pid: process.pid, monotonicNs, wallMs: Date.now() };
    writeSync(this.#fd, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Whole lines that are JSON objects; a file that is not there has none. */
export function readEvents(path: string): readonly Readonly<Record<string, unknown>>[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as Readonly<Record<string, unknown>>];
    } catch {
      return [];
    }
  });
}
