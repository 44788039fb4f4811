/**
 * Who is champion: a fold over the promotion records of the model topic's partition 0, the same for everyone who reads them.
 *
 *   promote A ─► champion A, previous: who was before      rollback ─► champion: previous; one step only
 *
 * A process knows the newest state; a partition has the one that it last switched to, at the beginning of one of its chunks. Its
 * delta says so, and whoever recomputes goes by the delta, not by the time. Pure.
 */
import { PromotionRecord } from '../../topics/index.ts';

export interface Promotion {
  /** Of the record that made the champion; null: the first model of the configuration, and nobody said otherwise. */
  readonly id: string | null;
  /** Offset in partition 0 of the model topic of the last record taken, -1: none. */
  readonly at: number;
  /** Name of a model. */
  readonly champion: string;
  /** Who is champion again after a rollback; null: there is nothing to take back. */
  readonly previous: string | null;
}

/** Before any record. @param champion the first model of the configuration */
export function initialPromotion(champion: string): Promotion {
  return { id: null, at: -1, champion, previous: null };
}

/**
 * The state after a record. What says nothing new only moves `at`: a promotion of the champion itself, a rollback where nothing is to
 * be taken back, and what this version cannot read. A record that was taken already changes nothing.
 *
 * @param offset of the record in partition 0 of the model topic
 */
export function promotionAfter(
  state: Promotion,
  record: PromotionRecord | undefined,
  offset: number,
): Promotion {
  if (offset <= state.at) return state;
  const { champion, previous } = state;
  const passed = { ...state, at: offset };
  if (record === undefined) return passed;
  const { type, id, model } = record;
  if (type === 'restore') return { id, at: offset, champion: model, previous: record.previous };
  if (type === 'promote')
    return model === champion ? passed : { id, at: offset, champion: model, previous: champion };
  return previous === null ? passed : { id, at: offset, champion: previous, previous: null };
}

/** A partition that stands at `own` has to switch to `newest`. */
export function isNews(newest: Promotion, own: Promotion): boolean {
  return newest.at > own.at && newest.id !== own.id;
}

/**
 * Who is champion among the models that are run, the first of which is it by default: also where the promoted one is not run any more.
 */
export function actingChampion({ id, champion }: Promotion, names: readonly string[]): string {
  const [first = ''] = names;
  return id !== null && names.includes(champion) ? champion : first;
}

/** What a partition stands at. Immutable: equal objects are equal states. */
export interface Seat {
  readonly promotion: Promotion;
  /** Name of the champion of the last chunk that was folded. */
  readonly champion: string;
}

/** Who is champion of one partition, from chunk to chunk. */
export class PartitionChampion {
  #seat: Seat;
  #marked: Seat;

  /** Marked. @param first the first model of the configuration */
  constructor(first: string, seat: Seat = { promotion: initialPromotion(first), champion: first }) {
    this.#seat = seat;
    this.#marked = seat;
  }

  get seat(): Seat {
    return this.#seat;
  }

  /**
   * A chunk begins.
   *
   * @param names of the models that fold it
   * @returns what the partition switches to; undefined: nothing is new, or the new champion is not among the models
   */
  begin(names: readonly string[], newest: Promotion): Promotion | undefined {
    const switches = isNews(newest, this.#seat.promotion) && names.includes(newest.champion);
    const promotion = switches ? newest : undefined;
    this.replay(names, promotion);
    return promotion;
  }

  /** A chunk that was committed began so. @param promotion of its delta */
  replay(names: readonly string[], promotion: Promotion | undefined): void {
    const standing = promotion ?? this.#seat.promotion;
    const champion = actingChampion(standing, names);
    if (promotion === undefined && champion === this.#seat.champion) return;
    this.#seat = { promotion: standing, champion };
  }

  /** The chunk is committed. */
  mark(): void {
    this.#marked = this.#seat;
  }

  /** The chunk never happened. */
  rollback(): void {
    this.#seat = this.#marked;
  }
}

/** A promotion record's value; undefined: none that this version knows. */
export function readPromotion(value: Uint8Array | null): PromotionRecord | undefined {
  try {
    const read = PromotionRecord.safeParse(
      JSON.parse(new TextDecoder().decode(value ?? new Uint8Array(0))),
    );
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
