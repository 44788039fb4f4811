import {
  CELLS,
  IS_BACKWARD_EYES,
  IS_BACKWARD_MOUTH,
  IS_EYES,
  IS_LETTER_OR_NUMBER,
  IS_MOUTH,
  IS_NOSE,
} from './gt-tables.ts';
import { LONGEST_BACKWARD_MOUTH } from './gt-tokenizer.ts';
import { TEXT } from './gt-units.ts';

/**
 * The emoticons of the token expression by hand, with the same preferences: the alternatives in order, optional parts first with and
 * then without, a run of mouths as long as what follows allows. Linear over a text: a run of brackets that leads to no emoticon is
 * remembered.
 */

const LESS = 0x3c;
const GREATER = 0x3e;
const THREE = 0x33;
const CARET = 0x5e;
const DOT = 0x2e;
const UNDERSCORE = 0x5f;
const HYPHEN = 0x2d;
const UPPER_T = 0x54;
const LOWER_T = 0x74;

export class EmoticonMatcher {
  /** The run of backward mouths last looked at, and whether an emoticon ends it. */
  #runEnd = 0;
  #runMatch = 0;

  /** To be called before the first `match` of a text. */
  reset(): void {
    this.#runEnd = 0;
  }

  /** End of the emoticon that begins at `at` of the text; 0 if there is none. */
  match(at: number): number {
    const units = TEXT;
    if (this.#is(at - 1, IS_LETTER_OR_NUMBER)) return 0;
    const unit = units[at] ?? 0;
    const eyes = unit === LESS || unit === GREATER ? at + 1 : at;
    if (this.#is(eyes, IS_EYES)) {
      let end = 0;
      if (this.#is(eyes + 1, IS_NOSE)) end = this.#mouths(eyes + 2);
      if (end === 0) end = this.#mouths(eyes + 1);
      if (end !== 0) return end;
    }
    if (this.#is(at, IS_BACKWARD_MOUTH)) return this.#backward(at);
    if (unit === LESS) return this.#closed(this.#skip(at + 1, THREE), at + 2);
    if (unit === CARET) {
      const inner = units[at + 1];
      const end = inner === UNDERSCORE || inner === DOT ? at + 2 : at + 1;
      return units[end] === CARET ? this.#closed(end + 1, at) : 0;
    }
    if (unit === HYPHEN) {
      const end = this.#skip(at + 1, UNDERSCORE);
      return units[end] === HYPHEN ? this.#closed(end + 1, at + 3) : 0;
    }
    if (unit === UPPER_T || unit === LOWER_T) {
      const end = this.#skip(at + 1, UNDERSCORE);
      const last = units[end];
      return last === UPPER_T || last === LOWER_T ? this.#closed(end + 1, at + 3) : 0;
    }
    return 0;
  }

  #is(at: number, bit: number): boolean {
    return ((CELLS[TEXT[at] ?? 0] ?? 0) & bit) !== 0;
  }

  /** `end` if it is at least `atLeast` and no letter or number follows; else 0. */
  #closed(end: number, atLeast: number): number {
    return end < atLeast || this.#is(end, IS_LETTER_OR_NUMBER) ? 0 : end;
  }

  #skip(from: number, unit: number): number {
    let end = from;
    while (TEXT[end] === unit) end += 1;
    return end;
  }

  /** End of the longest run of mouths from `from` that no letter or number follows; 0 if there is none. */
  #mouths(from: number): number {
    let end = from;
    while (this.#is(end, IS_MOUTH)) end += 1;
    while (end > from && this.#is(end, IS_LETTER_OR_NUMBER)) end -= 1;
    return end > from ? end : 0;
  }

  #backward(at: number): number {
    if (at >= this.#runEnd) {
      let end = at;
      while (this.#is(end, IS_BACKWARD_MOUTH)) end += 1;
      this.#runEnd = end;
      const eyes = this.#is(end, IS_NOSE) ? end + 1 : end;
      this.#runMatch = this.#is(eyes, IS_BACKWARD_EYES) ? this.#closed(eyes + 1, at) : 0;
    }
    return this.#runEnd - at > LONGEST_BACKWARD_MOUTH ? 0 : this.#runMatch;
  }
}
