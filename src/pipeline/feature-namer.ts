/**
 * Names for hashed features, so that people can be shown the words that a model counts. A text that is at hand tells the names of its
 * features; those that are frequent and have none yet go into the delta of the chunk, once.
 *
 * Whether a feature is named depends on the chunk's view alone, so that a run can be made again. The number of names has a bound.
 */
import type { Model } from '../core/models/model.ts';
import type { Extractor, Features } from '../core/text/features.ts';
import type { FeatureName } from './delta.ts';

/** Documents that a feature is in before it is named: most are seen once. */
const LEAST_DOCUMENTS = 2;
/** Names of an extractor. Several partitions may go beyond it by what one chunk of each names. */
const MOST_NAMES = 65_536;
/** Longest name, UTF-16 units. */
const LONGEST_NAME = 64;
/** By offset of the partition: every text is looked at, then each 16th, then each 64th. What is frequent comes again. */
const EVERY_TEXT = 2048;
const EACH_16TH = 32_768;

interface Naming {
  readonly extractor: Extractor;
  /** A model that counts its features. */
  readonly model: Model | undefined;
}

export class FeatureNamer {
  readonly #namings: readonly Naming[];
  /** By extractor: ids named in this chunk. */
  readonly #fresh: readonly Set<number>[];
  #given: FeatureName[] = [];

  /** @param namings by the number of the extractor in the delta */
  constructor(namings: readonly Naming[]) {
    this.#namings = namings;
    this.#fresh = namings.map(() => new Set());
  }

  /** Names of the chunk in hand. */
  get given(): readonly FeatureName[] {
    return this.#given;
  }

  /** A new chunk. */
  begin(): void {
    if (this.#given.length === 0) return;
    this.#given = [];
    for (const fresh of this.#fresh) fresh.clear();
  }

  /**
   * Looks at a text that was extracted last.
   *
   * @param offset of its record
   */
  look(index: number, { ids, length }: Features, offset: number): void {
    if (offset >= EVERY_TEXT && offset % (offset < EACH_16TH ? 16 : 64) !== 0) return;
    const { extractor, model } = this.#namings[index] ?? {};
    const fresh = this.#fresh[index];
    if (extractor?.isHashed !== true || model === undefined || fresh === undefined) return;
    const { names } = extractor;
    for (let at = 0; at < length && names.size + fresh.size < MOST_NAMES; at++) {
      const id = ids[at] ?? 0;
      if (model.frequency(id) < LEAST_DOCUMENTS || names.has(id) || fresh.has(id)) continue;
      const name = extractor.name(at);
      if (name.length > LONGEST_NAME) continue;
      fresh.add(id);
      this.#given.push({ extractor: index, id, name });
    }
  }
}
