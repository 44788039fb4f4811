import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  assignPartitions,
  decodeMemberState,
  encodeMemberState,
  type MemberState,
} from '../../../../src/adapters/kafka/assignor.ts';

const member = (id: string, owned: number[] = [], declined: number[] = []): MemberState => ({
  id,
  owned,
  declined,
});
const shares = (partitions: number, members: readonly MemberState[]): Record<string, number[]> =>
  Object.fromEntries(
    [...assignPartitions(partitions, members)].map(([id, share]) => [id, [...share]]),
  );

/** Members of the next round: they hold what they were given, less what they gave up. */
const next = (
  partitions: number,
  members: readonly MemberState[],
): { readonly members: readonly MemberState[]; readonly given: Record<string, number[]> } => {
  const given = shares(partitions, members);
  return { given, members: members.map((each) => ({ ...each, owned: given[each.id] ?? [] })) };
};

describe('assignPartitions', () => {
  test('one member gets all', () => {
    expect(shares(3, [member('a')])).toEqual({ a: [0, 1, 2] });
  });

  test('a newcomer gets what others gave up, a round later', () => {
    const first = [member('a', [0, 1, 2, 3]), member('b')];
    expect(shares(4, first)).toEqual({ a: [0, 1], b: [] });
    expect(shares(4, [member('a', [0, 1]), member('b')])).toEqual({ a: [0, 1], b: [2, 3] });
  });

  test('what a dead member had is free at once', () => {
    expect(shares(4, [member('b', [2, 3])])).toEqual({ b: [0, 1, 2, 3] });
  });

  test('nobody moves while the shares are even', () => {
    const members = [member('a', [3]), member('b', [0, 2]), member('c', [1])];
    expect(shares(4, members)).toEqual({ a: [3], b: [0, 2], c: [1] });
  });

  test('a declined partition goes to somebody else, and to nobody when all declined it', () => {
    expect(shares(2, [member('a', [], [0]), member('b')])).toEqual({ a: [1], b: [0] });
    expect(shares(1, [member('a', [], [0]), member('b', [], [0])])).toEqual({ a: [], b: [] });
  });

  test('never two owners; after at most two rounds all have a share that differs by one', () => {
    const partitions = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        partitions,
        fc.array(fc.array(fc.nat(15), { maxLength: 12 }), { minLength: 1, maxLength: 6 }),
        (count, owned) => {
          const members = owned.map((held, at) => member(`m${at}`, [...new Set(held)]));
          const holders = new Map<number, Set<string>>();
          for (const { id, owned: held } of members)
            for (const partition of held)
              holders.set(partition, (holders.get(partition) ?? new Set()).add(id));
          const first = next(count, members);
          const given = Object.entries(first.given).flatMap(([id, share]) =>
            share.map((partition) => [id, partition] as const),
          );
          expect(new Set(given.map(([, partition]) => partition)).size).toBe(given.length);
          for (const [id, partition] of given)
            expect([undefined, true]).toContain(holders.get(partition)?.has(id));
          const settled = Object.values(next(count, first.members).given);
          expect(settled.flat().toSorted((a, b) => a - b)).toEqual([...Array(count).keys()]);
          const sizes = settled.map((share) => share.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('member state', () => {
  test('comes back from its bytes; anything else owns nothing', () => {
    const bytes = encodeMemberState({ owned: [1, 2], declined: [0] });
    expect(decodeMemberState('m', bytes)).toEqual({ id: 'm', owned: [1, 2], declined: [0] });
    for (const odd of ['', 'x', '[]', '{"owned":{}}', '{"owned":["1",-1],"declined":null}'])
      expect(decodeMemberState('m', Buffer.from(odd))).toEqual(member('m'));
    expect(decodeMemberState('m', null)).toEqual(member('m'));
  });
});
