/**
 * Valence as a library: the log, the pipeline, the models, metrics and detectors by themselves. Importing it does nothing; adapters
 * are loaded when a log is opened.
 */
import { LogClient } from './client.ts';
import { openLog as openEventLog, type OpenLogOptions } from './open-log.ts';
import { Evaluation, inferClasses, type EvaluationReport } from './pipeline/evaluate.ts';
import type { ClassOptions } from './pipeline/classes.ts';
import {
  runSubscriber as run,
  type SubscriberOptions as RunOptions,
  type SubscriberSummary,
} from './pipeline/subscriber.ts';

/**
 * Opens a log: `sqlite:FILE`, or `memory:` for trials.
 *
 * @throws {ValenceError} CONFIG_INVALID no such form of URL; LOG_UNAVAILABLE, LOG_CORRUPT, LOG_READ_ONLY, LOG_FULL
 */
export async function openLog(url: string, options?: OpenLogOptions): Promise<LogClient> {
  return new LogClient(await openEventLog(url, options));
}

export interface SubscriberOptions extends Omit<RunOptions, 'log' | 'models'> {
  readonly log: LogClient;
  /** Kind of the champion. Default `gtnb`. */
  readonly model?: string;
  /** Kinds of models that run beside it, by name. */
  readonly challengers?: Readonly<Record<string, string>>;
}

/** Predicts each text of the source topic and learns from its label after, until told to stop; see `SubscriberOptions`. */
export function runSubscriber(options: SubscriberOptions): Promise<SubscriberSummary> {
  const { log, model = 'gtnb', challengers = {}, ...rest } = options;
  return run({
    ...rest,
    log: log.log,
    models: [
      { name: 'champion', kind: model, role: 'champion' },
      ...Object.entries(challengers).map(([name, kind]) => ({
        name,
        kind,
        role: 'challenger' as const,
      })),
    ],
  });
}

/**
 * Prequential evaluation of one kind: each record is predicted first and learned after.
 *
 * @param records in stream order; one without a label is predicted only. `labelWeight`: 0 … 16, default 1
 * @param model kind, such as `multinomial:alpha=0.5`
 * @param options.labels declared classes, worst to best; default: those of the records
 * @param options.delay records between a text and its label, >= 0
 */
export function evaluate(
  records: Iterable<{
    readonly text: string;
    readonly label?: string | undefined;
    readonly labelWeight?: number | undefined;
  }>,
  model: string,
  options: {
    readonly labels?: readonly string[];
    readonly analyzer?: string;
    readonly delay?: number;
  } = {},
): EvaluationReport {
  const { labels, ...rest } = options;
  const all = [...records];
  const classes: ClassOptions =
    labels === undefined
      ? inferClasses(all.flatMap(({ label }) => label ?? []))
      : { declared: labels };
  const evaluation = new Evaluation({ ...rest, kind: model, classes });
  evaluation.add(all.map(({ text, label, labelWeight: weight }) => ({ text, label, weight })));
  return evaluation.finish();
}

export { LogClient, type PublishOptions, type TypedRecord } from './client.ts';
export { isValenceError, ValenceError, type ErrorCode, type Recovery } from './errors.ts';
export type { EventLog, LogRecord, NewRecord } from './ports/event-log.ts';
export type { EvaluationReport } from './pipeline/evaluate.ts';
export type { SubscriberEvent, SubscriberSummary } from './pipeline/subscriber.ts';
export { pipelineTopics, topicNames, type Topic, type TopicNames } from '../topics/index.ts';

export { BernoulliNB, ComplementNB, MultinomialNB } from './core/models/river-form.ts';
export { BagOfWords, TFIDF } from './core/text/bag-of-words.ts';
export { ConfusionMatrix } from './core/metrics/confusion-matrix.ts';
export * as metrics from './core/metrics/label-metrics.ts';
export {
  Brier,
  CalibrationError,
  LogLoss,
  RiverRocAuc,
} from './core/metrics/probability-metrics.ts';
export { EWMean, Mean } from './core/metrics/means.ts';
export { Rolling, TimeRolling } from './core/metrics/rolling.ts';
export { classificationReport } from './core/metrics/report.ts';
export { Adwin } from './core/drift/adwin.ts';
export { Ddm } from './core/drift/ddm.ts';
export { Eddm } from './core/drift/eddm.ts';
export { Fhddm } from './core/drift/fhddm.ts';
export { HddmA } from './core/drift/hddm-a.ts';
export { HddmW } from './core/drift/hddm-w.ts';
export { PageHinkley } from './core/drift/page-hinkley.ts';
