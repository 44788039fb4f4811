/**
 * The client's side of SASL PLAIN and SCRAM.
 *
 * @see RFC 4616 (PLAIN), RFC 5802 and 7677 (SCRAM)
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

export interface SaslCredentials {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

/** A conversation: the server's last message in, ours out. */
export interface SaslExchange {
  /** Undefined: done. `UNPROVEN`: the server does not know the password either, so it is not the one it claims to be. */
  next(received: Buffer): Promise<Buffer | undefined | 'UNPROVEN'>;
}

/** More than any broker asks for; a hostile one could keep us busy for hours. */
const MOST_ITERATIONS = 1_000_000;

/** @param nonce for tests with known answers */
export function saslExchange(
  { mechanism, username, password }: SaslCredentials,
  nonce: string = randomBytes(18).toString('base64'),
): SaslExchange {
  if (mechanism === 'plain') {
    const messages = [Buffer.from(`\0${username}\0${password}`)];
    return { next: () => Promise.resolve(messages.shift()) };
  }
  return scram(mechanism === 'scram-sha-256' ? 'sha256' : 'sha512', username, password, nonce);
}

function scram(
  digest: 'sha256' | 'sha512',
  username: string,
  password: string,
  nonce: string,
): SaslExchange {
  const hmac = (key: Buffer, text: string): Buffer => createHmac(digest, key).update(text).digest();
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  let turn = 0;
  let expected: Buffer = Buffer.alloc(0);
  return {
    next: async (received) => {
      turn++;
      if (turn === 1) return Buffer.from(`n,,${first}`);
      const said = received.toString();
      const fields = new Map(said.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
      if (turn === 2) {
        const iterations = Number(fields.get('i'));
        const theirs = fields.get('r') ?? '';
        if (!theirs.startsWith(nonce) || !(iterations > 0 && iterations <= MOST_ITERATIONS))
          return 'UNPROVEN';
        const salt = Buffer.from(fields.get('s') ?? '', 'base64');
        const size = digest === 'sha256' ? 32 : 64;
        const salted = await promisify(pbkdf2)(password, salt, iterations, size, digest);
        const last = `c=biws,r=${theirs}`;
        const spoken = `${first},${said},${last}`;
        const clientKey = hmac(salted, 'Client Key');
        const signature = hmac(createHash(digest).update(clientKey).digest(), spoken);
        const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
        expected = hmac(hmac(salted, 'Server Key'), spoken);
        return Buffer.from(`${last},p=${Buffer.from(proof).toString('base64')}`);
      }
      const given = Buffer.from(fields.get('v') ?? '', 'base64');
      return given.length === expected.length && timingSafeEqual(given, expected)
        ? undefined
        : 'UNPROVEN';
    },
  };
}
