/**
 * A TCP proxy that understands Kafka's framing, between clients and the only broker. Answers that name the broker's port are
 * rewritten to name the proxy's, so that nobody goes around it.
 *
 *   client ──request──► [ rule: cut before ] ──► broker
 *          ◄──answer─── [ rule: cut, swallow, other code ] ◄──
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** Names of the requests that rules speak of, by their key. */
export const API = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTransaction: 26,
  commitOffsets: 28,
} as const;
export type ApiName = keyof typeof API;

export type Action =
  /** The request never arrives, the connection is reset. */
  | { readonly kind: 'cutBefore' }
  /** The broker acts, the connection is reset before its answer arrives. */
  | { readonly kind: 'cutAfter' }
  /** The broker acts, its answer never arrives, the connection stays. */
  | { readonly kind: 'swallow' }
  /** The broker acts, its answer says that it did not. */
  | { readonly kind: 'code'; readonly code: number };

interface Rule {
  readonly api: number;
  readonly action: Action;
  readonly done: (hit: boolean) => void;
}

interface Pending {
  readonly api: number;
  readonly action: Action | undefined;
}

export class KafkaProxy {
  readonly #server: Server;
  readonly #broker: { readonly host: string; readonly port: number };
  readonly #links = new Set<{ readonly client: Socket; readonly broker: Socket }>();
  readonly #rules = new Set<Rule>();
  #silent = false;

  /** @param broker `host:port`, as the broker advertises it */
  static async open(broker: string): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(broker);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(broker: string) {
    const [host = '127.0.0.1', port = '9092'] = broker.split(':');
    this.#broker = { host, port: Number(port) };
    this.#server = createServer((client) => this.#link(client));
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Does something to the next request of a kind.
   *
   * @returns false: none came in time
   */
  async once(api: ApiName, action: Action, waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const rule: Rule = {
        api: API[api],
        action,
        done: (hit) => {
          clearTimeout(timer);
          this.#rules.delete(rule);
          resolve(hit);
        },
      };
      const timer = setTimeout(() => rule.done(false), waitMs);
      this.#rules.add(rule);
    });
  }

  /** Resets every connection. */
  reset(): void {
    for (const { client, broker } of this.#links) {
      client.resetAndDestroy();
      broker.destroy();
    }
  }

  /** While silent, bytes go nowhere and connections stay open. What was under way is lost when it ends: connections are reset. */
  silence(): void {
    this.#silent = true;
  }

  speak(): void {
    if (!this.#silent) return;
    this.#silent = false;
    this.reset();
  }

  /** Takes back what was ordered. */
  heal(): void {
    for (const rule of this.#rules) rule.done(false);
    this.speak();
  }

  async close(): Promise<void> {
    this.heal();
    this.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #link(client: Socket): void {
    const broker = connect(this.#broker.port, this.#broker.host);
    const link = { client, broker };
    const pending = new Map<number, Pending>();
    this.#links.add(link);
    client.setNoDelay();
    broker.setNoDelay();
    const end = (): void => {
      this.#links.delete(link);
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      // An error comes before the close that ends the link.
      socket.on('error', () => undefined);
      socket.on('close', end);
    }
    client.on(
      'data',
      framed((frame) => this.#request(frame, link, pending)),
    );
    broker.on(
      'data',
      framed((frame) => this.#answer(frame, link, pending)),
    );
  }

  #request(
    frame: Buffer,
    { client, broker }: { readonly client: Socket; readonly broker: Socket },
    pending: Map<number, Pending>,
  ): void {
    if (this.#silent) return;
    const api = frame.readInt16BE(4);
    const rule = [...this.#rules].find((each) => each.api === api);
    rule?.done(true);
    if (rule?.action.kind === 'cutBefore') {
      client.resetAndDestroy();
      broker.destroy();
      return;
    }
    pending.set(frame.readInt32BE(8), { api, action: rule?.action });
    broker.write(frame);
  }

  #answer(
    frame: Buffer,
    { client, broker }: { readonly client: Socket; readonly broker: Socket },
    pending: Map<number, Pending>,
  ): void {
    if (this.#silent) return;
    const correlation = frame.readInt32BE(4);
    const request = pending.get(correlation);
    pending.delete(correlation);
    const { api = -1, action } = request ?? {};
    if (action?.kind === 'swallow') return;
    if (action?.kind === 'cutAfter') {
      client.resetAndDestroy();
      broker.destroy();
      return;
    }
    const answer = Buffer.from(frame);
    if (action?.kind === 'code') writeCode(answer, api, action.code);
    if (api === API.metadata || api === API.findCoordinator) this.#redirect(answer);
    client.write(answer);
  }

  /** Where a name of this machine and the broker's port stand in the answer, the proxy's port takes the place of the broker's. */
  #redirect(answer: Buffer): void {
    const { host, port } = this.#broker;
    const own = (this.#server.address() as AddressInfo).port;
    for (const each of new Set([host, 'localhost', '127.0.0.1'])) {
      const name = Buffer.alloc(2 + each.length + 4);
      name.writeInt16BE(each.length, 0);
      name.write(each, 2);
      name.writeInt32BE(port, 2 + each.length);
      for (let at = answer.indexOf(name); at >= 0; at = answer.indexOf(name, at + name.length))
        answer.writeInt32BE(own, at + 2 + each.length);
    }
  }
}

/** Writes an error code over the first one of an answer, where its place is known: versions without tagged fields. */
function writeCode(answer: Buffer, api: number, code: number): void {
  // Size, correlation id, and in all of these but Produce the throttle time.
  const body = 4 + 4 + (api === API.produce ? 0 : 4);
  if (api === API.addPartitions || api === API.commitOffsets || api === API.produce) {
    // [topic [partition code]]
    if (answer.readInt32BE(body) < 1) return;
    const partitions = body + 4 + 2 + answer.readInt16BE(body + 4);
    if (answer.readInt32BE(partitions) < 1) return;
    answer.writeInt16BE(code, partitions + 4 + 4);
    return;
  }
  answer.writeInt16BE(code, body);
}

/** Cuts a stream into frames: four bytes of size, and what they say. */
function framed(onFrame: (frame: Buffer) => void): (data: Buffer) => void {
  let parts: Buffer[] = [];
  let length = 0;
  return (data) => {
    parts.push(data);
    length += data.length;
    let wanted = wantedBytes(parts);
    if (length < wanted) return;
    let whole = Buffer.concat(parts, length);
    while (whole.length >= wanted) {
      onFrame(whole.subarray(0, wanted));
      whole = whole.subarray(wanted);
      wanted = wantedBytes([whole]);
    }
    parts = whole.length > 0 ? [whole] : [];
    length = whole.length;
  };
}

function wantedBytes([first = Buffer.alloc(0), ...rest]: readonly Buffer[]): number {
  const head = first.length >= 4 || rest.length === 0 ? first : Buffer.concat([first, ...rest]);
  return head.length >= 4 ? 4 + head.readInt32BE(0) : 4;
}
