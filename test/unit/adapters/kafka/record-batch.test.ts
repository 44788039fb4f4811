import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BatchWriter, crc32c } from '../../../../src/adapters/kafka/record-batch.ts';
import { expectSame } from '../../../support/same.ts';
import { anyCharacter } from '../../../support/character.ts';

/** The driver's decoder, as an oracle. */
interface DriverBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly inTransaction: boolean;
  readonly records: readonly {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, unknown>>;
  }[];
}
const require = createRequire(import.meta.url);
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: unknown,
) => Promise<DriverBatch>;
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => unknown;

const nobody = { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false };

describe('crc32c', () => {
  test('is that of the catalogue', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });

  test('is the same from any place of a buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(17), (bytes, before) => {
        const shifted = new Uint8Array(bytes.length + before);
        shifted.set(bytes, before);
        expect(crc32c(shifted, before)).toBe(crc32c(bytes));
      }),
    );
  });
});

describe('BatchWriter', () => {
  test('what another implementation reads is what was written', async () => {
    const writer = new BatchWriter();
    const blob = fc.oneof(
      fc.constant(null),
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: anyCharacter, maxLength: 120 }),
      fc.string({ minLength: 40, maxLength: 4000, size: 'max' }),
    );
    const entry = fc.record({
      key: blob,
      value: blob,
      timestamp: fc.option(fc.nat({ max: 2 ** 45 }), { nil: undefined }),
      headers: fc.uniqueArray(
        fc.tuple(
          fc.string({ maxLength: 20 }).map((name) => `h-${name}`),
          fc.uint8Array({ maxLength: 90 }),
        ),
        { maxLength: 5, selector: ([name]) => name },
      ),
    });
    const bytesOf = (value: string | Uint8Array | null): Buffer | null =>
      value === null ? null : Buffer.from(value as string);
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 30 }),
        fc.nat(2 ** 31 - 1),
        async (entries, firstSequence) => {
          const records = entries.map(({ timestamp, ...rest }) => ({
            ...rest,
            ...(timestamp === undefined ? {} : { timestamp }),
          }));
          const batch = writer.write(records, 1_700_000_000_000, {
            producerId: 77n,
            producerEpoch: 3,
            firstSequence,
            transactional: true,
          });
          const read = await decodeBatch(new Decoder(batch));
          expect(read).toMatchObject({
            producerId: '77',
            producerEpoch: 3,
            firstSequence,
            inTransaction: true,
            lastOffsetDelta: entries.length - 1,
          });
          expectSame(
            read.records.map(({ key, value, timestamp }) => [key, value, Number(timestamp)]),
            entries.map(({ key, value, timestamp }) => [
              bytesOf(key),
              bytesOf(value),
              timestamp ?? 1_700_000_000_000,
            ]),
          );
          for (const [index, { headers }] of entries.entries())
            for (const [name, value] of headers)
              expectSame(read.records[index]!.headers[name], Buffer.from(value));
          const length = batch.readInt32BE(8);
          expect(length).toBe(batch.length - 12);
          expect(batch.readUInt32BE(17)).toBe(crc32c(batch, 21));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('headers that records share give the bytes of headers of their own, whatever the sizes between', () => {
    const pool = ['one', 'two-longer', '', 'üñí', 'x'.repeat(70)].map(
      (value, at): readonly [string, string] => [`h${at}`, value],
    );
    const entry = fc.record({
      key: fc.constant('k'),
      // One, two and three bytes tell the size of the record.
      value: fc.constantFrom('', 'v'.repeat(60), 'v'.repeat(9000)),
      shared: fc.array(fc.nat({ max: pool.length - 1 }), { maxLength: 5 }),
    });
    const writer = new BatchWriter();
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), (entries) => {
        const records = entries.map(({ shared, ...rest }) => ({
          ...rest,
          headers: shared.map((at) => pool[at]!),
        }));
        const apart = records.map(({ headers, ...rest }) => ({
          ...rest,
          headers: headers.map(([name, value]): readonly [string, string] => [name, value]),
        }));
        expectSame(writer.write(records, 5, nobody), new BatchWriter().write(apart, 5, nobody));
      }),
    );
  });

  test('a batch of nobody is neither transactional nor in a sequence', async () => {
    const batch = new BatchWriter().write([{ key: null, value: 'x' }], 5, nobody);
    expect(batch).toHaveLength(61 + 8);
    expect(await decodeBatch(new Decoder(batch))).toMatchObject({
      producerId: '-1',
      firstSequence: -1,
      inTransaction: false,
    });
  });
});
