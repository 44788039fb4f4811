/**
 * A model with what turns texts into its features, for evaluation: one learner, one stream, no log.
 */
import type { Calibrator } from '../core/models/calibrator.ts';
import { createGtnb } from '../core/models/gtnb-create.ts';
import { isGtnbKind, parseGtnbKind } from '../core/models/gtnb-kind.ts';
import { countedWeight, WHOLE } from '../core/models/label-weight.ts';
import type { Answer, Model } from '../core/models/model.ts';
import { createExtractorFor, createModel } from '../core/models/registry.ts';
import {
  FeatureBuffer,
  keepFeatures,
  type Extractor,
  type Features,
} from '../core/text/features.ts';

/** Learns a document under a label; `row` is its place in the stream, `weight` that of the label in sixteenths, above 0; default 16. */
export type Learn = (label: string, row: number, weight?: number) => void;

export class Learner {
  readonly #extractor: Pick<Extractor, 'extract' | 'keep'>;
  readonly #model: Model;
  readonly #calibrator: Calibrator | undefined;
  readonly #features = new FeatureBuffer();

  constructor(extractor: Pick<Extractor, 'extract' | 'keep'>, model: Model) {
    this.#extractor = extractor;
    this.#model = model;
    this.#calibrator = model.calibrator();
  }

  /** Kind with its options in canonical form. */
  get kind(): string {
    return this.#model.kind;
  }

  /** Answer to a text. A view: valid until the next call. */
  ask(text: string): Answer {
    return this.#model.predict(this.#extractor.extract(text), this.#calibrator);
  }

  /** Learns the text that was asked last. */
  learn(label: string, row: number, weight?: number): void {
    this.#learn(this.#extractor.keep(), label, row, weight);
  }

  /** What learns the text that was asked last, whenever it is called. */
  keep(): Learn {
    const kept = keepFeatures(this.#extractor.keep());
    return (label, row, weight) => {
      this.#learn(this.#features.load(kept), label, row, weight);
    };
  }

  #learn(features: Features, label: string, row: number, given = WHOLE): void {
    const weight = countedWeight(given, this.#model.isWeighted);
    const sight = { partition: 0, offset: row };
    this.#model.learn(features, label, sight, this.#calibrator, weight);
  }
}

/**
 * @param kind any kind with options, gtnb with `bits=exact` too
 * @param declared classes, worst to best
 * @param analyzer of the kinds of River's
 * @throws {ValenceError} CONFIG_INVALID
 */
export function createLearner(
  kind: string,
  declared: readonly string[],
  analyzer: string,
): Learner {
  if (isGtnbKind(kind)) {
    const { analysis, model } = createGtnb(parseGtnbKind(kind), declared);
    return new Learner(analysis, model);
  }
  const extractor = createExtractorFor(kind, analyzer);
  return new Learner(extractor, createModel(kind, extractor, declared, { singleLearner: true }));
}
