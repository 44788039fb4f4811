/** `valence evaluate FILE`: prequential evaluation of models on a file, without a log. */
import { readRows, type ReadRowsOptions } from '../../ingest/rows.ts';
import { inputName } from '../../ingest/bytes.ts';
import {
  Evaluation,
  inferClasses,
  type EvaluationReport,
  type EvaluationRow,
} from '../../pipeline/evaluate.ts';
import { DEFAULT_MAX_CLASSES, type ClassOptions } from '../../pipeline/classes.ts';
import { ValenceError } from '../../errors.ts';
import { command, type CommandContext } from '../command.ts';
import { count, rate } from '../numbers.ts';
import { reportLines } from '../report.ts';
import { namedColumns } from './publish.ts';

type Context = CommandContext<'evaluate'>;

export const evaluateCommand = command({
  name: 'evaluate',
  settings: 'evaluate',
  summary: 'score models on a labelled file as a stream would: predict each row, then learn it',
  details:
    'Without --labels the classes are those of the file. With --delay N the label of a row is learned after N further rows were ' +
    "predicted; River's `delay` for the same run is N+1.",
  arguments: [{ name: 'FILE', description: 'labelled file: NDJSON, CSV or TSV, gzipped or not' }],
  examples: [
    ['evaluate examples/yelp.csv --label sentiment', 'the default model'],
    [
      'evaluate examples/yelp.csv --label sentiment --model multinomial --model complement --json',
      'two models, a JSON object each',
    ],
  ],
  run: (context, [path = '']) => run(context, path),
});

async function run(context: Context, path: string): Promise<void> {
  const { config, out } = context;
  if (path === '-')
    throw new ValenceError(
      'CONFIG_INVALID',
      'FILE: stdin cannot be read twice; save it as a file first',
    );
  const classes = await classesOf(context, path);
  for (const kind of config.models) {
    const evaluation = new Evaluation({
      kind,
      classes,
      analyzer: config.analyzer,
      delay: config.delay,
    });
    let rows = 0;
    for await (const batch of labelledRows(context, path, kind === config.models[0])) {
      evaluation.add(batch);
      rows += batch.length;
      out.status(`${kind}: ${count(rows)} rows`);
    }
    out.status('');
    const report = evaluation.finish();
    if (report.rows > 0 && report.learned === 0)
      out.note(`nothing was scored: no row has a label in '${config.label}'; see --label`);
    if (out.json) await out.values([json(kind, path, report)]);
    else await out.lines([...text(kind, report, context), '']);
  }
}

/** The declared classes, else those of the file, from a first pass. */
async function classesOf(context: Context, path: string): Promise<ClassOptions> {
  const { labels, labelMap } = context.config;
  const map = labelMap.length === 0 ? {} : { labelMap: new Map(labelMap) };
  if (labels !== undefined)
    return { declared: labels, ...map, maxClasses: Math.max(DEFAULT_MAX_CLASSES, labels.length) };
  const met = new Set<string>();
  const mapped = new Map(labelMap);
  for await (const batch of labelledRows(context, path, false))
    for (const { label } of batch) if (label !== undefined) met.add(mapped.get(label) ?? label);
  return { ...inferClasses(met), ...map };
}

/** Rows of the file; those that are left out are told of in one pass only. */
async function* labelledRows(
  { config, origins, surroundings, out }: Context,
  path: string,
  tell: boolean,
): AsyncGenerator<readonly EvaluationRow[]> {
  const options: ReadRowsOptions = {
    path,
    format: config.format,
    columns: { text: config.text, label: config.label },
    named: namedColumns({ origins }),
    signal: surroundings.signal,
  };
  for await (const batch of readRows(options))
    yield batch.flatMap((row): EvaluationRow[] => {
      if (row.kind === 'text')
        return [{ text: row.text, label: row.label === undefined ? undefined : String(row.label) }];
      if (row.kind === 'refused' && tell) out.note(`warning: ${row.error.message}; left out`);
      return [];
    });
}

function json(kind: string, path: string, report: EvaluationReport) {
  const { rows, scored, learned, metrics, baselines, docsPerSecond } = report;
  const { accuracy, macroF1, kappa, logLoss, ece, confusion, classes } = metrics;
  return {
    model: kind,
    file: inputName(path),
    rows,
    scored,
    learned,
    accuracy,
    macroF1,
    kappa,
    logLoss,
    ece,
    confusion,
    classes,
    baselines,
    docsPerSecond: Math.round(docsPerSecond),
  };
}

function text(kind: string, report: EvaluationReport, { out }: Context): string[] {
  const { rows, scored, learned, metrics, baselines, docsPerSecond } = report;
  const notes = [`${count(rows)} rows`, rate(docsPerSecond)];
  return reportLines({ title: kind, scored, learned, notes, metrics, baselines }, out.colors);
}
