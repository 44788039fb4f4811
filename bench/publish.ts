/**
 * Publishing: rows a second read, masked, and sent to a log end to end (read, check, stringify, append).
 *
 *   node --import tsx bench/publish.ts
 *
 * On the sentiment140 stream of VALENCE_DATA (default ../shared/data), or a stand-in. Medians of five passes in one process, after
 * a warm-up: what the code can do. `bench/pipeline.ts` has the command's own figure.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMasker, MASK_KINDS } from '../src/ingest/mask.ts';
import { publish, type PublishOptions } from '../src/ingest/publish.ts';
import type { Row } from '../src/ingest/row.ts';
import { readRows } from '../src/ingest/rows.ts';
import { openLog } from '../src/open-log.ts';
import { tweets } from './data.ts';
import { median, printHeading, printTable, rounded } from './table.ts';

const PASSES = 5;

async function read(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of readRows({ path })) rows.push(...batch);
  return rows;
}

function cell(value: string | number | boolean | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The same rows as CSV, quoted where they must be. */
function toCsv(rows: readonly Row[]): string {
  const lines = rows.map((row) =>
    row.kind === 'text' ? [row.id, row.text, row.label, row.ts].map(cell).join(',') : '',
  );
  return `id,text,label,ts\n${lines.join('\n')}\n`;
}

async function sendAll(
  url: string,
  options: Partial<PublishOptions> & { path: string },
): Promise<number> {
  const log = await openLog(url);
  try {
    await log.ensureTopics(
      ['source', 'dlq'].map((name) => ({
        name,
        partitions: 1,
        cleanup: 'delete',
        retentionMs: undefined,
      })),
    );
    const start = performance.now();
    await publish({ log, topic: 'source', deadLetterTopic: 'dlq', ...options });
    return performance.now() - start;
  } finally {
    await log.close();
  }
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Median of the passes' ms, after a warm-up. */
async function passes(pass: (n: number) => Promise<number>): Promise<number> {
  await pass(0);
  const times: number[] = [];
  for (let n = 1; n <= PASSES; n++) times.push(await pass(n));
  return median(times);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
  try {
    const { path, note } = tweets(folder);
    const rows = await read(path);
    const csv = join(folder, 'tweets.csv');
    writeFileSync(csv, toCsv(rows));
    const texts = rows.flatMap((row) => (row.kind === 'text' ? [row.text] : []));
    const mask = createMasker(MASK_KINDS);
    const sqlite = (n: number, name: string): string => `sqlite:${join(folder, `${name}-${n}.db`)}`;
    const table: string[][] = [];
    const measure = async (what: string, pass: (n: number) => Promise<number>): Promise<void> => {
      const ms = await passes(pass);
      const perSecond = rounded((rows.length / ms) * 1000);
      table.push([what, perSecond, ((ms * 1000) / rows.length).toFixed(2)]);
    };
    await measure('read NDJSON', () => timed(() => read(path)));
    await measure('read CSV', () => timed(() => read(csv)));
    await measure('mask, all kinds', () => timed(() => texts.map(mask)));
    await measure('publish NDJSON to memory', () => sendAll('memory:', { path }));
    await measure('publish NDJSON to sqlite', (n) => sendAll(sqlite(n, 'a'), { path }));
    await measure('publish CSV to sqlite', (n) => sendAll(sqlite(n, 'b'), { path: csv }));
    await measure('publish NDJSON to sqlite, masked', (n) =>
      sendAll(sqlite(n, 'c'), { path, mask: MASK_KINDS }),
    );
    await measure('publish NDJSON to sqlite, labels 500 rows later', (n) =>
      sendAll(sqlite(n, 'd'), { path, labelDelay: 500 }),
    );
    console.log(`${note}; medians of ${PASSES} in one process, after a warm-up`);
    printTable(['what', '>rows/s', '>us/row'], table);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

printHeading('@photostructure/sqlite');
await main();
