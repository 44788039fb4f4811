/**
 * Dead-letter topic: records that cannot be folded, whole, with the reason in headers: KIP-1034's `__streams.errors.*` and
 * `valence.errors.{code,stage}`. Written in the transaction that moves the position past the record.
 *
 * @see KIP-1034, Dead letter queue in Kafka Streams
 */
import { z } from 'zod';
import { DAY_MS, type TopicContract } from './contract.ts';

/** Headers that Valence adds to a dead letter; the record's own headers stand before them. */
export const DeadLetterHeaders = z.object({
  '__streams.errors.exception': z.string().describe('class of the error'),
  '__streams.errors.message': z
    .string()
    .describe("what is wrong and how to mend it; never the record's text"),
  '__streams.errors.stacktrace': z.string(),
  '__streams.errors.topic': z.string().describe('topic, or file, the record came from'),
  '__streams.errors.partition': z.string(),
  '__streams.errors.offset': z.string().describe('offset in the topic, or row in the file'),
  'valence.errors.code': z.string(),
  'valence.errors.stage': z.enum(['publish', 'decode', 'validate', 'fold']),
});
export type DeadLetterHeaders = z.infer<typeof DeadLetterHeaders>;

/** Where a record was refused. */
export type DeadLetterStage = DeadLetterHeaders['valence.errors.stage'];

/**
 * Headers of a dead letter, to be put behind the record's own.
 *
 * @param error its `name`, `message` and, if it has one, `code` are kept; the message is cut at 1,000 characters
 * @param origin topic (or file), partition and offset (or row) of the refused record
 */
export function deadLetterHeaders(
  error: { readonly name: string; readonly message: string; readonly code: string },
  stage: DeadLetterStage,
  origin: { readonly topic: string; readonly partition: number; readonly offset: number },
): readonly (readonly [string, string])[] {
  const headers: DeadLetterHeaders = {
    '__streams.errors.exception': error.name,
    '__streams.errors.message': error.message.slice(0, 1000),
    '__streams.errors.stacktrace': '',
    '__streams.errors.topic': origin.topic,
    '__streams.errors.partition': String(origin.partition),
    '__streams.errors.offset': String(origin.offset),
    'valence.errors.code': error.code,
    'valence.errors.stage': stage,
  };
  return Object.entries(headers);
}

export const dlq: TopicContract = {
  suffix: 'dlq',
  summary: 'Records that could not be folded, whole, with code, stage and origin in headers.',
  schema: undefined,
  content: 'the original value, untouched',
  key: 'the original key',
  partitions: 'mirror',
  cleanup: 'delete',
  retentionMs: 30 * DAY_MS,
  settings: { 'max.message.bytes': String(1_048_588 + 65_536) },
};
