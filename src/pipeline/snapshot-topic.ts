/**
 * The snapshots topic as a table: which slot holds what, and where its chunks lie. The topic is read once, then only what came
 * since; of chunks nothing is kept but their place, so that a reader holds one snapshot at a time.
 *
 *   chunk   "VS" version │ sequence │ number │ content
 *   header  JSON, see topics/snapshots.ts
 *
 * A slot is whole if its header is there and every chunk that it counts has its sequence. Whether the content is sound is known
 * when it was read: `content` compares the checksum.
 */
import { createHash } from 'node:crypto';
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import type { EventLog, LogRecord, NewRecord } from '../ports/event-log.ts';
import { SnapshotHeader, type CarryHeader, type SumsHeader } from '../../topics/index.ts';

/** Content of a chunk, bytes; with key and head it stays below 900 KB. */
export const CHUNK_BYTES = 880_000;

const [MAGIC_V, MAGIC_S, VERSION] = [0x56, 0x53, 1];
const HEAD_MAX = 32;
const SLOTS = ['a', 'b'] as const;
const KEY = /^([ab])\/(?:carry\/(\d+)\/)?(header|\d+)$/;
const READ_BYTES = 1 << 20;
/** Reads of a chunk that compaction may have moved meanwhile. */
const TRIES = 3;

export type Slot = (typeof SLOTS)[number];

/** What a snapshot is of: the sums of all partitions, or the carry of one. */
export type Subject =
  { readonly kind: 'sums' } | { readonly kind: 'carry'; readonly partition: number };

type HeaderOf<S extends Subject> = S extends { readonly kind: 'sums' } ? SumsHeader : CarryHeader;

/** A snapshot that is whole as far as places tell. */
export interface Found<S extends Subject = Subject> {
  readonly subject: S;
  readonly slot: Slot;
  readonly header: HeaderOf<S>;
}

/** Records of the topic, `partition` set. */
export type SnapshotRecord = NewRecord & { readonly topic: string; readonly partition: number };

interface Entry {
  /** Undefined: none, or none that can be read. */
  header: SnapshotHeader | undefined;
  /** Whether a header is there that cannot be read, or whose content was found damaged. */
  damaged: boolean;
  readonly chunks: Map<number, { readonly offset: number; readonly sequence: number }>;
  /** Largest sequence seen in it. */
  sequence: number;
}

export class SnapshotTopic {
  readonly topic: string;
  readonly #log: EventLog;
  readonly #entries = new Map<string, Entry>();
  #next = 0;

  constructor(log: EventLog, topic: string) {
    this.#log = log;
    this.topic = topic;
  }

  /** Takes in what was written since; `waitMs`: waits that long for a first record. A topic that is not there is empty. */
  async refresh(waitMs = 0): Promise<void> {
    const known = await this.#log.describeTopic(this.topic);
    if (known === undefined) return;
    const { start = 0 } = known.partitions[0] ?? {};
    let from = Math.max(this.#next, start);
    for (let wait = waitMs; ; wait = 0) {
      const batch = await this.#log.read(this.topic, 0, {
        from,
        maxRecords: 500,
        maxBytes: READ_BYTES,
        waitMs: wait,
      });
      for (const record of batch.records) if (record.offset >= this.#next) this.#take(record);
      from = batch.next;
      this.#next = Math.max(this.#next, from);
      if (from >= batch.end) return;
    }
  }

  /** Whole snapshots of a subject, newest first. */
  whole<S extends Subject>(subject: S): readonly Found<S>[] {
    return SLOTS.flatMap((slot) => {
      const entry = this.#entries.get(prefixOf(subject, slot));
      if (entry?.header === undefined || entry.damaged) return [];
      const { header } = entry;
      if (!isOf(header, subject)) return [];
      for (let chunk = 0; chunk < header.chunks; chunk++)
        if (entry.chunks.get(chunk)?.sequence !== header.sequence) return [];
      return [{ subject, slot, header }];
    }).toSorted((a, b) => b.header.sequence - a.header.sequence);
  }

  /** True if something of the subject was ever written, whole or not. */
  has(subject: Subject): boolean {
    return SLOTS.some((slot) => {
      const entry = this.#entries.get(prefixOf(subject, slot));
      return entry !== undefined && (entry.header !== undefined || entry.damaged);
    });
  }

  /** The slot to write next, which is never the newest whole one, and the sequence to write it with. */
  next(subject: Subject): { readonly slot: Slot; readonly sequence: number } {
    const newest = this.whole(subject)[0]?.slot;
    const sequences = SLOTS.map((slot) => this.#entries.get(prefixOf(subject, slot))?.sequence);
    return {
      slot: newest === 'a' ? 'b' : 'a',
      sequence: Math.max(0, ...sequences.map((sequence) => sequence ?? 0)) + 1,
    };
  }

  /** Content of a snapshot. Undefined: it is damaged, or was overwritten meanwhile; it does not count as whole any more. */
  async content({ subject, slot, header }: Found): Promise<Uint8Array | undefined> {
    const prefix = prefixOf(subject, slot);
    const content = new Uint8Array(header.bytes);
    const hash = createHash('sha256');
    let length = 0;
    for (let chunk = 0; chunk < header.chunks; chunk++) {
      const part = await this.#chunk(prefix, chunk, header.sequence);
      if (part === undefined || length + part.length > content.length) return this.#reject(prefix);
      content.set(part, length);
      hash.update(part);
      length += part.length;
    }
    if (length !== content.length || hash.digest('hex') !== header.checksum)
      return this.#reject(prefix);
    return content;
  }

  /** Numbers of chunks of the slot from `chunks` on: left over from a longer snapshot. */
  surplus(subject: Subject, slot: Slot, chunks: number): readonly number[] {
    const entry = this.#entries.get(prefixOf(subject, slot));
    return [...(entry?.chunks.keys() ?? [])].filter((chunk) => chunk >= chunks);
  }

  /** What the snapshot holds does not go with the model topic: it does not count as whole any more. */
  reject({ subject, slot }: Found): void {
    this.#reject(prefixOf(subject, slot));
  }

  #reject(prefix: string): undefined {
    const entry = this.#entries.get(prefix);
    if (entry !== undefined) entry.damaged = true;
  }

  async #chunk(prefix: string, chunk: number, sequence: number): Promise<Uint8Array | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const place = this.#entries.get(prefix)?.chunks.get(chunk);
      if (place?.sequence !== sequence) return undefined;
      const { records } = await this.#log.read(this.topic, 0, {
        from: place.offset,
        maxRecords: 1,
      });
      const [record] = records;
      if (record?.offset === place.offset && record.value !== null) {
        const head = headOf(record.value);
        return head?.sequence === sequence && head.chunk === chunk ? head.content : undefined;
      }
      await this.refresh();
    }
    return undefined;
  }

  #take({ key, value, offset }: LogRecord): void {
    const name = key === null ? '' : new TextDecoder().decode(key);
    const found = KEY.exec(name);
    if (found === null) return;
    const last = found[3] ?? '';
    const prefix = name.slice(0, -last.length);
    const entry = this.#entry(prefix);
    if (last === 'header') {
      entry.header = value === null ? undefined : readHeader(value);
      entry.damaged = value !== null && entry.header === undefined;
      entry.sequence = Math.max(entry.sequence, entry.header?.sequence ?? 0);
    } else if (value === null) {
      entry.chunks.delete(Number(last));
    } else {
      const sequence = headOf(value)?.sequence ?? 0;
      entry.chunks.set(Number(last), { offset, sequence });
      entry.sequence = Math.max(entry.sequence, sequence);
    }
  }

  #entry(prefix: string): Entry {
    const known = this.#entries.get(prefix);
    if (known !== undefined) return known;
    const entry: Entry = { header: undefined, damaged: false, chunks: new Map(), sequence: 0 };
    this.#entries.set(prefix, entry);
    return entry;
  }
}

/** A chunk as a record. */
export function chunkRecord(
  topic: string,
  at: { readonly subject: Subject; readonly slot: Slot; readonly sequence: number },
  chunk: number,
  content: Uint8Array,
): SnapshotRecord {
  const out = new ByteWriter(content.length + HEAD_MAX);
  for (const byte of [MAGIC_V, MAGIC_S, VERSION]) out.byte(byte);
  out.varint(at.sequence);
  out.varint(chunk);
  out.bytes(content);
  return recordOf(topic, `${prefixOf(at.subject, at.slot)}${chunk}`, out.view());
}

/** The record that makes a snapshot whole, and those that take away what an older one left behind it. */
export function headerRecords(
  topic: string,
  at: { readonly subject: Subject; readonly slot: Slot },
  header: SnapshotHeader,
  surplus: readonly number[],
): readonly SnapshotRecord[] {
  const prefix = prefixOf(at.subject, at.slot);
  return [
    recordOf(topic, `${prefix}header`, JSON.stringify(header)),
    ...surplus.map((chunk) => recordOf(topic, `${prefix}${chunk}`, null)),
  ];
}

function recordOf(topic: string, key: string, value: Uint8Array | string | null): SnapshotRecord {
  return { topic, partition: 0, key, value, headers: [] };
}

function prefixOf(subject: Subject, slot: Slot): string {
  return subject.kind === 'sums' ? `${slot}/` : `${slot}/carry/${subject.partition}/`;
}

function isOf<S extends Subject>(header: SnapshotHeader, subject: S): header is HeaderOf<S> {
  if (header.kind === 'sums') return subject.kind === 'sums';
  return subject.kind === 'carry' && header.partition === subject.partition;
}

function readHeader(value: Uint8Array): SnapshotHeader | undefined {
  try {
    return SnapshotHeader.safeParse(JSON.parse(new TextDecoder().decode(value))).data;
  } catch {
    return undefined;
  }
}

/** Undefined: no chunk of this version. */
function headOf(
  value: Uint8Array,
): { readonly sequence: number; readonly chunk: number; readonly content: Uint8Array } | undefined {
  if (value[0] !== MAGIC_V || value[1] !== MAGIC_S || value[2] !== VERSION) return undefined;
  try {
    const reader = new ByteReader(value.subarray(3));
    const [sequence, chunk] = [reader.varint(), reader.varint()];
    return { sequence, chunk, content: reader.bytes(reader.remaining) };
  } catch {
    return undefined;
  }
}
