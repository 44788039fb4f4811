import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  connectOnce,
  DRIVER_VERSION,
  installPatches,
  type Load,
  type PatchedConnection,
  scheduleWhenNeeded,
  timeOutSteadily,
} from '../../../../src/adapters/kafka/patches.ts';

const load = createRequire(import.meta.url);

/** A socket that is told what happens to it. */
class FakeSocket extends EventEmitter {
  ended = false;

  end(): void {
    this.ended = true;
  }

  unref(): void {
    // Nothing to let go of.
  }
}

interface Connection extends PatchedConnection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  processData(bytes: Buffer): void;
  requestQueue: { fulfillRequest(answer: { correlationId: number; payload: Buffer }): void };
}

type Connect = (this: PatchedConnection) => Promise<boolean>;
const ConnectionClass = load('kafkajs/src/network/connection') as new (
  settings: Record<string, unknown>,
) => Connection;
const stockConnect = (ConnectionClass.prototype as { connect: Connect }).connect;
const silent = { error: () => undefined, debug: () => undefined, warn: () => undefined };
const logger = { ...silent, namespace: () => silent };

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  inflight: ReadonlyMap<number, unknown>;
  isConnected(): boolean;
  scheduleCheckPendingRequests: (this: Queue) => void;
  scheduleRequestTimeoutCheck: (this: Queue) => void;
  destroy(): void;
}
type PatchedSchedule = Parameters<typeof scheduleWhenNeeded>[0];
const QueueClass = load('kafkajs/src/network/requestQueue') as {
  new (settings: Record<string, unknown>): Queue;
  readonly prototype: Queue;
};

/** A connection with sockets that the test holds. */
function connectionWith(connect: Connect) {
  const sockets: { socket: FakeSocket; onConnect: () => void }[] = [];
  const connection = new ConnectionClass({
    host: 'h',
    port: 1,
    logger,
    connectionTimeout: 60_000,
    requestTimeout: 60_000,
    enforceRequestTimeout: false,
    socketFactory: ({ onConnect }: { onConnect: () => void }) => {
      const socket = new FakeSocket();
      sockets.push({ socket, onConnect });
      return socket as unknown as Socket;
    },
  });
  const answers: { correlationId: number; text: string }[] = [];
  connection.requestQueue.fulfillRequest = ({ correlationId, payload }) =>
    void answers.push({ correlationId, text: payload.toString() });
  const open = async (): Promise<FakeSocket> => {
    const connecting = connect.call(connection);
    const last = sockets.at(-1)!;
    last.onConnect();
    await connecting;
    return last.socket;
  };
  return { connection, sockets, answers, open, connect: () => connect.call(connection) };
}

function answer(correlationId: number, text: string): Buffer {
  const frame = Buffer.alloc(8 + text.length);
  frame.writeInt32BE(4 + text.length, 0);
  frame.writeInt32BE(correlationId, 4);
  frame.write(text, 8);
  return frame;
}

describe('answers after a reconnect', () => {
  async function halfThenWhole(connect: Connect): Promise<readonly unknown[]> {
    const { open, answers } = connectionWith(connect);
    const first = await open();
    first.emit('data', answer(1, 'the first answer').subarray(0, 14));
    first.emit('error', new Error('read ECONNRESET'));
    await new Promise(setImmediate);
    const second = await open();
    second.emit('data', answer(2, 'whole'));
    return answers;
  }

  test('are not mixed with half an answer of the connection before', async () => {
    expect(await halfThenWhole(connectOnce(stockConnect))).toEqual([
      { correlationId: 2, text: 'whole' },
    ]);
  });

  test('are in the driver as it comes', async () => {
    expect(await halfThenWhole(stockConnect)).not.toContainEqual({
      correlationId: 2,
      text: 'whole',
    });
  });
});

describe('connecting twice at once', () => {
  test('opens one socket and answers both', async () => {
    const { connect, sockets } = connectionWith(connectOnce(stockConnect));
    const both = [connect(), connect()];
    expect(sockets).toHaveLength(1);
    sockets[0]!.onConnect();
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(await connect()).toBe(true);
    expect(sockets).toHaveLength(1);
  });

  test('opens two in the driver as it comes', async () => {
    const { connect, sockets } = connectionWith(stockConnect);
    const both = [connect(), connect()];
    expect(sockets).toHaveLength(2);
    for (const { onConnect } of sockets) onConnect();
    await Promise.all(both);
  });

  test('can be tried again after a failure', async () => {
    const { connect, sockets } = connectionWith(connectOnce(stockConnect));
    const failing = connect();
    sockets[0]!.socket.emit('error', new Error('connect ECONNREFUSED'));
    await expect(failing).rejects.toMatchObject({ name: 'KafkaJSConnectionError' });
    const again = connect();
    expect(sockets).toHaveLength(2);
    sockets[1]!.onConnect();
    expect(await again).toBe(true);
  });
});

describe('a late event of a socket that was given up', () => {
  async function lateEnd(connect: Connect): Promise<{ connected: boolean; ended: boolean }> {
    const { open, connection } = connectionWith(connect);
    const first = await open();
    first.emit('error', new Error('read ECONNRESET'));
    await new Promise(setImmediate);
    const second = await open();
    first.emit('end');
    await new Promise(setImmediate);
    return { connected: connection.isConnected(), ended: second.ended };
  }

  test('leaves the new one alone', async () => {
    expect(await lateEnd(connectOnce(stockConnect))).toEqual({ connected: true, ended: false });
  });

  test('ends the new one in the driver as it comes', async () => {
    expect(await lateEnd(stockConnect)).toEqual({ connected: false, ended: true });
  });

  test('is no data of the new one', async () => {
    const { open, answers } = connectionWith(connectOnce(stockConnect));
    const first = await open();
    first.emit('error', new Error('read ECONNRESET'));
    await new Promise(setImmediate);
    const second = await open();
    first.emit('data', answer(1, 'late'));
    second.emit('data', answer(2, 'whole'));
    expect(answers).toEqual([{ correlationId: 2, text: 'whole' }]);
  });
});

describe('the timer of an idle connection', () => {
  const stock = QueueClass.prototype.scheduleCheckPendingRequests as PatchedSchedule;
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function timersOf(schedule: PatchedSchedule, change: (queue: Queue) => void): number {
    const queue = new QueueClass({ logger, requestTimeout: 1_000 });
    queue.scheduleCheckPendingRequests = schedule;
    change(queue);
    queue.scheduleCheckPendingRequests();
    return jest.getTimerCount();
  }

  test('is not armed for nothing', () => {
    expect(timersOf(scheduleWhenNeeded(stock), () => undefined)).toBe(0);
  });

  test('is armed for nothing by the driver as it comes', () => {
    expect(timersOf(stock, () => undefined)).toBe(1);
  });

  test('is armed while a request waits', () => {
    const waiting = (queue: Queue) => void queue.pending.push({});
    expect(timersOf(scheduleWhenNeeded(stock), waiting)).toBe(1);
  });

  test('is armed while the broker asks for a pause', () => {
    const throttled = (queue: Queue) => void (queue.throttledUntil = Date.now() + 500);
    expect(timersOf(scheduleWhenNeeded(stock), throttled)).toBe(1);
  });
});

describe('the time-out of a request whose answer is lost', () => {
  const stock = QueueClass.prototype.scheduleRequestTimeoutCheck;
  const TIMEOUT_MS = 5000;
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** Looks in 30 s, and the second at which the request was given up; the wall clock is set back an hour after the first. */
  function lost(schedule: (this: Queue) => void): { looks: number; givenUpAt: number | undefined } {
    const queue = new QueueClass({ logger, requestTimeout: 30_000, enforceRequestTimeout: true });
    let looks = 0;
    let givenUpAt: number | undefined;
    const inflight = new Map([
      [
        1,
        {
          requestTimeout: TIMEOUT_MS,
          sentAt: Date.now(),
          timeoutRequest: () => (givenUpAt ??= second),
        },
      ],
    ]);
    queue.isConnected = () => {
      looks += 1;
      return true;
    };
    queue.inflight = inflight;
    let second = 0;
    schedule.call(queue);
    while (second < 30) {
      second += 1;
      jest.advanceTimersByTime(1000);
      if (second === 1) jest.setSystemTime(Date.now() - 3_600_000);
    }
    queue.destroy();
    return { looks, givenUpAt };
  }

  test('does not depend on the wall clock, and costs one look a second', () => {
    const { looks, givenUpAt } = lost(timeOutSteadily() as (this: unknown) => void);
    expect(looks).toBe(30);
    expect(givenUpAt).toBeGreaterThanOrEqual(6);
    expect(givenUpAt).toBeLessThanOrEqual(7);
  });

  test('never comes in the driver as it is, which looks ten times a second', () => {
    expect(lost(stock)).toEqual({ looks: 300, givenUpAt: undefined });
  });

  test('is left out where it is not asked for', () => {
    const queue = new QueueClass({ logger, requestTimeout: 1000, enforceRequestTimeout: false });
    (timeOutSteadily() as (this: unknown) => void).call(queue);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('installing', () => {
  const sources: Record<string, unknown> = {
    'kafkajs/package.json': { version: DRIVER_VERSION },
    'kafkajs/src/network/connection': ConnectionClass,
    'kafkajs/src/network/requestQueue': load('kafkajs/src/network/requestQueue'),
    'kafkajs/src/cluster': load('kafkajs/src/cluster'),
  };
  const loadWith =
    (changes: Record<string, unknown>): Load =>
    (path) =>
      ({ ...sources, ...changes })[path];

  test.each([
    ['another version', { 'kafkajs/package.json': { version: '2.2.5' } }, '2.2.5'],
    ['no version', { 'kafkajs/package.json': {} }, 'none'],
    [
      'another connect',
      { 'kafkajs/src/network/connection': { prototype: { connect: () => undefined } } },
      'Connection.connect',
    ],
    [
      'another timer',
      { 'kafkajs/src/network/requestQueue': { prototype: {} } },
      'RequestQueue.scheduleCheckPendingRequests',
    ],
  ])('refuses %s and changes nothing', (_, changes, named) => {
    const install = () => installPatches(loadWith(changes));
    expect(install).toThrow(named);
    expect(install).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect((ConnectionClass.prototype as { connect: Connect }).connect).toBe(stockConnect);
  });

  test('are made when the driver is loaded', async () => {
    await import('../../../../src/adapters/kafka/driver.ts');
    expect((ConnectionClass.prototype as { connect: Connect }).connect).not.toBe(stockConnect);
  });
});
