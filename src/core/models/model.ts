import type { Features, Terms } from '../text/features.ts';
import type { Calibrator, CalibratorState, CalibratorValues } from './calibrator.ts';
import type { Addition, CountUnit } from './gtnb-delta.ts';

/**
 * What every model does. A model's state are sums over learned documents, so that the deltas of partitions add up to one model:
 *
 *   learn, unlearn ──► sums + staged delta ──takeDelta──► out of the sums, to be committed ──apply──► into the sums
 *
 * What depends on the order of records is no sum: a calibrator belongs to a partition's carry, and is handed in. A model goes with
 * the extractor and the calibrator that were made for it. Nothing here knows a clock, a log or a partition.
 */

/** Where a class was first seen: the lowest partition that has it, its offset there. Orders the classes of the River kinds. */
export interface FirstSight {
  readonly partition: number;
  readonly offset: number;
}

/** An answer to one document. Views into buffers of the model: valid until its next `predict`. */
export interface Answer {
  /** Classes the model knows, in its order; [] while it knows none. */
  readonly classes: readonly string[];
  /** Posterior of each class, same order, sum 1 within 1e-12. */
  readonly probabilities: Float64Array;
  /** Index of the answer, ties to the lowest index; -1 while no class is known. */
  readonly best: number;
  /** Features that none of the classes has a count of, where the model tells them on its way. */
  readonly unknown?: number | undefined;
}

/** Weight of one feature in an answer. */
export interface Contribution {
  readonly feature: string;
  /** Log-odds in nats, see `Model.explain`. */
  readonly weight: number;
}

/** What a model learned since the last `takeDelta`, aggregated. Feature ids are those of the process's extractor. */
export interface ModelDelta {
  readonly classes: readonly {
    readonly label: string;
    /** Documents learned less documents unlearned. */
    readonly documents: number;
    /** First sight of the class in this delta's partition; undefined when the class was known there before. */
    readonly firstSight: FirstSight | undefined;
  }[];
  /** Ids with a change, in the order of their first change. */
  readonly ids: Int32Array;
  /** Row-major [ids.length x classes.length]: change of each count, in units of the model. */
  readonly counts: Float64Array;
  /** By class, in units: change of the weight of its documents. Undefined: each counts 1. */
  readonly masses?: Float64Array | undefined;
  /** By row: change of the number of documents with the feature. Undefined: the sum of its counts. */
  readonly frequencies?: Float64Array | undefined;
  /** Documents that left the window; undefined: none. */
  readonly forgotten?: number | undefined;
}

/** Nothing was learned. */
export const NO_DELTA: ModelDelta = {
  classes: [],
  ids: new Int32Array(0),
  counts: new Float64Array(0),
};

/** An answer as log-odds in nats, with what it is made of: value = prior + bias + features + rest, within 1e-9. */
export interface Logit {
  /** Class that positive numbers speak for: the second of two, of more the answer. */
  readonly towards: string;
  /** Log-odds of that class against the other one, or against the mean of the others. */
  readonly value: number;
  /** Part of the class sizes. */
  readonly prior: number;
  /** Part of the calibrator's bias of each class. */
  readonly bias: number;
  /** Sum over the features that are not listed. */
  readonly rest: number;
}

/** Why an answer is what it is. */
export interface Explanation {
  /** Heaviest first, at most as many as asked for; those that say nothing are left out. */
  readonly features: readonly Contribution[];
  /** What the weights add up to; undefined in kinds where they do not, and below two classes. */
  readonly logit?: Logit | undefined;
}

export interface Model {
  /** Kind with its options in canonical form, such as `multinomial:alpha=1`. */
  readonly kind: string;
  readonly extractor: Terms;
  /** Classes with at least one document (River kinds), or declared ones and those (baselines); in the model's order. */
  readonly classes: readonly string[];
  /** What a document counts: 1, or 16 where it may count a part of that. */
  readonly unit: CountUnit;
  /** Whether it counts a document by the weight of its label; else each counts one. */
  readonly isWeighted: boolean;
  /** Documents learned, net of unlearned ones: also the version that predictions carry. */
  readonly learned: number;
  /** Features with a count above 0. */
  readonly vocabulary: number;

  /** Documents that hold a feature; with occurrences that count several times, the sum of its counts. */
  frequency(id: number): number;

  /** A calibrator for this model: a new one, or the one of a state. Undefined: the kind needs none. */
  calibrator(state?: CalibratorState): Calibrator | undefined;

  /** Changes nothing. */
  predict(features: Features, calibrator?: Calibrator): Answer;
  /**
   * Adds one document to `label`; the calibrator learns from it too.
   *
   * @param sight where this document stands; decides the order of classes that were not declared
   * @param weight in sixteenths, an integer above 0; default 16. Another one only where `isWeighted`
   * @returns what it added, for `unlearn`; undefined in kinds that count each document alike
   */
  learn(
    features: Features,
    label: string,
    sight: FirstSight,
    calibrator?: Calibrator,
    weight?: number,
  ): Addition | undefined;
  /** Takes one document out again, exactly: learn then unlearn leaves the counts as they were. */
  unlearn(features: Features, label: string, addition?: Addition): void;

  /** As {@link unlearn}, of a document that left the window of the kind: it goes on counting as learned. */
  forget(features: Features, label: string, addition?: Addition): void;

  /** From now on learn and unlearn are staged for `takeDelta`. A model outside a pipeline stages nothing. */
  stage(): void;
  /** Takes what was staged out of the sums: the model is again what it was before. An empty delta has no classes. */
  takeDelta(): ModelDelta;
  /** Adds a delta to the sums. Commutative and associative; not idempotent. */
  apply(delta: ModelDelta): void;

  /**
   * The features that moved the answer most, largest absolute weight first.
   * Two known classes: log-odds of the later class in `order` against the earlier one. More: log-odds of the answer against the
   * mean of the other classes.
   *
   * @param features those that the extractor gave last: hashed ones have a name only there
   * @param order declared order of the classes, worst to best
   */
  explain(
    features: Features,
    limit: number,
    order: readonly string[],
    calibrator?: Calibrator,
  ): Explanation;
  /** The `limit` most telling features of each class with their counts. */
  top(
    limit: number,
  ): ReadonlyMap<
    string,
    readonly { readonly feature: string; readonly weight: number; readonly count: number }[]
  >;

  /** A copy of the sums as they are now, what is staged included, to be written out while the model goes on learning. */
  sums(): ModelSums;

  /** Plain data, JSON-safe, canonical: equal sums give equal snapshots (features by term, code-unit order). */
  snapshot(): ModelSnapshot;
}

/** The sums of a model at one moment, in the order of the columns and ids of this process. */
export interface ModelSums {
  readonly classes: readonly {
    readonly label: string;
    readonly documents: number;
    readonly firstSight: FirstSight | undefined;
  }[];
  /** Features that have a count, rising. */
  readonly ids: Int32Array;
  /** Row-major [place in `ids` x stride + base + index of the class]; `stride` is at least the number of classes. */
  readonly cells: Float64Array | Uint32Array;
  readonly stride: number;
  /** 1: the cell before the first class holds the number of documents with the feature. */
  readonly base: 0 | 1;
  /** By class, in units: weight of its documents. Undefined: each counts 1. */
  readonly masses?: readonly number[] | undefined;
  /** Documents that left the window. */
  readonly forgotten: number;
}

/** A model as data. Reading one executes nothing. */
export interface ModelSnapshot {
  readonly format: 'valence-model';
  readonly version: 1;
  readonly kind: string;
  /** Extractor identity; '' for kinds without features. */
  readonly extractor: string;
  /** Classes in the model's order. */
  readonly classes: readonly {
    readonly label: string;
    readonly documents: number;
    readonly firstSight: FirstSight;
  }[];
  /** [term, count per class in the order of `classes`], only features with a count above 0. */
  readonly features: readonly (readonly [term: string, ...counts: number[]])[];
  /** In kinds that count parts of documents, in sixteenths: the weight of the documents of each class. */
  readonly masses?: readonly number[] | undefined;
  /** There too: documents with each feature. */
  readonly frequencies?: readonly number[] | undefined;
  /** Of an exported model: names of hashed features. */
  readonly names?: readonly (readonly [term: string, name: string])[] | undefined;
  /** Of an exported model: the calibrator that its answers came from. No part of the sums. */
  readonly calibrator?: CalibratorValues | undefined;
  /** Of an exported model: the classes that were declared, worst to best, as far as that is known; its answers depend on them. */
  readonly declared?: readonly string[] | undefined;
}
