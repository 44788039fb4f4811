import { describe, expect, test } from '@jest/globals';
import type { FetchedPartition } from '../../../../src/adapters/kafka/driver.ts';
import { fetchPartitions, type Fetched } from '../../../../src/adapters/kafka/fetch.ts';
import { isValenceError, type ValenceError } from '../../../../src/errors.ts';
import { batch, fakeCluster, type FakeBroker, kafkaError } from './fake-cluster.ts';

const answer = (partition: number, more: Partial<FetchedPartition> = {}): FetchedPartition => ({
  topic: 't',
  partition,
  error: undefined,
  highWatermark: 100,
  lastStableOffset: 100,
  logStartOffset: 0,
  aborted: [],
  batches: Buffer.alloc(0),
  ...more,
});
const record = (base: number): Buffer => batch({ base, records: [{ value: `v${base}` }] });
const shown = (results: readonly (Fetched | ValenceError)[]): unknown[] =>
  results.map((result) =>
    isValenceError(result)
      ? result.code
      : { offsets: result.records.map(({ offset }) => offset), next: result.next, end: result.end },
  );
const options = { maxWaitMs: 0 };

describe('a fetch', () => {
  test('asks each leader once and answers in the order of the targets', async () => {
    const requests: string[] = [];
    const broker = (nodeId: number): FakeBroker => ({
      fetch: (targets) => {
        requests.push(
          `${nodeId}: ${targets
            .map(({ partition }) => partition)
            .toSorted()
            .join()}`,
        );
        return targets.map(({ partition, offset }) =>
          answer(partition, { batches: record(offset), lastStableOffset: 50 + partition }),
        );
      },
    });
    const { cluster } = fakeCluster(
      new Map([
        [1, broker(1)],
        [2, broker(2)],
      ]),
      [{ name: 't', leaders: [1, 2, 1] }],
    );
    const targets = [2, 1, 0].map((partition) => ({ topic: 't', partition, from: partition * 10 }));
    expect(shown(await fetchPartitions(cluster, targets, options))).toEqual([
      { offsets: [20], next: 21, end: 52 },
      { offsets: [10], next: 11, end: 51 },
      { offsets: [0], next: 1, end: 50 },
    ]);
    expect(requests.toSorted()).toEqual(['1: 0,2', '2: 1']);
  });

  test('ends at the last stable offset, not at the high watermark', async () => {
    const broker: FakeBroker = {
      fetch: () => [answer(0, { lastStableOffset: 5, highWatermark: 9 })],
    };
    const { cluster } = fakeCluster(new Map([[1, broker]]), [{ name: 't', leaders: [1] }]);
    const results = await fetchPartitions(
      cluster,
      [{ topic: 't', partition: 0, from: 5 }],
      options,
    );
    expect(shown(results)).toEqual([{ offsets: [], next: 5, end: 5 }]);
  });

  test('passes what the answer covered, and nothing more', async () => {
    const broker: FakeBroker = {
      fetch: () => [
        answer(0, { batches: batch({ base: 3, records: [], next: 8 }) }),
        answer(1, { lastStableOffset: 40 }),
      ],
    };
    const { cluster } = fakeCluster(new Map([[1, broker]]), [{ name: 't', leaders: [1, 1] }]);
    const targets = [0, 1].map((partition) => ({ topic: 't', partition, from: 3 }));
    expect(shown(await fetchPartitions(cluster, targets, options))).toEqual([
      { offsets: [], next: 8, end: 100 },
      { offsets: [], next: 3, end: 40 },
    ]);
  });

  test('that asks for one partition alone passes a hole up to the end', async () => {
    const broker: FakeBroker = { fetch: () => [answer(0, { lastStableOffset: 40 })] };
    const { cluster } = fakeCluster(new Map([[1, broker]]), [{ name: 't', leaders: [1] }]);
    const results = await fetchPartitions(
      cluster,
      [{ topic: 't', partition: 0, from: 3 }],
      options,
    );
    expect(shown(results)).toEqual([{ offsets: [], next: 40, end: 40 }]);
  });

  test('below the start reads at the start; beyond the end there is nothing', async () => {
    const outside = kafkaError('KafkaJSProtocolError', { type: 'OFFSET_OUT_OF_RANGE' });
    const broker: FakeBroker = {
      offset: (_, __, which) => (which === 'start' ? 20 : 30),
      fetch: (targets) =>
        targets.map(({ partition, offset }) =>
          offset === 20
            ? answer(partition, { batches: record(20), lastStableOffset: 30 })
            : answer(partition, { error: outside, lastStableOffset: -1, highWatermark: -1 }),
        ),
    };
    const { cluster } = fakeCluster(new Map([[1, broker]]), [{ name: 't', leaders: [1, 1] }]);
    const targets = [
      { topic: 't', partition: 0, from: 7 },
      { topic: 't', partition: 1, from: 77 },
    ];
    expect(shown(await fetchPartitions(cluster, targets, options))).toEqual([
      { offsets: [20], next: 21, end: 30 },
      { offsets: [], next: 77, end: 30 },
    ]);
  });
});

describe('a failure of one partition', () => {
  test('is its own: the others are read, and the leader is looked up anew next time', async () => {
    const moved = kafkaError('KafkaJSProtocolError', { type: 'NOT_LEADER_FOR_PARTITION' });
    const fake = fakeCluster(
      new Map<number, FakeBroker>([
        [
          1,
          {
            fetch: (targets) =>
              targets.map(({ partition }) =>
                partition === 0
                  ? answer(0, { error: moved })
                  : answer(partition, { batches: record(0) }),
              ),
          },
        ],
        [2, { fetch: () => [answer(0, { batches: record(0) })] }],
      ]),
      [{ name: 't', leaders: [1, 1] }],
    );
    const targets = [0, 1].map((partition) => ({ topic: 't', partition, from: 0 }));
    expect(shown(await fetchPartitions(fake.cluster, targets, options))).toEqual([
      'LOG_UNAVAILABLE',
      { offsets: [0], next: 1, end: 100 },
    ]);
    fake.topics = [{ name: 't', leaders: [2, 1] }];
    expect(shown(await fetchPartitions(fake.cluster, targets, options))).toEqual([
      { offsets: [0], next: 1, end: 100 },
      { offsets: [0], next: 1, end: 100 },
    ]);
    expect(fake.asked).toEqual([['t'], ['t']]);
  });

  test('a topic or partition that is not there is NOT_FOUND, one without permission CONFIG_INVALID, one without a leader waits', async () => {
    const { cluster } = fakeCluster(
      new Map([[1, { fetch: () => [answer(0, { batches: record(0) })] }]]),
      [
        { name: 't', leaders: [1, -1] },
        { name: 'gone', error: 3, leaders: [] },
        { name: 'secret', error: 29, leaders: [] },
      ],
    );
    const targets = [
      ['t', 0],
      ['t', 1],
      ['t', 2],
      ['gone', 0],
      ['secret', 0],
    ] as const;
    const asked = targets.map(([topic, partition]) => ({ topic, partition, from: 0 }));
    expect(shown(await fetchPartitions(cluster, asked, options))).toEqual([
      { offsets: [0], next: 1, end: 100 },
      'LOG_UNAVAILABLE',
      'NOT_FOUND',
      'NOT_FOUND',
      'CONFIG_INVALID',
    ]);
  });

  test('a batch that fails its checksum is LOG_CORRUPT for its partition', async () => {
    const bad = record(0);
    bad[40]! ^= 1;
    const broker: FakeBroker = {
      fetch: () => [answer(0, { batches: bad }), answer(1, { batches: record(0) })],
    };
    const { cluster } = fakeCluster(new Map([[1, broker]]), [{ name: 't', leaders: [1, 1] }]);
    const targets = [0, 1].map((partition) => ({ topic: 't', partition, from: 0 }));
    expect(shown(await fetchPartitions(cluster, targets, options))).toEqual([
      'LOG_CORRUPT',
      { offsets: [0], next: 1, end: 100 },
    ]);
  });

  test('a partition that the answer left out waits', async () => {
    const { cluster } = fakeCluster(new Map([[1, { fetch: () => [] }]]), [
      { name: 't', leaders: [1] },
    ]);
    const results = await fetchPartitions(
      cluster,
      [{ topic: 't', partition: 0, from: 0 }],
      options,
    );
    expect(shown(results)).toEqual(['LOG_UNAVAILABLE']);
  });

  test('a broker that cannot be reached takes only its own partitions along', async () => {
    const { cluster } = fakeCluster(
      new Map([[1, { fetch: () => [answer(1, { batches: record(0) })] }]]),
      [{ name: 't', leaders: [9, 1] }],
    );
    const targets = [0, 1].map((partition) => ({ topic: 't', partition, from: 0 }));
    expect(shown(await fetchPartitions(cluster, targets, options))).toEqual([
      'LOG_UNAVAILABLE',
      { offsets: [0], next: 1, end: 100 },
    ]);
  });
});

test('an abort ends the wait for an answer that does not come', async () => {
  const { cluster } = fakeCluster(new Map([[1, {}]]), [{ name: 't', leaders: [1] }]);
  const stop = new AbortController();
  const stuck = Object.assign(Object.create(cluster), {
    findBroker: () => new Promise(() => undefined),
  });
  const target = { topic: 't', partition: 0, from: 0 };
  await fetchPartitions(cluster, [], options);
  const waiting = fetchPartitions(stuck, [target], { ...options, signal: stop.signal });
  stop.abort();
  expect(shown(await waiting)).toEqual(['LOG_UNAVAILABLE']);
  expect(
    shown(await fetchPartitions(stuck, [target], { ...options, signal: stop.signal })),
  ).toEqual(['LOG_UNAVAILABLE']);
});
