import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createModel } from '../../../src/core/models/registry.ts';
import { modelHash } from '../../../src/core/models/snapshot.ts';
import { decodeCarry, encodeCarry } from '../../../src/pipeline/carry-snapshot.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import { Evaluation } from '../../../src/pipeline/evaluate.ts';
import { importModel } from '../../../src/pipeline/import-model.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { rebuildModel } from '../../../src/pipeline/rebuild.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { DriftResult, type ResultValue } from '../../../topics/index.ts';
import { FoldDriver, newFold, newState, sourceRecord } from '../../support/fold-driver.ts';
import {
  FOLD,
  hashes,
  OFTEN,
  copyOf,
  publish,
  someInputs,
  subscribe,
  TOPICS as SNAPSHOT_TOPICS,
  withLog,
} from '../../support/snapshot-runs.ts';
import {
  DECLARED,
  diceOf,
  foldAll,
  newRun,
  PIPELINE,
  publishAny,
  TOPICS,
} from '../../support/wandering-run.ts';

const WINDOW = 100;
const GT = { name: 'gt', kind: 'gtnb:bits=10,window=100', role: 'champion' } as const;
const DFE = { name: 'dfe', kind: 'gtnb:dfe=on,bits=10,window=100', role: 'challenger' } as const;
const RIVER = { name: 'mnb', kind: 'multinomial:window=100', role: 'challenger' } as const;
const WEIGHED = {
  name: 'weighed',
  kind: 'gtnb:weights=on,bits=10,window=100',
  role: 'challenger',
} as const;
const MODELS = [GT, DFE, RIVER, WEIGHED];
/** Those whose counts do not depend on the order of the texts. */
const SUMS = ['gt', 'mnb', 'weighed'];
const WORDS = ['good', 'bad', 'soup', 'bread', 'not', 'very', '__proto__', 'naïve', 'ok-ish'];
const LABELS = ['positive', 'negative', 'mixed'];

interface Value {
  readonly id: string;
  readonly text?: string;
  readonly label?: string | null;
  readonly labelWeight?: number;
}

/** Texts under old and new ids, with and without labels, labels late, corrected and withdrawn. */
function someValues(seed: number, count: number): Value[] {
  const dice = diceOf(seed);
  const pick = <T>(list: readonly T[]): T => list[dice(list.length)] as T;
  return Array.from({ length: count }, (_, i): Value => {
    const id = dice(4) === 0 ? pick(['a', 'b', 'c']) : `r-${i}`;
    const text = Array.from({ length: dice(6) }, () => pick(WORDS)).join(' ');
    const kind = dice(10);
    const weight = dice(5) === 0 ? { labelWeight: pick([0, 0.25, 2]) } : {};
    if (kind < 6) return { id, text, label: pick(LABELS), ...weight };
    if (kind < 7) return { id, text };
    const earlier = dice(4) === 0 ? id : `r-${Math.max(0, i - dice(160))}`;
    return { id: earlier, label: kind < 9 ? pick(LABELS) : null, ...weight };
  });
}

interface Taught {
  readonly text: string;
  readonly label: string;
  readonly weight: number;
}

/** What a partition's last labels taught, by the words of the guide and without any of the carry's code. */
function lastLabels(values: readonly Value[], isWeighted: boolean): readonly Taught[] {
  const places: { id: string; at: number; text: string; label: string | null; weight: number }[] =
    [];
  const texts = new Map<string, { at: number; text: string }>();
  const early = new Map<string, { label: string; weight: number }>();
  const gone = new Set<string>();
  for (const [at, { id, text, label = null, labelWeight: given = 1 }] of values.entries()) {
    const weight = isWeighted || given === 0 ? given : 1;
    if (text !== undefined) {
      texts.set(id, { at, text });
      const known = label === null ? early.get(id) : { label, weight };
      early.delete(id);
      if (known !== undefined) places.push({ id, at, text, ...known });
    } else {
      const newest = texts.get(id);
      const labelled = places.findIndex((place) => place.id === id && place.at === newest?.at);
      if (newest === undefined) {
        if (label === null) early.delete(id);
        else early.set(id, { label, weight });
      } else if (labelled !== -1) {
        const [place] = places.splice(labelled, 1);
        const isKnown = place?.label === label && (label === null || place.weight === weight);
        // The same label again moves nothing.
        if (place !== undefined && isKnown) places.splice(labelled, 0, place);
        else places.push({ id, ...newest, label, weight });
      } else if (!gone.has(`${id}/${newest.at}`) && label !== null)
        places.push({ id, ...newest, label, weight });
    }
    while (places.length > WINDOW) {
      const [oldest] = places.splice(0, 1);
      if (oldest !== undefined) gone.add(`${oldest.id}/${oldest.at}`);
    }
  }
  return places.flatMap(({ text, label, weight }) =>
    label === null || weight === 0 ? [] : [{ text, label, weight }],
  );
}

/** Hash of a model that was taught the last labels of some partitions, and nothing else. */
function hashOf(
  { kind, extractor }: ReturnType<typeof newState>['models'][number],
  partitions: readonly (readonly Value[])[],
): string {
  const model = createModel(kind, extractor, DECLARED);
  const calibrator = model.calibrator();
  const documents = partitions.flatMap((values) => lastLabels(values, model.isWeighted));
  expect(documents.length).toBeGreaterThan((partitions.length * WINDOW) / 2);
  for (const [offset, { text, label, weight }] of documents.entries()) {
    const sight = { partition: 0, offset };
    model.learn(extractor.extract(text), label, sight, calibrator, 16 * weight);
  }
  return modelHash(model);
}

const seed = fc.integer({ min: 0, max: 1_000_000 });
const learnedOf = ({ results }: { results: readonly ResultValue[] }, model: string) =>
  results.flatMap((result) =>
    result.type === 'prediction' && result.model === model ? [result.learned] : [],
  );

describe('a model with a window', () => {
  test('counts what the last labels taught, whatever the chunks and however many were rolled back', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 10, max: 90 }), (of, size) => {
        const values = someValues(of, 330);
        const driver = new FoldDriver({ models: MODELS });
        for (let from = 0; from < values.length; from += size) {
          const chunk = values.slice(from, from + size);
          driver.stage(chunk.map((value, i) => sourceRecord(from + i, value)));
          driver.fold.rollback();
          driver.pipe(...chunk);
        }
        for (const name of SUMS) {
          const running = driver.state.followed(name)!;
          expect(modelHash(running.model)).toBe(hashOf(running, [values]));
        }
        // Parts of documents go as they came.
        const { masses, classes } = driver.state.followed('dfe')!.model.snapshot();
        expect(masses).toEqual(classes.map((each) => 16 * each.documents));
      }),
      { numRuns: 2 },
    );
  });

  test('merges: two partitions make the sum of their windows', () => {
    const options = { models: MODELS, partitions: 2 };
    const state = newState(options);
    const streams = [someValues(3, 300), someValues(4, 280)];
    const folds = streams.map((_, p) => newFold(state, options, p));
    const deltas: Uint8Array[] = [];
    for (let from = 0; from < 300; from += 37)
      for (const [p, fold] of folds.entries()) {
        const chunk = streams[p]!.slice(from, from + 37);
        if (chunk.length === 0) continue;
        const records = chunk.map((value, i) => sourceRecord(from + i, value, { partition: p }));
        const staged = fold.stage(records, from, 1, from + chunk.length);
        fold.commit(staged);
        deltas.push(staged.outputs.at(-1)!.value as Uint8Array);
      }
    const follower = newState(options);
    for (const p of [1, 0])
      for (const delta of deltas.map((bytes) => readDelta(bytes)))
        if (delta.partition === p) follower.apply(delta);
    for (const name of SUMS) {
      const running = state.followed(name)!;
      expect(modelHash(running.model)).toBe(hashOf(running, streams));
      expect(follower.hash(name)).toEqual(state.hash(name));
    }
    expect(follower.hash('dfe')).toEqual(state.hash('dfe'));
  });

  test('goes on learning: forgotten documents count as learned', () => {
    const driver = new FoldDriver({ models: MODELS });
    const labelled = Array.from({ length: 250 }, (_, i) => ({
      id: `${i}`,
      text: WORDS[i % 9],
      label: LABELS[i % 2],
    }));
    driver.pipe(...labelled.slice(0, 140));
    driver.pipe(...labelled.slice(140));
    driver.pipe({ id: '249', label: null });
    const numbers = Array.from({ length: 250 }, (_, i) => i);
    for (const { name } of MODELS) {
      expect(learnedOf(driver, name)).toEqual(numbers);
      expect(driver.state.hash(name).learned).toBe(249);
      expect(driver.fold.figures().get(name)?.learned).toBe(249);
      const { classes } = driver.state.followed(name)!.model.snapshot();
      expect(classes.reduce((sum, { documents }) => sum + documents, 0)).toBe(WINDOW - 1);
      expect(driver.restart().state.hash(name)).toEqual(driver.state.hash(name));
    }
    // The baselines speak of the stream.
    const whole = new FoldDriver({ models: [{ ...GT, kind: 'gtnb:bits=10' }] });
    whole.pipe(...labelled, { id: '249', label: null });
    expect(driver.fold.figures().get('gt')?.baselines).toEqual(
      whole.fold.figures().get('gt')?.baselines,
    );
  });

  test('corrects what is in the window, and what left it is expired', () => {
    const driver = new FoldDriver({ models: [GT] });
    driver.pipe(
      { id: 'old', text: 'good', label: 'positive' },
      { id: 'kept', text: 'good', label: 'positive' },
    );
    const more = Array.from({ length: 99 }, (_, i) => ({
      id: `${i}`,
      text: 'soup',
      label: 'negative',
    }));
    driver.pipe(...more);
    const [old, kept] = driver.pipe(
      { id: 'old', label: 'negative' },
      { id: 'kept', label: 'negative' },
    );
    expect(old).toMatchObject({ type: 'outcome', status: 'expired' });
    expect(kept).toMatchObject({ type: 'outcome', status: 'corrected', previous: 'positive' });
  });

  test('keeps what was taught under an id that another text has now', () => {
    const driver = new FoldDriver({ models: [GT] });
    const same = Array.from({ length: 130 }, () => ({ id: 'me', text: 'soup', label: 'negative' }));
    driver.pipe(...same, { id: 'me', text: 'bread' });
    const documents = () =>
      driver.state
        .followed('gt')!
        .model.snapshot()
        .classes.map((of) => of.documents);
    expect(documents()).toEqual([100]);
    driver.pipe({ id: 'me', label: 'positive' });
    expect(documents()).toEqual([99, 1]);
    driver.pipe({ id: 'me', label: null });
    expect(documents()).toEqual([99, 0]);
    expect(driver.restart().snapshot()).toEqual(driver.snapshot());
  });

  test('goes on from deltas, or from a snapshot of its carry, as if nothing had happened', () => {
    fc.assert(
      fc.property(seed, (of) => {
        const values = someValues(of, 420);
        const driver = new FoldDriver({ models: MODELS });
        for (let from = 0; from < 280; from += 35) driver.pipe(...values.slice(from, from + 35));
        const restarted = driver.restart();
        expect(restarted.snapshot()).toEqual(driver.snapshot());
        const revived = driver.restart();
        const { extractors } = driver.state;
        const pieces = [...encodeCarry(driver.fold.capture(), extractors, 4096)].map((piece) =>
          piece.slice(),
        );
        const decoding = decodeCarry(Buffer.concat(pieces), extractors);
        for (let step = decoding.next(); ; step = decoding.next())
          if (step.done === true) {
            revived.fold.revive(step.value);
            break;
          }
        const before = driver.written.length;
        for (const each of [driver, restarted, revived]) each.pipe(...values.slice(280));
        for (const each of [restarted, revived]) {
          expect(each.written).toEqual(driver.written.slice(before));
          expect(each.snapshot()).toEqual(driver.snapshot());
          for (const { name } of MODELS)
            expect(each.state.hash(name)).toEqual(driver.state.hash(name));
        }
      }),
      { numRuns: 2 },
    );
  });

  test('is restored from snapshots of the log with all that it learned', async () => {
    await withLog('memory', 1, async (log) => {
      const models = [{ name: 'champion', kind: GT.kind, role: 'champion' }] as const;
      const values = someInputs(600);
      await publish(log, values.slice(0, 400));
      await subscribe(log, { models, ...OFTEN });
      await publish(log, values.slice(400), 400);
      await subscribe(log, { models, ...OFTEN });
      const restored = await hashes(log);
      expect(restored).toEqual(await hashes(await copyOf(log, SNAPSHOT_TOPICS.snapshots)));
      expect((restored as { readonly learned: number }).learned).toBeGreaterThan(WINDOW);
    });
  });

  test('keeps what was imported, whatever the window', async () => {
    await withLog('memory', 1, async (log) => {
      const driver = new FoldDriver({ models: [GT] });
      const values = someInputs(400);
      driver.pipe(...values.slice(0, 50));
      const { model } = driver.state.models[0]!;
      const [snapshot, topics] = [model.snapshot(), SNAPSHOT_TOPICS];
      const name = 'champion';
      const subject = { log, pipeline: PIPELINE, topics, declared: DECLARED };
      await importModel({ ...subject, name, snapshot });
      await publish(log, values.slice(50), 50);
      await subscribe(log, { models: [{ name, kind: GT.kind, role: 'champion' }] });
      const { state } = await loadModel(subject);
      const held = state.models[0]!.model.snapshot();
      const sum = ({ classes }: typeof held) =>
        classes.reduce((documents, of) => documents + of.documents, 0);
      expect(sum(held)).toBe(sum(snapshot) + WINDOW);
      expect(state.hash(name).learned).toBeGreaterThan(sum(held));
    });
  });

  test.each([
    [1, 300],
    [2, 440],
  ])('is verified to the last byte, over %i partitions', async (partitions, records) => {
    const drifting = { ...GT, kind: `${GT.kind},on-drift=forget` };
    const run = await newRun({ seed: 5, partitions, models: [drifting, DFE, RIVER] });
    await publishAny(run, records);
    await foldAll(run);
    const { log, fold } = run;
    expect(await verify({ log, pipeline: PIPELINE, fold })).toMatchObject({
      verified: true,
      records,
    });
    if (partitions > 1) return;
    const load = () =>
      loadModel({ log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED, carry: fold });
    const before = await load();
    const models = [drifting, DFE, RIVER];
    await rebuildModel({ log, pipeline: PIPELINE, models, analyzer: 'river', fold });
    const after = await load();
    expect(after.carryHash).toBe(before.carryHash);
    for (const { name } of models) expect(after.state.hash(name)).toEqual(before.state.hash(name));
  });
});

describe('a model that forgets at a drift', () => {
  const KIND = 'gtnb:bits=12,lexicon=off,window=1000000,on-drift=forget';
  const dice = diceOf(11);
  /** Words mean a class; from `turn` on the other one. A tenth of the labels is wrong. */
  const stream = (count: number, turn: number): Value[] =>
    Array.from({ length: count }, (_, i): Value => {
      const side = dice(2);
      const words = Array.from({ length: 10 }, () => `${'ab'[side]}${dice(40)}`);
      const isTurned = i >= turn !== (dice(10) === 0);
      return {
        id: `r-${i}`,
        text: words.join(' '),
        label: DECLARED[isTurned ? 1 - side : side] ?? '',
      };
    });
  const turning = stream(1900, 1300);
  const drifts = ({ results }: { results: readonly ResultValue[] }) =>
    results.filter(({ type }) => type === 'drift').map((value) => DriftResult.parse(value));
  const driverOf = (kind: string) =>
    new FoldDriver({ models: [{ name: 'champion', kind, role: 'champion' }] });
  const folded = (kind: string, size = 100): FoldDriver => {
    const driver = driverOf(kind);
    for (let from = 0; from < turning.length; from += size)
      driver.pipe(...turning.slice(from, from + size));
    return driver;
  };
  const whole = folded(KIND);
  const reacted = drifts(whole).filter(({ reaction }) => reaction !== undefined);

  test('keeps the documents since the change, tells so, and is right again', () => {
    expect(reacted).toHaveLength(1);
    const [{ source, signal, reaction, evidence } = {}] = reacted;
    expect(signal).toBe('error');
    expect(source?.offset).toBeGreaterThan(1300);
    expect(source?.offset).toBeLessThan(1500);
    // All that it had learned, less those since the change; the one that raised the alarm is learned after.
    expect(reaction).toEqual({
      action: 'forget',
      forgotten: (source?.offset ?? 0) - (evidence?.['records'] ?? 0) + 1,
    });
    const { classes } = whole.state.followed('champion')!.model.snapshot();
    const kept = classes.reduce((sum, { documents }) => sum + documents, 0);
    expect(kept).toBe(1900 - (reaction?.forgotten ?? 0));
    expect(whole.state.hash('champion').learned).toBe(1900);
    const last = (driver: FoldDriver) => driver.fold.figures().get('champion')!.rolling.accuracy;
    expect(last(whole)).toBeGreaterThan(last(folded('gtnb:bits=12,lexicon=off')) + 0.2);
  });

  test('unlearns them over several texts, so that no delta is too large, and none of them can be corrected', () => {
    const at = reacted[0]!.source.offset;
    const driver = driverOf(KIND);
    const held = (): number =>
      driver.state
        .followed('champion')!
        .model.snapshot()
        .classes.reduce((sum, { documents }) => sum + documents, 0);
    driver.pipe(...turning.slice(0, at));
    const before = held();
    const steps = [at, at + 1, at + 2].map((row) => {
      driver.pipe(turning[row]);
      return held();
    });
    const { forgotten } = reacted[0]!.reaction!;
    const features = 10 + 9;
    expect(before - steps[0]! + 1).toBeGreaterThan(20_000 / features);
    expect(before - steps[0]! + 1).toBeLessThan(forgotten);
    expect(steps.slice(1)).toEqual([before - forgotten + 2, before - forgotten + 3]);
    const early = driverOf(KIND);
    early.pipe(...turning.slice(0, at + 1));
    const last = `r-${forgotten - 1}`;
    const label = turning[forgotten - 1]!.label === 'positive' ? 'negative' : 'positive';
    expect(early.pipe({ id: last, label })).toMatchObject([{ status: 'expired' }]);
    expect(early.pipe({ id: `r-${forgotten}`, label: null })).toMatchObject([
      { status: 'withdrawn' },
    ]);
  });

  test('does so once, whatever the chunks, and over a restart before or at the alarm', () => {
    const at = reacted[0]!.source.offset;
    for (const size of [17, 333]) expect(folded(KIND, size).written).toEqual(whole.written);
    for (const until of [at, at + 1]) {
      const driver = driverOf(KIND);
      driver.pipe(...turning.slice(0, until));
      // A chunk with the alarm that never was committed.
      driver.stage(
        turning.slice(until, until + 50).map((value, i) => sourceRecord(until + i, value)),
      );
      driver.fold.rollback();
      const next = driver.restart();
      expect(next.snapshot()).toEqual(driver.snapshot());
      next.pipe(...turning.slice(until));
      expect([...driver.written, ...next.written]).toEqual(whole.written);
      expect(next.snapshot()).toEqual(whole.snapshot());
    }
  });

  test('ends the chunk once it has unlearned much, ahead of the records behind', () => {
    const driver = driverOf(KIND);
    const ends: number[] = [];
    for (let from = 0; from < turning.length; from = ends.at(-1) ?? 0) {
      const values = turning.slice(from, from + 500);
      const records = values.map((value, i) => sourceRecord(from + i, value));
      const chunk = driver.fold.stage(records, from, 1, undefined, 19_000);
      driver.commit(chunk);
      expect(chunk.records).toBe(chunk.to - from);
      ends.push(chunk.to);
    }
    const at = reacted[0]!.source.offset;
    expect(ends).toEqual([500, 1000, at + 1, 1900]);
    expect(driver.written).toEqual(whole.written);
    expect(driver.restart().snapshot()).toEqual(driver.snapshot());
  });

  test('does so in a pipeline that is stopped in between, and that is verified', async () => {
    await withLog('memory', 1, async (log) => {
      const models = [{ name: 'champion', kind: KIND, role: 'champion' }] as const;
      const until = reacted[0]!.source.offset + 1;
      await publish(log, turning.slice(0, until));
      await subscribe(log, { models, ...OFTEN });
      await publish(log, turning.slice(until), until);
      await subscribe(log, { models, ...OFTEN });
      const restored = await hashes(log);
      const { learned, hash } = whole.state.hash('champion');
      expect(restored).toMatchObject({ learned, hash });
      expect(restored).toEqual(await hashes(await copyOf(log, SNAPSHOT_TOPICS.snapshots)));
      expect(await verify({ log, pipeline: PIPELINE, fold: FOLD })).toMatchObject({
        verified: true,
        records: 1900,
      });
    });
  });

  test('is evaluated as it is folded, and so is one with a window alone', () => {
    for (const kind of [KIND, 'gtnb:bits=12,window=150', 'complement:window=150,on-drift=forget']) {
      const evaluation = new Evaluation({ kind, classes: { declared: DECLARED } });
      evaluation.add(turning.map(({ text = '', label = '' }) => ({ text, label: label ?? '' })));
      const { metrics, learned } = evaluation.finish();
      const figures = folded(kind).fold.figures().get('champion');
      expect(figures?.cumulative).toEqual(metrics);
      expect(learned).toBe(1900);
    }
  });

  test('is evaluated as it is folded where labels have weights, and places in the window all the same', () => {
    const kind = 'gtnb:weights=on,bits=12,window=150';
    const weights = [0, 0.5, 1, 2, 0.25, 1, 1];
    const weighed = turning.slice(0, 700).map(({ id, text = '', label }, i) => {
      return { id, text, label: label ?? '', weight: weights[i % 7] ?? 1 };
    });
    const evaluation = new Evaluation({ kind, classes: { declared: DECLARED } });
    evaluation.add(weighed);
    const driver = driverOf(kind);
    driver.pipe(...weighed.map(({ weight, ...row }) => ({ ...row, labelWeight: weight })));
    const figures = driver.fold.figures().get('champion');
    expect(figures?.cumulative).toEqual(evaluation.finish().metrics);
  });

  test('does nothing where the errors fall, or where it was not asked', () => {
    expect(drifts(folded('gtnb:bits=12,lexicon=off,window=1000000')).length).toBeGreaterThan(0);
    expect(
      drifts(folded('gtnb:bits=12,lexicon=off,window=1000000')).filter((drift) => drift.reaction),
    ).toEqual([]);
    const better = driverOf(KIND);
    const noise = stream(1200, 0).map((value) => ({ ...value, label: DECLARED[dice(2)] ?? '' }));
    better.pipe(
      ...noise,
      ...turning.slice(0, 1200).map((value) => ({ ...value, id: `x${value.id}` })),
    );
    const fallen = drifts(better).filter(({ signal }) => signal === 'error');
    expect(fallen.length).toBeGreaterThan(0);
    expect(fallen.filter(({ reaction }) => reaction !== undefined)).toEqual([]);
  });
});
