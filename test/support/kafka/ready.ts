/** When a broker can be worked with: not when its port is open, but when topics, groups and transactions all work. */
import { randomUUID } from 'node:crypto';
import {
  closeNow,
  createCluster,
  isKafkaError,
  type KafkaSettings,
  MemberMetadata,
} from '../../../src/adapters/kafka/driver.ts';
import { COORDINATOR, coordinatorOf } from '../../../src/adapters/kafka/coordinators.ts';
import { pause } from '../../../src/ports/pause.ts';
import { createAdmin, createProducer } from './stock-clients.ts';

const LIMIT_MS = 60_000;
const BETWEEN_MS = 100;
/** Each one goes to the next broker of the list. */
const TRIES = 3;

/** Waits until a topic can be made, a member can join and leave a group, and a transaction with an offset can be committed. */
export async function untilReady(brokers: readonly string[], alive: () => boolean): Promise<void> {
  const own = { brokers, clientId: 'valence-test-ready' };
  const name = `valence-ready-${randomUUID()}`;
  await repeat(alive, async () => {
    const admin = createAdmin(own, { retries: TRIES });
    try {
      await admin.connect();
      await admin.createTopics({
        topics: [{ topic: name, numPartitions: 1 }],
        waitForLeaders: true,
      });
    } finally {
      await admin.disconnect();
    }
  });
  await repeat(alive, () => joinAndLeave(own, name));
  await repeat(alive, () => commitOnce(own, name));
  await repeat(alive, async () => {
    const admin = createAdmin(own, { retries: TRIES });
    try {
      await admin.connect();
      await admin.deleteTopics({ topics: [name] });
    } finally {
      await admin.disconnect();
    }
  });
}

async function joinAndLeave(settings: KafkaSettings, name: string): Promise<void> {
  const cluster = createCluster(settings, { retries: TRIES });
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const nodeId = await coordinatorOf(cluster, name, COORDINATOR.group);
    const broker = await cluster.findBroker({ nodeId });
    const { memberId } = await broker.joinGroup({
      groupId: name,
      sessionTimeout: 6_000,
      rebalanceTimeout: 6_000,
      groupProtocols: [
        { name: 'none', metadata: MemberMetadata.encode({ version: 1, topics: [name] }) },
      ],
    });
    await broker.leaveGroup({ groupId: name, memberId });
  } finally {
    await closeNow(cluster);
  }
}

async function commitOnce(settings: KafkaSettings, name: string): Promise<void> {
  const producer = createProducer(settings, { transactionalId: name }, { retries: TRIES });
  try {
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({
      topic: name,
      messages: [{ partition: 0, key: null, value: 'ready' }],
    });
    await transaction.sendOffsets({
      consumerGroupId: name,
      topics: [{ topic: name, partitions: [{ partition: 0, offset: '1' }] }],
    });
    await transaction.commit();
  } finally {
    await producer.disconnect();
  }
}

async function repeat(alive: () => boolean, attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isKafkaError(error) || !alive() || performance.now() > deadline) throw error;
      await pause(BETWEEN_MS);
    }
  }
}
