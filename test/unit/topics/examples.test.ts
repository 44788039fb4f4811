import { describe, expect, test } from '@jest/globals';
import { parseThreshold } from '../../../src/core/metrics/threshold.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold, type FoldOptions } from '../../../src/pipeline/fold.ts';
import { PipelineState, type ModelSpec } from '../../../src/pipeline/state.ts';
import { EXAMPLES, REFUSED_VALUE, SOURCE_EXAMPLES } from '../../../topics/examples.ts';
import { topicNames } from '../../../topics/index.ts';

interface Written {
  readonly topic: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly value: string;
}

/** What the pipeline of the examples writes for source records, the deltas left out. */
function written(
  values: readonly string[],
  { models = MODELS, ...options }: { models?: typeof MODELS } & Partial<FoldOptions>,
): readonly Written[] {
  const declared = ['negative', 'positive'];
  const topics = topicNames('sentiment');
  const state = new PipelineState({
    pipeline: 'sentiment',
    models,
    declared,
    analyzer: 'river',
    partitions: 1,
  });
  const fold = new PartitionFold(state, 0, {
    ...FOLD_DEFAULTS,
    ...options,
    topics,
    classes: new ClassRules({ declared }),
  });
  const chunk = fold.stage(
    values.map((value, offset) => ({
      topic: topics.source,
      partition: 0,
      offset,
      timestamp: Date.UTC(2026, 2, 2, 9, 0, 1),
      key: null,
      value: new TextEncoder().encode(value),
      headers: [],
    })),
    0,
    1,
  );
  return chunk.outputs
    .filter(({ topic }) => topic !== topics.model)
    .map(({ topic, headers, value }) => ({
      topic,
      headers: Object.fromEntries(headers ?? []),
      value: typeof value === 'string' ? value : new TextDecoder().decode(value ?? undefined),
    }));
}

const MODELS: readonly ModelSpec[] = [
  { name: 'champion', kind: 'gtnb', role: 'champion' },
  { name: 'mnb', kind: 'multinomial', role: 'challenger' },
];
const SOURCE = [...SOURCE_EXAMPLES.map((value) => JSON.stringify(value)), REFUSED_VALUE];

/** 800 labelled texts of one kind, then 200 of other words without labels. */
const TURNING = Array.from({ length: 1000 }, (_, i) =>
  JSON.stringify(
    i < 800
      ? { id: `r-${i}`, text: `good food and kind people at table ${i % 7}`, label: 'positive' }
      : { id: `r-${i}`, text: `comida buena y gente amable en mesa ${i % 7}` },
  ),
);

/** Nine digits: the last ones may differ between versions of Node. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'number' ? Number(item.toPrecision(9)) : item,
    ),
  );
}

describe('the examples', () => {
  const outputs = written(SOURCE, {
    metricsEvery: 3,
    explain: 3,
    wantLabels: 0.1,
    thresholds: [parseThreshold('rolling.accuracy>=0.6')],
  });
  const turning = written(TURNING, { models: MODELS.slice(0, 1) });

  test.each(
    [
      EXAMPLES.Prediction,
      EXAMPLES.Outcome,
      EXAMPLES.Metrics,
      EXAMPLES.Drift,
      EXAMPLES.Alert,
    ].flat(),
  )('of results are what the fold writes: $name, $summary', ({ headers, payload }) => {
    const run = payload.type === 'drift' ? turning : outputs;
    const result = run.find(({ headers: own }) => own['ce_id'] === headers?.['ce_id']);
    expect(result?.topic).toBe('sentiment.results');
    expect(result?.headers).toEqual(headers);
    expect(rounded(JSON.parse(result?.value ?? ''))).toEqual(rounded(payload));
  });

  test('of predictions have a value that is the sum of its parts', () => {
    const summed = EXAMPLES.Prediction.flatMap(({ payload: { logit, explanation = [] } }) => {
      if (logit === undefined) return [];
      const { value, prior, bias, rest } = logit;
      return [[value, explanation.reduce((sum, { weight }) => sum + weight, prior + bias + rest)]];
    });
    expect(summed).toHaveLength(3);
    for (const [value = NaN, sum] of summed) expect(sum).toBeCloseTo(value, 12);
  });

  test('of predictions show the wish for a label, on one alone', () => {
    const wanted = EXAMPLES.Prediction.filter(({ payload }) => payload.wantLabel === true);
    expect(wanted.map(({ payload }) => payload.label)).toEqual([undefined]);
  });

  test('of dead letters are what the fold writes', () => {
    const [example] = EXAMPLES.DeadLetter;
    const letters = outputs.filter(({ topic }) => topic === 'sentiment.dlq');
    expect(letters).toEqual([
      { topic: 'sentiment.dlq', headers: example.headers, value: example.payload },
    ]);
  });

  test('of the source topic are among what was folded', () => {
    const payloads = [...EXAMPLES.TextRecord, ...EXAMPLES.LabelRecord].map(
      ({ payload }) => payload,
    );
    expect(payloads).toHaveLength(4);
    for (const payload of payloads) expect(SOURCE_EXAMPLES).toContainEqual(payload);
  });
});
