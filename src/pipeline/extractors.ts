/**
 * The extractors of a process by identity: models that count the same features share one, so that a text is read once for them.
 */
import { createExtractorFor, featureSourceOf } from '../core/models/registry.ts';
import { parseModelKind } from '../core/models/model-kinds.ts';
import { createExtractor } from '../core/text/extractor.ts';
import type { Extractor } from '../core/text/features.ts';

export class Extractors {
  readonly #byId = new Map<string, Extractor>();
  readonly #analyzer: string;
  /** The widest bound of the kinds on the analyzer; undefined: one of them has none. */
  readonly #maxFeatures: number | undefined;
  /** What the kinds on the analyzer share. */
  #analyzed: Extractor | undefined;

  /**
   * @param kinds of all models that will run
   * @param analyzer of the kinds of River's
   */
  constructor(kinds: readonly string[], analyzer: string) {
    this.#analyzer = analyzer;
    const limits = kinds
      .filter((kind) => featureSourceOf(kind) === 'analyzer')
      .map((kind) => parseModelKind(kind).maxFeatures ?? Infinity);
    const widest = Math.max(...limits);
    this.#maxFeatures = Number.isFinite(widest) ? widest : undefined;
  }

  /**
   * Extractor of a kind, made if there is none yet.
   *
   * @param analyzer of the kinds of River's, where it is another than that of the models that run: its words are bound by nothing,
   * since they are those that somebody learned
   */
  for(kind: string, analyzer: string = this.#analyzer): Extractor {
    const isAnalyzed = featureSourceOf(kind) === 'analyzer';
    const isShared = isAnalyzed && analyzer === this.#analyzer;
    if (isShared && this.#analyzed !== undefined) return this.#analyzed;
    const maxFeatures = isShared ? this.#maxFeatures : undefined;
    const made = isAnalyzed
      ? createExtractor(analyzer, { maxFeatures })
      : createExtractorFor(kind, analyzer);
    const extractor = this.#byId.get(made.id) ?? made;
    this.#byId.set(extractor.id, extractor);
    if (isShared) this.#analyzed = extractor;
    return extractor;
  }

  find(id: string): Extractor | undefined {
    return this.#byId.get(id);
  }

  /** @throws {RangeError} there is none of this identity */
  of(id: string): Extractor {
    const extractor = this.#byId.get(id);
    if (extractor === undefined) throw new RangeError(`no extractor ${id}`);
    return extractor;
  }

  /** In the order in which they were made. */
  list(): readonly Extractor[] {
    return [...this.#byId.values()];
  }
}
