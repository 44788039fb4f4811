/**
 * Promotion and rollback, asked for: a record in partition 0 of the model topic, which every partition obeys from its next chunk on.
 */
import { ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import { PROMOTION_KEY, type PromotionRecord, type TopicNames } from '../../topics/index.ts';
import { readDelta } from './delta-reader.ts';
import { newestModels } from './inspect.ts';
import { newestPromotion } from './newest-promotion.ts';
import { promotionAfter, type Promotion } from './promotion.ts';
import { unknownModel } from './state.ts';

export interface PromotionSubject {
  readonly log: EventLog;
  readonly topics: Pick<TopicNames, 'model' | 'snapshots'>;
}

/** Who runs, and who is champion by the log. */
export interface Standing {
  /** Names of the models of the newest deltas. */
  readonly names: readonly string[];
  readonly promotion: Promotion;
}

export interface Appointed extends Promotion {
  readonly id: string;
  /** By partition: end of the model topic before; what switches lies behind it. */
  readonly ends: readonly number[];
}

/** @throws NOT_FOUND nothing was learned yet */
export async function standingOf({ log, topics }: PromotionSubject): Promise<Standing> {
  const ranges = (await log.describeTopic(topics.model))?.partitions ?? [];
  const models = await newestModels(log, topics.model, ranges, topics.snapshots);
  const names = models.map(({ name }) => name);
  return { names, promotion: await newestPromotion(log, topics, names[0] ?? '') };
}

/**
 * Makes a model champion.
 *
 * @param id of the new record: unique
 * @throws MODEL_UNKNOWN no such model; CONFIG_INVALID it is champion already; NOT_FOUND nothing was learned yet
 */
export async function promote(
  subject: PromotionSubject,
  model: string,
  id: string,
): Promise<Appointed> {
  const { names, promotion } = await standingOf(subject);
  if (!names.includes(model)) throw unknownModel(model, names);
  if (promotion.champion === model)
    throw new ValenceError(
      'CONFIG_INVALID',
      `model '${model}' is the champion already; the others are: ${names.filter((name) => name !== model).join(', ') || 'none'}`,
    );
  return append(subject, promotion, { type: 'promote', model, id });
}

/**
 * Makes the champion before champion again.
 *
 * @param id of the new record: unique
 * @throws CONFIG_INVALID nothing is left to take back; NOT_FOUND nothing was learned yet
 */
export async function rollBack(subject: PromotionSubject, id: string): Promise<Appointed> {
  const { promotion } = await standingOf(subject);
  if (promotion.previous === null)
    throw new ValenceError(
      'CONFIG_INVALID',
      `nothing can be taken back: ${
        promotion.id === null ? 'there was no promotion' : 'the last promotion was taken back'
      }; model '${promotion.champion}' is the champion, and 'valence model promote NAME' makes another one it`,
    );
  return append(subject, promotion, { type: 'rollback', model: promotion.previous, id });
}

async function append(
  { log, topics }: PromotionSubject,
  before: Promotion,
  record: PromotionRecord,
): Promise<Appointed> {
  const ends = (await log.describeTopic(topics.model))?.partitions.map(({ end }) => end) ?? [];
  const value = JSON.stringify(record);
  const [outcome] = await log.append(topics.model, [{ partition: 0, key: PROMOTION_KEY, value }]);
  if (outcome?.status !== 'ok')
    throw (
      outcome?.error ??
      new ValenceError('LOG_UNAVAILABLE', `${topics.model} did not say whether it took the record`)
    );
  return { ...promotionAfter(before, record, outcome.offset), id: record.id, ends };
}

/** How often it is looked whether partitions have switched, ms. */
const LOOK_MS = 100;

/**
 * Where partitions switch, as they do.
 *
 * @param withinMs longest wait; 0: those that have switched by now
 */
export async function* switchesTo(
  { log, topics }: PromotionSubject,
  { id, ends }: Pick<Appointed, 'id' | 'ends'>,
  withinMs: number,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly partition: number; readonly position: number }, void, undefined> {
  const open = new Map(ends.map((end, partition) => [partition, end]));
  for (const start = performance.now(); open.size > 0;) {
    for (const [partition, from] of open) {
      const { records, next } = await log.read(topics.model, partition, { from });
      open.set(partition, next);
      for (const { key, value } of records) {
        if (key !== null || value === null) continue;
        const delta = readDelta(value);
        if (delta.promotion?.id !== id) continue;
        open.delete(partition);
        yield { partition, position: delta.from };
        break;
      }
    }
    if (signal?.aborted === true || performance.now() - start > withinMs) return;
    if (open.size > 0) await pause(LOOK_MS, signal);
  }
}
