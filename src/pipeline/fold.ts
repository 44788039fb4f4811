/**
 * The fold: predict, then learn, over the records of one partition, in order.
 *
 *   chunk ──► decode ─┬─ text ──► features ──► predict (every addressed model) ──► prediction ──► label known? score, learn : keep
 *                     ├─ label ─► the kept text ──► outcome, score the kept answer, learn
 *                     └─ neither ► dead letter
 *
 *   stage(records) ──► outputs + delta, to be committed together ──► commit() : into the sums │ rollback() : as if never
 *
 * No clock, randomness, I/O or logging. Invariants
 * - the prediction at offset n uses only what offsets below n taught, and of other partitions what was committed when the chunk began;
 * - between stage and commit the sums are as committed: a sibling partition's chunk sees nothing of it;
 * - a record that cannot be folded becomes a dead letter and moves the position like any other.
 */
import type { CalibratorState } from '../core/models/calibrator.ts';
import type { Addition } from '../core/models/gtnb-delta.ts';
import { NO_DELTA, type Explanation, type Model, type ModelDelta } from '../core/models/model.ts';
import {
  FeatureBuffer,
  keepFeatures,
  NO_FEATURES,
  type Extractor,
  type Features,
  type KeptFeatures,
} from '../core/text/features.ts';
import { WHOLE } from '../core/models/label-weight.ts';
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import type { Threshold } from '../core/metrics/threshold.ts';
import type { LogRecord } from '../ports/event-log.ts';
import { deadLetterHeaders, type Comparison, type TopicNames } from '../../topics/index.ts';
import type { CarrySink, LabelEvent, ModelCarry } from './carry.ts';
import type { ClassRules } from './classes.ts';
import { deltaRecord, type DeltaPlace } from './declared-classes.ts';
import { DeltaEncoder } from './delta-encoder.ts';
import type { ReadDelta } from './delta-reader.ts';
import { extractorsOf, type ChunkEvent, type FeatureName } from './delta.ts';
import { FeatureNamer } from './feature-namer.ts';
import { NO_KEPT_FEATURES, PartitionCarries, type CapturedCarries } from './partition-carries.ts';
import { PartitionClasses } from './partition-classes.ts';
import { PartitionChampion, type Promotion, type Seat } from './promotion.ts';
import { ResultRecords, type Origin, type Output } from './result-records.ts';
import {
  readSourceRecord,
  refusalError,
  type LabelInput,
  type Refusal,
  type TextInput,
} from './source-record.ts';
import { Rivalry } from './rivalry.ts';
import { unknownModel, type PipelineState, type RunningModel } from './state.ts';

export interface FoldOptions {
  readonly topics: TopicNames;
  readonly classes: ClassRules;
  /** Rolling window, scored records. */
  readonly window: number;
  /** A metrics record each so many scored records of a partition. */
  readonly metricsEvery: number;
  /** Words that explain each prediction; 0: none. */
  readonly explain: number;
  readonly thresholds: readonly Threshold[];
  readonly pendingMax: number;
  readonly pendingTtlMs: number;
  /** Labelled documents per partition and model that stay correctable. */
  readonly correctable: number;
  /** Share of the texts without a label whose label is wished for, 0 to 1. */
  readonly wantLabels: number;
}

export const FOLD_DEFAULTS = {
  window: 500,
  metricsEvery: 100,
  explain: 0,
  thresholds: [],
  pendingMax: 100_000,
  pendingTtlMs: 7 * 24 * 3_600_000,
  correctable: 10_000,
  wantLabels: 0,
} as const satisfies Partial<FoldOptions>;

/** A folded chunk that waits for its commit. */
export interface StagedChunk {
  /** Results and dead letters in source order, then the delta. */
  readonly outputs: readonly Output[];
  /** Source offsets [from, to). */
  readonly from: number;
  readonly to: number;
  /** How many of the records it took. */
  readonly records: number;
  /** The partition switches to it with this chunk. */
  readonly promotion: Promotion | undefined;
  readonly deltas: readonly ModelDelta[];
  readonly names: readonly FeatureName[];
  /** By model: its calibrator after the chunk; undefined: as before. */
  readonly calibrators: readonly (CalibratorState | undefined)[];
  /** Size of the delta as it is written. */
  readonly deltaBytes: number;
  /** Offset of the first label with a weight that no model of the pipeline counts by; undefined: there is none. */
  readonly ignoredWeight: number | undefined;
  readonly predictions: number;
  readonly outcomes: number;
  readonly deadLetters: number;
}

/** The model does not say how many features it did not know. */
const UNTOLD = -1;
/** What a model made of the text in hand. */
interface AnswerEntry {
  readonly model: number;
  readonly answer: ScoredAnswer;
  unknown: number;
  /** What learning it added, in units; 0: nothing, or what every document adds. */
  added: number;
}

const NO_ANSWER: ScoredAnswer = { classes: [], probabilities: [], best: -1 };
/** One owned partition: its carries, over the state that it shares with its siblings. */
export class PartitionFold {
  readonly partition: number;
  readonly #state: PipelineState;
  readonly #options: FoldOptions;
  readonly #records: ResultRecords;
  readonly #encoder = new DeltaEncoder();
  readonly #deltaPlace: DeltaPlace;
  readonly #carries: PartitionCarries;
  readonly #classes: PartitionClasses;
  readonly #rivalry: Rivalry;
  /** Where the last metrics records stood: scored records by model, so that idle metrics are not repeated. */
  readonly #reported: number[];
  #lastOrigin: Origin | undefined;
  readonly #everyone: readonly number[];
  /** Models with the role that they have in this partition now, and their sinks: made anew at a switch. */
  #running: readonly RunningModel[];
  #sinks: readonly CarrySink[] = [];
  #champion: PartitionChampion;
  readonly #features = new FeatureBuffer();
  /** Extractors of the models that need one, as deltas number them; by model, which of them is its own, -1: none. */
  readonly #extractors: readonly Extractor[];
  readonly #namer: FeatureNamer;
  readonly #analyses: readonly number[];
  readonly #isWeighted: boolean;
  /** Of the chunk in hand. */
  #ignoredWeight: number | undefined;
  /** Features that left windows in the chunk in hand. */
  #forgotten = 0;
  /** What the model in hand counted for the record in hand. */
  #added: Addition | undefined;
  /** Features of the last answer that its model had never learned, or UNTOLD. */
  #unknown = 0;
  /** Metrics, drift and alerts of the record in hand: they stand behind its prediction or outcome. */
  #effects: Output[] = [];
  readonly #classLists: (readonly string[])[] = [];
  /** One for all records: the hot path makes no closures. */
  readonly #nameOf = ({ model }: { readonly model: number }): string => this.#model(model).name;

  constructor(state: PipelineState, partition: number, options: FoldOptions) {
    this.partition = partition;
    this.#state = state;
    this.#options = options;
    const { topics, classes } = options;
    this.#deltaPlace = { topic: topics.model, partition, declared: classes.declared };
    this.#carries = new PartitionCarries(state, {
      partition,
      declared: options.classes.declared,
      window: options.window,
      metricsEvery: options.metricsEvery,
      pendingMax: options.pendingMax,
      pendingTtlMs: options.pendingTtlMs,
      correctable: options.correctable,
      thresholds: options.thresholds,
      wantLabels: options.wantLabels,
    });
    this.#classes = new PartitionClasses(options.classes, state.models);
    this.#rivalry = new Rivalry(state.models[0]?.name ?? '');
    const extractors = extractorsOf(
      state.models.map(({ extractor: { id } }) => ({ extractor: id })),
    );
    this.#extractors = extractors.map((id) => state.extractors.of(id));
    this.#namer = new FeatureNamer(
      this.#extractors.map((extractor) => ({
        extractor,
        model: state.models.find((running) => running.extractor === extractor)?.model,
      })),
    );
    this.#analyses = state.models.map(({ extractor }) => extractors.indexOf(extractor.id));
    this.#isWeighted = state.models.some(({ model }) => model.isWeighted);
    this.#reported = state.models.map(() => 0);
    this.#everyone = [...state.models.keys()];
    this.#running = state.models;
    this.#champion = new PartitionChampion(state.models[0]?.name ?? '');
    this.#giveRoles();
    this.#records = new ResultRecords({
      pipeline: state.pipeline,
      source: options.topics.source,
      results: options.topics.results,
      partition,
    });
    this.#mark();
  }

  /**
   * Folds records that follow the partition's position. The carries change at once, the sums when the chunk is committed: call
   * `commit` or `rollback` before the next `stage`.
   *
   * @param from the position before the chunk
   * @param to the position after it; default: the last record's offset + 1
   * @param forgetting features that may leave windows before the chunk ends, ahead of the records behind; default: any number
   */
  stage(
    records: readonly LogRecord[],
    from: number,
    epoch: number,
    to: number = (records.at(-1)?.offset ?? from - 1) + 1,
    forgetting: number = Infinity,
  ): StagedChunk {
    const outputs: Output[] = [];
    const events: ChunkEvent[] = [];
    const counts = { predictions: 0, outcomes: 0, deadLetters: 0 };
    this.#namer.begin();
    this.#ignoredWeight = undefined;
    this.#forgotten = 0;
    let folded = 0;
    const { seat } = this.#champion;
    const promotion = this.#champion.begin(this.#state.names, this.#state.promotion);
    this.#switch(seat);
    this.#carries.mergeCalibrators();
    for (const record of records) {
      const input = readSourceRecord(record);
      const refused =
        input.kind === 'refused'
          ? input
          : input.kind === 'text'
            ? this.#text(record, input, outputs, events)
            : this.#label(record, input, outputs, events);
      if (refused !== undefined) {
        outputs.push(this.#deadLetter(record, refused));
        counts.deadLetters += 1;
      } else if (input.kind === 'text') counts.predictions += 1;
      else counts.outcomes += 1;
      folded += 1;
      if (this.#forgotten >= forgetting) break;
    }
    const end = folded < records.length ? (records[folded - 1]?.offset ?? from - 1) + 1 : to;
    const deltas = this.#state.models.map(({ model }) => model.takeDelta());
    const calibrators = this.#everyone.map((index) => {
      const calibrator = this.#carries.of(index)?.calibrator;
      return calibrator?.isChanged === true ? calibrator.snapshot() : undefined;
    });
    const delta = this.#encoder.encode(
      {
        pipeline: this.#state.pipeline,
        partition: this.partition,
        epoch,
        from,
        to: end,
        seen: this.#state.positions.map((position, p) => (p === this.partition ? from : position)),
        promotion,
        models: this.#state.models.map(({ name, model, extractor }, index) => ({
          name,
          kind: model.kind,
          extractor: extractor.id,
          unit: model.unit,
          delta: deltas[index] ?? NO_DELTA,
          calibrator: calibrators[index],
        })),
        names: this.#namer.given,
        events,
      },
      this.#state.extractors,
    );
    outputs.push(deltaRecord(this.#deltaPlace, delta));
    return {
      outputs,
      from,
      to: end,
      records: folded,
      promotion,
      names: this.#namer.given,
      deltas,
      calibrators,
      deltaBytes: delta.length,
      ignoredWeight: this.#ignoredWeight,
      ...counts,
    };
  }

  /** The chunk is in the log: it becomes state. */
  commit(chunk: StagedChunk): void {
    for (const [index, { name, model }] of this.#state.models.entries()) {
      const delta = chunk.deltas[index];
      if (delta !== undefined && delta.classes.length > 0) model.apply(delta);
      const calibrator = chunk.calibrators[index];
      if (calibrator !== undefined) this.#state.setCalibrator(name, this.partition, calibrator);
    }
    const extractors = this.#extractors.map(({ id }) => id);
    this.#state.giveNames(chunk.names, extractors);
    this.#state.moved(this.partition, chunk.to, chunk.deltaBytes);
    this.#mark();
  }

  /** The chunk is not in the log, or nobody knows: as if it had never been folded. */
  rollback(): void {
    this.#carries.rollback();
    this.#classes.rollback();
    const { seat } = this.#champion;
    this.#champion.rollback();
    if (this.#champion.seat !== seat) this.#giveRoles();
  }

  /** Metrics records of a partition that has gone idle, for the models that scored since their last ones. */
  idle(): readonly Output[] {
    const origin = this.#lastOrigin;
    if (origin === undefined) return [];
    const outputs: Output[] = [];
    for (const [index, model] of this.#running.entries()) {
      const carry = this.#carries.of(index);
      if (carry === undefined || carry.scorer.scored === this.#reported[index]) continue;
      this.#reported[index] = carry.scorer.scored;
      outputs.push(
        this.#records.metrics(origin, model, carry, this.#comparisonOf(model, carry), true),
      );
    }
    return outputs;
  }

  /** Takes the events of a committed delta of this partition into the carries: a new owner's way to where the old one stood. */
  replay(delta: ReadDelta): void {
    const { seat } = this.#champion;
    this.#champion.replay(
      delta.models.map(({ name }) => name),
      delta.promotion,
    );
    this.#switch(seat);
    this.#carries.replay(delta, this.#rivalry, (label) => {
      this.#classes.append(label);
    });
    this.#mark();
  }

  /**
   * Call after the last `replay`. A metrics record that its owner did not live to write is then due at the next `idle`.
   *
   * @param reported by model name: scored records in the newest metrics record of the results topic
   * @param last the last record before the position, if it is still there
   */
  resume(reported: ReadonlyMap<string, number>, last: LogRecord | undefined): void {
    for (const [index, { name }] of this.#state.models.entries()) {
      this.#reported[index] = reported.get(name) ?? 0;
    }
    if (last === undefined) return;
    const input = readSourceRecord(last);
    const ts = input.kind === 'refused' ? undefined : input.ts;
    this.#lastOrigin = this.#records.origin(last, ts);
  }

  /** Figures of every model on this partition, by name. */
  figures(): ReadonlyMap<string, ReturnType<ModelCarry['metrics']>> {
    return new Map(
      this.#state.models.flatMap(({ name }, index) => {
        const carry = this.#carries.of(index);
        return carry === undefined ? [] : [[name, carry.metrics()] as const];
      }),
    );
  }

  /** Plain, canonical data of everything that is no sum. */
  snapshot(): FoldSnapshot {
    return {
      seat: this.#champion.seat,
      appended: this.#classes.snapshot(),
      carries: this.#carries.snapshot(),
    };
  }

  /** Takes a snapshot back. Models that it does not know start empty. */
  restore(snapshot: FoldSnapshot): void {
    this.#sit(snapshot.seat);
    this.#classes.restore(snapshot.appended);
    this.#carries.restore(snapshot.carries);
    this.#mark();
  }

  /** What is committed of everything that is no sum, to be written out while folding goes on. Not between `stage` and `commit`. */
  capture(): FoldCapture {
    return {
      seat: this.#champion.seat,
      appended: this.#classes.snapshot(),
      carries: this.#carries.capture(),
    };
  }

  /** Goes on from what was captured, by this process or another. Models that it does not hold start empty. */
  revive(capture: FoldCapture): void {
    this.#sit(capture.seat);
    this.#classes.restore(capture.appended);
    this.#carries.revive(capture.carries);
    this.#mark();
  }

  /** Who is champion of the partition, by the chunks that were folded. */
  get seat(): Seat {
    return this.#champion.seat;
  }

  #sit(seat: Seat | undefined): void {
    this.#champion = new PartitionChampion(this.#state.models[0]?.name ?? '', seat);
    this.#giveRoles();
  }

  /** The chunk in hand has another champion than the one before: comparisons begin anew. */
  #switch(before: Seat): void {
    if (this.#champion.seat === before) return;
    // Idle figures speak of the last record: none of those before had this champion.
    this.#lastOrigin = undefined;
    this.#carries.restartComparisons();
    this.#giveRoles();
  }

  #giveRoles(): void {
    const { champion } = this.#champion.seat;
    this.#rivalry.champion = champion;
    this.#running = this.#state.models.map((model) => {
      const role = model.name === champion ? 'champion' : 'challenger';
      return model.role === role ? model : { ...model, role };
    });
    this.#sinks = this.#everyone.map((index) => this.#sink(index));
  }

  #text(
    record: LogRecord,
    input: TextInput,
    outputs: Output[],
    events: ChunkEvent[],
  ): Refusal | undefined {
    const addressed = this.#addressed(input.model);
    if (addressed === undefined) return this.#noSuchModel(input.model);
    const label = input.label === undefined ? undefined : this.#classes.resolve(input.label);
    if (label === null) return this.#noRoom();
    const origin = this.#records.origin(record, input.ts);
    this.#lastOrigin = origin;
    const { id } = input;
    const extracted = this.#extract(input.text, addressed);
    const answers = new Array<AnswerEntry>(addressed.length);
    for (let place = 0; place < addressed.length; place++) {
      const index = addressed[place] ?? 0;
      const running = this.#model(index);
      const features = extracted[this.#analyses[index] ?? -1] ?? NO_FEATURES;
      const answer = this.#answer(index, running, features);
      answers[place] = { model: index, answer, unknown: this.#unknown, added: 0 };
      const isWanted = label === undefined && this.#carries.of(index)?.wants(id, answer) === true;
      const explanation = this.#explanation(index, running, features, answer);
      const { learned } = running.model;
      outputs.push(
        this.#records.prediction(origin, id, running, answer, {
          label,
          learned,
          explanation,
          wantLabel: isWanted && running.role === 'champion',
        }),
      );
    }
    const event = {
      id,
      offset: record.offset,
      timestamp: record.timestamp,
      // Only a text that waits for its label needs its time.
      tsMs: label === undefined ? milliseconds(record, input.ts) : undefined,
      label,
      weight: input.weight,
    };
    this.#lookAtWeight(event);
    const features = this.#keep(extracted, record.offset);
    events.push({ kind: 'text', answers, features, event });
    for (const at of this.#rivalry.begin(answers, this.#nameOf)) {
      const entry = answers[at];
      if (entry === undefined) continue;
      this.#added = undefined;
      const kept = features[this.#analyses[entry.model] ?? -1] ?? NO_KEPT_FEATURES;
      if (entry.unknown === UNTOLD) entry.unknown = unknownOf(this.#model(entry.model).model, kept);
      const answered = { features: kept, answer: entry.answer, unknown: entry.unknown };
      this.#carries.of(entry.model)?.text(event, answered, this.#sinkOf(entry.model));
      entry.added = this.#addedAmount();
    }
    this.#flush(outputs);
    return undefined;
  }

  /** Features of a text by extractor, for the models that are asked; undefined: none of them has it. */
  #extract(text: string, addressed: readonly number[]): readonly (Features | undefined)[] {
    const found = new Array<Features | undefined>(this.#extractors.length);
    for (let analysis = 0; analysis < found.length; analysis++)
      found[analysis] = this.#isAsked(analysis, addressed)
        ? this.#extractors[analysis]?.extract(text)
        : undefined;
    return found;
  }

  #isAsked(analysis: number, addressed: readonly number[]): boolean {
    for (let at = 0; at < addressed.length; at++)
      if (this.#analyses[addressed[at] ?? -1] === analysis) return true;
    return false;
  }

  /** What was extracted last, as it stays; those worth a name get one. */
  #keep(
    extracted: readonly (Features | undefined)[],
    offset: number,
  ): readonly (KeptFeatures | undefined)[] {
    const kept = new Array<KeptFeatures | undefined>(extracted.length);
    for (let analysis = 0; analysis < kept.length; analysis++) {
      const found = extracted[analysis];
      const extractor = this.#extractors[analysis];
      if (found === undefined || extractor === undefined) continue;
      this.#namer.look(analysis, found, offset);
      kept[analysis] = keepFeatures(extractor.keep());
    }
    return kept;
  }

  #explanation(
    index: number,
    { model }: RunningModel,
    features: Features,
    answer: ScoredAnswer,
  ): Explanation | undefined {
    const { explain, classes } = this.#options;
    if (explain === 0 || answer.best < 0) return undefined;
    return model.explain(features, explain, classes.declared, this.#carries.of(index)?.calibrator);
  }

  /** What the record in hand added to the model in hand; 0: nothing. A method: a sink sets it behind the compiler's back. */
  #addedAmount(): number {
    return this.#added?.amount ?? 0;
  }

  #label(
    record: LogRecord,
    input: LabelInput,
    outputs: Output[],
    events: ChunkEvent[],
  ): Refusal | undefined {
    const addressed = this.#addressed(input.model);
    if (addressed === undefined) return this.#noSuchModel(input.model);
    const label = input.label === null ? undefined : this.#classes.resolve(input.label);
    if (label === null) return this.#noRoom();
    const origin = this.#records.origin(record, input.ts);
    this.#lastOrigin = origin;
    const event = {
      id: input.id,
      offset: record.offset,
      timestamp: record.timestamp,
      tsMs: milliseconds(record, input.ts),
      label: label ?? null,
      weight: input.weight,
    };
    this.#lookAtWeight(event);
    const models = addressed.map((model) => ({ model, added: 0 }));
    events.push({ kind: 'label', models, event });
    for (const at of this.#rivalry.begin(models, this.#nameOf)) {
      const entry = models[at];
      if (entry === undefined) continue;
      const index = entry.model;
      this.#added = undefined;
      const outcome = this.#carries.of(index)?.label(event, this.#sinkOf(index));
      entry.added = this.#addedAmount();
      if (outcome === undefined) continue;
      outputs.push(
        this.#records.outcome(origin, input.id, this.#model(index), event.label, outcome),
      );
      this.#flush(outputs);
    }
    return undefined;
  }

  #lookAtWeight({ weight, offset }: Pick<LabelEvent, 'weight' | 'offset'>): void {
    if (weight === WHOLE || weight === 0 || this.#isWeighted) return;
    this.#ignoredWeight ??= offset;
  }

  /** Effects of one model's carry, on the record that is being folded. One a model: this is the hot path. */
  #sink(index: number): CarrySink {
    const running = this.#model(index);
    const { model } = running;
    return {
      isWeighted: model.isWeighted,
      learn: (kept, label, sight, weight) => {
        const calibrator = this.#carries.of(index)?.calibrator;
        this.#added = model.learn(this.#features.load(kept), label, sight, calibrator, weight);
        return this.#added;
      },
      unlearn: (kept, label, addition) => model.unlearn(this.#features.load(kept), label, addition),
      forget: (kept, label, addition) => {
        this.#forgotten += kept.ids.length;
        model.forget(this.#features.load(kept), label, addition);
      },
      metrics: () => {
        const carry = this.#carries.of(index);
        if (carry === undefined) return;
        this.#reported[index] = carry.scorer.scored;
        this.#emit((origin) =>
          this.#records.metrics(origin, running, carry, this.#comparisonOf(running, carry), false),
        );
      },
      drift: (alarm, reaction) =>
        this.#emit((origin) => this.#records.drift(origin, running, alarm, reaction)),
      compare: (...scored) => {
        if (this.#carries.size > 1)
          this.#rivalry.scored(running.name, this.#carries.of(index), ...scored);
      },
      alert: (rule, at, state, value) =>
        this.#emit((origin) => this.#records.alert(origin, running, rule, at, state, value)),
    };
  }

  /** For the metrics record of a challenger. */
  #comparisonOf({ name }: RunningModel, { comparison }: ModelCarry): Comparison | undefined {
    const { champion, promotion } = this.#champion.seat;
    if (name === champion) return undefined;
    return { champion, promotion: promotion.id, pairs: comparison.snapshot() };
  }

  #flush(outputs: Output[]): void {
    if (this.#effects.length === 0) return;
    outputs.push(...this.#effects);
    this.#effects = [];
  }

  #emit(output: (origin: Origin) => Output): void {
    if (this.#lastOrigin !== undefined) this.#effects.push(output(this.#lastOrigin));
  }

  /** The model's answer as a value that stays: answers are views into the model's buffers. */
  #answer(index: number, running: RunningModel, features: Features): ScoredAnswer {
    const calibrator = this.#carries.of(index)?.calibrator;
    const { classes, probabilities, best, unknown } = running.model.predict(features, calibrator);
    this.#unknown = unknown ?? UNTOLD;
    if (classes.length === 0) return NO_ANSWER;
    const kept = new Array<number>(classes.length);
    for (let c = 0; c < classes.length; c++) kept[c] = probabilities[c] ?? 0;
    return { classes: this.#classList(index, classes), probabilities: kept, best };
  }

  /** The same array as long as the list is the same: it is kept by many answers. */
  #classList(index: number, classes: readonly string[]): readonly string[] {
    const known = this.#classLists[index];
    if (known?.length === classes.length && known.every((label, c) => label === classes[c]))
      return known;
    return (this.#classLists[index] = [...classes]);
  }

  #addressed(model: string | undefined): readonly number[] | undefined {
    if (model === undefined) return this.#everyone;
    const index = this.#state.indexOf(model);
    return index === undefined ? undefined : [index];
  }

  #model(index: number): RunningModel {
    const running = this.#running[index];
    if (running === undefined) throw new RangeError('a model index out of range');
    return running;
  }

  #sinkOf(index: number): CarrySink {
    const sink = this.#sinks[index];
    if (sink === undefined) throw new RangeError('a model index out of range');
    return sink;
  }

  #mark(): void {
    this.#carries.mark();
    this.#champion.mark();
    this.#classes.mark();
  }

  #noSuchModel(name: string | undefined): Refusal {
    const { code, message } = unknownModel(name ?? '', this.#state.names);
    return { kind: 'refused', code, stage: 'fold', message };
  }

  #noRoom(): Refusal {
    return {
      kind: 'refused',
      code: 'LABEL_UNKNOWN',
      stage: 'fold',
      message: `the label would be class number ${this.#options.classes.maxClasses + 1}; map labels with --label-map or raise --max-classes`,
    };
  }

  #deadLetter(record: LogRecord, refused: Refusal): Output {
    return {
      topic: this.#options.topics.dlq,
      partition: this.partition,
      key: record.key,
      value: record.value,
      headers: [
        ...record.headers,
        ...deadLetterHeaders(refusalError(refused), refused.stage, record),
      ],
    };
  }
}

/** Features of a text that a model has never learned. */
function unknownOf(model: Model, { ids }: KeptFeatures): number {
  let unknown = 0;
  for (let at = 0; at < ids.length; at++) if (model.frequency(ids[at] ?? 0) === 0) unknown += 1;
  return unknown;
}

/** Everything of a partition that is no sum, at one moment. */
export interface FoldCapture {
  /** Undefined: no chunk was folded. */
  readonly seat: Seat | undefined;
  readonly appended: readonly string[];
  readonly carries: CapturedCarries;
}

/** Everything of a partition that is no sum, as plain data. */
export interface FoldSnapshot {
  readonly seat: Seat | undefined;
  readonly appended: readonly string[];
  readonly carries: ReturnType<PartitionCarries['snapshot']>;
}

/** The time that `source.ts` tells, ms; undefined if it is no date. */
function milliseconds(record: LogRecord, ts: string | number | undefined): number | undefined {
  if (ts === undefined) return record.timestamp;
  const parsed = typeof ts === 'string' ? Date.parse(ts) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
