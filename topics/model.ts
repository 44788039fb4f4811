/**
 * Model topic: what was learned, one delta per transaction and partition, binary. The truth about the model and about each
 * partition's position. Deltas are sums, so the topic is never compacted and never deleted by age: only the snapshot taker
 * trims it. The byte layout is in `src/pipeline/delta.ts`.
 *
 * Deltas have no key. A record with a key is no delta: {@link BARRIER_KEY} marks a claim on logs that fence by a record (Kafka);
 * {@link PROMOTION_KEY}, in partition 0, says who is champion from now on.
 *
 * Beside a delta stands which classes were declared where it was learned, as a record header: {@link LABELS_HEADER}.
 */
import { z } from 'zod';
import type { TopicContract } from './contract.ts';

/** Key of the record that a new owner writes before anything else: all that earlier owners committed lies below it. */
export const BARRIER_KEY = 'barrier';

/** Key of a {@link PromotionRecord}, JSON, in partition 0. Each partition obeys it from its next chunk on. */
export const PROMOTION_KEY = 'promotion';

/** Header of a delta: {@link DeclaredClasses} as JSON. Absent, or not to be read: not told. */
export const LABELS_HEADER = 'labels';

/** Declared classes, worst to best. */
export const DeclaredClasses = z
  .array(z.string())
  .min(2)
  .refine((labels) => new Set(labels).size === labels.length, 'expected each class once');
export type DeclaredClasses = z.infer<typeof DeclaredClasses>;

const modelName = z.string().min(1).max(64);
/** Tells promotions apart: deltas name it where a partition switches. */
const id = z.string().min(1).max(64);

export const PromotionRecord = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('promote'), model: modelName, id }),
    /** Back to the champion before; one step only. */
    z.object({ type: z.literal('rollback'), model: modelName.nullable(), id }),
    /** As it stood when the model topic was emptied (`model rebuild`). */
    z.object({
      type: z.literal('restore'),
      model: modelName,
      previous: modelName.nullable(),
      id,
    }),
  ])
  .describe('who is champion from the next chunk of each partition on');
export type PromotionRecord = z.infer<typeof PromotionRecord>;

export const model: TopicContract = {
  suffix: 'model',
  summary:
    'What was learned: one delta per transaction and partition. The truth about model and position.',
  schema: undefined,
  content:
    'binary delta `[from, to)` of source offsets, checksummed; JSON where the key is `promotion`; header `labels`: declared classes',
  key: 'none; `barrier` on the record that begins a claim, `promotion` on one that names another champion',
  partitions: 'mirror',
  cleanup: 'delete',
  retentionMs: undefined,
  settings: { 'retention.bytes': '-1', 'max.message.bytes': String(8 << 20) },
};
