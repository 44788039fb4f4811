/** `valence publish FILE|-`: rows of a file become records of the source topic. */
import { ValenceError } from '../../errors.ts';
import type { PublishProgress, PublishSummary } from '../../ingest/publish.ts';
import type { ColumnRole } from '../../ingest/row.ts';
import { EXIT } from '../../worker.ts';
import { command, loggerOf, namesOf, type CommandContext } from '../command.ts';
import { table } from '../display.ts';
import { ensurePipeline, requireMirrors } from '../ensure-topics.ts';
import { withHealthyLog } from '../health.ts';
import { byteCount, count, percent, rate } from '../numbers.ts';

type Context = CommandContext<'publish'>;
type Columned = CommandContext<'publish' | 'start' | 'evaluate'>;

const ROLES: readonly ColumnRole[] = ['label', 'id', 'ts'];

export const publishCommand = command({
  name: 'publish',
  settings: 'publish',
  summary: 'push texts and labels from a file, or stdin, to the source topic',
  details:
    'Reads NDJSON, CSV, TSV or plain text, gzipped or not. Rows that cannot be sent go to the dead-letter topic with the reason. ' +
    'A file that was published in part is taken up where it stopped; a finished one is not published again.',
  arguments: [{ name: 'FILE', description: 'file, or - for stdin; else --data', optional: true }],
  examples: [
    ['publish examples/yelp.csv --label sentiment', 'a file with the columns text and sentiment'],
    ['publish tweets.ndjson --mask email,phone --rate 100', 'masked, 100 records a second'],
    ['publish -', 'NDJSON from stdin, such as `valence tail source --json` prints'],
  ],
  run: (context, [argument]) => run(context, argument ?? context.config.data),
});

/** Fails if the log gave up a record: the file has to be published again. */
async function run(context: Context, path: string | undefined): Promise<number> {
  const { config, surroundings, out } = context;
  if (path === undefined)
    throw new ValenceError('CONFIG_INVALID', 'FILE: expected a file to publish, or - for stdin');
  const input = {
    path,
    format: config.format,
    columns: columnsOf(config),
    named: namedColumns(context),
    signal: surroundings.signal,
  };
  const { checkRows } = await import('../../ingest/rows.ts');
  await checkRows(input);
  const names = namesOf(config);
  const logger = await loggerOf('publisher', surroundings, config);
  const started = surroundings.now();
  const worker = { roles: ['publisher'], logger } as const;
  return withHealthyLog(surroundings, config, worker, async (log, health) => {
    await ensurePipeline(log, names, config.partitions, ['source', 'dlq']);
    await requireMirrors(log, names);
    const { publish } = await import('../../ingest/publish.ts');
    const summary = await publish({
      ...input,
      log,
      topic: names.source,
      deadLetterTopic: names.dlq,
      stdin: surroundings.stdin,
      mask: config.mask,
      rate: config.rate,
      limit: config.limit,
      skipLabels: config.skipLabels,
      labelDelay: config.labelDelay,
      onProgress: (progress) => {
        health.progress(progress);
        out.status(progressLine(progress, (surroundings.now() - started) / 1000));
      },
      onNotice: (notice) => {
        logger.warn({ input: path }, notice);
      },
    });
    out.status('');
    await report(context, summary, (surroundings.now() - started) / 1000);
    return summary.failed === 0 ? EXIT.done : EXIT.failed;
  });
}

/** Columns as the readers want them. */
export function columnsOf(config: Context['config']): {
  text: string;
  label: string;
  id: string;
  ts: string;
  weight: string | undefined;
  extra: readonly string[];
} {
  const { text, label, id, ts, weightField, columns } = config;
  return { text, label, id, ts, weight: weightField, extra: columns };
}

/** The columns that somebody named: it is an error if they are absent, while default names may be. */
export function namedColumns({ origins }: Pick<Columned, 'origins'>): ReadonlySet<ColumnRole> {
  return new Set(ROLES.filter((role) => (origins.get(role) ?? 'default') !== 'default'));
}

/** `12,400 rows · 48 % · 24,800/s · 3 dead letters` */
export function progressLine(progress: PublishProgress, seconds: number): string {
  const { rows, bytes, totalBytes, acked, deadLettered, retried } = progress;
  const parts = [`${count(rows)} rows`];
  parts.push(
    totalBytes === undefined || totalBytes === 0
      ? byteCount(bytes)
      : percent(Math.min(1, bytes / totalBytes), 0),
  );
  if (seconds > 0) parts.push(rate(acked / seconds));
  if (deadLettered > 0) parts.push(`${count(deadLettered)} dead letters`);
  if (retried > 0) parts.push(`${count(retried)} sent again`);
  return parts.join(' · ');
}

async function report({ out }: Context, summary: PublishSummary, seconds: number): Promise<void> {
  const { name, rows, sent, acked, retried, failed, deadLettered, done } = summary;
  const { alreadyPublished, resumedAfter } = summary;
  if (out.json) {
    const figures = { rows, sent, acked, retried, failed, deadLettered, resumedAfter };
    await out.values([
      {
        file: name,
        ...figures,
        alreadyPublished,
        done,
        seconds: Math.round(seconds * 1000) / 1000,
      },
    ]);
    return;
  }
  if (alreadyPublished) {
    await out.line(
      `${name} was published before; nothing to do. A changed file is published anew.`,
    );
    return;
  }
  const right = { align: 'right' } as const;
  await out.lines(
    table(
      [
        { head: 'FILE' },
        { head: 'ROWS', ...right },
        { head: 'SENT', ...right },
        { head: 'CONFIRMED', ...right },
        { head: 'DEAD LETTERS', ...right },
        { head: 'SECONDS', ...right },
        { head: 'STATE' },
      ],
      [
        [
          name,
          count(rows),
          count(sent),
          count(acked),
          count(deadLettered),
          seconds.toFixed(2),
          `${done ? 'done' : 'stopped: the same command goes on'}${resumedAfter > 0 ? `, resumed after row ${count(resumedAfter)}` : ''}`,
        ],
      ],
      { width: out.width, colors: out.colors },
    ),
  );
}
