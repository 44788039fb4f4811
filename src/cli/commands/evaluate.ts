/** `valence evaluate FILE`: prequential evaluation of models on a file, without a log. */
import type { ReadRowsOptions } from '../../ingest/rows.ts';
import { inputName } from '../../ingest/bytes.ts';
import type { EvaluationReport, EvaluationRow } from '../../pipeline/evaluate.ts';
import { DEFAULT_MAX_CLASSES, type ClassOptions } from '../../pipeline/classes.ts';
import { ValenceError } from '../../errors.ts';
import { command, type CommandContext } from '../command.ts';
import { CurveSampler } from '../evaluation-curves.ts';
import { checkReportFile, writeReportFile } from '../evaluation-file.ts';
import type { Evaluated } from '../evaluation-html.ts';
import { shuffled } from '../evaluation-shuffle.ts';
import { warmUp } from '../evaluation-warm-up.ts';
import { count, counted, rate } from '../numbers.ts';
import { packageVersion } from '../package.ts';
import { comparisonLines, reportLines, type Report } from '../report.ts';
import { namedColumns } from './publish.ts';

type Context = CommandContext<'evaluate'>;

/** Loaded when it is asked for: the tables of its texts take longer than most commands. */
const evaluating = () => import('../../pipeline/evaluate.ts');
const reading = () => import('../../ingest/rows.ts');

/** Rolling window of the curves, scored rows. */
const WINDOW = 500;
/** First rows of the file that kinds warm up with. */
const WARM_ROWS = 4000;

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
    [
      'evaluate examples/yelp.csv --label sentiment --model gtnb --model multinomial --report report.html',
      'two models side by side, with curves in a file for the browser',
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
  if (config.report !== undefined) await checkReportFile(config.report);
  const classes = await classesOf(context, path);
  const rows =
    config.shuffle === undefined ? undefined : await shuffledRows(context, path, config.shuffle);
  if (config.models.length > 1) await warmUpAll(context, path, classes, rows);
  const models: Evaluated[] = [];
  for (const [index, kind] of config.models.entries()) {
    const batches = rows === undefined ? labelledRows(context, path, index === 0) : inBatches(rows);
    const evaluated = await evaluate(context, kind, classes, batches);
    const { report } = evaluated;
    if (report.rows === 0) out.note(`nothing was scored: ${inputName(path)} has no rows`);
    else if (report.learned === 0)
      out.note(`nothing was scored: no row has a label in '${config.label}'; see --label`);
    if (out.json) await out.values([json(kind, path, report, config.shuffle)]);
    else await out.lines([...reportLines(textOf(evaluated, context), out.colors), '']);
    models.push(evaluated);
  }
  if (models.length > 1 && !out.json) {
    const compared = models.map((model) => ({
      ...textOf(model, context),
      docsPerSecond: model.report.docsPerSecond,
    }));
    await out.lines([
      out.colors.bold('side by side'),
      '',
      ...comparisonLines(compared, out.colors),
    ]);
  }
  if (config.report !== undefined) await writeHtml(context, path, config.report, models);
}

/** Before kinds are measured side by side; with the first rows. */
async function warmUpAll(
  context: Context,
  path: string,
  classes: ClassOptions,
  rows: readonly EvaluationRow[] | undefined,
): Promise<void> {
  const { config, surroundings } = context;
  const { analyzer, delay } = config;
  const { Evaluation } = await evaluating();
  const batches = rows === undefined ? labelledRows(context, path, false) : inBatches(rows);
  const first: EvaluationRow[] = [];
  for await (const batch of batches) {
    first.push(...batch);
    if (first.length >= WARM_ROWS) break;
  }
  const create = (kind: string) =>
    new Evaluation({ kind, classes, analyzer, delay, window: WINDOW });
  const { signal } = surroundings;
  warmUp(config.models, create, first, { now: () => performance.now(), signal });
}

/** One model over all rows; curves only where a report asks for them. */
async function evaluate(
  { config, out, surroundings }: Context,
  kind: string,
  classes: ClassOptions,
  batches: AsyncIterable<readonly EvaluationRow[]>,
): Promise<Evaluated> {
  const { analyzer, delay } = config;
  const curves = new CurveSampler(WINDOW);
  const { Evaluation } = await evaluating();
  const evaluation = new Evaluation({
    kind,
    classes,
    analyzer,
    delay,
    window: WINDOW,
    ...(config.report === undefined
      ? {}
      : {
          onScored: (scorer) => {
            curves.sample(scorer);
          },
        }),
  });
  let rows = 0;
  for await (const batch of batches) {
    if (surroundings.signal.aborted) break;
    evaluation.add(batch);
    rows += batch.length;
    out.status(`${kind}: ${count(rows)} rows`);
  }
  out.status('');
  const report = evaluation.finish();
  return { kind, report, curves: curves.finish() };
}

async function writeHtml(
  { config, out, surroundings }: Context,
  path: string,
  target: string,
  models: readonly Evaluated[],
): Promise<void> {
  if (surroundings.signal.aborted) {
    out.note('ended before the end of the file: no report was written');
    return;
  }
  const { delay, shuffle } = config;
  const { htmlReport } = await import('../evaluation-html.ts');
  const html = htmlReport({
    file: inputName(path),
    delay,
    shuffle,
    version: packageVersion(),
    models,
  });
  await writeReportFile(target, html);
  out.note(`report: ${target}`);
}

/** All rows of the file in the order of a seed. */
async function shuffledRows(
  context: Context,
  path: string,
  seed: number,
): Promise<readonly EvaluationRow[]> {
  const rows: EvaluationRow[] = [];
  for await (const batch of labelledRows(context, path, true)) rows.push(...batch);
  return shuffled(rows, seed);
}

async function* inBatches(
  rows: readonly EvaluationRow[],
): AsyncGenerator<readonly EvaluationRow[]> {
  const { BATCH_ROWS } = await reading();
  for (let at = 0; at < rows.length; at += BATCH_ROWS) yield rows.slice(at, at + BATCH_ROWS);
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
  const { inferClasses } = await evaluating();
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
    columns: { text: config.text, label: config.label, weight: config.weightField },
    named: namedColumns({ origins }),
    signal: surroundings.signal,
  };
  const { readRows } = await reading();
  for await (const batch of readRows(options))
    yield batch.flatMap((row): EvaluationRow[] => {
      if (row.kind === 'text') {
        const { text, label, weight } = row;
        return [{ text, label: label === undefined ? undefined : String(label), weight }];
      }
      if (row.kind === 'refused' && tell) out.note(`warning: ${row.error.message}; left out`);
      return [];
    });
}

function json(kind: string, path: string, report: EvaluationReport, shuffle: number | undefined) {
  const { rows, scored, learned, metrics, baselines, docsPerSecond } = report;
  const { accuracy, macroF1, kappa, logLoss, ece, confusion, classes } = metrics;
  return {
    model: kind,
    file: inputName(path),
    ...(shuffle === undefined ? {} : { shuffle }),
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

function textOf({ kind, report }: Evaluated, { config }: Context): Report {
  const { rows, scored, learned, metrics, baselines, docsPerSecond } = report;
  const order = config.shuffle === undefined ? [] : [`order of seed ${config.shuffle}`];
  const notes = [counted(rows, 'row'), ...order, rate(docsPerSecond)];
  return { title: kind, scored, learned, notes, metrics, baselines };
}
