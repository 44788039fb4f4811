/** The classes that one partition has met beyond the declared ones, with a mark to go back to. */
import type { Model } from '../core/models/model.ts';
import type { ClassRules } from './classes.ts';

export class PartitionClasses {
  readonly #rules: ClassRules;
  readonly #models: readonly { readonly model: Model }[];
  /** In the order this partition met them. */
  #appended: string[] = [];
  #marked = 0;

  /** @param models of the process: what other partitions taught them counts towards the bound */
  constructor(rules: ClassRules, models: readonly { readonly model: Model }[]) {
    this.#rules = rules;
    this.#models = models;
  }

  /** Class of a label, appended if it is new; null: it would be one too many. */
  resolve(label: string): string | null {
    const resolved = this.#rules.resolve(label);
    if (this.#rules.isDeclared(resolved) || this.#appended.includes(resolved)) return resolved;
    if (!this.#metElsewhere(resolved) && !this.#rules.hasRoom(this.#appendedEverywhere()))
      return null;
    this.#appended.push(resolved);
    return resolved;
  }

  /** A class that the partition has met before. */
  append(label: string): void {
    if (this.#rules.isDeclared(label) || this.#appended.includes(label)) return;
    this.#appended.push(label);
  }

  mark(): void {
    this.#marked = this.#appended.length;
  }

  rollback(): void {
    this.#appended.length = this.#marked;
  }

  snapshot(): readonly string[] {
    return [...this.#appended];
  }

  restore(appended: readonly string[]): void {
    this.#appended = [...appended];
    this.mark();
  }

  #metElsewhere(label: string): boolean {
    return this.#models.some(({ model }) => model.classes.includes(label));
  }

  #appendedEverywhere(): number {
    const met = new Set(this.#appended);
    for (const { model } of this.#models) {
      for (const label of model.classes) if (!this.#rules.isDeclared(label)) met.add(label);
    }
    return met.size;
  }
}
