import { beforeAll, describe, expect, test } from '@jest/globals';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import type { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { ValenceError } from '../../../src/errors.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, type FoldOptions } from '../../../src/pipeline/fold.ts';
import { importModel } from '../../../src/pipeline/import-model.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { rebuildModel, type RebuildOptions } from '../../../src/pipeline/rebuild.ts';
import { runSubscriber, subscriberGroup } from '../../../src/pipeline/subscriber.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import {
  anyValues,
  DECLARED,
  diceOf,
  jsonOf,
  MODELS,
  newPipeline,
  PIPELINE,
  type Pipeline,
  tamper,
  TOPICS,
} from '../../support/wandering-run.ts';

/** Young enough for retention, the same for every pipeline. */
const NOW = Date.now();
const SETTINGS = { metricsEvery: 10, pendingMax: 30 };
const FOLD: FoldOptions = {
  ...FOLD_DEFAULTS,
  ...SETTINGS,
  topics: TOPICS,
  classes: new ClassRules({ declared: DECLARED }),
};

async function publish({ log }: Pipeline, count: number, from = 0): Promise<void> {
  await log.append(
    TOPICS.source,
    anyValues(diceOf(from + 1), count, from).map((record, i) => ({
      ...record,
      timestamp: NOW + from + i,
    })),
  );
}

const subscribe = ({ log }: Pipeline) =>
  runSubscriber({ log, pipeline: PIPELINE, models: MODELS, fold: SETTINGS, untilEnd: true });

const rebuild = ({ log }: Pipeline, options: Partial<RebuildOptions> = {}) =>
  rebuildModel({
    log,
    pipeline: PIPELINE,
    models: MODELS,
    analyzer: 'river',
    fold: FOLD,
    ...options,
  });

const load = async ({ log }: Pipeline) => {
  const options = { log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
  const { state, carryHash } = await loadModel({ ...options, carry: FOLD });
  return { ...state.hash('champion'), cnb: state.hash('cnb').hash, carryHash };
};

/** Results without the times of idle partitions, which depend on when an owner looks. */
const answers = ({ store }: Pipeline) =>
  store
    .topic(TOPICS.results)
    .partitions.map(({ records }) =>
      records.map((record) => jsonOf(record)).filter((value) => value['idle'] !== true),
    );

/** The topic as it is after somebody deleted it. */
/** Deltas of partition 0 say that they are of version 1; nothing behind their labels is looked at then. */
function makeVersion1(store: MemoryStore): void {
  tamper(store, TOPICS.model, 0, (records) =>
    records.map((record) =>
      record.key === null
        ? {
            ...record,
            value: Uint8Array.from(record.value!, (byte, at) => (at === 2 ? 1 : byte)),
          }
        : record,
    ),
  );
}

async function lose({ store, log }: Pipeline, topic: string): Promise<void> {
  store.topics.delete(topic);
  await log.ensureTopics(topicSpecs(TOPICS, store.topic(TOPICS.source).partitions.length));
}

describe('a lost model topic', () => {
  test('is made again with the same sums and carry, and subscribers go on as if nothing had been', async () => {
    const [lost, whole] = [await newPipeline(1), await newPipeline(1)];
    for (const each of [lost, whole]) {
      await publish(each, 240);
      await subscribe(each);
    }
    const before = await load(lost);
    const results = lost.store.partition(TOPICS.results, 0).end;
    await lose(lost, TOPICS.model);
    const rebuilt = await rebuild(lost);
    expect(rebuilt).toMatchObject({ records: 240, positions: [240], hash: before.hash });
    expect(rebuilt.learned).toBe(before.learned);
    expect(await load(lost)).toEqual(before);
    expect(lost.store.partition(TOPICS.results, 0).end).toBe(results);
    expect(await lost.log.committed(subscriberGroup(PIPELINE), TOPICS.source)).toEqual([240]);
    for (const each of [lost, whole]) {
      await publish(each, 60, 240);
      await subscribe(each);
    }
    expect(answers(lost)).toEqual(answers(whole));
    expect(await load(lost)).toEqual(await load(whole));
    expect(await verify({ log: lost.log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
      verified: true,
      records: 300,
    });
  }, 20_000);

  test('is made again in chunks no larger than those of subscribers: the log takes them too', async () => {
    const lost = await newPipeline(1);
    const text = 'soup '.repeat(40_000);
    await lost.log.append(
      TOPICS.source,
      Array.from({ length: 12 }, (_, i) => {
        const value = JSON.stringify({ id: `long-${i}`, text, label: DECLARED[i % 2] });
        return { key: null, value, timestamp: NOW + i };
      }),
    );
    await subscribe(lost);
    const deltas = lost.store.partition(TOPICS.model, 0).end;
    expect(deltas).toBeGreaterThan(1);
    await lose(lost, TOPICS.model);
    // One says where the partition begins.
    expect(await rebuild(lost)).toMatchObject({ records: 12, deltas: deltas + 1 });
  });

  test('with several partitions has the sums of the undisturbed run', async () => {
    const lost = await newPipeline(3);
    await publish(lost, 300);
    await Promise.all([subscribe(lost), subscribe(lost)]);
    const { carryHash: _, ...before } = await load(lost);
    const ends = lost.store.topic(TOPICS.source).partitions.map(({ end }) => end);
    await lose(lost, TOPICS.model);
    expect(await rebuild(lost)).toMatchObject({ positions: ends, hash: before.hash });
    expect(await load(lost)).toMatchObject(before);
    await publish(lost, 60, 300);
    expect(await subscribe(lost)).toMatchObject({ records: 60 });
    // Results stay as they were predicted before; the deltas and what came later are verified.
    expect(await verify({ log: lost.log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
      verified: true,
      records: 360,
    });
  });

  test('of a partition that was idle meanwhile is verified: its chunks are longer than they were', async () => {
    const lost = await newPipeline(1);
    for (const from of [0, 45, 90]) {
      await publish(lost, 45, from);
      await subscribe(lost);
    }
    const idle = lost.store
      .partition(TOPICS.results, 0)
      .records.filter((record) => jsonOf(record)['idle'] === true).length;
    expect(idle).toBeGreaterThan(3);
    await rebuild(lost);
    const found = await verify({ log: lost.log, pipeline: PIPELINE, fold: FOLD });
    expect(found).toMatchObject({ verified: true, records: 135 });
    // Those behind the last record are still compared.
    const unverified = found !== undefined && found.verified ? found.unverified.results : 0;
    expect(unverified).toBe(idle - MODELS.length);
  });

  test('that was folded in part only is made again up to there', async () => {
    const lost = await newPipeline(1);
    await publish(lost, 50);
    await subscribe(lost);
    await publish(lost, 50, 50);
    await lose(lost, TOPICS.model);
    expect(await rebuild(lost)).toMatchObject({ records: 50, positions: [50] });
    expect(await subscribe(lost)).toMatchObject({ records: 50, positions: [100] });
  });

  test('is made again up to the last result when the group has forgotten its position', async () => {
    const lost = await newPipeline(1);
    await publish(lost, 80);
    await subscribe(lost);
    const group = lost.store.group(subscriberGroup(PIPELINE), TOPICS.source);
    group.positions[0] = undefined;
    await lose(lost, TOPICS.model);
    expect(await rebuild(lost)).toMatchObject({ positions: [80] });
    expect(group.positions[0]).toBe(80);
  });

  test('that was never written stays empty', async () => {
    const fresh = await newPipeline(2);
    await publish(fresh, 30);
    expect(await rebuild(fresh)).toMatchObject({ records: 0, deltas: 0, positions: [0, 0] });
    expect(await subscribe(fresh)).toMatchObject({ records: 30 });
  });
});

describe('a damaged model topic', () => {
  test('is deleted with its snapshots before it is made again', async () => {
    const damaged = await newPipeline(1);
    await publish(damaged, 300);
    await subscribe(damaged);
    const end = damaged.store.partition(TOPICS.model, 0).end;
    tamper(damaged.store, TOPICS.model, 0, (records) =>
      records.map((record, at) => (at === 0 ? record : { ...record, value: new Uint8Array(9) })),
    );
    for (const key of ['a/0', 'a/header', 'b/0'])
      await damaged.log.append(TOPICS.snapshots, [{ key, value: 'old' }]);
    await damaged.log.append(TOPICS.snapshots, [{ key: 'b/0', value: null }]);
    expect(await rebuild(damaged)).toMatchObject({ records: 300 });
    expect(damaged.store.partition(TOPICS.model, 0).start).toBe(end);
    const left = damaged.store.partition(TOPICS.snapshots, 0).records.slice(4);
    expect(
      left.map(({ key, value }) => [new TextDecoder().decode(key ?? undefined), value]),
    ).toEqual([
      ['a/0', null],
      ['a/header', null],
    ]);
    expect(await verify({ log: damaged.log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
      verified: true,
      records: 300,
    });
    await publish(damaged, 20, 300);
    expect(await subscribe(damaged)).toMatchObject({ records: 20, positions: [320] });
    expect(await verify({ log: damaged.log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
      verified: true,
      records: 320,
    });
  }, 20_000);

  test('keeps the counts of an imported model', async () => {
    const first = await newPipeline(1);
    await publish(first, 90);
    await subscribe(first);
    const from = { log: first.log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
    const { state } = await loadModel(from);
    const snapshot = state.models[0]!.model.snapshot();
    const second = await newPipeline(1);
    const to = { log: second.log, pipeline: PIPELINE, topics: TOPICS };
    await importModel({ ...to, name: 'champion', snapshot, declared: DECLARED });
    await publish(second, 40, 90);
    await subscribe(second);
    const before = await load(second);
    const { length } = second.store.partition(TOPICS.model, 0).records;
    tamper(second.store, TOPICS.model, 0, (records) => records.slice(0, length - 1));
    const rebuilt = await rebuild(second);
    expect([rebuilt.learned, rebuilt.hash]).toEqual([before.learned, before.hash]);
  });
});

/** A pipeline that began with an imported GT-NB, and what that was. */
async function importedGt(kind: string, partitions = 1) {
  const models = [{ name: 'champion', kind, role: 'champion' as const }];
  const first = await newPipeline(1);
  await publish(first, 120);
  await runSubscriber({ log: first.log, pipeline: PIPELINE, models, untilEnd: true });
  const common = { pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
  const { state } = await loadModel({ log: first.log, ...common });
  const snapshot = state.exported(state.models[0]!);
  const second = await newPipeline(partitions);
  await importModel({ log: second.log, ...common, name: 'champion', snapshot });
  await publish(second, 40, 120);
  const own = { log: second.log, pipeline: PIPELINE, models };
  await runSubscriber({ ...own, fold: SETTINGS, untilEnd: true });
  return { pipeline: second, models, snapshot };
}

describe('an imported GT-NB', () => {
  test.each([1, 2])(
    'keeps calibrator and names through a rebuild of %i partitions',
    async (partitions) => {
      const { pipeline, models, snapshot } = await importedGt('gtnb:bits=10,dfe=on', partitions);
      const read = async () => {
        const common = {
          log: pipeline.log,
          pipeline: PIPELINE,
          topics: TOPICS,
          declared: DECLARED,
        };
        const { state, carryHash } = await loadModel({ ...common, carry: FOLD });
        const [model] = state.models;
        const names = [...model!.extractor.names];
        return { ...state.hash('champion'), carryHash, names, ...state.exported(model!) };
      };
      const before = await read();
      // What the import brought is no small part of what there is.
      expect(snapshot.names!.length).toBeGreaterThan(3);
      expect(snapshot.calibrator!.bias.length).toBeGreaterThan(1);
      await rebuild(pipeline, { models });
      const after = await read();
      if (partitions === 1) expect(after).toEqual(before);
      expect(after.names!.length).toBeGreaterThanOrEqual(snapshot.names!.length);
      expect(await verify({ log: pipeline.log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
        verified: true,
        records: 40,
      });
    },
  );

  test('in the format of an older version is not dropped unless that is forced', async () => {
    const { pipeline, models } = await importedGt('gtnb:bits=10');
    const { length } = pipeline.store.partition(TOPICS.model, 0).records;
    makeVersion1(pipeline.store);
    await expect(rebuild(pipeline, { models })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('begins with an imported model'),
    });
    expect(pipeline.store.partition(TOPICS.model, 0)).toMatchObject({ start: 0, end: length });
    expect(await rebuild(pipeline, { models, force: true })).toMatchObject({ records: 40 });
  });

  test('of an older version that was made again from the source is made again without force', async () => {
    const lost = await newPipeline(1);
    await publish(lost, 30);
    await subscribe(lost);
    await rebuild(lost);
    makeVersion1(lost.store);
    expect(await rebuild(lost)).toMatchObject({ records: 30 });
  });
});

describe('a rebuild that is broken off', () => {
  /** Transactions go through up to the given number; then the log cannot be reached any more. */
  const failing = (store: MemoryStore, transactions: number): MemoryEventLog => {
    const log = new MemoryEventLog(store);
    const own = log.own.bind(log);
    let left = transactions;
    log.own = (options, handler) =>
      own(options, (owned) =>
        handler({
          ...owned,
          transact: async (commit) => {
            if (left-- <= 0) throw new ValenceError('LOG_UNAVAILABLE', 'gone');
            await owned.transact(commit);
          },
        }),
      );
    return log;
  };

  let broken: Pipeline;
  let before: Awaited<ReturnType<typeof load>>;

  beforeAll(async () => {
    const first = await newPipeline(1);
    await publish(first, 40);
    await subscribe(first);
    const from = { log: first.log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
    const snapshot = (await loadModel(from)).state.models[0]!.model.snapshot();
    broken = await newPipeline(1);
    const to = { log: broken.log, pipeline: PIPELINE, topics: TOPICS };
    await importModel({ ...to, name: 'champion', snapshot, declared: DECLARED });
    await publish(broken, 2400, 40);
    await subscribe(broken);
    before = await load(broken);
  });

  // One after the other on the same pipeline: a model that was made again can be made again.
  test.each([0, 1, 2, 3])(
    'after %i transactions can be begun again',
    async (transactions) => {
      const log = failing(broken.store, transactions);
      await expect(rebuild({ ...broken, log })).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
      // Whatever is there now, the position is ahead of it or it is whole: nothing can be folded twice.
      if (transactions > 0)
        await expect(subscribe(broken)).rejects.toMatchObject({
          code: expect.stringMatching(/^(?:POSITION_AHEAD|MODEL_LOST)$/),
        });
      expect(await broken.log.committed(subscriberGroup(PIPELINE), TOPICS.source)).toEqual([2400]);
      expect(await rebuild(broken)).toMatchObject({ records: 2400, hash: before.hash });
      expect(await load(broken)).toEqual(before);
    },
    20_000,
  );
});

test('a read that brings nothing before the end is no end', async () => {
  const pipeline = await newPipeline(1);
  await publish(pipeline, 60);
  await subscribe(pipeline);
  const before = await load(pipeline);
  const log = new MemoryEventLog(pipeline.store);
  const own = log.own.bind(log);
  let empty = 2;
  log.own = (options, handler) =>
    own(options, (owned) =>
      handler({
        ...owned,
        next: async (asked) => {
          const batch = await owned.next(asked);
          return empty-- > 0 ? { ...batch, records: [], next: asked.from } : batch;
        },
      }),
    );
  expect(await rebuild({ ...pipeline, log })).toMatchObject({ records: 60, hash: before.hash });
});

describe('a rebuild is refused', () => {
  test('while a subscriber is running', async () => {
    const running = await newPipeline(2);
    await publish(running, 20);
    const stop = new AbortController();
    let claimed = 0;
    const ready = new Promise<void>((resolve) => {
      void runSubscriber({
        log: running.log,
        pipeline: PIPELINE,
        models: MODELS,
        signal: stop.signal,
        onEvent: ({ type }) => {
          if (type === 'idle' && ++claimed === 2) resolve();
        },
      });
    });
    await ready;
    await expect(rebuild(running, { waitMs: 50 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('stop the subscribers'),
    });
    stop.abort();
    expect(running.store.partition(TOPICS.model, 0).start).toBe(0);
  });

  test('where the first source records are deleted, unless it is forced', async () => {
    const short = await newPipeline(1);
    await publish(short, 100);
    await subscribe(short);
    const before = await load(short);
    await short.log.trim(TOPICS.source, 0, 30);
    await expect(rebuild(short)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('the 30 records before it are deleted'),
    });
    expect(await load(short)).toEqual(before);
    expect(await rebuild(short, { force: true })).toMatchObject({ records: 70, positions: [100] });
  });

  test('where records were deleted before they were folded, unless it is forced', async () => {
    const late = await newPipeline(1);
    await publish(late, 20);
    await subscribe(late);
    await publish(late, 20, 20);
    await late.log.trim(TOPICS.source, 0, 30);
    await expect(subscribe(late)).rejects.toMatchObject({ code: 'SOURCE_TRUNCATED' });
    await expect(rebuild(late)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await rebuild(late, { force: true })).toMatchObject({ records: 0, positions: [30] });
    expect(await subscribe(late)).toMatchObject({ records: 10, positions: [40] });
  });

  test('when the source was made again', async () => {
    const again = await newPipeline(1);
    await publish(again, 100);
    await subscribe(again);
    tamper(again.store, TOPICS.source, 0, (records) => records.slice(0, 10));
    await expect(rebuild(again)).rejects.toMatchObject({ code: 'SOURCE_TRUNCATED' });
  });

  test('with other models than a delta that is left was written by', async () => {
    const other = await newPipeline(1);
    await publish(other, 10);
    await subscribe(other);
    const models = [{ ...MODELS[0]!, kind: 'bernoulli' }];
    await expect(rebuild(other, { models })).rejects.toMatchObject({ code: 'MODEL_MISMATCH' });
  });

  test('without a source', async () => {
    const log = new MemoryEventLog();
    const none = { log, pipeline: PIPELINE, models: MODELS, analyzer: 'river', fold: FOLD };
    await expect(rebuildModel(none)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('by its own signal, before anything is deleted', async () => {
    const kept = await newPipeline(1);
    await publish(kept, 10);
    await subscribe(kept);
    await expect(rebuild(kept, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(kept.store.partition(TOPICS.model, 0).start).toBe(0);
  });
});
