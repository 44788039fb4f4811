import type { Features } from '../text/features.ts';
import { lengthened } from '../typed-arrays.ts';
import { NO_DELTA, type FirstSight, type ModelDelta, type ModelSums } from './model.ts';
import { compareTerms } from './term-order.ts';

/**
 * The sums of a counting model, and the part of them that is staged:
 *
 *   cells      [id x stride + column]   n(feature, class)
 *   totals     [column]                 T, sum of n over features
 *   documents  [column]                 D
 *   vocabulary                          V, features with a count above 0
 *
 * Columns are given to classes as they are met and are private to the process; what goes out is ordered by first sight. The
 * stride doubles when the columns run out. All counts are integers in a pipeline, so adding and taking away is exact, and a
 * feature whose counts are all 0 cannot be told from one never met.
 *
 * A class keeps its sight when its last document is unlearned: sights merge by minimum (or maximum), which has no inverse.
 */

export interface CountRules {
  /** Every feature of a document counts 1, whatever its value. */
  readonly presence?: boolean;
  /** Also keep, per class, how many features have each count. */
  readonly histograms?: boolean;
  /** Which sight of a class stays when several meet: default `first`. */
  readonly sight?: 'first' | 'last';
}

interface Staged {
  /** By id: where in `ids` the feature stands, if it stands there. */
  marks: Int32Array;
  ids: Int32Array;
  cells: Float64Array;
  count: number;
  documents: Float64Array;
  forgotten: number;
  sights: (FirstSight | undefined)[];
  /** Columns with a change, in the order of their first. */
  columns: number[];
}

const FIRST_STRIDE = 2;
const FIRST_ROWS = 1024;

export class ClassCounts {
  cells = new Float64Array(FIRST_ROWS * FIRST_STRIDE);
  stride = FIRST_STRIDE;
  /** Features that `cells` has room for: an id of `rows` or more has no counts. */
  rows = FIRST_ROWS;
  totals = new Float64Array(FIRST_STRIDE);
  documents = new Float64Array(FIRST_STRIDE);
  vocabulary = 0;
  /** Sum of `documents`. */
  learned = 0;
  /** Documents that were learned and left the window. */
  forgotten = 0;
  /** Grows with every change. */
  version = 0;
  /** Per column [count] number of features with that count, counts from 1; empty unless asked for. */
  readonly histograms: Float64Array[] = [];
  readonly labels: string[] = [];
  readonly #columns = new Map<string, number>();
  readonly #sights: (FirstSight | undefined)[] = [];
  readonly #presence: boolean;
  readonly #hasHistograms: boolean;
  readonly #latest: boolean;
  #staged: Staged | undefined;
  #order: readonly number[] | undefined;
  #classes: readonly string[] = [];

  constructor(rules: CountRules = {}) {
    this.#presence = rules.presence ?? false;
    this.#hasHistograms = rules.histograms ?? false;
    this.#latest = rules.sight === 'last';
  }

  /** Columns of the classes with a document, by sight; a new array when that changes. */
  get order(): readonly number[] {
    this.#order ??= this.#sortColumns();
    return this.#order;
  }

  /** Labels in the order of `order`. */
  get classes(): readonly string[] {
    this.#order ??= this.#sortColumns();
    return this.#classes;
  }

  /** Column of a class; undefined when it was never met. */
  columnOf(label: string): number | undefined {
    return this.#columns.get(label);
  }

  /** Present sight of a class, what is staged included. */
  sightOf(column: number): FirstSight | undefined {
    return this.#merged(this.#sights[column], this.#staged?.sights[column]);
  }

  /** Columns that have a sight, in its order: those of `order` and those whose documents were all unlearned. */
  seen(): readonly number[] {
    return this.labels
      .map((_, column) => column)
      .filter((column) => this.sightOf(column) !== undefined || this.#hasDocuments(column))
      .toSorted((a, b) => this.#compareColumns(a, b));
  }

  /** Which of some columns has the latest sight; undefined when none has one. */
  latest(columns: readonly number[]): number | undefined {
    let last: number | undefined;
    let lastSight: FirstSight | undefined;
    for (const column of columns) {
      const sight = this.sightOf(column);
      if (sight === undefined) continue;
      if (lastSight !== undefined && compareLatest(lastSight, sight) > 0) continue;
      last = column;
      lastSight = sight;
    }
    return last;
  }

  learn(features: Features, label: string, sight: FirstSight): void {
    const column = this.#columnFor(label);
    if (this.#staged === undefined) {
      this.#setSight(this.#sights, column, sight);
    } else {
      this.#setSight(this.#staged.sights, column, sight);
    }
    this.#change(features, column, 1);
  }

  unlearn(features: Features, label: string): void {
    this.#change(features, this.#columnFor(label), -1);
  }

  /** As {@link unlearn}, of a document that left the window. */
  forget(features: Features, label: string): void {
    this.unlearn(features, label);
    this.forgotten += 1;
    if (this.#staged !== undefined) this.#staged.forgotten += 1;
  }

  stage(): void {
    this.#staged ??= {
      marks: new Int32Array(this.rows),
      ids: new Int32Array(256),
      cells: new Float64Array(256 * this.stride),
      count: 0,
      documents: new Float64Array(this.documents.length),
      forgotten: 0,
      sights: [],
      columns: [],
    };
  }

  takeDelta(): ModelDelta {
    const staged = this.#staged;
    if (staged === undefined || staged.columns.length === 0) return NO_DELTA;
    const { columns } = staged;
    const ids = new Int32Array(staged.count);
    const counts = new Float64Array(staged.count * columns.length);
    let rows = 0;
    for (let at = 0; at < staged.count; at++) {
      const id = staged.ids[at] ?? 0;
      const from = at * this.stride;
      const to = rows * columns.length;
      let isChanged = false;
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] ?? 0;
        const change = staged.cells[from + column] ?? 0;
        counts[to + index] = change;
        if (change === 0) continue;
        this.#add(id, column, -change);
        isChanged = true;
      }
      if (isChanged) ids[rows++] = id;
    }
    const classes = columns.map((column) => {
      const documents = staged.documents[column] ?? 0;
      this.#addDocuments(column, -documents);
      const sight = staged.sights[column];
      const known = this.#sights[column];
      // The deltas of a partition are applied in order: a sight that it gave before need not be given again.
      const isNews =
        sight !== undefined &&
        (known?.partition !== sight.partition || this.#merged(known, sight) === sight);
      return {
        label: this.labels[column] ?? '',
        documents,
        firstSight: isNews ? sight : undefined,
      };
    });
    const { forgotten } = staged;
    this.forgotten -= forgotten;
    this.#clearStaged(staged);
    return {
      classes,
      ids: ids.slice(0, rows),
      counts: counts.slice(0, rows * columns.length),
      ...(forgotten === 0 ? {} : { forgotten }),
    };
  }

  apply(delta: ModelDelta): void {
    const columns = delta.classes.map(({ label, documents, firstSight }) => {
      const column = this.#columnFor(label);
      if (firstSight !== undefined) this.#setSight(this.#sights, column, firstSight);
      this.#addDocuments(column, documents);
      return column;
    });
    this.forgotten += delta.forgotten ?? 0;
    // Plain loops: iterators allocate at each step, and a follower applies thousands of cells a chunk.
    const { ids, counts } = delta;
    let at = 0;
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row] ?? 0;
      for (let index = 0; index < columns.length; index++) {
        const change = counts[at++] ?? 0;
        if (change !== 0) this.#add(id, columns[index] ?? 0, change);
      }
    }
  }

  /** Copies what there is: 20 MB for a million features of two classes. */
  sums(): ModelSums {
    const { cells, stride } = this;
    const ids = new Int32Array(this.rows);
    const held = new Float64Array(cells.length);
    let rows = 0;
    for (let id = 0; id < this.rows; id++) {
      let isHeld = false;
      for (let column = 0; column < stride; column++) {
        const count = cells[id * stride + column] ?? 0;
        held[rows * stride + column] = count;
        if (count !== 0) isHeld = true;
      }
      if (isHeld) ids[rows++] = id;
    }
    return {
      classes: this.labels.map((label, column) => ({
        label,
        documents: this.documents[column] ?? 0,
        firstSight: this.sightOf(column),
      })),
      ids: ids.subarray(0, rows),
      cells: held.subarray(0, rows * stride),
      stride,
      base: 0,
      forgotten: this.forgotten,
    };
  }

  /** Count of a feature in a class; 0 for an id without counts. */
  count(id: number, column: number): number {
    return id < this.rows ? (this.cells[id * this.stride + column] ?? 0) : 0;
  }

  /** Sum of a feature's counts over classes. */
  rowSum(id: number): number {
    if (id >= this.rows) return 0;
    const { cells, stride } = this;
    const base = id * stride;
    let sum = 0;
    for (let at = base; at < base + stride; at++) sum += cells[at] ?? 0;
    return sum;
  }

  #change(features: Features, column: number, sign: 1 | -1): void {
    const { ids, values, length } = features;
    const staged = this.#staged;
    for (let at = 0; at < length; at++) {
      const id = ids[at] ?? 0;
      const amount = this.#presence ? sign : sign * (values[at] ?? 0);
      this.#add(id, column, amount);
      if (staged !== undefined) this.#stageFeature(staged, id, column, amount);
    }
    this.#addDocuments(column, sign);
    if (staged === undefined) return;
    if (!staged.columns.includes(column)) staged.columns.push(column);
    staged.documents[column] = (staged.documents[column] ?? 0) + sign;
  }

  #add(id: number, column: number, amount: number): void {
    if (id >= this.rows) this.#reserveRows(id + 1);
    const { cells, stride } = this;
    const base = id * stride;
    const before = cells[base + column] ?? 0;
    const after = before + amount;
    cells[base + column] = after;
    this.totals[column] = (this.totals[column] ?? 0) + amount;
    const others = stride === 2 ? (cells[base + 1 - column] ?? 0) : this.rowSum(id) - after;
    if (others + before > 0) {
      if (others + after <= 0) this.vocabulary -= 1;
    } else if (others + after > 0) this.vocabulary += 1;
    if (this.#hasHistograms) this.#moveInHistogram(column, before, after);
  }

  #addDocuments(column: number, amount: number): void {
    const before = this.documents[column] ?? 0;
    const after = before + amount;
    this.documents[column] = after;
    this.learned += amount;
    this.version += 1;
    if (before > 0 !== after > 0) this.#order = undefined;
  }

  #stageFeature(staged: Staged, id: number, column: number, amount: number): void {
    let at = staged.marks[id] ?? 0;
    if (at >= staged.count || staged.ids[at] !== id) {
      at = staged.count++;
      if (at === staged.ids.length) {
        staged.ids = lengthened(staged.ids, at * 2);
        staged.cells = lengthened(staged.cells, at * 2 * this.stride);
      }
      staged.marks[id] = at;
      staged.ids[at] = id;
    }
    const cell = at * this.stride + column;
    staged.cells[cell] = (staged.cells[cell] ?? 0) + amount;
  }

  #clearStaged(staged: Staged): void {
    staged.cells.fill(0, 0, staged.count * this.stride);
    staged.count = 0;
    staged.documents.fill(0);
    staged.forgotten = 0;
    if (staged.sights.length > 0) this.#order = undefined;
    staged.sights = [];
    staged.columns = [];
  }

  #moveInHistogram(column: number, before: number, after: number): void {
    let histogram = this.histograms[column];
    if (histogram === undefined || after >= histogram.length) {
      const wider = new Float64Array(Math.max(64, 2 * after));
      if (histogram !== undefined) wider.set(histogram);
      histogram = wider;
      this.histograms[column] = histogram;
    }
    if (before >= 1) histogram[before] = (histogram[before] ?? 0) - 1;
    if (after >= 1) histogram[after] = (histogram[after] ?? 0) + 1;
  }

  #reserveRows(atLeast: number): void {
    this.rows = Math.max(atLeast, this.rows * 2);
    this.cells = lengthened(this.cells, this.rows * this.stride);
    if (this.#staged !== undefined) this.#staged.marks = lengthened(this.#staged.marks, this.rows);
  }

  #columnFor(label: string): number {
    const known = this.#columns.get(label);
    if (known !== undefined) return known;
    const column = this.labels.length;
    this.labels.push(label);
    this.#columns.set(label, column);
    if (column === this.stride) this.#widen();
    return column;
  }

  /** Doubles the stride. */
  #widen(): void {
    const stride = this.stride * 2;
    this.cells = widened(this.cells, this.stride, stride);
    this.totals = lengthened(this.totals, stride);
    this.documents = lengthened(this.documents, stride);
    if (this.#staged !== undefined) {
      this.#staged.cells = widened(this.#staged.cells, this.stride, stride);
      this.#staged.documents = lengthened(this.#staged.documents, stride);
    }
    this.stride = stride;
  }

  #setSight(sights: (FirstSight | undefined)[], column: number, sight: FirstSight): void {
    const merged = this.#merged(sights[column], sight);
    if (merged === sights[column]) return;
    sights[column] = merged;
    this.#order = undefined;
  }

  #merged(known: FirstSight | undefined, sight: FirstSight | undefined): FirstSight | undefined {
    if (known === undefined || sight === undefined) return known ?? sight;
    if (this.#latest) return compareLatest(known, sight) <= 0 ? sight : known;
    return compareSights(known, sight) <= 0 ? known : sight;
  }

  #hasDocuments(column: number): boolean {
    return (this.documents[column] ?? 0) > 0;
  }

  #sortColumns(): readonly number[] {
    const order = this.labels
      .map((_, column) => column)
      .filter((column) => this.#hasDocuments(column))
      .toSorted((a, b) => this.#compareColumns(a, b));
    this.#classes = order.map((column) => this.labels[column] ?? '');
    return order;
  }

  #compareColumns(a: number, b: number): number {
    return (
      compareSights(this.sightOf(a) ?? NEVER, this.sightOf(b) ?? NEVER) ||
      compareTerms(this.labels[a] ?? '', this.labels[b] ?? '')
    );
  }
}

/** Sight of a class whose delta carried none: after all others. */
export const NEVER: FirstSight = {
  partition: Number.MAX_SAFE_INTEGER,
  offset: Number.MAX_SAFE_INTEGER,
};

/** Lowest partition first, then lowest offset. */
function compareSights(a: FirstSight, b: FirstSight): number {
  return a.partition - b.partition || a.offset - b.offset;
}

/** By offset first: of two partitions neither is later than the other. */
function compareLatest(a: FirstSight, b: FirstSight): number {
  return a.offset - b.offset || a.partition - b.partition;
}

function widened(cells: Float64Array, from: number, to: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array((cells.length / from) * to);
  for (let row = 0, at = 0; at < cells.length; row += to, at += from)
    for (let column = 0; column < from; column++) copy[row + column] = cells[at + column] ?? 0;
  return copy;
}
