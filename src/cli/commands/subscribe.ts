/** `valence subscribe`: the worker that predicts, scores and learns. */
import type { SubscriberEvent } from '../../pipeline/subscriber.ts';
import type { Logger } from '../../logger.ts';
import { ValenceError } from '../../errors.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { WorkerHealth } from '../../worker-health.ts';
import { command, loggerOf, namesOf, type CommandContext } from '../command.ts';
import { watchedLog, withHealthyLog } from '../health.ts';
import { count } from '../numbers.ts';

export const subscribeCommand = command({
  name: 'subscribe',
  settings: 'subscribe',
  summary: 'predict each text, learn from its label after; until it is told to stop',
  details:
    'Several subscribers of one pipeline share its partitions and teach one model. Stopping it at any moment is safe: each record is ' +
    'predicted, learned and counted once. With --score-only it is a read-only replica: it predicts --source to --results, dead ' +
    'letters to --dlq (default <results>.dlq), from the model topic of --pipeline, which it never writes to; its classes are those that the log tells.',
  meant: (file) => `publish ${file}`,
  examples: [
    ['subscribe', 'the default model, until Ctrl-C'],
    ['subscribe --until-end', 'what is there now, then exit'],
    [
      'subscribe --score-only --source replies --results replies.results',
      'predict another topic with the same model, learning nothing',
    ],
    [
      "subscribe --challenger cnb=complement --threshold 'rolling.accuracy>=0.6'",
      'two models on one stream, with an alert',
    ],
  ],
  run,
});

type Context = CommandContext<'subscribe'>;

async function run({ config, origins, surroundings, out }: Context): Promise<void> {
  const logger = await loggerOf('subscriber', surroundings, config);
  const worker = { roles: ['subscriber'], logger } as const;
  if (config.scoreOnly) requireTopics(config);
  const { runSubscriber } = await import('../../pipeline/subscriber.ts');
  const { subscriberOptions } = await import('../subscriber-options.ts');
  await withHealthyLog(surroundings, config, worker, async (log, health) => {
    const watched = watchedLog(surroundings, config, log, health);
    if (config.scoreOnly)
      return score({ config, origins, surroundings, out }, { logger, health, log: watched });
    logger.info({ log: log.url, pipeline: config.pipeline, model: config.model }, 'started');
    const summary = await runSubscriber({
      ...subscriberOptions(config),
      log: watched,
      untilEnd: config.untilEnd,
      skipDeleted: config.skipDeleted,
      signal: surroundings.signal,
      onEvent: (event) => {
        health.event(event);
        logEvent(logger, event);
      },
    });
    const { records, predictions, outcomes, deadLetters, positions } = summary;
    const hashes = config.logLevel === 'debug' ? { models: summary.hashes() } : {};
    logger.info({ records, deadLetters, positions, ...hashes }, 'stopped');
    if (!config.untilEnd) return;
    await tell(out, { records, predictions, outcomes, deadLetters }, positions);
  });
}

/** Predicts another topic with the model of the pipeline. */
async function score(
  { config, origins, surroundings, out }: Context,
  { logger, health, log }: { logger: Logger; health: WorkerHealth; log: EventLog },
): Promise<void> {
  const { pipeline, explain, partitions, untilEnd, dlq } = config;
  const { model, snapshots, source, results } = namesOf(config);
  logger.info({ log: log.url, pipeline, source, results }, 'started as a read-only replica');
  const { runScoreReplica } = await import('../../pipeline/score-replica.ts');
  const { classOptions } = await import('../subscriber-options.ts');
  const { declared, ...rest } = classOptions(config);
  const classes = origins.get('labels') === 'default' ? rest : { ...rest, declared };
  const summary = await runScoreReplica({
    log,
    pipeline,
    topics: { model, snapshots },
    source,
    results,
    ...(dlq === undefined ? {} : { dlq }),
    classes,
    explain,
    partitions,
    untilEnd,
    signal: surroundings.signal,
    onEvent: (event) => {
      if (event.type === 'waiting') {
        health.waits();
        logger.info({ topic: event.topic }, 'waiting for the model: nothing was learned yet');
      } else if (event.type === 'truncated') {
        const { partition, records } = event;
        logger.warn({ partition, records }, 'records were deleted before they were predicted');
      } else if (event.type === 'labels_changed') {
        logger.info({ declared: event.declared }, 'classes changed: a subscriber declared others');
      } else {
        health.event(event);
        logEvent(logger, event);
      }
    },
  });
  const { records, predictions, deadLetters, labels, positions } = summary;
  logger.info({ records, deadLetters, labels, positions }, 'stopped');
  if (untilEnd) await tell(out, { records, predictions, deadLetters, labels }, positions);
}

/** A replica's topics are named, not guessed: those of the pipeline are not for it. */
function requireTopics({ source, results }: Context['config']): void {
  if (source !== undefined && results !== undefined) return;
  throw new ValenceError(
    'CONFIG_INVALID',
    '--score-only: expected --source TOPIC to predict and --results TOPIC for the predictions, which are not those of the pipeline',
  );
}

async function tell(
  out: Context['out'],
  figures: Readonly<Record<string, number>>,
  positions: readonly (number | undefined)[],
): Promise<void> {
  if (out.json) {
    await out.values([{ ...figures, positions: positions.map((at) => at ?? null) }]);
    return;
  }
  const parts = Object.entries(figures).map(
    ([name, value]) => `${count(value)} ${name === 'deadLetters' ? 'dead letters' : name}`,
  );
  await out.line(parts.join(' · '));
}

/** One constant phrase an event; what varies are fields. */
export function logEvent(logger: Logger, event: SubscriberEvent): void {
  const { type, ...fields } = event;
  switch (type) {
    case 'chunk':
      logger.debug(fields, 'chunk committed');
      if (event.type === 'chunk' && event.deadLetters > 0)
        logger.warn(
          { partition: event.partition, from: event.from, deadLetters: event.deadLetters },
          'dead letters written',
        );
      break;
    case 'fenced':
      logger.warn(fields, 'partition claimed by another worker');
      break;
    case 'claimed':
      logger.info(fields, 'partition claimed');
      break;
    case 'released':
      logger.info(fields, 'partition released');
      break;
    case 'restored':
      logger.info(fields, 'partition restored');
      break;
    case 'snapshot':
      logger.info(fields, 'snapshot written');
      break;
    case 'promoted':
      logger.info(fields, 'champion changed');
      break;
    case 'promotion_ignored':
      logger.warn(fields, 'promoted model is not run here; run it with --challenger');
      break;
    case 'weights_ignored':
      logger.warn(fields, 'labels have weights that no model counts by; run gtnb with weights=on');
      break;
    case 'labels_differ':
      logger.warn(
        fields,
        'the log was learned with other classes (told) than this run declares; declared ones count from now on: ' +
          'to go on as before, stop and give the told ones with --labels',
      );
      break;
    case 'warning':
      logger.warn(fields, 'something was refused; the work goes on');
      break;
    case 'idle':
    case 'heartbeat':
      break;
  }
}
