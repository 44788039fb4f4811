import { EmoticonMatcher } from './gt-emoticon.ts';
import type { GtSlots } from './gt-slots.ts';
import * as table from './gt-tables.ts';
import { URL_TOKEN, USER_TOKEN, type GtVersion } from './gt-tokenizer.ts';
import { GtUnits, NORMALISED } from './gt-units.ts';
import { takePlainWords } from './gt-words.ts';
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

// Constants of this module rather than imported ones: the compiler sees their values, a tenth of the time of a scan.
const CELLS = table.CELLS;
const STARTS = table.STARTS;
const { IS_JOINT, IS_LETTER_OR_NUMBER, IS_RARE, IS_TAG, IS_WORD, LOWER_SHIFT } = table;
const { SECONDS, SKIP, START_TEARS_OR_WORD } = table;

export class GtReader {
  readonly #isVersion1: boolean;
  /** Class of what is shortened to two when repeated. */
  readonly #elongated: number;
  readonly #emoticons = new EmoticonMatcher(CELLS);
  readonly #units = new GtUnits(CELLS);
  readonly #slots: GtSlots;

  /** @param slots are filled */
  constructor(version: GtVersion, slots: GtSlots) {
    table.fillTables();
    this.#isVersion1 = version === 1;
    this.#elongated = version === 1 ? table.IS_ANY : table.IS_LETTER;
    this.#slots = slots;
  }

  /**
   * Fills the slots.
   *
   * @param isNormalised entities and line breaks are as they shall be
   * @returns READ; or NORMALISED (to be read again as such) or ODD, with the slots half filled
   */
  read(text: string, isNormalised: boolean): number {
    const hasSelector = this.#units.load(text, isNormalised);
    if (hasSelector && !this.#isVersion1) return NORMALISED;
    this.#slots.reset(text.length);
    this.#emoticons.reset();
    const { cells, end } = this.#units;
    let at = 1;
    const slots = this.#slots;
    const elongated = this.#elongated;
    for (;;) {
      if (slots.reach === 0) at = takePlainWords(slots, cells, at, end, elongated);
      if (at >= end) return READ;
      const start = STARTS[cells[at] ?? 0] ?? 0;
      if (start === SKIP) at += 1;
      // Most words that begin as something else may: their second unit tells.
      else if (
        start <= START_TEARS_OR_WORD &&
        ((CELLS[cells[at + 1] ?? 0] ?? 0) & (SECONDS[start] ?? 0)) === 0
      )
        at = this.#word(at);
      else at = this.#other(at, start);
      if (at < 0) return at;
    }
  }

  /** Takes what begins at `at`, by its class. @returns where it ends, or a negative outcome */
  #other(at: number, start: number): number {
    switch (start) {
      case table.START_TEARS_OR_WORD:
        return this.#emoticon(at, table.START_EMOTICON_OR_WORD);
      case table.START_URL_OR_WORD:
        return this.#url(at);
      case table.START_BREAK:
        this.#slots.break();
        return at + 1;
      case table.START_SHOUT:
        return this.#shout(at);
      case table.START_PICTOGRAPH:
        this.#slots.add(this.#units.cells, at, at + 1);
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

  /** A word or, after `#`, a tag. */
  #word(from: number): number {
    const slots = this.#slots;
    const units = this.#units.cells;
    const elongated = this.#elongated;
    const start = slots.begin();
    const to = slots.units;
    let used = start;
    let at = from;
    let unit = units[at] ?? 0;
    let cell = CELLS[unit] ?? 0;
    const isTag = unit === HASH;
    const inside = isTag ? IS_TAG : IS_WORD;
    let seen = 0;
    let last = 0;
    let before = 0;
    let hasApostrophe = false;
    for (;;) {
      do {
        const folded = cell >>> LOWER_SHIFT;
        seen |= cell;
        if (folded !== last || folded !== before || (cell & elongated) === 0) to[used++] = folded;
        before = last;
        last = folded;
        at += 1;
        unit = units[at] ?? 0;
        cell = CELLS[unit] ?? 0;
      } while ((cell & inside) !== 0);
      if ((cell & IS_JOINT) === 0 || isTag || !this.#units.is(at + 1, IS_WORD)) break;
      if (unit !== HYPHEN) hasApostrophe = true;
    }
    if ((seen & IS_RARE) !== 0 || (seen & IS_LETTER_OR_NUMBER) === 0) {
      slots.cancel(start);
      return this.#rareWord(from, at, seen);
    }
    slots.closeWord(start, used, hasApostrophe);
    return at;
  }

  /** A word without a letter or number, of an unspaced script, or that the expressions must see. */
  #rareWord(from: number, end: number, seen: number): number {
    if ((seen & table.IS_ODD) !== 0) return ODD;
    const isFolded = (seen & IS_LETTER_OR_NUMBER) !== 0;
    if ((seen & table.IS_UNSPACED) !== 0) this.#addFolded(from, end, isFolded, true);
    else this.#slots.add(this.#units.cells, from, end);
    return end;
  }

  /** Adds a slice in lower case and without elongation, as one token or as one token for each unit. */
  #addFolded(from: number, end: number, isFolded: boolean, isSplit: boolean): void {
    const slots = this.#slots;
    const units = this.#units.cells;
    let last = 0;
    let run = 0;
    let start = slots.begin();
    for (let at = from; at < end; at++) {
      const unit = units[at] ?? 0;
      const cell = CELLS[unit] ?? 0;
      const folded = isFolded ? cell >>> LOWER_SHIFT : unit;
      run = folded === last ? run + 1 : 1;
      last = folded;
      if (isFolded && run > 2 && (cell & this.#elongated) !== 0) continue;
      slots.push(folded);
      if (!isSplit) continue;
      slots.close(start);
      start = slots.begin();
    }
    if (isSplit) slots.cancel(start);
    else slots.close(start);
  }

  #emoticon(at: number, start: number): number {
    if (this.#units.isToNormalise(at)) return NORMALISED;
    const { cells } = this.#units;
    const end = this.#emoticons.match(cells, at);
    if (end === 0) {
      if (start === table.START_EMOTICON_OR_WORD) return this.#word(at);
      if (start === table.START_EMOTICON_OR_BREAK) this.#slots.break();
      return at + 1;
    }
    let seen = 0;
    let isClauseMarks = this.#isVersion1;
    for (let inner = at; inner < end; inner++) {
      const unit = cells[inner] ?? 0;
      seen |= CELLS[unit] ?? 0;
      if (STARTS[unit] !== table.START_EMOTICON_OR_BREAK) isClauseMarks = false;
    }
    if (isClauseMarks) this.#slots.break();
    else this.#addFolded(at, end, (seen & IS_LETTER_OR_NUMBER) !== 0, false);
    return end;
  }

  #shout(from: number): number {
    const slots = this.#slots;
    const { cells } = this.#units;
    let at = from;
    let exclaims = false;
    let asks = false;
    for (; STARTS[cells[at] ?? 0] === table.START_SHOUT; at++) {
      const unit = cells[at];
      if (unit === EXCLAMATION || (unit === WIDE_EXCLAMATION && !this.#isVersion1)) exclaims = true;
      if (unit === QUESTION || (unit === WIDE_QUESTION && !this.#isVersion1)) asks = true;
    }
    slots.endReach();
    if (at === from + 1) slots.add(this.#units.cells, from, at);
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
    const { cells } = this.#units;
    const lead = (cells[at] ?? 0) - 0xd800;
    const trail = (cells[at + 1] ?? 0) - 0xdc00;
    if (lead >= 0x400 || trail < 0 || trail >= 0x400) return at + 1;
    const cell = 0x10000 + lead * 0x400 + trail - table.SYMBOLS_FIRST;
    if (cell < 0 || cell >= table.SYMBOLS_COUNT) return ODD;
    const start = SYMBOLS[cell];
    if (start === table.START_WORD) return ODD;
    if (start === table.START_PICTOGRAPH) this.#slots.add(this.#units.cells, at, at + 2);
    return at + 2;
  }
}
