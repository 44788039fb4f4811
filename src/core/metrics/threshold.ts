/**
 * Thresholds: what must hold, written `rolling.accuracy >= 0.6`.
 *
 *   <scope>.<metric> | <scope>.<class metric>.<class> | <scope>.classes.<class>.<class metric> | baselines.<baseline>.<metric>
 *   followed by >=, <=, > or < and a number; spaces around the operator are free
 *
 * A class name may hold anything, dots, spaces and operators too: the rule ends in its last operator and number. A threshold
 * fires as soon as its value does not hold and resolves only when the value holds by a margin, so that a value on the edge does
 * not flap.
 */
import { ValenceError } from '../../errors.ts';
import type { BaselineValues, ClassScores, MetricValues } from './values.ts';

const METRICS = ['accuracy', 'macroF1', 'kappa', 'logLoss', 'ece'] as const;
const CLASS_METRICS = ['precision', 'recall', 'f1', 'support'] as const;
const BASELINE_METRICS = ['accuracy', 'macroF1', 'kappa', 'logLoss'] as const;
const SCOPES = ['rolling', 'cumulative'] as const;
const BASELINES = ['majority', 'noChange'] as const;

export type Operator = '>=' | '<=' | '>' | '<';

/** Where in the metrics a threshold looks. */
export type MetricPath =
  | { readonly scope: (typeof SCOPES)[number]; readonly metric: (typeof METRICS)[number] }
  | {
      readonly scope: (typeof SCOPES)[number];
      readonly metric: (typeof CLASS_METRICS)[number];
      readonly label: string;
    }
  | {
      readonly scope: 'baselines';
      readonly baseline: (typeof BASELINES)[number];
      readonly metric: (typeof BASELINE_METRICS)[number];
    };

export interface Threshold {
  /** The text verbatim. */
  readonly rule: string;
  readonly path: MetricPath;
  readonly operator: Operator;
  readonly bound: number;
}

/** What thresholds are held against: the figures of a metrics record. */
export interface ThresholdMetrics {
  readonly cumulative: MetricValues;
  readonly rolling: MetricValues;
  readonly baselines: { readonly majority: BaselineValues; readonly noChange: BaselineValues };
}

/** A change of state, with the value that brought it. */
export interface Transition {
  readonly state: 'firing' | 'resolved';
  readonly value: number;
}

/** JSON-safe. */
export interface ThresholdSnapshot {
  readonly rule: string;
  readonly firing: boolean;
}

const RULE =
  /^\s*(?<path>.*\S)\s*(?<operator>>=|<=|>|<)\s*(?<bound>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/isu;

/**
 * Reads a threshold.
 *
 * @throws {ValenceError} CONFIG_INVALID: says what is wrong and lists what there is
 */
export function parseThreshold(text: string): Threshold {
  const { path = '', operator = '', bound = '' } = RULE.exec(text)?.groups ?? {};
  if (!isOperator(operator) || !Number.isFinite(Number(bound)))
    throw invalid(
      text,
      'it must end in >=, <=, > or < and a number, such as rolling.accuracy>=0.6',
    );
  return { rule: text, path: parsePath(text, path), operator, bound: Number(bound) };
}

/** The value that a threshold looks at; undefined while it does not exist: nothing scored, or a class never seen. */
export function thresholdValue(path: MetricPath, metrics: ThresholdMetrics): number | undefined {
  if (path.scope === 'baselines') {
    const baseline = metrics.baselines[path.baseline];
    return baseline.n === 0 ? undefined : baseline[path.metric];
  }
  const values = metrics[path.scope];
  if (values.sums.n === 0) return undefined;
  if (!('label' in path)) return values[path.metric];
  if (!Object.hasOwn(values.classes, path.label)) return undefined;
  const scores = values.classes[path.label];
  return scores === undefined ? undefined : classValue(values, path.label, scores, path.metric);
}

/** A threshold with its memory: firing or not. */
export class ThresholdState {
  readonly threshold: Threshold;
  #firing = false;
  #marked = false;

  /** Not firing. */
  constructor(threshold: Threshold) {
    this.threshold = threshold;
  }

  get rule(): string {
    return this.threshold.rule;
  }
  get firing(): boolean {
    return this.#firing;
  }

  /** Holds the threshold against new figures; gives the transition, if there is one. */
  evaluate(metrics: ThresholdMetrics): Transition | undefined {
    const value = thresholdValue(this.threshold.path, metrics);
    if (value === undefined) return undefined;
    const { operator, bound } = this.threshold;
    const stays = this.#firing
      ? !holdsClearly(value, this.threshold)
      : HOLDS[operator](value, bound);
    if (stays) return undefined;
    this.#firing = !this.#firing;
    return { state: this.#firing ? 'firing' : 'resolved', value };
  }

  /** Remembers this state. */
  mark(): void {
    this.#marked = this.#firing;
  }
  /** Back to the last mark, or to the beginning. */
  rollback(): void {
    this.#firing = this.#marked;
  }

  snapshot(): ThresholdSnapshot {
    return { rule: this.rule, firing: this.#firing };
  }

  /** The state of a snapshot, marked, for a threshold of the same rule. */
  static restore(snapshot: ThresholdSnapshot, threshold: Threshold): ThresholdState {
    const state = new ThresholdState(threshold);
    state.#firing = snapshot.firing;
    state.mark();
    return state;
  }
}

function parsePath(rule: string, path: string): MetricPath {
  const [scope, rest] = cut(path);
  if (scope === 'baselines') return baselinePath(rule, rest);
  if (!isOneOf(SCOPES, scope))
    throw invalid(rule, `it must begin with rolling., cumulative. or baselines., not '${scope}'`);
  const [metric, label] = cut(rest);
  if (metric === 'classes') return classPath(rule, scope, label);
  if (isOneOf(CLASS_METRICS, metric)) {
    if (label === '') throw invalid(rule, `${metric} needs a class: ${scope}.${metric}.<class>`);
    return { scope, metric, label };
  }
  if (!isOneOf(METRICS, metric)) throw invalid(rule, `there is no metric '${metric}'`);
  if (rest !== metric) throw invalid(rule, `${metric} takes no class`);
  return { scope, metric };
}

function classPath(rule: string, scope: (typeof SCOPES)[number], rest: string): MetricPath {
  const dot = rest.lastIndexOf('.');
  const label = rest.slice(0, Math.max(0, dot));
  const metric = rest.slice(dot + 1);
  if (label === '')
    throw invalid(rule, `a class and its metric must follow: ${scope}.classes.<class>.recall`);
  if (!isOneOf(CLASS_METRICS, metric)) throw invalid(rule, `a class has no metric '${metric}'`);
  return { scope, metric, label };
}

function baselinePath(rule: string, rest: string): MetricPath {
  const [baseline, metric] = cut(rest);
  if (!isOneOf(BASELINES, baseline)) throw invalid(rule, `there is no baseline '${baseline}'`);
  if (!isOneOf(BASELINE_METRICS, metric))
    throw invalid(rule, `a baseline has no metric '${metric}'`);
  return { scope: 'baselines', baseline, metric };
}

/** Splits at the first dot. */
function cut(path: string): readonly [head: string, rest: string] {
  const dot = path.indexOf('.');
  return dot < 0 ? [path, ''] : [path.slice(0, dot), path.slice(dot + 1)];
}

function classValue(
  values: MetricValues,
  label: string,
  scores: ClassScores,
  metric: (typeof CLASS_METRICS)[number],
): number | undefined {
  if (metric === 'support') return scores.support;
  return isSeen(values, label, scores) ? scores[metric] : undefined;
}

/** Whether a class was a label or an answer: else its figures are 0 for want of records. */
function isSeen({ confusion }: MetricValues, label: string, { support }: ClassScores): boolean {
  return (
    support > 0 ||
    Object.values(confusion).some((row) => Object.hasOwn(row, label) && (row[label] ?? 0) > 0)
  );
}

const HOLDS: Readonly<Record<Operator, (value: number, bound: number) => boolean>> = {
  '>=': (value, bound) => value >= bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '<': (value, bound) => value < bound,
};

/** Holds by 1 % of the bound, or is the best there is: else a rule like accuracy>=0.995 would never resolve. */
function holdsClearly(value: number, { operator, bound, path }: Threshold): boolean {
  if (!HOLDS[operator](value, bound)) return false;
  const margin = Math.max(1e-9, Math.abs(bound) / 100);
  const { lowest, highest } = rangeOf(path.metric);
  return operator === '>=' || operator === '>'
    ? value >= Math.min(bound + margin, highest)
    : value <= Math.max(bound - margin, lowest);
}

function rangeOf(metric: MetricPath['metric']): {
  readonly lowest: number;
  readonly highest: number;
} {
  return {
    lowest: metric === 'kappa' ? -1 : 0,
    highest: metric === 'logLoss' || metric === 'support' ? Infinity : 1,
  };
}

function isOneOf<T extends string>(list: readonly T[], word: string): word is T {
  return list.some((item) => item === word);
}

function isOperator(text: string): text is Operator {
  return Object.hasOwn(HOLDS, text);
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

function invalid(rule: string, problem: string): ValenceError {
  return new ValenceError(
    'CONFIG_INVALID',
    `threshold '${rule}': ${problem}. There are rolling.M and cumulative.M with M ${listed(METRICS)}; ` +
      `rolling.M.CLASS and cumulative.M.CLASS with M ${listed(CLASS_METRICS)}; ` +
      `baselines.majority.M and baselines.noChange.M with M ${listed(BASELINE_METRICS)}.`,
    { rule },
  );
}
