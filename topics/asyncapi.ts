/**
 * The AsyncAPI 3.1 document of a pipeline, made from the topic contracts. Pure: the same contracts give the same document, key by
 * key. `docs/asyncapi.json` is this document as JSON.
 *
 * @see AsyncAPI 3.1.0; Kafka bindings 0.5.0
 */
import { z } from 'zod';
import type { TopicContract, TopicSuffix } from './contract.ts';
import { CONTRACTS, topicNames } from './index.ts';
import { JSON_TYPE, MESSAGES, SHARED_SCHEMAS, type MessageContract } from './messages.ts';

const BINDING = '0.5.0';
/** Partitions of `source` on Kafka where nothing else is asked for. */
const KAFKA_PARTITIONS = 4;

/** A JSON Schema, draft 7. */
export type JsonSchema = Readonly<Record<string, unknown>>;
export interface Reference {
  readonly $ref: string;
}

export interface AsyncApiChannel {
  readonly address: string;
  readonly title: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, Reference>>;
  readonly messages: Readonly<Record<string, Reference>>;
  readonly bindings: { readonly kafka: Readonly<Record<string, unknown>> };
}

export interface AsyncApiOperation {
  readonly action: 'send' | 'receive';
  readonly channel: Reference;
  readonly summary: string;
  readonly messages: readonly Reference[];
  readonly bindings?: { readonly kafka: Readonly<Record<string, unknown>> };
}

export interface AsyncApiMessage {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly contentType: string;
  readonly headers?: Reference;
  readonly payload: Reference;
  readonly correlationId?: { readonly location: string; readonly description: string };
  readonly bindings: { readonly kafka: Readonly<Record<string, unknown>> };
  readonly examples?: readonly unknown[];
}

export interface AsyncApiDocument {
  readonly asyncapi: '3.1.0';
  readonly info: Readonly<Record<string, unknown>>;
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, AsyncApiChannel>>;
  readonly operations: Readonly<Record<string, AsyncApiOperation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, AsyncApiMessage>>;
    readonly parameters: Readonly<Record<string, JsonSchema>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
  };
}

export interface DocumentOptions {
  /** Version of Valence. */
  readonly version: string;
  /** The pipeline whose names the Kafka bindings give. */
  readonly pipeline?: string;
  readonly contracts?: readonly TopicContract[];
  readonly messages?: readonly MessageContract[];
}

/** Who does what with which topic. `send` and `receive` are as the worker sees them. */
const OPERATIONS: readonly {
  readonly name: string;
  readonly action: 'send' | 'receive';
  readonly topic: TopicSuffix;
  readonly summary: string;
  readonly group?: (pipeline: string) => string;
}[] = [
  {
    name: 'publisherSendsSource',
    action: 'send',
    topic: 'source',
    summary: 'Publishes texts and labels; so may any other producer.',
  },
  {
    name: 'publisherSendsDeadLetters',
    action: 'send',
    topic: 'dlq',
    summary: 'Keeps rows of a file that cannot be published.',
  },
  {
    name: 'subscriberReceivesSource',
    action: 'receive',
    topic: 'source',
    summary: 'Predicts each text, then learns from its label.',
    group: (pipeline) => `${pipeline}.subscriber`,
  },
  {
    name: 'subscriberSendsResults',
    action: 'send',
    topic: 'results',
    summary: 'One prediction or outcome for each source record and addressed model.',
  },
  {
    name: 'subscriberSendsModel',
    action: 'send',
    topic: 'model',
    summary: 'What was learned, in the transaction that writes the results.',
  },
  {
    name: 'subscriberReceivesModel',
    action: 'receive',
    topic: 'model',
    summary: 'Follows what all subscribers learned.',
  },
  {
    name: 'subscriberSendsDeadLetters',
    action: 'send',
    topic: 'dlq',
    summary: 'Keeps records that cannot be folded, in the transaction that passes them.',
  },
  {
    name: 'monitorReceivesResults',
    action: 'receive',
    topic: 'results',
    summary: 'Adds up the figures of the partitions and checks thresholds.',
  },
];

/** The document; nothing in it depends on anything but the arguments. */
export function asyncApiDocument(options: DocumentOptions): AsyncApiDocument {
  const { version, pipeline = 'sentiment', contracts = CONTRACTS, messages = MESSAGES } = options;
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Valence',
      version,
      description:
        'Streaming sentiment analysis that learns while it reads: each text is predicted first and learned from after, exactly once. ' +
        'The topics are those of one pipeline, on the embedded log or on Apache Kafka; topics that exist keep their settings.',
      license: { name: 'MIT' },
    },
    defaultContentType: JSON_TYPE,
    channels: Object.fromEntries(
      contracts.map((contract) => [contract.suffix, channel(contract, messages, pipeline)]),
    ),
    operations: Object.fromEntries(
      OPERATIONS.map((entry) => [
        entry.name,
        {
          action: entry.action,
          channel: reference('channels', entry.topic),
          summary: entry.summary,
          messages: messages
            .filter(({ topic }) => topic === entry.topic)
            .map(({ name }) => reference('channels', entry.topic, 'messages', name)),
          ...(entry.group === undefined
            ? {}
            : { bindings: kafka({ groupId: constant(entry.group(pipeline)) }) }),
        },
      ]),
    ),
    components: {
      messages: Object.fromEntries(messages.map((entry) => [entry.name, message(entry)])),
      parameters: {
        pipeline: {
          default: pipeline,
          description:
            'Name of the pipeline. Each topic can also be given another name, so that one that exists can be the source.',
        },
      },
      schemas: schemas(messages),
    },
  };
}

function channel(
  contract: TopicContract,
  messages: readonly MessageContract[],
  pipeline: string,
): AsyncApiChannel {
  const { suffix, summary, content, key, partitions, cleanup, retentionMs, settings } = contract;
  const numbers = Object.entries(settings).map(([name, value]) => [name, numberOr(value)] as const);
  return {
    address: `{pipeline}.${suffix}`,
    title: suffix,
    summary,
    description: `Key: ${key}. Value: ${content}. Partitions: ${partitionsText(partitions)}.`,
    parameters: { pipeline: reference('components', 'parameters', 'pipeline') },
    messages: Object.fromEntries(
      messages
        .filter(({ topic }) => topic === suffix)
        .map(({ name }) => [name, reference('components', 'messages', name)]),
    ),
    bindings: kafka({
      topic: topicNames(pipeline)[suffix],
      partitions: typeof partitions === 'number' ? partitions : KAFKA_PARTITIONS,
      topicConfiguration: {
        'cleanup.policy': [cleanup],
        'retention.ms': retentionMs ?? -1,
        ...Object.fromEntries(numbers),
      },
    }),
  };
}

/** Who decides how many partitions a topic is created with. */
export function partitionsText(partitions: TopicContract['partitions']): string {
  if (partitions === 'source') return '`--partitions`';
  return partitions === 'mirror' ? 'as many as source' : String(partitions);
}

function message(entry: MessageContract): AsyncApiMessage {
  const { name, summary, contentType, headers, key, correlation, examples } = entry;
  return {
    name,
    title: name,
    summary,
    contentType,
    ...(headers === undefined ? {} : { headers: reference('components', 'schemas', headers) }),
    payload: reference('components', 'schemas', name),
    ...(correlation === undefined ? {} : { correlationId: correlation }),
    bindings: kafka(key === undefined ? {} : { key: { type: 'string', description: key } }),
    ...(examples.length === 0 ? {} : { examples }),
  };
}

/** JSON Schemas by name: messages first, then what they share. */
function schemas(messages: readonly MessageContract[]): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const { name, payload } of messages)
    if (typeof payload !== 'string') registry.add(payload, { id: name });
  for (const [name, schema] of Object.entries(SHARED_SCHEMAS)) registry.add(schema, { id: name });
  const made = new Map<string, JsonSchema>(
    Object.entries(
      z.toJSONSchema(registry, {
        target: 'draft-7',
        io: 'input',
        uri: (name) => reference('components', 'schemas', name).$ref,
      }).schemas,
    ),
  );
  const named = messages.map(({ name, payload, without }): [string, JsonSchema] => {
    if (typeof payload === 'string')
      return [name, { type: 'string', format: 'binary', description: payload }];
    const schema = embedded(made.get(name) ?? {});
    return [name, without === undefined ? schema : { ...schema, not: { required: without } }];
  });
  const shared = Object.keys(SHARED_SCHEMAS).map((name): [string, JsonSchema] => [
    name,
    embedded(made.get(name) ?? {}),
  ]);
  return Object.fromEntries([...named, ...shared]);
}

/** Without what only the root of a schema of its own may say: an `$id` would turn references away from this document. */
function embedded(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id'),
  );
}

function reference(...path: readonly string[]): Reference {
  return { $ref: `#/${path.join('/')}` };
}

function kafka(fields: Readonly<Record<string, unknown>>): {
  readonly kafka: Readonly<Record<string, unknown>>;
} {
  return { kafka: { ...fields, bindingVersion: BINDING } };
}

function constant(value: string): JsonSchema {
  return { type: 'string', enum: [value] };
}

/** Settings are text for Kafka's tools, numbers in the binding. */
function numberOr(value: string): string | number {
  return value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value);
}
