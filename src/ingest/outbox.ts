/**
 * Which records a run of rows becomes, and the places to resume from once they are in the log. With a label delay of N the label
 * of row i follows the text of row i + N, the rest at the end. Pure: what comes out depends on the rows alone.
 *
 *              labelled         sent
 *   rows  ───────┴───────────────┴──────────►     texts are out up to `sent`, labels up to `labelled`
 *
 * After a crash reading begins again at `labelled`: rows up to `sent` only give back the labels that were held.
 */
import type { NewRecord } from '../ports/event-log.ts';
import { START, type Position, type Row } from './row.ts';
import {
  deadLetter,
  labelRecord,
  rowId,
  sourceRecord,
  type LateLabel,
  type SourceRecordOptions,
} from './source-records.ts';

export interface OutboxOptions extends SourceRecordOptions {
  /** Rows between a text and its label; 0: in the same record. */
  readonly labelDelay: number;
}

/** Places of what has been taken so far. */
export interface Places {
  readonly sent: Position;
  readonly labelled: Position;
}

/** Records of one append, and the dead letters that go before it. */
export interface Outgoing extends Places {
  readonly records: readonly NewRecord[];
  readonly deadLetters: readonly NewRecord[];
}

interface Held {
  /** Place behind the row. */
  readonly place: Position;
  /** Undefined: the row has none to send. */
  readonly label: LateLabel | undefined;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #sent: Position;
  #labelled: Position;
  /** Rows whose label is not out, in order, from `#first` on. */
  #held: Held[] = [];
  #first = 0;
  #records: NewRecord[] = [];
  #deadLetters: NewRecord[] = [];

  /** @param resumed the places that a checkpoint gave; rows are then fed from its `labelled` on */
  constructor(options: OutboxOptions, resumed: Places = { sent: START, labelled: START }) {
    this.#options = options;
    this.#sent = resumed.sent;
    this.#labelled = resumed.labelled;
  }

  /** True while labels wait for their turn. */
  get holding(): boolean {
    return this.#first < this.#held.length;
  }

  /** Takes in the next row of the input. */
  add(row: Row): void {
    const { labelDelay } = this.#options;
    const isRepeat = row.row <= this.#sent.row;
    const isLate = labelDelay > 0 || isRepeat;
    const label = this.#emit(row, isRepeat, isLate);
    if (isLate || this.holding) this.#held.push({ place: row.resume, label });
    if (!isRepeat) this.#sent = row.resume;
    while (this.holding && (this.#held[this.#first]?.place.row ?? 0) + labelDelay <= row.row) {
      this.#releaseOne();
    }
    if (!this.holding) this.#labelled = this.#sent;
  }

  /** The input has ended: lets go of at most `count` held rows. */
  release(count: number): void {
    for (let left = count; left > 0 && this.holding; left--) this.#releaseOne();
  }

  /** What has come together since the last call. */
  take(): Outgoing {
    const outgoing = {
      records: this.#records,
      deadLetters: this.#deadLetters,
      sent: this.#sent,
      labelled: this.#labelled,
    };
    this.#records = [];
    this.#deadLetters = [];
    return outgoing;
  }

  /** Puts out the row's record, unless that was done before a crash; returns the label that is to follow. */
  #emit(row: Row, isRepeat: boolean, isLate: boolean): LateLabel | undefined {
    const { name, skipLabels } = this.#options;
    const record = row.kind === 'refused' ? row : sourceRecord(row, this.#options, !isLate);
    if (record === undefined) return undefined;
    if ('error' in record) {
      if (!isRepeat) this.#deadLetters.push(deadLetter(name, record));
      return undefined;
    }
    if (!isRepeat) this.#records.push(record);
    if (!isLate || skipLabels || row.kind !== 'text' || row.label === undefined) return undefined;
    const { label, weight, ts } = row;
    return { id: row.id ?? rowId(name, row.row), label, weight, ts };
  }

  #releaseOne(): void {
    const held = this.#held[this.#first];
    if (held === undefined) return;
    if (held.label !== undefined) {
      this.#records.push(labelRecord(held.label, this.#options.model));
    }
    this.#labelled = held.place;
    this.#first++;
    // Drops what has been let go once it is the larger half: constant work for each row.
    if (this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
  }
}
