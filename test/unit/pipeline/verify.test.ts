import { changeDelta } from '../../support/delta-edit.ts';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS } from '../../../src/pipeline/fold.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { runSubscriber } from '../../../src/pipeline/subscriber.ts';
import { verify, type Refuted, type Verified } from '../../../src/pipeline/verify.ts';
import type { LogRecord } from '../../../src/ports/event-log.ts';
import {
  DECLARED,
  foldAll,
  jsonOf,
  MODELS,
  newRun,
  PIPELINE,
  publishAny,
  snapshotAll,
  tamper,
  TOPICS,
  type Run,
} from '../../support/wandering-run.ts';

const check = async (run: Run, fold = run.fold): Promise<Verified | Refuted> => {
  const outcome = await verify({ log: run.log, pipeline: PIPELINE, fold });
  if (outcome === undefined) throw new Error('nobody aborted');
  return outcome;
};

async function folded(
  seed: number,
  partitions: number,
  count = 160,
  models = MODELS,
): Promise<Run> {
  const run = await newRun({ seed, partitions, models });
  await publishAny(run, count / 2);
  await foldAll(run);
  await publishAny(run, count / 2, count / 2);
  await foldAll(run);
  return run;
}

const endOf = async (run: Run, topic: string): Promise<number> =>
  (await run.log.describeTopic(topic))?.partitions.reduce((sum, { end }) => sum + end, 0) ?? 0;

const hashOf = async (run: Run): Promise<string> => {
  const { log } = run;
  const options = { log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
  return (await loadModel(options)).state.hash('champion').hash;
};

const KINDS = ['bernoulli', 'no-change', 'multinomial:alpha=0.5', 'majority', 'complement'];

describe('a run of several workers', () => {
  test.each([1, 3])('verifies to its last byte, over %i partitions', async (partitions) => {
    const run = await folded(7, partitions, 400);
    expect(await check(run)).toEqual({
      verified: true,
      pipeline: PIPELINE,
      partitions,
      deltas: await endOf(run, TOPICS.model),
      records: 400,
      results: await endOf(run, TOPICS.results),
      deadLetters: await endOf(run, TOPICS.dlq),
      hash: await hashOf(run),
      positions: run.store.topic(TOPICS.source).partitions.map(({ end }) => end),
      unverified: { deltas: 0, results: 0, deadLetters: 0 },
    });
    // The run is one in which things happen.
    const types = run.store
      .topic(TOPICS.results)
      .partitions.flatMap(({ records }) => records.map((record) => jsonOf(record)['type']));
    expect(new Set(types)).toEqual(new Set(['prediction', 'outcome', 'metrics', 'alert']));
    expect(await endOf(run, TOPICS.dlq)).toBeGreaterThan(10);
  });

  test('verifies whatever the owners, chunks, catch-ups and kinds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), fc.integer({ min: 1, max: 4 }), async (seed, partitions) => {
        const kind = KINDS[seed % KINDS.length] ?? '';
        const champion = { name: 'champion', kind, role: 'champion' } as const;
        const run = await folded(seed, partitions, 120, seed % 2 === 0 ? MODELS : [champion]);
        expect(await check(run)).toMatchObject({ verified: true, records: 120 });
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  test('verifies what real subscribers wrote, one after the other and at once', async () => {
    const run = await newRun({ seed: 5, partitions: 3 });
    const subscribe = () =>
      runSubscriber({
        log: run.log,
        pipeline: PIPELINE,
        models: [{ name: 'champion', kind: 'bernoulli', role: 'champion' }],
        fold: { metricsEvery: 10 },
        untilEnd: true,
      });
    await publishAny(run, 300);
    await subscribe();
    await publishAny(run, 300, 300);
    await Promise.all([subscribe(), subscribe()]);
    const classes = new ClassRules({ declared: DECLARED });
    const fold = { ...FOLD_DEFAULTS, topics: TOPICS, classes, metricsEvery: 10 };
    expect(await check(run, fold)).toMatchObject({ verified: true, records: 600 });
  });

  test('verifies a run whose later owners ran another challenger', async () => {
    const run = await newRun({ seed: 3, partitions: 2 });
    await publishAny(run, 60);
    await foldAll(run);
    const champion = { name: 'champion', kind: 'multinomial', role: 'champion' } as const;
    const later = await newRun({
      seed: 4,
      partitions: 2,
      models: [champion, { name: 'majority', kind: 'majority', role: 'challenger' }],
    });
    for (const topic of Object.values(TOPICS)) {
      const stored = run.store.topics.get(topic);
      if (stored !== undefined) later.store.topics.set(topic, stored);
    }
    for (const [p, { owner }] of later.claims.entries()) {
      await owner.take(p);
      const epoch = (run.claims[p]?.epoch ?? 0) + 1;
      later.claims[p] = { owner, epoch };
    }
    await publishAny(later, 60, 60);
    await foldAll(later);
    expect(await check(later)).toMatchObject({ verified: true, records: 120 });
  });
});

describe('retention', () => {
  test('results and dead letters that it deleted are counted, the others verified', async () => {
    const run = await folded(11, 2);
    const before = await check(run);
    await run.log.trim(TOPICS.results, 0, 30);
    await run.log.trim(TOPICS.dlq, 1, 2);
    const { results, deadLetters } = before as Verified;
    expect(await check(run)).toMatchObject({
      verified: true,
      results: results - 30,
      deadLetters: deadLetters - 2,
      unverified: { deltas: 0, deadLetters: 2 },
    });
  });

  test('deltas whose source records it deleted are taken as they are, the others verified', async () => {
    const run = await folded(12, 2);
    const before = (await check(run)) as Verified;
    await run.log.trim(TOPICS.source, 0, 20);
    const after = (await check(run)) as Verified;
    expect(after).toMatchObject({ verified: true, deltas: before.deltas, hash: before.hash });
    expect(after.unverified.deltas).toBeGreaterThan(0);
    expect(after.records).toBeLessThan(before.records);
    expect(after.results + after.unverified.results).toBe(before.results);
  });

  test('a model topic without its first deltas cannot be verified, and says from where on', async () => {
    const run = await folded(13, 1);
    await run.log.trim(TOPICS.model, 0, 3);
    await expect(check(run)).rejects.toMatchObject({
      code: 'DELTA_GAP',
      message: expect.stringContaining('--keep-deltas'),
    });
  });

  test.each([1, 3])(
    'what a snapshot stands in for is not verified, all behind it is, over %i partitions',
    async (partitions) => {
      const run = await newRun({ seed: 14, partitions });
      let older: readonly number[] = [];
      for (const [sequence, slot] of [...(['a', 'b'] as const)].entries()) {
        await publishAny(run, 90, sequence * 90);
        await foldAll(run);
        const ends = await snapshotAll(run, slot, sequence + 1);
        if (slot === 'a') older = ends;
      }
      await publishAny(run, 90, 180);
      await foldAll(run);
      for (const [p, end] of older.entries()) await run.log.trim(TOPICS.model, p, end);
      const verified = (await check(run)) as Verified;
      expect(verified).toMatchObject({ verified: true, hash: await hashOf(run) });
      if (partitions === 1) expect(verified.records).toBe(180);
      expect(verified.unverified.results).toBeGreaterThan(60);
      expect(verified.deltas).toBe(
        (await endOf(run, TOPICS.model)) -
          run.store.topic(TOPICS.model).partitions.reduce((sum, { start }) => sum + start, 0),
      );
    },
  );

  test('a snapshot in the midst of a run leaves out what its views cannot tell apart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), async (seed) => {
        const run = await newRun({ seed, partitions: 3 });
        await publishAny(run, 60);
        await foldAll(run);
        const first = await run.log.describeTopic(TOPICS.model);
        await publishAny(run, 60, 60);
        await foldAll(run);
        await snapshotAll(run, 'a', 1);
        await publishAny(run, 60, 120);
        await foldAll(run);
        // Of one partition everything behind an older snapshot is left, of another nothing is missing.
        await run.log.trim(TOPICS.model, 0, first?.partitions[0]?.end ?? 0);
        const verified = (await check(run)) as Verified;
        expect(verified).toMatchObject({ verified: true, hash: await hashOf(run) });
        const { deltas, unverified } = verified;
        expect(unverified.deltas).toBeGreaterThan(0);
        expect(unverified.deltas).toBeLessThan(deltas);
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  test('what real subscribers left after their snapshots is verified', async () => {
    const run = await newRun({ seed: 15, partitions: 2 });
    const settings = { log: run.log, pipeline: PIPELINE, models: MODELS, untilEnd: true };
    for (let round = 0; round < 6; round++) {
      await publishAny(run, 150, round * 150);
      await runSubscriber({ ...settings, snapshotEvery: 1 });
    }
    const starts = run.store.topic(TOPICS.model).partitions.map(({ start }) => start);
    expect(Math.max(...starts)).toBeGreaterThan(0);
    const classes = new ClassRules({ declared: DECLARED });
    const verified = await check(run, { ...FOLD_DEFAULTS, topics: TOPICS, classes });
    expect(verified).toMatchObject({ verified: true, hash: await hashOf(run) });
    expect((verified as Verified).records).toBeGreaterThan(0);
  }, 20_000);

  test('a pipeline that has learned nothing is not there', async () => {
    const run = await newRun({ seed: 1, partitions: 1 });
    await expect(check(run)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

test('results of somebody else in the same topic are none of ours', async () => {
  const run = await folded(21, 1, 60);
  const records = run.store.partition(TOPICS.results, 0).records;
  const foreign = (headers: LogRecord['headers'], name: string, value: string) =>
    headers.map(([header, old]): LogRecord['headers'][number] => [
      header,
      header === name ? new TextEncoder().encode(value) : old,
    ]);
  tamper(run.store, TOPICS.results, 0, (all) =>
    all.flatMap((record, at) =>
      at % 5 === 0
        ? [
            record,
            { ...record, headers: foreign(record.headers, 'ce_source', '/other') },
            {
              ...record,
              headers: foreign(record.headers, 'ce_id', 'other.source/0/1/prediction/champion'),
            },
          ]
        : [record],
    ),
  );
  expect(await check(run)).toMatchObject({ verified: true, results: records.length });
});

describe('a planted violation', () => {
  let run: Run;
  beforeAll(async () => {
    run = await folded(31, 3, 300);
  });

  test('is none in the run as it is', async () => {
    expect(await check(run)).toMatchObject({ verified: true });
  });

  /** Verifies a copy of the run with one topic changed. */
  const planted = async (
    topic: string,
    partition: number,
    change: (records: LogRecord[]) => LogRecord[],
  ): Promise<Verified | Refuted> => {
    const stored = run.store.partition(topic, partition);
    const { records, end } = stored;
    tamper(run.store, topic, partition, change);
    try {
      return await check(run);
    } finally {
      Object.assign(stored, { records, end });
    }
  };
  const at =
    (index: number, change: (record: LogRecord) => LogRecord | LogRecord[]) =>
    (records: LogRecord[]) =>
      records.flatMap((record, i) => (i === index ? change(record) : [record]));
  const prediction = (partition: number): number => {
    const { records } = run.store.partition(TOPICS.results, partition);
    return records.findIndex(
      (record, i) => i > 40 && jsonOf(record)['type'] === 'prediction' && jsonOf(record)['label'],
    );
  };
  const sourceOf = (partition: number, index: number): number => {
    const record = run.store.partition(TOPICS.results, partition).records[index];
    return (jsonOf(record as LogRecord)['source'] as { offset: number }).offset;
  };
  const delta = (change: Parameters<typeof changeDelta>[1]) => (record: LogRecord) => ({
    ...record,
    value: changeDelta(record.value as Uint8Array, change),
  });

  test('one count in a delta, its checksum made again', async () => {
    const change = delta((old) => ({
      ...old,
      models: old.models.map((model, m) => {
        if (m > 0) return model;
        const counts = model.delta.counts.map((n, i) => (i === 1 ? n + 1 : n));
        return { ...model, delta: { ...model.delta, counts } };
      }),
    }));
    expect(await planted(TOPICS.model, 2, at(4, change))).toMatchObject({
      verified: false,
      problem: 'differs',
      partition: 2,
      topic: TOPICS.model,
      at: 4,
      field: 'models[0].counts[1]',
    });
  });

  test('a probability in a delta, changed in the last digit', async () => {
    let offset = -1;
    const change = delta((old) => ({
      ...old,
      events: old.events.map((entry) => {
        const first = entry.kind === 'text' ? entry.answers[0] : undefined;
        if (entry.kind !== 'text' || first === undefined || offset >= 0) return entry;
        if (first.answer.probabilities.length < 2) return entry;
        offset = entry.event.offset;
        const probabilities = Array.from(first.answer.probabilities);
        probabilities[1] = (probabilities[1] ?? 0) * (1 + 2 ** -52);
        const answer = { ...first.answer, probabilities };
        return { ...entry, answers: [{ ...first, answer }, ...entry.answers.slice(1)] };
      }),
    }));
    const refuted = await planted(TOPICS.model, 1, at(5, change));
    expect(refuted).toMatchObject({ problem: 'differs', partition: 1, offset, at: 5 });
    expect((refuted as Refuted).field).toMatch(
      /^events\[\d+\]\.answers\[0\]\.answer\.probabilities\[1\]$/,
    );
  });

  test('a result that is dropped', async () => {
    const index = prediction(1);
    expect(
      await planted(
        TOPICS.results,
        1,
        at(index, () => []),
      ),
    ).toEqual({
      verified: false,
      pipeline: PIPELINE,
      problem: 'missing',
      partition: 1,
      offset: sourceOf(1, index),
      topic: TOPICS.results,
      at: undefined,
    });
  });

  test('the last result that is dropped', async () => {
    const { records } = run.store.partition(TOPICS.results, 1);
    const last = records.findLastIndex((record) => jsonOf(record)['idle'] !== true);
    expect(
      await planted(
        TOPICS.results,
        1,
        at(last, () => []),
      ),
    ).toMatchObject({
      problem: 'missing',
      offset: sourceOf(1, last),
    });
  });

  test.each([
    ['behind itself', 1],
    ['at the end of the topic', 1_000_000],
  ])('a result that is doubled, %s', async (_, behind) => {
    const index = prediction(0);
    const { records } = run.store.partition(TOPICS.results, 0);
    const second = Math.min(index + behind, records.length);
    const change = (all: LogRecord[]) => all.toSpliced(second, 0, all[index] as LogRecord);
    expect(await planted(TOPICS.results, 0, change)).toMatchObject({
      problem: 'extra',
      partition: 0,
      offset: sourceOf(0, index),
      topic: TOPICS.results,
      at: second,
    });
  });

  test('two results that have changed places', async () => {
    const index = prediction(2);
    const change = (all: LogRecord[]) => {
      const [a, b] = [all[index] as LogRecord, all[index + 1] as LogRecord];
      return all.toSpliced(index, 2, b, a);
    };
    expect(await planted(TOPICS.results, 2, change)).toMatchObject({
      problem: 'order',
      partition: 2,
      offset: sourceOf(2, index),
      at: index,
    });
  });

  test('a probability in a result, changed in the last digit', async () => {
    const index = prediction(1);
    let [before, after] = [0, 0];
    const change = (record: LogRecord) => {
      const value = jsonOf(record) as { probabilities: Record<string, number> };
      before = value.probabilities['positive'] ?? 0;
      after = value.probabilities['positive'] = before * (1 + 2 ** -52);
      return { ...record, value: new TextEncoder().encode(JSON.stringify(value)) };
    };
    expect(await planted(TOPICS.results, 1, at(index, change))).toEqual({
      verified: false,
      pipeline: PIPELINE,
      problem: 'differs',
      partition: 1,
      offset: sourceOf(1, index),
      topic: TOPICS.results,
      at: index,
      field: 'probabilities.positive',
      expected: String(before),
      found: String(after),
    });
    expect(after).not.toBe(before);
  });

  test('another class in a result is named by its field, never by what stands there', async () => {
    const index = prediction(1);
    const change = (record: LogRecord) => {
      const value = { ...jsonOf(record), id: 'secret words' };
      return { ...record, value: new TextEncoder().encode(JSON.stringify(value)) };
    };
    const refuted = await planted(TOPICS.results, 1, at(index, change));
    expect(refuted).toMatchObject({ field: 'id', expected: 'a string', found: 'another string' });
    expect(JSON.stringify(refuted)).not.toContain('secret');
  });

  test('idle metrics with another figure', async () => {
    const { records } = run.store.partition(TOPICS.results, 0);
    const index = records.findLastIndex((record) => jsonOf(record)['idle'] === true);
    const change = (record: LogRecord) => {
      const value = { ...jsonOf(record), learned: 9999 };
      return { ...record, value: new TextEncoder().encode(JSON.stringify(value)) };
    };
    expect(await planted(TOPICS.results, 0, at(index, change))).toMatchObject({
      problem: 'differs',
      field: 'learned',
      found: '9999',
    });
  });

  test('a result of a source record that does not exist', async () => {
    const change = (all: LogRecord[]) => {
      const last = all.at(-1) as LogRecord;
      const headers = last.headers.map(([name, value]): LogRecord['headers'][number] => [
        name,
        name === 'ce_id'
          ? new TextEncoder().encode(`${TOPICS.source}/0/77777/prediction/m`)
          : value,
      ]);
      return [...all, { ...last, headers }];
    };
    expect(await planted(TOPICS.results, 0, change)).toMatchObject({
      problem: 'extra',
      offset: 77_777,
    });
  });

  test('a dead letter that is missing', async () => {
    const { records } = run.store.partition(TOPICS.dlq, 1);
    expect(records.length).toBeGreaterThan(3);
    const origin = records[2]?.headers.find(([name]) => name === '__streams.errors.offset');
    expect(
      await planted(
        TOPICS.dlq,
        1,
        at(2, () => []),
      ),
    ).toMatchObject({
      problem: 'missing',
      partition: 1,
      topic: TOPICS.dlq,
      offset: Number(new TextDecoder().decode(origin?.[1])),
    });
  });

  test('a dead letter with another reason', async () => {
    const change = (record: LogRecord) => ({
      ...record,
      headers: record.headers.map(([name, value]): LogRecord['headers'][number] => [
        name,
        name === 'valence.errors.code' ? new TextEncoder().encode('LOG_FULL') : value,
      ]),
    });
    expect(await planted(TOPICS.dlq, 1, at(2, change))).toMatchObject({
      problem: 'differs',
      topic: TOPICS.dlq,
      field: 'headers[6]',
    });
  });

  test('a delta that is repeated', async () => {
    const change = (record: LogRecord) => [record, record];
    expect(await planted(TOPICS.model, 1, at(3, change))).toMatchObject({
      problem: 'repeated',
      partition: 1,
      topic: TOPICS.model,
      at: 4,
      field: 'from',
    });
  });

  test('a delta that is missing', async () => {
    expect(
      await planted(
        TOPICS.model,
        1,
        at(3, () => []),
      ),
    ).toMatchObject({
      problem: 'gap',
      partition: 1,
      at: 3,
    });
  });

  test('a delta whose bytes are damaged', async () => {
    const change = (record: LogRecord) => ({ ...record, value: record.value!.map((b) => b ^ 1) });
    expect(await planted(TOPICS.model, 2, at(3, change))).toMatchObject({
      problem: 'damaged',
      partition: 2,
      at: 3,
    });
  });

  test('an epoch that falls', async () => {
    const { records } = run.store.partition(TOPICS.model, 0);
    const change = delta((old) => ({ ...old, epoch: 0 }));
    expect(await planted(TOPICS.model, 0, at(records.length - 1, change))).toMatchObject({
      problem: 'epoch',
      partition: 0,
      at: records.length - 1,
    });
  });

  test('a view that claims what nobody had committed', async () => {
    const ends = run.store.topic(TOPICS.source).partitions.map(({ end }) => end);
    const beyond = delta((old) => ({ ...old, seen: [old.from, (ends[1] ?? 0) + 5, old.seen[2]] }));
    expect(await planted(TOPICS.model, 0, at(3, beyond))).toMatchObject({
      problem: 'seen',
      partition: 0,
      at: 3,
      field: 'seen[1]',
      expected: expect.stringMatching(/^at most \d+$/),
      found: String((ends[1] ?? 0) + 5),
    });
  });

  test('a view that claims what was committed later only', async () => {
    const ends = run.store.topic(TOPICS.source).partitions.map(({ end }) => end);
    const later = delta((old) => ({ ...old, seen: [old.from, ends[1], old.seen[2]] }));
    expect(await planted(TOPICS.model, 0, at(3, later))).toMatchObject({ verified: false, at: 3 });
  });

  test('a view that ends within a delta', async () => {
    const { records } = run.store.partition(TOPICS.model, 0);
    const index = records.length - 1;
    const inside = delta((old) => ({
      ...old,
      seen: [old.from, (old.seen[1] ?? 1) - 1, old.seen[2]],
    }));
    expect(await planted(TOPICS.model, 0, at(index, inside))).toMatchObject({
      problem: 'seen',
      at: index,
      field: 'seen[1]',
    });
  });

  test('settings that are not those of the subscriber', async () => {
    expect(await check(run, { ...run.fold, explain: 0 })).toMatchObject({
      problem: 'differs',
      topic: TOPICS.results,
      field: 'explanation',
      expected: 'nothing',
    });
  });
});
