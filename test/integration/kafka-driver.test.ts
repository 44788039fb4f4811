/** What the driver does wrong as it comes, on a real broker: each symptom, and that it is gone. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterEach, expect, jest, test } from '@jest/globals';
import { type BatchSource, readBatches } from '../../src/adapters/kafka/batch-reader.ts';
import {
  type Broker,
  closeNow,
  type Cluster,
  createCluster,
  type FetchedPartition,
  fetchBatches,
  isKafkaError,
} from '../../src/adapters/kafka/driver.ts';
import { until } from '../support/event-log-driver.ts';
import { describeKafka } from '../support/kafka/describe.ts';
import { Spy } from '../support/kafka/spy.ts';
import {
  createAdmin,
  createProducer,
  type ProducerKind,
  type StockMessage,
  type StockProducer,
} from '../support/kafka/stock-clients.ts';

const loadDriver = createRequire(import.meta.url);
const CLEANER_LIMIT_MS = 60_000;

/** The driver's own reading of the same bytes: decoder, aborted records, control records. */
const stockDecode = loadDriver('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
  decoder: unknown,
) => Promise<unknown[]>;
const StockDecoder = loadDriver('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown;
const StockBatch = loadDriver('kafkajs/src/consumer/batch') as new (
  topic: string,
  from: string,
  partition: object,
) => { messages: { value: Buffer }[]; lastOffset(): string };

async function readAsItComes(fetched: FetchedPartition, from: number) {
  const size = Buffer.alloc(4);
  size.writeInt32BE(fetched.batches.length);
  const messages = await stockDecode(new StockDecoder(Buffer.concat([size, fetched.batches])));
  const batch = new StockBatch(fetched.topic, String(from), {
    partition: fetched.partition,
    highWatermark: String(fetched.highWatermark),
    abortedTransactions: fetched.aborted.map(({ producerId, firstOffset }) => ({
      producerId: String(producerId),
      firstOffset: String(firstOffset),
    })),
    messages,
  });
  return batch.messages.map(({ value }) => value.toString());
}

function read(fetched: FetchedPartition, from: number) {
  const source: BatchSource = { topic: fetched.topic, partition: fetched.partition, from };
  const { records, next } = readBatches(fetched.batches, source, fetched.aborted);
  return { values: records.map(({ value }) => Buffer.from(value!).toString()), next };
}

const message = (value: string, key: Buffer | string | null = null): StockMessage => ({
  partition: 0,
  key,
  value,
});

describeKafka('the driver on a real broker', ({ brokers }) => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  const settings = (spy?: Spy) => ({
    brokers,
    clientId: 'driver-test',
    ...(spy && { socketFactory: spy.socketFactory }),
  });

  async function topicWith(config: Record<string, string> = {}): Promise<string> {
    const topic = `driver-${randomUUID()}`;
    const admin = createAdmin(settings());
    await admin.connect();
    closing.push(() => admin.disconnect());
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({
      topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }],
      waitForLeaders: true,
    });
    return topic;
  }

  async function connected(topic: string, spy?: Spy): Promise<Cluster> {
    const cluster = createCluster(settings(spy));
    closing.push(() => closeNow(cluster));
    await cluster.connect();
    await cluster.addMultipleTargetTopics([topic]);
    return cluster;
  }

  async function leader(cluster: Cluster, topic: string): Promise<Broker> {
    const [partition] = cluster.findTopicPartitionMetadata(topic);
    return cluster.findBroker({ nodeId: partition!.leader });
  }

  async function producer(kind: ProducerKind, spy?: Spy): Promise<StockProducer> {
    const made = createProducer(settings(spy), kind);
    closing.push(() => made.disconnect());
    await made.connect();
    return made;
  }

  async function fetchFrom(broker: Broker, topic: string, offset: number, maxBytes = 1 << 20) {
    const [fetched] = await fetchBatches(broker, {
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes,
      targets: [{ topic, partition: 0, offset, maxBytes }],
    });
    expect(fetched!.error).toBeUndefined();
    return fetched!;
  }

  /** Everything from an offset on, one batch a fetch, by both readers. */
  async function readAll(topic: string, from: number) {
    const broker = await leader(await connected(topic), topic);
    const ours: string[] = [];
    const stock: string[] = [];
    for (let at = from; ;) {
      const fetched = await fetchFrom(broker, topic, at, 1);
      stock.push(...(await readAsItComes(fetched, at)));
      const { values, next } = read(fetched, at);
      ours.push(...values);
      if (next === undefined || next >= fetched.highWatermark) return { ours, stock };
      at = next;
    }
  }

  test('records of two aborted transactions that overlap stay hidden, wherever reading begins', async () => {
    const topic = await topicWith();
    const first = await producer({ transactionalId: `${topic}-a` });
    const second = await producer({ transactionalId: `${topic}-b` });
    const a = await first.transaction();
    const b = await second.transaction();
    await a.send({ topic, messages: [message('a0')] });
    await b.send({ topic, messages: [message('b1')] });
    await a.send({ topic, messages: [message('a2')] });
    await b.send({ topic, messages: [message('b3')] });
    await a.abort();
    await b.send({ topic, messages: [message('b5')] });
    await b.abort();
    const plain = await producer({ idempotent: true });
    await plain.send({ topic, messages: [message('kept')] });

    const between = await readAll(topic, 2);
    expect(between.ours).toEqual(['kept']);
    // Whose record it shows depends on whose marker the broker wrote first: that may be after the answer to `abort`.
    expect(between.stock).not.toEqual(['kept']);
    expect((await readAll(topic, 0)).ours).toEqual(['kept']);
  });

  test('a record whose key looks like an abort marker ends no transaction', async () => {
    const topic = await topicWith();
    const aborted = await (await producer({ transactionalId: topic })).transaction();
    await aborted.send({
      topic,
      messages: [message('marker', Buffer.alloc(4)), message('hidden')],
    });
    await aborted.abort();
    const { ours, stock } = await readAll(topic, 0);
    expect(ours).toEqual([]);
    expect(stock).toContain('hidden');
  });

  test('an empty batch that compaction left is passed', async () => {
    const topic = await topicWith({
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'min.cleanable.dirty.ratio': '0.001',
      'min.compaction.lag.ms': '0',
      'delete.retention.ms': '0',
    });
    const early = await producer({ idempotent: true });
    await early.send({ topic, messages: [message('superseded', 'k')] });
    const late = await producer({ idempotent: true });
    await late.send({ topic, messages: [message('latest', 'k')] });
    // Beyond a segment, so that the first one may be cleaned.
    const filler = 'x'.repeat(400_000);
    for (let i = 0; i < 4; i++)
      await late.send({ topic, messages: [message(filler, `filler ${i}`)] });
    const broker = await leader(await connected(topic), topic);
    let fetched = await fetchFrom(broker, topic, 0, 1);
    const emptied = async (): Promise<boolean> => {
      fetched = await fetchFrom(broker, topic, 0, 1);
      return read(fetched, 0).values.length === 0;
    };
    await until('the cleaner has run', emptied, CLEANER_LIMIT_MS);
    expect(read(fetched, 0)).toEqual({ values: [], next: 1 });
    expect(await readAsItComes(fetched, 0)).toEqual([]);
    expect((await readAll(topic, 0)).ours[0]).toBe('latest');
  }, 90_000);

  test.each(['gzip', 'snappy'])('batches that the broker packs with %s are read', async (codec) => {
    const topic = await topicWith({ 'compression.type': codec });
    const writer = await producer({ idempotent: true });
    // More than one block of Java's stream, with what repeats and what does not.
    const values = Array.from({ length: 600 }, (_, i) => `${i} ${'over and over '.repeat(i % 40)}`);
    await writer.send({ topic, messages: values.map((value) => message(value)) });
    const broker = await leader(await connected(topic), topic);
    const fetched = await fetchFrom(broker, topic, 0);
    expect(fetched.batches.readInt16BE(21) & 7).toBe(codec === 'gzip' ? 1 : 2);
    expect(read(fetched, 0)).toEqual({ values, next: 600 });
  });

  test('resets of all connections under load lose no answer, and the client goes on', async () => {
    const topic = await topicWith();
    const spy = new Spy();
    const cluster = await connected(topic, spy);
    const seed = await producer({ idempotent: true });
    const big = 'y'.repeat(100_000);
    for (let i = 0; i < 20; i++) await seed.send({ topic, messages: [message(`${i} ${big}`)] });
    const load = { on: true, fetched: 0 };
    // Several askers at once: each finds the connection down and opens it.
    const ask = async (): Promise<void> => {
      while (load.on) {
        const at = load.fetched % 20;
        try {
          const broker = await leader(cluster, topic);
          const answer = await fetchFrom(broker, topic, at, 150_000);
          expect(read(answer, at).values[0]).toBe(`${at} ${big}`);
          load.fetched += 1;
        } catch (error) {
          if (!isKafkaError(error)) throw error;
          await cluster.refreshMetadata().catch(() => undefined);
        }
      }
    };
    const askers = Promise.all(Array.from({ length: 6 }, ask));
    const tenMore = async (): Promise<void> => {
      const before = load.fetched;
      await Promise.race([askers, until('ten answers', () => load.fetched >= before + 10)]);
    };
    for (let reset = 0; reset < 8; reset++) {
      await tenMore();
      expect(spy.cutAll()).toBeGreaterThan(0);
    }
    await tenMore();
    load.on = false;
    await askers;
  }, 60_000);

  test('an idle client arms no timer after the other', async () => {
    const topic = await topicWith();
    const cluster = await connected(topic);
    const broker = await leader(cluster, topic);
    await fetchFrom(broker, topic, 0);
    const timers = jest.spyOn(globalThis, 'setTimeout');
    try {
      // Half a second of waiting at the broker: stock arms hundreds.
      await fetchFrom(broker, topic, 0);
      expect(timers.mock.calls.length).toBeLessThan(10);
    } finally {
      timers.mockRestore();
    }
  });
});
