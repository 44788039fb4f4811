/** The health of a worker process. Its parts are loaded when they are needed, so that nobody pays for what he did not ask for. */
import { NO_HEALTH, type HealthOptions, type WorkerHealth } from './worker-health.ts';

export interface ProcessOptions {
  /** Of the package. */
  readonly version: string;
  /** Ends the process with this error, at once. */
  readonly fail: (error: unknown) => void;
}

/**
 * A subscriber is watched in any case; a port besides gives `/healthz`, `/readyz` and `/metrics`.
 *
 * @throws CONFIG_INVALID the port is in use, or not ours to take
 */
export async function openHealth(
  options: HealthOptions,
  process: ProcessOptions,
): Promise<WorkerHealth> {
  const { port, roles } = options;
  if (port === undefined && !roles.includes('subscriber')) return NO_HEALTH;
  const { Health } = await import('./http/health.ts');
  const health = new Health(options, process);
  if (port === undefined) return health;
  // prom-client and the server, for those who gave a port.
  const [{ createMetrics }, { serveHealth }] = await Promise.all([
    import('./http/metrics.ts'),
    import('./http/health-server.ts'),
  ]);
  const { version } = process;
  const metrics = createMetrics({ roles, version, ...health.sources });
  health.counts(metrics.event);
  const { reasons } = health.sources;
  const server = await serveHealth({ port, reasons, metrics: metrics.text });
  health.onClose(() => server.close());
  options.logger.info({ port: server.port }, 'health served');
  return health;
}
