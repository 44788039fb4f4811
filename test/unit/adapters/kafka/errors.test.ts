import { describe, expect, test } from '@jest/globals';
import {
  isCutOff,
  isStale,
  toLogError,
  typeOf,
  wrongPort,
} from '../../../../src/adapters/kafka/errors.ts';
import { ValenceError } from '../../../../src/errors.ts';
import { kafkaError } from './fake-cluster.ts';

const link = { brokers: 'one:9092,two:9092', tls: false, sasl: true };
const protocol = (type: string) => kafkaError('KafkaJSProtocolError', { type, code: 1 });
const socket = (code: string) =>
  Object.assign(kafkaError('KafkaJSConnectionError', { code }), { broker: 'one:9092' });

describe('an error of the driver', () => {
  test.each([
    ['TOPIC_AUTHORIZATION_FAILED', 'CONFIG_INVALID'],
    ['GROUP_AUTHORIZATION_FAILED', 'CONFIG_INVALID'],
    ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'CONFIG_INVALID'],
    ['SASL_AUTHENTICATION_FAILED', 'CONFIG_INVALID'],
    ['INVALID_TRANSACTION_TIMEOUT', 'CONFIG_INVALID'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'NOT_FOUND'],
    ['MESSAGE_TOO_LARGE', 'RECORD_INVALID'],
    ['INVALID_PRODUCER_EPOCH', 'EPOCH_FENCED'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'EPOCH_FENCED'],
    ['UNKNOWN_MEMBER_ID', 'EPOCH_FENCED'],
    ['NOT_LEADER_FOR_PARTITION', 'LOG_UNAVAILABLE'],
    ['NOT_ENOUGH_REPLICAS', 'LOG_UNAVAILABLE'],
    ['NOT_COORDINATOR_FOR_GROUP', 'LOG_UNAVAILABLE'],
    ['A_TYPE_OF_TOMORROW', 'LOG_UNAVAILABLE'],
  ])('of type %s is %s', (type, code) => {
    const error = toLogError(protocol(type), 'Doing', link);
    expect([error.code, error.fields['type']]).toEqual([code, type]);
    expect(error.message.startsWith('Doing: ')).toBe(true);
  });

  test.each([
    ['KafkaJSSASLAuthenticationError', 'CONFIG_INVALID'],
    ['KafkaJSGroupCoordinatorNotFound', 'LOG_UNAVAILABLE'],
    ['KafkaJSRequestTimeoutError', 'LOG_UNAVAILABLE'],
    ['KafkaJSConnectionClosedError', 'LOG_UNAVAILABLE'],
  ])('named %s is %s', (name, code) => {
    expect(toLogError(kafkaError(name), 'Doing', link).code).toBe(code);
  });

  test.each([
    ['ECONNREFUSED', 'LOG_UNAVAILABLE'],
    ['ENOTFOUND', 'LOG_UNAVAILABLE'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CONFIG_INVALID'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CONFIG_INVALID'],
    ['CERT_HAS_EXPIRED', 'CONFIG_INVALID'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'CONFIG_INVALID'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'CONFIG_INVALID'],
  ])(
    "with the socket's code %s is %s, and names the broker and the code where it helps",
    (code, expected) => {
      const error = toLogError(socket(code), 'Doing', link);
      expect(error.code).toBe(expected);
      expect(error.message).toContain('one:9092');
    },
  );

  test('is found among causes and parts, however deep', () => {
    const inner = protocol('TOPIC_AUTHORIZATION_FAILED');
    const wrapped = kafkaError('KafkaJSNumberOfRetriesExceeded', {
      cause: kafkaError('KafkaJSNonRetriableError', { cause: inner }),
    });
    expect(toLogError(wrapped, 'Doing').code).toBe('CONFIG_INVALID');
    const aggregate = kafkaError('KafkaJSAggregateError', { errors: [protocol('INVALID_CONFIG')] });
    expect(toLogError(aggregate, 'Doing').code).toBe('CONFIG_INVALID');
    const parts = {
      name: 'KafkaJSDeleteTopicRecordsError',
      partitions: [{ partition: 0, error: inner }],
    };
    expect(typeOf(parts)).toBe('TOPIC_AUTHORIZATION_FAILED');
  });

  test('that goes round in circles has an end', () => {
    const one: { name: string; cause?: unknown } = { name: 'KafkaJSError' };
    one.cause = { name: 'KafkaJSError', cause: one };
    expect(toLogError(one, 'Doing').code).toBe('LOG_UNAVAILABLE');
  });

  test('does not lend its text to the message', () => {
    const error = kafkaError('KafkaJSSASLAuthenticationError');
    error.message = 'SASL failed for app with hunter2';
    expect(toLogError(error, 'Doing', link).message).not.toContain('hunter2');
    expect(wrongPort(link, error).message).not.toContain('hunter2');
  });

  test('of ours is given back as it is', () => {
    const own = new ValenceError('DELTA_GAP', 'x');
    expect(toLogError(own, 'Doing')).toBe(own);
    expect(toLogError(kafkaError('KafkaJSNonRetriableError', { cause: own }), 'Doing')).toBe(own);
  });
});

describe('what follows from an error', () => {
  test('a moved leader or a broken connection is looked up anew; a refusal is not', () => {
    expect(isStale(protocol('NOT_LEADER_FOR_PARTITION'))).toBe(true);
    expect(isStale(socket('ECONNRESET'))).toBe(true);
    expect(
      isStale(kafkaError('KafkaJSNumberOfRetriesExceeded', { cause: socket('ECONNREFUSED') })),
    ).toBe(true);
    expect(isStale(protocol('MESSAGE_TOO_LARGE'))).toBe(false);
    expect(isStale(new Error('any'))).toBe(false);
  });

  test('a connection that the broker cuts without a word is told from one that it refuses', () => {
    expect(isCutOff(kafkaError('KafkaJSConnectionClosedError'))).toBe(true);
    expect(isCutOff(socket('ECONNRESET'))).toBe(true);
    expect(isCutOff(socket('ECONNREFUSED'))).toBe(false);
  });

  test.each([
    [{ tls: true, sasl: true }, 'TLS is set'],
    [{ tls: false, sasl: true }, 'SASL is set without TLS'],
    [{ tls: false, sasl: false }, 'neither TLS nor SASL'],
  ])('the guess about a wrong port goes by what is set: %j', (set, text) => {
    const error = wrongPort({ brokers: 'one:9092', ...set }, undefined);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(text);
  });
});
