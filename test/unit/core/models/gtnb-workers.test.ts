import { describe, expect, test } from '@jest/globals';
import { LABELS_BETWEEN_MERGES } from '../../../../src/core/models/calibrator.ts';
import { ExactAnalysis } from '../../../../src/core/models/gtnb-analysis.ts';
import { studyStream, studyWorkers } from '../../../../src/core/models/gtnb-study.ts';
import { SharedAnalysis } from './gtnb-support.ts';
import { readGoldens, readYelp, testOn, type Row } from './vectors.ts';

/** Several workers, one model: figures of the merge of counts and calibrators. */

interface Figures {
  readonly accuracy: number;
  readonly logLoss: number;
}

const { stream, sets } = readGoldens<{
  stream: {
    results: Readonly<
      Record<string, Record<string, { merge: Readonly<Record<string, Figures | undefined>> }>>
    >;
  };
  sets: Readonly<Record<string, { file: string; classes: readonly string[] }>>;
}>();

describe('four workers on the movie reviews', () => {
  const file = 'movie-reviews-10662.jsonl';
  const { classes } = sets['movie-reviews']!;
  const golden = (key: string) => stream.results['movie-reviews']!['gt-nb']!.merge[key]!;
  const analysis = new SharedAnalysis({ version: 1 });
  const run = (rows: readonly Row[], every: number, labelsBetween: number) =>
    studyWorkers(rows, {
      analysis,
      classes,
      workers: 4,
      every,
      labelsBetween,
    });

  for (const [key, every, labelsBetween] of [
    ['W=4,S=1000,private', 1000, Infinity],
    ['W=4,S=1000,avg+ga', 1000, 0],
    ['W=4,S=100,avg+ga', 100, 0],
    ['W=4,S=Infinity,private', Infinity, Infinity],
  ] as const)
    testOn(file, `reach the golden figures of ${key}`, (rows) => {
      const { accuracy, logLoss } = run(rows, every, labelsBetween);
      expect(accuracy).toBeCloseTo(golden(key).accuracy, 6);
      expect(logLoss).toBeCloseTo(golden(key).logLoss, 5);
    });

  testOn(file, 'merge as often as a pipeline does: within 0.3 points of each merge', (rows) => {
    const { accuracy, logLoss } = run(rows, 100, LABELS_BETWEEN_MERGES);
    const mean = golden('W=4,S=100,avg+ga');
    expect(Math.abs(accuracy - mean.accuracy)).toBeLessThan(0.003);
    expect(logLoss).toBeCloseTo(mean.logLoss, 3);
  });

  testOn(file, 'lose accuracy when they merge calibrators each 250 labels', (rows) => {
    const { accuracy, logLoss } = run(rows, 100, 250);
    const [own, mean] = [golden('W=4,S=100,private'), golden('W=4,S=100,avg+ga')];
    expect(accuracy).toBeGreaterThan(own.accuracy);
    expect(accuracy).toBeLessThan(mean.accuracy - 0.003);
    expect(logLoss).toBeGreaterThan(mean.logLoss);
  });
});

test('one worker that merges with itself is one learner, calibrator included', () => {
  const rows = readYelp().map(({ text, label }) => ({ text, label }));
  const classes = ['0', '1'];
  const options = { analysis: new ExactAnalysis({ version: 1 }), classes };
  const one = studyStream(rows, options);
  const merged = studyWorkers(rows, { ...options, workers: 1, every: 7, labelsBetween: Infinity });
  expect(merged.confusion).toEqual(one.confusion);
  expect(merged.logLoss).toBe(one.logLoss);
  expect(merged.calibrator.snapshot()).toEqual(one.calibrator.snapshot());
});

test('counts that two workers merged are those of one learner', () => {
  const rows = readYelp().slice(0, 300);
  const options = { analysis: new ExactAnalysis({ version: 1 }), classes: ['0', '1'] };
  const { model } = studyStream(rows, options);
  const merged = studyWorkers(rows, { ...options, workers: 2, every: 20, labelsBetween: 0 });
  const { classes, ...sums } = model.snapshot();
  const { classes: others, ...expected } = merged.model.snapshot();
  expect(expected).toEqual(sums);
  expect(others.map(({ documents }) => documents)).toEqual(
    classes.map(({ documents }) => documents),
  );
});
