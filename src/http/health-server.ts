/**
 * The port that probes and Prometheus ask: `/healthz`, `/readyz`, `/metrics`. Needs no token and gives no user's data.
 *
 *   /healthz  200 while the event loop turns; an outage of the log does not fail it
 *   /readyz   200, or 503 with the reasons
 *   /metrics  Prometheus text
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { ValenceError } from '../errors.ts';
import type { Reason } from './health-state.ts';

export interface HealthServerOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Default: all interfaces, since probes come from outside the container. */
  readonly host?: string;
  readonly reasons: () => readonly Reason[];
  /** Text and content type of the metrics. */
  readonly metrics: () => Promise<{ readonly text: string; readonly type: string }>;
}

export interface HealthServer {
  /** The port that is listened on. */
  readonly port: number;
  /** Ends open connections too. Safe to call twice. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/**
 * Listens; the server alone keeps no process alive.
 *
 * @throws CONFIG_INVALID the port is in use, or not ours to take
 */
export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  const { port, host = '0.0.0.0' } = options;
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000 },
    (request, response) => {
      void respond(request, response, options);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(refused(port, error));
    });
    server.listen(port, host, resolve);
  });
  server.unref();
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthServerOptions,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  request.resume();
  const isRead = method === 'GET' || method === 'HEAD';
  const {
    status,
    body,
    type = 'application/json',
  } = isRead
    ? await answer(url.split('?', 1)[0] ?? '', options)
    : json(405, { error: 'only GET and HEAD are answered here' });
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(isRead ? {} : { allow: 'GET, HEAD' }),
  });
  response.end(method === 'HEAD' ? undefined : body);
}

async function answer(path: string, options: HealthServerOptions): Promise<Answer> {
  switch (path) {
    case '/healthz':
      return json(200, { status: 'alive' });
    case '/readyz': {
      const reasons = options.reasons();
      const ready = reasons.length === 0;
      return json(ready ? 200 : 503, { ready, reasons });
    }
    case '/metrics':
      try {
        const { text: body, type } = await options.metrics();
        return { status: 200, body, type };
      } catch {
        return json(500, { error: 'the metrics could not be read' });
      }
    default:
      return json(404, { error: 'there are /healthz, /readyz and /metrics' });
  }
}

function json(status: number, body: unknown): Answer {
  return { status, body: `${JSON.stringify(body)}\n` };
}

/** What the system says about a port, as a configuration error. */
function refused(port: number, error: Error): ValenceError {
  const code = 'code' in error ? String(error.code) : '';
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'it is in use',
    EACCES: 'this user may not listen on it',
  };
  return new ValenceError(
    'CONFIG_INVALID',
    `--health-port: cannot listen on port ${port}: ${why[code] ?? `the system says ${code}`}; give another one, or 0 for any that is free`,
    { port },
    { cause: error },
  );
}
