/** Watches that the model topic is still the one that was read and written: a topic that is made again has the same name. */
import { ValenceError } from '../errors.ts';
import type { EventLog, OwnedPartition } from '../ports/event-log.ts';
import type { TopicNames } from '../../topics/index.ts';
import { type ModelFollower, REBUILD } from './follower.ts';
import type { PipelineState } from './state.ts';

export interface ModelWatchOptions {
  readonly log: EventLog;
  readonly topics: Pick<TopicNames, 'model'>;
  readonly state: PipelineState;
  readonly follower: ModelFollower;
}

export class ModelWatch {
  readonly #options: ModelWatchOptions;
  /** By owned partition: the fence of its claim, and the position then. */
  readonly #claims = new Map<
    number,
    { readonly fence: number; readonly position: number | undefined }
  >();
  /** Looks in a row at which the topic was not what it was. */
  #missed = 0;

  constructor(options: ModelWatchOptions) {
    this.#options = options;
  }

  /** The partition was claimed and restored: its deltas are not followed from here on. */
  claimed({ partition, fence }: OwnedPartition): void {
    this.#claims.set(partition, { fence, position: this.#options.state.positions[partition] });
  }

  released(partition: number): void {
    this.#claims.delete(partition);
  }

  /** @throws MODEL_LOST twice in a row the topic was not there, or ended before what was read of it */
  async check(): Promise<void> {
    const { log, topics, state, follower } = this.#options;
    const found = await log.describeTopic(topics.model);
    const isThere = state.positions.every((position, partition) => {
      const { end = -1 } = found?.partitions[partition] ?? {};
      // Own deltas are not read again, but they lie behind the fence of the claim.
      const claim = this.#claims.get(partition) ?? { fence: -1, position: undefined };
      const hasMoved = position !== claim.position;
      return end >= follower.next(partition) && (hasMoved ? end > claim.fence : end >= claim.fence);
    });
    this.#missed = isThere ? 0 : this.#missed + 1;
    if (this.#missed < 2) return;
    throw new ValenceError(
      'MODEL_LOST',
      `topic ${topics.model} was deleted or made again: it does not hold what was learned; ${REBUILD}`,
    );
  }
}
