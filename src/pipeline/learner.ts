/**
 * A model with what turns texts into its features, for evaluation: one learner, one stream, no log.
 */
import { createGtnb } from '../core/models/gtnb-create.ts';
import { isGtnbKind, parseGtnbKind } from '../core/models/gtnb-kind.ts';
import { keepTyped, type TypedFeatures } from '../core/text/gt-features.ts';
import type { Calibrator } from '../core/models/calibrator.ts';
import type { Gtnb } from '../core/models/gtnb.ts';
import type { Analysis } from '../core/models/gtnb-analysis.ts';
import type { Answer, Model } from '../core/models/model.ts';
import { createModel, parseModelKind } from '../core/models/registry.ts';
import { createExtractor } from '../core/text/extractor.ts';
import { FeatureBuffer, keepFeatures, type Extractor } from '../core/text/features.ts';

/** Learns a document under a label; `row` is its place in the stream. */
export type Learn = (label: string, row: number) => void;

export interface Learner {
  /** Kind with its options in canonical form. */
  readonly kind: string;
  /** Answer to a text. A view: valid until the next call. */
  ask(text: string): Answer;
  /** Learns the text that was asked last. */
  learn(label: string, row: number): void;
  /** What learns the text that was asked last, whenever it is called. */
  keep(): Learn;
}

/**
 * @param kind `gtnb` or one of the kinds of `createModel`, with options
 * @param declared classes, worst to best
 * @param analyzer of the kinds of River's
 * @throws {ValenceError} CONFIG_INVALID
 */
export function createLearner(
  kind: string,
  declared: readonly string[],
  analyzer: string,
): Learner {
  return isGtnbKind(kind)
    ? new GtnbLearner(kind, declared)
    : new RiverLearner(kind, declared, analyzer);
}

class RiverLearner implements Learner {
  readonly kind: string;
  readonly #extractor: Extractor;
  readonly #model: Model;
  readonly #features = new FeatureBuffer();

  constructor(kind: string, declared: readonly string[], analyzer: string) {
    const { maxFeatures } = parseModelKind(kind);
    this.#extractor = createExtractor(analyzer, maxFeatures === undefined ? {} : { maxFeatures });
    this.#model = createModel(kind, this.#extractor, declared, { singleLearner: true });
    this.kind = this.#model.kind;
  }

  ask(text: string): Answer {
    return this.#model.predict(this.#extractor.extract(text));
  }

  learn(label: string, row: number): void {
    this.#model.learn(this.#extractor.keep(), label, { partition: 0, offset: row });
  }

  keep(): Learn {
    const kept = keepFeatures(this.#extractor.keep());
    return (label, row) =>
      this.#model.learn(this.#features.load(kept), label, { partition: 0, offset: row });
  }
}

class GtnbLearner implements Learner {
  readonly kind: string;
  readonly #analysis: Analysis;
  readonly #model: Gtnb;
  readonly #calibrator: Calibrator;
  #features: TypedFeatures | undefined;

  constructor(kind: string, declared: readonly string[]) {
    const { analysis, model } = createGtnb(parseGtnbKind(kind), declared);
    this.kind = model.kind;
    this.#analysis = analysis;
    this.#model = model;
    this.#calibrator = model.calibrator();
  }

  ask(text: string): Answer {
    const features = this.#analysis.extract(text);
    this.#features = features;
    return this.#model.predict(features, this.#calibrator);
  }

  learn(label: string, row: number): void {
    if (this.#features !== undefined) this.#add(this.#features, label, row);
  }

  keep(): Learn {
    const kept = this.#features === undefined ? undefined : keepTyped(this.#features);
    return (label, row) => {
      if (kept !== undefined) this.#add(kept, label, row);
    };
  }

  #add(features: TypedFeatures, label: string, row: number): void {
    this.#model.learn(features, label, { partition: 0, offset: row }, this.#calibrator);
  }
}
