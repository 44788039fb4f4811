import { describe, expect, test } from '@jest/globals';
import { createModel } from '../../../../src/core/models/registry.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';

const extractor = createExtractor('river');
const features = extractor.extract('');

function ask(kind: string, labels: readonly string[], declared: readonly string[]) {
  const model = createModel(kind, extractor, declared);
  for (const [offset, label] of labels.entries())
    model.learn(features, label, { partition: 0, offset });
  const { classes, probabilities, best } = model.predict(features);
  return { classes: [...classes], probabilities: [...probabilities], answer: classes[best] };
}

describe('the majority class', () => {
  test('answers the first declared class before any label', () => {
    expect(ask('majority', [], ['negative', 'positive'])).toEqual({
      classes: ['negative', 'positive'],
      probabilities: [0.5, 0.5],
      answer: 'negative',
    });
  });

  test('counts from 1', () => {
    expect(ask('majority', ['b', 'b', 'a', 'b'], ['a', 'b', 'c'])).toEqual({
      classes: ['a', 'b', 'c'],
      probabilities: [2 / 7, 4 / 7, 1 / 7],
      answer: 'b',
    });
  });

  test('gives ties to the class declared first, and appends others as they are met', () => {
    expect(ask('majority', ['z', 'y', 'b'], ['a', 'b'])).toMatchObject({
      classes: ['a', 'b', 'z', 'y'],
      answer: 'b',
    });
  });
});

describe('no-change', () => {
  test('is even before any label', () => {
    expect(ask('no-change', [], ['negative', 'neutral', 'positive'])).toEqual({
      classes: ['negative', 'neutral', 'positive'],
      probabilities: [1 / 3, 1 / 3, 1 / 3],
      answer: 'negative',
    });
  });

  test('repeats the last label with 0.9 + 0.1 / K', () => {
    expect(ask('no-change', ['a', 'b', 'a'], ['a', 'b'])).toEqual({
      classes: ['a', 'b'],
      probabilities: [0.9 + 0.1 / 2, 0.1 / 2],
      answer: 'a',
    });
  });

  test('takes the label learned last where offsets do not tell', () => {
    const model = createModel('no-change', extractor, ['a', 'b']);
    for (const label of ['b', 'a', 'b']) model.learn(features, label, { partition: 0, offset: 0 });
    expect(model.predict(features).best).toBe(1);
  });
});

test.each(['majority', 'no-change'])('%s knows nothing of words', (kind) => {
  const model = createModel(kind, extractor, ['a']);
  expect(model.explain(features, 3, ['a'])).toEqual({ features: [] });
  expect(model.top(3)).toEqual(new Map([['a', []]]));
  expect(createModel(kind, extractor, []).predict(features).best).toBe(-1);
});
