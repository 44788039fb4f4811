import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { asyncApiJson, tables, withTables } from '../../../docs/documents.ts';
import { SECTIONS } from '../../../docs/tables.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('documents in the repository', () => {
  test('docs/asyncapi.json is current; if not: npm run docs', () => {
    // The formatter moves white space; order and values are what counts.
    expect(JSON.stringify(JSON.parse(read('docs/asyncapi.json')))).toBe(
      JSON.stringify(JSON.parse(asyncApiJson())),
    );
  });

  test('the tables of README.md are current; if not: npm run docs', () => {
    const before = existsSync(new URL('README.md', root)) ? read('README.md') : '';
    expect(before).toBe(withTables(before));
  });
});

describe('tables', () => {
  test('there is one for each section, with more than a head', () => {
    const made = tables();
    expect(Object.keys(made)).toEqual([...SECTIONS]);
    for (const table of Object.values(made)) expect(table.split('\n').length).toBeGreaterThan(6);
  });

  test('the commands are those of the program', () => {
    for (const command of ['publish [FILE]', 'subscribe', 'model hash', 'dlq replay [N]'])
      expect(tables().commands).toContain(`\`valence ${command}\``);
  });

  test('each stands between its markers', () => {
    const made = tables();
    const markers = SECTIONS.map((name) => `<!-- ${name}:begin -->\n<!-- ${name}:end -->\n`);
    const document = withTables(markers.join('\n'));
    for (const name of SECTIONS)
      expect(document).toContain(`<!-- ${name}:begin -->\n\n${made[name]}\n\n<!-- ${name}:end -->`);
  });
});
