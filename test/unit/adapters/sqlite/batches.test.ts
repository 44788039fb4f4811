import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BATCH_MAX, BatchEncoder } from '../../../../src/adapters/sqlite/batch-encoder.ts';
import { BatchReader } from '../../../../src/adapters/sqlite/batch-reader.ts';
import type { LogRecord, NewRecord } from '../../../../src/ports/event-log.ts';
import { anyCharacter } from '../../../support/character.ts';

const ORIGIN = { file: '/data/log.db', topic: 't', partition: 3 };
const ALL = { records: Infinity, bytes: Infinity };

type Entry = readonly [timestamp: number, record: NewRecord];

/** A copy of the batch, made by an encoder that may have written others. */
function encode(entries: readonly Entry[], base = 0, encoder = new BatchEncoder()): Buffer {
  encoder.begin(base);
  for (const [timestamp, record] of entries) encoder.add(record, timestamp);
  return Buffer.from(encoder.finish());
}

function read(bytes: Uint8Array, base = 0, from = 0, room = ALL): LogRecord[] {
  const records: LogRecord[] = [];
  new BatchReader(ORIGIN, bytes, base).take(records, from, { ...room });
  return records;
}

const hex = (value: string | Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value as string).toString('hex');

/** What must come back of a record, in a form that compares. */
const plain = ({ key, value, headers = [] }: NewRecord): object => ({
  key: hex(key),
  value: hex(value),
  headers: headers.map(([name, content]) => [Buffer.from(name).toString(), hex(content)]),
});

describe('a batch as bytes', () => {
  test('has this form, which files out there are written in', () => {
    const bytes = encode(
      [
        [300, { key: 'k', value: 'é' }],
        [300, { key: null, value: Uint8Array.of(0, 255), headers: [['n', 'v']] }],
        [
          0,
          {
            key: '',
            value: null,
            headers: [
              ['n', 'v'],
              ['m', ''],
              ['n', Uint8Array.of(7)],
            ],
          },
        ],
      ],
      2 ** 32 + 5,
    );
    const records = [
      [0xad, 0x02, 2, 0x6b, 3, 0xc3, 0xa9, 0],
      [0, 0, 3, 0, 255, 1, 0, 1, 0x6e, 1, 0x76],
      [1, 1, 0, 3, 1, 2, 1, 0x6d, 0, 0, 1, 7],
    ].flat();
    expect([...bytes.subarray(16)]).toEqual(records);
    expect(bytes.readUInt32LE(4)).toBe(records.length);
    expect([...bytes.subarray(8, 16)]).toEqual([5, 0, 0, 0, 1, 0, 0, 0]);
    // Python's zlib.crc32 of the bytes behind the sum.
    expect(bytes.readUInt32LE(0)).toBe(0x3d2d_bd9a);
  });

  test('comes back as it was, whatever is in it and whatever the encoder wrote before', () => {
    const encoder = new BatchEncoder();
    const text = fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 200 }),
      fc.string({ maxLength: 20 }),
      fc.constantFrom('é'.repeat(64), 'x'.repeat(127), '\ud800', '😀'.repeat(40)),
    );
    const content = fc.oneof(fc.uint8Array({ maxLength: 300 }), text);
    const name = fc.oneof(fc.constantFrom('ce_id', 'ce_type', 'é', ''), text);
    const value = fc.oneof(fc.constantFrom('1.0', 'prediction'), content);
    const record = fc.record({
      key: fc.option(content),
      value: fc.option(content),
      headers: fc.array(fc.tuple(name, value), { maxLength: 9 }),
    });
    const entry = fc.tuple(
      fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1_770_000_000_000)),
      record,
    );
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 20 }),
        fc.maxSafeNat(),
        (entries, base) => {
          fc.pre(base + entries.length < Number.MAX_SAFE_INTEGER);
          const records = read(encode(entries, base, encoder), base);
          expect(encoder.newest).toBe(Math.max(...entries.map(([timestamp]) => timestamp)));
          expect(records.map((found) => [found.offset, found.timestamp, plain(found)])).toEqual(
            entries.map(([timestamp, given], i) => [base + i, timestamp, plain(given)]),
          );
        },
      ),
    );
  });

  test('headers that repeat cost a byte each', () => {
    const headers = [
      ['ce_specversion', '1.0'],
      ['ce_type', 'prediction'],
      ['content-type', 'application/json'],
    ] as const;
    const one = encode([[5, { key: null, value: null, headers }]]);
    const two = encode(
      Array.from({ length: 2 }, (): Entry => [5, { key: null, value: null, headers }]),
    );
    // Timestamp, key, value, count of headers, three headers.
    expect(two.length - one.length).toBe(7);
  });

  test('neighbours keep their own headers, also where the memory grows between them', () => {
    const encoder = new BatchEncoder();
    for (const size of [0, 10, 5000, 17_000, 70_000]) {
      const entries = Array.from({ length: 40 }, (_, i): Entry => [
        i,
        {
          key: `k${i}`,
          value: 'v'.repeat(i % 3 === 0 ? size : 3),
          headers: [
            ['ce_id', `source/0/${i}`],
            ['ce_type', i % 2 === 0 ? 'prediction' : 'metrics'],
            [`own-${i}`, Uint8Array.of(i)],
          ],
        },
      ]);
      const records = read(encode(entries, 0, encoder));
      expect(records.map(plain)).toEqual(entries.map(([, record]) => plain(record)));
    }
  });

  test('bytes that change after they were added do not change what was written', () => {
    const encoder = new BatchEncoder();
    encoder.begin(0);
    const bytes = Uint8Array.of(1, 2, 3);
    for (const first of [1, 9]) {
      bytes[0] = first;
      encoder.add({ key: bytes, value: bytes, headers: [['n', bytes]] }, 1);
    }
    const records = read(Buffer.from(encoder.finish()));
    expect(records.map(plain)).toEqual(
      [1, 9].map((first) => {
        const value = Uint8Array.of(first, 2, 3);
        return plain({ key: value, value, headers: [['n', value]] });
      }),
    );
  });

  test('text longer than the measured limit is whole', () => {
    const value = `${'é'.repeat(70_000)}😀\ud800`;
    expect(Buffer.from(read(encode([[1, { key: null, value }]]))[0]!.value!).toString()).toBe(
      `${'é'.repeat(70_000)}😀\ufffd`,
    );
  });

  test('is full at 1,000 records or 256 KiB', () => {
    const encoder = new BatchEncoder();
    encoder.begin(0);
    for (let i = 0; i < 999; i++) encoder.add({ key: null, value: 'x' }, 1);
    expect(encoder.isFull).toBe(false);
    encoder.add({ key: null, value: 'x' }, 1);
    expect(encoder.isFull).toBe(true);
    encoder.begin(1000);
    expect(encoder.isFull).toBe(false);
    encoder.add({ key: null, value: new Uint8Array(BATCH_MAX.bytes) }, 1);
    expect(encoder.isFull).toBe(true);
  });
});

describe('reading batches that stand back to back', () => {
  const entries = (count: number, base: number): Entry[] =>
    Array.from({ length: count }, (_, i): Entry => {
      const id = base + i;
      const headers =
        id % 4 === 3
          ? []
          : ([
              ['id', `${id}`],
              ['half', `${id >> 1}`],
            ] as const);
      return [1000 + (id >> 2), { key: `${id}`, value: 'v'.repeat(id % 7), headers }];
    });
  const bytes = Buffer.concat([
    encode(entries(5, 100), 100),
    encode(entries(1, 105), 105),
    encode(entries(9, 106), 106),
  ]);
  const expected = entries(15, 100).map(([timestamp, record], i) => [
    100 + i,
    timestamp,
    plain(record),
  ]);
  const seen = (records: readonly LogRecord[]): unknown[] =>
    records.map((record) => [record.offset, record.timestamp, plain(record)]);

  test('begins at any offset', () => {
    for (let from = 100; from <= 115; from++)
      expect(seen(read(bytes, 100, from))).toEqual(expected.slice(from - 100));
  });

  test('goes on where it ended, whatever the steps', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            records: fc.integer({ min: 1, max: 6 }),
            bytes: fc.integer({ min: 0, max: 30 }),
          }),
          { minLength: 15, maxLength: 15 },
        ),
        (steps) => {
          const reader = new BatchReader(ORIGIN, bytes, 100);
          const all = steps.map((step) => {
            const records: LogRecord[] = [];
            reader.take(records, 100, { ...step });
            const size = records.reduce(
              (sum, { key, value }) => sum + key!.length + value!.length,
              0,
            );
            expect(records.length === 1 || size <= step.bytes || records.length === 0).toBe(true);
            expect(records.length).toBeLessThanOrEqual(step.records);
            return records;
          });
          expect(seen(all.flat())).toEqual(expected);
          expect(reader.isDone).toBe(true);
          expect(reader.offset).toBe(115);
        },
      ),
    );
  });

  test('any flipped bit is LOG_CORRUPT at the offset of its batch', () => {
    const second = encode(entries(5, 100), 100).length;
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const copy = Buffer.from(bytes);
      copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const offset = bit >> 3 < second ? 100 : expect.any(Number);
      expect(() => read(copy, 100)).toThrow(
        expect.objectContaining({ code: 'LOG_CORRUPT', fields: { ...ORIGIN, offset } }),
      );
    }
  });

  test('bytes that end too early, and a batch of another offset, are LOG_CORRUPT', () => {
    const corrupt = expect.objectContaining({ code: 'LOG_CORRUPT' });
    const whole = encode(entries(5, 100), 100);
    for (let length = 1; length < whole.length; length++)
      expect(() => read(whole.subarray(0, length), 100)).toThrow(corrupt);
    expect(() => read(whole, 101)).toThrow(corrupt);
    expect(() => read(Buffer.concat([whole, encode(entries(1, 106), 106)]), 100)).toThrow(corrupt);
  });
});
