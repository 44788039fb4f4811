/** The models of a pipeline for people: a row each, or where the terminal is too narrow for that, a few lines each. */
import { oneLine, table, widthOf, wrapped, type Palette } from './display.ts';
import { count } from './numbers.ts';

export interface ListedModel {
  readonly model: string;
  /** Such as `challenger, before: champion`. */
  readonly role: string;
  /** As it is typed. */
  readonly kind: string;
  /** Documents, and features the model has met. */
  readonly learned: number;
  readonly vocabulary: number;
  /** Documents by class, in the model's order. */
  readonly classes: readonly (readonly [label: string, documents: number])[];
}

const RIGHT = { align: 'right' } as const;
const INDENT = '  ';

/**
 * Kinds and classes are never cut: they are as long as their options, and as many as the stream brings.
 *
 * @param width cells of a line
 */
export function modelLines(
  models: readonly ListedModel[],
  { width, colors }: { readonly width: number; readonly colors: Palette },
): string[] {
  const rows = models.map(({ model, role, kind, learned, vocabulary, classes }) => ({
    names: [model, role],
    kind: oneLine(kind),
    counts: [count(learned), count(vocabulary)],
    classes: classes.map(([label, n]) => `${oneLine(label)} ${count(n)}`),
  }));
  const names = [{ head: 'MODEL' }, { head: 'ROLE' }];
  const counts = [
    { head: 'LEARNED', ...RIGHT },
    { head: 'FEATURES', ...RIGHT },
  ];
  const wide = table(
    [...names, { head: 'KIND' }, ...counts, { head: 'CLASSES' }],
    rows.map((row) => [...row.names, row.kind, ...row.counts, row.classes.join(', ')]),
  );
  if (wide.every((line) => widthOf(line) <= width)) return dimmedHead(wide, colors);
  const [head = '', ...narrow] = table(
    [...names, ...counts],
    rows.map((row) => [...row.names, ...row.counts]),
  );
  const below = rows.map(({ kind, classes }) => [
    `${INDENT}${kind}`,
    ...wrapped(classes, width - INDENT.length).map((line) => INDENT + line),
  ]);
  return dimmedHead(
    [head, ...narrow.flatMap((line, index) => [line, ...(below[index] ?? [])])],
    colors,
  );
}

function dimmedHead([head = '', ...lines]: readonly string[], colors: Palette): string[] {
  return [colors.dim(head), ...lines];
}
