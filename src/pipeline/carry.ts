/**
 * The carry: what one partition and model keep that is no sum, as a pure state machine over events.
 *
 *   text, labelled ────► score · learn ──────────────► labelled  (correctable, the last 10,000; of a kind with a window those in it)
 *   text, unlabelled ──► pending ──── label comes ───► score the kept answer · learn ──► labelled
 *   label, no text ────► waiting ──── text comes ────► score · learn ──► labelled
 *                        (by age and number) ────────► gone      (a label for it is «expired»; what left a window is unlearned)
 *
 * An event holds everything a step needs, so that a delta carries events and a new owner replays them: no model, no text and no
 * clock is needed for that. Effects on the sums and outputs go to a sink; that of a replay has none. What a calibrator learned is
 * not learned again: the delta holds it whole.
 *
 * Invariants
 * - a kept answer is scored at most once; a correction undoes counts, never scores;
 * - weights are kept as the model counts them: a label whose weight changes nothing there is a duplicate;
 * - of a kind with a window the counts are those of the labelled documents here: each text record is one, whatever its id;
 * - age is measured by the log's record timestamps, as their running maximum, never by `ts` and never by a clock;
 * - `rollback` returns to the last `mark` exactly.
 */
import type { Calibrator, CalibratorState } from '../core/models/calibrator.ts';
import { documentsSince, FEATURES_AT_ONCE, type Forgetting } from '../core/models/forgetting.ts';
import type { Addition } from '../core/models/gtnb-delta.ts';
import { countedWeight, WHOLE } from '../core/models/label-weight.ts';
import { parseModelKind } from '../core/models/model-kinds.ts';
import { LabelWish } from '../core/models/label-wish.ts';
import type { FirstSight, Model } from '../core/models/model.ts';
import type { KeptFeatures } from '../core/text/features.ts';
import { DriftWatch, type DriftAlarm } from '../core/drift/watch.ts';
import { PairedComparison } from '../core/metrics/paired-comparison.ts';
import { Scorer, type BaselineAnswer, type ScoredAnswer } from '../core/metrics/scorer.ts';
import { ThresholdState, type Threshold } from '../core/metrics/threshold.ts';
import type { DriftResult, OutcomeStatus } from '../../topics/index.ts';
import { FifoMap } from './fifo-map.ts';
import { LastIds } from './last-ids.ts';

export interface CarryOptions {
  readonly partition: number;
  /** Declared classes, worst to best. */
  readonly declared: readonly string[];
  /** Rolling window, scored records. */
  readonly window: number;
  /** A metrics record each so many scored records. */
  readonly metricsEvery: number;
  /** Most texts that wait for their label, and most labels that wait for their text. */
  readonly pendingMax: number;
  /** ms of record time after which a waiting text or label is given up. */
  readonly pendingTtlMs: number;
  /** Labelled documents that stay correctable. */
  readonly correctable: number;
  readonly thresholds: readonly Threshold[];
  /** Share of the texts without a label whose label is wished for, 0 to 1. */
  readonly wantLabels: number;
}

/** A text that was folded. */
export interface TextEvent {
  readonly id: string;
  readonly offset: number;
  /** The log's record timestamp, ms. */
  readonly timestamp: number;
  /** The record's own ts, as `source.ts` shows it, ms; undefined if it is no date. */
  readonly tsMs: number | undefined;
  readonly label: string | undefined;
  /** Of the label, in sixteenths; 16 where there is none. */
  readonly weight: number;
}

/** What a model made of a text. */
export interface AnsweredText {
  readonly features: KeptFeatures;
  /** Made before anything of the record was learned; `best` is -1 when the model knew no class. */
  readonly answer: ScoredAnswer;
  /** Features of the text that the model had never learned. */
  readonly unknown: number;
}

/** A label that was folded; null withdraws. */
export interface LabelEvent {
  readonly id: string;
  readonly offset: number;
  readonly timestamp: number;
  readonly tsMs: number | undefined;
  readonly label: string | null;
  /** In sixteenths; 16 where the label is withdrawn. */
  readonly weight: number;
}

/** What came of a label record. */
export interface Outcome {
  readonly status: OutcomeStatus;
  readonly prediction?: string | null;
  readonly previous?: string | null;
  readonly correct?: boolean;
  readonly delayMs?: number;
  readonly delayRecords?: number;
}

/** Where effects go. */
export interface CarrySink {
  /** Of the model. */
  readonly isWeighted: boolean;
  /** @param weight in sixteenths, above 0; 16 unless the model is weighted */
  learn(
    features: KeptFeatures,
    label: string,
    sight: FirstSight,
    weight: number,
  ): Addition | undefined;
  unlearn(features: KeptFeatures, label: string, addition: Addition | undefined): void;
  /** As unlearn, of a document that left the window of the kind. */
  forget(features: KeptFeatures, label: string, addition: Addition | undefined): void;
  /** The number of scored records reached a multiple of `metricsEvery`. */
  metrics(): void;
  drift(alarm: DriftAlarm, reaction: DriftReaction | undefined): void;
  /** The answer to the text at `offset` was scored; here models are compared. */
  compare(offset: number, truth: string, answer: ScoredAnswer): void;
  alert(rule: string, index: number, state: 'firing' | 'resolved', value: number): void;
}

/** What an alarm did. */
export type DriftReaction = NonNullable<DriftResult['reaction']>;

export interface PendingText {
  readonly offset: number;
  /** Text records of the partition before this one. */
  readonly ordinal: number;
  readonly clock: number;
  readonly tsMs: number | undefined;
  readonly features: KeptFeatures;
  readonly answer: ScoredAnswer;
  readonly baseline: BaselineAnswer;
}

export interface WaitingLabel {
  readonly label: string;
  /** As the model counts it, in sixteenths. */
  readonly weight: number;
  readonly clock: number;
}

export interface LabelledText {
  /** Where the text stands: its first sight of a class, whenever the label comes. */
  readonly offset: number;
  readonly features: KeptFeatures;
  /** null: withdrawn. */
  readonly label: string | null;
  /** As the model counted it, in sixteenths; 0: nothing was learned, or all of it unlearned. */
  readonly weight: number;
  /** What it added to the sums; undefined: what every document adds. */
  readonly addition: Addition | undefined;
}

export interface Counters {
  /** Largest record timestamp so far, ms. */
  clock: number;
  /** Text records folded. */
  texts: number;
  /** Documents learned, net of withdrawn ones. */
  learned: number;
  /** Pending texts that a newer text of the same id replaced. */
  replaced: number;
  /** Texts and labels given up, by age or number. */
  expired: number;
  /** Oldest labelled documents that a drift let go: they are out of reach, and unlearned a part at each text. */
  leaving: number;
}

/** Of a replay: what a step does to the model is known, and its outputs are written. */
export class ReplaySink implements CarrySink {
  /** What the model counted at the step in hand, in units; undefined: what every document adds, or nothing. */
  amount: number | undefined;
  readonly isWeighted: boolean;
  readonly compare: CarrySink['compare'];

  constructor(isWeighted: boolean, compare: CarrySink['compare']) {
    this.isWeighted = isWeighted;
    this.compare = compare;
  }

  learn(
    _features: KeptFeatures,
    _label: string,
    _sight: FirstSight,
    weight: number,
  ): Addition | undefined {
    return this.amount === undefined ? undefined : { amount: this.amount, mass: weight };
  }

  unlearn(): void {
    // It is in the deltas.
  }

  forget(): void {
    // It is in the deltas.
  }

  metrics(): void {
    // Written.
  }

  drift(): void {
    // Written.
  }

  alert(): void {
    // Written.
  }
}

/** What a carry needs to know of its model. */
export type CarriedModel = Pick<Model, 'kind' | 'calibrator'>;

export class ModelCarry {
  readonly options: CarryOptions;
  readonly scorer: Scorer;
  /** Of the model's kind; undefined: it keeps everything, or it is not known here. */
  #forgetting: Forgetting | undefined;
  /** Of the model whose carry it is; undefined: its kind has none, or it is not known here. */
  #calibrator: Calibrator | undefined;
  /** What there is of it where the model is not known: it goes on to who knows it. */
  #calibratorState: CalibratorState | undefined;
  readonly #watch: DriftWatch;
  readonly #wish: LabelWish;
  /** With the champion, as long as the model is a challenger. */
  #comparison: PairedComparison;
  readonly #thresholds: readonly ThresholdState[];
  readonly #pending = new FifoMap<PendingText>();
  readonly #waiting = new FifoMap<WaitingLabel>();
  readonly #labelled = new FifoMap<LabelledText>();
  /** Texts that are out of reach: as many as there may be pending ones. */
  readonly #gone: LastIds;
  #counters: Counters = { clock: 0, texts: 0, learned: 0, replaced: 0, expired: 0, leaving: 0 };
  #marked: Counters = { ...this.#counters };

  /** @param model whose carry it is; undefined: it is not known here */
  constructor(
    options: CarryOptions,
    model: CarriedModel | undefined,
    from?: Omit<CarryCapture, 'counters' | 'pending' | 'waiting' | 'labelled' | 'gone'>,
  ) {
    this.options = options;
    this.#gone = new LastIds(options.pendingMax);
    this.calibrate(from?.calibrator, model);
    if (model !== undefined) this.know(model);
    const scoring = { window: options.window, order: options.declared };
    this.scorer = from === undefined ? new Scorer(scoring) : Scorer.restore(from.scorer, scoring);
    this.#watch = from === undefined ? new DriftWatch() : DriftWatch.restore(from.drift);
    this.#wish = new LabelWish(options.wantLabels, from?.wish);
    this.#comparison = new PairedComparison(from?.comparison);
    this.#thresholds = options.thresholds.map((threshold) => {
      const kept = from?.thresholds.find(({ rule }) => rule === threshold.rule);
      return kept === undefined
        ? new ThresholdState(threshold)
        : ThresholdState.restore(kept, threshold);
    });
  }

  get learned(): number {
    return this.#counters.learned;
  }

  get calibrator(): Calibrator | undefined {
    return this.#calibrator;
  }

  /** Whose carry it is, for one that was made before that was known. */
  know({ kind }: Pick<Model, 'kind'>): void {
    this.#forgetting = parseModelKind(kind).forgetting;
  }

  /**
   * Goes on with another calibrator: a new owner's way to that of the old one.
   *
   * @param state undefined: one that has learned nothing
   * @param model whose carry it is; undefined: it is not known here
   */
  calibrate(state: CalibratorState | undefined, model: CarriedModel | undefined): void {
    this.#calibrator = model?.calibrator(state);
    this.#calibratorState = model === undefined ? state : undefined;
  }

  get comparison(): PairedComparison {
    return this.#comparison;
  }

  /** Whether the label of a text that came without one is wished for. To be asked once a text, before it is folded. */
  wants(id: string, answer: ScoredAnswer): boolean {
    if (this.options.wantLabels === 0 || this.#waiting.has(id)) return false;
    return this.#wish.decide(answer);
  }

  /** Numbers for the metrics record. */
  get waiting(): {
    waitingTexts: number;
    waitingLabels: number;
    replaced: number;
    expired: number;
  } {
    return {
      waitingTexts: this.#pending.size,
      waitingLabels: this.#waiting.size,
      replaced: this.#counters.replaced,
      expired: this.#counters.expired,
    };
  }

  /** Folds a text that was predicted. */
  text(event: TextEvent, { features, answer, unknown }: AnsweredText, sink: CarrySink): void {
    this.#advance(event.timestamp);
    if (this.#counters.leaving > 0) this.#unlearnLeaving(sink);
    const { id } = event;
    const { classes, best } = answer;
    const alarms = this.#watch.text({
      features: features.ids.length,
      unknown,
      best,
      classes: classes.length,
      confidence: answer.probabilities[best] ?? 0,
    });
    for (const alarm of alarms) sink.drift(alarm, undefined);
    const baseline = this.scorer.baselineAnswer();
    const ordinal = this.#counters.texts++;
    if (this.#pending.delete(id)) this.#counters.replaced += 1;
    const early = this.#waiting.get(id);
    if (early !== undefined) this.#waiting.delete(id);
    const label = event.label ?? early?.label;
    if (label !== undefined) {
      const weight = event.label === undefined ? (early?.weight ?? WHOLE) : event.weight;
      const isScored = this.#score(event.offset, label, answer, baseline, sink);
      this.#learn(id, event.offset, features, label, weight, sink);
      if (isScored) this.#reportIfDue(sink);
      return;
    }
    this.#displace(id);
    this.#pending.set(id, {
      offset: event.offset,
      ordinal,
      clock: this.#counters.clock,
      tsMs: event.tsMs,
      features,
      answer,
      baseline,
    });
    if (this.#pending.size > this.options.pendingMax) this.#giveUp(this.#pending);
  }

  /** Folds a label record. */
  label(event: LabelEvent, sink: CarrySink): Outcome {
    this.#advance(event.timestamp);
    const { id, label } = event;
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      if (label === null) return { status: 'withdrawn' };
      return this.#resolve(event, pending, label, sink);
    }
    const labelled = this.#labelled.get(id);
    if (labelled !== undefined) return this.#relabel(event, labelled, sink);
    if (this.#gone.has(id)) return { status: 'expired' };
    return this.#await(event, sink);
  }

  #resolve(event: LabelEvent, text: PendingText, label: string, sink: CarrySink): Outcome {
    this.#pending.delete(event.id);
    const { answer } = text;
    const prediction = answer.classes[answer.best];
    const delay = {
      delayRecords: this.#counters.texts - text.ordinal - 1,
      ...(event.tsMs !== undefined && text.tsMs !== undefined
        ? { delayMs: event.tsMs - text.tsMs }
        : {}),
    };
    const isScored = this.#score(text.offset, label, answer, text.baseline, sink);
    this.#learn(event.id, text.offset, text.features, label, event.weight, sink);
    if (isScored) this.#reportIfDue(sink);
    return prediction === undefined
      ? { status: 'learned', prediction: null, ...delay }
      : { status: 'scored', prediction, correct: prediction === label, ...delay };
  }

  #relabel({ id, label, weight }: LabelEvent, text: LabelledText, sink: CarrySink): Outcome {
    const previous = text.label;
    const isKnown = label === null || countedWeight(weight, sink.isWeighted) === text.weight;
    if (label === previous && isKnown) return { status: 'duplicate' };
    if (previous !== null && text.weight > 0) {
      sink.unlearn(text.features, previous, text.addition);
      this.scorer.unlearn(previous);
      this.#counters.learned -= 1;
    }
    if (label === null) {
      this.#labelled.set(id, { ...text, label: null, weight: 0, addition: undefined });
      return { status: 'withdrawn', previous };
    }
    this.#learn(id, text.offset, text.features, label, weight, sink);
    return previous === null ? { status: 'learned' } : { status: 'corrected', previous };
  }

  #await({ id, label, weight: given }: LabelEvent, sink: CarrySink): Outcome {
    const waiting = this.#waiting.get(id);
    if (label === null) {
      this.#waiting.delete(id);
      return waiting === undefined
        ? { status: 'withdrawn' }
        : { status: 'withdrawn', previous: waiting.label };
    }
    const weight = countedWeight(given, sink.isWeighted);
    if (waiting?.label === label && waiting.weight === weight) return { status: 'duplicate' };
    this.#waiting.set(id, { label, weight, clock: this.#counters.clock });
    if (this.#waiting.size > this.options.pendingMax) this.#giveUp(this.#waiting);
    return waiting === undefined
      ? { status: 'waiting' }
      : { status: 'corrected', previous: waiting.label };
  }

  #score(
    offset: number,
    label: string,
    answer: ScoredAnswer,
    baseline: BaselineAnswer,
    sink: CarrySink,
  ): boolean {
    if (answer.best < 0) {
      this.scorer.scoreBaselines(label, baseline);
      return false;
    }
    this.scorer.score(label, answer, baseline);
    for (const alarm of this.#watch.scored(answer.classes[answer.best] === label ? 0 : 1))
      sink.drift(alarm, this.#react(alarm, sink));
    sink.compare(offset, label, answer);
    return true;
  }

  /** Behind the learning of what was scored: the figures are those of all documents so far. */
  #reportIfDue(sink: CarrySink): void {
    if (this.scorer.scored % this.options.metricsEvery !== 0) return;
    sink.metrics();
    if (this.#thresholds.length === 0) return;
    const metrics = this.metrics();
    for (const [index, threshold] of this.#thresholds.entries()) {
      const change = threshold.evaluate(metrics);
      if (change !== undefined) sink.alert(threshold.rule, index, change.state, change.value);
    }
  }

  /** What thresholds and metrics records see. */
  metrics(): {
    readonly scored: number;
    readonly learned: number;
    readonly cumulative: ReturnType<Scorer['cumulative']>;
    readonly rolling: ReturnType<Scorer['rolling']>;
    readonly baselines: ReturnType<Scorer['baselines']>;
  } {
    return {
      scored: this.scorer.scored,
      learned: this.#counters.learned,
      cumulative: this.scorer.cumulative(),
      rolling: this.scorer.rolling(),
      baselines: this.scorer.baselines(),
    };
  }

  /** @param given weight of the label, in sixteenths; 0: it is kept, and teaches nothing */
  #learn(
    id: string,
    offset: number,
    features: KeptFeatures,
    label: string,
    given: number,
    sink: CarrySink,
  ): void {
    const weight = countedWeight(given, sink.isWeighted);
    let addition: Addition | undefined;
    if (weight > 0) {
      const sight = { partition: this.options.partition, offset };
      addition = sink.learn(features, label, sight, weight);
      this.scorer.learn(label);
      this.#counters.learned += 1;
    }
    if (this.#forgetting !== undefined && this.#labelled.get(id)?.offset !== offset)
      this.#labelled.release(id);
    this.#labelled.set(id, { offset, features, label, weight, addition });
    this.#keepLabelled(this.#forgetting?.window ?? this.options.correctable, sink);
  }

  /** The labelled text of an id is out of reach: another one has it now. What it taught stays until its turn comes. */
  #displace(id: string): void {
    if (this.#forgetting === undefined) this.#labelled.delete(id);
    else this.#labelled.release(id);
  }

  /**
   * Lets the oldest labelled texts go; a kind with a window forgets them. The baselines do not: they speak of the stream.
   *
   * @param count how many stay, withdrawn ones included
   */
  #keepLabelled(count: number, sink: CarrySink): void {
    while (this.#labelled.size > count) this.#leave(sink);
  }

  /** @returns features unlearned */
  #leave(sink: CarrySink): number {
    const oldest = this.#labelled.evict();
    this.#counters.leaving = oldest === undefined ? 0 : Math.max(0, this.#counters.leaving - 1);
    if (oldest === undefined) return 0;
    if (oldest.id !== '') this.#gone.add(oldest.id);
    const { features, label, weight, addition } = oldest.value;
    if (this.#forgetting === undefined || label === null || weight === 0) return 0;
    sink.forget(features, label, addition);
    return features.ids.length;
  }

  #unlearnLeaving(sink: CarrySink): void {
    let features = 0;
    while (this.#counters.leaving > 0 && features < FEATURES_AT_ONCE) features += this.#leave(sink);
  }

  /** The reaction of the kind to an alarm, before the document that raised it is learned. */
  #react(alarm: DriftAlarm, sink: CarrySink): DriftReaction | undefined {
    if (this.#forgetting?.onDrift !== 'forget') return undefined;
    const since = documentsSince(alarm);
    if (since === undefined) return undefined;
    this.#watch.restart();
    const { leaving } = this.#counters;
    const released = this.#labelled.releaseOldest(this.#labelled.size - since + 1);
    for (const { id } of released) if (id !== '') this.#gone.add(id);
    this.#counters.leaving = Math.max(leaving, released.length);
    const forgotten = released.slice(leaving).filter(({ value }) => value.weight > 0).length;
    this.#unlearnLeaving(sink);
    return { action: 'forget', forgotten };
  }

  /** Moves record time on and gives up what has waited too long. */
  #advance(timestamp: number): void {
    if (timestamp > this.#counters.clock) this.#counters.clock = timestamp;
    const limit = this.#counters.clock - this.options.pendingTtlMs;
    for (const store of [this.#pending, this.#waiting]) {
      for (;;) {
        const oldest = store.oldest();
        if (oldest === undefined || oldest.value.clock > limit) break;
        this.#giveUp(store);
      }
    }
  }

  #giveUp(store: FifoMap<PendingText> | FifoMap<WaitingLabel>): void {
    const oldest = store.evict();
    if (oldest === undefined) return;
    this.#counters.expired += 1;
    if (store === this.#pending) this.#gone.add(oldest.id);
  }

  /** The chunk so far is committed. */
  mark(): void {
    this.#calibrator?.mark();
    this.scorer.mark();
    this.#watch.mark();
    this.#wish.mark();
    this.#comparison.mark();
    for (const threshold of this.#thresholds) threshold.mark();
    for (const store of [this.#pending, this.#waiting, this.#labelled, this.#gone]) store.mark();
    this.#marked = { ...this.#counters };
  }

  /** The chunk so far never happened. */
  rollback(): void {
    this.#calibrator?.rollback();
    this.scorer.rollback();
    this.#watch.rollback();
    this.#wish.rollback();
    this.#comparison.rollback();
    for (const threshold of this.#thresholds) threshold.rollback();
    for (const store of [this.#pending, this.#waiting, this.#labelled, this.#gone])
      store.rollback();
    this.#counters = { ...this.#marked };
  }

  /**
   * Plain data in a canonical form: equal carries give equal snapshots.
   *
   * @param term name of a feature id
   */
  snapshot(term: (id: number) => string): CarrySnapshot {
    const features = ({ ids, values, ends }: KeptFeatures): FeatureList => ({
      terms: ids.map((id, at) => [term(id), values?.[at] ?? 1] as const),
      ends,
    });
    return {
      ...this.#counters,
      calibrator: this.#calibrator?.snapshot() ?? this.#calibratorState,
      scorer: this.scorer.snapshot(),
      drift: this.#watch.snapshot(),
      wish: this.#wish.snapshot(),
      comparison: this.#comparison.snapshot(),
      thresholds: this.#thresholds.map((threshold) => threshold.snapshot()),
      pending: Array.from(this.#pending.entries(), ([id, text]) => ({
        id,
        offset: text.offset,
        ordinal: text.ordinal,
        clock: text.clock,
        tsMs: text.tsMs ?? null,
        features: features(text.features),
        answer: listAnswer(text.answer),
        baseline: text.baseline,
      })),
      waiting: Array.from(this.#waiting.entries(), ([id, { label, weight, clock }]) => ({
        id,
        label,
        weight,
        clock,
      })),
      labelled: Array.from(this.#labelled.entries(), ([id, text]) => ({
        id,
        offset: text.offset,
        label: text.label,
        weight: text.weight,
        addition: text.addition,
        features: features(text.features),
      })),
      gone: this.#gone.list(),
    };
  }

  /**
   * What there is now, to be written out while folding goes on: entries are shared, being immutable, lists are copied. Ids are those
   * of this process.
   */
  capture(): CarryCapture {
    return {
      counters: { ...this.#counters },
      calibrator: this.#calibrator?.snapshot() ?? this.#calibratorState,
      scorer: this.scorer.snapshot(),
      drift: this.#watch.snapshot(),
      wish: this.#wish.snapshot(),
      comparison: this.#comparison.snapshot(),
      thresholds: this.#thresholds.map((threshold) => threshold.snapshot()),
      pending: [...this.#pending.entries()],
      waiting: [...this.#waiting.entries()],
      labelled: [...this.#labelled.entries()],
      gone: this.#gone.list(),
    };
  }

  /** A marked carry that goes on exactly as the one that was captured. */
  static revive(
    capture: CarryCapture,
    options: CarryOptions,
    model: CarriedModel | undefined,
  ): ModelCarry {
    const carry = new ModelCarry(options, model, capture);
    for (const [id, text] of capture.pending) carry.#pending.set(id, text);
    for (const [id, label] of capture.waiting) carry.#waiting.set(id, label);
    for (const [id, text] of capture.labelled) carry.#labelled.set(id, text);
    for (const id of capture.gone) carry.#gone.add(id);
    carry.#counters = { ...carry.#counters, ...capture.counters };
    carry.mark();
    return carry;
  }

  /** @param intern id of a term, as the extractor of this process gives it */
  static restore(
    snapshot: CarrySnapshot,
    options: CarryOptions,
    model: CarriedModel | undefined,
    intern: (term: string) => number,
  ): ModelCarry {
    const features = ({ terms, ends }: FeatureList): KeptFeatures => ({
      ids: terms.map(([term]) => intern(term)),
      values: terms.every(([, value]) => value === 1) ? undefined : terms.map(([, value]) => value),
      ends,
    });
    const { clock, texts, learned, replaced, expired, leaving } = snapshot;
    const { calibrator, scorer, drift, wish, comparison, thresholds } = snapshot;
    return ModelCarry.revive(
      {
        counters: { clock, texts, learned, replaced, expired, leaving },
        calibrator,
        scorer,
        drift,
        wish,
        comparison,
        thresholds,
        pending: snapshot.pending.map(({ id, tsMs, features: list, ...text }) => [
          id,
          { ...text, tsMs: tsMs ?? undefined, features: features(list) },
        ]),
        waiting: snapshot.waiting.map(({ id, ...waiting }) => [id, waiting]),
        labelled: snapshot.labelled.map(({ id, features: list, ...text }) => [
          id,
          { ...text, features: features(list) },
        ]),
        gone: snapshot.gone,
      },
      options,
      model,
    );
  }
}

function listAnswer({ classes, probabilities, best }: ScoredAnswer): AnswerList {
  return {
    classes: [...classes],
    probabilities: Array.from(classes, (_, at) => probabilities[at] ?? 0),
    best,
  };
}

interface FeatureList {
  readonly terms: readonly (readonly [term: string, value: number])[];
  readonly ends: readonly number[] | undefined;
}

interface AnswerList {
  readonly classes: readonly string[];
  readonly probabilities: readonly number[];
  readonly best: number;
}

/** A carry at one moment, with ids of this process; oldest entries first. */
export interface CarryCapture {
  readonly counters: Readonly<Counters>;
  readonly calibrator: CalibratorState | undefined;
  readonly scorer: ReturnType<Scorer['snapshot']>;
  readonly drift: ReturnType<DriftWatch['snapshot']>;
  readonly wish: ReturnType<LabelWish['snapshot']>;
  readonly comparison: ReturnType<PairedComparison['snapshot']>;
  readonly thresholds: readonly ReturnType<ThresholdState['snapshot']>[];
  readonly pending: readonly (readonly [id: string, text: PendingText])[];
  readonly waiting: readonly (readonly [id: string, label: WaitingLabel])[];
  readonly labelled: readonly (readonly [id: string, text: LabelledText])[];
  readonly gone: readonly string[];
}

/** A carry as plain data. */
export interface CarrySnapshot extends Readonly<Counters> {
  readonly calibrator: CalibratorState | undefined;
  readonly scorer: ReturnType<Scorer['snapshot']>;
  readonly drift: ReturnType<DriftWatch['snapshot']>;
  readonly wish: ReturnType<LabelWish['snapshot']>;
  readonly comparison: ReturnType<PairedComparison['snapshot']>;
  readonly thresholds: readonly ReturnType<ThresholdState['snapshot']>[];
  readonly pending: readonly {
    readonly id: string;
    readonly offset: number;
    readonly ordinal: number;
    readonly clock: number;
    readonly tsMs: number | null;
    readonly features: FeatureList;
    readonly answer: AnswerList;
    readonly baseline: BaselineAnswer;
  }[];
  readonly waiting: readonly {
    readonly id: string;
    readonly label: string;
    readonly weight: number;
    readonly clock: number;
  }[];
  readonly labelled: readonly {
    readonly id: string;
    readonly offset: number;
    readonly label: string | null;
    readonly weight: number;
    readonly addition: Addition | undefined;
    readonly features: FeatureList;
  }[];
  readonly gone: readonly string[];
}
