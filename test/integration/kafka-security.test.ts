/** TLS, SASL and permissions on a broker that wants them all. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { KafkaSettings } from '../../src/adapters/kafka/driver.ts';
import { diagnoseKafka } from '../../src/adapters/kafka/diagnose.ts';
import { openLog } from '../../src/open-log.ts';
import { startKafka, type KafkaBroker, type Secured } from '../support/kafka/broker.ts';
import { runCommand, type CommandResult } from '../support/command-line.ts';
import { describeLocalKafka } from '../support/kafka/describe.ts';
import { createAdmin, createProducer } from '../support/kafka/stock-clients.ts';

const SECRET = 'correct-horse-battery';
const WRONG = 'wrong-horse-battery';
const USERS = { admin: 'admin-secret', app: SECRET, nobody: 'nobody-secret', boss: 'boss-secret' };
/** Numbers of Kafka's access control. */
const ACL = {
  resource: { topic: 2, group: 3, 'transactional-id': 5 },
  operation: { READ: 3, WRITE: 4, CREATE: 5, DELETE: 6, DESCRIBE_CONFIGS: 10 },
  literal: 3,
  prefixed: 4,
  allow: 3,
} as const;

describeLocalKafka('a broker with TLS, SASL and ACLs', () => {
  let broker: KafkaBroker;
  let secured: Secured;
  let folder: string;
  let ca: string;
  const everything: CommandResult[] = [];

  /** Remembers all output, to look for secrets at the end. */
  async function valence(
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
    stdin = '',
  ): Promise<CommandResult> {
    const result = await runCommand(argv, { environment, stdin });
    everything.push(result);
    return result;
  }
  const as = (user: keyof typeof USERS, more: Readonly<Record<string, string>> = {}) => ({
    VALENCE_LOG: `kafka://${secured.brokers.join(',')}`,
    KAFKA_TLS_CAFILEPATH: ca,
    KAFKA_SASL_USERNAME: user,
    KAFKA_SASL_PASSWORD: USERS[user],
    ...more,
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'valence-security-'));
    const started = await startKafka({ secured: { users: USERS } });
    if ('missing' in started) throw new Error(started.missing);
    broker = started;
    secured = started.secured!;
    ca = join(folder, 'ca.pem');
    writeFileSync(ca, secured.ca);
    writeFileSync(join(folder, 'other.pem'), rootCertificates[0] ?? '');
    writeFileSync(join(folder, 'password'), `${USERS.admin}\n`);
    await valence(['topics', 'create', '--partitions', '1'], as('admin'));
  }, 120_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await broker?.close();
  }, 30_000);

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'lets a user in by %s, with the password from a file',
    async (mechanism) => {
      const { KAFKA_SASL_PASSWORD: _, ...rest } = as('admin', {
        KAFKA_SASL_MECHANISM: mechanism,
        KAFKA_SASL_PASSWORD_FILE: join(folder, 'password'),
      });
      const { code, values } = await valence(['topics', 'check'], rest);
      expect([code, values.length]).toEqual([0, 5]);
    },
  );

  test('lets a user in whose name and password stand in the URL, which is masked where it is shown', async () => {
    const [address] = secured.brokers;
    const VALENCE_LOG = `kafka://admin:${USERS.admin}@${address ?? ''}`;
    const environment = { VALENCE_LOG, KAFKA_TLS_CAFILEPATH: ca };
    expect((await valence(['topics', 'check'], environment)).code).toBe(0);
    const { stdout } = await valence(['config'], environment);
    expect(stdout).toContain('kafka://admin:****@localhost');
  });

  describe('says what is wrong', () => {
    const plain = (): string => `kafka://${broker.brokers.join(',')}`;
    const none = { KAFKA_SASL_USERNAME: '', KAFKA_SASL_PASSWORD: '' };
    const cases: readonly (readonly [
      name: string,
      environment: () => Readonly<Record<string, string>>,
      sentence: RegExp,
    ])[] = [
      [
        'with the password',
        () => as('app', { KAFKA_SASL_PASSWORD: WRONG }),
        /^valence: CONFIG_INVALID: Broker localhost:\d+ refuses the user or the password \(SCRAM-SHA-512\)\. Correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/,
      ],
      [
        'with the password of PLAIN',
        () => as('app', { KAFKA_SASL_PASSWORD: WRONG, KAFKA_SASL_MECHANISM: 'plain' }),
        /CONFIG_INVALID: .* refuses the user or the password \(PLAIN\)/,
      ],
      [
        'with an authority that did not sign the certificate',
        () => as('app', { KAFKA_TLS_CAFILEPATH: join(folder, 'other.pem') }),
        /CONFIG_INVALID: The certificate of localhost:\d+ comes from an authority that is not trusted here .* KAFKA_TLS_CAFILEPATH/,
      ],
      [
        'with no authority at all',
        () => as('app', { KAFKA_TLS_CAFILEPATH: '', KAFKA_TLS_ENABLED: 'true' }),
        /CONFIG_INVALID: The certificate of localhost:\d+ comes from an authority/,
      ],
      [
        'with plain text at the TLS port',
        () => as('app', { KAFKA_TLS_ENABLED: 'false' }),
        /CONFIG_INVALID: Broker localhost:\d+ speaks TLS, and this connection does not\. Set KAFKA_TLS_ENABLED=true/,
      ],
      [
        'with TLS at the plain port',
        () => as('app', { VALENCE_LOG: plain(), ...none }),
        /CONFIG_INVALID: Broker 127\.0\.0\.1:\d+ speaks no TLS, and this connection wants it\. Name the brokers' TLS port/,
      ],
      [
        'with no user',
        () => as('app', none),
        /CONFIG_INVALID: Broker localhost:\d+ closes the connection at the first request: it wants to know who we are\. Set KAFKA_SASL_USERNAME/,
      ],
      [
        'with a user at a port that takes none',
        () => as('app', { VALENCE_LOG: plain(), KAFKA_TLS_ENABLED: 'false' }),
        /CONFIG_INVALID: Broker 127\.0\.0\.1:\d+ takes no SASL\./,
      ],
    ];
    test.each(cases)('%s', async (_, environment, sentence) => {
      const { code, stderr, stdout } = await valence(['topics', 'check'], environment());
      expect(stderr).toMatch(sentence);
      expect([code, stdout]).toEqual([2, '']);
      const doctor = await valence(['doctor'], environment());
      expect(doctor.code).toBe(1);
      expect(doctor.values.find(({ check }) => check === 'log')).toMatchObject({ state: 'error' });
    });

    test('with an address where nothing listens, or that has no such name', async () => {
      const closed = await valence(['topics', 'check'], { VALENCE_LOG: 'kafka://127.0.0.1:1' });
      expect([closed.code, closed.stderr]).toEqual([
        1,
        expect.stringMatching(
          /LOG_UNAVAILABLE: Nothing listens on 127\.0\.0\.1:1\. Start the broker/,
        ),
      ]);
      const name = await valence(['topics', 'check'], { VALENCE_LOG: 'kafka://none.invalid' });
      expect(name.stderr).toMatch(
        /LOG_UNAVAILABLE: (?:No address is known for|The name server does not answer for)/,
      );
    });
  });

  describe('permissions', () => {
    const text = '{"id":"a","text":"good pizza","label":"positive"}';

    async function allow(
      operation: keyof typeof ACL.operation,
      resource: keyof typeof ACL.resource,
      resourceName: string,
      principal = 'User:app',
    ): Promise<void> {
      const admin = createAdmin({ brokers: broker.brokers, clientId: 'test' });
      await admin.connect();
      await admin.createAcls({
        acl: [
          {
            resourceType: ACL.resource[resource],
            resourceName,
            resourcePatternType: resource === 'transactional-id' ? ACL.prefixed : ACL.literal,
            principal,
            host: '*',
            operation: ACL.operation[operation],
            permissionType: ACL.allow,
          },
        ],
      });
      await admin.disconnect();
    }

    /** What findings of doctor say is missing. */
    async function allowAll(findings: readonly string[], principal?: string): Promise<void> {
      for (const finding of findings) {
        const [, operation, resource, name] = / no (\w+) on ([\w-]+) (\S+)$/.exec(finding) ?? [];
        await allow(
          operation as keyof typeof ACL.operation,
          resource as keyof typeof ACL.resource,
          name ?? '',
          principal,
        );
      }
    }

    test('that are missing end a command with what is missing', async () => {
      const { code, stderr } = await valence(['publish', '-'], as('nobody'), text);
      expect(stderr).toMatch(/CONFIG_INVALID: .*no permission on the topic/);
      expect(code).toBe(2);
    });

    test('are named by doctor one by one, with the command that gives each; with all of them a subscriber works', async () => {
      const before = await valence(['doctor'], as('app'));
      expect(before.code).toBe(1);
      const rights = before.values.filter(({ check }) => check === 'permission');
      const findings = rights.map(({ finding }) => String(finding));
      expect(findings).toEqual([
        'user app has no READ on topic sentiment.source',
        'user app has no READ on topic sentiment.results',
        'user app has no WRITE on topic sentiment.results',
        'user app has no READ on topic sentiment.model',
        'user app has no WRITE on topic sentiment.model',
        'user app has no DELETE on topic sentiment.model',
        'user app has no READ on topic sentiment.snapshots',
        'user app has no WRITE on topic sentiment.snapshots',
        'user app has no WRITE on topic sentiment.dlq',
        'user app has no READ on group sentiment.subscriber',
        'user app has no WRITE on transactional-id sentiment.fold',
      ]);
      expect(rights[10]).toMatchObject({
        state: 'error',
        fix: 'kafka-acls --add --allow-principal User:app --operation WRITE --transactional-id sentiment.fold --resource-pattern-type prefixed',
      });
      await allowAll(findings);
      await valence(['publish', '-'], as('admin'), text);
      const after = await valence(['doctor'], as('app'));
      expect(after.values.filter(({ state }) => state === 'error')).toEqual([]);
      expect(after.values).toContainEqual({
        check: 'permission',
        state: 'ok',
        finding: 'all that is needed on 5 topics, group and transactional id',
      });
      expect(after.values.find(({ check }) => check === 'lag')?.['finding']).toMatch(
        /^1 record, none folded yet, the oldest for \d+ s$/,
      );
      const subscribe = ['subscribe', '--until-end', '--challenger', 'most=majority'];
      const folded = await valence(subscribe, as('app'));
      expect([folded.code, folded.stderr]).toEqual([0, expect.not.stringContaining('CONFIG')]);
      const { values } = await valence(['tail', 'results', '--until-end'], as('admin'));
      expect(values[0]).toMatchObject({ value: { type: 'prediction', id: 'a' } });
    }, 30_000);

    test('of a publisher are fewer', async () => {
      const { values } = await valence(['doctor', '--role', 'publisher'], as('nobody'));
      expect(
        values.filter(({ check }) => check === 'permission').map(({ finding }) => finding),
      ).toEqual([
        'user nobody has no WRITE on topic sentiment.source',
        'user nobody has no WRITE on topic sentiment.dlq',
      ]);
      await allow('WRITE', 'topic', 'sentiment.source', 'User:nobody');
      await allow('WRITE', 'topic', 'sentiment.dlq', 'User:nobody');
      const published = await valence(['publish', '-'], as('nobody'), text);
      expect(published.code).toBe(0);
      const after = await valence(['doctor', '--role', 'publisher'], as('nobody'));
      expect(after.code).toBe(0);
    });

    test('of an operator suffice to promote', async () => {
      const doctor = ['doctor', '--role', 'operator'];
      const findings = (await valence(doctor, as('boss'))).values
        .filter(({ check }) => check === 'permission')
        .map(({ finding }) => String(finding));
      expect(findings).toContain('user boss has no WRITE on topic sentiment.model');
      await allowAll(findings, 'User:boss');
      expect((await valence(doctor, as('boss'))).code).toBe(0);
      // Who sees no group waits, and is told what another one is told.
      const promoted = await valence(['model', 'promote', 'most'], as('boss'));
      expect([promoted.code, promoted.stderr]).toEqual([0, '']);
      expect(promoted.values).toMatchObject([{ champion: 'most', switched: [] }]);
    });

    test('are looked for without harm to a transaction that is open', async () => {
      const settings: KafkaSettings = { brokers: broker.brokers, clientId: 'test' };
      const producer = createProducer(settings, { transactionalId: 'open.fold.0' });
      await producer.connect();
      const transaction = await producer.transaction();
      const messages = [{ key: null, value: Buffer.from('{"id":"t","text":"x"}'), partition: 0 }];
      await transaction.send({ topic: 'sentiment.results', messages });
      await diagnoseKafka(settings, {
        topics: [{ name: 'sentiment.results', uses: ['write'] }],
        group: 'open.subscriber',
        joins: true,
        transactionalId: 'open.fold',
      });
      await transaction.commit();
      await producer.disconnect();
      const log = await openLog(`kafka://${broker.brokers.join(',')}`);
      const { records } = await log.read('sentiment.results', 0, { from: 0 });
      await log.close();
      expect(Buffer.from(records.at(-1)?.value ?? []).toString()).toBe('{"id":"t","text":"x"}');
    });
  });

  test('no password is in anything that was written', () => {
    const written = everything.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(everything.length).toBeGreaterThan(20);
    for (const secret of [WRONG, ...Object.values(USERS)]) expect(written).not.toContain(secret);
  });
});
