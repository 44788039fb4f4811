import { describe, expect, test } from '@jest/globals';
import { ClassRules, builtInCovers, inferOrder } from '../../../src/pipeline/classes.ts';

describe('labels', () => {
  test.each([
    ['1', 'positive'],
    ['0', 'negative'],
    ['TRUE', 'positive'],
    ['Neg', 'negative'],
    ['Positive', 'positive'],
    ['2', '2'],
    ['angry', 'angry'],
    ['neutral', 'neutral'],
  ])('%s names the class %s when negative and positive are declared', (label, expected) => {
    const rules = new ClassRules({ declared: ['negative', 'positive'] });
    expect(rules.resolve(label)).toBe(expected);
  });

  test('are taken as they are when stars are declared', () => {
    const rules = new ClassRules({ declared: ['1', '2', '4', '5'] });
    expect(['1', '5', 'true'].map((label) => rules.resolve(label))).toEqual(['1', '5', 'true']);
  });

  test('a map given by the user comes first', () => {
    const labelMap = new Map([
      ['4', 'positive'],
      ['0', 'neutral'],
      ['positive', 'negative'],
    ]);
    const rules = new ClassRules({ declared: ['negative', 'neutral', 'positive'], labelMap });
    expect(['4', '0', 'positive', '1'].map((label) => rules.resolve(label))).toEqual([
      'positive',
      'neutral',
      'negative',
      'positive',
    ]);
  });

  test('further classes are appended up to the bound', () => {
    const rules = new ClassRules({ declared: ['a', 'b'], maxClasses: 3 });
    expect(rules.hasRoom(0)).toBe(true);
    expect(rules.hasRoom(1)).toBe(false);
  });

  test('fewer than two classes, or one twice, is a wrong configuration', () => {
    for (const declared of [[], ['a'], ['a', 'a']]) {
      expect(() => new ClassRules({ declared })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    }
  });
});

describe('the order of classes that nobody declared', () => {
  test('is negative, neutral, positive for what the built-in map knows', () => {
    expect(inferOrder(['1', '0'])).toEqual(['negative', 'positive']);
    expect(inferOrder(['positive', 'neutral', 'negative'])).toEqual([
      'negative',
      'neutral',
      'positive',
    ]);
  });

  test('is ascending for numbers and alphabetic for words', () => {
    expect(inferOrder(['10', '2', '1'])).toEqual(['1', '2', '10']);
    expect(inferOrder(['joy', 'anger'])).toEqual(['anger', 'joy']);
    expect(builtInCovers(['1', '2'])).toBe(false);
  });
});
