import { EmoticonMatcher } from './gt-emoticon.ts';
import type { GtSlots } from './gt-slots.ts';
import * as table from './gt-tables.ts';
import { URL_TOKEN, USER_TOKEN, type GtVersion } from './gt-tokenizer.ts';
import { GtUnits, NORMALISED, TEXT } from './gt-units.ts';
import { takeWords } from './gt-words.ts';
import { toUnits } from './term-spans.ts';

/**
 * The token expression by hand: a text in one pass over its code units into slots, each unit through tables made from the classes of
 * the expression.
 */

/** Outcomes of a reading, where a place would be; with NORMALISED. */
export const READ = 0;
/** The text holds what only the expressions know (Σ, İ, letters beyond the basic plane). */
export const ODD = -2;

const DOUBLES = {
  exclaims: toUnits('!!'),
  asks: toUnits('??'),
  both: toUnits('?!'),
};
const URL = toUnits(URL_TOKEN);
const USER = toUnits(USER_TOKEN);

const HYPHEN = 0x2d;
const HASH = 0x23;
const EXCLAMATION = 0x21;
const QUESTION = 0x3f;
const WIDE_EXCLAMATION = 0xff01;
const WIDE_QUESTION = 0xff1f;

const SYMBOLS = table.symbolStarts();

// Constants of this module rather than imported ones, which the compiler looks up at each use.
const UNITS = TEXT;
const { CELLS, STARTS } = table;
const { IS_JOINT, IS_LETTER_OR_NUMBER, IS_TAG, IS_WORD, LOWER_SHIFT } = table;

export class GtReader {
  readonly #isVersion1: boolean;
  /** Class of what is shortened to two when repeated. */
  readonly #elongated: number;
  readonly #emoticons = new EmoticonMatcher();
  readonly #units: GtUnits;
  readonly #slots: GtSlots;

  /** @param slots are filled */
  constructor(version: GtVersion, slots: GtSlots) {
    table.fillTables();
    this.#isVersion1 = version === 1;
    this.#elongated = version === 1 ? table.IS_ANY : table.IS_LETTER;
    this.#units = new GtUnits(version === 1);
    this.#slots = slots;
  }

  /**
   * Fills the slots.
   *
   * @param text of at most LONGEST_TEXT units
   * @param isNormalised entities, line breaks and variation selectors are as they shall be
   * @returns READ; or NORMALISED (to be read again as such) or ODD, with the slots half filled
   */
  read(text: string, isNormalised: boolean): number {
    this.#units.load(text, isNormalised);
    this.#slots.reset();
    this.#emoticons.reset();
    const { end } = this.#units;
    for (let at = 1; ;) {
      at = takeWords(this.#slots, this.#emoticons, at, end, this.#elongated);
      if (at >= end) return READ;
      at = this.#other(at, STARTS[TEXT[at] ?? 0] ?? 0);
      if (at < 0) return at;
    }
  }

  /** Takes what begins at `at`, by its class. @returns where it ends, or a negative outcome */
  #other(at: number, start: number): number {
    switch (start) {
      case table.START_WORD:
        return this.#word(at);
      case table.START_TEARS_OR_WORD:
        return this.#emoticon(at, table.START_EMOTICON_OR_WORD);
      case table.START_URL_OR_WORD:
        return this.#url(at);
      case table.START_SHOUT:
        return this.#shout(at);
      case table.START_PICTOGRAPH:
        this.#slots.add(TEXT, at, at + 1);
        return at + 1;
      case table.START_USER:
        return this.#user(at);
      case table.START_TAG:
        return this.#units.is(at + 1, IS_TAG) ? this.#word(at) : at + 1;
      case table.START_ENTITY:
        return this.#units.isToNormalise(at) ? NORMALISED : at + 1;
      case table.START_SURROGATE:
        return this.#symbol(at);
      default:
        return this.#emoticon(at, start);
    }
  }

  /** A word that needs a second look or, after `#`, a tag. */
  #word(from: number): number {
    const text = UNITS;
    const cells = CELLS;
    const slots = this.#slots;
    const isTag = text[from] === HASH;
    const inside = isTag ? IS_TAG : IS_WORD;
    let at = from;
    let seen = 0;
    let hasApostrophe = false;
    for (;;) {
      let cell = cells[text[at] ?? 0] ?? 0;
      do {
        seen |= cell;
        at += 1;
        cell = cells[text[at] ?? 0] ?? 0;
      } while ((cell & inside) !== 0);
      if (isTag || (cell & IS_JOINT) === 0 || !this.#units.is(at + 1, IS_WORD)) break;
      if (text[at] !== HYPHEN) hasApostrophe = true;
    }
    const isFolded = (seen & IS_LETTER_OR_NUMBER) !== 0;
    if ((seen & table.IS_ODD) !== 0) return this.#odd(from, at);
    if ((seen & table.IS_UNSPACED) !== 0) this.#addEach(from, at, isFolded);
    else if (isFolded) slots.closeWord(this.#begin(from, at), hasApostrophe);
    else slots.add(text, from, at);
    return at;
  }

  /** Adds each unit of a slice of the text as a token: a word of a script that is written without spaces. */
  #addEach(from: number, end: number, isFolded: boolean): void {
    const text = UNITS;
    const cells = CELLS;
    const slots = this.#slots;
    const elongated = this.#elongated;
    let last = 0;
    let before = 0;
    for (let at = from; at < end; at++) {
      const unit = text[at] ?? 0;
      const cell = cells[unit] ?? 0;
      const folded = isFolded ? cell >>> LOWER_SHIFT : unit;
      if (!isFolded || folded !== last || folded !== before || (cell & elongated) === 0) {
        const start = slots.begin();
        slots.push(folded);
        slots.close(start);
      }
      before = last;
      last = folded;
    }
  }

  /** Outcome of a text with such a word. */
  #odd(from: number, end: number): number {
    for (let at = from; at < end; at++) if (this.#units.isToNormalise(at)) return NORMALISED;
    return ODD;
  }

  /** Begins a token with a slice of the text, in lower case and without elongation. @returns its start */
  #begin(from: number, end: number): number {
    const slots = this.#slots;
    const start = slots.begin();
    let last = 0;
    let before = 0;
    for (let at = from; at < end; at++) {
      const cell = CELLS[TEXT[at] ?? 0] ?? 0;
      const folded = cell >>> LOWER_SHIFT;
      if (folded !== last || folded !== before || (cell & this.#elongated) === 0)
        slots.push(folded);
      before = last;
      last = folded;
    }
    return start;
  }

  #emoticon(at: number, start: number): number {
    if (this.#units.isToNormalise(at)) return NORMALISED;
    const end = this.#emoticons.match(at);
    if (end === 0) {
      if (start === table.START_EMOTICON_OR_WORD) return this.#word(at);
      if (start === table.START_EMOTICON_OR_BREAK) this.#slots.break();
      return at + 1;
    }
    let seen = 0;
    let isClauseMarks = this.#isVersion1;
    for (let inner = at; inner < end; inner++) {
      const unit = TEXT[inner] ?? 0;
      seen |= CELLS[unit] ?? 0;
      if (STARTS[unit] !== table.START_EMOTICON_OR_BREAK) isClauseMarks = false;
    }
    if (isClauseMarks) this.#slots.break();
    else if ((seen & IS_LETTER_OR_NUMBER) === 0) this.#slots.add(TEXT, at, end);
    else this.#slots.close(this.#begin(at, end));
    return end;
  }

  #shout(from: number): number {
    const slots = this.#slots;
    let at = from;
    let exclaims = false;
    let asks = false;
    for (; STARTS[TEXT[at] ?? 0] === table.START_SHOUT; at++) {
      const unit = TEXT[at];
      if (unit === EXCLAMATION || (unit === WIDE_EXCLAMATION && !this.#isVersion1)) exclaims = true;
      if (unit === QUESTION || (unit === WIDE_QUESTION && !this.#isVersion1)) asks = true;
    }
    slots.endReach();
    if (at === from + 1) slots.add(TEXT, from, at);
    else if (exclaims) slots.add(asks ? DOUBLES.both : DOUBLES.exclaims, 0, 2);
    else if (asks) slots.add(DOUBLES.asks, 0, 2);
    else slots.break();
    return at;
  }

  #user(from: number): number {
    const end = this.#units.runEnd(from + 1, table.IS_USER);
    if (end > from + 1) this.#slots.add(USER, 0, USER.length);
    return end;
  }

  /** What begins with `h` or `w`. */
  #url(from: number): number {
    const end = this.#units.urlEnd(from);
    if (end === 0) return this.#word(from);
    if (end > 0) this.#slots.add(URL, 0, URL.length);
    return end;
  }

  /** A code point beyond the basic plane, or half of one. */
  #symbol(at: number): number {
    const lead = (TEXT[at] ?? 0) - 0xd800;
    const trail = (TEXT[at + 1] ?? 0) - 0xdc00;
    if (lead >= 0x400 || trail < 0 || trail >= 0x400) return at + 1;
    const cell = 0x10000 + lead * 0x400 + trail - table.SYMBOLS_FIRST;
    if (cell < 0 || cell >= table.SYMBOLS_COUNT) return ODD;
    const start = SYMBOLS[cell];
    if (start === table.START_WORD) return ODD;
    if (start === table.START_PICTOGRAPH) this.#slots.add(TEXT, at, at + 2);
    return at + 2;
  }
}
