/**
 * The command line: from definitions to a parser, and from what was typed to an exit code. Misuse is 2, as for the shell's own
 * commands; what a command throws is left to the worker that runs it.
 */
import { Command as Parser, CommanderError, Option } from 'commander';
import { COMMAND_NAMES, settingsOf, type CommandName, type SettingRow } from '../config.ts';
import type { Flags } from '../config-sources.ts';
import { EXIT } from '../worker.ts';
import type { Command, CommandGroup } from './command.ts';
import { completionCommand } from './commands/completion.ts';
import { COMMANDS } from './commands/index.ts';
import { packageVersion } from './package.ts';
import { strayArguments } from './stray-arguments.ts';
import type { Surroundings } from './surroundings.ts';

const COMMON = new Set<string>(settingsOf('dlq').map(({ key }) => key));
const COMMON_HEADING = 'Options of every command:';
const AFTER_HELP =
  'A flag --foo-bar is VALENCE_FOO_BAR in the environment and foo-bar in a --config file; `valence config` shows what holds.';

/**
 * Runs what was typed.
 *
 * @param argv arguments after the program's name
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  let code: number = EXIT.done;
  const program = buildProgram(surroundings, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.misuse;
  }
}

/** The parser, with every command registered. */
export function buildProgram(
  surroundings: Surroundings,
  onEnd: (code: number) => void = () => {},
): Parser {
  const { stdout, stderr } = surroundings;
  const program = new Parser('valence')
    .description('Streaming sentiment analysis that learns while it reads.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError('Add --help to see what there is.')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => Math.min(120, stdout.columns ?? 100),
      getErrHelpWidth: () => Math.min(120, stderr.columns ?? 100),
    })
    .addHelpText('after', `\n${AFTER_HELP}`);
  const all = [...COMMANDS, completionCommand(() => program)];
  for (const entry of all) {
    if ('commands' in entry) addGroup(program, entry, surroundings, onEnd);
    else addCommand(program, entry, surroundings, onEnd);
  }
  return program;
}

function addGroup(
  program: Parser,
  group: CommandGroup,
  surroundings: Surroundings,
  onEnd: (code: number) => void,
): void {
  const parent = program.command(group.name).description(group.summary);
  for (const entry of group.commands) addCommand(parent, entry, surroundings, onEnd);
  parent.addHelpText('after', examplesText(group.commands.flatMap(({ examples }) => examples)));
}

function addCommand(
  parent: Parser,
  entry: Command,
  surroundings: Surroundings,
  onEnd: (code: number) => void,
): void {
  const parser = parent.command(entry.name).summary(entry.summary);
  const details = entry.details === undefined ? '' : `\n\n${entry.details}`;
  parser.description(`${capital(entry.summary)}.${details}`);
  for (const { name, description, optional, choices } of entry.arguments ?? []) {
    const argument = parser.createArgument(
      optional === true ? `[${name}]` : `<${name}>`,
      description,
    );
    parser.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  const rows = rowsOf(entry.settings);
  const byFlag = new Map(rows.map((row) => [row.flag, row]));
  const options = [...byFlag.values()].toSorted((a, b) => rankOf(a) - rankOf(b));
  for (const option of options) parser.addOption(optionOf(option));
  for (const [flag, description] of [
    ['--config <FILE>', 'JSON file with settings'],
    ['--env-file <FILE>', 'file with environment variables, which those of the process beat'],
  ] as const)
    parser.addOption(new Option(flag, description).helpGroup(COMMON_HEADING));
  parser.addHelpOption(new Option('-h, --help', 'show this help').helpGroup(COMMON_HEADING));
  parser.addHelpText('after', examplesText(entry.examples));
  parser.allowExcessArguments(true).action(async (...given: readonly unknown[]) => {
    const taken = entry.arguments?.length ?? 0;
    const stray = parser.args.slice(taken);
    const name = parent.parent === null ? entry.name : `${parent.name()} ${entry.name}`;
    if (stray.length > 0) throw strayArguments(name, entry, stray, surroundings.environment);
    const args = given.slice(0, taken);
    const flags = flagsByKey(parser.opts(), rows);
    const words = args.filter((arg) => typeof arg === 'string');
    onEnd((await entry.execute(surroundings, flags, words)) ?? EXIT.done);
  });
}

/** The settings of a command; of all commands where none is named. */
function rowsOf(command: CommandName | undefined): readonly SettingRow[] {
  if (command !== undefined) return settingsOf(command);
  const rows = COMMAND_NAMES.flatMap((name) => settingsOf(name));
  return [...new Map(rows.map((row) => [row.key, row])).values()];
}

function optionOf({ key, flag, info, description, fallback }: SettingRow): Option {
  const shown = fallback === undefined || fallback === '' || fallback === 'false' ? '' : fallback;
  const text = shown === '' ? description : `${description} (default: ${shown})`;
  const option = new Option(info.value === undefined ? flag : `${flag} <${info.value}>`, text);
  if (info.many !== undefined)
    option.argParser((value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      value,
    ]);
  return COMMON.has(key) ? option.helpGroup(COMMON_HEADING) : option;
}

/** A command's own options stand before those of every command. */
function rankOf({ key }: SettingRow): number {
  return COMMON.has(key) ? 1 : 0;
}

/** The parser names values by flag, the configuration by key. */
function flagsByKey(given: Readonly<Record<string, unknown>>, rows: readonly SettingRow[]): Flags {
  const byFlag = new Map(Object.entries(given));
  const flags = rows.flatMap((row): (readonly [string, unknown])[] => {
    const value = byFlag.get(camel(row.flag.slice(2)));
    return value === undefined ? [] : [[row.key, value]];
  });
  for (const key of ['config', 'envFile']) if (byFlag.has(key)) flags.push([key, byFlag.get(key)]);
  return Object.fromEntries(flags);
}

function examplesText(examples: Command['examples']): string {
  const width = Math.max(0, ...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) =>
    width > 60
      ? `  # ${meaning}\n  valence ${line}`
      : `  valence ${line.padEnd(width)}   ${meaning}`,
  );
  return `\nExamples:\n${lines.join('\n')}\n\n${AFTER_HELP}`;
}

function camel(flag: string): string {
  return flag.replaceAll(/-(?<letter>[a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
