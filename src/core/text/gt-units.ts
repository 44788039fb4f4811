import * as table from './gt-tables.ts';
import { toUnits } from './term-spans.ts';

/** A text as code units, and how far reaches what begins at a place of it. Places run from 1: a zero stands before the text. */

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
const VARIATION_SELECTOR = '\ufe0f';
/** Zeros that stand after the text. */
const ZEROS = 3;
/** From this length on a text is copied by the engine in one call, which has a price of its own and writes low bytes first. */
const COPIED_FROM = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 48 : Infinity;

/** In place of an end: the text must be normalised first. */
export const NORMALISED = -1;

export class GtUnits {
  /** Zero, the text, zeros. */
  cells = new Uint16Array(1024);
  /** After the last unit of the text. */
  end = 1;
  /** Entities and line breaks are as they shall be. */
  isNormalised = false;
  readonly #classes: Int32Array;
  /** The cells as bytes. */
  #bytes = Buffer.from(this.cells.buffer);

  constructor(classes: Int32Array) {
    this.#classes = classes;
  }

  /** @returns whether the text holds the variation selector U+FE0F */
  load(text: string, isNormalised: boolean): boolean {
    const { length } = text;
    if (length + 1 + ZEROS > this.cells.length) {
      this.cells = new Uint16Array(length * 2);
      this.#bytes = Buffer.from(this.cells.buffer);
    }
    const { cells } = this;
    if (length < COPIED_FROM)
      for (let at = 0; at < length; at++) cells[at + 1] = text.charCodeAt(at);
    else this.#bytes.write(text, cells.BYTES_PER_ELEMENT, 'utf16le');
    this.end = length + 1;
    for (let at = this.end; at < this.end + ZEROS; at++) cells[at] = 0;
    this.isNormalised = isNormalised;
    return text.includes(VARIATION_SELECTOR);
  }

  /** Whether the unit has any of the classes. */
  is(at: number, classes: number): boolean {
    return ((this.#classes[this.cells[at] ?? 0] ?? 0) & classes) !== 0;
  }

  /** Whether an entity or a line break must be replaced here. */
  isToNormalise(at: number): boolean {
    if (this.isNormalised) return false;
    const unit = this.cells[at];
    if (unit === AMPERSAND) return ENTITIES.some((entity) => this.#holds(entity, at));
    return unit === LESS && this.#isLineBreak(at);
  }

  /** End of the address at `from`; 0: there is none; NORMALISED. The word `http…` is one too. */
  urlEnd(from: number): number {
    if (!this.#holds(HTTP, from)) return this.#holds(WWW, from) ? this.#visibleEnd(from + 4) : 0;
    const scheme = this.cells[from + 4] === LOWER_S ? from + 5 : from + 4;
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
    for (let at = 0; at < part.length; at++) if (this.cells[from + at] !== part[at]) return false;
    return true;
  }

  /** `<br>`, `<BR />` */
  #isLineBreak(from: number): boolean {
    const { cells } = this;
    if (((cells[from + 1] ?? 0) | LOWER_CASE) !== LOWER_B) return false;
    if (((cells[from + 2] ?? 0) | LOWER_CASE) !== LOWER_R) return false;
    const end = this.runEnd(from + 3, table.IS_SPACE);
    return cells[cells[end] === SLASH ? end + 1 : end] === GREATER;
  }
}
