import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExactAnalysis, HashedAnalysis } from '../src/core/models/gtnb-analysis.ts';
import {
  studyStream,
  studyWorkers,
  type StudyResult,
  type StudyRow,
} from '../src/core/models/gtnb-study.ts';
import { DATA } from './data.ts';

/**
 * GT-NB on the stored sets beside the golden figures:
 *
 *   node --import tsx bench/goldens.ts             seven sets, exact and hashed (2^22), plain, DFE, no lexicon
 *   node --import tsx bench/goldens.ts merge       workers, with the calibrators' mean at each merge, each 250 labels, never
 *
 * Figures are accuracy % / log loss / ECE %. Sets are read from `VALENCE_DATA` (default ../shared/data).
 */

interface Figures {
  readonly accuracy: number;
  readonly logLoss: number;
  readonly ece?: number;
}

interface GoldenSet {
  readonly file: string;
  readonly classes: readonly string[];
  readonly tolerance: Required<Figures>;
  readonly results: readonly (Figures & {
    readonly model: string;
    readonly confusion: readonly (readonly number[])[];
  })[];
}

const goldens: {
  sets: Record<string, GoldenSet>;
  stream: { results: Record<string, Record<string, { merge: Record<string, Figures> }>> };
} = JSON.parse(readFileSync(new URL('../test/data/goldens.json', import.meta.url), 'utf8'));

const KINDS = ['gt-nb', 'gt-nb-dfe', 'gt-nb-nolex'];
const BITS = 22;

for (const [name, set] of Object.entries(goldens.sets)) {
  const path = join(DATA, set.file);
  if (!existsSync(path)) {
    console.log(`skipped ${name}: no ${path} (VALENCE_DATA)`);
    continue;
  }
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const rows = lines.map((line): StudyRow => JSON.parse(line));
  if (process.argv[2] === 'merge') merge(name, set, rows);
  else table(name, set, rows);
}

function table(name: string, set: GoldenSet, rows: readonly StudyRow[]): void {
  for (const kind of KINDS) {
    const golden = set.results.find(({ model }) => model === kind);
    if (golden === undefined) continue;
    const analysis = { version: 1, lexicon: kind !== 'gt-nb-nolex' } as const;
    const options = { classes: set.classes, dfe: kind === 'gt-nb-dfe' };
    const exact = studyStream(rows, { ...options, analysis: new ExactAnalysis(analysis) });
    const hashed = studyStream(rows, {
      ...options,
      analysis: new HashedAnalysis(analysis, BITS),
      rows: 2 ** BITS,
    });
    console.log(
      [
        name.padEnd(19),
        kind.padEnd(12),
        `golden ${show(golden)}`,
        `exact ${show(exact)} ${verdict(exact, golden, set)}`,
        `hashed ${show(hashed)} ${verdict(hashed, golden, set)}`,
      ].join('  '),
    );
  }
}

function merge(name: string, set: GoldenSet, rows: readonly StudyRow[]): void {
  for (const [kind, { merge: figures }] of Object.entries(goldens.stream.results[name] ?? {})) {
    for (const [workers, every] of [
      [4, 100],
      [4, 1000],
      [16, 1000],
    ] as const) {
      for (const labelsBetween of [0, 25, 250, Infinity]) {
        const got = studyWorkers(rows, {
          analysis: new ExactAnalysis({ version: 1 }),
          classes: set.classes,
          dfe: kind === 'gt-nb-dfe',
          workers,
          every,
          labelsBetween,
        });
        const rule = labelsBetween === Infinity ? 'private' : 'avg+ga';
        const golden = figures[`W=${workers},S=${every},${rule}`];
        const head = `${name} ${kind} W=${workers} S=${every} labels=${labelsBetween}`;
        console.log(`${head.padEnd(52)} ${show(got)}  golden ${rule} ${golden && show(golden)}`);
      }
    }
  }
}

function show({ accuracy, logLoss, ece }: Figures): string {
  const parts = [(100 * accuracy).toFixed(2), logLoss.toFixed(4)];
  return (ece === undefined ? parts : [...parts, (100 * ece).toFixed(2)]).join(' / ');
}

function verdict(got: StudyResult, golden: GoldenSet['results'][number], set: GoldenSet): string {
  if (JSON.stringify(got.confusion) === JSON.stringify(golden.confusion)) return 'same confusion';
  const { tolerance } = set;
  const isNear = (['accuracy', 'logLoss', 'ece'] as const).every(
    (figure) => Math.abs(got[figure] - (golden[figure] ?? NaN)) <= tolerance[figure],
  );
  return isNear ? 'within tolerance' : 'OUTSIDE TOLERANCE';
}
