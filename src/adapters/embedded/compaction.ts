/**
 * What compaction of a partition has to do: the last record of each key stays, the others go.
 *
 *   ─ old ─ old ─ LIVE ─ old ─ LIVE ─ old ─│─ LIVE ─ LIVE ─►        old: a later record has its key
 *   └────────── goes ─────────────────────┘
 *                 └─ written again at the end, if there is more to be gained than to be written
 *
 * Embedded logs delete from the front only. A record that stays while all around it goes is written again, with its timestamp: who
 * reads the topic meets it twice, which says the same twice. A deleted key (value null) goes with what it deletes.
 */
import type { LogRecord } from '../../ports/event-log.ts';

interface Newest {
  offset: number;
  size: number;
  isDeletion: boolean;
}

export class Compaction {
  readonly #newest = new Map<string, Newest>();
  /** Without a key: each stays. */
  readonly #keyless: number[] = [];
  #live = 0;
  #dead = 0;
  #lastDead = -1;
  /** Offset behind the last record that was looked at. */
  next = 0;

  /** Looks at the next record. */
  add({ key, value, offset }: LogRecord): void {
    this.next = offset + 1;
    const size = (key?.length ?? 0) + (value?.length ?? 0);
    this.#live += size;
    if (key === null) {
      this.#keyless.push(offset);
      return;
    }
    const name = nameOf(key);
    const before = this.#newest.get(name);
    this.#newest.set(name, { offset, size, isDeletion: value === null });
    if (before === undefined) return;
    this.#live -= before.size;
    this.#dead += before.size;
    this.#lastDead = Math.max(this.#lastDead, before.offset);
  }

  /** Whether the record is to be kept. */
  keeps({ key, offset }: Pick<LogRecord, 'key' | 'offset'>): boolean {
    if (key === null) return true;
    const newest = this.#newest.get(nameOf(key));
    return newest?.offset === offset && !newest.isDeletion;
  }

  /**
   * What goes: records below `before`; with `rewrite`, those among them that are kept are written again first.
   *
   * @param mayRewrite whether anything may be written again
   */
  plan(mayRewrite: boolean): { readonly before: number; readonly rewrite: boolean } {
    // More than half is old: it costs less to write than it gains.
    const rewrite = mayRewrite && this.#dead > this.#live;
    // The first record to stay where it is.
    const from = rewrite ? this.#lastDead + 1 : 0;
    let before = this.#keyless.find((offset) => offset >= from) ?? this.next;
    for (const { offset, isDeletion } of this.#newest.values())
      if (!isDeletion && offset >= from && offset < before) before = offset;
    return { before, rewrite };
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
