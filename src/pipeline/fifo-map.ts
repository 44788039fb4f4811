/**
 * A map that remembers the order of its entries and can take a chunk back.
 *
 *   set ──► newest … oldest ──► evict          mark() … rollback() leaves no trace of what came between
 *
 * A plain Map also keeps the order, but finding its oldest key walks over every deleted one: quadratic for a queue. Here the
 * order is an array of nodes with a moving head; nodes that were deleted stay in it, dead, until the next mark tidies up.
 *
 * An entry may be released: it keeps its place until it is the oldest, and has the id '', by which nobody can ask for it.
 */
interface Node<V> {
  id: string;
  readonly value: V;
  /** Between which marks it was added: their number before it. */
  readonly era: number;
  alive: boolean;
}

export class FifoMap<V> {
  readonly #nodes = new Map<string, Node<V>>();
  #queue: Node<V>[] = [];
  #head = 0;
  /** Taken out since the mark. What was added since stands behind `#markLength`. */
  #killed: Node<V>[] = [];
  /** Entries without an id. */
  #nameless = 0;
  /** Released since the mark, with the ids that they had. */
  #released: { readonly node: Node<V>; readonly id: string }[] = [];
  #era = 0;
  #markNameless = 0;
  #markHead = 0;
  #markLength = 0;

  /** Entries, released ones included. */
  get size(): number {
    return this.#nodes.size + this.#nameless;
  }

  get(id: string): V | undefined {
    return this.#nodes.get(id)?.value;
  }

  has(id: string): boolean {
    return this.#nodes.has(id);
  }

  /** Adds an entry as the newest; one of the same id is replaced and loses its place. With the id '' it is a released one. */
  set(id: string, value: V): void {
    const before = this.#nodes.get(id);
    if (before !== undefined) this.#kill(before);
    const node: Node<V> = { id, value, era: this.#era, alive: true };
    if (id === '') this.#nameless += 1;
    else this.#nodes.set(id, node);
    this.#queue.push(node);
  }

  /** Takes the id from an entry that keeps its place. */
  release(id: string): void {
    const node = this.#nodes.get(id);
    if (node !== undefined) this.#release(node);
  }

  /** Takes the ids from the oldest entries, which keep their places; gives those entries as they were, oldest first. */
  releaseOldest(count: number): readonly { readonly id: string; readonly value: V }[] {
    const released: { readonly id: string; readonly value: V }[] = [];
    for (let at = this.#head; released.length < count && at < this.#queue.length; at++) {
      const node = this.#queue[at];
      if (node?.alive !== true) continue;
      released.push({ id: node.id, value: node.value });
      if (node.id !== '') this.#release(node);
    }
    return released;
  }

  #release(node: Node<V>): void {
    const { id } = node;
    this.#nodes.delete(id);
    this.#nameless += 1;
    node.id = '';
    if (node.era !== this.#era) this.#released.push({ node, id });
  }

  delete(id: string): boolean {
    if (this.#nodes.size === 0) return false;
    const node = this.#nodes.get(id);
    if (node === undefined) return false;
    this.#nodes.delete(id);
    this.#kill(node);
    return true;
  }

  /** Takes out the entry that stands longest. */
  evict(): { readonly id: string; readonly value: V } | undefined {
    const node = this.#oldest();
    if (node === undefined) return undefined;
    if (node.id === '') this.#nameless -= 1;
    else this.#nodes.delete(node.id);
    this.#kill(node);
    return node;
  }

  #kill(node: Node<V>): void {
    node.alive = false;
    if (node.era !== this.#era) this.#killed.push(node);
  }

  /** The entry that stands longest, or undefined. */
  oldest(): { readonly id: string; readonly value: V } | undefined {
    return this.#oldest();
  }

  #oldest(): Node<V> | undefined {
    while (this.#head < this.#queue.length) {
      const node = this.#queue[this.#head];
      if (node?.alive) return node;
      this.#head += 1;
    }
    return undefined;
  }

  /** Oldest first. */
  *entries(): IterableIterator<readonly [string, V]> {
    for (let at = this.#head; at < this.#queue.length; at++) {
      const node = this.#queue[at];
      if (node?.alive) yield [node.id, node.value];
    }
  }

  /** What is there now stays, whatever `rollback` takes back later. */
  mark(): void {
    this.#killed = [];
    this.#released = [];
    this.#markNameless = this.#nameless;
    this.#era += 1;
    const waste = this.#queue.length - this.size;
    if (waste > this.size + 1024) {
      this.#queue = this.#queue.filter((node) => node.alive);
      this.#head = 0;
    }
    this.#markHead = this.#head;
    this.#markLength = this.#queue.length;
  }

  /** As it was at the last mark, order included. */
  rollback(): void {
    for (let at = this.#markLength; at < this.#queue.length; at++) {
      const node = this.#queue[at];
      if (node?.alive) this.#nodes.delete(node.id);
    }
    for (const { node, id } of this.#released) node.id = id;
    for (const node of this.#killed) node.alive = true;
    for (const node of [...this.#killed, ...this.#released.map((of) => of.node)])
      if (node.id !== '') this.#nodes.set(node.id, node);
    this.#nameless = this.#markNameless;
    this.#queue.length = this.#markLength;
    this.#head = this.#markHead;
    this.#killed = [];
    this.#released = [];
  }
}
