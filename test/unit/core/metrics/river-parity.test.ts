import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { ConfusionMatrix } from '../../../../src/core/metrics/confusion-matrix.ts';
import {
  accuracy,
  balancedAccuracy,
  fBeta,
  geometricMean,
  jaccard,
  kappa,
  macro,
  macroF1,
  mcc,
  micro,
  precision,
  recall,
  weighted,
} from '../../../../src/core/metrics/label-metrics.ts';
import { EWMean, Mean } from '../../../../src/core/metrics/means.ts';
import {
  exactRocAuc,
  LogLoss,
  RiverCrossEntropy,
  RiverLogLoss,
  RiverRocAuc,
  type Probabilities,
} from '../../../../src/core/metrics/probability-metrics.ts';
import {
  checkpointLine,
  classificationReport,
  confusionTable,
  percentLine,
} from '../../../../src/core/metrics/report.ts';
import { Rolling, TimeRolling } from '../../../../src/core/metrics/rolling.ts';

type Label = boolean | number | string;
interface Stream {
  readonly name: string;
  readonly labels: Label[];
  readonly y: Label[];
  readonly pred: Label[];
  readonly proba: number[][];
  readonly at: [n: number, metrics: Record<string, number>][];
  readonly per_class: Record<string, Record<'tp' | 'fp' | 'fn' | 'tn' | 'row' | 'col', number>>;
  readonly report: string;
  readonly confusion_text: string;
}
const vectors = JSON.parse(readFileSync('test/data/river-vectors/metrics.json', 'utf8')) as {
  readonly streams: Stream[];
  readonly pos_val_trap: Record<string, { seq: [Label, Label][] }>;
  readonly proba_edge: [Label, [Label, number][], logLoss: number, crossEntropy: number][];
  readonly crossentropy_missing_label: number[];
  readonly ewmean: [value: number, mean: number][];
  readonly time_rolling_accuracy_10s: [time: number, y: number, p: number, accuracy: number][];
};
const progval = JSON.parse(readFileSync('test/data/river-vectors/progval.json', 'utf8')) as {
  readonly delays: { readonly checkpoints: [n: number, accuracy: number][] }[];
  readonly print_every_200: string;
};

/** Labels as Python prints them. */
function named(label: Label): string {
  if (typeof label === 'boolean') return label ? 'True' : 'False';
  return String(label);
}

/** Everything a stream feeds, and every figure by River's name. */
function follow({ y, pred, proba, labels }: Stream): (n: number) => Record<string, number> {
  const matrix = new ConfusionMatrix();
  const last50 = new Rolling(new ConfusionMatrix(), 50);
  const crossEntropy = new RiverCrossEntropy();
  const logLoss = new RiverLogLoss('True');
  const auc10 = new RiverRocAuc('True');
  const auc3 = new RiverRocAuc('True', 3);
  const mean = new Mean();
  const fading = new EWMean(0.3);
  let fed = 0;
  return (n) => {
    for (; fed < n; fed++) {
      const truth = named(y[fed]!);
      const prediction = named(pred[fed]!);
      const answer = new Map(labels.map((label, index) => [named(label), proba[fed]![index]!]));
      matrix.update(truth, prediction);
      last50.update(truth, prediction);
      for (const metric of [crossEntropy, logLoss, auc10, auc3]) metric.update(truth, answer);
      for (const figure of [mean, fading]) figure.update(truth === prediction ? 1 : 0);
    }
    const positive = matrix.index('True');
    const column = labels.indexOf(true);
    const window = y.slice(Math.max(0, n - 50), n).map((label, index) => ({
      positive: label === true,
      probability: proba[Math.max(0, n - 50) + index]![column] ?? 0,
    }));
    return {
      Accuracy: accuracy(matrix),
      BalancedAccuracy: balancedAccuracy(matrix),
      CohenKappa: kappa(matrix),
      MacroPrecision: macro(matrix, precision),
      MacroRecall: macro(matrix, recall),
      MacroF1: macroF1(matrix),
      MicroPrecision: micro(matrix),
      MicroRecall: micro(matrix),
      MicroF1: micro(matrix),
      WeightedPrecision: weighted(matrix, precision),
      WeightedRecall: weighted(matrix, recall),
      WeightedF1: weighted(matrix, fBeta),
      GeometricMean: geometricMean(matrix),
      MacroJaccard: macro(matrix, jaccard),
      WeightedJaccard: weighted(matrix, jaccard),
      MCC: mcc(matrix),
      Precision: precision(matrix, positive),
      Recall: recall(matrix, positive),
      F1: fBeta(matrix, positive),
      FBeta2: fBeta(matrix, positive, 2),
      Jaccard: jaccard(matrix, positive),
      Rolling50Accuracy: accuracy(last50.target),
      Rolling50MacroF1: macroF1(last50.target),
      Rolling50CohenKappa: kappa(last50.target),
      CrossEntropy: crossEntropy.value,
      LogLoss: logLoss.value,
      ROCAUC10: auc10.value,
      ROCAUC3: auc3.value,
      RollingROCAUC50: exactRocAuc(window),
      'EWMean0.3': fading.value,
      Mean: mean.value,
    };
  };
}

function matrixOf({ y, pred }: Stream): ConfusionMatrix {
  const matrix = new ConfusionMatrix();
  for (const [index, label] of y.entries()) matrix.update(named(label), named(pred[index]!));
  return matrix;
}

describe.each(vectors.streams)('stream $name', (stream) => {
  test('every figure equals River’s wherever it was read', () => {
    const figuresAfter = follow(stream);
    for (const [n, expected] of stream.at) {
      const figures = figuresAfter(n);
      for (const [metric, value] of Object.entries(expected)) {
        expect({ n, metric, off: Math.abs(figures[metric]! - value) > 1e-12 }).toEqual({
          n,
          metric,
          off: false,
        });
      }
    }
  });

  test('hits, misses and margins per class equal River’s', () => {
    const matrix = matrixOf(stream);
    for (const [label, { tp, fp, fn, row, col }] of Object.entries(stream.per_class)) {
      const index = matrix.index(label);
      expect(matrix.at(index, index)).toBe(tp);
      expect([matrix.rows[index], matrix.columns[index]]).toEqual([row, col]);
      expect([col - tp, row - tp]).toEqual([fp, fn]);
    }
  });

  test('report and confusion table are River’s text byte for byte', () => {
    expect(classificationReport(matrixOf(stream))).toBe(stream.report);
    expect(confusionTable(matrixOf(stream))).toBe(stream.confusion_text);
  });
});

test('precision and recall are those of the class that was asked for, not of the other one', () => {
  const matrix = new ConfusionMatrix();
  for (const [truth, answer] of vectors.pos_val_trap['0']!.seq)
    matrix.update(named(truth), named(answer));
  expect(precision(matrix, matrix.index('1'))).toBe(0.75);
  expect(recall(matrix, matrix.index('1'))).toBe(0.6);
  expect(precision(matrix, matrix.index('0'))).toBe(0.5);
  expect(recall(matrix, matrix.index('0'))).toBeCloseTo(2 / 3, 15);

  const strings = new ConfusionMatrix();
  for (const [truth, answer] of vectors.pos_val_trap['pos']!.seq)
    strings.update(named(truth), named(answer));
  expect(precision(strings, strings.index('pos'))).toBeCloseTo(2 / 3, 15); // River says 0
});

function asMap(pairs: [Label, number][]): Probabilities {
  return new Map(pairs.map(([label, p]) => [named(label), p]));
}

describe('losses at the edges', () => {
  test.each(vectors.proba_edge)('%j answered %j', (truth, pairs, logLoss, crossEntropy) => {
    const binary = new RiverLogLoss(typeof truth === 'number' ? '1' : 'True');
    const entropy = new RiverCrossEntropy();
    for (const metric of [binary, entropy]) metric.update(named(truth), asMap(pairs));
    expect(binary.value).toBeCloseTo(logLoss, 12);
    expect(entropy.value).toBeCloseTo(crossEntropy, 12);
  });

  test('a label that the answer lacks is free for River and costs 34.5 nats here', () => {
    const [river, ours] = [new RiverCrossEntropy(), new LogLoss()];
    river.update('a', new Map([['b', 1]]));
    ours.update('a', new Map([['b', 1]]));
    expect(river.value).toBe(0);
    expect(ours.value).toBeCloseTo(34.538776394910684, 12);
  });
});

test('the fading mean starts at its first value', () => {
  const mean = new EWMean(0.3);
  const seen = vectors.ewmean.map(([value]) => {
    mean.update(value);
    return [value, mean.value];
  });
  expect(seen).toEqual(vectors.ewmean);
});

test('a window of time holds late updates until time advances', () => {
  const rolling = new TimeRolling(new ConfusionMatrix(), 10);
  const seen = vectors.time_rolling_accuracy_10s.map(([time, truth, answer]) => {
    rolling.update(time, String(truth), String(answer));
    return [time, truth, answer, accuracy(rolling.target)];
  });
  expect(seen).toEqual(vectors.time_rolling_accuracy_10s);
});

test('checkpoints print as River’s', () => {
  const figures = new Map(progval.delays[0]!.checkpoints);
  const macroF1s = ['66.79', '71.13', '73.41', '74.08']; // as the vector prints them
  const text = [200, 400, 600, 750]
    .map((n, index) => {
      const lines = `${percentLine('Accuracy', figures.get(n)!)}\nMacroF1: ${macroF1s[index]!}%`;
      return `${checkpointLine(n, lines)}\n`;
    })
    .join('');
  expect(text).toBe(progval.print_every_200);
});
