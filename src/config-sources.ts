/**
 * Where the values of settings come from, and which one wins:
 *
 *   flag  >  environment  >  --env-file  >  --config FILE  >  default
 *
 * Pure but for {@link loadSources}, which reads the two files, and the files that KAFKA_… variables name. Everything that is wrong is said in one CONFIG_INVALID, a line
 * each: where it stands, what was expected, what came.
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import {
  COMMAND_NAMES,
  kebab,
  settingsOf,
  written,
  type CommandName,
  type Config,
  type Environment,
  type SettingRow,
} from './config.ts';
import { didYouMean, nearest, shown } from './config-values.ts';
import { isValenceError, ValenceError } from './errors.ts';
import { resolveKafka, type ResolvedKafka } from './config-kafka.ts';
import { isKafkaUrl, type KafkaOptions } from './kafka-settings.ts';

/** Flags by key, as the command line parser gives them: a string, a list of them, or true. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Sources {
  readonly flags: Flags;
  readonly environment: Environment;
  /** Variables of `--env-file`. */
  readonly envFile?: { readonly path: string; readonly variables: Environment };
  /** Content of `--config`. */
  readonly file?: { readonly path: string; readonly content: unknown };
}

/** Where a value came from, in words: `--window`, `VALENCE_WINDOW`, `VALENCE_WINDOW in prod.env`, `valence.json`, `default`. */
export type Origin = string;

export interface Resolved<C extends CommandName> {
  readonly config: Config<C>;
  /** By key. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** How a log on Kafka is reached; undefined: the log is none. */
  readonly kafka: KafkaOptions | undefined;
}

type Raw = string | readonly string[];
interface Found {
  readonly raw: Raw;
  readonly origin: Origin;
}

const DEFAULT: Origin = 'default';
/** Variables that begin with VALENCE_ and are no setting. */
const OTHER_VARIABLES = new Set(['VALENCE_CONFIG', 'VALENCE_ENV_FILE', 'VALENCE_CRASH_AT']);

/**
 * The configuration of one command.
 *
 * @throws CONFIG_INVALID with every problem, a line each
 */
export function resolveConfig<C extends CommandName>(command: C, sources: Sources): Resolved<C> {
  const problems = fileProblems(sources);
  const values: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const row of settingsOf(command)) {
    const found = find(row, sources, problems);
    origins.set(row.key, found?.origin ?? DEFAULT);
    // The log is the first setting of each command.
    const byLog = isOnKafka(values) ? row.info.onKafka : undefined;
    const result = row.schema.safeParse(found?.raw ?? byLog);
    if (result.success) {
      if (result.data !== undefined) values[row.key] = result.data;
    } else
      for (const { message } of result.error.issues)
        problems.push(`${found?.origin ?? row.flag}: ${hideSecret(message, found?.raw, row)}`);
  }
  if (problems.length === 0) problems.push(...crossProblems(values));
  const kafka = kafkaOf(values, origins, sources);
  problems.push(...(kafka?.problems ?? []));
  if (problems.length > 0) throw invalid(problems);
  if (typeof values['log'] === 'string')
    values['log'] = values['log'].replace('<pipeline>', String(values['pipeline']));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was parsed by the schema of its key
  return { config: values as Config<C>, origins, kafka: kafka?.options };
}

function isOnKafka({ log }: Readonly<Record<string, unknown>>): boolean {
  return typeof log === 'string' && isKafkaUrl(log);
}

/** The variables of Kafka's tools, for a log on Kafka only. */
function kafkaOf(
  values: Readonly<Record<string, unknown>>,
  origins: ReadonlyMap<string, Origin>,
  sources: Sources,
): ResolvedKafka | undefined {
  if (!isOnKafka(values)) return undefined;
  const { log, kafkaSessionTimeout } = values;
  const { options, ...rest } = resolveKafka(String(log), origins.get('log') ?? DEFAULT, sources);
  if (typeof kafkaSessionTimeout !== 'number') return { options, ...rest };
  return { options: { ...options, sessionTimeoutMs: kafkaSessionTimeout }, ...rest };
}

/** A value of `valence config`, and the commands that use it. */
export interface ExplainedSetting {
  readonly key: string;
  /** Undefined: a variable of Kafka's tools, for which there is no flag. */
  readonly flag: string | undefined;
  readonly variable: string;
  /** Secrets masked; undefined: not set. */
  readonly value: string | undefined;
  readonly origin: Origin;
  readonly commands: readonly CommandName[];
}

/**
 * Every setting with where its value came from.
 *
 * @throws CONFIG_INVALID with the problems of all commands together
 */
export function explainConfig(sources: Sources): readonly ExplainedSetting[] {
  const rows = new Map<string, ExplainedSetting>();
  const problems = new Set<string>();
  for (const command of COMMAND_NAMES) {
    try {
      const { config, origins } = resolveConfig(command, sources);
      const values = new Map<string, unknown>(Object.entries(config));
      for (const { key, flag, variable, info } of settingsOf(command)) {
        const given = values.get(key);
        const value = given === undefined ? undefined : written(given, info);
        const origin = origins.get(key) ?? DEFAULT;
        const id = JSON.stringify([flag, value, origin]);
        const commands = [...(rows.get(id)?.commands ?? []), command];
        rows.set(id, { key, flag, variable, value, origin, commands });
      }
    } catch (error) {
      if (!isValenceError(error)) throw error;
      for (const line of error.message.split('\n')) problems.add(line);
    }
  }
  if (problems.size > 0) throw invalid([...problems]);
  return [...rows.values(), ...explainKafka(sources)];
}

function explainKafka(sources: Sources): readonly ExplainedSetting[] {
  const { config, origins } = resolveConfig('dlq', sources);
  const values = new Map<string, unknown>(Object.entries(config));
  const { variables = [] } = kafkaOf(Object.fromEntries(values), origins, sources) ?? {};
  return variables.map((row) => ({
    ...row,
    key: row.variable,
    flag: undefined,
    commands: COMMAND_NAMES,
  }));
}

/** VALENCE_… variables that are no setting but look like one, as sentences. */
export function strayVariables(environment: Environment): readonly string[] {
  const known = new Set(
    COMMAND_NAMES.flatMap((command) => settingsOf(command).map(({ variable }) => variable)),
  );
  return Object.keys(environment)
    .filter((name) => name.startsWith('VALENCE_') && !known.has(name) && !OTHER_VARIABLES.has(name))
    .flatMap((name) => {
      const near = nearest(name, known);
      return near.length === 0 ? [] : [`${name} is no setting.${didYouMean(near)}`];
    });
}

/**
 * Reads `--env-file` and `--config`, or VALENCE_ENV_FILE and VALENCE_CONFIG.
 *
 * @throws CONFIG_INVALID a file cannot be read or is no JSON object
 */
export function loadSources(flags: Flags, environment: Environment): Sources {
  const envPath = pathOf(flags['envFile'] ?? environment['VALENCE_ENV_FILE']);
  const envFile =
    envPath === undefined
      ? undefined
      : { path: envPath, variables: { ...parseEnv(readText(envPath, '--env-file')) } };
  const path = pathOf(
    flags['config'] ?? environment['VALENCE_CONFIG'] ?? envFile?.variables['VALENCE_CONFIG'],
  );
  const file =
    path === undefined ? undefined : { path, content: readJson(readText(path, '--config'), path) };
  return {
    flags,
    environment,
    ...(envFile === undefined ? {} : { envFile }),
    ...(file === undefined ? {} : { file }),
  };
}

function find(row: SettingRow, sources: Sources, problems: string[]): Found | undefined {
  const flag = sources.flags[row.key];
  if (flag !== undefined) return { raw: fromFlag(flag, row), origin: row.flag };
  const variable = sources.environment[row.variable];
  if (isGiven(variable)) return { raw: fromVariable(variable, row), origin: row.variable };
  const { envFile, file } = sources;
  const kept = envFile?.variables[row.variable];
  if (envFile !== undefined && isGiven(kept))
    return { raw: fromVariable(kept, row), origin: `${row.variable} in ${envFile.path}` };
  const content = isObject(file?.content) ? file.content : {};
  const entry = fileKeys(row)
    .map((key) => entryOf(content, key))
    .find((value) => value !== undefined);
  if (file === undefined || entry === undefined) return undefined;
  const origin = `${kebab(row.key)} in ${file.path}`;
  const raw = fromFile(entry, row);
  if (raw === undefined) problems.push(`${origin}: expected a text, number or list of them`);
  return raw === undefined ? undefined : { raw, origin };
}

function fromFlag(flag: unknown, { info }: SettingRow): Raw {
  const all = [flag].flat().map(String);
  if (info.many === undefined) return all.at(-1) ?? '';
  return info.many === 'list' ? all.flatMap(atCommas) : all;
}

/** An empty variable counts as not set: that is how compose files pass on what nobody gave. */
function isGiven(variable: string | undefined): variable is string {
  return variable !== undefined && variable.trim() !== '';
}

function fromVariable(variable: string, { info }: SettingRow): Raw {
  if (info.many === undefined) return variable;
  if (info.many === 'repeat' && (info.commas === true || variable.includes('\n')))
    return variable
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  return atCommas(variable);
}

function fromFile(entry: unknown, { info }: SettingRow): Raw | undefined {
  if (Array.isArray(entry)) {
    const items = entry.filter(isScalar).map(String);
    return info.many !== undefined && items.length === entry.length ? items : undefined;
  }
  if (isObject(entry) && info.many !== undefined) {
    const pairs = Object.entries(entry);
    return pairs.every(([, value]) => isScalar(value))
      ? pairs.map(([name, value]) => `${name}=${String(value)}`)
      : undefined;
  }
  if (!isScalar(entry)) return undefined;
  const text = String(entry);
  if (info.many === undefined) return text;
  return info.many === 'list' ? atCommas(text) : [text];
}

function atCommas(text: string): string[] {
  return text.split(/[,\n]/).map((item) => item.trim());
}

/** How a file may call a setting: by its key in camel or kebab case; repeated ones by their flag, in the singular, too. */
function fileKeys({ key, flag, info }: SettingRow): readonly string[] {
  return [key, kebab(key), ...(info.many === undefined ? [] : [flag.slice(2)])];
}

/** Unknown keys of the file, with those that are near. */
function fileProblems({ file }: Sources): string[] {
  if (!isObject(file?.content)) return [];
  const known = new Set(COMMAND_NAMES.flatMap((command) => settingsOf(command).flatMap(fileKeys)));
  return Object.keys(file.content)
    .filter((key) => !known.has(key))
    .map((key) => {
      const near = nearest(
        kebab(key),
        [...known].filter((name) => name === kebab(name)),
      );
      return `${file.path}: no setting is called ${shown(key)}.${didYouMean(near)}`;
    });
}

function crossProblems(values: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  const { labels, maxClasses, labelDelay, skipLabels } = values;
  if (Array.isArray(labels) && typeof maxClasses === 'number' && labels.length > maxClasses)
    problems.push(`--labels: ${labels.length} classes are more than --max-classes ${maxClasses}`);
  if (typeof labelDelay === 'number' && labelDelay > 0 && skipLabels === true)
    problems.push('--label-delay: sends labels, --skip-labels leaves them out; give one of them');
  return problems;
}

/** A message may quote what came, and cut it short; a value that is masked when shown is masked before that. */
function hideSecret(message: string, raw: Raw | undefined, { info }: SettingRow): string {
  if (info.mask === undefined || typeof raw !== 'string') return message;
  return message.replaceAll(shown(raw.trim()), shown(info.mask(raw.trim())));
}

function pathOf(given: unknown): string | undefined {
  return typeof given === 'string' && given.trim() !== '' ? given : undefined;
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = isObject(cause) && cause['code'] === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new ValenceError(
      'CONFIG_INVALID',
      `${flag}: the file ${shown(path)} ${why}`,
      { path },
      {
        cause,
      },
    );
  }
}

function readJson(content: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new ValenceError(
      'CONFIG_INVALID',
      `--config: ${shown(path)} is no JSON`,
      { path },
      {
        cause,
      },
    );
  }
  if (isObject(value)) return value;
  const message = `--config: expected a JSON object with settings in ${shown(path)}`;
  throw new ValenceError('CONFIG_INVALID', message, { path });
}

function entryOf(content: Readonly<Record<string, unknown>>, key: string): unknown {
  const value = Object.hasOwn(content, key) ? content[key] : undefined;
  return value === null ? undefined : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function invalid(problems: readonly string[]): ValenceError {
  return new ValenceError('CONFIG_INVALID', problems.join('\n'), { problems: problems.length });
}
