/** The stream that the benchmarks read: tweets with labels, or a made-up stand-in where the data set is not there. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { variable } from '../test/support/environment.ts';
import { rounded } from './table.ts';

/** Folder of the data sets. */
export const DATA =
  variable('VALENCE_DATA') ?? fileURLToPath(new URL('../../shared/data', import.meta.url));

export const TWEETS = 57_163;

/** Uniform numbers in [0, 1): xorshift, so that every run sees the same. */
export function seeded(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * The sentiment140 file, or a stand-in of as many rows made in `folder`.
 *
 * @returns path of the NDJSON file, and what to print about it
 */
export function tweets(folder: string): { readonly path: string; readonly note: string } {
  const real = join(DATA, `sentiment140-${TWEETS}.jsonl`);
  if (existsSync(real)) return { path: real, note: `sentiment140, ${rounded(TWEETS)} records` };
  const path = join(folder, 'stand-in.jsonl');
  writeFileSync(path, standIn(TWEETS));
  return {
    path,
    note: `STAND-IN of ${rounded(TWEETS)} made-up records: ${real} is not there (VALENCE_DATA)`,
  };
}

/** Texts of 6 to 20 words by Zipf's law from 40,000; a fifth of the words lean to the record's class. */
function standIn(rows: number): string {
  const random = seeded(7);
  const word = (): string => `w${Math.floor(40_000 ** random()).toString(36)}`;
  const lines = Array.from({ length: rows }, (_, row) => {
    const label = random() < 0.5 ? 'negative' : 'positive';
    const length = 6 + Math.floor(random() * 15);
    const words = Array.from({ length }, () => (random() < 0.2 ? label[0] : '') + word());
    const ts = new Date(1_240_000_000_000 + row * 1000).toISOString();
    return JSON.stringify({ id: String(row), text: words.join(' '), label, ts });
  });
  return `${lines.join('\n')}\n`;
}
