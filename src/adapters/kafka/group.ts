/**
 * One member of a consumer group, request by request (the classic protocol): join, sync, heartbeat, leave. It decides nothing
 * about safety: a partition is ours when its transactional id is (see `owners.ts`). The group only says who should try.
 */
import { ValenceError } from '../../errors.ts';
import { assignPartitions, decodeMemberState, encodeMemberState } from './assignor.ts';
import {
  answered,
  isKafkaError,
  MemberAssignment,
  MemberMetadata,
  type Broker,
  type Cluster,
} from './driver.ts';
import { toLogError } from './errors.ts';
import { COORDINATOR, coordinatorOf } from './coordinators.ts';

export interface GroupOptions {
  readonly group: string;
  readonly topic: string;
  readonly partitions: number;
  /** Without a heartbeat for this long a member is taken for dead, ms. */
  readonly sessionTimeoutMs: number;
  /** How long a rebalance waits for members, ms. */
  readonly rebalanceTimeoutMs: number;
}

/** What the group says to a heartbeat. */
export type GroupState = 'stable' | 'rejoin' | 'expelled';

/**
 * With the topic in its name: members that read different topics under one group have no protocol in common, and the second is
 * refused, where otherwise each would be given partitions of the other's topic.
 */
const protocolOf = (topic: string): string => `valence-cooperative-sticky:${topic}`;
/** Answers after which the member joins again with what it has. */
const REJOIN = new Set(['REBALANCE_IN_PROGRESS']);
/** Answers that say that the group has gone on without us. */
const EXPELLED = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);
/** Answers that ask for another coordinator, or for the same one later. */
const ELSEWHERE = new Set([
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

export class GroupMember {
  readonly #cluster: Cluster;
  readonly #options: GroupOptions;
  #coordinator: number | undefined;
  #memberId = '';
  #generation = -1;

  /** @param cluster of this member alone: a join may hold its connection for seconds */
  constructor(cluster: Cluster, options: GroupOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** Grows with each rebalance of the group; -1: not a member. */
  get generation(): number {
    return this.#generation;
  }

  get memberId(): string {
    return this.#memberId;
  }

  /**
   * Joins, or joins again with what it has.
   *
   * @returns the partitions it should have; undefined: the group moved on meanwhile, ask again
   * @throws LOG_UNAVAILABLE, CONFIG_INVALID (permission, session time-out out of the broker's range)
   */
  async join(
    owned: readonly number[],
    declined: readonly number[],
  ): Promise<readonly number[] | undefined> {
    const { group, topic, partitions, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    // The broker holds the answer until the others have joined too, or their time is up.
    const lateMs = sessionTimeoutMs + rebalanceTimeoutMs;
    try {
      const joined = await this.#ask(lateMs, (broker) =>
        broker.joinGroup({
          groupId: group,
          memberId: this.#memberId,
          sessionTimeout: sessionTimeoutMs,
          rebalanceTimeout: rebalanceTimeoutMs,
          groupProtocols: [
            {
              name: protocolOf(topic),
              metadata: MemberMetadata.encode({
                version: 1,
                topics: [topic],
                userData: Buffer.from(encodeMemberState({ owned, declined })),
              }),
            },
          ],
        }),
      );
      this.#memberId = joined.memberId;
      this.#generation = joined.generationId;
      const states = joined.members.map(({ memberId, memberMetadata }) =>
        decodeMemberState(memberId, MemberMetadata.decode(memberMetadata).userData),
      );
      const shares =
        joined.leaderId === joined.memberId ? [...assignPartitions(partitions, states)] : [];
      const synced = await this.#ask(lateMs, (broker) =>
        broker.syncGroup({
          groupId: group,
          generationId: this.#generation,
          memberId: this.#memberId,
          groupAssignment: shares.map(([memberId, share]) => ({
            memberId,
            memberAssignment: MemberAssignment.encode({
              version: 1,
              assignment: { [topic]: [...share] },
            }),
          })),
        }),
      );
      const assignment = MemberAssignment.decode(synced.memberAssignment)?.assignment ?? {};
      return new Map(Object.entries(assignment)).get(topic) ?? [];
    } catch (error) {
      const state = this.#stateOf(error);
      if (state === undefined) throw toLogError(error, `group ${group}`);
      if (state === 'expelled') this.#memberId = '';
      return undefined;
    }
  }

  /**
   * One heartbeat.
   *
   * @throws LOG_UNAVAILABLE nobody answered; CONFIG_INVALID
   */
  async heartbeat(): Promise<GroupState> {
    const { group } = this.#options;
    try {
      // Without an answer for a session the member counts as gone.
      await this.#ask(this.#options.sessionTimeoutMs, (broker) =>
        broker.heartbeat({
          groupId: group,
          groupGenerationId: this.#generation,
          memberId: this.#memberId,
        }),
      );
      return 'stable';
    } catch (error) {
      const state = this.#stateOf(error);
      if (state === undefined) throw toLogError(error, `group ${group}`);
      if (state === 'expelled') this.#memberId = '';
      return state;
    }
  }

  /** Tells the others at once; without it they notice when the session ends. */
  async leave(): Promise<void> {
    const memberId = this.#memberId;
    if (memberId === '') return;
    this.#memberId = '';
    this.#generation = -1;
    try {
      await this.#ask(this.#options.sessionTimeoutMs, (broker) =>
        broker.leaveGroup({ groupId: this.#options.group, memberId }),
      );
    } catch (error) {
      throw toLogError(error, `leaving group ${this.#options.group}`);
    }
  }

  /** Undefined: an error like any other. */
  #stateOf(error: unknown): GroupState | undefined {
    const type = isKafkaError(error) ? error.type : undefined;
    if (type === undefined) return undefined;
    if (REJOIN.has(type)) return 'rejoin';
    return EXPELLED.has(type) ? 'expelled' : undefined;
  }

  /**
   * Any error that is no answer of the group means that the coordinator is looked for again the next time.
   *
   * @param lateMs after which the answer counts as lost
   */
  async #ask<T>(lateMs: number, question: (broker: Broker) => Promise<T>): Promise<T> {
    try {
      this.#coordinator ??= await this.#findCoordinator();
      const nodeId = this.#coordinator;
      const asked = this.#cluster.findBroker({ nodeId }).then(question);
      return await answered(this.#cluster, lateMs, asked);
    } catch (error) {
      if (this.#stateOf(error) === undefined) this.#coordinator = undefined;
      const type = isKafkaError(error) ? error.type : undefined;
      if (type !== undefined && ELSEWHERE.has(type))
        throw new ValenceError(
          'LOG_UNAVAILABLE',
          `the coordinator of group ${this.#options.group} is moving or loading`,
          {},
          { cause: error },
        );
      throw error;
    }
  }

  async #findCoordinator(): Promise<number> {
    await this.#cluster.connect();
    await this.#cluster.refreshMetadata();
    return coordinatorOf(this.#cluster, this.#options.group, COORDINATOR.group);
  }
}
