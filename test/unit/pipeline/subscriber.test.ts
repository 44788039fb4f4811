import { describe, expect, test } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS } from '../../../src/pipeline/fold.ts';
import { importModel } from '../../../src/pipeline/import-model.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { replay } from '../../../src/pipeline/replay.ts';
import { runSubscriber, type SubscriberOptions } from '../../../src/pipeline/subscriber.ts';
import type { EventLog } from '../../../src/ports/event-log.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { MetricsResult, ResultValue, topicNames } from '../../../topics/index.ts';

const PIPELINE = 'test';
const TOPICS = topicNames(PIPELINE);
const DECLARED = ['negative', 'positive'];
const WORDS = ['good', 'bad', 'soup', 'bread', 'tepid'];

const record = (i: number): { id: string; text: string; label: string } => ({
  id: `r-${i}`,
  text: `${WORDS[i % 5]} ${WORDS[(i * 7) % 3]}`,
  label: i % 3 === 0 ? 'positive' : 'negative',
});

async function newLog(store = new MemoryStore(), partitions = 1): Promise<EventLog> {
  const log = new MemoryEventLog(store);
  await log.ensureTopics(topicSpecs(TOPICS, partitions));
  return log;
}

async function publish(log: EventLog, values: readonly { readonly id: string }[]): Promise<void> {
  await log.append(
    TOPICS.source,
    values.map((value) => ({ key: value.id, value: JSON.stringify(value) })),
  );
}

async function results(log: EventLog): Promise<readonly ResultValue[]> {
  const found: ResultValue[] = [];
  const partitions = (await log.describeTopic(TOPICS.results))?.partitions ?? [];
  for (const partition of partitions.keys()) {
    const { records } = await log.read(TOPICS.results, partition, { from: 0, maxRecords: 10_000 });
    for (const { value } of records) {
      const result: unknown = JSON.parse(new TextDecoder().decode(value ?? new Uint8Array()));
      // What the subscriber writes is what the contract says.
      found.push(ResultValue.parse(result));
    }
  }
  return found;
}

/** A kind that knows no class before its first label. */
const CHAMPION = { name: 'champion', kind: 'multinomial', role: 'champion' } as const;

const subscribe = (log: EventLog, options: Partial<SubscriberOptions> = {}) =>
  runSubscriber({ log, pipeline: PIPELINE, models: [CHAMPION], untilEnd: true, ...options });

const load = (log: EventLog) =>
  loadModel({
    log,
    pipeline: PIPELINE,
    topics: TOPICS,
    declared: DECLARED,
    carry: { ...FOLD_DEFAULTS, topics: TOPICS, classes: new ClassRules({ declared: DECLARED }) },
  });

describe('until the end', () => {
  test('answers every record once, in order, with final metrics', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 1234 }, (_, i) => record(i)),
    );
    const summary = await subscribe(log);
    expect(summary).toMatchObject({
      records: 1234,
      predictions: 1234,
      deadLetters: 0,
      positions: [1234],
    });
    const all = await results(log);
    const predictions = all.filter(({ type }) => type === 'prediction');
    expect(predictions.map(({ source }) => source.offset)).toEqual(
      Array.from({ length: 1234 }, (_, i) => i),
    );
    expect(MetricsResult.parse(all.at(-1))).toMatchObject({
      scored: 1233,
      learned: 1234,
      idle: true,
      source: { offset: 1233 },
    });
    await log.close();
  });

  test('a second run has nothing to do and writes nothing', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 50 }, (_, i) => record(i)),
    );
    await subscribe(log);
    const first = await results(log);
    expect(await subscribe(log)).toMatchObject({ records: 0, positions: [50] });
    expect(await results(log)).toEqual(first);
    await log.close();
  });

  test('a later run goes on where the first one stood, as one run would', async () => {
    const [log, whole] = [await newLog(), await newLog()];
    const values = Array.from({ length: 700 }, (_, i) => record(i));
    await publish(log, values.slice(0, 333));
    await subscribe(log);
    await publish(log, values.slice(333));
    await subscribe(log);
    await publish(whole, values);
    await subscribe(whole);
    const answers = async (of: EventLog) =>
      (await results(of))
        .filter((result) => !('idle' in result))
        .map((result) => ({ ...result, source: { ...result.source, ts: '' } }));
    expect(await answers(log)).toEqual(await answers(whole));
    expect((await load(log)).state.hash('champion')).toEqual(
      (await load(whole)).state.hash('champion'),
    );
    await Promise.all([log.close(), whole.close()]);
  });

  test('an empty topic ends at once', async () => {
    const log = await newLog();
    expect(await subscribe(log)).toMatchObject({ records: 0, positions: [0] });
    await log.close();
  });

  test('a subscriber that is told to stop leaves the figures of all that it folded', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 20 }, (_, i) => record(i)),
    );
    const stop = new AbortController();
    await subscribe(log, {
      untilEnd: false,
      signal: stop.signal,
      onEvent: ({ type }) => type === 'chunk' && stop.abort(),
    });
    expect(MetricsResult.parse((await results(log)).at(-1))).toMatchObject({ scored: 19 });
    await log.close();
  });

  test('metrics that an owner did not live to write are written by the next', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 20 }, (_, i) => record(i)),
    );
    const dying = subscribe(log, {
      onEvent: ({ type }) => {
        if (type === 'chunk') throw new Error('died after the commit');
      },
    });
    await expect(dying).rejects.toThrow('died after the commit');
    expect((await results(log)).filter(({ type }) => type === 'metrics')).toEqual([]);
    await subscribe(log);
    expect((await results(log)).filter(({ type }) => type === 'metrics')).toMatchObject([
      { scored: 19, idle: true, source: { offset: 19 } },
    ]);
    await log.close();
  });
});

test('records that nobody can fold are in the dead-letter topic, whole, and the partition moves on', async () => {
  const log = await newLog();
  const header = ['trace', new TextEncoder().encode('abc')] as const;
  await log.append(TOPICS.source, [
    { key: 'k', value: '{"text":', headers: [header] },
    { key: null, value: null },
    { key: 'r-1', value: JSON.stringify(record(1)) },
  ]);
  expect(await subscribe(log)).toMatchObject({ records: 3, predictions: 1, deadLetters: 2 });
  const { records } = await log.read(TOPICS.dlq, 0, { from: 0 });
  const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);
  expect(records.map(({ key, value }) => [text(key), text(value)])).toEqual([
    ['k', '{"text":'],
    [null, null],
  ]);
  expect(
    Object.fromEntries(records[0]?.headers.map(([name, bytes]) => [name, text(bytes)]) ?? []),
  ).toEqual({
    trace: 'abc',
    '__streams.errors.exception': 'ValenceError',
    '__streams.errors.message': 'the value is no JSON; send a JSON object in UTF-8',
    '__streams.errors.stacktrace': '',
    '__streams.errors.topic': TOPICS.source,
    '__streams.errors.partition': '0',
    '__streams.errors.offset': '0',
    'valence.errors.code': 'RECORD_INVALID',
    'valence.errors.stage': 'decode',
  });
  await log.close();
});

test('a timestamp beyond all dates, as of a producer that stamps nanoseconds, is folded like any other', async () => {
  const log = await newLog();
  const timestamp = 8_640_000_000_000_001;
  await log.append(TOPICS.source, [{ key: 'a', value: '{"text":"good"}', timestamp }]);
  expect(await subscribe(log)).toMatchObject({ records: 1, predictions: 1 });
  expect(await results(log)).toMatchObject([{ source: { ts: timestamp } }]);
  await log.close();
});

test('a results topic that somebody else writes to as well is no obstacle', async () => {
  const log = await newLog();
  await log.append(TOPICS.results, [{ key: null, value: 'not json' }]);
  await publish(log, [record(1)]);
  expect(await subscribe(log)).toMatchObject({ records: 1 });
  await log.close();
});

describe('several partitions', () => {
  test('two subscribers share them and teach one model', async () => {
    const store = new MemoryStore();
    const [first, second] = [await newLog(store, 4), await newLog(store, 4)];
    const values = Array.from({ length: 2000 }, (_, i) => record(i));
    await publish(first, values);
    const summaries = await Promise.all([subscribe(first), subscribe(second)]);
    expect(summaries.reduce((sum, { records }) => sum + records, 0)).toBe(2000);
    const predictions = (await results(first)).filter(({ type }) => type === 'prediction');
    expect(new Set(predictions.map((result) => 'id' in result && result.id)).size).toBe(2000);
    const alone = await newLog();
    await publish(alone, values);
    await subscribe(alone);
    expect((await load(first)).state.hash('champion').hash).toBe(
      (await load(alone)).state.hash('champion').hash,
    );
    await Promise.all([first.close(), second.close(), alone.close()]);
  });
});

test('what is past its retention and was folded is deleted', async () => {
  const log = await newLog();
  const day = 24 * 3_600_000;
  await log.append(
    TOPICS.source,
    [8, 8, 1].map((days, i) => ({
      key: `r-${i}`,
      value: JSON.stringify(record(i)),
      timestamp: Date.now() - days * day,
    })),
  );
  expect(await subscribe(log)).toMatchObject({ records: 3 });
  expect((await log.describeTopic(TOPICS.source))?.partitions).toEqual([{ start: 2, end: 3 }]);
  await log.close();
});

describe('stops before it learns on doubtful state', () => {
  test('when topics differ in their partitions', async () => {
    const log = new MemoryEventLog(new MemoryStore());
    const specs = topicSpecs(TOPICS, 2).map((spec) =>
      spec.name === TOPICS.model ? { ...spec, partitions: 1 } : spec,
    );
    await log.ensureTopics(specs);
    await expect(subscribe(log)).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' });
    await log.close();
  });

  test('when source records were deleted before they were folded', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 10 }, (_, i) => record(i)),
    );
    await subscribe(log);
    await publish(
      log,
      Array.from({ length: 10 }, (_, i) => record(i)),
    );
    await log.trim(TOPICS.source, 0, 15);
    await expect(subscribe(log)).rejects.toMatchObject({
      code: 'SOURCE_TRUNCATED',
      fields: { position: 10, start: 15 },
    });
    // Told to, it goes on behind them with what it has learned, and remembers that it did.
    const warnings: string[] = [];
    await subscribe(log, {
      skipDeleted: true,
      onEvent: (event) => {
        if (event.type === 'warning') warnings.push(event.message);
      },
    });
    expect(warnings).toEqual([expect.stringContaining('5 records of test.source/0')]);
    const { state } = await load(log);
    expect(state.hash('champion').learned).toBe(15);
    expect(state.positions).toEqual([20]);
    await publish(log, [record(20)]);
    await subscribe(log);
    const offsets = (await results(log)).flatMap((result) =>
      result.type === 'prediction' ? [result.source.offset] : [],
    );
    expect(offsets).toEqual([...Array(10).keys(), 15, 16, 17, 18, 19, 20]);
    await log.close();
  });

  test('when the first deltas of the model topic are gone', async () => {
    const log = await newLog();
    await publish(log, [record(1)]);
    await subscribe(log);
    await publish(log, [record(2)]);
    await subscribe(log);
    await log.trim(TOPICS.model, 0, 1);
    await expect(subscribe(log)).rejects.toMatchObject({ code: 'DELTA_GAP' });
    await log.close();
  });

  test('when the model was learned as another kind', async () => {
    const log = await newLog();
    await publish(log, [record(1)]);
    await subscribe(log);
    await publish(log, [record(2)]);
    const models = [{ name: 'champion', kind: 'complement', role: 'champion' as const }];
    await expect(subscribe(log, { models })).rejects.toMatchObject({ code: 'MODEL_MISMATCH' });
    await log.close();
  });
});

test('a challenger that joins later starts from nothing and leaves the champion alone', async () => {
  const log = await newLog();
  await publish(
    log,
    Array.from({ length: 30 }, (_, i) => record(i)),
  );
  await subscribe(log);
  await publish(
    log,
    Array.from({ length: 30 }, (_, i) => record(i + 30)),
  );
  await subscribe(log, {
    models: [
      { name: 'champion', kind: 'multinomial', role: 'champion' },
      { name: 'cnb', kind: 'complement', role: 'challenger' },
    ],
  });
  const { state } = await load(log);
  expect(state.hash('champion').learned).toBe(60);
  expect(state.hash('cnb').learned).toBe(30);
  await log.close();
});

describe('a model as data', () => {
  test('is exported, and imported into a pipeline that goes on from it', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 30 }, (_, i) => record(i)),
    );
    await subscribe(log);
    const { state } = await load(log);
    const snapshot = state.models[0]?.model.snapshot();
    const other = await newLog();
    if (snapshot === undefined) throw new Error('no champion');
    const into = {
      log: other,
      pipeline: PIPELINE,
      topics: TOPICS,
      name: 'champion',
      snapshot,
      declared: DECLARED,
    };
    await importModel(into);
    expect((await load(other)).state.hash('champion')).toEqual(state.hash('champion'));
    await expect(importModel(into)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await publish(other, [record(1)]);
    await subscribe(other);
    expect((await results(other))[0]).toMatchObject({ type: 'prediction', learned: 30 });
    await Promise.all([log.close(), other.close()]);
  });

  test('of a pipeline that learned nothing is not there', async () => {
    const log = await newLog();
    await expect(load(log)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await log.close();
  });
});

describe('a replay', () => {
  const fold = {
    ...FOLD_DEFAULTS,
    topics: TOPICS,
    classes: new ClassRules({ declared: DECLARED }),
  };
  const options = { pipeline: PIPELINE, analyzer: 'river', fold };

  test('scores another kind on the logged stream and touches nothing', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 300 }, (_, i) => record(i)),
    );
    await subscribe(log);
    const before = await results(log);
    const report = await replay({ ...options, log, kind: 'majority' });
    expect(report).toMatchObject({ records: 300, scored: 300, learned: 300, deadLetters: 0 });
    expect(report.metrics.accuracy).toBe(report.baselines.majority.accuracy);
    expect(await results(log)).toEqual(before);
    await log.close();
  });

  test('of the same kind gives the same figures', async () => {
    const log = await newLog();
    await publish(
      log,
      Array.from({ length: 300 }, (_, i) => record(i)),
    );
    await subscribe(log);
    const report = await replay({ ...options, log, kind: 'multinomial' });
    const last = MetricsResult.parse((await results(log)).at(-1));
    expect(report.metrics).toEqual(last.cumulative);
    await log.close();
  });

  test('takes in every partition', async () => {
    const log = await newLog(new MemoryStore(), 3);
    await publish(
      log,
      Array.from({ length: 3000 }, (_, i) => record(i)),
    );
    const report = await replay({ ...options, log, kind: 'multinomial' });
    expect(report).toMatchObject({ records: 3000, scored: 2999, learned: 3000 });
    await log.close();
  });
});
