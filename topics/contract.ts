import type { z } from 'zod';

/**
 * A topic's contract: one table that drives topic creation, validation, TypeScript types, the AsyncAPI document and the README.
 */
export interface TopicContract {
  /** Role in a pipeline, and the end of the default name `<pipeline>.<suffix>`. */
  readonly suffix: TopicSuffix;
  /** One sentence for the documents. */
  readonly summary: string;
  /** Schema of the JSON value; undefined where the value is binary or someone else's bytes. */
  readonly schema: z.ZodType | undefined;
  /** What the value is, in words, when it is no JSON. */
  readonly content: string;
  /** What the record key is, in words. */
  readonly key: string;
  /** Partitions when the topic is created: `source` follows --partitions, `mirror` has as many as source, or a number. */
  readonly partitions: 'source' | 'mirror' | number;
  readonly cleanup: 'delete' | 'compact';
  /** ms; undefined: never deleted by age. */
  readonly retentionMs: number | undefined;
  /** Further Kafka settings; the embedded log has none of them. */
  readonly settings: Readonly<Record<string, string>>;
}

export type TopicSuffix = 'source' | 'results' | 'model' | 'snapshots' | 'dlq';

export const DAY_MS = 24 * 3_600_000;
