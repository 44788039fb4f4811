/** Runs command lines in this process on one log in memory, with lists for stdout and stderr. */
import { Readable } from 'node:stream';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { runCli } from '../../../src/cli/program.ts';
import type { Surroundings } from '../../../src/cli/surroundings.ts';
import { failureLines, exitCodeOf } from '../../../src/worker.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON lines. */
  readonly values: readonly Record<string, unknown>[];
}

export interface RunOptions {
  readonly stdin?: string;
  readonly environment?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
}

export class Cli {
  readonly store = new MemoryStore();

  open(): MemoryEventLog {
    return new MemoryEventLog(this.store);
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const written = { stdout: '', stderr: '' };
    const sink = (name: 'stdout' | 'stderr'): Surroundings['stdout'] => ({
      write: (text) => {
        written[name] += text;
        return true;
      },
      once: () => undefined,
      isTTY: name === 'stdout' && options.isTTY === true,
      columns: 100,
    });
    const surroundings: Surroundings = {
      openLog: () => Promise.resolve(this.open()),
      environment: { VALENCE_LOG: 'memory:', ...options.environment },
      stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
      stdout: sink('stdout'),
      stderr: sink('stderr'),
      signal: options.signal ?? new AbortController().signal,
      now: () => 0,
    };
    let code: number;
    try {
      code = await runCli(argv, surroundings);
    } catch (error) {
      code = exitCodeOf(error);
      written.stderr += `${failureLines('valence', error).join('\n')}\n`;
    }
    return { code, ...written, values: jsonLines(written.stdout) };
  }
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    return [JSON.parse(line) as Record<string, unknown>];
  });
}
