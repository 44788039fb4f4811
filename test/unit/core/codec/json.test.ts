import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { quoted } from '../../../../src/core/codec/json.ts';
import { anyCharacter } from '../../../support/character.ts';

test('a string is quoted as JSON.stringify does it', () => {
  const any = fc.string({
    unit: fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 1 }),
      fc.constantFrom('a', '"', '\\', '\n', '\ud800', 'é', '😀', '\u0000', '\u007f'),
    ),
  });
  fc.assert(
    fc.property(any, (string) => {
      expect(quoted(string)).toBe(JSON.stringify(string));
    }),
  );
});
