/**
 * Result records as they stand in the topic: JSON written by hand, field by field in the order of the contract, with CloudEvents
 * binary headers. By hand because this is the hot path, and because a class named `__proto__` must become a field.
 *
 * @see topics/results.ts for the shapes; CloudEvents 1.0, Kafka protocol binding, for the headers
 */
import type { Contribution } from '../core/models/model.ts';
import type { ScoredAnswer } from '../core/metrics/scorer.ts';
import type { Commit, LogRecord } from '../ports/event-log.ts';
import type { Role } from '../../topics/index.ts';
import type { ModelCarry, Outcome } from './carry.ts';
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
  /** `"source":{…}` */
  readonly json: string;
  readonly time: string;
  readonly traceparent: string | undefined;
}

const TYPES = ['prediction', 'outcome', 'metrics', 'drift', 'alert'] as const;
const quote = JSON.stringify;

export class ResultRecords {
  readonly #topic: string;
  readonly #partition: number;
  readonly #source: string;
  readonly #sourceJson: string;
  /** Headers that are the same on every record of a type. */
  readonly #headers: ReadonlyMap<string, readonly (readonly [string, string])[]>;
  /** Class and model names, quoted. Bounded: both are closed sets. */
  readonly #quoted = new Map<string, string>();

  constructor(options: {
    readonly pipeline: string;
    readonly source: string;
    readonly results: string;
    readonly partition: number;
  }) {
    this.#topic = options.results;
    this.#partition = options.partition;
    this.#source = options.source;
    this.#headers = new Map(
      TYPES.map((type) => [
        type,
        [
          ['ce_specversion', '1.0'],
          ['ce_type', type],
          ['ce_source', `/${options.pipeline}`],
          ['content-type', 'application/json'],
        ],
      ]),
    );
    this.#sourceJson = `"source":{"topic":${quote(options.source)},"partition":${options.partition},"offset":`;
  }

  origin(record: LogRecord, ts: string | number | undefined): Origin {
    const stamp = ts ?? new Date(record.timestamp).toISOString();
    return {
      offset: record.offset,
      json: `${this.#sourceJson}${record.offset},"ts":${quote(stamp)}}`,
      time: String(stamp),
      traceparent:
        record.headers.length === 0 ? undefined : headerText(record.headers, 'traceparent'),
    };
  }

  prediction(
    origin: Origin,
    id: string,
    model: ModelName,
    answer: ScoredAnswer,
    label: string | undefined,
    learned: number,
    explanation: readonly Contribution[] | undefined,
  ): Output {
    const prediction = answer.classes[answer.best];
    let json = `{"type":"prediction","id":${quote(id)},"model":${this.#name(model.name)},"role":"${model.role}","prediction":${
      prediction === undefined ? 'null' : this.#name(prediction)
    },"probabilities":{`;
    for (let c = 0; c < answer.classes.length; c++) {
      const comma = c === 0 ? '' : ',';
      json += `${comma}${this.#name(answer.classes[c] ?? '')}:${answer.probabilities[c] ?? 0}`;
    }
    json += '}';
    if (label !== undefined) {
      json += `,"label":${this.#name(label)}`;
      if (prediction !== undefined) json += `,"correct":${prediction === label}`;
    }
    json += `,"learned":${learned},${origin.json}`;
    if (explanation !== undefined) json += `,"explanation":${quote(explanation)}`;
    return this.#record('prediction', origin, model.name, id, `${json}}`);
  }

  outcome(
    origin: Origin,
    id: string,
    model: ModelName,
    label: string | null,
    outcome: Outcome,
  ): Output {
    const { status, prediction, previous, correct, delayMs, delayRecords } = outcome;
    const name = (value: string | null): string => (value === null ? 'null' : this.#name(value));
    let json = `{"type":"outcome","status":"${status}","id":${quote(id)},"model":${this.#name(model.name)}`;
    if (prediction !== undefined) json += `,"prediction":${name(prediction)}`;
    json += `,"label":${name(label)}`;
    if (previous !== undefined) json += `,"previous":${name(previous)}`;
    if (correct !== undefined) json += `,"correct":${correct}`;
    if (delayMs !== undefined) json += `,"delayMs":${delayMs}`;
    if (delayRecords !== undefined) json += `,"delayRecords":${delayRecords}`;
    return this.#record('outcome', origin, model.name, id, `${json},${origin.json}}`);
  }

  metrics(origin: Origin, model: ModelName, carry: ModelCarry, idle: boolean): Output {
    const { scored, learned, cumulative, rolling, baselines } = carry.metrics();
    const json =
      `{"type":"metrics","model":${this.#name(model.name)},"role":"${model.role}","partition":${this.#partition}` +
      `,"scored":${scored},"learned":${learned},"cumulative":${quote(cumulative)},"rolling":${quote(rolling)}` +
      `,"baselines":${quote(baselines)},"pending":${quote(carry.waiting)}${idle ? ',"idle":true' : ''},${origin.json}}`;
    return this.#record('metrics', origin, model.name, model.name, json);
  }

  drift(
    origin: Origin,
    model: ModelName,
    detector: string,
    evidence: Readonly<Record<string, number>>,
  ): Output {
    const json =
      `{"type":"drift","model":${this.#name(model.name)},"partition":${this.#partition}` +
      `,"detector":"${detector}","signal":"error","evidence":${quote(evidence)},${origin.json}}`;
    return this.#record('drift', origin, model.name, model.name, json);
  }

  alert(
    origin: Origin,
    model: ModelName,
    rule: string,
    index: number,
    state: 'firing' | 'resolved',
    value: number,
  ): Output {
    const json =
      `{"type":"alert","rule":${quote(rule)},"state":"${state}","value":${value}` +
      `,"model":${this.#name(model.name)},"partition":${this.#partition},${origin.json}}`;
    // Event ids must differ: several rules may change at one record.
    const suffix = index === 0 ? '' : `/${index}`;
    return this.#record('alert', origin, model.name + suffix, model.name, json);
  }

  #record(
    type: (typeof TYPES)[number],
    origin: Origin,
    model: string,
    key: string,
    value: string,
  ): Output {
    const headers = [
      ...(this.#headers.get(type) ?? []),
      ['ce_id', `${this.#source}/${this.#partition}/${origin.offset}/${type}/${model}`] as const,
      ['ce_time', origin.time] as const,
    ];
    if (origin.traceparent !== undefined)
      headers.push(['traceparent', origin.traceparent] as const);
    return { topic: this.#topic, partition: this.#partition, key, value, headers };
  }

  #name(name: string): string {
    let quoted = this.#quoted.get(name);
    if (quoted === undefined) {
      quoted = quote(name);
      this.#quoted.set(name, quoted);
    }
    return quoted;
  }
}
