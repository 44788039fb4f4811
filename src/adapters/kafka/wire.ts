/**
 * Kafka's wire format, as far as requests are written here rather than by the driver. Numbers are big-endian.
 *
 * @see Kafka protocol guide, Protocol Primitive Types
 */

/** An answer ended before what it announced: no Kafka, or another version of it. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

export class Writer {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    return this.#add(1, (buffer) => buffer.writeInt8(value));
  }
  int16(value: number): this {
    return this.#add(2, (buffer) => buffer.writeInt16BE(value));
  }
  int32(value: number): this {
    return this.#add(4, (buffer) => buffer.writeInt32BE(value));
  }
  int64(value: bigint): this {
    return this.#add(8, (buffer) => buffer.writeBigInt64BE(value));
  }
  bool(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }
  string(value: string): this {
    const text = Buffer.from(value);
    return this.int16(text.length).raw(text);
  }
  nullableString(value: string | null): this {
    return value === null ? this.int16(-1) : this.string(value);
  }
  compactString(value: string): this {
    const text = Buffer.from(value);
    return this.uvarint(text.length + 1).raw(text);
  }
  /** Bytes behind their length. */
  blob(value: Buffer): this {
    return this.int32(value.length).raw(value);
  }
  list<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }
  uvarint(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.raw(Buffer.of((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    return this.raw(Buffer.of(rest));
  }
  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #add(size: number, write: (buffer: Buffer) => unknown): this {
    const buffer = Buffer.alloc(size);
    write(buffer);
    return this.raw(buffer);
  }
}

/** Every method throws a {@link FormatError} at the end of the bytes. */
export class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int8(): number {
    return this.#take(1).readInt8();
  }
  int16(): number {
    return this.#take(2).readInt16BE();
  }
  int32(): number {
    return this.#take(4).readInt32BE();
  }
  int64(): bigint {
    return this.#take(8).readBigInt64BE();
  }
  bool(): boolean {
    return this.int8() !== 0;
  }
  /** A null is read as the empty string. */
  string(): string {
    return this.nullableString() ?? '';
  }
  nullableString(): string | undefined {
    const size = this.int16();
    return size < 0 ? undefined : this.#take(size).toString();
  }
  compactString(): string {
    return this.#take(Math.max(0, this.uvarint() - 1)).toString();
  }
  /** A null is read as no bytes. */
  blob(): Buffer {
    return this.#take(Math.max(0, this.int32()));
  }
  /** A null is read as no items. */
  list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left--) items.push(read());
    return items;
  }
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#take(1).readUInt8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  /** Tagged fields, in their order. */
  tags(): (readonly [tag: number, content: Reader])[] {
    const fields: (readonly [number, Reader])[] = [];
    for (let left = this.uvarint(); left > 0; left--) {
      const tag = this.uvarint();
      fields.push([tag, new Reader(this.#take(this.uvarint()))]);
    }
    return fields;
  }

  #take(size: number): Buffer {
    if (this.#at + size > this.#buffer.length) throw new FormatError('unexpected end of an answer');
    const taken = this.#buffer.subarray(this.#at, this.#at + size);
    this.#at += size;
    return taken;
  }
}
