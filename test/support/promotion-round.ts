/**
 * Promotions while subscribers are killed: two processes on one log, records that keep coming, two promotions and a rollback, and
 * SIGKILL in the chunks with which partitions switch, before and after the commit. Then every delta and result is looked at.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { openLog } from '../../src/open-log.ts';
import { ClassRules } from '../../src/pipeline/classes.ts';
import { readDelta } from '../../src/pipeline/delta-reader.ts';
import { FOLD_DEFAULTS } from '../../src/pipeline/fold.ts';
import { promote, rollBack, switchesTo } from '../../src/pipeline/promote.ts';
import { verify } from '../../src/pipeline/verify.ts';
import type { EventLog, LogRecord } from '../../src/ports/event-log.ts';
import { pause } from '../../src/ports/pause.ts';
import { topicSpecs } from '../../src/ports/topic-specs.ts';
import { topicNames, type TopicNames } from '../../topics/index.ts';
import { awkwardStream } from './kill-campaign.ts';

const COMMAND = join(import.meta.dirname, '../../bin/valence.js');
const METRICS_EVERY = 20;
const PARTITIONS = 3;
/** Records of one append, and the pause after it, ms. */
const PIECE = 15;
const BETWEEN_MS = 40;
/** How long partitions may take to switch, ms. */
const SWITCH_WITHIN_MS = 60_000;

export interface PromotionRoundOptions {
  readonly url: string;
  readonly dir: string;
  readonly pipeline: string;
  readonly seed: number;
  /** By subscriber: where its lives end, one after the other; the last life is not disturbed. */
  readonly deaths: readonly (readonly string[])[];
  /** Further flags of the subscribers. */
  readonly flags?: readonly string[];
}

export interface PromotionRoundResult {
  readonly kills: number;
  readonly records: number;
  readonly predictions: number;
  /** By partition: source offsets at which it switched, one a promotion. */
  readonly switches: readonly (readonly number[])[];
}

/** @throws the first thing that is not as it must be */
export async function promotionRound(
  options: PromotionRoundOptions,
): Promise<PromotionRoundResult> {
  const { url, pipeline, seed, deaths } = options;
  const topics = topicNames(pipeline);
  const log = await openLog(url);
  const subscribers = deaths.map((ends) => new Mortal(options, ends));
  const stream = new Stream(log, topics, seed);
  try {
    await log.ensureTopics(topicSpecs(topics, PARTITIONS));
    for (const subscriber of subscribers) subscriber.start();
    await stream.flow(async () => {
      const topic = await log.describeTopic(topics.results);
      return topic?.partitions.every(({ end }) => end > 0) ?? false;
    });
    const ids: string[] = [];
    for (const act of ['cnb', 'last', 'rollback']) {
      const id = `p-${ids.length + 1}`;
      ids.push(id);
      const subject = { log, topics };
      const done = act === 'rollback' ? rollBack(subject, id) : promote(subject, act, id);
      const { ends } = await done;
      let left = PARTITIONS;
      const seen = (async () => {
        for await (const _ of switchesTo(subject, { id, ends }, SWITCH_WITHIN_MS)) left -= 1;
      })();
      await stream.flow(() => Promise.resolve(left === 0));
      await seen;
      await stream.everywhere();
    }
    await Promise.all(subscribers.map((subscriber) => subscriber.stop()));
    await new Mortal({ ...options, flags: [...(options.flags ?? []), '--until-end'] }, []).ended();
    const kills = subscribers.reduce((sum, subscriber) => sum + subscriber.kills, 0);
    return { kills, records: stream.published, ...(await judged(log, topics, pipeline, ids)) };
  } finally {
    for (const subscriber of subscribers) await subscriber.stop();
    await log.close();
  }
}

/** A subscriber that is started again each time it was killed. */
class Mortal {
  kills = 0;
  readonly #options: PromotionRoundOptions;
  readonly #deaths: readonly string[];
  #child: ChildProcess | undefined;
  #life: Promise<void> | undefined;
  #stopping = false;

  constructor(options: PromotionRoundOptions, deaths: readonly string[]) {
    this.#options = options;
    this.#deaths = deaths;
  }

  start(): void {
    this.#life = this.#live();
    // Whoever stops it hears of it.
    this.#life.catch(() => undefined);
  }

  /** Runs until it ends by itself. */
  async ended(): Promise<void> {
    this.start();
    await this.#life;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child?.kill('SIGTERM');
    await this.#life;
  }

  async #live(): Promise<void> {
    for (;;) {
      const { code, signal, said } = await this.#once(this.#deaths[this.kills]);
      if (signal === 'SIGKILL') this.kills += 1;
      else if (code !== 0) throw new Error(`a subscriber ended with ${code}: ${said}`);
      if (signal !== 'SIGKILL' || this.#stopping) return;
    }
  }

  #once(death: string | undefined): Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly said: string;
  }> {
    const { url, dir, pipeline, flags = [] } = this.#options;
    const asked =
      `subscribe --log ${url} --pipeline ${pipeline} --log-level error --metrics-every ${METRICS_EVERY} ` +
      '--model multinomial --challenger cnb=complement --challenger last=no-change';
    const args = [COMMAND, ...asked.split(' '), ...flags];
    const child = spawn(process.execPath, args, {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        NO_COLOR: '1',
        ...(death === undefined ? {} : { VALENCE_CRASH_AT: death }),
      },
    });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-2000)));
    return new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, said }));
    });
  }
}

/** Records that come in small pieces, so that there are many chunks. */
class Stream {
  published = 0;
  readonly #log: EventLog;
  readonly #topics: TopicNames;
  readonly #seed: number;
  #records: readonly object[] = [];

  constructor(log: EventLog, topics: TopicNames, seed: number) {
    this.#log = log;
    this.#topics = topics;
    this.#seed = seed;
  }

  /** Publishes until something is so, and once more after. */
  async flow(isSo: () => Promise<boolean>): Promise<void> {
    for (const start = performance.now(); ;) {
      const over = await isSo();
      if (this.#records.length < PIECE)
        this.#records = [...this.#records, ...awkwardStream(1, this.#seed + this.published)];
      const piece = this.#records.slice(0, PIECE);
      this.#records = this.#records.slice(PIECE);
      const outcomes = await this.#log.append(
        this.#topics.source,
        piece.map((record) => ({
          key: 'id' in record ? String(record.id) : null,
          value: JSON.stringify(record),
        })),
      );
      assert.ok(outcomes.every(({ status }) => status === 'ok'));
      this.published += piece.length;
      if (over) return;
      assert.ok(performance.now() - start < SWITCH_WITHIN_MS, 'it takes too long');
      await pause(BETWEEN_MS);
    }
  }

  /** Publishes a text to each partition: every champion is to predict in each, and a piece may leave one out. */
  async everywhere(): Promise<void> {
    const outcomes = await this.#log.append(
      this.#topics.source,
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const id = `everywhere-${this.published}-${partition}`;
        return { partition, key: id, value: JSON.stringify({ id, text: 'Great soup.' }) };
      }),
    );
    assert.ok(outcomes.every(({ status }) => status === 'ok'));
    this.published += PARTITIONS;
  }
}

/** What the deltas and results of every partition say. */
async function judged(
  log: EventLog,
  topics: TopicNames,
  pipeline: string,
  ids: readonly string[],
): Promise<Pick<PromotionRoundResult, 'switches' | 'predictions'>> {
  const switches: number[][] = [];
  let predictions = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const turns: { readonly from: number; readonly id: string | null; readonly to: string }[] = [];
    for (const { key, value } of await all(log, topics.model, partition)) {
      if (key !== null || value === null) continue;
      const { from, promotion } = readDelta(value);
      if (promotion !== undefined) turns.push({ from, id: promotion.id, to: promotion.champion });
    }
    assert.deepEqual(
      turns.map(({ id, to }) => [id, to]),
      ids.map((id, at) => [id, ['cnb', 'last', 'cnb'][at]]),
      `partition ${partition} switches once a promotion`,
    );
    switches.push(turns.map(({ from }) => from));
    const champions = new Set<string>();
    for (const { value } of await all(log, topics.results, partition)) {
      const result = JSON.parse(Buffer.from(value ?? []).toString()) as {
        type: string;
        model: string;
        role?: string;
        source: { offset: number };
      };
      if (result.role === undefined) continue;
      const { offset } = result.source;
      const champion = turns.findLast(({ from }) => from <= offset)?.to ?? 'champion';
      const expected = result.model === champion ? 'champion' : 'challenger';
      assert.equal(result.role, expected, `${result.type} of ${result.model} at ${offset}`);
      if (result.type === 'prediction') predictions += 1;
      champions.add(champion);
    }
    assert.deepEqual(champions, new Set(['champion', 'cnb', 'last']), 'all were champion');
  }
  const classes = new ClassRules({ declared: ['negative', 'positive'] });
  const fold = { ...FOLD_DEFAULTS, metricsEvery: METRICS_EVERY, topics, classes };
  const verdict = await verify({ log, pipeline, fold });
  assert.equal(verdict?.verified, true, JSON.stringify(verdict));
  return { switches, predictions };
}

async function all(log: EventLog, topic: string, partition: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from = 0; ;) {
    const batch = await log.read(topic, partition, { from, maxRecords: 5000 });
    records.push(...batch.records);
    if (batch.next >= batch.end) return records;
    from = batch.next;
  }
}
