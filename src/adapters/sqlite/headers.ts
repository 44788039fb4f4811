/**
 * Record headers as one blob; no headers are NULL, not an empty blob.
 *
 *   2 × count + 1 if all names are ASCII │ name length, value length, … │ names │ values
 *
 * Numbers are unsigned LEB128. Names stand together, so that all of them cost one call to decode, and text is written by one call:
 * the seven headers of a result take less than a microsecond (`bench/log.ts`).
 */
import type { Headers, NewRecord } from '../../ports/event-log.ts';

type NewHeaders = NonNullable<NewRecord['headers']>;

/** Lengths take at most five bytes each: blobs are shorter than 2^31. */
const NUMBER_BYTES = 5;

/** @returns undefined and empty headers become null */
export function encodeHeaders(headers: NewRecord['headers']): Uint8Array | null {
  if (headers === undefined || headers.length === 0) return null;
  return encodePlain(headers) ?? encodeBytes(headers);
}

/** Values are views of `bytes`. */
export function decodeHeaders(bytes: Uint8Array): Headers {
  const reader = new Reader(bytes);
  const head = reader.number();
  const isAscii = head % 2 === 1;
  const lengths: number[] = [];
  let nameBytes = 0;
  for (let left = Math.floor(head / 2); left > 0; left--) {
    const length = reader.number();
    nameBytes += length;
    lengths.push(length, reader.number());
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const encoding = isAscii ? 'latin1' : 'utf8';
  const names = isAscii ? buffer.toString('latin1', reader.at, reader.at + nameBytes) : '';
  const headers: [string, Uint8Array][] = [];
  let name = reader.at;
  let value = reader.at + nameBytes;
  for (let i = 0; i < lengths.length; i += 2) {
    const nameEnd = name + (lengths[i] ?? 0);
    const valueEnd = value + (lengths[i + 1] ?? 0);
    const text = isAscii
      ? names.slice(name - reader.at, nameEnd - reader.at)
      : buffer.toString(encoding, name, nameEnd);
    headers.push([text, bytes.subarray(value, valueEnd)]);
    name = nameEnd;
    value = valueEnd;
  }
  return headers;
}

/** The usual case: names and values are ASCII strings, so lengths in characters are lengths in bytes. */
function encodePlain(headers: NewHeaders): Uint8Array | undefined {
  let names = '';
  let values = '';
  for (const [name, value] of headers) {
    if (typeof value !== 'string') return undefined;
    names += name;
    values += value;
  }
  const text = names + values;
  const size = (1 + 2 * headers.length) * NUMBER_BYTES + text.length + 4;
  const blob = Buffer.allocUnsafe(size);
  let at = writeNumber(blob, 0, 2 * headers.length + 1);
  for (const [name, value] of headers) {
    at = writeNumber(blob, at, name.length);
    at = writeNumber(blob, at, value.length);
  }
  // Any other character takes more bytes than it counts, and the four spare bytes leave room for that to show.
  const written = blob.write(text, at);
  return written === text.length ? blob.subarray(0, at + written) : undefined;
}

function encodeBytes(headers: NewHeaders): Uint8Array {
  const names = headers.map(([name]) => Buffer.from(name));
  const values = headers.map(([, value]) =>
    typeof value === 'string' ? Buffer.from(value) : value,
  );
  const head = Buffer.allocUnsafe((1 + 2 * headers.length) * NUMBER_BYTES);
  let at = writeNumber(head, 0, 2 * headers.length);
  names.forEach((name, i) => {
    at = writeNumber(head, at, name.length);
    at = writeNumber(head, at, values[i]?.length ?? 0);
  });
  return Buffer.concat([head.subarray(0, at), ...names, ...values]);
}

function writeNumber(bytes: Uint8Array, at: number, number: number): number {
  let rest = number;
  let to = at;
  for (; rest >= 0x80; rest >>>= 7) bytes[to++] = (rest & 0x7f) | 0x80;
  bytes[to++] = rest;
  return to;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}
