/**
 * One round of the campaign: a pipeline of its own, faults by a seeded schedule, then healing, quiet, and the checker's verdict.
 *
 *   subscribers ──► proxy ─┐
 *   publisher, reader ──► side proxy ─┴─► broker ◄── judge: raw fetches, samples of stable offsets
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openLog } from '../../../src/open-log.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { FOLD_DEFAULTS } from '../../../src/pipeline/fold.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { subscriberGroup } from '../../../src/pipeline/subscriber.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { pause } from '../../../src/ports/pause.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { topicNames, type TopicNames } from '../../../topics/index.ts';
import { check, type Violation } from '../history/checker.ts';
import {
  digestOf,
  isVisible,
  type History,
  type MergedModel,
  type SeenRecord,
  type StableSample,
} from '../history/history.ts';
import { readPositions, readTopics } from '../history/kafka-history.ts';
import { viewOf } from '../history/view.ts';
import { WireClient } from '../history/wire.ts';
import type { KafkaBroker } from '../kafka/broker.ts';
import { seeded } from '../kill-campaign.ts';
import { FAULTS, type Fault, type Stage } from './catalog.ts';
import { Place, type End } from './crew.ts';
import { readEvents } from './event-file.ts';
import { chunkOf, mergedOf, seenOf, sentOf } from './evidence.ts';
import { KafkaProxy } from './proxy.ts';

export const PARTITIONS = 3;
const DECLARED = ['negative', 'positive'];
/** Mean pause between two faults, ms. */
const BETWEEN_MS = 1300;
/** After the last healing lag must come to 0 within this, ms: session, transaction time-out, scan, restart, backlog. */
const SETTLE_MS = 60_000;
/** When it is given up waiting for, ms. */
const GIVE_UP_MS = 150_000;
/** Transaction time-out, the broker's scan for old ones, and a margin, ms. */
const OPEN_MS = 15_000 + 10_000 + 5000;
const SAMPLE_MS = 500;
/** Codes at which a worker stops for a person to look: none may happen. */
const STOP_CODES =
  /\b(?:LOG_CORRUPT|LOG_VERSION|SNAPSHOT_CORRUPT|DELTA_CORRUPT|DELTA_GAP|SOURCE_TRUNCATED|MODEL_MISMATCH|TOPIC_MISMATCH|unexpected error)\b/;

export interface RoundOptions {
  readonly seed: number;
  readonly broker: KafkaBroker;
  /** For logs and events; kept when the round fails. */
  readonly dir: string;
  /** Folder of the compiled workers. */
  readonly dist: string;
  readonly faultMs: number;
  readonly rate: number;
  readonly subscribers: number;
  /** Kinds of faults; default: all. */
  readonly only?: RegExp;
  /** No further faults after so many. */
  readonly mostFaults?: number;
  readonly onFault?: (kind: string, hit: boolean) => void;
  /** What to do instead of random faults. */
  readonly act?: (stage: Stage) => Promise<void>;
}

export interface RoundResult {
  readonly pipeline: string;
  /** By kind: faults that found something to act on. */
  readonly faults: ReadonlyMap<string, number>;
  readonly missed: number;
  readonly records: number;
  readonly deltas: number;
  readonly aborted: number;
  /** Partitions whose model topic no longer begins with the first delta. */
  readonly trimmed: number;
  /** Those of them whose first deltas no reader has seen either: their sums and predictions were not recomputed. */
  readonly unchecked: number;
  readonly settledMs: number | undefined;
  /** Merged models, as everybody computed them. */
  readonly merged: readonly MergedModel[];
  readonly violations: readonly Violation[];
  /** What `valence verify` and the processes have to say; empty: nothing. */
  readonly complaints: readonly string[];
  /** Ends of processes that nobody had asked for: exit code and last words. */
  readonly exits: readonly End[];
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const round = await Round.open(options);
  try {
    return await round.run();
  } finally {
    await round.close();
  }
}

class Round {
  readonly #options: RoundOptions;
  readonly #random: () => number;
  readonly #pipeline: string;
  readonly #topics: TopicNames;
  readonly #keepDeltas: boolean;
  readonly #wire: WireClient;
  readonly #proxy: KafkaProxy;
  readonly #side: KafkaProxy;
  readonly #places: Place[] = [];
  readonly #faults = new Map<string, number>();
  readonly #samples: StableSample[] = [];
  readonly #stop = new AbortController();
  #missed = 0;

  static async open(options: RoundOptions): Promise<Round> {
    const [address = ''] = options.broker.brokers;
    mkdirSync(options.dir, { recursive: true });
    const proxy = await KafkaProxy.open(address);
    const side = await KafkaProxy.open(address);
    const round = new Round(options, new WireClient(address), proxy, side);
    const log = await openLog(`kafka://${address}`);
    await log.ensureTopics(topicSpecs(round.#topics, PARTITIONS));
    await log.close();
    return round;
  }

  private constructor(
    options: RoundOptions,
    wire: WireClient,
    proxy: KafkaProxy,
    side: KafkaProxy,
  ) {
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#pipeline = `faults-${options.seed}-${process.pid}`;
    this.#topics = topicNames(this.#pipeline);
    // Without trimming `valence verify` can recompute everything; with it, snapshots are all that new owners have.
    this.#keepDeltas = this.#random() < 0.5;
    this.#wire = wire;
    this.#proxy = proxy;
    this.#side = side;
  }

  async run(): Promise<RoundResult> {
    const { seed, rate, subscribers: count } = this.#options;
    const subscribers = Array.from({ length: count }, (_, at) => this.#subscriber(`s${at}`));
    const publisher = this.#script('publisher', (life) => [
      `kafka://${this.#side.address}`,
      this.#topics.source,
      String(rate),
      `p${life}`,
      String(seed + life),
      this.#file('publisher.events'),
    ]);
    const readers = this.#script('reader', (life) => [
      `kafka://${this.#side.address}`,
      this.#file(`reader-${life}.events`),
      String(PARTITIONS),
      this.#topics.model,
      this.#topics.source,
      this.#topics.results,
      this.#topics.model,
      this.#topics.dlq,
    ]);
    let visitors = 0;
    const sampling = this.#sample();
    await this.#untilFolding();
    const { act = (stage: Stage) => this.#disturb(stage) } = this.#options;
    await act({
      random: this.#random,
      broker: this.#options.broker,
      pipeline: this.#pipeline,
      partitions: PARTITIONS,
      subscribers,
      publisher,
      proxy: this.#proxy,
      side: this.#side,
      wire: this.#wire,
      clocks: subscribers.map(({ role }) => this.#clock(role.name)),
      visitor: () => this.#subscriber(`v${visitors++}`),
    });
    await this.#heal();
    await publisher.leave();
    const settledMs = await this.#settle();
    await this.#untilQuiet();
    const there = subscribers.filter(({ alive }) => alive);
    const left = await Promise.all(there.map((place) => place.leave()));
    await this.#untilQuiet();
    await readers.leave();
    this.#stop.abort();
    await sampling;
    return this.#judge(settledMs, left);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const place of this.#places) {
      place.kill();
      await place.leave();
    }
    await this.#proxy.close();
    await this.#side.close();
    await this.#wire.deleteTopics(Object.values(this.#topics)).catch(() => undefined);
    this.#wire.close();
  }

  #file(name: string): string {
    return join(this.#options.dir, name);
  }

  #clock(name: string): string {
    return this.#file(`${name}.clock`);
  }

  #subscriber(name: string): Place {
    writeFileSync(this.#clock(name), '0');
    return this.#place({
      name,
      args: () => [
        '--import',
        pathToFileURL(join(import.meta.dirname, 'clock.js')).href,
        join(this.#options.dist, 'workers/subscriber.js'),
        `--log=kafka://${this.#proxy.address}`,
        `--pipeline=${this.#pipeline}`,
        `--partitions=${PARTITIONS}`,
        '--log-level=debug',
        '--snapshot-every=128',
        ...(this.#keepDeltas ? ['--keep-deltas'] : []),
      ],
      env: { FAULT_CLOCK_FILE: this.#clock(name) },
      stderr: this.#file(`${name}.log`),
    });
  }

  #script(name: string, args: (life: number) => readonly string[]): Place {
    const script = join(import.meta.dirname, `${name}.ts`);
    return this.#place({
      name,
      args: (life) => ['--import', 'tsx', script, ...args(life)],
      stderr: this.#file(`${name}.log`),
    });
  }

  #place(role: Place['role']): Place {
    const place = new Place(role);
    this.#places.push(place);
    return place;
  }

  /** Until every partition has a position, or it takes too long: the verdict tells then. */
  async #untilFolding(): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline) {
      const offsets = await this.#offsets();
      if (offsets?.every(({ position }) => position > 0) === true) return;
      await pause(200);
    }
  }

  async #disturb(stage: Stage): Promise<void> {
    const { faultMs, only, mostFaults = Infinity } = this.#options;
    const until = performance.now() + faultMs;
    const running = new Set<Promise<void>>();
    const groups = new Set<string>();
    const faults = FAULTS.filter(({ kind }) => only === undefined || only.test(kind));
    for (let begun = 0; performance.now() < until && begun < mostFaults; begun++) {
      const left = until - performance.now();
      const fault = weighted(
        this.#random,
        faults.filter(
          ({ group, lastsMs }) => lastsMs <= left && (group === undefined || !groups.has(group)),
        ),
      );
      if (fault !== undefined) {
        const { group } = fault;
        if (group !== undefined) groups.add(group);
        const run = this.#make(fault, stage, () => group !== undefined && groups.delete(group));
        running.add(run);
        void run.finally(() => running.delete(run));
      }
      await pause(-Math.log(1 - this.#random()) * BETWEEN_MS);
    }
    await Promise.all(running);
  }

  async #make({ kind, run }: Fault, stage: Stage, over: () => void): Promise<void> {
    const hit = await run(stage);
    over();
    if (hit) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
    else this.#missed += 1;
    this.#options.onFault?.(kind, hit);
  }

  async #heal(): Promise<void> {
    this.#proxy.heal();
    this.#side.heal();
    for (const place of this.#places) if (place.frozen) place.thaw();
    for (const { role } of this.#places)
      if (role.env !== undefined) writeFileSync(this.#clock(role.name), '0');
    await this.#options.broker.untilReady();
  }

  /** @returns ms until the group's position was the end of every partition; undefined: it never was */
  async #settle(): Promise<number | undefined> {
    const started = performance.now();
    while (performance.now() - started < GIVE_UP_MS) {
      const offsets = await this.#offsets();
      if (offsets?.every(({ position, end }) => position >= end) === true)
        return performance.now() - started;
      await pause(100);
    }
    return undefined;
  }

  async #offsets(): Promise<readonly { position: number; end: number }[] | undefined> {
    const { source } = this.#topics;
    try {
      const positions = await this.#wire.groupOffsets(
        subscriberGroup(this.#pipeline),
        source,
        PARTITIONS,
      );
      const ends = await Promise.all(
        Array.from({ length: PARTITIONS }, (_, partition) => this.#wire.ends(source, partition)),
      );
      return ends.map(({ end, start }, at) => ({ end, position: positions[at] ?? start }));
    } catch {
      return undefined;
    }
  }

  /** Until no transaction is open, or for longer than one may be. */
  async #untilQuiet(): Promise<void> {
    const deadline = performance.now() + OPEN_MS;
    const { source: _, snapshots: __, ...written } = this.#topics;
    while (performance.now() < deadline) {
      const ends = await Promise.all(
        Object.values(written).flatMap((topic) =>
          Array.from({ length: PARTITIONS }, (_partition, p) => this.#wire.ends(topic, p)),
        ),
      );
      if (ends.every(({ stable, end }) => stable >= end)) return;
      await pause(200);
    }
  }

  async #sample(): Promise<void> {
    const { results, model } = this.#topics;
    const wire = new WireClient(this.#options.broker.brokers[0] ?? '');
    while (!this.#stop.signal.aborted) {
      for (const topic of [results, model]) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          try {
            const { stable, end } = await wire.ends(topic, partition);
            this.#samples.push({ atMs: performance.now(), topic, partition, stable, end });
          } catch {
            // The broker is away: no sample.
          }
        }
      }
      await pause(SAMPLE_MS, this.#stop.signal);
    }
    wire.close();
  }

  async #judge(
    settledMs: number | undefined,
    left: readonly (number | undefined)[],
  ): Promise<RoundResult> {
    const topics = this.#topics;
    const { source, results, model, dlq } = topics;
    const raw = await readTopics(this.#wire, [source, results, model, dlq]);
    const group = subscriberGroup(this.#pipeline);
    const positions = await readPositions(this.#wire, group, source);
    const complaints: string[] = [];
    const fold = { ...FOLD_DEFAULTS, topics, classes: new ClassRules({ declared: DECLARED }) };
    const log = await openLog(`kafka://${this.#options.broker.brokers[0]}`);
    const merged: MergedModel[] = [];
    const after: SeenRecord[] = [];
    try {
      const { state } = await loadModel({
        log,
        pipeline: this.#pipeline,
        topics,
        declared: DECLARED,
      });
      merged.push({
        name: 'model hash',
        model: 'champion',
        positions: state.positions,
        hash: state.hash('champion').hash,
      });
      if ((raw.get(model) ?? []).every(({ start }) => start === 0)) {
        const verdict = await verify({ log, pipeline: this.#pipeline, fold });
        if (verdict?.verified !== true) complaints.push(`verify: ${JSON.stringify(verdict)}`);
      }
      for (const [topic, partitions] of raw) {
        for (const [partition, { start }] of partitions.entries()) {
          for (let from = start; ;) {
            const batch = await log.read(topic, partition, { from, maxRecords: 5000 });
            after.push(
              ...batch.records.map((record) => ({
                topic,
                partition,
                offset: record.offset,
                digest: digestOf(record),
              })),
            );
            if (batch.next >= batch.end) break;
            from = batch.next;
          }
        }
      }
    } catch (error) {
      complaints.push(
        `reading afterwards: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      await log.close();
    }
    const reader = this.#places.find(({ role }) => role.name === 'reader');
    const lives = 1 + (reader?.ends.length ?? 0);
    const during = Array.from({ length: lives }, (_, life) => ({
      name: `reader ${life + 1}`,
      seen: readEvents(this.#file(`reader-${life + 1}.events`)).flatMap(seenOf),
    }));
    const history: History = {
      pipeline: this.#pipeline,
      topics,
      models: [{ name: 'champion', kind: 'gtnb', role: 'champion' }],
      analyzer: 'river',
      fold,
      raw,
      positions,
      readers: [...during, { name: 'reader afterwards', seen: after }],
      sent: readEvents(this.#file('publisher.events')).flatMap(sentOf),
      chunks: this.#places.flatMap(({ role }) =>
        readEvents(role.stderr).flatMap((line) => chunkOf(line, role.name)),
      ),
      merged: [
        ...merged,
        ...this.#places.flatMap(({ role }) =>
          readEvents(role.stderr).flatMap((line) => mergedOf(line, role.name)),
        ),
      ],
      stable: this.#samples,
      settledMs,
    };
    const violations = check(history, { settleMs: SETTLE_MS, openMs: OPEN_MS });
    const ends = this.#places.flatMap((place) => place.ends);
    const exits = ends.filter(({ code }) => code !== 0 && code !== null);
    for (const { name, said } of exits)
      if (STOP_CODES.test(said)) complaints.push(`${name}: ${said}`);
    for (const [at, code] of left.entries())
      if (code !== 0)
        complaints.push(
          `s${at} left with ${code ?? 'a kill'} after SIGTERM, with nothing in its way`,
        );
    return {
      pipeline: this.#pipeline,
      faults: this.#faults,
      missed: this.#missed,
      records: [...(raw.get(source) ?? [])].reduce((sum, { records }) => sum + records.length, 0),
      deltas: (raw.get(model) ?? [])
        .flatMap(({ records }) => records)
        .filter((record) => record.key === null && isVisible(record)).length,
      aborted: [...raw.values()]
        .flat()
        .flatMap(({ records }) => records)
        .filter(({ outcome }) => outcome === 'aborted').length,
      trimmed: (raw.get(model) ?? []).filter(({ start }) => start > 0).length,
      unchecked: viewOf(history).partitions.filter(({ whole }) => !whole).length,
      settledMs,
      merged: history.merged,
      violations,
      complaints,
      exits,
    };
  }
}

function weighted(random: () => number, faults: readonly Fault[]): Fault | undefined {
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  let at = random() * total;
  return faults.find(({ weight }) => (at -= weight) < 0);
}
