/** Topics of a cluster: made where they are missing, compared where they exist, never altered. */
import type { TopicDescription, TopicReport, TopicSpec } from '../../ports/event-log.ts';
import { pause } from '../../ports/pause.ts';
import { checkSpec, compareTopic, noSuchPartition, noSuchTopic } from '../embedded/records.ts';
import type { Clusters } from './clusters.ts';
import type { Broker, Cluster } from './driver.ts';
import { isKafkaError } from './driver.ts';
import { toLogError, typeOf } from './errors.ts';
import { offsetOf } from './fetch.ts';
import {
  askMetadata,
  ERROR,
  knownTopic,
  leaderOf,
  learnTopics,
  type PartitionMetadata,
  Refusal,
} from './metadata.ts';

const TOPIC_RESOURCE = 2;
const MOST_REPLICAS = 3;
/** How long the brokers may take to make topics, ms. */
const CREATE_MS = 10_000;
/** Types after which a creation may have happened all the same, or is worth another try. */
const LOOK_AGAIN = new Set(['NOT_CONTROLLER', 'REQUEST_TIMED_OUT', 'LEADER_NOT_AVAILABLE']);

/** Settings that a description tells besides cleanup and retention. */
const SHOWN = Object.fromEntries(
  [
    'compression.type',
    'delete.retention.ms',
    'max.message.bytes',
    'message.timestamp.type',
    'min.cleanable.dirty.ratio',
    'min.insync.replicas',
    'retention.bytes',
    'segment.bytes',
    'unclean.leader.election.enable',
  ].map((name) => [name, '']),
);

interface Settings {
  /** By the broker's name; undefined: not told, for want of permission. */
  readonly values: ReadonlyMap<string, string> | undefined;
}

export class KafkaTopics {
  readonly #clusters: Clusters;

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
  }

  /**
   * As `EventLog.ensureTopics`. Without the permission DESCRIBE_CONFIGS only the number of partitions is compared.
   *
   * @throws CONFIG_INVALID a name or a number is not allowed, or no permission to create
   */
  async ensure(specs: readonly TopicSpec[]): Promise<readonly TopicReport[]> {
    specs.forEach(checkSpec);
    const created = new Set<string>();
    return this.#clusters.on('query', 'Creating topics', async (cluster) => {
      const names = specs.map(({ name }) => name);
      await learnTopics(cluster, names);
      const missing = specs.filter(({ name }) => isMissing(cluster, name));
      if (missing.length > 0) {
        for (const name of await create(cluster, missing)) created.add(name);
        await untilLed(cluster, names, this.#clusters.signal);
      }
      const existing = specs.filter(({ name }) => !created.has(name));
      const settings = await settingsOf(cluster, existing);
      return specs.map((spec): TopicReport => {
        if (created.has(spec.name)) return { name: spec.name, status: 'created', differences: [] };
        const count = partitionsOf(cluster, spec.name).length;
        return compare(spec, count, settings.get(spec.name) ?? { values: undefined });
      });
    });
  }

  /** Names of all topics that the user may see, those of the brokers left out, sorted. */
  async list(): Promise<readonly string[]> {
    return this.#clusters.on('query', 'Listing topics', async (cluster) => {
      const { topics } = await askMetadata(await anyBroker(cluster), undefined);
      return topics
        .filter(({ isInternal, error }) => !isInternal && error === 0)
        .map(({ name }) => name)
        .toSorted();
    });
  }

  /** As `EventLog.describeTopic`. Without the permission DESCRIBE_CONFIGS it is told as kept for ever. */
  async describe(topic: string): Promise<TopicDescription | undefined> {
    return this.#orNothing(topic, async (cluster) => {
      await learnTopics(cluster, [topic]);
      const found = partitionsOf(cluster, topic);
      const settings = await settingsOf(cluster, [{ name: topic, settings: SHOWN }]);
      const { values } = settings.get(topic) ?? {};
      const partitions = await Promise.all(
        Array.from({ length: found.length }, async (_, partition) => {
          const nodeId = leaderOf(cluster, topic, partition);
          const broker = await cluster.findBroker({ nodeId });
          const start = await offsetOf(broker, topic, partition, 'start');
          return { start, end: await offsetOf(broker, topic, partition, 'end') };
        }),
      );
      return {
        name: topic,
        ...retention(values ?? new Map<string, string>()),
        partitions,
        replicas: Math.min(...found.map(({ replicas }) => replicas)),
        ...(values === undefined ? {} : { settings: Object.fromEntries(values) }),
      };
    });
  }

  /** Number of partitions, as the last answer had it. @throws NOT_FOUND */
  async count(topic: string, name = 'query'): Promise<number> {
    try {
      return await this.#clusters.on(name, `Topic '${topic}'`, async (cluster) => {
        const error = knownTopic(cluster, topic)?.error ?? ERROR.unknownTopic;
        if (error !== 0) await learnTopics(cluster, [topic]);
        return partitionsOf(cluster, topic).length;
      });
    } catch (error) {
      throw toLogError(error, '').code === 'NOT_FOUND' ? noSuchTopic(topic) : error;
    }
  }

  /** @throws NOT_FOUND no such topic, or it has no such partition */
  async checkPartition(topic: string, partition: number): Promise<void> {
    let count = await this.count(topic);
    if (partition >= count) {
      // It may have grown since.
      await this.#clusters.on('query', `Topic '${topic}'`, (cluster) =>
        learnTopics(cluster, [topic]),
      );
      count = await this.count(topic);
    }
    if (!Number.isSafeInteger(partition) || partition < 0 || partition >= count)
      throw noSuchPartition(topic, partition, count);
  }

  /** As `EventLog.trim`. */
  async trim(topic: string, partition: number, before: number): Promise<void> {
    await this.checkPartition(topic, partition);
    const place = { topic, partition };
    const doing = `Trimming '${topic}' partition ${partition}`;
    await this.#clusters.onLeader('query', doing, place, async (broker) => {
      const end = await offsetOf(broker, topic, partition, 'end');
      const offset = String(Math.min(before, end));
      await broker.deleteRecords({ topics: [{ topic, partitions: [{ partition, offset }] }] });
    });
  }

  async #orNothing<T>(
    topic: string,
    work: (cluster: Cluster) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.#clusters.on('query', `Topic '${topic}'`, work);
    } catch (error) {
      const { code, fields } = toLogError(error, '');
      if (code === 'NOT_FOUND' || fields['type'] === 'INVALID_TOPIC_EXCEPTION') return undefined;
      throw error;
    }
  }
}

function isMissing(cluster: Cluster, topic: string): boolean {
  return knownTopic(cluster, topic)?.error === ERROR.unknownTopic;
}

/** @throws Refusal */
function partitionsOf(cluster: Cluster, topic: string): readonly PartitionMetadata[] {
  const found = knownTopic(cluster, topic);
  if (found === undefined) throw new Refusal(ERROR.noLeader);
  if (found.error !== 0) throw new Refusal(found.error);
  return found.partitions;
}

/** @returns names of those that were made by this call */
async function create(cluster: Cluster, specs: readonly TopicSpec[]): Promise<readonly string[]> {
  const replicas = Math.min(MOST_REPLICAS, cluster.getNodeIds().length);
  const controller = await cluster.findControllerBroker();
  const topics = specs.map((spec) => ({
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: replicas,
    configEntries: Object.entries({
      'cleanup.policy': spec.cleanup,
      'retention.ms': String(spec.retentionMs ?? -1),
      'min.insync.replicas': String(Math.max(1, replicas - 1)),
      'unclean.leader.election.enable': 'false',
      'message.timestamp.type': 'CreateTime',
      ...spec.settings,
    }).map(([name, value]) => ({ name, value })),
  }));
  const names = specs.map(({ name }) => name);
  try {
    await controller.createTopics({ topics, timeout: CREATE_MS });
    return names;
  } catch (error) {
    const failures = failuresOf(error);
    if (failures.size === 0) throw error;
    for (const [topic, failure] of failures) {
      const type = typeOf(failure) ?? '';
      if (type !== 'TOPIC_ALREADY_EXISTS' && !LOOK_AGAIN.has(type))
        throw toLogError(failure, `Creating topic '${topic}'`);
    }
    return names.filter((name) => !failures.has(name));
  }
}

/** Waits until the brokers tell of the topics, and of a leader for each partition. */
async function untilLed(
  cluster: Cluster,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + CREATE_MS;
  for (;;) {
    await learnTopics(cluster, names);
    const isLed = names.every((name) => {
      const { partitions = [] } = knownTopic(cluster, name) ?? {};
      return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
    });
    if (isLed || signal.aborted || performance.now() > deadline) return;
    await pause(20, signal);
  }
}

/** What went wrong, by topic. */
function failuresOf(error: unknown): ReadonlyMap<string, unknown> {
  const parts = isKafkaError(error) ? (error.errors ?? []) : [];
  return new Map(
    parts.flatMap((part) =>
      'topic' in part && typeof part.topic === 'string' ? [[part.topic, part] as const] : [],
    ),
  );
}

/** Settings of topics, by name. */
async function settingsOf(
  cluster: Cluster,
  topics: readonly { readonly name: string; readonly settings?: TopicSpec['settings'] }[],
): Promise<ReadonlyMap<string, Settings>> {
  if (topics.length === 0) return new Map();
  const broker = await anyBroker(cluster);
  const resources = topics.map(({ name, settings = {} }) => ({
    type: TOPIC_RESOURCE,
    name,
    configNames: ['cleanup.policy', 'retention.ms', ...Object.keys(settings)],
  }));
  try {
    const found = await broker.describeConfigs({ resources });
    return new Map(
      found.resources.map(({ resourceName, configEntries }) => [
        resourceName,
        {
          values: new Map(configEntries.map((each) => [each.configName, each.configValue ?? ''])),
        },
      ]),
    );
  } catch (error) {
    if (typeOf(error) !== 'TOPIC_AUTHORIZATION_FAILED') throw error;
    return new Map(topics.map(({ name }) => [name, { values: undefined }]));
  }
}

async function anyBroker(cluster: Cluster): Promise<Broker> {
  let failure: unknown = new Refusal(ERROR.noLeader);
  for (const nodeId of cluster.getNodeIds()) {
    try {
      return await cluster.findBroker({ nodeId });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function retention(
  values: ReadonlyMap<string, string>,
): Pick<TopicDescription, 'cleanup' | 'retentionMs'> {
  const policy = values.get('cleanup.policy') ?? 'delete';
  const ms = Number(values.get('retention.ms') ?? -1);
  return {
    cleanup: policy.split(',').includes('compact') ? 'compact' : 'delete',
    retentionMs: ms >= 0 ? ms : undefined,
  };
}

function compare(spec: TopicSpec, count: number, { values }: Settings): TopicReport {
  const partitions = Array.from({ length: count }, () => ({ start: 0, end: 0 }));
  const found = values === undefined ? spec : retention(values);
  const { cleanup, retentionMs } = found;
  const report = compareTopic(spec, { name: spec.name, cleanup, retentionMs, partitions });
  const differences = [
    ...report.differences,
    ...Object.entries(spec.settings ?? {}).flatMap(([name, expected]) => {
      const got = values?.get(name);
      return got === undefined || got === expected
        ? []
        : [`${name}: expected ${expected}, found ${got}`];
    }),
  ];
  return { name: spec.name, status: differences.length > 0 ? 'differs' : 'exists', differences };
}
