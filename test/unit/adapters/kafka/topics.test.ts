import { describe, expect, test } from '@jest/globals';
import type { Clusters } from '../../../../src/adapters/kafka/clusters.ts';
import type { Cluster, NewTopic } from '../../../../src/adapters/kafka/driver.ts';
import { KafkaTopics } from '../../../../src/adapters/kafka/topics.ts';
import type { TopicSpec } from '../../../../src/ports/event-log.ts';
import { fakeCluster, type FakeBroker, type FakeTopic, kafkaError } from './fake-cluster.ts';

const spec = (more: Partial<TopicSpec> = {}): TopicSpec => ({
  name: 't',
  partitions: 2,
  cleanup: 'delete',
  retentionMs: 1000,
  ...more,
});
const denied = kafkaError('KafkaJSProtocolError', { type: 'TOPIC_AUTHORIZATION_FAILED' });

function topicsOn(brokers: ReadonlyMap<number, FakeBroker>, topics: readonly FakeTopic[]) {
  const fake = fakeCluster(brokers, topics);
  const clusters = {
    signal: new AbortController().signal,
    on: (_: string, __: string, work: (cluster: Cluster) => Promise<unknown>) => work(fake.cluster),
  };
  return { topics: new KafkaTopics(clusters as unknown as Clusters), fake };
}

describe('a topic that is missing', () => {
  const created = async (brokers: number, wanted: TopicSpec) => {
    let made: NewTopic | undefined;
    const broker: FakeBroker = {
      createTopics: ([topic]) => {
        made = topic;
        fake.topics = [{ name: topic!.topic, leaders: [1, 1] }];
      },
    };
    const nodes = Array.from({ length: brokers }, (_, node) => [node + 1, broker] as const);
    const { topics, fake } = topicsOn(new Map(nodes), [{ name: 't', error: 3, leaders: [] }]);
    expect(await topics.ensure([wanted])).toEqual([
      { name: 't', status: 'created', differences: [] },
    ]);
    return {
      partitions: made!.numPartitions,
      replicas: made!.replicationFactor,
      ...Object.fromEntries(made!.configEntries!.map(({ name, value }) => [name, value])),
    };
  };

  test('is made with a replica on each of at most three brokers, one of which may be away', async () => {
    expect(await created(5, spec())).toEqual({
      partitions: 2,
      replicas: 3,
      'cleanup.policy': 'delete',
      'retention.ms': '1000',
      'min.insync.replicas': '2',
      'unclean.leader.election.enable': 'false',
      'message.timestamp.type': 'CreateTime',
    });
    expect(await created(1, spec())).toMatchObject({ replicas: 1, 'min.insync.replicas': '1' });
  });

  test('is made with the settings of its spec, which come before ours', async () => {
    const settings = { 'min.insync.replicas': '1', 'segment.bytes': '9' };
    expect(
      await created(3, spec({ cleanup: 'compact', retentionMs: undefined, settings })),
    ).toMatchObject({
      'cleanup.policy': 'compact',
      'retention.ms': '-1',
      'min.insync.replicas': '1',
      'segment.bytes': '9',
    });
  });

  test('and is made by another process meanwhile, is compared', async () => {
    const exists = Object.assign(
      kafkaError('KafkaJSCreateTopicError', { type: 'TOPIC_ALREADY_EXISTS' }),
      { topic: 't' },
    );
    const broker: FakeBroker = {
      createTopics: () => {
        fake.topics = [
          { name: 't', leaders: [1] },
          { name: 'u', leaders: [1] },
        ];
        throw kafkaError('KafkaJSAggregateError', { errors: [exists] });
      },
      settings: () => ({ 'cleanup.policy': 'delete', 'retention.ms': '1000' }),
    };
    const missing = ['t', 'u'].map((name) => ({ name, error: 3, leaders: [] }));
    const { topics, fake } = topicsOn(new Map([[1, broker]]), missing);
    const reports = await topics.ensure([spec({ partitions: 1 }), spec({ name: 'u' })]);
    expect(reports.map(({ status }) => status)).toEqual(['exists', 'created']);
  });

  test('and is refused, is told with its name and the reason', async () => {
    const refusal = Object.assign(
      kafkaError('KafkaJSCreateTopicError', { type: 'INVALID_REPLICATION_FACTOR' }),
      { topic: 't' },
    );
    const broker: FakeBroker = {
      createTopics: () => {
        throw kafkaError('KafkaJSAggregateError', { errors: [refusal] });
      },
    };
    const { topics } = topicsOn(new Map([[1, broker]]), [{ name: 't', error: 3, leaders: [] }]);
    await expect(topics.ensure([spec()])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("'t'"),
      fields: { type: 'INVALID_REPLICATION_FACTOR' },
    });
  });
});

describe('a topic that exists', () => {
  const compared = async (settings: Record<string, string>, wanted: TopicSpec) => {
    const broker: FakeBroker = { settings: () => settings };
    const { topics } = topicsOn(new Map([[1, broker]]), [{ name: 't', leaders: [1, 1] }]);
    const [report] = await topics.ensure([wanted]);
    return report;
  };
  const same = { 'cleanup.policy': 'delete', 'retention.ms': '1000', 'max.message.bytes': '7' };

  test('is compared by its partitions, its retention and the settings of its spec', async () => {
    expect(await compared(same, spec({ settings: { 'max.message.bytes': '7' } }))).toEqual({
      name: 't',
      status: 'exists',
      differences: [],
    });
    const other = spec({
      partitions: 3,
      retentionMs: undefined,
      settings: { 'max.message.bytes': '8' },
    });
    expect(await compared({ ...same, 'cleanup.policy': 'compact' }, other)).toEqual({
      name: 't',
      status: 'differs',
      differences: [
        'partitions: expected 3, found 2',
        'cleanup: expected delete, found compact',
        'retentionMs: expected none, found 1000',
        'max.message.bytes: expected 8, found 7',
      ],
    });
  });

  test('is described with what the brokers tell, by partition', async () => {
    const broker: FakeBroker = {
      settings: () => ({ 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' }),
      offset: (_, partition, which) => (which === 'start' ? 2 : 30) + partition,
    };
    const { topics } = topicsOn(
      new Map([
        [1, broker],
        [2, broker],
      ]),
      [{ name: 't', leaders: [1, 2] }],
    );
    expect(await topics.describe('t')).toMatchObject({
      name: 't',
      cleanup: 'compact',
      retentionMs: undefined,
      partitions: [
        { start: 2, end: 30 },
        { start: 3, end: 31 },
      ],
    });
  });

  test('can be used without permission to see its settings', async () => {
    const broker: FakeBroker = {
      settings: () => {
        throw denied;
      },
      offset: () => 4,
    };
    const { topics } = topicsOn(new Map([[1, broker]]), [{ name: 't', leaders: [1] }]);
    expect(await topics.describe('t')).toMatchObject({ partitions: [{ start: 4, end: 4 }] });
    expect(await topics.ensure([spec({ partitions: 1 })])).toMatchObject([{ status: 'exists' }]);
    expect(await topics.ensure([spec({ partitions: 2 })])).toMatchObject([
      { status: 'differs', differences: ['partitions: expected 2, found 1'] },
    ]);
  });
});

test('one topic that is gone does not hide the others', async () => {
  const broker: FakeBroker = { settings: () => ({}), offset: () => 1 };
  const { topics } = topicsOn(new Map([[1, broker]]), [
    { name: 'gone', error: 3, leaders: [] },
    { name: 'blind', leaders: [-1] },
    { name: 't', leaders: [1] },
  ]);
  expect(await topics.count('blind')).toBe(1);
  await expect(topics.count('gone')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await topics.count('t')).toBe(1);
  expect((await topics.describe('t'))!.partitions).toEqual([{ start: 1, end: 1 }]);
});
