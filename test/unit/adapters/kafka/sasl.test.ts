import { describe, expect, test } from '@jest/globals';
import { saslExchange } from '../../../../src/adapters/kafka/sasl.ts';

const text = (message: unknown) => Buffer.from(message as Buffer).toString();

test('PLAIN says all in one message', async () => {
  const exchange = saslExchange({ mechanism: 'plain', username: 'tim', password: 'tanstaaf' });
  expect(text(await exchange.next(Buffer.alloc(0)))).toBe('\0tim\0tanstaaf');
  expect(await exchange.next(Buffer.alloc(0))).toBeUndefined();
});

describe('SCRAM-SHA-256, with the example of RFC 7677', () => {
  const exchange = () =>
    saslExchange(
      { mechanism: 'scram-sha-256', username: 'user', password: 'pencil' },
      'rOprNGfwEbeRWgbNEkqO',
    );
  const challenge = Buffer.from(
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  );

  test('proves the password without sending it', async () => {
    const client = exchange();
    expect(text(await client.next(Buffer.alloc(0)))).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    expect(text(await client.next(challenge))).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    const proof = Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
    expect(await client.next(proof)).toBeUndefined();
  });

  test.each(['v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', 'v=', 'e=other-error'])(
    'does not believe a server that answers %s',
    async (answer) => {
      const client = exchange();
      await client.next(Buffer.alloc(0));
      await client.next(challenge);
      expect(await client.next(Buffer.from(answer))).toBe('UNPROVEN');
    },
  );

  test.each(['r=another,s=W22Z,i=4096', 'r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=99999999999', 'x'])(
    'ends at the challenge %s',
    async (answer) => {
      const client = exchange();
      await client.next(Buffer.alloc(0));
      expect(await client.next(Buffer.from(answer))).toBe('UNPROVEN');
    },
  );
});

test('a comma or equals sign in a user name is escaped', async () => {
  const client = saslExchange({ mechanism: 'scram-sha-512', username: 'a,b=c', password: '' }, 'x');
  expect(text(await client.next(Buffer.alloc(0)))).toBe('n,,n=a=2Cb=3Dc,r=x');
});
