/**
 * Which class a label names. Declared classes have an order, worst to best, but the list is not closed: others are appended as
 * they are first met, up to a bound.
 */
import { ValenceError } from '../errors.ts';

/** Said by many producers; applies only to labels that are no declared class, and only to negative/(neutral/)positive. */
const BUILT_IN: ReadonlyMap<string, string> = new Map([
  ['0', 'negative'],
  ['1', 'positive'],
  ['false', 'negative'],
  ['true', 'positive'],
  ['neg', 'negative'],
  ['pos', 'positive'],
  ['neu', 'neutral'],
  ['negative', 'negative'],
  ['neutral', 'neutral'],
  ['positive', 'positive'],
]);

export interface ClassOptions {
  /** Worst to best. */
  readonly declared: readonly string[];
  readonly labelMap?: ReadonlyMap<string, string>;
  readonly maxClasses?: number;
}

export const DEFAULT_LABELS: readonly string[] = ['negative', 'positive'];
export const DEFAULT_MAX_CLASSES = 32;

/** True if the built-in map knows every one of these labels. */
export function builtInCovers(labels: Iterable<string>): boolean {
  for (const label of labels) if (!BUILT_IN.has(label.toLowerCase())) return false;
  return true;
}

/** Negative < neutral < positive, numbers ascending, else by code units: the order of classes that nobody declared. */
export function inferOrder(labels: Iterable<string>): readonly string[] {
  const all = [...new Set(labels)];
  if (builtInCovers(all)) {
    const met = new Set(all.map((label) => BUILT_IN.get(label.toLowerCase())));
    return ['negative', 'neutral', 'positive'].filter((label) => met.has(label));
  }
  const numeric = all.every((label) => label.trim() !== '' && Number.isFinite(Number(label)));
  return numeric
    ? all.toSorted((a, b) => Number(a) - Number(b))
    : all.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
}

/** Classes of somebody who looks at what was learned: as given, else as the log tells them, else the default ones. */
export function learnedClasses(
  { declared: given, maxClasses = DEFAULT_MAX_CLASSES, ...rest }: Partial<ClassOptions>,
  told: readonly string[] | undefined,
): ClassOptions {
  const declared = given ?? told ?? DEFAULT_LABELS;
  if (given !== undefined) return { ...rest, declared, maxClasses };
  // Whoever declared so many had room for them.
  return { ...rest, declared, maxClasses: Math.max(maxClasses, declared.length) };
}

/** True if both declare the same classes, in the same order. */
export function isSameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, at) => label === b[at]);
}

export class ClassRules {
  readonly declared: readonly string[];
  readonly #map: ReadonlyMap<string, string>;
  readonly #known: ReadonlySet<string>;
  readonly #builtIn: boolean;
  readonly #maxClasses: number;

  constructor(options: ClassOptions) {
    this.declared = options.declared;
    this.#known = new Set(options.declared);
    this.#map = options.labelMap ?? new Map<string, string>();
    this.#maxClasses = options.maxClasses ?? DEFAULT_MAX_CLASSES;
    this.#builtIn = options.declared.every((label) =>
      ['negative', 'neutral', 'positive'].includes(label),
    );
    if (this.#known.size < 2 || this.#known.size !== options.declared.length) {
      throw new ValenceError(
        'CONFIG_INVALID',
        'labels: expected at least two different classes, worst to best',
      );
    }
    if (this.#known.size > this.#maxClasses) {
      throw new ValenceError(
        'CONFIG_INVALID',
        `labels: ${this.#known.size} classes, but max-classes is ${this.#maxClasses}`,
      );
    }
  }

  /** The class that a label names; declared or not. */
  resolve(label: string): string {
    const mapped = this.#map.get(label);
    if (mapped !== undefined) return mapped;
    if (this.#known.has(label) || !this.#builtIn) return label;
    const builtIn = BUILT_IN.get(label.toLowerCase());
    return builtIn !== undefined && this.#known.has(builtIn) ? builtIn : label;
  }

  isDeclared(label: string): boolean {
    return this.#known.has(label);
  }

  /** True if one class more may be appended to the declared and these appended ones. */
  hasRoom(appended: number): boolean {
    return this.#known.size + appended < this.#maxClasses;
  }

  get maxClasses(): number {
    return this.#maxClasses;
  }
}
