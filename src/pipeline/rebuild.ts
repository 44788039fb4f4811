/**
 * Rebuild: makes the model again from the source topic, when the model topic was lost or damaged.
 *
 *   claim every partition ─► settle how far each had been folded ─► delete snapshots and deltas ─► fold again, deltas only
 *
 * Results and dead letters stand already, and are not written again. Whatever is left for later is folded by subscribers as usual.
 * Who is champion stays: the newest promotion is written again, and partitions switch where their deltas say that they did.
 * One that is broken off leaves positions ahead of the model, so that no subscriber goes on; it can be begun again.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord, OwnedPartition } from '../ports/event-log.ts';
import { topicSpecs } from '../ports/topic-specs.ts';
import { PROMOTION_KEY, type PromotionRecord } from '../../topics/index.ts';
import { FEATURES_A_CHUNK } from '../core/models/forgetting.ts';
import { NO_DELTA } from '../core/models/model.ts';
import { deltaRecord } from './declared-classes.ts';
import { DeltaEncoder } from './delta-encoder.ts';
import { holdsLabels, isOlderDelta, readDelta, readRange, type ReadDelta } from './delta-reader.ts';
import { PartitionFold, type FoldOptions } from './fold.ts';
import { ownAll, type OwnAllOptions } from './own-all.ts';
import { newestPromotion } from './newest-promotion.ts';
import { deadLettersOf, lastOffset, resultsOf } from './output-identity.ts';
import type { Promotion } from './promotion.ts';
import { PipelineState, type ModelSpec } from './state.ts';
import { CHUNK_BYTES, CHUNK_RECORDS, subscriberGroup } from './subscriber.ts';
import { recordsBetween } from './topic-cursor.ts';
import { isEmpty, isSeed, specsOf, type Spec } from './verify-view.ts';

export interface RebuildOptions extends Omit<OwnAllOptions, 'topics' | 'partitions'> {
  /** As the subscribers had them: models, tokenizer and settings. */
  readonly models: readonly ModelSpec[];
  readonly analyzer: string;
  readonly fold: FoldOptions;
  /** Also without what the source does not give back: its first records, or a model that an older Valence imported. */
  readonly force?: boolean;
  /** Source records folded so far, and how many there are to fold. */
  readonly onProgress?: (records: number, of: number) => void;
}

export interface Rebuilt {
  readonly records: number;
  readonly deltas: number;
  /** By partition: where subscribers go on, as before. */
  readonly positions: readonly number[];
  /** Documents learned and hash of the first model's sums. */
  readonly learned: number;
  readonly hash: string;
}

/** A partition, claimed, and what is known of its past. */
interface Lane {
  readonly owned: OwnedPartition;
  /** Source range to fold again. */
  readonly from: number;
  readonly to: number;
  /** Nothing was ever folded. */
  readonly isNew: boolean;
  /** Offset after the last record of the model topic, all of which go. */
  readonly modelEnd: number;
  /** The delta of an imported model, which no source record can give back. */
  readonly imported: ReadDelta | undefined;
  readonly fold: PartitionFold;
  /** Where the partition switched to another champion, as far as its deltas still tell; those to come. */
  switches: readonly Switch[];
  next: number;
  batch: readonly LogRecord[];
}

interface Switch {
  /** Source offset. */
  readonly from: number;
  readonly promotion: Promotion;
}

/**
 * @throws CONFIG_INVALID a subscriber is running, the source lacks its first records, or the model began with one that an older
 * Valence imported; TOPIC_MISMATCH; MODEL_MISMATCH a delta that is left was written by other models; SOURCE_TRUNCATED the source
 * ends before the position
 */
export async function rebuildModel(options: RebuildOptions): Promise<Rebuilt> {
  const { log, fold } = options;
  const { topics } = fold;
  const source = await log.describeTopic(topics.source);
  if (source === undefined) {
    throw new ValenceError(
      'NOT_FOUND',
      `no topic ${topics.source} in ${log.url}: there is nothing to make the model from`,
    );
  }
  const partitions = source.partitions.length;
  await log.ensureTopics(topicSpecs(topics, partitions));
  const model = await log.describeTopic(topics.model);
  if (model?.partitions.length !== partitions) {
    throw new ValenceError(
      'TOPIC_MISMATCH',
      `topic ${topics.model} has ${model?.partitions.length ?? 0} partitions, ${topics.source} has ${partitions}; they must have as many`,
    );
  }
  const rebuild = new Rebuild(options, partitions);
  return ownAll({ ...options, topics, partitions }, (owned) => rebuild.run(owned));
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #state: PipelineState;
  readonly #encoder = new DeltaEncoder();
  /** As it stands when the model topic is emptied. */
  #promotion: Promotion;

  constructor(options: RebuildOptions, partitions: number) {
    const { pipeline, models, analyzer, fold } = options;
    this.#options = options;
    const { declared } = fold.classes;
    this.#state = new PipelineState({ pipeline, models, declared, analyzer, partitions });
    this.#promotion = this.#state.promotion;
  }

  async run(all: readonly OwnedPartition[]): Promise<Rebuilt> {
    const { log, fold } = this.#options;
    this.#promotion = await newestPromotion(log, fold.topics, this.#promotion.champion);
    const lanes: Lane[] = [];
    // Everything is looked at before anything is deleted.
    for (const owned of all) lanes.push(await this.#survey(owned));
    let deltas = 0;
    for (const lane of lanes) deltas += await this.#begin(lane);
    const of = lanes.reduce((sum, { from, to }) => sum + (to - from), 0);
    let records = 0;
    for (const lane of lanes) await this.#read(lane);
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const open = lanes.filter(({ next, to }) => next < to);
      const lane = earliest(open);
      if (lane === undefined) break;
      records += await this.#fold(lane);
      deltas += 1;
      this.#options.onProgress?.(records, of);
      await this.#read(lane);
    }
    for (const lane of lanes) deltas += await this.#finish(lane);
    const name = this.#state.models[0]?.name ?? '';
    const positions = lanes.map(({ to }) => to);
    return { records, deltas, positions, ...this.#state.hash(name) };
  }

  /** What the partition's owners had folded, and whether that can be folded again. */
  async #survey(owned: OwnedPartition): Promise<Lane> {
    const { log, pipeline, fold, force = false } = this.#options;
    const { topics } = fold;
    const { partition } = owned;
    const { start, end } = await rangeOf(log, topics.source, partition);
    const committed = await log.committed(subscriberGroup(pipeline), topics.source);
    const result = await lastOffset(
      log,
      topics.results,
      partition,
      resultsOf(pipeline, topics.source),
    );
    const letter = await lastOffset(log, topics.dlq, partition, deadLettersOf(topics.source));
    const reached = [owned.committed, committed[partition], after(result), after(letter)];
    const folded = Math.max(...reached.map((position) => position ?? 0));
    // Nothing was folded, or nothing of it is left: the partition begins where the source does now.
    const [from, to] = [start, Math.max(start, folded)];
    if (to > end) {
      throw new ValenceError(
        'SOURCE_TRUNCATED',
        `${topics.source}/${partition} ends at ${end}, before the position ${to}: the topic was made again; use another --pipeline`,
        { partition, position: to, end },
      );
    }
    const left = await this.#left(partition);
    if (start > (left.genesis ?? 0) && folded > 0 && !force) {
      throw new ValenceError(
        'CONFIG_INVALID',
        `${topics.source}/${partition} begins at ${start}: the ${start - (left.genesis ?? 0)} records before it are deleted; --force makes the model of the rest`,
        { partition, start },
      );
    }
    return {
      owned,
      from,
      to,
      isNew: folded === 0,
      modelEnd: left.end,
      imported: left.imported,
      switches: this.#promotion.id === null ? [] : await this.#switches(partition),
      fold: new PartitionFold(this.#state, partition, fold),
      next: from,
      batch: [],
    };
  }

  /** What the model topic still tells: where the model began, and with what. */
  async #left(partition: number): Promise<{
    readonly end: number;
    readonly genesis: number | undefined;
    readonly imported: ReadDelta | undefined;
  }> {
    const { log, fold } = this.#options;
    const { model } = fold.topics;
    const { start, end } = await rangeOf(log, model, partition);
    const range = { from: start, until: end };
    for await (const { key, value } of recordsBetween(log, model, partition, range)) {
      if (key === null && value !== null && isOlderDelta(value)) {
        const { from, to } = readRange(value);
        if (isSeed({ from, to }) && holdsLabels(value)) this.#requireForce(partition);
        return { end, genesis: start === 0 ? from : undefined, imported: undefined };
      }
      const delta = key === null && value !== null ? readable(value) : undefined;
      if (value === null || delta === undefined) continue;
      this.#compare(specsOf(value));
      const begins = isSeed(delta);
      return {
        end,
        genesis: begins || start === 0 ? delta.from : undefined,
        imported: begins && !isEmpty(value) ? delta : undefined,
      };
    }
    return { end, genesis: undefined, imported: undefined };
  }

  /** An older Valence wrote what the partition began with, and this one cannot take it over. */
  #requireForce(partition: number): void {
    const { fold, force = false } = this.#options;
    if (force) return;
    throw new ValenceError(
      'CONFIG_INVALID',
      `${fold.topics.model}/${partition} begins with an imported model in a format of an older Valence, and the source topic does not give it back: ` +
        `import its file into a new --pipeline ('valence model export' of that Valence writes one); --force makes the model without it`,
      { partition },
    );
  }

  /** Where the deltas that are left switch. */
  async #switches(partition: number): Promise<readonly Switch[]> {
    const { log, fold } = this.#options;
    const { model } = fold.topics;
    const { start, end } = await rangeOf(log, model, partition);
    const switches: Switch[] = [];
    const range = { from: start, until: end };
    for await (const { key, value } of recordsBetween(log, model, partition, range)) {
      const delta = key === null && value !== null ? readable(value) : undefined;
      if (delta?.promotion !== undefined)
        switches.push({ from: delta.from, promotion: delta.promotion });
    }
    return switches;
  }

  /**
   * Takes away what is left. The position is settled with it: from here on no subscriber takes the partition for a new one.
   *
   * @returns number of deltas written
   */
  async #begin(lane: Lane): Promise<number> {
    const { owned, from, to, isNew, imported, modelEnd } = lane;
    const { log, fold } = this.#options;
    const { model: topic, snapshots } = fold.topics;
    const { partition } = owned;
    const place = { topic, partition, declared: fold.classes.declared };
    const gone = partition === 0 ? await tombstones(log, snapshots) : [];
    const values = from === to && modelEnd === 0 ? [] : this.#beginnings(owned, from, imported);
    const standing = partition === 0 ? this.#standing() : [];
    await owned.transact({
      records: [...gone, ...standing, ...values.map((value) => deltaRecord(place, value))],
      position: isNew ? undefined : to,
    });
    // They stand behind what goes now.
    if (modelEnd > 0) await log.trim(topic, partition, modelEnd);
    for (const value of values) {
      const delta = readDelta(value);
      this.#state.apply(delta);
      lane.fold.replay(delta);
    }
    return values.length;
  }

  /** The promotion that the model topic loses. */
  #standing(): readonly { topic: string; partition: 0; key: string; value: string }[] {
    const { id, champion, previous } = this.#promotion;
    if (id === null) return [];
    const record: PromotionRecord = { type: 'restore', model: champion, previous, id };
    const topic = this.#options.fold.topics.model;
    return [{ topic, partition: 0, key: PROMOTION_KEY, value: JSON.stringify(record) }];
  }

  /** The delta that says where the partition begins and in which epoch it was rebuilt, behind an imported model. */
  #beginnings(
    { partition, epoch }: OwnedPartition,
    from: number,
    imported: ReadDelta | undefined,
  ): readonly Uint8Array[] {
    const { pipeline, extractors, models, positions } = this.#state;
    const seen = positions.map((_, p) => (p === partition ? from : undefined));
    const header = { pipeline, partition, epoch, from, to: from, seen, events: [] };
    const nothing = models.map(({ name, model, extractor: { id } }) => {
      const { kind, unit } = model;
      return { name, kind, extractor: id, unit, delta: NO_DELTA, calibrator: undefined };
    });
    const seeds = [
      ...(imported === undefined
        ? []
        : [{ ...header, names: imported.names, models: imported.taught(extractors) }]),
      { ...header, names: [], models: nothing },
    ];
    return seeds.map((seed) => this.#encoder.encode(seed, extractors));
  }

  /** The next chunk of a lane, if it has none. */
  async #read(lane: Lane): Promise<void> {
    while (lane.next < lane.to && lane.batch.length === 0) {
      const batch = await lane.owned.next({
        from: lane.next,
        maxRecords: CHUNK_RECORDS,
        maxBytes: CHUNK_BYTES,
      });
      lane.batch = batch.records.filter(({ offset }) => offset < lane.to);
      if (lane.batch.length > 0) return;
      // Nothing that has an offset below the position is left.
      if (batch.records.length > 0 || batch.end <= lane.next) lane.next = lane.to;
      else lane.next = batch.next;
    }
  }

  async #fold(lane: Lane): Promise<number> {
    const { owned, fold } = lane;
    const { partition, epoch } = owned;
    const from = this.#state.positions[partition] ?? lane.from;
    const first = lane.batch[0]?.offset ?? from;
    const due = lane.switches.filter((at) => at.from <= first);
    lane.switches = lane.switches.slice(due.length);
    const until = lane.switches[0]?.from ?? lane.to;
    const batch = lane.batch.filter(({ offset }) => offset < until);
    const last = (batch.at(-1)?.offset ?? from) + 1;
    this.#state.promotion = due.at(-1)?.promotion ?? fold.seat.promotion;
    const chunk = fold.stage(batch, from, epoch, last, FEATURES_A_CHUNK);
    const { model } = this.#options.fold.topics;
    await owned.transact({
      records: chunk.outputs.filter(({ topic }) => topic === model),
      position: undefined,
    });
    fold.commit(chunk);
    lane.next = chunk.to;
    lane.batch = lane.batch.slice(chunk.records);
    return chunk.records;
  }

  /** Offsets behind the last record may have none any more; the position is behind them all the same. */
  async #finish({ owned, fold, from, to }: Lane): Promise<number> {
    const position = this.#state.positions[owned.partition] ?? from;
    if (position >= to) return 0;
    this.#state.promotion = fold.seat.promotion;
    const chunk = fold.stage([], position, owned.epoch, to);
    await owned.transact({ records: chunk.outputs, position: undefined });
    fold.commit(chunk);
    return 1;
  }

  /** Models that are asked for, beside those that a delta names. */
  #compare(written: readonly Spec[]): void {
    const { models } = this.#state;
    for (const { name, kind, extractor: analysis } of written) {
      const asked = models.find((model) => model.name === name);
      if (asked?.model.kind === kind && asked.extractor.id === analysis) continue;
      throw new ValenceError(
        'MODEL_MISMATCH',
        `model '${name}' was learned as ${kind} on ${analysis}, and is to be rebuilt ${
          asked === undefined ? 'without it' : `as ${asked.model.kind} on ${asked.extractor.id}`
        }; give the models and the analyzer that the subscribers had`,
        { model: name },
      );
    }
  }
}

/** The lane whose next record is the oldest: partitions learn of each other about as they would have. */
function earliest(lanes: readonly Lane[]): Lane | undefined {
  const time = ({ batch }: Lane): number => batch[0]?.timestamp ?? 0;
  return lanes.reduce<Lane | undefined>(
    (first, lane) => (first === undefined || time(lane) < time(first) ? lane : first),
    undefined,
  );
}

/** Records that delete every snapshot there is. */
async function tombstones(
  log: EventLog,
  topic: string,
): Promise<{ topic: string; partition: number; key: Uint8Array; value: null }[]> {
  const live = new Map<string, { partition: number; key: Uint8Array }>();
  const partitions = (await log.describeTopic(topic))?.partitions ?? [];
  for (const [partition, { start, end }] of partitions.entries()) {
    const range = { from: start, until: end };
    for await (const { key, value } of recordsBetween(log, topic, partition, range)) {
      if (key === null) continue;
      const name = `${partition}/${Buffer.from(key).toString('latin1')}`;
      if (value === null) live.delete(name);
      else live.set(name, { partition, key });
    }
  }
  return [...live.values()].map((at) => ({ topic, ...at, value: null }));
}

/** Undefined: damaged, or of an older version. */
function readable(bytes: Uint8Array): ReadDelta | undefined {
  if (isOlderDelta(bytes)) return undefined;
  try {
    return readDelta(bytes);
  } catch (error) {
    if (isValenceError(error) && error.code === 'DELTA_CORRUPT') return undefined;
    throw error;
  }
}

async function rangeOf(
  log: EventLog,
  topic: string,
  partition: number,
): Promise<{ readonly start: number; readonly end: number }> {
  return (await log.describeTopic(topic))?.partitions[partition] ?? { start: 0, end: 0 };
}

/** Position behind an offset. */
function after(offset: number | undefined): number | undefined {
  return offset === undefined ? undefined : offset + 1;
}
