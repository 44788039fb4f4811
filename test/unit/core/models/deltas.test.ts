import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Model, ModelDelta } from '../../../../src/core/models/model.ts';
import { createModel } from '../../../../src/core/models/registry.ts';
import { modelHash } from '../../../../src/core/models/snapshot.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';
import type { Extractor } from '../../../../src/core/text/features.ts';

fc.configureGlobal({ numRuns: 50 });

/** Laws of the sums, for every kind: what workers do to a model may not show in it. */

const KINDS = ['multinomial', 'complement', 'bernoulli', 'majority', 'no-change'];
const DECLARED = ['negative', 'positive'];

interface Lesson {
  readonly text: string;
  readonly label: string;
}

const words = fc.constantFrom('good', 'bad', 'food', 'great', '__proto__', 'constructor', 'naïve');
const texts = fc.array(words, { maxLength: 6 }).map((list) => list.join(' '));
const labels = fc.constantFrom('negative', 'positive', 'neutral', 'constructor', '__proto__');
const lessons = fc.array(fc.record({ text: texts, label: labels }), { maxLength: 25 });
/** Lessons of each partition. */
const partitions = fc.array(lessons, { minLength: 1, maxLength: 4 });

class Learner {
  readonly extractor: Extractor = createExtractor('river');
  readonly model: Model;

  constructor(kind: string, options: { readonly staging?: boolean } = {}) {
    this.model = createModel(kind, this.extractor, DECLARED);
    if (options.staging === true) this.model.stage();
  }

  learn({ text, label }: Lesson, partition: number, offset: number): void {
    this.extractor.extract(text);
    this.model.learn(this.extractor.keep(), label, { partition, offset });
  }

  unlearn({ text, label }: Lesson): void {
    this.extractor.extract(text);
    this.model.unlearn(this.extractor.keep(), label);
  }

  ask(text: string) {
    const { classes, probabilities, best } = this.model.predict(this.extractor.extract(text));
    return { classes: [...classes], probabilities: [...probabilities], best };
  }

  /** Applies what another process shipped: terms travel, ids do not. */
  receive(delta: ModelDelta, from: Extractor): void {
    const ids = delta.ids.map((id) => this.extractor.intern(from.term(id)));
    this.model.apply({ ...delta, ids });
  }
}

const asked = fc.array(texts, { minLength: 1, maxLength: 4 });

describe.each(KINDS)('%s', (kind) => {
  test('deltas of partitions, in any order, give the model of a single run', () => {
    fc.assert(
      fc.property(
        partitions,
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat()),
        asked,
        (all, chunk, picks, questions) => {
          const single = new Learner(kind);
          const owners = all.map(() => new Learner(kind, { staging: true }));
          const shipped: { delta: ModelDelta; from: Extractor }[] = [];
          for (const [partition, list] of all.entries()) {
            const owner = owners[partition]!;
            for (const [offset, lesson] of list.entries()) {
              single.learn(lesson, partition, offset);
              owner.learn(lesson, partition, offset);
              if (offset % chunk !== chunk - 1 && offset !== list.length - 1) continue;
              const delta = owner.model.takeDelta();
              owner.model.apply(delta);
              shipped.push({ delta, from: owner.extractor });
            }
          }
          const merged = new Learner(kind);
          while (shipped.length > 0) {
            const [next] = shipped.splice(picks.next().value % shipped.length, 1);
            merged.receive(next!.delta, next!.from);
          }
          expect(merged.model.snapshot()).toEqual(single.model.snapshot());
          expect(merged.model.learned).toBe(single.model.learned);
          expect(merged.model.vocabulary).toBe(single.model.vocabulary);
          expect(modelHash(merged.model)).toBe(modelHash(single.model));
          for (const question of questions)
            expect(merged.ask(question)).toEqual(single.ask(question));
        },
      ),
    );
  });

  test('taking a delta out leaves the model as it was, applying it again as it had become', () => {
    fc.assert(
      fc.property(lessons, lessons, asked, (before, staged, questions) => {
        const learner = new Learner(kind, { staging: true });
        for (const [offset, lesson] of before.entries()) learner.learn(lesson, 0, offset);
        learner.model.apply(learner.model.takeDelta());
        const state = () => ({
          snapshot: learner.model.snapshot(),
          learned: learner.model.learned,
          vocabulary: learner.model.vocabulary,
          answers: questions.map((question) => learner.ask(question)),
        });
        const was = state();
        for (const [offset, lesson] of staged.entries())
          learner.learn(lesson, 0, before.length + offset);
        if (staged.length > 0) learner.unlearn(staged[0]!);
        const became = state();
        const delta = learner.model.takeDelta();
        expect(state()).toEqual(was);
        expect(learner.model.takeDelta().classes).toEqual([]);
        learner.model.apply(delta);
        expect(state()).toEqual(became);
      }),
    );
  });

  test('where a stream is cut into chunks does not show', () => {
    fc.assert(
      fc.property(lessons, fc.array(fc.boolean()), (list, cuts) => {
        const whole = new Learner(kind);
        const cut = new Learner(kind, { staging: true });
        for (const [offset, lesson] of list.entries()) {
          expect(cut.ask(lesson.text)).toEqual(whole.ask(lesson.text));
          whole.learn(lesson, 0, offset);
          cut.learn(lesson, 0, offset);
          if (cuts[offset] === true) cut.model.apply(cut.model.takeDelta());
        }
        expect(cut.model.snapshot()).toEqual(whole.model.snapshot());
      }),
    );
  });
});

describe.each(['multinomial', 'complement', 'bernoulli'])('%s', (kind) => {
  test('a document learned and unlearned was never learned', () => {
    fc.assert(
      fc.property(
        lessons,
        fc.record({ text: texts, label: labels }),
        asked,
        (list, extra, questions) => {
          const never = new Learner(kind);
          const undone = new Learner(kind);
          for (const [offset, lesson] of list.entries()) {
            never.learn(lesson, 0, offset);
            undone.learn(lesson, 0, offset);
          }
          undone.learn(extra, 0, list.length);
          undone.unlearn(extra);
          expect(modelHash(undone.model)).toBe(modelHash(never.model));
          expect(undone.model.classes).toEqual(never.model.classes);
          for (const question of questions)
            expect(undone.ask(question)).toEqual(never.ask(question));
          if (list.some(({ label: known }) => known === extra.label))
            expect(undone.model.snapshot()).toEqual(never.model.snapshot());
        },
      ),
    );
  });

  test('unlearning all of a class makes it unknown, and its first sight is remembered', () => {
    const learner = new Learner(kind);
    learner.learn({ text: 'good', label: 'a' }, 0, 0);
    learner.learn({ text: 'bad', label: 'b' }, 0, 1);
    learner.unlearn({ text: 'good', label: 'a' });
    expect(learner.ask('bad')).toEqual({ classes: ['b'], probabilities: [1], best: 0 });
    learner.learn({ text: 'good', label: 'a' }, 0, 2);
    expect(learner.model.classes).toEqual(['a', 'b']);
  });
});

describe('classes of the River kinds', () => {
  test('stand by lowest partition, then offset, however the process met them', () => {
    const learner = new Learner('multinomial');
    learner.learn({ text: 'x1', label: 'late' }, 1, 0);
    learner.learn({ text: 'x2', label: 'second' }, 0, 7);
    learner.learn({ text: 'x3', label: 'first' }, 0, 3);
    expect(learner.model.classes).toEqual(['first', 'second', 'late']);
    learner.learn({ text: 'x4', label: 'late' }, 0, 1);
    expect(learner.model.classes).toEqual(['late', 'first', 'second']);
  });

  test('that were staged only are unknown again after the delta is taken', () => {
    const learner = new Learner('multinomial', { staging: true });
    learner.learn({ text: 'good', label: 'a' }, 2, 5);
    const delta = learner.model.takeDelta();
    expect(delta.classes).toEqual([
      { label: 'a', documents: 1, firstSight: { partition: 2, offset: 5 } },
    ]);
    expect([...delta.counts]).toEqual([1]);
    expect(learner.model.classes).toEqual([]);
    expect(learner.ask('good').best).toBe(-1);
    learner.model.apply(delta);
    learner.learn({ text: 'good', label: 'a' }, 2, 6);
    expect(learner.model.takeDelta().classes).toEqual([
      { label: 'a', documents: 1, firstSight: undefined },
    ]);
  });

  test('may be 32 and more', () => {
    const learner = new Learner('multinomial', { staging: true });
    for (let at = 0; at < 40; at++)
      learner.learn({ text: `word${at} all`, label: `c${at}` }, 0, at);
    const delta = learner.model.takeDelta();
    const copy = new Learner('multinomial');
    copy.receive(delta, learner.extractor);
    const answer = copy.ask('word7');
    expect(answer.classes).toHaveLength(40);
    expect(answer.classes[answer.best]).toBe('c7');
  });
});
