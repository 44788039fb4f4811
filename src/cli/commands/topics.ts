/** `valence topics check|create|describe`. */
import { ValenceError } from '../../errors.ts';
import { EXIT } from '../../worker.ts';
import {
  command,
  namesOf,
  withLog,
  withLogOrNone,
  type CommandContext,
  type CommandGroup,
} from '../command.ts';
import { table, type Column } from '../display.ts';
import { ensurePipeline, partitionMismatches } from '../ensure-topics.ts';
import { count } from '../numbers.ts';
import { checkTopics, fixOf, kept } from '../topic-check.ts';

type Context = CommandContext<'topics check' | 'topics create' | 'topics describe'>;

const check = command({
  name: 'check',
  settings: 'topics check',
  summary:
    "compare the pipeline's topics with their contracts; exit 1 if one is missing or differs",
  examples: [['topics check', 'the topics of the default pipeline']],
  run: (context) =>
    withLogOrNone(context.surroundings, context.config, async (log) => {
      const topics = await checkTopics(log, namesOf(context.config));
      await print(
        context,
        topics.map((topic) => ({
          topic: topic.name,
          status: topic.status,
          differences: topic.differences,
          fix: fixOf(topic) ?? null,
        })),
        [{ head: 'TOPIC' }, { head: 'STATUS' }, { head: 'DIFFERENCES' }, { head: 'FIX' }],
        ({ topic, status, differences, fix }) => [topic, status, differences.join('; '), fix ?? ''],
      );
      return topics.every(({ status }) => status === 'ok') ? EXIT.done : EXIT.failed;
    }),
});

const create = command({
  name: 'create',
  settings: 'topics create',
  summary: "create the pipeline's topics that are missing; existing ones are never altered",
  details:
    'On Kafka with as many copies as there are brokers, at most three, all but one of which must be in sync.',
  examples: [['topics create --partitions 4', 'four partitions, for four subscribers']],
  run: (context) =>
    withLog(context.surroundings, context.config, async (log) => {
      const names = namesOf(context.config);
      const reports = await ensurePipeline(log, names, context.config.partitions);
      await print(
        context,
        reports.map(({ name, status, differences }) => ({ topic: name, status, differences })),
        [{ head: 'TOPIC' }, { head: 'STATUS' }, { head: 'DIFFERENCES' }],
        ({ topic, status, differences }) => [topic, status, differences.join('; ')],
      );
      const mismatches = await partitionMismatches(log, names);
      if (mismatches.length > 0)
        throw new ValenceError(
          'TOPIC_MISMATCH',
          `${mismatches.join('; ')}: they must have as many`,
        );
    }),
});

const describe = command({
  name: 'describe',
  settings: 'topics describe',
  summary: "show the pipeline's topics: partitions, records, retention, copies",
  examples: [['topics describe --json', 'with the offsets of each partition']],
  run: (context) =>
    withLogOrNone(context.surroundings, context.config, async (log) => {
      const topics = await checkTopics(log, namesOf(context.config));
      const found = topics.flatMap(({ description }) => description ?? []);
      const right = { align: 'right' } as const;
      const copied = found.some(({ replicas }) => replicas !== undefined);
      await print(
        context,
        found.map(({ name, partitions, cleanup, retentionMs, replicas, settings }) => ({
          topic: name,
          cleanup,
          retentionMs: retentionMs ?? null,
          ...(replicas === undefined ? {} : { replicas }),
          ...(settings === undefined ? {} : { settings }),
          partitions: partitions.map(({ start, end }, partition) => ({ partition, start, end })),
        })),
        [
          { head: 'TOPIC' },
          { head: 'PARTITIONS', ...right },
          // Brokers count the ends of transactions as offsets too.
          { head: copied ? 'OFFSETS' : 'RECORDS', ...right },
          { head: 'CLEANUP' },
          { head: 'KEPT' },
          ...(copied ? [{ head: 'COPIES', ...right }] : []),
        ],
        ({ topic, partitions, cleanup, retentionMs, replicas }) => [
          topic,
          count(partitions.length),
          count(partitions.reduce((sum, { start, end }) => sum + end - start, 0)),
          cleanup,
          kept(retentionMs ?? undefined),
          ...(copied ? [replicas === undefined ? '-' : count(replicas)] : []),
        ],
      );
      for (const { name, status } of topics)
        if (status === 'missing') context.out.note(`${name} does not exist yet`);
    }),
});

export const topicsCommands: CommandGroup = {
  name: 'topics',
  summary: "check, create or show the pipeline's topics",
  commands: [check, create, describe],
};

async function print<T>(
  { out }: Context,
  values: readonly T[],
  columns: readonly Column[],
  row: (value: T) => readonly string[],
): Promise<void> {
  if (out.json) await out.values(values);
  else await out.lines(table(columns, values.map(row), { width: out.width, colors: out.colors }));
}
