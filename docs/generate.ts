/**
 * Writes what documents take from the code: `docs/asyncapi.json`, and the tables between markers in `README.md`.
 *
 *   node --import tsx docs/generate.ts             both
 *   node --import tsx docs/generate.ts asyncapi    only the AsyncAPI document
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../src/cli/package.ts';
import { asyncApiJson, withTables } from './documents.ts';

const root = packageRoot();

async function write(path: string, content: string): Promise<void> {
  const file = `${root}/${path}`;
  const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const after = await format(content, { ...(await resolveConfig(file)), filepath: file });
  if (after !== before) writeFileSync(file, after);
  console.log(`${path} ${after === before ? 'is current' : 'written'}`);
}

await write('docs/asyncapi.json', asyncApiJson());
if (process.argv[2] !== 'asyncapi')
  await write('README.md', withTables(readFileSync(`${root}/README.md`, 'utf8')));
