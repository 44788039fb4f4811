import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { variable } from '../../../support/environment.ts';

/** Reads what the tests of the models compare with: vectors of River 0.26.1, the example file and the large data sets. */

const root = new URL('../../../../', import.meta.url);

export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`test/data/river-vectors/${name}`, root), 'utf8')) as T;
}

export function readGoldens<T>(): T {
  return JSON.parse(readFileSync(new URL('test/data/goldens.json', root), 'utf8')) as T;
}

export interface Row {
  readonly text: string;
  readonly label: string;
}

/** The 750 reviews in file order; labels are '0' and '1'. */
export function readYelp(): readonly Row[] {
  const rows = parse(readFileSync(new URL('examples/yelp.csv', root), 'utf8'), {
    columns: true,
  }) as unknown as { text: string; sentiment: string }[];
  return rows.map(({ text, sentiment }) => ({ text, label: sentiment }));
}

const dataFolder = variable('VALENCE_DATA') ?? fileURLToPath(new URL('../shared/data', root));

/** Large data sets that were read. */
const loaded = new Map<string, readonly Row[]>();

/** Rows of a large data set; undefined where the folder is absent. */
export function readDataSet(file: string): readonly Row[] | undefined {
  const path = `${dataFolder}/${file}`;
  const before = loaded.get(path);
  if (before !== undefined || !existsSync(path)) return before;
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Row);
  loaded.set(path, rows);
  return rows;
}

/** A test over a large data set; where that is absent it is skipped, and its name says why. */
export function testOn<R extends Row = Row>(
  file: string,
  name: string,
  body: (rows: readonly R[]) => void,
): void {
  const isHere = existsSync(`${dataFolder}/${file}`);
  const reason = `no ${file} at VALENCE_DATA or ../shared/data`;
  if (!isHere) process.stderr.write(`SKIPPED ${name}: ${reason}\n`);
  const run = isHere ? test : test.skip;
  // oxlint-disable-next-line jest/valid-title, jest/no-disabled-tests, jest/expect-expect -- bodies are the callers'
  run(isHere ? name : `${name} (skipped: ${reason})`, () => {
    body((readDataSet(file) ?? []) as readonly R[]);
  });
}

/** Equal within a relative difference. */
export function expectNear(got: number | undefined, expected: number, relative = 1e-12): void {
  const difference = Math.abs((got ?? NaN) - expected);
  if (difference <= relative * Math.abs(expected)) return;
  expect(got).toBe(expected);
}
