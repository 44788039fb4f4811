/** What every benchmark prints: the machine, the versions, the command, then tables; and how it sums up several passes. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { relative } from 'node:path';
import { table } from '../src/cli/display.ts';

type Cell = string | number;

/** Version of an installed package; the manifest itself is read, since not every package exports it. */
function versionOf(name: string): string {
  const path = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
  return `${name} ${version}`;
}

/** Machine, versions and the command that was run. The load tells whether the machine was quiet. */
export function printHeading(...packages: readonly string[]): void {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const [load = 0] = loadavg();
  const [, script = '', ...rest] = process.argv;
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'} x ${availableParallelism()}, ${gigabytes} GB, ` +
      `${platform()} ${release()}, load ${load.toFixed(1)}`,
  );
  console.log([`Node ${process.version}`, ...packages.map(versionOf)].join(', '));
  console.log(
    `$ ${['node', ...process.execArgv, relative(process.cwd(), script), ...rest].join(' ')}\n`,
  );
}

/** @param head columns; those whose name begins with `>` are aligned to the right */
export function printTable(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const columns = head.map((name) => ({
    head: name.replace(/^>/, ''),
    align: name.startsWith('>') ? ('right' as const) : ('left' as const),
  }));
  const lines = table(
    columns,
    rows.map((row) => row.map(String)),
  );
  console.log(lines.join('\n'));
}

/** The value below which `share` of the sorted values lie, share in [0, 1]; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

/** The middle value; the lower of the two middle ones when they are even in number. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** `57,163` */
export function rounded(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** `57,163 (55,001-58,900)`: median, least and most. */
export function spread(values: readonly number[]): string {
  return `${rounded(median(values))} (${rounded(Math.min(...values))}-${rounded(Math.max(...values))})`;
}
