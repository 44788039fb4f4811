import { describe, expect, test } from '@jest/globals';
import { HashedAnalysis } from '../../../../src/core/models/gtnb-analysis.ts';
import { studyStream } from '../../../../src/core/models/gtnb-study.ts';
import { SharedAnalysis } from './gtnb-support.ts';
import { testOn, readGoldens, readYelp, type Row } from './vectors.ts';

/** GT-NB in its exact form on the stored streams: the specification's figures and probabilities. */

interface Golden {
  readonly model: string;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly ece: number;
  readonly confusion: readonly (readonly number[])[];
  readonly features: number;
}

interface Steps {
  readonly set: string;
  readonly model: string;
  readonly probabilities: readonly (readonly number[])[];
  readonly final: {
    readonly V: number;
    readonly T: readonly number[];
    readonly D: readonly number[];
    readonly unigramWeights: readonly number[];
    readonly bigramWeights: readonly number[];
    readonly subjectivityWeight: number;
    readonly polarityWeight: number;
    readonly priorWeight: number;
    readonly bias: readonly number[];
  };
}

const { sets, vectors } = readGoldens<{
  sets: Readonly<
    Record<string, { file: string; classes: readonly string[]; results: readonly Golden[] }>
  >;
  vectors: { steps: readonly Steps[] };
}>();

const runs = Object.entries(sets).flatMap(([name, { file, classes, results }]) =>
  results
    .filter(({ model }) => model.startsWith('gt-nb'))
    .map((golden) => [name, golden.model, { file, classes, golden }] as const),
);

/** By file: its texts are read once. */
const analyses = new Map<string, SharedAnalysis>();

function analysisOf(file: string): SharedAnalysis {
  const analysis = analyses.get(file) ?? new SharedAnalysis({ version: 1 });
  analyses.set(file, analysis);
  return analysis;
}

/** As `testOn`, but the example file is always there. */
function testSet(set: string, file: string, name: string, body: (rows: readonly Row[]) => void) {
  if (set !== 'yelp-750') {
    testOn(file, name, body);
    return;
  }
  const rows = readYelp().map(({ text, label }) => ({
    text,
    label: label === '1' ? 'positive' : 'negative',
  }));
  // oxlint-disable-next-line jest/valid-title, jest/expect-expect -- the body is the caller's
  test(name, () => body(rows));
}

test('seven sets, each plain, with discriminative frequencies, without a lexicon', () => {
  expect(runs).toHaveLength(21);
});

describe('predict-then-learn over the stored sets gives the golden results', () => {
  // The longest stream once: `bench/goldens.ts` runs all.
  const short = runs.filter(([name, kind]) => name !== 'sentiment140-57163' || kind === 'gt-nb');
  for (const [name, kind, { file, classes, golden }] of short)
    testSet(name, file, `${name} with ${kind}`, (rows) => {
      const steps = vectors.steps.find(({ set, model }) => set === name && model === kind);
      const expected = new Map(steps?.probabilities.map(([row, ...p]) => [row!, p]));
      let worst = 0;
      let compared = 0;
      const dfe = kind === 'gt-nb-dfe';
      const analysis = analysisOf(file);
      const { accuracy, logLoss, ece, confusion, model, calibrator } = studyStream(rows, {
        analysis: kind === 'gt-nb-nolex' ? analysis.withoutLexicon() : analysis,
        classes,
        dfe,
        onAnswer: (row, probabilities) => {
          for (const [at, p] of (expected.get(row) ?? []).entries()) {
            worst = Math.max(worst, Math.abs(p - probabilities[at]!));
            compared += 1;
          }
        },
      });
      expect(accuracy).toBeCloseTo(golden.accuracy, 6);
      expect(logLoss).toBeCloseTo(golden.logLoss, 5);
      expect(ece).toBeCloseTo(golden.ece, 5);
      expect(confusion).toEqual(golden.confusion);
      expect(model.vocabulary).toBe(golden.features);
      expect(worst).toBeLessThan(1e-9);
      if (steps === undefined) return;
      expect(compared).toBe(steps.probabilities.length * classes.length);
      const { final } = steps;
      const { counts } = model;
      expect(model.vocabulary).toBe(final.V);
      expect([...counts.totals].slice(0, classes.length).map((t) => t / counts.unit)).toEqual(
        final.T,
      );
      expect([...counts.masses].slice(0, classes.length).map((d) => d / counts.unit)).toEqual(
        final.D,
      );
      const a = [...calibrator.weights];
      expectAllNear(a.slice(0, 4), final.unigramWeights);
      expectAllNear(a.slice(4, 8), final.bigramWeights);
      expectAllNear(a.slice(-3), [
        final.subjectivityWeight,
        final.polarityWeight,
        final.priorWeight,
      ]);
      const bias = new Map(calibrator.snapshot().bias);
      expectAllNear(
        classes.map((label) => bias.get(label) ?? 0),
        final.bias,
      );
    });
});

describe('streams beyond the table', () => {
  const reviews = 'movie-reviews-10662.jsonl';

  testOn(reviews, 'movie reviews whose label comes 100 rows later', (rows) => {
    const { accuracy, logLoss } = studyStream(rows, {
      analysis: analysisOf(reviews),
      classes: ['negative', 'positive'],
      delay: 100,
    });
    expect(accuracy).toBeCloseTo(0.771619, 6);
    expect(logLoss).toBeCloseTo(0.469636, 6);
  });

  const purchases = 'amazon-reviews-7999.jsonl';
  testOn<Starred>(purchases, 'four classes: the stars of the Amazon reviews', (stars) => {
    const rows = stars.map(({ text, stars: given }) => ({ text, label: String(given) }));
    const { accuracy, logLoss } = studyStream(rows, {
      analysis: analysisOf(purchases),
      classes: ['1', '2', '4', '5'],
    });
    expect(accuracy).toBeCloseTo(0.6175, 4);
    expect(logLoss).toBeCloseTo(0.942, 3);
  });

  testOn(reviews, 'movie reviews hashed to 22 bits', (rows) => {
    const { accuracy, logLoss } = studyStream(rows, {
      analysis: new HashedAnalysis({ version: 1 }, 22),
      classes: ['negative', 'positive'],
      rows: 2 ** 22,
    });
    expect(accuracy).toBeCloseTo(0.771, 4);
    expect(logLoss).toBeCloseTo(0.469, 3);
  });
});

interface Starred extends Row {
  readonly stars: number;
}

/** The finals have ten digits. */
function expectAllNear(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  for (const [at, value] of expected.entries())
    expect(Math.abs(got[at]! - value)).toBeLessThan(1e-8);
}
