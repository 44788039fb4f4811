import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ModelDelta } from '../../../../src/core/models/model.ts';
import { FORMS, Learner, lessonsOf, texts, TWO } from './gtnb-support.ts';

fc.configureGlobal({ numRuns: 50 });

/** Laws of the sums of GT-NB: what workers do to a model may not show in it. */

describe.each(FORMS)('GT-NB with %s', (_, options) => {
  const lessons = lessonsOf(options);

  test('unlearning gives the counts back exactly, in any order, as if never learned', () => {
    fc.assert(
      fc.property(lessons, lessons, fc.infiniteStream(fc.nat()), (kept, taken, picks) => {
        const learner = new Learner(TWO, options);
        for (const [offset, lesson] of kept.entries()) learner.learn(lesson, 0, offset);
        const before = countsOf(learner);
        const learned = taken.map((lesson, at) => ({
          lesson,
          addition: learner.learn(lesson, 0, kept.length + at),
          key: picks.next().value,
        }));
        for (const { lesson, addition } of learned.toSorted((a, b) => a.key - b.key))
          learner.unlearn(lesson, addition);
        expect(countsOf(learner)).toEqual(before);
      }),
    );
  });

  test('taking a delta leaves the model as it was, applying it gives what was learned', () => {
    fc.assert(
      fc.property(lessons, lessons, fc.boolean(), texts, (before, chunk, corrects, text) => {
        const learner = new Learner(TWO, options);
        for (const [offset, lesson] of before.entries()) learner.learn(lesson, 0, offset);
        const marked = learner.model.snapshot();
        learner.calibrator.mark();
        const calibrated = learner.calibrator.snapshot();
        const answer = learner.ask(text);
        learner.model.stage();
        for (const [at, lesson] of chunk.entries()) {
          const addition = learner.learn(lesson, 0, before.length + at);
          if (!corrects || at % 2 === 1) continue;
          learner.unlearn(lesson, addition);
          learner.learn({ ...lesson, label: 'positive' }, 0, before.length + at);
        }
        const learned = learner.model.snapshot();
        const taught = learner.calibrator.snapshot();
        const asked = learner.ask(text);
        const delta = learner.model.takeDelta();
        learner.calibrator.rollback();
        expect(learner.model.snapshot()).toEqual(marked);
        expect(learner.calibrator.snapshot()).toEqual(calibrated);
        expect(learner.ask(text)).toEqual(answer);
        expect(learner.model.takeDelta().classes).toEqual([]);
        learner.model.apply(delta);
        expect(learner.model.snapshot()).toEqual(learned);
        const features = learner.analysis.extract(text);
        const again = learner.model.predict(features, learner.model.calibrator(taught));
        expect([...again.probabilities]).toEqual(asked.probabilities);
      }),
    );
  });

  test('deltas of partitions add up in any order and any chunks', () => {
    fc.assert(
      fc.property(
        fc.array(lessons, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat()),
        (all, chunk, picks) => {
          const single = new Learner(TWO, options);
          const shipped: { delta: ModelDelta; from: Learner }[] = [];
          for (const [partition, list] of all.entries()) {
            const owner = new Learner(TWO, options);
            owner.model.stage();
            for (const [offset, lesson] of list.entries()) {
              single.learn(lesson, partition, offset);
              owner.learn(lesson, partition, offset);
              if (offset % chunk !== chunk - 1 && offset !== list.length - 1) continue;
              const delta = owner.model.takeDelta();
              owner.model.apply(delta);
              shipped.push({ delta, from: owner });
            }
          }
          const order = shipped.map((one) => ({ one, key: picks.next().value }));
          const [first, second] = [new Learner(TWO, options), new Learner(TWO, options)];
          for (const { delta, from } of shipped) first.receive(delta, from);
          for (const { one } of order.toSorted((a, b) => a.key - b.key))
            second.receive(one.delta, one.from);
          expect(second.model.snapshot()).toEqual(first.model.snapshot());
          expect(second.model.vocabulary).toBe(first.model.vocabulary);
          // What a document adds under dfe depends on what its worker knew, so only the other forms give the counts of one.
          if (options.dfe !== true) expect(first.model.snapshot()).toEqual(single.model.snapshot());
        },
      ),
    );
  });

  test('totals and vocabulary are those of the counts', () => {
    fc.assert(
      fc.property(lessons, (list) => {
        const learner = new Learner(TWO, options);
        for (const [offset, lesson] of list.entries()) learner.learn(lesson, 0, offset);
        const { classes, features } = learner.model.snapshot();
        expect(learner.model.vocabulary).toBe(features.length);
        for (const [at, { label }] of classes.entries()) {
          const { counts } = learner.model;
          const total = features.reduce((sum, row) => sum + Number(row[at + 1]), 0);
          expect(counts.totals[counts.labels.indexOf(label)]).toBe(total);
        }
      }),
    );
  });
});

test('a weight of two counts what two lessons of one do, but for the documents that hold a feature', () => {
  fc.assert(
    fc.property(lessonsOf({}), fc.integer({ min: 1, max: 16 }), (list, times) => {
      const [once, often] = [
        new Learner(TWO, { weights: true }),
        new Learner(TWO, { weights: true }),
      ];
      for (const [offset, lesson] of list.entries()) {
        once.learn({ ...lesson, weight: 16 * times }, 0, offset);
        for (let left = times; left > 0; left--) often.learn(lesson, 0, offset);
      }
      const [{ frequencies: single, ...weighted }, { frequencies: several, ...repeated }] = [
        countsOf(once),
        countsOf(often),
      ];
      const sums = ({ totals, features }: typeof weighted) => ({ totals, features });
      expect(sums(weighted)).toEqual(sums(repeated));
      expect(single!.map((documents) => times * documents)).toEqual(several);
      expect(times * once.model.learned).toBe(often.model.learned);
    }),
    { numRuns: 50 },
  );
});

test('a chunk larger than the first buffers is summed up exactly', () => {
  const [single, staged] = [new Learner(TWO), new Learner(TWO)];
  staged.model.stage();
  // Parted digits: three alike in a row would be shortened.
  const spelt = (number: number) => String(number).split('').join('x');
  for (let at = 0; at < 600; at++) {
    const lesson = {
      text: `w${spelt(at % 400)} . i${spelt(at)} . good`,
      label: TWO[at % 2]!,
      weight: 16,
    };
    single.learn(lesson, 0, at);
    staged.learn(lesson, 0, at);
  }
  const delta = staged.model.takeDelta();
  expect(delta.ids).toHaveLength(1001);
  expect(staged.model.vocabulary).toBe(0);
  staged.model.apply(delta);
  expect(staged.model.snapshot()).toEqual(single.model.snapshot());
});

/** All sums, without the sights: they have no inverse. */
function countsOf({ model }: Learner) {
  const { classes, features, frequencies } = model.snapshot();
  const labels = classes.map(({ label }) => label);
  return {
    learned: model.learned,
    vocabulary: model.vocabulary,
    classes: model.classes.toSorted(),
    documents: classes
      .filter(({ documents }) => documents > 0)
      .map(({ label, documents }) => [label, documents])
      .toSorted(),
    totals: model.counts.labels
      .map((label, column) => [label, model.counts.totals[column], model.counts.masses[column]])
      .filter(([, , mass]) => mass !== 0)
      .toSorted(),
    features: features.map(([term, ...counts]) => [
      term,
      counts.flatMap((count, at) => (count === 0 ? [] : [`${labels[at]} ${count}`])).toSorted(),
    ]),
    frequencies,
  };
}
