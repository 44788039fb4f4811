/**
 * The messages of each topic, for the documents: schema, headers and key of what a topic holds, told apart by name. Topics hold
 * unions; a message is one branch of a topic's union.
 */
import { z } from 'zod';
import type { TopicSuffix } from './contract.ts';
import { DeadLetterHeaders } from './dlq.ts';
import { EXAMPLES, type MessageExample } from './examples.ts';
import {
  AlertResult,
  BaselineValues,
  ClassScores,
  DriftResult,
  MetricsResult,
  MetricValues,
  OutcomeResult,
  PredictionResult,
  SourceRef,
  Sums,
} from './results.ts';
import { LabelRecord, TextRecord } from './source.ts';

export const JSON_TYPE = 'application/json';
export const BYTES_TYPE = 'application/octet-stream';

/** What a topic's record is, besides its contract. */
export interface MessageContract {
  readonly name: string;
  readonly topic: TopicSuffix;
  readonly summary: string;
  readonly contentType: typeof JSON_TYPE | typeof BYTES_TYPE;
  /** Schema of the JSON value, or in words what the bytes are. */
  readonly payload: z.ZodType | string;
  /** Fields that make a value another message. */
  readonly without?: readonly string[];
  /** Name in {@link SHARED_SCHEMAS}; undefined: no headers. */
  readonly headers?: HeaderSchemaName;
  /** What the record key is; undefined: no key. */
  readonly key?: string;
  /** What tells which source record the message speaks of: a runtime expression and what it means. */
  readonly correlation?: { readonly location: string; readonly description: string };
  readonly examples: readonly MessageExample[];
}

/** Headers that the subscriber reads. All others are carried into dead letters and otherwise ignored. */
export const SourceHeaders = z.object({
  'content-type': z
    .string()
    .optional()
    .describe(
      'application/cloudevents+json: the value is a structured CloudEvent whose data is the record; batches are refused; ' +
        'anything else, or none: the value is the record',
    ),
  traceparent: z.string().optional().describe('W3C trace context, carried over to the results'),
});

/** CloudEvents 1.0 in binary mode. */
export const ResultHeaders = z.object({
  ce_specversion: z.literal('1.0'),
  ce_type: z
    .enum(['prediction', 'outcome', 'metrics', 'drift', 'alert'])
    .describe('type of the value'),
  ce_source: z.string().describe('`/<pipeline>`'),
  ce_id: z
    .string()
    .describe(
      '`<source topic>/<partition>/<offset>/<type>/<model>`, the same after a replay; further alerts of a record end in /1, /2 …',
    ),
  ce_time: z.string().describe('source.ts'),
  'content-type': z.literal(JSON_TYPE),
  traceparent: z.string().optional().describe("the source record's, if it had one"),
});

/** Schemas that stand once in the document and are referred to by name. */
export const SHARED_SCHEMAS = {
  SourceHeaders,
  ResultHeaders,
  DeadLetterHeaders,
  SourceRef,
  MetricValues,
  BaselineValues,
  ClassScores,
  Sums,
} as const satisfies Record<string, z.ZodObject>;
export type HeaderSchemaName = Extract<keyof typeof SHARED_SCHEMAS, `${string}Headers`>;

const ofText = {
  topic: 'results',
  contentType: JSON_TYPE,
  headers: 'ResultHeaders',
  key: 'id of the text',
  correlation: {
    location: '$message.payload#/source',
    description: 'source.partition and source.offset name the source record',
  },
} as const;
const ofModel = {
  ...ofText,
  key: 'name of the model',
  correlation: {
    location: '$message.payload#/source',
    description: 'source.partition and source.offset name the last source record that counts',
  },
} as const;
const inSource = {
  topic: 'source',
  contentType: JSON_TYPE,
  headers: 'SourceHeaders',
  key: 'id of the text, unless the producer sets another; texts and their labels need the same one',
} as const;

/** In the order of the topics, then as a record's results stand. */
export const MESSAGES: readonly MessageContract[] = [
  {
    ...inSource,
    name: 'TextRecord',
    summary: 'A text to predict, and to learn from when it carries its label.',
    payload: TextRecord,
    examples: EXAMPLES.TextRecord,
  },
  {
    ...inSource,
    name: 'LabelRecord',
    summary: 'The label of an earlier (or later) text; null withdraws it.',
    payload: LabelRecord,
    without: ['text'],
    examples: EXAMPLES.LabelRecord,
  },
  {
    ...ofText,
    name: 'Prediction',
    summary: 'What a model answered for a text before it learned from it.',
    payload: PredictionResult,
    examples: EXAMPLES.Prediction,
  },
  {
    ...ofText,
    name: 'Outcome',
    summary: 'What became of a label record.',
    payload: OutcomeResult,
    examples: EXAMPLES.Outcome,
  },
  {
    ...ofModel,
    name: 'Metrics',
    summary: 'Figures of a model on one partition: all records, the rolling window, baselines.',
    payload: MetricsResult,
    examples: EXAMPLES.Metrics,
  },
  {
    ...ofModel,
    name: 'Drift',
    summary: "A model's error changed.",
    payload: DriftResult,
    examples: EXAMPLES.Drift,
  },
  {
    ...ofModel,
    name: 'Alert',
    summary: 'A threshold ceased to hold, or holds again.',
    payload: AlertResult,
    examples: EXAMPLES.Alert,
  },
  {
    name: 'Delta',
    topic: 'model',
    summary: 'What one transaction taught, and the source position after it.',
    contentType: BYTES_TYPE,
    payload:
      'binary: "VD", version, pipeline, partition, epoch, source offsets [from, to), counts, events, CRC-32',
    examples: [],
  },
  {
    name: 'SnapshotChunk',
    topic: 'snapshots',
    summary: 'A piece of the merged model, to start faster.',
    contentType: BYTES_TYPE,
    payload: 'binary, under 1 MB, checksummed',
    key: '`<slot>/<chunk>`',
    examples: [],
  },
  {
    name: 'DeadLetter',
    topic: 'dlq',
    summary: 'A record that could not be folded, whole; its own headers stand before the reason.',
    contentType: BYTES_TYPE,
    payload: 'the original value, untouched: JSON or any other bytes',
    headers: 'DeadLetterHeaders',
    key: 'the original key; of a row that was never published `<file name>:<row>`',
    correlation: {
      location: '$message.header#/__streams.errors.offset',
      description:
        'with __streams.errors.topic and __streams.errors.partition: the record that was refused',
    },
    examples: EXAMPLES.DeadLetter,
  },
];
