/**
 * The tables that documents share with the code, as Markdown made from the code: topics, commands, configuration, variables of
 * Kafka, error codes. Pure, apart from what the arguments do.
 */
import type { Command as Parser } from 'commander';
import type { KAFKA_VARIABLES } from '../src/config-kafka.ts';
import { COMMAND_NAMES, settingsOf, type CommandName, type SettingRow } from '../src/config.ts';
import { RECOVERY, type Recovery } from '../src/errors.ts';
import { partitionsText } from '../topics/asyncapi.ts';
import { DAY_MS, type TopicContract } from '../topics/contract.ts';

/** Names of the generated sections, as they stand in the markers. */
export const SECTIONS = ['topics', 'commands', 'configuration', 'kafka', 'errors'] as const;
export type Section = (typeof SECTIONS)[number];

/** Topics of a pipeline in the order a record meets them. */
export function topicsTable(contracts: readonly TopicContract[]): string {
  return markdownTable(
    ['topic', 'holds', 'value', 'key', 'partitions', 'kept'],
    contracts.map(({ suffix, summary, content, key, partitions, cleanup, retentionMs }) => [
      code(`<pipeline>.${suffix}`),
      escaped(summary),
      escaped(content),
      escaped(key),
      partitionsText(partitions),
      kept(cleanup, retentionMs),
    ]),
  );
}

function kept(cleanup: TopicContract['cleanup'], retentionMs: number | undefined): string {
  if (cleanup === 'compact') return 'the last value of each key';
  return retentionMs === undefined ? 'for ever' : `${retentionMs / DAY_MS} days`;
}

/** Every command and subcommand, in the order of `valence --help`. */
export function commandsTable(program: Parser): string {
  return markdownTable(
    ['command', 'does'],
    leaves(program).map(({ path, parser }) => {
      const words = parser.registeredArguments.map((argument) => {
        const word = argument.variadic ? `${argument.name()}...` : argument.name();
        return argument.required ? `<${word}>` : `[${word}]`;
      });
      return [code([...path, ...words].join(' ')), escaped(parser.summary())];
    }),
  );
}

/** Commands that run something, with the words that call them. */
function leaves(
  parser: Parser,
  above: readonly string[] = [],
): readonly { readonly path: readonly string[]; readonly parser: Parser }[] {
  const path = [...above, parser.name()];
  if (parser.commands.length === 0) return [{ path, parser }];
  return parser.commands.flatMap((command) => leaves(command, path));
}

/**
 * Every setting: those of all commands first. A flag that means one thing in several commands takes one line, with the default of
 * each command where they differ.
 *
 * @param program for the flags that say where settings come from and are none themselves
 */
export function configurationTable(program: Parser): string {
  const groups = new Map<string, { row: SettingRow; command: CommandName }[]>();
  for (const command of COMMAND_NAMES)
    for (const row of settingsOf(command)) {
      const key = JSON.stringify([row.flag, row.info.value, row.description]);
      const group = groups.get(key) ?? [];
      if (group.length === 0) groups.set(key, group);
      group.push({ row, command });
    }
  const lines = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { flag, info, variable, description } = first.row;
    const everywhere = group.length === COMMAND_NAMES.length;
    const commands = everywhere ? 'all' : group.map(({ command }) => code(command)).join(', ');
    return [
      {
        everywhere,
        cells: [
          code(info.value === undefined ? flag : `${flag} ${info.value}`),
          code(variable),
          defaults(group),
          escaped(description),
          commands,
        ],
      },
    ];
  });
  const known = new Set([...groups.values()].flat().map(({ row }) => row.flag));
  const sources = new Map(
    leaves(program)
      .flatMap(({ parser }) => parser.options)
      .filter(({ long }) => long !== undefined && long !== null && !known.has(long))
      .map((option) => [option.long, option]),
  );
  return markdownTable(
    ['flag', 'variable', 'default', 'meaning', 'commands'],
    [
      ...lines.filter(({ everywhere }) => everywhere).map(({ cells }) => cells),
      ...[...sources.values()].map(({ flags, description }) => [
        code(flags.replaceAll(/[<>]/g, '')),
        '',
        '',
        escaped(description),
        'all',
      ]),
      ...lines.filter(({ everywhere }) => !everywhere).map(({ cells }) => cells),
    ],
  );
}

function defaults(group: readonly { row: SettingRow; command: CommandName }[]): string {
  const byValue = new Map<string, CommandName[]>();
  for (const { row, command } of group) {
    const value = fallbackOf(row);
    const commands = byValue.get(value) ?? [];
    if (commands.length === 0) byValue.set(value, commands);
    commands.push(command);
  }
  const [only] = byValue.keys();
  if (byValue.size === 1) return only ?? '';
  // What most commands have stands first and names none of them.
  return [...byValue]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([value, commands]) => {
      const shown = value === '' ? 'none' : value;
      return 2 * commands.length > group.length ? shown : `${shown} in ${commands.join(', ')}`;
    })
    .join('; ');
}

function fallbackOf({ info, fallback }: SettingRow): string {
  // A setting that is on or off is off.
  return info.value === undefined || fallback === undefined || fallback === ''
    ? ''
    : code(fallback);
}

/** What completes a `kafka:` log, with other names that are understood. */
export function kafkaTable(variables: typeof KAFKA_VARIABLES): string {
  return markdownTable(
    ['variable', 'meaning'],
    variables.map(({ name, aliases = [], secret, meaning }) => [
      [name, ...aliases].map((each) => code(each)).join(' or '),
      `${escaped(meaning)}${secret === true ? `; or the name of a file with it, in ${code(`${name}_FILE`)}` : ''}`,
    ]),
  );
}

const CONSEQUENCES: Readonly<Record<Recovery, string>> = {
  exit: 'the command ends, exit 2',
  deadLetter: 'the record goes to the dead-letter topic, the position moves on',
  retry: 'tried again with backoff; a command gives up with exit 1, a subscriber on Kafka waits',
  reclaim: 'what was staged is dropped, the partition claimed again',
  stop: 'nothing more is learned, exit 1',
};

/**
 * Error codes with what each means and what happens.
 *
 * @param source text of `src/errors.ts`: the meaning of a code is the comment above it
 */
export function errorsTable(source: string): string {
  const meanings = new Map(
    [...source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(?<code>[A-Z_]+): '/g)].map((match) => [
      match.groups?.['code'],
      (match[1] ?? '').replaceAll(/\s*\n\s*\*\s*/g, ' ').trim(),
    ]),
  );
  return markdownTable(
    ['code', 'means', 'what happens'],
    Object.entries(RECOVERY).map(([name, recovery]) => {
      const meaning = meanings.get(name);
      if (meaning === undefined) throw new Error(`no comment above ${name} in src/errors.ts`);
      return [code(name), escaped(meaning), CONSEQUENCES[recovery]];
    }),
  );
}

/** A table as the formatter leaves it: cells as wide as the widest of their column. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((cell, column) =>
    Math.max(3, ...[cell, ...rows.map((row) => row[column] ?? '')].map((text) => text.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map((row) => line(row))].join('\n');
}

/**
 * The document with the text between `<!-- name:begin -->` and `<!-- name:end -->` replaced; as it is where it has no such markers.
 *
 * @throws where one marker lacks the other
 */
export function replaceSection(document: string, name: Section, body: string): string {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from === -1 && to === -1) return document;
  if (from === -1 || to < from) throw new Error(`${begin} and ${end} must stand in this order`);
  return `${document.slice(0, from + begin.length)}\n\n${body}\n\n${document.slice(to)}`;
}

/** Words in a cell, code spans as they are. Angle brackets would be taken for HTML, `*` for emphasis. */
function escaped(text: string): string {
  return text
    .split(/(?<span>`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part.replaceAll('|', '\\|')
        : part
            .replaceAll(/[\w.:/]*(?:<[\w ]+>[\w.:/]*)+/g, (word) => `\`${word}\``)
            .replaceAll(/[|*]/g, (sign) => `\\${sign}`),
    )
    .join('');
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
