import { afterEach, describe, expect, test } from '@jest/globals';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { BatchWriter } from '../../../src/adapters/kafka/record-batch.ts';
import { KafkaProxy } from '../../support/faults/proxy.ts';
import { decodeBatches, settle, type DecodedBatch } from '../../support/history/record-batch.ts';

describe('the decoder of the judge', () => {
  test('reads what the adapter writes: offsets, times, keys, nulls, headers, producer', () => {
    const batch = new BatchWriter().write(
      [
        { key: 'a', value: 'ä', timestamp: 1000, headers: [['h', 'x']] },
        { key: null, value: null, timestamp: 900 },
      ],
      0,
      { producerId: 4_000_000_000n, producerEpoch: 7, firstSequence: 0, transactional: true },
    );
    batch.writeBigInt64BE(40n, 0);
    const whole = Buffer.concat([batch, batch.subarray(0, 30)]);
    expect(decodeBatches(whole)).toEqual([
      {
        lastOffset: 41,
        producer: '4000000000',
        epoch: 7,
        transactional: true,
        marker: undefined,
        records: [
          {
            offset: 40,
            timestamp: 1000,
            key: new Uint8Array([97]),
            value: new Uint8Array([0xc3, 0xa4]),
            headers: [['h', new Uint8Array([120])]],
          },
          { offset: 41, timestamp: 900, key: null, value: null, headers: [] },
        ],
      },
    ]);
  });

  test('a marker decides what its own producer wrote since the one before', () => {
    const batch = (
      offset: number,
      producer: string,
      marker?: 'commit' | 'abort',
    ): DecodedBatch => ({
      lastOffset: offset,
      producer,
      epoch: 0,
      transactional: producer !== '-1',
      marker,
      records:
        marker === undefined ? [{ offset, timestamp: 0, key: null, value: null, headers: [] }] : [],
    });
    const records = settle([
      batch(0, 'a'),
      batch(1, 'b'),
      batch(2, '-1'),
      batch(3, 'a', 'abort'),
      batch(4, 'a'),
      batch(5, 'b', 'commit'),
      batch(6, 'a', 'commit'),
      batch(7, 'b'),
    ]);
    expect(records.map(({ offset, outcome }) => [offset, outcome])).toEqual([
      [0, 'aborted'],
      [1, 'committed'],
      [2, 'plain'],
      [4, 'committed'],
      [7, 'open'],
    ]);
  });
});

describe('the proxy', () => {
  const END = 26;
  const REQUEST_BYTES = 12;
  const open: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  /** A broker that answers each request with its correlation id, no throttling and no error. */
  async function broker(): Promise<{ readonly address: string; readonly asked: number[] }> {
    const asked: number[] = [];
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (frame) => {
        for (let at = 0; at < frame.length; at += REQUEST_BYTES) {
          asked.push(frame.readInt16BE(at + 4));
          const correlation = frame.subarray(at + 8, at + 12);
          socket.write(Buffer.concat([int32(10), correlation, int32(0), int16(0)]));
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  async function through(address: string): Promise<{ proxy: KafkaProxy; client: Socket }> {
    const proxy = await KafkaProxy.open(address);
    open.push(() => proxy.close());
    const client = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
    return { proxy, client };
  }

  const request = (api: number, correlation: number): Buffer =>
    Buffer.concat([int32(8), int16(api), int16(1), int32(correlation)]);

  test('passes requests and answers on, also in pieces', async () => {
    const { address, asked } = await broker();
    const { client } = await through(address);
    const bytes = request(END, 5);
    client.write(bytes.subarray(0, 3));
    client.write(bytes.subarray(3));
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect([...answer]).toEqual([0, 0, 0, 10, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0]);
    expect(asked).toEqual([END]);
  });

  test('says that the broker refused what it did', async () => {
    const { address, asked } = await broker();
    const { proxy, client } = await through(address);
    const hit = proxy.once('endTransaction', { kind: 'code', code: 51 }, 10_000);
    client.write(request(END, 5));
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.readInt16BE(12)).toBe(51);
    await expect(hit).resolves.toBe(true);
    expect(asked).toEqual([END]);
  });

  test('cuts the connection before or after the broker has acted, once', async () => {
    for (const [kind, expected] of [
      ['cutBefore', []],
      ['cutAfter', [END]],
    ] as const) {
      const { address, asked } = await broker();
      const { proxy, client } = await through(address);
      const hit = proxy.once('endTransaction', { kind }, 10_000);
      client.write(request(END, 5));
      await new Promise((resolve) => client.once('close', resolve));
      await expect(hit).resolves.toBe(true);
      expect(asked).toEqual(expected);
    }
  });

  test('swallows one answer and passes the next', async () => {
    const { address } = await broker();
    const { proxy, client } = await through(address);
    const hit = proxy.once('endTransaction', { kind: 'swallow' }, 10_000);
    client.write(request(END, 5));
    await hit;
    client.write(request(END, 6));
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.readInt32BE(4)).toBe(6);
  });

  test('a rule that nothing meets is taken back by healing', async () => {
    const { address } = await broker();
    const { proxy } = await through(address);
    const hit = proxy.once('endTransaction', { kind: 'swallow' }, 60_000);
    proxy.heal();
    await expect(hit).resolves.toBe(false);
  });
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
