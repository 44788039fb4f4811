/**
 * The figures of scored records as plain data, the shapes of the results topic: {@link metricValues} makes them from counts and
 * sums, {@link mergeMetrics} adds those of partitions up. Keys stand in the order of the schema, classes in declared order, then
 * as they were first met. Labels are users' words: a class named `__proto__` is an own property like any other.
 */
import { CountMatrix, type Counts } from './count-matrix.ts';
import { accuracy, fBeta, kappa, macroF1, precision, recall } from './label-metrics.ts';
import { BINS, calibrationError } from './losses.ts';

/** Figures of one class, 0 … 1, and how many scored records have it. */
export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** What merges by adding. */
export interface Sums {
  readonly n: number;
  /** Sum of -ln max(1e-15, p of the true label), nats. */
  readonly logLoss: number;
  /** Sum of squared errors over classes. */
  readonly brier: number;
  /** Records whose label equals the label of the scored record before. */
  readonly noChangeHits: number;
  /** By bin of the top probability: records, hits, sum of the top probability. */
  readonly ece: [records: number, hits: number, confidence: number][];
}

/** Figures of a set of scored records; all 0 for none. */
export interface MetricValues {
  readonly accuracy: number;
  readonly macroF1: number;
  readonly kappa: number;
  /** Mean, nats. */
  readonly logLoss: number;
  readonly ece: number;
  readonly classes: Record<string, ClassScores>;
  /** Records by true label, then by predicted label; every known class, zeros too. */
  readonly confusion: Record<string, Record<string, number>>;
  readonly sums: Sums;
}

/** Figures of the last `window` scored records. */
export interface RollingValues extends MetricValues {
  readonly window: number;
}

/** Figures of a baseline on the same records. */
export interface BaselineValues {
  readonly n: number;
  readonly accuracy: number;
  readonly macroF1: number;
  readonly kappa: number;
  readonly logLoss: number;
  /** Records by true label, then by answered label, so that any reader merges partitions. */
  readonly confusion: Record<string, Record<string, number>>;
}

/**
 * All figures from confusion counts and sums.
 *
 * @param classes labels by index, `counts.size` of them
 */
export function metricValues(classes: readonly string[], counts: Counts, sums: Sums): MetricValues {
  return {
    accuracy: accuracy(counts),
    macroF1: macroF1(counts),
    kappa: kappa(counts),
    logLoss: sums.n === 0 ? 0 : sums.logLoss / sums.n,
    ece: calibrationError(sums.ece),
    classes: byLabel(classes, (index) => ({
      precision: precision(counts, index),
      recall: recall(counts, index),
      f1: fBeta(counts, index),
      support: counts.rows[index] ?? 0,
    })),
    confusion: confusionOf(classes, counts),
    sums,
  };
}

/** Figures of a baseline from its confusion counts and its summed log loss. */
export function baselineValues(
  classes: readonly string[],
  counts: Counts,
  logLoss: number,
): BaselineValues {
  const n = counts.total;
  return {
    n,
    accuracy: accuracy(counts),
    macroF1: macroF1(counts),
    kappa: kappa(counts),
    logLoss: n === 0 ? 0 : logLoss / n,
    confusion: confusionOf(classes, counts),
  };
}

function confusionOf(
  classes: readonly string[],
  counts: Counts,
): Record<string, Record<string, number>> {
  return byLabel(classes, (truth) =>
    byLabel(classes, (prediction) => counts.cells[truth * counts.size + prediction] ?? 0),
  );
}

/** Sums of no record. */
export function emptySums(): Sums {
  return {
    n: 0,
    logLoss: 0,
    brier: 0,
    noChangeHits: 0,
    ece: binTriples(new Float64Array(BINS * 3)),
  };
}

/** Calibration bins from three cells a bin: records, hits, sum of the top probability. */
export function binTriples(bins: Float64Array): Sums['ece'] {
  const triples: Sums['ece'] = [];
  for (let at = 0; at < BINS * 3; at += 3)
    triples.push([bins[at] ?? 0, bins[at + 1] ?? 0, bins[at + 2] ?? 0]);
  return triples;
}

/**
 * The figures of all records of `values` together: confusion counts and sums are added, the rest is computed anew. Counts are
 * exact in any order; sums of floats in the order given, so give partitions in ascending order. Classes by first appearance.
 */
export function mergeMetrics(values: readonly MetricValues[]): MetricValues {
  const { classes, counts } = addConfusions(values.map(({ confusion }) => confusion));
  return metricValues(classes, counts, addSums(values.map(({ sums }) => sums)));
}

/** The same for a baseline. */
export function mergeBaselines(values: readonly BaselineValues[]): BaselineValues {
  const { classes, counts } = addConfusions(values.map(({ confusion }) => confusion));
  return baselineValues(
    classes,
    counts,
    values.reduce((sum, { n, logLoss }) => sum + n * logLoss, 0),
  );
}

function addConfusions(all: readonly Record<string, Record<string, number>>[]): {
  readonly classes: readonly string[];
  readonly counts: CountMatrix;
} {
  const index = new Map<string, number>();
  const meet = (label: string): number => {
    const known = index.get(label);
    if (known !== undefined) return known;
    index.set(label, index.size);
    return index.size - 1;
  };
  for (const confusion of all) {
    for (const [truth, row] of Object.entries(confusion)) {
      meet(truth);
      for (const prediction of Object.keys(row)) meet(prediction);
    }
  }
  const counts = new CountMatrix(index.size);
  for (const confusion of all)
    for (const [truth, row] of Object.entries(confusion))
      for (const [prediction, records] of Object.entries(row))
        counts.add(meet(truth), meet(prediction), records);
  return { classes: [...index.keys()], counts };
}

function addSums(all: readonly Sums[]): Sums {
  const ece = emptySums().ece;
  let n = 0;
  let logLoss = 0;
  let brier = 0;
  let noChangeHits = 0;
  for (const sums of all) {
    n += sums.n;
    logLoss += sums.logLoss;
    brier += sums.brier;
    noChangeHits += sums.noChangeHits;
    for (const [bin, [records, hits, confidence]] of sums.ece.entries()) {
      const into = ece[bin];
      if (into === undefined) continue;
      into[0] += records;
      into[1] += hits;
      into[2] += confidence;
    }
  }
  return { n, logLoss, brier, noChangeHits, ece };
}

/** A plain object keyed by label. Assigning `__proto__` would set the prototype, so that key is defined. */
function byLabel<T>(classes: readonly string[], value: (index: number) => T): Record<string, T> {
  const object: Record<string, T> = {};
  for (const [index, label] of classes.entries()) {
    if (label === '__proto__')
      Object.defineProperty(object, label, {
        value: value(index),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else object[label] = value(index);
  }
  return object;
}
