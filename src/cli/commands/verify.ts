/** `valence verify`: recomputes what was predicted and learned, and names the first thing that differs. */
import type { Refuted, Verified } from '../../pipeline/verify.ts';
import { command, namesOf, withExistingLog, type CommandContext } from '../command.ts';
import { count } from '../numbers.ts';
import { EXIT } from '../../worker.ts';

export const verifyCommand = command({
  name: 'verify',
  settings: 'verify',
  summary: 'recompute the whole run from the source and model topics, bit for bit',
  details:
    'Every delta, result and dead letter is made again with what its worker had seen, and compared. Ends with 1 at the first ' +
    'difference. Give the settings that the subscribers had: others give other results. Subscribers may run meanwhile; for audits ' +
    'they need --keep-deltas.',
  examples: [
    ['verify', 'is everything as it must be?'],
    ['verify --window 1000 --explain 3 --json', 'with the settings of the subscribers'],
  ],
  run,
});

/** What each problem means, for people. */
const MEANINGS: Readonly<Record<Refuted['problem'], string>> = {
  missing: 'the record that belongs here is missing',
  extra: 'a record stands here once too often, or belongs to no source record',
  order: 'a record stands in the wrong place',
  differs: 'differs from what the source records give',
  repeated: 'a delta covers records that were folded already',
  gap: 'a delta does not begin where the one before it ended',
  epoch: 'the epoch falls',
  seen: 'the view of other partitions cannot have been',
  damaged: 'a delta cannot be read, or is another one',
};
/** Other settings give other records, and other ones more or less: alerts, metrics. */
const OF_SETTINGS: ReadonlySet<Refuted['problem']> = new Set([
  'differs',
  'missing',
  'extra',
  'order',
]);
/** @param isTold the log told the declared classes */
function hint(isTold: boolean): string {
  const settings = `${isTold ? '' : 'labels, '}window, metrics, thresholds, explain, pending`;
  return `If the subscribers ran with other settings (${settings}), give them to verify too.`;
}

async function run({
  config,
  surroundings,
  out,
}: CommandContext<'verify'>): Promise<number | undefined> {
  const { verify } = await import('../../pipeline/verify.ts');
  const { foldOptions, learnedRules } = await import('../subscriber-options.ts');
  return withExistingLog(surroundings, config, async (log) => {
    const topics = namesOf(config);
    const { classes, told, rulesFor } = await learnedRules(log, config);
    const outcome = await verify({
      log,
      pipeline: config.pipeline,
      fold: { ...foldOptions(config), topics, classes },
      rulesFor,
      signal: surroundings.signal,
      onProgress: (records) => {
        out.status(`${count(records)} records verified`);
      },
    });
    out.status('');
    if (outcome === undefined) {
      out.note('broken off: not everything was verified');
      return EXIT.failed;
    }
    if (out.json) await out.values([outcome]);
    else await out.line(outcome.verified ? verifiedLine(outcome) : refutedLine(outcome));
    if (!outcome.verified && OF_SETTINGS.has(outcome.problem)) out.note(hint(told !== undefined));
    return outcome.verified ? EXIT.done : EXIT.failed;
  });
}

function verifiedLine(verified: Verified): string {
  const { deltas, records, results, deadLetters, hash, unverified } = verified;
  const parts = [
    `verified: ${count(records)} records`,
    `${count(deltas)} deltas`,
    `${count(results)} results`,
    `${count(deadLetters)} dead letters`,
    `hash ${hash.slice(0, 16)}`,
  ];
  const skipped = [
    [unverified.deltas, 'deltas'],
    [unverified.results, 'results'],
    [unverified.deadLetters, 'dead letters'],
  ] as const;
  const left = skipped.flatMap(([n, what]) => (n === 0 ? [] : [`${count(n)} ${what}`]));
  if (left.length > 0) parts.push(`not to be verified any more: ${left.join(', ')}`);
  return parts.join(' · ');
}

function refutedLine(refuted: Refuted): string {
  const { problem, partition, offset, topic, at, field, expected = '', found = '' } = refuted;
  const place = `${topic}/${partition}${at === undefined ? '' : `@${at}`}`;
  const detail = field === undefined ? '' : `: ${field}: expected ${expected}, found ${found}`;
  return `${place}, source offset ${offset}: ${problem}: ${MEANINGS[problem]}${detail}`;
}
