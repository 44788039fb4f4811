/** `valence tail`: records of a topic, as JSON lines or for people. */
import { CONTRACTS, type TopicSuffix } from '../../../topics/index.ts';
import { plain } from '../../config.ts';
import type { LogRecord } from '../../ports/event-log.ts';
import { command, namesOf, withExistingLog, type CommandContext } from '../command.ts';
import { followTopic } from '../../ports/follow-topic.ts';
import { at, recordJson, type RecordJson } from '../record-json.ts';
import { recordLine } from '../record-line.ts';
import { ValenceError } from '../../errors.ts';

const TAILED: readonly TopicSuffix[] = CONTRACTS.map(({ suffix }) => suffix).filter(
  (suffix) => suffix !== 'snapshots',
);

export const tailCommand = command({
  name: 'tail',
  settings: 'tail',
  summary: 'print the records of a topic, and follow it',
  details:
    'Prints {topic, partition, offset, timestamp, key, headers, value} a line, the value parsed; bytes that are no UTF-8 as ' +
    '{"base64": …}. Partitions are merged by time while they catch up.',
  arguments: [{ name: 'TOPIC', description: 'which topic', choices: TAILED }],
  examples: [
    ['tail results --type prediction', 'new predictions as they come'],
    ['tail results --from beginning --until-end --json', 'everything so far, as NDJSON'],
    ['tail source --from beginning --until-end --where label=positive --json', 'some texts'],
  ],
  run: (context, [suffix = '']) => run(context, suffix),
});

async function run(context: CommandContext<'tail'>, suffix: string): Promise<void> {
  const { config, surroundings, out } = context;
  if (config.type !== undefined && suffix !== 'results')
    throw new ValenceError('CONFIG_INVALID', `--type: only records of results have one`);
  const names = new Map<string, string>(Object.entries(namesOf(config)));
  const topic = names.get(suffix) ?? suffix;
  const wanted = (json: RecordJson): boolean =>
    (config.type === undefined || at(json.value, 'type') === config.type) &&
    config.where.every(([field, value]) => matches(at(json.value, field), value));
  await withExistingLog(surroundings, config, async (log) => {
    for await (const records of followTopic(log, topic, {
      from: placeOf(config.from, config.untilEnd),
      untilEnd: config.untilEnd,
      signal: surroundings.signal,
    })) {
      const found = records.map((record: LogRecord) => recordJson(record)).filter(wanted);
      await out.lines(
        found.map((json) =>
          out.json ? JSON.stringify(json) : recordLine(json, out.width, out.colors),
        ),
      );
    }
  });
}

function placeOf(from: string | undefined, untilEnd: boolean): 'beginning' | 'latest' | number {
  if (from === undefined) return untilEnd ? 'beginning' : 'latest';
  return from === 'beginning' || from === 'latest' ? from : Number(from);
}

function matches(found: unknown, wanted: string): boolean {
  return found !== undefined && (typeof found === 'string' ? found : plain(found)) === wanted;
}
