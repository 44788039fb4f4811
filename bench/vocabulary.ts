/**
 * Cost of a record and memory against the size of the vocabulary: multinomial, texts of ten words, predict then learn.
 *
 *   node --import tsx bench/vocabulary.ts
 *
 * Core (text, model):
 * - new: all ten words are new; over the records that double the vocabulary to its size, growth of the tables included;
 * - known: ten random words of the vocabulary, each as likely: the worst case for caches;
 * - Zipf: ten words of the vocabulary with the frequencies of a language.
 * Fold (source record to results and delta, all but the log): known and Zipf again.
 *
 * Every pass measures the sizes in turn, so that a busy moment meets all of them; the least of the passes is shown, and the ratio is to
 * the smallest size. Memory is
 * that of a process of its own after a collection: the core's tables, and the whole of it with Node.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createModel } from '../src/core/models/registry.ts';
import { createExtractor } from '../src/core/text/extractor.ts';
import { ClassRules } from '../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../src/pipeline/fold.ts';
import { PipelineState } from '../src/pipeline/state.ts';
import type { LogRecord } from '../src/ports/event-log.ts';
import { topicNames } from '../topics/index.ts';
import { seeded } from './data.ts';
import { printHeading, printTable, rounded } from './table.ts';

const SIZES = [10_000, 100_000, 1_000_000];
const WORDS = 10;
const PASSES = 5;
/** Records of one size in a pass, at least. */
const RECORDS = 10_000;
/** Texts made at a time, outside the clock. */
const CHUNK = 500;

/** Term number `index` < 2^32; no two are equal. Like words, they begin and end in any way. */
function term(index: number): string {
  return `w${(Math.imul(index + 1, 0x9e3779b1) >>> 0).toString(36)}`;
}

type Pick = () => number;

const LABELS = ['negative', 'positive'];
const labelOf = (offset: number): string => LABELS[offset % 2] ?? '';

/** A vocabulary with its model, to be fed. */
abstract class Learner<T> {
  #offset = 0;

  abstract get terms(): number;
  abstract prepare(text: string, offset: number): T;
  abstract run(inputs: readonly T[], offset: number): void;

  /** Picks words that are new. */
  get newWords(): Pick {
    let index = this.terms;
    return () => index++;
  }

  /** @returns ms of predicting and learning `count` texts whose terms `pick` chooses */
  feed(count: number, pick: Pick): number {
    let ms = 0;
    for (let done = 0; done < count; done += CHUNK) {
      const inputs = Array.from({ length: Math.min(CHUNK, count - done) }, (_, at) =>
        this.prepare(
          Array.from({ length: WORDS }, () => term(pick())).join(' '),
          this.#offset + at,
        ),
      );
      const start = performance.now();
      this.run(inputs, this.#offset);
      ms += performance.now() - start;
      this.#offset += inputs.length;
    }
    return ms;
  }
}

class Core extends Learner<string> {
  readonly #extractor = createExtractor('river');
  readonly #model = createModel('multinomial', this.#extractor, LABELS);

  get terms(): number {
    return this.#extractor.size;
  }

  prepare(text: string): string {
    return text;
  }

  run(texts: readonly string[], first: number): void {
    for (const [at, text] of texts.entries()) {
      const offset = first + at;
      this.#model.predict(this.#extractor.extract(text));
      this.#model.learn(this.#extractor.keep(), labelOf(offset), { partition: 0, offset });
    }
  }
}

class Fold extends Learner<LogRecord> {
  readonly #state = new PipelineState({
    pipeline: 'bench',
    models: [{ name: 'champion', kind: 'multinomial', role: 'champion' }],
    declared: LABELS,
    analyzer: 'river',
    partitions: 1,
  });
  readonly #fold = new PartitionFold(this.#state, 0, {
    ...FOLD_DEFAULTS,
    topics: topicNames('bench'),
    classes: new ClassRules({ declared: LABELS }),
  });

  get terms(): number {
    return this.#state.extractors.for('multinomial').size;
  }

  prepare(text: string, offset: number): LogRecord {
    const value = Buffer.from(JSON.stringify({ id: `r-${offset}`, text, label: labelOf(offset) }));
    const at = { topic: 'bench.source', partition: 0, offset, timestamp: 1.7e12 + offset };
    return { ...at, key: null, value, headers: [] };
  }

  run(records: readonly LogRecord[], first: number): void {
    this.#fold.commit(this.#fold.stage(records, first, 1));
  }
}

function grown<T extends Core | Fold>(learner: T, terms: number): T {
  learner.feed(terms / WORDS, learner.newWords);
  return learner;
}

/** Microseconds a record while the vocabulary doubles to `terms`. */
function newWords(terms: number): number {
  const records = terms / 2 / WORDS;
  let ms = 0;
  let measured = 0;
  for (; measured < RECORDS; measured += records) {
    const core = grown(new Core(), terms / 2);
    ms += core.feed(records, core.newWords);
  }
  return (ms * 1000) / measured;
}

function knownWords(learner: Core | Fold, pick: Pick): number {
  return (learner.feed(RECORDS, pick) * 1000) / RECORDS;
}

const COLUMNS = ['core, new', 'core, known', 'core, Zipf', 'fold, known', 'fold, Zipf'];

/** By size: microseconds a record, in the order of `COLUMNS`. */
function measure(): readonly (readonly number[])[] {
  const random = seeded(11);
  const sizes = SIZES.map((terms) => {
    const uniform = (): number => Math.floor(random() * terms);
    const zipf = (): number => Math.floor(terms ** random()) - 1;
    const core = grown(new Core(), terms);
    const fold = grown(new Fold(), terms);
    return () => [
      newWords(terms),
      knownWords(core, uniform),
      knownWords(core, zipf),
      knownWords(fold, uniform),
      knownWords(fold, zipf),
    ];
  });
  const passes = Array.from({ length: PASSES }, () => sizes.map((one) => one()));
  return SIZES.map((_, size) =>
    COLUMNS.map((_column, at) => Math.min(...passes.map((pass) => pass[size]?.[at] ?? Infinity))),
  );
}

interface Memory {
  /** Bytes of the core's tables. */
  readonly tables: number;
  /** Bytes of the whole process. */
  readonly rss: number;
}

/** Of a process of its own that has learned `terms`. */
function memory(terms: number): Promise<Memory> {
  const child = fork(fileURLToPath(import.meta.url), ['--grow', String(terms)], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (sent: Memory) => resolve(sent));
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)));
  });
}

function grow(terms: number): void {
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  const core = grown(new Core(), terms);
  globalThis.gc?.();
  const { arrayBuffers, rss } = process.memoryUsage();
  if (core.terms !== terms) throw new Error('terms are not distinct');
  process.send?.({ tables: arrayBuffers - before, rss } satisfies Memory);
}

async function main(): Promise<void> {
  printHeading();
  const costs = measure();
  const rows = [];
  for (const [size, terms] of SIZES.entries()) {
    const cells = COLUMNS.map((_, at) => {
      const cost = costs[size]?.[at] ?? Number.NaN;
      return `${cost.toFixed(2)} (${(cost / (costs[0]?.[at] ?? Number.NaN)).toFixed(2)})`;
    });
    const { tables, rss } = await memory(terms);
    const megabytes = [tables, rss].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    rows.push([rounded(terms), ...cells, ...megabytes, rounded(tables / terms)]);
  }
  console.log(
    `us a record of ${WORDS} words (ratio to ${rounded(SIZES[0] ?? 0)} terms); memory of the core`,
  );
  printTable(
    ['terms', ...COLUMNS, 'core MB', 'RSS MB', 'bytes/term'].map((name) => `>${name}`),
    rows,
  );
}

const [command, terms] = process.argv.slice(2);
if (command === '--grow') grow(Number(terms));
else await main();
