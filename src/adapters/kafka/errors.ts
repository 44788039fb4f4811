/**
 * What the driver and the broker report, as errors of the port. An error is known by its `type` (the broker's word), its `code` (the
 * socket's) and its `name`, wherever they stand in its chain of causes; messages are never read, and never passed on.
 */
import { type ErrorCode, isValenceError, ValenceError } from '../../errors.ts';

/** How the log was reached, as far as an error's text needs it. Holds no secret. */
export interface Link {
  /** `host:port,…`. */
  readonly brokers: string;
  readonly tls: boolean;
  readonly sasl: boolean;
}

/** One error of a chain: what is known of it without trusting its class. */
interface Facts {
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly broker: string | undefined;
}

interface Meaning {
  readonly code: ErrorCode;
  /** Continues «doing: ». */
  readonly text: string;
}

const MOST_CAUSES = 16;

const ACL = 'Ask for the right, or sign in as another user';
const LATE = 'the coordinator is not ready, or has moved';
const LEADER = 'the partition has no leader that answers at the moment';
const OWNER =
  'another member or producer has taken over: claim again and read where the log stands';

const MEANINGS = new Map<string, Meaning>([
  ...rows('CONFIG_INVALID', [
    [
      'TOPIC_AUTHORIZATION_FAILED',
      `no permission on the topic (READ, WRITE or DESCRIBE; CREATE and DESCRIBE_CONFIGS to create topics). ${ACL}.`,
    ],
    ['GROUP_AUTHORIZATION_FAILED', `no permission on the consumer group (READ). ${ACL}.`],
    ['CLUSTER_AUTHORIZATION_FAILED', `no permission on the cluster (CREATE for topics). ${ACL}.`],
    [
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      `no permission on the transactional id (WRITE, by prefix). ${ACL}.`,
    ],
    ['KafkaJSSASLAuthenticationError', signIn()],
    ['SASL_AUTHENTICATION_FAILED', signIn()],
    ['UNSUPPORTED_SASL_MECHANISM', 'the broker does not know this SASL mechanism. Name another.'],
    [
      'ILLEGAL_SASL_STATE',
      'SASL is set, but this port of the broker asks for no sign-in. Leave SASL out, or use the port that does.',
    ],
    [
      'SECURITY_DISABLED',
      'the broker has no access control, so that there is nothing to ask about.',
    ],
    [
      'INVALID_TRANSACTION_TIMEOUT',
      'the transaction time-out is above transaction.max.timeout.ms of the broker.',
    ],
    ['INVALID_TOPIC_EXCEPTION', 'the name of the topic is not allowed, or the topic is internal.'],
    ['INVALID_PARTITIONS', 'the broker refuses that number of partitions.'],
    [
      'INVALID_REPLICATION_FACTOR',
      'fewer brokers are alive than the replication factor asks for. Start them, or lower it.',
    ],
    ['INVALID_CONFIG', 'the broker refuses a setting of the topic.'],
    [
      'INCONSISTENT_GROUP_PROTOCOL',
      'members of the group read another source topic, or are no workers of Valence: two deployments share a pipeline name. Give one of them another --pipeline.',
    ],
    [
      'INVALID_SESSION_TIMEOUT',
      'the session time-out is outside of group.min.session.timeout.ms to group.max.session.timeout.ms of the broker. Set --kafka-session-timeout.',
    ],
    ['POLICY_VIOLATION', 'a policy of the broker forbids it.'],
    [
      'OFFSET_METADATA_TOO_LARGE',
      'the text is longer than offset.metadata.max.bytes of the broker.',
    ],
    ['UNSUPPORTED_VERSION', 'the broker is too old or too new. Kafka 2.4 to 4 are known to work.'],
    [
      'KafkaJSServerDoesNotSupportApiKey',
      'the broker is too old or too new. Kafka 2.4 to 4 are known to work.',
    ],
  ]),
  ...rows('NOT_FOUND', [
    [
      'UNKNOWN_TOPIC_OR_PARTITION',
      "no such topic or partition, or no permission to see it. Create it with 'valence topics create', or check the name.",
    ],
    ['UNKNOWN_TOPIC_ID', 'the topic has been deleted.'],
  ]),
  ...rows('RECORD_INVALID', [
    ['MESSAGE_TOO_LARGE', 'larger than max.message.bytes of the topic allows.'],
    ['RECORD_LIST_TOO_LARGE', 'larger than a segment of the topic.'],
    ['INVALID_RECORD', 'the broker refuses the record; a compacted topic wants keys.'],
    [
      'INVALID_TIMESTAMP',
      'the timestamp is further from now than message.timestamp.before.max.ms or message.timestamp.after.max.ms allow.',
    ],
  ]),
  ...rows('EPOCH_FENCED', [
    ['INVALID_PRODUCER_EPOCH', OWNER],
    ['PRODUCER_FENCED', OWNER],
    ['TRANSACTION_COORDINATOR_FENCED', OWNER],
    ['INVALID_PRODUCER_ID_MAPPING', OWNER],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', OWNER],
    ['UNKNOWN_PRODUCER_ID', OWNER],
    ['INVALID_TXN_STATE', OWNER],
    ['CONCURRENT_TRANSACTIONS', OWNER],
    ['REBALANCE_IN_PROGRESS', OWNER],
    ['ILLEGAL_GENERATION', OWNER],
    ['UNKNOWN_MEMBER_ID', OWNER],
    ['FENCED_INSTANCE_ID', OWNER],
  ]),
  ...rows('LOG_UNAVAILABLE', [
    [
      'KafkaJSGroupCoordinatorNotFound',
      'no coordinator was found. At the first use this is mostly a missing permission on the group or the transactional id; later on, connections are breaking.',
    ],
    ['GROUP_LOAD_IN_PROGRESS', LATE],
    ['GROUP_COORDINATOR_NOT_AVAILABLE', LATE],
    ['NOT_COORDINATOR_FOR_GROUP', LATE],
    ['LEADER_NOT_AVAILABLE', LEADER],
    ['NOT_LEADER_FOR_PARTITION', LEADER],
    ['REPLICA_NOT_AVAILABLE', LEADER],
    ['FENCED_LEADER_EPOCH', LEADER],
    ['UNKNOWN_LEADER_EPOCH', LEADER],
    ['OFFSET_NOT_AVAILABLE', LEADER],
    ['KAFKA_STORAGE_ERROR', 'the broker cannot read or write its disk'],
    ['NOT_ENOUGH_REPLICAS', 'fewer replicas are in sync than min.insync.replicas asks for'],
    [
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      'fewer replicas are in sync than min.insync.replicas asks for',
    ],
    ['REQUEST_TIMED_OUT', 'the broker did not finish in time'],
    ['CORRUPT_MESSAGE', 'a request was damaged on its way'],
    ['KafkaJSRequestTimeoutError', 'no answer in time'],
  ]),
]);

/** Types after which the leader, the coordinator or the connection has to be looked up again. */
const STALE = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
]);

/** What Node says of a certificate that it does not trust, or that belongs to another host. */
const CERTIFICATE =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID|INVALID_CA|HOSTNAME_MISMATCH)$/;
const NOT_TLS = /^(?:EPROTO|ERR_SSL_\w+)$/;

/**
 * The error as the port knows it. One that is already a ValenceError is given back.
 *
 * @param doing what was tried: begins the message
 * @param link how the log was reached; undefined: connections are not described
 */
export function toLogError(error: unknown, doing: string, link?: Link): ValenceError {
  const own = causes(error).find((each) => isValenceError(each));
  if (own !== undefined) return own;
  const facts = causes(error).map(factsOf);
  const known = facts
    .flatMap(({ type, name }) => [type, name])
    .map((word) => (word === undefined ? undefined : MEANINGS.get(word)))
    .find((meaning) => meaning !== undefined);
  const { code, text } = known ?? connection(facts, link);
  const type = facts.find(({ type: word }) => word !== undefined)?.type;
  const sentence = /[.!]$/.test(text) ? text : `${text}.`;
  return new ValenceError(code, `${doing}: ${sentence}`, type === undefined ? {} : { type }, {
    cause: error,
  });
}

/** The broker's own word for an error, such as `NOT_LEADER_FOR_PARTITION`; undefined: it is none of the broker's. */
export function typeOf(error: unknown): string | undefined {
  return causes(error)
    .map((each) => factsOf(each).type)
    .find((type) => type !== undefined);
}

/** True when the leader or the coordinator may have moved: look it up again, then ask again. */
export function isStale(error: unknown): boolean {
  const type = typeOf(error);
  return type === undefined ? isConnection(error) : STALE.has(type);
}

/** True for a connection that broke, could not be made or did not answer. */
export function isConnection(error: unknown): boolean {
  return causes(error).some((each) => {
    const name = factsOf(each).name ?? '';
    return /^KafkaJS(?:Connection|ConnectionClosed|RequestTimeout|BrokerNotFound|LockTimeout|MetadataNotLoaded|TopicMetadataNotLoaded)(?:Error)?$/.test(
      name,
    );
  });
}

function connection(facts: readonly Facts[], link: Link | undefined): Meaning {
  const socket = facts.find(({ code }) => code !== undefined)?.code;
  const broker = facts.find(({ broker: at }) => at !== undefined)?.broker ?? link?.brokers;
  const at = broker === undefined ? 'the broker' : `broker ${broker}`;
  if (socket !== undefined && CERTIFICATE.test(socket))
    return {
      code: 'CONFIG_INVALID',
      text: `the certificate of ${at} is not trusted (${socket}). Name the authority that signed it, and the broker as its certificate does.`,
    };
  if (socket !== undefined && NOT_TLS.test(socket))
    return {
      code: 'CONFIG_INVALID',
      text: `TLS is set, but ${at} does not speak it at this port. Leave TLS out, or use the TLS port.`,
    };
  if (facts.some(({ name }) => name?.startsWith('KafkaJS') === true))
    return {
      code: 'LOG_UNAVAILABLE',
      text: `${at} cannot be reached${socket === undefined ? '' : ` (${socket})`}`,
    };
  return { code: 'LOG_UNAVAILABLE', text: 'an unexpected failure, told in its cause' };
}

/**
 * The error of a first connection that was made and then cut by the broker, each time: it expects another kind of talk at that port.
 */
export function wrongPort(link: Link, cause: unknown): ValenceError {
  const text = link.tls
    ? 'TLS is set; does this port speak it?'
    : link.sasl
      ? 'SASL is set without TLS; does this port want TLS?'
      : 'neither TLS nor SASL is set; does this port want one of them?';
  return new ValenceError(
    'CONFIG_INVALID',
    `Kafka: ${link.brokers} takes the connection and closes it at the first request: ${text}`,
    {},
    { cause },
  );
}

/** True when the broker took the connection and closed it without a word. */
export function isCutOff(error: unknown): boolean {
  return causes(error)
    .map(factsOf)
    .some(
      ({ name, code }) =>
        name === 'KafkaJSConnectionClosedError' ||
        (name === 'KafkaJSConnectionError' && code === 'ECONNRESET'),
    );
}

/** The error, what caused it and what it sums up. */
function causes(error: unknown): unknown[] {
  const found: unknown[] = [error];
  for (let index = 0; index < found.length && found.length < MOST_CAUSES; index++) {
    const each = found[index];
    if (typeof each !== 'object' || each === null) continue;
    if ('cause' in each && !found.includes(each.cause)) found.push(each.cause);
    if ('errors' in each && Array.isArray(each.errors)) found.push(...each.errors);
    if ('partitions' in each && Array.isArray(each.partitions))
      for (const part of each.partitions as unknown[])
        if (typeof part === 'object' && part !== null && 'error' in part) found.push(part.error);
  }
  return found;
}

function factsOf(error: unknown): Facts {
  const word = (key: string): string | undefined => {
    if (typeof error !== 'object' || error === null || !(key in error)) return undefined;
    const value: unknown = Reflect.get(error, key);
    return typeof value === 'string' ? value : undefined;
  };
  return { name: word('name'), type: word('type'), code: word('code'), broker: word('broker') };
}

function rows(code: ErrorCode, texts: readonly (readonly [string, string])[]): [string, Meaning][] {
  return texts.map(([word, text]) => [word, { code, text }]);
}

function signIn(): string {
  return 'the broker refuses the sign-in: wrong user, password or mechanism. It is not tried again.';
}
