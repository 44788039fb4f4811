/**
 * JSON text as UTF-8 bytes, written piece by piece: the results of a chunk, thousands a second, without a string for each piece.
 * What `finish` gives is a view that stays valid: a block that is full is left to its views, and the next one begun.
 */
const FIRST_BLOCK = 2048;
const LARGEST_BLOCK = 1 << 18;
const encoder = new TextEncoder();
/** Integers below have at most so many digits, and are exact. */
const SAFE_DIGITS = 1e15;
const MOST_DIGITS = 15;

/** Bytes of a piece of JSON that never changes. */
export function jsonBytes(text: string): Uint8Array {
  return encoder.encode(text);
}

export class JsonWriter {
  #block = new Uint8Array(FIRST_BLOCK);
  /** Where the text in hand begins, and where it has got to. */
  #start = 0;
  #at = 0;

  /** A piece that is JSON already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#block.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** ASCII text that is JSON already: a number, `true`, a digit string. */
  ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const block = this.#block;
    let at = this.#at;
    for (let i = 0; i < length; i++) block[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /** A finite number, as JSON.stringify writes it. */
  number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value < SAFE_DIGITS) this.#digits(value);
    else this.ascii(String(value));
  }

  /** Counts and offsets, without a string between. */
  #digits(value: number): void {
    this.#reserve(MOST_DIGITS);
    const block = this.#block;
    let size = 1;
    for (let limit = 10; value >= limit; limit *= 10) size += 1;
    let rest = value;
    for (let at = this.#at + size - 1; at >= this.#at; at--) {
      const tens = Math.floor(rest / 10);
      block[at] = 0x30 + rest - tens * 10;
      rest = tens;
    }
    this.#at += size;
  }

  /** A JSON string with its quotes, as JSON.stringify writes it. */
  string(value: string): void {
    const { length } = value;
    this.#reserve(length + 2);
    const block = this.#block;
    let at = this.#at;
    block[at++] = 0x22;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) {
        this.raw(encoder.encode(JSON.stringify(value)));
        return;
      }
      block[at++] = unit;
    }
    block[at++] = 0x22;
    this.#at = at;
  }

  /** Any JSON-safe value. */
  value(value: unknown): void {
    this.raw(encoder.encode(JSON.stringify(value)));
  }

  /** The text since the last `finish`. */
  finish(): Uint8Array {
    const text = this.#block.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return text;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#block.length) return;
    const written = this.#at - this.#start;
    const block = new Uint8Array(
      Math.max(Math.min(this.#block.length * 2, LARGEST_BLOCK), (written + size) * 2),
    );
    block.set(this.#block.subarray(this.#start, this.#at));
    this.#block = block;
    this.#start = 0;
    this.#at = written;
  }
}
