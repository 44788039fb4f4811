import type { Features } from '../text/features.ts';

/**
 * What every model does. A model's state are sums over learned documents, so that the deltas of partitions add up to one model:
 *
 *   learn, unlearn ──► sums + staged delta ──takeDelta──► out of the sums, to be committed ──apply──► into the sums
 *
 * Nothing here knows a clock, a log or a partition's carry.
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
  /** Row-major [ids.length x classes.length]: change of each count. */
  readonly counts: Float64Array;
}

export interface Model {
  /** Kind with its options in canonical form, such as `multinomial:alpha=1`. */
  readonly kind: string;
  /** Classes with at least one document (River kinds), or declared ones and those (baselines); in the model's order. */
  readonly classes: readonly string[];
  /** Documents learned, net of unlearned ones: also the version that predictions carry. */
  readonly learned: number;
  /** Features with a count above 0. */
  readonly vocabulary: number;

  /** Changes nothing. */
  predict(features: Features): Answer;
  /**
   * Adds one document to `label`.
   *
   * @param sight where this document stands; decides the class order of the River kinds
   */
  learn(features: Features, label: string, sight: FirstSight): void;
  /** Takes one document out again, exactly: learn then unlearn leaves the counts as they were. */
  unlearn(features: Features, label: string): void;

  /** From now on learn and unlearn are staged for `takeDelta`. A model outside a pipeline stages nothing. */
  stage(): void;
  /** Takes what was staged out of the sums: the model is again what it was before. An empty delta has no classes. */
  takeDelta(): ModelDelta;
  /** Adds a delta to the sums. Commutative and associative; not idempotent. */
  apply(delta: ModelDelta): void;

  /**
   * The features that moved the last answer most, largest absolute weight first.
   * Two known classes: log-odds of the later class in `order` against the earlier one. More: log-odds of the answer against the
   * mean of the other classes.
   *
   * @param order declared order of the classes, worst to best
   */
  explain(features: Features, limit: number, order: readonly string[]): readonly Contribution[];
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
  /** Rows of `cells`: an id of `rows` or more has no counts. */
  readonly rows: number;
  /** Row-major [id x stride + index of the class]; `stride` is at least the number of classes. */
  readonly cells: Float64Array;
  readonly stride: number;
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
}
