/** Charts as inline SVG, drawn here: no script and nothing from elsewhere. Colours are variables of the page's style sheet. */
import { BINS } from '../core/metrics/losses.ts';
import { markup, type Markup } from './evaluation-markup.ts';
import { count, percent } from './numbers.ts';

export interface Series {
  /** Names of classes of the style sheet. */
  readonly style: string;
  readonly name: string;
  /** Ascending in x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChart {
  readonly id: string;
  readonly title: string;
  /** With its unit. */
  readonly yLabel: string;
  readonly unit: 'share' | 'nats';
  readonly series: readonly Series[];
}

const WIDTH = 560;
const HEIGHT = 320;
const LEFT = 58;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 46;
const TICKS = 5;
const ROW_TICKS = 8;
/** The share of the rows at whose end a curve has settled; what it did before may leave the frame. */
const WARM_UP = 0.05;

/** Figures over scored rows, a line for each series. */
export function lineChart(chart: LineChart): Markup {
  const { id, title, series, unit } = chart;
  const lastRow = Math.max(1, ...series.flatMap(({ points }) => points.map(([x]) => x)));
  const y = yAxis(chart, lastRow);
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const atX = (x: number): number => LEFT + (x / lastRow) * (right - LEFT);
  const atY = (v: number): number => bottom - ((v - y.from) / (y.to - y.from)) * (bottom - TOP);
  const label = (v: number): string =>
    unit === 'share' ? percent(v, y.step < 0.01 ? 1 : 0) : v.toFixed(y.step < 0.1 ? 2 : 1);
  const rows = ticks(0, lastRow, stepOf(Math.max(1, lastRow / ROW_TICKS)));
  return markup`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title">
<title id="${id}-title">${title}</title>
<clipPath id="${id}-frame"><rect x="${LEFT - 4}" y="${TOP - 4}" width="${right - LEFT + 8}" height="${bottom - TOP + 8}"/></clipPath>
${ticks(y.from, y.to, y.step).map((v) => grid(atY(v), label(v), right))}
${rows.map((x) => markup`<line class="tick" x1="${px(atX(x))}" x2="${px(atX(x))}" y1="${bottom}" y2="${bottom + 4}"/><text x="${px(atX(x))}" y="${bottom + 17}" text-anchor="middle">${count(x)}</text>`)}
<line class="axis" x1="${LEFT}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${axisLabels('rows scored', chart.yLabel, right, bottom)}
<g clip-path="url(#${id}-frame)">
${series.filter(({ points }) => points.length > 0).map((line) => path(line, atX, atY))}
</g>
</svg>`;
}

function path(
  { style, name, points }: Series,
  atX: (x: number) => number,
  atY: (y: number) => number,
): Markup {
  // Far outside the frame is as good as infinitely far, and every reader of SVG can draw it.
  const place = ([x, y]: readonly [number, number]): string =>
    `${px(atX(x))},${px(Math.max(-HEIGHT, Math.min(2 * HEIGHT, atY(y))))}`;
  const [only] = points;
  if (points.length === 1 && only !== undefined)
    return markup`<circle class="dot ${style}" cx="${px(atX(only[0]))}" cy="${px(atY(only[1]))}" r="3.5"><title>${name}</title></circle>`;
  return markup`<polyline class="line ${style}" points="${points.map(place).join(' ')}"><title>${name}</title></polyline>`;
}

/** From a round number below to one above what the settled curves show. */
function yAxis(
  { series, unit }: LineChart,
  lastRow: number,
): { readonly from: number; readonly to: number; readonly step: number } {
  const settled = series.flatMap(({ points }) => {
    const late = points.filter(([x]) => x >= lastRow * WARM_UP);
    return (late.length === 0 ? points : late).map(([, y]) => y);
  });
  const most = unit === 'share' ? 1 : Number.POSITIVE_INFINITY;
  if (settled.length === 0) return { from: 0, to: 1, step: 0.2 };
  const low = Math.min(...settled);
  const high = Math.max(...settled);
  const step = stepOf(Math.max(high - low, 0.02) / TICKS);
  const from = Math.max(0, Math.floor(low / step) * step);
  const to = Math.min(most, Math.max(Math.ceil(high / step) * step, from + step));
  return from < to ? { from, to, step } : { from: to - step, to, step };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function stepOf(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
}

function ticks(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step - 1e-6);
  const size = Math.max(0, Math.floor(to / step + 1e-6) - first + 1);
  return Array.from({ length: size }, (_, index) => (first + index) * step);
}

function grid(y: number, label: string, right: number): Markup {
  return markup`<line class="grid" x1="${LEFT}" x2="${right}" y1="${px(y)}" y2="${px(y)}"/><text x="${LEFT - 7}" y="${px(y + 4)}" text-anchor="end">${label}</text>`;
}

function axisLabels(x: string, y: string, right: number, bottom: number): Markup {
  const middle = px((LEFT + right) / 2);
  const half = px((TOP + bottom) / 2);
  return markup`<text class="label" x="${middle}" y="${bottom + 36}" text-anchor="middle">${x}</text>
<text class="label" transform="translate(13 ${half}) rotate(-90)" text-anchor="middle">${y}</text>`;
}

const px = (at: number): string => at.toFixed(1);

/** Records, hits and sum of the top probability, by bin of the top probability. */
export type Bins = readonly (readonly [records: number, hits: number, confidence: number])[];

const SQUARE = 300;
const BARS = 56;

/** Share of right answers against mean confidence by bin, and below how many rows each bin has. */
export function reliabilityDiagram(id: string, title: string, style: string, bins: Bins): Markup {
  const right = LEFT + SQUARE;
  const bottom = TOP + SQUARE;
  const barsBottom = bottom + 22 + BARS;
  const height = barsBottom + 46;
  const most = Math.max(1, ...bins.map(([n]) => n));
  const atX = (share: number): number => LEFT + share * SQUARE;
  const atY = (share: number): number => bottom - share * SQUARE;
  const filled = bins.flatMap(([n, hits, confidence], bin) =>
    n === 0 ? [] : [{ bin, n, hit: hits / n, confidence: Math.min(1, confidence / n) }],
  );
  const fifths = [0, 0.2, 0.4, 0.6, 0.8, 1];
  const told = (b: (typeof filled)[number]): string =>
    `${count(b.n)} rows: confidence ${percent(b.confidence)}, right ${percent(b.hit)}`;
  const width = SQUARE / BINS;
  return markup`<svg class="square" viewBox="0 0 ${right + RIGHT} ${height}" role="img" aria-labelledby="${id}-title">
<title id="${id}-title">${title}</title>
${fifths.map((share) => grid(atY(share), percent(share, 0), right))}
<line class="ideal" x1="${LEFT}" y1="${bottom}" x2="${right}" y2="${TOP}"/>
<polyline class="line ${style}" points="${filled.map((b) => `${px(atX(b.confidence))},${px(atY(b.hit))}`).join(' ')}"/>
${filled.map((b) => markup`<circle class="dot ${style}" cx="${px(atX(b.confidence))}" cy="${px(atY(b.hit))}" r="${px(3 + 5 * Math.sqrt(b.n / most))}"><title>${told(b)}</title></circle>`)}
${filled.map((b) => {
  const tall = Math.max(1, (b.n / most) * BARS);
  const x = atX(b.bin / BINS);
  return markup`<rect class="bar ${style}" x="${px(x + 1)}" y="${px(barsBottom - tall)}" width="${px(width - 2)}" height="${px(tall)}"><title>${told(b)}</title></rect><text class="small" x="${px(x + width / 2)}" y="${px(barsBottom - tall - 3)}" text-anchor="middle">${shortCount(b.n)}</text>`;
})}
<line class="axis" x1="${LEFT}" x2="${right}" y1="${barsBottom}" y2="${barsBottom}"/>
${fifths.map((share) => markup`<text x="${px(atX(share))}" y="${barsBottom + 16}" text-anchor="middle">${percent(share, 0)}</text>`)}
<text class="label" x="${px((LEFT + right) / 2)}" y="${barsBottom + 36}" text-anchor="middle">mean confidence of the answer, % (15 bins)</text>
<text class="label" transform="translate(13 ${px((TOP + bottom) / 2)}) rotate(-90)" text-anchor="middle">right answers, %</text>
<text class="label" transform="translate(13 ${px(barsBottom - BARS / 2)}) rotate(-90)" text-anchor="middle">rows</text>
</svg>`;
}

/** `950`, `1.2k`, `13k`, `2.5M`: what fits over a bar. */
export function shortCount(n: number): string {
  if (n < 1000) return String(n);
  const [value, unit] = n < 999_500 ? [n / 1000, 'k'] : [n / 1e6, 'M'];
  return `${value.toFixed(value < 9.95 ? 1 : 0)}${unit}`;
}
