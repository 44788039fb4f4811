/** `valence model …`: what was learned, read from the model topic; promotion is in `promotion.ts`. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Logit, Model, ModelSnapshot } from '../../core/models/model.ts';
import { shortKind } from '../../core/models/gtnb-kind.ts';
import { isValenceError, ValenceError } from '../../errors.ts';
import type { LoadedModel } from '../../pipeline/inspect.ts';
import { actingChampion } from '../../pipeline/promotion.ts';
import type { RunningModel } from '../../pipeline/state.ts';
import { EXIT } from '../../worker.ts';
import {
  command,
  namesOf,
  withExistingLog,
  withLog,
  type CommandContext,
  type CommandGroup,
} from '../command.ts';
import { oneLine, table } from '../display.ts';
import { ensurePipeline } from '../ensure-topics.ts';
import { writeRefusal } from '../file-refusal.ts';
import { modelLines } from '../model-list.ts';
import { count, percent } from '../numbers.ts';
import { compare, promoteCommand, rollbackCommand } from './promotion.ts';

/** Of a command that loads the model, and of one for a model that is chosen. */
type Context = CommandContext<'model show' | Chosen>;
type Chosen = 'model top' | 'model explain' | 'model export';

/** Loaded when they are asked for: they take longer than most commands. */
const inspecting = () => import('../../pipeline/inspect.ts');
const snapshots = () => import('../../core/models/snapshot.ts');
const subscriberSettings = () => import('../subscriber-options.ts');

const RIGHT = { align: 'right' } as const;
/** Features of each class in `top`. */
const TOP = 15;
/** Features of an explanation. */
const EXPLAINED = 12;

const show = command({
  name: 'show',
  settings: 'model show',
  summary: 'show the models of the pipeline: kind, documents learned, vocabulary, classes',
  examples: [['model show', 'what was learned so far']],
  run: (context) =>
    withModel(context, async ({ state, deltas }) => {
      const { promotion, names } = state;
      const champion = actingChampion(promotion, names);
      const models = state.models.map(({ name, model, extractor }) => {
        const role = name === champion ? 'champion' : 'challenger';
        const previous = name === promotion.previous;
        const { kind, learned, vocabulary } = model;
        const documents = documentsOf(model);
        return {
          model: name,
          role,
          ...(previous ? { previous } : {}),
          kind,
          extractor: extractor.id,
          learned,
          vocabulary,
          classes: documents,
        };
      });
      const positions = positionsOf(state.positions);
      const { out } = context;
      if (out.json)
        return out.values(
          models.map((model) => ({
            ...model,
            classes: Object.fromEntries(model.classes),
            positions,
            deltas: deltas.reduce((sum, n) => sum + n, 0),
          })),
        );
      const listed = models.map((each) => ({
        ...each,
        role: each.previous === true ? `${each.role}, before: champion` : each.role,
        kind: shortKind(each.kind),
      }));
      await out.lines(modelLines(listed, out));
    }),
});

const top = command({
  name: 'top',
  settings: 'model top',
  summary: 'show the most telling features of each class',
  meant: (name) => `model top --model ${name}`,
  examples: [['model top', `the first ${TOP} of each class`]],
  run: (context) =>
    withChosen(context, async ({ model }) => {
      const classes = model.top(TOP);
      const { out } = context;
      if (out.json)
        return out.values([...classes].map(([label, features]) => ({ label, features })));
      for (const [label, features] of classes)
        await out.lines([
          out.colors.bold(oneLine(label)),
          ...table(
            [{ head: 'FEATURE' }, { head: 'WEIGHT', ...RIGHT }, { head: 'COUNT', ...RIGHT }],
            features.map(({ feature, weight, count: n }) => [feature, weight.toFixed(2), count(n)]),
            { colors: out.colors },
          ),
          '',
        ]);
    }),
});

const explain = command({
  name: 'explain',
  settings: 'model explain',
  summary: 'predict a text with the model as it is, and say which words decided',
  arguments: [{ name: 'TEXT', description: 'the text, quoted' }],
  examples: [["model explain 'Crust is not good.'", 'probabilities and weights, in nats']],
  run: (context, [text = '']) =>
    withChosen(context, async (running, { state, isUntold }) => {
      const { model, extractor } = running;
      const calibrator = state.meanCalibrator(running);
      const features = extractor.extract(text);
      const { classes, probabilities, best } = model.predict(features, calibrator);
      const prediction = classes[best] ?? null;
      const shares = classes.map((label, index) => [label, probabilities[index] ?? 0] as const);
      const { features: weights, logit } = model.explain(
        features,
        EXPLAINED,
        state.declared,
        calibrator,
      );
      const { out } = context;
      // An older Valence did not say which classes were declared, and the answer depends on it.
      if (isUntold && model.classes.some((of) => !state.declared.includes(of)))
        out.note(
          'the log does not tell which classes were declared, and the model has other ones than the default; if its subscriber was given --labels, give the same here, or the answer differs',
        );
      if (out.json)
        return out.values([
          { prediction, probabilities: Object.fromEntries(shares), explanation: weights, logit },
        ]);
      await out.lines([
        `${out.colors.bold(prediction === null ? 'no answer yet' : oneLine(prediction))}  ${shares
          .map(([label, share]) => `${oneLine(label)} ${percent(share)}`)
          .join(' · ')}`,
        ...table(
          [{ head: 'FEATURE' }, { head: 'WEIGHT', ...RIGHT }],
          [
            ...weights.map(({ feature, weight }) => [feature, weight.toFixed(3)]),
            ...(logit === undefined ? [] : logitRows(logit)),
          ],
          { colors: out.colors },
        ),
      ]);
    }),
});

const hash = command({
  name: 'hash',
  settings: 'model hash',
  summary: 'hash what was learned: equal input, equal hash, whatever the path',
  meant: (name) => `model hash --model ${name}`,
  examples: [
    ['model hash', 'one JSON object: model, positions, learned, hash'],
    ['model hash --carry', 'also what is no sum, under the settings of the subscriber'],
  ],
  run: ({ config, surroundings, out }) =>
    withExistingLog(surroundings, config, async (log) => {
      const topics = namesOf(config);
      const { pipeline, modelName, carry } = config;
      const { foldOptions, learnedRules } = await subscriberSettings();
      const { loadModel } = await inspecting();
      const { classes } = await learnedRules(log, config);
      const { state, carryHash } = await loadModel({
        log,
        pipeline,
        topics,
        declared: classes.declared,
        ...(carry ? { carry: { ...foldOptions(config), topics, classes } } : {}),
      });
      const { learned, hash: sums } = state.hash(modelName);
      await out.values([
        {
          model: modelName,
          positions: positionsOf(state.positions),
          learned,
          hash: sums,
          ...(carryHash === undefined ? {} : { carry: carryHash }),
        },
      ]);
    }),
});

const exportModel = command({
  name: 'export',
  settings: 'model export',
  summary: 'write the model to a file: JSON with a checksum, no code',
  arguments: [{ name: 'FILE', description: 'file to write, - for stdout' }],
  examples: [['model export model.json', 'to keep it, or to start another pipeline with it']],
  run: (context, [path = '']) =>
    withChosen(context, async (running, { state, isUntold }) => {
      const exported = state.exported(running, isUntold ? undefined : state.declared);
      const { encodeSnapshot } = await snapshots();
      const text = encodeSnapshot(exported);
      if (path === '-') return context.out.line(text);
      await writeFile(path, `${text}\n`).catch((cause: unknown) => {
        throw writeRefusal('FILE', path, cause);
      });
      const documents = exported.classes.reduce((sum, of) => sum + of.documents, 0);
      context.out.note(`${count(documents)} documents written to ${path}`);
    }),
});

const importCommand = command({
  name: 'import',
  settings: 'model import',
  summary: 'start a pipeline that has learned nothing with an exported model',
  details:
    'Without --weight the model goes on as it was, with its calibrator. With it, gtnb takes that share of its counts, and learns from its ' +
    'own stream how often each class occurs and how far words can be trusted: 0.1 to 0.2 for a related source of other texts.',
  arguments: [{ name: 'FILE', description: 'file that `model export` wrote' }],
  examples: [
    ['model import model.json --pipeline second', 'a new pipeline begins with it'],
    ['model import books.json --pipeline films --weight 0.2', 'a start from related texts'],
  ],
  run: async ({ config, surroundings, out }, [path = '']) => {
    const snapshot = await readModel(path);
    await withLog(surroundings, config, async (log) => {
      const topics = namesOf(config);
      await ensurePipeline(log, topics, 1);
      const { pipeline, modelName: name } = config;
      const { labels: declared, weight } = config;
      const { importModel } = await import('../../pipeline/import-model.ts');
      await importModel({ log, pipeline, topics, name, snapshot, declared, weight });
      const learned = snapshot.classes.reduce((sum, { documents }) => sum + documents, 0);
      const share = weight === undefined ? '' : `${percent(weight, 0)} of the counts of `;
      out.note(
        `${share}${count(learned)} documents imported as model '${name}' of pipeline ${pipeline}`,
      );
    });
  },
});

const rebuild = command({
  name: 'rebuild',
  settings: 'model rebuild',
  summary: 'make the model again from the source topic, when the model topic was lost or damaged',
  details:
    'Stop the subscribers first, and give the models and settings that they had. What is left of deltas and snapshots is deleted; ' +
    'results stay, and are not written again. Subscribers go on where they were. If it is broken off, begin again.',
  examples: [
    ['model rebuild', 'the model of everything that was folded'],
    ['model rebuild --challenger cnb=complement', 'with the challengers that the subscribers had'],
  ],
  run: ({ config, surroundings, out }) =>
    withExistingLog(surroundings, config, async (log) => {
      const { pipeline, analyzer, force } = config;
      const { foldOptions, learnedRules, modelSpecs } = await subscriberSettings();
      const { rebuildModel } = await import('../../pipeline/rebuild.ts');
      const { classes } = await learnedRules(log, config);
      const rebuilt = await rebuildModel({
        log,
        pipeline,
        analyzer,
        force,
        models: modelSpecs(config),
        fold: { ...foldOptions(config), topics: namesOf(config), classes },
        signal: surroundings.signal,
        onProgress: (records, of) => {
          out.status(`${count(records)} of ${count(of)} records`);
        },
      }).catch((error: unknown) => {
        if (!surroundings.signal.aborted) throw error;
      });
      out.status('');
      if (rebuilt === undefined) {
        out.note('broken off: begin again before subscribers go on');
        return EXIT.failed;
      }
      if (out.json) {
        await out.values([{ pipeline, ...rebuilt }]);
        return EXIT.done;
      }
      const { records, deltas, learned, hash: sums } = rebuilt;
      await out.line(
        `${count(records)} records folded again · ${count(deltas)} deltas · ${count(learned)} documents learned · hash ${sums.slice(0, 16)}`,
      );
      return EXIT.done;
    }),
});

export const modelCommands: CommandGroup = {
  name: 'model',
  summary: 'look into what was learned, compare and promote models, keep them',
  commands: [
    show,
    top,
    explain,
    hash,
    exportModel,
    importCommand,
    rebuild,
    compare,
    promoteCommand,
    rollbackCommand,
  ],
};

async function withModel(
  { config, surroundings }: Context,
  use: (loaded: LoadedModel) => Promise<void>,
): Promise<void> {
  await withExistingLog(surroundings, config, async (log) => {
    const { pipeline, labels } = config;
    const { loadModel } = await inspecting();
    await use(await loadModel({ log, pipeline, topics: namesOf(config), declared: labels }));
  });
}

async function withChosen(
  context: CommandContext<Chosen>,
  use: (model: RunningModel, loaded: LoadedModel) => Promise<void>,
): Promise<void> {
  await withModel(context, async (loaded) => {
    const { modelName } = context.config;
    const chosen = loaded.state.models.find(({ name }) => name === modelName);
    if (chosen === undefined) {
      const { unknownModel } = await import('../../pipeline/state.ts');
      throw unknownModel(modelName, loaded.state.names);
    }
    await use(chosen, loaded);
  });
}

/** What the features of an explanation add up to, and with what. */
function logitRows({ rest, prior, bias, value, towards }: Logit): string[][] {
  const rows: (readonly [what: string, weight: number])[] = [
    ['(other features)', rest],
    ['(class sizes)', prior],
    ['(correction of the class)', bias],
    [`= log-odds of ${oneLine(towards)}`, value],
  ];
  return rows.slice(rest === 0 ? 1 : 0).map(([what, weight]) => [what, weight.toFixed(3)]);
}

/** Documents of each class that was met, in the model's order. */
function documentsOf(model: Model): readonly (readonly [label: string, documents: number])[] {
  const { classes } = model.sums();
  return model.classes.flatMap((label) => {
    const met = classes.find((of) => of.label === label);
    return met?.firstSight === undefined && !met?.documents
      ? []
      : [[label, met.documents] as const];
  });
}

function positionsOf(positions: readonly (number | undefined)[]): Record<string, number> {
  return Object.fromEntries(positions.map((position, partition) => [partition, position ?? 0]));
}

/** @throws NOT_FOUND, CONFIG_INVALID it cannot be read; SNAPSHOT_CORRUPT it is no exported model, or a damaged one */
async function readModel(path: string): Promise<ModelSnapshot> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { readError } = await import('../../ingest/bytes.ts');
    throw readError(path, cause);
  }
  const { decodeSnapshot } = await snapshots();
  try {
    return decodeSnapshot(text);
  } catch (cause) {
    if (!isValenceError(cause) || cause.code !== 'SNAPSHOT_CORRUPT') throw cause;
    const message = `FILE '${path.slice(0, 200)}': ${cause.message} Give a file that 'valence model export' wrote, or export the model again.`;
    throw new ValenceError(cause.code, message, cause.fields, { cause });
  }
}
