import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../../../../src/core/codec/bytes.ts';

const write = (fill: (writer: ByteWriter) => void): Uint8Array => {
  const writer = new ByteWriter();
  fill(writer);
  return writer.toBytes();
};

describe('bytes', () => {
  test('small integers take one byte, the largest safe one eight', () => {
    expect(write((w) => w.varint(127))).toEqual(Uint8Array.of(127));
    expect(write((w) => w.varint(300))).toEqual(Uint8Array.of(0xac, 0x02));
    expect(write((w) => w.varint(Number.MAX_SAFE_INTEGER))).toHaveLength(8);
  });

  test('integers, doubles and strings come back as they were', () => {
    fc.assert(
      fc.property(
        fc.array(fc.maxSafeNat()),
        fc.array(fc.integer({ min: 1 - 2 ** 52, max: 2 ** 52 - 1 })),
        fc.array(fc.double({ noNaN: true })),
        fc.array(fc.string({ unit: 'grapheme', maxLength: 300 })),
        (naturals, integers, doubles, strings) => {
          const reader = new ByteReader(
            write((w) => {
              for (const value of naturals) w.varint(value);
              for (const value of integers) w.signed(value);
              for (const value of doubles) w.double(value);
              for (const value of strings) w.string(value);
            }),
          );
          expect(naturals.map(() => reader.varint())).toEqual(naturals);
          expect(integers.map(() => reader.signed())).toEqual(integers.map((n) => n + 0));
          expect(doubles.map(() => reader.double())).toEqual(doubles);
          expect(strings.map(() => reader.string())).toEqual(strings);
          expect(reader.remaining).toBe(0);
        },
      ),
    );
  });

  test('reading past the end is a damaged delta, not a crash', () => {
    const reader = new ByteReader(Uint8Array.of(5, 97));
    expect(() => reader.string()).toThrow(expect.objectContaining({ code: 'DELTA_CORRUPT' }));
    expect(() => new ByteReader(new Uint8Array(0)).varint()).toThrow('ends too early');
    expect(() => new ByteReader(new Uint8Array(3)).double()).toThrow('ends too early');
  });

  test('a string that is no UTF-8 is a damaged delta', () => {
    expect(() => new ByteReader(Uint8Array.of(2, 0xc3, 0x28)).string()).toThrow(
      expect.objectContaining({ code: 'DELTA_CORRUPT' }),
    );
  });
});
