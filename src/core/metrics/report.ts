/** Metrics as text, in River's form: plain lines, the classification report, the confusion matrix, checkpoints of a validation. */
import type { ConfusionMatrix } from './confusion-matrix.ts';
import type { Counts } from './count-matrix.ts';
import {
  accuracy,
  fBeta,
  macro,
  micro,
  precision,
  recall,
  weighted,
  type ClassMetric,
} from './label-metrics.ts';

/** A share as text: `60.00%`. */
export function percent(share: number): string {
  return `${twoDigits(share * 100)}%`;
}

/** `Accuracy: 60.00%`. */
export function percentLine(name: string, share: number): string {
  return `${name}: ${percent(share)}`;
}

/** `LogLoss: 0.693147`, six digits at most, without the zeros at its end. */
export function numberLine(name: string, value: number): string {
  return `${name}: ${grouped(value.toFixed(6)).replace(/\.?0+$/u, '')}`;
}

/** A checkpoint of a validation: `[1,000] Accuracy: 95.04%`. Several metrics, several lines. */
export function checkpointLine(answers: number, metrics: string): string {
  return `[${grouped(String(answers))}] ${metrics}`;
}

/** Precision, recall, F1 and support per class, their means, and the accuracy. Classes sorted by code unit. */
export function classificationReport(matrix: ConfusionMatrix): string {
  const live = liveLabels(matrix);
  const row = (name: string, metric: (of: ClassMetric) => number, support = ''): string[] => [
    name,
    percent(metric(precision)),
    percent(metric(recall)),
    percent(metric(fBeta)),
    support,
  ];
  const blank = ['', '', '', '', ''];
  const rows = [
    ['', 'Precision', 'Recall', 'F1', 'Support'],
    blank,
    ...live.map((label) => {
      const index = matrix.index(label);
      return row(label, (of) => of(matrix, index), plain(matrix.rows[index] ?? 0));
    }),
    blank,
    row('Macro', (of) => macro(matrix, of)),
    row('Micro', () => micro(matrix)),
    row('Weighted', (of) => weighted(matrix, of)),
  ];
  const lines = boxed(rows);
  const width = lines[0]?.length ?? 0;
  return [...lines, '', centred(`${percent(accuracy(matrix))} accuracy`, width)].join('\n');
}

/** Counts with true labels down and answers across, both sorted by code unit. */
export function confusionTable(matrix: ConfusionMatrix): string {
  const live = liveLabels(matrix);
  return boxed([
    ['', ...live],
    ...live.map((truth) => [
      truth,
      ...live.map((prediction) => plain(matrix.at(matrix.index(truth), matrix.index(prediction)))),
    ]),
  ]).join('\n');
}

function liveLabels(matrix: ConfusionMatrix): string[] {
  const counts: Counts = matrix;
  return matrix.labels
    .filter((_, index) => (counts.rows[index] ?? 0) !== 0 || (counts.columns[index] ?? 0) !== 0)
    .toSorted((a, b) => (a < b ? -1 : Number(a > b)));
}

/** Header cells left, all others right in their column; each column in a box of two more, boxes joined by a space. */
function boxed(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => (cells[column] ?? '').length)),
  );
  return rows.map((cells, row) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return (row === 0 ? cell : cell.padStart(width)).padEnd(width + 2);
      })
      .join(' '),
  );
}

/** Centred; an odd space goes to the right. */
function centred(text: string, width: number): string {
  const left = Math.floor(Math.max(0, width - text.length) / 2);
  return text.padStart(text.length + left).padEnd(width);
}

/** Two decimals, ties to even: of all doubles only odd eighths lie exactly between two hundredths. */
function twoDigits(value: number): string {
  const size = Math.abs(value);
  const digits = (size * 8) % 4 === 1 ? (size - 0.005).toFixed(2) : size.toFixed(2);
  return `${value < 0 ? '-' : ''}${grouped(digits)}`;
}

/** A comma between thousands, before the decimals. */
function grouped(digits: string): string {
  const [whole = '', decimals] = digits.split('.');
  const thousands = whole.replaceAll(/\B(?=(?:\d{3})+$)/gu, ',');
  return decimals === undefined ? thousands : `${thousands}.${decimals}`;
}

/** A count as it is, a weight with at most six decimals. */
function plain(value: number): string {
  return String(Number(value.toFixed(6)));
}
