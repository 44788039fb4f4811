import { describe, expect, test } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import type { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../../../src/pipeline/fold.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { newestDeclared } from '../../../src/pipeline/declared-classes.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import {
  runScoreReplica,
  scorerGroup,
  type ScoreReplicaOptions,
} from '../../../src/pipeline/score-replica.ts';
import { runSubscriber } from '../../../src/pipeline/subscriber.ts';
import type { LogRecord, NewRecord } from '../../../src/ports/event-log.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { PredictionResult } from '../../../topics/index.ts';
import { OFTEN } from '../../support/snapshot-runs.ts';
import {
  anyValues,
  DECLARED,
  diceOf,
  jsonOf,
  MODELS as ALL_MODELS,
  newPipeline,
  PIPELINE,
  TOPICS,
} from '../../support/wandering-run.ts';

/** Of kinds that answer from the sums alone. */
const MODELS = ALL_MODELS.slice(0, 2);
const [SOURCE, RESULTS] = ['replies', 'replies.results'];
const OWN = { source: SOURCE, results: RESULTS, dlq: `${RESULTS}.dlq` };

async function teach(log: MemoryEventLog, count: number, from = 0): Promise<void> {
  await log.append(TOPICS.source, anyValues(diceOf(from + 1), count, from));
  await runSubscriber({ log, pipeline: PIPELINE, models: MODELS, untilEnd: true });
}

const score = (log: MemoryEventLog, options: Partial<ScoreReplicaOptions> = {}) =>
  runScoreReplica({
    log,
    pipeline: PIPELINE,
    source: SOURCE,
    results: RESULTS,
    untilEnd: true,
    ...options,
  });

/** Texts in a topic of their own, made with these partitions. */
async function ask(
  log: MemoryEventLog,
  values: readonly unknown[],
  partitions = 1,
  keys: Partial<NewRecord> = {},
): Promise<void> {
  const spec = { cleanup: 'delete', retentionMs: undefined } as const;
  await log.ensureTopics([{ name: SOURCE, partitions, ...spec }]);
  await log.append(
    SOURCE,
    values.map((value, i) => ({
      key: `k-${i}`,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      ...keys,
    })),
  );
}

const recordsOf = (store: MemoryStore, topic: string): readonly LogRecord[] =>
  store.topics.get(topic)?.partitions.flatMap(({ records }) => records) ?? [];
const answersOf = (store: MemoryStore) => recordsOf(store, RESULTS).map((record) => jsonOf(record));

const TEXTS = ['good soup', 'bad bread', 'tepid crust again', ''].map((text, i) => ({
  id: `q-${i}`,
  text,
}));

describe('a replica that only scores', () => {
  test('answers as the learning subscriber would at that state', async () => {
    const { store, log } = await newPipeline(2);
    await teach(log, 200);
    await ask(log, [...TEXTS, { id: 'l', text: 'warm soup', label: '1', ts: '2026-03-01' }]);
    expect(await score(log, { explain: 3 })).toEqual({
      records: 5,
      predictions: 5,
      deadLetters: 0,
      labels: 0,
      positions: [5],
    });
    // What the fold says of the same records with the same sums.
    const { state } = await loadModel({
      log,
      pipeline: PIPELINE,
      topics: TOPICS,
      declared: DECLARED,
    });
    const topics = { ...TOPICS, ...OWN };
    const classes = new ClassRules({ declared: DECLARED });
    const answers = recordsOf(store, SOURCE).flatMap((record) => {
      const fold = new PartitionFold(state, 0, { ...FOLD_DEFAULTS, topics, classes, explain: 3 });
      const { outputs } = fold.stage([record], record.offset, 1);
      fold.rollback();
      return outputs.filter(({ topic }) => topic === RESULTS);
    });
    const text = (bytes: unknown) =>
      typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes as Uint8Array);
    expect(
      recordsOf(store, RESULTS).map(({ key, value, headers }) => [
        text(key),
        text(value),
        headers.map(([name, header]) => [name, text(header)]),
      ]),
    ).toEqual(
      answers.map(({ key, value, headers }) => [
        text(key),
        text(value),
        headers?.map(([name, header]) => [name, text(header)]),
      ]),
    );
    expect(answersOf(store)).toHaveLength(10);
    for (const answer of answersOf(store))
      expect(() => PredictionResult.parse(answer)).not.toThrow();
    expect(answersOf(store).at(-2)).toMatchObject({
      label: 'positive',
      learned: state.hash('champion').learned,
    });
  });

  test('writes nothing that the pipeline reads', async () => {
    const { store, log } = await newPipeline();
    await teach(log, 100);
    const own = Object.values(TOPICS);
    const ends = own.map((topic) => store.partition(topic, 0).end);
    const learned = await loadModel({
      log,
      pipeline: PIPELINE,
      topics: TOPICS,
      declared: DECLARED,
    });
    await ask(log, [...TEXTS, { id: 'a', text: 'entirely unheard words', label: 'positive' }]);
    await score(log);
    expect(own.map((topic) => store.partition(topic, 0).end)).toEqual(ends);
    const after = await loadModel({ log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED });
    expect(after.state.hash('champion')).toEqual(learned.state.hash('champion'));
  });

  test('passes over labels, and refuses what nobody can predict', async () => {
    const { store, log } = await newPipeline();
    await teach(log, 50);
    await ask(log, [
      { id: 'q', text: 'good' },
      { id: 'q', label: 'positive' },
      { id: 'q', label: null },
      '{',
      { id: 'r', text: 'good', model: 'cnb' },
      { id: 's', text: 'good', model: 'nobody' },
    ]);
    expect(await score(log)).toMatchObject({
      records: 6,
      predictions: 2,
      labels: 2,
      deadLetters: 2,
    });
    expect(answersOf(store).map(({ id, model }) => [id, model])).toEqual([
      ['q', 'champion'],
      ['q', 'cnb'],
      ['r', 'cnb'],
    ]);
    const codes = recordsOf(store, `${RESULTS}.dlq`).map(({ headers }) =>
      new TextDecoder().decode(headers.find(([name]) => name === 'valence.errors.code')?.[1]),
    );
    expect(codes).toEqual(['RECORD_INVALID', 'MODEL_UNKNOWN']);
  });

  test('follows what is learned meanwhile', async () => {
    const { store, log } = await newPipeline();
    await teach(log, 60);
    await ask(log, TEXTS.slice(0, 1));
    const stop = new AbortController();
    const learned = () => answersOf(store).map((answer) => answer['learned'] as number);
    let more: (() => void) | undefined;
    const running = score(log, {
      untilEnd: false,
      signal: stop.signal,
      onEvent: ({ type }) => type === 'chunk' && more?.(),
    });
    const next = () => new Promise<void>((resolve) => (more = resolve));
    await next();
    await teach(log, 60, 60);
    const second = next();
    await ask(log, TEXTS.slice(1, 2));
    await second;
    stop.abort();
    await running;
    const { state } = await loadModel({
      log,
      pipeline: PIPELINE,
      topics: TOPICS,
      declared: DECLARED,
    });
    expect(learned()[2]).toBe(state.hash('champion').learned);
    expect(learned()[0]).toBeLessThan(learned()[2] ?? 0);
  });

  test.each([
    ['follows a change of the declared classes', undefined],
    ['stays with the classes that it was given', DECLARED],
  ])('%s', async (_, declared) => {
    const { store, log } = await newPipeline(2);
    const models = [{ name: 'champion', kind: 'gtnb:bits=10', role: 'champion' as const }];
    const learn = async (labels: readonly string[], from: number): Promise<void> => {
      await log.append(TOPICS.source, anyValues(diceOf(from + 1), 60, from));
      const classes = { declared: labels };
      await runSubscriber({ log, pipeline: PIPELINE, models, classes, untilEnd: true });
    };
    const given = declared === undefined ? {} : { classes: { declared } };
    await learn(DECLARED, 0);
    const stop = new AbortController();
    const changes: unknown[] = [];
    let chunk: (() => void) | undefined;
    const running = score(log, {
      ...given,
      untilEnd: false,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'labels_changed') changes.push(event.declared);
        if (event.type === 'chunk') chunk?.();
      },
    });
    const asked = async (values: readonly unknown[]): Promise<void> => {
      const answered = new Promise<void>((resolve) => (chunk = resolve));
      await ask(log, values);
      await answered;
    };
    await asked(TEXTS.slice(0, 1));
    const three = ['positive', 'neutral', 'negative'];
    await learn(three, 60);
    await asked(TEXTS.slice(1, 2));
    stop.abort();
    await running;
    expect(changes).toEqual(declared === undefined ? [three] : []);
    // One that starts now answers the same.
    const again = { ...given, source: 'again', results: 'again.results' };
    await log.ensureTopics([
      { name: 'again', partitions: 1, cleanup: 'delete', retentionMs: undefined },
    ]);
    await log.append('again', [{ key: 'q-1', value: JSON.stringify(TEXTS[1]) }]);
    await score(log, again);
    const [fresh] = recordsOf(store, 'again.results').map((record) => jsonOf(record));
    expect(answersOf(store)[1]).toEqual({ ...fresh, source: expect.anything() });
    const order = declared ?? three;
    expect(Object.keys(fresh?.['probabilities'] ?? {}).slice(0, order.length)).toEqual(order);
  });

  test('takes no older classes for the newest because a snapshot holds what told those', async () => {
    const { store, log } = await newPipeline(2);
    const models = [{ name: 'champion', kind: 'gtnb:bits=10', role: 'champion' as const }];
    const learn = async (labels: readonly string[], partition: number, more = {}) => {
      const values = anyValues(diceOf(3), 40).map((value) => ({ ...value, partition }));
      await log.append(TOPICS.source, values);
      const classes = { declared: labels };
      await runSubscriber({ log, pipeline: PIPELINE, models, classes, untilEnd: true, ...more });
    };
    const three = ['positive', 'neutral', 'negative'];
    await learn(DECLARED, 0);
    await learn(three, 0, OFTEN);
    await learn(DECLARED, 1);
    // Behind the snapshot, by a worker of before whose delta came earlier.
    const { records } = store.partition(TOPICS.model, 1);
    for (const [at, record] of records.entries()) records[at] = { ...record, timestamp: 1 };
    expect(await newestDeclared(log, TOPICS)).toEqual(three);
    await ask(log, TEXTS.slice(0, 1));
    const changes: unknown[] = [];
    await score(log, { onEvent: ({ type }) => type === 'labels_changed' && changes.push(type) });
    expect(changes).toEqual([]);
    expect(Object.keys(answersOf(store)[0]?.['probabilities'] ?? {}).slice(0, 3)).toEqual(three);
  });

  test('two of them share the partitions, and a restart neither loses nor doubles', async () => {
    const { store, log } = await newPipeline(3);
    await teach(log, 90);
    const texts = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ id: `t-${from + i}`, text: `good ${i}` }));
    await ask(log, texts(0, 700), 4);
    const stop = new AbortController();
    const claimed = new Set<number>();
    await score(log, {
      untilEnd: false,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'claimed') claimed.add(event.partition);
        if (event.type === 'chunk') stop.abort();
      },
    });
    expect(claimed.size).toBe(4);
    await ask(log, texts(700, 300), 4);
    const both = await Promise.all([score(log), score(new MemoryEventLog(store))]);
    expect(both[0].records + both[1].records).toBeGreaterThanOrEqual(300);
    const champions = answersOf(store).filter(({ model }) => model === 'champion');
    expect(champions.map(({ id }) => id as string).toSorted()).toEqual(
      texts(0, 1000)
        .map(({ id }) => id)
        .toSorted(),
    );
    const ends = store.topic(SOURCE).partitions.map(({ end }) => end);
    expect(await log.committed(scorerGroup(PIPELINE, SOURCE), SOURCE)).toEqual(ends);
  });

  test('begins with a snapshot where the first deltas are deleted', async () => {
    const { store, log } = await newPipeline(2);
    const dice = diceOf(1);
    for (let round = 0; round < 6; round++) {
      const records = anyValues(dice, 150, round * 150);
      await log.append(TOPICS.source, records);
      const settings = { log, pipeline: PIPELINE, models: MODELS, untilEnd: true };
      await runSubscriber({ ...settings, snapshotEvery: 1 });
    }
    const starts = store.topic(TOPICS.model).partitions.map(({ start }) => start);
    expect(Math.max(...starts)).toBeGreaterThan(0);
    await ask(log, TEXTS.slice(0, 1));
    await score(log);
    const from = { log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
    const { learned } = (await loadModel(from)).state.hash('champion');
    expect(learned).toBeGreaterThan(400);
    expect(answersOf(store)[0]).toMatchObject({ model: 'champion', learned });
  }, 20_000);

  test('answers with the calibrators of all partitions, as far as they are committed', async () => {
    const { store, log } = await newPipeline();
    const models = [{ name: 'champion', kind: 'gtnb:bits=10', role: 'champion' as const }];
    await log.append(TOPICS.source, anyValues(diceOf(1), 200));
    await runSubscriber({ log, pipeline: PIPELINE, models, untilEnd: true });
    await ask(log, TEXTS);
    await score(log, { explain: 3 });
    // The only partition goes on with the same texts: it has seen what the replica has.
    await log.append(
      TOPICS.source,
      TEXTS.map((value) => ({ key: value.id, value: JSON.stringify(value) })),
    );
    const settings = { log, pipeline: PIPELINE, models, untilEnd: true, fold: { explain: 3 } };
    await runSubscriber(settings);
    const own = recordsOf(store, TOPICS.results)
      .map((record) => jsonOf(record))
      .filter(({ type, id }) => type === 'prediction' && String(id).startsWith('q-'));
    const told = ({ id, learned, probabilities, explanation, logit }: Record<string, unknown>) => {
      return { id, learned, probabilities, explanation, logit };
    };
    expect(answersOf(store).map(told)).toEqual(own.map(told));
    expect(own[0]).toMatchObject({ logit: { prior: expect.any(Number) } });
  });

  test('says null while the model knows no class', async () => {
    const { store, log } = await newPipeline();
    await log.append(TOPICS.source, [{ key: 'a', value: '{"id":"a","text":"no label"}' }]);
    await runSubscriber({ log, pipeline: PIPELINE, models: MODELS, untilEnd: true });
    await ask(log, TEXTS.slice(0, 1));
    await score(log);
    const nothing = { prediction: null, probabilities: {}, learned: 0 };
    expect(answersOf(store)).toMatchObject([nothing, nothing]);
  });

  test('waits for a model that nothing is known of, and says so once', async () => {
    const { store, log } = await newPipeline();
    await ask(log, TEXTS);
    const stop = new AbortController();
    const events: string[] = [];
    let waiting: (() => void) | undefined;
    const waits = new Promise<void>((resolve) => (waiting = resolve));
    const running = score(log, {
      untilEnd: false,
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type !== 'heartbeat') events.push(type);
        if (type === 'waiting') waiting?.();
        if (type === 'chunk') stop.abort();
      },
    });
    await waits;
    await teach(log, 30);
    expect(await running).toMatchObject({ predictions: 4 });
    expect(events).toEqual(['waiting', 'claimed', 'restored', 'chunk', 'released']);
    expect(answersOf(store)).toHaveLength(8);
  });
});

describe('a replica that only scores refuses', () => {
  test.each([
    ['source', { source: TOPICS.source }],
    ['results', { results: TOPICS.results }],
    ['dlq', { dlq: TOPICS.dlq }],
    ['results', { results: TOPICS.model }],
  ])("the pipeline's own topic as --%s", async (flag, options) => {
    const { log } = await newPipeline();
    await teach(log, 10);
    await expect(score(log, options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        new RegExp(`^--${flag}: .* belongs to pipeline 'test' itself`),
      ),
    });
  });

  test("the pipeline's own topics under other names", async () => {
    const log = new MemoryEventLog();
    const topics = { ...TOPICS, source: 'mine', results: 'answers' };
    await log.ensureTopics(topicSpecs(topics, 1));
    await log.append('mine', [{ key: 'a', value: '{"id":"a","text":"b","label":"positive"}' }]);
    await runSubscriber({ log, pipeline: PIPELINE, topics, untilEnd: true });
    for (const options of [{ source: 'mine' }, { results: 'answers' }])
      await expect(score(log, options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('one topic for two things', async () => {
    const { log } = await newPipeline();
    await expect(score(log, { results: SOURCE })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('results with another number of partitions', async () => {
    const { log } = await newPipeline();
    await teach(log, 10);
    await ask(log, TEXTS, 2);
    await log.ensureTopics([
      { name: RESULTS, partitions: 3, cleanup: 'delete', retentionMs: undefined },
    ]);
    await expect(score(log)).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' });
  });

  test('to end at the end of a topic that no model is there for', async () => {
    const { log } = await newPipeline();
    await ask(log, TEXTS);
    await expect(score(log)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a source that was made again', async () => {
    const { store, log } = await newPipeline();
    await teach(log, 10);
    await ask(log, TEXTS);
    await score(log);
    store.topics.delete(SOURCE);
    await ask(log, TEXTS.slice(0, 1));
    await expect(score(log)).rejects.toMatchObject({ code: 'SOURCE_TRUNCATED' });
  });

  test('nothing where records were deleted unread, but tells how many', async () => {
    const { store, log } = await newPipeline();
    await teach(log, 10);
    await ask(log, TEXTS);
    await score(log);
    await ask(log, TEXTS);
    await log.trim(SOURCE, 0, 6);
    const told: unknown[] = [];
    await score(log, { onEvent: (event) => event.type === 'truncated' && told.push(event) });
    expect(told).toEqual([{ type: 'truncated', partition: 0, records: 2 }]);
    expect(answersOf(store)).toHaveLength(2 * (4 + 2));
  });
});
