import { describe, expect, test } from '@jest/globals';
import { createModel } from '../../../../src/core/models/registry.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';
import { testOn, readGoldens } from './vectors.ts';

interface Golden {
  readonly model: string;
  readonly scored: number;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly confusion?: readonly (readonly number[])[];
  readonly features?: number;
}

interface GoldenSet {
  readonly file: string;
  readonly classes: readonly string[];
  readonly results: readonly Golden[];
}

const KINDS = new Map([
  ['river-mnb', 'multinomial'],
  ['river-cnb', 'complement'],
  ['river-bnb', 'bernoulli'],
  ['majority', 'majority'],
  ['no-change', 'no-change'],
]);

const { sets } = readGoldens<{ sets: Readonly<Record<string, GoldenSet>> }>();
const runs = Object.entries(sets).flatMap(([name, { file, classes, results }]) =>
  results.flatMap((golden) => {
    const kind = KINDS.get(golden.model);
    return kind === undefined ? [] : [[name, kind, { file, classes, golden }] as const];
  }),
);

describe('predict-then-learn over the stored sets gives the golden results', () => {
  test('seven sets with the multinomial model', () => {
    expect(runs.filter(([, kind]) => kind === 'multinomial')).toHaveLength(7);
  });

  for (const [name, kind, { file, classes, golden }] of runs)
    testOn(file, `${name} with ${kind}`, (rows) => {
      const extractor = createExtractor('river');
      const model = createModel(kind, extractor, classes);
      const readsTexts = kind !== 'majority' && kind !== 'no-change';
      const confusion = classes.map(() => classes.map(() => 0));
      let logLoss = 0;
      for (const [offset, { text, label }] of rows.entries()) {
        const features = extractor.extract(readsTexts ? text : '');
        const answer = model.predict(features);
        if (answer.best >= 0) {
          const row = confusion[classes.indexOf(label)]!;
          const column = classes.indexOf(answer.classes[answer.best]!);
          row[column] = (row[column] ?? 0) + 1;
          const probability = answer.probabilities[answer.classes.indexOf(label)] ?? 0;
          logLoss -= Math.log(Math.max(1e-15, probability));
        }
        model.learn(extractor.keep(), label, { partition: 0, offset });
      }
      const hits = confusion.reduce((sum, row, at) => sum + (row[at] ?? 0), 0);
      expect(hits / golden.scored).toBeCloseTo(golden.accuracy, 6);
      expect(logLoss / golden.scored).toBeCloseTo(golden.logLoss, 5);
      if (golden.confusion !== undefined) expect(confusion).toEqual(golden.confusion);
      if (golden.features !== undefined) expect(model.vocabulary).toBe(golden.features);
    });
});
