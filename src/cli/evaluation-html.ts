/** The report of `valence evaluate` as one HTML file that needs nothing else: no script, no network, no font. */
import type { EvaluationReport } from '../pipeline/evaluate.ts';
import { lineChart, reliabilityDiagram, type Series } from './evaluation-charts.ts';
import type { Curves, CurveValues } from './evaluation-curves.ts';
import { REPORT_HEAD } from './evaluation-file.ts';
import { markup, shownName, type Markup } from './evaluation-markup.ts';
import { STYLE } from './evaluation-style.ts';
import { count, counted, percent, rate } from './numbers.ts';
import { confusionOf, kappaText, type Confusion } from './report.ts';

/** One model's evaluation. */
export interface Evaluated {
  /** Its kind as it was asked for. */
  readonly kind: string;
  readonly report: EvaluationReport;
  readonly curves: Curves;
}

export interface HtmlReport {
  /** The file's own name. */
  readonly file: string;
  /** Rows between a question and its answer. */
  readonly delay: number;
  /** Undefined: rows as they stood. */
  readonly shuffle: number | undefined;
  /** Of Valence. */
  readonly version: string;
  readonly models: readonly Evaluated[];
}

/** Colours that are told apart; more models begin again with dashes. */
const COLOURS = 8;
/** More classes than this are not shown as a matrix. */
const MATRIX_CLASSES = 40;

/** The whole file as text. */
export function htmlReport(report: HtmlReport): string {
  const { file, models } = report;
  const title = `Evaluation of ${shownName(file)}`;
  const page = markup`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${STYLE}
</head>
<body>
<main>
<h1>${title}</h1>
<p>${summary(report)}</p>
<h2>Models side by side</h2>
${sideBySide(models)}
<h2>Over the rows</h2>
${curvesOf(models)}
<h2>Calibration</h2>
<p>Of the answers given with a confidence of 80 %, 80 % should be right: on the dashed line. Bars: rows in each bin.</p>
<div class="row">
${models.map((model, index) => reliability(model, index))}
</div>
<h2>By class</h2>
${models.map((model, index) => byClass(model, index))}
</main>
<footer>valence ${report.version}</footer>
</body>
</html>
`;
  return REPORT_HEAD + page.source;
}

function summary({ models, delay, shuffle }: HtmlReport): Markup {
  const rows = models[0]?.report.rows ?? 0;
  const how =
    delay === 0
      ? 'Each row is predicted first and learned after.'
      : `Each row is predicted first; its label is learned after ${counted(delay, 'further row')}.`;
  const order =
    shuffle === undefined
      ? 'Rows in the order of the file.'
      : `Rows in an order drawn with seed ${shuffle}.`;
  return markup`${counted(rows, 'row')}, ${counted(models.length, 'model')}. ${how} ${order}`;
}

const styleOf = (index: number): string =>
  `c${index % COLOURS}${index >= COLOURS ? ` d${Math.floor(index / COLOURS) % 3}` : ''}`;

/** A piece of the line with which a model is drawn. */
function key(style: string): Markup {
  return markup`<svg class="key" viewBox="0 0 26 10" aria-hidden="true"><line class="line ${style}" x1="1" x2="25" y1="5" y2="5"/></svg>`;
}

function sideBySide(models: readonly Evaluated[]): Markup {
  const baselines = models[0]?.report.baselines;
  const best = bestOf(models);
  const rows = models.map(({ kind, report }, index) => {
    const canonical =
      report.kind === kind ? markup`` : markup`<br><small>${shownKind(report.kind)}</small>`;
    const { metrics, scored } = report;
    return markup`<tr><th scope="row">${key(styleOf(index))} ${shownKind(kind)}${canonical}</th><td>${count(scored)}</td>${figureCells(metrics, scored, best)}<td>${rate(report.docsPerSecond)}</td></tr>`;
  });
  const others =
    baselines === undefined
      ? []
      : (
          [
            ['majority class', 'majority', baselines.majority],
            ['no change', 'nochange', baselines.noChange],
          ] as const
        ).map(
          ([name, style, values]) =>
            markup`<tr class="baseline"><th scope="row">${key(style)} ${name}</th><td>${count(values.n)}</td>${figureCells(values, values.n, {})}<td>–</td></tr>`,
        );
  return markup`<div class="scroll"><table>
<thead><tr><th scope="col">Model</th><th scope="col">Scored</th><th scope="col">Accuracy</th><th scope="col">Macro F1</th><th scope="col">Kappa</th><th scope="col">Log loss, nats</th><th scope="col">ECE</th><th scope="col">Docs</th></tr></thead>
<tbody>
${[...rows, ...others]}
</tbody>
</table></div>`;
}

/** How the figures are written, in the order of the columns. */
const FIGURES = [
  ['accuracy', (share: number) => percent(share, 2)],
  ['macroF1', (share: number) => percent(share, 2)],
  ['kappa', kappaText],
  ['logLoss', (nats: number) => nats.toFixed(4)],
  ['ece', (share: number) => percent(share, 2)],
] as const;
type Figure = (typeof FIGURES)[number][0];
type Figures = Partial<Readonly<Record<Figure, number>>>;

/** Cells of one row of the table; a figure of nothing is none, the best ones stand out. */
function figureCells(values: Figures, scored: number, best: Figures): readonly Markup[] {
  return FIGURES.map(([figure, write]) => {
    const value = values[figure];
    if (value === undefined || scored === 0) return markup`<td>–</td>`;
    return value === best[figure]
      ? markup`<td><strong>${write(value)}</strong></td>`
      : markup`<td>${write(value)}</td>`;
  });
}

/** The best figure of each kind, where there is something to compare. */
function bestOf(models: readonly Evaluated[]): Figures {
  const scored = models.filter(({ report }) => report.scored > 0);
  if (scored.length < 2) return {};
  const all = (figure: Figure): number[] => scored.map(({ report }) => report.metrics[figure]);
  return {
    accuracy: Math.max(...all('accuracy')),
    macroF1: Math.max(...all('macroF1')),
    kappa: Math.max(...all('kappa')),
    logLoss: Math.min(...all('logLoss')),
    ece: Math.min(...all('ece')),
  };
}

/** Kinds are long and made of parts: a line may break behind each. */
function shownKind(kind: string): Markup {
  const parts = kind.split(/(?<=[:,])/).map((part) => markup`${part}`);
  return parts.reduce((line, part) => markup`${line}<wbr>${part}`, markup``);
}

function curvesOf(models: readonly Evaluated[]): Markup {
  if (models.every(({ curves }) => curves.points.length === 0))
    return markup`<p>Nothing was scored.</p>`;
  const window = models[0]?.curves.window ?? 0;
  const figures = [
    { figure: 'accuracy', name: 'Accuracy', yLabel: 'accuracy, %', unit: 'share' },
    { figure: 'logLoss', name: 'Log loss', yLabel: 'log loss, nats', unit: 'nats' },
  ] as const;
  const spans = [
    { span: 'all', name: 'of all rows so far' },
    { span: 'recent', name: `of the last ${counted(window, 'row')}` },
  ] as const;
  const charts = figures.flatMap(({ figure, name, yLabel, unit }) =>
    spans.map(({ span, name: of }) => {
      const title = `${name} ${of}`;
      const series = seriesOf(models, span, figure);
      const id = `${figure}-${span}`;
      return markup`<figure><figcaption>${title}</figcaption>${lineChart({ id, title, yLabel, unit, series })}</figure>`;
    }),
  );
  const keys = models.map(
    ({ kind }, index) => markup`<li>${key(styleOf(index))} ${shownKind(kind)}</li>`,
  );
  return markup`<ul class="legend">
${keys}
<li>${key('majority')} majority class</li>
<li>${key('nochange')} no change</li>
</ul>
<div class="pairs">
${charts}
</div>`;
}

/** Baselines first, so that the models are drawn over them. */
function seriesOf(
  models: readonly Evaluated[],
  span: 'all' | 'recent',
  figure: keyof CurveValues,
): Series[] {
  const points = models[0]?.curves.points ?? [];
  const baseline = (style: string, name: string, of: 'majority' | 'noChange'): Series => ({
    style,
    name,
    points: points.flatMap((point) => {
      const values = point[of][span];
      return values === undefined ? [] : [[point.rows, values[figure]] as const];
    }),
  });
  return [
    baseline('majority', 'majority class', 'majority'),
    baseline('nochange', 'no change', 'noChange'),
    ...models.map(({ kind, curves }, index) => ({
      style: styleOf(index),
      name: kind,
      points: curves.points.map((point) => [point.rows, point.model[span][figure]] as const),
    })),
  ];
}

function reliability({ kind, report }: Evaluated, index: number): Markup {
  const { ece, sums } = report.metrics;
  if (sums.n === 0)
    return markup`<figure><figcaption>${shownKind(kind)}</figcaption><p>Nothing was scored.</p></figure>`;
  const title = `Reliability of ${kind}: expected calibration error ${percent(ece, 2)}`;
  const rows = sums.ece.flatMap(([n, hits, confidence]) =>
    n === 0
      ? []
      : [
          markup`<tr><td>${count(n)}</td><td>${percent(confidence / n)}</td><td>${percent(hits / n)}</td></tr>`,
        ],
  );
  return markup`<figure><figcaption>${key(styleOf(index))} ${shownKind(kind)} · ECE ${percent(ece, 2)}</figcaption>
${reliabilityDiagram(`reliability-${index}`, title, styleOf(index), sums.ece)}
<details><summary>As numbers</summary><table><thead><tr><th scope="col">Rows</th><th scope="col">Confidence</th><th scope="col">Right</th></tr></thead><tbody>
${rows}
</tbody></table></details></figure>`;
}

function byClass({ kind, report }: Evaluated, index: number): Markup {
  const confusion = confusionOf(report.metrics);
  const classes = [...confusion.keys()].filter(
    (label) => supportOf(confusion, label) > 0 || answersOf(confusion, label) > 0,
  );
  const scores = new Map(Object.entries(report.metrics.classes));
  const head = markup`<h3>${key(styleOf(index))} ${shownKind(kind)}</h3>`;
  if (classes.length === 0) return markup`<section>${head}<p>Nothing was scored.</p></section>`;
  const rows = classes.map((label) => {
    const { precision = 0, recall = 0, f1 = 0, support = 0 } = scores.get(label) ?? {};
    return markup`<tr><th scope="row">${shownName(label)}</th><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td><td>${count(support)}</td></tr>`;
  });
  return markup`<section>${head}
<div class="row">
<div class="scroll"><table><caption>Figures of each class</caption><thead><tr><th scope="col">Class</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th><th scope="col">Support</th></tr></thead><tbody>
${rows}
</tbody></table></div>
${matrix(confusion, classes)}
</div></section>`;
}

/** True classes down, answers across; the deeper the cell, the larger its share of the true class. */
function matrix(confusion: Confusion, all: readonly string[]): Markup {
  const classes = all.slice(0, MATRIX_CLASSES);
  const heads = classes.map((label) => markup`<th scope="col">${shownName(label)}</th>`);
  const rows = classes.map((truth) => {
    const support = Math.max(1, supportOf(confusion, truth));
    const cells = classes.map((answer) => {
      const n = confusion.get(truth)?.get(answer) ?? 0;
      const style = truth === answer ? 'hit' : 'miss';
      const share = Math.round((n / support) * 60);
      return markup`<td class="${style}" style="--share:${share}%" title="${percent(n / support)} of its rows">${count(n)}</td>`;
    });
    return markup`<tr><th scope="row">${shownName(truth)}</th>${cells}</tr>`;
  });
  const more = all.length - classes.length;
  return markup`<div class="scroll"><table class="matrix"><caption>Confusion: true class down, answer across${more > 0 ? `; ${counted(more, 'further class', 'further classes')} not shown` : ''}</caption><thead><tr><th scope="col">true \\ answer</th>${heads}</tr></thead><tbody>
${rows}
</tbody></table></div>`;
}

function supportOf(confusion: Confusion, label: string): number {
  return [...(confusion.get(label)?.values() ?? [])].reduce((sum, n) => sum + n, 0);
}

function answersOf(confusion: Confusion, label: string): number {
  return [...confusion.values()].reduce((sum, row) => sum + (row.get(label) ?? 0), 0);
}
