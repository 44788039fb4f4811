/**
 * Snapshots topic: what was learned, at a place from which the model topic goes on; so that a start reads a bounded multiple of the
 * model's size, and older deltas can go. Never needed for the truth as long as the deltas are kept.
 *
 *   sums              merged model at a vector of positions    <slot>/<chunk>              <slot>/header
 *   carry of p        what is no sum, of one partition         <slot>/carry/<p>/<chunk>    <slot>/carry/<p>/header
 *
 * There are two slots, `a` and `b`, written in turns. The header is written last: a snapshot is there when its header is, and all
 * chunks that it counts have its sequence. Chunks are binary, `src/pipeline/snapshot-topic.ts`; headers are JSON, as below.
 */
import { z } from 'zod';
import { DAY_MS, type TopicContract } from './contract.ts';
import { DeclaredClasses } from './model.ts';

const count = z.int().min(0);

const header = {
  version: z.literal(2),
  /** Grows with each snapshot of its kind; every chunk has it. */
  sequence: z.int().min(1),
  chunks: count,
  /** Of all chunks. */
  bytes: count,
  /** SHA-256 of the contents of all chunks, in hex. */
  checksum: z.string().regex(/^[\da-f]{64}$/),
  pipeline: z.string(),
} as const;

/** Where a partition stood. */
const place = {
  /** Next source offset to fold; null: never folded. */
  position: count.nullable(),
  /** Offset in the model topic after the last delta contained. */
  model: count,
  /** Size of all deltas up to there since the pipeline's first, bytes. */
  taught: count,
} as const;

/** Who is champion, by the promotion records up to a place in partition 0 of the model topic. */
const promotion = z.object({
  /** Of the record that made it so. */
  id: z.string().nullable(),
  /** Offset of the last record taken. */
  at: z.int().min(-1),
  champion: z.string(),
  /** Whom a rollback puts back. */
  previous: z.string().nullable(),
});

export const SumsHeader = z.object({
  ...header,
  kind: z.literal('sums'),
  /** By the records below partition 0's place at least; absent: there was none. */
  promotion: promotion.optional(),
  /** Champion first, then challengers, then models that the subscriber did not run. */
  models: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      /** Identity of the analysis that made its features; '': it looks at labels only. */
      extractor: z.string(),
      /** Documents that left its window; absent: none. */
      forgotten: count.optional(),
    }),
  ),
  /** Declared classes, worst to best, of the subscriber that wrote it; absent, or not to be read: not told. */
  labels: DeclaredClasses.optional().catch(undefined),
  /** By partition. */
  partitions: z.array(z.object(place)),
});
export type SumsHeader = z.infer<typeof SumsHeader>;

export const CarryHeader = z.object({
  ...header,
  ...place,
  kind: z.literal('carry'),
  partition: count,
  /** Identities of the analyses that made the features of the carries. */
  extractors: z.array(z.string()),
});
export type CarryHeader = z.infer<typeof CarryHeader>;

export const SnapshotHeader = z.discriminatedUnion('kind', [SumsHeader, CarryHeader]);
export type SnapshotHeader = z.infer<typeof SnapshotHeader>;

export const snapshots: TopicContract = {
  suffix: 'snapshots',
  summary: 'The merged model at a vector of positions, to start faster; two slots.',
  schema: undefined,
  content: 'binary chunks under 1 MB and a JSON header, checksummed',
  key: '`<slot>/<chunk>`, `<slot>/carry/<partition>/<chunk>`; `header` in the place of the last chunk',
  partitions: 1,
  cleanup: 'compact',
  retentionMs: undefined,
  settings: {
    'min.cleanable.dirty.ratio': '0.1',
    'segment.bytes': '67108864',
    'delete.retention.ms': String(DAY_MS),
  },
};
