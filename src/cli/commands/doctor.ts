/** `valence doctor`: what is wrong with this installation, log or pipeline, and how to mend it. Changes nothing. */
import { existsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { strayVariables } from '../../config-sources.ts';
import { isValenceError } from '../../errors.ts';
import { subscriberGroup } from '../../pipeline/subscriber.ts';
import type { EventLog } from '../../ports/event-log.ts';
import { EXIT, hintOf } from '../../worker.ts';
import { command, namesOf, type CommandContext } from '../command.ts';
import { oneLine, type Palette } from '../display.ts';
import { byteCount, count } from '../numbers.ts';
import { checkTopics, type CheckedTopic } from '../topic-check.ts';

type Context = CommandContext<'doctor'>;

export interface Finding {
  readonly check: string;
  /** `broken` stops the pipeline; `warning` may; `ok` is fine. */
  readonly state: 'ok' | 'warning' | 'broken';
  readonly finding: string;
  /** What to do; only where something is. */
  readonly fix?: string;
}

const OLDEST_NODE: readonly [number, number] = [20, 19];
/** Less free space than this stops writing soon, bytes. */
const LITTLE_SPACE = 1e9;
const NO_SPACE = 50e6;
/** Below the reach of the model topic nothing can be restored, so lag is shown from the first record on. */
const MUCH_LAG = 100_000;

export const doctorCommand = command({
  name: 'doctor',
  settings: 'doctor',
  summary: 'check Node, disk, log, topics and lag; exit 1 if something is broken',
  examples: [
    ['doctor', 'findings, each with its fix'],
    ['doctor --log sqlite:/data/log.db --json', 'for another log, a JSON line each'],
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
    return findings.some(({ state }) => state === 'broken') ? EXIT.failed : EXIT.done;
  },
});

export function findingLines({ check, state, finding, fix }: Finding, colors: Palette): string[] {
  const marks = { ok: colors.green('✓'), warning: colors.yellow('!'), broken: colors.red('✗') };
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
    state: 'broken',
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
  const state = free < NO_SPACE ? 'broken' : 'warning';
  return [{ check: 'disk', state, finding, fix: 'free some space, or move the log with --log' }];
}

async function checkLog(context: Context): Promise<Finding[]> {
  const { config, surroundings } = context;
  const file = /^sqlite:(?<path>[^?]+)/.exec(config.log)?.groups?.['path'];
  // Opening would create the file, and this command changes nothing.
  if (file !== undefined && !existsSync(file.replace(/^\/\/(?=\/)/, '')))
    return [
      {
        check: 'log',
        state: 'warning',
        finding: `${config.log} does not exist yet`,
        fix: '`valence start`, or `valence publish FILE`, creates it',
      },
    ];
  let log: EventLog | undefined;
  try {
    log = await surroundings.openLog(config.log);
    return [
      { check: 'log', state: 'ok', finding: `${log.url} opens` },
      ...(await checkPipeline(context, log)),
    ];
  } catch (error) {
    if (!isValenceError(error)) throw error;
    const fix = hintOf(error) ?? 'correct the setting';
    return [{ check: 'log', state: 'broken', finding: `${error.code}: ${error.message}`, fix }];
  } finally {
    await log?.close();
  }
}

async function checkPipeline({ config }: Context, log: EventLog): Promise<Finding[]> {
  const names = namesOf(config);
  const topics = await checkTopics(log, names);
  const source = topics.find(({ suffix }) => suffix === 'source');
  const dead = topics.find(({ suffix }) => suffix === 'dlq');
  const committed =
    source?.description === undefined
      ? []
      : await log.committed(subscriberGroup(config.pipeline), names.source);
  return [
    ...topics.map(topicFinding),
    ...(source === undefined ? [] : lagFindings(source, committed)),
    ...(dead === undefined ? [] : deadLetterFindings(dead)),
  ];
}

export function topicFinding({
  name,
  status,
  broken,
  differences,
  description,
}: CheckedTopic): Finding {
  const check = 'topic';
  if (status === 'missing')
    return {
      check,
      state: 'warning',
      finding: `${name} does not exist yet`,
      fix: '`valence topics create` makes it, and so does a subscriber',
    };
  if (status === 'ok') {
    const partitions = description?.partitions ?? [];
    const records = partitions.reduce((sum, { start, end }) => sum + end - start, 0);
    const of = partitions.length === 1 ? 'partition' : 'partitions';
    return {
      check,
      state: 'ok',
      finding: `${name}: ${count(partitions.length)} ${of}, ${count(records)} records`,
    };
  }
  return {
    check,
    state: broken ? 'broken' : 'warning',
    finding: `${name}: ${differences.join('; ')}`,
    fix: broken
      ? 'use another --pipeline, or make the topics anew with as many partitions'
      : 'make the topic anew, or live with it',
  };
}

/** How far the subscribers are behind, and whether records they need are gone. */
export function lagFindings(
  { name, description }: Pick<CheckedTopic, 'name' | 'description'>,
  committed: readonly (number | undefined)[],
): Finding[] {
  const partitions = description?.partitions ?? [];
  const lost = partitions.flatMap(({ start }, partition) => {
    const position = committed[partition];
    return position !== undefined && position < start
      ? [
          `${name}/${partition}: ${count(start - position)} records were deleted before they were folded`,
        ]
      : [];
  });
  const broken = lost.map((finding): Finding => ({
    check: 'source',
    state: 'broken',
    finding,
    fix: 'begin anew under another --pipeline',
  }));
  if (partitions.length === 0) return broken;
  const lag = partitions.reduce(
    (sum, { start, end }, partition) =>
      sum + Math.max(0, end - Math.max(start, committed[partition] ?? 0)),
    0,
  );
  const finding =
    committed.every((position) => position === undefined) && lag > 0
      ? `${count(lag)} records, none folded yet`
      : `${count(lag)} records behind`;
  if (lag < MUCH_LAG) return [...broken, { check: 'lag', state: 'ok', finding }];
  const fix = 'start a subscriber, or one more a partition';
  return [...broken, { check: 'lag', state: 'warning', finding, fix }];
}

function deadLetterFindings({ description }: CheckedTopic): Finding[] {
  const partitions = description?.partitions ?? [];
  const letters = partitions.reduce((sum, { start, end }) => sum + end - start, 0);
  if (letters === 0) return [];
  return [
    {
      check: 'dead letters',
      state: 'warning',
      finding: `${count(letters)} ${letters === 1 ? 'record' : 'records'} could not be folded`,
      fix: '`valence dlq list` says why; `dlq replay` after mending, or `dlq drop`',
    },
  ];
}
