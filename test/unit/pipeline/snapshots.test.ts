import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { armCrashPoint } from '../../../src/crash-point.ts';
import { ValenceError } from '../../../src/errors.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { SnapshotTopic, type Found, type Subject } from '../../../src/pipeline/snapshot-topic.ts';
import type { SubscriberEvent } from '../../../src/pipeline/subscriber.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import type { ModelSpec } from '../../../src/pipeline/state.ts';
import type { EventLog } from '../../../src/ports/event-log.ts';
import { expectSame } from '../../support/same.ts';
import {
  CHALLENGER,
  CHAMPION,
  copyOf,
  DECLARED,
  FOLD,
  hashes,
  inputs,
  KINDS,
  OFTEN,
  PIPELINE,
  publish,
  recordsOf,
  replaced,
  restored,
  resultsOf,
  someInputs,
  subscribe,
  TOPICS,
  withLog,
  type SourceInput,
} from '../../support/snapshot-runs.ts';

jest.setTimeout(60_000);

const keyOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();

/** Publishes and folds in several runs, each of which may take snapshots. */
async function runs(
  log: EventLog,
  parts: readonly (readonly SourceInput[])[],
  options: Parameters<typeof subscribe>[1] = OFTEN,
): Promise<SubscriberEvent[]> {
  const events: SubscriberEvent[] = [];
  let from = 0;
  for (const part of parts) {
    await publish(log, part, from);
    from += part.length;
    await subscribe(log, { ...options, onEvent: (event) => events.push(event) });
  }
  return events;
}

const parts = (count: number, length = 60): SourceInput[][] =>
  Array.from({ length: count }, (_, i) => someInputs(length, i * length));

async function wholeOf<S extends Subject>(log: EventLog, subject: S): Promise<readonly Found<S>[]> {
  const snapshots = new SnapshotTopic(log, TOPICS.snapshots);
  await snapshots.refresh();
  return snapshots.whole(subject);
}

const startOf = async (log: EventLog, topic: string, partition = 0): Promise<number> =>
  (await log.describeTopic(topic))?.partitions[partition]?.start ?? -1;

/** Writes a record of the snapshots topic again, changed. */
async function damage(
  log: EventLog,
  key: string,
  change: (value: Buffer) => Uint8Array | null,
): Promise<void> {
  const [records = []] = await recordsOf(log, TOPICS.snapshots);
  const record = records.findLast((each) => keyOf(each.key) === key && each.value !== null);
  if (record === undefined) throw new Error(`no ${key}`);
  await log.append(TOPICS.snapshots, [
    { partition: 0, key, value: change(Buffer.from(record.value ?? [])) },
  ]);
}

const flipLast = (value: Buffer): Buffer => {
  const at = value.length - 1;
  value[at] = (value[at] ?? 0) ^ 1;
  return value;
};

describe.each(KINDS)('on %s with %i partitions', (kind, partitions) => {
  test('a snapshot and the deltas behind it are what all deltas are, and what nobody disturbed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60 }).chain(inputs), { minLength: 1, maxLength: 4 }),
        inputs(20),
        async (given, later) => {
          await withLog(kind, partitions, async (log) => {
            await runs(log, given, { ...OFTEN, snapshotEvery: 0.25 });
            expect((await wholeOf(log, { kind: 'sums' })).length).toBeGreaterThanOrEqual(
              given.flat().length > 30 ? 1 : 0,
            );
            const whole = await copyOf(log, TOPICS.snapshots);
            expectSame(await hashes(log), await hashes(whole));
            if (partitions === 1)
              await withLog('memory', 1, async (undisturbed) => {
                await runs(undisturbed, given, {});
                expectSame(await hashes(log), await hashes(undisturbed));
                expectSame(await resultsOf(log), await resultsOf(undisturbed));
              });
            // Whatever comes later gives the same bytes, deltas included.
            const [fromSnapshot, fromDeltas] = [await restored(log), await restored(whole)];
            for (const [partition, fold] of fromSnapshot.folds.entries()) {
              const position = fromSnapshot.state.positions[partition] ?? 0;
              const records = later.map((value, i) => ({
                topic: TOPICS.source,
                partition,
                offset: position + i,
                timestamp: 4_100_000_000_000 + i,
                key: null,
                value: Buffer.from(JSON.stringify(value)),
                headers: [],
              }));
              const [ours, theirs] = [fold, fromDeltas.folds[partition]].map((each) =>
                each?.stage(records, position, 9),
              );
              expectSame(ours?.outputs, theirs?.outputs);
              if (ours !== undefined && theirs !== undefined) {
                fold.commit(ours);
                fromDeltas.folds[partition]?.commit(theirs);
              }
            }
            expectSame(fromSnapshot.state.taught, fromDeltas.state.taught);
            await whole.close();
          });
        },
      ),
      { numRuns: kind === 'memory' ? 6 : 3 },
    );
  });

  test('deltas that two snapshots hold are deleted, and nothing else changes', async () => {
    await withLog(kind, partitions, async (log) => {
      const given = parts(partitions === 1 ? 12 : 24);
      const events = await runs(log, given, { snapshotEvery: 1 });
      const kinds = new Set(events.flatMap((e) => (e.type === 'snapshot' ? [e.kind] : [])));
      expect(kinds).toEqual(new Set(['sums', 'carry']));
      expect(await startOf(log, TOPICS.model)).toBeGreaterThan(0);
      for (let partition = 0; partition < partitions; partition++) {
        const sums = await wholeOf(log, { kind: 'sums' });
        const carries = await wholeOf(log, { kind: 'carry', partition });
        const slots = [
          ...sums.map(({ header }) => header.partitions[partition]?.model),
          ...carries.map(({ header }) => header.model),
        ];
        expect(await startOf(log, TOPICS.model, partition)).toBeLessThanOrEqual(
          Math.min(...slots.map((model) => model ?? 0)),
        );
      }
      if (partitions > 1) return;
      await withLog('memory', 1, async (undisturbed) => {
        await runs(undisturbed, given, {});
        expectSame(await hashes(log), await hashes(undisturbed));
        expectSame(await resultsOf(log), await resultsOf(undisturbed));
      });
    });
  });

  test('a model whose deltas were deleted is shown as if they were there', async () => {
    await withLog(kind, partitions, async (log) => {
      await runs(log, parts(12), { snapshotEvery: 1 });
      const options = { log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
      const { state, deltas } = await loadModel(options);
      expect(state.hash('champion').learned).toBe(
        (await restored(log)).state.models[0]?.model.learned,
      );
      const kept = await recordsOf(log, TOPICS.model);
      expect(deltas[0]).toBeLessThanOrEqual(kept[0]?.length ?? 0);
      const before = state.hash('champion');
      for (const [partition, { end }] of (
        (await log.describeTopic(TOPICS.model))?.partitions ?? []
      ).entries())
        if (partition > 0) continue;
        else {
          // All that is left are snapshots, where they hold everything.
          const [newest] = await wholeOf(log, { kind: 'sums' });
          if (newest?.header.partitions[0]?.model === end) await log.trim(TOPICS.model, 0, end);
        }
      expect((await loadModel(options)).state.hash('champion')).toEqual(before);
    });
  });
});

describe.each(['memory', 'sqlite'] as const)('a damaged snapshot on %s', (kind) => {
  /** The newest slot of a kind, damaged. */
  const damages: [string, (slot: string) => [string, (value: Buffer) => Uint8Array | null]][] = [
    ['a flipped bit in a chunk', (slot) => [`${slot}0`, flipLast]],
    ['a chunk that is missing', (slot) => [`${slot}0`, () => null]],
    ['a chunk that is cut off', (slot) => [`${slot}0`, (value) => value.subarray(0, 9)]],
    ['a header that is no JSON', (slot) => [`${slot}header`, (value) => value.subarray(1)]],
    [
      'a header of another version',
      (slot) => [
        `${slot}header`,
        (value) => Buffer.from(value.toString().replace('"version":1', '"version":2')),
      ],
    ],
    [
      'a header with another checksum',
      (slot) => [
        `${slot}header`,
        (value) =>
          Buffer.from(value.toString().replace(/"checksum":"./, '"checksum":"' + 'f'.slice(0, 1))),
      ],
    ],
  ];

  test.each(damages)('with %s gives way to the other slot', async (_name, how) => {
    await withLog(kind, 1, async (log) => {
      await runs(log, parts(12), { snapshotEvery: 1 });
      const before = await hashes(log);
      for (const subject of [{ kind: 'sums' }, { kind: 'carry', partition: 0 }] as const) {
        const [newest, older] = await wholeOf(log, subject);
        const prefix = subject.kind === 'sums' ? '/' : '/carry/0/';
        await damage(log, ...how(`${newest?.slot}${prefix}`));
        expect(older?.slot).not.toBe(newest?.slot);
      }
      expect(await hashes(log)).toEqual(before);
      // Learning goes on, and the next snapshot takes the damaged slot.
      const events = await runs(log, [someInputs(200, 720)], { snapshotEvery: 1 });
      expect(events).toContainEqual(expect.objectContaining({ type: 'snapshot', kind: 'sums' }));
      expect(await wholeOf(log, { kind: 'sums' })).toHaveLength(2);
    });
  });

  test('stops the subscriber when both slots are damaged and deltas are deleted', async () => {
    await withLog(kind, 1, async (log) => {
      await runs(log, parts(12), { snapshotEvery: 1 });
      for (const slot of ['a', 'b']) await damage(log, `${slot}/0`, flipLast);
      await publish(log, someInputs(1, 9000));
      const wrong = {
        code: 'SNAPSHOT_CORRUPT',
        message: expect.stringContaining('valence model rebuild'),
      };
      await expect(subscribe(log)).rejects.toMatchObject(wrong);
      await expect(hashes(log)).rejects.toMatchObject(wrong);
      // Nothing was learned.
      expect((await log.committed(`${PIPELINE}.subscriber`, TOPICS.source))[0]).toBe(720);
    });
  });

  test('stops the subscriber when both carries are damaged and deltas are deleted', async () => {
    await withLog(kind, 1, async (log) => {
      await runs(log, parts(12), { snapshotEvery: 1 });
      for (const slot of ['a', 'b']) await damage(log, `${slot}/carry/0/0`, flipLast);
      await expect(subscribe(log)).rejects.toMatchObject({
        code: 'SNAPSHOT_CORRUPT',
        fields: { kind: 'carry', partition: 0 },
      });
    });
  });

  test('is no matter as long as all deltas are kept', async () => {
    await withLog(kind, 1, async (log) => {
      await runs(log, parts(6));
      const before = await hashes(log);
      for (const key of ['a/0', 'b/0', 'a/carry/0/0', 'b/carry/0/0'])
        await damage(log, key, flipLast);
      expect(await hashes(log)).toEqual(before);
      expect(await subscribe(log)).toMatchObject({ positions: [360] });
    });
  });
});

describe('a subscriber that dies while it writes a snapshot', () => {
  test.each([1, 2, 3, 4, 5])('after chunk %i leaves a topic that works', async (nth) => {
    await withLog('sqlite', 1, async (log) => {
      const given = parts(10, 100);
      armCrashPoint(`snapshotChunk:${nth}`, () => {
        throw new Error('killed');
      });
      let deaths = 0;
      for (const [i, part] of given.entries()) {
        await publish(log, part, i * 100);
        for (;;) {
          try {
            await subscribe(log, { snapshotEvery: 1 });
            break;
          } catch (error) {
            expect(error).toMatchObject({ message: 'killed' });
            deaths += 1;
          }
        }
      }
      expect(deaths).toBe(1);
      await withLog('memory', 1, async (undisturbed) => {
        await runs(undisturbed, given, {});
        expectSame(await hashes(log), await hashes(undisturbed));
      });
      expect(await wholeOf(log, { kind: 'sums' })).toHaveLength(2);
    });
  });
});

describe('stops before it learns on doubtful state', () => {
  /** A log whose model topic is empty, with nothing that was ever claimed. */
  const withoutDeltas = (log: EventLog): EventLog =>
    replaced(log, {
      read: async (topic, partition, options) =>
        topic === TOPICS.model
          ? { records: [], next: options.from, end: 0 }
          : log.read(topic, partition, options),
      own: (options, handler) => log.own(options, (owned) => handler({ ...owned, fence: 0 })),
    });

  test('when the model topic was lost', async () => {
    await withLog('memory', 1, async (log) => {
      await runs(log, parts(1), {});
      const end = (await recordsOf(log, TOPICS.model))[0]?.length ?? 0;
      await log.trim(TOPICS.model, 0, end);
      await expect(subscribe(log)).rejects.toMatchObject({ code: 'DELTA_GAP' });
    });
  });

  test('when the model topic was made again', async () => {
    await withLog('memory', 1, async (log) => {
      await runs(log, parts(1), {});
      const empty = { start: 0, end: 0 };
      const lost = replaced(withoutDeltas(log), {
        describeTopic: async (topic) => {
          const found = await log.describeTopic(topic);
          return topic === TOPICS.model && found !== undefined
            ? { ...found, partitions: [empty] }
            : found;
        },
      });
      await expect(subscribe(lost)).rejects.toMatchObject({
        code: 'MODEL_LOST',
        message: expect.stringContaining('valence model rebuild'),
        fields: { partition: 0, committed: 60 },
      });
    });
  });

  test('when the model topic was lost, and with it what retention has taken from the source', async () => {
    await withLog('memory', 1, async (log) => {
      await runs(log, parts(1), {});
      await log.trim(TOPICS.source, 0, 60);
      await expect(subscribe(withoutDeltas(log))).rejects.toMatchObject({
        code: 'MODEL_LOST',
        fields: { partition: 0, committed: 60 },
      });
    });
  });

  test('when a snapshot is of deltas that were replaced since', async () => {
    await withLog('memory', 1, async (log) => {
      await runs(log, parts(6), { snapshotEvery: 1 });
      const [records = []] = await recordsOf(log, TOPICS.model);
      // The model was made again: it begins anew behind all that was there.
      const end = (records.at(-1)?.offset ?? 0) + 1;
      await withLog('memory', 1, async (other) => {
        await runs(other, parts(6), {});
        const [again = []] = await recordsOf(other, TOPICS.model);
        await log.append(TOPICS.model, again);
        await log.trim(TOPICS.model, 0, end);
        expect(await hashes(log)).toEqual(await hashes(other));
      });
    });
  });
});

test('a start reads as much after a long history as after a short one', async () => {
  /** Bytes of keys and values that a start reads. */
  const readAtStart = async (log: EventLog): Promise<number> => {
    let bytes = 0;
    const counting = replaced(log, {
      read: async (topic, partition, options) => {
        const batch = await log.read(topic, partition, options);
        for (const { key, value } of batch.records)
          bytes += (key?.length ?? 0) + (value?.length ?? 0);
        return batch;
      },
    });
    await subscribe(counting, { snapshotEvery: 4 });
    return bytes;
  };
  await withLog('sqlite', 1, async (log) => {
    // The same terms again and again, so that the model stays as large; what waits and stays correctable is bounded.
    const text = (i: number): SourceInput => someInputs(1, i % 450)[0] as SourceInput;
    const measured: number[] = [];
    let folded = 0;
    for (const length of [1000, 4000]) {
      while (folded < length) {
        await publish(
          log,
          Array.from({ length: 100 }, (_, i) => text(folded + i)),
          folded,
        );
        folded += 100;
        await subscribe(log, { snapshotEvery: 4 });
      }
      measured.push(await readAtStart(log));
    }
    const [short = 0, long = Infinity] = measured;
    expect(long).toBeLessThan(1.2 * short);
    expect(await startOf(log, TOPICS.model)).toBeGreaterThan(20);
  });
});

describe('the log', () => {
  test('that refuses to delete is told of once, and learning goes on', async () => {
    await withLog('memory', 1, async (log) => {
      const refusing = replaced(log, {
        trim: async () => {
          throw new ValenceError('CONFIG_INVALID', 'no permission on the topic (DELETE)');
        },
      });
      const events = await runs(refusing, parts(12), { snapshotEvery: 1 });
      const warnings = events.filter(({ type }) => type === 'warning');
      expect(warnings.slice(0, 1)).toEqual([
        {
          type: 'warning',
          partition: 0,
          code: 'CONFIG_INVALID',
          message: 'no permission on the topic (DELETE)',
        },
      ]);
      // Once a process, of which each run is one; the first of them took too few snapshots to delete anything.
      expect(warnings.length).toBeLessThan(12);
      expect(await startOf(log, TOPICS.model)).toBe(0);
      expect((await wholeOf(log, { kind: 'sums' })).length).toBe(2);
    });
  });

  test('that cannot be reached for a deletion is asked again later', async () => {
    await withLog('memory', 1, async (log) => {
      let refusals = 1;
      const busy = replaced(log, {
        trim: async (...args) => {
          if (refusals-- > 0) throw new ValenceError('LOG_UNAVAILABLE', 'busy');
          await log.trim(...args);
        },
      });
      const events = await runs(busy, parts(20), { snapshotEvery: 1 });
      expect(events.filter(({ type }) => type === 'warning')).toEqual([]);
      expect(refusals).toBeLessThan(1);
      expect(await startOf(log, TOPICS.model)).toBeGreaterThan(0);
    });
  });

  /** A log that refuses some transactions as too large. */
  const narrow = (log: EventLog, isTooLarge: (topics: readonly string[]) => boolean): EventLog =>
    replaced(log, {
      own: (options, handler) =>
        log.own(options, (owned) =>
          handler({
            ...owned,
            next: (wanted) => owned.next(wanted),
            transact: async (commit) => {
              if (isTooLarge(commit.records.map(({ topic }) => topic)))
                throw new ValenceError('CHUNK_TOO_LARGE', 'too large');
              await owned.transact(commit);
            },
          }),
        ),
    });

  test('that takes no chunk of a snapshot goes without snapshots', async () => {
    await withLog('memory', 1, async (log) => {
      await publish(log, parts(1, 1200).flat());
      const events: SubscriberEvent[] = [];
      const small = narrow(log, (topics) => topics.includes(TOPICS.snapshots));
      const summary = await subscribe(small, {
        snapshotEvery: 1,
        onEvent: (event) => events.push(event),
      });
      expect(summary).toMatchObject({ records: 1200, positions: [1200] });
      expect(events.filter(({ type }) => type === 'warning')).toMatchObject([
        { code: 'CHUNK_TOO_LARGE', message: expect.stringContaining('max.message.bytes') },
      ]);
    });
  });

  test('that takes small chunks only gets smaller ones', async () => {
    await withLog('memory', 1, async (log) => {
      await publish(log, parts(1, 100).flat());
      const sizes: number[] = [];
      const small = narrow(
        log,
        (topics) => topics.filter((topic) => topic === TOPICS.results).length > 30,
      );
      await subscribe(small, {
        onEvent: (event) => event.type === 'chunk' && sizes.push(event.records),
      });
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
      expect(sizes[0]).toBe(25);
    });
  });

  test('that does not take what one record gives stops the subscriber', async () => {
    await withLog('memory', 1, async (log) => {
      await publish(log, parts(1, 4).flat());
      await expect(subscribe(narrow(log, () => true))).rejects.toMatchObject({
        code: 'TOPIC_MISMATCH',
        message: expect.stringContaining('max.message.bytes'),
      });
    });
  });

  test('whose end lies behind offsets without a record lets a run end', async () => {
    await withLog('memory', 2, async (log) => {
      await publish(log, parts(1, 50).flat());
      const [first, second] = (await log.describeTopic(TOPICS.source))?.partitions ?? [];
      // As markers of transactions do: the end is three further, and reading gets there without a record.
      const behind = (partition: number) => ((partition === 0 ? first : second)?.end ?? 0) + 3;
      const marked = (partition: number, batch: Awaited<ReturnType<EventLog['read']>>) => {
        const end = behind(partition);
        return batch.next >= end - 3 ? { ...batch, next: end, end } : { ...batch, end };
      };
      const past = (partition: number, from: number) => Math.min(from, behind(partition) - 3);
      const kafkaLike = replaced(log, {
        describeTopic: async (topic) => {
          const found = await log.describeTopic(topic);
          if (topic !== TOPICS.source || found === undefined) return found;
          const partitions = found.partitions.map(({ start }, p) => ({ start, end: behind(p) }));
          return { ...found, partitions };
        },
        read: async (topic, partition, options) =>
          topic === TOPICS.source
            ? marked(
                partition,
                await log.read(topic, partition, {
                  ...options,
                  from: past(partition, options.from),
                }),
              )
            : log.read(topic, partition, options),
        own: (options, handler) =>
          log.own(options, (owned) =>
            handler({
              ...owned,
              transact: (commit) => owned.transact(commit),
              next: async (wanted) =>
                marked(
                  owned.partition,
                  await owned.next({ ...wanted, from: past(owned.partition, wanted.from) }),
                ),
            }),
          ),
      });
      // Two at once: each waits for the partition of the other, too.
      const summaries = await Promise.all([subscribe(kafkaLike), subscribe(kafkaLike)]);
      expect(summaries.reduce((sum, { records }) => sum + records, 0)).toBe(50);
    });
  });
});

test('a model that the snapshot taker does not run stays in snapshots', async () => {
  await withLog('memory', 1, async (log) => {
    const both = [CHAMPION, CHALLENGER];
    await publish(log, someInputs(100));
    await subscribe(log, { models: both, snapshotEvery: 1 });
    for (let from = 100; from < 2100; from += 100) {
      await publish(log, someInputs(100, from), from);
      await subscribe(log, { snapshotEvery: 1 });
    }
    expect(await startOf(log, TOPICS.model)).toBeGreaterThan(1);
    await publish(log, someInputs(100, 2100), 2100);
    await subscribe(log, { models: both });
    await withLog('memory', 1, async (kept) => {
      await publish(kept, someInputs(100));
      await subscribe(kept, { models: both });
      for (let from = 100; from < 2100; from += 100) {
        await publish(kept, someInputs(100, from), from);
        await subscribe(kept);
      }
      await publish(kept, someInputs(100, 2100), 2100);
      await subscribe(kept, { models: both });
      const state = async (of: EventLog) => {
        const loaded = await restored(of, both);
        return [loaded.state.hash('cnb'), loaded.folds.map((fold) => fold.snapshot())];
      };
      expectSame(await state(log), await state(kept));
      expectSame(await resultsOf(log), await resultsOf(kept));
    });
  });
});

describe('a challenger that comes after a snapshot of the sums and goes', () => {
  const champion: ModelSpec = { ...CHAMPION, kind: 'gtnb:bits=14' };
  /** Eight words of many, so that the sums are large and their next snapshot is far. */
  const many = (count: number, from: number): SourceInput[] =>
    Array.from({ length: count }, (_, i) => {
      const n = from + i;
      const text = Array.from({ length: 8 }, (_w, at) => `w${((n * 8 + at) * 7919) % 5003}`).join(
        ' ',
      );
      return { id: `r-${n}`, text, label: n % 3 === 0 ? 'positive' : 'negative' };
    });

  test.each([
    ['complement', 'river:ngrams=1-2'],
    ['gtnb:bits=14,dfe=on', 'river'],
  ])('as %s on %s is in the carries, and is taken up again', async (kind, analyzer) => {
    const both: ModelSpec[] = [champion, { ...CHALLENGER, kind }];
    const alone = [champion];
    const sumsOf = (log: EventLog) => wholeOf(log, { kind: 'sums' });
    const carriesOf = (log: EventLog) => wholeOf(log, { kind: 'carry', partition: 0 });
    /** Carries are snapshotted often; then all that the sums hold is let go of. */
    const live = async (log: EventLog, isCalm: boolean) => {
      let from = 0;
      const run = async (count: number, models: ModelSpec[]) => {
        await publish(log, many(count, from), from);
        from += count;
        const taking = isCalm ? {} : { snapshotEvery: 1, keepDeltas: true };
        const analyzers = models === both ? { analyzer } : {};
        await subscribe(log, { models, ...analyzers, ...taking });
      };
      await run(900, alone);
      await run(5, alone);
      await run(80, both);
      await run(80, both);
      if (!isCalm) {
        const [sums, ...others] = await sumsOf(log);
        expect([sums?.header.models.length, others.length]).toEqual([1, 0]);
        const carries = await carriesOf(log);
        expect(carries.map(({ header }) => header.position)).toEqual([1065, 985]);
        await log.trim(TOPICS.model, 0, sums?.header.partitions[0]?.model ?? 0);
        expect(await startOf(log, TOPICS.model)).toBeGreaterThan(0);
        const verified = await verify({ log, pipeline: PIPELINE, fold: FOLD });
        expect(verified).toMatchObject({ verified: true });
      }
      await run(120, alone);
      if (!isCalm) expect((await carriesOf(log))[0]?.header.position).toBe(1185);
      await run(10, both);
      const { state, folds } = await restored(log, both, analyzer);
      return [
        both.map(({ name }) => state.hash(name)),
        state.models.map((model) => state.meanCalibrator(model)?.snapshot()),
        folds.map((fold) => fold.snapshot()),
        await resultsOf(log),
      ];
    };
    const disturbed = await withLog('memory', 1, (log) => live(log, false));
    expectSame(disturbed, await withLog('memory', 1, (log) => live(log, true)));
  });
});

test('a snapshot of another kind of model stops the subscriber', async () => {
  await withLog('memory', 1, async (log) => {
    await runs(log, parts(12), { snapshotEvery: 1 });
    const models = [{ ...CHAMPION, kind: 'complement' }];
    await expect(subscribe(log, { models })).rejects.toMatchObject({ code: 'MODEL_MISMATCH' });
  });
});

test('a process that slept while deltas were deleted begins anew with the snapshot', async () => {
  await withLog('memory', 2, async (log) => {
    await publish(log, someInputs(200));
    await subscribe(log, { snapshotEvery: 1 });
    const frozen = (await log.describeTopic(TOPICS.model))?.partitions ?? [];
    const stop = new AbortController();
    let asleep = true;
    let beginnings = 0;
    const sleepy = replaced(log, {
      // Sees of the model topic what was there at first, until it wakes up.
      read: async (topic, partition, options) => {
        const end = frozen[partition]?.end ?? 0;
        if (!asleep || topic !== TOPICS.model || options.from < end)
          return log.read(topic, partition, options);
        return { records: [], next: options.from, end };
      },
      own: async ({ signal }) => {
        beginnings += 1;
        if (beginnings > 1) stop.abort();
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
      },
    });
    const standby = subscribe(sleepy, { untilEnd: false, signal: stop.signal });
    for (let from = 200; from < 4000; from += 100) {
      await publish(log, someInputs(100, from), from);
      await subscribe(log, { snapshotEvery: 1 });
    }
    expect(await startOf(log, TOPICS.model)).toBeGreaterThan(frozen[0]?.end ?? Infinity);
    asleep = false;
    const { positions } = await standby;
    expect(beginnings).toBe(2);
    const [newest] = await wholeOf(log, { kind: 'sums' });
    for (const [partition, position] of positions.entries())
      expect(position).toBeGreaterThanOrEqual(
        newest?.header.partitions[partition]?.position ?? Infinity,
      );
  });
});

test('settings of the fold do not stand in snapshots', async () => {
  await withLog('memory', 1, async (log) => {
    await runs(log, parts(12), { snapshotEvery: 1 });
    // A larger window begins with the scores that the smaller one had.
    expect(
      await subscribe(log, { fold: { ...FOLD, window: 500, metricsEvery: 50 } }),
    ).toMatchObject({ positions: [720] });
  });
});
