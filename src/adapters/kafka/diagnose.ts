/**
 * What can be seen of a cluster from outside, for `valence doctor`: brokers, versions, permissions, the group, sizes. Every request
 * is harmless.
 */
import { isValenceError } from '../../errors.ts';
import type { DiagnosisSubject, Finding } from '../../ports/event-log.ts';
import { API, CODE, type Probe } from './probe.ts';
import { reachAny, reachBroker, type ReachSettings } from './reach.ts';
import {
  type Cluster,
  describeGroup,
  lookForRights,
  rightFindings,
  type TopicState,
} from './rights.ts';
import { Writer, type Reader } from './wire.ts';

/** Requests that the log needs, in versions that the driver has. */
const SPOKEN: readonly (readonly [name: string, key: number, least: number, most: number])[] = [
  ['Produce', 0, 3, 7],
  ['Fetch', 1, 4, 11],
  ['ListOffsets', 2, 1, 3],
  ['Metadata', 3, 1, 8],
  ['JoinGroup', 11, 2, 5],
  ['InitProducerId', 22, 0, 1],
  ['EndTxn', 26, 0, 1],
  ['TxnOffsetCommit', 28, 0, 1],
];
/** The first level of `metadata.version` of each release, latest first. */
const RELEASES: readonly (readonly [level: number, release: string])[] = [
  [28, '4.2 or later'],
  [26, '4.1'],
  [22, '4.0'],
  [21, '3.9'],
  [20, '3.8'],
  [15, '3.7'],
  [12, '3.6'],
  [9, '3.5'],
  [8, '3.4'],
  [1, '3.0 to 3.3'],
];
/** Below these a lost broker can lose what was acknowledged. */
const WANTED_REPLICAS = 3;
const BROKER_RESOURCE = 4;

/**
 * Looks at the cluster; opens connections of its own and closes them.
 *
 * @throws CONFIG_INVALID, LOG_UNAVAILABLE no broker lets us in
 */
export async function diagnoseKafka(
  settings: ReachSettings,
  subject: DiagnosisSubject,
): Promise<readonly Finding[]> {
  const probes = new Map<string, Probe>();
  const first = await reachAny(settings);
  try {
    const cluster = await readCluster(first, subject);
    const findings: Finding[] = [];
    for (const { address } of cluster.brokers) {
      const reached = await tryBroker(address, settings);
      if ('probe' in reached) probes.set(address, reached.probe);
      else findings.push(reached.finding);
    }
    const at = (address: string): Probe => probes.get(address) ?? first;
    const missing = await lookForRights(first, at, cluster, subject);
    return [
      brokersFinding(cluster, probes.size),
      versionFinding(first),
      ...findings,
      ...securityFindings(settings),
      ...(await autoCreation(cluster, at)),
      ...replicaFindings(cluster),
      ...rightFindings(missing, settings, subject),
      ...(await groupFindings(first, at, subject)),
      ...(await sizeFindings(cluster, probes, subject)),
    ];
  } finally {
    first.close();
    for (const probe of probes.values()) probe.close();
  }
}

async function tryBroker(
  address: string,
  settings: ReachSettings,
): Promise<{ readonly probe: Probe } | { readonly finding: Finding }> {
  try {
    return { probe: await reachBroker(address, settings) };
  } catch (error) {
    if (!isValenceError(error)) throw error;
    const { finding, fix } = error.fields;
    return {
      finding: {
        check: 'broker',
        state: 'error',
        finding: `${String(finding)}; the cluster names this address`,
        fix: `${String(fix)}; see advertised.listeners of that broker`,
      },
    };
  }
}

async function readCluster(probe: Probe, { topics }: DiagnosisSubject): Promise<Cluster> {
  const body = new Writer();
  body.list(topics, (topic) => body.string(topic.name));
  body.bool(false).bool(false).bool(true);
  return probe.request(API.metadata, body, (answer) => {
    answer.int32();
    const brokers = answer.list(() => {
      const id = answer.int32();
      const address = `${answer.string()}:${answer.int32()}`;
      answer.nullableString();
      return { id, address };
    });
    const id = answer.string();
    answer.int32();
    return { brokers, id, topics: answer.list(() => readTopic(answer)) };
  });
}

function readTopic(answer: Reader): TopicState {
  const error = answer.int16();
  const name = answer.string();
  answer.bool();
  const partitions = answer.list(() => {
    answer.int16();
    answer.int32();
    const leader = answer.int32();
    answer.int32();
    const [replicas, inSync] = [
      answer.list(() => answer.int32()).length,
      answer.list(() => answer.int32()).length,
    ];
    answer.list(() => answer.int32());
    return { leader, replicas, inSync };
  });
  return { error, name, partitions, allowed: answer.int32() };
}

function brokersFinding({ id, brokers }: Cluster, reached: number): Finding {
  const of = `${brokers.length} ${brokers.length === 1 ? 'broker' : 'brokers'}`;
  return {
    check: 'brokers',
    state: 'ok',
    finding: `${of} in cluster ${id}, ${reached === brokers.length ? 'all reached' : `${reached} reached`}`,
  };
}

function versionFinding({ versions, features }: Probe): Finding {
  const check = 'version';
  const level = features.get('metadata.version');
  const release = RELEASES.find(([first]) => level !== undefined && level >= first)?.[1];
  const kafka = release === undefined ? 'Kafka of an unknown release' : `Kafka ${release}`;
  const unknown = SPOKEN.filter(([, key, least, most]) => {
    const spoken = versions.get(key);
    return spoken === undefined || spoken.max < least || spoken.min > most;
  }).map(([name]) => name);
  if (unknown.length === 0)
    return { check, state: 'ok', finding: `${kafka}, which takes all requests that are needed` };
  return {
    check,
    state: 'error',
    finding: `${kafka}, which does not take ${unknown.join(', ')} as they are sent here`,
    fix: 'use Kafka 2.4 to 4.1, or another that takes them',
  };
}

function securityFindings({ sasl, ssl }: ReachSettings): Finding[] {
  if (sasl === undefined || ssl !== undefined) return [];
  return [
    {
      check: 'security',
      state: 'warning',
      finding:
        sasl.mechanism === 'plain'
          ? 'the password goes over the network as it is: PLAIN without TLS'
          : 'SASL without TLS: records can be read and changed on the way',
      fix: "use the brokers' TLS port, with KAFKA_TLS_ENABLED=true",
    },
  ];
}

/** Whether brokers make topics that somebody mistypes. Seen only with DESCRIBE_CONFIGS on the cluster. */
async function autoCreation(
  { brokers }: Cluster,
  at: (address: string) => Probe,
): Promise<readonly Finding[]> {
  const [broker] = brokers;
  if (broker === undefined) return [];
  const name = 'auto.create.topics.enable';
  const body = new Writer().int32(1).int8(BROKER_RESOURCE).string(String(broker.id));
  body.int32(1).string(name).bool(false);
  const value = await at(broker.address).request(API.describeConfigs, body, (answer) => {
    answer.int32();
    const found = answer.list(() => {
      answer.int16();
      answer.nullableString();
      answer.int8();
      answer.string();
      return answer.list(() => readConfig(answer));
    });
    return found.flat().find((entry) => entry.name === name)?.value;
  });
  if (value !== 'true') return [];
  return [
    {
      check: 'brokers',
      state: 'warning',
      finding: `${name} is true: a mistyped topic name makes a topic, with the brokers' settings instead of the contract's`,
      fix: `set ${name}=false on the brokers`,
    },
  ];
}

function readConfig(answer: Reader): { readonly name: string; readonly value: string } {
  const entry = { name: answer.string(), value: answer.string() };
  answer.bool();
  answer.int8();
  answer.bool();
  answer.list(() => {
    answer.string();
    answer.nullableString();
    answer.int8();
  });
  return entry;
}

function named(topics: readonly TopicState[]): string {
  return topics.map(({ name }) => name).join(', ');
}

function replicaFindings({ topics }: Cluster): readonly Finding[] {
  const there = topics.filter(({ error }) => error === CODE.none);
  const check = 'replicas';
  const leaderless = there.filter((topic) => topic.partitions.some(({ leader }) => leader < 0));
  const behind = there.filter((topic) =>
    topic.partitions.some(({ inSync, replicas }) => inSync < replicas),
  );
  const few = there.filter((topic) =>
    topic.partitions.some(({ replicas }) => replicas < WANTED_REPLICAS),
  );
  const findings: Finding[] = [];
  if (leaderless.length > 0)
    findings.push({
      check,
      state: 'error',
      finding: `no leader for partitions of ${named(leaderless)}`,
      fix: 'start the brokers that keep them',
    });
  if (behind.length > 0)
    findings.push({
      check,
      state: 'warning',
      finding: `copies are missing or behind: ${named(behind)}`,
      fix: 'start the brokers that keep them, or wait until they have caught up',
    });
  if (few.length > 0)
    findings.push({
      check,
      state: 'warning',
      finding: `fewer than ${WANTED_REPLICAS} copies of ${named(few)}: a lost broker may lose records`,
      fix: 'fine for trials; else make the topics anew on three brokers or more',
    });
  return findings;
}

async function groupFindings(
  first: Probe,
  at: (address: string) => Probe,
  { group }: DiagnosisSubject,
): Promise<readonly Finding[]> {
  const check = 'group';
  const found = await describeGroup(first, at, group);
  if (found === 'denied' || found === undefined) return [];
  const { state, members } = found;
  if (members.length === 0)
    return [{ check, state: 'ok', finding: `${group}: no subscriber is running` }];
  const who = members.map(({ client, host }) => `${client} at ${host}`).join(', ');
  const finding = `${group}: ${members.length} ${members.length === 1 ? 'member' : 'members'}, ${state}: ${who}`;
  if (state === 'Stable') return [{ check, state: 'ok', finding }];
  return [
    {
      check,
      state: 'warning',
      finding,
      fix: 'a rebalance takes a second or two; when it lasts, look for subscribers that come and go',
    },
  ];
}

/** Size on the brokers' disks, the largest copy of each partition. Seen only with DESCRIBE on the cluster. */
async function sizeFindings(
  { topics }: Cluster,
  probes: ReadonlyMap<string, Probe>,
  subject: DiagnosisSubject,
): Promise<readonly Finding[]> {
  const there = topics.filter(({ error }) => error === CODE.none);
  const sizes = new Map<string, Map<number, number>>();
  for (const probe of probes.values()) {
    const body = new Writer();
    body.list(there, ({ name, partitions }) => {
      body.string(name).list([...partitions.keys()], (partition) => body.int32(partition));
    });
    await probe.request(API.describeLogDirs, body, (answer) => {
      readSizes(answer, sizes);
    });
  }
  if (sizes.size === 0) return [];
  const text = subject.topics.flatMap(({ name }) => {
    const bytes = [...(sizes.get(name)?.values() ?? [])].reduce((sum, size) => sum + size, 0);
    return sizes.has(name) ? [`${name} ${sizeText(bytes)}`] : [];
  });
  return [{ check: 'size', state: 'ok', finding: text.join(', ') }];
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function readSizes(answer: Reader, sizes: Map<string, Map<number, number>>): void {
  answer.int32();
  answer.list(() => {
    answer.int16();
    answer.string();
    answer.list(() => {
      const name = answer.string();
      const bytes = sizes.get(name) ?? new Map<number, number>();
      sizes.set(name, bytes);
      answer.list(() => {
        const partition = answer.int32();
        bytes.set(partition, Math.max(bytes.get(partition) ?? 0, Number(answer.int64())));
        answer.int64();
        answer.bool();
      });
    });
  });
}
