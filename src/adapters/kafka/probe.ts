/**
 * A connection to one broker for looking, not for working: `valence doctor`, and the check before a log is opened.
 *
 * The driver retries, hides which step failed, and stops at versions of requests that know nothing of permissions. Here each step
 * fails by itself, at once: name → TCP → TLS → first request → SASL. One request at a time, no reconnecting.
 */
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { codeOf } from '../../errors.ts';
import { saslExchange, type SaslCredentials } from './sasl.ts';
import { Reader, Writer } from './wire.ts';

/** What a connection needs besides its address. */
export interface ProbeSettings {
  readonly clientId: string;
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
  readonly sasl: SaslCredentials | undefined;
  /** For each step, ms. */
  readonly timeoutMs: number;
}

export type ProbeStep = 'name' | 'tcp' | 'tls' | 'request' | 'sasl';

/** A step that failed. */
export class ProbeFailure extends Error {
  override readonly name = 'ProbeFailure';
  readonly step: ProbeStep;
  /** A code of Node or TLS, the number of a broker's error, or TIMEOUT, CLOSED, NOT_KAFKA, WANTED (SASL), UNPROVEN (SASL). */
  readonly reason: string;
  /** What the broker said besides, such as the mechanisms that it offers. */
  readonly detail: string;

  constructor(step: ProbeStep, reason: string, detail = '', cause?: unknown) {
    super(`${step}: ${reason}`, { cause });
    this.step = step;
    this.reason = reason;
    this.detail = detail;
  }
}

export function isProbeFailure(error: unknown): error is ProbeFailure {
  return nameOf(error) === 'ProbeFailure';
}

/** A request: key and version; `flexible`: its head carries tags. */
export interface Api {
  readonly key: number;
  readonly version: number;
  readonly flexible?: true;
}

export const API = {
  metadata: { key: 3, version: 8 },
  findCoordinator: { key: 10, version: 2 },
  describeGroups: { key: 15, version: 3 },
  saslHandshake: { key: 17, version: 1 },
  apiVersions: { key: 18, version: 3, flexible: true },
  createTopics: { key: 19, version: 4 },
  endTxn: { key: 26, version: 1 },
  describeConfigs: { key: 32, version: 1 },
  describeLogDirs: { key: 35, version: 1 },
  saslAuthenticate: { key: 36, version: 0 },
} as const satisfies Record<string, Api>;

/** Error codes of brokers that mean something here. */
export const CODE = {
  none: 0,
  unknownTopic: 3,
  topicDenied: 29,
  groupDenied: 30,
  clusterDenied: 31,
  unsupportedMechanism: 33,
  illegalSaslState: 34,
  topicExists: 36,
  unknownProducer: 49,
  transactionDenied: 53,
  saslFailed: 58,
} as const;

/** Answers are small here; anything longer is no Kafka. */
const MOST_BYTES = 64 * 1024 * 1024;
const FEATURES_TAG = 2;
/** Reason of an error without a code. */
const UNKNOWN = 'UNKNOWN';

interface Waiting {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

export class Probe {
  /** Versions that the broker takes, by API key. */
  readonly versions = new Map<number, { readonly min: number; readonly max: number }>();
  /** Levels of the cluster's features, such as `metadata.version`, by name. */
  readonly features = new Map<string, number>();
  readonly #socket: Socket;
  readonly #settings: ProbeSettings;
  #received: Buffer = Buffer.alloc(0);
  #correlation = 0;
  #waiting: Waiting | undefined;
  #ended: ProbeFailure | undefined;

  private constructor(socket: Socket, settings: ProbeSettings) {
    this.#socket = socket;
    this.#settings = settings;
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('error', (error) => {
      this.#end(new ProbeFailure('request', codeOf(error) || UNKNOWN, '', error));
    });
    socket.on('close', () => {
      this.#end(new ProbeFailure('request', 'CLOSED'));
    });
  }

  /**
   * All steps up to a connection that takes requests.
   *
   * @param address `host:port`
   * @throws ProbeFailure
   */
  static async connect(address: string, settings: ProbeSettings): Promise<Probe> {
    const [host, port] = hostAndPort(address);
    const { timeoutMs, tls, sasl } = settings;
    const ip = await within('name', lookup(host), timeoutMs);
    const tcp = connectTcp({ host: ip.address, port });
    let socket = tcp;
    try {
      await within('tcp', opened(tcp, 'connect'), timeoutMs);
      tcp.setNoDelay(true);
      if (tls !== undefined) {
        const name = isIP(host) === 0 ? { servername: host } : { host };
        const secure = connectTls({ socket: tcp, ...tls, ...name });
        socket = secure;
        await within('tls', opened(secure, 'secureConnect'), timeoutMs);
      }
      const probe = new Probe(socket, settings);
      await probe.#hello();
      if (sasl === undefined) await probe.#askAnything();
      else await probe.#authenticate(sasl);
      return probe;
    } catch (error) {
      socket.destroy();
      tcp.destroy();
      throw error;
    }
  }

  /**
   * Sends one request and waits for its answer. Not to be called before the last one has been answered.
   *
   * @throws ProbeFailure
   */
  async request<T>(
    { key, version, flexible }: Api,
    body: Writer,
    read: (answer: Reader) => T,
  ): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    const head = new Writer().int16(key).int16(version).int32(++this.#correlation);
    head.string(this.#settings.clientId);
    if (flexible === true) head.uvarint(0);
    const payload = head.raw(body.bytes()).bytes();
    const answer = new Promise<Buffer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#socket.write(new Writer().blob(payload).bytes());
    const frame = await within('request', answer, this.#settings.timeoutMs);
    try {
      const reader = new Reader(frame);
      if (reader.int32() === this.#correlation) return read(reader);
    } catch (error) {
      if (nameOf(error) !== 'FormatError') throw error;
    }
    throw new ProbeFailure('request', 'NOT_KAFKA');
  }

  close(): void {
    this.#socket.destroy();
  }

  async #hello(): Promise<void> {
    const body = new Writer().compactString('valence').compactString('1').uvarint(0);
    const code = await this.request(API.apiVersions, body, (answer) => {
      const refused = answer.int16();
      if (refused !== CODE.none) return refused;
      for (let left = answer.uvarint() - 1; left > 0; left--) {
        this.versions.set(answer.int16(), { min: answer.int16(), max: answer.int16() });
        answer.tags();
      }
      answer.int32();
      for (const [tag, content] of answer.tags())
        if (tag === FEATURES_TAG) this.#readFeatures(content);
      return refused;
    });
    if (code !== CODE.none) throw new ProbeFailure('request', String(code));
  }

  #readFeatures(content: Reader): void {
    for (let left = content.uvarint() - 1; left > 0; left--) {
      this.features.set(content.compactString(), content.int16());
      content.int16();
      content.tags();
    }
  }

  /** A broker that wants SASL closes the connection at the first request of substance. */
  async #askAnything(): Promise<void> {
    const body = new Writer().int32(0).bool(false).bool(false).bool(false);
    try {
      await this.request(API.metadata, body, () => undefined);
    } catch (error) {
      const wanted = isProbeFailure(error) && error.reason === 'CLOSED';
      throw wanted ? new ProbeFailure('sasl', 'WANTED', '', error) : error;
    }
  }

  async #authenticate(credentials: SaslCredentials): Promise<void> {
    const mechanism = credentials.mechanism.toUpperCase();
    const hello = await this.request(
      API.saslHandshake,
      new Writer().string(mechanism),
      (answer) => ({
        code: answer.int16(),
        offered: answer.list(() => answer.string()),
      }),
    );
    if (hello.code !== CODE.none)
      throw new ProbeFailure('sasl', String(hello.code), hello.offered.join(', '));
    const exchange = saslExchange(credentials);
    let said: Buffer = Buffer.alloc(0);
    for (;;) {
      const message = await exchange.next(said);
      if (message === undefined) return;
      if (message === 'UNPROVEN') throw new ProbeFailure('sasl', message);
      const { code, bytes } = await this.request(
        API.saslAuthenticate,
        new Writer().blob(message),
        (answer) => {
          const refused = answer.int16();
          answer.nullableString();
          return { code: refused, bytes: answer.blob() };
        },
      );
      if (code !== CODE.none) throw new ProbeFailure('sasl', String(code));
      said = bytes;
    }
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#received.length < 4) return;
    const size = this.#received.readInt32BE(0);
    if (size < 4 || size > MOST_BYTES) {
      this.#end(new ProbeFailure('request', 'NOT_KAFKA'));
      this.#socket.destroy();
      return;
    }
    if (this.#received.length < 4 + size) return;
    const frame = this.#received.subarray(4, 4 + size);
    this.#received = this.#received.subarray(4 + size);
    this.#waiting?.resolve(frame);
    this.#waiting = undefined;
  }

  #end(failure: ProbeFailure): void {
    this.#ended ??= failure;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

export function hostAndPort(address: string): readonly [host: string, port: number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}

async function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once(event, resolve);
    // Stays: an error that nobody listens to would end the process.
    socket.on('error', reject);
    socket.once('close', () => {
      reject(new ProbeFailure('tcp', 'CLOSED'));
    });
  });
}

/** The value, or a failure of that step; what comes too late is dropped. */
async function within<T>(name: ProbeStep, work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new ProbeFailure(name, 'TIMEOUT'));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw new ProbeFailure(
      name,
      isProbeFailure(error) ? error.reason : codeOf(error) || UNKNOWN,
      isProbeFailure(error) ? error.detail : '',
      error,
    );
  } finally {
    clearTimeout(timer);
  }
}

function nameOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
}
