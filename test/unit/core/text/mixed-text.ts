import fc from 'fast-check';
import { anyCharacter } from '../../../support/character.ts';

/** Texts of many scripts with what tokenizers stumble over: hyphens, digits, marks, surrogates whole and lone, odd case. */
const pieces = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('good', 'Bad', 'I', 'a', 'CO-OP', '_x', '42', 'été') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(' ', ' ', '-', '--', '.', "'", '_', '\n', '\u00a0', '…'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'İ',
      'ΣΑΣ',
      'ς',
      'ß',
      'ﬁ',
      '½',
      '①',
      'Å',
      'e\u0301',
      '\u0301',
      '™',
      '－',
      'ǅ',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('日本', '한글', 'हिन्दी', 'Привет', 'йё', 'عَرَبِيّ', 'ไทย', '\u0f73'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('😀', '👍🏽', '🇩🇪', '𝐀𝐛', '🄰', '\ud83d', '\ude00', '𐐀', '❤️'),
  },
  { weight: 2, arbitrary: fc.string({ unit: anyCharacter, maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  },
);

export const mixedText = fc.array(pieces, { maxLength: 30 }).map((list) => list.join(''));
