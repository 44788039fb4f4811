import { afterEach, describe, expect, test } from '@jest/globals';
import { Appender, type AppendLimits } from '../../../../src/adapters/kafka/append.ts';
import type { Clusters } from '../../../../src/adapters/kafka/clusters.ts';
import type { KafkaTopics } from '../../../../src/adapters/kafka/topics.ts';
import type { NewRecord } from '../../../../src/ports/event-log.ts';
import { fakeCluster, kafkaError, type SentBatch } from './fake-cluster.ts';

type Answer = { baseOffset: number } | { type: string } | 'lost';
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** An appender on a broker that answers by `answer`; by default it writes. */
function appender(
  answer: (batch: SentBatch, sent: readonly SentBatch[]) => Answer | undefined = () => undefined,
  limits: Partial<AppendLimits> = {},
  leaders: readonly number[] = [1],
) {
  const sent: SentBatch[] = [];
  const requests: number[] = [];
  const ends = new Map<number, number>();
  const { cluster, asked } = fakeCluster(
    new Map([
      [
        1,
        {
          producers: { next: 1 },
          produce: async (batches) => {
            requests.push(batches.length);
            const answers = batches.map((batch) => {
              sent.push(batch);
              const end = ends.get(batch.partition) ?? 0;
              const given = answer(batch, sent) ?? { baseOffset: end };
              if (given === 'lost') return undefined;
              const { topic, partition } = batch;
              const place = { topic, partition, logAppendTime: -1 };
              if ('type' in given) {
                const error = kafkaError('KafkaJSProtocolError', given);
                return { ...place, error, baseOffset: -1 };
              }
              ends.set(partition, given.baseOffset + batch.values.length);
              return { ...place, error: undefined, ...given };
            });
            if (answers.includes(undefined)) throw kafkaError('KafkaJSConnectionClosedError');
            return answers.filter((each) => each !== undefined);
          },
        },
      ],
    ]),
    [{ name: 't', leaders }],
  );
  const stop = new AbortController();
  stops.push(stop);
  const link = { brokers: 'b:1', tls: false, sasl: false };
  const clusters = { signal: stop.signal, link, get: () => Promise.resolve(cluster) };
  const topics = { count: () => Promise.resolve(leaders.length) };
  const made = new Appender(
    clusters as unknown as Clusters,
    topics as unknown as KafkaTopics,
    limits,
  );
  return {
    append: (records: NewRecord[]) => made.append('t', records),
    sent,
    requests,
    asked,
    stop,
  };
}
const records = (...values: string[]): NewRecord[] =>
  values.map((value) => ({ key: null, value, partition: 0 }));
const shown = (sent: readonly SentBatch[]): string[] =>
  sent.map(({ producerId, sequence, values }) => `${producerId}#${sequence} ${values.join('')}`);

describe('batches', () => {
  test('are numbered on, hold no more than the limit, and keep the order of the calls', async () => {
    const { append, sent } = appender(undefined, { records: 3 });
    const outcomes = await Promise.all([append(records('a', 'b')), append(records('c', 'd', 'e'))]);
    expect(shown(sent)).toEqual(['1#0 abc', '1#3 de']);
    expect(outcomes.flat().map((each) => each.status === 'ok' && each.offset)).toEqual([
      0, 1, 2, 3, 4,
    ]);
  });

  test('are closed by their bytes too, but a single record goes whatever its size', async () => {
    const { append, sent } = appender(undefined, { bytes: 200 });
    await append(records('x'.repeat(100), 'y'.repeat(100), 'z'.repeat(1000)));
    expect(sent.map(({ values }) => values.map((value) => value[0]).join(''))).toEqual([
      'x',
      'y',
      'z',
    ]);
  });

  test('of several partitions go to their leader in one request', async () => {
    const { append, requests } = appender(undefined, {}, [1, 1, 1]);
    const outcomes = await append(
      Array.from({ length: 6 }, (_, index) => ({ key: null, value: String(index) })),
    );
    expect(requests).toEqual([3]);
    expect(outcomes.map((each) => each.status === 'ok' && each.partition)).toEqual([
      0, 1, 2, 0, 1, 2,
    ]);
  });
});

describe('an answer that does not come', () => {
  test('has the same batch sent again with the same number, so that it is written once', async () => {
    const { append, sent, asked } = appender((_, all) => (all.length < 3 ? 'lost' : undefined));
    expect(await append(records('a'))).toEqual([{ status: 'ok', partition: 0, offset: 0 }]);
    expect(shown(sent)).toEqual(['1#0 a', '1#0 a', '1#0 a']);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('for too long leaves the records unknown, and what follows goes under another producer id', async () => {
    const { append, sent } = appender((_, all) => (all.length === 2 ? 'lost' : undefined), {
      deliveryMs: -1,
    });
    await append(records('a'));
    expect(await append(records('b'))).toMatchObject([
      { status: 'unknown', error: { code: 'LOG_UNAVAILABLE' } },
    ]);
    expect(await append(records('c'))).toMatchObject([{ status: 'ok' }]);
    expect(shown(sent)).toEqual(['1#0 a', '1#1 b', '2#0 c']);
  });

  test('ends with the close: what was sent is unknown, what was not has failed', async () => {
    const { append, stop } = appender(
      () => {
        stop.abort();
        return 'lost';
      },
      { records: 1 },
    );
    const outcomes = await append(records('a', 'b'));
    expect(outcomes).toMatchObject([
      { status: 'unknown', error: { code: 'LOG_UNAVAILABLE' } },
      { status: 'failed', error: { code: 'LOG_UNAVAILABLE' } },
    ]);
  });
});

describe('a refusal', () => {
  test('of a record too large is for that record alone', async () => {
    const { append, sent } = appender(({ values }) =>
      values.some((value) => value.startsWith('X')) ? { type: 'MESSAGE_TOO_LARGE' } : undefined,
    );
    const outcomes = await append(records('a', 'b', 'X', 'd', 'e'));
    expect(outcomes.map(({ status }) => status)).toEqual(['ok', 'ok', 'failed', 'ok', 'ok']);
    expect(outcomes[2]).toMatchObject({
      error: { code: 'RECORD_INVALID', fields: { type: 'MESSAGE_TOO_LARGE' } },
    });
    const written = sent.filter(({ values }) => !values.includes('X'));
    expect(written.flatMap(({ values }) => values)).toEqual(['a', 'b', 'd', 'e']);
    expect(written.map(({ sequence }) => sequence)).toEqual(
      written.map((_, index) =>
        written.slice(0, index).reduce((sum, { values }) => sum + values.length, 0),
      ),
    );
  });

  test.each(['NOT_LEADER_FOR_PARTITION', 'NOT_ENOUGH_REPLICAS'])(
    '%s is waited out',
    async (type) => {
      const { append, sent } = appender((_, all) => (all.length < 3 ? { type } : undefined));
      expect(await append(records('a'))).toMatchObject([{ status: 'ok' }]);
      expect(shown(sent)).toEqual(['1#0 a', '1#0 a', '1#0 a']);
    },
  );

  test.each([
    ['NOT_ENOUGH_REPLICAS', 'failed'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unknown'],
    ['REQUEST_TIMED_OUT', 'unknown'],
  ])('%s until there is no more time is %s', async (type, status) => {
    const { append } = appender(() => ({ type }), { deliveryMs: -1 });
    expect(await append(records('a'))).toMatchObject([
      { status, error: { code: 'LOG_UNAVAILABLE' } },
    ]);
  });

  test('for want of permission has failed at once', async () => {
    const { append, sent } = appender(() => ({ type: 'TOPIC_AUTHORIZATION_FAILED' }));
    expect(await append(records('a'))).toMatchObject([
      { status: 'failed', error: { code: 'CONFIG_INVALID' } },
    ]);
    expect(sent).toHaveLength(1);
  });

  test('of the producer has the records go under another one, since nothing was written', async () => {
    const { append, sent } = appender(({ producerId }) =>
      producerId === 1 ? { type: 'UNKNOWN_PRODUCER_ID' } : undefined,
    );
    expect(await append(records('a', 'b'))).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
    expect(shown(sent)).toEqual(['1#0 ab', '2#0 ab']);
  });
});

test('an answer with an old offset is no success: the broker took new records for old ones', async () => {
  const { append, sent } = appender(({ values }) =>
    values[0] === 'b' ? { baseOffset: 0 } : undefined,
  );
  await append(records('a'));
  expect(await append(records('b'))).toMatchObject([{ status: 'unknown' }]);
  expect(await append(records('c'))).toMatchObject([{ status: 'ok' }]);
  expect(shown(sent)).toEqual(['1#0 a', '1#1 b', '2#0 c']);
});

test('records that cannot be sent fail alone', async () => {
  const { append } = appender();
  const outcomes = await append([
    ...records('a'),
    { key: null, value: 'b', partition: 7 },
    { key: null, value: 'c', partition: 0, timestamp: -1 },
    ...records('d'),
  ]);
  expect(outcomes).toMatchObject([
    { status: 'ok', offset: 0 },
    { status: 'failed', error: { code: 'NOT_FOUND' } },
    { status: 'failed', error: { code: 'RECORD_INVALID' } },
    { status: 'ok', offset: 1 },
  ]);
});
