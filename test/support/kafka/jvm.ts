/** A broker as a plain JVM, on ports and in a folder of its own, which tests may kill, freeze and start again. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrokerNode, KafkaOptions, Secured } from './broker.ts';

const run = promisify(execFile);
/** As small as the broker starts with; buffers are set to match. */
const JVM = ['-Xms64m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
/**
 * Runs the JVM under a shell that waits for the end of its own input: when the process that started it is gone, however it went,
 * its end of the pipe is closed, the JVM is killed and its folder removed.
 */
const LEASH = `exec 3<&0
folder=$1
shift
trap 'alone=1' USR1
"$@" </dev/null 3<&- &
broker=$!
(cat <&3 >/dev/null; kill -USR1 $$; kill -9 $broker) 2>/dev/null &
watcher=$!
exec 3<&-
echo $broker
wait $broker
wait $broker
kill -9 $watcher
[ -z "$alone" ] || rm -rf "$folder"`;
const STORE_PASSWORD = 'valence-tests';

export interface JvmBroker {
  readonly node: BrokerNode;
  readonly secured: Secured | undefined;
  /** Kills the JVM and removes its folder. */
  close(): Promise<void>;
}

/** Formats and starts the broker; it may not be ready for requests yet. */
export async function startJvm(
  java: string,
  jars: string,
  secured: KafkaOptions['secured'],
): Promise<JvmBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'valence-kafka-'));
  try {
    const [plain = 0, controller = 0, tls = 0] = await freePorts(3);
    const place = { folder, plain, controller, secured: tls };
    const security = secured && (await makeKeys(folder));
    // A leading hyphen would be taken for an option.
    const clusterId = randomBytes(16).toString('base64url').replaceAll('-', 'x');
    const settings = {
      ...baseSettings(place),
      ...(secured && security && securedSettings(place, secured, security.store)),
    };
    const file = join(folder, 'server.properties');
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(file, lines.join(''));
    await format(java, jars, file, clusterId, secured);
    const node = new JvmNode(java, jars, folder, `127.0.0.1:${plain}`);
    await node.start();
    return {
      node,
      secured: secured &&
        security && {
          brokers: [`localhost:${tls}`],
          ca: security.certificate,
          users: secured.users,
        },
      close: async () => {
        await node.kill();
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Place {
  readonly folder: string;
  readonly plain: number;
  readonly controller: number;
  readonly secured: number;
}

function baseSettings(place: Place): Record<string, string | number> {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${place.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${place.plain},CONTROLLER://127.0.0.1:${place.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.plain}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(place.folder, 'log'),
    'num.partitions': 4,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'auto.create.topics.enable': 'false',
    'unclean.leader.election.enable': 'false',
    'group.initial.rebalance.delay.ms': 0,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 300,
    'log.cleaner.backoff.ms': 300,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'log.cleaner.threads': 1,
    'num.network.threads': 1,
    'num.io.threads': 2,
    'background.threads': 2,
    'offsets.load.buffer.size': 65_536,
    'transaction.state.log.load.buffer.size': 65_536,
  };
}

/** Adds a listener with TLS and SASL. The plain one stays for the broker itself and for the tests' own hands: a superuser. */
function securedSettings(
  place: Place,
  { users }: NonNullable<KafkaOptions['secured']>,
  store: string,
): Record<string, string> {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const plain = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`);
  return {
    listeners: `PLAINTEXT://127.0.0.1:${place.plain},CONTROLLER://127.0.0.1:${place.controller},SECURED://localhost:${place.secured}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${place.plain},SECURED://localhost:${place.secured}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512,PLAIN',
    'listener.name.secured.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.secured.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.secured.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required${plain.join('')};`,
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': store,
    'ssl.keystore.password': STORE_PASSWORD,
    'ssl.key.password': STORE_PASSWORD,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:admin',
    'allow.everyone.if.no.acl.found': 'false',
  };
}

async function makeKeys(folder: string): Promise<{ store: string; certificate: string }> {
  const store = join(folder, 'keys.p12');
  const common = ['-alias', 'broker', '-keystore', store, '-storepass', STORE_PASSWORD];
  const key = [
    '-keyalg',
    'EC',
    '-groupname',
    'secp256r1',
    '-validity',
    '30',
    '-storetype',
    'PKCS12',
  ];
  const name = ['-dname', 'CN=localhost', '-ext', 'SAN=ip:127.0.0.1,dns:localhost'];
  await run('keytool', ['-genkeypair', ...common, ...key, ...name]);
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...common]);
  return { store, certificate: stdout };
}

async function format(
  java: string,
  jars: string,
  file: string,
  clusterId: string,
  secured: KafkaOptions['secured'],
): Promise<void> {
  const users = Object.entries(secured?.users ?? {}).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const tool = ['-cp', join(jars, '*'), 'kafka.tools.StorageTool', 'format', '-t', clusterId];
  await run(java, ['-Xmx64m', ...JVM, ...tool, '-c', file, ...users], { timeout: 60_000 });
}

class JvmNode implements BrokerNode {
  readonly address: string;
  readonly #command: readonly string[];
  readonly #log: string;
  readonly #folder: string;
  #leash: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #pid = 0;

  /** @param folder with `server.properties`; removed when this process is gone */
  constructor(java: string, jars: string, folder: string, address: string) {
    this.address = address;
    this.#folder = folder;
    this.#log = join(folder, 'broker.log');
    const file = join(folder, 'server.properties');
    this.#command = [java, '-Xmx128m', ...JVM, '-cp', join(jars, '*'), 'kafka.Kafka', file];
  }

  get pid(): number {
    return this.#pid;
  }

  async start(): Promise<void> {
    const log = openSync(this.#log, 'a');
    const leash = spawn('/bin/sh', ['-c', LEASH, 'leash', this.#folder, ...this.#command], {
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    const { stdin, stdout } = leash;
    if (stdin === null || stdout === null) throw new Error('no pipes to the broker');
    this.#leash = leash;
    this.#ended = new Promise((resolve) => leash.once('exit', resolve));
    this.#pid = await new Promise<number>((resolve, reject) => {
      stdout.once('data', (line: Buffer) => resolve(Number(line.toString().split('\n')[0])));
      leash.once('error', reject);
      leash.once('exit', () => reject(new Error('the broker ended at once')));
    });
    // What the JVM prints to its standard output is not of interest, but has to be read.
    stdout.on('data', () => undefined);
    // Neither the process nor its pipes keep the test run alive.
    leash.unref();
    for (const pipe of [stdin, stdout]) if ('unref' in pipe) (pipe as { unref(): void }).unref();
  }

  async kill(): Promise<void> {
    if (!this.alive) return;
    this.#leash?.ref();
    process.kill(this.#pid, 'SIGKILL');
    await this.#ended;
  }

  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  get alive(): boolean {
    return (
      this.#leash !== undefined && this.#leash.exitCode === null && this.#leash.signalCode === null
    );
  }
}

/** Ports that nothing listens on at the moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
