/**
 * How the environment completes a `kafka:` log: the variables that Kafka's tools share, and the files that they name.
 *
 * They fill a log that is on Kafka anyway; they never choose it. The URL beats the process's environment, which beats
 * `--env-file`. Everything that is wrong is a sentence of its own; none repeats a secret.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { shown } from './config-values.ts';
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_MECHANISM,
  MASKED,
  parseBrokers,
  parseUrl,
  type KafkaOptions,
  type KafkaSasl,
  type KafkaTls,
  type ParsedUrl,
  type SaslMechanism,
} from './kafka-settings.ts';

/** A variable and, if the process has it, what it gave. */
export interface KafkaVariable {
  readonly variable: string;
  /** Secrets masked; undefined: not given, and without a default. */
  readonly value: string | undefined;
  /** Where the value came from, in words. */
  readonly origin: string;
}

/** Variables by name; undefined: not set. */
type Variables = Readonly<Record<string, string | undefined>>;

export interface KafkaSources {
  readonly environment: Variables;
  readonly envFile?: { readonly path: string; readonly variables: Variables };
}

/** The variables, as `--help` and the documents list them. */
export const KAFKA_VARIABLES: readonly {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** May be given as the name of a file, in `<name>_FILE`. */
  readonly secret?: true;
  readonly meaning: string;
}[] = [
  {
    name: 'KAFKA_BROKERS',
    aliases: ['KAFKA_BOOTSTRAP_SERVERS'],
    meaning: 'host:port, several with commas, where the URL names none; port 9092 if left out',
  },
  {
    name: 'KAFKA_CLIENTID',
    aliases: ['KAFKA_CLIENT_ID'],
    meaning: "what the brokers' logs and quotas call this program; default valence",
  },
  {
    name: 'KAFKA_SECURITY_PROTOCOL',
    meaning:
      'PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL: sets KAFKA_TLS_ENABLED and KAFKA_SASL_ENABLED',
  },
  {
    name: 'KAFKA_SASL_ENABLED',
    meaning: 'true or false; default true where a user name is given',
  },
  {
    name: 'KAFKA_SASL_MECHANISM',
    meaning: 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; default SCRAM-SHA-512',
  },
  { name: 'KAFKA_SASL_USERNAME', secret: true, meaning: 'user name' },
  { name: 'KAFKA_SASL_PASSWORD', secret: true, meaning: 'password' },
  {
    name: 'KAFKA_TLS_ENABLED',
    meaning: 'true or false; default true where one of the files below is given',
  },
  {
    name: 'KAFKA_TLS_CAFILEPATH',
    meaning: "PEM file with the authority of the brokers' certificates; default: those of Node",
  },
  { name: 'KAFKA_TLS_CERTFILEPATH', meaning: 'PEM file with the client certificate' },
  { name: 'KAFKA_TLS_KEYFILEPATH', meaning: 'PEM file with its key, not encrypted' },
];

const MECHANISMS: readonly SaslMechanism[] = ['plain', 'scram-sha-256', 'scram-sha-512'];
const PROTOCOLS: ReadonlyMap<string, { readonly tls: boolean; readonly sasl: boolean }> = new Map([
  ['PLAINTEXT', { tls: false, sasl: false }],
  ['SSL', { tls: true, sasl: false }],
  ['SASL_PLAINTEXT', { tls: false, sasl: true }],
  ['SASL_SSL', { tls: true, sasl: true }],
]);
/** Known elsewhere for switching the check of certificates off. */
const UNCHECKED = 'KAFKA_TLS_INSECURESKIPTLSVERIFY';
const NO_CERTIFICATE = 'expected a certificate in PEM form (-----BEGIN CERTIFICATE-----)';

/** The settings of a process's Kafka log. */
export interface ResolvedKafka {
  /** To be handed to `openLog` with the URL. */
  readonly options: KafkaOptions;
  /** A line each, as `valence config` shows them. */
  readonly variables: readonly KafkaVariable[];
  /** Sentences that begin with the variable. */
  readonly problems: readonly string[];
}

/**
 * Fills a `kafka:` URL from the environment and reads the files that it names.
 *
 * @param url as configured; `origin` says where, for messages
 */
export function resolveKafka(url: string, origin: string, sources: KafkaSources): ResolvedKafka {
  const lookup = new Lookup(sources);
  const inUrl = parseUrl(url);
  lookup.problems.push(...inUrl.problems.map((problem) => `${origin}: ${problem}`));
  for (const [variable, given, secret] of [
    ['KAFKA_BROKERS', inUrl.brokers.length > 0 ? inUrl.brokers.join(',') : undefined, false],
    ['KAFKA_SASL_USERNAME', inUrl.username, false],
    ['KAFKA_SASL_PASSWORD', inUrl.password, true],
  ] as const)
    if (given !== undefined) lookup.set(variable, given, `${origin} (its URL)`, secret);
  const brokers = brokersOf(lookup, inUrl);
  const clientId = lookup.text('KAFKA_CLIENTID') ?? DEFAULT_CLIENT_ID;
  const protocol = protocolOf(lookup);
  const tls = tlsOf(lookup, protocol?.tls);
  const sasl = saslOf(lookup, protocol?.sasl);
  const { value: unchecked } = lookup.find(UNCHECKED) ?? {};
  if (unchecked !== undefined && /^(?:true|1|yes|on)$/i.test(unchecked))
    lookup.problems.push(
      `${UNCHECKED}: certificates are always checked; name their authority with KAFKA_TLS_CAFILEPATH`,
    );
  return {
    options: {
      brokers,
      clientId,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl }),
    },
    variables: lookup.variables({
      KAFKA_CLIENTID: DEFAULT_CLIENT_ID,
      KAFKA_TLS_ENABLED: String(tls !== undefined),
      KAFKA_SASL_ENABLED: String(sasl !== undefined),
      ...(sasl === undefined ? {} : { KAFKA_SASL_MECHANISM: sasl.mechanism.toUpperCase() }),
    }),
    problems: lookup.problems,
  };
}

function brokersOf(lookup: Lookup, inUrl: ParsedUrl): readonly string[] {
  if (inUrl.brokers.length > 0 || inUrl.problems.length > 0) return inUrl.brokers;
  const found = lookup.take('KAFKA_BROKERS');
  if (found === undefined) {
    lookup.problems.push(
      'KAFKA_BROKERS: the log is kafka:, so expected host:port of its brokers, got nothing; or write --log kafka://host:port',
    );
    return [];
  }
  const { brokers, problems } = parseBrokers(found.value);
  lookup.problems.push(...problems.map((problem) => `${found.origin}: ${problem}`));
  return brokers;
}

function protocolOf(lookup: Lookup): { readonly tls: boolean; readonly sasl: boolean } | undefined {
  const found = lookup.take('KAFKA_SECURITY_PROTOCOL');
  if (found === undefined) return undefined;
  const protocol = PROTOCOLS.get(found.value.toUpperCase());
  if (protocol === undefined)
    lookup.problems.push(
      `${found.origin}: expected one of ${[...PROTOCOLS.keys()].join(', ')}, got ${shown(found.value)}`,
    );
  return protocol;
}

function tlsOf(lookup: Lookup, byProtocol: boolean | undefined): KafkaTls | undefined {
  const enabled = lookup.onOff('KAFKA_TLS_ENABLED') ?? byProtocol;
  if (enabled === false) return undefined;
  const ca = lookup.pem('KAFKA_TLS_CAFILEPATH', 'CERTIFICATE');
  const cert = lookup.pem('KAFKA_TLS_CERTFILEPATH', 'CERTIFICATE');
  const key = lookup.pem('KAFKA_TLS_KEYFILEPATH', 'KEY');
  const given = [ca, cert, key].filter((file) => file !== undefined);
  if (enabled === undefined && given.length === 0) return undefined;
  if (cert === undefined && key !== undefined)
    lookup.problems.push(
      'KAFKA_TLS_CERTFILEPATH: expected the certificate of KAFKA_TLS_KEYFILEPATH, got nothing',
    );
  if (cert !== undefined && key === undefined)
    lookup.problems.push(
      'KAFKA_TLS_KEYFILEPATH: expected the key of KAFKA_TLS_CERTFILEPATH, got nothing',
    );
  if (cert?.text !== undefined && key?.text !== undefined && !fits(cert.text, key.text))
    lookup.problems.push(
      `${key.origin}: is not the key of the certificate in KAFKA_TLS_CERTFILEPATH`,
    );
  return {
    ...(ca?.text === undefined ? {} : { ca: ca.text }),
    ...(cert?.text === undefined ? {} : { cert: cert.text }),
    ...(key?.text === undefined ? {} : { key: key.text }),
  };
}

function saslOf(lookup: Lookup, byProtocol: boolean | undefined): KafkaSasl | undefined {
  const enabled = lookup.onOff('KAFKA_SASL_ENABLED') ?? byProtocol;
  if (enabled === false) return undefined;
  const before = lookup.problems.length;
  const username = lookup.text('KAFKA_SASL_USERNAME');
  const password = lookup.text('KAFKA_SASL_PASSWORD');
  const wanted = lookup.take('KAFKA_SASL_MECHANISM');
  const given = username ?? password ?? wanted;
  if (enabled === undefined && given === undefined) return undefined;
  const mechanism =
    wanted === undefined
      ? DEFAULT_MECHANISM
      : MECHANISMS.find((name) => name === wanted.value.toLowerCase());
  if (mechanism === undefined)
    lookup.problems.push(
      `${wanted?.origin ?? ''}: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, got ${shown(wanted?.value ?? '')}`,
    );
  // A file that cannot be read was named already; that nothing came from it is no news.
  if (!lookup.problems.slice(before).some((problem) => problem.includes('_FILE')))
    for (const [variable, value, what] of [
      ['KAFKA_SASL_USERNAME', username, 'a user name'],
      ['KAFKA_SASL_PASSWORD', password, 'a password'],
    ] as const)
      if (value === undefined)
        lookup.problems.push(
          `${variable}: expected ${what} for SASL, got nothing; give it, or ${variable}_FILE, or set KAFKA_SASL_ENABLED=false`,
        );
  if (username === undefined || password === undefined || mechanism === undefined) return undefined;
  return { mechanism, username, password };
}

interface Found {
  readonly value: string;
  readonly origin: string;
}

/** Finds variables, remembers what came from where, and collects what is wrong. */
class Lookup {
  readonly problems: string[] = [];
  readonly #sources: KafkaSources;
  readonly #fixed = new Map<string, Found>();
  readonly #seen = new Map<string, KafkaVariable>();

  constructor(sources: KafkaSources) {
    this.#sources = sources;
  }

  /** Gives a variable a value from elsewhere, which beats all others. */
  set(variable: string, value: string, origin: string, secret: boolean): void {
    this.#seen.set(variable, { variable, value: secret ? MASKED : value, origin });
    this.#fixed.set(variable, { value, origin });
  }

  /** The raw value of exactly this variable. */
  find(name: string): Found | undefined {
    const { environment, envFile } = this.#sources;
    const own = environment[name];
    if (isGiven(own)) return { value: own, origin: name };
    const kept = envFile?.variables[name];
    return envFile !== undefined && isGiven(kept)
      ? { value: kept, origin: `${name} in ${envFile.path}` }
      : undefined;
  }

  /** The value of a variable of the table under any of its names, or in its file. Trimmed, unless it is a secret. */
  take(variable: string): Found | undefined {
    const fixed = this.#fixed.get(variable);
    if (fixed !== undefined) return fixed;
    const row = KAFKA_VARIABLES.find(({ name }) => name === variable);
    const found = [variable, ...(row?.aliases ?? [])]
      .map((name) => (row?.secret === true ? this.#secret(name) : this.find(name)))
      .find((candidate) => candidate !== undefined);
    if (found === undefined) return undefined;
    const value = row?.secret === true ? found.value : found.value.trim();
    const shownValue = variable === 'KAFKA_SASL_PASSWORD' ? MASKED : value;
    this.#seen.set(variable, { variable, value: shownValue, origin: found.origin });
    return { value, origin: found.origin };
  }

  text(variable: string): string | undefined {
    return this.take(variable)?.value;
  }

  onOff(variable: string): boolean | undefined {
    const found = this.take(variable);
    if (found === undefined) return undefined;
    if (/^(?:true|1|yes|on)$/i.test(found.value)) return true;
    if (!/^(?:false|0|no|off)$/i.test(found.value))
      this.problems.push(`${found.origin}: expected true or false, got ${shown(found.value)}`);
    return false;
  }

  /** The PEM file that a variable names; its text is undefined where something is wrong with it. */
  pem(
    variable: string,
    kind: 'CERTIFICATE' | 'KEY',
  ): { readonly text: string | undefined; readonly origin: string } | undefined {
    const found = this.take(variable);
    if (found === undefined) return undefined;
    const { origin, value: path } = found;
    const content = this.#read(path, origin);
    if (content === undefined) return { text: undefined, origin };
    const problem = kind === 'CERTIFICATE' ? certificateProblem(content) : keyProblem(content);
    if (problem !== undefined) this.problems.push(`${origin}: ${problem}, in ${shown(path)}`);
    return { text: problem === undefined ? content : undefined, origin };
  }

  variables(defaults: Readonly<Record<string, string>>): KafkaVariable[] {
    const byDefault = new Map(Object.entries(defaults));
    return KAFKA_VARIABLES.map(
      ({ name }) =>
        this.#seen.get(name) ?? { variable: name, value: byDefault.get(name), origin: 'default' },
    );
  }

  /** A variable, or the file that `<name>_FILE` names; both in one place are a contradiction. */
  #secret(name: string): Found | undefined {
    const { environment, envFile } = this.#sources;
    for (const { variables, where } of [
      { variables: environment, where: '' },
      { variables: envFile?.variables ?? {}, where: ` in ${envFile?.path ?? ''}` },
    ]) {
      const value = variables[name];
      const path = variables[`${name}_FILE`];
      if (isGiven(value) && isGiven(path))
        this.problems.push(`${name}${where}: ${name}_FILE is given too; give one of them`);
      if (isGiven(value)) return { value, origin: `${name}${where}` };
      if (!isGiven(path)) continue;
      const origin = `${name}_FILE${where}`;
      const content = this.#read(path.trim(), origin)?.replace(/\r?\n$/, '');
      if (content === '') this.problems.push(`${origin}: the file ${shown(path)} is empty`);
      return content === undefined || content === '' ? undefined : { value: content, origin };
    }
    return undefined;
  }

  #read(path: string, origin: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const missing = typeof error === 'object' && error !== null && 'code' in error;
      const why = missing && error.code === 'ENOENT' ? 'does not exist' : 'cannot be read';
      this.problems.push(`${origin}: the file ${shown(path)} ${why}`);
      return undefined;
    }
  }
}

/** An empty variable counts as not set: that is how compose files pass on what nobody gave. */
function isGiven(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== '';
}
function certificateProblem(content: string): string | undefined {
  try {
    const { fingerprint256 } = new X509Certificate(content);
    return fingerprint256 === '' ? NO_CERTIFICATE : undefined;
  } catch {
    return NO_CERTIFICATE;
  }
}

function keyProblem(content: string): string | undefined {
  if (/ENCRYPTED/.test(content)) return 'expected a key that is not encrypted';
  return /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(content)
    ? undefined
    : 'expected a private key in PEM form (-----BEGIN PRIVATE KEY-----)';
}

function fits(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}
