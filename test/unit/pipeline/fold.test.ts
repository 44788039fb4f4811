import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import {
  CHAMPION,
  FoldDriver,
  newFold,
  newState,
  sourceRecord,
  type DriverOptions,
} from '../../support/fold-driver.ts';
import { expectSame } from '../../support/same.ts';

// Long streams: half as many as elsewhere.
fc.configureGlobal({ numRuns: 50 });

const WORDS = ['good', 'bad', 'soup', 'bread', 'not', 'very', '__proto__', 'naïve', 'ok-ish'];

/** 0 and what is rounded to it, parts, wholes, what is out of range. */
const labelWeight = fc.constantFrom<unknown>(0, 0.01, 0.25, 1, 2, 16, null, 17);

/** Texts, late labels, corrections, withdrawals, repeated ids and records that are refused. */
const value = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      {
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
        text: fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }).map((words) => words.join(' ')),
        label: fc.constantFrom('positive', 'negative', '1', 'mixed'),
        labelWeight,
        ts: fc.constantFrom('2026-03-01T10:00:00Z', 'yesterday', 5),
        model: fc.constantFrom('champion', 'bnb', 'gt', 'dfe', 'wt', 'nobody'),
      },
      { requiredKeys: ['id', 'text'] },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
        label: fc.constantFrom('positive', 'negative', 'mixed', 'odd', null),
        labelWeight,
        model: fc.constantFrom('champion', 'bnb', 'gt', 'dfe', 'wt'),
      },
      { requiredKeys: ['id', 'label'] },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, [], 5, {}, { text: null }) },
);
const stream = fc.array(value, { maxLength: 60 });
const cuts = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 });

const OPTIONS: DriverOptions = {
  models: [
    CHAMPION,
    { name: 'bnb', kind: 'bernoulli', role: 'challenger' },
    { name: 'gt', kind: 'gtnb:bits=10', role: 'challenger' },
    { name: 'dfe', kind: 'gtnb:dfe=on,bits=10', role: 'challenger' },
    { name: 'wt', kind: 'gtnb:weights=on,bits=10', role: 'challenger' },
  ],
  classes: { maxClasses: 4 },
  fold: {
    window: 5,
    metricsEvery: 3,
    explain: 2,
    pendingMax: 4,
    correctable: 3,
    pendingTtlMs: 20,
    wantLabels: 0.3,
  },
};

/** The stream in chunks that end at the cuts. */
function chunks<T>(values: readonly T[], at: readonly number[]): readonly (readonly T[])[] {
  const edges = [0, ...at.toSorted((a, b) => a - b), values.length];
  return edges
    .slice(1)
    .map((edge, i) => values.slice(edges[i], edge))
    .filter((chunk) => chunk.length > 0);
}

function run(values: readonly unknown[], at: readonly number[] = []): FoldDriver {
  const driver = new FoldDriver(OPTIONS);
  for (const chunk of chunks(values, at)) driver.pipe(...chunk);
  return driver;
}

describe('one partition', () => {
  test('chunking changes no byte of the results and nothing of the state', () => {
    fc.assert(
      fc.property(stream, cuts, (values, at) => {
        const whole = run(values);
        const parts = run(values, at);
        expectSame(parts.written, whole.written);
        expectSame(parts.snapshot(), whole.snapshot());
      }),
    );
  });

  test('a process that starts anew from the deltas goes on as if nothing had happened', () => {
    fc.assert(
      fc.property(stream, stream, cuts, (before, after, at) => {
        const undisturbed = run(before, at);
        const restarted = undisturbed.restart();
        expectSame(restarted.snapshot(), undisturbed.snapshot());
        const written = undisturbed.written.length;
        undisturbed.pipe(...after);
        restarted.pipe(...after);
        expectSame(restarted.written, undisturbed.written.slice(written));
        expectSame(restarted.snapshot(), undisturbed.snapshot());
      }),
    );
  });

  test('a snapshot with the deltas after it is the full replay', () => {
    fc.assert(
      fc.property(stream, stream, cuts, (before, after, at) => {
        const driver = run(before, at);
        const kept = {
          carry: structuredClone(driver.fold.snapshot()),
          deltas: driver.deltas.length,
        };
        for (const chunk of chunks(after, at)) driver.pipe(...chunk);
        const restored = new FoldDriver(OPTIONS);
        // Sums from the deltas before the snapshot, carries from the snapshot alone.
        for (const bytes of driver.deltas.slice(0, kept.deltas))
          restored.state.apply(readDelta(bytes));
        restored.fold.restore(JSON.parse(JSON.stringify(kept.carry)) as typeof kept.carry);
        for (const bytes of driver.deltas.slice(kept.deltas)) restored.follow(readDelta(bytes));
        expectSame(restored.snapshot(), driver.snapshot());
      }),
    );
  });

  test('rollback restores the state exactly, and the chunk folded again gives the same bytes', () => {
    fc.assert(
      fc.property(stream, stream, (before, after) => {
        const driver = run(before);
        const state = driver.snapshot();
        const records = after.map((each, i) => sourceRecord(before.length + i, each));
        const first = driver.stage(records);
        driver.fold.rollback();
        expectSame(driver.snapshot(), state);
        const second = driver.stage(records);
        expectSame(
          second.outputs.map(({ value: bytes }) => String(bytes)),
          first.outputs.map(({ value: bytes }) => String(bytes)),
        );
      }),
    );
  });

  test('between stage and commit the sums are as committed', () => {
    const driver = run([{ id: 'a', text: 'good', label: 'positive' }]);
    const before = driver.state.hash('champion');
    const staged = driver.stage([sourceRecord(1, { id: 'b', text: 'bad', label: 'negative' })]);
    expect(driver.state.hash('champion')).toEqual(before);
    driver.commit(staged);
    expect(driver.state.hash('champion')).toMatchObject({ learned: 2 });
  });

  test('each record gives one result per addressed model, or one dead letter', () => {
    fc.assert(
      fc.property(stream, (values) => {
        const driver = run(values);
        const answers = driver.results.filter(
          ({ type }) => type === 'prediction' || type === 'outcome',
        );
        const perOffset = new Map<number, number>();
        for (const { source } of answers) {
          perOffset.set(source.offset, (perOffset.get(source.offset) ?? 0) + 1);
        }
        expect(perOffset.size + driver.deadLetters.length).toBe(values.length);
        expect(driver.state.positions[0] ?? 0).toBe(values.length);
      }),
    );
  });
});

describe('several partitions', () => {
  const options: DriverOptions = { ...OPTIONS, partitions: 3, classes: { maxClasses: 32 } };
  const labelled = fc.array(
    fc.record({
      id: fc.uuid(),
      text: fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }).map((words) => words.join(' ')),
      label: fc.constantFrom('positive', 'negative', 'mixed'),
      labelWeight: fc.constantFrom(0, 0.25, 1, 2.5),
      partition: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 40 },
  );

  test('the sums are those of one learner, whatever the chunks and the order of the deltas', () => {
    fc.assert(
      fc.property(labelled, cuts, (values, at) => {
        const state = newState(options);
        const folds = [0, 1, 2].map((p) => newFold(state, options, p));
        const lanes = folds.map(() => 0);
        const deltas: Uint8Array[] = [];
        for (const chunk of chunks(values, at)) {
          for (const [p, fold] of folds.entries()) {
            const records = chunk
              .filter(({ partition }) => partition === p)
              .map((each, i) => sourceRecord((lanes[p] ?? 0) + i, each, { partition: p }));
            if (records.length === 0) continue;
            const staged = fold.stage(records, lanes[p] ?? 0, 1);
            fold.commit(staged);
            lanes[p] = staged.to;
            deltas.push(staged.outputs.at(-1)?.value as Uint8Array);
          }
        }
        const alone = new FoldDriver({ ...options, partitions: 1 });
        alone.pipe(...values);
        const hashes = ({ state: of }: { state: typeof state }) =>
          // What dfe counts depends on what a partition knew.
          ['champion', 'bnb', 'gt', 'wt'].map((name) => of.hash(name));
        expect(hashes({ state })).toEqual(hashes(alone));
        // A follower that reads the partitions one after the other.
        const follower = newState(options);
        const byPartition = deltas.map((bytes) => readDelta(bytes));
        for (const p of [2, 0, 1]) {
          for (const delta of byPartition) if (delta.partition === p) follower.apply(delta);
        }
        expect(hashes({ state: follower })).toEqual(hashes(alone));
        expect(follower.positions.map((position) => position ?? 0)).toEqual(lanes);
        // The order of classes does not depend on the path either.
        expectSame(
          follower.models.map(({ model }) => model.snapshot()),
          state.models.map(({ model }) => model.snapshot()),
        );
      }),
    );
  });

  test('a delta tells what its chunk had seen', () => {
    const state = newState(options);
    const [zero, one] = [newFold(state, options, 0), newFold(state, options, 1)];
    const stage = (fold: typeof zero, p: number, from: number) =>
      fold.stage([sourceRecord(from, { text: 'good', label: '1' }, { partition: p })], from, 7);
    const first = stage(zero, 0, 5);
    zero.commit(first);
    const staged = stage(zero, 0, 6);
    const second = stage(one, 1, 9);
    const delta = readDelta(second.outputs.at(-1)?.value as Uint8Array);
    expect(delta).toMatchObject({
      pipeline: 'test',
      partition: 1,
      epoch: 7,
      from: 9,
      to: 10,
      seen: [6, 9, undefined],
    });
    expect(staged.to).toBe(7);
  });
});

describe('a delta', () => {
  const bytes = (): Uint8Array =>
    run([{ id: 'a', text: 'good soup', label: 'positive' }]).deltas[0] ?? new Uint8Array();

  test('that is damaged anywhere is refused', () => {
    const whole = bytes();
    for (let at = 0; at < whole.length; at++) {
      const broken = Uint8Array.from(whole);
      broken[at] = (broken[at] ?? 0) ^ 0x41;
      expect(() => readDelta(broken)).toThrow(
        expect.objectContaining({ code: at === 2 ? 'LOG_VERSION' : 'DELTA_CORRUPT' }),
      );
    }
    expect(() => readDelta(whole.subarray(0, -1))).toThrow('checksum');
  });

  test('is skipped when covered and stops the follower when one is missing', () => {
    const driver = new FoldDriver(OPTIONS);
    for (const label of ['1', '0', '1']) driver.pipe({ id: label, text: 'soup', label });
    const deltas = driver.deltas.map((each) => readDelta(each));
    const state = newState(OPTIONS);
    expect(deltas.slice(0, 1).map((delta) => state.apply(delta))).toEqual([true]);
    expect(deltas.slice(0, 1).map((delta) => state.apply(delta))).toEqual([false]);
    expect(() => deltas.slice(2).map((delta) => state.apply(delta))).toThrow(
      expect.objectContaining({ code: 'DELTA_GAP', fields: { partition: 0, expected: 1, got: 2 } }),
    );
  });

  test('of another kind or tokenizer does not merge', () => {
    const [delta] = run([{ id: 'a', text: 'good soup', label: 'positive' }]).deltas.map((each) =>
      readDelta(each),
    );
    for (const other of [
      { ...OPTIONS, models: [{ ...CHAMPION, kind: 'complement' }] },
      { ...OPTIONS, analyzer: 'river:ngrams=1-2' },
    ]) {
      expect(() => delta && newState(other).apply(delta)).toThrow(
        expect.objectContaining({ code: 'MODEL_MISMATCH' }),
      );
    }
  });
});

test('the stream of yelp.csv gives River’s figures and probabilities', () => {
  const rows = parse(readFileSync('examples/yelp.csv'), { columns: true }) as {
    text: string;
    sentiment: string;
  }[];
  const vectors = JSON.parse(
    readFileSync('test/data/river-vectors/yelp-multinomial.json', 'utf8'),
  ) as { accuracy: number; n_scored: number };
  const driver = new FoldDriver();
  driver.pipe(...rows.map(({ text, sentiment }, i) => ({ id: `${i}`, text, label: sentiment })));
  const figures = driver.fold.figures().get('champion');
  expect(figures).toMatchObject({ scored: vectors.n_scored, learned: 750 });
  expect(figures?.cumulative).toMatchObject({
    accuracy: vectors.accuracy,
    confusion: {
      negative: { negative: 268, positive: 105 },
      positive: { negative: 89, positive: 287 },
    },
  });
  expect(vectors.accuracy).toBe(0.7409879839786382);
});
