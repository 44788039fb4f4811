/**
 * Where a command's time goes, from the profile that `node --cpu-prof` leaves: each sample belongs to the innermost frame of
 * Valence's own files, and so to a part of the work.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** First match wins. A function is named where one file does two things. */
const PARTS: readonly (readonly [part: string, file: RegExp, fn?: RegExp])[] = [
  ['log: append', /adapters\/sqlite\/batch-encoder/],
  ['log: read', /adapters\/sqlite\/batch-reader/],
  ['log: append', /adapters\/sqlite\/records/, /^(put|finish|write|flush|encode)/],
  ['log: read', /adapters\/sqlite\/records/],
  ['log: begin, commit', /adapters\/sqlite\/connection/],
  ['log: other', /adapters\/|ports\//],
  ['file: read, split, parse', /ingest\/(bytes|lines|ndjson|rows?|csv.*)\./],
  ['source records', /ingest\//],
  ['parse, validate', /pipeline\/source-record|topics\//],
  ['tokenise, vocabulary', /core\/text\//],
  ['model', /core\/models\//],
  ['metrics, drift', /core\/(metrics|drift)\//],
  ['results as JSON', /pipeline\/result-records|core\/codec\/json/],
  ['delta', /pipeline\/delta|core\/codec/],
  ['fold: order, ids, carry', /pipeline\/|crash-point/],
  ['command line', /cli\/|config|worker|logger|workers\//],
];

/**
 * Parts of the work with their seconds, largest first.
 *
 * @param folder where `--cpu-prof-dir` pointed; the profile of one process
 */
export function timeByPart(folder: string): readonly (readonly [part: string, seconds: number])[] {
  const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const profile: CpuProfile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const parts = partsOf(profile.nodes);
  const seconds = new Map<string, number>();
  for (const [at, id] of profile.samples.entries()) {
    const part = parts.get(id) ?? 'Node: start, event loop';
    seconds.set(part, (seconds.get(part) ?? 0) + (profile.timeDeltas[at] ?? 0) / 1e6);
  }
  return [...seconds].toSorted((a, b) => b[1] - a[1]);
}

/** Part of each node: its own, else its caller's. Callers stand before what they call. */
function partsOf(nodes: readonly ProfileNode[]): ReadonlyMap<number, string> {
  const parts = new Map<number, string>();
  const inherited = new Map<number, string>();
  for (const { id, callFrame, children = [] } of nodes) {
    const part = ownPart(callFrame) ?? inherited.get(id);
    if (part === undefined) continue;
    parts.set(id, part);
    for (const child of children) inherited.set(child, part);
  }
  return parts;
}

function ownPart({ functionName, url }: ProfileNode['callFrame']): string | undefined {
  if (functionName === '(garbage collector)') return 'garbage collection';
  // The top level of a module is the start of the program, not work.
  if (!url.includes('/dist/') || url.includes('/node_modules/') || functionName === '')
    return undefined;
  return PARTS.find(([, file, fn]) => file.test(url) && (fn?.test(functionName) ?? true))?.[0];
}
