import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { request } from 'node:http';
import { connect } from 'node:net';
import { isValenceError } from '../../../src/errors.ts';
import { serveHealth, type HealthServer } from '../../../src/http/health-server.ts';
import type { Reason } from '../../../src/http/health-state.ts';

let reasons: Reason[] = [];
let metrics = (): Promise<{ text: string; type: string }> =>
  Promise.resolve({ text: 'valence_ready 1\n', type: 'text/plain; version=0.0.4; charset=utf-8' });
let server: HealthServer;

beforeEach(async () => {
  reasons = [];
  server = await serveHealth({
    port: 0,
    host: '127.0.0.1',
    reasons: () => reasons,
    metrics: () => metrics(),
  });
});
afterEach(() => server.close());

interface Reply {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

function ask(path: string, method = 'GET', body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { port } = server;
    const asked = request({ port, host: '127.0.0.1', path, method }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: text });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

test('liveness says alive, ready or not', async () => {
  reasons = [{ code: 'broker_unreachable', detail: 'the log does not answer' }];
  expect(await ask('/healthz')).toMatchObject({ status: 200, body: '{"status":"alive"}\n' });
});

test('readiness is 200 without reasons and 503 with them', async () => {
  expect(await ask('/readyz')).toMatchObject({
    status: 200,
    body: '{"ready":true,"reasons":[]}\n',
  });
  reasons = [{ code: 'restoring', detail: 'partition 2' }];
  expect(await ask('/readyz?verbose=1')).toMatchObject({
    status: 503,
    body: '{"ready":false,"reasons":[{"code":"restoring","detail":"partition 2"}]}\n',
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  });
});

test('metrics come as they are made, with their type', async () => {
  expect(await ask('/metrics')).toMatchObject({
    status: 200,
    body: 'valence_ready 1\n',
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  });
});

test('metrics that cannot be made are 500, and the server goes on', async () => {
  const made = metrics;
  metrics = () => Promise.reject(new Error('secret detail'));
  const { status, body } = await ask('/metrics');
  metrics = made;
  expect([status, body.includes('secret')]).toEqual([500, false]);
  expect((await ask('/healthz')).status).toBe(200);
});

test('HEAD gives the same head without a body', async () => {
  const { status, headers, body } = await ask('/healthz', 'HEAD');
  expect([status, headers['content-length'], body]).toEqual([200, '19', '']);
});

test.each(['/', '/metrics/', '/healthz/x', '/%2e%2e/etc/passwd', '//healthz'])(
  '%s is not there',
  async (path) => {
    expect((await ask(path)).status).toBe(404);
  },
);

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is not allowed', async (method) => {
  const { status, headers } = await ask('/readyz', method, method === 'POST' ? 'x' : '');
  expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
});

describe('the port', () => {
  test('in use is a configuration error that says what to do', async () => {
    const { port } = server;
    const failed: unknown = await serveHealth({
      port,
      host: '127.0.0.1',
      reasons: () => [],
      metrics,
    }).catch((error: unknown) => error);
    expect(isValenceError(failed) && [failed.code, failed.message]).toEqual([
      'CONFIG_INVALID',
      `--health-port: cannot listen on port ${port}: it is in use; give another one, or 0 for any that is free`,
    ]);
  });

  test('is free again after closing, which ends connections that stand open', async () => {
    const { port } = server;
    const idle = connect(port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const ended = new Promise((resolve) => idle.once('close', resolve));
    await (await ask('/healthz'), server.close());
    await ended;
    await server.close();
    server = await serveHealth({ port, host: '127.0.0.1', reasons: () => [], metrics });
    expect(server.port).toBe(port);
  });
});
