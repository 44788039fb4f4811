/**
 * Rounds of the kill campaign: each kills real processes at named points and at random instants until the work is done, and then
 * compares the log with one that nobody disturbed. A round returns its number of kills; it throws on the first difference.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { TOPICS, PIPELINE } from './kill-campaign.ts';
import {
  awkwardStream,
  copyLog,
  dump,
  dumpResults,
  modelState,
  runKilled,
  runOnce,
  writeNdjson,
  writeSource,
  type Death,
} from './kill-campaign.ts';

const SUBSCRIBER_POINTS = ['staged', 'committed', 'merged'] as const;
const PUBLISHER_POINTS = ['read', 'appended'] as const;

/** Deaths of one round: first one at each named point, where there is always work in hand, the others at any instant too. */
function deaths(
  random: () => number,
  points: readonly string[],
  spanMs: number,
  most: number,
): (attempt: number) => Death {
  const first = Math.floor(random() * points.length);
  return (attempt) => {
    if (attempt >= most) return undefined;
    const point = points[(first + attempt) % points.length] ?? '';
    if (attempt < points.length) return { at: point };
    if (random() < 0.3) return { at: `${point}:${1 + Math.floor(random() * 2)}` };
    return { afterMs: 150 + Math.floor(random() * spanMs) };
  };
}

const subscribeTo = (file: string): readonly string[] => [
  'subscribe',
  '--until-end',
  // A small table: it is made and hashed often.
  '--model',
  'gtnb:bits=12',
  '--pipeline',
  PIPELINE,
  '--log',
  `sqlite:${file}`,
  '--log-level',
  'error',
];

/** A source log and what an undisturbed subscriber makes of it. */
export interface Reference {
  readonly source: string;
  readonly results: readonly string[];
  readonly deadLetters: readonly string[];
  readonly model: unknown;
}

export async function makeReference(dir: string, copies: number, seed: number): Promise<Reference> {
  const source = join(dir, 'source.db');
  await writeSource(source, awkwardStream(copies, seed));
  const whole = join(dir, 'whole.db');
  copyLog(source, whole);
  const end = await runOnce(subscribeTo(whole), dir, undefined);
  assert.equal(end.code, 0, end.stderr);
  return {
    source,
    results: await dumpResults(whole),
    deadLetters: await dump(whole, TOPICS.dlq),
    model: await modelState(whole),
  };
}

async function expectSame(file: string, reference: Reference): Promise<void> {
  assert.deepEqual(await dumpResults(file), reference.results, 'results differ');
  assert.deepEqual(await dump(file, TOPICS.dlq), reference.deadLetters, 'dead letters differ');
  assert.deepEqual(await modelState(file), reference.model, 'model or carry differs');
}

/** One subscriber, killed `kills` times at most, on a copy of the reference's source. */
export async function subscriberRound(
  dir: string,
  name: string,
  reference: Reference,
  random: () => number,
  most: number,
): Promise<number> {
  const file = join(dir, `${name}.db`);
  copyLog(reference.source, file);
  const kills = await runKilled(
    subscribeTo(file),
    dir,
    deaths(random, SUBSCRIBER_POINTS, 500, most),
  );
  await expectSame(file, reference);
  return kills;
}

/** Two subscribers on one file for the whole run; each is started again when it was killed. */
export async function pairRound(
  dir: string,
  name: string,
  reference: Reference,
  random: () => number,
  most: number,
): Promise<number> {
  const file = join(dir, `${name}.db`);
  copyLog(reference.source, file);
  const kills = await Promise.all(
    [0, 1].map(() =>
      runKilled(subscribeTo(file), dir, deaths(random, SUBSCRIBER_POINTS, 600, most / 2)),
    ),
  );
  await expectSame(file, reference);
  return kills.reduce((sum, count) => sum + count, 0);
}

/** A publisher, killed and started again; the source topic must be as after one run. */
export async function publisherRound(
  dir: string,
  name: string,
  copies: number,
  random: () => number,
  most: number,
): Promise<number> {
  const file = join(dir, `${name}.ndjson`);
  writeNdjson(file, awkwardStream(copies, Math.floor(random() * 1e9)));
  const publishTo = (log: string): readonly string[] => [
    'publish',
    file,
    '--pipeline',
    PIPELINE,
    '--log',
    `sqlite:${log}`,
    '--label-delay',
    '50',
    '--log-level',
    'error',
  ];
  const whole = join(dir, `${name}-whole.db`);
  const end = await runOnce(publishTo(whole), dir, undefined);
  assert.equal(end.code, 0, end.stderr);
  const log = join(dir, `${name}.db`);
  const kills = await runKilled(publishTo(log), dir, deaths(random, PUBLISHER_POINTS, 300, most));
  assert.deepEqual(
    await dump(log, TOPICS.source),
    await dump(whole, TOPICS.source),
    'source differs',
  );
  return kills;
}

/** `start` on a file of one's own: publisher and subscriber in one process. */
export async function startRound(
  dir: string,
  name: string,
  copies: number,
  random: () => number,
  most: number,
): Promise<number> {
  const file = join(dir, `${name}.ndjson`);
  writeNdjson(file, awkwardStream(copies, Math.floor(random() * 1e9)));
  const startOn = (log: string): readonly string[] => [
    'start',
    '--once',
    '--model',
    'gtnb:bits=12',
    '--data',
    file,
    '--pipeline',
    PIPELINE,
    '--log',
    `sqlite:${log}`,
    '--log-level',
    'error',
  ];
  const whole = join(dir, `${name}-whole.db`);
  const end = await runOnce(startOn(whole), dir, undefined);
  assert.equal(end.code, 0, end.stderr);
  const log = join(dir, `${name}.db`);
  const points = [...SUBSCRIBER_POINTS, ...PUBLISHER_POINTS];
  const kills = await runKilled(startOn(log), dir, deaths(random, points, 600, most));
  assert.deepEqual(
    await dump(log, TOPICS.source),
    await dump(whole, TOPICS.source),
    'source differs',
  );
  assert.deepEqual(withoutTimes(await dumpResults(log)), withoutTimes(await dumpResults(whole)));
  assert.deepEqual(await modelHash(log), await modelHash(whole));
  return kills;
}

/** Records without `ts` show the log's time, and delays are made of it: two runs publish at different times. */
function withoutTimes(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line.replaceAll(/20\d\d-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(/\\"delayMs\\":\d+/g, 'DELAY'),
  );
}

async function modelHash(file: string): Promise<unknown> {
  const { carryHash: _, ...sums } = (await modelState(file)) as { carryHash?: string };
  return sums;
}
