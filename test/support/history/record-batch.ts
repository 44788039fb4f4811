/**
 * Record batches, version 2, as a Fetch answer carries them: an own decoder, so that the judge of the fault tests shares no code
 * with the driver that it judges. Uncompressed batches only: that is all a pipeline's topics hold.
 *
 * @see Kafka protocol, "Record Batch"; control records: version int16, type int16 (0 abort, 1 commit)
 */
import type { Headers } from '../../../src/ports/event-log.ts';
import type { Outcome, RawRecord } from './history.ts';

const HEADER_BYTES = 61;

/** A record before its transaction's outcome is known. */
export interface BatchRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

export interface DecodedBatch {
  readonly lastOffset: number;
  readonly producer: string;
  readonly epoch: number;
  readonly transactional: boolean;
  /** Of a control batch. */
  readonly marker: 'commit' | 'abort' | undefined;
  readonly records: readonly BatchRecord[];
}

/** Decodes the whole batches of a record set; a batch that was cut off at the end is left out. */
export function decodeBatches(set: Buffer): readonly DecodedBatch[] {
  const batches: DecodedBatch[] = [];
  for (let at = 0; at + 12 <= set.length;) {
    const length = set.readInt32BE(at + 8);
    const end = at + 12 + length;
    if (end > set.length) break;
    batches.push(decodeBatch(set.subarray(at, end)));
    at = end;
  }
  return batches;
}

function decodeBatch(batch: Buffer): DecodedBatch {
  const base = Number(batch.readBigInt64BE(0));
  const magic = batch.readInt8(16);
  if (magic !== 2) throw new Error(`a batch of version ${magic} at offset ${base}`);
  const attributes = batch.readInt16BE(21);
  if ((attributes & 7) !== 0) throw new Error(`a compressed batch at offset ${base}`);
  const firstTimestamp = Number(batch.readBigInt64BE(27));
  const maxTimestamp = Number(batch.readBigInt64BE(35));
  const appendTime = (attributes & 8) !== 0;
  const count = batch.readInt32BE(57);
  const reader = new VarReader(batch, HEADER_BYTES);
  const records = Array.from({ length: count }, (): BatchRecord => {
    const end = reader.varint() + reader.at;
    reader.at += 1;
    const timestamp = appendTime
      ? (reader.varint(), maxTimestamp)
      : firstTimestamp + reader.varint();
    const offset = base + reader.varint();
    const key = reader.bytes();
    const value = reader.bytes();
    const headers = Array.from({ length: reader.varint() }, (): [string, Uint8Array] => [
      Buffer.from(reader.bytes() ?? []).toString(),
      reader.bytes() ?? new Uint8Array(),
    ]);
    reader.at = end;
    return { offset, timestamp, key, value, headers };
  });
  const control = (attributes & 0x20) !== 0;
  return {
    lastOffset: base + batch.readInt32BE(23),
    producer: batch.readBigInt64BE(43).toString(),
    epoch: batch.readInt16BE(51),
    transactional: (attributes & 0x10) !== 0,
    marker: control ? markerOf(records[0]?.key) : undefined,
    records: control ? [] : records,
  };
}

function markerOf(key: Uint8Array | null | undefined): 'commit' | 'abort' {
  const type = key === null || key === undefined ? -1 : Buffer.from(key).readInt16BE(2);
  if (type !== 0 && type !== 1) throw new Error(`a control record of type ${type}`);
  return type === 1 ? 'commit' : 'abort';
}

/** Gives each record the outcome that the markers behind it tell. */
export function settle(batches: readonly DecodedBatch[]): readonly RawRecord[] {
  const records: (Omit<RawRecord, 'outcome'> & { outcome: Outcome })[] = [];
  const open = new Map<string, { outcome: Outcome }[]>();
  for (const { producer, epoch, transactional, marker, records: held } of batches) {
    if (marker !== undefined) {
      const outcome = marker === 'commit' ? 'committed' : 'aborted';
      for (const record of open.get(producer) ?? []) record.outcome = outcome;
      open.delete(producer);
      continue;
    }
    const settled = held.map((record) => ({
      ...record,
      producer,
      epoch,
      outcome: (transactional ? 'open' : 'plain') as Outcome,
    }));
    records.push(...settled);
    if (transactional) open.set(producer, [...(open.get(producer) ?? []), ...settled]);
  }
  return records;
}

class VarReader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Zigzag; exact to 2^53. */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes.readUInt8(this.at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  }

  bytes(): Uint8Array | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return Uint8Array.from(this.#bytes.subarray(start, this.at));
  }
}
