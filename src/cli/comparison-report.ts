/** Whether a challenger should take the champion's place: the comparison of both as plain data and as text. Pure. */
import type { MetricValues } from '../../topics/index.ts';
import { mergePairs, type PairedSums } from '../core/metrics/paired-comparison.ts';
import {
  compareAccuracy,
  compareLogLoss,
  DEFAULT_ALPHA,
  pairsUntilVerdict,
  type PairedDifference,
  type Verdict,
} from '../core/metrics/paired-verdict.ts';
import { oneLine, table, type Column, type Palette } from './display.ts';
import { count, counted, percent } from './numbers.ts';

export interface Compared {
  /** Names of the two models. */
  readonly champion: string;
  readonly challenger: string;
  /** One for each partition, ascending. */
  readonly partitions: readonly PairedSums[];
  /** Chance of a wrong verdict, 0 … 1; default 0.05. */
  readonly alpha?: number;
  /** Figures of each model on all records that it scored, for the classes. */
  readonly metrics?: { readonly champion: MetricValues; readonly challenger: MetricValues };
}

/** Of the records with this label: how many, and the share that was answered right; null without any. */
export interface ClassAccuracy {
  readonly label: string;
  readonly champion: { readonly records: number; readonly accuracy: number | null };
  readonly challenger: { readonly records: number; readonly accuracy: number | null };
}

/** JSON-safe. */
export interface ComparisonReport {
  readonly champion: string;
  readonly challenger: string;
  readonly partitions: number;
  /** Sums over the records that both answered. */
  readonly pairs: PairedSums;
  /** Of accuracy: what a promotion goes by. */
  readonly verdict: Verdict;
  /** Share of the pairs that each had right, and the difference, challenger less champion. */
  readonly accuracy: PairedDifference & {
    readonly championRight: number;
    readonly challengerRight: number;
  };
  /** Nats, challenger less champion; less is better. */
  readonly logLoss: PairedDifference;
  /** About how many pairs are missing; 0 after a verdict, null if that cannot be said. */
  readonly pairsUntilVerdict: number | null;
  /** By class, if metrics were given. */
  readonly classes: readonly ClassAccuracy[];
  /** What to type now; null: nothing. */
  readonly next: string | null;
}

/** @throws {ValenceError} CONFIG_INVALID: alpha */
export function comparisonReport(compared: Compared): ComparisonReport {
  const { champion, challenger, partitions, alpha = DEFAULT_ALPHA, metrics } = compared;
  const pairs = mergePairs(partitions);
  const accuracy = compareAccuracy(pairs, alpha);
  const right = (only: number): number => (pairs.n === 0 ? 0 : (pairs.both + only) / pairs.n);
  return {
    champion,
    challenger,
    partitions: partitions.length,
    pairs,
    verdict: accuracy.verdict,
    accuracy: {
      ...accuracy,
      championRight: right(pairs.champion),
      challengerRight: right(pairs.challenger),
    },
    logLoss: compareLogLoss(pairs, alpha),
    pairsUntilVerdict: pairsUntilVerdict(pairs, alpha) ?? null,
    classes: metrics === undefined ? [] : classesOf(metrics.champion, metrics.challenger),
    next: accuracy.verdict === 'challenger better' ? `valence model promote ${challenger}` : null,
  };
}

function classesOf(champion: MetricValues, challenger: MetricValues): ClassAccuracy[] {
  const [one, other] = [champion, challenger].map(
    ({ classes }) => new Map(Object.entries(classes)),
  );
  return [...new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])])].map((label) => ({
    label,
    champion: answered(one?.get(label)),
    challenger: answered(other?.get(label)),
  }));
}

function answered(scores: MetricValues['classes'][string] | undefined): ClassAccuracy['champion'] {
  const records = scores?.support ?? 0;
  return { records, accuracy: records === 0 ? null : (scores?.recall ?? null) };
}

const RIGHT = { align: 'right' } as const;

/** Lines for a terminal. */
export function promotionLines(report: ComparisonReport, colors: Palette): string[] {
  const { pairs, classes, next } = report;
  const head = `${counted(pairs.n, 'record')} that both answered · ${counted(report.partitions, 'partition')}`;
  const title = `${colors.bold(oneLine(`${report.challenger} against ${report.champion}`))}  ${colors.dim(head)}`;
  if (pairs.n === 0)
    return [title, '', 'Nothing to compare yet: no label met an answer of both models.'];
  return [
    title,
    '',
    ...countLines(report, colors),
    '',
    ...differenceLines(report, colors),
    '',
    ...(classes.length === 0 ? [] : [...classLines(report, colors), '']),
    ...sentences(report, colors),
    ...(next === null
      ? []
      : [
          '',
          `  ${colors.bold(oneLine(next))}  ${colors.dim('(valence model rollback takes it back)')}`,
        ]),
  ];
}

function countLines({ champion, challenger, pairs }: ComparisonReport, colors: Palette): string[] {
  const row = (name: string, records: number): string[] => [
    name,
    count(records),
    percent(records / pairs.n),
  ];
  return table(
    [{ head: 'Right' }, { head: 'Records', ...RIGHT }, { head: 'Share', ...RIGHT }],
    [
      row('both', pairs.both),
      row(`only ${champion}`, pairs.champion),
      row(`only ${challenger}`, pairs.challenger),
      row('neither', pairs.neither),
    ],
    { colors },
  );
}

function differenceLines({ accuracy, logLoss }: ComparisonReport, colors: Palette): string[] {
  const columns: readonly Column[] = [
    { head: 'Challenger less champion' },
    { head: 'Difference', ...RIGHT },
    { head: 'From', ...RIGHT },
    { head: 'To', ...RIGHT },
    { head: 'E-value', ...RIGHT },
    { head: 'Verdict' },
  ];
  return table(
    columns,
    [
      differenceRow('accuracy, points', accuracy, 100, 2),
      differenceRow('log loss, nats', logLoss, 1, 3),
    ],
    { colors },
  );
}

function differenceRow(
  name: string,
  { difference, lower, upper, eValue, verdict }: PairedDifference,
  unit: number,
  digits: number,
): string[] {
  const values = [difference, lower, upper].map((value) => signed(value * unit, digits));
  return [name, ...values, eValueText(eValue), verdict];
}

function classLines(report: ComparisonReport, colors: Palette): string[] {
  return table(
    [
      { head: 'Right, by class' },
      { head: report.champion, ...RIGHT },
      { head: '', ...RIGHT },
      { head: report.challenger, ...RIGHT },
      { head: '', ...RIGHT },
    ],
    report.classes.map(({ label, champion, challenger }) => [
      label,
      ...classCells(champion),
      ...classCells(challenger),
    ]),
    { colors },
  );
}

function classCells({ records, accuracy }: ClassAccuracy['champion']): string[] {
  return [count(records), accuracy === null ? '-' : percent(accuracy)];
}

/** The verdict in words, what it rests on, and what the probabilities say beside it. */
function sentences(report: ComparisonReport, colors: Palette): string[] {
  const { accuracy, logLoss, verdict } = report;
  const champion = oneLine(report.champion);
  const challenger = oneLine(report.challenger);
  const [from, to] = [accuracy.lower, accuracy.upper].map((value) => signed(value * 100, 2));
  const sure = `${Number((100 * (1 - accuracy.alpha)).toFixed(4))} %`;
  const words: Readonly<Record<Verdict, string>> = {
    'challenger better': colors.green(`${challenger} is better than ${champion}`),
    'champion better': colors.red(`${challenger} is worse than ${champion}`),
    undecided: colors.yellow('Undecided'),
  };
  return [
    `${words[verdict]}: ${from} to ${to} points of accuracy, ${sure}, however often you look.`,
    ...(verdict === 'undecided' ? [forecast(report)] : []),
    ...(logLoss.verdict === verdict ? [] : beside(logLoss, challenger)),
  ];
}

/** A verdict by log loss where accuracy has another one or none. */
function beside({ verdict, lower, upper }: PairedDifference, challenger: string): string[] {
  if (verdict === 'undecided') return [];
  const [word, cost, least] =
    verdict === 'challenger better' ? ['better', 'lower', -upper] : ['worse', 'higher', lower];
  return [
    `The probabilities of ${challenger} are ${word}: log loss ${cost} by ${least.toFixed(3)} nats at least.`,
  ];
}

function forecast({ pairsUntilVerdict: missing }: ComparisonReport): string {
  return missing === null
    ? 'Too close to say how many more records a verdict takes.'
    : `If both go on like this, a verdict takes about ${counted(missing, 'more record')}.`;
}

/** `+1.25`, `-0.30`; what rounds to nothing has no sign. */
function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  if (Number(text) === 0) return text.replace('-', '');
  return value > 0 ? `+${text}` : text;
}

const MILLION = 1_000_000;

/** `0.41`, `38`, `12,345`, `> 10^12` */
function eValueText(value: number): string {
  if (value >= MILLION) return `> 10^${Math.floor(Math.log10(value))}`;
  return value < 10 ? value.toFixed(2) : count(Math.floor(value));
}
