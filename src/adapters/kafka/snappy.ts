/**
 * Unpacks Snappy, bare or in the blocks of Xerial's stream, which is what Java's producers write. Nothing is written here: Valence
 * sends no Snappy.
 *
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */

/** Xerial's stream: this, two version numbers of four bytes, then blocks with their length before them. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/**
 * @param most bytes that the result may take
 * @throws RangeError not Snappy, cut short, or more than `most`
 */
export function unpackSnappy(bytes: Buffer, most: number): Buffer {
  if (bytes.length < XERIAL_HEADER_BYTES || bytes.compare(XERIAL, 0, 8, 0, 8) !== 0)
    return unpackBlock(bytes, most);
  const blocks: Buffer[] = [];
  let left = most;
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    const start = at + 4;
    const end = start <= bytes.length ? start + bytes.readUInt32BE(at) : Infinity;
    if (end > bytes.length) throw broken('a block is cut short');
    const block = unpackBlock(bytes.subarray(start, end), left);
    left -= block.length;
    blocks.push(block);
    at = end;
  }
  return Buffer.concat(blocks);
}

function unpackBlock(bytes: Buffer, most: number): Buffer {
  const { size, next } = readSize(bytes);
  if (size > most) throw broken(`${size} bytes, more than ${most}`);
  const out = Buffer.allocUnsafe(size);
  let at = next;
  let to = 0;
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      // A literal: up to 60 bytes by the tag, more by the one to four bytes that follow.
      let length = (tag >>> 2) + 1;
      if (length > 60) {
        const wide = length - 60;
        if (at + wide > bytes.length) throw broken('a literal is cut short');
        length = bytes.readUIntLE(at, wide) + 1;
        at += wide;
      }
      if (at + length > bytes.length || to + length > size) throw broken('a literal is too long');
      bytes.copy(out, to, at, at + length);
      at += length;
      to += length;
      continue;
    }
    const wide = kind === 3 ? 4 : kind;
    if (at + wide > bytes.length) throw broken('a copy is cut short');
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const back = kind === 1 ? ((tag >>> 5) << 8) | (bytes[at] ?? 0) : bytes.readUIntLE(at, wide);
    at += wide;
    if (back === 0 || back > to || to + length > size) throw broken('a copy points outside');
    // A copy may run into what it writes itself: that is how runs are told.
    if (back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - back] ?? 0;
    to += length;
  }
  if (to !== size) throw broken(`${to} bytes in place of ${size}`);
  return out;
}

/** The size of the unpacked block: a varint of at most five bytes. */
function readSize(bytes: Buffer): { readonly size: number; readonly next: number } {
  let size = 0;
  for (let at = 0; at < 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { size, next: at + 1 };
  }
  throw broken('no size');
}

function broken(what: string): RangeError {
  return new RangeError(`Snappy: ${what}`);
}
