/**
 * Results topic: predictions, outcomes of late labels, metrics, drift and alerts, told apart by `type`. Partition p mirrors
 * partition p of the source, in its order. Each source record yields exactly one prediction or outcome per addressed model,
 * or else one dead letter.
 */
import { z } from 'zod';
import { DAY_MS, type TopicContract } from './contract.ts';

const share = z.number().min(0).max(1);
const count = z.number().int().min(0);

export const SourceRef = z
  .object({
    topic: z.string(),
    partition: count,
    offset: count,
    ts: z
      .union([z.string(), z.number()])
      .describe("the record's own ts verbatim, else the log's record timestamp (ISO 8601)"),
  })
  .describe('the source record that this one speaks of');
export type SourceRef = z.infer<typeof SourceRef>;

export const Role = z.enum(['champion', 'challenger']);
export type Role = z.infer<typeof Role>;

export const PredictionResult = z.object({
  type: z.literal('prediction'),
  id: z.string(),
  model: z.string().describe("the model's name"),
  role: Role,
  prediction: z.string().nullable().describe('null while the model cannot know any class'),
  probabilities: z.record(z.string(), share).describe('posterior of each known class, sum 1'),
  label: z.string().optional().describe('only when the text record carried its label'),
  correct: z.boolean().optional().describe('only with a label and a prediction'),
  learned: count.describe('documents the model had learned when it predicted: its version'),
  source: SourceRef,
  wantLabel: z
    .literal(true)
    .optional()
    .describe('the label of this text would teach most: --want-labels'),
  explanation: z
    .array(z.object({ feature: z.string(), weight: z.number().describe('log-odds, nats') }))
    .optional()
    .describe('the features that moved the answer most'),
  logit: z
    .object({
      towards: z.string().describe('class that positive numbers speak for'),
      value: z
        .number()
        .describe('its log-odds, nats: prior, bias, the explanation and the rest added up'),
      prior: z.number().describe('part of the class sizes'),
      bias: z.number().describe('part of the correction learned for each class'),
      rest: z.number().describe('sum over the features that are not listed'),
    })
    .optional()
    .describe('what the explanation is a part of; kinds whose weights add up to the answer'),
});
export type PredictionResult = z.infer<typeof PredictionResult>;

export const OutcomeStatus = z
  .enum(['scored', 'learned', 'duplicate', 'corrected', 'withdrawn', 'waiting', 'expired'])
  .describe(
    'scored: a late label met its prediction · learned: no prediction to score · duplicate: that label was known · ' +
      'corrected: another label, or the same of another weight, was unlearned · withdrawn: unlearned · waiting: text not seen yet · expired: text out of reach',
  );
export type OutcomeStatus = z.infer<typeof OutcomeStatus>;

export const OutcomeResult = z.object({
  type: z.literal('outcome'),
  status: OutcomeStatus,
  id: z.string(),
  model: z.string(),
  prediction: z.string().nullable().optional().describe('the kept prediction that was scored'),
  label: z.string().nullable(),
  previous: z
    .string()
    .nullable()
    .optional()
    .describe('the label before a correction or withdrawal'),
  correct: z.boolean().optional(),
  delayMs: z.number().optional().describe('source.ts of the label less source.ts of its text, ms'),
  delayRecords: count.optional().describe('text records of the partition between text and label'),
  source: SourceRef,
});
export type OutcomeResult = z.infer<typeof OutcomeResult>;

export const ClassScores = z.object({ precision: share, recall: share, f1: share, support: count });

/** Rolling sums that any reader merges by adding. */
export const Sums = z.object({
  n: count,
  logLoss: z.number().describe('sum of -ln max(1e-15, p of the true label), nats'),
  brier: z.number().describe('sum of squared errors over classes'),
  noChangeHits: count.describe('records whose label equals the label before'),
  ece: z
    .array(z.tuple([count, count, z.number()]))
    .length(15)
    .describe('by bin of the top probability: records, hits, sum of the top probability'),
});
export type Sums = z.infer<typeof Sums>;

const Confusion = z
  .record(z.string(), z.record(z.string(), count))
  .describe('records by true label, then by predicted label');

export const MetricValues = z.object({
  accuracy: share,
  macroF1: share,
  kappa: z.number(),
  logLoss: z.number(),
  ece: share,
  classes: z.record(z.string(), ClassScores),
  confusion: Confusion,
  sums: Sums,
});
export type MetricValues = z.infer<typeof MetricValues>;

export const BaselineValues = z.object({
  n: count.describe('labelled records: baselines answer from the first one on'),
  accuracy: share,
  macroF1: share,
  kappa: z.number(),
  logLoss: z.number(),
  confusion: Confusion,
});
export type BaselineValues = z.infer<typeof BaselineValues>;

/** Sums of a challenger beside the champion, on the records that both answered; partitions merge by adding. */
export const Comparison = z.object({
  champion: z.string().describe("the champion's name"),
  promotion: z.string().nullable().describe('id of the promotion that made it champion'),
  pairs: z.object({
    n: count.describe('records that both models answered and whose label came'),
    both: count.describe('both right'),
    champion: count.describe('only the champion right'),
    challenger: count.describe('only the challenger right'),
    neither: count.describe('both wrong'),
    logLoss: z
      .object({ sum: z.number(), squares: z.number().min(0) })
      .describe('challenger less champion, nats: sum, and sum of squares'),
  }),
});
export type Comparison = z.infer<typeof Comparison>;

export const MetricsResult = z.object({
  type: z.literal('metrics'),
  model: z.string(),
  role: Role,
  partition: count,
  scored: count.describe('records of the partition that were scored'),
  learned: count.describe('documents learned from the partition, net of withdrawn ones'),
  cumulative: MetricValues,
  rolling: MetricValues.extend({ window: count.describe('last records that count') }),
  baselines: z.object({ majority: BaselineValues, noChange: BaselineValues }),
  pending: z
    .object({
      waitingTexts: count.describe('texts without their label yet'),
      waitingLabels: count.describe('labels without their text yet'),
      replaced: count.describe('waiting texts that a newer text of the same id replaced'),
      expired: count.describe('texts and labels that fell out by age or number'),
    })
    .describe('labels that come later'),
  comparison: Comparison.optional().describe('of a challenger with the champion'),
  idle: z.literal(true).optional().describe('the partition went idle after new scored records'),
  source: SourceRef,
});
export type MetricsResult = z.infer<typeof MetricsResult>;

export const DriftResult = z.object({
  type: z.literal('drift'),
  model: z.string(),
  partition: count,
  detector: z.enum(['adwin', 'ranks', 'ddm', 'page-hinkley']),
  signal: z
    .enum(['error', 'unknown', 'classes', 'confidence', 'length'])
    .describe(
      'what changed: errors · unknown words · mix of the answers · their probability · length of the texts; all but errors need no label',
    ),
  level: z.enum(['drift', 'warning']).optional(),
  evidence: z.record(z.string(), z.number()).optional(),
  reaction: z
    .object({
      action: z.literal('forget'),
      forgotten: count.describe('labelled documents of the partition that the model let go'),
    })
    .optional()
    .describe('what the model did about it: kinds with on-drift=forget'),
  source: SourceRef,
});
export type DriftResult = z.infer<typeof DriftResult>;

export const AlertResult = z.object({
  type: z.literal('alert'),
  rule: z.string().describe('the threshold verbatim; it says what must hold'),
  state: z.enum(['firing', 'resolved']),
  value: z.number(),
  model: z.string(),
  partition: count,
  source: SourceRef,
});
export type AlertResult = z.infer<typeof AlertResult>;

export const ResultValue = z.discriminatedUnion('type', [
  PredictionResult,
  OutcomeResult,
  MetricsResult,
  DriftResult,
  AlertResult,
]);
export type ResultValue = z.infer<typeof ResultValue>;

export const results: TopicContract = {
  suffix: 'results',
  summary: 'Predictions, outcomes of late labels, rolling metrics, drift and alerts.',
  schema: ResultValue,
  content: 'JSON with CloudEvents binary headers',
  key: 'the id of the text; for metrics, drift and alerts the model',
  partitions: 'mirror',
  cleanup: 'delete',
  retentionMs: 7 * DAY_MS,
  settings: {},
};
