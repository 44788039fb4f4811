/**
 * What every log promises, whatever it is made of. Call it once per adapter. Offsets are only compared, never computed; joining a group
 * may take a while; topics are new in each test, so that a shared broker will do.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EventLog, NewRecord, TopicSpec } from '../../src/ports/event-log.ts';
import { type LogPair, freshTopics, readAll, text, values } from './event-log-driver.ts';
import { describeOwners } from './event-log-owners-suite.ts';
import { expectSame } from './same.ts';
import { anyCharacter } from './character.ts';

/** @param open gives two clients of a log that nobody else uses meanwhile */
export function describeEventLog(name: string, open: () => Promise<LogPair>): void {
  // oxlint-disable-next-line jest/valid-title -- the adapter's name
  describe(name, () => {
    let pair: LogPair;
    let first: EventLog;
    let second: EventLog;
    beforeAll(async () => {
      pair = await open();
      ({ first, second } = pair);
    });
    afterAll(async () => {
      await pair.close();
    });
    const record = (value: string | null, more: Partial<NewRecord> = {}): NewRecord => ({
      key: null,
      value,
      ...more,
    });

    describe('topics', () => {
      const spec = (more: Partial<TopicSpec> = {}): TopicSpec => ({
        name: `t.${Math.random().toString(36).slice(2)}`,
        partitions: 2,
        cleanup: 'delete',
        retentionMs: 60_000,
        ...more,
      });

      test('what is missing is created, and seen by others', async () => {
        const topic = spec();
        expect(await first.ensureTopics([topic])).toEqual([
          { name: topic.name, status: 'created', differences: [] },
        ]);
        expect(await second.listTopics()).toContain(topic.name);
        expect(await second.describeTopic(topic.name)).toMatchObject({
          name: topic.name,
          cleanup: 'delete',
          retentionMs: 60_000,
          partitions: [
            { start: 0, end: 0 },
            { start: 0, end: 0 },
          ],
        });
      });

      test('names are listed in order', async () => {
        await first.ensureTopics([spec({ name: 't.b' }), spec({ name: 't.a' })]);
        const names = await first.listTopics();
        expect(names).toEqual([...names].toSorted());
      });

      test('what exists is compared and never altered', async () => {
        const topic = spec();
        await first.ensureTopics([topic]);
        expect(await second.ensureTopics([topic])).toMatchObject([
          { status: 'exists', differences: [] },
        ]);
        const [report] = await second.ensureTopics([
          { ...topic, partitions: 3, cleanup: 'compact', retentionMs: undefined },
        ]);
        expect(report).toMatchObject({ name: topic.name, status: 'differs' });
        expect(report!.differences).toHaveLength(3);
        expect(await first.describeTopic(topic.name)).toMatchObject({
          cleanup: 'delete',
          retentionMs: 60_000,
          partitions: [{}, {}],
        });
      });

      test('two processes may create the same topics at once', async () => {
        const specs = [spec(), spec(), spec()];
        const reports = await Promise.all([first.ensureTopics(specs), second.ensureTopics(specs)]);
        const statuses = reports.flat().map(({ status }) => status);
        expect(statuses.filter((status) => status === 'created').length).toBeGreaterThanOrEqual(3);
        expect(statuses).not.toContain('differs');
      });

      test.each(['', 'a b', 'a/b', 'ü', '..', 'x'.repeat(250)])('%j is no name', async (bad) => {
        await expect(first.ensureTopics([spec({ name: bad })])).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
        });
      });

      test('an unknown topic is undefined, or NOT_FOUND where it is used', async () => {
        const missing = { code: 'NOT_FOUND' };
        expect(await first.describeTopic('t.none')).toBeUndefined();
        await expect(first.append('t.none', [record('x')])).rejects.toMatchObject(missing);
        await expect(first.read('t.none', 0, { from: 0 })).rejects.toMatchObject(missing);
        const { source } = await freshTopics(first);
        await expect(first.read(source, 1, { from: 0 })).rejects.toMatchObject(missing);
      });
    });

    describe('append', () => {
      test('gives one outcome a record, in order, with growing offsets', async () => {
        const { source } = await freshTopics(first);
        const outcomes = await first.append(
          source,
          ['a', 'b', 'c'].map((value) => record(value)),
        );
        const more = await first.append(source, [record('d')]);
        const offsets = [...outcomes, ...more].map((outcome) =>
          outcome.status === 'ok' ? outcome.offset : -1,
        );
        expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
        const records = await readAll(second, source);
        expect(values(records)).toEqual(['a', 'b', 'c', 'd']);
        expect(records.map(({ offset }) => offset)).toEqual(offsets);
      });

      test('appends called one after another without waiting keep their order', async () => {
        const { source } = await freshTopics(first);
        const letters = 'abcdefghij'.split('');
        await Promise.all(letters.map((letter) => first.append(source, [record(letter)])));
        expect(values(await readAll(second, source))).toEqual(letters);
      });

      test('a key chooses the partition as Kafka does', async () => {
        const { source } = await freshTopics(first, 4);
        const keys = [
          '21',
          'foobar',
          'a-little-bit-long-string',
          'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8',
        ];
        const outcomes = await first.append(
          source,
          keys.map((key) => record('x', { key })),
        );
        // toPositive(murmur2) % 4 of the vectors in Kafka's UtilsTest: -973932308, -790332482, -985981536, -58897971
        expect(outcomes).toMatchObject([
          { partition: 0 },
          { partition: 2 },
          { partition: 0 },
          { partition: 1 },
        ]);
      });

      test('records without a key go to all partitions', async () => {
        const { source } = await freshTopics(first, 3);
        const outcomes = await first.append(
          source,
          Array.from({ length: 9 }, () => record('x')),
        );
        const partitions = outcomes.map((outcome) =>
          outcome.status === 'ok' ? outcome.partition : -1,
        );
        expect(new Set(partitions)).toEqual(new Set([0, 1, 2]));
      });

      test('a record that cannot be written fails alone', async () => {
        const { source } = await freshTopics(first);
        const outcomes = await first.append(source, [
          record('a'),
          record('b', { partition: 5 }),
          record('c'),
        ]);
        expect(outcomes).toMatchObject([
          { status: 'ok' },
          { status: 'failed', error: { code: 'NOT_FOUND' } },
          { status: 'ok' },
        ]);
        expect(values(await readAll(second, source))).toEqual(['a', 'c']);
      });

      test('nothing to append is fine', async () => {
        const { source } = await freshTopics(first);
        expect(await first.append(source, [])).toEqual([]);
      });

      test('a checkpoint is kept beside the records, and the last one counts', async () => {
        const { source } = await freshTopics(first);
        const file = `/data/\u0000 ${source} übung.csv`;
        expect(await second.checkpoint(file)).toBeUndefined();
        await first.append(source, [record('a')], { checkpoint: { name: file, value: '10' } });
        await first.append(source, [], { checkpoint: { name: file, value: '{"at":20}' } });
        expect(await second.checkpoint(file)).toBe('{"at":20}');
      });
    });

    describe('read', () => {
      test('every byte comes back as it was given', async () => {
        const { source } = await freshTopics(first);
        const blob = fc.option(fc.uint8Array({ maxLength: 300 }));
        const header = fc.tuple(
          fc.string({ unit: anyCharacter, maxLength: 20 }),
          fc.uint8Array({ maxLength: 200 }),
        );
        const entry = fc.record({
          key: blob,
          value: blob,
          headers: fc.array(header, { maxLength: 9 }),
          timestamp: fc.nat(),
        });
        let from = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 25 }), async (entries) => {
            await first.append(source, entries);
            const records = await readAll(second, source, 0, from);
            from = records.at(-1)!.offset + 1;
            expectSame(
              records.map(({ key, value, headers, timestamp }) => ({
                key: plain(key),
                value: plain(value),
                headers: headers.map(([n, v]) => [n, plain(v)]),
                timestamp,
              })),
              entries.map(({ key, value, headers, timestamp }) => ({
                key: plain(key),
                value: plain(value),
                headers: headers.map(([n, v]) => [n, plain(v)]),
                timestamp,
              })),
            );
          }),
          { numRuns: 40 },
        );
      });

      test('strings are written as UTF-8; null, empty and NUL stay apart', async () => {
        const { source } = await freshTopics(first);
        await first.append(source, [
          {
            key: 'grün',
            value: 'a\u0000b',
            headers: [
              ['trace', '😀'],
              ['trace', ''],
              ['é', 'ü'],
            ],
          },
          { key: '', value: '' },
          { key: null, value: null, headers: [] },
          { key: '\ud800', value: 'x\udc00y' },
        ]);
        const records = await readAll(second, source);
        expect(records.map(({ key }) => text(key))).toEqual(['grün', '', null, '\ufffd']);
        expect(values(records)).toEqual(['a\u0000b', '', null, 'x\ufffdy']);
        expect(records[0]!.headers.map(([header, value]) => [header, text(value)])).toEqual([
          ['trace', '😀'],
          ['trace', ''],
          ['é', 'ü'],
        ]);
        expect(records[1]!.headers).toEqual([]);
      });

      test('a value of one megabyte comes back whole', async () => {
        const { source } = await freshTopics(first);
        const value = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 31) % 251);
        await first.append(source, [{ key: null, value }, record('after')]);
        const records = await readAll(second, source);
        expect(Buffer.compare(records[0]!.value!, value)).toBe(0);
        expect(text(records[1]!.value)).toBe('after');
      });

      test('without a timestamp of its own a record has the time of writing, the same at every reading', async () => {
        const { source } = await freshTopics(first);
        const before = Date.now();
        await first.append(source, [record('x')]);
        const [once] = await readAll(first, source);
        const [again] = await readAll(second, source);
        expect(once!.timestamp).toBeGreaterThanOrEqual(before);
        expect(once!.timestamp).toBeLessThanOrEqual(Date.now());
        expect(again!.timestamp).toBe(once!.timestamp);
      });

      test('begins where it is told and gives no more records than asked for', async () => {
        const { source } = await freshTopics(first);
        await first.append(
          source,
          'abcdef'.split('').map((value) => record(value)),
        );
        const one = await second.read(source, 0, { from: 0, maxRecords: 2, waitMs: 5000 });
        expect(values(one.records)).toEqual(['a', 'b']);
        expect(one.next).toBeGreaterThan(one.records[1]!.offset);
        expect(one.next).toBeLessThan(one.end);
        const two = await second.read(source, 0, { from: one.next, maxRecords: 3 });
        expect(values(two.records)).toEqual(['c', 'd', 'e']);
        const exact = await second.read(source, 0, { from: two.records[1]!.offset, maxRecords: 1 });
        expect(values(exact.records)).toEqual(['d']);
      });

      test('a batch is closed at maxBytes, but has at least one record', async () => {
        const { source } = await freshTopics(first);
        const sizes = [300, 10, 10, 90, 10, 200, 1];
        await first.append(
          source,
          sizes.map((size) => record('x'.repeat(size))),
        );
        const seen: number[][] = [];
        for (let next = 0; seen.flat().length < sizes.length;) {
          const batch = await second.read(source, 0, { from: next, maxBytes: 100, waitMs: 5000 });
          seen.push(batch.records.map(({ value }) => value!.length));
          next = batch.next;
        }
        expect(seen.flat()).toEqual(sizes);
        for (const batch of seen)
          expect(batch.length === 1 || batch.reduce((a, b) => a + b) <= 100).toBe(true);
      });

      test('at the end it answers at once with nothing, and says that it is the end', async () => {
        const { source } = await freshTopics(first);
        await first.append(source, [record('x')]);
        await readAll(second, source);
        const { next } = await second.read(source, 0, { from: 0 });
        const batch = await second.read(source, 0, { from: next });
        expect(batch.records).toEqual([]);
        expect(batch.next).toBeGreaterThanOrEqual(batch.end);
        const beyond = await second.read(source, 0, { from: next + 1000 });
        expect(beyond.records).toEqual([]);
        expect(beyond.next).toBe(next + 1000);
      });

      test('waits for a record of this process or of another', async () => {
        const { source } = await freshTopics(first);
        const waiting = [first, second].map((log) =>
          log.read(source, 0, { from: 0, waitMs: 30_000 }),
        );
        await first.append(source, [record('here')]);
        const batches = await Promise.all(waiting);
        expect(batches.map(({ records }) => values(records))).toEqual([['here'], ['here']]);
      });

      test('any number of reads may wait on one signal, without a warning', async () => {
        const { source } = await freshTopics(first, 20);
        const warnings: Error[] = [];
        const note = (warning: Error): void => void warnings.push(warning);
        process.on('warning', note);
        const stop = new AbortController();
        const waiting = Array.from({ length: 20 }, (_, partition) =>
          first.read(source, partition, { from: 0, waitMs: 30_000, signal: stop.signal }),
        );
        await first.read(source, 0, { from: 0, waitMs: 5 });
        stop.abort();
        const batches = await Promise.all(waiting);
        process.off('warning', note);
        expect(batches.flatMap(({ records }) => records)).toEqual([]);
        expect(warnings).toEqual([]);
      });

      test('a wait ends at its time, or when it is aborted, with an empty batch', async () => {
        const { source } = await freshTopics(first);
        expect((await first.read(source, 0, { from: 0, waitMs: 30 })).records).toEqual([]);
        const stop = new AbortController();
        const waiting = first.read(source, 0, { from: 0, waitMs: 30_000, signal: stop.signal });
        stop.abort();
        expect((await waiting).records).toEqual([]);
        const late = first.read(source, 0, { from: 0, waitMs: 30_000, signal: stop.signal });
        expect((await late).records).toEqual([]);
      });
    });

    describe('trim and retain', () => {
      test('trim deletes from the front; reading begins at the new start, offsets are not given again', async () => {
        const { source } = await freshTopics(first);
        await first.append(
          source,
          'abcd'.split('').map((value) => record(value)),
        );
        const records = await readAll(first, source);
        await first.trim(source, 0, records[2]!.offset);
        expect(values(await readAll(second, source))).toEqual(['c', 'd']);
        const { partitions } = (await second.describeTopic(source))!;
        expect(partitions[0]!.start).toBe(records[2]!.offset);
        await first.trim(source, 0, 0);
        expect(values(await readAll(second, source))).toEqual(['c', 'd']);
        await first.trim(source, 0, partitions[0]!.end);
        expect(await readAll(second, source)).toEqual([]);
        const [outcome] = await second.append(source, [record('e')]);
        expect(outcome).toMatchObject({ status: 'ok' });
        const [last] = await readAll(first, source);
        expect(text(last!.value)).toBe('e');
        expect(last!.offset).toBeGreaterThan(records[3]!.offset);
      });
    });

    describe('close', () => {
      test('may be called twice, ends waits, and ends all use', async () => {
        const other = await open();
        const { source } = await freshTopics(other.first);
        const waiting = other.first.read(source, 0, { from: 0, waitMs: 30_000 });
        await other.first.close();
        await other.first.close();
        expect((await waiting).records).toEqual([]);
        await expect(other.first.listTopics()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
        expect(await other.second.listTopics()).toContain(source);
        await other.close();
      });
    });

    describeOwners(() => pair);
  });
}

function plain(bytes: Uint8Array | null): number[] | null {
  return bytes === null ? null : [...bytes];
}
