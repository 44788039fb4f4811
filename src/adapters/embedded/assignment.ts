/**
 * Who owns what, without a broker: each member reads the same table, inside a transaction, and moves only itself.
 *
 * With P partitions and M members everybody owns floor(P / M), and P mod M members one more. A member claims free partitions
 * while it is below its share, and lets go of one only when somebody who is short of a partition would take it: so nothing moves
 * once the shares are even. A partition that a member has declined (its handler returned) is left to the others, whatever their
 * shares.
 */

/** A group as one of its members sees it. */
export interface GroupView {
  readonly me: string;
  /** Living owner by partition; undefined: free. */
  readonly owners: readonly (string | undefined)[];
  /** Living members, myself included, with the partitions each has declined. */
  readonly members: ReadonlyMap<string, ReadonlySet<number>>;
  /** Mine, and already asked to end. */
  readonly releasing: ReadonlySet<number>;
  /** Not to be claimed by me for now. */
  readonly resting: ReadonlySet<number>;
}

export interface Plan {
  readonly claim: readonly number[];
  readonly release: readonly number[];
}

/** What `me` should do now. At most one of the lists has entries. */
export function planShares(view: GroupView): Plan {
  const shares = new Shares(view);
  const claim = shares.claims();
  return claim.length > 0 ? { claim, release: [] } : { claim, release: shares.releases() };
}

class Shares {
  readonly #view: GroupView;
  readonly #floor: number;
  /** Members that may own one more than the floor. */
  readonly #extra: number;
  readonly #counts = new Map<string, number>();

  constructor(view: GroupView) {
    this.#view = view;
    const { owners, members } = view;
    this.#floor = Math.floor(owners.length / members.size);
    this.#extra = owners.length % members.size;
    for (const id of members.keys()) this.#counts.set(id, 0);
    for (const owner of owners) if (owner !== undefined) this.#add(owner, 1);
  }

  claims(): number[] {
    const { me, owners, resting } = this.#view;
    const claim: number[] = [];
    owners.forEach((owner, partition) => {
      if (owner !== undefined || resting.has(partition) || !this.#accepts(me, partition)) return;
      if (!this.#isShort(me) && this.#shortOf(partition).length > 0) return;
      claim.push(partition);
      this.#add(me, 1);
    });
    return claim;
  }

  releases(): number[] {
    const { me, owners, releasing } = this.#view;
    this.#add(me, -releasing.size);
    const release: number[] = [];
    for (let partition = owners.length - 1; partition >= 0; partition--) {
      if (owners[partition] !== me || releasing.has(partition)) continue;
      if (!this.#isOver()) break;
      const taker = this.#shortOf(partition)[0];
      if (taker === undefined) continue;
      release.push(partition);
      this.#add(me, -1);
      this.#add(taker, 1);
    }
    return release;
  }

  #add(id: string, change: number): void {
    this.#counts.set(id, this.#count(id) + change);
  }

  #count(id: string): number {
    return this.#counts.get(id) ?? 0;
  }

  #accepts(id: string, partition: number): boolean {
    return this.#view.members.get(id)?.has(partition) === false;
  }

  /** Below its share, or at the floor while one of the odd partitions is still to be had. */
  #isShort(id: string): boolean {
    const count = this.#count(id);
    return (
      count < this.#floor || (count === this.#floor && this.#aboveFloor().length < this.#extra)
    );
  }

  /** Other members that lack a partition and would take this one. */
  #shortOf(partition: number): string[] {
    return [...this.#view.members.keys()].filter(
      (id) => id !== this.#view.me && this.#accepts(id, partition) && this.#isShort(id),
    );
  }

  #aboveFloor(): string[] {
    return [...this.#view.members.keys()].filter((id) => this.#count(id) > this.#floor).toSorted();
  }

  /** Above my share. Among those with one of the odd partitions, the first by id keep theirs. */
  #isOver(): boolean {
    const { me } = this.#view;
    if (this.#count(me) <= this.#floor) return false;
    if (this.#count(me) > this.#floor + 1) return true;
    return !this.#aboveFloor().slice(0, this.#extra).includes(me);
  }
}
