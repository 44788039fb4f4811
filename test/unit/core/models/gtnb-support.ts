import fc from 'fast-check';
import type { Calibrator } from '../../../../src/core/models/calibrator.ts';
import type { Addition } from '../../../../src/core/models/gtnb-delta.ts';
import type { ModelDelta } from '../../../../src/core/models/model.ts';
import { ExactAnalysis, type Analysis } from '../../../../src/core/models/gtnb-analysis.ts';
import { Gtnb, type GtnbOptions } from '../../../../src/core/models/gtnb.ts';
import { keepTyped, type TypedFeatures } from '../../../../src/core/text/gt-features.ts';

/** A GT-NB of one process, by text; and streams for its properties. */

export interface Lesson {
  readonly text: string;
  readonly label: string;
  /** Sixteenths. */
  readonly weight: number;
}

export class Learner {
  readonly analysis = new ExactAnalysis({ version: 1 });
  readonly model: Gtnb;
  readonly calibrator: Calibrator;

  constructor(declared: readonly string[], options: GtnbOptions = {}) {
    this.model = new Gtnb('gtnb', this.analysis, declared, this.analysis.lexicon, options);
    this.calibrator = this.model.calibrator();
  }

  learn({ text, label, weight }: Lesson, partition = 0, offset = 0): Addition | undefined {
    const features = this.analysis.extract(text);
    return this.model.learn(features, label, { partition, offset }, this.calibrator, weight);
  }

  unlearn({ text, label }: Lesson, addition: Addition | undefined): void {
    this.model.unlearn(this.analysis.extract(text), label, addition);
  }

  ask(text: string) {
    const features = this.analysis.extract(text);
    const { classes, probabilities, best } = this.model.predict(features, this.calibrator);
    return { classes: [...classes], probabilities: [...probabilities], best };
  }

  explain(text: string, limit: number) {
    const features = this.analysis.extract(text);
    const explained = this.model.explain(features, limit, [], this.calibrator);
    if (explained.logit === undefined) return undefined;
    const { value, ...logit } = explained.logit;
    return { features: explained.features, logit: value, ...logit };
  }

  /** Applies what another process shipped: names travel, ids do not. */
  receive(delta: ModelDelta, from: Learner): void {
    const ids = delta.ids.map((id) => this.analysis.intern(from.analysis.term(id)));
    this.model.apply({ ...delta, ids });
  }
}

/** Reads each text once, for all models that learn from the same stream: the expressions take longer than the models. */
export class SharedAnalysis extends ExactAnalysis {
  readonly #read = new Map<string, TypedFeatures>();

  override extract(text: string): TypedFeatures {
    const before = this.#read.get(text);
    if (before !== undefined) return before;
    const features = keepTyped(super.extract(text));
    this.#read.set(text, features);
    return features;
  }

  withoutLexicon(): Analysis {
    return {
      id: this.id,
      isHashed: false,
      lexicon: undefined,
      extract: (text) => this.extract(text),
      keep: () => this.keep(),
      term: (id) => this.term(id),
      name: (at) => this.name(at),
      nameOf: (id) => this.nameOf(id),
    };
  }
}

export const TWO = ['negative', 'positive'];
export const THREE = ['negative', 'neutral', 'positive'];

/** By name: how documents are counted. */
export const FORMS: readonly (readonly [name: string, options: GtnbOptions])[] = [
  ['whole counts', {}],
  ['dfe', { dfe: true }],
  ['weights', { weights: true }],
  ['dfe and weights', { dfe: true, weights: true }],
];

const WORDS = 'good bad great not . food table awful __proto__ constructor'.split(' ');
const words = fc.constantFrom(...WORDS);
export const texts = fc.array(words, { maxLength: 7 }).map((list) => list.join(' '));

/** Lessons with labels beyond the declared ones. */
export function lessonsOf(options: GtnbOptions, maxLength = 25): fc.Arbitrary<Lesson[]> {
  const label = fc.constantFrom('negative', 'positive', 'neutral', 'constructor', '__proto__');
  const weight = options.weights === true ? fc.integer({ min: 0, max: 40 }) : fc.constant(16);
  return fc.array(fc.record({ text: texts, label, weight }), { maxLength });
}
