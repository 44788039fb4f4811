import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ExactAnalysis } from '../../../../src/core/models/gtnb-analysis.ts';
import { studyStream } from '../../../../src/core/models/gtnb-study.ts';
import { Gtnb } from '../../../../src/core/models/gtnb.ts';
import { FORMS, Learner, lessonsOf, texts, THREE, TWO } from './gtnb-support.ts';

const lesson = (text: string, label: string, weight = 16) => ({ text, label, weight });
const SERVICE = 'Food was great and so was the serivce!';

describe('with nothing learned', () => {
  test('a word of the lexicon decides: the worked example', () => {
    const { classes, probabilities, best } = new Learner(TWO).ask(SERVICE);
    expect(classes).toEqual(TWO);
    expect(Math.abs(probabilities[1]! - 0.811834691457)).toBeLessThan(1e-12);
    expect(best).toBe(1);
  });

  test('three classes are told apart by it too, words with a value speaking against the neutral one', () => {
    const { probabilities, best } = new Learner(THREE).ask('awful');
    expect(best).toBe(0);
    expect(probabilities[1]).toBeLessThan(probabilities[0]!);
    expect(new Learner(THREE).ask('an awful great').probabilities[1]).toBeLessThan(1 / 3);
  });

  test.each([
    ['no word of the lexicon', 'the table stood there'],
    ['no word at all', ''],
  ])('a text with %s gets even shares and the first class', (_, text) => {
    expect(new Learner(TWO).ask(text)).toEqual({
      classes: TWO,
      probabilities: [0.5, 0.5],
      best: 0,
    });
    expect(new Learner(THREE).ask(text).probabilities).toEqual([1 / 3, 1 / 3, 1 / 3]);
  });

  test('without a lexicon every text gets even shares', () => {
    const analysis = new ExactAnalysis({ version: 1, lexicon: false });
    const model = new Gtnb('gtnb', analysis, TWO, analysis.lexicon);
    const answer = model.predict(analysis.extract(SERVICE), model.calibrator());
    expect([...answer.probabilities]).toEqual([0.5, 0.5]);
  });

  test('and no class declared there is no answer, and none is needed to learn', () => {
    const learner = new Learner([]);
    expect(learner.ask('good')).toEqual({ classes: [], probabilities: [], best: -1 });
    learner.learn(lesson('good', 'fine'));
    expect(learner.ask('good')).toEqual({ classes: ['fine'], probabilities: [1], best: 0 });
    learner.learn(lesson('bad', 'poor'), 0, 1);
    expect(learner.ask('bad').best).toBe(1);
  });
});

describe('learning', () => {
  test('counts each feature of a document once, in documents', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('good good good food', 'positive'));
    const { counts } = learner.model;
    const good = learner.analysis.intern('good');
    expect(counts.count(good, 1)).toBe(1);
    expect(counts.frequency(good)).toBe(1);
    expect(learner.model.vocabulary).toBe(4); // good, food, good good, good food
    expect(counts.totals[1]).toBe(4);
    expect(learner.model.learned).toBe(1);
  });

  test('asking adds nothing to the vocabulary', () => {
    const learner = new Learner(TWO);
    learner.ask('words never learned');
    expect(learner.model.vocabulary).toBe(0);
  });

  test('an empty document moves bias, prior and documents, no feature', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('', 'positive'));
    expect(learner.model.learned).toBe(1);
    expect(learner.model.vocabulary).toBe(0);
    expect(learner.calibrator.snapshot().bias).toEqual([
      ['negative', -0.01],
      ['positive', 0.01],
    ]);
    expect(learner.ask('').best).toBe(1);
  });

  test('takes the answer of the present state, whether it was asked for just before, long ago or never', () => {
    const lessons = [
      lesson('good food', 'positive'),
      lesson('bad food', 'negative'),
      lesson('good table', 'negative'),
      lesson('not good', 'negative'),
    ];
    const [asked, unasked, others] = [new Learner(TWO), new Learner(TWO), new Learner(TWO)];
    for (const one of lessons) {
      asked.ask(one.text);
      asked.learn(one);
      unasked.learn(one);
      others.ask(one.text);
      others.ask('great table'); // the answer at hand is another document's
      others.model.top(3);
      others.learn(one);
    }
    expect(unasked.calibrator.snapshot()).toEqual(asked.calibrator.snapshot());
    expect(others.calibrator.snapshot()).toEqual(asked.calibrator.snapshot());
  });

  test('does not take the answer of another calibrator', () => {
    const make = () => {
      const learner = new Learner(TWO);
      for (let at = 0; at < 20; at++) learner.learn(lesson('good food', 'positive'));
      return { learner, fresh: learner.model.calibrator() };
    };
    const one = make();
    const two = make();
    const features = one.learner.analysis.extract('bad food');
    one.learner.model.predict(features, one.learner.calibrator);
    one.learner.model.learn(features, 'negative', { partition: 1, offset: 0 }, one.fresh);
    two.learner.model.learn(
      two.learner.analysis.extract('bad food'),
      'negative',
      { partition: 1, offset: 0 },
      two.fresh,
    );
    expect(one.fresh.snapshot()).toEqual(two.fresh.snapshot());
  });
});

describe('discriminative frequencies', () => {
  test('add more the less the label was expected: 10/16 of an even one, 3/16 at least, the frequency stays whole', () => {
    const learner = new Learner(TWO, { dfe: true });
    // 16 (0.2 + 0.8 (1 - 0.5)) = 9.6
    expect(learner.learn(lesson('table', 'positive'))).toEqual({ amount: 10, mass: 16 });
    const table = learner.analysis.intern('table');
    expect(learner.model.counts.count(table, 1)).toBe(10);
    expect(learner.model.counts.frequency(table)).toBe(1);
    const amounts = Array.from({ length: 300 }, () => learner.learn(lesson('table', 'positive')));
    expect(amounts.at(-1)!.amount).toBe(3);
    expect(learner.learn(lesson('table', 'negative'))!.amount).toBe(16);
  });
});

describe('weights', () => {
  test('of 16 give what whole records give', () => {
    const [whole, weighted] = [new Learner(TWO), new Learner(TWO, { weights: true })];
    for (const [at, text] of ['good food', 'bad food', 'not good', 'great'].entries()) {
      whole.learn(lesson(text, TWO[at % 2]!));
      weighted.learn(lesson(text, TWO[at % 2]!));
    }
    const got = weighted.ask('good great food').probabilities;
    for (const [at, p] of whole.ask('good great food').probabilities.entries())
      expect(got[at]).toBeCloseTo(p, 12);
  });

  test('of half count half a document, in counts and prior, and a whole one in the frequency', () => {
    const learner = new Learner(TWO, { weights: true });
    expect(learner.learn(lesson('table', 'positive', 8))).toEqual({ amount: 8, mass: 8 });
    const { counts } = learner.model;
    expect(counts.count(learner.analysis.intern('table'), 1)).toBe(8);
    expect(counts.frequency(learner.analysis.intern('table'))).toBe(1);
    expect(counts.masses[1]).toBe(8);
    expect(learner.model.learned).toBe(1);
  });

  test('of 0 skip the record', () => {
    const learner = new Learner(TWO, { weights: true });
    expect(learner.learn(lesson('table', 'positive', 0))).toBeUndefined();
    learner.unlearn(lesson('table', 'positive', 0), undefined);
    expect(learner.model.learned).toBe(0);
    expect(learner.calibrator.labels).toBe(0);
  });

  test('are refused where they are not counted', () => {
    expect(() => new Learner(TWO).learn(lesson('table', 'positive', 8))).toThrow(
      /needs a model with weights/,
    );
  });
});

describe('a class first met at run time', () => {
  test('stands after the declared ones, and the lexicon goes on speaking about the declared poles', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('table chair', 'spam'));
    const { classes, probabilities } = learner.ask('great');
    expect(classes).toEqual([...TWO, 'spam']);
    expect(probabilities[1]).toBeGreaterThan(probabilities[0]!);
    expect(probabilities[1]).toBeGreaterThan(probabilities[2]!);
    for (let at = 0; at < 5; at++) learner.learn(lesson('table chair', 'spam'));
    expect(learner.ask('table').best).toBe(2);
  });

  test('is learned as one that had been there with nothing counted', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('table', 'spam'));
    // Answered with one third each before, so e = (1/3, 1/3, -2/3) and b = -0.02 e.
    const bias = new Map(learner.calibrator.snapshot().bias);
    expect(bias.get('negative')).toBeCloseTo(-0.02 / 3, 15);
    expect(bias.get('spam')).toBeCloseTo(0.04 / 3, 15);
  });

  test('goes again with its last document', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('good', 'positive'));
    const before = learner.ask('good table');
    const met = lesson('table', 'spam');
    const calibrator = learner.calibrator.snapshot();
    const addition = learner.learn(met);
    expect(learner.model.classes).toHaveLength(3);
    learner.unlearn(met, addition);
    expect(learner.model.classes).toEqual(TWO);
    expect(learner.model.calibrator(calibrator).snapshot()).toEqual(calibrator);
    const features = learner.analysis.extract('good table');
    const after = learner.model.predict(features, learner.model.calibrator(calibrator));
    expect([...after.probabilities]).toEqual(before.probabilities);
  });

  test('orders with others by first sight', () => {
    const learner = new Learner(TWO);
    learner.learn(lesson('a', 'late'), 0, 9);
    learner.learn(lesson('b', 'early'), 0, 2);
    learner.learn(lesson('c', 'elsewhere'), 1, 0);
    expect(learner.model.classes).toEqual([...TWO, 'early', 'late', 'elsewhere']);
  });
});

describe.each(FORMS)('with %s', (_, options) => {
  const declared = fc.constantFrom(TWO, THREE, ['a', 'b', 'c', 'd'], []);

  test('probabilities sum to 1, and the answer is the largest, the lowest index of equal ones', () => {
    fc.assert(
      fc.property(declared, lessonsOf(options), texts, (classes, lessons, text) => {
        const learner = new Learner(classes, options);
        for (const one of lessons) learner.learn(one);
        const { probabilities, best } = learner.ask(text);
        if (probabilities.length === 0) {
          expect(best).toBe(-1);
          return;
        }
        const sum = probabilities.reduce((total, p) => total + p, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(1e-12);
        expect(best).toBe(probabilities.indexOf(Math.max(...probabilities)));
      }),
    );
  });

  test('the contributions of an explanation add up to its logit, which is the answer', () => {
    fc.assert(
      fc.property(
        declared,
        lessonsOf(options),
        texts,
        fc.integer({ min: 0, max: 8 }),
        (classes, lessons, text, limit) => {
          const learner = new Learner(classes, options);
          for (const one of lessons) learner.learn(one);
          const explanation = learner.explain(text, limit);
          const answer = learner.ask(text);
          if (answer.classes.length < 2) {
            expect(explanation).toBeUndefined();
            return;
          }
          const { logit, prior, bias, features, rest, towards } = explanation!;
          const sum =
            prior + bias + features.reduce((total, { weight }) => total + weight, 0) + rest;
          expect(Math.abs(sum - logit)).toBeLessThan(1e-9);
          expect(features.length).toBeLessThanOrEqual(limit);
          const asked = answer.classes.length === 2 ? 1 : answer.best;
          expect(towards).toBe(answer.classes[asked]);
          const logs = answer.probabilities.map((p) => Math.log(p));
          const others = logs.filter((_log, at) => at !== asked);
          const mean = others.reduce((total, log) => total + log, 0) / others.length;
          expect(Math.abs(logs[asked]! - mean - logit)).toBeLessThan(1e-9);
        },
      ),
    );
  });
});

test('the words that an explanation names are the ones that matter, with their sign', () => {
  const learner = new Learner(TWO);
  for (let at = 0; at < 12; at++) {
    learner.learn(lesson('cold soup', 'negative'));
    learner.learn(lesson('warm soup', 'positive'));
  }
  const { features, towards } = learner.explain('warm great soup', 2)!;
  expect(towards).toBe('positive');
  expect(features.map(({ feature }) => feature).toSorted()).toEqual(['great', 'warm']);
  expect(features.every(({ weight }) => weight > 0)).toBe(true);
  // Never learned: all of its weight is the lexicon's.
  expect(learner.explain('great', 1)!.features[0]).toMatchObject({ feature: 'great' });
  expect(learner.explain('great', 1)!.features[0]!.weight).toBeGreaterThan(1);
  expect(learner.explain('cold soup', 1)!.features[0]!.feature).toBe('cold');
  expect(learner.explain('cold soup', 1)!.features[0]!.weight).toBeLessThan(0);
});

test('the top words of a class are those that the counts tell most about, with their counts', () => {
  const learner = new Learner(TWO);
  for (let at = 0; at < 12; at++) {
    learner.learn(lesson('cold . soup', 'negative'));
    learner.learn(lesson(at < 3 ? 'warm . soup' : 'hot . soup', 'positive'));
  }
  const top = learner.model.top(2);
  expect(top.get('negative')!.map(({ feature, count }) => [feature, count])).toEqual([
    ['cold', 12],
  ]);
  expect(top.get('positive')!.map(({ feature, count }) => [feature, count])).toEqual([
    ['hot', 9],
    ['warm', 3],
  ]);
});

test('a stream with a delay learns each row right after the row that many later', () => {
  const rows = ['good', 'bad', 'good food', 'bad food', 'great'].map((text, at) => ({
    text,
    label: TWO[at % 2]!,
  }));
  const answers: number[] = [];
  const analysis = new ExactAnalysis();
  const { model } = studyStream(rows, {
    analysis,
    classes: TWO,
    delay: 2,
    onAnswer: (_, probabilities) => answers.push(probabilities[1]!),
  });
  const learner = new Learner(TWO);
  const expected = rows.map(({ text }, at) => {
    const answer = learner.ask(text).probabilities[1]!;
    if (at >= 2) learner.learn(lesson(rows[at - 2]!.text, rows[at - 2]!.label));
    return answer;
  });
  expect(answers).toEqual(expected);
  expect(model.learned).toBe(5);
});
