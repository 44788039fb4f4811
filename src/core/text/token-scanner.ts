import { fold, tokenize, type TokenizerOptions } from './river-tokenizer.ts';
import { HASH_FACTOR, HASH_SEED, SPACE, type TermSpans } from './term-spans.ts';
import type { Vocabulary } from './vocabulary.ts';

/**
 * The fast form of `tokenize`: one pass over the code units, one table look-up each, no strings.
 *
 *   code unit ─► folded unit of a word (é ─► e, A ─► a) | hyphen | separator | dropped | odd
 *
 * The table covers the basic plane and is filled as units are met. A unit is odd when it folds to several units that hold a word
 * character, or depends on its neighbours (Σ); a text with an odd unit is handed to the expression, so both forms always agree.
 */

const SEPARATOR = 0;
const ODD = 1;
const DROPPED = 2;
const UNRESOLVED = 3;
/** Also the largest value that is no folded unit of a word: digits begin at 0x30. */
const HYPHEN = 0x2d;

const TOKEN_CHARACTER = /[\p{L}\p{N}_-]/u;

/** Emoji and other symbols beyond the basic plane: U+1F000 to U+1FAFF, one cell each. */
const SYMBOLS_FIRST = 0x1f000;
const SYMBOLS_COUNT = 0xb00;

export class TokenScanner {
  readonly #options: TokenizerOptions;
  readonly #stop: Vocabulary | undefined;
  readonly #classes = new Uint16Array(0x10000).fill(UNRESOLVED);
  readonly #symbols = new Uint8Array(SYMBOLS_COUNT).fill(UNRESOLVED);

  /** @param stop tokens to leave out */
  constructor(options: TokenizerOptions = {}, stop?: Vocabulary) {
    this.#options = options;
    this.#stop = stop;
    for (let unit = 0; unit < 0x80; unit++) this.#resolve(unit);
    for (let unit = 0xd800; unit <= 0xdfff; unit++) this.#classes[unit] = ODD;
  }

  /** Writes the tokens of `text`, less the stop words, to `spans`. */
  scan(text: string, spans: TermSpans): void {
    spans.clear();
    if (this.#scanUnits(text, spans)) return;
    spans.clear();
    for (const token of tokenize(text, this.#options)) {
      spans.push(token);
      if (this.#stop !== undefined) this.#dropStopWord(spans, this.#stop);
    }
  }

  /** False when the text holds an odd unit; `spans` is then half written. */
  #scanUnits(text: string, spans: TermSpans): boolean {
    const { length } = text;
    spans.reserve(length + 2, (length >> 1) + 1);
    const classes = this.#classes;
    const { units, starts, ends, hashes } = spans;
    let start = 0; // of the token
    let used = 0; // units written
    let last = 0; // after the last word unit written
    let hash = HASH_SEED;
    let lastHash = HASH_SEED;
    let count = 0;
    for (let at = 0; at <= length; at++) {
      let unit = at < length ? (classes[text.charCodeAt(at)] ?? ODD) : SEPARATOR;
      if (unit > HYPHEN) {
        hash = Math.imul(hash ^ unit, HASH_FACTOR);
        units[used++] = unit;
        last = used;
        lastHash = hash;
        continue;
      }
      if (unit !== SEPARATOR && unit !== HYPHEN) {
        if (unit === UNRESOLVED) {
          this.#resolve(text.charCodeAt(at));
          at -= 1; // once more, now resolved
          continue;
        }
        if (unit === DROPPED) continue;
        if (this.#symbol(text, at) !== SEPARATOR) return false;
        at += 1;
        unit = SEPARATOR;
      }
      if (unit === HYPHEN) {
        if (used === start) continue; // a token begins with a word unit
        hash = Math.imul(hash ^ HYPHEN, HASH_FACTOR);
        units[used++] = HYPHEN;
        continue;
      }
      if (used === start) continue;
      if (last - start > 1) {
        starts[count] = start;
        ends[count] = last;
        hashes[count] = lastHash;
        if (this.#stop === undefined || this.#stop.find(units, start, last, lastHash) === -1) {
          count += 1;
          units[last] = SPACE;
          start = last + 1;
        }
      }
      used = start;
      last = start;
      hash = HASH_SEED;
    }
    spans.count = count;
    spans.used = start;
    return true;
  }

  #resolve(unit: number): void {
    this.#classes[unit] = this.#classOf(String.fromCharCode(unit));
  }

  /** Class of the surrogate pair at `at`: SEPARATOR or ODD. */
  #symbol(text: string, at: number): number {
    const codePoint = text.codePointAt(at) ?? 0;
    const cell = codePoint - SYMBOLS_FIRST;
    if (cell < 0 || cell >= SYMBOLS_COUNT) return ODD;
    if (this.#symbols[cell] === UNRESOLVED)
      this.#symbols[cell] =
        this.#classOf(String.fromCodePoint(codePoint)) === SEPARATOR ? SEPARATOR : ODD;
    return this.#symbols[cell] ?? ODD;
  }

  #classOf(character: string): number {
    const folded = fold(character, this.#options);
    if (folded === '') return DROPPED;
    if (folded === '-') return HYPHEN;
    if (!TOKEN_CHARACTER.test(folded)) return SEPARATOR;
    if (folded.length > 1) return ODD;
    const isFinalSigmaPossible =
      this.#options.lowercase !== false &&
      fold(character, { ...this.#options, lowercase: false }) === 'Σ';
    return isFinalSigmaPossible ? ODD : folded.charCodeAt(0);
  }

  #dropStopWord(spans: TermSpans, stop: Vocabulary): void {
    const last = spans.count - 1;
    const start = spans.starts[last] ?? 0;
    if (stop.find(spans.units, start, spans.ends[last] ?? 0, spans.hashes[last] ?? 0) === -1)
      return;
    spans.count = last;
    spans.used = start;
  }
}
