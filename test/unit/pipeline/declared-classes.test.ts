import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/core/models/snapshot.ts';
import { ClassRules, learnedClasses } from '../../../src/pipeline/classes.ts';
import {
  deltaRecord,
  newestDeclared,
  toldClasses,
} from '../../../src/pipeline/declared-classes.ts';
import { FOLD_DEFAULTS, type FoldOptions } from '../../../src/pipeline/fold.ts';
import { importModel } from '../../../src/pipeline/import-model.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { SnapshotTopic } from '../../../src/pipeline/snapshot-topic.ts';
import { runSubscriber, type SubscriberEvent } from '../../../src/pipeline/subscriber.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import type { Headers } from '../../../src/ports/event-log.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { SumsHeader } from '../../../topics/index.ts';
import {
  CHALLENGER,
  CHAMPION,
  inputs,
  OFTEN,
  PIPELINE,
  publish,
  someInputs,
  subscribe,
  TOPICS,
  type SourceInput,
} from '../../support/snapshot-runs.ts';

const THREE = ['negative', 'neutral', 'positive'];
const MODELS = [{ name: 'champion', kind: 'gtnb:bits=10', role: 'champion' as const }];

async function newLog(partitions = 1): Promise<{ store: MemoryStore; log: MemoryEventLog }> {
  const store = new MemoryStore();
  const log = new MemoryEventLog(store);
  await log.ensureTopics(topicSpecs(TOPICS, partitions));
  return { store, log };
}

/** Folds so many records more under declared classes, and says what was told of it. */
async function learn(
  log: MemoryEventLog,
  declared: readonly string[],
  from = 0,
  options = {},
): Promise<readonly SubscriberEvent[]> {
  const events: SubscriberEvent[] = [];
  await publish(log, someInputs(30, from), from);
  await runSubscriber({
    log,
    pipeline: PIPELINE,
    models: MODELS,
    classes: { declared },
    untilEnd: true,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return events;
}

const differing = (events: readonly SubscriberEvent[]) =>
  events.filter(({ type }) => type === 'labels_differ');
const headersOf = ({ store }: { store: MemoryStore }): readonly Headers[] =>
  store
    .topic(TOPICS.model)
    .partitions.flatMap(({ records }) => records)
    .filter(({ key }) => key === null)
    .map(({ headers }) => headers);

/** The log as a Valence leaves it that knows of no header. */
function untell(store: MemoryStore): void {
  for (const partition of store.topic(TOPICS.model).partitions)
    partition.records = partition.records.map((record) => ({ ...record, headers: [] }));
}

const classNames = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 }), {
  minLength: 2,
  maxLength: 12,
});

describe('declared classes beside a delta', () => {
  test('are read back as they were written, whatever their names', async () => {
    await fc.assert(
      fc.asyncProperty(classNames, async (declared) => {
        const { store, log } = await newLog();
        const place = { topic: TOPICS.model, partition: 0, declared };
        await log.append(TOPICS.model, [deltaRecord(place, new Uint8Array([1]))]);
        expect(toldClasses(headersOf({ store })[0]!)).toEqual(declared);
        expect(await newestDeclared(log, TOPICS)).toEqual(declared);
      }),
      { numRuns: 50 },
    );
  });

  test('are not told where nobody declared any', () => {
    const place = { topic: TOPICS.model, partition: 0, declared: undefined };
    expect(deltaRecord(place, new Uint8Array([1])).headers).toEqual([]);
    expect(toldClasses([])).toBeUndefined();
  });

  test.each([
    ['no JSON', 'negative,positive'],
    ['cut off', '["negative","posi'],
    ['nothing', ''],
    ['no list', '{"0":"negative","1":"positive"}'],
    ['one class', '["positive"]'],
    ['the same twice', '["a","b","a"]'],
    ['no texts', '[1,2]'],
    ['null', 'null'],
  ])('count as not told if the header is malformed: %s', async (_, text) => {
    const value = new TextEncoder().encode(text);
    expect(toldClasses([['labels', value]])).toBeUndefined();
    const { store, log } = await newLog();
    await learn(log, THREE);
    for (const partition of store.topic(TOPICS.model).partitions)
      partition.records = partition.records.map((record) => ({
        ...record,
        headers: [['labels', value]],
      }));
    const { state, isUntold } = await loadModel({ log, pipeline: PIPELINE, topics: TOPICS });
    expect([isUntold, state.declared]).toEqual([true, ['negative', 'positive']]);
  });

  test('stand beside every delta of every partition, and are those of the newest', async () => {
    const { store, log } = await newLog(3);
    await learn(log, THREE);
    expect(headersOf({ store }).map((headers) => toldClasses(headers))).toEqual(
      headersOf({ store }).map(() => THREE),
    );
    const { state, isUntold } = await loadModel({ log, pipeline: PIPELINE, topics: TOPICS });
    expect([isUntold, state.declared]).toEqual([false, THREE]);
    // In another partition than the first, and later.
    const others = ['bad', 'good'];
    const place = { topic: TOPICS.model, partition: 2, declared: others };
    const newest = Math.max(
      ...store
        .topic(TOPICS.model)
        .partitions.flatMap(({ records }) => records.map(({ timestamp }) => timestamp)),
    );
    const timestamp = newest + 1;
    // What is no delta says nothing, and what cannot be decoded still tells.
    await log.append(TOPICS.model, [
      { ...deltaRecord(place, new Uint8Array([1])), timestamp },
      { partition: 2, key: 'barrier', value: '', headers: [['labels', JSON.stringify(THREE)]] },
    ]);
    expect(await newestDeclared(log, TOPICS)).toEqual(others);
  });

  test('are found behind many records that are no deltas', async () => {
    const { log } = await newLog();
    await learn(log, THREE);
    const claims = Array.from({ length: 40 }, () => ({ partition: 0, key: 'barrier', value: '' }));
    await log.append(TOPICS.model, claims);
    expect(await newestDeclared(log, TOPICS)).toEqual(THREE);
  });

  test('are nobody’s on a log without a pipeline', async () => {
    const log = new MemoryEventLog(new MemoryStore());
    expect(await newestDeclared(log, TOPICS)).toBeUndefined();
  });

  test('are in the snapshot, where all deltas are deleted', async () => {
    const { store, log } = await newLog();
    await learn(log, THREE, 0, OFTEN);
    const { end } = store.partition(TOPICS.model, 0);
    await log.trim(TOPICS.model, 0, end);
    expect(headersOf({ store })).toEqual([]);
    const { state, isUntold } = await loadModel({ log, pipeline: PIPELINE, topics: TOPICS });
    expect([isUntold, state.declared]).toEqual([false, THREE]);
    expect(state.hash('champion').learned).toBeGreaterThan(0);
    const snapshots = new SnapshotTopic(log, TOPICS.snapshots);
    await snapshots.refresh();
    const { header } = snapshots.whole({ kind: 'sums' })[0]!;
    expect(SumsHeader.parse({ ...header, labels: ['a'] })).toEqual({
      ...header,
      labels: undefined,
    });
    const { labels, ...older } = header;
    expect([labels, SumsHeader.parse(older)]).toEqual([THREE, older]);
  });

  test('are the default ones on a log of an older Valence, until something more is learned', async () => {
    const { store, log } = await newLog();
    await learn(log, THREE);
    untell(store);
    const options = { log, pipeline: PIPELINE, topics: TOPICS };
    const { state, isUntold } = await loadModel(options);
    expect([isUntold, state.declared]).toEqual([true, ['negative', 'positive']]);
    const given = await loadModel({ ...options, declared: THREE });
    expect([given.isUntold, given.state.declared]).toEqual([false, THREE]);
    expect(differing(await learn(log, THREE, 30))).toEqual([]);
    expect((await loadModel(options)).state.declared).toEqual(THREE);
  });

  test('of an imported model are those that were given, else those of its file, or none', async () => {
    const { log } = await newLog();
    await learn(log, THREE);
    const from = { log, pipeline: PIPELINE, topics: TOPICS };
    const { state } = await loadModel(from);
    const [running] = state.models;
    const bare = decodeSnapshot(encodeSnapshot(state.exported(running!)));
    const telling = decodeSnapshot(encodeSnapshot(state.exported(running!, state.declared)));
    const others = ['positive', 'negative'];
    for (const [snapshot, given, expected] of [
      [bare, undefined, undefined],
      [bare, THREE, THREE],
      [telling, undefined, THREE],
      [telling, others, others],
    ] as const) {
      const { log: other } = await newLog();
      const to = { log: other, pipeline: PIPELINE, topics: TOPICS };
      await importModel({ ...to, name: 'champion', snapshot, declared: given });
      expect(await newestDeclared(other, TOPICS)).toEqual(expected);
    }
  });
});

describe('a subscriber with other classes than the log tells', () => {
  test('says so once, and its own count from then on', async () => {
    const { log } = await newLog();
    expect(differing(await learn(log, THREE))).toEqual([]);
    expect(differing(await learn(log, THREE, 30))).toEqual([]);
    const declared = ['negative', 'positive'];
    expect(differing(await learn(log, declared, 60))).toEqual([
      { type: 'labels_differ', declared, told: THREE },
    ]);
    expect(await newestDeclared(log, TOPICS)).toEqual(declared);
    expect(differing(await learn(log, declared, 90))).toEqual([]);
    expect(differing(await learn(log, declared.toReversed(), 120))).toHaveLength(1);
  });
});

test('told classes have room, however many; given ones have the bound that was given with them', () => {
  const many = Array.from({ length: 40 }, (_, c) => `c${c}`);
  expect(learnedClasses({}, many)).toEqual({ declared: many, maxClasses: 40 });
  expect(learnedClasses({ maxClasses: 50 }, many)).toEqual({ declared: many, maxClasses: 50 });
  expect(learnedClasses({ declared: THREE, maxClasses: 3 }, many)).toEqual({
    declared: THREE,
    maxClasses: 3,
  });
  expect(learnedClasses({}, undefined).declared).toEqual(['negative', 'positive']);
});

describe('verify of a log whose subscribers declared other classes midway', () => {
  const ORDERS = [
    THREE,
    ['negative', 'positive'],
    ['positive', 'mixed', 'negative'],
    THREE,
    ['mixed', 'negative'],
  ];
  const models = [
    { ...CHAMPION, kind: 'gtnb:dfe=on,lexicon=on,starter=words,bits=10' },
    CHALLENGER,
  ];
  const rulesFor = (declared: readonly string[]) => new ClassRules(learnedClasses({}, declared));

  /** Subscribers one after the other, each with other classes, some on texts that bring no label. */
  async function wander(
    log: MemoryEventLog,
    parts: readonly (readonly SourceInput[])[],
  ): Promise<FoldOptions> {
    const settings = { ...FOLD_DEFAULTS, window: 20, metricsEvery: 7, pendingMax: 12, explain: 2 };
    for (const [run, part] of parts.entries()) {
      await publish(log, part, run * 1000);
      const classes = { declared: ORDERS[run % ORDERS.length]! };
      await subscribe(log, { models, fold: settings, classes });
    }
    const declared = (await newestDeclared(log, TOPICS)) ?? [];
    return { ...settings, topics: TOPICS, classes: rulesFor(declared) };
  }

  test.each([1, 3])(
    'makes the run again with those that each delta tells, %i partitions',
    async (partitions) => {
      await fc.assert(
        fc.asyncProperty(fc.array(inputs(20), { minLength: 3, maxLength: 3 }), async (parts) => {
          const { log } = await newLog(partitions);
          const fold = await wander(log, parts);
          const outcome = await verify({ log, pipeline: PIPELINE, fold, rulesFor });
          expect(outcome).toMatchObject({
            verified: true,
            unverified: { deltas: 0, results: 0 },
          });
        }),
        { numRuns: 2 },
      );
    },
  );

  test('finds differences with those of the newest alone, and with a delta that tells others', async () => {
    const { store, log } = await newLog();
    const parts = [someInputs(30), someInputs(30, 30)];
    const fold = await wander(log, parts);
    const subject = { log, pipeline: PIPELINE, fold };
    expect(await verify(subject)).toMatchObject({ verified: false });
    expect(await verify({ ...subject, rulesFor })).toMatchObject({ verified: true });
    const [partition] = store.topic(TOPICS.model).partitions;
    const at = partition!.records.findIndex(({ headers }) => headers.length > 0);
    const lie: Headers = [['labels', new TextEncoder().encode('["positive","negative"]')]];
    partition!.records[at] = { ...partition!.records[at]!, headers: lie };
    expect(await verify({ ...subject, rulesFor })).toMatchObject({ verified: false });
  });

  test('goes on with the classes before where a delta tells none', async () => {
    const { store, log } = await newLog();
    await wander(log, [someInputs(30)]);
    const [partition] = store.topic(TOPICS.model).partitions;
    const told = partition!.records.length;
    const fold = await wander(log, [someInputs(10, 50)]);
    partition!.records = partition!.records.map((record, at) =>
      at < told ? record : { ...record, headers: [] },
    );
    const other = { ...fold, classes: rulesFor(['negative', 'positive']) };
    expect(await verify({ log, pipeline: PIPELINE, fold: other, rulesFor })).toMatchObject({
      verified: true,
    });
  });
});
