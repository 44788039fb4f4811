import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readBatches } from '../../../../src/adapters/kafka/batch-reader.ts';
import type { LogRecord } from '../../../../src/ports/event-log.ts';
import { batch, type BatchShape } from './fake-cluster.ts';
import { anyCharacter } from '../../../support/character.ts';

const place = { topic: 't', partition: 3, from: 0 };
const text = ({ value }: LogRecord): string | null =>
  value === null ? null : Buffer.from(value).toString();

function read(
  shapes: readonly BatchShape[],
  from = 0,
  aborted: { producerId: number; firstOffset: number }[] = [],
) {
  return readBatches(Buffer.concat(shapes.map(batch)), { ...place, from }, aborted);
}
const values = (...texts: string[]): { value: string }[] => texts.map((value) => ({ value }));

describe('records of a batch', () => {
  test('have their place, time, key, value and headers, repeated names in order', () => {
    const { records, next } = read([
      {
        base: 7,
        records: [
          {
            key: 'k',
            value: 'ü',
            timestamp: 5,
            headers: [
              ['b', '1'],
              ['__proto__', ''],
              ['a', '2'],
              ['b', '3'],
            ],
          },
          { key: null, value: null, timestamp: 2 },
          { key: '', value: '', timestamp: 9 },
        ],
      },
    ]);
    expect(next).toBe(10);
    expect(
      records.map(({ topic, partition, offset, timestamp }) => [
        topic,
        partition,
        offset,
        timestamp,
      ]),
    ).toEqual([
      ['t', 3, 7, 5],
      ['t', 3, 8, 2],
      ['t', 3, 9, 9],
    ]);
    expect(records.map(text)).toEqual(['ü', null, '']);
    expect(records.map(({ key }) => key?.length)).toEqual([1, undefined, 0]);
    expect(
      records[0]!.headers.map(([name, value]) => [name, Buffer.from(value).toString()]),
    ).toEqual([
      ['b', '1'],
      ['__proto__', ''],
      ['a', '2'],
      ['b', '3'],
    ]);
    expect(records[1]!.headers).toEqual([]);
  });

  test('come back as they were written, whatever they hold', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 200 }));
    const header = fc.tuple(
      fc.string({ unit: anyCharacter, maxLength: 80 }),
      fc.uint8Array({ maxLength: 99 }),
    );
    const record = fc.record({
      key: bytes,
      value: bytes,
      headers: fc.array(header, { maxLength: 5 }),
      timestamp: fc.integer({ min: 0, max: 4e12 }),
    });
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 40 }),
        fc.nat(2 ** 40),
        (given, base) => {
          const { records, next } = read([{ base, records: given }], base);
          expect(next).toBe(base + given.length);
          expect(
            records.map(({ key, value, headers, timestamp }) => ({
              key: key && [...key],
              value: value && [...value],
              headers: headers.map(([name, each]) => [name, [...each]]),
              timestamp,
            })),
          ).toEqual(
            given.map(({ key, value, headers, timestamp }) => ({
              key: key && [...key],
              value: value && [...value],
              headers: headers.map(([name, each]) => [name, [...each]]),
              timestamp,
            })),
          );
        },
      ),
    );
  });

  test('before the offset asked for are left out, and the batch is passed as a whole', () => {
    const { records, next } = read([{ base: 10, records: values('a', 'b', 'c') }], 12);
    expect(records.map(text)).toEqual(['c']);
    expect(next).toBe(13);
  });

  test("have the broker's time where the topic says so", () => {
    const { records } = read([
      { base: 0, records: [{ timestamp: 1 }, { timestamp: 2 }], appendedAt: 77 },
    ]);
    expect(records.map(({ timestamp }) => timestamp)).toEqual([77, 77]);
  });
});

describe('offsets', () => {
  test('without a record are passed: emptied batches, and a batch whose end was compacted away', () => {
    expect(read([{ base: 4, records: [], next: 9 }])).toEqual({ records: [], next: 9 });
    const { records, next } = read([{ base: 4, records: values('a'), next: 9 }]);
    expect([records[0]!.offset, next]).toEqual([4, 9]);
  });

  test('of a batch that is cut are not passed', () => {
    const whole = batch({ base: 0, records: values('a') });
    const cut = batch({ base: 1, records: values('b') }).subarray(0, 65);
    const { records, next } = readBatches(Buffer.concat([whole, cut]), place, []);
    expect([records.map(text), next]).toEqual([['a'], 1]);
    expect(readBatches(cut, place, [])).toEqual({ records: [], next: undefined });
    expect(readBatches(Buffer.alloc(0), place, [])).toEqual({ records: [], next: undefined });
  });
});

describe('transactions', () => {
  const own = (base: number, producerId: number, ...texts: string[]): BatchShape => ({
    base,
    producerId,
    transactional: true,
    records: values(...texts),
  });
  const end = (base: number, producerId: number, control: 'abort' | 'commit'): BatchShape => ({
    base,
    producerId,
    transactional: true,
    control,
    records: [],
  });

  test('markers are passed and never given', () => {
    const { records, next } = read([own(0, 1, 'a'), end(1, 1, 'commit')]);
    expect([records.map(text), next]).toEqual([['a'], 2]);
  });

  test('what was aborted is left out, also of two transactions that overlap and began before the offset', () => {
    const shapes = [
      own(10, 1, 'a1'),
      own(11, 2, 'b1'),
      own(12, 3, 'c1'),
      end(13, 1, 'abort'),
      own(14, 2, 'b2'),
      own(15, 1, 'a2'),
      end(16, 2, 'abort'),
      end(17, 1, 'commit'),
      end(18, 3, 'commit'),
    ];
    const aborted = [
      { producerId: 2, firstOffset: 7 },
      { producerId: 1, firstOffset: 5 },
    ];
    const { records, next } = read(shapes, 10, aborted);
    expect([records.map(text), next]).toEqual([['c1', 'a2'], 19]);
  });

  test('a producer that aborts twice is hidden twice, and seen in between', () => {
    const shapes = [
      own(0, 1, 'no'),
      end(1, 1, 'abort'),
      own(2, 1, 'yes'),
      end(3, 1, 'commit'),
      own(4, 1, 'no'),
      end(5, 1, 'abort'),
    ];
    const aborted = [
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 4 },
    ];
    expect(read(shapes, 0, aborted).records.map(text)).toEqual(['yes']);
  });

  test("a record whose key looks like a marker's is none", () => {
    const shapes: BatchShape[] = [
      { ...own(0, 1), records: [{ key: Buffer.alloc(4), value: 'fake' }] },
      own(1, 1, 'no'),
      end(2, 1, 'abort'),
    ];
    expect(read(shapes, 0, [{ producerId: 1, firstOffset: 0 }]).records).toEqual([]);
  });

  test('records outside of transactions are never hidden', () => {
    const shapes: BatchShape[] = [
      own(0, 1, 'no'),
      { base: 1, producerId: 1, records: values('plain') },
    ];
    expect(read(shapes, 0, [{ producerId: 1, firstOffset: 0 }]).records.map(text)).toEqual([
      'plain',
    ]);
  });
});

describe('batches that cannot be read', () => {
  test('any changed byte behind the checksum is LOG_CORRUPT', () => {
    const good = batch({ base: 0, records: values('abc', 'def') });
    for (let at = 21; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 0x10;
      expect(() => readBatches(bad, place, [])).toThrow(
        expect.objectContaining({
          code: 'LOG_CORRUPT',
          fields: { topic: 't', partition: 3, offset: 0 },
        }),
      );
    }
  });

  test('a size that cannot be is LOG_CORRUPT, not a loop', () => {
    const bad = batch({ base: 0, records: values('abc') });
    bad.writeInt32BE(-12, 8);
    expect(() => readBatches(bad, place, [])).toThrow(
      expect.objectContaining({ code: 'LOG_CORRUPT' }),
    );
  });

  test('gzip is unpacked, but not without end', () => {
    const packed = batch({ base: 0, records: values('a', 'b'), codec: 1, body: gzipSync });
    expect(readBatches(packed, place, []).records.map(text)).toEqual(['a', 'b']);
    const bomb = batch({
      base: 0,
      records: values('a'),
      codec: 1,
      body: () => gzipSync(Buffer.alloc(65 << 20)),
    });
    expect(() => readBatches(bomb, place, [])).toThrow(
      expect.objectContaining({ code: 'LOG_CORRUPT' }),
    );
  });

  test('snappy is unpacked', () => {
    // A block of Snappy that copies nothing: its size, a literal's length, the literal.
    const block = (bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([bytes.length, (bytes.length - 1) << 2]), bytes]);
    const packed = batch({ base: 0, records: values('a', 'b'), codec: 2, body: block });
    expect(readBatches(packed, place, []).records.map(text)).toEqual(['a', 'b']);
  });

  test.each([
    [3, 'lz4'],
    [7, 'number 7'],
  ])('codec %i is named', (codec, name) => {
    const packed = batch({ base: 0, records: values('a'), codec });
    expect(() => readBatches(packed, place, [])).toThrow(
      expect.objectContaining({ code: 'TOPIC_MISMATCH', message: expect.stringContaining(name) }),
    );
  });

  test('the format before Kafka 0.11 is named', () => {
    const old = batch({ base: 0, records: values('a') });
    old[16] = 1;
    expect(() => readBatches(old, place, [])).toThrow(
      expect.objectContaining({ code: 'TOPIC_MISMATCH' }),
    );
  });
});
