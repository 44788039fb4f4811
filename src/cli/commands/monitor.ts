/** `valence monitor`: the results topic as figures per model over all partitions, with thresholds. Writes nothing to the log. */
import { ThresholdState, type Transition } from '../../core/metrics/threshold.ts';
import { EXIT } from '../../worker.ts';
import { command, loggerOf, namesOf, type CommandContext } from '../command.ts';
import { followTopic } from '../../ports/follow-topic.ts';
import { withHealthyLog } from '../health.ts';
import { MergedMetrics, type ModelMetrics } from '../merged-metrics.ts';
import { count, percent } from '../numbers.ts';
import { reportLines } from '../report.ts';
import { resultOf } from '../result-values.ts';
import { CHAMPION } from '../view-state.ts';

type Context = CommandContext<'monitor'>;

export const monitorCommand = command({
  name: 'monitor',
  settings: 'monitor',
  summary: 'watch the figures of all partitions, and thresholds on them',
  details:
    'A threshold says what must hold. --once reads to the current end, prints the report and exits with 1 if a threshold does not ' +
    'hold there.',
  examples: [
    ['monitor', 'a line per model as metrics come'],
    [
      "monitor --threshold 'rolling.accuracy>=0.6'",
      'says when it stops to hold, and when it holds again',
    ],
    ["monitor --once --threshold 'cumulative.logLoss<=0.5' --json", 'a check for a script'],
  ],
  run,
});

async function run(context: Context): Promise<number> {
  const { config, surroundings } = context;
  const metrics = new MergedMetrics();
  const watch = new Watch(config.thresholds);
  const worker = {
    roles: ['monitor'],
    logger: await loggerOf('monitor', surroundings, config),
  } as const;
  await withHealthyLog(surroundings, config, worker, async (log, health) => {
    health.figures(() => ({ models: metrics.all(), thresholds: watch.states }));
    for await (const records of followTopic(log, namesOf(config).results, {
      untilEnd: config.once,
      signal: surroundings.signal,
    })) {
      for (const record of records) {
        const result = resultOf(record);
        if (result?.type !== 'metrics') continue;
        metrics.add(result);
        // After each record, so that what fires does not depend on how many came at once.
        const model = config.once ? undefined : metrics.of(result.model);
        if (model === undefined) continue;
        await figures(context, model);
        for (const alert of watch.evaluate(model)) await tell(context, alert);
      }
    }
  });
  if (!config.once) return EXIT.done;
  for (const model of metrics.all()) {
    await report(context, model);
    for (const alert of watch.evaluate(model)) await tell(context, alert);
  }
  if (metrics.models.length === 0) context.out.note('no metrics in the results topic yet');
  return watch.firing > 0 ? EXIT.failed : EXIT.done;
}

interface Alert extends Transition {
  readonly rule: string;
  readonly model: string;
}

/** The thresholds of each model. */
class Watch {
  readonly #thresholds: Context['config']['thresholds'];
  readonly #states = new Map<string, readonly ThresholdState[]>();

  constructor(thresholds: Context['config']['thresholds']) {
    this.#thresholds = thresholds;
  }

  evaluate(metrics: ModelMetrics): readonly Alert[] {
    const { model } = metrics;
    const states =
      this.#states.get(model) ?? this.#thresholds.map((threshold) => new ThresholdState(threshold));
    this.#states.set(model, states);
    return states.flatMap((state) => {
      const transition = state.evaluate(metrics);
      return transition === undefined ? [] : [{ rule: state.rule, model, ...transition }];
    });
  }

  get states(): readonly { model: string; rule: string; firing: boolean }[] {
    return [...this.#states].flatMap(([model, states]) =>
      states.map(({ rule, firing }) => ({ model, rule, firing })),
    );
  }

  get firing(): number {
    return this.states.filter(({ firing }) => firing).length;
  }
}

async function figures({ out }: Context, metrics: ModelMetrics): Promise<void> {
  if (out.json) return out.values([{ type: 'metrics', ...metrics }]);
  const { model, scored, rolling, cumulative, baselines, partitions } = metrics;
  await out.line(
    [
      out.colors.bold(model.padEnd(12)),
      `${count(scored)} scored`,
      `last ${count(rolling.sums.n)}: ${percent(rolling.accuracy)}`,
      `all: ${percent(cumulative.accuracy)}`,
      `F1 ${percent(cumulative.macroF1)}`,
      `log loss ${cumulative.logLoss.toFixed(3)}`,
      out.colors.dim(`majority ${percent(baselines.majority.accuracy)}`),
      ...(partitions > 1 ? [out.colors.dim(`${partitions} partitions`)] : []),
    ].join('  '),
  );
}

async function tell({ out }: Context, { rule, model, state, value }: Alert): Promise<void> {
  if (out.json) return out.values([{ type: 'alert', rule, state, value, model }]);
  const { red, green } = out.colors;
  const mark = state === 'firing' ? red('! firing  ') : green('✓ resolved');
  await out.line(`${mark}  ${model}: ${rule} (now ${Number(value.toFixed(4))})`);
}

async function report({ out }: Context, metrics: ModelMetrics): Promise<void> {
  if (out.json) return out.values([{ type: 'metrics', ...metrics }]);
  const { model, role, scored, learned, cumulative, baselines, pending, partitions } = metrics;
  const notes = [`${count(partitions)} ${partitions === 1 ? 'partition' : 'partitions'}`];
  // After a promotion names no longer tell.
  if ((model === CHAMPION) !== (role === 'champion')) notes.push(role);
  if (pending.waitingTexts > 0) notes.push(`${count(pending.waitingTexts)} wait for a label`);
  await out.lines([
    ...reportLines(
      { title: model, scored, learned, notes, metrics: cumulative, baselines },
      out.colors,
    ),
    '',
  ]);
}
