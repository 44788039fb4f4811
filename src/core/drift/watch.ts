/**
 * Drift watch: what one partition and model see of a changing stream, with labels and without.
 *
 *   text ───► unknown: share of features never learned, up ──┐
 *             confidence: of the answer, down ───────────────┤  blocks of 16 ─► RankChange ─► alarm
 *             classes: shares of the answers, up and down ───┤
 *             length: features of the text, up and down ─────┤
 *   score ──► error, up and down ────────────────────────────┘
 *             error, up ──────────── each record ─► Adwin ───► alarm
 *
 * A model that learns knows more words, is surer and errs less: that is no drift. So unknown and confidence look one way only,
 * blocks are compared with the last 256, not with the beginning, what depends on the model begins after a warm-up, and ADWIN, which
 * remembers the whole way down, tells of a rise only. Ranks find what changes within some hundred records, ADWIN what creeps.
 *
 * Invariants
 * - alarms depend on the values and their order only;
 * - `rollback` returns to the last `mark` exactly.
 */
import { Adwin, type AdwinSnapshot } from './adwin.ts';
import { RankChange, type RankChangeOptions, type RankChangeSnapshot } from './rank-change.ts';

export const DRIFT_SIGNALS = ['error', 'unknown', 'classes', 'confidence', 'length'] as const;
export type DriftSignal = (typeof DRIFT_SIGNALS)[number];

/** A detected change. `evidence` holds finite numbers; means are in units of the signal: shares, and features for the length. */
export interface DriftAlarm {
  readonly signal: DriftSignal;
  readonly detector: 'ranks' | 'adwin';
  /**
   * `before`, `after`: means on both sides of the change; `records`: how many are after. `ranks` adds `statistic` and `threshold`,
   * `adwin` the `dropped` records before the change; for classes `class` is the position that changed most.
   */
  readonly evidence: Readonly<Record<string, number>>;
}

export interface DriftWatchOptions {
  /** Records to a block. */
  readonly block?: number;
  /** Texts, and scores, before what depends on the model is looked at. */
  readonly warmUp?: number;
  /** Blocks that a new one is compared with. */
  readonly window?: number;
  /** A signal raises on average at most one false alarm in so many blocks. */
  readonly threshold?: number;
  /** Of ADWIN. */
  readonly delta?: number;
}

/** What of a text and its answer is watched. */
export interface TextSignals {
  /** Distinct features of the text. */
  readonly features: number;
  /** Of them: never learned when the text was answered. */
  readonly unknown: number;
  /** Position of the answer, 0 … classes - 1; -1: none, the model knows no class. */
  readonly best: number;
  readonly classes: number;
  /** Probability of the answer. */
  readonly confidence: number;
}

/** Sums of the block in hand. */
interface Block {
  texts: number;
  features: number;
  unknown: number;
  logLength: number;
  answers: number;
  confidence: number;
  scores: number;
  errors: number;
  /** Texts and scores so far, at most the warm-up. */
  warmTexts: number;
  warmScores: number;
}

/** JSON-safe, canonical. */
export interface DriftWatchSnapshot {
  readonly block: Readonly<Block>;
  /** Answers of the block by class. */
  readonly counts: readonly number[];
  readonly unknown: RankChangeSnapshot;
  readonly confidence: RankChangeSnapshot;
  readonly length: RankChangeSnapshot;
  readonly error: RankChangeSnapshot;
  /** By class; with two classes the second one's alone. */
  readonly shares: readonly RankChangeSnapshot[];
  readonly adwin: AdwinSnapshot;
}

/** Classes whose shares are watched, first ones first: a bound for streams with labels without end. */
const MOST_CLASSES = 8;
/** How often ADWIN looks, scored records: a look costs as much as many updates. */
const ADWIN_CLOCK = 128;
/** Blocks to compare with before anything is compared. */
const leastOf = (window: number): number => Math.min(32, window >> 1);
const NONE: readonly DriftAlarm[] = [];

export class DriftWatch {
  readonly #options: Required<DriftWatchOptions>;
  readonly #unknown: RankChange;
  readonly #confidence: RankChange;
  readonly #length: RankChange;
  readonly #error: RankChange;
  readonly #adwin: Adwin;
  #shares: readonly RankChange[] = [];
  #block: Block = emptyBlock();
  #counts = new Float64Array(0);
  #markedBlock: Block = emptyBlock();
  #markedShares: readonly RankChange[] = [];
  #markedCounts = new Float64Array(0);

  constructor(options: DriftWatchOptions = {}, from?: DriftWatchSnapshot) {
    this.#options = {
      block: 16,
      warmUp: 256,
      window: 256,
      threshold: 20_000,
      delta: 0.002,
      ...options,
    };
    this.#unknown = this.#ranks('up', from?.unknown);
    this.#confidence = this.#ranks('down', from?.confidence);
    this.#length = this.#ranks('both', from?.length);
    this.#error = this.#ranks('both', from?.error);
    const adwin = { delta: this.#options.delta, clock: ADWIN_CLOCK };
    this.#adwin = from === undefined ? new Adwin(adwin) : Adwin.restore(from.adwin, adwin);
    if (from === undefined) return;
    this.#shares = from.shares.map((share) => this.#classRanks(share));
    this.#block = { ...from.block };
    this.#counts = Float64Array.from(from.counts);
    this.mark();
  }

  /**
   * A text was answered. The numbers are those of the answer: before anything of this text was learned.
   *
   * @returns alarms that it raised, mostly none
   */
  text({ features, unknown, best, classes, confidence }: TextSignals): readonly DriftAlarm[] {
    const block = this.#block;
    block.texts += 1;
    block.logLength += Math.log1p(features);
    if (block.warmTexts < this.#options.warmUp) block.warmTexts += 1;
    else {
      block.features += features;
      block.unknown += unknown;
      if (best >= 0) {
        if (this.#counts.length !== classes) this.#watchClasses(classes);
        block.answers += 1;
        block.confidence += confidence;
        this.#counts[best] = (this.#counts[best] ?? 0) + 1;
      }
    }
    return block.texts < this.#options.block ? NONE : this.#closeTexts(block);
  }

  /**
   * An answer met its label.
   *
   * @param error 1: it was wrong; 0: right
   * @returns alarms that it raised, mostly none
   */
  scored(error: 0 | 1): readonly DriftAlarm[] {
    const block = this.#block;
    const { width, total } = this.#adwin;
    this.#adwin.update(error);
    const alarms = this.#adwin.drift ? this.#risen(width + 1, total + error) : NONE;
    if (block.warmScores < this.#options.warmUp) {
      block.warmScores += 1;
      return alarms;
    }
    block.scores += 1;
    block.errors += error;
    if (block.scores < this.#options.block) return alarms;
    const mean = block.errors / block.scores;
    block.scores = 0;
    block.errors = 0;
    return this.#read('error', this.#error, mean, alarms);
  }

  /** The model forgot: what depends on it is another's from now on, and begins anew with the warm-up. */
  restart(): void {
    for (const detector of [this.#unknown, this.#confidence, this.#error, this.#adwin])
      detector.restart();
    for (const share of this.#shares) share.restart();
    this.#counts.fill(0);
    const { texts, logLength } = this.#block;
    this.#block = { ...emptyBlock(), texts, logLength };
  }

  mark(): void {
    for (const detector of this.#detectors()) detector.mark();
    this.#markedShares = this.#shares;
    for (const share of this.#shares) share.mark();
    this.#markedBlock = { ...this.#block };
    this.#markedCounts = this.#counts.slice();
  }

  /** Back to the last mark, bit for bit; a new or restored watch is marked. */
  rollback(): void {
    for (const detector of this.#detectors()) detector.rollback();
    this.#shares = this.#markedShares;
    for (const share of this.#shares) share.rollback();
    this.#block = { ...this.#markedBlock };
    this.#counts = this.#markedCounts.slice();
  }

  snapshot(): DriftWatchSnapshot {
    return {
      block: { ...this.#block },
      counts: [...this.#counts],
      unknown: this.#unknown.snapshot(),
      confidence: this.#confidence.snapshot(),
      length: this.#length.snapshot(),
      error: this.#error.snapshot(),
      shares: this.#shares.map((share) => share.snapshot()),
      adwin: this.#adwin.snapshot(),
    };
  }

  /** A marked watch that goes on exactly as the one that gave the snapshot; the same options are needed. */
  static restore(snapshot: DriftWatchSnapshot, options: DriftWatchOptions = {}): DriftWatch {
    return new DriftWatch(options, snapshot);
  }

  #detectors(): readonly (RankChange | Adwin)[] {
    return [this.#unknown, this.#confidence, this.#length, this.#error, this.#adwin];
  }

  #ranks(
    mode: NonNullable<RankChangeOptions['mode']>,
    from: RankChangeSnapshot | undefined,
  ): RankChange {
    const { window, threshold } = this.#options;
    const options = { window, least: leastOf(window), threshold, mode };
    return from === undefined ? new RankChange(options) : RankChange.restore(from, options);
  }

  /** One that never detects by itself: the classes' statistics are looked at together. */
  #classRanks(from?: RankChangeSnapshot): RankChange {
    const { window } = this.#options;
    const options = { window, least: leastOf(window), threshold: Infinity };
    return from === undefined ? new RankChange(options) : RankChange.restore(from, options);
  }

  /** From now on there are so many classes: shares of before say nothing about them. */
  #watchClasses(classes: number): void {
    // With two classes the share of one tells that of the other.
    const watched = classes === 2 ? 1 : Math.min(classes, MOST_CLASSES);
    this.#shares = Array.from({ length: watched }, () => this.#classRanks());
    this.#counts = new Float64Array(classes);
    this.#block.answers = 0;
    this.#block.confidence = 0;
  }

  #closeTexts(block: Block): readonly DriftAlarm[] {
    let alarms = this.#read('length', this.#length, block.logLength / block.texts, NONE);
    if (block.features > 0)
      alarms = this.#read('unknown', this.#unknown, block.unknown / block.features, alarms);
    // Not so: the warm-up, a new class or a model without classes cut the block.
    if (block.answers === block.texts) {
      const confidence = block.confidence / block.answers;
      alarms = this.#read('confidence', this.#confidence, confidence, alarms);
      alarms = this.#closeClasses(alarms);
    }
    this.#counts.fill(0);
    block.texts = 0;
    block.features = 0;
    block.unknown = 0;
    block.logLength = 0;
    block.answers = 0;
    block.confidence = 0;
    return alarms;
  }

  #read(
    signal: DriftSignal,
    detector: RankChange,
    mean: number,
    alarms: readonly DriftAlarm[],
  ): readonly DriftAlarm[] {
    detector.update(mean);
    return detector.drift ? [...alarms, this.#alarm(signal, detector)] : alarms;
  }

  /** The mean of statistics keeps their promise about false alarms. */
  #closeClasses(alarms: readonly DriftAlarm[]): readonly DriftAlarm[] {
    const { answers } = this.#block;
    const shares = this.#shares;
    const first = this.#counts.length === 2 ? 1 : 0;
    let sum = 0;
    for (let at = 0; at < shares.length; at++) {
      const share = shares[at];
      share?.update((this.#counts[first + at] ?? 0) / answers);
      sum += share?.statistic ?? 0;
    }
    if (shares.length === 0 || sum / shares.length < this.#options.threshold) return alarms;
    const [most] = shares
      .map((share, at) => ({ position: first + at, ...this.#alarm('classes', share) }))
      .toSorted((a, b) => gap(b) - gap(a));
    for (const share of shares) share.restart();
    if (most === undefined) return alarms;
    const { position, evidence, ...alarm } = most;
    return [...alarms, { ...alarm, evidence: { class: position, ...evidence } }];
  }

  #alarm(signal: DriftSignal, detector: RankChange): DriftAlarm {
    const { before, after, run, statistic } = detector.evidence;
    const { block, threshold } = this.#options;
    const inUnits = signal === 'length' ? Math.expm1 : (mean: number): number => mean;
    return {
      signal,
      detector: 'ranks',
      evidence: {
        before: inUnits(before),
        after: inUnits(after),
        records: run * block,
        statistic,
        threshold,
      },
    };
  }

  /** The alarm of ADWIN if the errors it kept are more than those it dropped. */
  #risen(width: number, total: number): readonly DriftAlarm[] {
    const records = this.#adwin.width;
    const dropped = width - records;
    const before = (total - this.#adwin.total) / dropped;
    const after = this.#adwin.estimation;
    if (after <= before) return NONE;
    return [{ signal: 'error', detector: 'adwin', evidence: { before, after, records, dropped } }];
  }
}

/** How far the means on both sides of a change are apart. */
function gap({ evidence }: DriftAlarm): number {
  return Math.abs((evidence['after'] ?? 0) - (evidence['before'] ?? 0));
}

function emptyBlock(): Block {
  return {
    texts: 0,
    features: 0,
    unknown: 0,
    logLength: 0,
    answers: 0,
    confidence: 0,
    scores: 0,
    errors: 0,
    warmTexts: 0,
    warmScores: 0,
  };
}
