import { toUnits } from '../../src/core/text/term-spans.ts';
import { DeltaEncoder } from '../../src/pipeline/delta-encoder.ts';
import { readDelta } from '../../src/pipeline/delta-reader.ts';
import type { Delta } from '../../src/pipeline/delta.ts';

/** The same delta with something changed, its checksum made again. Hashed features keep their ids. */
export function changeDelta(bytes: Uint8Array, change: (delta: Delta) => Delta): Uint8Array {
  const names = new TermNumbers();
  const read = readDelta(bytes);
  const delta = { ...read, models: read.taught(names), events: read.events(names) };
  return new DeltaEncoder().encode(change(delta), {
    of: (id) => {
      const [hashed, types = '0', bits = '0'] = /^gt\/\d;ngrams=(\d);bits=(\d+)$/.exec(id) ?? [];
      return {
        isHashed: hashed !== undefined,
        types: Number(types),
        size: 2 ** Number(bits),
        visit: (term, visitor) => {
          const units = toUnits(names.term(term));
          visitor.units(units, 0, units.length);
        },
      };
    },
  });
}

/** Ids of terms in the order in which they are met; one numbering for all extractors. */
export class TermNumbers {
  readonly #terms: string[] = [];
  readonly #ids = new Map<string, number>();

  find(): { intern(term: string): number } {
    return { intern: (term) => this.#intern(term) };
  }

  term(id: number): string {
    return this.#terms[id] ?? `#${id}`;
  }

  #intern(term: string): number {
    const known = this.#ids.get(term) ?? this.#terms.push(term) - 1;
    this.#ids.set(term, known);
    return known;
  }
}
