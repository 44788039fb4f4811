/** Starts `log-child.ts` and collects what it says. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from './event-log-driver.ts';

export interface Said {
  readonly claimed?: number;
  readonly committed?: string;
  readonly refused?: string;
  readonly seen?: string;
  readonly following?: boolean;
  readonly acknowledged?: number;
  readonly opened?: boolean;
  readonly failed?: string;
}

export class LogProcess {
  readonly said: Said[] = [];
  readonly #child: ChildProcess;

  /** @param uid user to run as; only root may choose */
  constructor(role: 'own' | 'follow' | 'append' | 'open', args: readonly string[], uid?: number) {
    const script = fileURLToPath(new URL('./log-child.ts', import.meta.url));
    this.#child = fork(script, [role, ...args], {
      execArgv: ['--import', 'tsx'],
      ...(uid !== undefined && { uid, gid: uid }),
    });
    this.#child.on('message', (message: Said) => this.said.push(message));
  }

  /** First message that has the field, once it has come. */
  async hears(field: keyof Said, count = 1): Promise<Said> {
    const heard = (): Said[] => this.said.filter((each) => each[field] !== undefined);
    await until(`child says ${field}`, () => heard().length >= count);
    return heard()[count - 1]!;
  }

  send(message: string): void {
    this.#child.send(message);
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Kills the process at once and waits until it is gone. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
