/**
 * A command: its settings, arguments, help and what it does. The definitions are data, from which the parser, `--help` and the
 * completion scripts are made.
 */
import { isValenceError } from '../errors.ts';
import { topicNames, type TopicNames } from '../../topics/index.ts';
import type { CommandName, CommonConfig, Config } from '../config.ts';
import { loadSources, resolveConfig, type Flags, type Origin } from '../config-sources.ts';
import { within } from '../deadline.ts';
import type { Logger } from '../logger.ts';
import type { EventLog } from '../ports/event-log.ts';
import { shellWord } from './display.ts';
import { Output, type Surroundings } from './surroundings.ts';

/** How long a log may take to close, ms. */
const CLOSE_MS = 2000;

/** What a running command works with. */
export interface CommandContext<C extends CommandName> {
  readonly config: Config<C>;
  /** By key, where the value came from. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly surroundings: Surroundings;
  readonly out: Output;
}

export interface Argument {
  readonly name: string;
  readonly description: string;
  readonly optional?: true;
  readonly choices?: readonly string[];
}

interface Help {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Further lines of its own help. */
  readonly details?: string;
  readonly arguments?: readonly Argument[];
  /** The command line, without `valence`, that somebody probably meant who gave an argument too many, quoted for a shell. */
  readonly meant?: (argument: string) => string;
  /** Command lines without `valence`, and what they do. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
}

export interface CommandDefinition<C extends CommandName> extends Help {
  readonly settings: C;
  /** @returns the exit code; undefined is 0 */
  run(context: CommandContext<C>, args: readonly string[]): Promise<number | void>;
}

/** A command as the parser sees it. */
export interface Command extends Help {
  /** Undefined: the settings of all commands. */
  readonly settings: CommandName | undefined;
  readonly execute: (
    surroundings: Surroundings,
    flags: Flags,
    args: readonly string[],
  ) => Promise<number | void>;
}

/** Commands under one name: `topics check`, `topics create`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Command[];
}

/** Resolves the configuration, then runs. */
export function command<C extends CommandName>(definition: CommandDefinition<C>): Command {
  return {
    ...definition,
    execute: (surroundings, flags, args) => {
      const sources = loadSources(flags, surroundings.environment);
      const { config, origins, kafka } = resolveConfig(definition.settings, sources);
      const out = new Output(surroundings, config.json);
      const openLog: Surroundings['openLog'] = (url, options) =>
        surroundings.openLog(url, { ...(kafka === undefined ? {} : { kafka }), ...options });
      return definition.run(
        { config, origins, surroundings: { ...surroundings, openLog }, out },
        args,
      );
    },
  };
}

/** The names of the pipeline's topics under this configuration. */
export function namesOf(config: CommonConfig): TopicNames {
  const { source, results, modelTopic, snapshots, dlq } = config;
  return topicNames(config.pipeline, {
    ...(source === undefined ? {} : { source }),
    ...(results === undefined ? {} : { results }),
    ...(modelTopic === undefined ? {} : { model: modelTopic }),
    ...(snapshots === undefined ? {} : { snapshots }),
    ...(dlq === undefined ? {} : { dlq }),
  });
}

/** Flags with which another command finds the same pipeline, each with a space before; nothing where the defaults do. */
export function placeFlags(
  { config, origins }: Pick<CommandContext<CommandName>, 'config' | 'origins'>,
  { url }: Pick<EventLog, 'url'>,
): string {
  const isDefault = (key: string): boolean => origins.get(key) === 'default';
  const pipeline = isDefault('pipeline') ? '' : ` --pipeline ${shellWord(config.pipeline)}`;
  return `${pipeline}${isDefault('log') ? '' : ` --log ${shellWord(url)}`}`;
}

/**
 * Opens the log for the time of `use`, for commands that only look at what is there.
 *
 * @throws NOT_FOUND an embedded log without a file, or with an empty one
 */
export function withExistingLog<T>(
  surroundings: Surroundings,
  config: CommonConfig,
  use: (log: EventLog) => Promise<T>,
): Promise<T> {
  const openLog: Surroundings['openLog'] = (url, options) =>
    surroundings.openLog(url, { ...options, existing: true });
  return withLog({ ...surroundings, openLog }, config, use);
}

/** The same for who tells what is missing: a log that is not there is one without topics, and stays away. */
export function withLogOrNone<T>(
  surroundings: Surroundings,
  config: CommonConfig,
  use: (log: EventLog) => Promise<T>,
): Promise<T> {
  const openLog: Surroundings['openLog'] = async (url, options) => {
    try {
      return await surroundings.openLog(url, { ...options, existing: true });
    } catch (error) {
      if (!isValenceError(error) || error.code !== 'NOT_FOUND') throw error;
      // A missing file shows in the missing topics; that there is one, but nothing in it, does not.
      if (error.fields['empty'] === true) surroundings.stderr.write(`${error.message}\n`);
      return surroundings.openLog('memory:');
    }
  };
  return withLog({ ...surroundings, openLog }, config, use);
}

/** Opens the log for the time of `use`; an embedded one that is missing is made. */
export async function withLog<T>(
  surroundings: Surroundings,
  config: CommonConfig,
  use: (log: EventLog) => Promise<T>,
): Promise<T> {
  const log = await surroundings.openLog(config.log);
  try {
    return await use(log);
  } finally {
    await closeLog(log, surroundings);
  }
}

/** A log that does not let go holds nobody: what it has confirmed stays. */
async function closeLog(log: EventLog, { stderr }: Surroundings): Promise<void> {
  await within(log.close(), CLOSE_MS, () => {
    stderr.write(`the log did not close within ${CLOSE_MS / 1000} s; nothing is lost\n`);
  });
}

/** A logger on stderr. */
export async function loggerOf(
  worker: string,
  surroundings: Surroundings,
  config: CommonConfig,
): Promise<Logger> {
  const { stderr } = surroundings;
  const { createLogger } = await import('../logger.ts');
  return createLogger(worker, config.logLevel, { write: (line) => void stderr.write(line) });
}
