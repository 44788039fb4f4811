import { describe, expect, test } from '@jest/globals';
import { createModel } from '../../../../src/core/models/registry.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';

const LESSONS = [
  ['good food good', 'positive'],
  ['bad food', 'negative'],
  ['awful bad service', 'negative'],
] as const;

function taught(kind: string, lessons: readonly (readonly [string, string])[] = LESSONS) {
  const extractor = createExtractor('river');
  const model = createModel(kind, extractor, []);
  for (const [offset, [text, label]] of lessons.entries()) {
    extractor.extract(text);
    model.learn(extractor.keep(), label, { partition: 0, offset });
  }
  return {
    model,
    explain: (text: string, limit: number, order: readonly string[]) =>
      model.explain(extractor.extract(text), limit, order).features,
  };
}

describe('an explanation', () => {
  // positive: good 2, food 1, T 3; negative: bad 2, food 1, awful 1, service 1, T 5; V 5, alpha 1.
  const good = 2 * Math.log(3 / 8 / (1 / 10));
  const bad = Math.log(1 / 8 / (3 / 10));

  test('gives the log-odds of the later declared class, heaviest first, times the occurrences', () => {
    const found = taught('multinomial').explain('bad good food good unseen', 2, [
      'negative',
      'positive',
    ]);
    expect(found.map(({ feature }) => feature)).toEqual(['good', 'bad']);
    expect(found[0]?.weight).toBeCloseTo(good, 12);
    expect(found[1]?.weight).toBeCloseTo(bad, 12);
  });

  test('turns its sign with the declared order', () => {
    const [first] = taught('multinomial').explain('good good', 1, ['positive', 'negative']);
    expect(first?.weight).toBeCloseTo(-good, 12);
  });

  test('adds up to the answer but for the prior', () => {
    const { model, explain } = taught('multinomial');
    const weights = explain('bad good food good', 9, ['negative', 'positive']);
    const sum = weights.reduce((total, { weight }) => total + weight, 0);
    const odds = Math.exp(sum) * (1 / 2);
    const extractor = createExtractor('river');
    for (const term of ['good', 'food', 'bad']) extractor.intern(term);
    const { classes, probabilities } = model.predict(extractor.extract('bad good food good'));
    expect(probabilities[classes.indexOf('positive')]).toBeCloseTo(odds / (1 + odds), 12);
  });

  test('leaves out words never learned and is empty while fewer than two classes are known', () => {
    expect(taught('multinomial').explain('unseen words', 3, ['negative', 'positive'])).toEqual([]);
    expect(taught('multinomial', [['good', 'a']]).explain('good', 3, ['a', 'b'])).toEqual([]);
  });

  test('of several classes speaks for the answer', () => {
    const { explain } = taught('multinomial', [...LESSONS, ['table chair', 'neutral']]);
    const [first] = explain('table good', 2, ['negative', 'neutral', 'positive']);
    expect(first?.feature).toBe('good');
    expect(first?.weight).toBeGreaterThan(0);
  });

  test.each(['complement', 'bernoulli'])('of %s points the same way', (kind) => {
    const found = taught(kind).explain('good bad', 2, ['negative', 'positive']);
    const weights = new Map(found.map(({ feature, weight }) => [feature, weight]));
    expect(weights.get('good')).toBeGreaterThan(0);
    expect(weights.get('bad')).toBeLessThan(0);
  });
});

describe.each(['multinomial', 'complement', 'bernoulli'])('the top features of %s', (kind) => {
  test('are the most telling ones of each class with their counts', () => {
    const { model } = taught(kind);
    const top = model.top(2);
    expect([...top.keys()]).toEqual(['positive', 'negative']);
    expect(top.get('positive')?.[0]).toMatchObject({
      feature: 'good',
      count: kind === 'bernoulli' ? 1 : 2,
    });
    expect(top.get('negative')?.map(({ feature }) => feature)).toEqual(['bad', 'awful']);
    expect(model.top(0).get('negative')).toEqual([]);
  });
});
