/**
 * HTML from templates that escape: what stands between the tags is text, whoever wrote it, unless it is markup made here. So no
 * class, file or model name can become an element or an attribute.
 */
import { cut, oneLine } from './display.ts';

/** Finished markup. */
export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Content = string | number | Markup | readonly Markup[];

/** Markup of a template; strings and numbers are escaped, for text and for quoted attributes alike. */
export function markup(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let source = '';
  for (const [index, part] of parts.entries()) {
    source += part;
    const value = values[index];
    if (value !== undefined) source += sourceOf(value);
  }
  return new Markup(source);
}

function sourceOf(value: Content): string {
  if (value instanceof Markup) return value.source;
  if (typeof value === 'object') return value.map(({ source }) => source).join('\n');
  return String(value).replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Longer names are cut. */
const NAME_CELLS = 60;

/** A user's word as it is shown: one line without control characters, never empty. */
export function shownName(name: string): string {
  const shown = cut(oneLine(name), NAME_CELLS);
  return shown === '' ? '(empty)' : shown;
}
