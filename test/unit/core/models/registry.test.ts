import { describe, expect, test } from '@jest/globals';
import { MODEL_KINDS, parseModelKind } from '../../../../src/core/models/model-kinds.ts';
import { createModel } from '../../../../src/core/models/registry.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';

describe('kinds of models', () => {
  test('have canonical names', () => {
    expect(MODEL_KINDS).toEqual(
      expect.arrayContaining(['multinomial', 'complement', 'bernoulli', 'majority', 'no-change']),
    );
    expect(parseModelKind('multinomial').canonical).toBe('multinomial:alpha=1');
    expect(parseModelKind('complement:alpha=.50').canonical).toBe('complement:alpha=0.5');
    expect(parseModelKind('bernoulli:max-features=1e3,alpha=2')).toEqual({
      name: 'bernoulli',
      alpha: 2,
      maxFeatures: 1000,
      canonical: 'bernoulli:alpha=2,max-features=1000',
    });
    expect(parseModelKind('no-change').canonical).toBe('no-change');
    const extractor = createExtractor('river');
    for (const kind of ['multinomial', 'complement:alpha=2', 'bernoulli', 'majority', 'no-change'])
      expect(createModel(kind, extractor, []).kind).toBe(parseModelKind(kind).canonical);
  });

  test.each([
    ['multinomal', 'there are: gtnb, multinomial, complement'],
    ['', 'there are: gtnb, multinomial'],
    ['__proto__', 'there are: gtnb, multinomial'],
    ['multinomial:beta=1', "no option 'beta'; there are: alpha, max-features"],
    ['multinomial:alpha', 'alpha=…'],
    ['multinomial:alpha=1,alpha=2', 'given twice'],
    ['multinomial:alpha=0', 'a number above 0'],
    ['multinomial:alpha=-1', 'a number above 0'],
    ['multinomial:alpha=', 'a number above 0'],
    ['multinomial:alpha=many', 'a number above 0'],
    ['multinomial:max-features=0', 'an integer of at least 1'],
    ['multinomial:max-features=1.5', 'an integer of at least 1'],
    ['majority:alpha=1', 'takes no options'],
    ['multinomial:', 'there are: alpha, max-features'],
  ])('%p is refused with what there is', (kind, hint) => {
    const refusal = expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(hint),
    });
    expect(() => parseModelKind(kind)).toThrow(refusal);
    expect(() => createModel(kind, createExtractor('river'), [])).toThrow(refusal);
  });
});
