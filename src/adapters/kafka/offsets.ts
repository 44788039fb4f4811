/**
 * What Kafka keeps of consumer groups: how many members live, positions, and beside them a text. The texts hold a producer's
 * checkpoints, each in a group of its own: `valence.checkpoint.<hash of the name>`.
 */
import { createHash } from 'node:crypto';
import type { Checkpoint } from '../../ports/event-log.ts';
import { isValenceError } from '../../errors.ts';
import type { Clusters } from './clusters.ts';
import type { Broker } from './driver.ts';
import { typeOf } from './errors.ts';
import type { KafkaTopics } from './topics.ts';
import { COORDINATOR, coordinatorOf } from './coordinators.ts';

/** How long a failure may last, ms: a checkpoint that cannot be kept must not hold up the records for longer. */
const PATIENCE_MS = 5000;

export class KafkaOffsets {
  readonly #clusters: Clusters;
  readonly #topics: KafkaTopics;
  /** Coordinating node by group. */
  readonly #coordinators = new Map<string, number>();
  /** By name: how often the checkpoint has been written. */
  readonly #written = new Map<string, number>();
  /** True once the user has turned out to have no permission. */
  #isDenied = false;

  constructor(clusters: Clusters, topics: KafkaTopics) {
    this.#clusters = clusters;
    this.#topics = topics;
  }

  /** As `EventLog.committed`. @throws NOT_FOUND no such topic */
  async committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    const count = await this.#topics.count(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
    const found = await this.#ask(group, `Group '${group}'`, (broker) =>
      broker.offsetFetch({ groupId: group, topics: [{ topic, partitions }] }),
    );
    const positions = new Map(
      found.responses[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
    );
    return partitions.map(({ partition }) => {
      const position = positions.get(partition) ?? -1;
      return position >= 0 ? position : undefined;
    });
  }

  /** As `EventLog.members`; a member that was killed lives until its session ends. */
  async members(group: string): Promise<number | undefined> {
    try {
      const found = await this.#ask(group, `Group '${group}'`, (broker) =>
        broker.describeGroups({ groupIds: [group] }),
      );
      return found.groups[0]?.members.length ?? 0;
    } catch (error) {
      if (isDenial(error)) return undefined;
      throw error;
    }
  }

  /** Value of the checkpoint; undefined: none, or no permission to keep any. */
  async checkpoint(name: string): Promise<string | undefined> {
    try {
      const last = await this.#last(name);
      this.#written.set(name, last?.count ?? 0);
      return last?.value;
    } catch (error) {
      if (!this.#isDenial(error)) throw error;
      return undefined;
    }
  }

  /**
   * Keeps the checkpoint with the group of its name, at partition 0 of the topic. Without permission nothing is kept.
   *
   * @throws CONFIG_INVALID the value is longer than the broker takes (4,096 bytes by default)
   * @throws LOG_UNAVAILABLE
   */
  async keep(topic: string, { name, value }: Checkpoint): Promise<void> {
    if (this.#isDenied) return;
    try {
      const before = this.#written.get(name) ?? (await this.#last(name))?.count ?? 0;
      const count = before + 1;
      const partitions = [{ partition: 0, offset: String(count), metadata: value }];
      const groupId = groupOf(name);
      await this.#ask(groupId, 'Keeping a checkpoint', (broker) =>
        broker.offsetCommit({
          groupId,
          groupGenerationId: -1,
          memberId: '',
          topics: [{ topic, partitions }],
        }),
      );
      this.#written.set(name, count);
    } catch (error) {
      if (!this.#isDenial(error)) throw error;
    }
  }

  /** The checkpoint written last: the group may know several, of topics that the name was used with. */
  async #last(
    name: string,
  ): Promise<{ readonly count: number; readonly value: string } | undefined> {
    const groupId = groupOf(name);
    const found = await this.#ask(groupId, 'Reading a checkpoint', (broker) =>
      broker.offsetFetch({ groupId, topics: [] }),
    );
    return found.responses
      .flatMap(({ partitions }) => partitions)
      .filter(({ offset }) => Number(offset) >= 0)
      .map(({ offset, metadata }) => ({ count: Number(offset), value: metadata ?? '' }))
      .reduce<{ readonly count: number; readonly value: string } | undefined>(
        (most, each) => (most === undefined || each.count > most.count ? each : most),
        undefined,
      );
  }

  #isDenial(error: unknown): boolean {
    this.#isDenied ||= isDenial(error);
    return isDenial(error);
  }

  /** Asks the group's coordinator; a refusal that says that there is another one leads to that one. */
  async #ask<T>(
    group: string,
    doing: string,
    question: (broker: Broker) => Promise<T>,
  ): Promise<T> {
    return this.#clusters.on(
      'query',
      doing,
      async (cluster) => {
        const nodeId =
          this.#coordinators.get(group) ?? (await coordinatorOf(cluster, group, COORDINATOR.group));
        this.#coordinators.set(group, nodeId);
        try {
          return await question(await cluster.findBroker({ nodeId }));
        } catch (error) {
          this.#coordinators.delete(group);
          const type = typeOf(error);
          if (type === undefined) await cluster.refreshMetadata().catch(() => undefined);
          throw error;
        }
      },
      { patienceMs: PATIENCE_MS },
    );
  }
}

function isDenial(error: unknown): boolean {
  return isValenceError(error) && error.fields['type'] === 'GROUP_AUTHORIZATION_FAILED';
}

/** Half of a SHA-256's first half: names are paths of files, which group names could not hold. */
function groupOf(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return `valence.checkpoint.${hash.slice(0, 16)}`;
}
