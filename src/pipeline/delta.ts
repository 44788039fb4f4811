/**
 * Deltas: what one transaction taught, as bytes of the model topic. One record a transaction and partition.
 *
 *   "VD" version │ pipeline partition epoch [from, to) seen │ labels │ features of each extractor │ models
 *        │ counts, calibrators │ events: carry │ promotion, where the partition switches │ CRC-32
 *
 * Terms and labels stand in the delta by name: ids are of one process only. Hashed features stand in it by id. Counts are sums, for
 * everyone who follows; `events` rebuild the partition's carry, for whoever owns it next, and are decoded only then. A calibrator
 * stands in it whole, where it changed: the others merge with it, and the next owner goes on with it.
 *
 * Invariants
 * - `from` is the position before the chunk, never the first record's offset: offsets skip, deltas are contiguous;
 * - a delta is applied only where `from` equals the follower's position; a covered one is skipped; a gap stops.
 */
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import type { CalibratorState } from '../core/models/calibrator.ts';
import type { CountUnit } from '../core/models/gtnb-delta.ts';
import type { ModelDelta } from '../core/models/model.ts';
import type { KeptFeatures } from '../core/text/features.ts';
import type { LabelEvent, TextEvent } from './carry.ts';
import type { Promotion } from './promotion.ts';

/** First bytes of a delta: V, D, version. */
export const DELTA_MAGIC = { first: 0x56, second: 0x44, version: 2 } as const;

/** A record of the chunk, for the carries of the models it was addressed to. */
export type ChunkEvent =
  | {
      readonly kind: 'text';
      /** By index of the addressed model, ascending. */
      readonly answers: readonly {
        readonly model: number;
        readonly answer: ScoredAnswer;
        /** Features of the text that the model had never learned. */
        readonly unknown: number;
        /** What the model counted for it in units: 0 is nothing; of no meaning where the unit is 1. */
        readonly added: number;
      }[];
      readonly event: TextEvent;
      /** By extractor in the order of {@link extractorsOf}; undefined: no addressed model has it. */
      readonly features: readonly (KeptFeatures | undefined)[];
    }
  | {
      readonly kind: 'label';
      readonly models: readonly { readonly model: number; readonly added: number }[];
      readonly event: LabelEvent;
    };

export interface DeltaHeader {
  readonly pipeline: string;
  readonly partition: number;
  readonly epoch: number;
  /** Source offsets [from, to). */
  readonly from: number;
  readonly to: number;
  /** By partition: the position of the others that the chunk predicted with; undefined: nothing folded yet. */
  readonly seen: readonly (number | undefined)[];
  /** The partition switches to it at `from`; undefined: it does not switch. */
  readonly promotion?: Promotion | undefined;
}

export interface DeltaModel {
  readonly name: string;
  readonly kind: string;
  /** Identity of its extractor; '': it looks at labels only. */
  readonly extractor: string;
  readonly unit: CountUnit;
}

export interface TaughtModel extends DeltaModel {
  readonly delta: ModelDelta;
  /** The partition's calibrator after the chunk; undefined: the chunk did not change it, or the kind has none. */
  readonly calibrator: CalibratorState | undefined;
}

/** A hashed feature as it stood in a text. */
export interface FeatureName {
  /** Which of {@link extractorsOf}. */
  readonly extractor: number;
  readonly id: number;
  readonly name: string;
}

export interface Delta extends DeltaHeader {
  /** Hashed features that were frequent and had no name so far. */
  readonly names: readonly FeatureName[];
  readonly models: readonly TaughtModel[];
  readonly events: readonly ChunkEvent[];
}

/** Distinct extractors of some models, in their order, without that of models that look at labels only. */
export function extractorsOf(models: readonly Pick<DeltaModel, 'extractor'>[]): readonly string[] {
  const ids = new Set(models.map(({ extractor }) => extractor));
  ids.delete('');
  return [...ids];
}
