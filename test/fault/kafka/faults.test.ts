import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { runRound } from '../../support/faults/round.ts';
import { violationLine } from '../../support/history/checker.ts';
import { describeKafka } from '../../support/kafka/describe.ts';
import { workspace } from '../../support/kill-campaign.ts';

/** A short run of `npm run test:faults`: real workers and a real broker. It serves other tests too, so it is left in peace here. */
const SEED = 20_260_302;
const space = workspace();
afterAll(() => space.remove());

describeKafka('killed, cut off and fenced on Kafka', ({ brokers }) => {
  test('workers lose, double, tear and confuse nothing, and come to the end', async () => {
    const result = await runRound({
      seed: SEED,
      broker: {
        brokers,
        version: 'of the run',
        source: 'jvm',
        node: undefined,
        secured: undefined,
        untilReady: async () => undefined,
        close: async () => undefined,
      },
      dir: join(space.dir, 'round'),
      dist: join(import.meta.dirname, '../../../dist'),
      faultMs: 10_000,
      rate: 300,
      subscribers: 2,
      only: /^(?!.*(?:broker|beyond|storm|swallowed|half-open|clock))/,
    });
    expect(result.violations.map(violationLine)).toEqual([]);
    expect(result.complaints).toEqual([]);
    const faults = [...result.faults.values()].reduce((sum, count) => sum + count, 0);
    expect(faults).toBeGreaterThanOrEqual(3);
    expect(result.records).toBeGreaterThan(1000);
  }, 240_000);
});
