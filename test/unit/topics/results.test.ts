import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import { EXAMPLES } from '../../../topics/examples.ts';
import {
  AlertResult,
  DriftResult,
  MetricsResult,
  OutcomeResult,
  OutcomeStatus,
  PredictionResult,
  ResultValue,
} from '../../../topics/index.ts';
import { broken, refusals, requiredFields, WRONG } from './broken.ts';

interface Case {
  readonly name: string;
  readonly schema: z.ZodObject;
  readonly valid: object;
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Path, and a value that is just beyond what is allowed there. */
  readonly bounds: readonly (readonly [string, unknown])[];
}

const SOURCE_BOUNDS: Case['bounds'] = [
  ['source.topic', 5],
  ['source.partition', -1],
  ['source.offset', 1.5],
  ['source.offset', '16'],
  ['source.offset', -1],
  ['source.ts', null],
];

const CASES: readonly Case[] = [
  {
    name: 'prediction',
    schema: PredictionResult,
    valid: {
      ...EXAMPLES.Prediction[1].payload,
      label: 'positive',
      correct: false,
      logit: {
        towards: 'positive',
        value: -0.17,
        prior: 0.01,
        bias: -0.02,
        rest: 0,
      },
      wantLabel: true,
    },
    required: ['type', 'id', 'model', 'role', 'prediction', 'probabilities', 'learned', 'source'],
    optional: ['label', 'correct', 'wantLabel', 'explanation', 'logit'],
    bounds: [
      ...SOURCE_BOUNDS,
      ['role', 'runner-up'],
      ['probabilities.negative', 1.01],
      ['probabilities.negative', -0.01],
      ['learned', -1],
      ['learned', 0.5],
      ['label', null],
      ['explanation.0.feature', 1],
      ['explanation.1.weight', 'much'],
      ['logit.towards', 1],
      ['logit.value', Number.NaN],
      ['logit.prior', null],
      ['wantLabel', false],
      ['logit.bias', undefined],
      ['logit.rest', 'little'],
    ],
  },
  {
    name: 'outcome',
    schema: OutcomeResult,
    valid: { ...EXAMPLES.Outcome[0].payload, previous: 'negative' },
    required: ['type', 'status', 'id', 'model', 'label', 'source'],
    optional: ['prediction', 'previous', 'correct', 'delayMs', 'delayRecords'],
    bounds: [...SOURCE_BOUNDS, ['status', 'lost'], ['delayRecords', -1], ['delayMs', '1']],
  },
  {
    name: 'metrics',
    schema: MetricsResult,
    valid: {
      ...EXAMPLES.Metrics[0].payload,
      idle: true,
      comparison: {
        champion: 'champion',
        promotion: null,
        pairs: {
          n: 10,
          both: 6,
          champion: 2,
          challenger: 1,
          neither: 1,
          logLoss: { sum: -0.3, squares: 0.4 },
        },
      },
    },
    required: [
      'type',
      'model',
      'role',
      'partition',
      'scored',
      'learned',
      'cumulative',
      'rolling',
      'baselines',
      'pending',
      'source',
    ],
    optional: ['comparison', 'idle'],
    bounds: [
      ...SOURCE_BOUNDS,
      ['idle', false],
      ['cumulative.accuracy', 1.01],
      ['cumulative.classes.negative.f1', -0.01],
      ['cumulative.confusion.negative.positive', 0.5],
      ['cumulative.sums.ece', [[0, 0, 0]]],
      ['cumulative.sums.ece.3', [0, 0]],
      ['cumulative.sums.n', -1],
      ['rolling.window', undefined],
      ['rolling.macroF1', 2],
      ['baselines.majority.accuracy', null],
      ['baselines.noChange', undefined],
      ['pending.waitingTexts', -1],
      ['pending.expired', undefined],
      ['comparison.champion', undefined],
      ['comparison.pairs.neither', -1],
      ['comparison.pairs.logLoss.squares', -0.1],
    ],
  },
  {
    name: 'drift',
    schema: DriftResult,
    valid: {
      ...EXAMPLES.Drift[0].payload,
      level: 'drift',
      reaction: { action: 'forget', forgotten: 7 },
    },
    required: ['type', 'model', 'partition', 'detector', 'signal', 'source'],
    optional: ['level', 'evidence', 'reaction'],
    bounds: [
      ...SOURCE_BOUNDS,
      ['detector', 'gut feeling'],
      ['signal', 'mood'],
      ['level', 'panic'],
      ['evidence.width', '64'],
      ['reaction.action', 'panic'],
      ['reaction.forgotten', -1],
    ],
  },
  {
    name: 'alert',
    schema: AlertResult,
    valid: EXAMPLES.Alert[0].payload,
    required: ['type', 'rule', 'state', 'value', 'model', 'partition', 'source'],
    optional: [],
    bounds: [...SOURCE_BOUNDS, ['state', 'pending'], ['value', Number.NaN], ['partition', 0.5]],
  },
];

describe.each(CASES)('a $name record', ({ name, schema, valid, required, optional, bounds }) => {
  test('is taken whole, alone and as one of the results', () => {
    expect(schema.parse(valid)).toEqual(valid);
    expect(ResultValue.parse(valid)).toEqual(valid);
  });

  test('has exactly the fields of the contract', () => {
    expect(Object.keys(schema.shape).toSorted()).toEqual([...required, ...optional].toSorted());
    expect(requiredFields(schema, valid)).toEqual(required);
  });

  test.each([...required, ...optional])('%s of another kind is refused and named', (field) => {
    const paths = refusals(ResultValue, broken(valid, field, WRONG));
    expect(paths.map((path) => path.split('.')[0])).toEqual(paths.map(() => field));
    expect(paths.length).toBeGreaterThan(0);
  });

  test.each(bounds)('%s beyond its bound is refused and named: %j', (path, value) => {
    expect(refusals(ResultValue, broken(valid, path, value))).toEqual([path]);
  });

  test(`is told apart by type ${name}`, () => {
    expect(valid).toMatchObject({ type: name });
    expect(refusals(ResultValue, broken(valid, 'type', 'opinion'))).toEqual(['type']);
    expect(refusals(ResultValue, broken(valid, 'type', undefined))).toEqual(['type']);
  });
});

describe('results', () => {
  test('are of five types', () => {
    expect(ResultValue.options.map(({ shape }) => shape.type.value)).toEqual([
      'prediction',
      'outcome',
      'metrics',
      'drift',
      'alert',
    ]);
  });

  test('outcomes have seven statuses', () => {
    expect(OutcomeStatus.options).toEqual([
      'scored',
      'learned',
      'duplicate',
      'corrected',
      'withdrawn',
      'waiting',
      'expired',
    ]);
  });

  test('a prediction may be null, a withdrawn label too', () => {
    const prediction = EXAMPLES.Prediction[0].payload;
    expect(ResultValue.parse(prediction)).toMatchObject({ prediction: null, probabilities: {} });
    expect(ResultValue.parse(EXAMPLES.Outcome[1].payload)).toMatchObject({ label: null });
  });

  test('classes named like parts of an object are classes, and no way to set fields', () => {
    const value: unknown = JSON.parse(
      JSON.stringify(EXAMPLES.Prediction[1].payload).replace(
        /"probabilities":\{[^}]*\}/,
        '"probabilities":{"constructor":0.5,"toString":0.25,"__proto__":0.25}',
      ),
    );
    const { probabilities } = PredictionResult.parse(value);
    expect(Object.entries(probabilities).slice(0, 2)).toEqual([
      ['constructor', 0.5],
      ['toString', 0.25],
    ]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
