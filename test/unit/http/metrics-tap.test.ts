import { beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { NewestMetrics, tapCommits } from '../../../src/http/metrics-tap.ts';
import { sampleLag } from '../../../src/http/lag-sampler.ts';
import { runSubscriber } from '../../../src/pipeline/subscriber.ts';
import type { Commit } from '../../../src/ports/event-log.ts';
import { topicNames } from '../../../topics/index.ts';
import { metricsResult } from './all-metrics.ts';

const record = (topic: string, key: string, value: unknown): Commit['records'][number] => ({
  topic,
  partition: 0,
  key,
  value: JSON.stringify(value),
});
const shown = (newest: NewestMetrics) =>
  newest.all().map(({ model, partition, scored }) => [model, partition, scored]);

describe('the newest metrics', () => {
  let newest: NewestMetrics;
  beforeEach(() => {
    newest = new NewestMetrics('r');
  });

  test('of each model and partition are kept', () => {
    newest.committed(0, [
      record('r', 'a', metricsResult('a', 0, 1, 0)),
      record('r', 'b', metricsResult('b', 0, 2, 0)),
      record('r', 'a', metricsResult('a', 0, 3, 0)),
      record('r', 'x', { type: 'prediction', id: 'x' }),
    ]);
    newest.committed(4, [record('r', 'a', metricsResult('a', 4, 4, 0))]);
    expect(shown(newest).toSorted()).toEqual([
      ['a', 0, 3],
      ['a', 4, 4],
      ['b', 0, 2],
    ]);
    newest.committed(0, [record('r', 'a', metricsResult('a', 0, 9, 0))]);
    newest.drop(4);
    expect(shown(newest).toSorted()).toEqual([
      ['a', 0, 9],
      ['b', 0, 2],
    ]);
  });

  test('are told from other records, other topics and values of another kind', () => {
    newest.committed(0, [
      record('model', 'a', metricsResult('a', 0, 1, 0)),
      record('r', 'a', { type: 'more', model: 'a' }),
      { topic: 'r', partition: 0, key: null, value: null },
      { topic: 'r', partition: 0, key: 'a', value: 'text' },
      { topic: 'r', partition: 0, key: 'a', value: new TextEncoder().encode('bytes') },
    ]);
    expect(newest.all()).toEqual([]);
  });
});

test('a subscriber on a tapped log works as on the log itself, and its metrics records are heard', async () => {
  const log = new MemoryEventLog();
  const names = topicNames('p');
  await log.ensureTopics([
    { name: names.source, partitions: 2, cleanup: 'delete', retentionMs: undefined },
  ]);
  const rows = Array.from({ length: 30 }, (_, row) => ({
    partition: row % 2,
    key: `${row}`,
    value: JSON.stringify({ id: `${row}`, text: 'good food', label: 'positive' }),
  }));
  await log.append(names.source, rows);
  const newest = new NewestMetrics(names.results);
  const tapped = tapCommits(log, (partition, records) => {
    newest.committed(partition, records);
  });
  expect(tapped.url).toBe('memory:');
  expect(await tapped.listTopics()).toEqual(['p.source']);
  const summary = await runSubscriber({
    log: tapped,
    pipeline: 'p',
    partitions: 2,
    untilEnd: true,
    fold: { metricsEvery: 5 },
  });
  expect(summary).toMatchObject({ records: 30, predictions: 30, positions: [15, 15] });
  expect(
    newest
      .all()
      .map(({ partition }) => partition)
      .toSorted(),
  ).toEqual([0, 1]);
  // The model answers from the first record on.
  expect(newest.all().reduce((sum, { scored }) => sum + scored, 0)).toBe(30);
});

test('a commit that fails is not heard', async () => {
  const log = new MemoryEventLog();
  const topic = { name: 't', partitions: 1, cleanup: 'delete', retentionMs: undefined } as const;
  await log.ensureTopics([topic]);
  const heard: number[] = [];
  const tapped = tapCommits(log, (partition) => heard.push(partition));
  const stop = new AbortController();
  await tapped.own({ group: 'g', topic: 't', signal: stop.signal }, async (owned) => {
    await owned.transact({ records: [], position: 1 });
    await owned
      .transact({ records: [{ topic: 'absent', partition: 0, key: null, value: '' }], position: 2 })
      .catch(() => undefined);
    stop.abort();
  });
  expect(heard).toEqual([0]);
  expect(await log.committed('g', 't')).toEqual([1]);
});

describe('a sample of the lag', () => {
  test('tells end and first waiting record of each restored partition', async () => {
    const log = new MemoryEventLog();
    await log.ensureTopics([
      { name: 's', partitions: 3, cleanup: 'delete', retentionMs: undefined },
    ]);
    const at = (partition: number, timestamp: number) => ({
      partition,
      timestamp,
      key: null,
      value: 'x',
    });
    await log.append('s', [at(0, 100), at(0, 200), at(1, 300)]);
    const health = { end: undefined, oldest: undefined, standingSince: undefined };
    const partitions = new Map([
      [0, { ...health, phase: 'serving', passed: 1 }],
      [1, { ...health, phase: 'serving', passed: 1 }],
      [2, { ...health, phase: 'restoring', passed: undefined }],
    ] as const);
    expect(await sampleLag(log, 's', { partitions })).toEqual([
      { type: 'sample', partition: 0, from: 1, end: 2, waiting: 200 },
      { type: 'sample', partition: 1, from: 1, end: 1, waiting: undefined },
    ]);
    expect(await sampleLag(log, 'absent', { partitions })).toEqual([]);
  });
});
