import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainConfig, resolveConfig, type Sources } from '../../src/config-sources.ts';
import { resolveKafka } from '../../src/config-kafka.ts';
import { kafkaSettings, maskUrl } from '../../src/kafka-settings.ts';
import { CERTIFICATE, CERTIFICATE_KEY, OTHER_KEY } from '../support/certificates.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const of = (environment: Record<string, string>, url = 'kafka:') =>
  resolveKafka(url, '--log', { environment });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'valence-settings-'));
  writeFileSync(at('password'), 's3cret \n');
  writeFileSync(at('empty'), '\n');
  writeFileSync(at('no.pem'), 'not a certificate');
  writeFileSync(at('a.pem'), CERTIFICATE);
  writeFileSync(at('a.key'), CERTIFICATE_KEY);
  writeFileSync(at('b.key'), OTHER_KEY);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the brokers', () => {
  test('of the URL beat those of the environment', () => {
    const environment = { KAFKA_BROKERS: 'elsewhere:1' };
    expect(of(environment, 'kafka://one:9093,two').options.brokers).toEqual([
      'one:9093',
      'two:9092',
    ]);
    expect(of(environment).options.brokers).toEqual(['elsewhere:1']);
  });

  test('may be called by the name of the clients in Java', () => {
    expect(of({ KAFKA_BOOTSTRAP_SERVERS: 'a:1, b:2' }).options.brokers).toEqual(['a:1', 'b:2']);
    expect(of({ KAFKA_BOOTSTRAP_SERVERS: 'a:1', KAFKA_BROKERS: 'b:2' }).options.brokers).toEqual([
      'b:2',
    ]);
  });

  test('have to be given', () => {
    expect(of({}).problems).toEqual([expect.stringMatching(/^KAFKA_BROKERS: .*got nothing/)]);
  });

  test.each(['PLAINTEXT://host:9092', 'host:0', 'host:65536', 'ho st:x', '[::1]:9092'])(
    'are host:port, not %s',
    (broker) => {
      expect(of({ KAFKA_BROKERS: broker }).problems.join()).toMatch(
        /^KAFKA_BROKERS: expected host:port, got '/,
      );
    },
  );
});

describe('SASL', () => {
  const user = { KAFKA_BROKERS: 'b:1', KAFKA_SASL_USERNAME: 'app' };

  test('is on where a user name is given, with SCRAM-SHA-512 unless another is asked for', () => {
    const given = { ...user, KAFKA_SASL_PASSWORD: 'p' };
    expect(of(given).options.sasl).toEqual({
      mechanism: 'scram-sha-512',
      username: 'app',
      password: 'p',
    });
    expect(of({ ...given, KAFKA_SASL_MECHANISM: 'PLAIN' }).options.sasl?.mechanism).toBe('plain');
    expect(of({ ...given, KAFKA_SASL_ENABLED: 'false' }).options.sasl).toBeUndefined();
    expect(of({ ...given, KAFKA_SECURITY_PROTOCOL: 'SSL' }).options).not.toHaveProperty('sasl');
  });

  test('takes the password from a file, without the newline at its end', () => {
    const { options, variables } = of({ ...user, KAFKA_SASL_PASSWORD_FILE: at('password') });
    expect(options.sasl?.password).toBe('s3cret ');
    expect(variables).toContainEqual({
      variable: 'KAFKA_SASL_PASSWORD',
      value: '****',
      origin: 'KAFKA_SASL_PASSWORD_FILE',
    });
  });

  test('is taken from the URL, whose user may hold any character', () => {
    const { options, problems } = of({}, 'kafka://a%3Ab:p%40s:s@b:1');
    expect(problems).toEqual([]);
    expect(options.sasl).toEqual({
      mechanism: 'scram-sha-512',
      username: 'a:b',
      password: 'p@s:s',
    });
  });

  test('says all that is wrong at once, and nothing twice', () => {
    const { problems } = of({
      KAFKA_BROKERS: 'b:x',
      KAFKA_SASL_ENABLED: 'maybe',
      KAFKA_SASL_MECHANISM: 'GSSAPI',
      KAFKA_TLS_ENABLED: 'perhaps',
      KAFKA_SECURITY_PROTOCOL: 'TLS',
    });
    expect(problems).toEqual([
      "KAFKA_BROKERS: expected host:port, got 'b:x'",
      "KAFKA_SECURITY_PROTOCOL: expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, got 'TLS'",
      "KAFKA_TLS_ENABLED: expected true or false, got 'perhaps'",
      "KAFKA_SASL_ENABLED: expected true or false, got 'maybe'",
    ]);
    expect(of({ ...user, KAFKA_SASL_MECHANISM: 'GSSAPI' }).problems).toEqual([
      "KAFKA_SASL_MECHANISM: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, got 'GSSAPI'",
      expect.stringMatching(/^KAFKA_SASL_PASSWORD: expected a password/),
    ]);
  });

  test.each([
    [{ KAFKA_SASL_PASSWORD_FILE: '/no/such/file' }, 'does not exist'],
    [{ KAFKA_SASL_PASSWORD_FILE: 'EMPTY' }, 'is empty'],
    [{ KAFKA_SASL_PASSWORD_FILE: 'PASSWORD', KAFKA_SASL_PASSWORD: 'hunter2' }, 'give one of them'],
  ])('a file that cannot be used is one problem: %j', (given, problem) => {
    const environment = Object.fromEntries(
      Object.entries({ ...user, ...given }).map(([name, value]) => [
        name,
        value.replace(/^(?:EMPTY|PASSWORD)$/, (file) => at(file.toLowerCase())),
      ]),
    );
    const { problems } = of(environment);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
    expect(problems[0]).not.toContain('hunter2');
  });
});

describe('TLS', () => {
  const brokers = { KAFKA_BROKERS: 'b:1' };

  test('is on where a file is given, or asked for, or part of the security protocol', () => {
    expect(of(brokers).options.tls).toBeUndefined();
    expect(of({ ...brokers, KAFKA_TLS_ENABLED: 'true' }).options.tls).toEqual({});
    expect(of({ ...brokers, KAFKA_SECURITY_PROTOCOL: 'ssl' }).options.tls).toEqual({});
    expect(of({ ...brokers, KAFKA_TLS_CAFILEPATH: at('a.pem') }).options.tls?.ca).toMatch(
      /^-----BEGIN CERTIFICATE/,
    );
    const off = { ...brokers, KAFKA_TLS_CAFILEPATH: at('a.pem'), KAFKA_TLS_ENABLED: 'no' };
    expect(of(off).options.tls).toBeUndefined();
  });

  test('takes a certificate with its key', () => {
    const { options, problems } = of({
      ...brokers,
      KAFKA_TLS_CERTFILEPATH: at('a.pem'),
      KAFKA_TLS_KEYFILEPATH: at('a.key'),
    });
    expect(problems).toEqual([]);
    expect(options.tls?.key).toMatch(/PRIVATE KEY/);
  });

  test.each([
    [{ KAFKA_TLS_CAFILEPATH: 'no.pem' }, /^KAFKA_TLS_CAFILEPATH: expected a certificate in PEM/],
    [{ KAFKA_TLS_CAFILEPATH: 'gone.pem' }, /^KAFKA_TLS_CAFILEPATH: the file .* does not exist/],
    [{ KAFKA_TLS_CERTFILEPATH: 'a.pem' }, /^KAFKA_TLS_KEYFILEPATH: .*got nothing/],
    [{ KAFKA_TLS_KEYFILEPATH: 'a.key' }, /^KAFKA_TLS_CERTFILEPATH: .*got nothing/],
    [
      { KAFKA_TLS_CERTFILEPATH: 'a.pem', KAFKA_TLS_KEYFILEPATH: 'b.key' },
      /^KAFKA_TLS_KEYFILEPATH: is not the key of the certificate/,
    ],
    [
      { KAFKA_TLS_CERTFILEPATH: 'a.pem', KAFKA_TLS_KEYFILEPATH: 'a.pem' },
      /^KAFKA_TLS_KEYFILEPATH: expected a private key/,
    ],
  ])('%j is refused', (files, problem) => {
    const given = Object.entries(files).map(([name, file]) => [name, at(file)]);
    expect(of({ ...brokers, ...Object.fromEntries(given) }).problems).toEqual([
      expect.stringMatching(problem),
    ]);
  });

  test('cannot be told to trust everybody', () => {
    expect(of({ ...brokers, KAFKA_TLS_INSECURESKIPTLSVERIFY: 'true' }).problems).toEqual([
      expect.stringMatching(/certificates are always checked/),
    ]);
  });
});

describe('the configuration', () => {
  const secret = 'kafka://app:pa/ss@b:1';

  test('ignores the variables unless the log is on Kafka', () => {
    const environment = { KAFKA_BROKERS: 'broken:x', KAFKA_SASL_ENABLED: 'maybe' };
    const { config, kafka } = resolveConfig('tail', { flags: {}, environment });
    expect(config.log).toBe('sqlite:.valence/sentiment.db');
    expect(kafka).toBeUndefined();
  });

  test('lists what is wrong with the variables among all else', () => {
    expect.assertions(1);
    try {
      resolveConfig('subscribe', {
        flags: { log: 'kafka:', window: '9' },
        environment: { KAFKA_TLS_ENABLED: 'maybe' },
      });
    } catch (error) {
      expect((error as Error).message.split('\n')).toEqual([
        "--window: expected an integer between 10 and 1000000, got '9'",
        expect.stringMatching(/^KAFKA_BROKERS: /),
        expect.stringMatching(/^KAFKA_TLS_ENABLED: /),
      ]);
    }
  });

  test('the environment of the process beats the file of variables, as a pair of name and file', () => {
    const sources: Sources = {
      flags: { log: 'kafka:' },
      environment: { KAFKA_SASL_PASSWORD_FILE: at('password') },
      envFile: {
        path: 'prod.env',
        variables: {
          KAFKA_BROKERS: 'b:1',
          KAFKA_SASL_USERNAME: 'app',
          KAFKA_SASL_PASSWORD: 'kept',
        },
      },
    };
    expect(resolveConfig('tail', sources).kafka?.sasl?.password).toBe('s3cret ');
    const rows = explainConfig(sources).filter(({ key }) => key.startsWith('KAFKA_'));
    expect(rows.map(({ variable, value, origin }) => [variable, value, origin])).toEqual([
      ['KAFKA_BROKERS', 'b:1', 'KAFKA_BROKERS in prod.env'],
      ['KAFKA_CLIENTID', 'valence', 'default'],
      ['KAFKA_SECURITY_PROTOCOL', undefined, 'default'],
      ['KAFKA_SASL_ENABLED', 'true', 'default'],
      ['KAFKA_SASL_MECHANISM', 'SCRAM-SHA-512', 'default'],
      ['KAFKA_SASL_USERNAME', 'app', 'KAFKA_SASL_USERNAME in prod.env'],
      ['KAFKA_SASL_PASSWORD', '****', 'KAFKA_SASL_PASSWORD_FILE'],
      ['KAFKA_TLS_ENABLED', 'false', 'default'],
      ['KAFKA_TLS_CAFILEPATH', undefined, 'default'],
      ['KAFKA_TLS_CERTFILEPATH', undefined, 'default'],
      ['KAFKA_TLS_KEYFILEPATH', undefined, 'default'],
    ]);
  });

  test('never shows the secret of a URL', () => {
    const rows = explainConfig({ flags: { log: secret }, environment: {} });
    expect(JSON.stringify(rows)).not.toContain('pa/ss');
    expect(rows.find(({ key }) => key === 'log')?.value).toBe('kafka://app:****@b:1');
    expect(maskUrl(`kafka://app:${'x@'.repeat(40)}@b:1`)).toBe('kafka://app:****@b:1');
    expect(maskUrl('sqlite:///data/log.db')).toBe('sqlite:///data/log.db');
  });

  test('never repeats it in a message, however long it is', () => {
    const given = `kafka${secret.slice('kafka:'.length)}${'z'.repeat(80)}@b`;
    expect.assertions(2);
    try {
      resolveConfig('tail', { flags: { log: given }, environment: {} });
    } catch (error) {
      expect(String(error)).toContain('--log: ');
      expect(String(error)).not.toContain('pa/ss');
    }
  });

  test('four partitions on Kafka, one on the embedded log, what is asked for on both', () => {
    const partitions = (flags: Sources['flags']) =>
      resolveConfig('topics create', { flags, environment: {} }).config.partitions;
    expect(partitions({})).toBe(1);
    expect(partitions({ log: 'kafka://b' })).toBe(4);
    expect(partitions({ log: 'kafka://b', partitions: '7' })).toBe(7);
  });

  test('hands the session time-out to the log', () => {
    const kafka = (flags: Sources['flags']) =>
      resolveConfig('subscribe', { flags: { log: 'kafka://b', ...flags }, environment: {} }).kafka;
    expect(kafka({})?.sessionTimeoutMs).toBe(10_000);
    expect(kafka({ kafkaSessionTimeout: '6s' })?.sessionTimeoutMs).toBe(6000);
  });
});

describe('kafkaSettings', () => {
  test('a program gives what the URL does not', () => {
    const tls = { ca: 'PEM' };
    const sasl = { mechanism: 'plain', username: 'u', password: 'p' } as const;
    expect(kafkaSettings('kafka:', { brokers: ['b'], clientId: 'shop', tls, sasl })).toEqual({
      problems: [],
      settings: { brokers: ['b:9092'], clientId: 'shop', tls, sasl, sessionTimeoutMs: 10_000 },
    });
    expect(kafkaSettings('kafka://v:w@c:1', { brokers: ['b'], sasl }).settings).toMatchObject({
      brokers: ['c:1'],
      sasl: { mechanism: 'plain', username: 'v', password: 'w' },
    });
  });
});
