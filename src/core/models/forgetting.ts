import type { DriftAlarm } from '../drift/watch.ts';
import { optionInvalid } from '../text/named-options.ts';

/**
 * Forgetting, as options of a kind: a model keeps what the last labelled documents of each partition taught. Older ones are
 * unlearned, so its sums stay exact integers, and the sums of partitions add up to one model as those of any kind.
 *
 *   learn ──► newest … oldest ──► unlearn      the last `window` documents; at a drift of the errors those since the change
 */

export interface Forgetting {
  /** Labelled documents of a partition that are kept. */
  readonly window: number;
  /** What a rise of the errors does: `forget` leaves the documents since the change. */
  readonly onDrift: 'none' | 'forget';
}

export const FORGETTING_OPTIONS: readonly string[] = ['window', 'on-drift'];
const LEAST = 100;
const MOST = 1_000_000;

/**
 * @param options of the kind
 * @param what the kind, for the message
 * @returns undefined: the kind keeps everything
 * @throws {ValenceError} CONFIG_INVALID: a value out of range, or a reaction without a window
 */
export function parseForgetting(
  options: ReadonlyMap<string, string>,
  what: string,
): Forgetting | undefined {
  const given = options.get('window');
  const onDrift = options.get('on-drift') ?? 'none';
  if (onDrift !== 'none' && onDrift !== 'forget')
    return optionInvalid(what, 'on-drift', 'one of none, forget', onDrift);
  if (given === undefined) {
    if (onDrift === 'none') return undefined;
    const expected = `given with a window of documents, such as window=20000,on-drift=${onDrift}`;
    return optionInvalid(what, 'on-drift', expected, onDrift);
  }
  const window = Number(given);
  if (Number.isInteger(window) && window >= LEAST && window <= MOST && !/\D/.test(given))
    return { window, onDrift };
  const expected = `an integer from ${LEAST} to ${MOST}: labelled documents of a partition that are kept`;
  return optionInvalid(what, 'window', expected, given);
}

/**
 * Features unlearned at one record, at most, when a drift lets many documents go; one document at least. A delta holds what its
 * records changed, and the largest record that a log takes has a bound.
 */
export const FEATURES_AT_ONCE = 20_000;

/**
 * Features unlearned in one chunk before it ends, by all models together: what many records let go makes a delta of some 4 MB in half
 * a second, where a thousand records of it would take longer than a lease.
 */
export const FEATURES_A_CHUNK = 500_000;

/** The options in one spelling, for the canonical form of a kind. */
export function listForgetting(forgetting: Forgetting | undefined): readonly string[] {
  if (forgetting === undefined) return [];
  const { window, onDrift } = forgetting;
  return [`window=${window}`, ...(onDrift === 'none' ? [] : [`on-drift=${onDrift}`])];
}

/**
 * How many of the newest labelled documents an alarm leaves, the one that raised it included; undefined: it is no rise of the errors,
 * and nothing is forgotten.
 */
export function documentsSince({ signal, evidence }: DriftAlarm): number | undefined {
  const { before = 0, after = 0, records } = evidence;
  return signal === 'error' && after > before ? records : undefined;
}
