/**
 * Bytes to lines, in constant memory: a line longer than {@link MAX_ROW_BYTES} is given up once it is that long, and passed
 * over while streaming. Each line knows its place, so that reading can go on behind it.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { MAX_RAW_BYTES, MAX_ROW_BYTES, type Position } from './row.ts';

export interface Line {
  /** The line without its line feed; undefined when it is too long or no UTF-8. */
  readonly text: string | undefined;
  /** 0-based byte of the line where UTF-8 breaks; undefined while `text` is undefined: too long. */
  readonly brokenAt: number | undefined;
  /** The first {@link MAX_RAW_BYTES} bytes, only where `text` is undefined. */
  readonly raw: Uint8Array | undefined;
  /** Place after the line feed, in bytes of the stream. */
  readonly end: number;
}

const LINE_FEED = 10;
const EMPTY = Buffer.alloc(0);
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Lines of a stream that begins at `from`: one array for each chunk that holds a line end, so that a live stream is handed on
 * as it comes. A byte order mark at the very start is dropped. A last line without line feed counts.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  from: Position,
): AsyncGenerator<Line[]> {
  /** Pieces of a line that has not ended yet, and its length; the pieces stop growing when it is too long. */
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** Places in the stream of the line's and the chunk's first byte. */
  let lineStart = from.byte;
  let base = from.byte;

  const hold = (piece: Buffer): void => {
    if (heldBytes <= MAX_ROW_BYTES) held.push(piece);
    heldBytes += piece.length;
    if (heldBytes > MAX_ROW_BYTES && held.length > 1) {
      held = [Buffer.from(Buffer.concat(held).subarray(0, MAX_RAW_BYTES))];
    }
  };
  const close = (): Line => {
    const bytes = held.length === 1 ? (held[0] ?? EMPTY) : Buffer.concat(held);
    const line =
      heldBytes > MAX_ROW_BYTES
        ? refused(bytes, undefined, base)
        : decode(bytes, 0, bytes.length, lineStart === 0, base);
    held = [];
    heldBytes = 0;
    return line;
  };

  for await (const chunk of chunks) {
    const lines: Line[] = [];
    const chunkStart = base;
    let start = 0;
    for (let stop = chunk.indexOf(LINE_FEED); stop !== -1; stop = chunk.indexOf(LINE_FEED, start)) {
      base = chunkStart + stop + 1;
      if (heldBytes > 0) {
        hold(chunk.subarray(start, stop));
        lines.push(close());
      } else {
        lines.push(decode(chunk, start, stop, lineStart === 0, base));
      }
      lineStart = base;
      start = stop + 1;
    }
    base = chunkStart + chunk.length;
    // A tail is copied, lest it keep its chunk alive.
    if (start < chunk.length) hold(start === 0 ? chunk : Buffer.from(chunk.subarray(start)));
    if (lines.length > 0) yield lines;
  }
  if (heldBytes > 0) yield [close()];
}

/** The line in `chunk[start, stop)`; `first` drops a byte order mark. */
function decode(chunk: Buffer, start: number, stop: number, first: boolean, end: number): Line {
  if (stop - start > MAX_ROW_BYTES) return refused(chunk.subarray(start, stop), undefined, end);
  const from = first && chunk.subarray(start, start + 3).equals(BOM) ? start + 3 : start;
  const text = chunk.toString('utf8', from, stop);
  if (text.includes('\ufffd')) {
    const bytes = chunk.subarray(start, stop);
    const brokenAt = brokenUtf8At(bytes);
    if (brokenAt !== undefined) return refused(bytes, brokenAt, end);
  }
  return { text, brokenAt: undefined, raw: undefined, end };
}

function refused(bytes: Buffer, brokenAt: number | undefined, end: number): Line {
  return { text: undefined, brokenAt, raw: bytes.subarray(0, MAX_RAW_BYTES), end };
}

/** Index of the first byte that does not belong to valid UTF-8; undefined: all of it does. */
export function brokenUtf8At(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined;
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length > 1 && !isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return undefined;
}
