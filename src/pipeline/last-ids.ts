/**
 * The ids that were added last, each once, oldest first, so many at most; and a chunk of them can be taken back.
 *
 *   add ──► log: every id as it came … newest        list() = the newest of the log, each once
 *
 * Adding happens at every record and asking hardly ever, so that adding is all but free: the log is looked through when somebody
 * asks, and becomes the list when it has grown to several times its size.
 */
/** The log becomes the list when it is so many times as long. */
const SLACK = 3;
const LEAST = 1024;

export class LastIds {
  readonly #most: number;
  #log: string[] = [];
  #marked = 0;
  /** By id: its last place in the part of the log that was indexed, for the newest ids there. */
  readonly #places = new Map<string, number>();
  /** That part ends here; no id of `#places` stands before `#first`. */
  #indexed = 0;
  #first = 0;

  /** @param most ids, an integer >= 0 */
  constructor(most: number) {
    this.#most = most;
  }

  /** Adds an id as the newest, or makes it so. */
  add(id: string): void {
    this.#log.push(id);
  }

  has(id: string): boolean {
    for (; this.#indexed < this.#log.length; this.#indexed++) {
      this.#places.set(this.#log[this.#indexed] ?? '', this.#indexed);
      while (this.#places.size > this.#most) this.#dropOldest();
    }
    return this.#places.has(id);
  }

  #dropOldest(): void {
    const id = this.#log[this.#first] ?? '';
    if (this.#places.get(id) === this.#first) this.#places.delete(id);
    this.#first += 1;
  }

  /** Oldest first. */
  list(): string[] {
    const newest = new Set<string>();
    for (let at = this.#log.length - 1; at >= 0 && newest.size < this.#most; at--)
      newest.add(this.#log[at] ?? '');
    return [...newest].toReversed();
  }

  /** What is there now stays, whatever `rollback` takes back later. */
  mark(): void {
    if (this.#log.length > SLACK * this.#most + LEAST) {
      this.#log = this.list();
      this.#forgetIndex();
    }
    this.#marked = this.#log.length;
  }

  /** As it was at the last mark, order included. */
  rollback(): void {
    this.#log.length = this.#marked;
    if (this.#indexed > this.#marked) this.#forgetIndex();
  }

  #forgetIndex(): void {
    this.#places.clear();
    this.#indexed = 0;
    this.#first = 0;
  }
}
