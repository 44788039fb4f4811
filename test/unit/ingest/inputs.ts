/** Inputs for the tests of ingest: bytes as standard input in pieces of any size, files in a temporary folder, a log in memory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { AppendOutcome, Checkpoint, NewRecord } from '../../../src/ports/event-log.ts';
import type { Row } from '../../../src/ingest/row.ts';
import { readRows, type ReadRowsOptions } from '../../../src/ingest/rows.ts';

/** The bytes as a stream of chunks of `size` bytes. */
export function streamOf(input: string | Uint8Array, size = 7): Readable {
  const bytes = Buffer.from(input);
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
    { objectMode: false },
  );
}

/** All rows of an input. */
export async function rowsOf(
  input: string | Uint8Array,
  options: Omit<ReadRowsOptions, 'path'> = {},
  size = 7,
): Promise<Row[]> {
  return collect({ ...options, path: '-', stdin: streamOf(input, size) });
}

export async function collect(options: ReadRowsOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of readRows(options)) rows.push(...batch);
  return rows;
}

/** What a row says, without its place: a text row as its fields, a refused one as its code. */
export function gist(row: Row): unknown {
  if (row.kind === 'refused') return row.error.code;
  if (row.kind === 'record') return { key: row.key, value: row.value, headers: row.headers };
  if (row.kind === 'label') {
    const { id, label, weight, ts } = row;
    return defined({ id, label, weight, ts });
  }
  const { text, label, weight, id, ts, attributes } = row;
  return defined({
    text,
    label,
    weight,
    id,
    ts,
    attributes: attributes && Object.fromEntries(attributes),
  });
}

function defined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, content]) => content !== undefined));
}

/** Runs `body` with a file of that name in a folder of its own. */
export async function withFile<T>(
  name: string,
  content: string | Uint8Array,
  body: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'valence-ingest-'));
  try {
    const path = join(folder, name);
    await writeFile(path, content);
    return await body(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One record of the log, readable. */
export interface Stored {
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What an append is to come to instead of being written: an error before or after the write, or outcomes of its own. */
export type Fault =
  | { readonly when: 'before' | 'after'; readonly error: Error }
  | { readonly outcomes: (records: readonly NewRecord[]) => readonly AppendOutcome[] };

/** A log that commits records and checkpoint together, as the embedded one does. */
export class FakeLog {
  readonly topics = new Map<string, Stored[]>();
  readonly checkpoints = new Map<string, string>();
  /** Records of each append, in order. */
  readonly appends: { readonly topic: string; readonly records: number }[] = [];
  /** The process that speaks to the log is gone: nothing of it is answered. */
  killed = false;
  /** Asked at each append, with its number from 0. */
  fault: (append: number, topic: string) => Fault | undefined = () => undefined;

  async append(
    topic: string,
    records: readonly NewRecord[],
    options: { readonly checkpoint?: Checkpoint } = {},
  ): Promise<readonly AppendOutcome[]> {
    const fault = this.fault(this.appends.length, topic);
    this.appends.push({ topic, records: records.length });
    if (fault !== undefined && 'when' in fault && fault.when === 'before') throw fault.error;
    const outcomes: readonly AppendOutcome[] =
      fault !== undefined && 'outcomes' in fault
        ? fault.outcomes(records)
        : records.map((_, offset) => ({ status: 'ok', partition: 0, offset }));
    const stored = this.topics.get(topic) ?? [];
    this.topics.set(topic, stored);
    stored.push(...records.filter((_, at) => outcomes[at]?.status === 'ok').map(readable));
    if (options.checkpoint !== undefined && outcomes.every(({ status }) => status === 'ok')) {
      this.checkpoints.set(options.checkpoint.name, options.checkpoint.value);
    }
    if (fault !== undefined && 'when' in fault) throw fault.error;
    return outcomes;
  }

  checkpoint(name: string): Promise<string | undefined> {
    if (this.killed) return Promise.reject(new Error('killed'));
    return Promise.resolve(this.checkpoints.get(name));
  }

  /** Values of a topic, parsed. */
  values(topic: string): unknown[] {
    return this.of(topic).map(({ value }) => JSON.parse(value) as unknown);
  }

  of(topic: string): Stored[] {
    return this.topics.get(topic) ?? [];
  }
}

function readable({ key, value, headers = [] }: NewRecord): Stored {
  return {
    key: key === null ? null : String(key),
    value: value === null ? '' : toText(value),
    headers: Object.fromEntries(headers.map(([name, content]) => [name, toText(content)])),
  };
}

function toText(value: string | Uint8Array): string {
  return Buffer.from(value).toString('utf8');
}
