import type { Features } from '../text/features.ts';
import { lengthened } from '../typed-arrays.ts';
import type { ClassColumns } from './calibrator.ts';
import { ClassCounts } from './class-counts.ts';
import { CountCells, laneOf, LARGE, LARGE_COUNTS } from './count-cells.ts';
import { SumsByFeature, type Addition, type CountUnit } from './gtnb-delta.ts';
import type { FirstSight, ModelDelta, ModelSums } from './model.ts';

/**
 * The sums of GT-NB, and what of them is staged:
 *
 *   table       [id x stride]   n(f,c) by column; in sixteenths df(f) stands before it
 *   totals      [column]        T, sum of n over features
 *   masses      [column]        D, weights of the documents
 *   vocabulary                  V, features with df > 0
 *
 * Whole counts have the unit 1 and df is their sum. With discriminative frequencies or label weights a document adds a part of
 * itself: the unit is a sixteenth, so sums stay integers and exact, and df is counted apart.
 *
 * Columns of declared classes come first, in their order. Other classes get the next ones as they are met; they are in the answer
 * while they have a document, ordered by first sight, as in the River kinds.
 *
 * What is staged is a journal of documents, written in sequence; it is summed up by feature when it is taken. A delta that was taken
 * is out of the sums for whoever looks; but its cells are changed back only when somebody does look. Mostly it is applied next, and
 * then nothing has to be done: the rows of a chunk lie anywhere in a table that is larger than the caches.
 */

const FIRST_ROWS = 1024;
const NO_COLUMN = -1;
/** Not the imported one, which the compiler looks up at each use. */
const LARGE_OF_BOTH = LARGE_COUNTS;
const MOST_STEPS = 2 ** 13;
/** A constant, see `gt-units.ts`. */
const STEPS = new Int32Array(MOST_STEPS);
const NO_FEATURES: Features = { length: 0, ids: new Int32Array(0), values: new Float64Array(0) };
/** Numbers of the journal before a document's ids: column, amount, mass, number of ids. Amounts are negative to unlearn. */
const HEAD = 4;

export class GtnbCounts implements ClassColumns {
  readonly unit: CountUnit;
  readonly base: 0 | 1;
  /** Counts by row. An id of as many as its rows, or more, has none. */
  readonly table: CountCells;
  totals: Float64Array<ArrayBuffer>;
  masses: Float64Array<ArrayBuffer>;
  #vocabulary = 0;
  /** Taken, and still in the cells. */
  #held: { readonly delta: ModelDelta; readonly columns: readonly number[] } | undefined;
  /** Grows with every change. */
  version = 0;
  readonly labels: string[] = [];
  readonly #declared: readonly string[];
  readonly #columns = new Map<string, number>();
  /** Documents and sights of the classes; it counts no features. */
  readonly #classes = new ClassCounts();
  #met: readonly string[] | undefined;
  #order: readonly number[] = [];
  #orderLabels: readonly string[] = [];
  #journal: Int32Array<ArrayBuffer> | undefined;
  #journaled = 0;
  readonly #sums = new SumsByFeature();

  /** @param rows ids that there is room for at first; it grows */
  constructor(declared: readonly string[], unit: CountUnit, rows = FIRST_ROWS) {
    this.unit = unit;
    this.base = unit === 1 ? 0 : 1;
    const stride = 2 ** Math.ceil(Math.log2(Math.max(2, declared.length + this.base)));
    this.table = new CountCells(rows, stride, FIRST_ROWS);
    this.totals = new Float64Array(stride);
    this.masses = new Float64Array(stride);
    this.#declared = declared;
    for (const label of declared) this.columnFor(label);
  }

  /** Ids that there is room for. */
  get rows(): number {
    return this.table.rows;
  }

  /** Features with a document. */
  get vocabulary(): number {
    this.settle();
    return this.#vocabulary;
  }

  /** Takes out of the cells what was taken and not applied. To be called before `table`, `totals` or `masses` are read. */
  settle(): void {
    if (this.#held === undefined) return;
    const { delta, columns } = this.#held;
    this.#held = undefined;
    this.#addSums(delta, columns, -1);
  }

  /** Documents learned, net of unlearned ones; those that left the window count. */
  get learned(): number {
    return this.#classes.learned + this.#classes.forgotten;
  }

  /** Columns in the order of the answer: declared classes, then others with a document. A new array when that changes. */
  get order(): readonly number[] {
    this.#sortClasses();
    return this.#order;
  }

  /** Labels in the order of `order`. */
  get classes(): readonly string[] {
    this.#sortClasses();
    return this.#orderLabels;
  }

  columnFor(label: string): number {
    const known = this.#columns.get(label);
    if (known !== undefined) return known;
    const column = this.labels.push(label) - 1;
    this.#columns.set(label, column);
    if (this.base + column >= this.table.stride) this.#widen();
    return column;
  }

  /** Documents of a class. */
  documentsOf(label: string): number {
    return this.#classes.documents[this.#classes.columnOf(label) ?? -1] ?? 0;
  }

  /** Present sight of a class; undefined: none. */
  sightOf(label: string): FirstSight | undefined {
    const column = this.#classes.columnOf(label);
    return column === undefined ? undefined : this.#classes.sightOf(column);
  }

  /** Labels of the classes with a sight, a document or a count, in the order of the answer. A warm start counts without documents. */
  seen(): readonly string[] {
    this.settle();
    const met = this.#classes.seen().map((column) => this.#classes.labels[column] ?? '');
    const seen = this.labels.filter(
      (label, column) => met.includes(label) || this.totals[column] !== 0,
    );
    return [
      ...this.#declared.filter((label) => seen.includes(label)),
      ...[...met, ...seen.filter((label) => !met.includes(label))].filter(
        (label) => !this.#declared.includes(label),
      ),
    ];
  }

  /** Count of a feature in a class, in units; 0 for an id without counts. */
  count(id: number, column: number): number {
    this.settle();
    const { table } = this;
    return id < table.rows ? table.at(id * table.stride + this.base + column) : 0;
  }

  /** Documents with a feature. */
  frequency(id: number): number {
    this.settle();
    return id < this.table.rows ? this.#frequencyAt(id * this.table.stride) : 0;
  }

  learn(features: Features, label: string, sight: FirstSight, { amount, mass }: Addition): void {
    this.settle();
    this.#classes.learn(NO_FEATURES, label, sight);
    this.#change(features, this.columnFor(label), amount, mass);
  }

  /** Takes a document out again; `amount` and `mass` as they were added. */
  unlearn(features: Features, label: string, { amount, mass }: Addition): void {
    this.settle();
    this.#classes.unlearn(NO_FEATURES, label);
    this.#change(features, this.columnFor(label), -amount, -mass);
  }

  /** As {@link unlearn}, of a document that left the window. */
  forget(features: Features, label: string, { amount, mass }: Addition): void {
    this.settle();
    this.#classes.forget(NO_FEATURES, label);
    this.#change(features, this.columnFor(label), -amount, -mass);
  }

  stage(): void {
    this.#classes.stage();
    this.#journal ??= new Int32Array(4096);
  }

  takeDelta(): ModelDelta {
    this.settle();
    const { classes, forgotten } = this.#classes.takeDelta();
    const journal = this.#journal ?? NO_FEATURES.ids;
    const columns = classes.map(({ label }) => this.columnFor(label));
    const sums = this.#sums;
    sums.clear(columns.length + 1);
    const masses = new Float64Array(columns.length);
    const end = this.#journaled;
    for (let at = 0; at < end;) {
      const column = columns.indexOf(journal[at] ?? 0);
      const amount = journal[at + 1] ?? 0;
      masses[column] = (masses[column] ?? 0) + (journal[at + 2] ?? 0);
      const last = at + HEAD + (journal[at + 3] ?? 0);
      for (at += HEAD; at < last; at++) sums.add(journal[at] ?? 0, column, amount);
    }
    this.#journaled = 0;
    const counted = sums.toDelta(classes, masses, this.unit);
    const delta = forgotten === undefined ? counted : { ...counted, forgotten };
    this.#held = { delta, columns };
    return delta;
  }

  apply(delta: ModelDelta): void {
    const { classes, forgotten } = delta;
    const isHeld = this.#held?.delta === delta;
    if (!isHeld) this.settle();
    this.#classes.apply({ classes, ids: NO_FEATURES.ids, counts: NO_FEATURES.values, forgotten });
    this.#held = undefined;
    if (isHeld) return;
    const columns = classes.map(({ label }) => this.columnFor(label));
    this.#addSums(delta, columns, 1);
  }

  /** Copies what there is: 48 MB for four million ids of two classes, if each has a count. */
  sums(): ModelSums {
    this.settle();
    const { rows, counts } = this.table.held();
    return {
      classes: this.labels.map((label) => ({
        label,
        documents: this.documentsOf(label),
        firstSight: this.sightOf(label),
      })),
      masses:
        this.unit === 1 ? undefined : this.labels.map((_, column) => this.masses[column] ?? 0),
      ids: rows,
      cells: counts,
      stride: this.table.stride,
      base: this.base,
      forgotten: this.#classes.forgotten,
    };
  }

  #change(features: Features, column: number, amount: number, mass: number): void {
    const { ids, length } = features;
    if (this.base === 0) this.#changeWhole(features, column, amount);
    else {
      const step = amount < 0 ? -1 : 1;
      for (let at = 0; at < length; at++) this.#add(ids[at] ?? 0, column, amount, step);
    }
    this.masses[column] = (this.masses[column] ?? 0) + mass;
    this.version += 1;
    if (this.#journal !== undefined) this.#write(this.#journal, features, column, amount, mass);
  }

  /**
   * As {@link #add} for each feature, of whole counts: this is the hot path. Without a branch: whether a feature is new is as good as
   * random.
   */
  #changeWhole({ ids, length }: Features, column: number, amount: number): void {
    const { table } = this;
    this.#vocabulary +=
      table.stride === 2 && table.isPaired
        ? this.#changePairs(ids, 0, length, column, amount)
        : this.#changeRows(ids, 0, length, column, amount);
    this.totals[column] = (this.totals[column] ?? 0) + amount * length;
  }

  /** Of two counts in a word. @returns features that are new, less those that are gone */
  #changePairs(
    ids: Int32Array,
    from: number,
    length: number,
    column: number,
    amount: number,
  ): number {
    const { table } = this;
    const { words } = table;
    const rows = table.rows | 0;
    const step = amount << laneOf(column);
    let vocabulary = 0;
    for (let at = from; at < length; at++) {
      const id = ids[at] ?? 0;
      if (id >= rows) return vocabulary + this.#changeRows(ids, at, length, column, amount);
      const before = words[id] ?? 0;
      let after = (before + step) | 0;
      // A count below 0 has the bit of a large one as well.
      if (((before | after) & LARGE_OF_BOTH) === 0) words[id] = after;
      else {
        table.add(2 * id + column, amount);
        // With the last place among the large ones the cells got four bytes.
        if (!table.isPaired) {
          vocabulary += isAny(this.#others(2 * id, NO_COLUMN)) - isAny(before);
          return vocabulary + this.#changeRows(ids, at + 1, length, column, amount);
        }
        after = words[id] ?? 0;
      }
      vocabulary += isAny(after) - isAny(before);
    }
    return vocabulary;
  }

  #changeRows(
    ids: Int32Array,
    from: number,
    length: number,
    column: number,
    amount: number,
  ): number {
    const { table } = this;
    for (let at = from; at < length; at++) table.reserveRows((ids[at] ?? 0) + 1);
    const { stride } = table;
    let { cells, mark } = table;
    let vocabulary = 0;
    for (let at = from; at < length; at++) {
      const row = (ids[at] ?? 0) * stride;
      const before = cells[row + column] ?? 0;
      let after = before + amount;
      if (((before | after) & mark) === 0) cells[row + column] = after;
      else {
        table.add(row + column, amount);
        ({ cells, mark } = table);
        after = cells[row + column] ?? 0;
      }
      const others = this.#others(row, column);
      vocabulary += isAny(others | after) - isAny(others | before);
    }
    return vocabulary;
  }

  /** Bits of the cells of a row but for one column. */
  #others(row: number, column: number): number {
    const { cells, stride } = this.table;
    let others = 0;
    for (let cell = 0; cell < stride; cell++) if (cell !== column) others |= cells[row + cell] ?? 0;
    return others;
  }

  #addSums(delta: ModelDelta, columns: readonly number[], sign: 1 | -1): void {
    const { classes, ids, counts, masses, frequencies } = delta;
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] ?? 0;
      const mass = masses === undefined ? (classes[index]?.documents ?? 0) : (masses[index] ?? 0);
      this.masses[column] = (this.masses[column] ?? 0) + sign * mass;
    }
    this.version += 1;
    if (this.base === 0) {
      this.#addWhole(ids, counts, columns, sign);
      return;
    }
    let at = 0;
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row] ?? 0;
      const documents = sign * (frequencies?.[row] ?? 0);
      if (documents !== 0) this.#add(id, 0, 0, documents);
      for (let index = 0; index < columns.length; index++) {
        const change = counts[at++] ?? 0;
        if (change !== 0) this.#add(id, columns[index] ?? 0, sign * change, 0);
      }
    }
  }

  /** As {@link #add} for each change, of whole counts: a chunk brings thousands, and its rows lie anywhere in the table. */
  #addWhole(ids: Int32Array, counts: Float64Array, columns: readonly number[], sign: 1 | -1): void {
    const { table } = this;
    for (let row = 0; row < ids.length; row++) table.reserveRows((ids[row] ?? 0) + 1);
    const done =
      table.stride === 2 && table.isPaired ? this.#addPairs(ids, counts, columns, sign) : 0;
    this.#addRows(ids, counts, columns, sign, done, ids.length);
    for (let index = 0; index < columns.length; index++) {
      const column = columns[index] ?? 0;
      let sum = 0;
      for (let at = index; at < counts.length; at += columns.length) sum += counts[at] ?? 0;
      this.totals[column] = (this.totals[column] ?? 0) + sign * sum;
    }
  }

  /** Of two counts in a word. @returns rows that are done: all, unless the cells got four bytes */
  #addPairs(
    ids: Int32Array,
    counts: Float64Array,
    columns: readonly number[],
    sign: 1 | -1,
  ): number {
    const { table } = this;
    const { length } = ids;
    for (let from = 0; from < length; from += MOST_STEPS) {
      const to = Math.min(length, from + MOST_STEPS);
      writeSteps(counts, columns, sign, from, to);
      for (let row = from; row < to;) {
        row = this.#addSteps(ids, row, to, from);
        if (row === to) continue;
        this.#addRows(ids, counts, columns, sign, row, row + 1);
        row += 1;
        if (!table.isPaired) return row;
      }
    }
    return length;
  }

  /**
   * Adds steps to words, in a loop as short as can be: rows lie anywhere, and so more of them are under way at once.
   *
   * @param first row of the first step
   * @returns the first row of which a count is a large one, would be one, or would be below 0; or `to`
   */
  #addSteps(ids: Int32Array, from: number, to: number, first: number): number {
    const steps = STEPS;
    const { words } = this.table;
    let vocabulary = 0;
    let row = from;
    for (; row < to; row++) {
      const id = ids[row] ?? 0;
      const before = words[id] ?? 0;
      const after = (before + (steps[row - first] ?? 0)) | 0;
      if (((before | after) & LARGE_OF_BOTH) !== 0) break;
      words[id] = after;
      vocabulary += isAny(after) - isAny(before);
    }
    this.#vocabulary += vocabulary;
    return row;
  }

  #addRows(
    ids: Int32Array,
    counts: Float64Array,
    columns: readonly number[],
    sign: 1 | -1,
    from: number,
    to: number,
  ): void {
    const { table } = this;
    const { stride } = table;
    const width = columns.length;
    let vocabulary = 0;
    for (let row = from, at = from * width; row < to; row++) {
      const first = (ids[row] ?? 0) * stride;
      const before = this.#others(first, NO_COLUMN);
      for (let index = 0; index < width; index++, at++) {
        const change = counts[at] ?? 0;
        if (change !== 0) table.add(first + (columns[index] ?? 0), sign * change);
      }
      vocabulary += isAny(this.#others(first, NO_COLUMN)) - isAny(before);
    }
    this.#vocabulary += vocabulary;
  }

  /** `amount` goes to n and T; `documents` to df where it is kept. No cell falls below 0: a partition unlearns what it learned. */
  #add(id: number, column: number, amount: number, documents: number): void {
    const { table, base } = this;
    table.reserveRows(id + 1);
    const row = id * table.stride;
    const before = this.#frequencyAt(row);
    table.add(row + base + column, amount);
    if (base === 1) table.add(row, documents);
    this.totals[column] = (this.totals[column] ?? 0) + amount;
    const after = this.#frequencyAt(row);
    if (before === 0) {
      if (after !== 0) this.#vocabulary += 1;
    } else if (after === 0) this.#vocabulary -= 1;
  }

  #frequencyAt(row: number): number {
    const { table } = this;
    if (this.base === 1) return table.at(row);
    let sum = 0;
    for (let cell = row; cell < row + table.stride; cell++) sum += table.at(cell);
    return sum;
  }

  #write(
    journal: Int32Array<ArrayBuffer>,
    { ids, length }: Features,
    column: number,
    amount: number,
    mass: number,
  ): void {
    let into = journal;
    let at = this.#journaled;
    if (at + HEAD + length > into.length) {
      into = new Int32Array(2 * (at + HEAD + length));
      into.set(journal);
      this.#journal = into;
    }
    into[at++] = column;
    into[at++] = amount;
    into[at++] = mass;
    into[at++] = length;
    for (let i = 0; i < length; i++) into[at++] = ids[i] ?? 0;
    this.#journaled = at;
  }

  #widen(): void {
    this.table.widen();
    this.totals = lengthened(this.totals, this.table.stride);
    this.masses = lengthened(this.masses, this.table.stride);
  }

  #sortClasses(): void {
    const met = this.#classes.classes;
    if (met !== this.#met) this.#sortMet(met);
  }

  /** Apart: a function that has closures allocates whenever it is entered, and this one hardly ever is. */
  #sortMet(met: readonly string[]): void {
    this.#met = met;
    const others = met.filter((label) => !this.#declared.includes(label));
    this.#orderLabels = [...this.#declared, ...others];
    this.#order = this.#orderLabels.map((label) => this.columnFor(label));
  }
}

/** Changes of rows as words: what is added to both counts at once. One that is none makes counts look large. */
function writeSteps(
  counts: Float64Array,
  columns: readonly number[],
  sign: 1 | -1,
  from: number,
  to: number,
): void {
  const steps = STEPS;
  const width = columns.length;
  for (let row = from; row < to; row++) steps[row - from] = 0;
  for (let index = 0; index < width; index++) {
    const lane = laneOf(columns[index] ?? 0);
    for (let row = from; row < to; row++) {
      const change = sign * (counts[row * width + index] ?? 0);
      const step = steps[row - from] ?? 0;
      const isSmall = change > -LARGE && change < LARGE && step !== LARGE_OF_BOTH;
      steps[row - from] = isSmall ? step + (change << lane) : LARGE_OF_BOTH;
    }
  }
}

/** 1 if a bit is set, else 0. */
function isAny(bits: number): number {
  return (bits | -bits) >>> 31;
}
