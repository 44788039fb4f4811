import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { SourceReader } from '../../../../src/adapters/kafka/source-reader.ts';
import { batch, fakeCluster } from './fake-cluster.ts';

const BATCH_RECORDS = 200;
const BATCHES = 3;
const END = BATCH_RECORDS * BATCHES;

interface Asked {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What the broker holds of each partition: batches of one size. */
function logOf(valueLength: number) {
  const records = Array.from({ length: BATCH_RECORDS }, () => ({ value: 'x'.repeat(valueLength) }));
  return Array.from({ length: BATCHES }, (_, index) => {
    const base = index * BATCH_RECORDS;
    return { base, bytes: batch({ base, records }) };
  });
}

/** A reader of two partitions whose broker gives each at most `limit` bytes, but the first that has something one batch at least. */
function readerOf(limit: number, log: ReturnType<typeof logOf>) {
  const fetch = (targets: readonly Asked[]) => {
    let isFirst = true;
    return targets.map(({ topic, partition, offset }) => {
      const batches: Buffer[] = [];
      let size = 0;
      for (const { base, bytes } of log) {
        if (base + BATCH_RECORDS <= offset) continue;
        if (size + bytes.length > limit && !(size === 0 && isFirst)) break;
        batches.push(bytes);
        size += bytes.length;
      }
      if (size > 0) isFirst = false;
      const end = log.length * BATCH_RECORDS;
      const ends = { highWatermark: end, lastStableOffset: end, logStartOffset: 0, aborted: [] };
      return { topic, partition, error: undefined, ...ends, batches: Buffer.concat(batches) };
    });
  };
  const { cluster } = fakeCluster(new Map([[1, { fetch }]]), [{ name: 't', leaders: [1, 1] }]);
  const find = cluster.findBroker.bind(cluster);
  const connected = Object.assign(cluster, {
    isConnected: () => true,
    connect: () => Promise.resolve(),
    // An answer takes a few turns of the event loop, as over a network: readers wait for it.
    findBroker: async (node: Parameters<typeof find>[0]) => {
      for (let turn = 0; turn < 3; turn++) await setImmediate();
      return find(node);
    },
  });
  return new SourceReader(connected, 't');
}

describe('reading what is there at once', () => {
  // KIP-74: of the partitions of an answer only the first gets a batch beyond its limit, the others come back empty.
  test('never takes a partition for which the answer had no room for one at its end', async () => {
    const log = logOf(600);
    // The order of the partitions is drawn by lot.
    for (let run = 0; run < 8; run++) {
      const reader = readerOf(1000, log);
      const readAll = async (partition: number): Promise<number> => {
        let from = 0;
        for (let at = 0; at < BATCHES; at++) {
          const read = await reader.next(partition, { from, maxRecords: BATCH_RECORDS });
          expect([read.records.length, read.end]).toEqual([BATCH_RECORDS, END]);
          from = read.next;
        }
        return from;
      };
      try {
        expect(await Promise.all([readAll(0), readAll(1)])).toEqual([END, END]);
        expect((await reader.next(0, { from: END })).records).toEqual([]);
      } finally {
        await reader.close();
      }
    }
  });

  test('asks with short polls, however long the partition has been idle', async () => {
    const waits: number[] = [];
    const answer = {
      topic: 't',
      partition: 0,
      error: undefined,
      highWatermark: 7,
      lastStableOffset: 7,
      logStartOffset: 0,
      aborted: [],
      batches: Buffer.alloc(0),
    };
    const { cluster } = fakeCluster(new Map([[1, {}]]), [{ name: 't', leaders: [1] }]);
    const send = async ({ request }: { request: { encode(): Promise<{ buffer: Buffer }> } }) => {
      const { buffer } = await request.encode();
      waits.push(buffer.readInt32BE(4));
      return { clientSideThrottleTime: 0, error: undefined, partitions: [answer] };
    };
    const patched = Object.assign(cluster, {
      isConnected: () => true,
      connect: () => Promise.resolve(),
      findBroker: () => Promise.resolve({ connectionPool: { send } }),
    });
    const reader = new SourceReader(patched, 't');
    try {
      await reader.next(0, { from: 7, waitMs: 1 });
      for (let read = 0; read < 5; read++) await reader.next(0, { from: 7, waitMs: 0 });
      const [, ...hurried] = waits;
      expect(hurried.length).toBeGreaterThanOrEqual(4);
      expect(Math.max(...hurried.slice(1))).toBeLessThanOrEqual(20);
    } finally {
      await reader.close();
    }
  });
});
