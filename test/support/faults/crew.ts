/** The processes of a round: each is started again when it ends, whyever, until the round is over. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pause } from '../../../src/ports/pause.ts';

const RESTART_MS = 300;
/** Longest wait for a process that was asked to end, ms. */
const LEAVE_MS = 15_000;

/** How one life of a process ended. */
export interface End {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Last line of its standard error that is no log line. */
  readonly said: string;
}

export interface Role {
  readonly name: string;
  /** Arguments to node, one list a life. */
  readonly args: (life: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Standard error of all lives goes behind one another into this file. */
  readonly stderr: string;
}

/** Processes that run now: none of them outlives this one. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One place in the crew, filled by one process after another. */
export class Place {
  readonly role: Role;
  readonly ends: End[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #life = 0;
  #leaving = false;
  #extra: Readonly<Record<string, string>> = {};
  #frozen = false;

  constructor(role: Role) {
    this.role = role;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get alive(): boolean {
    return this.#child !== undefined && !this.#leaving;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  /** Kills it, and none follows. */
  killForGood(): void {
    this.#leaving = true;
    this.kill();
  }

  freeze(): void {
    this.#frozen = true;
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#frozen = false;
    this.#signal('SIGCONT');
  }

  /** Kills it; its successor has these variables too, and only it. Resolves when the successor has ended, or after `waitMs`. */
  async succeed(env: Readonly<Record<string, string>>, waitMs: number): Promise<boolean> {
    const life = this.#life;
    this.#extra = env;
    this.kill();
    const deadline = performance.now() + waitMs;
    while (performance.now() < deadline && !this.#leaving) {
      if (this.#life > life + 1 || (this.#life === life + 1 && this.#child === undefined))
        return true;
      await pause(20);
    }
    return false;
  }

  /** SIGTERM, and a new one after it. */
  async restart(): Promise<void> {
    this.#signal('SIGTERM');
    await this.#endsInTime();
  }

  /** SIGTERM for good. @returns its exit code; undefined: it had to be killed, or was not running */
  async leave(): Promise<number | undefined> {
    this.#leaving = true;
    this.thaw();
    this.#signal('SIGTERM');
    if (await this.#endsInTime()) return this.ends.at(-1)?.code ?? undefined;
    this.kill();
    await this.#ended;
    return undefined;
  }

  async #endsInTime(): Promise<boolean> {
    const ended = new AbortController();
    void this.#ended.then(() => ended.abort());
    await pause(LEAVE_MS, ended.signal);
    return ended.signal.aborted;
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      this.#child?.kill(signal);
    } catch {
      // It has just ended.
    }
  }

  #start(): void {
    this.#life += 1;
    const fd = openSync(this.role.stderr, 'a');
    const env = { ...process.env, ...this.role.env, ...this.#extra };
    this.#extra = {};
    const child = spawn(process.execPath, [...this.role.args(this.#life)], {
      stdio: ['ignore', 'ignore', fd],
      env,
    });
    closeSync(fd);
    this.#child = child;
    running.add(child);
    this.#ended = new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        this.#child = undefined;
        running.delete(child);
        this.#frozen = false;
        const said = code === 0 || code === null ? '' : lastWords(this.role.stderr);
        this.ends.push({ name: this.role.name, code, signal, said });
        resolve();
        if (!this.#leaving) setTimeout(() => !this.#leaving && this.#start(), RESTART_MS);
      });
    });
  }
}

function lastWords(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.findLast((line) => !line.startsWith('{') && line.trim() !== '') ?? basename(path);
}
