/**
 * The state that all partitions of a process share: the models' sums, how far each partition has got, and its last calibrators.
 *
 *   own chunks ──commit──►  sums, positions, calibrators  ◄──follow── deltas of the other partitions
 */
import { createHash } from 'node:crypto';
import { compareTerms } from '../core/models/term-order.ts';
import { shortKind } from '../core/models/gtnb-kind.ts';
import type { Calibrator, CalibratorState } from '../core/models/calibrator.ts';
import type { Model, ModelSnapshot } from '../core/models/model.ts';
import { MODEL_KINDS } from '../core/models/model-kinds.ts';
import { createModel, featureSourceOf } from '../core/models/registry.ts';
import { modelHash } from '../core/models/snapshot.ts';
import type { Extractor } from '../core/text/features.ts';
import { ValenceError } from '../errors.ts';
import type { Role, SumsHeader } from '../../topics/index.ts';
import type { ReadDelta } from './delta-reader.ts';
import { extractorsOf, type FeatureName } from './delta.ts';
import { Extractors } from './extractors.ts';
import { initialPromotion, type Promotion } from './promotion.ts';
import { decodeSums, type SumsCapture } from './sums-snapshot.ts';

/** One model of a pipeline. */
export interface ModelSpec {
  /** Unique in the pipeline, <= 64 characters. */
  readonly name: string;
  /** Kind with options, such as `multinomial:alpha=0.5`. */
  readonly kind: string;
  readonly role: Role;
}

export interface RunningModel extends ModelSpec {
  readonly model: Model;
  readonly extractor: Extractor;
}

export interface StateOptions {
  readonly pipeline: string;
  readonly models: readonly ModelSpec[];
  readonly declared: readonly string[];
  /** Analyzer of the River kinds, such as `river` or `river:ngrams=1-2`. */
  readonly analyzer: string;
  readonly partitions: number;
}

export class PipelineState {
  readonly pipeline: string;
  readonly extractors: Extractors;
  readonly models: readonly RunningModel[];
  /** Declared classes, worst to best. */
  readonly declared: readonly string[];
  /** By partition: next source offset to fold; undefined: never folded. */
  readonly positions: (number | undefined)[];
  /** Who is champion by the newest promotion record that is known; each partition has its own until its next chunk. */
  promotion: Promotion;
  /** By partition: size of all deltas up to the position since the pipeline's first, bytes; every process counts the same. */
  readonly taught: number[];
  /** Models that were taught by others and are not run here: they go into snapshots, so that nothing is lost. */
  readonly #dormant = new Map<string, RunningModel>();
  /** By model, by partition: the calibrator of its last committed chunk. */
  readonly #calibrators = new Map<string, Map<number, CalibratorState>>();
  /** By model: the mean of them, as long as it is not out of date. */
  readonly #means = new Map<string, Calibrator>();
  readonly #byName: ReadonlyMap<string, number>;

  constructor(options: StateOptions) {
    this.pipeline = options.pipeline;
    this.extractors = new Extractors(
      options.models.map(({ kind }) => kind),
      options.analyzer,
    );
    this.models = options.models.map((spec) => {
      const extractor = this.extractors.for(spec.kind);
      const model = createModel(spec.kind, extractor, options.declared, {
        singleLearner: options.partitions === 1,
      });
      return { ...spec, model, extractor };
    });
    for (const { model } of this.models) model.stage();
    this.#byName = new Map(this.models.map(({ name }, index) => [name, index]));
    if (this.#byName.size !== this.models.length) {
      throw new ValenceError('CONFIG_INVALID', 'two models of one pipeline have the same name');
    }
    this.positions = Array.from({ length: options.partitions }, () => undefined);
    this.taught = this.positions.map(() => 0);
    this.declared = options.declared;
    this.promotion = initialPromotion(this.models[0]?.name ?? '');
  }

  indexOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  get names(): readonly string[] {
    return this.models.map(({ name }) => name);
  }

  /**
   * Takes a committed delta of some partition into the sums and moves its position.
   *
   * @returns false if it was covered already
   * @throws DELTA_GAP a delta is missing; MODEL_MISMATCH another kind or tokenizer wrote it
   */
  apply(delta: ReadDelta): boolean {
    const { partition } = delta;
    const position = this.positions[partition];
    if (position !== undefined && delta.to <= position) return false;
    if (position !== undefined && delta.from !== position) {
      throw new ValenceError(
        'DELTA_GAP',
        `the model topic jumps from source offset ${position} to ${delta.from}; make the model again from the source topic with 'valence model rebuild', or use another --pipeline`,
        { partition, expected: position, got: delta.from },
      );
    }
    for (const { name, kind, extractor } of delta.models) this.#modelFor(name, kind, extractor);
    this.giveNames(delta.names, extractorsOf(delta.models));
    for (const taught of delta.taught(this.extractors)) {
      this.#modelFor(taught.name, taught.kind, taught.extractor)?.apply(taught.delta);
      if (taught.calibrator !== undefined)
        this.setCalibrator(taught.name, partition, taught.calibrator);
    }
    this.moved(partition, delta.to, delta.sizeBytes);
    return true;
  }

  /** The sums of a partition hold a delta of that size more. */
  moved(partition: number, to: number, bytes: number): void {
    this.positions[partition] = to;
    this.taught[partition] = (this.taught[partition] ?? 0) + bytes;
  }

  /** @param extractors identities, as the names number them */
  giveNames(names: readonly FeatureName[], extractors: readonly string[]): void {
    for (const { extractor, id, name } of names)
      this.extractors.find(extractors[extractor] ?? '')?.giveName(id, name);
  }

  /** The calibrator that a committed chunk of a partition left behind. */
  setCalibrator(name: string, partition: number, state: CalibratorState): void {
    const known = this.#calibrators.get(name);
    if (known === undefined) this.#calibrators.set(name, new Map([[partition, state]]));
    else known.set(partition, state);
    this.#means.delete(name);
  }

  /** Calibrators of the other partitions of a model, as far as their chunks are known. */
  calibratorsBeside(name: string, partition: number): ReadonlyMap<number, CalibratorState> {
    const others = new Map(this.#calibrators.get(name));
    others.delete(partition);
    return others;
  }

  /** For who has no partition: the mean of all, each weighing what it learned. Undefined: the kind has none. */
  meanCalibrator({ name, model }: Pick<RunningModel, 'name' | 'model'>): Calibrator | undefined {
    const known = this.#means.get(name);
    if (known !== undefined) return known;
    const mean = model.calibrator();
    if (mean === undefined) return undefined;
    mean.merge(NO_PARTITION, this.#calibrators.get(name) ?? new Map());
    this.#means.set(name, mean);
    return mean;
  }

  /**
   * A model as data to take elsewhere, with the calibrator that its answers come from.
   *
   * @param declared where its answers depend on the declared classes, these go along; undefined: they are not known
   */
  exported(running: RunningModel, declared?: readonly string[]): ModelSnapshot {
    const { model, extractor } = running;
    const snapshot = model.snapshot();
    const state = this.meanCalibrator(running)?.snapshot();
    if (state === undefined) return snapshot;
    const { weights, squares, bias } = state;
    const names = [...extractor.names]
      .filter(([id]) => model.frequency(id) > 0)
      .map(([id, name]) => [extractor.term(id), name] as const)
      .toSorted(([a], [b]) => compareTerms(a, b));
    const calibrator = { weights, squares, bias };
    return { ...snapshot, names, calibrator, ...(declared && { declared }) };
  }

  /** The sums of all models at one moment, to be written out while learning goes on. Nothing may be staged and not taken. */
  capture(): SumsCapture {
    return {
      extractors: this.extractors
        .list()
        .map((extractor) => ({ extractor, terms: extractor.size, names: [...extractor.names] })),
      models: [...this.models, ...this.#dormant.values()].map(({ name, model, extractor }) => ({
        name,
        kind: model.kind,
        extractor: extractor.id,
        unit: model.unit,
        sums: model.sums(),
        calibrators: [...(this.#calibrators.get(name) ?? [])],
      })),
    };
  }

  /**
   * Takes in sums of a snapshot; nothing else was taken in before.
   *
   * @throws MODEL_MISMATCH another kind or tokenizer wrote it; nothing was taken in
   */
  restore(header: SumsHeader, content: Uint8Array): void {
    const models = new Map(
      header.models.map(
        ({ name, kind, extractor }) => [name, this.#modelFor(name, kind, extractor)] as const,
      ),
    );
    const forgotten = new Map(header.models.map((model) => [model.name, model.forgotten]));
    for (const { name, delta, calibrators } of decodeSums(content, this.extractors)) {
      const model = models.get(name);
      if (model === undefined) continue;
      model.apply({ ...delta, forgotten: forgotten.get(name) });
      for (const [partition, state] of calibrators) this.setCalibrator(name, partition, state);
    }
    if (header.promotion !== undefined) this.promotion = header.promotion;
    for (const [partition, { position, taught }] of header.partitions.entries()) {
      this.positions[partition] = position ?? undefined;
      this.taught[partition] = taught;
    }
  }

  /** A model that runs here, or one that is only followed. */
  followed(name: string): RunningModel | undefined {
    const index = this.#byName.get(name);
    return index === undefined ? this.#dormant.get(name) : this.models[index];
  }

  /**
   * The model that something was taught to. Undefined: another kind, which this process does not run.
   *
   * @throws MODEL_MISMATCH it is run as another kind, or on another tokenizer
   */
  #modelFor(name: string, kind: string, extractor: string): Model | undefined {
    const index = this.#byName.get(name);
    const running = index === undefined ? undefined : this.models[index];
    if (running === undefined) return this.#dormantModel(name, kind, extractor);
    if (running.model.kind !== kind || running.extractor.id !== extractor) {
      throw new ValenceError(
        'MODEL_MISMATCH',
        `model '${name}' was learned as ${shortKind(kind)} on ${extractor || 'labels'}, and is asked to run as ${shortKind(running.model.kind)} on ` +
          `${running.extractor.id || 'labels'}; ask for the former, or use another --pipeline`,
        { model: name },
      );
    }
    return running.model;
  }

  #dormantModel(name: string, kind: string, extractor: string): Model | undefined {
    const known = this.#dormant.get(name);
    if (known !== undefined) return known.model.kind === kind ? known.model : undefined;
    if (!MODEL_KINDS.includes(kind.split(':')[0] ?? '')) return undefined;
    const own = this.extractors.for(kind, analyzerOf([{ kind, extractor }]));
    if (own.id !== extractor) return undefined;
    const model = createModel(kind, own, this.declared);
    model.stage();
    this.#dormant.set(name, { name, kind, role: 'challenger', model, extractor: own });
    return model;
  }

  /** Documents learned and a hash of the sums of one model: equal input, equal hash, whatever the path. */
  hash(name: string): { readonly learned: number; readonly hash: string } {
    const index = this.#byName.get(name);
    const running = index === undefined ? undefined : this.models[index];
    if (running === undefined) throw unknownModel(name, this.names);
    return { learned: running.model.learned, hash: modelHash(running.model) };
  }
}

/** No partition has this number. */
const NO_PARTITION = -1;

/**
 * The analyzer option of the kinds of River's among some models: `river/1;ngrams=1-2` is `river:ngrams=1-2`; `river` where there is
 * none.
 */
export function analyzerOf(
  models: readonly { readonly kind: string; readonly extractor: string }[],
): string {
  const extractor = models.find(({ kind }) => featureSourceOf(kind) === 'analyzer')?.extractor;
  if (extractor === undefined) return 'river';
  const [name = '', ...options] = extractor.split(';');
  const analyzer = name.slice(0, Math.max(0, name.indexOf('/')));
  return options.length === 0 ? analyzer : `${analyzer}:${options.join(',')}`;
}

/** SHA-256 of a canonical JSON text, in hex. */
export function hashJson(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

export function unknownModel(name: string, names: readonly string[]): ValenceError {
  return new ValenceError(
    'MODEL_UNKNOWN',
    `no model named '${name.slice(0, 64)}'; there are: ${names.join(', ')}`,
  );
}
