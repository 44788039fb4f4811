/** Helpers to break a valid record in one place. */
import type { z } from 'zod';

/** No field of any contract takes this. */
export const WRONG = [[[]]];

/** Paths of the problems a schema finds, such as `source.offset`; empty: valid. */
export function refusals(schema: z.ZodType, value: unknown): readonly string[] {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.map(String).join('.'));
}

/** A copy with one field replaced; `undefined` takes it away. */
export function broken(value: unknown, path: string, replacement: unknown): unknown {
  // Through text: a structured clone keeps what is shared within, and would break it in two places.
  const copy: unknown = JSON.parse(JSON.stringify(value));
  const steps = path.split('.');
  const last = steps.pop()!;
  let holder = copy as Record<string, unknown>;
  for (const step of steps) holder = holder[step] as Record<string, unknown>;
  if (replacement === undefined) delete holder[last];
  else holder[last] = replacement;
  return copy;
}

/** The fields of an object schema that may not be missing. */
export function requiredFields(schema: z.ZodObject, valid: object): readonly string[] {
  return Object.keys(schema.shape).filter(
    (field) => refusals(schema, broken(valid, field, undefined)).length > 0,
  );
}
