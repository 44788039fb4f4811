/**
 * Validates against the JSON Schema keywords that the AsyncAPI document uses; any other keyword throws, so that none is passed
 * over in silence.
 */
export type Schema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(['description', 'title', 'default', 'format']);
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: isObject,
};

/** Where in a document a `#/…` reference points. */
export function resolve(document: unknown, reference: string): unknown {
  if (!reference.startsWith('#/')) throw new Error(`not a reference within: ${reference}`);
  return reference
    .slice(2)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined,
      document,
    );
}

/** Paths that break the schema, such as `source/offset: minimum`. Empty: valid. */
export function problems(
  document: unknown,
  schema: Schema,
  value: unknown,
  path = '',
): readonly string[] {
  const at = (key: string | number): string => (path === '' ? String(key) : `${path}/${key}`);
  const within = (sub: unknown, item: unknown, where = path): readonly string[] =>
    problems(document, sub as Schema, item, where);
  const fails = (keyword: string, broken: boolean): readonly string[] =>
    broken ? [`${path}: ${keyword}`] : [];
  const checks: Readonly<Record<string, (rule: never) => readonly string[]>> = {
    $ref: (rule: string) => within(resolve(document, rule), value),
    type: (rule: string | readonly string[]) =>
      fails('type', ![rule].flat().some((type) => TYPES[type]!(value))),
    const: (rule: unknown) => fails('const', value !== rule),
    enum: (rule: readonly unknown[]) => fails('enum', !rule.includes(value)),
    anyOf: (rule: readonly Schema[]) =>
      fails('anyOf', !rule.some((branch) => within(branch, value).length === 0)),
    not: (rule: Schema) => fails('not', within(rule, value).length === 0),
    minimum: (rule: number) => fails('minimum', typeof value === 'number' && value < rule),
    maximum: (rule: number) => fails('maximum', typeof value === 'number' && value > rule),
    maxLength: (rule: number) =>
      fails('maxLength', typeof value === 'string' && Array.from(value).length > rule),
    minItems: (rule: number) => fails('minItems', Array.isArray(value) && value.length < rule),
    maxItems: (rule: number) => fails('maxItems', Array.isArray(value) && value.length > rule),
    additionalItems: () => [],
    items: (rule: Schema | readonly Schema[]) =>
      Array.isArray(value)
        ? value.flatMap((item, index) =>
            within(Array.isArray(rule) ? (rule[index] ?? {}) : rule, item, at(index)),
          )
        : [],
    required: (rule: readonly string[]) =>
      isObject(value)
        ? rule.filter((key) => !Object.hasOwn(value, key)).map((key) => `${at(key)}: required`)
        : [],
    properties: (rule: Readonly<Record<string, Schema>>) =>
      isObject(value)
        ? Object.entries(rule).flatMap(([key, sub]) =>
            Object.hasOwn(value, key) ? within(sub, value[key], at(key)) : [],
          )
        : [],
    propertyNames: (rule: Schema) =>
      isObject(value) ? Object.keys(value).flatMap((key) => within(rule, key, at(key))) : [],
    additionalProperties: (rule: Schema) =>
      isObject(value)
        ? Object.entries(value)
            .filter(([key]) => !Object.hasOwn((schema['properties'] as object) ?? {}, key))
            .flatMap(([key, item]) => within(rule, item, at(key)))
        : [],
  };
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const check = checks[keyword];
    if (check === undefined) throw new Error(`keyword ${keyword} is not known here`);
    return check(rule as never);
  });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
