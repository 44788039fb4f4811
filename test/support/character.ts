import fc from 'fast-check';

/** Code points of surrogates, which stand for no character. */
const SURROGATES = { first: 0xd800, count: 0x800 } as const;

/**
 * Any character of Unicode: what fast-check's own `unit: 'binary'` draws. That makes a map of all million of them to shrink a string,
 * a second and 80 MB in each suite; here that is a sum.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat({ max: 0x10ffff - SURROGATES.count }).map(
  (nth) => String.fromCodePoint(nth < SURROGATES.first ? nth : nth + SURROGATES.count),
  (character) => {
    const code = typeof character === 'string' ? (character.codePointAt(0) ?? -1) : -1;
    const isOne = code >= 0 && character === String.fromCodePoint(code);
    if (!isOne || (code >= SURROGATES.first && code < SURROGATES.first + SURROGATES.count))
      throw new TypeError('no character');
    return code < SURROGATES.first ? code : code - SURROGATES.count;
  },
);
