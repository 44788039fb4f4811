/**
 * Promotions and a rollback on a real broker while subscribers are killed in the chunks with which partitions switch:
 * `node --import tsx test/fault/kafka/promotions.ts [--times N] [--seed N]`, after `npm run build`. Ends with 1 on the first difference.
 */
import { parseArgs } from 'node:util';
import { startKafka } from '../../support/kafka/broker.ts';
import { workspace } from '../../support/kill-campaign.ts';
import { promotionRound } from '../../support/promotion-round.ts';

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const space = workspace();
const broker = await startKafka();
if ('missing' in broker) {
  say(broker.missing);
  process.exit(1);
}
try {
  for (let round = 0; round < Number(values.times); round++) {
    const seed = Number(values.seed) + round;
    const { kills, records, predictions, switches } = await promotionRound({
      url: `kafka://${broker.brokers.join(',')}`,
      dir: space.dir,
      pipeline: `promotions-${seed}-${process.pid}`,
      seed,
      deaths: [
        ['switching', 'switched', 'sent:3'],
        ['committed:4', 'switching', 'beforeCommit:3'],
      ],
      flags: ['--kafka-session-timeout', '6s'],
    });
    say(
      `seed ${seed}: ${kills} kills, ${records} records, ${predictions} predictions; partitions switched at ${switches
        .map((offsets) => offsets.join(', '))
        .join(' | ')}`,
    );
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await broker.close();
  space.remove();
}
