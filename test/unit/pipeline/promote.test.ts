import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import { FOLD_DEFAULTS, type FoldOptions } from '../../../src/pipeline/fold.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { promote, rollBack, standingOf, switchesTo } from '../../../src/pipeline/promote.ts';
import { rebuildModel } from '../../../src/pipeline/rebuild.ts';
import {
  runSubscriber,
  type SubscriberEvent,
  type SubscriberOptions,
} from '../../../src/pipeline/subscriber.ts';
import { runScoreReplica } from '../../../src/pipeline/score-replica.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import {
  anyValues,
  DECLARED,
  diceOf,
  jsonOf,
  newPipeline,
  PIPELINE,
  TOPICS,
  type Pipeline,
} from '../../support/wandering-run.ts';

jest.setTimeout(60_000);

const MODELS = [
  { name: 'champion', kind: 'multinomial', role: 'champion' },
  { name: 'cnb', kind: 'complement', role: 'challenger' },
  { name: 'last', kind: 'no-change', role: 'challenger' },
] as const;
const SETTINGS = { metricsEvery: 10 };
const FOLD: FoldOptions = {
  ...FOLD_DEFAULTS,
  ...SETTINGS,
  topics: TOPICS,
  classes: new ClassRules({ declared: DECLARED }),
};
const NOW = Date.now();

async function publish({ log }: Pipeline, count: number, from: number): Promise<void> {
  const values = anyValues(diceOf(from + 1), count, from);
  await log.append(
    TOPICS.source,
    values.map((value, i) => ({ ...value, timestamp: NOW + from + i })),
  );
}

const subscribe = ({ log }: Pipeline, options: Partial<SubscriberOptions> = {}) =>
  runSubscriber({
    log,
    pipeline: PIPELINE,
    models: MODELS,
    fold: SETTINGS,
    untilEnd: true,
    ...options,
  });

async function taught(partitions = 1): Promise<Pipeline> {
  const pipeline = await newPipeline(partitions);
  await publish(pipeline, 60, 0);
  await subscribe(pipeline);
  return pipeline;
}

const subjectOf = ({ log }: Pipeline) => ({ log, topics: TOPICS });

/** Where each partition switched. */
const switchesIn = ({ store }: Pipeline) =>
  store.topic(TOPICS.model).partitions.map(({ records }) =>
    records.flatMap(({ key, value }) => {
      if (key !== null || value === null) return [];
      const { from, promotion } = readDelta(value);
      return promotion === undefined ? [] : [[from, promotion.id, promotion.champion]];
    }),
  );

/** Roles of a model in the predictions of a partition, by offset. */
const rolesOf = ({ store }: Pipeline, model: string, partition = 0) =>
  (store.topic(TOPICS.results).partitions[partition]?.records ?? []).flatMap((record) => {
    const { type, model: of, role, source } = jsonOf(record);
    if (type !== 'prediction' || of !== model) return [];
    return [[(source as { offset: number }).offset, role] as const];
  });

describe('a promotion that is asked for', () => {
  test('holds from the first chunk after it on, in every partition, and verifies', async () => {
    const pipeline = await taught(3);
    const positions = pipeline.store.topic(TOPICS.source).partitions.map(({ end }) => end);
    const appointed = await promote(subjectOf(pipeline), 'cnb', 'p-1');
    expect(appointed).toMatchObject({ champion: 'cnb', previous: 'champion', id: 'p-1' });
    await publish(pipeline, 60, 60);
    const events: SubscriberEvent[] = [];
    await subscribe(pipeline, { onEvent: (event) => events.push(event) });
    expect(switchesIn(pipeline)).toEqual(positions.map((from) => [[from, 'p-1', 'cnb']]));
    const told = events.filter(({ type }) => type === 'promoted');
    expect(told).toHaveLength(3);
    expect(told).toContainEqual({
      type: 'promoted',
      partition: 1,
      position: positions[1],
      champion: 'cnb',
      id: 'p-1',
    });
    for (const [partition, position] of positions.entries()) {
      const roles = rolesOf(pipeline, 'cnb', partition);
      expect(roles.some(([offset]) => offset >= position)).toBe(true);
      for (const [offset, role] of roles)
        expect([offset, role]).toEqual([offset, offset >= position ? 'champion' : 'challenger']);
    }
    const seen: unknown[] = [];
    for await (const each of switchesTo(subjectOf(pipeline), appointed, 0)) seen.push(each);
    expect(seen).toEqual(positions.map((position, partition) => ({ partition, position })));
    const { log } = pipeline;
    expect(await verify({ log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({ verified: true });
  });

  test('is refused where it says nothing new, or names nobody', async () => {
    const pipeline = await newPipeline(1);
    const subject = subjectOf(pipeline);
    await expect(promote(subject, 'cnb', 'p')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await publish(pipeline, 30, 0);
    await subscribe(pipeline);
    await expect(promote(subject, 'nobody', 'p')).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    await expect(promote(subject, 'champion', 'p')).rejects.toThrow(/is the champion already/);
    await expect(rollBack(subject, 'p')).rejects.toThrow(/there was no promotion/);
    await promote(subject, 'cnb', 'p-1');
    await expect(promote(subject, 'cnb', 'p')).rejects.toThrow(
      /model 'cnb' is the champion already/,
    );
    await rollBack(subject, 'p-2');
    await expect(rollBack(subject, 'p')).rejects.toThrow(/was taken back/);
    expect((await standingOf(subject)).promotion).toMatchObject({
      id: 'p-2',
      champion: 'champion',
      previous: null,
    });
  });

  test('of a model that the subscriber does not run is told once, and changes nothing', async () => {
    const pipeline = await taught();
    await promote(subjectOf(pipeline), 'last', 'p-1');
    await publish(pipeline, 2000, 60);
    const events: SubscriberEvent[] = [];
    const models = MODELS.slice(0, 2);
    await subscribe(pipeline, { models, onEvent: (event) => events.push(event) });
    expect(events.filter(({ type }) => type === 'chunk').length).toBeGreaterThan(1);
    expect(events.filter(({ type }) => type === 'promotion_ignored')).toEqual([
      { type: 'promotion_ignored', champion: 'last', id: 'p-1' },
    ]);
    expect(switchesIn(pipeline)).toEqual([[]]);
    expect(rolesOf(pipeline, 'champion').every(([, role]) => role === 'champion')).toBe(true);
  });
});

describe('a running subscriber', () => {
  const stop = new AbortController();
  afterEach(() => stop.abort());

  test('that owns partition 0 learns of a promotion that somebody else writes there', async () => {
    const pipeline = await taught();
    const said = new EventEmitter<{ promoted: [SubscriberEvent]; chunk: [] }>();
    const heard = once(said, 'promoted');
    const folding = once(said, 'chunk');
    let published = 60;
    const run = subscribe(pipeline, {
      untilEnd: false,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'promoted') said.emit('promoted', event);
        if (event.type !== 'chunk') return;
        said.emit('chunk');
        void publish(pipeline, 3, (published += 3));
      },
    });
    await publish(pipeline, 3, published);
    // It has looked at the topic, found nothing, and goes on.
    await folding;
    await promote(subjectOf(pipeline), 'cnb', 'p-1');
    const [told] = (await heard) as [SubscriberEvent];
    stop.abort();
    await run;
    expect(told).toMatchObject({ partition: 0, champion: 'cnb', id: 'p-1' });
    const position = 'position' in told ? told.position : -1;
    expect(position).toBeGreaterThan(63);
    expect(switchesIn(pipeline)).toEqual([[[position, 'p-1', 'cnb']]]);
  });
});

describe('a replica that only scores', () => {
  test('names the champion that the log tells of', async () => {
    const pipeline = await taught();
    await promote(subjectOf(pipeline), 'cnb', 'p-1');
    const { log, store } = pipeline;
    const topics = { source: 'other', results: 'answers' };
    await log.ensureTopics([
      { name: 'other', partitions: 1, cleanup: 'delete', retentionMs: undefined },
    ]);
    await log.append('other', [{ key: null, value: '{"id":"x","text":"good soup"}' }]);
    await runScoreReplica({ log, pipeline: PIPELINE, ...topics, untilEnd: true });
    const roles = store
      .topic('answers')
      .partitions[0]?.records.map((record) => [jsonOf(record)['model'], jsonOf(record)['role']]);
    expect(roles).toEqual([
      ['champion', 'challenger'],
      ['cnb', 'champion'],
      ['last', 'challenger'],
    ]);
  });
});

describe('the champion', () => {
  test('outlives the records that made it so: they are deleted behind snapshots', async () => {
    const pipeline = await taught(2);
    await promote(subjectOf(pipeline), 'cnb', 'p-1');
    const { store, log } = pipeline;
    const isThere = () => store.partition(TOPICS.model, 0).records.some(({ key }) => key !== null);
    expect(isThere()).toBe(true);
    let from = 60;
    for (; from < 3000 && isThere(); from += 200) {
      await publish(pipeline, 200, from);
      await subscribe(pipeline, { snapshotEvery: 1 });
    }
    expect(isThere()).toBe(false);
    expect((await standingOf(subjectOf(pipeline))).promotion).toMatchObject({
      id: 'p-1',
      champion: 'cnb',
      previous: 'champion',
    });
    await publish(pipeline, 30, from);
    await subscribe(pipeline);
    expect(rolesOf(pipeline, 'cnb').at(-1)?.[1]).toBe('champion');
    expect(await verify({ log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({ verified: true });
    await rollBack(subjectOf(pipeline), 'p-2');
    await publish(pipeline, 30, from + 30);
    await subscribe(pipeline);
    expect(rolesOf(pipeline, 'champion').at(-1)?.[1]).toBe('champion');
    expect(rolesOf(pipeline, 'cnb').at(-1)?.[1]).toBe('challenger');
  });

  test.each([1, 3])(
    'stays when the model is made again, over %i partitions',
    async (partitions) => {
      const pipeline = await taught(partitions);
      await promote(subjectOf(pipeline), 'cnb', 'p-1');
      await publish(pipeline, 60, 60);
      await subscribe(pipeline);
      await promote(subjectOf(pipeline), 'last', 'p-2');
      await publish(pipeline, 60, 120);
      await subscribe(pipeline);
      const before = switchesIn(pipeline);
      const { log } = pipeline;
      await rebuildModel({
        log,
        pipeline: PIPELINE,
        models: MODELS,
        analyzer: 'river',
        fold: FOLD,
      });
      expect(switchesIn(pipeline)).toEqual(before);
      const { state } = await loadModel({
        log,
        pipeline: PIPELINE,
        topics: TOPICS,
        declared: DECLARED,
      });
      expect(state.promotion).toMatchObject({ id: 'p-2', champion: 'last', previous: 'cnb' });
      await publish(pipeline, 30, 180);
      await subscribe(pipeline);
      expect(switchesIn(pipeline)).toEqual(before);
      expect(await verify({ log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
        verified: true,
      });
      expect(rolesOf(pipeline, 'last').at(-1)?.[1]).toBe('champion');
    },
  );
});
