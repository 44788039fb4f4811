import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeCarry, encodeCarry } from '../../../src/pipeline/carry-snapshot.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import {
  actingChampion,
  initialPromotion,
  isNews,
  promotionAfter,
  readPromotion,
  type Promotion,
} from '../../../src/pipeline/promotion.ts';
import type { ModelSpec } from '../../../src/pipeline/state.ts';
import { verify } from '../../../src/pipeline/verify.ts';
import { MetricsResult, type PromotionRecord, type ResultValue } from '../../../topics/index.ts';
import { changeDelta } from '../../support/delta-edit.ts';
import { FoldDriver, newState, textOf, type DriverOptions } from '../../support/fold-driver.ts';
import {
  foldAll,
  jsonOf,
  newRun,
  PIPELINE,
  publishAny,
  snapshotAll,
  tamper,
  TOPICS,
  type Run,
} from '../../support/wandering-run.ts';
import { expectSame } from '../../support/same.ts';

const after = (records: readonly (PromotionRecord | undefined)[]): Promotion =>
  records.reduce(
    (state, record, offset) => promotionAfter(state, record, 10 * offset),
    initialPromotion('a'),
  );
const promote = (model: string, id: string): PromotionRecord => ({ type: 'promote', model, id });
const back = (id: string): PromotionRecord => ({ type: 'rollback', model: null, id });

describe('who is champion', () => {
  test('is the first model, then whoever was promoted last; a rollback takes one step back', () => {
    expect(after([])).toEqual({ id: null, at: -1, champion: 'a', previous: null });
    const b = { id: '1', at: 0, champion: 'b', previous: 'a' };
    expect(after([promote('b', '1')])).toEqual(b);
    const c = { id: '2', at: 10, champion: 'c', previous: 'b' };
    expect(after([promote('b', '1'), promote('c', '2')])).toEqual(c);
    const taken = { id: '3', at: 20, champion: 'b', previous: null };
    expect(after([promote('b', '1'), promote('c', '2'), back('3')])).toEqual(taken);
  });

  test('does not change where a record says nothing new', () => {
    const b = { id: '1', at: 10, champion: 'b', previous: 'a' };
    expect(after([promote('b', '1'), promote('b', '2')])).toEqual(b);
    expect(after([promote('b', '1'), undefined])).toEqual(b);
    expect(after([back('1'), back('2')])).toEqual({ ...initialPromotion('a'), at: 10 });
    const once = { id: '2', at: 20, champion: 'a', previous: null };
    expect(after([promote('b', '1'), back('2'), back('3')])).toEqual({ ...once, at: 20 });
  });

  test('takes a record once, however often it is read', () => {
    const state = after([promote('b', '1'), promote('c', '2')]);
    expect(promotionAfter(state, promote('b', '1'), 0)).toBe(state);
    expect(promotionAfter(state, promote('c', '2'), 10)).toBe(state);
  });

  test('is as it was after the model topic was emptied, and that is no news', () => {
    const before = after([promote('b', '1')]);
    const restored = promotionAfter(
      initialPromotion('a'),
      { type: 'restore', model: 'b', previous: 'a', id: '1' },
      99,
    );
    expect(restored).toEqual({ ...before, at: 99 });
    expect(isNews(restored, before)).toBe(false);
    expect(isNews(restored, initialPromotion('a'))).toBe(true);
  });

  test('is the first of those that are run, if the promoted one is not', () => {
    const state = after([promote('b', '1')]);
    expect(actingChampion(state, ['a', 'b'])).toBe('b');
    expect(actingChampion(state, ['a', 'c'])).toBe('a');
    expect(actingChampion(initialPromotion('x'), ['a', 'c'])).toBe('a');
  });

  test('is told by JSON of the contract only', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const record = { type: 'promote', model: 'b', id: '1' };
    expect(readPromotion(bytes(JSON.stringify(record)))).toEqual(record);
    for (const text of ['{', '[]', '{"type":"demote","model":"b","id":"1"}', '{"type":"promote"}'])
      expect(readPromotion(bytes(text))).toBeUndefined();
    expect(readPromotion(null)).toBeUndefined();
  });
});

const MODELS: readonly ModelSpec[] = [
  { name: 'champion', kind: 'multinomial', role: 'champion' },
  { name: 'cnb', kind: 'complement', role: 'challenger' },
  { name: 'no', kind: 'no-change', role: 'challenger' },
];
const OPTIONS: DriverOptions = { models: MODELS, fold: { metricsEvery: 3 } };
const stateOf = (champion: string, at: number): Promotion => ({
  id: `p-${at}`,
  at,
  champion,
  previous: 'champion',
});

const texts = (length: number, seed: number): object[] =>
  Array.from({ length }, (_, i) => {
    const n = i + seed;
    const [id, label] = [`r-${n % 17}`, n % 3 === 0 ? 'positive' : 'negative'];
    if (n % 5 === 4) return { id, label: n % 7 === 0 ? null : label };
    return { id, text: `w${n % 7} x${n % 4}`, ...(n % 4 === 0 ? {} : { label }) };
  });

/** What a driver does between two records. */
interface Break {
  readonly at: number;
  readonly promote: string | undefined;
  readonly how: 'go on' | 'restart' | 'rollback' | 'revive';
}

const breaks = (length: number): fc.Arbitrary<Break[]> =>
  fc.array(
    fc.record({
      at: fc.nat(length),
      promote: fc.option(fc.constantFrom('champion', 'cnb', 'no'), { nil: undefined }),
      how: fc.constantFrom('go on', 'restart', 'rollback', 'revive'),
    }),
    { maxLength: 6 },
  );

/** Folds values in chunks that end at the breaks; `rough`: also does there what a break says. */
function drive(values: readonly object[], at: readonly Break[], rough: boolean): FoldDriver {
  const sorted = at.toSorted((a, b) => a.at - b.at);
  const stops = sorted.filter(({ promote: model }) => rough || model !== undefined);
  let driver = new FoldDriver(OPTIONS);
  const [written, results]: [string[], unknown[]] = [[], []];
  let from = 0;
  let known = driver.state.promotion;
  for (const stop of [...stops, undefined]) {
    const until = stop?.at ?? values.length;
    if (until > from) driver.pipe(...values.slice(from, until));
    from = Math.max(from, until);
    if (stop === undefined) break;
    if (stop.promote !== undefined) known = stateOf(stop.promote, sorted.indexOf(stop));
    if (rough && stop.how !== 'go on') {
      if (stop.how === 'rollback') {
        driver.state.promotion = stateOf('cnb', 1e6);
        driver.stage([]);
        driver.fold.rollback();
      } else {
        written.push(...driver.written);
        results.push(...driver.results);
        driver = stop.how === 'restart' ? driver.restart() : revived(driver);
      }
    }
    driver.state.promotion = known;
  }
  driver.written.unshift(...written);
  return driver;
}

/** Another process that begins with a snapshot of the carry, as it stands in the log. */
function revived(driver: FoldDriver): FoldDriver {
  const pieces = [...encodeCarry(driver.fold.capture(), driver.state.extractors, 64)];
  const next = driver.restart();
  const steps = decodeCarry(Buffer.concat(pieces), next.state.extractors);
  for (;;) {
    const step = steps.next();
    if (step.done !== true) continue;
    next.fold.revive(step.value);
    return next;
  }
}

describe('a partition', () => {
  test('names its champion in the results on both sides of a switch, and the switch in its delta', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.pipe(...texts(9, 0));
    driver.state.promotion = stateOf('cnb', 7);
    driver.pipe(...texts(9, 9));
    driver.pipe(...texts(2, 18));
    expect(driver.deltas.map((bytes) => readDelta(bytes).promotion)).toEqual([
      undefined,
      { id: 'p-7', at: 7, champion: 'cnb', previous: 'champion' },
      undefined,
    ]);
    const roles = driver.results.flatMap((result) =>
      result.type === 'prediction' || result.type === 'metrics'
        ? [[result.model, result.source.offset < 9, result.role].join(' ')]
        : [],
    );
    expect([...new Set(roles)].toSorted()).toEqual([
      'champion false challenger',
      'champion true champion',
      'cnb false champion',
      'cnb true challenger',
      'no false challenger',
      'no true challenger',
    ]);
  });

  test('tells no idle figures with a champion under whom it predicted nothing', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.pipe(...texts(2, 1));
    driver.state.promotion = stateOf('cnb', 7);
    driver.pipe({ neither: true });
    expect(driver.fold.seat.champion).toBe('cnb');
    expect(driver.fold.idle()).toEqual([]);
    driver.pipe({ id: 'x', text: 'w1' });
    const told = driver.fold.idle().map(({ value }) => JSON.parse(textOf(value)) as ResultValue);
    expect(told.map((value) => 'role' in value && [value.model, value.role])).toEqual([
      ['champion', 'challenger'],
      ['cnb', 'champion'],
      ['no', 'challenger'],
    ]);
  });

  test('begins the comparison with a new champion anew', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.pipe(...texts(12, 0));
    driver.state.promotion = stateOf('cnb', 7);
    driver.pipe({ id: 'x', text: 'w1', label: 'negative' }, ...texts(12, 12));
    const compared = driver.results.flatMap((result) => {
      if (result.type !== 'metrics') return [];
      const { model, source, comparison } = MetricsResult.parse(result);
      return comparison === undefined ? [] : [{ model, offset: source.offset, ...comparison }];
    });
    const late = compared.filter(({ offset }) => offset >= 12);
    expect(late.length).toBeGreaterThan(2);
    for (const { model, champion, promotion, pairs, offset } of late) {
      expect([champion, promotion]).toEqual(['cnb', 'p-7']);
      expect(['champion', 'no']).toContain(model);
      expect(pairs.n).toBeLessThanOrEqual(offset - 11);
      expect(pairs.n).toBeGreaterThan(0);
    }
  });

  test('stays with its champion if the new one is not run', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.state.promotion = stateOf('elsewhere', 7);
    driver.pipe(...texts(9, 0));
    expect(readDelta(driver.deltas[0] ?? new Uint8Array()).promotion).toBeUndefined();
    expect(driver.fold.seat).toMatchObject({ champion: 'champion', promotion: { id: null } });
  });

  test('keeps the promotion of a model that its next owner does not run, for one that does', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.state.promotion = stateOf('cnb', 7);
    driver.pipe(...texts(9, 0));
    const [champion, , no] = MODELS;
    if (champion === undefined || no === undefined) throw new Error('no models');
    const other = new FoldDriver({ ...OPTIONS, models: [champion, no] });
    for (const bytes of driver.deltas) other.follow(readDelta(bytes));
    expect(other.fold.seat.champion).toBe('cnb');
    other.state.promotion = stateOf('cnb', 7);
    const chunk = other.stage([]);
    expect(chunk.promotion).toBeUndefined();
    expect(other.fold.seat).toEqual({ champion: 'champion', promotion: stateOf('cnb', 7) });
    other.commit(chunk);
    for (const bytes of other.deltas) driver.follow(readDelta(bytes));
    const again = driver.stage([]);
    expect([again.promotion, driver.fold.seat.champion]).toEqual([undefined, 'cnb']);
  });

  test('does not switch with a chunk that is rolled back, and does with the next', () => {
    const driver = new FoldDriver(OPTIONS);
    driver.pipe(...texts(9, 0));
    const before = driver.snapshot();
    driver.state.promotion = stateOf('cnb', 7);
    expect(driver.stage([]).promotion?.champion).toBe('cnb');
    driver.fold.rollback();
    expect(driver.snapshot()).toEqual(before);
    expect(driver.stage([]).promotion?.champion).toBe('cnb');
  });

  test('goes on to the byte after restarts, rollbacks and snapshots, whatever the chunks, for equal switches', () => {
    fc.assert(
      fc.property(fc.nat(1000), breaks(40), (seed, at) => {
        const values = texts(40, seed);
        const [smooth, rough] = [drive(values, at, false), drive(values, at, true)];
        expectSame(rough.written, smooth.written);
        expectSame(rough.fold.snapshot(), smooth.fold.snapshot());
      }),
      { numRuns: 12 },
    );
  });

  test('has a delta of the same bytes as ever where it does not switch', () => {
    const [plain, known] = [new FoldDriver(OPTIONS), new FoldDriver(OPTIONS, newState(OPTIONS))];
    known.state.promotion = { ...known.state.promotion, at: 12 };
    plain.pipe(...texts(9, 0));
    known.pipe(...texts(9, 0));
    expect(known.deltas).toEqual(plain.deltas);
  });
});

/** Where each partition switched, by its deltas. */
const switchesOf = (run: Run) =>
  run.store.topic(TOPICS.model).partitions.map(({ records }) =>
    records.flatMap(({ key, value }) => {
      const delta = key === null ? readDelta(value ?? new Uint8Array()) : undefined;
      return delta?.promotion === undefined
        ? []
        : [{ from: delta.from, promotion: delta.promotion }];
    }),
  );

async function promoted(seed: number, partitions: number): Promise<Run> {
  const run = await newRun({ seed, partitions });
  await publishAny(run, 60);
  await foldAll(run, { promotions: true });
  await publishAny(run, 60, 60);
  await foldAll(run, { promotions: true });
  return run;
}

describe('a run of several workers with promotions at any time', () => {
  test('switches once a promotion, names the right champion on both sides, and verifies', async () => {
    let switches = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(1e6), fc.integer({ min: 1, max: 3 }), async (seed, partitions) => {
        const run = await promoted(seed, partitions);
        for (const [partition, each] of switchesOf(run).entries()) {
          switches += each.length;
          const ids = each.map(({ promotion }) => promotion.id);
          expect(new Set(ids).size).toBe(ids.length);
          const places = each.map(({ promotion }) => promotion.at);
          expect(places).toEqual(places.toSorted((a, b) => a - b));
          for (const record of run.store.topic(TOPICS.results).partitions[partition]?.records ??
            []) {
            const { type, model, role, source } = jsonOf(record);
            if (type !== 'prediction' && type !== 'metrics') continue;
            const { offset } = source as { offset: number };
            const champion =
              each.findLast(({ from }) => from <= offset)?.promotion.champion ?? 'champion';
            const expected = model === champion ? 'champion' : 'challenger';
            expectSame([offset, model, role], [offset, model, expected]);
          }
        }
        const { log, fold } = run;
        expect(await verify({ log, pipeline: PIPELINE, fold })).toMatchObject({
          verified: true,
          records: 120,
        });
      }),
      { numRuns: 6, examples: [[584_983, 3]] },
    );
    expect(switches).toBeGreaterThan(8);
  }, 60_000);

  test('does not verify if a delta names another champion, or a switch is left out', async () => {
    const run = await promoted(3, 2);
    const at = run.store
      .topic(TOPICS.model)
      .partitions[1]?.records.findIndex(
        ({ value }) => readDelta(value ?? new Uint8Array()).promotion,
      );
    if (at === undefined || at < 0) throw new Error('no switch in partition 1');
    const { log, fold, store } = run;
    const edits = [
      (promotion: Promotion | undefined) =>
        promotion && { ...promotion, champion: promotion.champion === 'gt' ? 'cnb' : 'gt' },
      (promotion: Promotion | undefined) => promotion && { ...promotion, id: 'another' },
      () => undefined,
    ];
    for (const edit of edits) {
      const kept = [...store.partition(TOPICS.model, 1).records];
      tamper(store, TOPICS.model, 1, (records) =>
        records.map((record, index) =>
          index === at
            ? {
                ...record,
                value: changeDelta(record.value ?? new Uint8Array(), (delta) => ({
                  ...delta,
                  promotion: edit(delta.promotion),
                })),
              }
            : record,
        ),
      );
      expect(await verify({ log, pipeline: PIPELINE, fold })).toMatchObject({
        verified: false,
        partition: 1,
      });
      tamper(store, TOPICS.model, 1, () => kept);
    }
  });

  test('verifies from a snapshot on, where the promotions before it are deleted', async () => {
    const run = await promoted(8, 2);
    const places = await snapshotAll(run, 'a', 1);
    await publishAny(run, 60, 120);
    await foldAll(run, { promotions: true });
    for (const [partition, place] of places.entries())
      await run.log.trim(TOPICS.model, partition, place);
    const { log, fold } = run;
    expect(await verify({ log, pipeline: PIPELINE, fold })).toMatchObject({ verified: true });
  });
});
