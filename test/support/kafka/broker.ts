/**
 * A real Kafka broker for tests: one that is named (VALENCE_TEST_KAFKA), else a container, else a JVM of this machine.
 * VALENCE_KAFKA_VERSION chooses the version (4.1.0), VALENCE_KAFKA_LIB a folder with its jars, VALENCE_KAFKA_DOCKER=off leaves
 * containers out. Never KAFKA_BROKERS: that is somebody's cluster.
 */
import { variable } from '../environment.ts';
import { findJars, findJava } from './jars.ts';
import { dockerAnswers, startDocker } from './docker.ts';
import { startJvm } from './jvm.ts';
import { untilReady } from './ready.ts';

const VERSION = variable('VALENCE_KAFKA_VERSION') ?? '4.1.0';

export interface KafkaOptions {
  /** Adds a listener with TLS, SASL (PLAIN and SCRAM) and ACLs, where `admin` may do everything. Local JVMs only. */
  readonly secured?: { readonly users: Readonly<Record<string, string>> };
}

export interface BrokerNode {
  /** host:port of the listener without TLS. */
  readonly address: string;
  readonly alive: boolean;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** After {@link kill}: the same port and the log that was left. Wait with {@link KafkaBroker.untilReady}. */
  start(): Promise<void>;
  /** Stops it in the middle of what it does; connections stay open. */
  freeze(): void | Promise<void>;
  thaw(): void | Promise<void>;
}

export interface Secured {
  readonly brokers: readonly string[];
  /** PEM */
  readonly ca: string;
  /** Passwords by name. */
  readonly users: Readonly<Record<string, string>>;
}

export interface KafkaBroker {
  readonly brokers: readonly string[];
  readonly version: string;
  readonly source: 'docker' | 'jvm';
  /** Undefined: somebody else's, which is left alone. */
  readonly node: BrokerNode | undefined;
  readonly secured: Secured | undefined;
  /** Topics, groups and transactions work (again). */
  untilReady(): Promise<void>;
  /** Kills what was started and removes what it wrote. */
  close(): Promise<void>;
}

/** Why there is no broker, in one sentence that says what to install. */
export interface NoBroker {
  readonly missing: string;
}

/** A broker of the caller's own, ready for topics, groups and transactions. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaBroker | NoBroker> {
  const started = await startSomewhere(options);
  if ('missing' in started) return started;
  const broker: KafkaBroker = {
    brokers: [started.node.address],
    version: VERSION,
    source: started.source,
    node: started.node,
    secured: started.secured,
    untilReady: () => untilReady(broker.brokers, () => started.node.alive),
    close: () => started.close(),
  };
  try {
    await broker.untilReady();
    return broker;
  } catch (error) {
    await broker.close();
    throw error;
  }
}

/** Why no JVM can be started here, for tests that need a broker of their own; undefined: it can. */
export async function whyNoLocalKafka(): Promise<string | undefined> {
  const found = await findLocal();
  return 'missing' in found ? `no Kafka on this machine: install ${found.missing}` : undefined;
}

interface Started {
  readonly source: 'docker' | 'jvm';
  readonly node: BrokerNode;
  readonly secured: Secured | undefined;
  close(): Promise<void>;
}

async function startSomewhere({ secured }: KafkaOptions): Promise<Started | NoBroker> {
  const plain = secured === undefined;
  let refusal = '';
  if (plain && process.env['VALENCE_KAFKA_DOCKER'] !== 'off' && (await dockerAnswers())) {
    try {
      return { source: 'docker', secured: undefined, ...(await startDocker(VERSION)) };
    } catch (error) {
      refusal = `; Docker answers, but apache/kafka:${VERSION} did not start (${error instanceof Error ? error.message : String(error)})`;
    }
  }
  const local = await findLocal();
  if ('missing' in local) {
    return {
      missing: `no Kafka for tests: set VALENCE_TEST_KAFKA=host:port, or run Docker, or install ${local.missing}${refusal}`,
    };
  }
  return { source: 'jvm', ...(await startJvm(local.java, local.jars, secured)) };
}

async function findLocal(): Promise<{ readonly java: string; readonly jars: string } | NoBroker> {
  const java = await findJava();
  if ('missing' in java) return java;
  const jars = await findJars(VERSION);
  return 'missing' in jars ? jars : { java: java.path, jars: jars.path };
}
