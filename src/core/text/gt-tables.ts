import {
  BACKWARD_EYES,
  BACKWARD_MOUTH,
  CLAUSE_MARK,
  EYES,
  LETTER_OR_NUMBER,
  MOUTH,
  NOSE,
  PICTOGRAPH,
  SHOUT,
  TAG,
  UNSPACED,
  WORD,
} from './gt-tokenizer.ts';

/** What the scanner knows of each code unit, from the very classes of the token expression. */

// Classes of a code unit; bits, so that a word can gather those of all its units.
export const IS_LETTER_OR_NUMBER = 1;
export const IS_WORD = 1 << 1;
export const IS_TAG = 1 << 2;
/** What version 2 shortens to two when repeated. */
export const IS_LETTER = 1 << 3;
export const IS_SPACE = 1 << 4;
export const IS_UNSPACED = 1 << 5;
/** `\w`, which is ASCII. */
export const IS_USER = 1 << 6;
/** Lower case depends on the neighbours (Σ) or takes two units (İ); or it may have to go (the variation selector). */
export const IS_ODD = 1 << 7;
export const IS_EYES = 1 << 8;
export const IS_NOSE = 1 << 9;
export const IS_MOUTH = 1 << 10;
export const IS_BACKWARD_MOUTH = 1 << 11;
export const IS_BACKWARD_EYES = 1 << 12;
/** Joins two parts of a word: `'`, `’`, `-`. */
export const IS_JOINT = 1 << 13;
/** Second unit of `http` and `www`. */
export const IS_ADDRESS = 1 << 14;
/** Second unit of `T_T`. */
export const IS_TEAR = 1 << 15;
/** What version 1 shortens to two when repeated: every unit, its lower case included. */
export const IS_ANY = -1;

/** Of a word that needs a further look. */
export const IS_RARE = IS_UNSPACED | IS_ODD;
/** Where lower case begins in a cell, above the classes. */
export const LOWER_SHIFT = 16;

// What a match that begins with a code unit may be.
export const SKIP = 0;
export const START_WORD = 1;
/** `h`, `w` */
export const START_URL_OR_WORD = 2;
/** `8`, `x`, `d`: `xD` */
export const START_EMOTICON_OR_WORD = 3;
/** `T_T` */
export const START_TEARS_OR_WORD = 4;
export const START_EMOTICON = 5;
/** `:` `;` `(` `)` */
export const START_EMOTICON_OR_BREAK = 6;
export const START_BREAK = 7;
export const START_SHOUT = 8;
export const START_PICTOGRAPH = 9;
export const START_USER = 10;
export const START_TAG = 11;
/** `&` may begin an entity. */
export const START_ENTITY = 12;
export const START_SURROGATE = 13;

/** Of each that may be a word: classes of the second unit; if it has none of them, it is a word. */
export const SECONDS = new Int32Array(32); // As long as this it is no object of the heap, whose place may change.
SECONDS.set([0, 0, IS_ADDRESS, IS_NOSE | IS_MOUTH | IS_BACKWARD_MOUTH | IS_BACKWARD_EYES, IS_TEAR]);

const UNITS = 0x10000;
const SURROGATES_FIRST = 0xd800;
const SURROGATES_END = 0xe000;

/** Emoji beyond the basic plane: U+1F000 to U+1FAFF. */
export const SYMBOLS_FIRST = 0x1f000;
export const SYMBOLS_COUNT = 0xb00;

/** Every code unit at its place, with zeros for the surrogates. */
let basicPlane: string | undefined;

/** Classes of each code unit, and above them its lower case (`’` as `'`; itself if odd): one look-up for both. */
export const CELLS = new Int32Array(UNITS);
/** What each code unit begins. */
export const STARTS = new Uint8Array(UNITS);

let isFilled = false;

/** Fills both, once: before the first scan, since that takes longer than most commands, which scan nothing. */
export function fillTables(): void {
  if (isFilled) return;
  isFilled = true;
  CELLS.set(cellsOf());
  STARTS.set(startsOf());
  basicPlane = undefined;
}

/** What each symbol of U+1F000 to U+1FAFF begins: START_PICTOGRAPH, SKIP, or START_WORD where only the expressions know. */
export function symbolStarts(): Uint8Array {
  const starts = new Uint8Array(SYMBOLS_COUNT);
  const mark = (pattern: string, start: number): void => {
    const expression = new RegExp(`^${pattern}`, 'u');
    for (let cell = 0; cell < SYMBOLS_COUNT; cell++)
      if (expression.test(String.fromCodePoint(SYMBOLS_FIRST + cell))) starts[cell] = start;
  };
  mark(PICTOGRAPH, START_PICTOGRAPH);
  mark(WORD, START_WORD);
  return starts;
}

function planeOf(): string {
  let plane = '';
  for (let unit = 0; unit < UNITS; unit++)
    plane += String.fromCharCode(unit < SURROGATES_FIRST || unit >= SURROGATES_END ? unit : 0);
  return plane;
}

function lowerCase(): Uint16Array {
  const lower = new Uint16Array(UNITS);
  for (let unit = 0; unit < UNITS; unit++) lower[unit] = unit;
  forEachUnit(String.raw`\p{Changes_When_Lowercased}`, (unit) => {
    const folded = String.fromCharCode(unit).toLowerCase();
    if (folded.length === 1) lower[unit] = folded.charCodeAt(0);
  });
  lower['’'.charCodeAt(0)] = "'".charCodeAt(0);
  return lower;
}

function cellsOf(): Int32Array {
  const lower = lowerCase();
  return classesOf().map((classes, unit) => ((lower[unit] ?? 0) << LOWER_SHIFT) | classes);
}

function classesOf(): Int32Array {
  const classes = new Int32Array(UNITS);
  const mark = (pattern: string, bit: number): void =>
    forEachUnit(pattern, (unit) => {
      classes[unit] = (classes[unit] ?? 0) | bit;
    });
  mark(LETTER_OR_NUMBER, IS_LETTER_OR_NUMBER);
  mark(WORD, IS_WORD);
  mark(TAG, IS_TAG);
  mark(String.raw`\p{L}`, IS_LETTER);
  mark(String.raw`\s`, IS_SPACE);
  mark(UNSPACED, IS_UNSPACED);
  mark(String.raw`\w`, IS_USER);
  mark('[Σİ\\ufe0f]', IS_ODD);
  mark(EYES, IS_EYES);
  mark(NOSE, IS_NOSE);
  mark(MOUTH, IS_MOUTH);
  mark(BACKWARD_MOUTH, IS_BACKWARD_MOUTH);
  mark(BACKWARD_EYES, IS_BACKWARD_EYES);
  mark("['’\\-]", IS_JOINT);
  mark('[tw]', IS_ADDRESS);
  mark('_', IS_TEAR);
  return classes;
}

/** Later lines win: they come first in the token expression. */
function startsOf(): Uint8Array {
  const starts = new Uint8Array(UNITS);
  const mark = (pattern: string, start: number): void =>
    forEachUnit(pattern, (unit) => {
      starts[unit] = start;
    });
  mark(CLAUSE_MARK, START_BREAK);
  mark(SHOUT, START_SHOUT);
  mark(WORD, START_WORD);
  mark('[hw]', START_URL_OR_WORD);
  mark(PICTOGRAPH, START_PICTOGRAPH);
  mark(String.raw`[<>=\[\]/\\|{}^\-]`, START_EMOTICON);
  mark('[:;()]', START_EMOTICON_OR_BREAK);
  mark('[8xXdD]', START_EMOTICON_OR_WORD);
  mark('[Tt]', START_TEARS_OR_WORD);
  mark('@', START_USER);
  mark('#', START_TAG);
  mark('&', START_ENTITY);
  starts.fill(START_SURROGATE, SURROGATES_FIRST, SURROGATES_END);
  return starts;
}

/** Calls `visit` with each code unit of a class, surrogates left out. Runs of units. */
function forEachUnit(pattern: string, visit: (unit: number) => void): void {
  for (const { 0: run, index } of (basicPlane ??= planeOf()).matchAll(
    new RegExp(`(?:${pattern})+`, 'gsu'),
  ))
    for (let unit = index; unit < index + run.length; unit++) visit(unit);
}
