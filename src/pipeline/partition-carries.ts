/**
 * The carries of one partition, one a model: those that run here, and those that the model topic tells of and this process does not
 * run, which go into snapshots so that nothing is lost.
 */
import type { KeptFeatures } from '../core/text/features.ts';
import {
  ModelCarry,
  ReplaySink,
  type CarryCapture,
  type CarryOptions,
  type CarrySnapshot,
} from './carry.ts';
import type { ReadDelta } from './delta-reader.ts';
import { extractorsOf } from './delta.ts';
import type { Rivalry } from './rivalry.ts';
import type { PipelineState } from './state.ts';

export const NO_KEPT_FEATURES: KeptFeatures = { ids: [], values: undefined, ends: undefined };

/** Carries at one moment, with ids of this process. */
export type CapturedCarries = readonly {
  readonly model: string;
  /** Identity of its features. */
  readonly extractor: string;
  readonly carry: CarryCapture;
}[];

export class PartitionCarries {
  readonly #state: PipelineState;
  readonly #options: CarryOptions;
  #running: ModelCarry[];
  readonly #dormant = new Map<string, ModelCarry>();

  constructor(state: PipelineState, options: CarryOptions) {
    this.#state = state;
    this.#options = options;
    this.#running = this.#empty();
  }

  /** Carry of a model that runs here, by its index. */
  of(index: number): ModelCarry | undefined {
    return this.#running[index];
  }

  /** How many there are, dormant ones included. */
  get size(): number {
    return this.#running.length + this.#dormant.size;
  }

  mark(): void {
    for (const carry of this.#all()) carry.mark();
  }

  rollback(): void {
    for (const carry of this.#all()) carry.rollback();
  }

  /** Calibrators that are due take in what the other partitions had committed when the chunk began. */
  mergeCalibrators(): void {
    const { partition } = this.#options;
    for (const [index, { name }] of this.#state.models.entries()) {
      const calibrator = this.#running[index]?.calibrator;
      if (calibrator?.isDue(partition) === true)
        calibrator.merge(partition, this.#state.calibratorsBeside(name, partition));
    }
  }

  /** There is another champion. */
  restartComparisons(): void {
    for (const { comparison } of this.#all()) comparison.restart();
  }

  /**
   * Takes in the events of a committed delta, and the calibrators that it left.
   *
   * @param met is told each label
   */
  replay(delta: ReadDelta, rivalry: Rivalry, met: (label: string) => void): void {
    const { extractors } = this.#state;
    const { models } = delta;
    const carries = models.map(({ name }) => this.#replayed(name));
    const analyses = extractorsOf(models);
    const sinks = models.map(({ name }, model) => {
      const isWeighted = this.#state.followed(name)?.model.isWeighted ?? false;
      return new ReplaySink(isWeighted, (...scored) => {
        if (this.size > 1) rivalry.scored(name, carries[model], ...scored);
      });
    });
    for (const entry of delta.events(extractors)) {
      const { label } = entry.event;
      if (label !== undefined && label !== null) met(label);
      const steps = entry.kind === 'text' ? entry.answers : entry.models;
      for (const at of rivalry.begin(steps, ({ model }) => models[model]?.name)) {
        const { model = 0, added = 0 } = steps[at] ?? {};
        const { extractor = '', unit } = models[model] ?? {};
        const [carry, sink] = [carries[model], sinks[model]];
        if (carry === undefined || sink === undefined) continue;
        sink.amount = unit === 1 || added === 0 ? undefined : added;
        if (entry.kind === 'label') {
          carry.label(entry.event, sink);
          continue;
        }
        const step = entry.answers[at];
        if (step === undefined) continue;
        const features = entry.features[analyses.indexOf(extractor)] ?? NO_KEPT_FEATURES;
        if (label === undefined) carry.wants(entry.event.id, step.answer);
        carry.text(entry.event, { ...step, features }, sink);
      }
    }
    for (const [index, { name, calibrator }] of delta.taught(extractors).entries())
      if (calibrator !== undefined)
        carries[index]?.calibrate(calibrator, this.#state.followed(name)?.model);
  }

  /** Plain, canonical data of those that run here. */
  snapshot(): readonly { readonly model: string; readonly carry: CarrySnapshot | undefined }[] {
    return this.#state.models.map(({ name, extractor }, index) => ({
      model: name,
      carry: this.#running[index]?.snapshot((id) => extractor.term(id)),
    }));
  }

  /** Takes a snapshot back. Models that it does not know start empty. */
  restore(snapshot: ReturnType<PartitionCarries['snapshot']>): void {
    this.#running = this.#state.models.map(({ name, model, extractor }) => {
      const carry = snapshot.find((of) => of.model === name)?.carry;
      return carry === undefined
        ? new ModelCarry(this.#options, model)
        : ModelCarry.restore(carry, this.#options, model, (term) => extractor.intern(term));
    });
  }

  /** What is committed, to be written out while folding goes on. */
  capture(): CapturedCarries {
    const running = this.#state.models.flatMap(({ name }, index) => {
      const carry = this.#running[index];
      return carry === undefined ? [] : [[name, carry] as const];
    });
    return [...running, ...this.#dormant].flatMap(([model, carry]) => {
      const extractor = this.#state.followed(model)?.extractor.id;
      return extractor === undefined ? [] : [{ model, extractor, carry: carry.capture() }];
    });
  }

  /** Goes on from what was captured, by this process or another. Models that it does not hold start empty. */
  revive(captured: CapturedCarries): void {
    this.#dormant.clear();
    this.#running = this.#empty();
    for (const { model, carry } of captured) {
      const followed = this.#state.followed(model)?.model;
      const revived = ModelCarry.revive(carry, this.#options, followed);
      const index = this.#state.indexOf(model);
      if (index === undefined) this.#dormant.set(model, revived);
      else this.#running[index] = revived;
    }
  }

  #all(): readonly ModelCarry[] {
    return this.#dormant.size === 0 ? this.#running : [...this.#running, ...this.#dormant.values()];
  }

  #empty(): ModelCarry[] {
    return this.#state.models.map(({ model }) => new ModelCarry(this.#options, model));
  }

  /** The carry that a delta of this partition goes on with; undefined: of a kind that cannot be run here. */
  #replayed(name: string): ModelCarry | undefined {
    const index = this.#state.indexOf(name);
    if (index !== undefined) return this.#running[index];
    const known = this.#dormant.get(name);
    const followed = this.#state.followed(name);
    if (known !== undefined && followed !== undefined) known.know(followed.model);
    if (known !== undefined || followed === undefined) return known;
    const carry = new ModelCarry(this.#options, followed.model);
    this.#dormant.set(name, carry);
    return carry;
  }
}
