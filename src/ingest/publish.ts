/**
 * Publishing a file, or standard input, to a source topic:
 *
 *   rows ─► outbox ─► dead letters ─► dlq topic
 *                └──► records + checkpoint ─► source topic, one append
 *
 * - Where the log commits the checkpoint with the records (the embedded log), a kill at any instant followed by the same command
 *   loses and repeats no source record. A dead letter is appended before: a crash between the two repeats it, under the same
 *   key. Elsewhere (Kafka) the last append may be repeated, with the same ids.
 * - Standard input and pipes cannot be read twice: they have no checkpoint.
 * - The log's own timestamp is never set: `ts` is carried as data.
 */
import { setImmediate } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { crashPoint } from '../crash-point.ts';
import { ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import { Appender, type Retry } from './appender.ts';
import { fileFacts, inputName, type FileFacts } from './bytes.ts';
import {
  checkpointName,
  encodeCheckpoint,
  readCheckpoint,
  type FileCheckpoint,
} from './checkpoint.ts';
import { createMasker, type MaskKind } from './mask.ts';
import { Outbox } from './outbox.ts';
import { Pacer, systemClock, type Clock } from './pacer.ts';
import type { ColumnRole, Columns, Format } from './row.ts';
import { BATCH_ROWS, readRows } from './rows.ts';

export interface PublishOptions {
  readonly log: Pick<EventLog, 'append' | 'checkpoint'>;
  /** Source topic. */
  readonly topic: string;
  /** Topic for rows that cannot be sent. */
  readonly deadLetterTopic: string;
  /** A file, or `-` for standard input. */
  readonly path: string;
  /** What to read for `-`; default: the process's standard input. */
  readonly stdin?: Readable | undefined;
  /** Names rows without id: `<name>:<row>`. Default: the file's name, `stdin` for standard input. */
  readonly name?: string | undefined;
  readonly format?: Format | undefined;
  readonly columns?: Partial<Columns> | undefined;
  readonly named?: ReadonlySet<ColumnRole> | undefined;
  /** What to mask in texts and attributes; ids are left alone. */
  readonly mask?: readonly MaskKind[] | undefined;
  /** Records a second, > 0; undefined: as fast as it goes. */
  readonly rate?: number | undefined;
  /** Publish the first N rows only, counted from the beginning of the input. */
  readonly limit?: number | undefined;
  readonly skipLabels?: boolean | undefined;
  /** The label of row i follows the text of row i + N as a record of its own, the rest at the end; 0: in the same record. */
  readonly labelDelay?: number | undefined;
  /** Model that the records address; undefined: all. */
  readonly model?: string | undefined;
  /** False: publish from the beginning whatever the checkpoint says. Default true. */
  readonly resume?: boolean | undefined;
  /** Most rows of an append; default 500. */
  readonly batchRows?: number | undefined;
  /** Aborting ends after the batch in hand; the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  readonly onNotice?: ((notice: string) => void) | undefined;
  readonly retry?: Partial<Retry> | undefined;
  readonly clock?: Clock | undefined;
}

/** Counts of this run. */
export interface PublishProgress {
  /** Rows read from the input: texts, labels and refused ones. */
  readonly rows: number;
  /** Source records handed to the log, and those that it has confirmed. */
  readonly sent: number;
  readonly acked: number;
  /** Negative answers after which a record was sent again, and records given up. */
  readonly retried: number;
  readonly failed: number;
  readonly deadLettered: number;
  /** Place in the uncompressed input. */
  readonly bytes: number;
  /** Size of a plain file, to show a share of; undefined where it is not known. */
  readonly totalBytes: number | undefined;
  /** The input has been published to its end, or to `limit`. */
  readonly done: boolean;
}

export interface PublishSummary extends PublishProgress {
  readonly name: string;
  /** Nothing was left to do: an earlier run had finished. */
  readonly alreadyPublished: boolean;
  /** Rows that an earlier run had published; 0: begun at the beginning. */
  readonly resumedAfter: number;
}

/**
 * Publishes the input. Resolves at its end, at `limit`, or after the batch in hand when `signal` aborts.
 *
 * @throws CONFIG_INVALID, NOT_FOUND: an option, the file or a column; nothing has been sent
 * @throws LOG_UNAVAILABLE the log did not answer for all the retries; what was confirmed stays, a rerun goes on behind it
 */
export async function publish(options: PublishOptions): Promise<PublishSummary> {
  checkOptions(options);
  const { log, topic, path, signal } = options;
  const clock = options.clock ?? systemClock;
  const name = options.name ?? inputName(path);
  const facts = await fileFacts(path);
  const known = facts === undefined ? undefined : await resumePoint(options, facts);
  const resumedAfter = known?.sent.row ?? 0;
  // A limit below what is out already asks for no more texts, but for the labels that belong to them.
  const limit = Math.max(options.limit ?? Infinity, resumedAfter);
  const appender = new Appender(log, clock, options.retry, signal);
  const counts = { rows: 0, bytes: known?.sent.byte ?? 0, done: false };
  const totalBytes = facts?.gzip === false ? facts.sizeBytes : undefined;
  const progress = (): PublishProgress => ({ ...counts, ...appender.counts, totalBytes });
  if (facts !== undefined && known !== undefined && isComplete(known, facts, limit)) {
    // A named column that is not there is told of all the same.
    for await (const rows of readRows({ ...options, batchRows: 1 })) if (rows.length > 0) break;
    counts.done = true;
    return { ...progress(), name, alreadyPublished: true, resumedAfter };
  }

  const mask = options.mask ?? [];
  const outbox = new Outbox(
    {
      name,
      mask: mask.length === 0 ? undefined : createMasker(mask),
      skipLabels: options.skipLabels ?? false,
      labelDelay: options.labelDelay ?? 0,
      model: options.model,
    },
    known,
  );
  const columns = JSON.stringify({ ...options.columns, named: [...(options.named ?? [])] });
  const columnsSeen = resumedAfter > 0 && known?.columns === columns;
  const pacer = new Pacer(options.rate, clock);
  const batchRows = Math.min(options.batchRows ?? BATCH_ROWS, pacer.batch);
  const send = async (done: boolean): Promise<void> => {
    const { records, deadLetters, ...places } = outbox.take();
    if (records.length > 0) await pacer.due(signal);
    crashPoint('read');
    await appender.deadLetters(options.deadLetterTopic, deadLetters);
    await appender.records(
      topic,
      records,
      facts === undefined
        ? undefined
        : {
            name: checkpointName(topic, path),
            value: encodeCheckpoint(facts, places, columns, done),
          },
    );
    crashPoint('appended');
    pacer.sent(records.length);
    counts.bytes = places.sent.byte;
    options.onProgress?.(progress());
    // The embedded log never waits for anything: timers and sockets of this process must have their turn.
    await setImmediate();
  };

  let atLimit = false;
  for await (const rows of readRows({
    ...options,
    from: known?.labelled,
    columnsSeen,
    batchRows,
  })) {
    for (const row of rows) {
      atLimit = row.row >= limit;
      if (row.row > limit) break;
      outbox.add(row);
      if (row.row > resumedAfter) counts.rows++;
    }
    await send(false);
    if (atLimit || signal?.aborted === true) break;
  }
  // What cannot be read again must not keep labels back.
  const isOver = (): boolean => signal?.aborted !== true || facts === undefined;
  while (outbox.holding && isOver()) {
    outbox.release(batchRows);
    await send(false);
  }
  if (isOver()) {
    counts.done = signal?.aborted !== true;
    await send(!atLimit);
  }
  return { ...progress(), name, alreadyPublished: false, resumedAfter };
}

async function resumePoint(
  options: PublishOptions,
  facts: FileFacts,
): Promise<FileCheckpoint | undefined> {
  const { log, topic, path, resume = true } = options;
  if (!resume) return undefined;
  return readCheckpoint(await log.checkpoint(checkpointName(topic, path)), path, facts);
}

/** True when an earlier run left nothing to do: the file has not grown since it was done, or the limit was reached. */
function isComplete(known: FileCheckpoint, facts: FileFacts, limit: number): boolean {
  if (known.labelled.row < known.sent.row) return false;
  return (known.done && known.sizeBytes === facts.sizeBytes) || known.sent.row >= limit;
}

function checkOptions({ rate, limit, labelDelay, batchRows }: PublishOptions): void {
  const problems = [
    rate === undefined || rate > 0 ? '' : 'rate must be above 0 records a second',
    isCount(limit, 0) ? '' : 'limit must be a whole number of rows, at least 0',
    isCount(labelDelay, 0) ? '' : 'labelDelay must be a whole number of rows, at least 0',
    isCount(batchRows, 1) ? '' : 'batchRows must be a whole number, at least 1',
  ].filter((problem) => problem !== '');
  if (problems.length > 0) throw new ValenceError('CONFIG_INVALID', problems.join('; '));
}

function isCount(value: number | undefined, least: number): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= least);
}
