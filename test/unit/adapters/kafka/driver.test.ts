import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, jest, test } from '@jest/globals';
import {
  answered,
  type Broker,
  closeNow,
  createCluster,
  fetchBatches,
  isKafkaError,
  type KafkaSettings,
  MemberAssignment,
  MemberMetadata,
  produce,
  produceBatches,
  type SocketFactory,
} from '../../../../src/adapters/kafka/driver.ts';

const NEVER = { retries: 0 };

/** Connections that fail at once, and what was asked of them. */
function unreachable() {
  const targets: Parameters<SocketFactory>[0][] = [];
  const socketFactory: SocketFactory = (target) => {
    targets.push(target);
    const socket = Object.assign(new EventEmitter(), {
      end: () => undefined,
      unref: () => undefined,
      destroy: () => undefined,
    });
    queueMicrotask(() => socket.emit('error', new Error('connect ECONNREFUSED')));
    return socket as unknown as Socket;
  };
  const settings = (more: Partial<KafkaSettings> = {}): KafkaSettings => ({
    brokers: ['broker.test:9092'],
    clientId: 'test',
    socketFactory,
    ...more,
  });
  return { targets, settings };
}

/** A broker that gives one answer and keeps what it was sent. */
function answering(answer: Buffer, maxVersion = 99) {
  const sent: { apiKey: number; apiVersion: number; body: Buffer; requestTimeout?: number }[] = [];
  const broker = {
    versions: { 0: { maxVersion }, 1: { maxVersion } },
    connectionPool: {
      async send(call: {
        request: { apiKey: number; apiVersion: number; encode(): Promise<{ buffer: Buffer }> };
        response: {
          decode(bytes: Buffer): Promise<unknown>;
          parse(data: unknown): Promise<unknown>;
        };
        requestTimeout?: number;
      }) {
        const { apiKey, apiVersion } = call.request;
        const { buffer: body } = await call.request.encode();
        const { requestTimeout } = call;
        sent.push({
          apiKey,
          apiVersion,
          body,
          ...(requestTimeout !== undefined && { requestTimeout }),
        });
        return call.response.parse(await call.response.decode(answer));
      },
    },
  };
  return { sent, broker: broker as unknown as Broker };
}

const int16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const text = (value: string) => Buffer.concat([int16(value.length), Buffer.from(value)]);

describe('a cluster', () => {
  test('opens plain connections to the brokers it is given', async () => {
    const { targets, settings } = unreachable();
    await expect(createCluster(settings(), NEVER).connect()).rejects.toMatchObject({
      name: 'KafkaJSNumberOfRetriesExceeded',
      cause: { name: 'KafkaJSConnectionError' },
    });
    expect(targets[0]).toMatchObject({ host: 'broker.test', port: 9092 });
    expect(targets[0]?.ssl).toBeFalsy();
  });

  test('checks certificates, whatever the settings hold', async () => {
    const { targets, settings } = unreachable();
    const ssl = { ca: 'PEM', rejectUnauthorized: false };
    await expect(createCluster(settings({ ssl }), NEVER).connect()).rejects.toBeDefined();
    expect(targets[0]?.ssl).toEqual({ ca: 'PEM', rejectUnauthorized: true });
  });

  test('tells its log without debug lines, also where the driver is asked for them', async () => {
    const { settings } = unreachable();
    const lines: [string, string, unknown][] = [];
    const before = process.env['KAFKAJS_LOG_LEVEL'];
    process.env['KAFKAJS_LOG_LEVEL'] = 'DEBUG';
    try {
      const onLog: KafkaSettings['onLog'] = (...line) => void lines.push(line);
      await expect(createCluster(settings({ onLog }), NEVER).connect()).rejects.toBeDefined();
    } finally {
      if (before === undefined) delete process.env['KAFKAJS_LOG_LEVEL'];
      else process.env['KAFKAJS_LOG_LEVEL'] = before;
    }
    expect(new Set(lines.map(([level]) => level))).toEqual(new Set(['error']));
    expect(lines[0]).toEqual([
      'error',
      'Connection error: connect ECONNREFUSED',
      expect.objectContaining({ namespace: 'Connection', broker: 'broker.test:9092' }),
    ]);
  });

  test('fails what is under way when it is closed at once', async () => {
    const cluster = createCluster(unreachable().settings(), NEVER);
    const rejected: unknown[] = [];
    const destroyed: string[] = [];
    const connection = (name: string) => ({
      requestQueue: { rejectAll: (error: unknown) => void rejected.push(error) },
      socket: { destroy: () => void destroyed.push(name) },
    });
    const { brokerPool } = cluster as unknown as { brokerPool: Record<string, unknown> };
    const broker = { connectionPool: { pool: [connection('fetch'), connection('rest')] } };
    const left: string[] = [];
    const disconnect = async () => void left.push('broker');
    Object.assign(brokerPool, {
      brokers: { 1: { ...broker, disconnect } },
      seedBroker: { ...broker, disconnect },
    });
    await closeNow(cluster);
    expect(destroyed).toEqual(['fetch', 'rest', 'fetch', 'rest']);
    expect(rejected.every((error) => isKafkaError(error))).toBe(true);
    expect(left).toEqual(['broker', 'broker']);
  });
});

describe('a fetch', () => {
  const request = {
    maxWaitMs: 100,
    minBytes: 1,
    maxBytes: 1 << 20,
    targets: [
      { topic: 'a', partition: 0, offset: 2 ** 40, maxBytes: 1000 },
      { topic: 'b', partition: 1, offset: 0, maxBytes: 1000 },
      { topic: 'a', partition: 3, offset: 7, maxBytes: 2000 },
    ],
  };
  const batches = Buffer.from('raw batches');
  const answer = Buffer.concat([
    int32(0),
    int16(0),
    int32(0),
    int32(1),
    text('a'),
    int32(2),
    int32(0),
    int16(0),
    int64(2 ** 41),
    int64(2 ** 40),
    int64(5),
    int32(1),
    int64(9_007_199_254_740_000n),
    int64(11),
    int32(-1),
    int32(batches.length),
    batches,
    int32(3),
    int16(1),
    int64(-1),
    int64(-1),
    int64(-1),
    int32(-1),
    int32(-1),
    int32(-1),
  ]);

  test('gives raw batches and the list of what was aborted, and an error where it belongs', async () => {
    const { broker } = answering(answer);
    expect(await fetchBatches(broker, request)).toEqual([
      {
        topic: 'a',
        partition: 0,
        error: undefined,
        highWatermark: 2 ** 41,
        lastStableOffset: 2 ** 40,
        logStartOffset: 5,
        aborted: [{ producerId: 9_007_199_254_740_000, firstOffset: 11 }],
        batches,
      },
      expect.objectContaining({
        topic: 'a',
        partition: 3,
        error: expect.objectContaining({ type: 'OFFSET_OUT_OF_RANGE', code: 1 }),
        aborted: [],
        batches: Buffer.alloc(0),
      }),
    ]);
  });

  test('asks for committed records, each topic once, and gives the broker time to wait', async () => {
    const { broker, sent } = answering(answer);
    await fetchBatches(broker, request);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ apiKey: 1, apiVersion: 11, requestTimeout: 15_100 });
    const { body } = sent[0]!;
    expect(body[16]).toBe(1);
    expect(body.readInt32BE(25)).toBe(2);
    expect(body.subarray(29, 32).toString('hex')).toBe('000161');
    expect(body.readInt32BE(32)).toBe(2);
    expect(body.readInt32BE(36)).toBe(0);
    expect(body.readInt32BE(40)).toBe(-1);
    expect(body.readBigInt64BE(44)).toBe(2n ** 40n);
  });

  test('is refused where the broker is older than Kafka 2.3', async () => {
    const { broker, sent } = answering(answer, 10);
    await expect(fetchBatches(broker, request)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('Kafka 2.3 or newer'),
    });
    expect(sent).toEqual([]);
  });
});

describe('a produce request', () => {
  const request = {
    transactionalId: 'tx',
    timeoutMs: 3_000,
    batches: [
      { topic: 'a', partition: 2, batch: Buffer.from('batch one') },
      { topic: 'a', partition: 5, batch: Buffer.from('batch two') },
    ],
  };
  const part = (partition: number, code: number, offset: number) =>
    Buffer.concat([int32(partition), int16(code), int64(offset), int64(-1), int64(0)]);
  const answer = (code: number) =>
    Buffer.concat([
      int32(1),
      text('a'),
      int32(2),
      part(2, 0, 1234),
      part(5, code, code === 0 ? 77 : -1),
      int32(0),
    ]);

  test('carries the batches as they are, for all replicas in sync', async () => {
    const { broker, sent } = answering(answer(0));
    expect(await produceBatches(broker, request)).toEqual([
      { topic: 'a', partition: 2, error: undefined, baseOffset: 1234, logAppendTime: -1 },
      { topic: 'a', partition: 5, error: undefined, baseOffset: 77, logAppendTime: -1 },
    ]);
    expect(sent[0]).toMatchObject({ apiKey: 0, apiVersion: 7 });
    expect(sent[0]!.body).toEqual(
      Buffer.concat([
        text('tx'),
        int16(-1),
        int32(3_000),
        int32(1),
        text('a'),
        int32(2),
        int32(2),
        int32(9),
        Buffer.from('batch one'),
        int32(5),
        int32(9),
        Buffer.from('batch two'),
      ]),
    );
  });

  test('outside of a transaction says so', async () => {
    const { broker, sent } = answering(answer(0));
    await produce(broker, { ...request, transactionalId: undefined });
    expect(sent[0]!.body.readInt16BE(0)).toBe(-1);
  });

  test('tells a refusal of one partition beside the offset of the other', async () => {
    const answers = await produce(answering(answer(10)).broker, request);
    expect(answers[0]).toMatchObject({ baseOffset: 1234, error: undefined });
    expect(answers[1]?.error).toMatchObject({ type: 'MESSAGE_TOO_LARGE', code: 10 });
  });

  test('fails as a whole where all or nothing is asked for', async () => {
    await expect(produceBatches(answering(answer(47)).broker, request)).rejects.toMatchObject({
      type: 'INVALID_PRODUCER_EPOCH',
      code: 47,
    });
  });
});

describe('the texts of a group', () => {
  test('of a member', () => {
    const metadata = { version: 1, topics: ['a', 'ü'], userData: Buffer.from('state') };
    expect(MemberMetadata.decode(MemberMetadata.encode(metadata))).toEqual(metadata);
  });

  test('of an assignment', () => {
    const assignment = { version: 1, assignment: { a: [0, 2] }, userData: Buffer.alloc(0) };
    expect(MemberAssignment.decode(MemberAssignment.encode(assignment))).toEqual(assignment);
    expect(MemberAssignment.decode(Buffer.alloc(0))).toBeNull();
  });
});

test('an error of the driver is known by its name, not by its class', () => {
  expect(isKafkaError({ name: 'KafkaJSProtocolError' })).toBe(true);
  expect(isKafkaError(new Error('KafkaJS'))).toBe(false);
  expect(isKafkaError(undefined)).toBe(false);
});

test('an answer that never comes closes the connections, also when the wall clock is set back', async () => {
  const cluster = createCluster({ brokers: ['127.0.0.1:1'], clientId: 'test' });
  const closed = new Promise<never>((_, reject) => {
    cluster.disconnect = async () => reject(new Error('closed'));
  });
  const now = jest.spyOn(Date, 'now').mockReturnValue(0);
  await expect(answered(cluster, 20, closed)).rejects.toThrow('closed');
  await expect(answered(cluster, 20, Promise.resolve('in time'))).resolves.toBe('in time');
  now.mockRestore();
});
