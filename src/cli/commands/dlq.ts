/** `valence dlq list|show|replay|drop`: what could not be folded, whole. */
import { DeadLetterHeaders } from '../../../topics/index.ts';
import { ValenceError } from '../../errors.ts';
import type { EventLog, Headers, LogRecord, NewRecord } from '../../ports/event-log.ts';
import {
  command,
  namesOf,
  withExistingLog,
  type CommandContext,
  type CommandGroup,
} from '../command.ts';
import { oneLine, table } from '../display.ts';
import { followTopic } from '../../ports/follow-topic.ts';
import { count, counted } from '../numbers.ts';
import { textOf, valueOf } from '../record-json.ts';

type Context = CommandContext<'dlq'>;

const REPLAYED_AT_ONCE = 500;
const PLACE = {
  name: 'N',
  description: 'offset of the dead letter, or partition/offset, as `dlq list` shows it',
} as const;

const list = command({
  name: 'list',
  settings: 'dlq',
  summary: 'list the dead letters: place, code, origin and reason',
  examples: [['dlq list', 'what was refused, and why']],
  run: (context) =>
    eachLetter(context, async (letters) => {
      const rows = letters.map(summaryOf);
      if (context.out.json) return context.out.values(rows);
      await context.out.lines(
        table(
          [
            { head: 'N', align: 'right' },
            { head: 'CODE' },
            { head: 'STAGE' },
            { head: 'FROM' },
            { head: 'REASON' },
          ],
          rows.map(({ n, code, stage, from, message }) => [n, code, stage, from, message]),
          { width: context.out.width, colors: context.out.colors },
        ),
      );
      context.out.note(counted(rows.length, 'dead letter'));
    }),
});

const show = command({
  name: 'show',
  settings: 'dlq',
  summary: 'show one dead letter whole: key, value, headers, reason',
  arguments: [PLACE],
  examples: [['dlq show 0/12 --json', 'the twelfth of partition 0']],
  run: (context, [place = '']) =>
    eachLetter(context, async (letters) => {
      const letter = letterAt(letters, place);
      const { key, value, headers } = letter;
      const { n, code, stage, from, message } = summaryOf(letter);
      const own = ownHeaders(headers);
      const whole = {
        n,
        code,
        stage,
        from,
        message,
        key: textOf(key),
        headers: own.map(([name, header]) => [name, textOf(header)]),
        value: valueOf(value),
      };
      if (context.out.json) return context.out.values([whole]);
      const { bold } = context.out.colors;
      await context.out.lines(
        Object.entries(whole).map(
          ([name, part]) =>
            `${bold(name.padEnd(8))} ${oneLine(typeof part === 'string' ? part : JSON.stringify(part))}`,
        ),
      );
    }),
});

const replay = command({
  name: 'replay',
  settings: 'dlq',
  summary: 'send dead letters to the source topic again, as they were',
  details:
    'Without N those that were not replayed yet. Rows that a publisher refused are no records: correct the file and publish it ' +
    'again. Dead letters stay until they are dropped.',
  arguments: [{ ...PLACE, optional: true }],
  examples: [
    ['dlq replay', 'after the cause was mended, such as a larger --max-classes'],
    ['dlq replay 0/12', 'one of them'],
  ],
  run: (context, [place]) =>
    eachLetter(context, async (letters, log) => {
      const chosen =
        place === undefined ? await notReplayed(log, letters) : [letterAt(letters, place)];
      const records = chosen.filter(
        (letter) => headerOf(letter, 'valence.errors.stage') !== 'publish',
      );
      const topic = namesOf(context.config).source;
      for (const partition of new Set(chosen.map((letter) => letter.partition))) {
        const own = records.filter((letter) => letter.partition === partition);
        for (let at = 0; at < own.length; at += REPLAYED_AT_ONCE)
          await send(log, topic, own.slice(at, at + REPLAYED_AT_ONCE), place === undefined);
      }
      const skipped = chosen.length - records.length;
      if (context.out.json)
        return context.out.values([{ topic, replayed: records.length, skipped }]);
      await context.out.line(
        `${count(records.length)} replayed to ${topic}${skipped === 0 ? '' : `, ${counted(skipped, 'row of a file', 'rows of files')} left out`}; \`valence dlq drop\` deletes them here`,
      );
    }),
});

const drop = command({
  name: 'drop',
  settings: 'dlq',
  summary: 'delete dead letters: all, or one and those before it in its partition',
  arguments: [{ ...PLACE, optional: true }],
  examples: [
    ['dlq drop', 'all'],
    ['dlq drop 0/12', 'up to the twelfth of partition 0'],
  ],
  run: (context, [place]) =>
    eachLetter(context, async (letters, log) => {
      const last = place === undefined ? undefined : letterAt(letters, place);
      const dropped = letters.filter(
        ({ partition, offset }) =>
          last === undefined || (partition === last.partition && offset <= last.offset),
      );
      const topic = namesOf(context.config).dlq;
      const before = new Map<number, number>();
      for (const { partition, offset } of dropped)
        before.set(partition, Math.max(before.get(partition) ?? 0, offset + 1));
      for (const [partition, offset] of before) await log.trim(topic, partition, offset);
      if (context.out.json) return context.out.values([{ topic, dropped: dropped.length }]);
      await context.out.line(`${counted(dropped.length, 'dead letter')} deleted`);
    }),
});

export const dlqCommands: CommandGroup = {
  name: 'dlq',
  summary: 'see, replay or drop the records that could not be folded',
  commands: [list, show, replay, drop],
};

/** All dead letters there are now, in the order of time. */
async function eachLetter(
  { config, surroundings }: Context,
  use: (letters: readonly LogRecord[], log: EventLog) => Promise<void>,
): Promise<void> {
  await withExistingLog(surroundings, config, async (log) => {
    const letters: LogRecord[] = [];
    const topic = namesOf(config).dlq;
    const { signal } = surroundings;
    for await (const records of followTopic(log, topic, { untilEnd: true, signal }))
      letters.push(...records);
    await use(letters, log);
  });
}

function summaryOf(letter: LogRecord) {
  const header = (name: string): string => headerOf(letter, name) ?? '';
  const origin = '__streams.errors.';
  return {
    n: `${letter.partition}/${letter.offset}`,
    code: header('valence.errors.code'),
    stage: header('valence.errors.stage'),
    from: `${header(`${origin}topic`)}/${header(`${origin}partition`)}/${header(`${origin}offset`)}`,
    message: header(`${origin}message`),
  };
}

/** The dead letter's own header stands behind one of the same name that the record brought. */
function headerOf({ headers }: { readonly headers: Headers }, name: string): string | undefined {
  const found = headers.findLast(([header]) => header === name);
  return found === undefined ? undefined : Buffer.from(found[1]).toString();
}

function letterAt(letters: readonly LogRecord[], place: string): LogRecord {
  const [, partition, offset] = /^(?:(\d+)\/)?(\d+)$/.exec(place) ?? [];
  const found = letters.filter(
    (letter) =>
      offset !== undefined &&
      letter.offset === Number(offset) &&
      (partition === undefined || letter.partition === Number(partition)),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new ValenceError(
    found.length === 0 ? 'NOT_FOUND' : 'CONFIG_INVALID',
    found.length === 0
      ? `N: no dead letter at '${place.slice(0, 40)}'; \`valence dlq list\` shows those there are`
      : `N: several partitions have a dead letter at ${place}; write partition/offset`,
  );
}

async function notReplayed(log: EventLog, letters: readonly LogRecord[]): Promise<LogRecord[]> {
  const from = new Map<number, number>();
  for (const { topic, partition } of letters)
    if (!from.has(partition))
      from.set(partition, Number((await log.checkpoint(replayedName(topic, partition))) ?? 0));
  return letters.filter(({ partition, offset }) => offset >= (from.get(partition) ?? 0));
}

/**
 * Sends dead letters of one partition.
 *
 * @param remember keep beside them how far it went, so that the next replay goes on behind
 */
async function send(
  log: EventLog,
  topic: string,
  letters: readonly LogRecord[],
  remember: boolean,
): Promise<void> {
  const last = letters.at(-1);
  if (last === undefined) return;
  const name = replayedName(last.topic, last.partition);
  const checkpoint = { name, value: String(last.offset + 1) };
  const outcomes = await log.append(topic, letters.map(original), remember ? { checkpoint } : {});
  const lost = outcomes.find((outcome) => outcome.status !== 'ok');
  if (lost === undefined) return;
  const message = `the log did not confirm the replay to ${topic}; look with \`valence tail source\` before repeating it`;
  throw new ValenceError('LOG_UNAVAILABLE', message, { topic }, { cause: lost.error });
}

function original({ key, value, headers }: LogRecord): NewRecord {
  return { key, value, headers: ownHeaders(headers) };
}

/**
 * The headers that the record brought. Those of the dead letter stand behind them, each once; a record that had been a dead letter
 * before, here or elsewhere, keeps the like of its own.
 */
function ownHeaders(headers: Headers): Headers {
  const added = new Set<string>(DeadLetterHeaders.keyof().options);
  let end = headers.length;
  while (added.delete(headers[end - 1]?.[0] ?? '')) end--;
  return headers.slice(0, end);
}

function replayedName(topic: string, partition: number): string {
  return `dlq-replayed:${topic}/${partition}`;
}
