/** A broker in a container, started through testcontainers, with the engine asked directly for what those have no call for. */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { variable } from '../environment.ts';
import type { BrokerNode } from './broker.ts';
import { freePorts } from './jvm.ts';

const ANSWER_LIMIT_MS = 2_000;
const START_LIMIT_MS = 120_000;

/** Where the engine listens: DOCKER_HOST, or the usual socket. */
function engine():
  { readonly socketPath: string } | { readonly host: string; readonly port: number } | undefined {
  const host = variable('DOCKER_HOST') ?? 'unix:///var/run/docker.sock';
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length);
    return existsSync(socketPath) ? { socketPath } : undefined;
  }
  const url = URL.parse(host.replace(/^tcp:/, 'http:'));
  return url === null ? undefined : { host: url.hostname, port: Number(url.port || 2375) };
}

async function ask(method: string, path: string): Promise<number> {
  const place = engine();
  if (place === undefined) return 0;
  return new Promise((resolve) => {
    const asked = request({ ...place, method, path, timeout: ANSWER_LIMIT_MS }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(0));
    asked.end();
  });
}

/** Does an engine answer within two seconds? */
export async function dockerAnswers(): Promise<boolean> {
  return (await ask('GET', '/_ping')) === 200;
}

export interface DockerBroker {
  readonly node: BrokerNode;
  close(): Promise<void>;
}

/** One node, its port fixed, so that it comes back where it was. Pulls the image if it has to. */
export async function startDocker(version: string): Promise<DockerBroker> {
  const { GenericContainer } = await import('testcontainers');
  const [port = 0] = await freePorts(1);
  const container = await new GenericContainer(`apache/kafka:${version}`)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9094',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094',
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port},BROKER://localhost:9093`,
      KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
        'PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: '4',
      KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS: '1000',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_BROKER_SESSION_TIMEOUT_MS: '2000',
      KAFKA_BROKER_HEARTBEAT_INTERVAL_MS: '300',
      KAFKA_LOG_CLEANER_BACKOFF_MS: '300',
      KAFKA_HEAP_OPTS: '-Xms128m -Xmx384m',
    })
    .withStartupTimeout(START_LIMIT_MS)
    .start();
  const path = `/containers/${container.getId()}`;
  let alive = true;
  const told = async (method: string, what: string) => {
    const status = await ask(method, `${path}/${what}`);
    if (status < 200 || status > 304) throw new Error(`Docker refused ${what}: ${status}`);
  };
  const node: BrokerNode = {
    address: `127.0.0.1:${port}`,
    get alive() {
      return alive;
    },
    kill: async () => {
      if (!alive) return;
      alive = false;
      await told('POST', 'kill');
      await told('POST', 'wait');
    },
    start: async () => {
      await told('POST', 'start');
      alive = true;
    },
    freeze: () => told('POST', 'pause'),
    thaw: () => told('POST', 'unpause'),
  };
  return { node, close: async () => void (await container.stop({ timeout: 0 })) };
}
