/** The health of the worker that a command is. */
import type { CommonConfig } from '../config.ts';
import { within } from '../deadline.ts';
import { ValenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { EventLog } from '../ports/event-log.ts';
import { NO_HEALTH, type WorkerHealth, type WorkerRole } from '../worker-health.ts';
import { namesOf, withExistingLog, withLog } from './command.ts';
import type { Surroundings } from './surroundings.ts';

type Config = CommonConfig & { readonly healthPort?: number | undefined };

interface Worker {
  readonly roles: readonly WorkerRole[];
  readonly logger: Logger;
}

/** How long the port may take to close, ms. */
const CLOSE_MS = 1000;

/** Opens the health of a worker, then the log, for the time of `use`: who asks is answered while a log is still waited for. */
export async function withHealthyLog<T>(
  surroundings: Surroundings,
  config: Config,
  { roles, logger }: Worker,
  use: (log: EventLog, health: WorkerHealth) => Promise<T>,
): Promise<T> {
  const { signal, openHealth } = surroundings;
  const { healthPort: port } = config;
  if (openHealth === undefined && port !== undefined)
    throw new ValenceError('CONFIG_INVALID', '--health-port: there is no health server here');
  const health = (await openHealth?.({ roles, port, logger, signal })) ?? NO_HEALTH;
  try {
    // A monitor only looks: it leaves no log behind where there is none.
    const opened = roles.includes('monitor') ? withExistingLog : withLog;
    return await opened(surroundings, config, async (log) => {
      health.opened();
      return use(log, health);
    });
  } finally {
    await within(health.close(), CLOSE_MS, () => undefined);
  }
}

/** The log that a subscriber of this configuration works on, watched. */
export function watchedLog(
  surroundings: Surroundings,
  config: CommonConfig,
  log: EventLog,
  health: WorkerHealth,
): EventLog {
  const { source, results } = namesOf(config);
  return health.subscribes({
    log,
    source,
    results,
    probe: async () => {
      const fresh = await surroundings.openLog(config.log);
      try {
        await fresh.listTopics();
      } finally {
        await fresh.close();
      }
    },
  });
}
