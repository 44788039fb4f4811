/**
 * How two things differ that should be the same: the first field, with its path, and both values as numbers or kinds of thing.
 * Words of the stream never appear: a string is «a string».
 */
import type { LogRecord } from '../ports/event-log.ts';
import { readDelta } from './delta-reader.ts';
import type { Output } from './result-records.ts';

/** One field that differs. */
export interface FieldDifference {
  /** Such as `probabilities.positive` or `events[3].answers[0].best`; `` is the whole. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** The first difference of two values of plain data, in the order of the expected one's fields; undefined: none. */
export function differenceOf(
  expected: unknown,
  found: unknown,
  field = '',
): FieldDifference | undefined {
  if (Object.is(expected, found)) return undefined;
  const [a, b] = [itemsOf(expected), itemsOf(found)];
  if (a !== undefined && b !== undefined) {
    const after = field === '' ? '' : `${field}.`;
    const isList = Array.isArray(expected) || ArrayBuffer.isView(expected);
    for (const name of new Set([...a.keys(), ...b.keys()])) {
      const path = isList ? `${field}[${name}]` : after + shortName(name);
      const inside = differenceOf(a.get(name), b.get(name), path);
      if (inside !== undefined) return inside;
    }
    // Lists and objects with the same items, or the same fields in another order, are told by their bytes only.
    return undefined;
  }
  const [left, right] = [kindOf(expected), kindOf(found)];
  return { field, expected: left, found: left === right ? `another ${kindName(found)}` : right };
}

/** The first difference of a record that should stand in a topic and the one that does; undefined: the same bytes. */
export function recordDifference(expected: Output, found: LogRecord): FieldDifference | undefined {
  const [value, key] = [bytesOf(expected.value), bytesOf(expected.key)];
  if (!sameBytes(value, found.value)) {
    return (
      differenceOf(jsonOf(value), jsonOf(found.value)) ?? {
        field: 'value',
        expected: sizeOf(value),
        found: `${sizeOf(found.value)}, other ones`,
      }
    );
  }
  if (!sameBytes(key, found.key))
    return { field: 'key', expected: sizeOf(key), found: `${sizeOf(found.key)}, other ones` };
  const headers = expected.headers ?? [];
  for (let at = 0; at < Math.max(headers.length, found.headers.length); at++) {
    const [name, header] = headers[at] ?? [];
    const [foundName, foundHeader] = found.headers[at] ?? [];
    if (name === foundName && sameBytes(bytesOf(header ?? null), foundHeader ?? null)) continue;
    const field = `headers[${at}]`;
    if (name === undefined) return { field, expected: 'none', found: 'a header' };
    if (foundName === undefined) return { field, expected: 'a header', found: 'none' };
    const what = name === foundName ? 'value' : 'name';
    return { field, expected: `a ${what}`, found: `another ${what}` };
  }
  return undefined;
}

/**
 * The first difference of two deltas: header, then events, then counts.
 *
 * @returns also the source offset of the record that the difference speaks of, if it is of one
 * @throws DELTA_CORRUPT
 */
export function deltaDifference(
  expected: Uint8Array,
  found: Uint8Array,
): (FieldDifference & { readonly offset: number | undefined }) | undefined {
  if (sameBytes(expected, found)) return undefined;
  const ids = new Map<string, number>();
  const intern = (term: string): number => {
    const id = ids.get(term) ?? ids.size;
    ids.set(term, id);
    return id;
  };
  const terms = { find: () => ({ intern }) };
  const plain = (bytes: Uint8Array) => {
    const delta = readDelta(bytes);
    const { pipeline, partition, epoch, from, to, seen, promotion, names } = delta;
    const events = delta.events(terms);
    const models = delta.taught(terms).map(({ delta: counts, ...model }) => ({
      ...model,
      ...counts,
    }));
    return { pipeline, partition, epoch, from, to, seen, promotion, events, models, names };
  };
  const [a, b] = [plain(expected), plain(found)];
  const different = differenceOf(a, b) ?? {
    field: 'encoding',
    expected: `${expected.length} bytes`,
    found: `${found.length} bytes, other ones`,
  };
  const [, index] = /^events\[(\d+)\]/.exec(different.field) ?? [];
  const event = index === undefined ? undefined : a.events[Number(index)];
  return { ...different, offset: event?.event.offset };
}

export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes as a log stores them. */
export function bytesOf(value: string | Uint8Array | null): Uint8Array | null {
  return typeof value === 'string' ? encoder.encode(value) : value;
}

/** Undefined: no JSON. */
export function jsonOf(value: Uint8Array | null): unknown {
  try {
    return value === null ? null : JSON.parse(decoder.decode(value));
  } catch {
    return undefined;
  }
}

/** Items of a list or object by their index or name; undefined: it is neither. */
function itemsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(Object.entries(value));
}

/** Class names are fields of probabilities: they may hold anything. */
function shortName(name: string): string {
  return /^\w{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  const name = kindName(value);
  return `${name === 'object' ? 'an' : 'a'} ${name}`;
}

function kindName(value: unknown): string {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return 'list';
  return typeof value;
}

function sizeOf(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : `${bytes.length} bytes`;
}
