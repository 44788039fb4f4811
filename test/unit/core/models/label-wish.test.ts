import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LabelWish, marginOf } from '../../../../src/core/models/label-wish.ts';

/** An answer of two classes with a margin. */
const answer = (margin: number) => ({
  probabilities: Float64Array.of((1 - margin) / 2, (1 + margin) / 2),
  best: 1,
});

const margins = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 300 });
const rates = fc.double({ min: 0, max: 1, noNaN: true });

const decideAll = (wish: LabelWish, stream: readonly number[]): boolean[] =>
  stream.map((margin) => wish.decide(answer(margin)));

const count = (wishes: readonly boolean[]): number => wishes.filter(Boolean).length;

/** Margins of a stream, from 0 to 1 in no order. */
const mixed = (length: number): number[] =>
  Array.from({ length }, (_, at) => ((at * 0.618_033_988_749_895) % 1) ** 2);

describe('the margin', () => {
  test.each([
    [[0.7, 0.2, 0.1], 0, 0.5],
    [[0.1, 0.2, 0.7], 2, 0.5],
    [[0.5, 0.5], 0, 0],
    [[1], 0, 1],
    [[], -1, 0],
  ])('of %j with the answer %d is %d', (probabilities, best, margin) => {
    expect(marginOf(Float64Array.from(probabilities), best)).toBeCloseTo(margin, 12);
  });
});

describe('wishes for labels', () => {
  test('are never more than the rate, and one', () => {
    fc.assert(
      fc.property(rates, margins, (rate, stream) => {
        const wishes = decideAll(new LabelWish(rate), stream);
        for (let seen = 1; seen <= wishes.length; seen++)
          expect(count(wishes.slice(0, seen))).toBeLessThanOrEqual(rate * seen + 1 + 1e-9);
      }),
    );
  });

  test('after a quiet stretch are at most eleven more than the rate', () => {
    const wish = new LabelWish(0.2);
    decideAll(wish, new Array<number>(40).fill(1));
    const wishes = decideAll(wish, new Array<number>(100).fill(0));
    expect(count(wishes)).toBeGreaterThan(20);
    expect(count(wishes)).toBeLessThanOrEqual(31);
  });

  test('come nearly as often as the rate allows', () => {
    for (const rate of [0.01, 0.05, 0.1, 0.2]) {
      const wished = count(decideAll(new LabelWish(rate), mixed(20_000))) / 20_000;
      expect(wished).toBeGreaterThan(0.9 * rate);
      expect(wished).toBeLessThanOrEqual(rate + 1 / 20_000);
    }
  });

  test('come also where all answers are sure alike, or none is', () => {
    for (const margin of [0, 0.5, 1]) {
      const wished = count(decideAll(new LabelWish(0.1), new Array<number>(5000).fill(margin)));
      expect(wished).toBeGreaterThan(400);
      expect(wished).toBeLessThanOrEqual(501);
    }
  });

  test('are for doubtful records, but for a quarter', () => {
    const stream = mixed(20_000);
    const wishes = decideAll(new LabelWish(0.1), stream);
    const wished = stream.filter((_, at) => wishes[at]);
    const doubtful = wished.filter((margin) => margin < 0.02).length / wished.length;
    expect(doubtful).toBeGreaterThan(0.7);
    expect(doubtful).toBeLessThan(0.82);
    // What is left is taken at regular intervals, sure answers included.
    expect(wished.filter((margin) => margin > 0.5).length / wished.length).toBeGreaterThan(0.05);
  });

  test('follow a stream whose answers become surer', () => {
    const wish = new LabelWish(0.1);
    decideAll(wish, mixed(5000));
    const surer = mixed(5000).map((margin) => 0.9 + margin / 10);
    expect(count(decideAll(wish, surer.slice(0, 2500)))).toBeGreaterThan(50);
    expect(count(decideAll(wish, surer.slice(2500)))).toBeGreaterThan(200);
  });

  test('are none at rate 0', () => {
    expect(count(decideAll(new LabelWish(0), mixed(1000)))).toBe(0);
  });

  test.each([-0.1, 1.1, NaN])('cannot have the rate %d', (rate) => {
    expect(() => new LabelWish(rate)).toThrow(RangeError);
  });
});

describe('the state of wishes', () => {
  test('is what one doubtful record leaves', () => {
    const wish = new LabelWish(0.5);
    expect(wish.decide(answer(0))).toBe(true);
    expect(wish.snapshot()).toEqual({ saved: 0.375, threshold: 0.49375, turn: 0.125 });
    expect(wish.decide(answer(0))).toBe(false);
    expect(wish.decide(answer(1))).toBe(false);
    expect(wish.snapshot()).toEqual({ saved: 1.125, threshold: 0.49125, turn: 0.375 });
  });

  test('goes on from a snapshot as if nothing had been', () => {
    fc.assert(
      fc.property(rates, margins, margins, (rate, before, after) => {
        const wish = new LabelWish(rate);
        decideAll(wish, before);
        const state = JSON.parse(JSON.stringify(wish.snapshot())) as ReturnType<
          LabelWish['snapshot']
        >;
        const restored = new LabelWish(rate, state);
        expect(decideAll(restored, after)).toEqual(decideAll(wish, after));
        expect(restored.snapshot()).toEqual(wish.snapshot());
      }),
    );
  });

  test('goes back to the mark: at first, later, and where it was restored', () => {
    fc.assert(
      fc.property(rates, margins, margins, (rate, before, after) => {
        const wish = new LabelWish(rate);
        const fresh = wish.snapshot();
        decideAll(wish, before);
        wish.rollback();
        expect(wish.snapshot()).toEqual(fresh);
        const wishes = decideAll(wish, before);
        wish.mark();
        const marked = wish.snapshot();
        const next = decideAll(wish, after);
        wish.rollback();
        expect(wish.snapshot()).toEqual(marked);
        expect(decideAll(wish, after)).toEqual(next);
        const restored = new LabelWish(rate, marked);
        decideAll(restored, after);
        restored.rollback();
        expect(restored.snapshot()).toEqual(marked);
        expect(decideAll(new LabelWish(rate), before)).toEqual(wishes);
      }),
    );
  });
});
