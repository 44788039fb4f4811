/**
 * What the user may do. Of topics and groups the brokers say it themselves (KIP-430); of a transactional id they do not, so one is
 * asked to end a transaction of a producer that cannot exist: who may not write is told so, anybody else that there is no such
 * producer.
 */
import type { DiagnosisSubject, Finding } from '../../ports/event-log.ts';
import { API, CODE, type Probe } from './probe.ts';
import type { ReachSettings } from './reach.ts';
import { Writer, type Reader } from './wire.ts';

/** Operations of Kafka's access control, which are also the bits of what is allowed. */
const OPERATION = { READ: 3, WRITE: 4, DELETE: 6, DESCRIBE_CONFIGS: 10 } as const;
type Operation = keyof typeof OPERATION;
const NEEDS: Readonly<
  Record<DiagnosisSubject['topics'][number]['uses'][number], readonly Operation[]>
> = {
  read: ['READ'],
  write: ['WRITE'],
  trim: ['DELETE'],
  create: ['DESCRIBE_CONFIGS'],
};

const GROUP = 0;
const TRANSACTION = 1;
const NO_PRODUCER = -1n;

/** What the brokers say of themselves and of the topics in question. */
export interface Cluster {
  readonly id: string;
  readonly brokers: readonly { readonly id: number; readonly address: string }[];
  readonly topics: readonly TopicState[];
}

export interface TopicState {
  readonly name: string;
  readonly error: number;
  readonly allowed: number;
  readonly partitions: readonly {
    readonly leader: number;
    readonly replicas: number;
    readonly inSync: number;
  }[];
}

/** Something that the user may not do. */
export interface MissingRight {
  readonly operation: string;
  readonly resource: 'topic' | 'group' | 'transactional-id' | 'cluster';
  readonly name: string;
}

/** What the worker needs and the user may not. */
export async function lookForRights(
  first: Probe,
  at: (address: string) => Probe,
  { topics }: Cluster,
  subject: DiagnosisSubject,
): Promise<readonly MissingRight[]> {
  const missing: MissingRight[] = [];
  for (const { name, uses } of subject.topics) {
    const state = topics.find((topic) => topic.name === name);
    const needed = [...new Set(uses.flatMap((use) => NEEDS[use]))];
    // Of a topic that does not exist nothing is said; who may not even see it is told that it is denied.
    if (state === undefined || (state.error !== CODE.none && state.error !== CODE.topicDenied))
      continue;
    const allowed = state.error === CODE.none ? state.allowed : 0;
    for (const operation of needed)
      if ((allowed & (1 << OPERATION[operation])) === 0)
        missing.push({ operation, resource: 'topic', name });
  }
  missing.push(...(await missingCreation(first, subject)));
  if (subject.joins && !(await mayJoin(first, at, subject.group)))
    missing.push({ operation: 'READ', resource: 'group', name: subject.group });
  const { transactionalId } = subject;
  if (transactionalId !== undefined && !(await mayCommit(first, at, `${transactionalId}.0`)))
    missing.push({ operation: 'WRITE', resource: 'transactional-id', name: transactionalId });
  return missing;
}

/** Asks to create the topics, and to do nothing about it. */
async function missingCreation(
  probe: Probe,
  { topics }: DiagnosisSubject,
): Promise<readonly MissingRight[]> {
  const created = topics.filter(({ uses }) => uses.includes('create'));
  if (created.length === 0) return [];
  const body = new Writer();
  body.list(created, ({ name }) => {
    body.string(name).int32(1).int16(1).int32(0).int32(0);
  });
  body.int32(5000).bool(true);
  const errors = await probe.request(API.createTopics, body, (answer) => {
    answer.int32();
    return answer.list(() => {
      const [name, error] = [answer.string(), answer.int16()];
      answer.nullableString();
      return { name, error };
    });
  });
  return errors
    .filter(({ error }) => error === CODE.topicDenied || error === CODE.clusterDenied)
    .map(({ name }) => ({ operation: 'CREATE', resource: 'topic', name }));
}

async function mayJoin(
  first: Probe,
  at: (address: string) => Probe,
  group: string,
): Promise<boolean> {
  const state = await describeGroup(first, at, group);
  return (
    state !== 'denied' && (state === undefined || (state.allowed & (1 << OPERATION.READ)) !== 0)
  );
}

export interface GroupState {
  readonly state: string;
  readonly allowed: number;
  readonly members: readonly { readonly client: string; readonly host: string }[];
}

/** Undefined: nobody coordinates it at the moment. */
export async function describeGroup(
  first: Probe,
  at: (address: string) => Probe,
  group: string,
): Promise<GroupState | 'denied' | undefined> {
  const coordinator = await findCoordinator(first, group, GROUP);
  if (coordinator.error === CODE.groupDenied) return 'denied';
  if (coordinator.error !== CODE.none) return undefined;
  const body = new Writer().int32(1).string(group).bool(true);
  return at(coordinator.address).request(API.describeGroups, body, (answer) => {
    answer.int32();
    const [found] = answer.list(() => readGroup(answer));
    if (found?.error === CODE.groupDenied) return 'denied';
    return found?.error === CODE.none ? found : undefined;
  });
}

function readGroup(answer: Reader): GroupState & { readonly error: number } {
  const error = answer.int16();
  answer.string();
  const state = answer.string();
  answer.string();
  answer.string();
  const members = answer.list(() => {
    answer.string();
    const member = { client: answer.string(), host: answer.string().replace(/^\//, '') };
    answer.blob();
    answer.blob();
    return member;
  });
  return { error, state, members, allowed: answer.int32() };
}

async function mayCommit(
  first: Probe,
  at: (address: string) => Probe,
  transactionalId: string,
): Promise<boolean> {
  const coordinator = await findCoordinator(first, transactionalId, TRANSACTION);
  if (coordinator.error !== CODE.none) return coordinator.error !== CODE.transactionDenied;
  const body = new Writer().string(transactionalId).int64(NO_PRODUCER).int16(0).bool(false);
  const error = await at(coordinator.address).request(API.endTxn, body, (answer) => {
    answer.int32();
    return answer.int16();
  });
  return error !== CODE.transactionDenied;
}

async function findCoordinator(
  probe: Probe,
  key: string,
  type: typeof GROUP | typeof TRANSACTION,
): Promise<{ readonly error: number; readonly address: string }> {
  return probe.request(API.findCoordinator, new Writer().string(key).int8(type), (answer) => {
    answer.int32();
    const error = answer.int16();
    answer.nullableString();
    answer.int32();
    return { error, address: `${answer.string()}:${answer.int32()}` };
  });
}

/** A line for each missing right, with the command that gives it. */
export function rightFindings(
  missing: readonly MissingRight[],
  { sasl }: ReachSettings,
  { topics, joins, transactionalId }: DiagnosisSubject,
): Finding[] {
  const check = 'permission';
  const principal = `User:${sasl?.username ?? '…'}`;
  if (missing.length === 0)
    return [
      {
        check,
        state: 'ok',
        finding: `all that is needed on ${topics.length} topics${joins ? ', group' : ''}${transactionalId === undefined ? '' : ' and transactional id'}`,
      },
    ];
  return missing.map(({ operation, resource, name }) => {
    const prefixed = resource === 'transactional-id' ? ' --resource-pattern-type prefixed' : '';
    return {
      check,
      state: 'error',
      finding: `${sasl === undefined ? 'this user' : `user ${sasl.username}`} has no ${operation} on ${resource} ${name}`,
      fix: `kafka-acls --add --allow-principal ${principal} --operation ${operation} --${resource} ${name}${prefixed}`,
    };
  });
}
