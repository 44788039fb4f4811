import { describe, expect, test } from '@jest/globals';
import {
  BernoulliNB,
  ComplementNB,
  MultinomialNB,
} from '../../../../src/core/models/river-form.ts';
import { BagOfWords, TFIDF } from '../../../../src/core/text/bag-of-words.ts';
import { expectNear, readVectors } from './vectors.ts';

type Answers = Readonly<Record<string, Readonly<Record<string, number | string>>>>;

interface DocVectors {
  readonly D1: readonly (readonly [string, string])[];
  readonly D2: readonly (readonly [string, string])[];
  readonly multinomial: Answers;
  readonly complement: Answers;
  readonly bernoulli: Answers;
  readonly 'multinomial-d2': Answers;
  readonly tfidf: readonly Readonly<Record<string, number>>[];
}

const vectors = readVectors<DocVectors>('doc-vectors.json');
const cased = new BagOfWords({ lowercase: false });

describe('the textbook corpora', () => {
  test.each([
    ['multinomial', new MultinomialNB(), vectors.D1],
    ['complement', new ComplementNB(), vectors.D1],
    ['bernoulli', new BernoulliNB(), vectors.D2],
    ['multinomial-d2', new MultinomialNB(), vectors.D2],
  ] as const)('%s answers every question as River does', (name, model, corpus) => {
    for (const [text, label] of corpus) model.learnOne(cased.transformOne(text), label);
    const { predict = {}, jll: _, ...questions } = vectors[name];
    expect(Object.keys(questions)).toHaveLength(5);
    for (const [text, answer] of Object.entries(questions)) {
      const got = model.predictProbaOne(cased.transformOne(text));
      expect([...got.keys()]).toEqual(Object.keys(answer));
      for (const [label, probability] of Object.entries(answer))
        expectNear(got.get(label), Number(probability));
    }
    for (const [text, label] of Object.entries(predict))
      expect(model.predictOne(cased.transformOne(text))).toBe(label);
  });

  test('multinomial on the first corpus gives 12/29, 9/29 and 8/29 for a new word', () => {
    const model = new MultinomialNB();
    for (const [text, label] of vectors.D1) model.learnOne(cased.transformOne(text), label);
    const answer = model.predictProbaOne(new Map([['test', 1]]));
    expect(answer.get('yes')).toBeCloseTo(12 / 29, 13);
    expect(answer.get('maybe')).toBeCloseTo(9 / 29, 13);
    expect(answer.get('no')).toBeCloseTo(8 / 29, 13);
  });

  test('complement tells the butcher from the health advice', () => {
    const bag = new BagOfWords();
    const model = new ComplementNB()
      .learnOne(bag.transformOne('food food meat brain'), 'health')
      .learnOne(bag.transformOne(`food meat ${'kitchen '.repeat(9)}${'job'.repeat(5)}`), 'butcher')
      .learnOne(bag.transformOne('food food meat job'), 'health');
    const answer = model.predictProbaOne(bag.transformOne('food job meat'));
    expect(answer.get('health')).toBeCloseTo(0.9409689355477155, 13);
    expect(answer.get('butcher')).toBeCloseTo(0.05903106445228467, 13);
  });

  test('a tie goes to the class learned first', () => {
    const bag = new BagOfWords();
    const model = new MultinomialNB()
      .learnOne(bag.transformOne('cloudy cold'), 'b')
      .learnOne(bag.transformOne('sunny warm'), 'a');
    expect(model.predictOne(bag.transformOne('new word'))).toBe('b');
  });

  test('TF-IDF weighs each text after learning it', () => {
    const tfidf = new TFIDF();
    const texts = [
      'This is the first document.',
      'This document is the second document.',
      'And this is the third one.',
      'Is this the first document?',
    ];
    for (const [index, text] of texts.entries()) {
      const got = tfidf.learnOne(text).transformOne(text);
      const expected = vectors.tfidf[index] ?? {};
      expect([...got.keys()]).toEqual(Object.keys(expected));
      for (const [term, weight] of Object.entries(expected)) expectNear(got.get(term), weight);
    }
    expect(tfidf.transformOne('')).toEqual(new Map());
  });

  test.each([0, -1, NaN, Infinity])('alpha %p is refused', (alpha) => {
    const refusal = expect.objectContaining({ code: 'CONFIG_INVALID' });
    expect(() => new MultinomialNB({ alpha })).toThrow(refusal);
    expect(() => new ComplementNB({ alpha })).toThrow(refusal);
    expect(() => new BernoulliNB({ alpha })).toThrow(refusal);
  });
});
