/**
 * A record of the log as `tail --json` prints it, and as `publish -` reads it back: the value parsed, never a string inside a string.
 */
import type { Headers, LogRecord } from '../ports/event-log.ts';

/** So many brackets are never too deep. */
const MOST_BRACKETS = 1000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface RecordJson {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: unknown;
  /** A name that repeats has a list. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** JSON if it is JSON, else the text if it is UTF-8, else, and for JSON nested too deep to be written, `{"base64": …}`. */
export function recordJson(record: LogRecord): RecordJson {
  const { topic, partition, offset, timestamp, key, headers, value } = record;
  return {
    topic,
    partition,
    offset,
    timestamp,
    key: textOf(key),
    headers: headersJson(headers),
    value: valueOf(value),
  };
}

/** UTF-8 text, or `{"base64": …}` for other bytes. */
export function textOf(bytes: Uint8Array | null): unknown {
  if (bytes === null) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

/** The parsed value; `undefined` becomes null. */
export function valueOf(bytes: Uint8Array | null): unknown {
  const text = textOf(bytes);
  if (typeof text !== 'string') return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return isTooDeep(text, value) ? { base64: Buffer.from(text).toString('base64') } : value;
}

/** True for a value that can be read, but is nested too deep to be written again. */
function isTooDeep(text: string, value: unknown): boolean {
  if (text.split(/[[{]/, MOST_BRACKETS).length < MOST_BRACKETS) return false;
  try {
    JSON.stringify(value);
    return false;
  } catch {
    return true;
  }
}

function headersJson(headers: Headers): Readonly<Record<string, unknown>> {
  const byName = new Map<string, unknown[]>();
  for (const [name, value] of headers) {
    const values = byName.get(name);
    if (values === undefined) byName.set(name, [textOf(value)]);
    else values.push(textOf(value));
  }
  return Object.fromEntries(
    [...byName].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

/**
 * The value at a dot path such as `source.partition` or `probabilities.positive`; undefined if there is none. A field whose own name
 * has dots is found too.
 */
export function at(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = new Map(Object.entries(value));
  if (entries.has(path)) return entries.get(path);
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    const found = entries.has(head) ? at(entries.get(head), path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
