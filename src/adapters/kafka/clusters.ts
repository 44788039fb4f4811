/**
 * The connections of one log, by what they are for: a broker answers the requests of a connection one after the other, so that what may
 * wait long (polls, joins) must not stand before what may not.
 *
 * Failures that pass are met here, once for all: whoever asks says how long he has, the rest is the same for everyone.
 */
import { setMaxListeners } from 'node:events';
import { isValenceError, ValenceError } from '../../errors.ts';
import { pause } from '../../ports/pause.ts';
import {
  closeNow,
  createCluster,
  type Broker,
  type Cluster,
  type KafkaSettings,
} from './driver.ts';
import { isCutOff, isStale, type Link, toLogError, wrongPort } from './errors.ts';
import { knownTopic, learnTopics, leaderOf } from './metadata.ts';

/** How long a failure that may pass is borne before it is told, ms. */
export const PATIENCE_MS = 10_000;
/** Requests that are under way get this long at the close, ms. */
const GRACE_MS = 1000;
const BACKOFF_MS = { first: 20, most: 500 };
/** A topic that several answers in a row do not know is not there; one alone may come from a broker that has yet to hear of it. */
const UNKNOWN_TRIES = 3;
const UNKNOWN_PAUSE_MS = 100;

export interface RetryOptions {
  /** Default {@link PATIENCE_MS}; 0: one try. */
  readonly patienceMs?: number;
  /** Aborted: no further try. */
  readonly signal?: AbortSignal | undefined;
}

export class Clusters {
  readonly settings: KafkaSettings;
  readonly link: Link;
  readonly #clusters = new Map<string, Cluster>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(settings: KafkaSettings) {
    this.settings = settings;
    this.link = {
      brokers: settings.brokers.join(','),
      tls: settings.ssl !== undefined,
      sasl: settings.sasl !== undefined,
    };
  }

  /** Aborts at the beginning of the close. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * The cluster object of that name, connected. Each name has connections of its own.
   *
   * @throws whatever the driver throws
   */
  async get(name: string): Promise<Cluster> {
    this.#check();
    const made = this.#clusters.get(name);
    const cluster = made ?? createCluster(this.settings, { retries: 0 });
    this.#clusters.set(name, cluster);
    if (cluster.getNodeIds().length === 0) {
      await cluster.connect();
      await cluster.refreshMetadata();
      // The close may have come meanwhile, and not have seen these connections.
      if (this.#closed !== undefined) await closeNow(cluster);
      this.#check();
    }
    return cluster;
  }

  /**
   * Makes one connection, to tell at once what is wrong with the address, the sign-in or the certificate.
   *
   * @throws CONFIG_INVALID, LOG_UNAVAILABLE
   */
  async probe(patienceMs: number): Promise<void> {
    let cuts = 0;
    const probe = async (): Promise<void> => {
      try {
        await this.get('query');
      } catch (error) {
        if (isCutOff(error) && ++cuts > 1) throw wrongPort(this.link, error);
        throw error;
      }
    };
    await this.retrying('Kafka', probe, { patienceMs });
  }

  /**
   * Runs `work` on the cluster of that name, again with pauses while its failures may pass.
   *
   * @param doing begins the message of an error
   * @throws LOG_UNAVAILABLE when they did not pass in time, and what else toLogError makes of the last one
   */
  async on<T>(
    name: string,
    doing: string,
    work: (cluster: Cluster) => Promise<T>,
    options: RetryOptions = {},
  ): Promise<T> {
    return this.retrying(doing, async () => work(await this.get(name)), options);
  }

  /** Runs `work` on the broker that leads the partition, as {@link on}. @throws NOT_FOUND */
  async onLeader<T>(
    name: string,
    doing: string,
    place: { readonly topic: string; readonly partition: number },
    work: (broker: Broker) => Promise<T>,
    options: RetryOptions = {},
  ): Promise<T> {
    const { topic, partition } = place;
    let known = true;
    const lead = async (cluster: Cluster): Promise<T> => {
      try {
        if (!known || knownTopic(cluster, topic) === undefined) await learnTopics(cluster, [topic]);
        known = true;
        return await work(
          await cluster.findBroker({ nodeId: leaderOf(cluster, topic, partition) }),
        );
      } catch (error) {
        known = !isStale(error);
        throw error;
      }
    };
    return this.on(name, doing, lead, options);
  }

  /**
   * Runs `work` again with pauses while its failures may pass and there is patience.
   *
   * @throws ValenceError
   */
  async retrying<T>(
    doing: string,
    work: () => Promise<T>,
    { patienceMs = PATIENCE_MS, signal }: RetryOptions = {},
  ): Promise<T> {
    const deadline = performance.now() + patienceMs;
    const stop = new AbortController();
    const end = (): void => stop.abort();
    // Not AbortSignal.any: on signals that live for weeks it leaves something behind at each call.
    const signals = signal ? [signal, this.signal] : [this.signal];
    for (const each of signals) {
      setMaxListeners(0, each);
      each.addEventListener('abort', end, { once: true });
      if (each.aborted) end();
    }
    try {
      return await this.#retrying(doing, work, deadline, stop.signal);
    } finally {
      for (const each of signals) each.removeEventListener('abort', end);
    }
  }

  async #retrying<T>(
    doing: string,
    work: () => Promise<T>,
    deadline: number,
    stop: AbortSignal,
  ): Promise<T> {
    let unknown = 0;
    for (let wait = BACKOFF_MS.first; ; wait = Math.min(wait * 2, BACKOFF_MS.most)) {
      this.#check();
      try {
        return await unlessAborted(work(), stop);
      } catch (cause) {
        if (isMistake(cause)) throw cause;
        const error = toLogError(cause, doing, this.link);
        const isUnknown = error.code === 'NOT_FOUND' && !isValenceError(cause);
        const mayPass = isUnknown ? ++unknown < UNKNOWN_TRIES : error.code === 'LOG_UNAVAILABLE';
        if (!mayPass || stop.aborted || performance.now() + wait > deadline) throw error;
        if (isUnknown) wait = UNKNOWN_PAUSE_MS;
      }
      await pause(wait * (0.5 + Math.random() / 2), stop);
    }
  }

  /** Ends all connections, within seconds even where no broker answers. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(
      Array.from(this.#clusters.values(), async (cluster) => {
        const done = new AbortController();
        const gone = cluster.disconnect().catch(() => undefined);
        await Promise.race([gone, pause(GRACE_MS, done.signal)]);
        done.abort();
        await closeNow(cluster).catch(() => undefined);
      }),
    );
  }

  #check(): void {
    if (this.#closing.signal.aborted)
      throw new ValenceError('LOG_UNAVAILABLE', 'The log has been closed.');
  }
}

/** The work's result, unless the signal aborts before; what comes after that is dropped. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () =>
      reject(new ValenceError('LOG_UNAVAILABLE', 'Ended by the caller, or by the close.'));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

/** True for what only a mistake in the code throws: told at once, as it is. */
function isMistake(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'name' in error &&
    ['TypeError', 'ReferenceError', 'SyntaxError', 'AssertionError'].includes(String(error.name))
  );
}
