/** `valence model compare|promote|rollback`: challengers against the champion, and who is champion. */
import { randomUUID } from 'node:crypto';
import type { MetricsResult, MetricValues } from '../../../topics/index.ts';
import { mergeMetrics } from '../../core/metrics/values.ts';
import { newestMetrics } from '../../pipeline/last-report.ts';
import type { Appointed, PromotionSubject } from '../../pipeline/promote.ts';
import { actingChampion } from '../../pipeline/promotion.ts';
import { command, namesOf, withExistingLog, type CommandContext } from '../command.ts';
import { comparisonReport, promotionLines, type ComparisonReport } from '../comparison-report.ts';
import { oneLine } from '../display.ts';
import { count, counted } from '../numbers.ts';

type Context = CommandContext<'model promote' | 'model rollback'>;

/** Loaded when it is asked for: it takes longer than most commands. */
const promoting = () => import('../../pipeline/promote.ts');

/** How long it is waited for partitions that switch, ms. */
const SEES_WITHIN_MS = 2000;

export const promoteCommand = command({
  name: 'promote',
  settings: 'model promote',
  summary: 'make a challenger the champion, from the next chunk of each partition on',
  details:
    'A record on the log. Each partition switches once, at the position that its next delta begins with; nothing is learned again or ' +
    'forgotten, and the champion before stays as a challenger, to be put back with `model rollback`.',
  arguments: [{ name: 'NAME', description: 'model to promote, one of `model show`' }],
  examples: [
    ['model compare', 'first: is it better?'],
    ['model promote cnb', 'makes the challenger cnb champion'],
  ],
  run: (context, [name = '']) =>
    appoint(context, async (subject) => {
      const { promote } = await promoting();
      return promote(subject, name, randomUUID());
    }),
});

export const rollbackCommand = command({
  name: 'rollback',
  settings: 'model rollback',
  summary: 'make the champion before the last promotion champion again',
  details:
    'One step: a rollback cannot be taken back with another, only with `model promote NAME`.',
  examples: [['model rollback', 'takes the last promotion back']],
  run: (context) =>
    appoint(context, async (subject) => {
      const { rollBack } = await promoting();
      return rollBack(subject, randomUUID());
    }),
});

export const compare = command({
  name: 'compare',
  settings: 'model compare',
  summary: 'compare each challenger with the champion on the records that both answered',
  details:
    'From the newest metrics records of the results topic. The comparison begins anew where a partition switches to another champion; ' +
    'partitions that have not switched yet are left out.',
  examples: [
    ['model compare', 'a verdict that holds however often you look'],
    ['model compare --json', 'the sums and figures, an object a challenger'],
  ],
  run: ({ config, surroundings, out }) =>
    withExistingLog(surroundings, config, async (log) => {
      const topics = namesOf(config);
      const { standingOf } = await promoting();
      const { names, promotion } = await standingOf({ log, topics });
      const champion = actingChampion(promotion, names);
      const partitions = (await log.describeTopic(topics.results))?.partitions.length ?? 0;
      const newest = await Promise.all(
        Array.from({ length: partitions }, (_, partition) =>
          newestMetrics(log, topics.results, partition, names.length),
        ),
      );
      const compared = names
        .filter((name) => name !== champion)
        .map((challenger) => reportOf(newest, { champion, challenger, promotion: promotion.id }));
      if (out.json) return out.values(compared);
      if (compared.length === 0)
        return out.line(
          `model '${oneLine(champion)}' runs alone; give it a challenger: valence subscribe --challenger NAME=KIND`,
        );
      for (const { left, ...report } of compared) {
        await out.lines([...promotionLines(report, out.colors), '']);
        if (left > 0)
          await out.line(
            out.colors.dim(`${counted(left, 'partition')} left out: nothing compared there yet`),
          );
      }
    }),
});

type Told = ComparisonReport & {
  /** Id of the promotion that made the champion it. */
  readonly promotion: string | null;
  /** Partitions that have compared nothing with this champion yet. */
  readonly left: number;
};

function reportOf(
  newest: readonly ReadonlyMap<string, MetricsResult>[],
  between: {
    readonly champion: string;
    readonly challenger: string;
    readonly promotion: string | null;
  },
): Told {
  const { champion, challenger, promotion } = between;
  const of = (model: string): MetricsResult[] =>
    newest.flatMap((models) => models.get(model) ?? []);
  const partitions = of(challenger).flatMap(({ comparison }) =>
    comparison?.champion === champion && comparison.promotion === promotion
      ? [comparison.pairs]
      : [],
  );
  const merged = (model: string): MetricValues =>
    mergeMetrics(of(model).map(({ cumulative }) => cumulative));
  const metrics = { champion: merged(champion), challenger: merged(challenger) };
  const report = comparisonReport({ champion, challenger, partitions, metrics });
  return { ...report, promotion, left: newest.length - partitions.length };
}

/** Writes the record, says what happens next, and where partitions have switched if they do at once. */
async function appoint(
  { config, surroundings, out }: Context,
  act: (subject: PromotionSubject) => Promise<Appointed>,
): Promise<void> {
  await withExistingLog(surroundings, config, async (log) => {
    const subject = { log, topics: namesOf(config) };
    const { switchesTo } = await promoting();
    const { subscriberGroup } = await import('../../pipeline/subscriber.ts');
    // Before the record: what fails here has changed nothing.
    const isIdle = (await log.members(subscriberGroup(config.pipeline))) === 0;
    const appointed = await act(subject);
    const { champion, previous, id, at } = appointed;
    const name = oneLine(champion);
    if (!out.json)
      await out.line(
        `model '${out.colors.bold(name)}' is now the champion of pipeline ${config.pipeline}, from the next chunk of each partition on${
          previous === null ? '' : `; 'valence model rollback' puts '${oneLine(previous)}' back`
        }`,
      );
    const switched: { readonly partition: number; readonly position: number }[] = [];
    const withinMs = isIdle ? 0 : SEES_WITHIN_MS;
    const switches = switchesTo(subject, appointed, withinMs, surroundings.signal);
    for await (const each of switches) {
      switched.push(each);
      if (!out.json)
        await out.line(
          `partition ${each.partition} switched at source offset ${count(each.position)}`,
        );
    }
    if (out.json) {
      await out.values([{ champion, previous, id, at, switched }]);
      return;
    }
    const left = appointed.ends.length - switched.length;
    if (left === 0) return;
    out.note(
      isIdle
        ? 'no subscriber is running: it takes effect when one starts and records come'
        : `${counted(left, 'partition')} to switch, when records come`,
    );
  });
}
