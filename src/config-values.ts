/**
 * From the text of a flag, variable or file entry to a value: the schemas that the settings table is made of. A message says what
 * was expected and what kind of thing came.
 */
import { z } from 'zod';
import { isValenceError } from './errors.ts';

const DURATION = /^(?<amount>\d+(?:\.\d+)?)\s*(?<unit>ms|s|m|h|d)?$/;
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
const SHOWN = 60;

/** A schema from text to `T`; `read` gives undefined for what it does not understand. */
export function text<T>(expected: string, read: (text: string) => T | undefined) {
  return z.string().transform((given, context): T => {
    const value = read(given.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${expected}, got ${shown(given)}` });
    return z.NEVER;
  });
}

/** A schema from a parser that throws CONFIG_INVALID, whose message is taken over. */
export function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((given, context): T => {
    try {
      return parse(given.trim());
    } catch (error) {
      if (!isValenceError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const range =
    max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `between ${min} and ${max}`;
  return text(`an integer ${range}`, (given) => {
    const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  });
}

/** A number from 0 to 1. */
export function share() {
  return upTo(1, 0.05);
}

/** A number from 0 to `most`. */
export function upTo(most: number, example: number) {
  return text(`a number from 0 to ${most}, such as ${example}`, (given) => {
    const value = given === '' ? Number.NaN : Number(given);
    return value >= 0 && value <= most ? value : undefined;
  });
}

export function above(bound: number) {
  return text(`a number above ${bound}`, (given) => {
    const value = given === '' ? Number.NaN : Number(given);
    return Number.isFinite(value) && value > bound ? value : undefined;
  });
}

export function oneOf<const T extends string>(choices: readonly T[]) {
  return text(`one of ${choices.join(', ')}`, (given) =>
    choices.find((choice) => choice === given.toLowerCase()),
  );
}

export function matching(pattern: RegExp, expected: string) {
  return text(expected, (given) => (pattern.test(given) ? given : undefined));
}

export function notEmpty(expected: string) {
  return text(expected, (given) => (given === '' ? undefined : given));
}

/** ms, from `7d`, `12h`, `90m`, `30s`, `1500ms` or a bare number of ms. */
export function durationMs() {
  return text('a duration above 0 such as 7d, 12h, 90m, 30s or a number of ms', (given) => {
    const { amount, unit = 'ms' } = DURATION.exec(given)?.groups ?? {};
    const value = Math.round(Number(amount) * (UNIT_MS.get(unit) ?? Number.NaN));
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  });
}

/** `7d`, `90m`, `1500ms`: as {@link durationMs} reads it, in the largest unit that divides it. */
export function durationText(ms: number): string {
  const [unit = 'ms', size = 1] =
    [...UNIT_MS].toReversed().find(([, length]) => ms >= length && ms % length === 0) ?? [];
  return `${ms / size}${unit}`;
}

/** On or off; a flag without value is on. */
export function onOff() {
  return text('true or false', (given) => {
    if (/^(?:true|1|yes|on)$/i.test(given)) return true;
    return /^(?:false|0|no|off)$/i.test(given) ? false : undefined;
  });
}

/** Splits `name=value` at the first `=`; both sides not empty. */
export function pair(expected: string) {
  return text(expected, (given) => {
    const equals = given.indexOf('=');
    const name = given.slice(0, Math.max(0, equals)).trim();
    const value = given.slice(equals + 1).trim();
    return name === '' || value === '' ? undefined : ([name, value] as const);
  });
}

/** A value as messages show it: short, on one line. */
export function shown(given: string): string {
  if (given.trim() === '') return 'nothing';
  const line = given.replaceAll(/\s+/g, ' ');
  return `'${line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line}'`;
}

/** The candidates that one or two slips of the finger away from `word`, nearest first. */
export function nearest(word: string, candidates: Iterable<string>): readonly string[] {
  const reach = word.length < 5 ? 1 : 2;
  return [...candidates]
    .map((candidate) => ({ candidate, slips: editDistance(word, candidate) }))
    .filter(({ slips }) => slips <= reach)
    .toSorted((a, b) => a.slips - b.slips)
    .map(({ candidate }) => candidate);
}

/** ` Did you mean a or b?`, or nothing. */
export function didYouMean(near: readonly string[]): string {
  return near.length === 0 ? '' : ` Did you mean ${near.slice(0, 3).join(' or ')}?`;
}

/** Insertions, deletions and replacements of characters from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
