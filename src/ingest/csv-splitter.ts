/**
 * Bytes to records of CSV or TSV (RFC 4180): quoted fields with embedded line feeds and doubled quotes, LF or CRLF.
 *
 * By hand, since a dead letter needs the place and the bytes of a bad record, a quote that never closes must not fill the
 * memory, and broken UTF-8 must show; the tests hold it against csv-parse.
 *
 * - A bad record costs its first line only: reading goes on at the second, so that a stray quote does not swallow the rows
 *   behind it. The work stays linear: what a stray quote ran over holds pairs of quotes only, and those close where they open.
 * - A quote inside an unquoted field is an ordinary character.
 * - At most {@link MAX_ROW_BYTES} and a chunk are held. What comes out does not depend on how the stream is cut.
 */
import { Buffer } from 'node:buffer';
import { brokenUtf8At } from './lines.ts';
import { MAX_RAW_BYTES, MAX_ROW_BYTES } from './row.ts';

const QUOTE = 34;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** What is wrong with a record. */
export type CsvProblem =
  /** A closing quote is followed by something other than a delimiter or the line's end. */
  | { readonly kind: 'bad quote' }
  /** A quote is never closed, or not within {@link MAX_ROW_BYTES}. */
  | { readonly kind: 'open quote' }
  | { readonly kind: 'ragged'; readonly fields: number }
  /** The line is longer than {@link MAX_ROW_BYTES}. */
  | { readonly kind: 'too long' }
  /** `at`: 0-based byte of the record. */
  | { readonly kind: 'no UTF-8'; readonly at: number };

export interface CsvRecord {
  /** As many as there are columns; [] for a bad record. */
  readonly fields: readonly string[];
  /** Undefined: the record is good. */
  readonly problem: CsvProblem | undefined;
  /** The record's bytes, at most the first {@link MAX_RAW_BYTES}. A view: copy what you keep. */
  readonly raw: Buffer;
  /** 1-based line that the record begins on. */
  readonly line: number;
  /** Place after the record and its line end, in bytes of the stream, and the lines before that place. */
  readonly end: number;
  readonly endLine: number;
}

/** Splits one stream. Feed it in order, take all records of each chunk, then those of `end()`. */
export class CsvSplitter {
  readonly #delimiter: number;
  /** Fields that a record must have; 0: as many as the first one. */
  #columns: number;
  #buffer: Buffer = Buffer.alloc(0);
  /** Place in the stream of the buffer's first byte. */
  #base: number;
  /** Lines before the record at hand. */
  #line: number;
  /** Start of a line that is too long, while the rest of it is passed over. */
  #passing: Buffer | undefined;
  /** Start and stop of each field of the record last scanned, in bytes of it; `~stop` where doubled quotes are inside. */
  readonly #bounds: number[] = [];
  /** Where to go on with a record that has not ended: start of its last field, first byte not looked at. */
  #from = 0;
  #search = 0;
  /** Where that record's text stops, and how far the scan went: for a good record, where the next one begins. */
  #stop = 0;
  #next = 0;

  /**
   * @param delimiter one ASCII character
   * @param columns fields that a record must have; 0: as many as the first record, the header
   * @param byte place in the stream of the first byte that will be fed: 0, or the end of a record
   * @param line lines before it
   */
  constructor(delimiter: string, columns: number, byte: number, line: number) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.#columns = columns;
    this.#base = byte;
    this.#line = line;
  }

  /** Records that the chunk completes; blank lines are passed over. */
  *feed(chunk: Buffer): Generator<CsvRecord> {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    yield* this.#split(false);
  }

  /** What is left when the stream has ended. */
  *end(): Generator<CsvRecord> {
    yield* this.#split(true);
  }

  *#split(atEnd: boolean): Generator<CsvRecord> {
    const buffer = this.#buffer;
    const { length } = buffer;
    // Three bytes tell a byte order mark.
    if (this.#base === 0 && length < 3 && !atEnd) return;
    let at = this.#base === 0 && buffer.subarray(0, 3).equals(BOM) ? 3 : 0;
    while (at < length) {
      if (this.#passing !== undefined) {
        const stop = lineEnd(buffer, at);
        at = Math.min(stop + 1, length);
        if (stop === length) break;
        yield this.#passed(this.#passing, at, 1);
        continue;
      }
      let problem = this.#scan(at, atEnd);
      if (problem === 'more') {
        if (length - at <= MAX_ROW_BYTES) break;
        this.#more(0, 0);
        this.#next = length;
        problem = { kind: 'open quote' };
      }
      if (this.#next - at > MAX_ROW_BYTES) problem = { kind: 'open quote' };
      if (problem === undefined) {
        const lines = lineFeeds(buffer, at, this.#next);
        if (!isBlankLine(buffer, at, this.#stop)) yield this.#whole(at, lines);
        this.#line += lines;
        at = this.#next;
        continue;
      }
      const stop = lineEnd(buffer, at);
      if (stop - at >= MAX_ROW_BYTES) {
        this.#passing = Buffer.from(buffer.subarray(at, at + MAX_RAW_BYTES));
        at = stop;
        continue;
      }
      if (stop === length && !atEnd) break;
      const next = Math.min(stop + 1, length);
      const raw = buffer.subarray(at, Math.min(stop, at + MAX_RAW_BYTES));
      const lines = next - stop;
      yield this.#refused(problem, raw, next, lines);
      this.#line += lines;
      at = next;
    }
    if (atEnd && this.#passing !== undefined) yield this.#passed(this.#passing, length, 0);
    this.#base += at;
    // A tail is copied, lest it keep its chunk alive.
    this.#buffer = at === 0 ? buffer : Buffer.from(buffer.subarray(at));
  }

  /**
   * Finds the end of the record at `at`, and its fields. `more`: the buffer ends before that is known; the next scan, of the same
   * record at the start of a longer buffer, goes on where this one ended.
   */
  #scan(at: number, atEnd: boolean): CsvProblem | 'more' | undefined {
    const buffer = this.#buffer;
    const { length } = buffer;
    const delimiter = this.#delimiter;
    const bounds = this.#bounds;
    const most = this.#columns === 0 ? Infinity : 2 * this.#columns;
    let from = at + this.#from;
    let search = at + this.#search;
    if (search === at) bounds.length = 0;
    this.#from = 0;
    this.#search = 0;
    for (;;) {
      // The byte after the field: a delimiter, a line end, or wrong.
      let after = Math.max(from, search);
      if (buffer[from] === QUOTE) {
        let close = buffer.indexOf(QUOTE, Math.max(from + 1, search));
        while (close !== -1 && buffer[close + 1] === QUOTE)
          close = buffer.indexOf(QUOTE, close + 2);
        after = close === -1 ? length : close + 1;
        const crAtEnd = after + 1 === length && buffer[after] === CARRIAGE_RETURN;
        if (!atEnd && (after === length || crAtEnd)) {
          return this.#more(from - at, (close === -1 ? length : close) - at);
        }
        this.#next = after;
        if (close === -1) return { kind: 'open quote' };
        const isDoubled = buffer.indexOf(QUOTE, from + 1) !== close;
        bounds.push(from + 1 - at, isDoubled ? ~(close - at) : close - at);
        this.#stop = after;
        if (crAtEnd || (buffer[after] === CARRIAGE_RETURN && buffer[after + 1] === LINE_FEED))
          after++;
        const byte = buffer[after];
        if (after < length && byte !== delimiter && byte !== LINE_FEED)
          return { kind: 'bad quote' };
      } else {
        while (after < length && buffer[after] !== delimiter && buffer[after] !== LINE_FEED)
          after++;
        if (after === length && !atEnd) return this.#more(from - at, length - at);
        const isLast = after === length || buffer[after] === LINE_FEED;
        const cr = isLast && after > from && buffer[after - 1] === CARRIAGE_RETURN;
        this.#stop = cr ? after - 1 : after;
        bounds.push(from - at, this.#stop - at);
      }
      this.#next = Math.min(after + 1, length);
      if (after === length || buffer[after] === LINE_FEED) break;
      // More fields than columns: no use to look further, and over many lines it would not be linear.
      if (bounds.length > most) break;
      from = after + 1;
      search = from;
    }
    const fields = bounds.length / 2;
    const ragged = this.#columns !== 0 && fields !== this.#columns;
    return ragged && !isBlankLine(buffer, at, this.#stop) ? { kind: 'ragged', fields } : undefined;
  }

  #more(from: number, search: number): 'more' {
    this.#from = from;
    this.#search = search;
    return 'more';
  }

  /** The record that was scanned last: good, or no UTF-8. */
  #whole(at: number, lines: number): CsvRecord {
    const buffer = this.#buffer;
    const stop = this.#stop;
    const text = buffer.toString('utf8', at, stop);
    const raw = buffer.subarray(at, Math.min(stop, at + MAX_RAW_BYTES));
    const brokenAt = text.includes('\ufffd') ? brokenUtf8At(buffer.subarray(at, stop)) : undefined;
    if (brokenAt !== undefined) {
      return this.#refused({ kind: 'no UTF-8', at: brokenAt }, raw, this.#next, lines);
    }
    const fields = this.#fields(text, at);
    this.#columns ||= fields.length;
    return {
      fields,
      problem: undefined,
      raw,
      line: this.#line + 1,
      end: this.#base + this.#next,
      endLine: this.#line + lines,
    };
  }

  /** Fields as strings: cut from the text where its characters are its bytes, else decoded one by one. */
  #fields(text: string, at: number): string[] {
    const buffer = this.#buffer;
    const bounds = this.#bounds;
    const isAscii = text.length === this.#stop - at;
    const fields: string[] = [];
    for (let i = 0; i < bounds.length; i += 2) {
      const start = bounds[i] ?? 0;
      const bound = bounds[i + 1] ?? 0;
      const stop = bound < 0 ? ~bound : bound;
      const field = isAscii
        ? text.slice(start, stop)
        : buffer.toString('utf8', at + start, at + stop);
      fields.push(bound < 0 ? field.replaceAll('""', '"') : field);
    }
    return fields;
  }

  /** The line that was passed over, at its end. */
  #passed(raw: Buffer, next: number, lines: number): CsvRecord {
    const record = this.#refused({ kind: 'too long' }, raw, next, lines);
    this.#passing = undefined;
    this.#line++;
    return record;
  }

  #refused(problem: CsvProblem, raw: Buffer, next: number, lines: number): CsvRecord {
    return {
      fields: [],
      problem,
      raw,
      line: this.#line + 1,
      end: this.#base + next,
      endLine: this.#line + lines,
    };
  }
}

/** Index of the line feed at or after `from`; the length where there is none. */
function lineEnd(buffer: Buffer, from: number): number {
  const at = buffer.indexOf(LINE_FEED, from);
  return at === -1 ? buffer.length : at;
}

/** Line feeds in `[from, to)`. */
function lineFeeds(buffer: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = lineEnd(buffer, from); at < to; at = lineEnd(buffer, at + 1)) count++;
  return count;
}

function isBlankLine(buffer: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && buffer[at] === SPACE) at++;
  return at === to;
}
