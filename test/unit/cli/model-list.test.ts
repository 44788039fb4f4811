import { describe, expect, test } from '@jest/globals';
import { palette, widthOf, wrapped } from '../../../src/cli/display.ts';
import { modelLines, type ListedModel } from '../../../src/cli/model-list.ts';

const colors = palette(false);
const CHAMPION: ListedModel = {
  model: 'champion',
  role: 'challenger, before: champion',
  kind: 'gtnb',
  learned: 3000,
  vocabulary: 33_981,
  classes: [
    ['negative', 1712],
    ['neutral', 692],
    ['positive', 596],
  ],
};
const FORGETTING: ListedModel = {
  ...CHAMPION,
  model: 'young',
  role: 'champion',
  kind: 'gtnb:starter=none,window=2000,on-drift=forget',
};

describe('modelLines', () => {
  test('gives each model a row where all of it fits', () => {
    const wide = modelLines([CHAMPION, FORGETTING], { width: 147, colors });
    expect(wide).toEqual([
      'MODEL     ROLE                          KIND                                           LEARNED  FEATURES  CLASSES',
      'champion  challenger, before: champion  gtnb                                             3,000    33,981  negative 1,712, neutral 692, positive 596',
      'young     champion                      gtnb:starter=none,window=2000,on-drift=forget    3,000    33,981  negative 1,712, neutral 692, positive 596',
    ]);
  });

  test.each([80, 100, 146])(
    'at %d columns kind and classes have lines of their own, whole',
    (width) => {
      expect(modelLines([CHAMPION, FORGETTING], { width, colors })).toEqual([
        'MODEL     ROLE                          LEARNED  FEATURES',
        'champion  challenger, before: champion    3,000    33,981',
        '  gtnb',
        '  negative 1,712, neutral 692, positive 596',
        'young     champion                        3,000    33,981',
        '  gtnb:starter=none,window=2000,on-drift=forget',
        '  negative 1,712, neutral 692, positive 596',
      ]);
    },
  );

  test('many classes take as many lines as they need, none of them wider than the terminal', () => {
    const classes = Array.from({ length: 32 }, (_, n): [string, number] => [
      `class-${n}`,
      n * 1000,
    ]);
    const lines = modelLines([{ ...CHAMPION, classes }], { width: 60, colors });
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(60);
    const said = lines
      .slice(3)
      .map((line) => line.trim())
      .join(' ');
    expect(said.split(', ')).toEqual(
      classes.map(([label, n]) => `${label} ${n.toLocaleString('en')}`),
    );
  });
});

test('what is wider than a line stays whole on a line of its own', () => {
  expect(wrapped(['a', 'bb', 'ccccccccc', 'd'], 6)).toEqual(['a, bb,', 'ccccccccc,', 'd']);
  expect(wrapped([], 6)).toEqual([]);
});
