/**
 * Result records as they stand in the topic: JSON written by hand, field by field in the order of the contract, with CloudEvents
 * binary headers. By hand because this is the hot path, and because a class named `__proto__` must become a field.
 *
 * @see topics/results.ts for the shapes; CloudEvents 1.0, Kafka protocol binding, for the headers
 */
import { quoted } from '../core/codec/json.ts';
import type { DriftAlarm } from '../core/drift/watch.ts';
import type { Explanation } from '../core/models/model.ts';
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import type { Commit, LogRecord } from '../ports/event-log.ts';
import type { Comparison, Role } from '../../topics/index.ts';
import type { DriftReaction, ModelCarry, Outcome } from './carry.ts';
import { headerText } from './source-record.ts';

export type Output = Commit['records'][number];

/** A model as results name it. */
export interface ModelName {
  readonly name: string;
  readonly role: Role;
}

/** The source record that results speak of, prepared once a record. */
export interface Origin {
  readonly offset: number;
  /** `source.ts`: the record's own, else the log's. */
  readonly ts: string | number;
  readonly traceparent: string | undefined;
}

type ResultType = 'prediction' | 'outcome' | 'metrics' | 'drift' | 'alert';
type Header = readonly [name: string, value: string];

interface TypeHeaders {
  readonly version: Header;
  readonly kind: Header;
  readonly source: Header;
  readonly content: Header;
}

/** Pieces of a model's prediction records that are the same in all of them. */
interface PredictionPieces {
  readonly role: Role;
  readonly classes: readonly string[];
  /** By index of the answer + 1: from behind the id to the first probability. */
  readonly heads: readonly string[];
  /** By class: what stands before its probability. */
  readonly between: readonly string[];
}

/** What a prediction record tells besides the answer. */
export interface PredictionParts {
  /** Only if the text record carried it. */
  readonly label: string | undefined;
  /** Documents that the model had learned. */
  readonly learned: number;
  readonly explanation: Explanation | undefined;
  readonly wantLabel?: boolean;
}

export class ResultRecords {
  readonly #topic: string;
  readonly #partition: number;
  readonly #eventId: string;
  readonly #sourceField: string;
  /** Headers that are the same on every record of a type. */
  readonly #headers: Readonly<Record<ResultType, TypeHeaders>>;
  /** Ends of event ids by model. Bounded: the models of a pipeline. */
  readonly #suffixes: Readonly<Record<ResultType, Map<string, string>>> = {
    prediction: new Map(),
    outcome: new Map(),
    metrics: new Map(),
    drift: new Map(),
    alert: new Map(),
  };
  /** By model. */
  readonly #pieces = new Map<string, PredictionPieces>();
  /** Tails of prediction records by label: of those that were right, and of those that were wrong. */
  readonly #right = new Map<string, string>();
  readonly #wrong = new Map<string, string>();

  constructor(options: {
    readonly pipeline: string;
    readonly source: string;
    readonly results: string;
    readonly partition: number;
  }) {
    const { pipeline, source, results, partition } = options;
    this.#topic = results;
    this.#partition = partition;
    this.#eventId = `${source}/${partition}/`;
    this.#sourceField = `,"source":{"topic":${JSON.stringify(source)},"partition":${partition},"offset":`;
    const headers = (type: string): TypeHeaders => ({
      version: ['ce_specversion', '1.0'],
      kind: ['ce_type', type],
      source: ['ce_source', `/${pipeline}`],
      content: ['content-type', 'application/json'],
    });
    this.#headers = {
      prediction: headers('prediction'),
      outcome: headers('outcome'),
      metrics: headers('metrics'),
      drift: headers('drift'),
      alert: headers('alert'),
    };
  }

  origin(record: LogRecord, ts: string | number | undefined): Origin {
    return {
      offset: record.offset,
      ts: ts ?? isoTime(record.timestamp),
      traceparent:
        record.headers.length === 0 ? undefined : headerText(record.headers, 'traceparent'),
    };
  }

  prediction(
    origin: Origin,
    id: string,
    model: ModelName,
    answer: ScoredAnswer,
    { label, learned, explanation, wantLabel = false }: PredictionParts,
  ): Output {
    const { classes, probabilities, best } = answer;
    const { heads, between } = this.#piecesOf(model, classes);
    let json = `{"type":"prediction","id":${quoted(id)}${heads[best + 1] ?? ''}`;
    for (let c = 0; c < classes.length; c++) {
      if (c > 0) json += between[c] ?? '';
      json += probabilities[c] ?? 0;
    }
    json += label === undefined ? '},"learned":' : this.#tailOf(label, classes[best]);
    json += learned + this.#source(origin);
    if (wantLabel) json += ',"wantLabel":true';
    if (explanation !== undefined)
      json += fields({ explanation: explanation.features, logit: explanation.logit });
    return this.#record('prediction', origin, model.name, id, json);
  }

  outcome(
    origin: Origin,
    id: string,
    model: ModelName,
    label: string | null,
    outcome: Outcome,
  ): Output {
    const { status, prediction, previous, correct, delayMs, delayRecords } = outcome;
    let json = `{"type":"outcome","status":"${status}","id":${quoted(id)}`;
    json += `,"model":${quoted(model.name)}`;
    if (prediction !== undefined) json += `,"prediction":${quotedOrNull(prediction)}`;
    json += `,"label":${quotedOrNull(label)}`;
    if (previous !== undefined) json += `,"previous":${quotedOrNull(previous)}`;
    if (correct !== undefined) json += `,"correct":${correct}`;
    if (delayMs !== undefined) json += `,"delayMs":${delayMs}`;
    if (delayRecords !== undefined) json += `,"delayRecords":${delayRecords}`;
    json += this.#source(origin);
    return this.#record('outcome', origin, model.name, id, json);
  }

  /** What stands in every prediction record of a model that knows these classes. */
  #piecesOf(model: ModelName, classes: readonly string[]): PredictionPieces {
    const known = this.#pieces.get(model.name);
    if (known !== undefined && known.classes === classes && known.role === model.role) return known;
    const names = classes.map((label) => JSON.stringify(label));
    const first = names.length === 0 ? '' : `${names[0]}:`;
    const heads = ['null', ...names].map(
      (prediction) =>
        `,"model":${JSON.stringify(model.name)},"role":"${model.role}","prediction":${prediction},"probabilities":{${first}`,
    );
    const between = names.map((name) => `,${name}:`);
    const pieces = { role: model.role, classes, heads, between };
    this.#pieces.set(model.name, pieces);
    return pieces;
  }

  /** From behind the probabilities to the number of learned documents, where the record told its label. */
  #tailOf(label: string, prediction: string | undefined): string {
    const tails = prediction === label ? this.#right : this.#wrong;
    if (prediction === undefined) return tailOf(label, undefined);
    let tail = tails.get(label);
    if (tail === undefined) {
      tail = tailOf(label, prediction === label);
      tails.set(label, tail);
    }
    return tail;
  }

  /** @param comparison of a challenger with the champion */
  metrics(
    origin: Origin,
    model: ModelName,
    carry: ModelCarry,
    comparison: Comparison | undefined,
    idle: boolean,
  ): Output {
    const { scored, learned, cumulative, rolling, baselines } = carry.metrics();
    const json = fields({
      model: model.name,
      role: model.role,
      partition: this.#partition,
      scored,
      learned,
      cumulative,
      rolling,
      baselines,
      pending: carry.waiting,
      comparison,
      idle: idle ? true : undefined,
    });
    return this.#record(
      'metrics',
      origin,
      model.name,
      model.name,
      `{"type":"metrics"${json}${this.#source(origin)}`,
    );
  }

  drift(
    origin: Origin,
    model: ModelName,
    alarm: DriftAlarm,
    reaction: DriftReaction | undefined,
  ): Output {
    const { detector, signal, evidence } = alarm;
    const json = fields({
      model: model.name,
      partition: this.#partition,
      detector,
      signal,
      evidence,
      reaction,
    });
    // Event ids must differ: several alarms may come at one record.
    const suffix = detector === 'adwin' ? '' : `/${signal}`;
    return this.#record(
      'drift',
      origin,
      model.name + suffix,
      model.name,
      `{"type":"drift"${json}${this.#source(origin)}`,
    );
  }

  alert(
    origin: Origin,
    model: ModelName,
    rule: string,
    index: number,
    state: 'firing' | 'resolved',
    value: number,
  ): Output {
    const json = fields({ rule, state, value, model: model.name, partition: this.#partition });
    // Event ids must differ: several rules may change at one record.
    const suffix = index === 0 ? '' : `/${index}`;
    return this.#record(
      'alert',
      origin,
      model.name + suffix,
      model.name,
      `{"type":"alert"${json}${this.#source(origin)}`,
    );
  }

  #source({ offset, ts }: Origin): string {
    return `${this.#sourceField}${offset},"ts":${typeof ts === 'string' ? quoted(ts) : ts}}`;
  }

  /** @param json of the value, but for the brace that closes it */
  #record(type: ResultType, origin: Origin, model: string, key: string, json: string): Output {
    const { version, kind, source, content } = this.#headers[type];
    const id = this.#eventId + origin.offset + this.#eventSuffix(type, model);
    const headers: (readonly [string, string])[] = [
      version,
      kind,
      source,
      content,
      ['ce_id', id],
      ['ce_time', String(origin.ts)],
    ];
    if (origin.traceparent !== undefined) headers.push(['traceparent', origin.traceparent]);
    return { topic: this.#topic, partition: this.#partition, key, value: `${json}}`, headers };
  }

  #eventSuffix(type: ResultType, model: string): string {
    // Alerts are few, and their rules come with the model's name.
    if (type === 'alert') return `/alert/${model}`;
    const suffixes = this.#suffixes[type];
    let suffix = suffixes.get(model);
    if (suffix === undefined) {
      suffix = `/${type}/${model}`;
      suffixes.set(model, suffix);
    }
    return suffix;
  }
}

/** Further fields of the object in hand, at least one; those that are undefined are left out. */
function fields(of: object): string {
  return `,${JSON.stringify(of).slice(1, -1)}`;
}

function quotedOrNull(value: string | null): string {
  return value === null ? 'null' : quoted(value);
}

/** @param isCorrect undefined: there was no prediction */
function tailOf(label: string, isCorrect: boolean | undefined): string {
  const correct = isCorrect === undefined ? '' : `,"correct":${isCorrect}`;
  return `},"label":${JSON.stringify(label)}${correct},"learned":`;
}

/** Last moment that a Date knows, ms. */
const LAST_MS = 8.64e15;

/** ISO 8601 of a log's timestamp; one beyond all dates, as a producer that stamps nanoseconds gives it, stays a number. */
function isoTime(ms: number): string | number {
  if (ms !== lastTime.ms) {
    lastTime.ms = ms;
    lastTime.text = Math.abs(ms) <= LAST_MS ? new Date(ms).toISOString() : ms;
  }
  return lastTime.text;
}

/** Records that were appended together carry one timestamp. */
const lastTime: { ms: number; text: string | number } = { ms: 0, text: new Date(0).toISOString() };
