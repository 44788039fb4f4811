/** All commands, in the order of `valence --help`; `completion` is made from them. */
import type { Command, CommandGroup } from '../command.ts';
import { configCommand } from './config.ts';
import { dlqCommands } from './dlq.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { labelCommand } from './label.ts';
import { modelCommands } from './model.ts';
import { monitorCommand } from './monitor.ts';
import { publishCommand } from './publish.ts';
import { replayCommand } from './replay.ts';
import { startCommand } from './start.ts';
import { subscribeCommand } from './subscribe.ts';
import { tailCommand } from './tail.ts';
import { topicsCommands } from './topics.ts';
import { verifyCommand } from './verify.ts';

export const COMMANDS: readonly (Command | CommandGroup)[] = [
  startCommand,
  publishCommand,
  subscribeCommand,
  monitorCommand,
  labelCommand,
  tailCommand,
  evaluateCommand,
  replayCommand,
  verifyCommand,
  modelCommands,
  topicsCommands,
  dlqCommands,
  doctorCommand,
  configCommand,
];
