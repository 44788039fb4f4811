/** The figures of a model that both the subscriber (per partition) and the monitor (over all) show. */
import type { MetricValues } from '../../topics/index.ts';
import type { ModelFigures } from '../worker-health.ts';

export interface Figure {
  /** End of the metric's name. */
  readonly name: string;
  readonly help: string;
  /** Undefined: nothing scored yet. */
  readonly read: (figures: ModelFigures) => number | undefined;
}

const VALUES = [
  ['accuracy', 'Share of right answers', (values: MetricValues) => values.accuracy],
  ['macro_f1', 'F1, mean over classes', (values: MetricValues) => values.macroF1],
  ['log_loss', 'Mean log loss, nats', (values: MetricValues) => values.logLoss],
  ['ece', 'Expected calibration error, 15 bins', (values: MetricValues) => values.ece],
] as const;

const SCOPES = [
  ['rolling', 'the last records of the window', (figures: ModelFigures) => figures.rolling],
  ['cumulative', 'all scored records', (figures: ModelFigures) => figures.cumulative],
] as const;

export const FIGURES: readonly Figure[] = [
  {
    name: 'scored_records',
    help: 'Records that were predicted and whose label is known',
    read: ({ scored }) => scored,
  },
  {
    name: 'learned_documents',
    help: 'Documents learned, net of withdrawn ones',
    read: ({ learned }) => learned,
  },
  {
    name: 'classes',
    help: 'Classes that the model knows',
    read: ({ cumulative }) => Object.keys(cumulative.classes).length,
  },
  {
    name: 'waiting_texts',
    help: 'Texts that wait for their label',
    read: ({ pending }) => pending.waitingTexts,
  },
  {
    name: 'waiting_labels',
    help: 'Labels that wait for their text',
    read: ({ pending }) => pending.waitingLabels,
  },
  ...SCOPES.flatMap(([scope, of, values]) =>
    VALUES.map(([value, what, read]): Figure => ({
      name: `${scope}_${value}`,
      help: `${what} over ${of}`,
      read: (figures) => {
        const found = values(figures);
        return found.sums.n === 0 ? undefined : read(found);
      },
    })),
  ),
  {
    name: 'majority_accuracy',
    help: 'Accuracy over all labelled records of always answering the most frequent class: a model must beat it',
    read: ({ baselines: { majority } }) => (majority.n === 0 ? undefined : majority.accuracy),
  },
  {
    name: 'no_change_accuracy',
    help: 'Accuracy over all labelled records of always answering the last label: a model must beat it',
    read: ({ baselines: { noChange } }) => (noChange.n === 0 ? undefined : noChange.accuracy),
  },
];
