/** The brokers that fault tests have for themselves: killed, frozen, secured. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  closeNow,
  createCluster,
  fetchBatches,
  type KafkaSettings,
} from '../../src/adapters/kafka/driver.ts';
import { leaderOf, learnTopics } from '../../src/adapters/kafka/metadata.ts';
import { until } from '../support/event-log-driver.ts';
import { type KafkaBroker, type Secured, startKafka } from '../support/kafka/broker.ts';
import { describeLocalKafka } from '../support/kafka/describe.ts';
import { createAdmin, createProducer } from '../support/kafka/stock-clients.ts';

const PASSWORDS = { admin: 'admin-secret', app: 'app-secret' };
const NEVER = { retries: 0 };

describeLocalKafka('a broker of our own', () => {
  let own: KafkaBroker;
  let secured: Secured;
  beforeAll(async () => {
    const started = await startKafka({ secured: { users: PASSWORDS } });
    if ('missing' in started) throw new Error(started.missing);
    own = started;
    secured = started.secured!;
  }, 120_000);
  afterAll(() => own?.close());

  async function topicOn(settings: KafkaSettings): Promise<string> {
    const topic = `own-${randomUUID()}`;
    const admin = createAdmin(settings);
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    return topic;
  }

  async function send(settings: KafkaSettings, topic: string, value: string): Promise<void> {
    const producer = createProducer(settings, { idempotent: true }, NEVER);
    try {
      await producer.connect();
      await producer.send({ topic, messages: [{ partition: 0, key: null, value }] });
    } finally {
      await producer.disconnect();
    }
  }

  async function endOf(settings: KafkaSettings, topic: string): Promise<number> {
    const cluster = createCluster(settings);
    try {
      await cluster.connect();
      await learnTopics(cluster, [topic]);
      const broker = await cluster.findBroker({ nodeId: leaderOf(cluster, topic, 0) });
      const [fetched] = await fetchBatches(broker, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1,
        targets: [{ topic, partition: 0, offset: 0, maxBytes: 1 }],
      });
      return fetched!.highWatermark;
    } finally {
      await closeNow(cluster);
    }
  }

  test('keeps what was acknowledged when it is killed and started again', async () => {
    const settings = { brokers: own.brokers, clientId: 'own' };
    const topic = await topicOn(settings);
    await send(settings, topic, 'kept');
    const node = own.node!;
    await node.kill();
    expect(node.alive).toBe(false);
    await expect(createCluster(settings, NEVER).connect()).rejects.toMatchObject({
      name: 'KafkaJSNumberOfRetriesExceeded',
    });
    await node.start();
    await own.untilReady();
    expect(await endOf(settings, topic)).toBe(1);
  }, 120_000);

  test('answers nothing while it is frozen, and goes on after', async () => {
    const settings = { brokers: own.brokers, clientId: 'own' };
    const topic = await topicOn(settings);
    const node = own.node!;
    await node.freeze();
    try {
      const cluster = createCluster(settings, { ...NEVER, requestTimeoutMs: 300 });
      await expect(cluster.connect()).rejects.toBeDefined();
      await closeNow(cluster);
    } finally {
      await node.thaw();
    }
    // One that slept beyond its session leads nothing until the controller has heard it again.
    let end: number | undefined;
    const look = async (): Promise<boolean> => {
      end = await endOf(settings, topic).catch((error: unknown) => {
        expect(error).toMatchObject({ message: 'LEADER_NOT_AVAILABLE' });
        return undefined;
      });
      return end !== undefined;
    };
    await until('the broker leads again', look, 30_000);
    expect(end).toBe(0);
  }, 60_000);

  describe('with TLS, SASL and ACLs', () => {
    const as = (
      username: keyof typeof PASSWORDS,
      mechanism: NonNullable<KafkaSettings['sasl']>['mechanism'],
      password: string = PASSWORDS[username],
    ): KafkaSettings => ({
      brokers: secured.brokers,
      clientId: 'own',
      ssl: { ca: secured.ca },
      sasl: { mechanism, username, password },
    });

    test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('%s signs in', async (by) => {
      const topic = await topicOn(as('admin', by));
      await send(as('admin', by), topic, by);
      expect(await endOf(as('admin', by), topic)).toBe(1);
    });

    test('a wrong password is refused at once', async () => {
      const cluster = createCluster(as('app', 'scram-sha-512', 'wrong'));
      await expect(cluster.connect()).rejects.toMatchObject({
        name: 'KafkaJSSASLAuthenticationError',
      });
      await closeNow(cluster);
    });

    test('a certificate of an authority that is not known is refused', async () => {
      const cluster = createCluster({ ...as('app', 'plain'), ssl: {} }, NEVER);
      await expect(cluster.connect()).rejects.toMatchObject({
        cause: { message: expect.stringContaining('self-signed certificate') },
      });
      await closeNow(cluster);
    });

    test('who has no permission sees no topic', async () => {
      const topic = await topicOn(as('admin', 'plain'));
      await expect(endOf(as('app', 'plain'), topic)).rejects.toMatchObject({
        type: 'TOPIC_AUTHORIZATION_FAILED',
      });
    });
  });
});
