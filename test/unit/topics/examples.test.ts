import { describe, expect, test } from '@jest/globals';
import { parseThreshold } from '../../../src/core/metrics/threshold.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../../../src/pipeline/fold.ts';
import { PipelineState } from '../../../src/pipeline/state.ts';
import { EXAMPLES, REFUSED_VALUE, SOURCE_EXAMPLES } from '../../../topics/examples.ts';
import { topicNames } from '../../../topics/index.ts';

interface Written {
  readonly topic: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly value: string;
}

/** What the pipeline of the examples writes for their source records, the deltas left out. */
function written(): readonly Written[] {
  const declared = ['negative', 'positive'];
  const topics = topicNames('sentiment');
  const state = new PipelineState({
    pipeline: 'sentiment',
    models: [{ name: 'champion', kind: 'multinomial', role: 'champion' }],
    declared,
    analyzer: 'river',
    partitions: 1,
  });
  const fold = new PartitionFold(state, 0, {
    ...FOLD_DEFAULTS,
    metricsEvery: 3,
    explain: 3,
    thresholds: [parseThreshold('rolling.accuracy>=0.6')],
    topics,
    classes: new ClassRules({ declared }),
  });
  const values = [...SOURCE_EXAMPLES.map((value) => JSON.stringify(value)), REFUSED_VALUE];
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

/** Nine digits: the last ones may differ between versions of Node. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'number' ? Number(item.toPrecision(9)) : item,
    ),
  );
}

describe('the examples', () => {
  const outputs = written();

  test.each([EXAMPLES.Prediction, EXAMPLES.Outcome, EXAMPLES.Metrics, EXAMPLES.Alert].flat())(
    'of results are what the fold writes: $name, $summary',
    ({ headers, payload }) => {
      const result = outputs.find(({ headers: own }) => own['ce_id'] === headers?.['ce_id']);
      expect(result?.topic).toBe('sentiment.results');
      expect(result?.headers).toEqual(headers);
      expect(rounded(JSON.parse(result?.value ?? ''))).toEqual(rounded(payload));
    },
  );

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
