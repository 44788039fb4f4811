import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { JsonWriter, jsonBytes } from '../../../../src/core/codec/json-writer.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('JsonWriter', () => {
  test('writes strings and numbers as JSON.stringify does', () => {
    const any = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', maxLength: 1 }),
        fc.constantFrom('"', '\\', '\n', '\ud800', 'é', '😀', '\u0000', '\u007f'),
      ),
    });
    fc.assert(
      fc.property(any, fc.double({ noNaN: true, noDefaultInfinity: true }), (string, number) => {
        const writer = new JsonWriter();
        writer.string(string);
        expect(text(writer.finish())).toBe(JSON.stringify(string));
        writer.number(number);
        expect(JSON.parse(text(writer.finish()))).toBe(Object.is(number, -0) ? 0 : number);
      }),
    );
  });

  test('writes whole numbers digit by digit as JSON.stringify does', () => {
    const edges = Array.from({ length: 17 }, (_, power) => 10 ** power).flatMap((power) => [
      power - 1,
      power,
      power + 1,
      -power,
    ]);
    const writer = new JsonWriter();
    const check = (number: number): void => {
      writer.number(number);
      expect(text(writer.finish())).toBe(JSON.stringify(number));
    };
    for (const number of edges) check(number);
    fc.assert(fc.property(fc.maxSafeNat(), check));
  });

  test('what it gave stays as it was, however much is written after', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3000 }), { maxLength: 60 }), (strings) => {
        const writer = new JsonWriter();
        const given = strings.map((string) => {
          writer.raw(jsonBytes('{"a":'));
          writer.string(string);
          writer.ascii('}');
          return writer.finish();
        });
        expect(given.map((bytes) => text(bytes))).toEqual(
          strings.map((string) => JSON.stringify({ a: string })),
        );
      }),
    );
  });
});
