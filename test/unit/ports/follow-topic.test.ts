import { expect, test } from '@jest/globals';
import { followTopic } from '../../../src/ports/follow-topic.ts';
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { ValenceError } from '../../../src/errors.ts';
import type { EventLog, LogRecord } from '../../../src/ports/event-log.ts';

async function twoPartitions(): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  await log.ensureTopics([{ name: 't', partitions: 2, cleanup: 'delete', retentionMs: undefined }]);
  const at = (partition: number, timestamp: number) => ({
    partition,
    timestamp,
    key: null,
    value: String(timestamp),
  });
  await log.append('t', [at(0, 10), at(0, 30), at(0, 30), at(1, 20), at(1, 30), at(1, 5)]);
  return log;
}

const places = (records: readonly LogRecord[]) =>
  records.map(({ partition, offset }) => `${partition}/${offset}`);

test('partitions are merged by timestamp, then partition, each in the order of its log', async () => {
  const log = await twoPartitions();
  const seen: string[] = [];
  const { signal } = new AbortController();
  for await (const batch of followTopic(log, 't', { from: 'beginning', untilEnd: true, signal }))
    seen.push(...places(batch));
  expect(seen).toEqual(['0/0', '1/0', '0/1', '0/2', '1/1', '1/2']);
});

test('records that come later are given as they come, from the latest place on', async () => {
  const log = await twoPartitions();
  const stop = new AbortController();
  const seen: string[] = [];
  const options = { from: 'latest', untilEnd: false, signal: stop.signal } as const;
  const following = (async () => {
    for await (const batch of followTopic(log, 't', options)) {
      seen.push(...places(batch));
      if (seen.length === 2) stop.abort();
    }
  })();
  await log.describeTopic('t');
  await log.append('t', [{ partition: 1, key: null, value: 'x' }]);
  await log.append('t', [{ partition: 0, key: null, value: 'y' }]);
  await following;
  expect(seen).toEqual(['1/3', '0/3']);
});

test('until the end means the end at the start, and an offset holds for every partition', async () => {
  const log = await twoPartitions();
  const { signal } = new AbortController();
  const seen: string[] = [];
  for await (const batch of followTopic(log, 't', { from: 2, untilEnd: true, signal })) {
    await log.append('t', [{ partition: 0, key: null, value: 'late' }]);
    seen.push(...places(batch));
  }
  expect(seen).toEqual(['1/2', '0/2']);
});

test('a topic that does not exist is NOT_FOUND, with those there are', async () => {
  const log = await twoPartitions();
  const { signal } = new AbortController();
  const reading = followTopic(log, 'u', { from: 'latest', untilEnd: true, signal }).next();
  await expect(reading).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(
    followTopic(log, 'u', { from: 'latest', untilEnd: true, signal }).next(),
  ).rejects.toThrow('there are: t');
});

test('a log that is away for a while is waited for, unless the reading is to end', async () => {
  const log = await twoPartitions();
  let away = 2;
  const flaky: EventLog = Object.assign(Object.create(log) as EventLog, {
    describeTopic: (topic: string) => log.describeTopic(topic),
    read: async (...[topic, partition, options]: Parameters<EventLog['read']>) => {
      if (away > 0) {
        away -= 1;
        throw new ValenceError('LOG_UNAVAILABLE', 'no broker answers');
      }
      return log.read(topic, partition, options);
    },
  });
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const batch of followTopic(flaky, 't', { signal: stop.signal })) {
    seen.push(...places(batch));
    if (seen.length === 6) stop.abort();
  }
  expect(seen).toHaveLength(6);
  away = 1;
  const reading = followTopic(flaky, 't', { untilEnd: true });
  await expect(reading.next()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
});
