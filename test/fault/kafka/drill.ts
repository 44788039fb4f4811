/**
 * One of three subscribers is killed: `node --import tsx test/fault/kafka/drill.ts [--dist DIR] [--times N] [--rate N]`. Ends with 1
 * if its partitions are not predicted again within the session's time-out and 3 s, or if merged models differ.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_SESSION_TIMEOUT_MS } from '../../../src/kafka-settings.ts';
import { runDrill } from '../../support/faults/drill.ts';
import { violationLine } from '../../support/history/checker.ts';
import { startKafka } from '../../support/kafka/broker.ts';
import { workspace } from '../../support/kill-campaign.ts';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', default: join(import.meta.dirname, '../../../dist') },
    times: { type: 'string', default: '1' },
    rate: { type: 'string', default: '3000' },
  },
});
const LIMIT_MS = DEFAULT_SESSION_TIMEOUT_MS + 3000;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const space = workspace();
const broker = await startKafka();
if ('missing' in broker) {
  say(broker.missing);
  process.exit(1);
}
try {
  for (let seed = 1; seed <= Number(values.times); seed++) {
    const { orphans, takeoverMs, merged, violations, complaints } = await runDrill({
      seed,
      broker,
      dir: join(space.dir, String(seed)),
      dist: resolve(values.dist),
      rate: Number(values.rate),
    });
    say(
      `partition ${orphans.join(', ')} is predicted again after ${takeoverMs === undefined ? 'never' : `${(takeoverMs / 1000).toFixed(2)} s`} (allowed: ${LIMIT_MS / 1000} s)`,
    );
    for (const { name, positions, hash } of merged)
      say(`${name} at [${positions.join(', ')}]: ${hash}`);
    for (const line of [...violations.map(violationLine), ...complaints]) say(line);
    const late = takeoverMs === undefined || takeoverMs > LIMIT_MS;
    if (late || violations.length + complaints.length > 0) process.exitCode = 1;
  }
} finally {
  await broker.close();
  space.remove();
}
