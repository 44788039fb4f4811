/**
 * The live view of `start` as lines of text, pure: the same state and size give the same lines, each at most `columns` cells wide.
 *
 *   title ─ throughput ─ learning curve │ confusion ─ class mix ─ newest predictions ─ alerts, drift
 */
import { cut, fit, oneLine, palette, widthOf, type Palette } from './display.ts';
import { count, counted, percent, rate } from './numbers.ts';
import { confusionLines } from './report.ts';
import {
  CHAMPION,
  championOf,
  ratesOf,
  shareOf,
  type CurvePoint,
  type NewestPrediction,
  type Drifts,
  type ViewState,
} from './view-state.ts';

export interface ViewSize {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

const BLOCKS = '▁▂▃▄▅▆▇█';
const NARROWEST = 60;
const WIDEST = 200;
/** From here on the confusion counts stand beside the curve. */
const TWO_PANES = 100;
/** From here on the newest predictions show the words that decided. */
const WITH_WORDS = 76;
/** More classes than this are summed up in the mix, and have no matrix. */
const CLASSES_SHOWN = 4;
const MATRIX_CLASSES = 6;
const LEAST_NEWEST = 3;
/** Least widths of a column of figures, the best first: a number that grows moves nothing. */
const CELL_WIDTHS = [20, 18, 16] as const;
const WORDS_SHOWN = 3;
// oxlint-disable-next-line no-control-regex -- the escape character is what styles begin with
const STYLES = /\u001b\[\d+m/g;

/** At most `rows` lines. */
export function renderView(state: ViewState, size: ViewSize): string[] {
  const width = Math.min(WIDEST, Math.max(NARROWEST, size.columns)) - 2;
  const colors = palette(size.color);
  const head = [...titleLines(state, width, colors), '', ...numbersLines(state, width, colors), ''];
  const middle = [...panes(state, width, colors), '', mixLine(state, width, colors), ''];
  const foot = noticeLines(state, colors);
  const room = size.rows - head.length - middle.length - foot.length - 2;
  const newest = newestLines(state, width, Math.max(LEAST_NEWEST, room), colors);
  return [...head, ...middle, ...newest, ...foot]
    .slice(0, size.rows)
    .map((line) => ` ${within(line, Math.min(width, size.columns - 2))}`.trimEnd());
}

function titleLines(state: ViewState, width: number, colors: Palette): string[] {
  const { pipeline, kind, log, now, startedAt } = state;
  const left = ['valence', oneLine(pipeline), oneLine(kind)];
  const time = clock(now - startedAt);
  const room = width - widthOf(left.join(' · ')) - time.length - 5;
  const place = room < 12 ? '' : cut(oneLine(log), room);
  const gap = Math.max(
    1,
    width - widthOf([...left, ...(place === '' ? [] : [place])].join(' · ')) - time.length,
  );
  const [name = '', ...rest] = left;
  const words = [
    colors.bold(colors.cyan(name)),
    ...rest,
    ...(place === '' ? [] : [colors.dim(place)]),
  ];
  return [words.join(colors.dim(' · ')) + ' '.repeat(gap) + time, colors.dim('─'.repeat(width))];
}

function numbersLines(state: ViewState, width: number, colors: Palette): string[] {
  const { lag, scored, learned, published, share, finished, deadLetters } = state;
  const { current, overall } = ratesOf(state);
  const part = share === undefined || finished ? '' : ` (${percent(share, 0)})`;
  const sent = count(published) + part;
  const figures: readonly Figure[] = [
    ['Now', rate(current)],
    ['Overall', rate(overall)],
    ['Lag', count(lag)],
    ['Published', sent],
    ['Scored', count(scored)],
    ['Learned', count(learned)],
    ...(deadLetters > 0 ? [['Dead letters', count(deadLetters)] as const] : []),
  ];
  const { rows, columns } = gridOf(figures, width);
  return rows.map((row) =>
    row
      .map(([name, value], at) => {
        const gap = (columns[at] ?? 0) - name.length - 1 - value.length;
        return `${colors.dim(name)} ${colors.bold(value)}${' '.repeat(gap)}`;
      })
      .join('')
      .trimEnd(),
  );
}

type Figure = readonly [name: string, value: string];

/** The figures below each other in as few rows as they fit into, none much shorter than another; and how wide each column is. */
function gridOf(
  figures: readonly Figure[],
  width: number,
): { readonly rows: readonly (readonly Figure[])[]; readonly columns: readonly number[] } {
  for (let lines = 1; ; lines++) {
    const start = (row: number): number => Math.ceil((row * figures.length) / lines);
    const rows = Array.from({ length: lines }, (_, row) =>
      figures.slice(start(row), start(row + 1)),
    );
    const [first = []] = rows;
    const longest = first.map((_, at) =>
      Math.max(...rows.map((row) => row[at]?.join(' ').length ?? 0)),
    );
    for (const least of CELL_WIDTHS) {
      const columns = longest.map((cells, at) =>
        at === first.length - 1 ? cells : Math.max(least, cells + 2),
      );
      const needed = columns.reduce((sum, cells) => sum + cells, 0);
      if (needed <= width || first.length < 2) return { rows, columns };
    }
  }
}

/** The learning curve, and the confusion counts beside or below it. */
function panes(state: ViewState, width: number, colors: Palette): string[] {
  const matrix = matrixLines(state, colors);
  const matrixWidth = Math.max(0, ...matrix.map(visibleWidth));
  const beside = width >= TWO_PANES && matrix.length > 0 && matrixWidth <= width / 2;
  if (!beside)
    return [...curveLines(state, width, colors), ...(matrix.length > 0 ? ['', ...matrix] : [])];
  const left = width - matrixWidth - 4;
  const curve = curveLines(state, left, colors);
  return Array.from({ length: Math.max(curve.length, matrix.length) }, (_, index) => {
    const line = curve[index] ?? '';
    const right = matrix[index] ?? '';
    return line + ' '.repeat(Math.max(0, left - visibleWidth(line)) + 4) + right;
  });
}

function curveLines(state: ViewState, width: number, colors: Palette): string[] {
  const { scored, model, curve, drifts } = state;
  const points = curve.points;
  const scale = scaleOf(points);
  const over = Math.min(scored, model.bits.length);
  const title = `Accuracy${over === 0 ? '' : ` of the last ${count(over)}`}`;
  const range =
    points.length === 0 ? '' : `  ${percent(scale.low, 0)} to ${percent(scale.high, 0)}`;
  const champion = championOf(state) ?? CHAMPION;
  const first = champion === CHAMPION ? 'model' : champion;
  const names = [first, 'majority', 'no change', ...state.challengers.keys()];
  const nameWidth = Math.min(16, Math.max(...names.map((name) => widthOf(oneLine(name)))));
  const room = width - nameWidth - 12;
  const row = (
    name: string,
    share: number | undefined,
    of: ((point: CurvePoint) => number) | undefined,
    paint: (text: string) => string,
  ): string => {
    const bars = of === undefined ? '' : sparkline(points.map(of), room, scale);
    return `${fit(oneLine(name), nameWidth)}  ${paint(shareText(share).padStart(7))}  ${paint(bars)}`.trimEnd();
  };
  const ahead =
    (shareOf(model) ?? 0) >= Math.max(shareOf(state.majority) ?? 0, shareOf(state.noChange) ?? 0);
  return [
    colors.bold(title) + colors.dim(range),
    row(first, shareOf(model), (point) => point.model, ahead ? colors.green : colors.yellow),
    row('majority', shareOf(state.majority), (point) => point.majority, colors.dim),
    row('no change', shareOf(state.noChange), (point) => point.noChange, colors.dim),
    ...[...state.challengers].map(([name, window]) =>
      row(name, shareOf(window), undefined, colors.cyan),
    ),
    ...(drifts.at.length === 0 || points.length === 0
      ? []
      : [
          `${fit('drift', nameWidth)}${' '.repeat(11)}${colors.yellow(driftMarks(state, room))}`.trimEnd(),
        ]),
  ];
}

/** A `~` below each cell of the curve in which there was an alarm, `×` if the champion forgot then. */
export function driftMarks(
  { curve, drifts }: Pick<ViewState, 'curve' | 'drifts'>,
  width: number,
): string {
  const points = curve.points.length;
  const cells = Math.max(0, Math.min(width, points));
  const cellOf = (scored: number): number => {
    const point = Math.min(points - 1, Math.max(0, Math.ceil(scored / curve.every) - 1));
    return Math.floor((point * cells) / points);
  };
  const [marked, forgot] = [drifts.at.map(cellOf), drifts.forgotAt.map(cellOf)];
  const markOf = (cell: number): string => (marked.includes(cell) ? '~' : ' ');
  return Array.from({ length: cells }, (_, cell) => (forgot.includes(cell) ? '×' : markOf(cell)))
    .join('')
    .trimEnd();
}

/** Bounds of the curves, at whole tens of percent. */
function scaleOf(points: readonly CurvePoint[]): { readonly low: number; readonly high: number } {
  const all = points.flatMap(({ model, majority, noChange }) => [model, majority, noChange]);
  if (all.length === 0) return { low: 0, high: 1 };
  const low = Math.floor(Math.min(...all) * 10) / 10;
  const high = Math.ceil(Math.max(...all) * 10) / 10;
  return { low, high: high > low ? high : low + 0.1 };
}

/**
 * Block characters, one a cell: the mean of the values that fall into it.
 *
 * @param scale value of the lowest and of the highest block
 */
export function sparkline(
  values: readonly number[],
  width: number,
  scale: { readonly low: number; readonly high: number },
): string {
  const cells = Math.max(0, Math.min(width, values.length));
  let line = '';
  for (let cell = 0; cell < cells; cell++) {
    const from = Math.floor((cell * values.length) / cells);
    const to = Math.max(from + 1, Math.floor(((cell + 1) * values.length) / cells));
    const part = values.slice(from, to);
    const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
    const height = (mean - scale.low) / (scale.high - scale.low);
    const level = Math.floor(height * BLOCKS.length);
    line += BLOCKS[Math.min(BLOCKS.length - 1, Math.max(0, level))] ?? '';
  }
  return line;
}

function matrixLines({ confusion }: ViewState, colors: Palette): string[] {
  const labels = new Set([...confusion].flatMap(([truth, row]) => [truth, ...row.keys()]));
  if (labels.size === 0 || labels.size > MATRIX_CLASSES) return [];
  return [colors.bold('Confusion'), ...confusionLines(confusion, colors)];
}

/** Bars of the shares of the answers by class. */
function mixLine({ answers }: ViewState, width: number, colors: Palette): string {
  const total = [...answers.values()].reduce((sum, n) => sum + n, 0);
  const classes = [...answers];
  const shown = classes.slice(0, CLASSES_SHOWN);
  const others = classes.slice(CLASSES_SHOWN).reduce((sum, [, n]) => sum + n, 0);
  if (others > 0) shown.push([`${classes.length - CLASSES_SHOWN} others`, others]);
  const title = 'Answers';
  const each = Math.floor((width - title.length - 2) / Math.max(1, shown.length)) - 3;
  const cells = shown.map(([label, n]) => {
    const name = cut(oneLine(label), 12);
    const share = total === 0 ? 0 : n / total;
    const figure = percent(share, 0);
    const room = Math.min(24, each - widthOf(name) - figure.length - 2);
    const full = Math.round(share * Math.max(0, room));
    const bar =
      room < 4 ? '' : `${colors.cyan('█'.repeat(full))}${colors.dim('░'.repeat(room - full))} `;
    return `${name} ${bar}${figure}`;
  });
  return `${colors.bold(title)}  ${cells.join('   ')}`;
}

function newestLines(state: ViewState, width: number, room: number, colors: Palette): string[] {
  const rows = state.newest.slice(-Math.max(1, room - 1)).toReversed();
  if (rows.length === 0) return [colors.bold('Newest'), colors.dim('waiting for records')];
  const answers = rows.map(({ prediction }) => widthOf(oneLine(prediction ?? '-')));
  const answerWidth = Math.min(14, Math.max(...answers));
  const wordsWidth = width >= WITH_WORDS ? Math.floor(width * 0.3) : 0;
  const textWidth = width - answerWidth - wordsWidth - 10 - (wordsWidth > 0 ? 2 : 0);
  return [
    colors.bold('Newest'),
    ...rows.map((row) => {
      const text = fit(oneLine(row.text ?? row.id), textWidth);
      const sure = row.probability === undefined ? '    ' : row.probability.toFixed(2);
      const words = wordsWidth === 0 ? '' : `  ${colors.dim(cut(wordsOf(row), wordsWidth))}`;
      return `${mark(row, colors)} ${fit(oneLine(row.prediction ?? '-'), answerWidth)} ${colors.dim(sure)}  ${text}${words}`;
    }),
  ];
}

/** ✓ right, ✗ wrong, · not known yet. */
function mark({ correct }: NewestPrediction, colors: Palette): string {
  if (correct === undefined) return colors.dim('·');
  return correct ? colors.green('✓') : colors.red('✗');
}

/** `not −1.65, good +1.29` */
export function wordsOf({ words = [] }: Pick<NewestPrediction, 'words'>): string {
  return words
    .slice(0, WORDS_SHOWN)
    .map(
      ({ feature, weight }) =>
        `${oneLine(feature)} ${weight < 0 ? '−' : '+'}${Math.abs(weight).toFixed(2)}`,
    )
    .join(', ');
}

/** Models whose forgetting is told. */
const MOST_REACTIONS = 3;

/** What changed, in words. */
const DRIFTED: Readonly<Record<NonNullable<Drifts['signal']>, string>> = {
  error: 'the share of wrong answers',
  unknown: 'more unknown words',
  classes: 'the mix of the answers',
  confidence: 'the model is less sure',
  length: 'the length of the texts',
};

function noticeLines(
  { alerts, drifts, reactions, finished }: ViewState,
  colors: Palette,
): string[] {
  const lines = [...alerts.values()]
    .slice(0, 3)
    .map(({ rule, model, partition, value }) =>
      colors.red(
        `! ${oneLine(rule)} does not hold since it was ${Number(value.toFixed(4))} (${oneLine(model)}, partition ${partition})`,
      ),
    );
  const last = drifts.at.at(-1);
  if (last !== undefined && drifts.signal !== undefined)
    lines.push(
      colors.yellow(
        `~ drift ${drifts.count === 1 ? 'once' : `${count(drifts.count)} times`}, last after ${count(last)} scored: ${DRIFTED[drifts.signal]}`,
      ),
    );
  for (const [model, { count: times, forgotten, at }] of [...reactions].slice(0, MOST_REACTIONS))
    lines.push(
      colors.yellow(
        `× ${oneLine(model)} forgot ${counted(forgotten, 'document')} after ${count(at)} scored${times === 1 ? '' : `, the last of ${count(times)} times`}`,
      ),
    );
  if (finished) lines.push(colors.dim('All is published; Ctrl-C ends with the report.'));
  return lines.length === 0 ? [] : ['', ...lines];
}

/** One line for where there is no terminal. */
export function progressText(state: ViewState): string {
  const { scored, model, majority, noChange, lag } = state;
  const { overall } = ratesOf(state);
  return [
    `${count(scored)} scored`,
    `accuracy ${shareText(shareOf(model))} of the last ${count(Math.min(scored, model.bits.length))}`,
    `majority ${shareText(shareOf(majority))}`,
    `no change ${shareText(shareOf(noChange))}`,
    rate(overall),
    `lag ${count(lag)}`,
  ].join(' · ');
}

/** A prediction on one line for where there is no terminal. */
export function predictionText(row: NewestPrediction): string {
  const truth = row.label === undefined ? '' : ` (${oneLine(row.label)})`;
  const sign = row.correct === undefined ? '·' : row.correct ? '✓' : '✗';
  const sure = row.probability === undefined ? '' : ` ${row.probability.toFixed(2)}`;
  const words = wordsOf(row);
  const text = cut(oneLine(row.text ?? row.id), 60);
  return `  ${sign} ${oneLine(row.prediction ?? '-')}${sure}${truth}  ${text}${words === '' ? '' : `  [${words}]`}`;
}

function shareText(share: number | undefined): string {
  return share === undefined ? '-' : percent(share);
}

/** `0:07`, `12:34`, `1:02:03` */
function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function visibleWidth(line: string): number {
  return widthOf(line.replaceAll(STYLES, ''));
}

/** A line that is too long loses its styles with its end. */
function within(line: string, width: number): string {
  return visibleWidth(line) <= width ? line : cut(line.replaceAll(STYLES, ''), width);
}
