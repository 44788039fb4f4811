/**
 * Text for a terminal: how many cells it takes, cut and padded to a number of cells, freed of what would move the cursor.
 *
 * @see Unicode UAX #11 (East Asian width), UTS #51 (emoji)
 */
/** Made when it is needed: most texts are plain, and it takes as long as the start of a command. */
let segmenter: Intl.Segmenter | undefined;
const PLAIN = /^[\x20-\x7e]*$/;
/** Control characters, direction overrides, zero-width and line separators; the joiner of emoji stays. */
const HARMFUL =
  /[\p{Cc}\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;
const SPACES = /[\s\u2028\u2029]+/gu;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f|\p{Regional_Indicator}/u;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
/** Wide and fullwidth ranges, first and last code point, ascending. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

/** One line of harmless text: white space becomes one space, control characters go. */
export function oneLine(text: string): string {
  return text.replace(SPACES, ' ').replace(HARMFUL, '').trim();
}

function graphemesOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}

/** Cells that a text of printable characters takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemesOf(text)) width += cellsOf(segment);
  return width;
}

/** The text if it fits, else as much as fits before an ellipsis. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let cells = 0;
  for (const { segment } of graphemesOf(text)) {
    cells += cellsOf(segment);
    if (cells > width - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Cut, then filled with spaces to exactly `width` cells. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, width);
  const space = ' '.repeat(Math.max(0, width - widthOf(shown)));
  return align === 'left' ? shown + space : space + shown;
}

/** Parts with commas between, in lines of at most `width` cells; a part that is wider has a line of its own, whole. */
export function wrapped(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const [index, part] of parts.entries()) {
    const piece = index < parts.length - 1 ? `${part},` : part;
    const last = lines.at(-1);
    if (last === undefined || widthOf(last) + 1 + widthOf(piece) > width) lines.push(piece);
    else lines[lines.length - 1] = `${last} ${piece}`;
  }
  return lines;
}

function cellsOf(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0;
  if (code < 0x7f) return grapheme.includes('\ufe0f') ? 2 : 1;
  if (ZERO_WIDTH.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

type Style = (text: string) => string;

/** Styles of the terminal, or none. */
export interface Palette {
  readonly bold: Style;
  readonly dim: Style;
  readonly red: Style;
  readonly green: Style;
  readonly yellow: Style;
  readonly cyan: Style;
}

const style =
  (open: number, close: number): Style =>
  (text) =>
    text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`;
const asIs: Style = (text) => text;

const COLOURED: Palette = {
  bold: style(1, 22),
  dim: style(2, 22),
  red: style(31, 39),
  green: style(32, 39),
  yellow: style(33, 39),
  cyan: style(36, 39),
};
const PLAIN_TEXT: Palette = {
  bold: asIs,
  dim: asIs,
  red: asIs,
  green: asIs,
  yellow: asIs,
  cyan: asIs,
};

export function palette(color: boolean): Palette {
  return color ? COLOURED : PLAIN_TEXT;
}

/** A column of a table: its head, and on which side its cells stand. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

/**
 * Lines of a table without rules: heads, then rows, two spaces between columns. The last column is cut to what is left of `width`;
 * cells are made one line.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly width?: number; readonly colors?: Palette } = {},
): string[] {
  const cells = rows.map((row) => columns.map((_, index) => oneLine(row[index] ?? '')));
  const heads = columns.map(({ head }) => head);
  const widths = columns.map((_, index) =>
    Math.max(...[heads, ...cells].map((row) => widthOf(row[index] ?? ''))),
  );
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const last = Math.max(8, (options.width ?? Number.POSITIVE_INFINITY) - before);
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align = 'left' }, index) =>
        fit(
          row[index] ?? '',
          index === columns.length - 1 ? Math.min(last, widths[index] ?? 0) : (widths[index] ?? 0),
          align,
        ),
      )
      .join('  ')
      .trimEnd();
  const colors = options.colors ?? PLAIN_TEXT;
  return [colors.dim(line(heads)), ...cells.map(line)];
}

/** Needs no quotes in a shell. */
const SHELL_PLAIN = /^[\w./:@%+=,-]+$/;

/** A word of a command line that is shown, quoted if a shell wants that; a `!` is safe in single quotes only. */
export function shellWord(word: string): string {
  if (SHELL_PLAIN.test(word)) return word;
  if (word.includes('!')) return `'${word.replaceAll("'", String.raw`'\''`)}'`;
  return `"${word.replaceAll(/["$\\`]/g, String.raw`\$&`)}"`;
}
