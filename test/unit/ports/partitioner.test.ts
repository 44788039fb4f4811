import { describe, expect, test } from '@jest/globals';
import { murmur2, Partitioner, partitionOfKey } from '../../../src/ports/partitioner.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('murmur2', () => {
  // The vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('%s hashes as in Java', (text, hash) => {
    expect(murmur2(bytes(text))).toBe(hash);
  });

  test('bytes above 127 are unsigned', () => {
    expect(murmur2(Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc, 0xfb))).not.toBe(
      murmur2(Uint8Array.of(0x7f, 0x7e, 0x7d, 0x7c, 0x7b)),
    );
  });
});

describe('partitions', () => {
  test('a negative hash loses its sign bit, not its sign', () => {
    // -973932308 & 0x7fffffff = 1173551340; by absolute value it would be partition 5 of 7.
    expect(partitionOfKey(bytes('21'), 7)).toBe(1173551340 % 7);
    expect(partitionOfKey(bytes('abc'), 10)).toBe(7);
  });

  test('without a key they take turns, each topic on its own', () => {
    const [one, two] = [new Partitioner(3), new Partitioner(3)];
    expect([1, 2, 3, 4].map(() => one.choose(null))).toEqual([0, 1, 2, 0]);
    expect(two.choose(null)).toBe(0);
  });

  test('records with keys do not use up turns', () => {
    const partitioner = new Partitioner(10);
    partitioner.choose(null);
    expect(partitioner.choose(bytes('abc'))).toBe(7);
    expect(partitioner.choose(null)).toBe(1);
  });

  test('an empty key is a key', () => {
    const partitioner = new Partitioner(50);
    const first = partitioner.choose(new Uint8Array());
    expect(partitioner.choose(new Uint8Array())).toBe(first);
  });
});
