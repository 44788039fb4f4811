/**
 * Who gets which partition: even, sticky and cooperative. A partition that has to move is first given to nobody; its owner lets go
 * of it and joins again, and only then does it go to the new one. So no partition ever has two owners, and those that stay never
 * stop.
 *
 * @see KIP-429, Incremental cooperative rebalancing
 */

/** What a member tells the group when it joins. */
export interface MemberState {
  readonly id: string;
  /** Partitions whose handlers are running, also those that are ending. */
  readonly owned: readonly number[];
  /** Partitions that it will not serve. */
  readonly declined: readonly number[];
}

/**
 * @param partitions of the topic, >= 1
 * @returns by member id, ascending; a partition may be nobody's
 */
export function assignPartitions(
  partitions: number,
  members: readonly MemberState[],
): ReadonlyMap<string, readonly number[]> {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const shares = new Map(sorted.map(({ id }) => [id, [] as number[]]));
  const holders = new Map<number, string>();
  for (const { id, owned } of sorted)
    for (const partition of owned) if (!holders.has(partition)) holders.set(partition, id);
  const least = Math.floor(partitions / Math.max(1, sorted.length));
  let larger = partitions % Math.max(1, sorted.length);
  const kept = new Set<number>();
  // Those with the most keep the larger shares, so that as little as possible moves.
  for (const { id, declined } of sorted.toSorted((a, b) => b.owned.length - a.owned.length)) {
    const own = [...holders].filter(
      ([partition, holder]) =>
        holder === id && partition < partitions && !declined.includes(partition),
    );
    const most = own.length > least && larger > 0 ? least + 1 : least;
    if (most > least) larger -= 1;
    for (const [partition] of own.slice(0, most)) {
      kept.add(partition);
      shares.get(id)?.push(partition);
    }
  }
  for (let partition = 0; partition < partitions; partition++) {
    if (kept.has(partition)) continue;
    const taker = smallest(
      sorted.filter(({ declined }) => !declined.includes(partition)),
      shares,
    );
    if (taker === undefined) continue;
    const holder = holders.get(partition);
    // Counted, so that the rest is shared evenly, but not given while somebody else has it.
    shares.get(taker)?.push(holder === undefined || holder === taker ? partition : -1 - partition);
  }
  return new Map(
    [...shares].map(([id, share]) => [
      id,
      share.filter((partition) => partition >= 0).toSorted((a, b) => a - b),
    ]),
  );
}

function smallest(
  members: readonly MemberState[],
  shares: ReadonlyMap<string, readonly number[]>,
): string | undefined {
  let found: string | undefined;
  for (const { id } of members) {
    const size = shares.get(id)?.length ?? 0;
    if (found === undefined || size < (shares.get(found)?.length ?? 0)) found = id;
  }
  return found;
}

/** The state as bytes of the join request. */
export function encodeMemberState({ owned, declined }: Omit<MemberState, 'id'>): Uint8Array {
  return Buffer.from(JSON.stringify({ owned, declined }));
}

/** A member of another version, or no member of ours, owns nothing. */
export function decodeMemberState(id: string, bytes: Uint8Array | null): MemberState {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString('utf8'));
    if (typeof value === 'object' && value !== null && 'owned' in value && 'declined' in value)
      return { id, owned: integers(value.owned), declined: integers(value.declined) };
  } catch {
    // No JSON.
  }
  return { id, owned: [], declined: [] };
}

function integers(value: unknown): number[] {
  return Array.isArray(value)
    ? value.filter((item): item is number => Number.isSafeInteger(item) && item >= 0)
    : [];
}
