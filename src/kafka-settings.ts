/**
 * How a `kafka:` log is reached: the URL, and what a program says beside it.
 *
 *   kafka://[user[:password]@]host:port,host2:port       kafka:   with brokers from elsewhere
 *
 * Certificates are always checked: nothing here can switch that off.
 */
import { shown } from './config-values.ts';

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** PEM texts; what is not given is Node's own list of authorities, and no client certificate. */
export interface KafkaTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaSasl {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  readonly password: string;
}

/** What a program may say about a `kafka:` log besides its URL. */
export interface KafkaOptions {
  /** `host:port`; used when the URL names none. */
  readonly brokers?: readonly string[];
  /** How the brokers' logs call this program. Default `valence`. */
  readonly clientId?: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Silence after which a subscriber's partitions go to others, ms. Default 10,000. */
  readonly sessionTimeoutMs?: number;
}

/** Everything that a connection needs. */
export interface KafkaConnectionSettings {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls: KafkaTls | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly sessionTimeoutMs: number;
}

const DEFAULT_PORT = 9092;
export const DEFAULT_CLIENT_ID = 'valence';
export const DEFAULT_SESSION_TIMEOUT_MS = 10_000;
export const DEFAULT_MECHANISM: SaslMechanism = 'scram-sha-512';
export const MASKED = '****';

export function isKafkaUrl(url: string): boolean {
  return url.startsWith('kafka:');
}

/** `kafka://user:secret@host` without its secret, whatever characters that has. */
export function maskUrl(url: string): string {
  return url.replace(/(\/\/[^/@:]*):.*@/su, `$1:${MASKED}@`);
}

/** What a URL says by itself. */
export interface ParsedUrl {
  readonly brokers: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Sentences that repeat no part of the URL but its hosts. */
  readonly problems: readonly string[];
}

export function parseUrl(url: string): ParsedUrl {
  const form = 'expected kafka://host:port,host2:port, or kafka: with KAFKA_BROKERS';
  const none = { brokers: [], username: undefined, password: undefined };
  const rest = url.slice('kafka:'.length);
  if (rest === '' || rest === '//') return { ...none, problems: [] };
  if (!rest.startsWith('//')) return { ...none, problems: [form] };
  const at = rest.lastIndexOf('@');
  const credentials = at < 0 ? undefined : rest.slice(2, at);
  const hosts = rest.slice(at < 0 ? 2 : at + 1).replace(/\/$/, '');
  if (/[/?#]/.test(hosts))
    return { ...none, problems: [`${form}; there are no paths or parameters`] };
  const { brokers, problems } = parseBrokers(hosts);
  if (credentials === undefined)
    return { brokers, username: undefined, password: undefined, problems };
  const colon = credentials.indexOf(':');
  const username = decoded(colon < 0 ? credentials : credentials.slice(0, colon));
  const password = colon < 0 ? undefined : decoded(credentials.slice(colon + 1));
  if (username === undefined || (colon >= 0 && password === undefined))
    problems.push('the user or password has a % that is no escape; write it as %25');
  return { brokers, username, password, problems };
}

export function parseBrokers(list: string): { brokers: string[]; problems: string[] } {
  const brokers: string[] = [];
  const problems: string[] = [];
  for (const entry of list.split(/[,\s]+/).filter((part) => part !== '')) {
    const { host, port = String(DEFAULT_PORT) } =
      /^(?<host>[\w.-]+)(?::(?<port>\d{1,5}))?$/.exec(entry)?.groups ?? {};
    if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
      brokers.push(`${host}:${Number(port)}`);
    else if (entry.includes('['))
      problems.push(`expected host:port, got ${shown(entry)}; an IPv6 address needs a host name`);
    else problems.push(`expected host:port, got ${shown(entry)}`);
  }
  if (brokers.length === 0 && problems.length === 0)
    problems.push('expected host:port, got nothing');
  return { brokers: [...new Set(brokers)], problems };
}

/**
 * The settings of a URL and the options beside it.
 *
 * @returns problems, a sentence each, instead of settings; they never repeat a secret
 */
export function kafkaSettings(
  url: string,
  options: KafkaOptions = {},
): {
  readonly settings: KafkaConnectionSettings | undefined;
  readonly problems: readonly string[];
} {
  const parsed = parseUrl(url);
  const problems = [...parsed.problems];
  const given = parseBrokers((options.brokers ?? []).join(','));
  const fromUrl = parsed.brokers.length > 0 || problems.length > 0;
  if (!fromUrl)
    problems.push(
      ...((options.brokers ?? []).length > 0
        ? given.problems
        : ['a log kafka: needs its brokers, as in kafka://broker:9092']),
    );
  const username = parsed.username ?? options.sasl?.username;
  const password = parsed.password ?? options.sasl?.password;
  if (username !== undefined && password === undefined)
    problems.push('a user without a password: give both');
  if (problems.length > 0) return { settings: undefined, problems };
  const sasl =
    username === undefined || password === undefined
      ? undefined
      : { mechanism: options.sasl?.mechanism ?? DEFAULT_MECHANISM, username, password };
  const settings: KafkaConnectionSettings = {
    brokers: fromUrl ? parsed.brokers : given.brokers,
    clientId: options.clientId ?? DEFAULT_CLIENT_ID,
    tls: options.tls,
    sasl,
    sessionTimeoutMs: options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS,
  };
  return { settings, problems };
}
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
