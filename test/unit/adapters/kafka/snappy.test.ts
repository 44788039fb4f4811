import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { unpackSnappy } from '../../../../src/adapters/kafka/snappy.ts';

const MOST = 1 << 20;
const text = (bytes: Buffer): string => unpackSnappy(bytes, MOST).toString('latin1');
const size = (value: number): number[] =>
  value < 128 ? [value] : [(value & 0x7f) | 0x80, ...size(value >>> 7)];

describe('a bare block', () => {
  test('of one short literal', () => {
    expect(text(Buffer.from([5, 4 << 2, ...Buffer.from('hello')]))).toBe('hello');
  });

  test('of a literal whose length takes a byte of its own', () => {
    const long = 'x'.repeat(61) + 'y'.repeat(39);
    expect(text(Buffer.from([100, 60 << 2, 99, ...Buffer.from(long)]))).toBe(long);
  });

  test('of a copy with one byte of distance, running into itself', () => {
    // "ab", then 10 bytes from 2 back.
    expect(text(Buffer.from([12, 1 << 2, 0x61, 0x62, 0b0001_1001, 2]))).toBe('abababababab');
  });

  test('of a copy with two bytes of distance', () => {
    const block = [7, 2 << 2, ...Buffer.from('abc'), (3 << 2) | 2, 3, 0];
    expect(text(Buffer.from(block))).toBe('abcabca');
  });

  test('of a copy with four bytes of distance', () => {
    const block = [6, 2 << 2, ...Buffer.from('abc'), (2 << 2) | 3, 3, 0, 0, 0];
    expect(text(Buffer.from(block))).toBe('abcabc');
  });

  test('of a copy far back, its distance split between tag and byte', () => {
    const literal = Buffer.alloc(300, 'z');
    literal.write('start', 0);
    // 4 bytes from 300 back: 300 = 1 << 8 | 44.
    const block = [...size(304), 61 << 2, 299 & 0xff, 299 >>> 8, ...literal, (1 << 5) | 1, 44];
    expect(text(Buffer.from(block)).slice(300)).toBe('star');
  });

  test('of nothing', () => {
    expect(unpackSnappy(Buffer.from([0]), MOST)).toHaveLength(0);
  });
});

describe("blocks of Xerial's stream", () => {
  const header = Buffer.from('82534e415050590000000001000000 01'.replaceAll(' ', ''), 'hex');
  const block = (content: string): Buffer => {
    const packed = Buffer.from([
      content.length,
      (content.length - 1) << 2,
      ...Buffer.from(content),
    ]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(packed.length);
    return Buffer.concat([length, packed]);
  };

  test('are joined', () => {
    expect(text(Buffer.concat([header, block('one '), block('two')]))).toBe('one two');
  });

  test('share one limit', () => {
    const stream = Buffer.concat([header, block('0123456789'), block('0123456789')]);
    expect(unpackSnappy(stream, 20)).toHaveLength(20);
    expect(() => unpackSnappy(stream, 19)).toThrow('10 bytes, more than 9');
  });

  test.each([1, 3, 5])('are refused when the last one lacks %d bytes', (bytes) => {
    const stream = Buffer.concat([header, block('whole')]);
    expect(() => unpackSnappy(stream.subarray(0, stream.length - bytes), MOST)).toThrow(
      'cut short',
    );
  });
});

describe('what is no Snappy is refused', () => {
  test.each([
    ['empty', []],
    ['a size without an end', [0x80, 0x80, 0x80, 0x80, 0x80, 0]],
    ['a literal that is cut', [5, 4 << 2, 0x61]],
    ['a literal longer than the block', [2, 4 << 2, ...Buffer.from('hello')]],
    ['a length of a literal that is cut', [5, 61 << 2, 4]],
    ['a copy from before the start', [8, 0, 0x61, 0b0000_0001, 2]],
    ['a copy from nowhere', [8, 0, 0x61, 0b0000_0001, 0]],
    ['a copy that is cut', [8, 0, 0x61, (3 << 2) | 2, 1]],
    ['fewer bytes than it says', [9, 0, 0x61]],
  ])('%s', (_, bytes) => {
    expect(() => unpackSnappy(Buffer.from(bytes), MOST)).toThrow('Snappy:');
  });

  test('more than is allowed, before anything is unpacked', () => {
    const bomb = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x61]);
    expect(() => unpackSnappy(bomb, MOST)).toThrow('4294967295 bytes, more than 1048576');
  });

  test('whatever comes, either bytes within the limit or a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          expect(unpackSnappy(Buffer.from(bytes), 5_000).length).toBeLessThanOrEqual(5_000);
        } catch (error) {
          expect((error as Error).name).toBe('RangeError');
          expect((error as Error).message).toMatch(/^Snappy: /);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
