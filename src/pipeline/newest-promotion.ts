/** Who is champion by the log as it is now, and who was at which record; read by anyone at any time. */
import type { EventLog } from '../ports/event-log.ts';
import type { TopicNames } from '../../topics/index.ts';
import { initialPromotion, type Promotion } from './promotion.ts';
import { PromotionWatch } from './promotion-watch.ts';
import { SnapshotTopic } from './snapshot-topic.ts';

type Topics = Pick<TopicNames, 'model' | 'snapshots'>;

/**
 * From the newest snapshot, and the promotion records behind it.
 *
 * @param champion the first model of the configuration
 */
export async function newestPromotion(
  log: EventLog,
  topics: Topics,
  champion: string,
): Promise<Promotion> {
  const history = await PromotionHistory.open(log, topics, champion, 'newest');
  return history.promotion;
}

/** Promotions by the record that made them so, as far as the log still tells. */
export class PromotionHistory {
  readonly #watch: PromotionWatch;
  /** By offset in partition 0 of the model topic. */
  readonly #known = new Map<number, Promotion>();
  /** Records before it may be deleted. */
  readonly #from: number;
  #promotion: Promotion;

  /** @param begin with which snapshot: the newest to know who is champion, the oldest to know who was */
  static async open(
    log: EventLog,
    topics: Topics,
    champion: string,
    begin: 'newest' | 'oldest',
  ): Promise<PromotionHistory> {
    const range = (await log.describeTopic(topics.model))?.partitions[0] ?? { start: 0, end: 0 };
    const snapshots = new SnapshotTopic(log, topics.snapshots);
    await snapshots.refresh();
    // Another one belongs to a topic that was made again. Without any, the topic begins with its first records, or was rebuilt.
    const fitting = snapshots.whole({ kind: 'sums' }).filter(({ header }) => {
      const place = header.partitions[0]?.model ?? 0;
      return place >= range.start && place <= range.end;
    });
    const isWhole = range.start === 0 && begin === 'oldest';
    const header = (isWhole ? undefined : fitting.at(begin === 'newest' ? 0 : -1))?.header;
    const from = header?.partitions[0]?.model ?? range.start;
    const first = header?.promotion ?? initialPromotion(champion);
    const history = new PromotionHistory(log, topics.model, first, from);
    if (range.end > 0) await history.#watch.catchUp();
    return history;
  }

  private constructor(log: EventLog, topic: string, first: Promotion, from: number) {
    this.#promotion = first;
    this.#from = from;
    if (first.at >= 0) this.#known.set(first.at, first);
    this.#watch = new PromotionWatch(log, topic, this);
    this.#watch.begin(from);
  }

  get promotion(): Promotion {
    return this.#promotion;
  }

  set promotion(promotion: Promotion) {
    this.#promotion = promotion;
    this.#known.set(promotion.at, promotion);
  }

  /** The state right after a record; undefined: that is no promotion record. `gone`: nobody can tell any more. */
  async at(offset: number): Promise<Promotion | 'gone' | undefined> {
    if (offset >= this.#watch.next) await this.#watch.catchUp();
    const known = this.#known.get(offset);
    return known ?? (offset < this.#from ? 'gone' : undefined);
  }
}
