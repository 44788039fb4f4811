/**
 * Model topic: what was learned, one delta per transaction and partition, binary. The truth about the model and about each
 * partition's position. Deltas are sums, so the topic is never compacted and never deleted by age: only the snapshot taker
 * trims it. The byte layout is in `src/pipeline/delta.ts`.
 *
 * Deltas have no key. A record with a key is no delta: {@link BARRIER_KEY} marks a claim on logs that fence by a record (Kafka).
 */
import type { TopicContract } from './contract.ts';

/** Key of the record that a new owner writes before anything else: all that earlier owners committed lies below it. */
export const BARRIER_KEY = 'barrier';

export const model: TopicContract = {
  suffix: 'model',
  summary:
    'What was learned: one delta per transaction and partition. The truth about model and position.',
  schema: undefined,
  content: 'binary delta `[from, to)` of source offsets, checksummed',
  key: 'none; `barrier` on the record that begins a claim',
  partitions: 'mirror',
  cleanup: 'delete',
  retentionMs: undefined,
  settings: { 'retention.bytes': '-1', 'max.message.bytes': String(8 << 20) },
};
