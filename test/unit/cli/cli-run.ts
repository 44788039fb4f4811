/** Command lines on one log in memory, at the beginning of time. */
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { runCommand, type CommandOptions, type CommandResult } from '../../support/command-line.ts';

export class Cli {
  readonly store = new MemoryStore();

  open(): MemoryEventLog {
    return new MemoryEventLog(this.store);
  }

  run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(argv, {
      openLog: () => Promise.resolve(this.open()),
      now: () => 0,
      ...options,
      environment: { VALENCE_LOG: 'memory:', ...options.environment },
    });
  }
}
