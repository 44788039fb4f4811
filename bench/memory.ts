/**
 * Memory under a flood of words that come once, and the snapshot of a model that is full.
 *
 *   node --max-semi-space-size=32 --import tsx bench/memory.ts [--records 5000000] [--words 12] [--kind gtnb]
 *
 * One partition, folded as a subscriber does, without a log: each record has 12 random words that were never seen, and a label.
 * Prints the resident memory of the process as records come in, and its spread after the first quarter, when the heap and the
 * names have their size; then the size of a snapshot of the sums, the time to capture, write, and restore it in a new state, and
 * whether both have the same hash. About five minutes.
 */
import { parseArgs } from 'node:util';
import { ClassRules } from '../src/pipeline/classes.ts';
import { FOLD_DEFAULTS, PartitionFold } from '../src/pipeline/fold.ts';
import { encodeSums } from '../src/pipeline/sums-snapshot.ts';
import { PipelineState } from '../src/pipeline/state.ts';
import type { LogRecord } from '../src/ports/event-log.ts';
import { topicNames } from '../topics/index.ts';

const { values: given } = parseArgs({
  options: {
    records: { type: 'string', default: '5000000' },
    words: { type: 'string', default: '12' },
    kind: { type: 'string', default: 'gtnb' },
  },
});
const RECORDS = Number(given.records);
const WORDS = Number(given.words);
const CHUNK = 1000;
const LABELS = ['negative', 'positive'];
const PIECE = 900_000;

const newState = (): PipelineState =>
  new PipelineState({
    pipeline: 'bench',
    models: [{ name: 'champion', kind: given.kind, role: 'champion' }],
    declared: LABELS,
    analyzer: 'river',
    partitions: 1,
  });

/** Numbers of 32 bits, the same in each run. */
let dice = 1;
function roll(): number {
  dice = (Math.imul(dice, 1_664_525) + 1_013_904_223) >>> 0;
  return dice;
}

function record(offset: number): LogRecord {
  const words = Array.from({ length: WORDS }, () => roll().toString(36) + offset.toString(36));
  const label = LABELS[roll() >>> 31];
  const value = Buffer.from(JSON.stringify({ id: `r-${offset}`, text: words.join(' '), label }));
  const timestamp = 1.7e12 + offset;
  return { topic: 'bench.source', partition: 0, offset, timestamp, key: null, value, headers: [] };
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const state = newState();
const fold = new PartitionFold(state, 0, {
  ...FOLD_DEFAULTS,
  topics: topicNames('bench'),
  classes: new ClassRules({ declared: LABELS }),
});
const rss: number[] = [];
console.log(`${given.kind}, ${RECORDS} records of ${WORDS} new words`);
console.log('  records    RSS        features      records/s');
let since = performance.now();
const step = Math.max(CHUNK, RECORDS / 20);
for (let offset = 0; offset < RECORDS; offset += CHUNK) {
  const records = Array.from({ length: CHUNK }, (_, at) => record(offset + at));
  fold.commit(fold.stage(records, offset, 1));
  const done = offset + CHUNK;
  if (done % step !== 0) continue;
  const now = performance.now();
  rss.push(process.memoryUsage.rss());
  const features = state.models[0]?.model.vocabulary ?? 0;
  const speed = Math.round((step / (now - since)) * 1000);
  console.log(
    `${String(done).padStart(9)}  ${mib(rss.at(-1) ?? 0).padStart(10)}  ${String(features).padStart(9)}  ${String(speed).padStart(9)}`,
  );
  since = performance.now();
}
const settled = rss.slice(Math.ceil(rss.length / 4));
const middle = settled.toSorted((a, b) => a - b)[settled.length >> 1] ?? 0;
const spread = Math.max(...settled.map((bytes) => Math.abs(bytes - middle) / middle));
console.log(
  `RSS after the first quarter: ${mib(middle)}, at most ${(100 * spread).toFixed(1)} % off`,
);

const timed = <T>(what: string, work: () => T): T => {
  const start = performance.now();
  const result = work();
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(2)} s`);
  return result;
};
const capture = timed('capture', () => state.capture());
const content = timed('write', () => Buffer.concat([...encodeSums(capture, PIECE)]));
console.log(`snapshot: ${mib(content.length)}`);
const restored = newState();
timed('restore', () => {
  const models = capture.models.map(({ name, kind, extractor }) => ({ name, kind, extractor }));
  const partitions = [{ position: RECORDS, model: 1, taught: 1 }];
  const common = {
    version: 2,
    sequence: 1,
    chunks: 1,
    bytes: 1,
    checksum: '',
    pipeline: 'bench',
  } as const;
  restored.restore({ ...common, kind: 'sums', models, partitions }, content);
});
const [before, after] = [state, restored].map((of) => of.hash('champion').hash);
console.log(before === after ? 'the same hash' : `OTHER HASH: ${before}, ${after}`);
if (before !== after) process.exitCode = 1;
