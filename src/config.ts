/**
 * Configuration: one table of settings per command, the only file that sees the environment.
 *
 *   flag --foo-bar  >  environment VALENCE_FOO_BAR  >  --config FILE (fooBar or foo-bar)  >  default
 *
 * Flags, help, documents and `valence config` come from this table; `config-sources.ts` fills it.
 */
import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  above,
  durationMs,
  durationText,
  integer,
  matching,
  notEmpty,
  onOff,
  oneOf,
  pair,
  parsed,
  share,
  shown,
  upTo,
} from './config-values.ts';
import { parseThreshold } from './core/metrics/threshold.ts';
import { isGtnbKind, parseGtnbKind } from './core/models/gtnb-kind.ts';
import { parseModelKind } from './core/models/model-kinds.ts';
import { parseAnalyzer } from './core/text/analyzer.ts';
import { optionInvalid } from './core/text/named-options.ts';
import { MAX_WEIGHT } from '../topics/source.ts';
import { MASK_KINDS } from './ingest/mask.ts';
import { DEFAULT_SESSION_TIMEOUT_MS, maskUrl } from './kafka-settings.ts';

/** What the command line and the documents must know of a setting besides its schema. */
export interface SettingInfo {
  /** Flag without dashes; default: the key in kebab case. */
  readonly flag?: string;
  /** What stands for the value in help; a setting without is on or off. */
  readonly value?: string;
  /** `list`: one value with commas; `repeat`: the flag is given several times. In the environment: newlines, or commas. */
  readonly many?: 'list' | 'repeat';
  /** A repeated setting whose values may hold commas: only newlines part them in the environment. */
  readonly commas?: true;
  /** Takes the secret out of a text that holds the value. */
  readonly mask?: (value: string) => string;
  /** How a value is written, where that is not as it is. */
  readonly write?: (value: number) => string;
  /** The default where the log is on Kafka, if that is another one; as it is written. */
  readonly onKafka?: string;
}

const registry = z.registry<SettingInfo>();

/** One setting: what it means, with unit and rule, and how it is written. */
function setting<S extends z.ZodType>(description: string, info: SettingInfo, schema: S): S {
  const described = schema.describe(description);
  registry.add(described, info);
  return described;
}

const several = <S extends z.ZodType>(item: S) => z.array(item);
const topicName = (what: string) =>
  setting(
    `name of the ${what} topic; default <pipeline>.${what}`,
    { value: 'TOPIC' },
    matching(/^[\w.-]{1,249}$/, 'a topic name of 1 to 249 letters, digits, dots, dashes, _'),
  ).optional();

/** The kind in the spelling it was given. */
const evaluatedKind = parsed((kind) => {
  parseModelKind(kind);
  return kind;
});
/** Of a pipeline: it must have a bound on its memory, or a vocabulary that can be told to others. */
const modelKind = parsed((kind) => {
  parseModelKind(kind);
  if (isGtnbKind(kind) && parseGtnbKind(kind).bits === 'exact')
    optionInvalid("model 'gtnb'", 'bits', "a number here ('exact' is for evaluate)", 'exact');
  return kind;
});
const analyzerName = parsed((analyzer) => {
  parseAnalyzer(analyzer);
  return analyzer;
});
const NAME = /^[\w.-]{1,64}$/;
const challengerKind = pair('NAME=KIND, such as cnb=complement').superRefine(
  ([name, kind], context) => {
    if (!NAME.test(name) || name === 'champion') {
      const message = `a challenger's name is 1 to 64 letters, digits, dots, dashes, _ and not 'champion'; got ${shown(name)}`;
      context.addIssue({ code: 'custom', message });
    }
    const checked = modelKind.safeParse(kind);
    for (const { message } of checked.error?.issues ?? [])
      context.addIssue({ code: 'custom', message });
  },
);

const every = {
  log: setting(
    'where the event log is: sqlite:FILE, kafka://host:port,…, kafka: with KAFKA_BROKERS, or memory: (gone with the process)',
    { value: 'URL', mask: maskUrl },
    matching(/^[a-z]+:/, 'a URL such as sqlite:.valence/sentiment.db or kafka://broker:9092'),
  ).default('sqlite:.valence/<pipeline>.db'),
  pipeline: setting(
    'name of the pipeline: begins the names of its topics',
    { value: 'NAME' },
    matching(/^[\w.-]{1,200}$/, 'a name of 1 to 200 letters, digits, dots, dashes, _'),
  ).default('sentiment'),
  source: topicName('source'),
  results: topicName('results'),
  modelTopic: topicName('model'),
  snapshots: topicName('snapshots'),
  dlq: topicName('dlq'),
  logLevel: setting(
    'least level of log lines on stderr',
    { value: 'LEVEL' },
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
  ).default('info'),
  json: setting('NDJSON on stdout, on a terminal too', {}, onOff()).default(false),
};

const partitions = setting(
  'partitions of topics that have to be created',
  { value: 'N', onKafka: '4' },
  integer(1, 10_000),
).default(1);

const classNames = several(notEmpty('a class name')).superRefine((given, context) => {
  const problem =
    given.length < 2 ? 'at least two classes' : 'each class once, at most 64 characters long';
  if (given.length >= 2 && new Set(given).size === given.length)
    if (given.every((label) => label.length <= 64)) return;
  context.addIssue({ code: 'custom', message: `expected ${problem}, got ${given.length}` });
});
const labels = setting(
  'classes, worst to best; others are appended as they are met',
  { value: 'A,B', many: 'list' },
  classNames,
);
/** Of commands that look at what was learned. */
const learnedLabels = setting(
  'classes, worst to best; default: those that the log tells, else negative,positive',
  { value: 'A,B', many: 'list' },
  classNames,
).optional();
const labelMap = setting(
  'labels that stand for a class, such as 4=positive,0=negative',
  { value: 'L=CLASS,…', many: 'list' },
  several(pair('LABEL=CLASS, such as 4=positive')),
).default([]);
const analyzer = setting(
  'how texts become features, such as river:ngrams=1-2',
  { value: 'NAME' },
  analyzerName,
).default('river');
const kind = setting(
  'kind of model with its options, such as multinomial:alpha=0.5',
  { value: 'KIND' },
  modelKind,
);
const model = kind.default('gtnb');
const thresholds = setting(
  'what must hold, such as rolling.accuracy>=0.6; may be repeated',
  { flag: 'threshold', value: 'RULE', many: 'repeat' },
  several(parsed(parseThreshold)),
).default([]);
const explain = setting(
  'words that explain each prediction; 0: none',
  { value: 'N' },
  integer(0, 100),
);
const untilEnd = setting('end at the end that was there at the start', {}, onOff()).default(false);

/** What the fold of a partition follows. */
const folding = {
  metricsEvery: setting(
    'scored records of a partition between two metrics records',
    { value: 'N' },
    integer(1),
  ).default(100),
  window: setting('rolling window, scored records', { value: 'N' }, integer(10, 1e6)).default(500),
  thresholds,
  wantLabels: setting(
    'share of the texts without a label whose label is asked for (wantLabel in their prediction), those that teach most; 0: none',
    { value: 'SHARE' },
    share(),
  ).default(0),
  labels: labels.default(['negative', 'positive']),
  labelMap,
  pendingMax: setting(
    'most texts that wait for their label, and labels for their text',
    { value: 'N' },
    integer(1),
  ).default(100_000),
  pendingTtl: setting(
    'how long they wait, in record time, such as 7d, 12h, 90m, 30s',
    { value: 'TIME', write: durationText },
    durationMs(),
  ).default(7 * 86_400_000),
  maxClasses: setting('most classes, declared ones included', { value: 'N' }, integer(2)).default(
    32,
  ),
};
const healthPort = setting(
  'port for /healthz, /readyz and /metrics (Prometheus); 0: any free one; default: none',
  { value: 'PORT' },
  integer(0, 65_535),
).optional();
/** Snapshots and what they make superfluous. */
const snapshotting = {
  snapshotEvery: setting(
    'KiB of deltas after which a snapshot is taken, and at least twice the size of the last snapshot',
    { value: 'KIB' },
    integer(1),
  ).default(16_384),
  keepDeltas: setting(
    'never delete deltas that a snapshot covers: for audits with valence verify',
    {},
    onOff(),
  ).default(false),
};
const learning = {
  partitions,
  model,
  challengers: setting(
    'another model on the same stream, as NAME=KIND; may be repeated',
    { flag: 'challenger', value: 'NAME=KIND', many: 'repeat', commas: true },
    several(challengerKind).superRefine((given, context) => {
      if (new Set(given.map(([name]) => name)).size === given.length) return;
      context.addIssue({ code: 'custom', message: 'expected each challenger name once' });
    }),
  ).default([]),
  analyzer,
  ...folding,
  ...snapshotting,
  healthPort,
  kafkaSessionTimeout: setting(
    'on Kafka: silence after which the partitions of a subscriber go to others, at least 6s unless the brokers allow less',
    { value: 'TIME', write: durationText },
    durationMs(),
  ).default(DEFAULT_SESSION_TIMEOUT_MS),
};

const field = (what: string, name: string) =>
  setting(what, { value: 'FIELD' }, notEmpty('a column name')).default(name);
const textField = field('column (or JSON field) of the text', 'text');
const labelField = field('column of the label', 'label');
const weightField = setting(
  `column of the weight of the label, 0 to ${MAX_WEIGHT}, for models with weights=on; default: none`,
  { value: 'FIELD' },
  notEmpty('a column name'),
).optional();
const modelName = setting(
  "model's name",
  { flag: 'model', value: 'NAME' },
  matching(NAME, 'a model name of 1 to 64 letters, digits, dots, dashes, _'),
).default('champion');
/** One model of the pipeline, and the order of its classes. */
const chosen = { ...every, modelName, labels: learnedLabels };
const importedLabels = setting(
  'classes of the new pipeline, worst to best; default: those of the file, with --weight else negative,positive',
  { value: 'A,B', many: 'list' },
  classNames,
).optional();
const rate = setting('records a second', { value: 'N' }, above(0)).optional();
const format = setting(
  'format of the file; default by its extension',
  { value: 'NAME' },
  oneOf(['ndjson', 'csv', 'tsv', 'text']),
).optional();
const file = setting('file to read, - for stdin', { value: 'FILE' }, notEmpty('a file name'));

/** The settings of each command, each group one zod object. */
export const COMMANDS = {
  start: z.object({
    ...every,
    data: file.optional(),
    once: setting('end when all is read', {}, onOff()).default(false),
    rate,
    text: textField,
    label: labelField,
    weightField,
    ...learning,
    explain: explain.default(3),
  }),
  publish: z.object({
    ...every,
    data: file.optional(),
    partitions,
    format,
    text: textField,
    label: labelField,
    weightField,
    id: field('column of the id; rows without one get <file>:<row>', 'id'),
    ts: field('column of the time, carried along', 'ts'),
    columns: setting(
      'further columns to send as attributes',
      { value: 'A,B', many: 'list' },
      several(notEmpty('a column name')),
    ).default([]),
    mask: setting(
      'what to mask in texts and attributes before sending',
      { value: 'KIND,…', many: 'list' },
      several(oneOf(MASK_KINDS)),
    ).default([]),
    rate,
    limit: setting('records to send at most', { value: 'N' }, integer(1)).optional(),
    skipLabels: setting('send texts without their labels', {}, onOff()).default(false),
    healthPort,
    labelDelay: setting(
      'send the label of row i after the text of row i+N, in a record of its own; 0: in the same record',
      { value: 'N' },
      integer(0, 10_000_000),
    ).default(0),
  }),
  subscribe: z.object({
    ...every,
    ...learning,
    explain: explain.default(0),
    untilEnd,
    skipDeleted: setting(
      'go on behind source records that were deleted before they were folded, in place of stopping',
      {},
      onOff(),
    ).default(false),
    scoreOnly: setting(
      'predict the source topic with a read-only replica of the model, learning nothing',
      {},
      onOff(),
    ).default(false),
  }),
  verify: z.object({ ...every, explain: explain.default(0), ...folding, labels: learnedLabels }),
  monitor: z.object({
    ...every,
    thresholds,
    healthPort,
    once: setting(
      'read to the end, print the report, exit 1 if a threshold fires',
      {},
      onOff(),
    ).default(false),
  }),
  label: z.object({
    ...every,
    key: setting('record key; default the id', { value: 'KEY' }, notEmpty('a key')).optional(),
    labelWeight: setting(
      `how much the label is trusted, 0 to ${MAX_WEIGHT}, where a line from stdin brings no weight; default 1`,
      { value: 'W' },
      upTo(MAX_WEIGHT, 0.25),
    ).optional(),
    withdraw: setting('take the label back instead of giving one', {}, onOff()).default(false),
  }),
  tail: z.object({
    ...every,
    from: setting(
      'where to begin: beginning, latest or an offset; default latest, with --until-end beginning',
      { value: 'PLACE' },
      matching(/^(?:beginning|latest|\d{1,15})$/, 'beginning, latest or an offset'),
    ).optional(),
    untilEnd,
    type: setting(
      'only results of this type: prediction, outcome, metrics, drift, alert',
      { value: 'TYPE' },
      oneOf(['prediction', 'outcome', 'metrics', 'drift', 'alert']),
    ).optional(),
    where: setting(
      'only records whose value has this, such as source.partition=0; may be repeated',
      { value: 'FIELD=VALUE', many: 'repeat', commas: true },
      several(pair('FIELD=VALUE, such as label=positive')),
    ).default([]),
  }),
  evaluate: z.object({
    ...every,
    models: setting(
      'kind of model to evaluate; may be repeated',
      { flag: 'model', value: 'KIND', many: 'repeat', commas: true },
      several(evaluatedKind),
    ).default(['gtnb']),
    labels: labels.optional(),
    labelMap,
    text: textField,
    label: labelField,
    weightField,
    format,
    delay: setting(
      'the label of row i is learned after row i+N was predicted',
      { value: 'N' },
      integer(0, 10_000_000),
    ).default(0),
    shuffle: setting(
      'rows in an order drawn with this seed, the file held in memory; default: as they stand',
      { value: 'SEED' },
      integer(0, 0xff_ff_ff_ff),
    ).optional(),
    report: setting(
      'HTML file to write with curves, reliability and the figures of each class; opens offline',
      { value: 'FILE' },
      notEmpty('a file name'),
    ).optional(),
    analyzer,
  }),
  replay: z.object({
    ...every,
    from: setting('where to begin: beginning', { value: 'PLACE' }, oneOf(['beginning'])).default(
      'beginning',
    ),
    model,
    labels: learnedLabels,
    labelMap,
    analyzer,
    maxClasses: folding.maxClasses,
  }),
  'model show': z.object({ ...every, labels: learnedLabels }),
  'model top': z.object(chosen),
  'model explain': z.object(chosen),
  'model export': z.object(chosen),
  'model compare': z.object(every),
  'model promote': z.object(every),
  'model rollback': z.object(every),
  'model import': z.object({
    ...every,
    modelName,
    labels: importedLabels,
    weight: setting(
      'share of the counts of a gtnb model that is taken over, above 0 and at most 1; default: the model whole',
      { value: 'SHARE' },
      share(),
    )
      .refine((weight) => weight > 0, 'expected a number above 0')
      .optional(),
  }),
  'model hash': z.object({
    ...every,
    modelName,
    carry: setting(
      'also hash what is no sum (metrics, detectors, waiting labels); give the settings of the subscriber',
      {},
      onOff(),
    ).default(false),
    ...folding,
    labels: learnedLabels,
  }),
  'model rebuild': z.object({
    ...every,
    model,
    challengers: learning.challengers,
    analyzer,
    ...folding,
    labels: learnedLabels,
    force: setting(
      'also when the source topic no longer holds the first records',
      {},
      onOff(),
    ).default(false),
  }),
  'topics check': z.object(every),
  'topics create': z.object({ ...every, partitions }),
  'topics describe': z.object(every),
  dlq: z.object(every),
  doctor: z.object({
    ...every,
    role: setting(
      'on Kafka: whose permissions to look for: subscriber, publisher, monitor, operator',
      { value: 'ROLE' },
      oneOf(['subscriber', 'publisher', 'monitor', 'operator']),
    ).default('subscriber'),
  }),
} as const satisfies Record<string, z.ZodObject>;

export type CommandName = keyof typeof COMMANDS;
export const COMMAND_NAMES: readonly CommandName[] = z.object(COMMANDS).keyof().options;
export type Config<C extends CommandName = CommandName> = z.output<(typeof COMMANDS)[C]>;
/** What every command has. */
export type CommonConfig = Config<'dlq'>;

/** A row of the table, as help and documents show it. */
export interface SettingRow {
  /** Key in a configuration file and in the typed configuration. */
  readonly key: string;
  /** With dashes. */
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
  /** Undefined: none. */
  readonly fallback: string | undefined;
  readonly info: SettingInfo;
  readonly schema: z.ZodType;
}

/** The settings of a command, in the order of its help. */
export function settingsOf(command: CommandName): readonly SettingRow[] {
  return Object.entries<z.ZodType>(COMMANDS[command].shape).map(([key, schema]) => {
    let inner: unknown = schema;
    let fallback: unknown;
    while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) {
      if (inner instanceof z.ZodDefault) fallback = inner.def.defaultValue;
      inner = inner.unwrap();
    }
    assert(
      inner instanceof z.ZodType && inner.description !== undefined,
      `${key} is not a setting`,
    );
    const info = registry.get(inner) ?? {};
    const { description } = inner;
    const flag = info.flag ?? kebab(key);
    return {
      key,
      flag: `--${flag}`,
      variable: `VALENCE_${flag.replaceAll('-', '_').toUpperCase()}`,
      description,
      fallback: fallback === undefined ? undefined : fallbackText(written(fallback, info), info),
      info,
      schema,
    };
  });
}

function fallbackText(fallback: string, { onKafka }: SettingInfo): string {
  return onKafka === undefined ? fallback : `${fallback}, on Kafka ${onKafka}`;
}

/** A value of a setting as it is written, secrets masked. */
export function written(value: unknown, { write, mask }: SettingInfo): string {
  if (typeof value === 'number' && write !== undefined) return write(value);
  const text = plain(value);
  return mask?.(text) ?? text;
}

/** A configured value on one line. */
export function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => plainItem(item)).join(',');
  return plainItem(value);
}

function plainItem(value: unknown): string {
  if (Array.isArray(value)) return value.join('=');
  if (typeof value === 'object' && value !== null)
    return 'rule' in value ? String(value.rule) : JSON.stringify(value);
  return String(value);
}

/** `metricsEvery` is `metrics-every`. */
export function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Variables by name; undefined: not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}
