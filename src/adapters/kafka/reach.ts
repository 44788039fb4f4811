/**
 * Can a broker be reached, and if not, why: one sentence for each way to fail, and what mends it. Asked before a log is opened, so
 * that a wrong password is said at once rather than tried sixty times.
 */
import { connect as connectTls } from 'node:tls';
import { codeOf, ValenceError, type ErrorCode } from '../../errors.ts';
import type { KafkaSettings } from './driver-types.ts';
import { CODE, isProbeFailure, Probe, type ProbeFailure } from './probe.ts';

export type ReachSettings = Pick<KafkaSettings, 'brokers' | 'clientId' | 'ssl' | 'sasl'>;

/** Why a broker cannot be used. Neither text holds a secret. */
export interface Unreachable {
  readonly code: ErrorCode;
  readonly finding: string;
  readonly fix: string;
}

const TIMEOUT_MS = 5000;
/** OpenSSL's and Node's codes for a certificate whose issuer is not trusted. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const WRONG_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';
const EXPIRED = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/**
 * A connection to one broker.
 *
 * @throws ValenceError whose fields are `finding` and `fix`
 */
export async function reachBroker(address: string, settings: ReachSettings): Promise<Probe> {
  const { clientId, ssl: tls, sasl } = settings;
  try {
    return await Probe.connect(address, { clientId, tls, sasl, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (!isProbeFailure(error)) throw error;
    const { code, finding, fix } = await explain(address, settings, error);
    const message = `${capital(finding)}. ${capital(fix)}.`;
    throw new ValenceError(code, message, { broker: address, finding, fix }, { cause: error });
  }
}

/**
 * A connection to whichever broker answers first.
 *
 * @throws CONFIG_INVALID TLS or SASL is not what the brokers want
 * @throws LOG_UNAVAILABLE none can be reached
 */
export async function reachAny(settings: ReachSettings): Promise<Probe> {
  const tries = settings.brokers.map((address) => reachBroker(address, settings));
  try {
    const first = await Promise.any(tries);
    for (const attempt of tries)
      void attempt.then(
        (wire) => wire === first || wire.close(),
        () => {},
      );
    return first;
  } catch (error) {
    const settled = await Promise.allSettled(tries);
    const reasons = settled.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    throw reasons.find((reason) => codeOf(reason) === 'CONFIG_INVALID') ?? reasons[0] ?? error;
  }
}

async function explain(
  address: string,
  settings: ReachSettings,
  failure: ProbeFailure,
): Promise<Unreachable> {
  const { step } = failure;
  if (step === 'name') return unknownName(address, failure);
  if (step === 'tcp') return unreachable(address, failure);
  if (step === 'sasl') return explainSasl(address, settings, failure);
  // A broker that wants a client certificate says so only after the handshake.
  const secure = step === 'tls' || settings.ssl !== undefined;
  return secure ? explainTls(address, settings, failure) : explainRequest(address, failure);
}

function unknownName(address: string, { reason }: ProbeFailure): Unreachable {
  const host = address.slice(0, address.lastIndexOf(':'));
  const code = 'LOG_UNAVAILABLE';
  if (reason === 'ENOTFOUND')
    return {
      code,
      finding: `no address is known for the broker's name ${host}`,
      fix: 'correct the name in --log or KAFKA_BROKERS; inside a container, use the name that its network knows',
    };
  return {
    code,
    finding: `the name server does not answer for ${host} (${reason})`,
    fix: 'look at the network and its name server',
  };
}

function unreachable(address: string, { reason }: ProbeFailure): Unreachable {
  const code = 'LOG_UNAVAILABLE';
  if (reason === 'ECONNREFUSED')
    return {
      code,
      finding: `nothing listens on ${address}`,
      fix: 'start the broker, or correct host and port',
    };
  return {
    code,
    finding: `no connection to ${address} within ${TIMEOUT_MS / 1000} s (${reason})`,
    fix: 'look for a firewall, or a broker that advertises an address that this machine cannot reach',
  };
}

async function explainTls(
  address: string,
  settings: ReachSettings,
  { reason }: ProbeFailure,
): Promise<Unreachable> {
  const code = 'CONFIG_INVALID';
  if (UNTRUSTED.has(reason))
    return {
      code,
      finding: `the certificate of ${address} comes from an authority that is not trusted here (${reason})`,
      fix: "give that authority's certificate with KAFKA_TLS_CAFILEPATH",
    };
  if (reason === WRONG_NAME)
    return {
      code,
      finding: `the certificate of ${address} is for another name`,
      fix: 'use the name that stands in the certificate, or have one made for this name',
    };
  if (EXPIRED.has(reason))
    return {
      code,
      finding: `the certificate of ${address} is not valid today (${reason})`,
      fix: "renew it, or set this machine's clock",
    };
  if (await speaksPlain(address, settings))
    return {
      code,
      finding: `broker ${address} speaks no TLS, and this connection wants it`,
      fix: "name the brokers' TLS port, or set KAFKA_TLS_ENABLED=false on a network that you trust",
    };
  if (/ALERT|HANDSHAKE/.test(reason))
    return {
      code,
      finding: `broker ${address} ends the TLS handshake (${reason}): it wants a client certificate, or another one`,
      fix: 'give one with KAFKA_TLS_CERTFILEPATH and KAFKA_TLS_KEYFILEPATH',
    };
  return {
    code: 'LOG_UNAVAILABLE',
    finding: `broker ${address} ends the connection before it is secure (${reason})`,
    fix: "look at the broker's log",
  };
}

async function explainRequest(address: string, { reason }: ProbeFailure): Promise<Unreachable> {
  if (await speaksTls(address))
    return {
      code: 'CONFIG_INVALID',
      finding: `broker ${address} speaks TLS, and this connection does not`,
      fix: 'set KAFKA_TLS_ENABLED=true, and KAFKA_TLS_CAFILEPATH where the authority is a private one',
    };
  return {
    code: 'LOG_UNAVAILABLE',
    finding: `broker ${address} does not answer as a Kafka broker does (${reason})`,
    fix: "correct the port, or look at the broker's log",
  };
}

function explainSasl(
  address: string,
  { sasl, ssl }: ReachSettings,
  { reason, detail }: ProbeFailure,
): Unreachable {
  const code = 'CONFIG_INVALID';
  const mechanism = (sasl?.mechanism ?? '').toUpperCase();
  if (reason === 'WANTED')
    return {
      code,
      finding: `broker ${address} closes the connection at the first request: it wants to know who we are`,
      fix: 'set KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM',
    };
  if (reason === String(CODE.unsupportedMechanism))
    return {
      code,
      finding: `broker ${address} does not offer ${mechanism}${detail === '' ? '' : `, it offers ${detail}`}`,
      fix: 'set KAFKA_SASL_MECHANISM to one that it offers',
    };
  if (reason === String(CODE.illegalSaslState) || (reason === 'CLOSED' && ssl === undefined))
    return {
      code,
      finding: `broker ${address} takes no SASL`,
      fix: "name the brokers' SASL port, or set KAFKA_SASL_ENABLED=false on a network that you trust",
    };
  if (reason === 'UNPROVEN')
    return {
      code,
      finding: `broker ${address} could not prove that it knows the password`,
      fix: 'do not use it: it is not the broker that it seems to be',
    };
  if (reason === String(CODE.saslFailed))
    return {
      code,
      finding: `broker ${address} refuses the user or the password (${mechanism})`,
      fix: 'correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD; a SCRAM user exists per mechanism',
    };
  return {
    code: 'LOG_UNAVAILABLE',
    finding: `broker ${address} ends the authentication (${reason})`,
    fix: "look at the broker's log",
  };
}

/** A broker answers without TLS, if only to ask who we are. */
async function speaksPlain(address: string, { clientId }: ReachSettings): Promise<boolean> {
  const plain = { clientId, tls: undefined, sasl: undefined, timeoutMs: TIMEOUT_MS };
  try {
    (await Probe.connect(address, plain)).close();
    return true;
  } catch (error) {
    return isProbeFailure(error) && error.step === 'sasl';
  }
}

/** The port begins a TLS handshake, whether or not its certificate is trusted. */
async function speaksTls(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  const socket = connectTls({
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    timeout: TIMEOUT_MS,
  });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('secureConnect', () => {
        resolve(true);
      });
      socket.once('timeout', () => {
        resolve(false);
      });
      socket.once('error', (error) => {
        const reason = codeOf(error);
        resolve(UNTRUSTED.has(reason) || EXPIRED.has(reason) || reason === WRONG_NAME);
      });
    });
  } finally {
    socket.destroy();
  }
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
