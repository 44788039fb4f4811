import ranges from './unicode-ccc.json' with { type: 'json' };

/**
 * Accents as River strips them: compatibility decomposition, then every code point with a canonical combining class is
 * dropped. JavaScript has no property for the class, hence the table: Unicode 14, the version of Python 3.11. It is not
 * `\p{M}`: about 1,500 marks have class 0 and stay.
 */

const hex = (codePoint: number | undefined) => `\\u{${(codePoint ?? 0).toString(16)}}`;

/** Code points whose canonical combining class is not 0, Unicode 14. */
const COMBINING = new RegExp(
  `[${ranges.map(([first, last]) => `${hex(first)}-${hex(last)}`).join('')}]`,
  'gu',
);

const NON_ASCII = /[\u0080-\uffff]/;

/**
 * Code units that are decomposed at once. Decomposition sorts runs of marks in quadratic time (64,000 marks: 1.4 s), so a text
 * goes through in pieces; marks that are sorted are also dropped, so the cut between two pieces cannot be seen.
 */
const PIECE = 64;

/** `text` without accents, in linear time. Pure ASCII is returned as it is. */
export function stripAccents(text: string): string {
  if (!NON_ASCII.test(text)) return text;
  let stripped = '';
  for (let start = 0; start < text.length;) {
    let end = start + PIECE;
    if (isLeadSurrogate(text.charCodeAt(end - 1))) end += 1;
    stripped += text.slice(start, end).normalize('NFKD').replace(COMBINING, '');
    start = end;
  }
  return stripped;
}

function isLeadSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
