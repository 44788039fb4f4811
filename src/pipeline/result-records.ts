/**
 * Result records as they stand in the topic: JSON written by hand, field by field in the order of the contract, with CloudEvents
 * binary headers. By hand because this is the hot path, and because a class named `__proto__` must become a field.
 *
 * @see topics/results.ts for the shapes; CloudEvents 1.0, Kafka protocol binding, for the headers
 */
import { jsonBytes, JsonWriter } from '../core/codec/json-writer.ts';
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

const FIELD = {
  prediction: jsonBytes('{"type":"prediction","id":'),
  outcome: jsonBytes('{"type":"outcome","status":"'),
  metrics: jsonBytes('{"type":"metrics","model":'),
  drift: jsonBytes('{"type":"drift","model":'),
  alert: jsonBytes('{"type":"alert","rule":'),
  id: jsonBytes('","id":'),
  model: jsonBytes(',"model":'),
  role: jsonBytes(',"role":"'),
  keptPrediction: jsonBytes(',"prediction":'),
  label: jsonBytes(',"label":'),
  previous: jsonBytes(',"previous":'),
  correct: jsonBytes(',"correct":'),
  delayMs: jsonBytes(',"delayMs":'),
  delayRecords: jsonBytes(',"delayRecords":'),
  learned: jsonBytes(',"learned":'),
  learnedAfter: jsonBytes('},"learned":'),
  explanation: jsonBytes(',"explanation":'),
  ts: jsonBytes(',"ts":'),
} as const;

const NOTHING = new Uint8Array(0);

/** Pieces of a model's prediction records that are the same in all of them. */
interface PredictionPieces {
  readonly role: Role;
  readonly classes: readonly string[];
  /** By index of the answer + 1: from behind the id to the first probability. */
  readonly heads: readonly Uint8Array[];
  /** By class: what stands before its probability. */
  readonly between: readonly Uint8Array[];
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
  readonly #sourceField: Uint8Array;
  readonly #json = new JsonWriter();
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
  /** Class and model names as JSON. Bounded: both are closed sets. */
  readonly #names = new Map<string, Uint8Array>();
  /** By model. */
  readonly #pieces = new Map<string, PredictionPieces>();
  /** Tails of prediction records by label: of those that were right, and of those that were wrong. */
  readonly #right = new Map<string, Uint8Array>();
  readonly #wrong = new Map<string, Uint8Array>();

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
    this.#sourceField = jsonBytes(
      `,"source":{"topic":${JSON.stringify(source)},"partition":${partition},"offset":`,
    );
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
    const json = this.#json;
    const { classes, probabilities, best } = answer;
    const { heads, between } = this.#piecesOf(model, classes);
    json.raw(FIELD.prediction);
    json.string(id);
    json.raw(heads[best + 1] ?? NOTHING);
    for (let c = 0; c < classes.length; c++) {
      if (c > 0) json.raw(between[c] ?? NOTHING);
      json.number(probabilities[c] ?? 0);
    }
    json.raw(label === undefined ? FIELD.learnedAfter : this.#tailOf(label, classes[best]));
    json.number(learned);
    this.#source(origin);
    if (wantLabel) json.ascii(',"wantLabel":true');
    if (explanation !== undefined) {
      json.raw(FIELD.explanation);
      json.value(explanation.features);
      if (explanation.logit !== undefined) this.#fields({ logit: explanation.logit });
    }
    return this.#record('prediction', origin, model.name, id);
  }

  outcome(
    origin: Origin,
    id: string,
    model: ModelName,
    label: string | null,
    outcome: Outcome,
  ): Output {
    const json = this.#json;
    const { status, prediction, previous, correct, delayMs, delayRecords } = outcome;
    json.raw(FIELD.outcome);
    json.ascii(status);
    json.raw(FIELD.id);
    json.string(id);
    json.raw(FIELD.model);
    this.#name(model.name);
    if (prediction !== undefined) {
      json.raw(FIELD.keptPrediction);
      this.#name(prediction);
    }
    json.raw(FIELD.label);
    this.#name(label);
    if (previous !== undefined) {
      json.raw(FIELD.previous);
      this.#name(previous);
    }
    if (correct !== undefined) {
      json.raw(FIELD.correct);
      json.ascii(correct ? 'true' : 'false');
    }
    if (delayMs !== undefined) {
      json.raw(FIELD.delayMs);
      json.number(delayMs);
    }
    if (delayRecords !== undefined) {
      json.raw(FIELD.delayRecords);
      json.number(delayRecords);
    }
    this.#source(origin);
    return this.#record('outcome', origin, model.name, id);
  }

  /** What stands in every prediction record of a model that knows these classes. */
  #piecesOf(model: ModelName, classes: readonly string[]): PredictionPieces {
    const known = this.#pieces.get(model.name);
    if (known !== undefined && known.classes === classes && known.role === model.role) return known;
    const names = classes.map((label) => JSON.stringify(label));
    const first = names.length === 0 ? '' : `${names[0]}:`;
    const heads = ['null', ...names].map((prediction) =>
      jsonBytes(
        `,"model":${JSON.stringify(model.name)},"role":"${model.role}","prediction":${prediction},"probabilities":{${first}`,
      ),
    );
    const between = names.map((name) => jsonBytes(`,${name}:`));
    const pieces = { role: model.role, classes, heads, between };
    this.#pieces.set(model.name, pieces);
    return pieces;
  }

  /** From behind the probabilities to the number of learned documents, where the record told its label. */
  #tailOf(label: string, prediction: string | undefined): Uint8Array {
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
    const json = this.#json;
    json.raw(FIELD.metrics);
    this.#name(model.name);
    json.raw(FIELD.role);
    json.ascii(`${model.role}","partition":${this.#partition},"scored":${scored}`);
    json.raw(FIELD.learned);
    json.number(learned);
    this.#fields({ cumulative, rolling, baselines, pending: carry.waiting });
    if (comparison !== undefined) this.#fields({ comparison });
    if (idle) json.ascii(',"idle":true');
    this.#source(origin);
    return this.#record('metrics', origin, model.name, model.name);
  }

  drift(
    origin: Origin,
    model: ModelName,
    alarm: DriftAlarm,
    reaction: DriftReaction | undefined,
  ): Output {
    const { detector, signal, evidence } = alarm;
    this.#json.raw(FIELD.drift);
    this.#name(model.name);
    this.#fields({ partition: this.#partition, detector, signal, evidence });
    if (reaction !== undefined) this.#fields({ reaction });
    this.#source(origin);
    // Event ids must differ: several alarms may come at one record.
    const suffix = detector === 'adwin' ? '' : `/${signal}`;
    return this.#record('drift', origin, model.name + suffix, model.name);
  }

  alert(
    origin: Origin,
    model: ModelName,
    rule: string,
    index: number,
    state: 'firing' | 'resolved',
    value: number,
  ): Output {
    this.#json.raw(FIELD.alert);
    this.#json.string(rule);
    this.#fields({ state, value, model: model.name, partition: this.#partition });
    this.#source(origin);
    // Event ids must differ: several rules may change at one record.
    const suffix = index === 0 ? '' : `/${index}`;
    return this.#record('alert', origin, model.name + suffix, model.name);
  }

  #source({ offset, ts }: Origin): void {
    const json = this.#json;
    json.raw(this.#sourceField);
    json.number(offset);
    json.raw(FIELD.ts);
    if (typeof ts === 'string') json.string(ts);
    else json.number(ts);
    json.ascii('}');
  }

  /** Further fields of the object in hand; for records that are few. */
  #fields(fields: object): void {
    const json = this.#json;
    for (const [name, value] of Object.entries(fields)) {
      json.ascii(`,"${name}":`);
      json.value(value);
    }
  }

  #record(type: ResultType, origin: Origin, model: string, key: string): Output {
    this.#json.ascii('}');
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
    const value = this.#json.finish();
    return { topic: this.#topic, partition: this.#partition, key, value, headers };
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

  #name(name: string | null): void {
    if (name === null) {
      this.#json.ascii('null');
      return;
    }
    let json = this.#names.get(name);
    if (json === undefined) {
      json = jsonBytes(JSON.stringify(name));
      this.#names.set(name, json);
    }
    this.#json.raw(json);
  }
}

/** @param isCorrect undefined: there was no prediction */
function tailOf(label: string, isCorrect: boolean | undefined): Uint8Array {
  const correct = isCorrect === undefined ? '' : `,"correct":${isCorrect}`;
  return jsonBytes(`},"label":${JSON.stringify(label)}${correct},"learned":`);
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
