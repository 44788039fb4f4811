/**
 * The long fault campaign on a real broker: `npm run test:faults -- [--minutes N] [--seed S] [--faults N] [--rounds N]`. Prints a line
 * a round and totals; ends with 1 on the first round with a violation, with the command that shows it again.
 *
 * --minutes N        rounds are begun for so long (20)
 * --faults N         and until so many faults were made (0)
 * --rounds N         at most so many rounds
 * --seed S           of the first round; the next has S + 1
 * --round-seconds N  of faults in a round (45)
 * --rate N           records a second (1000)
 * --subscribers N    (3)
 * --only PATTERN     kinds of faults
 * --most N           faults in a round, to narrow a failing seed down
 * --dist DIR         compiled workers (dist)
 * --keep             keep the logs of good rounds too
 * --verbose          a line a fault
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runRound, type RoundResult } from '../../support/faults/round.ts';
import { INVARIANTS, violationLine } from '../../support/history/checker.ts';
import { startKafka } from '../../support/kafka/broker.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    faults: { type: 'string', default: '0' },
    rounds: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    'round-seconds': { type: 'string', default: '45' },
    rate: { type: 'string', default: '1000' },
    subscribers: { type: 'string', default: '3' },
    only: { type: 'string' },
    most: { type: 'string' },
    dist: { type: 'string', default: join(import.meta.dirname, '../../../dist') },
    keep: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const dir = mkdtempSync(join(tmpdir(), 'valence-faults-'));
const totals = new Map<string, number>();
const found = new Map<string, number>(INVARIANTS.map((invariant) => [invariant, 0]));
const sums = { rounds: 0, faults: 0, records: 0, deltas: 0, aborted: 0, exits: 0, complaints: 0 };

const broker = await startKafka();
if ('missing' in broker) {
  say(broker.missing);
  process.exit(1);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const started = performance.now();
const minutes = (): number => (performance.now() - started) / 60_000;
say(`seed ${seed}, Kafka ${broker.version} (${broker.source}), logs in ${dir}`);
try {
  while (
    sums.rounds < Number(values.rounds) &&
    (minutes() < Number(values.minutes) || sums.faults < Number(values.faults))
  ) {
    const own = seed + sums.rounds;
    const path = join(dir, String(own));
    const result = await runRound({
      seed: own,
      broker,
      dir: path,
      dist: resolve(values.dist),
      faultMs: Number(values['round-seconds']) * 1000,
      rate: Number(values.rate),
      subscribers: Number(values.subscribers),
      ...(values.only === undefined ? {} : { only: new RegExp(values.only) }),
      ...(values.most === undefined ? {} : { mostFaults: Number(values.most) }),
      ...(values.verbose
        ? { onFault: (kind: string, hit: boolean) => void say(`  ${hit ? '' : 'missed '}${kind}`) }
        : {}),
    });
    add(result);
    tell(own, result);
    if (result.violations.length > 0 || result.complaints.length > 0) {
      const options = ['round-seconds', 'rate', 'subscribers', 'only', 'most'] as const;
      const same = options.flatMap((name) =>
        values[name] === undefined ? [] : [`--${name} '${values[name]}'`],
      );
      say(
        `logs in ${path}; again: npm run test:faults -- --seed ${own} --rounds 1 ${same.join(' ')}`,
      );
      process.exitCode = 1;
      break;
    }
    if (!values.keep) rmSync(path, { recursive: true, force: true });
  }
} finally {
  await broker.close();
  if (process.exitCode !== 1 && !values.keep) rmSync(dir, { recursive: true, force: true });
}
summary();

function add({
  faults,
  records,
  deltas,
  aborted,
  exits,
  complaints,
  violations,
}: RoundResult): void {
  sums.rounds += 1;
  for (const [kind, count] of faults) {
    totals.set(kind, (totals.get(kind) ?? 0) + count);
    sums.faults += count;
  }
  sums.records += records;
  sums.deltas += deltas;
  sums.aborted += aborted;
  sums.exits += exits.length;
  sums.complaints += complaints.length;
  for (const { invariant } of violations) found.set(invariant, (found.get(invariant) ?? 0) + 1);
}

function tell(own: number, result: RoundResult): void {
  const { faults, missed, records, deltas, aborted, trimmed, unchecked, settledMs } = result;
  const hits = [...faults.values()].reduce((sum, count) => sum + count, 0);
  const bad = result.violations.length + result.complaints.length;
  say(
    [
      `round ${own}: ${hits} faults (${missed} found nothing)`,
      `${records} records, ${deltas} deltas, ${aborted} aborted records`,
      trimmed === 0
        ? 'all deltas kept'
        : `${trimmed} partitions trimmed${unchecked > 0 ? `, ${unchecked} not recomputed` : ''}`,
      `lag 0 after ${settledMs === undefined ? 'never' : `${(settledMs / 1000).toFixed(1)} s`}`,
      bad === 0 ? 'good' : `${bad} VIOLATIONS`,
    ].join(' · '),
  );
  for (const { name, code, said } of result.exits) say(`  ${name} ended with ${code}: ${said}`);
  for (const line of result.complaints) say(`  ${line}`);
  for (const each of result.violations.slice(0, 20)) say(`  ${violationLine(each)}`);
}

function summary(): void {
  say(`\n${sums.rounds} rounds in ${minutes().toFixed(1)} min, ${sums.faults} faults:`);
  for (const [kind, count] of [...totals].toSorted(([a], [b]) => a.localeCompare(b)))
    say(`${String(count).padStart(5)} ${kind}`);
  const { records, deltas, aborted, exits } = sums;
  say(
    `${records} records, ${deltas} deltas, ${aborted} records of aborted transactions in the logs`,
  );
  say(`${exits} processes ended by themselves and were started again`);
  const names = [
    ['lost', 'I1'],
    ['doubled', 'I2'],
    ['aborted reads', 'I3'],
    ['torn', 'I4'],
    ['out of order', 'I5'],
    ['wrong sums', 'I6'],
    ['wrong merges', 'I7'],
    ['misplaced', 'I8'],
    ['disagreements', 'I9'],
    ['leaks', 'P1'],
    ['standing', 'L1'],
    ['held back', 'L2'],
  ] as const;
  say(names.map(([name, invariant]) => `${found.get(invariant) ?? 0} ${name}`).join(', '));
  say(`${sums.complaints} complaints of valence verify and of processes`);
}
