/** A transaction whose requests are refused, cut off or answered into the void, at each of its steps, on a real broker. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { closeNow, createCluster, type Cluster } from '../../src/adapters/kafka/driver.ts';
import { KafkaEventLog } from '../../src/adapters/kafka/event-log.ts';
import { TransactionalProducer } from '../../src/adapters/kafka/transaction.ts';
import { readAll, until, values } from '../support/event-log-driver.ts';
import { describeKafka } from '../support/kafka/describe.ts';
import { API, type Effect, Spy } from '../support/kafka/spy.ts';

/** Error codes of the protocol. */
const CODE = { tooLarge: 10, fenced: 47, busy: 51 };

/** Puts a code where it stands in the answers to the requests of a transaction. */
const refuse =
  (code: number, at: number): ((body: Buffer) => void) =>
  (body) =>
    void body.writeInt16BE(code, at);

describeKafka('a transaction on Kafka', ({ brokers }) => {
  let log: KafkaEventLog;
  let topic: string;
  let group: string;
  const spy = new Spy();
  const clusters: Cluster[] = [];

  const open = async (id: string, socketFactory = spy.socketFactory) => {
    const settings = { brokers, clientId: 'test', socketFactory };
    const cluster = createCluster(settings, { retries: 1, requestTimeoutMs: 2000 });
    clusters.push(cluster);
    await cluster.connect();
    return TransactionalProducer.open(cluster, id);
  };
  const record = (value: string) => ({ topic, partition: 0, key: null, value });
  const position = (offset: number) => ({ group, topic, partition: 0, offset });

  beforeAll(async () => {
    log = await KafkaEventLog.open({ brokers, clientId: 'test' });
    const id = randomUUID().slice(0, 8);
    [topic, group] = [`t.${id}.out`, `g.${id}`];
    await log.ensureTopics([
      { name: topic, partitions: 1, cleanup: 'delete', retentionMs: undefined },
    ]);
  });

  afterAll(async () => {
    await Promise.all(clusters.map((cluster) => closeNow(cluster)));
    await log.close();
  });

  const steps = [
    ['AddPartitionsToTxn', API.AddPartitionsToTxn],
    ['Produce', API.Produce],
    ['AddOffsetsToTxn', API.AddOffsetsToTxn],
    ['TxnOffsetCommit', API.TxnOffsetCommit],
  ] as const;
  const breaks: readonly (readonly [string, Effect])[] = [
    ['cut before it is sent', { kind: 'cutBefore' }],
    ['cut before its answer', { kind: 'cutAfter' }],
    ['never answered', { kind: 'dropAnswer' }],
  ];

  test.each(
    steps.flatMap(([name, key]) => breaks.map(([how, effect]) => ({ name, key, how, effect }))),
  )(
    '$name $how: nothing is visible, and the next owner goes on',
    async ({ name, key, how, effect }) => {
      const id = `${group}.${name}.${effect.kind}`;
      const first = await open(id);
      const { hit } = spy.inject(key, effect);
      const value = `${name} ${how}`;
      await expect(first.commit([record(value)], position(1))).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
      });
      await hit;
      await expect(first.commit([record('late')], undefined)).rejects.toMatchObject({
        code: 'EPOCH_FENCED',
      });
      const second = await open(id);
      expect(second.generation).toBeGreaterThan(first.generation);
      await second.commit([record(`${value}, again`)], undefined);
      await until('the second', async () =>
        values(await readAll(log, topic)).includes(`${value}, again`),
      );
      expect(values(await readAll(log, topic))).not.toContain(value);
      expect(await log.committed(group, topic)).toEqual([undefined]);
    },
  );

  test.each(breaks)(
    'EndTxn %s: the outcome is unknown to the owner, and the same to everybody else',
    async (how, effect) => {
      const id = `${group}.EndTxn.${effect.kind}`;
      const first = await open(id);
      spy.inject(API.EndTxn, effect);
      const value = `EndTxn ${how}`;
      await expect(first.commit([record(value)], undefined)).rejects.toMatchObject({
        code: 'COMMIT_UNKNOWN',
      });
      const second = await open(id);
      await second.commit([record(`${value}, again`)], undefined);
      await until('the second', async () =>
        values(await readAll(log, topic)).includes(`${value}, again`),
      );
      const seen = values(await readAll(log, topic)).filter((each) => each === value);
      expect(seen).toHaveLength(effect.kind === 'cutBefore' ? 0 : 1);
    },
  );

  test('a refusal that says «not yet» is asked again, and had no effect', async () => {
    const producer = await open(`${group}.busy`);
    // Throttle time, number of topics, name, number of partitions, partition.
    const inAddPartitions = 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4;
    const before = spy.sent(API.AddPartitionsToTxn);
    spy.inject(API.AddPartitionsToTxn, {
      kind: 'alterAnswer',
      alter: refuse(CODE.busy, inAddPartitions),
    });
    await producer.commit([record('busy')], undefined);
    expect(spy.sent(API.AddPartitionsToTxn)).toBe(before + 2);
    await until('busy', async () => values(await readAll(log, topic)).includes('busy'));
    expect(values(await readAll(log, topic)).filter((each) => each === 'busy')).toHaveLength(1);
  });

  test.each([
    ['EPOCH_FENCED', CODE.fenced],
    ['CHUNK_TOO_LARGE', CODE.tooLarge],
  ])('%s is what a Produce that is refused so says', async (code, number) => {
    const producer = await open(`${group}.refused.${number}`);
    const inProduce = 4 + 2 + Buffer.byteLength(topic) + 4 + 4;
    spy.inject(API.Produce, { kind: 'alterAnswer', alter: refuse(number, inProduce) });
    await expect(producer.commit([record(code)], undefined)).rejects.toMatchObject({ code });
    const next = await open(`${group}.refused.${number}`);
    await next.commit([record(`${code}, again`)], undefined);
    await until('the next', async () =>
      values(await readAll(log, topic)).includes(`${code}, again`),
    );
    expect(values(await readAll(log, topic))).not.toContain(code);
  });

  test('whoever has the id last has it alone', async () => {
    const id = `${group}.shared`;
    const first = await open(id);
    await first.commit([record('first')], undefined);
    const second = await open(id);
    await expect(first.commit([record('zombie')], position(7))).rejects.toMatchObject({
      code: 'EPOCH_FENCED',
    });
    await second.commit([record('second')], position(2));
    await until('the second', async () => values(await readAll(log, topic)).includes('second'));
    expect(values(await readAll(log, topic))).not.toContain('zombie');
    expect(await log.committed(group, topic)).toEqual([2]);
  });

  test('more than a request takes goes in several, in order, and shows at once', async () => {
    const producer = await open(`${group}.large`);
    const large = Array.from({ length: 5 }, (_, at) => record(`${at}`.repeat(400_000)));
    const before = spy.sent(API.Produce);
    await producer.commit(large, undefined);
    expect(spy.sent(API.Produce) - before).toBe(3);
    await until(
      'all five',
      async () => (await readAll(log, topic)).at(-1)!.value!.length === 400_000,
    );
    const read = values(await readAll(log, topic)).slice(-5);
    expect(read.map((value) => value!.at(0))).toEqual(['0', '1', '2', '3', '4']);
  });
});
