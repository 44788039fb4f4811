/**
 * One example of each message: seven records of a source topic and what a pipeline named `sentiment` makes of them (multinomial
 * model, River's tokenizer, metrics every 3 scored records, `--explain 3`, `--threshold 'rolling.accuracy>=0.6'`). The drift record
 * stands for itself. A test folds the source records and compares.
 */
import type { DeadLetterHeaders } from './dlq.ts';
import type {
  AlertResult,
  DriftResult,
  MetricsResult,
  MetricValues,
  OutcomeResult,
  PredictionResult,
  ResultValue,
  SourceRef,
} from './results.ts';
import type { LabelRecord, TextRecord } from './source.ts';

const TEXT_LABELLED: TextRecord = {
  id: 'r-1',
  text: 'The crust is not good.',
  label: 'negative',
  ts: '2026-03-01T10:00:00Z',
  attributes: { store: '12' },
};
const TEXT_POSITIVE: TextRecord = {
  id: 'r-2',
  text: 'Wow, I loved this place.',
  label: 'positive',
  ts: '2026-03-01T10:05:00Z',
};
const TEXT_UNLABELLED: TextRecord = {
  id: 'r-3',
  text: 'The soup was good and I loved it.',
  ts: '2026-03-01T10:10:00Z',
};
const TEXT_NEGATIVE: TextRecord = {
  id: 'r-4',
  text: 'Not good, not warm.',
  label: 'negative',
  ts: '2026-03-01T10:15:00Z',
};
const LABEL_LATE: LabelRecord = { id: 'r-3', label: 'positive', ts: '2026-03-02T09:00:00Z' };
const LABEL_WITHDRAWN: LabelRecord = { id: 'r-1', label: null };

/** A text record whose text is a number: a dead letter. */
export const REFUSED_VALUE = '{"id":"r-5","text":17}';

/** The source topic from offset 0 on, as JSON values; {@link REFUSED_VALUE} follows. */
export const SOURCE_EXAMPLES: readonly (TextRecord | LabelRecord)[] = [
  TEXT_LABELLED,
  TEXT_POSITIVE,
  TEXT_UNLABELLED,
  TEXT_NEGATIVE,
  LABEL_LATE,
  LABEL_WITHDRAWN,
];

const at = (offset: number, ts: string): SourceRef => ({
  topic: 'sentiment.source',
  partition: 0,
  offset,
  ts,
});

const FIRST_PREDICTION: PredictionResult = {
  type: 'prediction',
  id: 'r-1',
  model: 'champion',
  role: 'champion',
  prediction: null,
  probabilities: {},
  label: 'negative',
  learned: 0,
  source: at(0, '2026-03-01T10:00:00Z'),
};
const PREDICTION: PredictionResult = {
  type: 'prediction',
  id: 'r-3',
  model: 'champion',
  role: 'champion',
  prediction: 'negative',
  probabilities: { negative: 0.5434876861271712, positive: 0.4565123138728288 },
  learned: 2,
  source: at(2, '2026-03-01T10:10:00Z'),
  explanation: [
    { feature: 'loved', weight: 0.7672551527136671 },
    { feature: 'the', weight: -0.6190392084062237 },
    { feature: 'good', weight: -0.6190392084062237 },
  ],
};
const SCORED_PREDICTION: PredictionResult = {
  type: 'prediction',
  id: 'r-4',
  model: 'champion',
  role: 'champion',
  prediction: 'negative',
  probabilities: { negative: 0.8560680993915417, positive: 0.14393190060845834 },
  label: 'negative',
  correct: true,
  learned: 2,
  source: at(3, '2026-03-01T10:15:00Z'),
  explanation: [
    { feature: 'not', weight: -1.2380784168124475 },
    { feature: 'good', weight: -0.6190392084062237 },
  ],
};
const SCORED: OutcomeResult = {
  type: 'outcome',
  status: 'scored',
  id: 'r-3',
  model: 'champion',
  prediction: 'negative',
  label: 'positive',
  correct: false,
  delayMs: 82_200_000,
  delayRecords: 1,
  source: at(4, '2026-03-02T09:00:00Z'),
};
const WITHDRAWN: OutcomeResult = {
  type: 'outcome',
  status: 'withdrawn',
  id: 'r-1',
  model: 'champion',
  label: null,
  previous: 'negative',
  source: at(5, '2026-03-02T09:00:01.000Z'),
};

const VALUES: MetricValues = {
  accuracy: 0.3333333333333333,
  macroF1: 0.25,
  kappa: 0,
  logLoss: 11.826107116777555,
  ece: 0.5624731955785433,
  classes: {
    negative: { precision: 0.3333333333333333, recall: 1, f1: 0.5, support: 1 },
    positive: { precision: 0, recall: 0, f1: 0, support: 2 },
  },
  confusion: {
    negative: { negative: 1, positive: 0 },
    positive: { negative: 2, positive: 0 },
  },
  sums: {
    n: 3,
    logLoss: 35.47832135033266,
    brier: 2.632190513969259,
    noChangeHits: 0,
    ece: [
      ...Array.from({ length: 8 }, (): [number, number, number] => [0, 0, 0]),
      [1, 0, 0.5434876861271712],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 0.8560680993915417],
      [0, 0, 0],
      [1, 0, 1],
    ],
  },
};
const METRICS: MetricsResult = {
  type: 'metrics',
  model: 'champion',
  role: 'champion',
  partition: 0,
  scored: 3,
  learned: 3,
  cumulative: VALUES,
  rolling: { ...VALUES, window: 500 },
  baselines: {
    majority: {
      n: 4,
      accuracy: 0.5,
      macroF1: 0.3333333333333333,
      kappa: 0,
      logLoss: 0.7945134575869864,
      confusion: {
        negative: { negative: 2, positive: 0 },
        positive: { negative: 2, positive: 0 },
      },
    },
    noChange: {
      n: 4,
      accuracy: 0.5,
      macroF1: 0.5,
      kappa: 0,
      logLoss: 1.6839762555138695,
      confusion: {
        negative: { negative: 1, positive: 1 },
        positive: { negative: 1, positive: 1 },
      },
    },
  },
  pending: { waitingTexts: 0, waitingLabels: 0, replaced: 0, expired: 0 },
  source: at(4, '2026-03-02T09:00:00Z'),
};
const ALERT: AlertResult = {
  type: 'alert',
  rule: 'rolling.accuracy>=0.6',
  state: 'firing',
  value: 0.3333333333333333,
  model: 'champion',
  partition: 0,
  source: at(4, '2026-03-02T09:00:00Z'),
};
const DRIFT: DriftResult = {
  type: 'drift',
  model: 'champion',
  partition: 0,
  detector: 'adwin',
  signal: 'error',
  evidence: { width: 64, mean: 0.640625 },
  source: at(640, '2026-03-01T20:40:00.000Z'),
};

const DEAD_LETTER_HEADERS: DeadLetterHeaders = {
  '__streams.errors.exception': 'ValenceError',
  '__streams.errors.message': 'text: expected a string (came: a number)',
  '__streams.errors.stacktrace': '',
  '__streams.errors.topic': 'sentiment.source',
  '__streams.errors.partition': '0',
  '__streams.errors.offset': '6',
  'valence.errors.code': 'RECORD_INVALID',
  'valence.errors.stage': 'validate',
};

/** A message as it is in the topic. */
export interface MessageExample<P = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload: P;
}

const plain = <P>(name: string, summary: string, payload: P): MessageExample<P> => ({
  name,
  summary,
  payload,
});

const result = <P extends ResultValue>(
  name: string,
  summary: string,
  payload: P,
): MessageExample<P> => {
  const { type, model, source } = payload;
  return {
    name,
    summary,
    headers: {
      ce_specversion: '1.0',
      ce_type: type,
      ce_source: '/sentiment',
      'content-type': 'application/json',
      ce_id: `${source.topic}/${source.partition}/${source.offset}/${type}/${model}`,
      ce_time: String(source.ts),
    },
    payload,
  };
};

export const EXAMPLES = {
  TextRecord: [
    plain('labelled', 'predicted first, learned from after', TEXT_LABELLED),
    plain('unlabelled', 'predicted; its label may come later', TEXT_UNLABELLED),
  ],
  LabelRecord: [
    plain('late', 'the label of a text that came before', LABEL_LATE),
    plain('withdrawn', 'unlearns the label of the text', LABEL_WITHDRAWN),
  ],
  Prediction: [
    result('first', 'the model has learned nothing yet', FIRST_PREDICTION),
    result('unlabelled', 'with the features that moved it most', PREDICTION),
    result('labelled', 'scored at once', SCORED_PREDICTION),
  ],
  Outcome: [
    result('scored', 'a late label met the prediction that was kept', SCORED),
    result('withdrawn', 'a label was taken back', WITHDRAWN),
  ],
  Metrics: [result('metrics', 'after three scored records', METRICS)],
  Drift: [result('drift', 'ADWIN cut its window', DRIFT)],
  Alert: [result('firing', 'a threshold does not hold', ALERT)],
  DeadLetter: [
    {
      name: 'refused',
      summary: 'text is a number',
      headers: DEAD_LETTER_HEADERS,
      payload: REFUSED_VALUE,
    },
  ],
} as const satisfies Record<string, readonly MessageExample[]>;
