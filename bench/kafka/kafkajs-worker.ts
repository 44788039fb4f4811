/**
 * The peer in kafkajs alone: what a careful user writes to copy records from one topic to another exactly once, with JSON in
 * between. It learns nothing and keeps nothing. One transactional producer a partition; 1,000 records a transaction at most.
 *
 *   node --import tsx bench/kafka/kafkajs-worker.ts BROKERS SOURCE PARTITIONS NAME
 */
import type { EachBatchPayload, Producer } from 'kafkajs';
import { client } from './cluster.ts';

const CHUNK_RECORDS = 1000;

const [brokers = '', source = '', partitions = '', name = ''] = process.argv.slice(2);
const group = `${name}.copier`;

// Two clients: `sendOffsets` marks offsets as committed in a map that everything made from one client shares.
const consumer = client(brokers.split(','), `${name}-reader`).consumer({
  groupId: group,
  sessionTimeout: 10_000,
  rebalanceTimeout: 30_000,
  heartbeatInterval: 1000,
  maxWaitTimeInMs: 100,
  minBytes: 1,
  metadataMaxAge: 2000,
  allowAutoTopicCreation: false,
  readUncommitted: false,
});
const writer = client(brokers.split(','), `${name}-writer`);
const producers = new Map<number, Promise<Producer>>();

async function connected(partition: number): Promise<Producer> {
  const producer = writer.producer({
    transactionalId: `${name}.copy.${partition}`,
    maxInFlightRequests: 1,
    transactionTimeout: 15_000,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 3, multiplier: 1.5, factor: 0.2, maxRetryTime: 1000, retries: 20 },
  });
  await producer.connect();
  return producer;
}

function producerOf(partition: number): Promise<Producer> {
  const known = producers.get(partition);
  if (known !== undefined) return known;
  const made = connected(partition);
  producers.set(partition, made);
  return made;
}

function say(progress: object): void {
  process.stdout.write(`${JSON.stringify({ ...progress, time: Date.now() })}\n`);
}

async function copy(payload: EachBatchPayload): Promise<void> {
  const { batch } = payload;
  const { partition } = batch;
  const producer = await producerOf(partition);
  for (let from = 0; from < batch.messages.length; from += CHUNK_RECORDS) {
    if (!payload.isRunning() || payload.isStale()) return;
    const chunk = batch.messages.slice(from, from + CHUNK_RECORDS);
    const last = chunk.at(-1)?.offset;
    if (last === undefined) return;
    const messages = chunk.map(({ key, value }) => {
      const record: { id: string } = JSON.parse(value?.toString() ?? '');
      return { key, partition, value: JSON.stringify(record) };
    });
    try {
      const transaction = await producer.transaction();
      await transaction.send({ topic: `${name}.results`, acks: -1, messages });
      await transaction.sendOffsets({
        consumerGroupId: group,
        topics: [{ topic: source, partitions: [{ partition, offset: String(Number(last) + 1) }] }],
      });
      await transaction.commit();
    } catch (error) {
      // The next producer of the name ends what this one has begun.
      producers.delete(partition);
      void producer.disconnect().catch(() => undefined);
      throw error;
    }
    payload.resolveOffset(last);
    say({ type: 'committed', records: chunk.length });
    await payload.heartbeat();
  }
}

say({ type: 'started' });
await consumer.connect();
await consumer.subscribe({ topics: [source], fromBeginning: true });
consumer.on(consumer.events.CRASH, ({ payload }) => {
  console.error(`${payload.error.message}; restart: ${payload.restart}`);
  if (!payload.restart) process.exit(1);
});
async function leave(): Promise<never> {
  await consumer.disconnect();
  await Promise.all([...producers.values()].map(async (made) => (await made).disconnect()));
  process.exit();
}

process.once('SIGTERM', () => void leave());
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  partitionsConsumedConcurrently: Number(partitions),
  eachBatch: copy,
});
