import * as table from './gt-tables.ts';
import { toUnits } from './term-spans.ts';

/**
 * A text as code units, and how far reaches what begins at a place of it. Places run from 1: a zero stands before the text.
 *
 * The buffers of a scan (here, in `gt-slots.ts` and in `gt-distinct.ts`) are constants of modules, not fields: compiled code then
 * has their addresses and lengths in its instructions, where a field costs six more for each access. All scanners share them, since
 * a scan is done before another begins. A loop reads them through a variable made before it; inside a loop the compiler learns too
 * late what they are.
 */

/** Most code units of a text that is scanned, 1,048,576: more than a record of Kafka's default size holds. */
export const LONGEST_TEXT = 2 ** 20;

const ENTITIES = ['&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&nbsp;', '&#39;'].map(toUnits);
const HTTP = toUnits('http');
const WWW = toUnits('www.');
const AUTHORITY = toUnits('://');

const AMPERSAND = 0x26;
const SLASH = 0x2f;
const LESS = 0x3c;
const GREATER = 0x3e;
const LOWER_B = 0x62;
const LOWER_R = 0x72;
const LOWER_S = 0x73;
const LOWER_CASE = 0x20;
const VARIATION_SELECTOR = 0xfe0f;
/** Zeros that stand after the text. */
const ZEROS = 3;
/** From this length on a text is copied by the engine in one call, which has a price of its own and writes low bytes first. */
const COPIED_FROM = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 48 : Infinity;

/** In place of an end: the text must be normalised first. */
export const NORMALISED = -1;

/** Zero, the text, zeros. */
export const TEXT = new Uint16Array(1 + LONGEST_TEXT + ZEROS);
/** The same as bytes. */
const BYTES = Buffer.from(TEXT.buffer);

export class GtUnits {
  /** After the last unit of the text. */
  end = 1;
  /** Entities and line breaks are as they shall be, and variation selectors are gone. */
  isNormalised = false;
  readonly #hasSelectors: boolean;

  /** @param hasSelectors variation selectors may stay */
  constructor(hasSelectors: boolean) {
    this.#hasSelectors = hasSelectors;
  }

  /** @param text of at most LONGEST_TEXT units */
  load(text: string, isNormalised: boolean): void {
    const units = TEXT;
    const { length } = text;
    if (length < COPIED_FROM)
      for (let at = 0; at < length; at++) units[at + 1] = text.charCodeAt(at);
    else BYTES.write(text, units.BYTES_PER_ELEMENT, 'utf16le');
    const end = length + 1;
    for (let at = end; at < end + ZEROS; at++) units[at] = 0;
    this.end = end;
    this.isNormalised = isNormalised;
  }

  /** Whether the unit has any of the classes. */
  is(at: number, classes: number): boolean {
    return ((table.CELLS[TEXT[at] ?? 0] ?? 0) & classes) !== 0;
  }

  /** Whether something must be replaced here. */
  isToNormalise(at: number): boolean {
    if (this.isNormalised) return false;
    const unit = TEXT[at];
    if (unit === VARIATION_SELECTOR) return !this.#hasSelectors;
    if (unit === AMPERSAND) return ENTITIES.some((entity) => this.#holds(entity, at));
    return unit === LESS && this.#isLineBreak(at);
  }

  /** End of the address at `from`; 0: there is none; NORMALISED. The word `http…` is one too. */
  urlEnd(from: number): number {
    if (!this.#holds(HTTP, from)) return this.#holds(WWW, from) ? this.#visibleEnd(from + 4) : 0;
    const scheme = TEXT[from + 4] === LOWER_S ? from + 5 : from + 4;
    const end = this.#holds(AUTHORITY, scheme) ? this.#visibleEnd(scheme + 3) : 0;
    return end === 0 ? this.#wordEnd(from) : end;
  }

  /** End of the run of the class. */
  runEnd(from: number, classes: number): number {
    let at = from;
    while (this.is(at, classes)) at += 1;
    return at;
  }

  #wordEnd(from: number): number {
    let at = this.runEnd(from, table.IS_WORD);
    while (this.is(at, table.IS_JOINT) && this.is(at + 1, table.IS_WORD))
      at = this.runEnd(at + 1, table.IS_WORD);
    for (let inner = from; inner < at; inner++) if (this.isToNormalise(inner)) return NORMALISED;
    return at;
  }

  /** End of the run without white space; 0 if it is empty. */
  #visibleEnd(from: number): number {
    let at = from;
    for (; at < this.end && !this.is(at, table.IS_SPACE); at++)
      if (this.isToNormalise(at)) return NORMALISED;
    return at > from ? at : 0;
  }

  #holds(part: Uint16Array, from: number): boolean {
    for (let at = 0; at < part.length; at++) if (TEXT[from + at] !== part[at]) return false;
    return true;
  }

  /** `<br>`, `<BR />` */
  #isLineBreak(from: number): boolean {
    const cells = TEXT;
    if (((cells[from + 1] ?? 0) | LOWER_CASE) !== LOWER_B) return false;
    if (((cells[from + 2] ?? 0) | LOWER_CASE) !== LOWER_R) return false;
    const end = this.runEnd(from + 3, table.IS_SPACE);
    return cells[cells[end] === SLASH ? end + 1 : end] === GREATER;
  }
}
