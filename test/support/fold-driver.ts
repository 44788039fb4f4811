/**
 * Drives the fold without a log: records in, results out, a crash or a restart as a marker among the inputs.
 */
import { ClassRules, type ClassOptions } from '../../src/pipeline/classes.ts';
import { readDelta, type ReadDelta } from '../../src/pipeline/delta-reader.ts';
import {
  FOLD_DEFAULTS,
  PartitionFold,
  type FoldOptions,
  type StagedChunk,
} from '../../src/pipeline/fold.ts';
import { PipelineState, type ModelSpec } from '../../src/pipeline/state.ts';
import type { LogRecord } from '../../src/ports/event-log.ts';
import { topicNames, type ResultValue } from '../../topics/index.ts';

export interface DriverOptions {
  readonly models?: readonly ModelSpec[];
  readonly classes?: Partial<ClassOptions>;
  readonly fold?: Partial<FoldOptions>;
  readonly analyzer?: string;
  readonly partitions?: number;
}

export const CHAMPION: ModelSpec = { name: 'champion', kind: 'multinomial', role: 'champion' };
export const TOPICS = topicNames('test');
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A source record; `value` is JSON, or bytes as they are. */
export function sourceRecord(
  offset: number,
  value: unknown,
  { partition = 0, timestamp = 1_700_000_000_000 + offset } = {},
): LogRecord {
  return {
    topic: TOPICS.source,
    partition,
    offset,
    timestamp,
    key: null,
    value: value instanceof Uint8Array ? value : encoder.encode(JSON.stringify(value)),
    headers: [],
  };
}

export function newState(options: DriverOptions = {}): PipelineState {
  return new PipelineState({
    pipeline: 'test',
    models: options.models ?? [CHAMPION],
    declared: options.classes?.declared ?? ['negative', 'positive'],
    analyzer: options.analyzer ?? 'river',
    partitions: options.partitions ?? 1,
  });
}

export function newFold(
  state: PipelineState,
  options: DriverOptions = {},
  partition = 0,
): PartitionFold {
  const declared = options.classes?.declared ?? ['negative', 'positive'];
  return new PartitionFold(state, partition, {
    ...FOLD_DEFAULTS,
    ...options.fold,
    topics: TOPICS,
    classes: new ClassRules({ ...options.classes, declared }),
  });
}

/** One partition from the first record on. */
export class FoldDriver {
  readonly state: PipelineState;
  fold: PartitionFold;
  readonly deltas: Uint8Array[] = [];
  readonly results: ResultValue[] = [];
  readonly deadLetters: { readonly code: string; readonly stage: string }[] = [];
  /** Everything written, as text, to compare runs byte by byte. */
  readonly written: string[] = [];
  readonly #options: DriverOptions;
  #offset = 0;

  constructor(options: DriverOptions = {}, state: PipelineState = newState(options)) {
    this.#options = options;
    this.state = state;
    this.fold = newFold(state, options);
  }

  /** Folds values as one committed chunk; returns the results of it. */
  pipe(...values: unknown[]): readonly ResultValue[] {
    const records = values.map((value) => sourceRecord(this.#offset++, value));
    return this.commit(this.stage(records));
  }

  stage(records: readonly LogRecord[]): StagedChunk {
    return this.fold.stage(records, this.state.positions[0] ?? 0, 1);
  }

  commit(chunk: StagedChunk): readonly ResultValue[] {
    this.fold.commit(chunk);
    const before = this.results.length;
    for (const { topic, value, key, headers } of chunk.outputs) {
      if (topic === TOPICS.model) {
        this.deltas.push(value as Uint8Array);
        continue;
      }
      const text = textOf(value);
      this.written.push(JSON.stringify([topic, key, text, headers]));
      if (topic === TOPICS.results) this.results.push(JSON.parse(text) as ResultValue);
      else this.deadLetters.push(deadLetter(headers ?? []));
    }
    return this.results.slice(before);
  }

  /** A new process that knows only the deltas. */
  restart(): FoldDriver {
    const driver = new FoldDriver(this.#options);
    for (const bytes of this.deltas) driver.follow(readDelta(bytes));
    driver.deltas.push(...this.deltas);
    driver.#offset = this.#offset;
    return driver;
  }

  follow(delta: ReadDelta): void {
    this.state.apply(delta);
    this.fold.replay(delta);
  }

  /** Sums and carry, to compare. */
  snapshot(): unknown {
    return {
      positions: [...this.state.positions],
      models: this.state.models.map(({ model }) => model.snapshot()),
      carry: this.fold.snapshot(),
    };
  }
}

/** A value as text; `null` for none. */
export function textOf(value: string | Uint8Array | null): string {
  return value === null || typeof value === 'string' ? String(value) : decoder.decode(value);
}

function deadLetter(headers: readonly (readonly [string, string | Uint8Array])[]): {
  code: string;
  stage: string;
} {
  const text = (name: string): string => {
    const value = headers.find(([header]) => header === name)?.[1] ?? '';
    return typeof value === 'string' ? value : decoder.decode(value);
  };
  return { code: text('valence.errors.code'), stage: text('valence.errors.stage') };
}
