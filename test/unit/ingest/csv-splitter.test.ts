import { describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { CsvSplitter, type CsvRecord } from '../../../src/ingest/csv-splitter.ts';

const CELL = fc.string({
  unit: fc.constantFrom('a', 'b', '"', ',', '\n', '\r\n', ' ', 'ü', '😀', ';'),
  maxLength: 6,
});

function split(bytes: Buffer, size: number, columns = 0): CsvRecord[] {
  const splitter = new CsvSplitter(',', columns, 0, 0);
  const records: CsvRecord[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    for (const record of splitter.feed(bytes.subarray(at, at + size))) records.push(copy(record));
  }
  for (const record of splitter.end()) records.push(copy(record));
  return records;
}

/** Records are views; keep what they say. */
function copy(record: CsvRecord): CsvRecord {
  return { ...record, raw: Buffer.from(record.raw) };
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
/** As a spreadsheet writes it: quoted only where it must be. */
const lazily = (cell: string): string => (/[",\n\r]/.test(cell) ? quoted(cell) : cell);

describe('well-formed CSV', () => {
  const table = fc
    .record({ width: fc.integer({ min: 2, max: 4 }), height: fc.integer({ min: 1, max: 6 }) })
    .chain(({ width, height }) =>
      fc.array(fc.array(CELL, { minLength: width, maxLength: width }), {
        minLength: height,
        maxLength: height,
      }),
    );

  test('reads as csv-parse does, and as it was written, however it is cut', () => {
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.constantFrom(quoted, lazily),
        fc.integer({ min: 1, max: 40 }),
        (rows, lineEnd, lastEnd, write, size) => {
          const csv =
            rows.map((row) => row.map(write).join(',')).join(lineEnd) + (lastEnd ? lineEnd : '');
          const records = split(Buffer.from(csv), size);
          expect(records.map(({ problem }) => problem)).toEqual(rows.map(() => undefined));
          expect(records.map(({ fields }) => fields)).toEqual(rows);
          expect(records.map(({ fields }) => fields)).toEqual(
            parse(csv, { record_delimiter: lineEnd, skip_empty_lines: true }),
          );
        },
      ),
    );
  });
});

describe('any bytes', () => {
  const soup = fc.string({
    unit: fc.constantFrom('a', 'b', '"', '""', ',', '\n', '\r\n', '\r', ' ', 'ü', '\ufeff'),
    maxLength: 60,
  });

  test('what comes out does not depend on how the stream is cut', () => {
    fc.assert(
      fc.property(
        soup,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 3 }),
        (text, size, columns) => {
          const bytes = Buffer.from(text);
          expect(split(bytes, size, columns)).toEqual(split(bytes, 1000, columns));
        },
      ),
      { numRuns: 400 },
    );
  });

  test('reading on behind any record gives the records that follow it', () => {
    fc.assert(
      fc.property(soup, fc.integer({ min: 1, max: 3 }), (text, columns) => {
        const bytes = Buffer.from(text);
        const all = split(bytes, 1000, columns);
        for (const [at, record] of all.entries()) {
          const rest = new CsvSplitter(',', columns, record.end, record.endLine);
          const records = [...rest.feed(bytes.subarray(record.end))].map(copy);
          expect([...records, ...[...rest.end()].map(copy)]).toEqual(all.slice(at + 1));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('each record names its line: line feeds before it and one', () => {
    fc.assert(
      fc.property(soup, (text) => {
        const bytes = Buffer.from(text);
        let end = 0;
        for (const record of split(bytes, 5, 2)) {
          const lines = (upTo: number): number =>
            bytes.subarray(0, upTo).filter((b) => b === 10).length;
          expect(record.endLine).toBe(lines(record.end));
          expect(record.line).toBeGreaterThan(lines(end));
          end = record.end;
        }
      }),
    );
  });
});

describe('quotes that run away', () => {
  // Each would take hours if what a stray quote ran over were scanned anew for every line of it.
  test.each([
    ['pairs of quotes behind an open one', `"x\n${'a,""\n'.repeat(100_000)}`],
    ['a field that opens anew on each line', 'b","c\n'.repeat(100_000)],
    ['an open quote on each line', '"a,b\n'.repeat(100_000)],
    ['nothing but quotes', '"'.repeat(1_000_001)],
  ])('%s: every line is accounted for', (_, csv) => {
    const bytes = Buffer.from(csv);
    const records = split(bytes, 65_536, 2);
    expect(records.at(-1)?.end).toBe(bytes.length);
  });

  test('a quote that is not closed within 4 MiB costs its line', () => {
    const csv = `a,"b\n${`${'c'.repeat(4000)},d\n`.repeat(1100)}`;
    const records = split(Buffer.from(csv), 262_144, 2);
    expect(records[0]?.problem).toEqual({ kind: 'open quote' });
    expect(records).toHaveLength(1101);
    expect(records.slice(1).every(({ problem }) => problem === undefined)).toBe(true);
  });
});
