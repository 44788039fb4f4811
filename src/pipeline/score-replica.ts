/**
 * A read-only replica of a pipeline's model: predicts another source topic from the model topic alone, and learns nothing.
 *
 *   model topic ──follow──► sums ──┐
 *   its own source ──own──► chunk ─┴─► predictions + dead letters + position, one transaction
 *
 * It writes nothing that the pipeline reads. The group's position is the truth, for there is no state of its own. A text of a known
 * label gives a prediction that says so, and is not scored; label records are passed over and counted. What the model topic does
 * not hold yet, the models' names and kinds included, cannot be predicted with: it waits for the first delta.
 */
import { isValenceError, ValenceError } from '../errors.ts';
import type { EventLog, LogRecord, OwnedPartition } from '../ports/event-log.ts';
import { pause } from '../ports/pause.ts';
import { deadLetterHeaders, topicNames, type TopicNames } from '../../topics/index.ts';
import {
  ClassRules,
  DEFAULT_LABELS,
  isSameOrder,
  learnedClasses,
  type ClassOptions,
} from './classes.ts';
import { newestDeclared } from './declared-classes.ts';
import type { ModelFollower } from './follower.ts';
import { newestLearned } from './inspect.ts';
import { ownBeside } from './own-beside.ts';
import { actingChampion } from './promotion.ts';
import { prepareTopics, requireOthers } from './replica-topics.ts';
import { restoreSums } from './restore.ts';
import { ResultRecords, type Output } from './result-records.ts';
import { readSourceRecord, refusalError, type Refusal, type TextInput } from './source-record.ts';
import { analyzerOf, PipelineState, unknownModel } from './state.ts';
import { CHUNK_RECORDS, type SubscriberEvent } from './subscriber.ts';

export interface ScoreReplicaOptions {
  readonly log: EventLog;
  /** The pipeline whose model predicts. */
  readonly pipeline: string;
  /** Where its deltas and snapshots are; default `<pipeline>.model`, `<pipeline>.snapshots`. */
  readonly topics?: Partial<Pick<TopicNames, 'model' | 'snapshots'>>;
  /** Topic to predict: not the pipeline's own. */
  readonly source: string;
  /** Topic for the predictions: not the pipeline's own. */
  readonly results: string;
  /** Topic for records that cannot be predicted. Default `<results>.dlq`. */
  readonly dlq?: string;
  /** Default of the declared ones: those that the log tells, else the default ones. */
  readonly classes?: Partial<ClassOptions>;
  /** Words that explain each prediction. Default 0: none. */
  readonly explain?: number;
  /** Partitions of a source topic that has to be created. Default 1. */
  readonly partitions?: number;
  /** End when every partition's position, by whomever, has reached the end that it had at the start. */
  readonly untilEnd?: boolean;
  readonly signal?: AbortSignal;
  /** `chunk` counts label records as records only. */
  readonly onEvent?: (event: SubscriberEvent | ScoreReplicaEvent) => void;
  /** Monotonic ms, for durations in events only. */
  readonly clock?: () => number;
}

export type ScoreReplicaEvent =
  | {
      /** The model topic is empty: nothing is predicted until something is there. Told once. */
      readonly type: 'waiting';
      readonly topic: string;
    }
  | {
      /** Retention deleted records before they were predicted. */
      readonly type: 'truncated';
      readonly partition: number;
      readonly records: number;
    }
  | {
      /** A subscriber declared other classes, worst to best: they are predicted with from now on. */
      readonly type: 'labels_changed';
      readonly declared: readonly string[];
    };

export interface ScoreReplicaSummary {
  readonly records: number;
  readonly predictions: number;
  readonly deadLetters: number;
  /** Label records, which say nothing to somebody who learns nothing. */
  readonly labels: number;
  /** By partition, as far as this process knows. */
  readonly positions: readonly (number | undefined)[];
}

const CHUNK_BYTES = 1 << 20;
/** How long an empty partition is waited for before it counts as idle, ms. */
const IDLE_MS = 1000;
/** Least time between two changes of the classes, ms: subscribers that declare different ones may take turns. */
const CHANGE_MS = 10_000;
/** How often an empty model topic, or the position of other members, is looked at, ms. */
const WATCH_MS = 200;

/** The consumer group of the replicas of a pipeline's model on a source topic. */
export function scorerGroup(pipeline: string, source: string): string {
  return `${pipeline}.scorer.${source}`;
}

/**
 * Runs a replica until `signal` aborts, the end is reached (`untilEnd`), or an error that another claim cannot mend.
 *
 * @throws CONFIG_INVALID a topic is the pipeline's own; TOPIC_MISMATCH; NOT_FOUND `untilEnd`, and nothing was learned yet;
 * SOURCE_TRUNCATED the source was made again; DELTA_GAP, DELTA_CORRUPT, SNAPSHOT_CORRUPT, MODEL_MISMATCH the model cannot be
 * had, or not be followed
 */
export async function runScoreReplica(options: ScoreReplicaOptions): Promise<ScoreReplicaSummary> {
  const { log, pipeline, source, results, dlq = `${results}.dlq` } = options;
  const topics = { ...topicNames(pipeline, options.topics), source, results, dlq };
  await requireOthers(log, pipeline, topics);
  await prepareTopics(log, topics, options.partitions ?? 1);
  const model = await firstModel(options, topics);
  const description = await log.describeTopic(source);
  const ranges = description?.partitions ?? [];
  if (model === undefined) return { ...NOTHING, positions: ranges.map(() => undefined) };
  return new ScoreReplica(options, topics, model, ranges).run();
}

const NOTHING = { records: 0, predictions: 0, deadLetters: 0, labels: 0 };

/** What predicts, and what keeps it up to date. */
interface Model {
  readonly state: PipelineState;
  readonly follower: ModelFollower;
}

class ScoreReplica {
  readonly #options: ScoreReplicaOptions;
  readonly #log: EventLog;
  readonly #topics: TopicNames;
  #model: Model;
  #classes: ClassRules;
  /** The model is being made again, under other classes. */
  #changing: Promise<void> | undefined;
  #changedAt = -Infinity;
  readonly #explain: number;
  /** Source ranges at the start, by partition. */
  readonly #targets: readonly { readonly start: number; readonly end: number }[];
  readonly #positions: (number | undefined)[];
  readonly #stop = new AbortController();
  readonly #totals = { ...NOTHING };
  readonly #now: () => number;

  constructor(
    options: ScoreReplicaOptions,
    topics: TopicNames,
    model: Model,
    targets: readonly { readonly start: number; readonly end: number }[],
  ) {
    this.#options = options;
    this.#log = options.log;
    this.#topics = topics;
    this.#model = model;
    this.#classes = this.#rules();
    this.#explain = options.explain ?? 0;
    this.#targets = targets;
    this.#positions = targets.map(() => undefined);
    this.#now = options.clock ?? (() => performance.now());
  }

  async run(): Promise<ScoreReplicaSummary> {
    const { log, pipeline, signal, untilEnd = false } = this.#options;
    const { source: topic } = this.#topics;
    const group = scorerGroup(pipeline, topic);
    await ownBeside(
      {
        log,
        group,
        topic,
        transactionalId: group,
        stop: this.#stop,
        signal,
        onEvent: (event) => this.#options.onEvent?.(event),
      },
      (owned) => this.#serve(owned),
      untilEnd ? [() => this.#watchEnd(group)] : [],
    );
    return { ...this.#totals, positions: [...this.#positions] };
  }

  async #serve(owned: OwnedPartition): Promise<void> {
    const { partition } = owned;
    const started = this.#now();
    let position = await this.#begin(owned);
    await this.#catchUp();
    this.#options.onEvent?.({
      type: 'restored',
      partition,
      position,
      durationMs: this.#now() - started,
    });
    const records = new ResultRecords({
      pipeline: this.#options.pipeline,
      source: this.#topics.source,
      results: this.#topics.results,
      partition,
    });
    let idle = false;
    while (!owned.signal.aborted) {
      this.#positions[partition] = position;
      const batch = await owned.next({
        from: position,
        maxRecords: CHUNK_RECORDS,
        maxBytes: CHUNK_BYTES,
        waitMs: this.#options.untilEnd === true ? WATCH_MS : idle ? IDLE_MS * 10 : IDLE_MS,
      });
      if (batch.records.length > 0) {
        await this.#chunk(owned, records, batch.records, { from: position, ...batch });
        position = batch.next;
        idle = false;
      } else {
        if (batch.next > position && this.#options.untilEnd === true) {
          // Offsets without records stand at the end: whoever waits for it must see it passed.
          await owned.transact({ records: [], position: batch.next });
          position = batch.next;
        }
        if (!idle && !owned.signal.aborted)
          this.#options.onEvent?.({ type: 'idle', partition, position, end: batch.end });
        idle = true;
      }
    }
  }

  /** Takes in what was learned meanwhile; where other classes are declared by now, the answers are another matter. */
  async #catchUp(): Promise<void> {
    const { state, follower } = this.#model;
    await follower.catchUpOthers(NONE);
    const told = this.#options.classes?.declared === undefined ? follower.declared : undefined;
    if (told === undefined || isSameOrder(told, state.declared)) return;
    if (this.#now() - this.#changedAt < CHANGE_MS) return;
    this.#changing ??= this.#follow().finally(() => {
      this.#changing = undefined;
    });
    await this.#changing;
  }

  /** What was read last need not be the newest: a snapshot may stand for a newer delta of another partition. */
  async #follow(): Promise<void> {
    this.#changedAt = this.#now();
    const declared = await newestDeclared(this.#log, this.#topics);
    if (declared === undefined || isSameOrder(declared, this.#model.state.declared)) return;
    const model = await loadedModel(this.#options, this.#topics, declared);
    await model.follower.catchUpOthers(NONE);
    this.#model = model;
    this.#classes = this.#rules();
    this.#options.onEvent?.({ type: 'labels_changed', declared });
  }

  #rules(): ClassRules {
    return new ClassRules(learnedClasses(this.#options.classes ?? {}, this.#model.state.declared));
  }

  /** Where the group stands in the partition, or its first record. */
  async #begin({ partition, committed }: OwnedPartition): Promise<number> {
    const { source } = this.#topics;
    const { start = 0, end = 0 } =
      (await this.#log.describeTopic(source))?.partitions[partition] ?? {};
    if (committed === undefined) return start;
    if (committed > end) {
      throw new ValenceError(
        'SOURCE_TRUNCATED',
        `${source}/${partition} ends at ${end}, before the position ${committed}: the topic was made again; read it under another name`,
        { partition, position: committed, end },
      );
    }
    if (committed < start)
      this.#options.onEvent?.({ type: 'truncated', partition, records: start - committed });
    return Math.max(committed, start);
  }

  async #chunk(
    owned: OwnedPartition,
    results: ResultRecords,
    records: readonly LogRecord[],
    { from, next, end }: { readonly from: number; readonly next: number; readonly end: number },
  ): Promise<void> {
    const started = this.#now();
    const { partition } = owned;
    // The view is frozen here: from now to the transaction nothing waits.
    await this.#catchUp();
    const outputs: Output[] = [];
    const counts = { predictions: 0, deadLetters: 0, labels: 0 };
    for (const record of records) {
      const input = readSourceRecord(record);
      if (input.kind === 'label') {
        counts.labels += 1;
        continue;
      }
      const refused =
        input.kind === 'refused' ? input : this.#predict(record, input, results, outputs);
      if (refused === undefined) counts.predictions += 1;
      else {
        counts.deadLetters += 1;
        outputs.push(this.#deadLetter(record, refused));
      }
    }
    await owned.transact({ records: outputs, position: next });
    const { predictions, deadLetters, labels } = counts;
    this.#totals.records += records.length;
    this.#totals.predictions += predictions;
    this.#totals.deadLetters += deadLetters;
    this.#totals.labels += labels;
    this.#options.onEvent?.({
      type: 'chunk',
      partition,
      records: records.length,
      from,
      to: next,
      end,
      predictions,
      outcomes: 0,
      deadLetters,
      durationMs: this.#now() - started,
      timestamp: records.at(-1)?.timestamp ?? 0,
    });
  }

  #predict(
    record: LogRecord,
    { id, text, label, ts, model: addressed }: TextInput,
    results: ResultRecords,
    outputs: Output[],
  ): Refusal | undefined {
    const { state } = this.#model;
    const { models, names } = state;
    const chosen =
      addressed === undefined ? models : models.filter(({ name }) => name === addressed);
    if (addressed !== undefined && chosen.length === 0) {
      const { code, message } = unknownModel(addressed, names);
      return { kind: 'refused', code, stage: 'fold', message };
    }
    const origin = results.origin(record, ts);
    const champion = actingChampion(state.promotion, names);
    const truth = label === undefined ? undefined : this.#classes.resolve(label);
    for (const running of chosen) {
      const { model, extractor } = running;
      const calibrator = state.meanCalibrator(running);
      // Asking adds nothing to the vocabulary.
      const features = extractor.extract(text);
      const answer = model.predict(features, calibrator);
      // Written before anything else is asked: the answer is a view into the model's buffers.
      const { best } = answer;
      const explained = this.#explain > 0 && best >= 0;
      const prediction = {
        classes: answer.classes,
        probabilities: [...answer.probabilities.subarray(0, answer.classes.length)],
        best,
      };
      const explanation = explained
        ? model.explain(features, this.#explain, this.#classes.declared, calibrator)
        : undefined;
      const { name } = running;
      const role = name === champion ? 'champion' : 'challenger';
      outputs.push(
        results.prediction(origin, id, { name, role }, prediction, {
          label: truth,
          learned: model.learned,
          explanation,
        }),
      );
    }
    return undefined;
  }

  #deadLetter(record: LogRecord, refused: Refusal): Output {
    const added = deadLetterHeaders(refusalError(refused), refused.stage, record);
    return {
      topic: this.#topics.dlq,
      partition: record.partition,
      key: record.key,
      value: record.value,
      headers: [...record.headers, ...added],
    };
  }

  /** `untilEnd`: ends when every partition has got there, whoever serves it. */
  async #watchEnd(group: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const committed = await this.#log.committed(group, this.#topics.source);
      const done = this.#targets.every(
        ({ start, end }, p) => Math.max(this.#positions[p] ?? start, committed[p] ?? start) >= end,
      );
      if (done) this.#stop.abort();
      else await pause(WATCH_MS, this.#stop.signal);
    }
  }
}

const NONE: ReadonlySet<number> = new Set();

/** The model as it is now; waits until there is one. Undefined: told to stop before. */
async function firstModel(
  options: ScoreReplicaOptions,
  topics: TopicNames,
): Promise<Model | undefined> {
  const { untilEnd = false, signal, onEvent } = options;
  const topic = topics.model;
  const stop = signal ?? new AbortController().signal;
  for (let waited = false; !stop.aborted; waited = true) {
    try {
      return await loadedModel(options, topics, options.classes?.declared);
    } catch (error) {
      if (!isValenceError(error) || error.code !== 'NOT_FOUND' || untilEnd) throw error;
    }
    if (!waited) onEvent?.({ type: 'waiting', topic });
    await pause(WATCH_MS, stop);
  }
  return undefined;
}

/** The model as it is now, under these declared classes; undefined: under those that the log tells. */
async function loadedModel(
  { log, pipeline }: ScoreReplicaOptions,
  topics: TopicNames,
  given: readonly string[] | undefined,
): Promise<Model> {
  const ranges = (await log.describeTopic(topics.model))?.partitions ?? [];
  const { models, declared: told } = await newestLearned(log, topics, ranges);
  const state = new PipelineState({
    pipeline,
    models,
    declared: given ?? told ?? DEFAULT_LABELS,
    analyzer: analyzerOf(models),
    partitions: ranges.length,
  });
  const { follower } = await restoreSums({ log, topics, state });
  return { state, follower };
}
