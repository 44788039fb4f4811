/** `valence subscribe`: the worker that predicts, scores and learns. */
import { runSubscriber, type SubscriberEvent } from '../../pipeline/subscriber.ts';
import type { Logger } from '../../logger.ts';
import { command, loggerOf, withLog, type CommandContext } from '../command.ts';
import { count } from '../numbers.ts';
import { subscriberOptions } from '../subscriber-options.ts';

export const subscribeCommand = command({
  name: 'subscribe',
  settings: 'subscribe',
  summary: 'predict each text, learn from its label after; until it is told to stop',
  details:
    'Several subscribers of one pipeline share its partitions and teach one model. Stopping it at any moment is safe: each record is ' +
    'predicted, learned and counted once.',
  examples: [
    ['subscribe', 'the default model, until Ctrl-C'],
    ['subscribe --until-end', 'what is there now, then exit'],
    [
      "subscribe --challenger cnb=complement --threshold 'rolling.accuracy>=0.6'",
      'two models on one stream, with an alert',
    ],
  ],
  run,
});

async function run({ config, surroundings, out }: CommandContext<'subscribe'>): Promise<void> {
  const logger = loggerOf('subscriber', surroundings, config);
  await withLog(surroundings, config, async (log) => {
    logger.info({ log: log.url, pipeline: config.pipeline, model: config.model }, 'started');
    const summary = await runSubscriber({
      ...subscriberOptions(config),
      log,
      untilEnd: config.untilEnd,
      signal: surroundings.signal,
      onEvent: (event) => {
        logEvent(logger, event);
      },
    });
    const { records, predictions, outcomes, deadLetters, positions } = summary;
    logger.info({ records, deadLetters, positions }, 'stopped');
    if (!config.untilEnd) return;
    const figures = { records, predictions, outcomes, deadLetters };
    if (out.json) await out.values([{ ...figures, positions: positions.map((at) => at ?? null) }]);
    else
      await out.line(
        Object.entries({ ...figures, 'dead letters': deadLetters })
          .filter(([name]) => name !== 'deadLetters')
          .map(([name, value]) => `${count(value)} ${name}`)
          .join(' · '),
      );
  });
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
  }
}
