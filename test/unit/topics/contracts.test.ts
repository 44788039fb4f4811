import { describe, expect, test } from '@jest/globals';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import {
  CONTRACTS,
  DeadLetterHeaders,
  deadLetterHeaders,
  MAX_ID_LENGTH,
  MAX_LABEL_LENGTH,
  MAX_TEXT_BYTES,
  pipelineTopics,
  ResultValue,
  SourceValue,
  topicNames,
} from '../../../topics/index.ts';
import { refusals, WRONG } from './broken.ts';

const DAY_MS = 86_400_000;

describe('topic names', () => {
  test('begin with the pipeline', () => {
    expect(topicNames('reviews')).toEqual({
      source: 'reviews.source',
      results: 'reviews.results',
      model: 'reviews.model',
      snapshots: 'reviews.snapshots',
      dlq: 'reviews.dlq',
    });
  });

  test.each(['source', 'results', 'model', 'snapshots', 'dlq'] as const)(
    '%s can be another topic, the others keep their names',
    (suffix) => {
      const names = topicNames('reviews', { [suffix]: 'elsewhere' });
      expect(names).toEqual({ ...topicNames('reviews'), [suffix]: 'elsewhere' });
    },
  );

  test('of a pipeline go with the schema of their values', () => {
    const topics = pipelineTopics('reviews', { source: 'tweets' });
    expect(topics.source).toEqual({ name: 'tweets', schema: SourceValue });
    expect(topics.results).toEqual({ name: 'reviews.results', schema: ResultValue });
    expect([topics.model.name, topics.snapshots.name, topics.dlq.name]).toEqual([
      'reviews.model',
      'reviews.snapshots',
      'reviews.dlq',
    ]);
    for (const topic of [topics.model, topics.snapshots, topics.dlq])
      expect(topic.schema.parse(new Uint8Array([1]))).toEqual(new Uint8Array([1]));
  });
});

describe('topics to create', () => {
  test('follow the contracts', () => {
    expect(topicSpecs(topicNames('p', { source: 'tweets' }), 3)).toEqual([
      {
        name: 'tweets',
        partitions: 3,
        cleanup: 'delete',
        retentionMs: 7 * DAY_MS,
        settings: { 'compression.type': 'uncompressed', 'max.message.bytes': '1048588' },
      },
      {
        name: 'p.results',
        partitions: 3,
        cleanup: 'delete',
        retentionMs: 7 * DAY_MS,
        settings: {},
      },
      {
        name: 'p.model',
        partitions: 3,
        cleanup: 'delete',
        retentionMs: undefined,
        settings: { 'retention.bytes': '-1', 'max.message.bytes': '8388608' },
      },
      {
        name: 'p.snapshots',
        partitions: 1,
        cleanup: 'compact',
        retentionMs: undefined,
        settings: {
          'min.cleanable.dirty.ratio': '0.1',
          'segment.bytes': '67108864',
          'delete.retention.ms': '86400000',
        },
      },
      {
        name: 'p.dlq',
        partitions: 3,
        cleanup: 'delete',
        retentionMs: 30 * DAY_MS,
        settings: { 'max.message.bytes': '1114124' },
      },
    ]);
  });

  test('a dead letter has room for the largest source record and its reason', () => {
    const bytes = (suffix: string): number =>
      Number(
        CONTRACTS.find((contract) => contract.suffix === suffix)?.settings['max.message.bytes'],
      );
    expect(bytes('dlq') - bytes('source')).toBe(65_536);
  });

  test('bounds of source records are those of the contract', () => {
    expect([MAX_TEXT_BYTES, MAX_ID_LENGTH, MAX_LABEL_LENGTH]).toEqual([262_144, 256, 64]);
  });
});

describe('dead-letter headers', () => {
  const error = { name: 'ValenceError', message: 'text is a number', code: 'RECORD_INVALID' };
  const origin = { topic: 'p.source', partition: 2, offset: 41 };

  test('say what is wrong and where the record was, in text', () => {
    expect(deadLetterHeaders(error, 'validate', origin)).toEqual([
      ['__streams.errors.exception', 'ValenceError'],
      ['__streams.errors.message', 'text is a number'],
      ['__streams.errors.stacktrace', ''],
      ['__streams.errors.topic', 'p.source'],
      ['__streams.errors.partition', '2'],
      ['__streams.errors.offset', '41'],
      ['valence.errors.code', 'RECORD_INVALID'],
      ['valence.errors.stage', 'validate'],
    ]);
  });

  test.each(['publish', 'decode', 'validate', 'fold'] as const)(
    'keep their contract at stage %s',
    (stage) => {
      const headers = Object.fromEntries(deadLetterHeaders(error, stage, origin));
      expect(DeadLetterHeaders.parse(headers)).toEqual(headers);
    },
  );

  test('a message is cut at 1,000 characters', () => {
    const long = { ...error, message: 'm'.repeat(1001) };
    const headers = new Map(deadLetterHeaders(long, 'fold', origin));
    expect(headers.get('__streams.errors.message')).toBe('m'.repeat(1000));
  });

  test('carry nothing else of the error, such as its stack', () => {
    const thrown = Object.assign(new Error('boom'), { code: 'RECORD_INVALID', text: 'secret' });
    expect(JSON.stringify(deadLetterHeaders(thrown, 'fold', origin))).not.toMatch(/secret|at .*:/);
  });

  test('all are needed, each of its kind', () => {
    const valid = Object.fromEntries(deadLetterHeaders(error, 'fold', origin));
    const names = Object.keys(valid);
    expect(names).toHaveLength(8);
    for (const name of names) {
      const { [name]: _, ...others } = valid;
      expect(refusals(DeadLetterHeaders, others)).toEqual([name]);
      expect(refusals(DeadLetterHeaders, { ...others, [name]: WRONG })).toEqual([name]);
    }
    const lost = { ...valid, 'valence.errors.stage': 'lost' };
    expect(refusals(DeadLetterHeaders, lost)).toEqual(['valence.errors.stage']);
  });

  test('the record’s own headers may stand beside them', () => {
    const valid = Object.fromEntries(deadLetterHeaders(error, 'fold', origin));
    expect(refusals(DeadLetterHeaders, { ...valid, traceparent: '00-a-b-01' })).toEqual([]);
  });
});
