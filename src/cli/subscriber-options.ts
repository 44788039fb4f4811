/** From the settings of `subscribe`, `start` and `replay` to what the pipeline takes. */
import type { CommonConfig, Config } from '../config.ts';
import { ClassRules, learnedClasses, type ClassOptions } from '../pipeline/classes.ts';
import { newestDeclared } from '../pipeline/declared-classes.ts';
import { FOLD_DEFAULTS, type FoldOptions } from '../pipeline/fold.ts';
import type { ModelSpec } from '../pipeline/state.ts';
import type { SubscriberOptions } from '../pipeline/subscriber.ts';
import type { EventLog } from '../ports/event-log.ts';
import { namesOf } from './command.ts';

type Learning = Config<'subscribe' | 'start'>;

/** Everything but log, signal and listeners. */
export function subscriberOptions(
  config: Learning,
): Omit<SubscriberOptions, 'log' | 'signal' | 'onEvent'> {
  const { pipeline, analyzer, partitions, snapshotEvery, keepDeltas } = config;
  return {
    pipeline,
    topics: namesOf(config),
    models: modelSpecs(config),
    classes: classOptions(config),
    analyzer,
    partitions,
    fold: foldOptions(config),
    snapshotEvery,
    keepDeltas,
  };
}

export function classOptions({
  labels,
  labelMap,
  maxClasses,
}: Pick<Learning, 'labels' | 'labelMap' | 'maxClasses'>): ClassOptions {
  return { declared: labels, labelMap: new Map(labelMap), maxClasses };
}

/** For commands that look at what was learned: classes as given, else as the log tells them, else the default ones. */
export async function learnedRules(
  log: EventLog,
  config: CommonConfig & Pick<Config<'verify' | 'replay'>, 'labels' | 'labelMap' | 'maxClasses'>,
): Promise<LearnedRules> {
  const { labels: declared, labelMap, maxClasses } = config;
  const told = declared === undefined ? await newestDeclared(log, namesOf(config)) : undefined;
  const given = { ...(declared && { declared }), labelMap: new Map(labelMap), maxClasses };
  const rulesFor = (classes: readonly string[] | undefined): ClassRules =>
    new ClassRules(learnedClasses(given, classes));
  return { classes: rulesFor(told), told, rulesFor: declared === undefined ? rulesFor : undefined };
}

interface LearnedRules {
  readonly classes: ClassRules;
  readonly told: readonly string[] | undefined;
  /** Rules for classes that the log tells elsewhere; undefined: others were given, and hold throughout. */
  readonly rulesFor: ((declared: readonly string[]) => ClassRules) | undefined;
}

/** Champion first. */
export function modelSpecs({
  model,
  challengers,
}: Pick<Learning, 'model' | 'challengers'>): readonly ModelSpec[] {
  return [
    { name: 'champion', kind: model, role: 'champion' },
    ...challengers.map(([name, kind]): ModelSpec => ({ name, kind, role: 'challenger' })),
  ];
}

/** What the fold follows, but for topics and classes. */
export function foldOptions(
  config: Pick<
    Learning,
    'window' | 'metricsEvery' | 'thresholds' | 'pendingMax' | 'pendingTtl' | 'wantLabels'
  > & {
    readonly explain?: number;
  },
): Omit<FoldOptions, 'topics' | 'classes'> {
  const {
    window,
    metricsEvery,
    explain = FOLD_DEFAULTS.explain,
    thresholds,
    pendingMax,
    pendingTtl,
    wantLabels,
  } = config;
  return {
    ...FOLD_DEFAULTS,
    window,
    metricsEvery,
    explain,
    thresholds,
    pendingMax,
    pendingTtlMs: pendingTtl,
    wantLabels,
  };
}
