/** What an operator does with topics and dead letters of a real broker. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { openLog } from '../../src/open-log.ts';
import type { EventLog } from '../../src/ports/event-log.ts';
import { runCommand } from '../support/command-line.ts';
import { describeKafka } from '../support/kafka/describe.ts';
import { createAdmin } from '../support/kafka/stock-clients.ts';

describeKafka('operations on Kafka', ({ brokers }) => {
  const pipeline = `operations-${randomUUID().slice(0, 8)}`;
  const environment = { VALENCE_LOG: `kafka://${brokers.join(',')}`, VALENCE_PIPELINE: pipeline };
  const valence = (...argv: readonly string[]) => runCommand(argv, { environment });
  let log: EventLog;

  beforeAll(async () => {
    log = await openLog(environment.VALENCE_LOG);
  });
  afterAll(async () => {
    await log.close();
  });

  test('topics are made as the contracts say, told whole, and compared', async () => {
    expect((await valence('topics', 'check')).values.map(({ status }) => status)).toEqual(
      Array(5).fill('missing'),
    );
    expect((await valence('topics', 'create')).code).toBe(0);
    const described = (await valence('topics', 'describe')).values;
    expect(described.map(({ topic }) => topic)).toEqual(
      ['source', 'results', 'model', 'snapshots', 'dlq'].map((suffix) => `${pipeline}.${suffix}`),
    );
    expect(described[0]).toMatchObject({
      cleanup: 'delete',
      retentionMs: 604_800_000,
      replicas: 1,
      settings: {
        'compression.type': 'uncompressed',
        'min.insync.replicas': '1',
        'unclean.leader.election.enable': 'false',
      },
      partitions: Array.from({ length: 4 }, (_, partition) => ({ partition, start: 0, end: 0 })),
    });
    expect(described[3]).toMatchObject({
      cleanup: 'compact',
      settings: { 'segment.bytes': '67108864' },
    });
    expect((await valence('topics', 'check')).code).toBe(0);
  });

  test('a topic of somebody else is told apart setting by setting, and never altered', async () => {
    const admin = createAdmin({ brokers, clientId: 'test' });
    await admin.connect();
    const topic = `${pipeline}.foreign`;
    await admin.createTopics({
      topics: [
        {
          topic,
          numPartitions: 4,
          replicationFactor: 1,
          configEntries: [{ name: 'retention.ms', value: '3600000' }],
        },
      ],
    });
    await admin.disconnect();
    const { code, values } = await valence('topics', 'check', '--source', topic);
    expect(code).toBe(1);
    expect(values[0]).toEqual({
      topic,
      status: 'differs',
      differences: [
        'retention: expected 7 d, found 1 h',
        'compression.type: expected uncompressed, found producer',
      ],
      fix: `on Kafka alter it with kafka-configs --alter --topic ${topic}, else make it anew; or live with it`,
    });
    const doctor = await valence('doctor', '--source', topic);
    expect(doctor.values).toContainEqual(
      expect.objectContaining({ check: 'topic', state: 'warning' }),
    );
  });

  test('dead letters are listed, shown, replayed with their bytes, and dropped for good', async () => {
    const key = Buffer.from([0xff, 0x00, 0xfe]);
    const value = Buffer.from([0x80, 0x81, 0x00]);
    const trace = Buffer.from([0xc3, 0x28]);
    await log.append(`${pipeline}.source`, [
      {
        partition: 2,
        key,
        value,
        headers: [
          ['trace', trace],
          ['trace', 'b'],
          ['empty', ''],
        ],
      },
      { partition: 1, key: null, value: null },
      { partition: 1, key: 'k', value: '{"id":"ok","text":"good"}' },
    ]);
    expect((await valence('subscribe', '--until-end')).code).toBe(0);
    const listed = (await valence('dlq', 'list')).values;
    expect(listed.map(({ code, from }) => [code, from]).toSorted()).toEqual([
      ['RECORD_INVALID', `${pipeline}.source/1/0`],
      ['RECORD_INVALID', `${pipeline}.source/2/0`],
    ]);
    const binary = listed.find(({ from }) => from === `${pipeline}.source/2/0`);
    const shown = (await valence('dlq', 'show', String(binary?.['n']))).values[0];
    expect(shown).toMatchObject({
      key: { base64: '/wD+' },
      value: { base64: 'gIEA' },
      headers: [
        ['trace', { base64: 'wyg=' }],
        ['trace', 'b'],
        ['empty', ''],
      ],
    });
    expect((await valence('dlq', 'replay')).values).toEqual([
      { topic: `${pipeline}.source`, replayed: 2, skipped: 0 },
    ]);
    expect((await valence('dlq', 'replay')).values).toMatchObject([{ replayed: 0 }]);
    const all = await Promise.all(
      [0, 1, 2, 3].map((partition) => log.read(`${pipeline}.source`, partition, { from: 0 })),
    );
    const again = all
      .flatMap(({ records }) => records)
      .filter((record) => record.key !== null && Buffer.from(record.key).equals(key));
    expect(again).toHaveLength(2);
    const headers = (record: (typeof again)[number] | undefined) =>
      record?.headers.map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
    expect(Buffer.from(again[1]?.value ?? []).equals(value)).toBe(true);
    expect(headers(again[1])).toEqual([
      ['trace', 'wyg='],
      ['trace', 'Yg=='],
      ['empty', ''],
    ]);
    const before = await valence('doctor');
    expect(before.values).toContainEqual(
      expect.objectContaining({ check: 'dead letters', finding: '2 records could not be folded' }),
    );
    expect((await valence('dlq', 'drop')).values).toMatchObject([{ dropped: 2 }]);
    expect((await valence('dlq', 'list')).stdout).toBe('');
    // What is left at the end of a partition is the end of a transaction, no dead letter.
    const after = await valence('doctor');
    expect(after.values.filter(({ check }) => check === 'dead letters')).toEqual([]);
    expect(after.code).toBe(0);
  });
});
