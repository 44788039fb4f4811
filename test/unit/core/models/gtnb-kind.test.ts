import { describe, expect, test } from '@jest/globals';
import { createGtnb } from '../../../../src/core/models/gtnb-create.ts';
import { parseModelKind } from '../../../../src/core/models/model-kinds.ts';
import { isGtnbKind, parseGtnbKind, shortKind } from '../../../../src/core/models/gtnb-kind.ts';

const POLARITY = ['negative', 'positive'];

describe('the kind gtnb', () => {
  test('has defaults, and one spelling for equal options', () => {
    expect(parseGtnbKind('gtnb')).toEqual({
      dfe: false,
      weights: false,
      lexicon: 'auto',
      starter: 'words',
      tokenizer: 2,
      ngrams: 2,
      bits: 22,
      forgetting: undefined,
      canonical: 'gtnb:dfe=off,lexicon=auto,starter=words,tokenizer=2,ngrams=2,bits=22',
    });
    expect(parseGtnbKind('gtnb:bits=exact,dfe=on').canonical).toBe(
      parseGtnbKind('gtnb:dfe=on, tokenizer=2, bits=exact').canonical,
    );
  });

  test.each(['gtnb', 'gtnb:dfe=on'])('is known: %s', (kind) => {
    expect(isGtnbKind(kind)).toBe(true);
  });

  test.each(['multinomial', 'gtnb2', '', 'multinomial:gtnb'])('is another: %p', (kind) => {
    expect(isGtnbKind(kind)).toBe(false);
  });

  test.each([
    [
      'gtnb:alpha=1',
      "no option 'alpha'; there are: dfe, weights, lexicon, starter, tokenizer, ngrams, bits",
    ],
    ['gtnb:dfe', 'dfe=…'],
    ['gtnb:dfe=yes', 'one of off, on'],
    ['gtnb:weights=2', 'one of off, on'],
    ['gtnb:lexicon=sentiwordnet', 'one of auto, on, off'],
    ['gtnb:starter=yelp', 'one of words, none'],
    ['gtnb:tokenizer=3', 'one of 1, 2'],
    ['gtnb:ngrams=4', 'one of 1, 2, 3'],
    ['gtnb:bits=9', 'an integer from 10 to 26'],
    ['gtnb:bits=27', 'an integer from 10 to 26'],
    ['gtnb:bits=', 'an integer from 10 to 26'],
    ['gtnb:bits=20.5', 'an integer from 10 to 26'],
    ['gtnb:window=99', 'an integer from 100 to 1000000'],
    ['gtnb:window=1000001', "got '1000001'"],
    ['gtnb:window=2e4', "Option 'window' of model 'gtnb' must be an integer"],
    ['gtnb:window=', 'labelled documents of a partition'],
    ['gtnb:window=500,on-drift=reset', 'one of none, forget'],
    ['gtnb:on-drift=forget', 'window=20000,on-drift=forget'],
  ])('%p is refused with what there is', (kind, hint) => {
    expect(() => parseGtnbKind(kind)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(hint) }),
    );
  });
});

describe('a new gtnb model', () => {
  const share = (kind: string, declared: readonly string[], text: string): number => {
    const { analysis, model } = createGtnb(parseGtnbKind(kind), declared);
    const { classes, probabilities } = model.predict(analysis.extract(text), model.calibrator());
    expect(classes).toEqual(declared);
    return probabilities[declared.length - 1]!;
  };

  test('knows words of the lexicon where the classes are a polarity', () => {
    expect(share('gtnb', POLARITY, 'a great film')).toBeGreaterThan(0.7);
    expect(share('gtnb', POLARITY, 'not a great film')).toBeLessThan(0.5);
    expect(share('gtnb', ['negative', 'neutral', 'positive'], 'great')).toBeGreaterThan(0.5);
    expect(share('gtnb:lexicon=off', POLARITY, 'a great film')).toBe(0.5);
  });

  test('knows the words of the starter, unless told not to', () => {
    expect(share('gtnb', POLARITY, 'overpriced, a waste of money')).toBeLessThan(0.3);
    expect(share('gtnb:starter=none', POLARITY, 'overpriced')).toBe(0.5);
    expect(share('gtnb:starter=none', POLARITY, 'a great film')).toBe(
      share('gtnb', POLARITY, 'a great film'),
    );
    expect(share('gtnb:lexicon=off', POLARITY, 'overpriced')).toBe(0.5);
  });

  test('knows none where the classes are something else, unless told to', () => {
    expect(share('gtnb', ['sport', 'politics'], 'a great film')).toBe(0.5);
    expect(share('gtnb:lexicon=on', ['bad', 'good'], 'a great film')).toBeGreaterThan(0.7);
  });

  test('gives the same answers by name and by hash where nothing collides', () => {
    const text = 'Good food, but I did not like the service :( #never again!! 好吃';
    expect(share('gtnb:bits=exact', POLARITY, text)).toBeCloseTo(share('gtnb', POLARITY, text), 12);
  });
});

test('a window is a part of the kind, and of nothing else', () => {
  const { canonical, forgetting } = parseGtnbKind('gtnb:on-drift=forget,window=500');
  expect(forgetting).toEqual({ window: 500, onDrift: 'forget' });
  expect(canonical).toBe(`${parseGtnbKind('gtnb').canonical},window=500,on-drift=forget`);
  expect(shortKind(canonical)).toBe('gtnb:window=500,on-drift=forget');
  expect(shortKind(parseGtnbKind('gtnb:window=500,on-drift=none').canonical)).toBe(
    'gtnb:window=500',
  );
  expect(parseGtnbKind('gtnb:on-drift=none').canonical).toBe(parseGtnbKind('gtnb').canonical);
  expect(parseModelKind('multinomial:window=100,max-features=9').canonical).toBe(
    'multinomial:alpha=1,max-features=9,window=100',
  );
});

test('a kind is shown with the options that are not the default, and can be given so', () => {
  expect(shortKind(parseGtnbKind('gtnb').canonical)).toBe('gtnb');
  const { canonical } = parseGtnbKind('gtnb:bits=20,dfe=on');
  expect(shortKind(canonical)).toBe('gtnb:dfe=on,bits=20');
  expect(parseGtnbKind(shortKind(canonical)).canonical).toBe(canonical);
  // What models of before are called stays as it was.
  expect(parseGtnbKind('gtnb:weights=off').canonical).toBe(parseGtnbKind('gtnb').canonical);
  expect(shortKind(parseGtnbKind('gtnb:weights=on,dfe=on').canonical)).toBe(
    'gtnb:dfe=on,weights=on',
  );
  expect(shortKind('multinomial:alpha=1')).toBe('multinomial:alpha=1');
});
