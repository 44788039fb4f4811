/**
 * Speed of the text analysis of GT-NB by itself: code units to hashed features.
 *
 *   node --import tsx bench/scanner.ts
 *
 * Texts are parsed before the clock starts. Time is user CPU of this process, the best of the passes: others may run beside it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { GtScanner } from '../src/core/text/gt-scanner.ts';
import { DATA } from './data.ts';
import { printTable, rounded } from './table.ts';

const PASSES = 9;
const SETS = ['sentiment140-57163', 'amazon-reviews-7999', 'airline-tweets-14640', 'zh-waimai'];

function textsOf(path: string): readonly string[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const { text }: { readonly text: string } = JSON.parse(line);
    return text;
  });
}

/** Microseconds and features a text. */
function pass(scanner: GtScanner, texts: readonly string[]): { time: number; features: number } {
  let features = 0;
  const { user } = process.cpuUsage();
  for (const text of texts) features += scanner.scan(text).length;
  return {
    time: (process.cpuUsage().user - user) / texts.length,
    features: features / texts.length,
  };
}

const rows: string[][] = [];
for (const set of SETS) {
  const path = `${DATA}/${set}.jsonl`;
  if (!existsSync(path)) {
    console.log(`skipped ${set}: no ${path} (VALENCE_DATA)`);
    continue;
  }
  const texts = textsOf(path);
  const scanner = new GtScanner({ version: 2, bits: 22 });
  const passes = Array.from({ length: PASSES }, () => pass(scanner, texts));
  const time = Math.min(...passes.map((each) => each.time));
  rows.push([set, passes[0]?.features.toFixed(1) ?? '', time.toFixed(2), rounded(1e6 / time)]);
}
printTable(['data set', 'features/text', 'µs/text', 'texts/s'], rows);
