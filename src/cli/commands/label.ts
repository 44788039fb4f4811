/** `valence label`: labels for texts that are in the source topic, now or later. */
import { LabelRecord } from '../../../topics/index.ts';
import { ValenceError } from '../../errors.ts';
import { readLabels } from '../../ingest/labels.ts';
import type { LabelRow } from '../../ingest/row.ts';
import type { EventLog, NewRecord } from '../../ports/event-log.ts';
import { command, namesOf, placeFlags, withExistingLog, type CommandContext } from '../command.ts';
import { oneLine, shellWord } from '../display.ts';
import { noSuchTopic } from '../../ports/follow-topic.ts';
import { count } from '../numbers.ts';

type Context = CommandContext<'label'>;

export const labelCommand = command({
  name: 'label',
  settings: 'label',
  summary: 'give a text its label, correct it, or take it back',
  details:
    'LABEL null, or --withdraw, takes the label back. With - labels are read from stdin, one a line: an ' +
    'object with id and label (and labelWeight), or id,label with a comma or a tab between.',
  arguments: [
    { name: 'ID', description: 'id of the text, or - for lines from stdin' },
    { name: 'LABEL', description: 'its class; null withdraws it', optional: true },
  ],
  examples: [
    ['label yelp.csv:17 positive', 'label a text'],
    ['label yelp.csv:17 positive --label-weight 4', 'by somebody who is trusted more than most'],
    ['label yelp.csv:17 null', 'withdraw its label'],
    ['label - < labels.ndjson', 'many labels: {"id":"yelp.csv:17","label":"positive"} a line'],
  ],
  run: async (context, [id = '', label]) => {
    await withExistingLog(context.surroundings, context.config, (log) =>
      id === '-' ? labelMany(context, log) : labelOne(context, log, id, label),
    );
  },
});

async function labelOne(
  context: Context,
  log: EventLog,
  id: string,
  given: string | undefined,
): Promise<void> {
  const { config, out } = context;
  const withdrawn = config.withdraw || given === 'null';
  if (config.withdraw ? given !== undefined : given === undefined)
    throw new ValenceError(
      'CONFIG_INVALID',
      config.withdraw
        ? 'LABEL: --withdraw takes none'
        : 'LABEL: expected a class, or null (or --withdraw) to take the label back',
    );
  const label = withdrawn ? null : (given ?? null);
  const labelWeight = withdrawn ? undefined : config.labelWeight;
  const value = { id, label, labelWeight };
  const problem = LabelRecord.safeParse(value).error;
  if (problem !== undefined || id === '' || label === '')
    throw new ValenceError(
      'CONFIG_INVALID',
      'ID: expected 1 to 256 characters, LABEL: 1 to 64; correct the one that is empty or longer',
    );
  const topic = namesOf(config).source;
  const [outcome] = await append(log, topic, [recordOf(value, config.key)]);
  if (outcome?.status !== 'ok') throw notConfirmed(1, outcome?.error);
  const { partition, offset } = outcome;
  if (out.json) return out.values([{ ...value, topic, partition, offset }]);
  await out.line(
    `${label === null ? 'Label withdrawn from' : `Label ${label} given to`} ${id} at ${topic}/${partition}/${offset}`,
  );
  out.note(whatNext(` --where ${shellWord(`id=${oneLine(id)}`)}`, context, log));
}

/** Only the fold knows whether there is such a text, and it may be yet to come. */
function whatNext(choice: string, context: Context, log: EventLog): string {
  return (
    `what becomes of it, once a subscriber has read it: valence tail results --type outcome${choice} --until-end${placeFlags(context, log)}; ` +
    "'waiting' there: no text with that id yet, the label waits for one as long as the subscriber's --pending-ttl says (default 7 days), then it is dropped"
  );
}

async function labelMany(context: Context, log: EventLog): Promise<void> {
  const { config, surroundings, out } = context;
  const topic = namesOf(config).source;
  const { signal, stdin } = surroundings;
  let sent = 0;
  for await (const rows of readLabels({ path: '-', stdin, signal })) {
    const refused = rows.findIndex((row) => row.kind === 'refused');
    const records = rows
      .slice(0, refused < 0 ? rows.length : refused)
      .flatMap((row) =>
        row.kind === 'label' ? [recordOf(weighted(row, config.labelWeight), config.key)] : [],
      );
    const outcomes = await append(log, topic, records);
    const lost = outcomes.filter(({ status }) => status !== 'ok');
    if (lost.length > 0) throw notConfirmed(lost.length);
    sent += outcomes.length;
    const none = rows[refused];
    if (none?.kind === 'refused')
      throw new ValenceError(
        none.error.code,
        `${none.error.message}; the ${count(sent)} labels before it were sent`,
        none.error.fields,
      );
    out.status(`${count(sent)} labels`);
  }
  out.status('');
  if (out.json) await out.values([{ topic, labels: sent }]);
  else {
    await out.line(`${count(sent)} labels sent to ${topic}`);
    if (sent > 0) out.note(whatNext('', context, log));
  }
}

/** A label that brings no weight has that of the command. */
function weighted({ id, label, weight, ts }: LabelRow, given: number | undefined): LabelRecord {
  return { id, label, labelWeight: label === null ? undefined : (weight ?? given), ts };
}

function recordOf(label: LabelRecord, key: string | undefined): NewRecord {
  return { key: key ?? String(label.id), value: JSON.stringify(label) };
}

async function append(log: EventLog, topic: string, records: readonly NewRecord[]) {
  if ((await log.describeTopic(topic)) === undefined) throw await noSuchTopic(log, topic);
  return log.append(topic, records);
}

function notConfirmed(labels: number, cause?: Error): ValenceError {
  const message = `the log did not confirm ${labels} ${labels === 1 ? 'label' : 'labels'}; giving the same label again is safe`;
  return new ValenceError('LOG_UNAVAILABLE', message, {}, { cause });
}
