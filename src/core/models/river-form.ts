import { TermCounts, Vocabulary } from '../text/vocabulary.ts';
import type { Terms } from '../text/features.ts';
import { Bernoulli } from './bernoulli.ts';
import { Complement } from './complement.ts';
import type { Answer, Model } from './model.ts';
import { Multinomial } from './multinomial.ts';
import { parseModelKind } from './model-kinds.ts';

/**
 * The naive Bayes models in River's manner, over Maps of feature to value, usable by themselves:
 *
 *   new MultinomialNB().learnOne(bag.transformOne('good food'), 'positive').predictOne(bag.transformOne('good'))
 *
 * They are the models of the pipeline with a vocabulary of their own, so the arithmetic exists once. Classes are ordered by first
 * learning; ties go to the class learned first. Entries with the value 0 count as absent.
 */

export interface NaiveBayesOptions {
  /** Additive smoothing, > 0; default 1. */
  readonly alpha?: number | undefined;
}

/** Feature that no model has counts for. */
const UNKNOWN = 0x7fff_ffff;

abstract class MapForm {
  readonly #vocabulary = new Vocabulary();
  readonly #features = new TermCounts();
  readonly #model: Model;

  constructor(create: (terms: Terms) => Model) {
    this.#model = create({
      id: '',
      isHashed: false,
      term: (id) => this.#vocabulary.term(id),
    });
  }

  /** Learns one document. */
  learnOne(x: ReadonlyMap<string, number>, y: string): this {
    this.#fill(x, (term) => this.#vocabulary.add(term));
    this.#vocabulary.keep();
    this.#model.learn(this.#features, y, { partition: 0, offset: this.#model.learned });
    return this;
  }

  /** Posterior of each class, in the order of first learning, sum 1; empty while no class is known. Changes nothing. */
  predictProbaOne(x: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    const { classes, probabilities } = this.#ask(x);
    return new Map(classes.map((label, index) => [label, probabilities[index] ?? 0]));
  }

  /** The most probable class; undefined while no class is known. Changes nothing. */
  predictOne(x: ReadonlyMap<string, number>): string | undefined {
    const { classes, best } = this.#ask(x);
    return classes[best];
  }

  #ask(x: ReadonlyMap<string, number>): Answer {
    this.#fill(x, (term) => {
      const id = this.#vocabulary.lookup(term);
      return id === -1 ? UNKNOWN : id;
    });
    return this.#model.predict(this.#features);
  }

  #fill(x: ReadonlyMap<string, number>, idOf: (term: string) => number): void {
    const features = this.#features;
    features.reset(x.size);
    for (const [term, value] of x) {
      if (value === 0) continue;
      features.ids[features.length] = idOf(term);
      features.values[features.length] = value;
      features.length += 1;
    }
  }
}

/** @throws {ValenceError} CONFIG_INVALID: alpha <= 0 (River fails at the first unseen pair instead) */
function alphaOf({ alpha = 1 }: NaiveBayesOptions, name: string): number {
  return parseModelKind(`${name}:alpha=${alpha}`).alpha;
}

/** @see Multinomial */
export class MultinomialNB extends MapForm {
  constructor(options: NaiveBayesOptions = {}) {
    const alpha = alphaOf(options, 'multinomial');
    super((terms) => new Multinomial('multinomial', terms, alpha));
  }
}

/** @see Complement */
export class ComplementNB extends MapForm {
  constructor(options: NaiveBayesOptions = {}) {
    const alpha = alphaOf(options, 'complement');
    super((terms) => new Complement('complement', terms, alpha));
  }
}

/** @see Bernoulli; a feature is present when its value is above 0 */
export class BernoulliNB extends MapForm {
  constructor(options: NaiveBayesOptions = {}) {
    const alpha = alphaOf(options, 'bernoulli');
    super((terms) => new Bernoulli('bernoulli', terms, alpha, Number.POSITIVE_INFINITY));
  }
}
