/**
 * A model with what turns texts into its features, for evaluation: one learner, one stream, no log.
 */
import { DriftWatch } from '../core/drift/watch.ts';
import type { Calibrator } from '../core/models/calibrator.ts';
import { documentsSince, FEATURES_AT_ONCE, type Forgetting } from '../core/models/forgetting.ts';
import { createGtnb } from '../core/models/gtnb-create.ts';
import { isGtnbKind, parseGtnbKind } from '../core/models/gtnb-kind.ts';
import type { Addition } from '../core/models/gtnb-delta.ts';
import { countedWeight, WHOLE } from '../core/models/label-weight.ts';
import type { Answer, Model } from '../core/models/model.ts';
import { parseModelKind } from '../core/models/model-kinds.ts';
import { createExtractorFor, createModel } from '../core/models/registry.ts';
import {
  FeatureBuffer,
  keepFeatures,
  type Extractor,
  type Features,
  type KeptFeatures,
} from '../core/text/features.ts';

/** Learns a document under a label; `row` is its place in the stream, `weight` that of the label in sixteenths, default 16. */
export type Learn = (label: string, row: number, weight?: number) => void;

interface Document {
  readonly features: KeptFeatures;
  readonly label: string;
  /** 0: it has a place, and taught nothing. */
  readonly weight: number;
  readonly addition: Addition | undefined;
}

export class Learner {
  readonly #extractor: Pick<Extractor, 'extract' | 'keep'>;
  readonly #model: Model;
  readonly #calibrator: Calibrator | undefined;
  readonly #features = new FeatureBuffer();
  readonly #forgetting: Forgetting | undefined;
  /** Undefined: the kind does not react to a drift. */
  readonly #watch: DriftWatch | undefined;
  /** What is to be forgotten some day, oldest first from `#oldest` on. */
  #documents: Document[] = [];
  #oldest = 0;
  /** Of them: oldest ones that a drift let go, unlearned a part at each text. */
  #leaving = 0;

  constructor(extractor: Pick<Extractor, 'extract' | 'keep'>, model: Model) {
    this.#extractor = extractor;
    this.#model = model;
    this.#calibrator = model.calibrator();
    this.#forgetting = parseModelKind(model.kind).forgetting;
    this.#watch = this.#forgetting?.onDrift === 'forget' ? new DriftWatch() : undefined;
  }

  /** Kind with its options in canonical form. */
  get kind(): string {
    return this.#model.kind;
  }

  /** Answer to a text. A view: valid until the next call. */
  ask(text: string): Answer {
    const answer = this.#model.predict(this.#extractor.extract(text), this.#calibrator);
    if (this.#leaving > 0) this.#unlearnLeaving();
    return answer;
  }

  /** An answer met its label, which is learned next: at a rise of the errors the kind may forget. */
  scored(isHit: boolean): void {
    if (this.#watch === undefined) return;
    for (const alarm of this.#watch.scored(isHit ? 0 : 1)) {
      const since = documentsSince(alarm);
      if (since === undefined) continue;
      this.#watch.restart();
      const released = this.#documents.length - this.#oldest - since + 1;
      this.#leaving = Math.max(this.#leaving, released);
      this.#unlearnLeaving();
    }
  }

  /** Learns the text that was asked last. */
  learn(label: string, row: number, weight?: number): void {
    this.#learn(this.#extractor.keep(), undefined, label, row, weight);
  }

  /** What learns the text that was asked last, whenever it is called. */
  keep(): Learn {
    const kept = keepFeatures(this.#extractor.keep());
    return (label, row, weight) => {
      this.#learn(this.#features.load(kept), kept, label, row, weight);
    };
  }

  /** @param kept the features, if they are kept already */
  #learn(
    features: Features,
    kept: KeptFeatures | undefined,
    label: string,
    row: number,
    given = WHOLE,
  ): void {
    const weight = countedWeight(given, this.#model.isWeighted);
    const sight = { partition: 0, offset: row };
    const addition =
      weight === 0
        ? undefined
        : this.#model.learn(features, label, sight, this.#calibrator, weight);
    if (this.#forgetting === undefined) return;
    const document = { features: kept ?? keepFeatures(features), label, weight, addition };
    this.#remember(document, this.#forgetting);
  }

  #remember(document: Document, { window }: Forgetting): void {
    this.#documents.push(document);
    while (this.#documents.length - this.#oldest > window) this.#forgetOldest();
    if (this.#oldest <= window) return;
    this.#documents = this.#documents.slice(this.#oldest);
    this.#oldest = 0;
  }

  #unlearnLeaving(): void {
    let features = 0;
    while (this.#leaving > 0 && features < FEATURES_AT_ONCE) features += this.#forgetOldest();
  }

  /** @returns features unlearned */
  #forgetOldest(): number {
    const document = this.#documents[this.#oldest++];
    if (this.#leaving > 0) this.#leaving -= 1;
    if (document === undefined) return 0;
    const { features, label, weight, addition } = document;
    if (weight === 0) return 0;
    this.#model.forget(this.#features.load(features), label, addition);
    return features.ids.length;
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
