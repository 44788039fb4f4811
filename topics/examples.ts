/**
 * One example of each message: eight records of a source topic and what a pipeline named `sentiment` makes of them (`--model gtnb
 * --challenger mnb=multinomial`, metrics every 3 scored records, `--explain 3`, `--want-labels 0.1`, `--threshold 'rolling.accuracy>=0.6'`). The drift
 * record is of a longer stream. A test folds both and compares.
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
const LABEL_LATE: LabelRecord = {
  id: 'r-3',
  label: 'positive',
  labelWeight: 2,
  ts: '2026-03-02T09:00:00Z',
};
const LABEL_WITHDRAWN: LabelRecord = { id: 'r-1', label: null };
const TEXT_DOUBTFUL: TextRecord = {
  id: 'r-5',
  text: 'The crust was fine but the soup was cold.',
  ts: '2026-03-02T09:05:00Z',
};

/** A text record whose text is a number: a dead letter. */
export const REFUSED_VALUE = '{"id":"r-6","text":17}';

/** The source topic from offset 0 on, as JSON values; {@link REFUSED_VALUE} follows. */
export const SOURCE_EXAMPLES: readonly (TextRecord | LabelRecord)[] = [
  TEXT_LABELLED,
  TEXT_POSITIVE,
  TEXT_UNLABELLED,
  TEXT_NEGATIVE,
  LABEL_LATE,
  LABEL_WITHDRAWN,
  TEXT_DOUBTFUL,
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
  model: 'mnb',
  role: 'challenger',
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
  prediction: 'positive',
  probabilities: { negative: 0.006589596017507322, positive: 0.9934104039824927 },
  learned: 2,
  source: at(2, '2026-03-01T10:10:00Z'),
  explanation: [
    { feature: 'loved', weight: 1.6612231301526865 },
    { feature: 'good', weight: 1.547940474803743 },
    { feature: 'loved it', weight: 1.4565238163298575 },
  ],
  logit: {
    towards: 'positive',
    value: 5.015651831438981,
    prior: 0,
    bias: -0.009616486453855112,
    rest: 0.35958089660654874,
  },
};
const SCORED_PREDICTION: PredictionResult = {
  type: 'prediction',
  id: 'r-4',
  model: 'champion',
  role: 'champion',
  prediction: 'negative',
  probabilities: { negative: 0.9565524954123222, positive: 0.04344750458767781 },
  label: 'negative',
  correct: true,
  learned: 2,
  source: at(3, '2026-03-01T10:15:00Z'),
  explanation: [
    { feature: 'NOT_good', weight: -1.801633290615262 },
    { feature: 'not', weight: -0.7653646396102856 },
    { feature: 'not NOT_good', weight: -0.5151678352616212 },
  ],
  logit: {
    towards: 'positive',
    value: -3.091782251941024,
    prior: 0,
    bias: -0.009616486453855112,
    rest: 0,
  },
};
const WANTED_PREDICTION: PredictionResult = {
  type: 'prediction',
  id: 'r-5',
  model: 'champion',
  role: 'champion',
  prediction: 'positive',
  probabilities: { negative: 0.38378429071152276, positive: 0.6162157092884771 },
  learned: 3,
  source: at(6, '2026-03-02T09:05:00Z'),
  wantLabel: true,
  explanation: [
    { feature: 'cold', weight: -1.6117675525609356 },
    { feature: 'fine', weight: 0.9091347210401757 },
    { feature: 'the', weight: 0.19434054901793898 },
  ],
  logit: {
    towards: 'positive',
    value: 0.47351642783976944,
    prior: 0.40493541230200136,
    bias: -0.011146196547426646,
    rest: 0.5880194945880166,
  },
};
const SCORED: OutcomeResult = {
  type: 'outcome',
  status: 'scored',
  id: 'r-3',
  model: 'champion',
  prediction: 'positive',
  label: 'positive',
  correct: true,
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
  model: 'mnb',
  role: 'challenger',
  partition: 0,
  scored: 3,
  learned: 4,
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
  comparison: {
    champion: 'champion',
    promotion: null,
    pairs: {
      n: 3,
      both: 1,
      champion: 2,
      challenger: 0,
      neither: 0,
      logLoss: { sum: 35.426565206589544, squares: 1193.493852999826 },
    },
  },
  source: at(4, '2026-03-02T09:00:00Z'),
};
const ALERT: AlertResult = {
  type: 'alert',
  rule: 'rolling.accuracy>=0.6',
  state: 'firing',
  value: 0.3333333333333333,
  model: 'mnb',
  partition: 0,
  source: at(4, '2026-03-02T09:00:00Z'),
};
const DRIFT: DriftResult = {
  type: 'drift',
  model: 'champion',
  partition: 0,
  detector: 'ranks',
  signal: 'unknown',
  evidence: {
    before: 0,
    after: 0.8615534855769231,
    records: 208,
    statistic: 49649.07910848301,
    threshold: 20_000,
  },
  source: at(991, '2026-03-02T09:00:01.000Z'),
};

const DEAD_LETTER_HEADERS: DeadLetterHeaders = {
  '__streams.errors.exception': 'ValenceError',
  '__streams.errors.message': 'text: expected a string (came: a number)',
  '__streams.errors.stacktrace': '',
  '__streams.errors.topic': 'sentiment.source',
  '__streams.errors.partition': '0',
  '__streams.errors.offset': '7',
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

/** @param suffix of the event id: of several drift records about one record each has its own */
const result = <P extends ResultValue>(
  name: string,
  summary: string,
  payload: P,
  suffix = '',
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
      ce_id: `${source.topic}/${source.partition}/${source.offset}/${type}/${model}${suffix}`,
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
    result('unlabelled', 'with the features that moved it most, and what else adds up', PREDICTION),
    result('labelled', 'scored at once', SCORED_PREDICTION),
    result('wanted', 'its two classes are close: a label would teach much', WANTED_PREDICTION),
  ],
  Outcome: [
    result('scored', 'a late label met the prediction that was kept', SCORED),
    result('withdrawn', 'a label was taken back', WITHDRAWN),
  ],
  Metrics: [
    result('challenger', 'after three scored records, compared with the champion', METRICS),
  ],
  Drift: [result('unknown', 'more words that were never learned', DRIFT, '/unknown')],
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
