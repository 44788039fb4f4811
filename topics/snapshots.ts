/**
 * Snapshots topic: the merged model at a vector of source positions, to start faster. Never needed for the truth.
 */
import { DAY_MS, type TopicContract } from './contract.ts';

export const snapshots: TopicContract = {
  suffix: 'snapshots',
  summary: 'The merged model at a vector of positions, to start faster; two slots.',
  schema: undefined,
  content: 'binary chunks under 1 MB, checksummed',
  key: '`<slot>/<chunk>`',
  partitions: 1,
  cleanup: 'compact',
  retentionMs: undefined,
  settings: {
    'min.cleanable.dirty.ratio': '0.1',
    'segment.bytes': '67108864',
    'delete.retention.ms': String(DAY_MS),
  },
};
