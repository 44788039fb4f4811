/**
 * Brokers that coordinate: each group and each transactional id has one, which moves when a broker goes.
 *
 * @see KIP-98 for the transaction coordinator
 */
import { ValenceError } from '../../errors.ts';
import { pause } from '../../ports/pause.ts';
import { answered, isKafkaError, type Broker, type Cluster } from './driver.ts';

/** What is coordinated, by its number in the protocol. */
export const COORDINATOR = { group: 0, transaction: 1 } as const;
export type CoordinatorType = (typeof COORDINATOR)[keyof typeof COORDINATOR];

/** Pauses between questions that were refused with «not yet»: 2 ms, half as long again each time. */
const ASK_AGAIN_MS = { first: 2, factor: 1.5, most: 200 };
const NOT_YET = new Set([
  'CONCURRENT_TRANSACTIONS',
  'GROUP_LOAD_IN_PROGRESS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_COORDINATOR',
]);

/** The coordinators that one client talks to, remembered between questions. */
export class Coordinators {
  readonly #cluster: Cluster;
  readonly #patienceMs: number;
  readonly #lateMs: number;
  readonly #nodes = new Map<string, number>();

  /**
   * @param cluster connected
   * @param limits how long a question is asked again, and when its answer counts as lost, ms
   */
  constructor(cluster: Cluster, limits: { readonly patienceMs: number; readonly lateMs: number }) {
    this.#cluster = cluster;
    this.#patienceMs = limits.patienceMs;
    this.#lateMs = limits.lateMs;
  }

  /** Asks the coordinator of a key, again as long as it says that it cannot answer yet. Such a refusal has had no effect. */
  async ask<T>(
    key: string,
    type: CoordinatorType,
    question: (broker: Broker) => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + this.#patienceMs;
    const place = `${type}/${key}`;
    for (
      let wait = ASK_AGAIN_MS.first;
      ;
      wait = Math.min(wait * ASK_AGAIN_MS.factor, ASK_AGAIN_MS.most)
    ) {
      try {
        let nodeId = this.#nodes.get(place);
        if (nodeId === undefined) {
          nodeId = await coordinatorOf(this.#cluster, key, type);
          this.#nodes.set(place, nodeId);
        }
        const asked = this.#cluster.findBroker({ nodeId }).then(question);
        return await answered(this.#cluster, this.#lateMs, asked);
      } catch (error) {
        const refused = isKafkaError(error) ? error.type : undefined;
        if (refused === undefined || !NOT_YET.has(refused) || performance.now() > deadline)
          throw error;
        if (refused !== 'CONCURRENT_TRANSACTIONS') this.#nodes.delete(place);
        await pause(wait);
      }
    }
  }
}

/** Node that coordinates a transactional id or a group. Any broker knows; the first that answers is believed. */
export async function coordinatorOf(
  cluster: Cluster,
  key: string,
  type: CoordinatorType,
): Promise<number> {
  let failure: unknown;
  if (cluster.getNodeIds().length === 0) await cluster.refreshMetadata();
  for (const nodeId of cluster.getNodeIds()) {
    try {
      const broker = await cluster.findBroker({ nodeId });
      const { coordinator } = await broker.findGroupCoordinator({
        groupId: key,
        coordinatorType: type,
      });
      return coordinator.nodeId;
    } catch (error) {
      failure = error;
    }
  }
  throw failure ?? new ValenceError('LOG_UNAVAILABLE', 'no broker is known');
}
