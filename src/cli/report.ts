/** Figures of a model as text: against its baselines, by class, and where it was wrong. */
import type { BaselineValues, MetricValues } from '../../topics/index.ts';
import { ConfusionMatrix } from '../core/metrics/confusion-matrix.ts';
import { classificationReport } from '../core/metrics/report.ts';
import { cut, fit, oneLine, table, widthOf, type Column, type Palette } from './display.ts';
import { count, percent, rate } from './numbers.ts';

export interface Report {
  /** Model's name or kind. */
  readonly title: string;
  readonly scored: number;
  readonly learned: number;
  /** Further words for the head line. */
  readonly notes?: readonly string[];
  readonly metrics: MetricValues;
  readonly baselines: { readonly majority: BaselineValues; readonly noChange: BaselineValues };
}

const RIGHT = { align: 'right' } as const;
/** More classes than this are not shown as a matrix. */
const MATRIX_CLASSES = 12;
/** Longer class names are cut. */
const LABEL_CELLS = 16;
const CORNER = 'true \\ answer';

/** Lines of the whole report. */
export function reportLines(report: Report, colors: Palette): string[] {
  const { title, scored, learned, notes = [], metrics } = report;
  const head = [`${count(scored)} scored`, `${count(learned)} learned`, ...notes].join(' · ');
  return [
    `${colors.bold(title)}  ${colors.dim(head)}`,
    '',
    ...figures(report, colors),
    '',
    ...(metrics.sums.n === 0 ? [] : [...byClass(metrics), '']),
    ...confusionLines(confusionOf(metrics), colors),
  ];
}

/** A report in a comparison, with the speed of its model. */
export type ComparedReport = Report & { readonly docsPerSecond: number };

/** One table of models on the same rows, the baselines of the first below. */
export function comparisonLines(reports: readonly ComparedReport[], colors: Palette): string[] {
  const [first] = reports;
  if (first === undefined) return [];
  return table(
    [...FIGURE_COLUMNS, { head: 'Docs', ...RIGHT }],
    [
      ...reports.map((report) => [
        ...figureRow(report.title, report.metrics),
        rate(report.docsPerSecond),
      ]),
      ...baselineRows(first).map((row) => [...row, '-']),
    ],
    { colors },
  );
}

const FIGURE_COLUMNS: readonly Column[] = [
  { head: '' },
  { head: 'Accuracy', ...RIGHT },
  { head: 'Macro F1', ...RIGHT },
  { head: 'Kappa', ...RIGHT },
  { head: 'Log loss', ...RIGHT },
  { head: 'ECE', ...RIGHT },
];

function figures(report: Report, colors: Palette): string[] {
  const rows = [figureRow(report.title, report.metrics), ...baselineRows(report)];
  return table(FIGURE_COLUMNS, rows, { colors });
}

function baselineRows({ baselines }: Report): string[][] {
  return [
    figureRow('majority class', baselines.majority),
    figureRow('no change', baselines.noChange),
  ];
}

function figureRow(name: string, values: MetricValues | BaselineValues): string[] {
  const scored = 'n' in values ? values.n : values.sums.n;
  if (scored === 0) return [name, '-', '-', '-', '-', '-'];
  return [
    name,
    percent(values.accuracy),
    percent(values.macroF1),
    kappaText(values.kappa),
    values.logLoss.toFixed(3),
    'ece' in values ? percent(values.ece) : '-',
  ];
}

/** Three decimals; what rounds to nothing has no sign. */
export function kappaText(kappa: number): string {
  return kappa.toFixed(3).replace(/^-(?=[0.]+$)/, '');
}

/** Precision, recall, F1 and support of each class, then their means, in River's form. */
function byClass({ confusion }: MetricValues): string[] {
  const matrix = new ConfusionMatrix(Object.keys(confusion));
  for (const [truth, row] of Object.entries(confusion))
    for (const [answer, records] of Object.entries(row))
      if (records > 0) matrix.update(truth, answer, records);
  return classificationReport(matrix)
    .split('\n')
    .map((line) => line.trimEnd());
}

/** Records by true label, then by answer. */
export type Confusion = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The confusion counts of a metrics record. A class named `constructor` is a class like any other. */
export function confusionOf({ confusion }: Pick<MetricValues, 'confusion'>): Confusion {
  return new Map(
    Object.entries(confusion).map(([truth, row]) => [truth, new Map(Object.entries(row))]),
  );
}

/** Counts with true labels down and answers across; the right ones green. */
export function confusionLines(confusion: Confusion, colors: Palette): string[] {
  const answered = [...confusion.values()].flatMap((row) => [...row.keys()]);
  const met = new Set([...confusion.keys(), ...answered]);
  const seen = [...met].filter(
    (label) =>
      [...(confusion.get(label)?.values() ?? [])].some((n) => n > 0) ||
      [...confusion.values()].some((row) => (row.get(label) ?? 0) > 0),
  );
  if (seen.length === 0) return [colors.dim('nothing scored yet')];
  const labels = seen.slice(0, MATRIX_CLASSES);
  const names = labels.map((label) => cut(oneLine(label), LABEL_CELLS));
  const first = Math.max(CORNER.length, ...names.map(widthOf));
  const cells = labels.map((truth) =>
    labels.map((answer) => count(confusion.get(truth)?.get(answer) ?? 0)),
  );
  const widths = names.map((name, column) =>
    Math.max(widthOf(name), ...cells.map((row) => (row[column] ?? '').length)),
  );
  const head = [fit(CORNER, first), ...names.map((name, c) => fit(name, widths[c] ?? 0, 'right'))];
  const lines = cells.map((row, r) =>
    [
      fit(names[r] ?? '', first),
      ...row.map((cell, c) => {
        const shown = fit(cell, widths[c] ?? 0, 'right');
        if (cell === '0') return colors.dim(shown);
        return r === c ? colors.green(shown) : shown;
      }),
    ].join('  '),
  );
  const more = seen.length - labels.length;
  return [
    colors.dim(head.join('  ')),
    ...lines,
    ...(more > 0 ? [colors.dim(`and ${more} more classes`)] : []),
  ];
}
