/**
 * Repairs of kafkajs 2.2.4, made before anything of it is used. They reach into its sources, so each patched function is compared
 * with the text that the repair was written for.
 *
 *   mixed frames    network/connection.js: half an answer survives a reconnect, two sockets feed one buffer, a late event of the old
 *                   socket ends the new one. The process then dies of a RangeError, or a client is silent for ever.
 *   idle spin       network/requestQueue: a timer of 1 ms follows the other on every idle connection, another one of 100 ms besides.
 *   wall clock      network/requestQueue: a request whose answer is lost waits as long as the clock of the machine was set back.
 *
 * What the driver does wrong in reading (aborted records delivered, empty batches never passed, no bound on what a batch unpacks to,
 * no checksums) needs no repair here: its fetcher and decoder are not used, see batch-reader.ts.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { ValenceError } from '../../errors.ts';

export const DRIVER_VERSION = '2.2.4';

/** How often requests are looked at for their time-out, ms. */
const LOOK_MS = 1000;

/** What the repairs need of a Connection. */
export interface PatchedConnection {
  socket?: Socket;
  socketFactory: (target: { readonly onConnect: () => void }) => Socket;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
}

interface PatchedQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
}

interface PatchedRequest {
  /** ms */
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

interface TimedQueue {
  readonly inflight: ReadonlyMap<number, PatchedRequest>;
  readonly enforceRequestTimeout: boolean;
  requestTimeoutIntervalId: NodeJS.Timeout;
  isConnected(): boolean;
  /** Ends the timer. */
  destroy(): void;
}

interface ClassOf<T> {
  readonly prototype: T;
}

/** Loads a module of the driver by its path, such as `kafkajs/src/cluster`. */
export type Load = (path: string) => unknown;

/** SHA-256 of the text of each function that is replaced or relied on; first 16 hex digits. */
const EXPECTED = {
  'Connection.connect': 'f62881754acb28b9',
  'RequestQueue.scheduleCheckPendingRequests': '04347ea969c6f2e3',
  'RequestQueue.scheduleRequestTimeoutCheck': '4fa2b60aa0fe28a4',
} as const;

/**
 * Checks the driver and repairs it. Once a module registry.
 *
 * @throws CONFIG_INVALID another version of the driver, or other text, is installed
 */
export function installPatches(load: Load): void {
  checkVersion(load);
  const connection = classOf<{ connect: (this: PatchedConnection) => Promise<boolean> }>(
    load('kafkajs/src/network/connection'),
  );
  const queue = classOf<{
    scheduleCheckPendingRequests: (this: PatchedQueue) => void;
    scheduleRequestTimeoutCheck: (this: TimedQueue) => void;
  }>(load('kafkajs/src/network/requestQueue'));
  checkText('Connection.connect', connection.prototype.connect);
  checkText(
    'RequestQueue.scheduleCheckPendingRequests',
    queue.prototype.scheduleCheckPendingRequests,
  );
  checkText(
    'RequestQueue.scheduleRequestTimeoutCheck',
    queue.prototype.scheduleRequestTimeoutCheck,
  );
  connection.prototype.connect = connectOnce(connection.prototype.connect);
  queue.prototype.scheduleCheckPendingRequests = scheduleWhenNeeded(
    queue.prototype.scheduleCheckPendingRequests,
  );
  queue.prototype.scheduleRequestTimeoutCheck = timeOutSteadily();
}

/** One connect at a time, beginning with an empty frame, and deaf to sockets that were given up. */
export function connectOnce(
  stock: (this: PatchedConnection) => Promise<boolean>,
): (this: PatchedConnection) => Promise<boolean> {
  const running = new WeakMap<PatchedConnection, Promise<boolean>>();
  const guarded = new WeakSet<PatchedConnection>();
  return function connect() {
    if (this.isConnected()) return Promise.resolve(true);
    const before = running.get(this);
    if (before !== undefined) return before;
    if (!guarded.has(this)) {
      guarded.add(this);
      this.socketFactory = currentSocketOnly(this, this.socketFactory);
    }
    this.chunks = [];
    this.bytesBuffered = 0;
    this.bytesNeeded = 4;
    const connecting = stock.call(this).finally(() => running.delete(this));
    running.set(this, connecting);
    return connecting;
  };
}

/** The driver subscribes to events right after the factory returns; each listener then asks whether the socket is still the one. */
function currentSocketOnly(
  connection: PatchedConnection,
  open: PatchedConnection['socketFactory'],
): PatchedConnection['socketFactory'] {
  return (target) => {
    let socket: Socket | undefined = undefined;
    const isCurrent = () => socket === undefined || connection.socket === socket;
    socket = open({
      ...target,
      onConnect: () => {
        if (isCurrent()) target.onConnect();
      },
    });
    const subscribe = socket.on.bind(socket);
    const guard = (event: string, listener: (...args: unknown[]) => void) =>
      subscribe(event, (...args: unknown[]) => {
        if (isCurrent()) listener(...args);
      });
    Object.defineProperty(socket, 'on', { value: guard, configurable: true });
    queueMicrotask(() => Reflect.deleteProperty(socket, 'on'));
    return socket;
  };
}

/** Arms the timer only for something to send, or for the end of a pause that the broker asked for. */
export function scheduleWhenNeeded(
  stock: (this: PatchedQueue) => void,
): (this: PatchedQueue) => void {
  return function scheduleCheckPendingRequests() {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    stock.call(this);
  };
}

/** By the steady clock, which begins when a request is first seen; so a time-out comes up to two looks late. */
export function timeOutSteadily(): (this: TimedQueue) => void {
  const since = new WeakMap<PatchedRequest, number>();
  return function scheduleRequestTimeoutCheck() {
    if (!this.enforceRequestTimeout) return;
    this.destroy();
    this.requestTimeoutIntervalId = setInterval(() => {
      const now = performance.now();
      for (const request of this.inflight.values()) {
        const first = since.get(request);
        if (first === undefined) since.set(request, now);
        else if (now - first > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    }, LOOK_MS);
  };
}

function checkVersion(load: Load): void {
  const manifest = load('kafkajs/package.json');
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? manifest.version
      : undefined;
  if (version !== DRIVER_VERSION)
    throw new ValenceError(
      'CONFIG_INVALID',
      `kafkajs: expected exactly version ${DRIVER_VERSION}, which Valence repairs at start, got ${typeof version === 'string' ? version : 'none'}; run npm ci`,
      { expected: DRIVER_VERSION, found: version },
    );
}

function checkText(name: keyof typeof EXPECTED, value: unknown): void {
  const found = createHash('sha256').update(String(value)).digest('hex').slice(0, 16);
  if (found !== EXPECTED[name])
    throw new ValenceError(
      'CONFIG_INVALID',
      `kafkajs: ${name} is not the text of version ${DRIVER_VERSION}, so that the repair may not fit; remove node_modules and run npm ci`,
      { expected: EXPECTED[name], found },
    );
}

function classOf<T>(value: unknown): ClassOf<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- version and text are checked
  return value as ClassOf<T>;
}
