import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { subscriberGroup } from '../../../src/pipeline/subscriber.ts';
import { asyncApiDocument, type AsyncApiMessage } from '../../../topics/asyncapi.ts';
import { MESSAGES, SHARED_SCHEMAS } from '../../../topics/messages.ts';
import { broken } from './broken.ts';
import { isObject, problems, resolve, type Schema } from './json-schema.ts';

const DAY_MS = 86_400_000;
const document = asyncApiDocument({ version: '1.2.3' });
const { channels, operations, components } = document;
const messages = Object.entries(components.messages);

/** Every `$ref`, with the place it stands at. Examples are data: what they hold refers to nothing. */
function references(value: unknown, path = '#'): readonly (readonly [string, string])[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => references(item, `${path}/${index}`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (key === '$ref') return [[path, String(item)] as const];
    return key === 'examples' ? [] : references(item, `${path}/${key}`);
  });
}

/** Where a runtime expression points in an example. */
function evaluated(location: string, example: unknown): unknown {
  const [, part, pointer] = /^\$message\.(header|payload)#(\/.*)$/.exec(location) ?? [];
  const { headers, payload } = example as { headers: unknown; payload: unknown };
  return resolve(part === 'header' ? headers : payload, `#${pointer}`);
}

const schemaProblems = (name: string, value: unknown): readonly string[] =>
  problems(document, components.schemas[name] as Schema, value);

describe('the document', () => {
  test('is AsyncAPI 3.1.0 with the parts that it needs, and no others', () => {
    expect(document.asyncapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Valence', version: '1.2.3' });
    expect(Object.keys(document)).toEqual([
      'asyncapi',
      'info',
      'defaultContentType',
      'channels',
      'operations',
      'components',
    ]);
  });

  test('is the same each time, key by key', () => {
    expect(JSON.stringify(asyncApiDocument({ version: '1.2.3' }))).toBe(JSON.stringify(document));
  });

  test('is JSON: nothing is lost on the way through text', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test('every reference leads to something within it', () => {
    const found = references(document);
    expect(found.length).toBeGreaterThan(50);
    for (const [at, reference] of found)
      expect([at, reference, isObject(resolve(document, reference))]).toEqual([
        at,
        reference,
        true,
      ]);
  });

  test('every schema, message and parameter is referred to', () => {
    const targets = new Set(references(document).map(([, reference]) => reference));
    for (const [kind, named] of Object.entries(components))
      for (const name of Object.keys(named))
        expect(targets).toContain(`#/components/${kind}/${name}`);
  });

  test('names of components are letters, digits, dots, dashes and underscores', () => {
    for (const named of Object.values(components))
      for (const name of Object.keys(named)) expect(name).toMatch(/^[\w.-]+$/);
  });

  test('no schema has an address of its own, which would turn its references away', () => {
    expect(JSON.stringify(components.schemas)).not.toMatch(/"\$(?:id|schema)"/);
  });
});

describe('channels', () => {
  test('are the topics, under the name of the pipeline', () => {
    expect(Object.entries(channels).map(([name, { address }]) => [name, address])).toEqual([
      ['source', '{pipeline}.source'],
      ['results', '{pipeline}.results'],
      ['model', '{pipeline}.model'],
      ['snapshots', '{pipeline}.snapshots'],
      ['dlq', '{pipeline}.dlq'],
    ]);
  });

  test('declare each parameter of their address, and no other', () => {
    for (const { address, parameters } of Object.values(channels))
      expect(Object.keys(parameters)).toEqual(
        [...address.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name),
      );
    expect(components.parameters['pipeline']).toMatchObject({ default: 'sentiment' });
  });

  test('hold the messages of their topic', () => {
    const names = Object.entries(channels).map(([name, channel]) => [
      name,
      Object.keys(channel.messages),
    ]);
    expect(names).toEqual([
      ['source', ['TextRecord', 'LabelRecord']],
      ['results', ['Prediction', 'Outcome', 'Metrics', 'Drift', 'Alert']],
      ['model', ['Delta']],
      ['snapshots', ['SnapshotChunk']],
      ['dlq', ['DeadLetter']],
    ]);
    for (const channel of Object.values(channels))
      for (const [name, { $ref }] of Object.entries(channel.messages))
        expect($ref).toBe(`#/components/messages/${name}`);
  });

  test('carry Kafka settings in the form of bindings 0.5.0', () => {
    const bindings = Object.values(channels).map((channel) => channel.bindings.kafka);
    const topic = (
      suffix: string,
      partitions: number,
      topicConfiguration: Readonly<Record<string, unknown>>,
    ) => ({
      topic: `sentiment.${suffix}`,
      partitions,
      topicConfiguration,
      bindingVersion: '0.5.0',
    });
    expect(bindings).toEqual([
      topic('source', 4, {
        'cleanup.policy': ['delete'],
        'retention.ms': 7 * DAY_MS,
        'compression.type': 'uncompressed',
        'max.message.bytes': 1_048_588,
      }),
      topic('results', 4, { 'cleanup.policy': ['delete'], 'retention.ms': 7 * DAY_MS }),
      topic('model', 4, {
        'cleanup.policy': ['delete'],
        'retention.ms': -1,
        'retention.bytes': -1,
        'max.message.bytes': 8388608,
      }),
      topic('snapshots', 1, {
        'cleanup.policy': ['compact'],
        'retention.ms': -1,
        'min.cleanable.dirty.ratio': 0.1,
        'segment.bytes': 67_108_864,
        'delete.retention.ms': DAY_MS,
      }),
      topic('dlq', 4, {
        'cleanup.policy': ['delete'],
        'retention.ms': 30 * DAY_MS,
        'max.message.bytes': 1_114_124,
      }),
    ]);
  });

  test('of another pipeline have its names', () => {
    const other = asyncApiDocument({ version: '1.2.3', pipeline: 'reviews' });
    expect(other.channels['dlq']?.bindings.kafka['topic']).toBe('reviews.dlq');
    expect(other.components.parameters['pipeline']).toMatchObject({ default: 'reviews' });
    expect(JSON.stringify(other.operations)).toContain('"reviews.subscriber"');
  });
});

describe('operations', () => {
  test('say which worker sends and receives what', () => {
    expect(
      Object.entries(operations).map(
        ([name, { action, channel }]) => `${name}: ${action} ${channel.$ref}`,
      ),
    ).toEqual([
      'publisherSendsSource: send #/channels/source',
      'publisherSendsDeadLetters: send #/channels/dlq',
      'subscriberReceivesSource: receive #/channels/source',
      'subscriberSendsResults: send #/channels/results',
      'subscriberSendsModel: send #/channels/model',
      'subscriberReceivesModel: receive #/channels/model',
      'subscriberSendsDeadLetters: send #/channels/dlq',
      'monitorReceivesResults: receive #/channels/results',
    ]);
  });

  test('name messages of their channel, by way of the channel', () => {
    for (const { channel, messages: named } of Object.values(operations)) {
      const own = resolve(document, channel.$ref) as { messages: object };
      expect(named.map(({ $ref }) => $ref)).toEqual(
        Object.keys(own.messages).map((name) => `${channel.$ref}/messages/${name}`),
      );
    }
  });

  test('the subscriber reads the source as the group it has', () => {
    expect(operations['subscriberReceivesSource']?.bindings?.kafka).toEqual({
      groupId: { type: 'string', enum: [subscriberGroup('sentiment')] },
      bindingVersion: '0.5.0',
    });
  });
});

describe('messages', () => {
  test('have the name that they stand under, and belong to one channel', () => {
    for (const [name, message] of messages) {
      expect(message.name).toBe(name);
      const holders = Object.values(channels).filter((channel) => name in channel.messages);
      expect([name, holders.length]).toEqual([name, 1]);
    }
  });

  test('bytes have no JSON Schema', () => {
    for (const name of ['Delta', 'SnapshotChunk', 'DeadLetter']) {
      expect(components.messages[name]?.contentType).toBe('application/octet-stream');
      expect(components.schemas[name]).toMatchObject({ type: 'string', format: 'binary' });
    }
  });

  test('records of the source and results say what their key is; deltas have none', () => {
    const keyed = messages.filter(([, { bindings }]) => 'key' in bindings.kafka);
    expect(messages.map(([name]) => name).filter((name) => name !== 'Delta')).toEqual(
      keyed.map(([name]) => name),
    );
  });

  test('results and dead letters are traced to their source record', () => {
    const traced = messages.filter(([, { correlationId }]) => correlationId !== undefined);
    expect(traced.map(([name]) => name)).toEqual([
      'Prediction',
      'Outcome',
      'Metrics',
      'Drift',
      'Alert',
      'DeadLetter',
    ]);
    for (const [name, { correlationId, examples }] of traced)
      for (const example of examples ?? [])
        expect(evaluated(correlationId?.location ?? '', example)).toEqual(
          name === 'DeadLetter'
            ? '7'
            : expect.objectContaining({ partition: 0, offset: expect.any(Number) }),
        );
  });
});

describe('examples', () => {
  const examples = messages.flatMap(([name, message]) =>
    (message.examples ?? []).map((example) => ({
      name,
      message,
      example: example as {
        readonly name: string;
        readonly headers?: Readonly<Record<string, unknown>>;
        readonly payload: unknown;
      },
    })),
  );
  const channelOf = (name: string): readonly string[] =>
    Object.values(channels)
      .map((channel) => Object.keys(channel.messages))
      .find((names) => names.includes(name)) ?? [];

  test('are there for every message that is no binary of ours', () => {
    const without = messages.filter(([, { examples: own }]) => own === undefined);
    expect(without.map(([name]) => name)).toEqual(['Delta', 'SnapshotChunk']);
    expect(examples).toHaveLength(14);
  });

  test.each(examples)(
    '$name $example.name fits its own schema, and no other of the channel',
    ({ name, example }) => {
      expect(schemaProblems(name, example.payload)).toEqual([]);
      const fitting = channelOf(name).filter(
        (other) => schemaProblems(other, example.payload).length === 0,
      );
      expect(fitting).toEqual([name]);
    },
  );

  test.each(examples)('$name $example.name passes the contract in the code', (entry) => {
    const contract = MESSAGES.find(({ name }) => name === entry.name)!;
    const { payload, headers = {} } = entry.example;
    const schema = typeof contract.payload === 'string' ? z.string() : contract.payload;
    expect(schema.parse(payload)).toEqual(payload);
    expect(SHARED_SCHEMAS[contract.headers!].parse(headers)).toEqual(headers);
  });

  test.each(examples)('$name $example.name has the headers of its schema', (entry) => {
    const schema = entry.message.headers;
    expect(schema).toBeDefined();
    const headers = entry.example.headers ?? {};
    expect(problems(document, resolve(document, schema!.$ref) as Schema, headers)).toEqual([]);
  });

  test('a text record with a label is no label record', () => {
    const both = { id: 'a', text: 'b', label: 'positive' };
    expect(schemaProblems('TextRecord', both)).toEqual([]);
    expect(schemaProblems('LabelRecord', both)).toEqual([': not']);
  });

  test.each([
    ['Prediction', 'source/offset', -1, 'minimum'],
    ['Prediction', 'probabilities/negative', 1.5, 'maximum'],
    ['Prediction', 'role', 'runner-up', 'enum'],
    ['Outcome', 'type', 'prediction', 'const'],
    ['Metrics', 'cumulative/sums/ece', [], 'minItems'],
    ['Metrics', 'rolling/window', undefined, 'required'],
    ['Alert', 'value', '0.5', 'type'],
    ['LabelRecord', 'label', 'x'.repeat(65), 'anyOf'],
  ])('the schema of %s refuses a wrong %s', (name, path, value, keyword) => {
    const [example] = (components.messages[name] as AsyncApiMessage).examples ?? [];
    const { payload } = example as { payload: unknown };
    const wrong = broken(payload, path.replaceAll('/', '.'), value);
    expect(schemaProblems(name, wrong)).toEqual([`${path}: ${keyword}`]);
  });
});
