import { describe, expect, test } from '@jest/globals';
import { Command as Parser, Option } from 'commander';
import {
  commandsTable,
  configurationTable,
  errorsTable,
  kafkaTable,
  markdownTable,
  replaceSection,
  topicsTable,
} from '../../../docs/tables.ts';
import { COMMAND_NAMES, settingsOf } from '../../../src/config.ts';
import { RECOVERY } from '../../../src/errors.ts';
import { CONTRACTS } from '../../../topics/index.ts';

/** Cells of a table, its rule left out. */
function cells(table: string): readonly (readonly string[])[] {
  const [head = '', , ...rows] = table.split('\n');
  return [head, ...rows].map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('a table', () => {
  test('has columns as wide as their widest cell', () => {
    expect(markdownTable(['a', 'long head'], [['longer', 'b'], ['c']])).toBe(
      [
        '| a      | long head |',
        '| ------ | --------- |',
        '| longer | b         |',
        '| c      |           |',
      ].join('\n'),
    );
  });
});

describe('topics', () => {
  test('stand with what the contract says of them', () => {
    const rows = cells(topicsTable(CONTRACTS));
    expect(rows.map(([name, , , , partitions, kept]) => [name, partitions, kept])).toEqual([
      ['topic', 'partitions', 'kept'],
      ['`<pipeline>.source`', '`--partitions`', '7 days'],
      ['`<pipeline>.results`', 'as many as source', '7 days'],
      ['`<pipeline>.model`', 'as many as source', 'for ever'],
      ['`<pipeline>.snapshots`', '1', 'the last value of each key'],
      ['`<pipeline>.dlq`', 'as many as source', '30 days'],
    ]);
  });

  test('words that Markdown would take for its own stay words', () => {
    const [contract] = CONTRACTS;
    const summary = 'a|b, <file>:<row>, 2*3*4 and `x|<y>`';
    const [, row] = cells(topicsTable([{ ...contract!, summary }]));
    expect(row?.[1]).toBe('a\\|b, `<file>:<row>`, 2\\*3\\*4 and `x\\|<y>`');
  });
});

describe('commands', () => {
  test('stand with their arguments; groups give way to what is in them', () => {
    const program = new Parser('valence');
    program.command('publish').summary('push').argument('[FILE]');
    const model = program.command('model').summary('never shown');
    model.command('export').summary('write').argument('<FILE>').argument('[NAMES...]');
    expect(cells(commandsTable(program))).toEqual([
      ['command', 'does'],
      ['`valence publish [FILE]`', 'push'],
      ['`valence model export <FILE> [NAMES...]`', 'write'],
    ]);
  });
});

describe('configuration', () => {
  const program = new Parser('valence');
  program.command('doctor').addOption(new Option('--config <FILE>', 'JSON file'));
  const [, ...rows] = cells(configurationTable(program));
  const flagOf = (row: readonly string[]): string => /^`(--[\w-]+)/.exec(row[0] ?? '')?.[1] ?? '';

  test('has each setting of each command, under its meaning there', () => {
    for (const command of COMMAND_NAMES)
      for (const { flag, variable, description } of settingsOf(command)) {
        const words = description.replaceAll(/[`\\]/g, '');
        const found = rows.filter(
          (row) =>
            flagOf(row) === flag &&
            row[1] === `\`${variable}\`` &&
            row[3]?.replaceAll(/[`\\]/g, '') === words &&
            (row[4] === 'all' || row[4]?.split(', ').includes(`\`${command}\``) === true),
        );
        expect([command, flag, found.length]).toEqual([command, flag, 1]);
      }
  });

  test('settings of every command stand first, with where settings come from', () => {
    const everywhere = rows.filter((row) => row[4] === 'all').map((row) => flagOf(row));
    expect(rows.slice(0, everywhere.length).map((row) => flagOf(row))).toEqual(everywhere);
    expect(everywhere).toEqual([...settingsOf('dlq').map(({ flag }) => flag), '--config']);
    expect(rows.find((row) => flagOf(row) === '--config')).toEqual([
      '`--config FILE`',
      '',
      '',
      'JSON file',
      'all',
    ]);
  });

  test('defaults stand by command where they differ', () => {
    const [explain] = rows.filter((row) => flagOf(row) === '--explain');
    expect(explain).toEqual([
      '`--explain N`',
      '`VALENCE_EXPLAIN`',
      '`0`; `3` in start',
      'words that explain each prediction; 0: none',
      '`start`, `subscribe`, `verify`',
    ]);
  });

  test('another default on Kafka stands beside the usual one', () => {
    const [partitions] = rows.filter((row) => flagOf(row) === '--partitions');
    expect(partitions?.[2]).toBe('`1, on Kafka 4`');
  });
});

describe('variables of Kafka', () => {
  test('stand with their other names, and files where they are secrets', () => {
    const table = kafkaTable([
      { name: 'KAFKA_BROKERS', aliases: ['KAFKA_BOOTSTRAP_SERVERS'], meaning: 'host:port' },
      { name: 'KAFKA_SASL_PASSWORD', secret: true, meaning: 'password' },
    ]);
    expect(cells(table)).toEqual([
      ['variable', 'meaning'],
      ['`KAFKA_BROKERS` or `KAFKA_BOOTSTRAP_SERVERS`', 'host:port'],
      [
        '`KAFKA_SASL_PASSWORD`',
        'password; or the name of a file with it, in `KAFKA_SASL_PASSWORD_FILE`',
      ],
    ]);
  });
});

describe('errors', () => {
  test('stand with the comment above them and what follows', () => {
    const source = Object.keys(RECOVERY)
      .map((code) => `  /** Meaning of ${code},\n   *  in two lines. */\n  ${code}: 'x',\n`)
      .join('');
    const [, ...rows] = cells(errorsTable(source));
    expect(rows).toHaveLength(Object.keys(RECOVERY).length);
    expect(rows[0]).toEqual([
      '`CONFIG_INVALID`',
      'Meaning of CONFIG_INVALID, in two lines.',
      'the command ends, exit 2',
    ]);
    expect(rows.find(([code]) => code === '`EPOCH_FENCED`')?.[2]).toBe(
      'what was staged is dropped, the partition claimed again',
    );
  });

  test('a code without a comment is an error', () => {
    expect(() => errorsTable("/** Wrong. */\n  CONFIG_INVALID: 'exit',\n")).toThrow(
      'no comment above TOPIC_MISMATCH',
    );
  });
});

describe('sections', () => {
  const document = 'before\n<!-- topics:begin -->\nold\n<!-- topics:end -->\nafter';

  test('are replaced between their markers, again and again alike', () => {
    const once = replaceSection(document, 'topics', 'new');
    expect(once).toBe('before\n<!-- topics:begin -->\n\nnew\n\n<!-- topics:end -->\nafter');
    expect(replaceSection(once, 'topics', 'new')).toBe(once);
  });

  test('a document without the markers stays as it is', () => {
    expect(replaceSection(document, 'errors', 'new')).toBe(document);
  });

  test.each(['<!-- topics:begin -->', '<!-- topics:end -->'])('%s alone is an error', (marker) => {
    expect(() => replaceSection(`a ${marker} b`, 'topics', 'new')).toThrow('in this order');
  });
});
