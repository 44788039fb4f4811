import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Probe } from '../../../../src/adapters/kafka/probe.ts';
import { reachAny } from '../../../../src/adapters/kafka/reach.ts';
import { Writer } from '../../../../src/adapters/kafka/wire.ts';
import { CERTIFICATE, CERTIFICATE_KEY } from '../../../support/certificates.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(
    servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
});

/** A port that answers each request's bytes as it is told; undefined: not at all. */
async function listen(answer: (request: Buffer) => Buffer | undefined): Promise<string> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request: Buffer) => {
      const bytes = answer(request);
      if (bytes !== undefined) socket.write(bytes);
    });
  });
  return addressOf(server);
}

async function addressOf(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a broker without TLS or SASL says to the first two requests. */
function broker(request: Buffer): Buffer {
  const correlation = request.readInt32BE(8);
  const body = new Writer().int32(correlation);
  // ApiVersions: no error, Fetch 4 to 11, no tags.
  if (request.readInt16BE(4) === 18)
    body.int16(0).uvarint(2).int16(1).int16(4).int16(11).uvarint(0).int32(0).uvarint(0);
  return new Writer().blob(body.bytes()).bytes();
}

const reach = (...brokers: string[]) => reachAny({ brokers, clientId: 'test' });
const connect = (address: string) =>
  Probe.connect(address, { clientId: 'test', tls: undefined, sasl: undefined, timeoutMs: 200 });

test('one broker that answers is enough', async () => {
  const probe = await reach('127.0.0.1:1', await listen(broker), '127.0.0.1:2');
  expect(probe.versions.get(1)).toEqual({ min: 4, max: 11 });
  probe.close();
});

test('of several that do not, the one that a setting can mend is told', async () => {
  const http = await listen(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await expect(reach('127.0.0.1:1', '127.0.0.1:2')).rejects.toMatchObject({
    code: 'LOG_UNAVAILABLE',
    message: 'Nothing listens on 127.0.0.1:1. Start the broker, or correct host and port.',
    fields: { broker: '127.0.0.1:1', finding: 'nothing listens on 127.0.0.1:1' },
  });
  await expect(reach(http)).rejects.toMatchObject({
    code: 'LOG_UNAVAILABLE',
    message: `Broker ${http} does not answer as a Kafka broker does (NOT_KAFKA). Correct the port, or look at the broker's log.`,
  });
});

test('a broker that wants a client certificate is told from one that is not trusted', async () => {
  const server = createTlsServer({
    cert: CERTIFICATE,
    key: CERTIFICATE_KEY,
    ca: CERTIFICATE,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  const brokers = [await addressOf(server)];
  await expect(
    reachAny({ brokers, clientId: 't', ssl: { ca: CERTIFICATE } }),
  ).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    fields: {
      finding: expect.stringMatching(/ends the TLS handshake .*: it wants a client certificate/),
      fix: 'give one with KAFKA_TLS_CERTFILEPATH and KAFKA_TLS_KEYFILEPATH',
    },
  });
  await expect(reachAny({ brokers, clientId: 't', ssl: {} })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    fields: { finding: expect.stringContaining('from an authority that is not trusted here') },
  });
});

describe('an answer that is none', () => {
  test.each([
    ['is shorter than it says', () => new Writer().blob(Buffer.from([0, 0, 0, 1, 0])).bytes()],
    ['answers another request', () => new Writer().blob(Buffer.alloc(8, 7)).bytes()],
    ['announces a gigabyte', () => new Writer().int32(2 ** 30).bytes()],
  ])('ends the look when it %s', async (_, answer) => {
    await expect(connect(await listen(answer))).rejects.toMatchObject({
      step: 'request',
      reason: 'NOT_KAFKA',
    });
  });

  test('ends it when it does not come', async () => {
    await expect(connect(await listen(() => undefined))).rejects.toMatchObject({
      step: 'request',
      reason: 'TIMEOUT',
    });
  });
});
