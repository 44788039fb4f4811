/**
 * Restore: from opening the log to the first prediction, with a model of 1,000,000 terms, after a short and after a long history;
 * and what a snapshot costs the work that goes on beside it.
 *
 *   node --import tsx bench/restore.ts
 *
 * Each history is folded by a subscriber into a new SQLite file: the terms once, then the same texts again and again. A start is a
 * new process each: it opens the file, runs a subscriber, and ends when the prediction of one text that was appended since is
 * there. The start of Node and loading the program are shown beside. A carry of 100,000 texts that wait is captured, written and
 * read back without a log.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLog } from '../src/open-log.ts';
import { decodeCarry, encodeCarry } from '../src/pipeline/carry-snapshot.ts';
import { ClassRules } from '../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../src/pipeline/fold.ts';
import { CHUNK_BYTES } from '../src/pipeline/snapshot-topic.ts';
import { PipelineState } from '../src/pipeline/state.ts';
import { runSubscriber, type SubscriberEvent } from '../src/pipeline/subscriber.ts';
import { encodeSums } from '../src/pipeline/sums-snapshot.ts';
import type { EventLog } from '../src/ports/event-log.ts';
import { topicSpecs } from '../src/ports/topic-specs.ts';
import { topicNames } from '../topics/index.ts';
import { seeded } from './data.ts';
import { median, printHeading, printTable, rounded } from './table.ts';

const TERMS = 1_000_000;
const WORDS = 50;
/** Records of a history: the terms, and how often their texts come again. */
const HISTORIES = [2, 6] as const;
const STARTS = 3;
const PENDING = 100_000;
const PIPELINE = 'bench';
const TOPICS = topicNames(PIPELINE);
const LABELS = ['negative', 'positive'];

/** Term number `index` < 2^32; no two are equal. */
function term(index: number): string {
  return `w${(Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(36)}`;
}

function source(record: number, first: number): { key: string; value: string } {
  const words = Array.from({ length: WORDS }, (_, at) => term((first + at) % TERMS));
  const id = `r-${record}`;
  const value = JSON.stringify({ id, text: words.join(' '), label: LABELS[record % 2] });
  return { key: id, value };
}

interface History {
  readonly records: number;
  readonly snapshots: readonly Extract<SubscriberEvent, { readonly type: 'snapshot' }>[];
}

/** Folds `rounds` times all terms. */
async function fold(log: EventLog, rounds: number): Promise<History> {
  await log.ensureTopics(topicSpecs(TOPICS, 1));
  const records = (rounds * TERMS) / WORDS;
  for (let record = 0; record < records; record += 1000)
    await log.append(
      TOPICS.source,
      Array.from({ length: 1000 }, (_, at) => source(record + at, (record + at) * WORDS)),
    );
  const snapshots: History['snapshots'][number][] = [];
  await runSubscriber({
    log,
    pipeline: PIPELINE,
    untilEnd: true,
    onEvent: (event) => {
      if (event.type === 'snapshot') snapshots.push(event);
    },
  });
  return { records, snapshots };
}

interface Start {
  readonly openMs: number;
  readonly restoredMs: number;
  readonly firstMs: number;
  readonly readBytes: number;
  readonly loadMs: number;
}

/** A new process that starts on the file. */
function start(file: string): Promise<Start> {
  const child = fork(fileURLToPath(import.meta.url), ['--start', file], {
    execArgv: ['--import', 'tsx'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (sent: Start) => resolve(sent));
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)));
  });
}

/** In the child: to the first prediction of a text that nobody has folded. */
async function startHere(file: string): Promise<void> {
  const loadMs = performance.now();
  const log = await openLog(`sqlite:${file}`);
  const openMs = performance.now() - loadMs;
  const read = log.read.bind(log);
  let readBytes = 0;
  log.read = async (...args) => {
    const batch = await read(...args);
    for (const { key, value } of batch.records)
      readBytes += (key?.length ?? 0) + (value?.length ?? 0);
    return batch;
  };
  const stop = new AbortController();
  const begun = performance.now();
  let restoredMs = 0;
  let firstMs = 0;
  await runSubscriber({
    log,
    pipeline: PIPELINE,
    signal: stop.signal,
    onEvent: ({ type }) => {
      if (type === 'restored') restoredMs = performance.now() - begun;
      if (type !== 'chunk' || firstMs > 0) return;
      firstMs = openMs + performance.now() - begun;
      stop.abort();
    },
  });
  await log.close();
  process.send?.({ openMs, restoredMs, firstMs, readBytes, loadMs } satisfies Start);
}

/** Longest time between two pieces, and of all, ms. */
function timed(pieces: Iterable<unknown>): { readonly longest: number; readonly all: number } {
  const begun = performance.now();
  let [last, longest] = [begun, 0];
  for (const _ of pieces) {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  return { longest: Math.max(longest, performance.now() - last), all: performance.now() - begun };
}

function newState(): PipelineState {
  return new PipelineState({
    pipeline: PIPELINE,
    models: [{ name: 'champion', kind: 'multinomial', role: 'champion' }],
    declared: LABELS,
    analyzer: 'river',
    partitions: 1,
  });
}

/** What one partition does beside its chunks, ms. */
function besides(): readonly (readonly (string | number)[])[] {
  const random = seeded(5);
  const state = newState();
  const options = {
    ...FOLD_DEFAULTS,
    topics: TOPICS,
    classes: new ClassRules({ declared: LABELS }),
  };
  const partition = new PartitionFold(state, 0, options);
  for (let offset = 0; offset < PENDING; offset += 500) {
    const records = Array.from({ length: 500 }, (_, at) => {
      const words = Array.from({ length: 15 }, () => term(Math.floor(TERMS ** random())));
      const label = at % 50 === 0 ? { label: LABELS[at % 2] } : {};
      const value = JSON.stringify({ id: `r-${offset + at}`, text: words.join(' '), ...label });
      const place = { topic: TOPICS.source, partition: 0, offset: offset + at };
      return {
        ...place,
        timestamp: 1.7e12 + at,
        key: null,
        value: Buffer.from(value),
        headers: [],
      };
    });
    partition.commit(partition.stage(records, offset, 1));
  }
  const rows: (readonly (string | number)[])[] = [];
  const show = (what: string, bytes: number, longest: number, all: number): void => {
    rows.push([what, rounded(bytes / 1024), longest.toFixed(1), all.toFixed(1)]);
  };
  const pieces: Uint8Array[] = [];
  const keep = function* (made: Iterable<Uint8Array>): Iterable<Uint8Array> {
    for (const piece of made) {
      pieces.push(piece);
      yield piece;
    }
  };
  for (let pass = 0; pass < 3; pass++) {
    pieces.length = 0;
    rows.length = 0;
    const begun = performance.now();
    const capture = partition.capture();
    const captureMs = performance.now() - begun;
    const written = timed(keep(encodeCarry(capture, state.extractors, CHUNK_BYTES)));
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    show(`carry, ${rounded(PENDING)} waiting: capture`, 0, captureMs, captureMs);
    show('  write', bytes, written.longest, written.all);
    const read = timed(decodeAll(new Uint8Array(Buffer.concat(pieces)), state));
    show('  read', bytes, read.longest, read.all);
  }
  return rows;
}

function* decodeAll(content: Uint8Array, state: PipelineState): Iterable<void> {
  yield* decodeCarry(content, state.extractors);
}

/** The sums of a million terms: capture and write. */
function sums(): readonly (readonly (string | number)[])[] {
  const state = newState();
  const { models } = state;
  const extractor = state.extractors.for('multinomial');
  for (let first = 0, offset = 0; first < TERMS; first += WORDS, offset++) {
    extractor.extract(Array.from({ length: WORDS }, (_, at) => term(first + at)).join(' '));
    models[0]?.model.learn(extractor.keep(), LABELS[offset % 2] ?? '', { partition: 0, offset });
  }
  const delta = models[0]?.model.takeDelta();
  if (delta !== undefined) models[0]?.model.apply(delta);
  let rows: (readonly (string | number)[])[] = [];
  for (let pass = 0; pass < 3; pass++) {
    const begun = performance.now();
    const capture = state.capture();
    const captureMs = performance.now() - begun;
    let bytes = 0;
    const written = timed(
      (function* () {
        for (const piece of encodeSums(capture, CHUNK_BYTES)) {
          bytes += piece.length;
          yield;
        }
      })(),
    );
    rows = [
      [`sums, ${rounded(TERMS)} terms: capture`, 0, captureMs.toFixed(1), captureMs.toFixed(1)],
      ['  write', rounded(bytes / 1024), written.longest.toFixed(1), written.all.toFixed(1)],
    ];
  }
  return rows;
}

async function main(): Promise<void> {
  printHeading();
  const rows: (readonly (string | number)[])[] = [];
  for (const rounds of HISTORIES) {
    const folder = mkdtempSync(join(tmpdir(), 'valence-restore-'));
    try {
      const file = join(folder, 'log.db');
      const log = await openLog(`sqlite:${file}`);
      const history = await fold(log, rounds);
      const starts: Start[] = [];
      for (let at = 0; at < STARTS; at++) {
        await log.append(TOPICS.source, [source(history.records + at, at)]);
        starts.push(await start(file));
      }
      await log.close();
      const of = (pick: (one: Start) => number): number => median(starts.map(pick));
      const kept = history.snapshots.filter(({ kind }) => kind === 'sums');
      rows.push([
        rounded(history.records),
        rounded(statSync(file).size / 2 ** 20),
        `${kept.length} + ${history.snapshots.length - kept.length}`,
        ((kept.at(-1)?.bytes ?? 0) / 2 ** 20).toFixed(1),
        (of(({ readBytes }) => readBytes) / 2 ** 20).toFixed(1),
        rounded(of(({ openMs }) => openMs)),
        rounded(of(({ restoredMs }) => restoredMs)),
        rounded(of(({ firstMs }) => firstMs)),
        rounded(of(({ loadMs }) => loadMs)),
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  console.log(`start on ${rounded(TERMS)} terms, ms; median of ${STARTS} processes`);
  printTable(
    [
      '>records folded',
      '>file MB',
      '>sums + carries taken',
      '>sums MB',
      '>read at start MB',
      '>open',
      '>restored',
      '>first prediction',
      '>(Node, program)',
    ],
    rows,
  );
  console.log('\nbeside the chunks of a partition, ms; «longest» is what one step holds them up');
  printTable(['what', '>KiB', '>longest', '>all'], [...besides(), ...sums()]);
}

const [command, file] = process.argv.slice(2);
if (command === '--start') await startHere(file ?? '');
else await main();
