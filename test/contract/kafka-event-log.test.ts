/** The behaviour suite of the log port on a real broker, and what only a broker can show. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { closeNow, createCluster, type KafkaSettings } from '../../src/adapters/kafka/driver.ts';
import { KafkaEventLog } from '../../src/adapters/kafka/event-log.ts';
import { COORDINATOR, coordinatorOf } from '../../src/adapters/kafka/coordinators.ts';
import { TransactionalProducer } from '../../src/adapters/kafka/transaction.ts';
import type { OwnedPartition, TopicSpec } from '../../src/ports/event-log.ts';
import {
  aborted,
  freshTopics,
  type LogPair,
  readAll,
  startOwner,
  until,
  values,
} from '../support/event-log-driver.ts';
import { describeEventLog } from '../support/event-log-suite.ts';
import { describeKafka } from '../support/kafka/describe.ts';
import { API, Spy } from '../support/kafka/spy.ts';
import { createProducer } from '../support/kafka/stock-clients.ts';

describeKafka('on a broker', ({ brokers }) => {
  const settings: KafkaSettings = { brokers, clientId: 'contract' };
  const options = { sessionTimeoutMs: 6000 };

  describeEventLog('kafka', async (): Promise<LogPair> => {
    const first = await KafkaEventLog.open(settings, options);
    const second = await KafkaEventLog.open(settings, options);
    return {
      first,
      second,
      retains: false,
      // Fences the owner as the next one would, and has the group take its members for gone.
      usurp: async (group, _topic, partition) => {
        const cluster = createCluster(settings);
        await cluster.connect();
        await cluster.refreshMetadata();
        await TransactionalProducer.open(cluster, `${group}.fold.${partition}`);
        const nodeId = await coordinatorOf(cluster, group, COORDINATOR.group);
        const coordinator = await cluster.findBroker({ nodeId });
        const { groups } = await coordinator.describeGroups({ groupIds: [group] });
        for (const { memberId } of groups[0]!.members)
          await coordinator.leaveGroup({ groupId: group, memberId });
        await closeNow(cluster);
      },
      close: async () => {
        await Promise.all([first.close(), second.close()]);
      },
    };
  });

  describe('kafka only', () => {
    let log: KafkaEventLog;
    beforeAll(async () => {
      log = await KafkaEventLog.open(settings, options);
    });
    afterAll(async () => {
      await log.close();
    });
    const topicWith = async (more: Partial<TopicSpec>): Promise<string> => {
      const name = `t.${Math.random().toString(36).slice(2)}`;
      const spec = { name, partitions: 1, cleanup: 'delete', retentionMs: undefined } as const;
      await log.ensureTopics([{ ...spec, ...more }]);
      return name;
    };

    test('what is given up while a heartbeat is under way finds its next owner', async () => {
      const spy = new Spy();
      const slow = await KafkaEventLog.open(
        { ...settings, socketFactory: spy.socketFactory },
        options,
      );
      const topics = await freshTopics(log, 6);
      const waiting = ({ signal }: OwnedPartition): Promise<void> => aborted(signal);
      let asked = 0;
      let letGo = (): void => undefined;
      const gate = new Promise<void>((resolve) => (letGo = resolve));
      const one = startOwner(slow, topics, async ({ signal }) => {
        await aborted(signal);
        asked += 1;
        await gate;
      });
      await until('one owns all', () => one.running.size === 6);
      spy.inject(API.Heartbeat, { kind: 'delayAnswer', ms: 250 }, 1000);
      const two = startOwner(log, topics, waiting);
      await until('three to give up', () => asked === 3);
      const before = spy.sent(API.Heartbeat);
      await until('a heartbeat', () => spy.sent(API.Heartbeat) > before);
      letGo();
      await until('three and three', () => one.running.size === 3 && two.running.size === 3);
      await Promise.all([one.stop(), two.stop()]);
      await slow.close();
      expect(new Set(two.changes.map(({ partition }) => partition)).size).toBeGreaterThanOrEqual(3);
    });

    test('what was aborted is never read, wherever the reading begins', async () => {
      const { source: topic } = await freshTopics(log);
      const [a, b] = await Promise.all(
        ['a', 'b'].map(async (name) => {
          const producer = createProducer(settings, { transactionalId: `${topic}.${name}` });
          await producer.connect();
          return { producer, transaction: await producer.transaction() };
        }),
      );
      const send = async (writer: typeof a, text: string): Promise<void> => {
        const messages = [{ key: Buffer.alloc(4), value: text, partition: 0 }];
        await writer!.transaction.send({ topic, messages });
      };
      for (const text of ['no 1', 'no 2']) for (const writer of [a, b]) await send(writer, text);
      const [yes] = await log.append(topic, [{ key: null, value: 'yes' }]);
      expect(await log.read(topic, 0, { from: 0 })).toMatchObject({ records: [], next: 0, end: 0 });
      await a!.transaction.abort();
      await send(b, 'no 3');
      await b!.transaction.abort();
      const [last] = await log.append(topic, [{ key: null, value: 'last' }]);
      const kept = [yes, last].map((outcome) => (outcome!.status === 'ok' ? outcome!.offset : -1));
      // The markers may take a moment.
      await until('the end', async () => (await readAll(log, topic)).length === 2);
      for (let from = 0; from <= kept[1]! + 1; from++) {
        const seen: number[] = [];
        for (let next = from; next <= kept[1]!;) {
          const batch = await log.read(topic, 0, { from: next, maxRecords: 1, waitMs: 1000 });
          expect(batch.next).toBeGreaterThan(next);
          seen.push(...batch.records.map(({ offset }) => offset));
          next = batch.next;
        }
        expect(seen).toEqual(kept.filter((offset) => offset >= from));
      }
      await Promise.all([a, b].map((writer) => writer!.producer.disconnect()));
    });

    test('a record larger than its topic takes fails alone, the others keep their order', async () => {
      const topic = await topicWith({ settings: { 'max.message.bytes': '2000' } });
      const texts = ['a', 'b'.repeat(500), 'c'.repeat(5000), 'd', 'e'.repeat(1500), 'f'];
      const outcomes = await log.append(
        topic,
        texts.map((value) => ({ key: null, value })),
      );
      expect(outcomes.map(({ status }) => status)).toEqual([
        'ok',
        'ok',
        'failed',
        'ok',
        'ok',
        'ok',
      ]);
      expect(outcomes[2]).toMatchObject({ error: { code: 'RECORD_INVALID' } });
      expect(values(await readAll(log, topic))).toEqual(texts.filter((_, index) => index !== 2));
    });

    test('settings that differ from the spec are told, in the words of the broker', async () => {
      const topic = await topicWith({ settings: { 'max.message.bytes': '2000' } });
      const spec = {
        name: topic,
        partitions: 1,
        cleanup: 'delete',
        retentionMs: undefined,
      } as const;
      expect(
        await log.ensureTopics([{ ...spec, settings: { 'max.message.bytes': '3000' } }]),
      ).toMatchObject([{ differences: ['max.message.bytes: expected 3000, found 2000'] }]);
    });

    test('a checkpoint that the broker cannot keep is told', async () => {
      const { source } = await freshTopics(log);
      const checkpoint = { name: source, value: 'x'.repeat(4097) };
      await expect(log.append(source, [], { checkpoint })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        fields: { type: 'OFFSET_METADATA_TOO_LARGE' },
      });
      expect(await log.checkpoint(source)).toBeUndefined();
    });

    test('a broker that is not there is told with its address, and without the password', async () => {
      const nowhere: KafkaSettings = {
        brokers: ['127.0.0.1:1'],
        clientId: 'contract',
        sasl: { mechanism: 'plain', username: 'app', password: 'hunter2' },
      };
      const error: unknown = await KafkaEventLog.open(nowhere, { connectMs: 100 }).catch(
        (failure: unknown) => failure,
      );
      expect(error).toMatchObject({ code: 'LOG_UNAVAILABLE' });
      expect(String(error)).toContain('127.0.0.1:1');
      expect(String(error)).toContain('ECONNREFUSED');
      expect(String(error)).not.toContain('hunter2');
    });
  });
});
