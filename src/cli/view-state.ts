/**
 * What the live view of `start` knows, as a pure reducer over what happens:
 *
 *   results of a batch, progress, texts ──► reduceView ──► ViewState ──► renderView
 *
 * Accuracy is that of the last `window` scored records over all partitions, in the order they are seen, and so are the two baselines:
 * what `majority class so far` and `label before` would have scored on the same records. Exact figures are in the report.
 */
import type {
  DriftResult,
  OutcomeResult,
  PredictionResult,
  ResultValue,
} from '../../topics/index.ts';

/** The last answers as right or wrong. */
interface Window {
  readonly bits: Uint8Array;
  /** Answers so far. */
  readonly seen: number;
  /** Right ones among those in the window. */
  readonly hits: number;
}

/** A point of the learning curve: shares of right answers in the window. */
export interface CurvePoint {
  readonly model: number;
  readonly majority: number;
  readonly noChange: number;
}

export interface NewestPrediction {
  readonly partition: number;
  readonly offset: number;
  readonly id: string;
  readonly prediction: string | null;
  readonly probability: number | undefined;
  /** Undefined while it is not known. */
  readonly label: string | undefined;
  readonly correct: boolean | undefined;
  /** Words that decided, with log-odds. */
  readonly words: PredictionResult['explanation'];
  readonly text: string | undefined;
}

export interface ViewAlert {
  readonly rule: string;
  readonly model: string;
  readonly partition: number;
  readonly value: number;
}

export interface ViewState {
  readonly pipeline: string;
  readonly kind: string;
  readonly log: string;
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly now: number;
  /** Source records folded since the start, and those that wait. */
  readonly folded: number;
  readonly lag: number;
  /** Records handed to the source topic, and which part of the file that is; undefined: not known. */
  readonly published: number;
  readonly share: number | undefined;
  /** All has been published, and the process goes on. */
  readonly finished: boolean;
  /** Records folded at moments of the last seconds, oldest first. */
  readonly samples: readonly { readonly at: number; readonly folded: number }[];
  readonly scored: number;
  readonly learned: number;
  readonly model: Window;
  readonly majority: Window;
  readonly noChange: Window;
  readonly challengers: ReadonlyMap<string, Window>;
  /** By partition: its champion, by its newest prediction. */
  readonly champions: ReadonlyMap<number, string>;
  readonly labels: ReadonlyMap<string, number>;
  readonly lastLabel: string | undefined;
  /** Answers by class. */
  readonly answers: ReadonlyMap<string, number>;
  /** By true label, then by answer. */
  readonly confusion: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Points `every` scored records apart, oldest first. */
  readonly curve: { readonly every: number; readonly points: readonly CurvePoint[] };
  /** Newest last. */
  readonly newest: readonly NewestPrediction[];
  /** Rules that do not hold now. */
  readonly alerts: ReadonlyMap<string, ViewAlert>;
  readonly drifts: Drifts;
  /** By model, champion or not: what it forgot because its errors rose. */
  readonly reactions: ReadonlyMap<string, ViewReaction>;
  readonly deadLetters: number;
}

/** Alarms of the champion. */
export interface Drifts {
  readonly count: number;
  /** What changed, by the newest alarm. */
  readonly signal: DriftResult['signal'] | undefined;
  /** Scored records at the newest alarms, oldest first. */
  readonly at: readonly number[];
  /** The same of those alarms that it answered by forgetting. */
  readonly forgotAt: readonly number[];
}

export interface ViewReaction {
  readonly count: number;
  /** Labelled documents that it let go the last time. */
  readonly forgotten: number;
  /** Scored records then. */
  readonly at: number;
}

export type ViewEvent =
  | { readonly type: 'results'; readonly values: readonly ResultValue[] }
  | {
      readonly type: 'progress';
      readonly now: number;
      readonly folded: number;
      readonly lag: number;
      readonly published: number;
      readonly share: number | undefined;
      readonly finished: boolean;
      readonly deadLetters: number;
    }
  | {
      readonly type: 'text';
      readonly partition: number;
      readonly offset: number;
      readonly text: string;
    };

/** Alarms that the curve marks. */
const MOST_DRIFTS = 100;
/** Champion before any promotion. */
export const CHAMPION = 'champion';
const NEWEST = 40;
const CURVE_POINTS = 256;
/** With fewer scored records a share says nothing. */
const CURVE_FROM = 10;
const SAMPLES_MS = 3000;

export function initialView(options: {
  readonly pipeline: string;
  readonly kind: string;
  readonly log: string;
  readonly startedAt: number;
  /** Scored records. */
  readonly window: number;
  /** Declared classes, worst to best. */
  readonly labels: readonly string[];
}): ViewState {
  const { pipeline, kind, log, startedAt, window, labels } = options;
  const empty: Window = { bits: new Uint8Array(window), seen: 0, hits: 0 };
  return {
    pipeline,
    kind,
    log,
    startedAt,
    now: startedAt,
    folded: 0,
    lag: 0,
    published: 0,
    share: undefined,
    finished: false,
    samples: [],
    scored: 0,
    learned: 0,
    model: empty,
    majority: empty,
    noChange: empty,
    challengers: new Map(),
    champions: new Map(),
    labels: new Map(labels.map((label) => [label, 0])),
    lastLabel: undefined,
    answers: new Map(labels.map((label) => [label, 0])),
    confusion: new Map(labels.map((label) => [label, new Map<string, number>()])),
    curve: { every: 1, points: [] },
    newest: [],
    alerts: new Map(),
    drifts: { count: 0, signal: undefined, at: [], forgotAt: [] },
    reactions: new Map(),
    deadLetters: 0,
  };
}

/** The state after an event. Changes nothing. */
export function reduceView(state: ViewState, event: ViewEvent): ViewState {
  if (event.type === 'results') return new Draft(state).takeAll(event.values);
  if (event.type === 'progress') {
    const { type: _, ...progress } = event;
    const sample = { at: event.now, folded: event.folded };
    const samples = [...state.samples, sample].filter(({ at }) => at > event.now - SAMPLES_MS);
    return { ...state, ...progress, samples };
  }
  const { partition, offset, text } = event;
  const newest = state.newest.map((row) =>
    row.partition === partition && row.offset === offset ? { ...row, text } : row,
  );
  return { ...state, newest };
}

/** Name of the champion, by the partition that switched last; undefined: nothing was predicted yet. */
export function championOf({ champions }: ViewState): string | undefined {
  return [...champions.values()].at(-1);
}

/** Share of right answers in the window; undefined for none. */
export function shareOf({ bits, seen, hits }: Window): number | undefined {
  return seen === 0 ? undefined : hits / Math.min(seen, bits.length);
}

/** Records folded a second: over the last one, and since the start. */
export function ratesOf(state: ViewState): { readonly current: number; readonly overall: number } {
  const { samples, now, startedAt, folded } = state;
  const overall = now > startedAt ? (folded * 1000) / (now - startedAt) : 0;
  const before = samples.findLast(({ at }) => at <= now - 1000) ?? samples[0];
  if (before === undefined || before.at >= now) return { current: 0, overall };
  return { current: ((folded - before.folded) * 1000) / (now - before.at), overall };
}

/** A copy of the parts that a batch of results changes. */
class Draft {
  readonly #state: ViewState;
  readonly #model: MovingWindow;
  readonly #majority: MovingWindow;
  readonly #noChange: MovingWindow;
  readonly #challengers: Map<string, MovingWindow>;
  readonly #champions: Map<number, string>;
  readonly #labels: Map<string, number>;
  readonly #answers: Map<string, number>;
  readonly #confusion: Map<string, Map<string, number>>;
  readonly #alerts: Map<string, ViewAlert>;
  #points: CurvePoint[];
  #every: number;
  #newest: NewestPrediction[];
  #lastLabel: string | undefined;
  #scored: number;
  #learned: number;
  #drifts: ViewState['drifts'];
  readonly #reactions: Map<string, ViewReaction>;

  constructor(state: ViewState) {
    this.#state = state;
    this.#model = new MovingWindow(state.model);
    this.#majority = new MovingWindow(state.majority);
    this.#noChange = new MovingWindow(state.noChange);
    this.#challengers = new Map(
      [...state.challengers].map(([name, window]) => [name, new MovingWindow(window)]),
    );
    this.#champions = new Map(state.champions);
    this.#labels = new Map(state.labels);
    this.#answers = new Map(state.answers);
    this.#confusion = new Map([...state.confusion].map(([truth, row]) => [truth, new Map(row)]));
    this.#alerts = new Map(state.alerts);
    this.#points = [...state.curve.points];
    this.#every = state.curve.every;
    this.#newest = [...state.newest];
    this.#lastLabel = state.lastLabel;
    this.#scored = state.scored;
    this.#learned = state.learned;
    this.#drifts = state.drifts;
    this.#reactions = new Map(state.reactions);
  }

  takeAll(values: readonly ResultValue[]): ViewState {
    for (const value of values) this.#take(value);
    return {
      ...this.#state,
      model: this.#model.freeze(),
      majority: this.#majority.freeze(),
      noChange: this.#noChange.freeze(),
      challengers: new Map([...this.#challengers].map(([name, window]) => [name, window.freeze()])),
      champions: this.#champions,
      labels: this.#labels,
      answers: this.#answers,
      confusion: this.#confusion,
      alerts: this.#alerts,
      curve: { every: this.#every, points: this.#points },
      newest: this.#newest.slice(-NEWEST),
      lastLabel: this.#lastLabel,
      scored: this.#scored,
      learned: this.#learned,
      drifts: this.#drifts,
      reactions: this.#reactions,
    };
  }

  #take(value: ResultValue): void {
    switch (value.type) {
      case 'prediction':
        return value.role === 'champion' ? this.#predicted(value) : this.#challenged(value);
      case 'outcome':
        return this.#isChampion(value.model, value.source.partition)
          ? this.#labelled(value)
          : this.#challenged(value);
      case 'alert': {
        const { rule, model, partition, state, value: now } = value;
        const key = JSON.stringify([rule, model, partition]);
        if (state === 'firing') this.#alerts.set(key, { rule, model, partition, value: now });
        else this.#alerts.delete(key);
        return;
      }
      case 'drift':
        return this.#drifted(value);
      case 'metrics':
    }
  }

  #drifted({ model, partition, signal, reaction }: DriftResult): void {
    const at = this.#scored;
    if (reaction !== undefined)
      this.#reactions.set(model, {
        count: (this.#reactions.get(model)?.count ?? 0) + 1,
        forgotten: reaction.forgotten,
        at,
      });
    if (!this.#isChampion(model, partition)) return;
    const { count: before, at: earlier, forgotAt } = this.#drifts;
    this.#drifts = {
      count: before + 1,
      signal,
      at: [...earlier, at].slice(-MOST_DRIFTS),
      forgotAt: reaction === undefined ? forgotAt : [...forgotAt, at].slice(-MOST_DRIFTS),
    };
  }

  /** Outcomes and alarms tell no role: that of the predictions before them holds. */
  #isChampion(model: string, partition: number): boolean {
    return model === (this.#champions.get(partition) ?? CHAMPION);
  }

  #crown(model: string, partition: number): void {
    if (this.#champions.get(partition) === model) return;
    // The partition that switched last stands last.
    this.#champions.delete(partition);
    this.#champions.set(partition, model);
    if ([...this.#champions.values()].every((name) => name === model))
      this.#challengers.delete(model);
  }

  #predicted(value: PredictionResult): void {
    this.#crown(value.model, value.source.partition);
    const { source, id, prediction, probabilities, label, correct, explanation } = value;
    if (prediction !== null) count(this.#answers, prediction);
    this.#newest.push({
      partition: source.partition,
      offset: source.offset,
      id,
      prediction,
      probability:
        prediction !== null && Object.hasOwn(probabilities, prediction)
          ? probabilities[prediction]
          : undefined,
      label,
      correct,
      words: explanation,
      text: undefined,
    });
    if (this.#newest.length > 2 * NEWEST) this.#newest = this.#newest.slice(-NEWEST);
    if (label !== undefined) this.#learn(label, prediction, correct);
  }

  #labelled({ id, status, label, prediction, correct }: OutcomeResult): void {
    this.#newest = this.#newest.map((row) =>
      row.id === id ? { ...row, label: label ?? undefined, correct: correct ?? row.correct } : row,
    );
    if (label === null || (status !== 'scored' && status !== 'learned')) return;
    this.#learn(label, prediction ?? null, status === 'scored' ? correct : undefined);
  }

  #challenged({ model, correct }: PredictionResult | OutcomeResult): void {
    if (correct === undefined) return;
    const window =
      this.#challengers.get(model) ??
      new MovingWindow({ bits: new Uint8Array(this.#state.model.bits.length), seen: 0, hits: 0 });
    this.#challengers.set(model, window);
    window.push(correct);
  }

  #learn(label: string, prediction: string | null, correct: boolean | undefined): void {
    if (correct !== undefined && prediction !== null) {
      this.#model.push(correct);
      this.#majority.push(mostFrequent(this.#labels) === label);
      this.#noChange.push(this.#lastLabel === label);
      const row = this.#confusion.get(label) ?? new Map<string, number>();
      this.#confusion.set(label, row);
      count(row, prediction);
      this.#scored += 1;
      this.#point();
    }
    count(this.#labels, label);
    this.#lastLabel = label;
    this.#learned += 1;
  }

  /** When the curve is full every second point goes, so that it always spans the whole run. */
  #point(): void {
    if (this.#scored < CURVE_FROM || this.#scored % this.#every !== 0) return;
    const [model, majority, noChange] = [this.#model, this.#majority, this.#noChange];
    this.#points.push({ model: model.share, majority: majority.share, noChange: noChange.share });
    if (this.#points.length < CURVE_POINTS) return;
    this.#points = this.#points.filter((_, index) => index % 2 === 1);
    this.#every *= 2;
  }
}

class MovingWindow {
  readonly #bits: Uint8Array;
  #seen: number;
  #hits: number;

  constructor({ bits, seen, hits }: Window) {
    this.#bits = bits.slice();
    this.#seen = seen;
    this.#hits = hits;
  }

  push(right: boolean): void {
    const at = this.#seen % this.#bits.length;
    const bit = right ? 1 : 0;
    this.#hits += bit - (this.#bits[at] ?? 0);
    this.#bits[at] = bit;
    this.#seen += 1;
  }

  get share(): number {
    return this.#hits / Math.min(this.#seen, this.#bits.length);
  }

  freeze(): Window {
    return { bits: this.#bits, seen: this.#seen, hits: this.#hits };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Ties to the first in order. */
function mostFrequent(counts: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  let most = -1;
  for (const [label, n] of counts)
    if (n > most) {
      best = label;
      most = n;
    }
  return best;
}
