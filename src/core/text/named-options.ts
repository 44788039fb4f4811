import { ValenceError } from '../../errors.ts';

/**
 * Names with options, as flags carry them: `name:key=value,key=value`. Kinds of models and analyzers share the form.
 */

export interface NamedOptions {
  readonly name: string;
  /** In the order given; keys are distinct. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * Splits `name:key=value,…`.
 *
 * @param what kind of thing for the message, such as `model`
 * @param known options by name
 * @throws {ValenceError} CONFIG_INVALID: unknown name or option, a repeated option, an option without value
 */
export function parseNamedOptions(
  text: string,
  what: string,
  known: ReadonlyMap<string, readonly string[]>,
): NamedOptions {
  const colon = text.indexOf(':');
  const name = (colon === -1 ? text : text.slice(0, colon)).trim();
  const keys = known.get(name);
  if (keys === undefined)
    throw new ValenceError(
      'CONFIG_INVALID',
      `No ${what} named '${name}'; there are: ${[...known.keys()].join(', ')}.`,
      { [what]: name },
    );
  const options = new Map<string, string>();
  const list = colon === -1 ? [] : text.slice(colon + 1).split(',');
  for (const item of list) {
    const equals = item.indexOf('=');
    const key = (equals === -1 ? item : item.slice(0, equals)).trim();
    const fields = { [what]: name, option: key };
    if (!keys.includes(key))
      throw new ValenceError(
        'CONFIG_INVALID',
        keys.length === 0
          ? `${what} '${name}' takes no options, got '${key}'.`
          : `${what} '${name}' has no option '${key}'; there are: ${keys.join(', ')}.`,
        fields,
      );
    if (equals === -1)
      throw new ValenceError(
        'CONFIG_INVALID',
        `Option '${key}' of ${what} '${name}' needs a value: ${key}=….`,
        fields,
      );
    if (options.has(key))
      throw new ValenceError(
        'CONFIG_INVALID',
        `Option '${key}' of ${what} '${name}' is given twice.`,
        fields,
      );
    options.set(key, item.slice(equals + 1).trim());
  }
  return { name, options };
}

/** @throws {ValenceError} CONFIG_INVALID: `option` of `what` was `got`, which is not `expected` */
export function optionInvalid(what: string, option: string, expected: string, got: string): never {
  throw new ValenceError(
    'CONFIG_INVALID',
    `Option '${option}' of ${what} must be ${expected}, got '${got}'.`,
    {
      option,
      got,
    },
  );
}
