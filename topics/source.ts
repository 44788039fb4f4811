/**
 * Source topic: text records and label records, told apart by the presence of `text`. Both carry the text's id as key, so that
 * each partition is one total order and a label is folded after its text. Unknown fields are ignored: the topic may be
 * someone else's.
 */
import { z } from 'zod';
import { DAY_MS, type TopicContract } from './contract.ts';

/** Longest text that is folded, in UTF-8 bytes. */
export const MAX_TEXT_BYTES = 262_144;
export const MAX_ID_LENGTH = 256;
export const MAX_LABEL_LENGTH = 64;
export const MAX_TS_LENGTH = 64;
/** Largest weight of a label: it outweighs no more than so many others. */
export const MAX_WEIGHT = 16;

const Id = z
  .union([z.string().max(MAX_ID_LENGTH), z.number()], {
    error: 'expected a string of at most 256 characters, or a number',
  })
  .describe('stable: a text sent twice keeps its id; at most 256 characters');
const Label = z
  .union([z.string().max(MAX_LABEL_LENGTH), z.number(), z.boolean()], {
    error:
      'expected a string of at most 64 characters, a number or a boolean; null where it is not known',
  })
  .describe('class of the text, at most 64 characters; numbers and booleans are made strings');
const Ts = z
  .union([z.string().max(MAX_TS_LENGTH), z.number()])
  .describe('when the text was written; carried to results verbatim, never used as a clock');
const WEIGHT = `expected a number from 0 to ${MAX_WEIGHT}; leave it out to count the label once`;
const Weight = z
  .number({ error: WEIGHT })
  .min(0, { error: WEIGHT })
  .max(MAX_WEIGHT, { error: WEIGHT })
  .describe(
    'how much the label is trusted: 1 is an ordinary one, the default; rounded to the nearest sixteenth, half up. Models with ' +
      '`weights=on` count by it, others count one. 0: scored, but learned by no model. Not looked at without a label',
  );
const ModelName = z
  .string({ error: 'expected the name of a model, a string' })
  .max(64, { error: 'expected the name of a model, at most 64 characters' })
  .describe('addresses one named model of the pipeline; absent: all of them');

export const TextRecord = z
  .object({
    id: Id.nullish().describe('missing: `<topic>/<partition>/<offset>`'),
    text: z
      .string({ error: 'expected a string' })
      .describe('the document, at most 262,144 UTF-8 bytes'),
    label: Label.nullish().describe('absent, null or "": the label is not known (yet)'),
    labelWeight: Weight.nullish(),
    ts: Ts.nullish().catch(undefined),
    attributes: z
      .record(z.string(), z.unknown())
      .nullish()
      .catch(undefined)
      .describe('further columns, carried along, never a feature'),
    model: ModelName.nullish(),
  })
  .describe('a text to predict, and to learn from when it carries its label');
export type TextRecord = z.infer<typeof TextRecord>;

export const LabelRecord = z
  .object({
    id: Id.describe('id of the text that the label belongs to'),
    label: Label.nullable().describe('null withdraws the label'),
    labelWeight: Weight.nullish(),
    ts: Ts.nullish().catch(undefined),
    model: ModelName.nullish(),
  })
  .describe('the label of an earlier (or later) text');
export type LabelRecord = z.infer<typeof LabelRecord>;

export const SourceValue = z.union([TextRecord, LabelRecord]);
export type SourceValue = z.infer<typeof SourceValue>;

export const source: TopicContract = {
  suffix: 'source',
  summary: 'Texts to predict and labels to learn from.',
  schema: SourceValue,
  content: 'JSON, or a CloudEvent (binary or structured) that carries it',
  key: 'the id, unless the producer sets another',
  partitions: 'source',
  cleanup: 'delete',
  retentionMs: 7 * DAY_MS,
  settings: { 'compression.type': 'uncompressed', 'max.message.bytes': '1048588' },
};
