/** `valence doctor`: what is wrong with this installation, log or pipeline, and how to mend it. Changes nothing. */
import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { strayVariables } from '../../config-sources.ts';
import { isValenceError } from '../../errors.ts';
import type { DiagnosisSubject, EventLog, Finding } from '../../ports/event-log.ts';
import { EXIT, hintOf } from '../../worker.ts';
import { CONTRACTS, type TopicNames, type TopicSuffix } from '../../../topics/index.ts';
import { command, namesOf, type CommandContext } from '../command.ts';
import { oneLine, type Palette } from '../display.ts';
import { byteCount, counted, duration } from '../numbers.ts';
import { checkTopics, fixOf, type CheckedTopic } from '../topic-check.ts';

type Context = CommandContext<'doctor'>;
type Role = Context['config']['role'];
type Uses = DiagnosisSubject['topics'][number]['uses'];

const OLDEST_NODE: readonly [number, number] = [20, 19];
/** Less free space than this stops writing soon, bytes. */
const LITTLE_SPACE = 1e9;
const NO_SPACE = 50e6;
/** Below the reach of the model topic nothing can be restored, so lag is shown from the first record on. */
const MUCH_LAG = 100_000;
/** A record that is this far ahead of our clock was stamped by another clock, ms. */
const CLOCKS_APART_MS = 5000;
/** Offsets at the end of a partition among which the newest record is looked for. */
const LAST_RECORDS = 4;
/** Dead letters are counted up to this. */
const MOST_COUNTED = 1000;
/** Partitions whose positions are listed one by one. */
const MOST_LISTED = 16;
/** Fewer copies in sync than this, and a lost broker may take records along. */
const WANTED_IN_SYNC = 2;

/** What each kind of worker does with the topics of a pipeline. */
const USES: Readonly<Record<Role, Readonly<Record<TopicSuffix, Uses>>>> = {
  subscriber: {
    source: ['read'],
    results: ['read', 'write'],
    model: ['read', 'write', 'trim'],
    snapshots: ['read', 'write'],
    dlq: ['write'],
  },
  publisher: { source: ['write'], results: [], model: [], snapshots: [], dlq: ['write'] },
  monitor: { source: [], results: ['read'], model: ['read'], snapshots: ['read'], dlq: [] },
  // `topics create`, `dlq …` and `model compare|promote|rollback`.
  operator: {
    source: ['create', 'write'],
    results: ['create', 'read'],
    model: ['create', 'read', 'write'],
    snapshots: ['create', 'read'],
    dlq: ['create', 'read', 'trim'],
  },
};

export const doctorCommand = command({
  name: 'doctor',
  settings: 'doctor',
  summary: 'check Node, disk, log, brokers, permissions, topics and lag; exit 1 on errors',
  details: 'Looks, and changes nothing. What it cannot see for lack of a permission it leaves out.',
  examples: [
    ['doctor', 'findings, each with its fix'],
    ['doctor --log sqlite:/data/log.db --json', 'for another log, a JSON line each'],
    ['doctor --log kafka://broker:9092 --role publisher', 'may this user publish?'],
  ],
  run: async (context) => {
    const { out } = context;
    const findings = [
      checkNode(process.versions.node),
      ...checkEnvironment(context),
      ...(await checkDisk(context.config.log)),
      ...(await checkLog(context)),
    ];
    if (out.json) await out.values(findings);
    else await out.lines(findings.flatMap((finding) => findingLines(finding, out.colors)));
    return findings.some(({ state }) => state === 'error') ? EXIT.failed : EXIT.done;
  },
});

export function findingLines({ check, state, finding, fix }: Finding, colors: Palette): string[] {
  const marks = { ok: colors.green('✓'), warning: colors.yellow('!'), error: colors.red('✗') };
  const line = `${marks[state]} ${check.padEnd(12)} ${oneLine(finding)}`;
  return fix === undefined
    ? [line]
    : [line, `  ${' '.repeat(12)} ${colors.dim('→')} ${oneLine(fix)}`];
}

/** @param version such as `20.19.0` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))
    return { check: 'node', state: 'ok', finding: version };
  return {
    check: 'node',
    state: 'error',
    finding: version,
    fix: `install Node ${OLDEST_NODE.join('.')} or newer`,
  };
}

function checkEnvironment({ surroundings }: Context): Finding[] {
  return strayVariables(surroundings.environment).map((sentence) => ({
    check: 'environment',
    state: 'warning',
    finding: sentence,
    fix: 'correct the name, or unset it; `valence config` shows what holds',
  }));
}

/** Free space where the log's file is, or would be. */
async function checkDisk(url: string): Promise<Finding[]> {
  const path = /^sqlite:(?<path>[^?]+)/.exec(url)?.groups?.['path'];
  if (path === undefined) return [];
  const file = resolve(path.replace(/^\/\/(?=\/)/, ''));
  let folder = dirname(file);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const size = existsSync(file) ? `, the log takes ${byteCount((await stat(file)).size)}` : '';
  const finding = `${byteCount(free)} free in ${folder}${size}`;
  if (free >= LITTLE_SPACE) return [{ check: 'disk', state: 'ok', finding }];
  const state = free < NO_SPACE ? 'error' : 'warning';
  return [{ check: 'disk', state, finding, fix: 'free some space, or move the log with --log' }];
}

async function checkLog(context: Context): Promise<Finding[]> {
  const { config, surroundings } = context;
  let log: EventLog | undefined;
  try {
    // This command changes nothing: it makes no log either.
    const opened = await surroundings.openLog(config.log, { existing: true });
    log = opened;
    const subject = await subjectOf(config);
    return [
      { check: 'log', state: 'ok', finding: `${opened.url} opens` },
      ...(await orFinding('log', async () => (await opened.diagnose?.(subject)) ?? [])),
      ...(await orFinding('topic', () => checkPipeline(context, opened))),
    ];
  } catch (error) {
    return [(log === undefined ? noLog(config.log, error) : undefined) ?? failure('log', error)];
  } finally {
    await log?.close();
  }
}

/** That there is no log yet, if that is what the error says. */
function noLog(url: string, error: unknown): Finding | undefined {
  if (!isValenceError(error) || error.code !== 'NOT_FOUND') return undefined;
  const isEmpty = error.fields['empty'] === true;
  return {
    check: 'log',
    state: 'warning',
    finding: isEmpty ? `${url} is an empty file and no log yet` : `${url} does not exist yet`,
    fix: `\`valence start\`, or \`valence publish FILE\`, ${isEmpty ? 'makes one of it' : 'creates it'}; or choose another with --log`,
  };
}

/** What the checks find, or that they cannot be made. */
async function orFinding(
  check: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [failure(check, error)];
  }
}

function failure(check: string, error: unknown): Finding {
  if (!isValenceError(error)) throw error;
  const { finding, fix } = error.fields;
  const state = 'error';
  if (typeof finding === 'string' && typeof fix === 'string')
    return { check, state, finding: `${error.code}: ${finding}`, fix };
  return {
    check,
    state,
    finding: `${error.code}: ${error.message}`,
    fix: hintOf(error) ?? 'correct the setting',
  };
}

async function subjectOf(config: Context['config']): Promise<DiagnosisSubject> {
  const { role, pipeline } = config;
  const names = namesOf(config);
  const folds = role === 'subscriber';
  const topics = CONTRACTS.map(({ suffix }) => ({ name: names[suffix], uses: USES[role][suffix] }));
  return {
    topics,
    group: await groupOf(pipeline),
    joins: folds,
    transactionalId: folds ? `${pipeline}.fold` : undefined,
  };
}

async function groupOf(pipeline: string): Promise<string> {
  const { subscriberGroup } = await import('../../pipeline/subscriber.ts');
  return subscriberGroup(pipeline);
}

async function checkPipeline(
  { config, surroundings }: Context,
  log: EventLog,
): Promise<readonly Finding[]> {
  const names = namesOf(config);
  const uses = USES[config.role];
  const suffixes = CONTRACTS.map(({ suffix }) => suffix).filter(
    (suffix) => uses[suffix].length > 0,
  );
  const topics = await checkTopics(log, names, suffixes);
  const found = [...topics.map(topicFinding), ...inSyncFindings(topics)];
  // Others may not be allowed to look at the group and into the source.
  if (config.role !== 'subscriber') return found;
  const source = topics.find(({ suffix }) => suffix === 'source');
  const dead = topics.find(({ suffix }) => suffix === 'dlq');
  const committed =
    source?.description === undefined
      ? []
      : await log.committed(await groupOf(config.pipeline), names.source);
  const now = surroundings.now();
  const waiting = source === undefined ? undefined : await oldestWaiting(log, source, committed);
  return [
    ...found,
    ...(source === undefined
      ? []
      : lagFindings(source, committed, waiting === undefined ? undefined : now - waiting)),
    ...(await clockFindings(log, names, topics, now)),
    ...(dead === undefined ? [] : await deadLetterFindings(log, dead)),
  ];
}

/** Timestamp of the oldest record that is not folded yet, ms since the epoch. */
async function oldestWaiting(
  log: EventLog,
  { name, description }: CheckedTopic,
  committed: readonly (number | undefined)[],
): Promise<number | undefined> {
  const times: number[] = [];
  for (const [partition, { start, end }] of (description?.partitions ?? []).entries()) {
    const from = Math.max(start, committed[partition] ?? 0);
    if (from >= end) continue;
    const { records } = await log.read(name, partition, { from, maxRecords: 1 });
    times.push(...records.map(({ timestamp }) => timestamp));
  }
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Records carry the clocks of those who wrote them; one from the future shows that clocks differ. */
async function clockFindings(
  log: EventLog,
  names: TopicNames,
  topics: readonly CheckedTopic[],
  now: number,
): Promise<Finding[]> {
  let newest: { readonly timestamp: number; readonly place: string } | undefined;
  for (const { name, suffix, description } of topics)
    if (suffix === 'source' || suffix === 'model')
      for (const [partition, { start, end }] of (description?.partitions ?? []).entries()) {
        // The last offsets may be no records but ends of transactions.
        const from = Math.max(start, end - LAST_RECORDS);
        if (from >= end) continue;
        const { records } = await log.read(names[suffix], partition, { from });
        for (const { timestamp } of records)
          if (newest === undefined || timestamp > newest.timestamp)
            newest = { timestamp, place: `${name}/${partition}` };
      }
  if (newest === undefined) return [];
  const check = 'clock';
  const ahead = newest.timestamp - now;
  if (ahead < CLOCKS_APART_MS)
    return [{ check, state: 'ok', finding: 'no record is from the future' }];
  return [
    {
      check,
      state: 'warning',
      finding: `a record of ${newest.place} is ${duration(Math.ceil(ahead / 1000) * 1000)} ahead of this clock`,
      fix: 'set the clocks of this machine and of those that write, by NTP',
    },
  ];
}

export function topicFinding(topic: CheckedTopic): Finding {
  const { name, status, broken, differences, description } = topic;
  const check = 'topic';
  const fix = fixOf(topic);
  if (fix === undefined) {
    const partitions = description?.partitions ?? [];
    const records = partitions.reduce((sum, { start, end }) => sum + end - start, 0);
    const finding = `${name}: ${counted(partitions.length, 'partition')}, ${counted(records, recordWord(description))}`;
    return { check, state: 'ok', finding };
  }
  if (status === 'missing')
    return { check, state: 'warning', finding: `${name} does not exist yet`, fix };
  return {
    check,
    state: broken ? 'error' : 'warning',
    finding: `${name}: ${differences.join('; ')}`,
    fix,
  };
}

/** Brokers count the ends of transactions as offsets too; a file does not. */
function recordWord(description: CheckedTopic['description']): string {
  return description?.replicas === undefined ? 'record' : 'offset';
}

/** How many copies must have a record before it counts as written. Seen only where the settings are. */
function inSyncFindings(topics: readonly CheckedTopic[]): Finding[] {
  const setting = 'min.insync.replicas';
  const few = topics.filter(({ description }) => {
    const least = new Map(Object.entries(description?.settings ?? {})).get(setting);
    return least !== undefined && Number(least) < WANTED_IN_SYNC;
  });
  if (few.length === 0) return [];
  return [
    {
      check: 'replicas',
      state: 'warning',
      finding: `${setting} is below ${WANTED_IN_SYNC} for ${few.map(({ name }) => name).join(', ')}: what was acknowledged may be lost with one broker`,
      fix: `fine for trials; else three copies and ${setting}=${WANTED_IN_SYNC}`,
    },
  ];
}

/**
 * How far the subscribers are behind, and whether records they need are gone.
 *
 * @param waitingMs how long the oldest record has been waiting
 */
export function lagFindings(
  { name, description }: Pick<CheckedTopic, 'name' | 'description'>,
  committed: readonly (number | undefined)[],
  waitingMs?: number,
): Finding[] {
  const partitions = description?.partitions ?? [];
  const lost = partitions.flatMap(({ start }, partition) => {
    const position = committed[partition];
    return position !== undefined && position < start
      ? [
          `${name}/${partition}: ${counted(start - position, 'record was', 'records were')} deleted before they were folded`,
        ]
      : [];
  });
  const errors = lost.map((finding): Finding => ({
    check: 'source',
    state: 'error',
    finding,
    fix: 'begin anew under another --pipeline',
  }));
  if (partitions.length === 0) return errors;
  const lag = partitions.reduce(
    (sum, { start, end }, partition) =>
      sum + Math.max(0, end - Math.max(start, committed[partition] ?? 0)),
    0,
  );
  const since =
    lag > 0 && waitingMs !== undefined
      ? `, the oldest for ${duration(Math.max(1, Math.round(waitingMs / 1000)) * 1000)}`
      : '';
  const none = committed.every((position) => position === undefined);
  const finding =
    none && lag > 0
      ? `${counted(lag, 'record')}, none folded yet${since}`
      : `${counted(lag, 'record')} behind${since}${positionsText(partitions, committed)}`;
  if (lag < MUCH_LAG) return [...errors, { check: 'lag', state: 'ok', finding }];
  const fix = 'start a subscriber, or one more a partition';
  return [...errors, { check: 'lag', state: 'warning', finding, fix }];
}

/** ` (0: 40 of 42, 1: 7 of 7)`; of one partition the lag says all. */
function positionsText(
  partitions: readonly { readonly end: number }[],
  committed: readonly (number | undefined)[],
): string {
  if (partitions.length < 2 || partitions.length > MOST_LISTED) return '';
  const places = partitions.map(
    ({ end }, partition) => `${partition}: ${committed[partition] ?? '-'} of ${end}`,
  );
  return ` (${places.join(', ')})`;
}

async function deadLetterFindings(
  log: EventLog,
  { name, description }: CheckedTopic,
): Promise<Finding[]> {
  let letters = 0;
  try {
    for (const [partition, { start, end }] of (description?.partitions ?? []).entries())
      letters += await countRecords(log, name, partition, start, end);
  } catch (error) {
    // A subscriber writes dead letters and need not be allowed to read them.
    if (!isValenceError(error) || error.code !== 'CONFIG_INVALID') throw error;
  }
  if (letters === 0) return [];
  const finding = `${letters > MOST_COUNTED ? 'more than ' : ''}${counted(Math.min(letters, MOST_COUNTED), 'record')} could not be folded`;
  const fix = '`valence dlq list` says why; `dlq replay` after mending, or `dlq drop`';
  return [{ check: 'dead letters', state: 'warning', finding, fix }];
}

/** Records of a partition, up to somewhat more than are counted: offsets alone do not tell, since some are ends of transactions. */
async function countRecords(
  log: EventLog,
  topic: string,
  partition: number,
  start: number,
  end: number,
): Promise<number> {
  let found = 0;
  let from = start;
  while (from < end && found <= MOST_COUNTED) {
    const { records, next } = await log.read(topic, partition, { from, maxRecords: 500 });
    found += records.length;
    if (next === from) break;
    from = next;
  }
  return found;
}
