/**
 * Consumer groups: members with leases, claims with epochs, positions.
 *
 * A claim belongs to a member, and lives as long as the member's lease. Leases go by the wall clock and decide only who may try;
 * that an owner is still the owner is checked by epoch, inside its transaction.
 */
import { ValenceError } from '../../errors.ts';
import { planShares } from '../embedded/assignment.ts';
import type { Beat, Claim, Pulse } from '../embedded/member.ts';
import { fenced, noSuchPartition } from '../embedded/records.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './driver.ts';
import type { Place, RecordTable } from './records.ts';
import type { Topic } from './topics.ts';

/** A member of a group of one topic. */
export interface MemberKey {
  readonly group: number;
  readonly me: string;
  /** Places of the topic and of the fence topic, by partition. */
  readonly places: readonly Place[];
  readonly fences: readonly Place[];
}

interface ClaimRow {
  readonly partition: number;
  readonly epoch: number;
  readonly owner: string | null;
}

interface MemberRow {
  readonly id: string;
  readonly expires: number;
  readonly declined: string;
}

/** Every method is to be called in a transaction; those that change something in a write transaction. */
export class GroupTable {
  readonly #records: RecordTable;
  readonly #leaseMs: number;
  readonly #sql: Readonly<Record<keyof typeof SQL, Statement>>;

  constructor(connection: Connection, records: RecordTable, leaseMs: number) {
    this.#records = records;
    this.#leaseMs = leaseMs;
    const prepare = (name: keyof typeof SQL): Statement => connection.prepare(SQL[name]);
    this.#sql = {
      group: prepare('group'),
      addGroup: prepare('addGroup'),
      version: prepare('version'),
      touch: prepare('touch'),
      members: prepare('members'),
      countMembers: prepare('countMembers'),
      setMember: prepare('setMember'),
      dropMember: prepare('dropMember'),
      claims: prepare('claims'),
      claim: prepare('claim'),
      setClaim: prepare('setClaim'),
      freeClaim: prepare('freeClaim'),
      freeClaims: prepare('freeClaims'),
      positions: prepare('positions'),
      setPosition: prepare('setPosition'),
      bound: prepare('bound'),
    };
  }

  /** Number of a group, or undefined while nobody has joined it. */
  find(name: string, topic: Topic): number | undefined {
    return this.#sql.group.get(Buffer.from(name), topic.id)?.id;
  }

  /** Number of a group, made at first use. */
  ensure(name: string, topic: Topic): number {
    const id = this.find(name, topic) ?? this.#sql.addGroup.get(Buffer.from(name), topic.id)?.id;
    return Number(id);
  }

  /** Members whose leases run, of all groups of the name. */
  countMembers(name: string, now: number): number {
    const latest = now + 2 * this.#leaseMs;
    return Number(this.#sql.countMembers.get(Buffer.from(name), now, latest)?.living);
  }

  /** Changes with members and claims. */
  version(group: number): number {
    return Number(this.#sql.version.get(group)?.version);
  }

  /** See `Membership.beat`. */
  beat(key: MemberKey, beat: Beat, now: number): Pulse {
    const { group, me, places } = key;
    const members = this.#renew(key, beat, now);
    const rows = this.#claimRows(group);
    const isHeld = (partition: number): boolean => {
      const row = rows.get(partition);
      return row?.owner === me && row.epoch === beat.held.get(partition);
    };
    const lost = [...beat.held.keys()].filter((partition) => !isHeld(partition));
    if (!beat.claiming) return { claimed: [], release: [], lost, version: this.version(group) };
    // A claim of mine that no handler runs for is left over from a release that failed.
    const owners = places.map(({ partition }) => {
      const owner = rows.get(partition)?.owner ?? undefined;
      if (owner === undefined || !members.has(owner)) return undefined;
      return owner === me && !isHeld(partition) ? undefined : owner;
    });
    const resting = new Set([...beat.resting, ...beat.held.keys()]);
    const plan = planShares({ me, owners, members, releasing: beat.releasing, resting });
    const positions = this.positions(group, places.length);
    const claimed = plan.claim.map((partition): Claim => {
      const epoch = (rows.get(partition)?.epoch ?? 0) + 1;
      this.#sql.setClaim.run(group, partition, epoch, me);
      const fence = key.fences[partition];
      return {
        partition,
        epoch,
        fence: fence ? this.#records.bounds(fence).end : 0,
        committed: positions[partition],
      };
    });
    if (claimed.length > 0) this.#sql.touch.run(group);
    return { claimed, release: plan.release, lost, version: this.version(group) };
  }

  /** @returns false when the claim was no longer ours */
  release({ group, me }: MemberKey, partition: number, epoch: number): boolean {
    const { changes } = this.#sql.freeClaim.run(group, partition, epoch, me);
    if (changes > 0) this.#sql.touch.run(group);
    return changes > 0;
  }

  leave({ group, me }: MemberKey): void {
    this.#sql.freeClaims.run(group, me);
    this.#sql.dropMember.run(group, me);
    this.#sql.touch.run(group);
  }

  /** @throws EPOCH_FENCED the claim stands for another owner or epoch */
  check({ group, me, places }: MemberKey, partition: number, epoch: number): void {
    const row: ClaimRow | undefined = this.#sql.claim.get(group, partition);
    if (row?.owner === me && row.epoch === epoch) return;
    throw fenced(places[partition]?.topic ?? '', partition, epoch);
  }

  setPosition({ group }: MemberKey, partition: number, position: number): void {
    if (!Number.isSafeInteger(position) || position < 0)
      throw new ValenceError('RECORD_INVALID', 'position: expected an offset, an integer >= 0');
    this.#sql.setPosition.run(group, partition, position);
  }

  /** By partition. */
  positions(group: number, partitions: number): (number | undefined)[] {
    const rows: { readonly partition: number; readonly position: number }[] =
      this.#sql.positions.all(group);
    const byPartition = new Map(rows.map(({ partition, position }) => [partition, position]));
    return Array.from({ length: partitions }, (_, partition) => byPartition.get(partition));
  }

  /** Lowest position that a group of the topic has in a partition (0: none yet); undefined: no group ever claimed it. */
  lowestPosition(topic: Topic, partition: number): number | undefined {
    const bound: number | null | undefined = this.#sql.bound.get(partition, topic.id)?.position;
    return bound ?? undefined;
  }

  /** Renews my lease and drops the dead. @returns the living, with what they declined */
  #renew({ group, me }: MemberKey, beat: Beat, now: number): Map<string, ReadonlySet<number>> {
    const rows: MemberRow[] = this.#sql.members.all(group);
    // A lease that ends further ahead than any can was given before the clock was set back.
    const isDead = ({ expires }: MemberRow): boolean =>
      expires < now || expires > now + 2 * this.#leaseMs;
    const declined = [...beat.declined].join(' ');
    const living = new Map<string, ReadonlySet<number>>();
    let changed = rows.find(({ id }) => id === me)?.declined !== declined;
    for (const row of rows) {
      if (row.id === me) continue;
      if (isDead(row)) {
        this.#sql.dropMember.run(group, row.id);
        changed = true;
      } else living.set(row.id, new Set(row.declined.split(' ').filter(Boolean).map(Number)));
    }
    this.#sql.setMember.run(group, me, now + this.#leaseMs, declined);
    if (changed) this.#sql.touch.run(group);
    return living.set(me, beat.declined);
  }

  #claimRows(group: number): Map<number, ClaimRow> {
    const rows: ClaimRow[] = this.#sql.claims.all(group);
    return new Map(rows.map((row) => [row.partition, row]));
  }
}

/** Fences and topics of a member must match. @throws NOT_FOUND */
export function fencePlaces(topic: Topic, fenceTopic: Topic): readonly Place[] {
  return topic.places.map(({ partition }) => {
    const place = fenceTopic.places[partition];
    if (!place) throw noSuchPartition(fenceTopic.name, partition, fenceTopic.places.length);
    return place;
  });
}

const SQL = {
  group: 'SELECT id FROM groups WHERE name = ? AND topic = ?',
  addGroup: 'INSERT INTO groups (name, topic) VALUES (?, ?) RETURNING id',
  version: 'SELECT version FROM groups WHERE id = ?',
  touch: 'UPDATE groups SET version = version + 1 WHERE id = ?',
  members: 'SELECT id, expires, declined FROM members WHERE "group" = ?',
  countMembers: `SELECT count(*) AS living FROM members JOIN groups ON groups.id = members."group"
    WHERE groups.name = ? AND expires BETWEEN ? AND ?`,
  setMember:
    'INSERT INTO members ("group", id, expires, declined) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expires = excluded.expires, declined = excluded.declined',
  dropMember: 'DELETE FROM members WHERE "group" = ? AND id = ?',
  claims: 'SELECT partition, epoch, owner FROM claims WHERE "group" = ?',
  claim: 'SELECT partition, epoch, owner FROM claims WHERE "group" = ? AND partition = ?',
  setClaim:
    'INSERT INTO claims ("group", partition, epoch, owner) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET epoch = excluded.epoch, owner = excluded.owner',
  freeClaim:
    'UPDATE claims SET owner = NULL WHERE "group" = ? AND partition = ? AND epoch = ? AND owner = ?',
  freeClaims: 'UPDATE claims SET owner = NULL WHERE "group" = ? AND owner = ?',
  positions: 'SELECT partition, position FROM positions WHERE "group" = ?',
  setPosition:
    'INSERT INTO positions ("group", partition, position) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position',
  bound: `SELECT min(ifnull(position, 0)) AS position FROM groups
    LEFT JOIN positions ON positions."group" = groups.id AND positions.partition = ?
    WHERE topic = ? AND EXISTS (SELECT 1 FROM claims WHERE claims."group" = groups.id)`,
} as const;
