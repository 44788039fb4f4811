/**
 * Suites that take long start first, the longest at the head: one that starts last is waited for alone. The order is written down, for
 * the runner knows times of earlier runs only, and a fresh checkout has none.
 */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');
const TESTS = fileURLToPath(new URL('..', import.meta.url));

/** Longest first; what is not named comes after, as the runner has it. */
const LONG = [
  'integration/readme.test.ts',
  'fault/kafka/faults.test.ts',
  'fault/kills.test.ts',
  'integration/kafka-security.test.ts',
  'integration/health.test.ts',
  'integration/cli-process.test.ts',
  'fault/promotions.test.ts',
  'integration/kafka-broker.test.ts',
  'contract/kafka-event-log.test.ts',
  'unit/pipeline/snapshots.test.ts',
  'fault/sqlite-processes.test.ts',
  'integration/kafka-transaction.test.ts',
  'unit/core/models/gtnb-goldens.test.ts',
  'unit/core/text/gt-scanner.test.ts',
  'unit/pipeline/forgetting.test.ts',
  'unit/pipeline/verify.test.ts',
  'fault/kafka/checker.test.ts',
  'unit/cli/commands.test.ts',
  'unit/pipeline/rebuild.test.ts',
  'unit/pipeline/fold.test.ts',
  'unit/cli/audit.test.ts',
];
for (const suite of LONG)
  if (!existsSync(`${TESTS}${suite}`)) throw new Error(`test/support/sequencer.js: no ${suite}`);

export default class LongestFirst extends Sequencer {
  /** @override */
  async sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is not an array's
    const others = await super.sort(tests);
    const rank = ({ path }) => {
      const at = LONG.indexOf(relative(TESTS, path).replaceAll('\\', '/'));
      return at < 0 ? LONG.length : at;
    };
    return others.toSorted((a, b) => rank(a) - rank(b));
  }
}
