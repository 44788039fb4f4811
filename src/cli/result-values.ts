/** Records of the results topic as values. */
import { ResultValue } from '../../topics/index.ts';
import type { LogRecord } from '../ports/event-log.ts';

const TYPES: ReadonlySet<unknown> = new Set(
  ResultValue.options.map((option) => option.shape.type.value),
);

/**
 * The value of a results record; undefined for one that is none. Only the type is looked at: these are records that this pipeline
 * wrote, and a viewer must keep pace with them.
 */
export function resultOf({ value }: Pick<LogRecord, 'value'>): ResultValue | undefined {
  if (value === null) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
  } catch {
    return undefined;
  }
  return isResult(parsed) ? parsed : undefined;
}

function isResult(value: unknown): value is ResultValue {
  return typeof value === 'object' && value !== null && 'type' in value && TYPES.has(value.type);
}
