/**
 * What `start` shows: a live view on a terminal, else a line every few seconds; JSON lines with --json. Reads the results topic and,
 * for the texts of the newest predictions, the source topic; writes nothing to the log.
 */
import type { ResultValue, TopicNames } from '../../topics/index.ts';
import type { EventLog } from '../ports/event-log.ts';
import { followTopic } from '../ports/follow-topic.ts';
import { predictionText, progressText, renderView } from './live-view.ts';
import { MergedMetrics } from './merged-metrics.ts';
import { at, valueOf } from './record-json.ts';
import { resultOf } from './result-values.ts';
import { wantsColor, type Output, type Surroundings } from './surroundings.ts';
import { Screen } from './terminal.ts';
import { reduceView, type ViewState } from './view-state.ts';

/** 5 frames a second. */
const FRAME_MS = 200;
const LINE_MS = 3000;
/** Newest predictions under a progress line. */
const LINES_NEWEST = 3;

/** Counts that the results do not tell. */
export interface Progress {
  readonly folded: number;
  readonly published: number;
  /** Part of the file that is published, 0 to 1; undefined: not known. */
  readonly share: number | undefined;
  readonly finished: boolean;
  readonly deadLetters: number;
  /** By partition, next source offset to fold. */
  readonly positions: readonly (number | undefined)[];
}

export interface StartViewOptions {
  readonly log: EventLog;
  readonly names: TopicNames;
  readonly surroundings: Surroundings;
  readonly out: Output;
  readonly json: boolean;
  readonly initial: ViewState;
  readonly progress: () => Progress;
  /** Where in the results to begin, by partition. */
  readonly from: readonly number[];
}

export class StartView {
  readonly metrics = new MergedMetrics();
  readonly #options: StartViewOptions;
  readonly #screen: Screen | undefined;
  readonly #positions: (number | undefined)[];
  #state: ViewState;
  #frames: Promise<void> = Promise.resolve();
  #shownScored = -1;

  constructor(options: StartViewOptions) {
    this.#options = options;
    this.#state = options.initial;
    this.#positions = [...options.from];
    const terminal = !options.json && options.surroundings.stdout.isTTY === true;
    this.#screen = terminal ? new Screen(options.surroundings.stdout) : undefined;
  }

  /** Shows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#screen?.open();
    const timer = setInterval(
      () => void this.#frame(),
      this.#screen === undefined ? LINE_MS : FRAME_MS,
    );
    try {
      await this.#follow(signal, false);
    } finally {
      clearInterval(timer);
    }
  }

  /** Takes in what is there by now, and gives the terminal back. */
  async end(): Promise<void> {
    await this.#frames;
    await this.#follow(new AbortController().signal, true);
    this.#screen?.close();
  }

  async #follow(signal: AbortSignal, untilEnd: boolean): Promise<void> {
    const { log, names, json, out } = this.#options;
    const from = this.#positions;
    for await (const records of followTopic(log, names.results, { from, untilEnd, signal })) {
      const values: ResultValue[] = [];
      for (const record of records) {
        this.#positions[record.partition] = record.offset + 1;
        const value = resultOf(record);
        if (value === undefined) continue;
        values.push(value);
        if (value.type === 'metrics') this.metrics.add(value);
      }
      this.#state = reduceView(this.#state, { type: 'results', values });
      if (json)
        await out.values(values.filter(({ type }) => type !== 'prediction' && type !== 'outcome'));
    }
  }

  /** One frame after the other: a slow one is not overtaken. */
  #frame(): Promise<void> {
    this.#frames = this.#frames.then(() => this.#show()).catch(() => undefined);
    return this.#frames;
  }

  async #show(): Promise<void> {
    const { surroundings, out, json } = this.#options;
    if (json) return;
    await this.#progress();
    if (this.#screen === undefined) {
      if (this.#state.scored === this.#shownScored) return;
      this.#shownScored = this.#state.scored;
      await this.#texts(LINES_NEWEST);
      const newest = this.#state.newest.slice(-LINES_NEWEST).map(predictionText);
      await out.lines([progressText(this.#state), ...newest]);
      return;
    }
    const size = this.#screen.size;
    await this.#texts(size.rows);
    this.#screen.draw(
      renderView(this.#state, { ...size, color: wantsColor(surroundings.environment) }),
    );
  }

  async #progress(): Promise<void> {
    const { log, names, progress, surroundings } = this.#options;
    const { positions, ...counts } = progress();
    const source = await log.describeTopic(names.source);
    const lag = (source?.partitions ?? []).reduce(
      (sum, { start, end }, partition) => sum + end - (positions[partition] ?? start),
      0,
    );
    const now = surroundings.now();
    this.#state = reduceView(this.#state, { type: 'progress', now, lag, ...counts });
  }

  /** Fetches the texts of the newest predictions that will be shown. */
  async #texts(rows: number): Promise<void> {
    const { log, names } = this.#options;
    for (const { partition, offset, text } of this.#state.newest.slice(-rows)) {
      if (text !== undefined) continue;
      const batch = await log.read(names.source, partition, { from: offset, maxRecords: 1 });
      const [record] = batch.records;
      const value = record?.offset === offset ? valueOf(record.value) : undefined;
      const found = at(value, 'text') ?? at(at(value, 'data'), 'text');
      this.#state = reduceView(this.#state, {
        type: 'text',
        partition,
        offset,
        text: typeof found === 'string' ? found : '',
      });
    }
  }
}
