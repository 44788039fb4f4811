/**
 * Publishing: rows a second read, masked, and sent to a log end to end (read, check, stringify, append).
 *
 *   node --import tsx bench/publish.ts
 *
 * Needs the sentiment140 stream in VALENCE_DATA (default ../shared/data). Medians of five passes in one process, after a warm-up.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { createMasker, MASK_KINDS } from '../src/ingest/mask.ts';
import { publish, type PublishOptions } from '../src/ingest/publish.ts';
import type { Row } from '../src/ingest/row.ts';
import { readRows } from '../src/ingest/rows.ts';
import { openLog } from '../src/open-log.ts';

const PASSES = 5;
const data = join(process.env['VALENCE_DATA'] ?? '../shared/data', 'sentiment140-57163.jsonl');

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

/** Median of the passes' ms; the first is a warm-up. */
async function median(pass: (n: number) => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n <= PASSES; n++) times.push(await pass(n));
  return times.slice(1).toSorted((a, b) => a - b)[PASSES >> 1] ?? Number.NaN;
}

async function main(): Promise<void> {
  if (!existsSync(data)) {
    console.log(`skipped: ${data} is not there; set VALENCE_DATA`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
  try {
    const rows = await read(data);
    const csv = join(folder, 'tweets.csv');
    writeFileSync(csv, toCsv(rows));
    const texts = rows.flatMap((row) => (row.kind === 'text' ? [row.text] : []));
    const mask = createMasker(MASK_KINDS);
    const sqlite = (n: number, name: string): string => `sqlite:${join(folder, `${name}-${n}.db`)}`;
    const table = new Table({
      head: ['what', 'rows/s', 'µs/row'],
      colAligns: ['left', 'right', 'right'],
    });
    const measure = async (what: string, pass: (n: number) => Promise<number>): Promise<void> => {
      const ms = await median(pass);
      const perSecond = Math.round((rows.length / ms) * 1000).toLocaleString('en');
      table.push([what, perSecond, ((ms * 1000) / rows.length).toFixed(2)]);
    };
    await measure('read NDJSON', () => timed(() => read(data)));
    await measure('read CSV', () => timed(() => read(csv)));
    await measure('mask, all kinds', () => timed(() => texts.map(mask)));
    await measure('publish NDJSON to memory', () => sendAll('memory:', { path: data }));
    await measure('publish NDJSON to sqlite', (n) => sendAll(sqlite(n, 'a'), { path: data }));
    await measure('publish CSV to sqlite', (n) => sendAll(sqlite(n, 'b'), { path: csv }));
    await measure('publish NDJSON to sqlite, masked', (n) =>
      sendAll(sqlite(n, 'c'), { path: data, mask: MASK_KINDS }),
    );
    await measure('publish NDJSON to sqlite, labels 500 rows later', (n) =>
      sendAll(sqlite(n, 'd'), { path: data, labelDelay: 500 }),
    );
    console.log(`${rows.length} rows, Node ${process.version}`);
    console.log(table.toString());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
