/**
 * The extractors of a process by identity: models that count the same features share one, so that a text is read once for them.
 */
import { createExtractorFor, featureSourceOf } from '../core/models/registry.ts';
import { parseModelKind } from '../core/models/model-kinds.ts';
import type { Extractor } from '../core/text/features.ts';

export class Extractors {
  readonly #byId = new Map<string, Extractor>();
  readonly #analyzer: string;
  readonly #maxFeatures: number | undefined;
  /** What the kinds on the analyzer share; its bound is the widest that one of them has. */
  #analyzed: Extractor | undefined;

  /**
   * @param kinds of all models that will run
   * @param analyzer of the kinds of River's
   */
  constructor(kinds: readonly string[], analyzer: string) {
    this.#analyzer = analyzer;
    const limits = kinds
      .map((kind) => parseModelKind(kind).maxFeatures)
      .filter((limit) => limit !== undefined);
    this.#maxFeatures = limits.length === 0 ? undefined : Math.max(...limits);
  }

  /** Extractor of a kind, made if there is none yet. */
  for(kind: string): Extractor {
    const source = featureSourceOf(kind);
    if (source === 'analyzer' && this.#analyzed !== undefined) return this.#analyzed;
    const made = createExtractorFor(kind, this.#analyzer, this.#maxFeatures);
    const extractor = this.#byId.get(made.id) ?? made;
    this.#byId.set(extractor.id, extractor);
    if (source === 'analyzer') this.#analyzed = extractor;
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
