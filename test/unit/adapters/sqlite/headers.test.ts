import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeHeaders, encodeHeaders } from '../../../../src/adapters/sqlite/headers.ts';

const decoded = (blob: Uint8Array | null): unknown[] =>
  decodeHeaders(blob ?? new Uint8Array()).map(([name, value]) => [
    name,
    Buffer.from(value).toString('latin1'),
  ]);

describe('headers as a blob', () => {
  test('none are no blob', () => {
    expect(encodeHeaders(undefined)).toBeNull();
    expect(encodeHeaders([])).toBeNull();
  });

  test('have this form, which files out there are written in', () => {
    const blob = encodeHeaders([
      ['ab', 'xyz'],
      ['c', ''],
    ]);
    expect([...blob!]).toEqual([5, 2, 3, 1, 0, ...Buffer.from('abcxyz')]);
    expect([...encodeHeaders([['é', Uint8Array.of(0, 255)]])!]).toEqual([
      2, 2, 2, 0xc3, 0xa9, 0, 255,
    ]);
  });

  test('a length above 127 takes two bytes', () => {
    const blob = encodeHeaders([['n', 'v'.repeat(300)]])!;
    expect([...blob.subarray(0, 4)]).toEqual([3, 1, 0xac, 0x02]);
    expect(decoded(blob)).toEqual([['n', 'v'.repeat(300)]]);
  });

  test('two blobs do not share their bytes', () => {
    const one = encodeHeaders([['a', '1']]);
    const two = encodeHeaders([['b', '2']]);
    expect(decoded(one)).toEqual([['a', '1']]);
    expect(decoded(two)).toEqual([['b', '2']]);
  });

  test('come back as they were, whatever is in them', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ maxLength: 20 }),
    );
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.string({ unit: 'binary' }),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 20 }), (headers) => {
        expect(decoded(encodeHeaders(headers))).toEqual(
          headers.map(([n, v]) => [
            Buffer.from(n).toString(),
            Buffer.from(v as string).toString('latin1'),
          ]),
        );
      }),
    );
  });
});
