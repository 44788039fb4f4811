/**
 * The state that all partitions of a process share: the models' sums and how far each partition has got.
 *
 *   own chunks ──commit──►  sums, positions  ◄──follow── deltas of the other partitions
 */
import { createHash } from 'node:crypto';
import { createModel, MODEL_KINDS, parseModelKind } from '../core/models/registry.ts';
import { modelHash } from '../core/models/snapshot.ts';
import type { Model } from '../core/models/model.ts';
import { createExtractor } from '../core/text/extractor.ts';
import type { Extractor } from '../core/text/features.ts';
import { ValenceError } from '../errors.ts';
import type { Role, SumsHeader } from '../../topics/index.ts';
import type { ReadDelta } from './delta.ts';
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
  readonly extractor: Extractor;
  readonly models: readonly RunningModel[];
  /** By partition: next source offset to fold; undefined: never folded. */
  readonly positions: (number | undefined)[];
  /** By partition: size of all deltas up to the position since the pipeline's first, bytes; every process counts the same. */
  readonly taught: number[];
  /** Models that were taught by others and are not run here: they go into snapshots, so that nothing is lost. */
  readonly #dormant = new Map<string, Model>();
  readonly #declared: readonly string[];
  readonly #byName: ReadonlyMap<string, number>;

  constructor(options: StateOptions) {
    this.pipeline = options.pipeline;
    const maxFeatures = options.models
      .map(({ kind }) => parseModelKind(kind).maxFeatures)
      .filter((limit) => limit !== undefined);
    this.extractor = createExtractor(
      options.analyzer,
      maxFeatures.length === 0 ? {} : { maxFeatures: Math.max(...maxFeatures) },
    );
    this.models = options.models.map((spec) => ({
      ...spec,
      model: createModel(spec.kind, this.extractor, options.declared, {
        singleLearner: options.partitions === 1,
      }),
    }));
    for (const { model } of this.models) model.stage();
    this.#byName = new Map(this.models.map(({ name }, index) => [name, index]));
    if (this.#byName.size !== this.models.length) {
      throw new ValenceError('CONFIG_INVALID', 'two models of one pipeline have the same name');
    }
    this.positions = Array.from({ length: options.partitions }, () => undefined);
    this.taught = this.positions.map(() => 0);
    this.#declared = options.declared;
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
    for (const taught of delta.models(this.extractor)) {
      this.#modelFor(taught)?.apply(taught.delta);
    }
    this.moved(partition, delta.to, delta.sizeBytes);
    return true;
  }

  /** The sums of a partition hold a delta of that size more. */
  moved(partition: number, to: number, bytes: number): void {
    this.positions[partition] = to;
    this.taught[partition] = (this.taught[partition] ?? 0) + bytes;
  }

  /** The sums of all models at one moment, to be written out while learning goes on. Nothing may be staged and not taken. */
  capture(): SumsCapture {
    const running = this.models.map(({ name, model }) => ({ name, model }));
    const dormant = Array.from(this.#dormant, ([name, model]) => ({ name, model }));
    return {
      terms: this.extractor.size,
      models: [...running, ...dormant].map(({ name, model }) => {
        return { name, kind: model.kind, sums: model.sums() };
      }),
    };
  }

  /**
   * Takes in sums of a snapshot; nothing else was taken in before.
   *
   * @throws MODEL_MISMATCH another kind or tokenizer wrote it; nothing was taken in
   */
  restore(header: SumsHeader, content: Uint8Array): void {
    const { extractor, partitions } = header;
    const models = new Map(
      header.models.map((of) => [of.name, this.#modelFor({ ...of, extractor })] as const),
    );
    for (const { name, delta } of decodeSums(content, this.extractor))
      models.get(name)?.apply(delta);
    for (const [partition, { position, taught }] of partitions.entries()) {
      this.positions[partition] = position ?? undefined;
      this.taught[partition] = taught;
    }
  }

  /**
   * The model that something was taught to. Undefined: another kind, which this process does not run.
   *
   * @throws MODEL_MISMATCH it is run as another kind, or on another tokenizer
   */
  #modelFor(taught: {
    readonly name: string;
    readonly kind: string;
    readonly extractor: string;
  }): Model | undefined {
    const { name, kind, extractor } = taught;
    const index = this.#byName.get(name);
    const running = index === undefined ? undefined : this.models[index];
    if (running === undefined) return this.#dormantModel(name, kind, extractor);
    if (running.model.kind !== kind || this.extractor.id !== extractor) {
      throw new ValenceError(
        'MODEL_MISMATCH',
        `model '${name}' was learned as ${kind} on ${extractor}, and is asked to run as ${running.model.kind} on ` +
          `${this.extractor.id}; ask for the former, or use another --pipeline`,
        { model: name },
      );
    }
    return running.model;
  }

  #dormantModel(name: string, kind: string, extractor: string): Model | undefined {
    const known = this.#dormant.get(name);
    if (known !== undefined) return known.kind === kind ? known : undefined;
    if (extractor !== this.extractor.id || !MODEL_KINDS.includes(kind.split(':')[0] ?? ''))
      return undefined;
    const model = createModel(kind, this.extractor, this.#declared);
    model.stage();
    this.#dormant.set(name, model);
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

/** The analyzer option that makes an extractor of this identity: `river/1;ngrams=1-2` is `river:ngrams=1-2`. */
export function analyzerOf(extractor: string): string {
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
