/**
 * The broker that the Kafka benchmarks share with their peers: topics, the backlog, positions. It speaks to the broker through
 * kafkajs as it is, so that nothing of Valence's adapter decides what a peer is given.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs, { type Admin, type Kafka, type Producer } from 'kafkajs';
import { variable } from '../../test/support/environment.ts';
import { startKafka } from '../../test/support/kafka/broker.ts';
import { warnIfStale } from '../command.ts';
import { printHeading } from '../table.ts';

const SEND_RECORDS = 1000;

/** The settings of a careful user: each is given, since several defaults depend on the others or on NODE_ENV. */
export function client(brokers: readonly string[], name: string): Kafka {
  return new kafkajs.Kafka({
    clientId: name,
    brokers: [...brokers],
    requestTimeout: 15_000,
    connectionTimeout: 2000,
    retry: { initialRetryTime: 100, multiplier: 2, factor: 0.2, maxRetryTime: 1000, retries: 60 },
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

export interface BenchCluster {
  readonly brokers: readonly string[];
  /** What to print about the broker. */
  readonly note: string;
  /** CPU seconds that the broker has used so far; undefined where its process is not known. */
  readonly brokerSeconds: () => number | undefined;
  readonly admin: Admin;
  readonly producer: Producer;
  /** Creates topics that must not exist yet; `source`-like ones take uncompressed records up to 1 MiB. */
  create(topics: readonly string[], partitions: number): Promise<void>;
  stop(): Promise<void>;
}

/** Processor seconds of a process, all its threads; undefined where the system has no /proc or the process is gone. */
export function processorSeconds(pid: number): number | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  // The second field, the name in brackets, may hold spaces; user and system time are the 14th and 15th, in 1/100 s.
  const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

interface RunningBroker {
  readonly brokers: readonly string[];
  readonly pid: number | undefined;
  readonly note: string;
  stop(): Promise<void>;
}

async function startBroker(): Promise<RunningBroker | undefined> {
  const given = variable('VALENCE_TEST_KAFKA');
  if (given !== undefined) {
    const pid = variable('VALENCE_BENCH_BROKER_PID');
    return {
      brokers: given.split(','),
      pid: pid === undefined ? undefined : Number(pid),
      note: `broker ${given}`,
      stop: () => Promise.resolve(),
    };
  }
  const broker = await startKafka();
  if ('missing' in broker) {
    console.log(`skipped: ${broker.missing}`);
    return undefined;
  }
  const { brokers, version, source, node } = broker;
  const pid = node !== undefined && 'pid' in node ? Number(node.pid) : undefined;
  const note = `Kafka ${version}, one broker (${source === 'jvm' ? 'JVM of this machine' : 'container'})`;
  return { brokers, pid, note, stop: () => broker.close() };
}

/**
 * A whole benchmark: prints the heading, then `main` on the broker of `VALENCE_TEST_KAFKA` (its process named by
 * `VALENCE_BENCH_BROKER_PID`, if its processor time is to be shown), else on one of its own, with a folder that is removed
 * afterwards. Where there is no broker, one line says so.
 */
export async function runOnCluster(
  main: (cluster: BenchCluster, folder: string) => Promise<void>,
): Promise<void> {
  printHeading('kafkajs');
  warnIfStale();
  const broker = await startBroker();
  if (broker === undefined) return;
  const cluster = await connected(broker);
  const folder = mkdtempSync(join(tmpdir(), 'valence-bench-'));
  try {
    await main(cluster, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cluster.stop();
  }
}

async function connected(broker: RunningBroker): Promise<BenchCluster> {
  const { brokers, pid, note } = broker;
  const kafka = client(brokers, 'valence-bench');
  const admin = kafka.admin();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 3, multiplier: 1.5, factor: 0.2, maxRetryTime: 1000, retries: 20 },
  });
  await Promise.all([admin.connect(), producer.connect()]);
  return {
    brokers,
    note,
    admin,
    producer,
    brokerSeconds: () => (pid === undefined ? undefined : processorSeconds(pid)),
    async create(topics, partitions) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: topics.map((topic) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: 1,
          configEntries: [{ name: 'compression.type', value: 'uncompressed' }],
        })),
      });
    },
    async stop() {
      await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
      await broker.stop();
    },
  };
}

export interface Backlog {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

/**
 * Writes `{"id","text","label"}`, keyed by id, as many times as `copies` says; the ids of a copy are its own, the texts are not.
 *
 * @param path NDJSON file of the texts
 */
export async function preload(
  cluster: BenchCluster,
  path: string,
  { topic, partitions, copies }: { topic: string; partitions: number; copies: number },
): Promise<Backlog> {
  await cluster.create([topic], partitions);
  const rows = readFileSync(path, 'utf8').trimEnd().split('\n');
  for (let copy = 0; copy < copies; copy++) {
    const messages = rows.map((row) => {
      const parsed: { id: string; text: string; label: string } = JSON.parse(row);
      const id = copy === 0 ? parsed.id : `${parsed.id}-${copy}`;
      return {
        key: id,
        value: JSON.stringify({ id, text: parsed.text, label: parsed.label }),
      };
    });
    for (let from = 0; from < messages.length; from += SEND_RECORDS)
      await cluster.producer.send({
        topic,
        acks: -1,
        messages: messages.slice(from, from + SEND_RECORDS),
      });
  }
  return { topic, partitions, records: rows.length * copies };
}
