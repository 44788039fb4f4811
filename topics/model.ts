/**
 * Model topic: what was learned, one delta per transaction and partition, binary. The truth about the model and about each
 * partition's position. Deltas are sums, so the topic is never compacted and never deleted by age: only the snapshot taker
 * trims it. The byte layout is in `src/pipeline/delta.ts`.
 */
import type { TopicContract } from './contract.ts';

export const model: TopicContract = {
  suffix: 'model',
  summary:
    'What was learned: one delta per transaction and partition. The truth about model and position.',
  schema: undefined,
  content: 'binary delta `[from, to)` of source offsets, checksummed',
  key: 'none',
  partitions: 'mirror',
  cleanup: 'delete',
  retentionMs: undefined,
  settings: { 'retention.bytes': '-1' },
};
