/**
 * A history: what is left of a run under faults, as plain data. Topics come raw (with transaction outcomes), so that the checker
 * judges readers and writers by the log itself and not by one of them.
 */
import { createHash } from 'node:crypto';
import type { FoldOptions } from '../../../src/pipeline/fold.ts';
import type { ModelSpec } from '../../../src/pipeline/state.ts';
import type { Headers } from '../../../src/ports/event-log.ts';
import type { TopicNames } from '../../../topics/index.ts';

/** Outcome of the transaction that wrote a record. `plain`: written outside transactions. `open`: no marker yet. */
export type Outcome = 'plain' | 'committed' | 'aborted' | 'open';

/** A record as it lies in the log, hidden or not. */
export interface RawRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
  /** Id and epoch of the producer; `-1` and -1 without idempotence. */
  readonly producer: string;
  readonly epoch: number;
  readonly outcome: Outcome;
}

/** One partition, read without regard to transactions. Control records are gone; what they said is in `outcome`. */
export interface RawPartition {
  readonly start: number;
  /** Behind the last record, markers included. */
  readonly end: number;
  /** Readers of committed records get this far. */
  readonly stable: number;
  readonly records: readonly RawRecord[];
}

/** A group offset as it was written, in the order of writing. */
export interface RawPosition {
  readonly partition: number;
  readonly position: number;
  readonly producer: string;
  readonly epoch: number;
  readonly outcome: Outcome;
}

/** A record that a reader was handed while faults were going on. */
export interface SeenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly digest: string;
  /** Of model records only: deltas that may be trimmed before the end. */
  readonly value?: Uint8Array | null;
}

/** A record whose append was acknowledged. */
export interface SentRecord {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

/** A transaction that its process took for committed. */
export interface AcknowledgedChunk {
  readonly process: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** A merged model, as somebody computed it. */
export interface MergedModel {
  readonly name: string;
  readonly model: string;
  readonly positions: readonly (number | undefined)[];
  readonly hash: string;
}

/** How far committed readers could get at an instant of the run. */
export interface StableSample {
  /** Monotonic, ms. */
  readonly atMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly stable: number;
  readonly end: number;
}

export interface History {
  readonly pipeline: string;
  readonly topics: TopicNames;
  readonly models: readonly ModelSpec[];
  readonly analyzer: string;
  readonly fold: FoldOptions;
  /** By topic, by partition. */
  readonly raw: ReadonlyMap<string, readonly RawPartition[]>;
  readonly positions: readonly RawPosition[];
  readonly readers: readonly { readonly name: string; readonly seen: readonly SeenRecord[] }[];
  readonly sent: readonly SentRecord[];
  readonly chunks: readonly AcknowledgedChunk[];
  readonly merged: readonly MergedModel[];
  readonly stable: readonly StableSample[];
  /** From the last healing until every partition was folded to its end, ms; undefined: it never was. */
  readonly settledMs: number | undefined;
}

/** A short hash of what a record says: key, value and headers. */
export function digestOf(record: {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}): string {
  const hash = createHash('sha256');
  const part = (bytes: Uint8Array | null): void => {
    hash.update(bytes === null ? 'null;' : `${bytes.length};`);
    if (bytes !== null) hash.update(bytes);
  };
  part(record.key);
  part(record.value);
  for (const [name, value] of record.headers) {
    part(Buffer.from(name));
    part(value);
  }
  return hash.digest('hex').slice(0, 20);
}

/** True for what readers of committed records get. */
export function isVisible(record: Pick<RawRecord, 'outcome'>): boolean {
  return record.outcome === 'plain' || record.outcome === 'committed';
}
