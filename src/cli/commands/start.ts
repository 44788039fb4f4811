/** `valence start`: publisher, subscriber and a view of both in one process, on the embedded log. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ValenceError } from '../../errors.ts';
import type { PublishSummary } from '../../ingest/publish.ts';
import type { SubscriberEvent } from '../../pipeline/subscriber.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { WorkerHealth } from '../../worker-health.ts';
import { command, loggerOf, namesOf, placeFlags, type CommandContext } from '../command.ts';
import { ensurePipeline, requireMirrors } from '../ensure-topics.ts';
import { watchedLog, withHealthyLog } from '../health.ts';
import { count, counted } from '../numbers.ts';
import { packageRoot } from '../package.ts';
import { reportLines } from '../report.ts';
import type { Progress, StartView } from '../start-view.ts';
import type { Sink, Surroundings } from '../surroundings.ts';
import { initialView } from '../view-state.ts';
import { logEvent } from './subscribe.ts';
import { namedColumns } from './publish.ts';

type Context = CommandContext<'start'>;

/** The log of the built-in reviews: made anew at each start. */
const DEMO_LOG = 'sqlite:.valence/demo.db';
const DEMO = { file: 'examples/yelp.csv', label: 'sentiment', recordsPerSecond: 25 };
/** Lines that are held back while the view is shown, the newest. */
const MOST_HELD = 200;
/** Results of earlier runs that are shown again. */
const SHOWN_AGAIN = 20_000;

export const startCommand = command({
  name: 'start',
  settings: 'start',
  summary: 'run the whole pipeline in this process, with a live view',
  details:
    'Without --data: the built-in 750 restaurant reviews at 25 a second, on a fresh log. Ends with a report; without --once it goes on ' +
    'until Ctrl-C.',
  meant: (file) => `start --data ${file}`,
  examples: [
    ['start', 'watch a model learn from 750 reviews'],
    ['start --once', 'the same as fast as it goes, then the report'],
    ['start --data reviews.csv --label stars --labels 1,2,3,4,5', 'your own file'],
  ],
  run,
});

interface Input {
  readonly path: string;
  readonly text: string;
  readonly label: string;
  readonly rate: number | undefined;
  readonly log: string;
}

async function run(context: Context): Promise<void> {
  const { config, surroundings } = context;
  const input = await inputOf(context);
  const { checkRows } = await import('../../ingest/rows.ts');
  await checkRows({
    path: input.path,
    columns: columnsOf(context, input),
    named: namedColumns(context),
    signal: surroundings.signal,
  });
  const logger = await loggerOf('start', surroundings, config);
  const worker = { roles: ['publisher', 'subscriber'], logger } as const;
  const asked = { ...config, log: input.log };
  await withHealthyLog(surroundings, asked, worker, async (log, health) => {
    const names = namesOf(config);
    await ensurePipeline(log, names, config.partitions);
    await requireMirrors(log, names);
    await new Start(context, log, health, input).run();
  });
}

/** VALENCE_DATA is also what tests and benchmarks call their folder of data sets: a folder there is none of our business. */
async function dataOf(
  data: string | undefined,
  origin: string | undefined,
): Promise<string | undefined> {
  if (data === undefined || origin === '--data') return data;
  const isFolder = await stat(data).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? undefined : data;
}

/** What is read: the named file, or the built-in reviews. */
async function inputOf({ config, origins, surroundings }: Context): Promise<Input> {
  const { rate, once, text, label, log } = config;
  const data = await dataOf(config.data, origins.get('data'));
  if (data !== undefined) return { path: data, text, label, rate, log };
  const fresh = origins.get('log') === 'default';
  if (fresh && !(await surroundings.removeLog(DEMO_LOG)))
    throw new ValenceError(
      'CONFIG_INVALID',
      `--log: another process, such as 'valence start', has ${DEMO_LOG} open, which is made anew at each start; end it first, or give this one a log of its own with --log sqlite:FILE`,
    );
  return {
    path: join(packageRoot(), DEMO.file),
    text,
    label: origins.get('label') === 'default' ? DEMO.label : label,
    rate: rate ?? (once ? undefined : DEMO.recordsPerSecond),
    log: fresh ? DEMO_LOG : log,
  };
}

function columnsOf({ config }: Context, { text, label }: Input) {
  return { text, label, weight: config.weightField };
}

class Start {
  readonly #context: Context;
  readonly #log: EventLog;
  readonly #health: WorkerHealth;
  readonly #input: Input;
  readonly #positions: (number | undefined)[] = [];
  #folded = 0;
  #refused = 0;
  #deadLetters = 0;
  #published = 0;
  #share: number | undefined;
  #finished = false;
  readonly #held: string[] = [];

  constructor(context: Context, log: EventLog, health: WorkerHealth, input: Input) {
    this.#context = context;
    this.#log = log;
    this.#health = health;
    this.#input = input;
  }

  async run(): Promise<void> {
    const { config, surroundings, out } = this.#context;
    const view = await this.#view();
    const viewing = new AbortController();
    const shown = view.run(viewing.signal);
    try {
      await this.#work();
    } finally {
      viewing.abort();
      await shown;
      await view.end();
      for (const line of this.#held) surroundings.stderr.write(line);
    }
    for (const model of view.metrics.all()) {
      const { model: title, scored, learned, cumulative: metrics, baselines } = model;
      const report = { title, scored, learned, metrics, baselines };
      if (config.json) await out.values([{ type: 'report', ...report }]);
      else await out.lines([...reportLines(report, out.colors), '']);
    }
    if (view.metrics.models.length === 0 && !surroundings.signal.aborted)
      out.note(this.#unscored());
  }

  /** Why nothing was scored, and where the answers are. */
  #unscored(): string {
    const place = placeFlags(this.#context, this.#log);
    if (this.#folded === 0 && this.#refused > 0)
      return `nothing was scored: ${counted(this.#refused, 'row')} refused, and no other. Why: valence dlq list${place}`;
    if (this.#folded === 0) return 'nothing was scored: there were no new records';
    return (
      `nothing was scored: of ${counted(this.#folded, 'record')} none has a label in '${this.#input.label}'; name the column of the labels ` +
      `with --label. The answers: valence tail results --until-end${place}`
    );
  }

  /** What is said while the view has the terminal would be wiped out with it: it is said behind. */
  #aside(): Surroundings {
    const { surroundings, out } = this.#context;
    const { stdout, stderr } = surroundings;
    if (out.json || stdout.isTTY !== true || stderr.isTTY !== true) return surroundings;
    const held: Sink = {
      write: (text) => {
        this.#held.push(text);
        if (this.#held.length > MOST_HELD) this.#held.shift();
        return true;
      },
      once: () => undefined,
    };
    return { ...surroundings, stderr: held };
  }

  /** Publishes and folds until all is done (`--once`) or the process is told to end. */
  async #work(): Promise<void> {
    const { config, surroundings } = this.#context;
    const { signal } = surroundings;
    if (config.once && this.#input.rate === undefined) {
      await this.#publish(signal);
      await this.#subscribe(signal, true);
      return;
    }
    const stop = new AbortController();
    const ends = AbortSignal.any([signal, stop.signal]);
    const subscribing = this.#subscribe(ends, false);
    // A subscriber that fails takes the publisher with it, and the other way round.
    subscribing.catch(() => {
      stop.abort();
    });
    try {
      await this.#publish(ends);
      if (config.once) stop.abort();
    } catch (error) {
      stop.abort();
      await subscribing;
      throw error;
    }
    await subscribing;
    if (config.once) await this.#subscribe(signal, true);
  }

  async #publish(signal: AbortSignal): Promise<PublishSummary> {
    const { config, origins } = this.#context;
    const surroundings = this.#aside();
    const say = (line: string): void => void surroundings.stderr.write(`${line}\n`);
    const { path, rate } = this.#input;
    const names = namesOf(config);
    const logger = await loggerOf('publisher', surroundings, config);
    const { publish } = await import('../../ingest/publish.ts');
    const summary = await publish({
      log: this.#log,
      topic: names.source,
      deadLetterTopic: names.dlq,
      path,
      stdin: surroundings.stdin,
      columns: columnsOf(this.#context, this.#input),
      named: namedColumns({ origins }),
      rate,
      signal,
      onProgress: (progress) => {
        const { acked, deadLettered, bytes, totalBytes } = progress;
        this.#health.progress(progress);
        this.#published = acked;
        this.#refused = deadLettered;
        this.#share = totalBytes === undefined ? undefined : bytes / totalBytes;
      },
      onNotice: (notice) => {
        logger.warn({ input: path }, notice);
      },
    });
    this.#finished = summary.done;
    if (summary.alreadyPublished)
      say(`${summary.name} was published before and is not published again`);
    else if (summary.resumedAfter > 0)
      say(`${summary.name} was taken up after row ${count(summary.resumedAfter)}`);
    return summary;
  }

  async #subscribe(signal: AbortSignal, untilEnd: boolean): Promise<void> {
    const { config, surroundings } = this.#context;
    // The view has the terminal: only what is wrong is logged there.
    const logLevel = config.logLevel === 'info' ? 'warn' : config.logLevel;
    const logger = await loggerOf('subscriber', this.#aside(), { ...config, logLevel });
    const { runSubscriber } = await import('../../pipeline/subscriber.ts');
    const { subscriberOptions } = await import('../subscriber-options.ts');
    await runSubscriber({
      ...subscriberOptions(config),
      log: watchedLog(surroundings, { ...config, log: this.#input.log }, this.#log, this.#health),
      untilEnd,
      signal,
      onEvent: (event) => {
        this.#health.event(event);
        this.#note(event);
        logEvent(logger, event);
      },
    });
  }

  #note(event: SubscriberEvent): void {
    if (event.type === 'restored') this.#positions[event.partition] = event.position;
    if (event.type !== 'chunk') return;
    this.#positions[event.partition] = event.to;
    this.#folded += event.records;
    this.#deadLetters += event.deadLetters;
  }

  async #view(): Promise<StartView> {
    const { config, surroundings, out } = this.#context;
    const names = namesOf(config);
    const results = await this.#log.describeTopic(names.results);
    const from = (results?.partitions ?? []).map(({ start, end }) =>
      Math.max(start, end - SHOWN_AGAIN),
    );
    const { StartView: View } = await import('../start-view.ts');
    return new View({
      log: this.#log,
      names,
      surroundings,
      out,
      json: config.json,
      from,
      progress: (): Progress => ({
        folded: this.#folded,
        published: this.#published,
        share: this.#share,
        finished: this.#finished && !config.once,
        deadLetters: this.#refused + this.#deadLetters,
        positions: this.#positions,
      }),
      initial: initialView({
        pipeline: config.pipeline,
        kind: config.model,
        log: this.#log.url,
        startedAt: surroundings.now(),
        window: config.window,
        labels: config.labels,
      }),
    });
  }
}
