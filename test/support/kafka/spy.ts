/**
 * Listens in on the driver's connections, and breaks them at a chosen request: as `socketFactory` in the settings of whatever is to
 * be watched. Requests are known by their API key (see {@link API}); an answer belongs to its request by the correlation id.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SocketFactory } from '../../../src/adapters/kafka/driver.ts';

export const API = {
  Produce: 0,
  Heartbeat: 12,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;

/** What happens to a request that a fault meets. */
export type Effect =
  /** The connection is cut instead of sending the request. */
  | { readonly kind: 'cutBefore' }
  /** The broker acts, its answer comes `ms` later. */
  | { readonly kind: 'delayAnswer'; readonly ms: number }
  /** The broker acts, its answer never comes; the connection stays open. */
  | { readonly kind: 'dropAnswer' }
  /** The broker acts, the connection is cut when its answer comes. */
  | { readonly kind: 'cutAfter' }
  /** The answer's bytes, length and correlation id left out, may be changed in place: error codes, for example. */
  | { readonly kind: 'alterAnswer'; readonly alter: (body: Buffer) => void };

export interface Injected {
  /** Requests met so far. */
  readonly hits: number;
  /** Resolves at the first hit. */
  readonly hit: Promise<void>;
}

interface Rule {
  readonly apiKey: number;
  readonly effect: Effect;
  readonly times: number;
  hits: number;
  readonly tell: () => void;
}

export class Spy {
  /** Requests by kind. */
  readonly #sent = new Map<number, number>();
  readonly #rules = new Set<Rule>();
  /** By open connection: gives on what has come of an answer so far. */
  readonly #sockets = new Map<Socket, () => void>();

  /** How many requests of one kind were to be sent. */
  sent(apiKey: number): number {
    return this.#sent.get(apiKey) ?? 0;
  }

  /** Meets the next `times` requests of one kind. */
  inject(apiKey: number, effect: Effect, times = 1): Injected {
    const { promise, resolve } = withResolvers();
    const rule: Rule = { apiKey, effect, times, hits: 0, tell: resolve };
    this.#rules.add(rule);
    return {
      get hits() {
        return rule.hits;
      },
      hit: promise,
    };
  }

  /** Cuts all connections at once, as a reset by the other side: in the middle of answers, where some have come in part. */
  cutAll(): number {
    const sockets = [...this.#sockets];
    for (const [socket, flush] of sockets) {
      flush();
      cut(socket);
    }
    return sockets.length;
  }

  readonly socketFactory: SocketFactory = ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    this.#sockets.set(socket, () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#tap(socket);
    return socket;
  };

  #tap(socket: Socket): void {
    const met = new Map<number, Effect>();
    const write = socket.write.bind(socket);
    const tapped = (bytes: Buffer): boolean => {
      // A driver request is one write: length, key, version, correlation id.
      const apiKey = bytes.readInt16BE(4);
      const correlationId = bytes.readInt32BE(8);
      this.#sent.set(apiKey, this.sent(apiKey) + 1);
      const effect = this.#meet(apiKey);
      if (effect?.kind === 'cutBefore') {
        cut(socket);
        return false;
      }
      if (effect !== undefined) met.set(correlationId, effect);
      if (!socket.destroyed) write(bytes);
      return true;
    };
    Object.defineProperty(socket, 'write', { value: tapped, configurable: true, writable: true });
    const on = socket.on.bind(socket);
    const hear = (event: string, listener: (...args: unknown[]) => void) => {
      if (event !== 'data') return on(event, listener);
      const stream = new Answers(socket, met, listener);
      this.#sockets.set(socket, () => stream.flush());
      return on(event, (bytes: Buffer) => stream.take(bytes));
    };
    Object.defineProperty(socket, 'on', { value: hear, configurable: true, writable: true });
  }

  #meet(apiKey: number): Effect | undefined {
    for (const rule of this.#rules) {
      if (rule.apiKey !== apiKey) continue;
      rule.hits += 1;
      rule.tell();
      if (rule.hits >= rule.times) this.#rules.delete(rule);
      return rule.effect;
    }
    return undefined;
  }
}

/** Cuts the stream into answers and gives them on, one by one, as far as the effects let them. */
class Answers {
  readonly #socket: Socket;
  readonly #met: Map<number, Effect>;
  readonly #listener: (bytes: Buffer) => void;
  readonly #line: Line;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, met: Map<number, Effect>, listener: (bytes: Buffer) => void) {
    this.#socket = socket;
    this.#met = met;
    this.#listener = listener;
    this.#line = new Line(socket);
  }

  take(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 8 && this.#rest.length >= 4 + this.#rest.readInt32BE(0)) {
      const frame = this.#rest.subarray(0, 4 + this.#rest.readInt32BE(0));
      this.#rest = this.#rest.subarray(frame.length);
      const correlationId = frame.readInt32BE(4);
      const effect = this.#met.get(correlationId);
      this.#met.delete(correlationId);
      if (effect?.kind === 'dropAnswer') continue;
      if (effect?.kind === 'cutAfter') {
        cut(this.#socket);
        return;
      }
      if (effect?.kind === 'alterAnswer') effect.alter(frame.subarray(8));
      this.#line.run(() => this.#listener(frame), effect?.kind === 'delayAnswer' ? effect.ms : 0);
    }
  }

  flush(): void {
    if (this.#rest.length > 0) this.#listener(this.#rest);
    this.#rest = Buffer.alloc(0);
  }
}

/** Answers of one connection, in order; each may be put off. At once while nothing waits. */
class Line {
  readonly #socket: Socket;
  readonly #steps: { readonly step: () => void; readonly afterMs: number }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  run(step: () => void, afterMs: number): void {
    this.#steps.push({ step, afterMs });
    if (this.#steps.length === 1) this.#next();
  }

  #next(): void {
    const first = this.#steps[0];
    if (first === undefined) return;
    const act = (): void => {
      if (!this.#socket.destroyed) first.step();
      this.#steps.shift();
      this.#next();
    };
    if (first.afterMs === 0) act();
    else setTimeout(act, first.afterMs);
  }
}

/** With an error: of a socket that is closed from here the driver would not hear otherwise. */
function cut(socket: Socket): void {
  socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
