/** What every log promises about groups, claims and transactions. Part of `describeEventLog`. */
import { describe, expect, test } from '@jest/globals';
import { ValenceError } from '../../src/errors.ts';
import type { EventLog, OwnedPartition } from '../../src/ports/event-log.ts';
import {
  aborted,
  copier,
  freshTopics,
  type LogPair,
  readAll,
  startOwner,
  until,
  values,
} from './event-log-driver.ts';

export function describeOwners(given: () => LogPair): void {
  const logs = (): { readonly first: EventLog; readonly second: EventLog } => given();
  const put = async (log: EventLog, topic: string, ...texts: string[]): Promise<void> => {
    await log.append(
      topic,
      texts.map((value) => ({ key: null, value, partition: 0 })),
    );
  };

  describe('own', () => {
    test('hands over each partition once, with what a new owner needs', async () => {
      const { first } = logs();
      const topics = await freshTopics(first, 3);
      const seen: OwnedPartition[] = [];
      const owner = startOwner(first, topics, async (owned) => {
        seen.push(owned);
        await aborted(owned.signal);
      });
      await until('three claims', () => seen.length === 3);
      await owner.stop();
      expect(seen.map(({ partition }) => partition).toSorted()).toEqual([0, 1, 2]);
      for (const owned of seen) {
        expect(owned.topic).toBe(topics.source);
        expect(owned.committed).toBeUndefined();
        expect(Number.isSafeInteger(owned.epoch) && Number.isSafeInteger(owned.fence)).toBe(true);
      }
      expect(owner.changes.map(({ type }) => type)).toEqual([
        'claimed',
        'claimed',
        'claimed',
        'released',
        'released',
        'released',
      ]);
    });

    test('counts as a member from the claim to the end, for everyone to see', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      expect(await second.members(topics.group)).toBe(0);
      const owner = startOwner(first, topics, ({ signal }) => aborted(signal));
      await until('a member', async () => (await second.members(topics.group)) === 1);
      expect(await second.members(`${topics.group}.other`)).toBe(0);
      await owner.stop();
      await until('no member', async () => (await second.members(topics.group)) === 0);
    });

    test('records, position and outputs go through, for everyone to see', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      await put(first, topics.source, 'a', 'b');
      const owner = startOwner(first, topics, copier(topics));
      await until('a and b', async () => (await readAll(second, topics.out)).length === 2);
      await put(second, topics.source, 'c');
      await until('c', async () => (await readAll(second, topics.out)).length === 3);
      await owner.stop();
      expect(values(await readAll(second, topics.out))).toEqual(['a', 'b', 'c']);
      const { next } = await second.read(topics.source, 0, { from: 0 });
      expect(await second.committed(topics.group, topics.source)).toEqual([next]);
    });

    test('the next owner has a higher epoch, the position, and a fence behind all that was committed', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      await put(first, topics.source, 'a');
      const claims: OwnedPartition[] = [];
      // A log may keep marks of its own in the fence topic; they have keys.
      const deltas = async (log: EventLog) =>
        (await readAll(log, topics.model)).filter(({ key }) => key === null);
      for (const [index, log] of [first, second, first].entries()) {
        const owner = startOwner(log, topics, async (owned) => {
          claims.push(owned);
          const { next } = await owned.next({ from: 0, waitMs: 10_000 });
          const delta = { topic: topics.model, partition: 0, key: null, value: 'delta' };
          await owned.transact({ records: [delta], position: next });
          await aborted(owned.signal);
        });
        await until('a commit', async () => (await deltas(log)).length === index + 1);
        await owner.stop();
      }
      const [one, two, three] = claims;
      expect(two!.epoch).toBeGreaterThan(one!.epoch);
      expect(three!.epoch).toBeGreaterThan(two!.epoch);
      const { next } = await first.read(topics.source, 0, { from: 0 });
      expect([one!.committed, two!.committed, three!.committed]).toEqual([undefined, next, next]);
      const [earlier, later] = await deltas(first);
      expect(two!.fence).toBeGreaterThan(earlier!.offset);
      expect(three!.fence).toBeGreaterThan(later!.offset);
      expect(two!.fence).toBeLessThanOrEqual(later!.offset);
    });

    test('a transaction without a position leaves it where it is', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      const output = { topic: topics.out, partition: 0, key: null, value: 'idle' };
      const owner = startOwner(first, topics, async (owned) => {
        await owned.transact({ records: [], position: 7 });
        await owned.transact({ records: [output], position: undefined });
        await aborted(owned.signal);
      });
      await until('idle', async () => (await readAll(second, topics.out)).length === 1);
      await owner.stop();
      expect(await second.committed(topics.group, topics.source)).toEqual([7]);
    });

    test('a fenced owner commits nothing, reads nothing, and the partition is claimed anew', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      await put(first, topics.source, 'a');
      const epochs: number[] = [];
      const errors: unknown[] = [];
      const late = { topic: topics.out, partition: 0, key: null, value: 'late' };
      const owner = startOwner(first, topics, async (owned) => {
        epochs.push(owned.epoch);
        if (epochs.length > 1) return aborted(owned.signal);
        await owned.transact({ records: [{ ...late, value: 'before' }], position: undefined });
        await given().usurp(topics.group, topics.source, 0);
        // A log may find out with its next sign of life only.
        const isRefused = async (): Promise<boolean> => {
          const before = errors.length;
          await owned.next({ from: 0 }).catch((error: unknown) => errors.push(error));
          return errors.length > before;
        };
        await until('the reading is refused', isRefused);
        await owned.transact({ records: [late], position: 99 }).catch((error: unknown) => {
          errors.push(error);
          throw error;
        });
      });
      await until('a second claim', () => epochs.length === 2);
      await owner.stop();
      expect(errors).toMatchObject([{ code: 'EPOCH_FENCED' }, { code: 'EPOCH_FENCED' }]);
      expect(epochs[1]).toBeGreaterThan(epochs[0]!);
      expect(values(await readAll(second, topics.out))).toEqual(['before']);
      expect(await second.committed(topics.group, topics.source)).toEqual([undefined]);
      expect(owner.changes.map(({ type }) => type)).toContain('fenced');
    });

    test('an owner that loses its partition is told by its signal', async () => {
      const { first } = logs();
      const topics = await freshTopics(first);
      let claims = 0;
      const owner = startOwner(first, topics, async ({ signal }) => {
        claims += 1;
        if (claims === 1) await given().usurp(topics.group, topics.source, 0);
        await aborted(signal);
      });
      await until('a second claim', () => claims === 2);
      await owner.stop();
      expect(owner.changes.slice(0, 3).map(({ type }) => type)).toEqual([
        'claimed',
        'fenced',
        'claimed',
      ]);
    });

    test('a transaction with one bad record leaves no trace, and its owner may not write again', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      const good = { topic: topics.out, partition: 0, key: null, value: 'good' };
      const errors: unknown[] = [];
      const owner = startOwner(first, topics, async (owned) => {
        await owned
          .transact({
            records: [...Array.from({ length: 25 }, () => good), { ...good, partition: 9 }],
            position: 1,
          })
          .catch((error: unknown) => errors.push(error));
        await owned
          .transact({ records: [good], position: 1 })
          .catch((error: unknown) => errors.push(error));
      });
      await owner.ended;
      expect(errors).toMatchObject([{ code: 'NOT_FOUND' }, { code: 'EPOCH_FENCED' }]);
      await put(second, topics.out, 'after');
      expect(values(await readAll(second, topics.out))).toEqual(['after']);
      expect(await second.committed(topics.group, topics.source)).toEqual([undefined]);
    });

    test('an error that asks for a new claim gets one; the other partitions are left alone', async () => {
      const { first } = logs();
      const topics = await freshTopics(first, 2);
      const epochs: [number, number][] = [];
      const owner = startOwner(first, topics, async ({ partition, epoch, signal }) => {
        epochs.push([partition, epoch]);
        if (partition === 0 && epochs.filter(([each]) => each === 0).length < 3)
          throw new ValenceError('COMMIT_UNKNOWN', 'the answer was lost');
        await aborted(signal);
      });
      await until('three claims of 0', () => epochs.filter(([each]) => each === 0).length === 3);
      await owner.stop();
      const ofZero = epochs.filter(([partition]) => partition === 0).map(([, epoch]) => epoch);
      expect(ofZero).toEqual([...new Set(ofZero)].toSorted((a, b) => a - b));
      expect(epochs.filter(([partition]) => partition === 1)).toHaveLength(1);
    });

    test('any other error ends own with it, after the other handlers have finished', async () => {
      const { first } = logs();
      const topics = await freshTopics(first, 2);
      let finished = false;
      const owner = startOwner(first, topics, async ({ partition, signal }) => {
        if (partition === 0) {
          await until('partition 1', () => owner.running.size === 2);
          throw new ValenceError('DELTA_GAP', 'a delta is missing');
        }
        await aborted(signal);
        await new Promise((resolve) => setTimeout(resolve, 20));
        finished = true;
      });
      await expect(owner.ended).rejects.toMatchObject({ code: 'DELTA_GAP' });
      expect(finished).toBe(true);
    });

    test('a handler that returns gives up its partition for good; own ends when all have', async () => {
      const { first } = logs();
      const topics = await freshTopics(first, 2);
      const calls: number[] = [];
      const owner = startOwner(first, topics, async ({ partition }) => {
        calls.push(partition);
      });
      await owner.ended;
      expect(calls.toSorted()).toEqual([0, 1]);
    });

    test('topics that do not exist are NOT_FOUND', async () => {
      const { first } = logs();
      const topics = await freshTopics(first);
      for (const missing of ['source', 'model'])
        await expect(
          startOwner(first, { ...topics, [missing]: 't.none' }, async () => undefined).ended,
        ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('one that is already told to end never starts', async () => {
      const { first } = logs();
      const { source, model, group } = await freshTopics(first);
      const signal = AbortSignal.abort();
      let called = false;
      await first.own({ group, topic: source, fenceTopic: model, signal }, async () => {
        called = true;
      });
      expect(called).toBe(false);
    });
  });

  describe('a group of two', () => {
    test('shares the partitions evenly, never has two owners of one, and inherits', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first, 4);
      const owners = new Map<number, number>();
      let overlaps = 0;
      const handler = async ({ partition, signal }: OwnedPartition): Promise<void> => {
        const count = (owners.get(partition) ?? 0) + 1;
        owners.set(partition, count);
        if (count > 1) overlaps += 1;
        await aborted(signal);
        await new Promise((resolve) => setTimeout(resolve, 10));
        owners.set(partition, (owners.get(partition) ?? 0) - 1);
      };
      const one = startOwner(first, topics, handler);
      await until('one owns all', () => one.running.size === 4);
      const two = startOwner(second, topics, handler);
      await until('two and two', () => one.running.size === 2 && two.running.size === 2);
      await one.stop();
      await until('two owns all', () => two.running.size === 4);
      await two.stop();
      expect(overlaps).toBe(0);
      expect(one.running.size + two.running.size).toBe(0);
    });

    test('keeps what it has while nobody joins or leaves', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first, 3);
      const handler = ({ signal }: OwnedPartition): Promise<void> => aborted(signal);
      const one = startOwner(first, topics, handler);
      const two = startOwner(second, topics, handler);
      await until(
        'all owned, both own',
        () =>
          one.running.size > 0 && two.running.size > 0 && one.running.size + two.running.size === 3,
      );
      const before = one.changes.length + two.changes.length;
      // Longer than several beats of any embedded log.
      await first.read(topics.out, 0, { from: 0, waitMs: 1600 });
      expect(one.changes.length + two.changes.length).toBe(before);
      await Promise.all([one.stop(), two.stop()]);
    });

    test('the one without a partition takes over when the other ends or closes', async () => {
      const { second } = logs();
      const other = await given()
        .first.ensureTopics([])
        .then(() => given());
      const topics = await freshTopics(second);
      const handler = ({ signal }: OwnedPartition): Promise<void> => aborted(signal);
      const one = startOwner(other.first, topics, handler);
      await until('one owns it', () => one.running.size === 1);
      const two = startOwner(second, topics, handler);
      await one.stop();
      await until('two owns it', () => two.running.size === 1);
      await two.stop();
      expect(two.changes[0]!.epoch).toBeGreaterThan(one.changes[0]!.epoch);
    });

    test('every record is copied once, whoever comes and goes', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first, 3);
      const texts = Array.from({ length: 300 }, (_, i) => `r${i}`);
      let one = startOwner(first, topics, copier(topics));
      const two = startOwner(second, topics, copier(topics));
      for (let at = 0; at < texts.length; at += 50) {
        await second.append(
          topics.source,
          texts.slice(at, at + 50).map((value) => ({ key: value, value })),
        );
        if (at !== 100) continue;
        await one.stop();
        one = startOwner(first, topics, copier(topics));
      }
      const copies = async (): Promise<(string | null)[]> => {
        const read = await Promise.all([0, 1, 2].map((each) => readAll(first, topics.out, each)));
        return values(read.flat());
      };
      await until('300 copies', async () => (await copies()).length >= texts.length);
      await Promise.all([one.stop(), two.stop()]);
      expect((await copies()).toSorted()).toEqual([...texts].toSorted());
    });

    test('two groups read the same topic without knowing each other', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      await put(first, topics.source, 'a');
      const other = { ...topics, group: `${topics.group}.other` };
      const one = startOwner(first, topics, copier(topics));
      const two = startOwner(second, other, copier(topics));
      await until('two copies', async () => (await readAll(first, topics.out)).length === 2);
      await Promise.all([one.stop(), two.stop()]);
      expect(values(await readAll(first, topics.out))).toEqual(['a', 'a']);
    });
  });

  describe('with owners', () => {
    test('retain deletes what is old, but nothing that a group has yet to pass', async () => {
      const { first, second } = logs();
      const topics = await freshTopics(first);
      const kept = `${topics.source}.kept`;
      const spec = { name: kept, partitions: 1, cleanup: 'delete', retentionMs: 1000 } as const;
      await first.ensureTopics([spec, { ...spec, name: `${kept}.compact`, cleanup: 'compact' }]);
      const now = Date.now();
      const at = (value: string, age: number) => ({ key: null, value, timestamp: now - age });
      for (const topic of [kept, `${kept}.compact`, topics.source])
        await first.append(topic, [
          at('a', 9000),
          at('b', 8000),
          at('c', 7000),
          at('d', 10),
          at('e', 9000),
        ]);
      const records = await readAll(first, kept);
      const owner = startOwner(first, { ...topics, source: kept }, async (owned) => {
        await owned.transact({ records: [], position: records[1]!.offset });
        await aborted(owned.signal);
      });
      await until(
        'a position',
        async () => (await second.committed(topics.group, kept))[0] !== undefined,
      );
      await owner.stop();
      const report = await second.retain(now);
      if (!given().retains) return;
      expect(report.filter(({ topic }) => topic.startsWith(kept))).toEqual([
        { topic: kept, partition: 0, deleted: 1 },
      ]);
      expect(values(await readAll(first, kept))).toEqual(['b', 'c', 'd', 'e']);
      expect(await readAll(first, `${kept}.compact`)).toHaveLength(5);
      expect(await readAll(first, topics.source)).toHaveLength(5);
      const again = startOwner(first, { ...topics, source: kept }, async (owned) => {
        await owned.transact({ records: [], position: records[4]!.offset + 1 });
        await aborted(owned.signal);
      });
      await until(
        'the end',
        async () => (await second.committed(topics.group, kept))[0] !== records[1]!.offset,
      );
      await again.stop();
      await second.retain(now);
      expect(values(await readAll(first, kept))).toEqual(['d', 'e']);
    });
  });
}
