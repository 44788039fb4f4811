/**
 * An exported model as the start of a pipeline: whole, or its counts scaled down as a warm start. It becomes a delta that covers no
 * source record, the first of the model topic.
 */
import type { ModelDelta, ModelSnapshot } from '../core/models/model.ts';
import { createExtractorFor, createModel } from '../core/models/registry.ts';
import { restoreModel } from '../core/models/snapshot.ts';
import { warmStart } from '../core/models/warm-start.ts';
import type { Extractor } from '../core/text/features.ts';
import { ValenceError } from '../errors.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { TopicNames } from '../../topics/index.ts';
import { DEFAULT_LABELS } from './classes.ts';
import { deltaRecord } from './declared-classes.ts';
import { DeltaEncoder } from './delta-encoder.ts';
import type { TaughtModel } from './delta.ts';
import { ownOne } from './own-all.ts';
import { analyzerOf } from './state.ts';

export interface ImportOptions {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics: TopicNames;
  /** Name that the model gets. */
  readonly name: string;
  readonly snapshot: ModelSnapshot;
  /**
   * Declared classes of the pipeline, worst to best, which the log then tells. Default: those that the file tells. Neither: its
   * subscriber declares them; a weight is then for the default ones.
   */
  readonly declared?: readonly string[] | undefined;
  /** Share of the counts that is taken over, above 0 and at most 1. Undefined: the model whole, with its calibrator. */
  readonly weight?: number | undefined;
  /** How long to wait for the partition, ms. Default 3 s. */
  readonly waitMs?: number;
}

/**
 * Starts a pipeline that has learned nothing with an exported model.
 *
 * @throws CONFIG_INVALID the pipeline has learned already, or a subscriber of it is running; a weight for a kind that takes none, or
 * for classes that the model does not know; MODEL_MISMATCH this Valence makes other features; SNAPSHOT_CORRUPT it cannot be counted
 */
export async function importModel(given: ImportOptions): Promise<void> {
  const { declared = given.snapshot.declared } = given;
  const options = { ...given, declared };
  const { log, pipeline, topics } = options;
  const model = await log.describeTopic(topics.model);
  if (model?.partitions.some(({ end }) => end > 0) !== false) {
    throw new ValenceError(
      'CONFIG_INVALID',
      `pipeline '${pipeline}' has learned already; import into a new --pipeline`,
    );
  }
  const extractor = extractorOf(options.snapshot);
  check(options, extractor);
  const taught =
    options.weight === undefined ? whole(options, extractor) : scaled(options, extractor);
  const names = (options.snapshot.names ?? []).map(([term, name]) => {
    return { extractor: 0, id: extractor.intern(term), name };
  });
  await ownOne({ log, pipeline, topics, waitMs: options.waitMs ?? 3000 }, 0, async (owned) => {
    const source = await log.describeTopic(topics.source);
    const position = source?.partitions[0]?.start ?? 0;
    const header = { pipeline, partition: 0, epoch: owned.epoch, from: position, to: position };
    const value = new DeltaEncoder().encode(
      { ...header, seen: [position], models: [taught], names, events: [], promotion: undefined },
      { of: () => extractor },
    );
    await owned.transact({
      records: [deltaRecord({ topic: topics.model, partition: 0, declared }, value)],
      position: undefined,
    });
  });
}

function extractorOf(snapshot: ModelSnapshot): Extractor {
  const extractor = createExtractorFor(snapshot.kind, analyzerOf([snapshot]));
  if (extractor.id === snapshot.extractor) return extractor;
  throw new ValenceError(
    'MODEL_MISMATCH',
    `the model was learned on ${snapshot.extractor || 'labels'}, this Valence makes ${extractor.id || 'labels'} of its kind; use the Valence that wrote it`,
  );
}

/** @throws SNAPSHOT_CORRUPT what a pipeline cannot count: another Valence wrote the file, or somebody edited it */
function check({ snapshot, declared = DEFAULT_LABELS }: ImportOptions, extractor: Extractor): void {
  const { kind, features, classes, masses = [], frequencies = [], calibrator } = snapshot;
  const terms = [
    ...features.map(([term]) => term),
    ...(snapshot.names ?? []).map(([term]) => term),
  ];
  if (terms.some((term) => extractor.intern(term) === -1))
    refuse(`snapshot.features and snapshot.names must be features of ${extractor.id}`);
  const counts = [
    ...features.map(([, ...row]) => row),
    classes.map(({ documents }) => documents),
    masses,
    frequencies,
  ];
  if (!counts.every((row) => row.every((count) => Number.isSafeInteger(count))))
    refuse('snapshot: counts and documents must be integers');
  const weights = createModel(kind, extractor, declared).calibrator()?.weights.length ?? 0;
  if (calibrator !== undefined && calibrator.weights.length !== weights)
    refuse(`snapshot.calibrator.weights must be ${weights} numbers`);
}

function refuse(what: string): never {
  throw new ValenceError('SNAPSHOT_CORRUPT', `${what}; export the model again`);
}

function whole({ name, snapshot }: ImportOptions, extractor: Extractor): TaughtModel {
  const { classes, features, kind, masses, frequencies, calibrator } = snapshot;
  const delta: ModelDelta = {
    classes: classes.map(({ label, documents }, order) => ({
      label,
      documents,
      firstSight: { partition: 0, offset: order },
    })),
    ids: Int32Array.from(features, ([term]) => extractor.intern(term)),
    counts: Float64Array.from(features.flatMap(([, ...counts]) => counts)),
    masses: masses === undefined ? undefined : Float64Array.from(masses),
    frequencies: frequencies === undefined ? undefined : Float64Array.from(frequencies),
  };
  const learned = classes.reduce((sum, { documents }) => sum + documents, 0);
  return {
    name,
    kind,
    extractor: extractor.id,
    unit: masses === undefined ? 1 : 16,
    delta,
    calibrator: calibrator && { ...calibrator, labels: learned, merged: [] },
  };
}

/** Counts alone: what the classes' shares are, and how far words can be trusted, is another matter in another stream. */
function scaled(
  { name, snapshot, declared = DEFAULT_LABELS, weight = 1 }: ImportOptions,
  extractor: Extractor,
): TaughtModel {
  const model = restoreModel(snapshot, extractor, declared);
  if (model.calibrator() === undefined)
    throw new ValenceError(
      'CONFIG_INVALID',
      `weight: a model of kind ${model.kind} is taken over whole; leave --weight out`,
    );
  const missing = declared.filter((label) => !snapshot.classes.some((of) => of.label === label));
  if (missing.length > 0)
    throw new ValenceError(
      'CONFIG_INVALID',
      `weight: the model has learned nothing about ${missing.length} of the ${declared.length} classes, and would speak against them; give --labels that it knows, or leave --weight out`,
      { missing: missing.length },
    );
  const { unit, kind } = model;
  const delta = warmStart(model.sums(), { weight, classes: declared, from: unit, to: unit });
  return { name, kind, extractor: extractor.id, unit, delta, calibrator: undefined };
}
