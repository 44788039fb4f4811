import { describe, expect, test } from '@jest/globals';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { planShares } from '../../../../src/adapters/embedded/assignment.ts';

const NOBODY: ReadonlySet<number> = new Set();

/** A group played by its rules: each member in turn reads the table and moves only itself. */
class Play {
  readonly owners: (string | undefined)[];
  readonly members = new Map<string, Set<number>>();
  moves = 0;

  constructor(partitions: number) {
    this.owners = Array.from({ length: partitions }, () => undefined);
  }

  turn(me: string): void {
    const plan = planShares({
      me,
      owners: this.owners,
      members: this.members,
      releasing: NOBODY,
      resting: NOBODY,
    });
    for (const partition of plan.claim) this.#move(partition, undefined, me);
    for (const partition of plan.release) this.#move(partition, me, undefined);
    this.moves += plan.claim.length + plan.release.length;
  }

  #move(partition: number, from: string | undefined, to: string | undefined): void {
    assert.equal(
      this.owners[partition],
      from,
      'only what is free is claimed, only what is mine released',
    );
    this.owners[partition] = to;
  }

  leave(id: string): void {
    this.members.delete(id);
    this.owners.forEach((owner, partition) => {
      if (owner === id) this.owners[partition] = undefined;
    });
  }

  settle(): void {
    for (let round = 0; round < 3 * this.owners.length + 3; round++)
      for (const id of this.members.keys()) this.turn(id);
  }

  counts(): number[] {
    return [...this.members.keys()].map((id) => this.owners.filter((owner) => owner === id).length);
  }
}

describe('shares', () => {
  test('the first member claims everything', () => {
    const play = new Play(4);
    play.members.set('a', new Set());
    play.turn('a');
    expect(play.owners).toEqual(['a', 'a', 'a', 'a']);
  });

  test('a newcomer gets its share from who has too many, the last partitions first', () => {
    const play = new Play(4);
    play.members.set('a', new Set());
    play.turn('a');
    play.members.set('b', new Set());
    play.turn('b');
    expect(play.owners).toEqual(['a', 'a', 'a', 'a']);
    play.turn('a');
    expect(play.owners).toEqual(['a', 'a', undefined, undefined]);
    play.turn('a');
    expect(play.owners).toEqual(['a', 'a', undefined, undefined]);
    play.turn('b');
    expect(play.owners).toEqual(['a', 'a', 'b', 'b']);
  });

  test('a partition that was asked back is not asked for twice', () => {
    const members = new Map([
      ['a', new Set<number>()],
      ['b', new Set<number>()],
    ]);
    const owners = ['a', 'a', 'a', 'a'];
    const releasing = new Set([2, 3]);
    expect(planShares({ me: 'a', owners, members, releasing, resting: NOBODY })).toEqual({
      claim: [],
      release: [],
    });
  });

  test('a partition that rests is not claimed', () => {
    const members = new Map([['a', new Set<number>()]]);
    const owners = [undefined, undefined];
    const resting = new Set([0]);
    expect(planShares({ me: 'a', owners, members, releasing: NOBODY, resting }).claim).toEqual([1]);
  });

  test('a declined partition goes to the other member, beyond its share, and is not asked back', () => {
    const play = new Play(2);
    play.members.set('a', new Set([0, 1])).set('b', new Set());
    play.settle();
    expect(play.owners).toEqual(['b', 'b']);
    const { moves } = play;
    play.settle();
    expect(play.moves).toBe(moves);
  });

  test('whoever comes and goes, shares become even and then stay as they are', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const step = fc.record({
      id: fc.constantFrom(...ids),
      joins: fc.boolean(),
      turns: fc.array(fc.constantFrom(...ids), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(step, { maxLength: 12 }),
        (partitions, steps) => {
          const play = new Play(partitions);
          play.members.set('z', new Set());
          for (const { id, joins, turns } of steps) {
            if (joins) play.members.set(id, new Set());
            else play.leave(id);
            for (const each of turns) if (play.members.has(each)) play.turn(each);
          }
          play.settle();
          const counts = play.counts();
          expect(play.owners).not.toContain(undefined);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          const { moves } = play;
          play.settle();
          expect(play.moves).toBe(moves);
        },
      ),
    );
  });

  test('with partitions declined, each is owned as long as anybody would have it', () => {
    const declined = fc.uniqueArray(fc.nat({ max: 5 }));
    fc.assert(
      fc.property(fc.array(declined, { minLength: 1, maxLength: 4 }), (members) => {
        const play = new Play(6);
        members.forEach((each, i) => play.members.set(`m${i}`, new Set(each)));
        play.settle();
        play.owners.forEach((owner, partition) => {
          const takers = members.filter((each) => !each.includes(partition));
          expect(owner === undefined).toBe(takers.length === 0);
        });
        const { moves } = play;
        play.settle();
        expect(play.moves).toBe(moves);
      }),
    );
  });
});
